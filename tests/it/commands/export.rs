//! `govanityurls export`: the pages are the server's responses, other files stay, and real go
//! commands can fetch from them.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use crate::lab::modules::{self, PATHS, PRINTED, PROGRAM, VANITY};
use crate::lab::{Commit, Go, Lab, Scheme, enter};
use crate::support::{SEED, Server, program, wait_until};
use govanityurls::internal::Head;
use rustix::process::{Pid, Signal, kill_process};

/// A directory with a vanity.yaml to export from.
struct Place(tempfile::TempDir);

impl Place {
    fn new(config: &str) -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        place.config(config);
        place
    }

    fn config(&self, config: &str) {
        fs::write(self.path("vanity.yaml"), config).unwrap();
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn command(&self, out: &str) -> Command {
        let mut command = program();
        command
            .current_dir(&self.0)
            .args(["export", "-host", "tonybai.com", "-out", out])
            .stdin(Stdio::null());
        command
    }

    /// Runs an export that must succeed; returns its messages.
    fn export(&self, out: &str) -> String {
        let output = self.command(out).output().unwrap();
        let said = text(output.stderr);
        assert!(output.status.success(), "{said}");
        said
    }

    /// Runs an export that must fail and change nothing; returns its messages.
    fn refused(&self, out: &str) -> String {
        self.fails(&mut self.command(out))
    }

    fn fails(&self, command: &mut Command) -> String {
        let before = files(self.0.path());
        let Output {
            status,
            stdout,
            stderr,
        } = command.output().unwrap();
        let said = text(stderr);
        assert_eq!(status.code(), Some(1), "{said}");
        assert!(stdout.is_empty());
        assert_eq!(files(self.0.path()), before);
        said
    }

    /// Lists the names in the directory.
    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(&self.0).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<_> = names.collect();
        names.sort();
        names
    }
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap()
}

/// Reads all files below a directory; includes empty folders.
fn files(dir: &Path) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut folders = vec![dir.to_owned()];
    while let Some(folder) = folders.pop() {
        let name = |path: &Path| path.strip_prefix(dir).unwrap().display().to_string();
        let mut is_empty = true;
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            is_empty = false;
            if path.is_symlink() {
                let to = fs::read_link(&path).unwrap();
                found.insert(name(&path), to.display().to_string());
            } else if path.is_dir() {
                folders.push(path);
            } else {
                found.insert(name(&path), fs::read_to_string(&path).unwrap());
            }
        }
        if is_empty {
            found.insert(name(&folder), "(empty)".to_owned());
        }
    }
    found
}

/// Asserts that each page equals the server's response on `host`, but for the tags of 404.html;
/// returns the pages' names.
fn compare(dir: &Path, server: &Server, host: &str) -> Vec<String> {
    let mut files = files(dir);
    // The others are for static hosts, and of no address.
    files.retain(|name, _| name.ends_with(".html"));
    for (name, body) in &files {
        let (target, status) = match name.as_str() {
            "404.html" => ("/%2F".to_owned(), 404),
            name => {
                let (folder, file) = name.rsplit_once('/').unwrap_or(("", name));
                let number = file
                    .strip_prefix("page")
                    .map(|rest| rest.replace(".html", ""));
                let query = number.map(|number| format!("?page={number}"));
                (format!("/{folder}{}", query.unwrap_or_default()), 200)
            }
        };
        let mut body = body.clone();
        if status == 404 {
            let lines = body.split_inclusive('\n');
            body = lines.filter(|line| !line.contains("go-import")).collect();
        }
        let answer = server.request("GET", &target, &[("Host", host)]);
        let mut expected = answer.body;
        if let Some((before, rest)) = expected.split_once("<form") {
            let (_, after) = rest.split_once("</form>\n").unwrap();
            expected = format!("{before}{after}");
        }
        for number in 2..5 {
            let query = format!("?page={number}\"");
            expected = expected
                .replace(&format!("/{query}"), &query)
                .replace(&query, &format!("/page{number}.html\""));
        }
        assert_eq!((answer.status, expected), (status, body), "{name}");
    }
    files.into_keys().collect()
}

/// Returns the import paths of the tags of 404.html.
fn not_found_tags(dir: &Path) -> Vec<String> {
    let page = fs::read(dir.join("404.html")).unwrap();
    let tags = Head::parse(&page).go_imports();
    tags.into_iter().map(|tag| tag.prefix).collect()
}

#[test]
fn pages_equal_the_responses() {
    let config = "\
/gowechat:
  repo: https://github.com/bigwhite/gowechat
/gowechat/a/sdk:
  repo: https://github.com/bigwhite/sdk
/x/experiments:
  repo: https://github.com/bigwhite/experiments
/y/secret:
  repo: https://github.com/bigwhite/secret
  hidden: true
/z/*:
  repo: https://github.com/bigwhite/*
";
    let place = Place::new(config);
    let said = place.export("site");
    assert!(said.contains("note: tonybai.com/z/*: "), "{said}");
    let server = Server::start(config);
    let names = compare(&place.path("site"), &server, "tonybai.com");
    let expected = [
        "404.html",
        "gowechat/a/index.html",
        "gowechat/a/sdk/index.html",
        "gowechat/index.html",
        "index.html",
        "x/experiments/index.html",
        "x/index.html",
        "y/secret/index.html",
        "z/index.html",
    ];
    assert_eq!(names, expected);
    // No link to it, as in the lists.
    assert!(
        said.contains("note: tonybai.com/y/secret: hidden"),
        "{said}"
    );
    let site = place.path("site");
    let listed = [
        "tonybai.com/z/*",
        "tonybai.com/gowechat",
        "tonybai.com/x/experiments",
    ];
    assert_eq!(not_found_tags(&site), listed);
    assert!(
        !fs::read_to_string(site.join("_redirects"))
            .unwrap()
            .contains("secret")
    );
}

#[test]
fn writes_the_files_of_static_hosts() {
    let config = "\
/a:
  repo: https://h.example/a
/a/b:
  repo: https://h.example/b
/a/b/c:
  repo: https://h.example/c
/a-b:
  repo: https://h.example/a-b
/z/*:
  repo: https://h.example/*
";
    let place = Place::new(config);
    place.export("site");
    let read = |name: &str| fs::read_to_string(place.path("site").join(name));
    assert_eq!(
        read("_redirects").unwrap(),
        "/a/b /a/b/ 200\n/a/b/c /a/b/c/ 200\n/a/b/c/* /a/b/c/ 200\n/a/b/* /a/b/ 200\n\
         /a/* /a/ 200\n/a-b/* /a-b/ 200\n"
    );
    assert_eq!(
        not_found_tags(&place.path("site")),
        ["tonybai.com/z/*", "tonybai.com/a", "tonybai.com/a-b"]
    );
    assert_eq!(read(".nojekyll").unwrap(), "");
    assert!(read("CNAME").is_err());
    let output = place.command("site").arg("-cname").output().unwrap();
    assert!(output.status.success());
    assert_eq!(read("CNAME").unwrap(), "tonybai.com\n");

    // With a module at the root, everything is below another.
    place.config(&format!("{config}/:\n  repo: https://h.example/root\n"));
    place.export("site");
    assert_eq!(
        not_found_tags(&place.path("site")),
        ["tonybai.com/z/*", "tonybai.com"]
    );
    assert!(
        read("_redirects")
            .unwrap()
            .ends_with("\n/a/* /a/ 200\n/* / 200\n")
    );
    // Nothing that a file could stand for.
    place.config("/z/*:\n  repo: https://h.example/*\n");
    place.export("site");
    assert!(read("_redirects").is_err());
    assert_eq!(not_found_tags(&place.path("site")), ["tonybai.com/z/*"]);

    let many = (0..101).map(|n| format!("/m{n}:\n  repo: https://h.example/m\n"));
    place.config(&many.collect::<String>());
    let said = place.export("site");
    assert!(said.contains("_redirects has 101 rules"), "{said}");
}

#[test]
fn each_page_of_a_list_is_a_file() {
    let module = |n: usize| format!("/x/m{n}:\n  repo: https://h.example/m\n");
    let modules: String = (0..450).map(module).collect();
    let place = Place::new(&modules);
    place.export("site");
    let server = Server::start(&modules);
    let mut names = compare(&place.path("site"), &server, "tonybai.com");
    names.retain(|name| !name.contains("/m"));
    let expected = [
        "404.html",
        "index.html",
        "page2.html",
        "page3.html",
        "x/index.html",
        "x/page2.html",
        "x/page3.html",
    ];
    assert_eq!(names, expected);
    // Every module has a link to follow from the first page on.
    let site = files(&place.path("site"));
    let mut seen = 0;
    let mut next = Some("/index.html".to_owned());
    while let Some(page) = next.take().and_then(|name| site.get(&name[1..])) {
        seen += page.matches("<li><a href=\"/x/m").count();
        let link = page.split_once("rel=\"next\" href=\"");
        next = link.map(|(_, rest)| rest.split('"').next().unwrap().to_owned());
    }
    assert_eq!(seen, 450);

    let config = format!(
        "index: /all\n{}/page2.html:\n  repo: https://h.example/p\n",
        module(1)
    );
    place.config(&config);
    let said = place.export("site");
    assert!(
        said.contains("tonybai.com/page2.html: its name is"),
        "{said}"
    );
    let server = Server::start(&config);
    let names = compare(&place.path("site"), &server, "tonybai.com");
    assert_eq!(
        names,
        [
            "404.html",
            "all/index.html",
            "x/index.html",
            "x/m1/index.html"
        ]
    );
}

#[test]
fn each_of_several_hosts_has_a_directory() {
    let config = "\
index: https://blog.example/
/a:
  repo: https://h.example/a
b.example/:
  repo: https://h.example/b
b.example/*:
  repo: https://h.example/of-b/*
b.example/x/y:
  repo: https://h.example/y
";
    let place = Place::new(config);
    let said = place.export("site");
    assert!(said.contains("tonybai.com: no file can redirect to https://blog.example/"));
    let server = Server::start(config);
    let dir = |host| place.path("site").join(host);
    let names = compare(&dir("tonybai.com"), &server, "tonybai.com");
    assert_eq!(names, ["404.html", "a/index.html"]);
    let names = compare(&dir("b.example"), &server, "b.example");
    let expected = ["404.html", "index.html", "x/index.html", "x/y/index.html"];
    assert_eq!(names, expected);
    assert_eq!(fs::read_dir(place.path("site")).unwrap().count(), 3);
}

#[test]
fn a_module_with_the_name_of_a_file_is_left_out() {
    let place = Place::new(
        "\
/a/index.html/b:
  repo: https://h.example/a
/404.html:
  repo: https://h.example/b
/c/404.html:
  repo: https://h.example/c
",
    );
    place.config(&format!(
        "{}/_redirects: {{repo: https://h.example/e}}\n\
         /CNAME/x: {{repo: https://h.example/f}}\n",
        fs::read_to_string(place.path("vanity.yaml")).unwrap()
    ));
    let said = place.export("site");
    assert_eq!(said.matches("left out").count(), 4, "{said}");
    assert!(said.contains("tonybai.com/a/index.html/b: "), "{said}");
    assert!(said.contains("tonybai.com/404.html: "), "{said}");
    assert!(place.path("site/a/index.html").is_file());
    assert!(place.path("site/404.html").is_file());
    assert!(place.path("site/c/404.html/index.html").is_file());
}

#[test]
fn export_replaces_an_earlier_one() {
    let place = Place::new(SEED);
    place.export("site");
    place.config("/other:\n  repo: https://h.example/other\n");
    place.export("./site/");
    assert!(!place.path("site/gowechat").exists());
    assert!(place.path("site/other/index.html").exists());
    assert_eq!(place.names(), ["site", "vanity.yaml"]);

    // An empty directory counts as absent.
    fs::create_dir(place.path("empty")).unwrap();
    place.export("empty");
    assert_eq!(files(&place.path("empty")), files(&place.path("site")));
}

#[test]
fn foreign_directory_is_refused() {
    let place = Place::new(SEED);
    place.export("site");
    fs::write(place.path("file"), "mine").unwrap();
    fs::create_dir_all(place.path("mine/folder")).unwrap();
    fs::create_dir(place.path(".other.new")).unwrap();
    fs::write(place.path(".other.new/mine"), "").unwrap();
    symlink("site", place.path("link")).unwrap();
    symlink("none", place.path("dangling")).unwrap();
    for (out, why) in [
        ("file", "it is not a directory"),
        ("mine", "it has files that no export wrote"),
        ("other", ".other.new: it has files that no export wrote"),
        ("link", "symbolic link"),
        ("link/", "symbolic link"),
        ("dangling", "symbolic link"),
        ("vanity.yaml/site", "Not a directory"),
        (".", "name a directory"),
        ("site/..", "name a directory"),
        ("/", "name a directory"),
    ] {
        let said = place.refused(out);
        assert!(said.contains(why), "{out}: {said}");
    }
    let about = fs::read_to_string(place.path("site/.govanityurls")).unwrap();
    assert!(about.contains("keep other files elsewhere"), "{about}");
    place.export("new/site");
    assert!(place.path("new/site/index.html").is_file());
}

#[test]
fn failure_changes_nothing() {
    let place = Place::new(SEED);
    place.export("site");
    // A file size limit of zero makes every write fail.
    let mut limited = Command::new("sh");
    limited
        .current_dir(&place.0)
        .args(["-c", r#"trap '' XFSZ; ulimit -f 0; exec "$@""#, "sh"])
        .arg(program().get_program())
        .args(place.command("site").get_args());
    let said = place.fails(&mut limited);
    assert!(said.contains("File too large"), "{said}");
    place.config("/a:\n");
    assert!(place.refused("site").contains("vanity.yaml:"));

    let output = program()
        .current_dir(&place.0)
        .arg("export")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(text(output.stderr).contains("-out"));
}

#[test]
fn a_version_is_noted_only_if_its_key_could_help() {
    let of = |path: &str| format!("{path}:\n  repo: https://h.example/a\n");
    let hidden = |path: &str| format!("{}  hidden: true\n", of(path));
    for (config, noted) in [
        (of("/foo") + &of("/foo/v2"), None),
        (of("/foo") + &of("/foo/v2") + &of("/foo/v3"), None),
        (of("/foo") + &of("/foo/bar") + &of("/foo/bar/v2"), None),
        (of("/foo") + &of("/foo/bar"), Some("/foo/bar/v2")),
        (of("/foo") + &of("/foo/v1x"), Some("/foo/v1x/v2")),
        (hidden("/foo/v2"), None),
        (hidden("/foo") + &of("/foo/v2"), None),
        (hidden("/foo"), Some("tonybai.com/foo: hidden")),
    ] {
        let place = Place::new(&config);
        let said = place.export("site");
        match noted {
            None => assert!(!said.contains("note:"), "{config}{said}"),
            Some(noted) => assert!(said.contains(noted), "{config}{said}"),
        }
        assert!(!said.contains("/v2/v2"), "{said}");
    }
}

#[test]
fn the_longest_path_and_element_are_files() {
    let path = format!("/{}/{}", "a".repeat(200), "b".repeat(53));
    let place = Place::new(&format!("{path}:\n  repo: https://h.example/a\n"));
    place.export("site");
    assert!(
        place
            .path("site")
            .join(&path[1..])
            .join("index.html")
            .is_file()
    );
    for (path, why) in [
        (format!("{path}b"), "it is longer than 255 bytes"),
        (format!("/{}", "a".repeat(201)), "is longer than 200 bytes"),
    ] {
        place.config(&format!("{path}:\n  repo: https://h.example/a\n"));
        assert!(place.refused("site").contains(why), "{why}");
    }
}

#[test]
fn a_killed_export_leaves_the_old_files() {
    let place = Place::new(SEED);
    place.export("site");
    let before = files(&place.path("site"));
    for signal in [Signal::TERM, Signal::KILL] {
        // So many that it does not end before the signal comes.
        let many = (0..20_000).map(|n| format!("/m{n}:\n  repo: https://h.example/m{n}\n"));
        place.config(&many.collect::<String>());
        let mut command = place.command("site");
        let mut child = command.stderr(Stdio::null()).spawn().unwrap();
        let first = place.path(".site.new/index.html");
        wait_until("it writes", || first.exists().then_some(()));
        kill_process(Pid::from_child(&child), signal).unwrap();
        let status = wait_until("it ends", || child.try_wait().unwrap());
        assert_eq!(status.code(), None, "it was too fast");
        assert_eq!(files(&place.path("site")), before);
        assert_eq!(place.names(), [".site.new", "site", "vanity.yaml"]);
    }
    place.config(SEED);
    place.export("site");
    assert_eq!(files(&place.path("site")), before);
    assert_eq!(place.names(), ["site", "vanity.yaml"]);
}

/// Modules of more kinds: with packages of any depth, and below another with a version 2.
const MORE: &str = "\
/deep:
  repo: https://git.example/deep.git
/gowechat/nested:
  repo: https://git.example/nested.git
";

/// Makes the repositories of `MORE`, each with a version 1 and a later one.
fn make_more(lab: &Lab) {
    for (name, path, file, later) in [
        ("deep", "tonybai.com/deep", "a/b/c/c.go", 3),
        ("nested", "tonybai.com/gowechat/nested", "x/y/y.go", 2),
    ] {
        let package = modules::package("p", name);
        let versions = [
            ("v1.0.0".to_owned(), format!("module {path}\n")),
            (format!("v{later}.1.0"), format!("module {path}/v{later}\n")),
        ];
        let commits = versions.each_ref().map(|(tag, go_mod)| {
            (
                tag.as_str(),
                [("go.mod", go_mod.as_str()), (file, package.as_str())],
            )
        });
        let commits = commits.each_ref().map(|(tag, files)| Commit { tag, files });
        lab.repository(name, &commits);
    }
}

const NESTED_V2: &str = "tonybai.com/gowechat/nested/v2/x/y";

/// Gets every package but that of the nested version 2.
fn get_all(go: &Go) {
    for path in PATHS {
        go.get(path);
    }
    for path in ["deep/a/b/c", "deep/v3/a/b/c", "gowechat/nested/x/y"] {
        go.get(&format!("tonybai.com/{path}"));
    }
    assert_eq!(go.run(PROGRAM), PRINTED);
    assert_eq!(go.version_of("tonybai.com/deep/v3"), "v3.1.0");
    assert_eq!(go.version_of("tonybai.com/gowechat/nested"), "v1.0.0");
}

#[test]
#[ignore = "needs nginx, git and go; tests/run runs it"]
fn go_gets_packages_and_versions_from_plain_files() {
    enter(|mut lab| {
        serve_files(&mut lab, &format!("{VANITY}{MORE}"), "");
        for go in lab.go_commands() {
            get_all(&go);
            // 404.html has the tag of the module above, and none for this one.
            let said = go.get_fails(NESTED_V2);
            assert!(said.contains("does not contain package"), "{said}");
            // Unlike a page without a tag, this names what is there.
            let said = go.get_fails("tonybai.com/none");
            assert!(
                said.contains("tonybai.com/gowechat did not match"),
                "{said}"
            );
        }
        for path in ["gowechat/v2", "deep/v3/a/b/c", "gowechat/mp"] {
            let asked = format!("\"GET /{path}?go-get=1 HTTP/1.1\" 404");
            assert!(lab.requests().contains(&asked), "{}", lab.requests());
        }
        let (status, body) = lab.browse("https://tonybai.com/none");
        assert!(
            status == 404 && body.contains("No Go package here"),
            "{body}"
        );
        let (status, body) = lab.browse("https://tonybai.com/x");
        assert!(status == 200 && body.contains("/x/experiments"), "{body}");
    });
}

#[test]
#[ignore = "needs nginx, git and go; tests/run runs it"]
fn go_gets_nested_versions_with_the_printed_rule() {
    enter(|mut lab| {
        let rule = "location /gowechat/nested/ { try_files $uri/index.html \
                    /gowechat/nested/index.html =404; }";
        let said = serve_files(&mut lab, &format!("{VANITY}{MORE}"), rule);
        assert!(said.contains(rule), "{said}");
        for go in lab.go_commands() {
            get_all(&go);
            go.get(NESTED_V2);
        }
        let (status, body) = lab.browse("https://tonybai.com/gowechat/nested/any");
        assert!(status == 200 && body.contains("go-import"), "{body}");
    });
}

#[test]
#[ignore = "needs nginx, git and go; tests/run runs it"]
fn go_gets_nested_versions_by_their_own_key() {
    enter(|mut lab| {
        let key = "/gowechat/nested/v2:\n  repo: https://git.example/nested.git\n";
        serve_files(&mut lab, &format!("{VANITY}{MORE}{key}"), "");
        for go in lab.go_commands() {
            get_all(&go);
            go.get("tonybai.com/gowechat/nested/v2/x/y");
        }
    });
}

/// Exports, and starts nginx with the files alone; returns the export's messages.
fn serve_files(lab: &mut Lab, config: &str, rule: &str) -> String {
    modules::make(lab);
    make_more(lab);
    fs::write(lab.dir().join("vanity.yaml"), config).unwrap();
    let mut command = program();
    command.current_dir(lab.dir());
    command.args(["export", "-host", "tonybai.com", "-out", "site"]);
    let output = command.output().unwrap();
    let server = |host: &str, more: &str| {
        let dir = lab.dir().join("site").join(host);
        // A normal nginx has MIME types; the lab's does not.
        let types = "types { text/html html; }";
        let root = dir.display();
        format!("root {root}; {types} error_page 404 /404.html; {more}")
    };
    let (tonybai, root) = (server("tonybai.com", rule), server("vanity.example", ""));
    let hosts = [("tonybai.com", &*tonybai), ("vanity.example", &*root)];
    lab.nginx(Scheme::Https, &hosts);
    text(output.stderr)
}
