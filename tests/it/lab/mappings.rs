//! Every kind of key and value of a module, with real go commands behind nginx.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::lab::{self, Commit, Lab, Scheme, enter, run};
use crate::support::program;

#[test]
#[ignore = "needs nginx, git and go; tests/run runs it"]
fn patterns_serve_modules() {
    enter(|mut lab| {
        module(&lab, "tool-go", "tonybai.com/x/tool");
        module(&lab, "tool.two-go", "tonybai.com/x/tool.two");
        module(&lab, "special", "tonybai.com/x/exact");
        module(&lab, "lib", "go.example/lib");
        module(&lab, "other", "go.example/exact");
        lab.govanityurls(
            "\
host: tonybai.com
/x/*:
  repo: https://git.example/*-go.git
/x/exact:
  repo: https://git.example/special.git
go.example/*:
  repo: https://git.example/*.git
go.example/exact:
  repo: https://git.example/other.git
",
            &[],
        );
        let root = lab.dir().join("root");
        fs::create_dir_all(&root).unwrap();
        fs::write(root.join("robots.txt"), "robots").unwrap();
        lab.nginx_as_printed(&[], |_| format!("root {};", root.display()));
        for go in lab.go_commands() {
            go.get("tonybai.com/x/tool/sub");
            for path in [
                "tonybai.com/x/tool",
                "tonybai.com/x/tool.two",
                "tonybai.com/x/exact",
                "go.example/lib",
                "go.example/exact",
            ] {
                go.get(path);
                assert_eq!(go.version_of(path), "v1.0.0", "{path}");
            }
            // The pattern matches, but git.example has no such repository.
            let said = go.get_fails("tonybai.com/x/none");
            assert!(said.contains("https://git.example/none-go.git"), "{said}");
        }
        let robots = lab.browse("https://go.example/robots.txt");
        assert_eq!(robots, (200, "robots".to_owned()));
        // The program responds 404 when asked directly.
        let server = lab.server();
        for name in ["/robots.txt", "/favicon.ico", "/.well-known/security.txt"] {
            let answer = server.request("GET", name, &[("Host", "go.example")]);
            assert_eq!(answer.status, 404, "{name}");
        }
    });
}

#[test]
#[ignore = "needs nginx, git and go; tests/run runs it"]
fn two_hosts_with_the_same_path() {
    enter(|mut lab| {
        module(&lab, "a", "a.example/lib");
        module(&lab, "b", "b.example/lib");
        lab.govanityurls(
            "\
a.example/lib:
  repo: https://git.example/a.git
b.example/lib:
  repo: https://git.example/b.git
",
            &[],
        );
        lab.nginx_as_printed(&[], |_| String::new());
        for go in lab.go_commands() {
            go.get("a.example/lib");
            go.get("b.example/lib/sub");
            let printed = go.run(
                r#"
                package main
                import ("fmt"; a "a.example/lib"; b "b.example/lib"; "b.example/lib/sub")
                func main() { fmt.Println(a.Name, b.Name, sub.Name) }
                "#,
            );
            assert_eq!(
                printed,
                "a.example/lib b.example/lib sub of b.example/lib\n"
            );
        }
        let requests = lab.requests();
        for host in ["a.example", "b.example"] {
            let asked = format!("https {host} \"GET /lib?go-get=1 HTTP/1.1\" 200");
            assert!(requests.contains(&asked), "{requests}");
        }
    });
}

#[test]
#[ignore = "needs nginx, git and go; tests/run runs it"]
fn go_gets_three_modules_of_one_repository() {
    enter(|mut lab| {
        let dirs = ["core", "go/client", "tools/cli"];
        let path = |dir: &str| format!("tonybai.com/{}", dir.rsplit('/').next().unwrap());
        let texts = dirs.map(|dir| files(&path(dir)));
        let names =
            dirs.map(|dir| ["go.mod", "lib.go", "sub/sub.go"].map(|f| format!("{dir}/{f}")));
        let tags = dirs.map(|dir| format!("{dir}/v1.0.0"));
        let commits: Vec<Vec<_>> = (0..3)
            .map(|n| (0..3).map(|f| (&*names[n][f], &*texts[n][f].1)).collect())
            .collect();
        let commits: Vec<_> = (0..3)
            .map(|n| Commit {
                tag: &tags[n],
                files: &commits[n],
            })
            .collect();
        lab.repository("mono", &commits);
        let config: String = dirs
            .iter()
            .map(|dir| {
                let key = path(dir);
                format!("{key}:\n  repo: https://git.example/mono.git\n  subdir: {dir}\n")
            })
            .collect();
        lab.govanityurls(&config, &[]);
        lab.nginx_as_printed(&[], |_| String::new());

        let [new, old] = lab.go_commands();
        for dir in dirs {
            let path = path(dir);
            new.get(&format!("{path}/sub"));
            assert_eq!(new.version_of(&path), "v1.0.0");
            // Go before 1.25 ignores a tag with four fields.
            let said = old.get_fails(&path);
            assert!(said.contains("no go-import meta tags"), "{said}");
        }
    });
}

#[test]
#[ignore = "needs nginx, git and go; tests/run runs it"]
fn go_gets_a_module_from_a_proxy_of_files() {
    enter(|mut lab| {
        let path = "tonybai.com/proxied";
        let repository = module(&lab, "proxied", path);
        let proxy = proxy_of_files(&lab, path, &repository, "v1.0.0");
        // From here on, only the proxy has it.
        fs::remove_dir_all(repository).unwrap();

        lab.govanityurls(
            "tonybai.com/proxied:\n  repo: https://proxy.example\n  vcs: mod\n",
            &[],
        );
        start_nginx(&mut lab, &proxy);
        for go in lab.go_commands() {
            go.get("tonybai.com/proxied/sub");
            assert_eq!(go.version_of(path), "v1.0.0");
            let printed = go.run(
                r#"
                package main
                import ("fmt"; "tonybai.com/proxied/sub")
                func main() { fmt.Println(sub.Name) }
                "#,
            );
            assert_eq!(printed, "sub of tonybai.com/proxied\n");
        }
        let fetched = "https proxy.example \"GET /tonybai.com/proxied/@v/v1.0.0.zip HTTP/1.1\" 200";
        assert!(lab.requests().contains(fetched), "{}", lab.requests());
    });
}

/// Go before 1.25 ignores the repository's tag, which has a subdirectory.
#[test]
#[ignore = "needs nginx, git and go; tests/run runs it"]
fn go_gets_a_subdirectory_through_its_proxy() {
    enter(|mut lab| {
        let path = "tonybai.com/core";
        let texts = files(path);
        let names = texts.each_ref().map(|(name, _)| format!("core/{name}"));
        let files = names.iter().zip(&texts);
        let files: Vec<_> = files.map(|(name, (_, text))| (&**name, &**text)).collect();
        let commit = Commit {
            tag: "core/v1.0.0",
            files: &files,
        };
        let repository = lab.repository("mono", &[commit]);
        let proxy = proxy_of_files(&lab, path, &repository, "core/v1.0.0:core");

        lab.govanityurls(
            "\
tonybai.com/core:
  repo: https://git.example/mono.git
  subdir: core
  proxy: https://proxy.example
",
            &[],
        );
        start_nginx(&mut lab, &proxy);
        for go in lab.go_commands() {
            go.get("tonybai.com/core/sub");
            assert_eq!(go.version_of(path), "v1.0.0");
        }
        let fetched = "https proxy.example \"GET /tonybai.com/core/@v/v1.0.0.zip HTTP/1.1\" 200";
        assert_eq!(
            lab.requests().matches(fetched).count(),
            2,
            "{}",
            lab.requests()
        );
    });
}

#[test]
#[ignore = "needs nginx, git and go; tests/run runs it"]
fn private_module_is_served_but_not_shown() {
    enter(|mut lab| {
        module(&lab, "secret", "tonybai.com/secret");
        module(&lab, "public", "tonybai.com/public");
        lab.govanityurls(
            "\
host: tonybai.com
/secret:
  repo: https://git.example/secret.git
  docs: none
  hidden: true
/public:
  repo: https://git.example/public.git
",
            &[],
        );
        lab.nginx_as_printed(&[], |_| String::new());
        for go in lab.go_commands() {
            go.get("tonybai.com/secret/sub");
            assert_eq!(go.version_of("tonybai.com/secret"), "v1.0.0");
        }
        let server = lab.server();
        let refresh = "http-equiv=\"refresh\"";
        assert!(!server.get("/secret").body.contains(refresh));
        assert!(!server.get("/secret/sub").body.contains(refresh));
        assert!(server.get("/public").body.contains(refresh));
        let list = server.get("/").body;
        assert!(
            list.contains("/public") && !list.contains("secret"),
            "{list}"
        );
        for path in ["/secre", "/secre?go-get=1", "/secrett?go-get=1"] {
            let answer = server.get(path);
            assert_eq!(answer.status, 404);
            let body = answer.body.to_ascii_lowercase();
            assert!(!body.contains("did you mean"), "{path}: {body}");
        }
        // Modules that are not hidden are suggested.
        assert!(server.get("/publi?go-get=1").body.contains("did you mean"));
    });
}

#[test]
fn check_notes_what_some_go_commands_cannot_fetch() {
    let dir = tempfile::tempdir().unwrap();
    let check = |config: &str| {
        fs::write(dir.path().join("vanity.yaml"), config).unwrap();
        run(program().current_dir(dir.path()).arg("check"))
    };
    let plain = "a.example/a:\n  repo: https://h.example/a\n";
    assert_eq!(check(plain), "vanity.yaml: ok, 1 module on a.example\n");

    let module = |name: &str, more: &str| {
        format!("a.example/{name}:\n  repo: https://h.example/r\n  {more}\n")
    };
    let all = [
        module("b", "subdir: b"),
        module("c", "subdir: c"),
        module("d", "vcs: bzr"),
        module("e", "vcs: svn"),
        module("f", "vcs: fossil"),
        module("g", "subdir: g\n  proxy: https://proxy.example"),
    ];
    let said = check(&all.concat());
    let lines: Vec<_> = said.lines().collect();
    assert_eq!(lines.len(), 4, "{said}");
    for (line, words) in lines[1..].iter().zip([
        ["2 modules with `subdir`", "Go before 1.25"],
        ["1 module with `vcs: bzr`", "Go 1.27"],
        ["2 modules with `vcs: svn` or `fossil`", "GOVCS"],
    ]) {
        assert!(line.starts_with("vanity.yaml: note: "), "{line}");
        for word in words {
            assert!(line.contains(word), "{line}");
        }
    }
}

/// Creates a module proxy that is a directory of files, and has a module at v1.0.0: the tree of a
/// repository.
fn proxy_of_files(lab: &Lab, path: &str, repository: &Path, tree: &str) -> PathBuf {
    let proxy = lab.dir().join("proxy");
    let versions = proxy.join(path).join("@v");
    fs::create_dir_all(&versions).unwrap();
    let write = |name: &str, text: &str| fs::write(versions.join(name), text).unwrap();
    write("list", "v1.0.0\n");
    write("v1.0.0.mod", &format!("module {path}\n"));
    write(
        "v1.0.0.info",
        r#"{"Version": "v1.0.0", "Time": "2026-01-02T03:04:05Z"}"#,
    );
    run(Command::new("git")
        .current_dir(repository)
        .args(["archive", "--format=zip", tree])
        .arg(format!("--prefix={path}@v1.0.0/"))
        .arg(format!(
            "--output={}",
            versions.join("v1.0.0.zip").display()
        )));
    proxy
}

/// Starts nginx with the printed rules for tonybai.com, and with the proxy at proxy.example.
fn start_nginx(lab: &mut Lab, proxy: &Path) {
    let ((http, server), files) = (rules(lab), format!("root {};", proxy.display()));
    let hosts = [("tonybai.com", &*server), ("proxy.example", &*files)];
    lab.nginx_with(Scheme::Https, &http, &hosts);
}

/// Returns the rules for a file's only host: the http level, and its server block.
fn rules(lab: &Lab) -> (String, String) {
    let printed = lab.printed(&[]);
    let (http, server) = printed.split_once("\n# In the server block").unwrap();
    (http.to_owned(), format!("#{server}"))
}

/// Creates a repository with a module and a package below its root, tagged v1.0.0.
fn module(lab: &Lab, repository: &str, path: &str) -> PathBuf {
    let files = files(path);
    let files: Vec<_> = files.iter().map(|(name, text)| (*name, &**text)).collect();
    let commit = Commit {
        tag: "v1.0.0",
        files: &files,
    };
    lab.repository(repository, &[commit])
}

fn files(path: &str) -> [(&'static str, String); 3] {
    [
        ("go.mod", format!("module {path}\n")),
        ("lib.go", lab::modules::package("lib", path)),
        (
            "sub/sub.go",
            lab::modules::package("sub", &format!("sub of {path}")),
        ),
    ]
}
