//! `govanityurls nginx`: its output, and real go commands through a real nginx that uses it.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use crate::lab::modules::{self, PATHS, PRINTED, PROGRAM, VANITY};
use crate::lab::{Lab, Scheme, complaints, enter, run};
use crate::support::{SEED, program, repository_file, wait_until};

/// Runs `govanityurls nginx` on a file with this text.
fn nginx(config: &str, args: &[&str]) -> Output {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("vanity.yaml"), config).unwrap();
    let mut command = program();
    command.current_dir(dir.path()).arg("nginx").args(args);
    command.stdin(Stdio::null()).output().unwrap()
}

/// Returns its output; it must succeed.
fn printed(config: &str, args: &[&str]) -> String {
    let output = nginx(config, args);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.is_empty(), "{said}");
    String::from_utf8(output.stdout).unwrap()
}

/// Returns the locations in the output, in order.
fn locations(printed: &str) -> Vec<&str> {
    let lines = printed.lines().map(str::trim);
    let locations = lines.filter_map(|line| line.strip_prefix("location "));
    locations.map(|rest| rest.trim_end_matches(" {")).collect()
}

/// Returns a file with `modules` modules, spread over `folders` folders.
fn in_folders(modules: usize, folders: usize) -> String {
    (0..modules).fold(String::new(), |mut text, index| {
        let folder = index % folders;
        let _ = writeln!(
            text,
            "/f{folder}/team/m{index}:\n  repo: https://h.example/m{index}"
        );
        text
    })
}

const TWO_HOSTS: &str = "\
a.example/x:
  repo: https://h.example/a
b.example/y:
  repo: https://h.example/b
";

#[test]
fn example_matches_the_output() {
    let example = fs::read_to_string(repository_file("contrib/nginx/govanityurls.conf")).unwrap();
    assert_eq!(printed(SEED, &["-host", "tonybai.com"]), example);
    // With a single host, no name is needed.
    assert_eq!(
        printed(SEED, &[]),
        example
            .replace("of tonybai.com", "of the host")
            .replace(" -host tonybai.com", "")
    );
}

#[test]
fn module_below_another_adds_no_rule() {
    let more = format!("{SEED}/gowechat/sdk:\n  repo: https://h.example/sdk\n  hidden: true\n");
    assert_eq!(printed(&more, &[]), printed(SEED, &[]));
}

#[test]
fn rules_for_the_go_command_never_change() {
    let args = ["-match", "go-get"];
    let rules = printed(SEED, &args);
    assert!(!rules.contains("gowechat"), "{rules}");
    for config in [TWO_HOSTS, "/:\n  repo: https://h.example/root\n"] {
        assert_eq!(printed(config, &args), rules);
    }
}

#[test]
fn parts_add_up_to_the_whole_output() {
    let body = |text: String| text.split_once("\n\n").unwrap().1.to_owned();
    for flags in [
        &[] as &[&str],
        &["-cache", "-upstream", "unix:/run/g.sock"],
        &["-match", "go-get"],
        &["-depth", "1"],
    ] {
        let part = |part| body(printed(SEED, &[flags, &["-part", part]].concat()));
        let whole = body(printed(SEED, flags));
        assert_eq!(
            [part("http"), part("server")].join("\n"),
            whole,
            "{flags:?}"
        );
        assert!(!part("http").contains("location"), "{}", part("http"));
        assert!(!part("server").contains("upstream "), "{}", part("server"));
    }
}

#[test]
fn each_host_has_its_own_part() {
    for (host, paths) in [
        ("a.example", ["= /x", "^~ /x/", "^~ /x@"]),
        ("b.example", ["= /y", "^~ /y/", "^~ /y@"]),
    ] {
        let part = printed(TWO_HOSTS, &["-part", "server", "-only", host]);
        assert_eq!(locations(&part), paths);
    }
}

#[test]
fn one_location_for_each_folder() {
    let many = in_folders(5_000, 40) + SEED;
    let rules = printed(&many, &["-depth", "1"]);
    let locations = locations(&rules);
    assert_eq!(locations.len(), 40 + 4, "{locations:?}");
    for location in [
        "^~ /f7/",
        "= /gowechat",
        "^~ /gowechat/",
        "^~ /gowechat@",
        "^~ /x/",
    ] {
        assert!(locations.contains(&location), "{location}: {locations:?}");
    }
    // A module above others covers them, and its own path too.
    let above = "/x/y/z:\n  repo: https://h.example/z\n/x:\n  repo: https://h.example/x\n";
    let rules = printed(above, &["-depth", "1"]);
    assert_eq!(self::locations(&rules), ["= /x", "^~ /x/", "^~ /x@"]);
    let rules = printed(&many, &["-depth=3"]);
    assert_eq!(
        rules,
        printed(&many, &[]).replacen("nginx", "nginx -depth=3", 1)
    );
}

#[test]
fn a_list_at_its_own_path_has_a_location() {
    for (index, has_location) in [
        ("/packages", true),
        ("/x", true),
        ("/gowechats", true),
        ("/", false),
        ("none", false),
    ] {
        let rules = printed(&format!("index: {index}\n{SEED}"), &[]);
        let location = format!("= {index}");
        let found = locations(&rules).contains(&&*location);
        assert_eq!(found, has_location, "{index}: {rules}");
    }
    // A folder's rule has no location for the folder itself.
    let rules = printed(&format!("index: /x\n{SEED}"), &["-depth=1"]);
    assert!(locations(&rules).contains(&"= /x"), "{rules}");
    let rules = printed(&format!("index: /x/all\n{SEED}"), &["-depth=1"]);
    assert!(!locations(&rules).contains(&"= /x/all"), "{rules}");
}

#[test]
fn several_upstreams_share_requests() {
    let args = ["-upstream=app:8080", "-upstream", ":81,unix:/run/g.sock"];
    let rules = printed(SEED, &args);
    for server in ["app:8080", "127.0.0.1:81", "unix:/run/g.sock"] {
        let line = format!("    server {server} max_fails=0;\n");
        assert!(rules.contains(&line), "{rules}");
    }
    // A name may resolve to several addresses. A single address is never marked as failed.
    assert!(printed(SEED, &["-upstream=app:8080"]).contains("app:8080 max_fails=0;"));
    assert!(!printed(SEED, &["-upstream=10.0.0.1:8080"]).contains("max_fails"));
}

#[test]
fn cache_is_keyed_by_host_and_keeps_stale_pages() {
    let rules = printed(SEED, &["-cache"]);
    assert!(
        rules.contains("proxy_cache_key $host$request_uri;"),
        "{rules}"
    );
    let valid = after(&rules, "proxy_cache_valid 200 302 404 ");
    assert!(valid.strip_suffix("s;").unwrap().parse::<u32>().unwrap() < 10);
    assert_eq!(after(&rules, " inactive="), "7d");
}

/// Returns the word after `before`.
fn after<'a>(text: &'a str, before: &str) -> &'a str {
    let (_, rest) = text.split_once(before).unwrap();
    rest.split_whitespace().next().unwrap()
}

#[test]
fn names_the_command_that_prints_it() {
    let args = ["-match", "go-get", "-upstream", "127.0.0.1:1"];
    let rules = printed(SEED, &args);
    let first = rules.lines().next().unwrap();
    assert_eq!(
        first,
        "# Printed by `govanityurls nginx -match go-get -upstream 127.0.0.1:1`."
    );
    // No argument can end the comment.
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("it's\nnew"), SEED).unwrap();
    let mut command = program();
    command
        .current_dir(dir.path())
        .args(["nginx", "-config", "it's\nnew"]);
    let rules = run(&mut command);
    let first = rules.lines().next().unwrap();
    assert_eq!(
        first,
        r"# Printed by `govanityurls nginx -config 'it'\''s?new'`."
    );
}

#[test]
fn errors_exit_as_for_every_command() {
    let host = ["-host", "tonybai.com"];
    let unnamed = "/a:\n  repo: https://h.example/a\nb.example/a:\n  repo: https://h.example/b\n";
    for (config, args, status, says) in [
        (SEED, &["-server"] as &[_], 2, "names no host"),
        (unnamed, &[], 2, "names no host"),
        (
            TWO_HOSTS,
            &["-part=server"],
            2,
            "add -only HOST, such as -only a.example",
        ),
        (
            TWO_HOSTS,
            &["-part=server", "-only=c.example"],
            2,
            "some on a.example, b.example",
        ),
        (TWO_HOSTS, &["-only=a.example"], 2, "-part"),
        (SEED, &["-server", "-match=go-get"], 2, "choose one"),
        (SEED, &["-server", "-part=http"], 2, "cannot be used with"),
        (SEED, &["-server", "-depth=1"], 2, "cannot be used with"),
        (SEED, &["-depth=0"], 2, "0 is not in 1..="),
        (SEED, &["-upstream", "unix:/a b"], 2, "absolute path"),
        (SEED, &["-upstream", "x"], 2, "write HOST:PORT"),
        ("", &host, 1, "vanity.yaml"),
        ("/a:\n  rep: x\n", &host, 1, "did you mean `repo`?"),
    ] {
        let output = nginx(config, args);
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(status), "{args:?}: {said}");
        assert!(said.contains(says), "{args:?}: {said}");
        assert!(output.stdout.is_empty());
    }
}

/// Host names too long for nginx's default hash table.
fn long_host(length: usize) -> String {
    let labels = "a".repeat(40) + "." + &"b".repeat(60) + "." + &"c".repeat(60) + ".";
    let start: String = labels.chars().take(length - 8).collect();
    start.trim_end_matches('.').to_owned()
        + if start.ends_with('.') { "x" } else { "" }
        + ".example"
}

#[test]
#[ignore = "needs two nginx; tests/run runs it"]
fn nginx_accepts_either_part_without_warnings() {
    enter(|lab| {
        lab.debian_nginx(&["app"]);
        let site = "/etc/nginx/sites-enabled/default";
        let include = fs::read_to_string(site)
            .unwrap()
            .replace("server_name _;", "include snippets/govanityurls.conf;");
        fs::remove_file(site).unwrap();
        fs::write(site, include).unwrap();
        let longest_path = format!("/{}/{}", "x".repeat(126), "y".repeat(126));
        let long_path = format!("{longest_path}:\n  repo: https://h.example/a\n");
        for config in [SEED.to_owned(), in_folders(3_000, 40), long_path] {
            for flags in [
                &[] as &[&str],
                &["-cache"],
                &["-cache", "-match=go-get"],
                &["-match=go-get"],
                &["-depth=1"],
                &[
                    "-upstream=app:8080",
                    "-upstream=[::1]:81",
                    "-upstream=unix:/run/g",
                ],
            ] {
                for (part, file) in [("http", "conf.d"), ("server", "snippets")] {
                    let rules = printed(&config, &[flags, &["-part", part]].concat());
                    fs::write(format!("/etc/nginx/{file}/govanityurls.conf"), rules).unwrap();
                }
                assert_eq!(complaints(), "", "{flags:?}");
            }
        }
    });
}

#[test]
#[ignore = "needs two nginx; tests/run runs it"]
fn nginx_accepts_whole_servers_without_warnings() {
    enter(|lab| {
        lab.debian_nginx(&[]);
        let certificate = lab.certificate("any.example");
        let check = |hosts: &[String], flags: &[&str]| {
            let mut config = String::new();
            for host in hosts {
                let live = format!("/etc/letsencrypt/live/{host}");
                fs::create_dir_all(&live).unwrap();
                for (ours, usual) in [("pem", "fullchain.pem"), ("key", "privkey.pem")] {
                    fs::copy(format!("{certificate}.{ours}"), format!("{live}/{usual}")).unwrap();
                }
                let _ = writeln!(config, "{host}/m:\n  repo: https://h.example/m");
            }
            let rules = printed(&config, &[flags, &["-server"]].concat());
            let rules = rules.replace("\n#server_names", "\nserver_names");
            fs::write("/etc/nginx/conf.d/govanityurls.conf", &rules).unwrap();
            assert_eq!(complaints(), "", "{hosts:?}");
            rules
        };
        let short = check(&["tonybai.com".to_owned()], &["-cache"]);
        assert!(!short.contains("server_names_hash"), "{short}");
        for length in [45, 46, 47, 48, 61, 62, 63, 110, 111, 150] {
            let long = long_host(length);
            assert_eq!(long.len(), length);
            // The test checks against nginx's limit: the lines are there only where needed.
            let rules = check(std::slice::from_ref(&long), &[]);
            assert_eq!(
                rules.contains("server_names_hash_bucket_size"),
                length > 46,
                "{long}"
            );
            check(&["tonybai.com".to_owned(), long], &["-cache"]);
        }
        // Names in an order that nginx's hash handles badly.
        let name = |index: u32| format!("{:x}.modules.example", index.wrapping_mul(2_654_435_761));
        for count in [32, 33, 100, 600] {
            check(&(1..=count).map(name).collect::<Vec<_>>(), &[]);
        }
    });
}

#[test]
#[ignore = "needs nginx, git and go; tests/run runs it"]
fn go_gets_through_the_locations() {
    enter(|mut lab| {
        start(&mut lab, &[]);
        let (root, blog) = (root(&lab), blog(&lab));
        lab.nginx_as_printed(&["-host=tonybai.com"], |host| match host {
            // With a rule that would take a module's path if it came first.
            "tonybai.com" => format!("{blog} location ~ \\.js$ {{ return 403; }}"),
            _ => root.clone(),
        });
        get_all(&lab);

        let status = |url: &str| lab.browse(url).0;
        assert_eq!(status("https://tonybai.com/gowechat/"), 200);
        assert_eq!(status("https://tonybai.com/gowechat/x.js"), 200);
        assert_eq!(status("https://tonybai.com/x.js"), 403);
        let (status, body) = lab.browse("https://tonybai.com/gowechatx");
        assert!(status == 404 && body.contains("nginx"), "{body}");
        let home = lab.browse("https://tonybai.com/");
        assert_eq!(home, (200, "the blog".to_owned()));
        clones(&lab);
        let location = |path: &str| {
            let mut curl = Command::new("curl");
            curl.args(["--silent", "--cacert"]).arg(lab.ca());
            curl.args(["--write-out", "%{http_code} %{redirect_url}"]);
            run(curl.arg(format!("https://tonybai.com{path}")))
        };
        for path in ["/gowechat@v1.2.0/mp", "/x/experiments@latest"] {
            let expected = format!("302 https://pkg.go.dev/tonybai.com{path}");
            assert_eq!(location(path), expected);
        }
        assert!(location("/gowechatx@v1").contains("404"));
        let robots = lab.browse("https://vanity.example/robots.txt");
        assert_eq!(robots, (200, "robots".to_owned()));
        let (status, body) = lab.browse("https://vanity.example/sub");
        assert!(status == 200 && body.contains("go-import"), "{body}");
    });
}

#[test]
#[ignore = "needs nginx, git and go; tests/run runs it"]
fn go_gets_through_whole_servers_over_a_unix_socket() {
    enter(|mut lab| {
        let socket = socket(&lab);
        start(&mut lab, &["-listen", &socket]);
        let mut http = lab.printed(&["-host=tonybai.com", "-server", "-upstream", &socket]);
        for host in ["tonybai.com", "vanity.example"] {
            let certificate = lab.certificate(host);
            for (usual, ours) in [("fullchain.pem", "pem"), ("privkey.pem", "key")] {
                http = http.replace(
                    &format!("/etc/letsencrypt/live/{host}/{usual}"),
                    &format!("{certificate}.{ours}"),
                );
            }
        }
        lab.nginx_with(Scheme::Https, &http, &[]);
        get_all(&lab);

        // The list, through the redirect from plain HTTP.
        let (status, body) = lab.browse("http://tonybai.com/");
        assert!(status == 200 && body.contains("/x/experiments"), "{body}");
        let redirected = "http tonybai.com \"GET / HTTP/1.1\" 301";
        assert!(lab.requests().contains(redirected));
    });
}

#[test]
#[ignore = "needs nginx, git and go; tests/run runs it"]
fn go_gets_through_a_location_for_each_folder() {
    enter(|mut lab| {
        start(&mut lab, &[]);
        let blog = blog(&lab);
        lab.nginx_as_printed(&["-host=tonybai.com", "-depth=1"], |host| match host {
            "tonybai.com" => blog.clone(),
            _ => String::new(),
        });
        get_all(&lab);
        let (status, body) = lab.browse("https://tonybai.com/x");
        assert!(status == 200 && body.contains("/x/experiments"), "{body}");
    });
}

#[test]
#[ignore = "needs nginx, git and go; tests/run runs it"]
fn go_gets_with_a_blog_at_the_same_paths() {
    enter(|mut lab| {
        let socket = socket(&lab);
        start(&mut lab, &["-listen", &socket]);
        let part = |part| {
            let flags = ["-host=tonybai.com", "-match=go-get", "-upstream", &socket];
            lab.printed(&[&flags, &["-part", part] as &[_]].concat())
        };
        let (http, server) = (part("http"), blog(&lab) + &part("server"));
        let hosts = ["tonybai.com", "vanity.example"].map(|host| (host, server.as_str()));
        lab.nginx_with(Scheme::Https, &http, &hosts);
        get_all(&lab);

        let article = (200, "an article".to_owned());
        for url in [
            "https://tonybai.com/gowechat/",
            "https://tonybai.com/gowechat/?go-get=0",
            "https://tonybai.com/gowechat/?xgo-get=1",
            "https://tonybai.com/gowechat/?go-get=11",
            "https://vanity.example/gowechat/",
        ] {
            assert_eq!(lab.browse(url), article, "{url}");
        }
        for url in [
            "https://tonybai.com/gowechat?a=b&go-get=1",
            "https://tonybai.com/gowechat/mp?go-get=1&a=b",
            "https://vanity.example/any?go-get=1",
        ] {
            assert!(lab.browse(url).1.contains("go-import"), "{url}");
        }
        for go in lab.go_commands() {
            let said = go.get_fails("tonybai.com/gowechatt");
            assert!(
                said.contains("did you mean tonybai.com/gowechat?"),
                "{said}"
            );
        }
    });
}

#[test]
#[ignore = "needs nginx, git and go; tests/run runs it"]
fn go_gets_from_the_cache_while_the_program_is_down() {
    enter(|mut lab| {
        start(&mut lab, &[]);
        start_with_cache(&mut lab);
        get_all(&lab);
        // A stopped server accepts connections and sends nothing; a dead one accepts none. The last
        // request's response is the last to become stale.
        for signal in ["STOP", "KILL"] {
            fs::write(lab.dir().join("nginx/cache.log"), "").unwrap();
            lab.server().signal(signal);
            wait_until("the response is stale", || {
                let page = lab.browse("https://tonybai.com/gowechat/v2?go-get=1");
                assert!(page.0 == 200 && page.1.contains("go-import"), "{page:?}");
                let stale = "\"/gowechat/v2?go-get=1\" STALE";
                cache_log(&lab).contains(stale).then_some(())
            });
        }
        get_all(&lab);
        let (status, body) = lab.browse("https://tonybai.com/gowechat?go-get=1&never=1");
        assert_eq!(status, 502, "{body}");
    });
}

#[test]
#[ignore = "needs nginx; tests/run runs it"]
fn cached_change_is_visible_within_ten_seconds() {
    enter(|mut lab| {
        start(&mut lab, &[]);
        start_with_cache(&mut lab);
        // The same path on another host has a different response.
        let page = |host: &str| lab.browse(&format!("https://{host}/gowechat?go-get=1")).1;
        assert!(page("vanity.example").contains("git.example/vanity.git"));
        let old = page("tonybai.com");
        assert!(old.contains("git.example/gowechat.git"), "{old}");
        let revalidated = "tonybai.com \"/gowechat?go-get=1\" REVALIDATED";
        wait_until("the program says that nothing has changed", || {
            assert_eq!(page("tonybai.com"), old);
            cache_log(&lab).contains(revalidated).then_some(())
        });

        let file = lab.dir().join("govanityurls/vanity.yaml");
        fs::write(file, VANITY.replace("/gowechat.git", "/moved.git")).unwrap();
        page("tonybai.com");
        let start = Instant::now();
        lab.server().signal("HUP");
        wait_until("the change shows", || {
            page("tonybai.com")
                .contains("git.example/moved.git")
                .then_some(())
        });
        assert!(start.elapsed() < Duration::from_secs(10));
    });
}

/// nginx with a cache for both hosts, and a log of cache hits.
fn start_with_cache(lab: &mut Lab) {
    let http = lab.printed(&["-host=tonybai.com", "-cache", "-part=http"]);
    let log = "log_format cache '$host \"$request_uri\" $upstream_cache_status';\n";
    let hosts = ["tonybai.com", "vanity.example"].map(|host| {
        let flags = ["-host=tonybai.com", "-cache", "-part=server", "-only", host];
        (
            host,
            format!("access_log cache.log cache;\n{}", lab.printed(&flags)),
        )
    });
    let hosts = hosts.each_ref().map(|(host, text)| (*host, text.as_str()));
    // nginx writes only inside the lab.
    let http = http.replace("/var/cache/", "");
    lab.nginx_with(Scheme::Https, &(log.to_owned() + &http), &hosts);
}

fn cache_log(lab: &Lab) -> String {
    fs::read_to_string(lab.dir().join("nginx/cache.log")).unwrap_or_default()
}

#[test]
#[ignore = "needs nginx, certbot, pebble, git and go; tests/run runs it"]
fn certificates_by_the_printed_commands() {
    enter(|mut lab| {
        start(&mut lab, &[]);
        lab.debian_nginx(&HOSTS);
        lab.start_debian_nginx();
        get_certificates(&mut lab, |command| command.to_owned());
    });
}

#[test]
#[ignore = "needs nginx, certbot, pebble, git and go; tests/run runs it"]
fn certificates_where_nothing_answers_on_port_80() {
    enter(|mut lab| {
        start(&mut lab, &[]);
        lab.debian_nginx(&HOSTS);
        fs::remove_file("/etc/nginx/sites-enabled/default").unwrap();
        lab.start_debian_nginx();
        get_certificates(&mut lab, |command| {
            command.replace("--webroot -w /var/www/html", "--nginx")
        });
    });
}

const HOSTS: [&str; 2] = ["tonybai.com", "vanity.example"];

/// Runs the commands from the comments, renews the certificate, lets `certbot --nginx` edit the
/// file, and renews again, both the original way and with `certbot --nginx`.
fn get_certificates(lab: &mut Lab, change: impl Fn(&str) -> String) {
    lab.acme();
    let printed = lab.printed(&["-host=tonybai.com", "-server"]);
    let commands: Vec<_> = printed
        .lines()
        .filter_map(|line| line.strip_prefix("#   "))
        .collect();
    assert_eq!(commands.len(), 4, "{commands:?}");
    for command in commands {
        lab.shell(&change(command));
    }
    let served = |host: &str| {
        let mut client = Command::new("openssl");
        client.args(["s_client", "-connect", "127.0.0.1:443", "-servername", host]);
        let output = client.stdin(Stdio::null()).output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        text.lines()
            .skip_while(|line| !line.starts_with("-----BEGIN"))
            .collect::<String>()
    };
    // A reload takes effect shortly after its command returns.
    wait_until("nginx has the file", || {
        // Until then, it serves the certificate of another host for both.
        let [one, other] = HOSTS.map(served);
        let default = served("git.example");
        (one != other && one != default && other != default).then_some(())
    });
    get_all(lab);

    let renew = "certbot renew --force-renewal --no-random-sleep-on-renew";
    for command in [
        renew,
        "certbot --nginx -d tonybai.com --reinstall --redirect",
        renew,
        "certbot --nginx -d tonybai.com --force-renewal --redirect",
        renew,
    ] {
        let before = HOSTS.map(served);
        lab.shell(command);
        if command == renew {
            wait_until("nginx serves the new certificates", || {
                let now = HOSTS.map(served);
                (now[0] != before[0] && now[1] != before[1]).then_some(())
            });
        }
        for host in HOSTS {
            let page = lab.browse(&format!("http://{host}/gowechat?go-get=1"));
            assert!(
                page.0 == 200 && page.1.contains("go-import"),
                "{command}: {page:?}"
            );
        }
    }
    get_all(lab);
}

/// Starts the repositories and the program.
fn start(lab: &mut Lab, listen: &[&str]) {
    modules::make(lab);
    lab.govanityurls(VANITY, &[&["-host", "tonybai.com"], listen].concat());
}

fn socket(lab: &Lab) -> String {
    format!("unix:{}", lab.dir().join("g.sock").display())
}

/// Creates a root directory with an article at the path of a module.
fn root(lab: &Lab) -> String {
    let dir = lab.dir().join("blog");
    let write = |path: &str, text: &str| {
        let path: &Path = &dir.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    write("index.html", "the blog");
    write("gowechat/index.html", "an article");
    write("robots.txt", "robots");
    format!("root {};", dir.display())
}

/// The same, with the location that a server block for it would have.
fn blog(lab: &Lab) -> String {
    format!("{} location / {{ try_files $uri $uri/ =404; }}", root(lab))
}

fn get_all(lab: &Lab) {
    for go in lab.go_commands() {
        for path in PATHS {
            go.get(path);
        }
        assert_eq!(go.run(PROGRAM), PRINTED);
    }
}

/// git clones import paths, and does not push to them.
fn clones(lab: &Lab) {
    let git = || {
        let mut git = Command::new("git");
        git.current_dir(lab.dir())
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_SSL_CAINFO", lab.ca());
        git
    };
    for (path, file) in [
        ("tonybai.com/gowechat", "mp/mp.go"),
        ("tonybai.com/x/experiments", "sub/sub.go"),
        ("vanity.example", "vanity.go"),
    ] {
        let clone = format!("clones/{path}");
        run(git().args(["clone", "--quiet", &format!("https://{path}"), &clone]));
        assert!(lab.dir().join(&clone).join(file).exists(), "{path}");
        run(git().args(["-C", &clone, "fetch", "--quiet"]));
    }
    let pushed = git()
        .args([
            "-C",
            "clones/tonybai.com/gowechat",
            "push",
            "origin",
            "HEAD:new",
        ])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&pushed.stderr);
    let meant = "the repository is at https://git.example/gowechat.git: push there";
    assert!(!pushed.status.success() && said.contains(meant), "{said}");
}
