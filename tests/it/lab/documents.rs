//! The commands of README.md and docs, typed as they are shown.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::lab::modules::package;
use crate::lab::{Commit, Lab, Scheme, enter, run};
use crate::support::blocks;

const RULE: &str = "location / { proxy_pass http://127.0.0.1:8080; proxy_set_header Host $host; }";

const GOWECHAT: &str = "\
host: example.com
/gowechat:
  repo: https://git.example/gowechat.git
";

#[test]
#[ignore = "needs nginx, git and go; tests/run runs it"]
fn a_module_moves_to_its_domain() {
    enter(|mut lab| {
        serve(&mut lab, GOWECHAT);
        let old = "github.com/bigwhite/gowechat";
        let bare = gowechat(&lab, old);
        let clone = lab.dir().join("clone");
        run(Command::new("git")
            .args(["clone", "--quiet"])
            .arg(bare)
            .arg(&clone));
        let commands = lab.go_commands();
        let said = commands[0].get_fails("example.com/gowechat");
        assert!(said.contains(old), "{said}");

        let type_in = |document, heading| {
            let [typed] = documented(document, heading);
            commands[0].shell(&clone, &typed);
        };
        let get = |path: &str, version: &str| {
            for go in &commands {
                go.get(path);
                assert_eq!(go.version_of(path), version);
            }
        };
        type_in("README.md", "Make your module use it");
        let changed = fs::read_to_string(clone.join("gowechat.go")).unwrap();
        assert!(changed.contains("\"example.com/gowechat/mp\""), "{changed}");
        get("example.com/gowechat", "v1.3.0");
        type_in("docs/modules.md", "Major versions");
        get("example.com/gowechat/v2", "v2.0.0");

        fs::create_dir(clone.join("tools")).unwrap();
        let go_mod = "module example.com/gowechat/tools\n";
        fs::write(clone.join("tools/go.mod"), go_mod).unwrap();
        fs::write(clone.join("tools/tools.go"), package("tools", "tools")).unwrap();
        commands[0].shell(&clone, "git add . && git commit -qm tools");
        type_in("docs/modules.md", "Several modules in one repository");
        get("example.com/gowechat/tools", "v1.0.0");
    });
}

#[test]
#[ignore = "needs nginx, git and go; tests/run runs it"]
fn private_modules_by_ssh_and_by_netrc() {
    enter(|mut lab| {
        let repo = "https://git.example.com/tool.git";
        let config = format!("host: example.com\n/private/tool: {{repo: {repo}, hidden: true}}\n");
        lab.govanityurls(&config, &["-listen", "127.0.0.1:8080"]);
        let files = [
            ("go.mod", "module example.com/private/tool\n"),
            ("tool.go", &package("tool", "tool")),
        ];
        let tag = "v1.0.0";
        let bare = lab.repository("tool", &[Commit { tag, files: &files }]);
        let passwords = lab.dir().join("passwords");
        fs::write(&passwords, "ci:{PLAIN}TOKEN\n").unwrap();
        let git = format!(
            "auth_basic git; auth_basic_user_file {}; {}",
            passwords.display(),
            lab.git_rule()
        );
        lab.nginx(
            Scheme::Https,
            &[("example.com", RULE), ("git.example.com", &git)],
        );
        // In place of another machine's sshd: runs git's command in the repositories' directory.
        let repositories = bare.parent().unwrap().display();
        lab.script(
            "ssh",
            &format!("#!/bin/sh\nfor typed; do :; done\ncd {repositories} && eval \"$(echo \"$typed\" | sed \"s,'/,',\")\"\n"),
        );

        let [by_ssh, netrc] = documented("docs/modules.md", "Private modules");
        let [one, other] = lab.go_commands();
        let said = one.get_fails("example.com/private/tool");
        assert!(said.contains("could not read Username"), "{said}");
        one.shell(&one.app(), &by_ssh);
        assert_eq!(one.version_of("example.com/private/tool"), "v1.0.0");
        other.get_fails("example.com/private/tool");
        fs::write(other.app().with_file_name(".netrc"), netrc).unwrap();
        other.get("example.com/private/tool");
    });
}

#[test]
#[ignore = "needs nginx, git and go; tests/run runs it"]
fn moving_in_by_convert() {
    enter(|mut lab| {
        let modules =
            format!("{GOWECHAT}/x/experiments:\n  repo: https://git.example/gowechat.git\n");
        serve(&mut lab, &modules);
        gowechat(&lab, "example.com/gowechat");
        run(Command::new("ip").args(["address", "add", "203.0.113.7/32", "dev", "lo"]));
        let [go, _] = lab.go_commands();
        let www = lab.dir().join("www");
        fs::create_dir_all(www.join("go/gowechat")).unwrap();
        let (_, page) = lab.browse("https://example.com/gowechat?go-get=1");
        fs::write(www.join("go/gowechat/index.html"), page).unwrap();
        lab.mount(&www, "/var/www");
        let dir = lab.dir().join("moving");
        fs::create_dir(&dir).unwrap();
        let sally =
            "url: example.com\npackages:\n  gowechat:\n    repo: git.example/gowechat.git\n";
        fs::write(dir.join("sally.yaml"), sally).unwrap();
        let vangen = r#"{"domain": "example.com", "repositories": [{"prefix": "gowechat",
            "type": "git", "url": "https://git.example/gowechat.git"}]}"#;
        fs::write(dir.join("vangen.json"), vangen).unwrap();

        let read = || fs::read_to_string(dir.join("vanity.yaml")).unwrap();
        let mut typed = Vec::new();
        for heading in [
            "Moving from another server",
            "From sally, vangen or pages",
            "From the live site",
        ] {
            let [block] = documented("docs/moving.md", heading);
            typed.extend(block.lines().map(str::to_owned));
        }
        for command in typed {
            go.shell(&dir, &command);
            let file = read();
            assert!(
                file.contains("repo: https://git.example/gowechat.git"),
                "{command}: {file}"
            );
        }
        assert!(read().contains("/x/experiments:"), "{}", read());
    });
}

#[test]
#[ignore = "needs nginx, git and go; tests/run runs it"]
fn pages_without_a_server() {
    enter(|mut lab| {
        gowechat(&lab, "example.com/gowechat");
        let dir = lab.dir().join("files");
        fs::create_dir(&dir).unwrap();
        fs::write(dir.join("vanity.yaml"), GOWECHAT).unwrap();
        let www = lab.dir().join("www");
        fs::create_dir(&www).unwrap();
        lab.mount(&www, "/var/www");

        let heading = "No server at all ([on GitHub Pages and others](docs/static.md))";
        let [typed] = documented("README.md", heading);
        let (export, rest) = typed.split_once('\n').unwrap();
        let [to_nginx, rules] = documented("docs/static.md", "nginx");
        let [go, _] = lab.go_commands();
        go.shell(&dir, export);
        go.shell(&dir, &to_nginx);
        // But for the file that GitHub reads, and the list of what was written.
        let mut diff = Command::new("diff");
        diff.args(["-r", "-x", "CNAME", "-x", ".govanityurls*"]);
        run(diff.arg(dir.join("site")).arg("/var/www/go"));
        lab.nginx(
            Scheme::Https,
            &[(
                "example.com",
                &format!("types {{ text/html html; }} {rules}"),
            )],
        );
        verify_and_get(&lab, &dir, rest);
    });
}

#[test]
#[ignore = "needs nginx, git and go; tests/run runs it"]
fn a_failure_is_explained_as_shown() {
    enter(|mut lab| {
        serve(&mut lab, GOWECHAT);
        gowechat(&lab, "github.com/bigwhite/gowechat");
        let [go, _] = lab.go_commands();
        let dir = lab.dir().join("govanityurls");
        let said = go.shell(&dir, "govanityurls verify || true");
        let [shown] = documented("README.md", "When `go get` fails");
        for line in shown.lines() {
            assert!(said.contains(line), "{line}\n{said}");
        }
    });
}

/// Types `govanityurls verify` in the directory of the file, and `go get` in a module.
pub fn verify_and_get(lab: &Lab, dir: &Path, typed: &str) {
    for go in lab.go_commands() {
        for command in typed.lines() {
            if command.starts_with("go get ") {
                go.shell(&go.app(), command);
            } else {
                go.shell(dir, command);
            }
        }
        assert_eq!(go.version_of("example.com/gowechat"), "v1.2.0");
    }
}

/// Starts the program, and nginx in front of it.
fn serve(lab: &mut Lab, config: &str) {
    lab.govanityurls(config, &["-listen", "127.0.0.1:8080"]);
    lab.nginx(Scheme::Https, &[("example.com", RULE)]);
}

/// Creates a repository with two packages, one of which imports the other; returns its directory.
fn gowechat(lab: &Lab, path: &str) -> PathBuf {
    let imports = format!("package gowechat\n\nimport _ \"{path}/mp\"\n");
    let files = [
        ("go.mod", &*format!("module {path}\n")),
        ("gowechat.go", &imports),
        ("mp/mp.go", &package("mp", "mp")),
    ];
    let tag = "v1.2.0";
    lab.repository("gowechat", &[Commit { tag, files: &files }])
}

/// Returns the blocks below a heading, of which there are exactly `N`.
pub fn documented<const N: usize>(document: &str, heading: &str) -> [String; N] {
    blocks(document, heading).try_into().unwrap()
}
