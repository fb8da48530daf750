//! `govanityurls nginx`: what it prints, and real go commands through a real nginx with it.

#![allow(clippy::unwrap_used)]

mod lab;
mod support;

use std::fs;
use std::path::Path;
use std::process::{Output, Stdio};

use lab::modules::{self, PATHS, PRINTED, PROGRAM, VANITY};
use lab::{Lab, Scheme, enter};
use support::{SEED, program, repository_file};

/// What `govanityurls nginx` does with a file of this text.
fn nginx(config: &str, args: &[&str]) -> Output {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("vanity.yaml"), config).unwrap();
    let mut command = program();
    command.current_dir(dir.path()).arg("nginx").args(args);
    command.stdin(Stdio::null()).output().unwrap()
}

/// What it prints, as it must.
fn printed(config: &str, args: &[&str]) -> String {
    let output = nginx(config, args);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.is_empty(), "{said}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn the_example_is_what_is_printed() {
    let example = fs::read_to_string(repository_file("contrib/nginx/govanityurls.conf")).unwrap();
    assert_eq!(printed(SEED, &["-host", "tonybai.com"]), example);
    // The rules of the one host of a file need no name.
    assert_eq!(
        printed(SEED, &[]),
        example.replace("of tonybai.com", "of the host")
    );
}

#[test]
fn a_module_below_another_changes_nothing() {
    let more = format!("{SEED}/gowechat/sdk:\n  repo: https://h.example/sdk\n  hidden: true\n");
    for args in [&[] as &[&str], &["-match", "go-get"]] {
        assert_eq!(printed(&more, args), printed(SEED, args));
    }
}

#[test]
fn refused_with_the_statuses_of_every_command() {
    let host = ["-host", "tonybai.com"];
    for (config, args, status, says) in [
        (SEED, &["-server"] as &[_], 2, "names no host"),
        (
            "/a:\n  repo: https://h.example/a\nb.example/a:\n  repo: https://h.example/b\n",
            &["-match", "go-get"],
            2,
            "names no host",
        ),
        (SEED, &["-server", "-match=go-get"], 2, "choose one"),
        (SEED, &["-upstream", "unix:/a b"], 2, "absolute path"),
        (SEED, &["-upstream", "x"], 2, "not a valid address"),
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

#[test]
#[ignore = "needs nginx, git and go; tests/run runs it"]
fn go_gets_through_the_locations() {
    enter(|mut lab| {
        start(&mut lab, &[]);
        let (root, blog) = (root(&lab), blog(&lab));
        lab.nginx_as_printed(&["-host=tonybai.com"], |host| match host {
            // With a rule that would take a module's path, were it asked first.
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

        // The list, and by way of the redirect from plain HTTP.
        let (status, body) = lab.browse("http://tonybai.com/");
        assert!(status == 200 && body.contains("/x/experiments"), "{body}");
        let redirected = "http tonybai.com \"GET / HTTP/1.1\" 301";
        assert!(lab.requests().contains(redirected));
    });
}

#[test]
#[ignore = "needs nginx, git and go; tests/run runs it"]
fn go_gets_beside_a_blog_at_the_same_paths() {
    enter(|mut lab| {
        let socket = socket(&lab);
        start(&mut lab, &["-listen", &socket]);
        let blog = blog(&lab);
        lab.nginx_as_printed(
            &["-host=tonybai.com", "-match=go-get", "-upstream", &socket],
            |_| blog.clone(),
        );
        get_all(&lab);

        let article = (200, "an article".to_owned());
        for url in [
            "https://tonybai.com/gowechat/",
            "https://tonybai.com/gowechat/?go-get=0",
            "https://tonybai.com/gowechat/?xgo-get=1",
            "https://vanity.example/gowechat/",
        ] {
            assert_eq!(lab.browse(url), article, "{url}");
        }
        for (url, is_ours) in [
            ("https://tonybai.com/gowechat?a=b&go-get=1", true),
            ("https://tonybai.com/gowechat/mp?go-get=1&a=b", true),
            ("https://vanity.example/any?go-get=1", true),
            ("https://tonybai.com/gowechatx?go-get=1", false),
            ("https://tonybai.com/any?go-get=1", false),
        ] {
            assert_eq!(lab.browse(url).1.contains("go-import"), is_ours, "{url}");
        }
    });
}

/// Starts the repositories and the program.
fn start(lab: &mut Lab, listen: &[&str]) {
    modules::make(lab);
    lab.govanityurls(VANITY, &[&["-host", "tonybai.com"], listen].concat());
}

fn socket(lab: &Lab) -> String {
    format!("unix:{}", lab.dir().join("g.sock").display())
}

/// A root directory with an article at the path of a module.
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
