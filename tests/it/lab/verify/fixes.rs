//! Applies every printed fix to the letter: then `go get` must work, verify must pass, and whatever
//! worked before must still work.

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use super::internet::{PROGRAM, command};
use super::server;
use crate::lab::{Commit, Go, Lab, Scheme, enter, run};
use crate::support::wait_until;

/// A host with a fault, and a healthy module at `/other`.
struct Situation {
    /// The host is NAME.example.
    name: &'static str,
    /// The module's entry in the file: its key, and its values on lines of their own.
    entry: &'static str,
    /// The rest of the host's server block; the program's own answers if empty.
    block: &'static str,
    /// The part of the block that a printed line of nginx replaces; the line is added if empty.
    replaced: &'static str,
    /// The commits of the repository at https://git.example/NAME.git.
    commits: &'static [Commit<'static>],
    /// What verify must find, such as `fail http-status`.
    finding: &'static str,
    /// What users get once the fix is applied, below the host.
    gets: &'static [&'static str],
    /// Whether a fix is printed, or a command that shows more.
    prints: Prints,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Prints {
    /// A fix, after which verify passes.
    Fix,
    /// A fix on the machines of users, who have a password that verify does not have.
    FixForUsers,
    /// Commands that tell possible causes apart.
    Look,
}

const M: &str = "/m:\n  repo: https://git.example/NAME.git\n";

/// A situation of the site, with a healthy repository.
const fn of_site(
    name: &'static str,
    block: &'static str,
    replaced: &'static str,
    finding: &'static str,
    prints: Prints,
) -> Situation {
    Situation {
        name,
        entry: M,
        block,
        replaced,
        commits: HEALTHY,
        finding,
        gets: &["/m"],
        prints,
    }
}

/// A situation of the repository or the file.
const fn of_repository(
    name: &'static str,
    entry: &'static str,
    commits: &'static [Commit<'static>],
    finding: &'static str,
    gets: &'static [&'static str],
    prints: Prints,
) -> Situation {
    Situation {
        name,
        entry,
        block: "",
        replaced: "",
        commits,
        finding,
        gets,
        prints,
    }
}

/// Returns a commit; HOST is replaced by the host in its files.
const fn commit(
    tag: &'static str,
    files: &'static [(&'static str, &'static str)],
) -> Commit<'static> {
    Commit { tag, files }
}

const HEALTHY: &[Commit<'static>] = &[commit(
    "v1.0.0",
    &[("go.mod", "module HOST/m\n"), ("m.go", "package m\n")],
)];

/// Entries that the program still has, because it was not reloaded.
const STALE: &[(&str, &str)] = &[
    ("not-reloaded", ""),
    ("differs", "/m:\n  repo: https://git.example/no-such.git\n"),
];

const SITUATIONS: &[Situation] = &[
    of_site("not-reloaded", "", "", "fail http-status", Prints::Fix),
    of_site("differs", "", "", "warn tag-differs", Prints::Fix),
    of_site("no-rules", "location / { return 404; }", "", "fail http-status", Prints::Fix),
    of_site(
        "blog",
        "location / { default_type text/html; return 200 '<title>My blog</title><p>'; }",
        "",
        "fail tag-missing",
        Prints::Fix,
    ),
    of_site(
        "script",
        "location / { default_type text/html; return 200 '<script>if (a < b) {}</script><p>'; }",
        "",
        "fail html-syntax",
        Prints::Fix,
    ),
    of_site(
        "exact-rule",
        "location = /m { proxy_pass http://127.0.0.1:8080; proxy_set_header Host $host; }
         location /other { proxy_pass http://127.0.0.1:8080; proxy_set_header Host $host; }
         location / { return 404; }",
        "",
        "warn subpackage-missing",
        Prints::Fix,
    ),
    of_site(
        "to-http",
        "location = /m { return 301 http://www.to-http.example$request_uri; }
         location / { proxy_pass http://127.0.0.1:8080; proxy_set_header Host $host; }",
        "return 301 http://www.to-http.example$request_uri;",
        "fail redirect-insecure",
        Prints::Fix,
    ),
    of_site(
        "drops-query",
        "location = /m { return 301 https://www.drops-query.example$uri; }
         location / { proxy_pass http://127.0.0.1:8080; proxy_set_header Host $host; }",
        "return 301 https://www.drops-query.example$uri;",
        "fail redirect-drops-query",
        Prints::Fix,
    ),
    of_site(
        "directory",
        "location = /m { return 301 http://$host/n$is_args$args; }
         location / { proxy_pass http://127.0.0.1:8080; proxy_set_header Host $host; }",
        "return 301 http://$host/n$is_args$args;",
        "fail redirect-insecure",
        Prints::Look,
    ),
    of_site(
        "second-host",
        "location / { proxy_pass http://127.0.0.1:8080; proxy_set_header Host not-reloaded.example; }",
        "proxy_set_header Host not-reloaded.example;",
        "fail tag-prefix-mismatch",
        Prints::Fix,
    ),
    of_site(
        "password",
        "location = /m { auth_basic x; auth_basic_user_file passwords; proxy_pass http://127.0.0.1:8080; proxy_set_header Host $host; }
         location / { proxy_pass http://127.0.0.1:8080; proxy_set_header Host $host; }",
        "",
        "fail http-status",
        Prints::Look,
    ),
    of_site(
        "too-many",
        "location = /m { return 429; }
         location / { proxy_pass http://127.0.0.1:8080; proxy_set_header Host $host; }",
        "",
        "fail http-status",
        Prints::Look,
    ),
    of_site(
        "login",
        "location = /m { return 302 https://$host/login; }
         location = /login { default_type text/html; return 200 '<title>Sign in</title><form>'; }
         location / { proxy_pass http://127.0.0.1:8080; proxy_set_header Host $host; }",
        "",
        "fail tag-missing",
        Prints::Look,
    ),
    of_site(
        "loop",
        "location = /m { return 302 https://$host/m?go-get=1; }
         location / { proxy_pass http://127.0.0.1:8080; proxy_set_header Host $host; }",
        "",
        "fail redirect-loop",
        Prints::Look,
    ),
    of_site(
        "down",
        "location = /m { proxy_pass http://127.0.0.1:9; }
         location / { proxy_pass http://127.0.0.1:8080; proxy_set_header Host $host; }",
        "",
        "fail http-status",
        Prints::Look,
    ),
    of_site(
        "two-tags",
        "location = /m { default_type text/html; return 200 '<meta name=\"go-import\" content=\"$host/m git https://git.example/two-tags.git\"><meta name=\"go-import\" content=\"$host/m hg https://git.example/two-tags.git\">'; }
         location / { proxy_pass http://127.0.0.1:8080; proxy_set_header Host $host; }",
        "",
        "fail tag-multiple",
        Prints::Look,
    ),
    of_site(
        "forbidden",
        "location = /m { return 403; }
         location / { proxy_pass http://127.0.0.1:8080; proxy_set_header Host $host; }",
        "",
        "fail http-status",
        Prints::Look,
    ),
    of_repository(
        "forgotten-subdir",
        "/util:\n  repo: https://git.example/NAME.git\n",
        &[
            commit("v1.0.0", &[("go.mod", "module HOST/mono\n"), ("m.go", "package m\n")]),
            commit("go/util/v0.3.0", &[("go/util/go.mod", "module HOST/util\n"), ("go/util/u.go", "package util\n")]),
        ],
        "fail module-path-mismatch",
        &["/util"],
        Prints::Fix,
    ),
    of_repository(
        "mixed-up",
        "/alpha:\n  repo: https://git.example/NAME.git\nHOST/beta:\n  repo: https://git.example/NAME.git\n",
        &[commit("v1.0.0", &[("go.mod", "module HOST/alpha\n"), ("a.go", "package alpha\n")])],
        "fail module-path-mismatch",
        &["/alpha"],
        Prints::Look,
    ),
    of_repository(
        "v2-in-tag",
        M,
        &[
            commit("v1.0.0", &[("go.mod", "module HOST/m\n"), ("m.go", "package m\n")]),
            commit("v2.0.0", &[("n.go", "package m\n")]),
        ],
        "warn major-version-mismatch",
        &["/m", "/m/v2"],
        Prints::Fix,
    ),
    of_repository(
        "newer-go-mod",
        "/m:\n  repo: https://git.example/NAME.git\n  subdir: go\n",
        &[
            commit("go/v1.0.0", &[("go/m.go", "package m\n")]),
            commit("", &[("go/go.mod", "module HOST/m\n")]),
        ],
        "fail subdir-missing",
        &["/m"],
        Prints::Fix,
    ),
    of_repository(
        "old-system",
        "/m:\n  repo: https://git.example/NAME.git\n  vcs: svn\n",
        HEALTHY,
        "fail vcs-disallowed",
        &["/m"],
        Prints::Look,
    ),
    of_repository(
        "broken-proxy",
        "/m:\n  repo: https://git.example/NAME.git\n  proxy: https://git.example/no-such\n",
        HEALTHY,
        "fail proxy-failed",
        &["/m"],
        Prints::Look,
    ),
    of_repository(
        "no-repository-host",
        "/m:\n  repo: https://no-such-name.example/NAME.git\n",
        HEALTHY,
        "fail repo-unreachable",
        &["/m"],
        Prints::Look,
    ),
    of_repository(
        "bad-name",
        M,
        &[commit("v1.0.0", &[
            ("go.mod", "module HOST/m\n"),
            ("m.go", "package m\n"),
            ("docs/a:b.txt", "x\n"),
        ])],
        "fail zip-invalid",
        &["/m"],
        Prints::Fix,
    ),
    of_repository(
        "local-replace",
        M,
        &[commit("v1.0.0", &[
            ("go.mod", "module HOST/m\n\ngo 1.16\n\nrequire HOST/m/x v0.0.0\n\nreplace HOST/m/x => ./x\n"),
            ("m.go", "package m\n"),
            ("x/go.mod", "module HOST/m/x\n"),
            ("x/x.go", "package x\n"),
        ])],
        "fail local-replace",
        &["/m", "/m/x"],
        Prints::Look,
    ),
    of_repository(
        "empty",
        M,
        &[],
        "fail no-versions",
        &["/m"],
        Prints::Look,
    ),
    of_repository(
        "no-go-mod",
        M,
        &[commit("v1.0.0", &[("m.go", "package m\n")])],
        "warn module-path-mismatch",
        &["/m"],
        Prints::Fix,
    ),
    of_repository(
        "misspelt",
        "/gowechat:\n  repo: https://git.example/NAME.git\n",
        &[commit("v1.0.0", &[("go.mod", "module HOST/go-wechat\n"), ("m.go", "package m\n")])],
        "fail module-path-mismatch",
        &["/go-wechat"],
        Prints::Fix,
    ),
    of_repository(
        "nested",
        "/m:\n  repo: https://git.example/NAME.git\nHOST/m/sub:\n  repo: https://git.example/NAME.git\n",
        &[commit("v1.0.0", &[
            ("go.mod", "module HOST/m\n"),
            ("m.go", "package m\n"),
            ("sub/go.mod", "module HOST/m/sub\n"),
            ("sub/s.go", "package sub\n"),
        ]), commit("sub/v1.0.0", &[("sub/t.go", "package sub\n")])],
        "fail module-path-mismatch",
        &["/m", "/m/sub"],
        Prints::Fix,
    ),
    of_repository(
        "v2-key",
        "/m:\n  repo: https://git.example/NAME.git\nHOST/m/v2:\n  repo: https://git.example/NAME.git\n",
        &[commit("v1.0.0", &[
            ("go.mod", "module HOST/m\n"),
            ("m.go", "package m\n"),
            ("v2/go.mod", "module HOST/m/v2\n"),
            ("v2/s.go", "package m\n"),
        ]), commit("v2.0.0", &[("v2/t.go", "package m\n")])],
        "fail module-path-mismatch",
        &["/m", "/m/v2"],
        Prints::Fix,
    ),
    of_repository(
        "old-path",
        M,
        &[commit("v1.0.0", &[
            ("go.mod", "module github.com/acme/old\n"),
            ("m.go", "package m\n\nimport _ \"github.com/acme/old/sub\"\n"),
            ("sub/s.go", "package sub\n"),
        ])],
        "fail module-path-mismatch",
        &["/m", "/m/sub"],
        Prints::Fix,
    ),
    of_repository(
        "wrong-subdir",
        "/m:\n  repo: https://git.example/NAME.git\n  subdir: got\n",
        &[commit("go/v1.0.0", &[("go/go.mod", "module HOST/m\n"), ("go/m.go", "package m\n")])],
        "fail subdir-missing",
        &["/m"],
        Prints::Fix,
    ),
    of_repository(
        "no-tags",
        M,
        &[commit("", &[("go.mod", "module HOST/m\n"), ("m.go", "package m\n")])],
        "warn no-versions",
        &["/m"],
        Prints::Fix,
    ),
    of_repository(
        "nested-without-tag",
        M,
        &[commit("v1.0.0", &[
            ("go.mod", "module HOST/m\n"),
            ("m.go", "package m\n"),
            ("sub/go.mod", "module HOST/m/sub\n"),
            ("sub/s.go", "package sub\n"),
        ])],
        "warn no-versions",
        &["/m", "/m/sub"],
        Prints::Fix,
    ),
    of_repository(
        "bad-go-mod",
        M,
        &[commit("v1.0.0", &[("go.mod", "module HOST/m\n\ngo 1\n"), ("m.go", "package m\n")])],
        "fail go-mod-invalid",
        &["/m"],
        Prints::Look,
    ),
    of_repository(
        "gone",
        "/m:\n  repo: https://git.example/no-such.git\n",
        HEALTHY,
        "fail repo-not-found",
        &["/m"],
        Prints::Look,
    ),
    of_repository(
        "locked",
        "/m:\n  repo: https://locked-git.example/NAME.git\n",
        HEALTHY,
        "fail repo-auth",
        &["/m"],
        Prints::FixForUsers,
    ),
];

/// Situations of machines whose nginx has the program's http part already.
const HAVE_HTTP_PART: &[&str] = &["blog", "exact-rule"];

#[test]
#[ignore = "needs nginx, git and go; tests/run runs it"]
fn fixes_work_as_printed() {
    enter(|mut lab| {
        let site = Site::start(&mut lab);
        let mut wrong = String::new();
        for situation in SITUATIONS {
            let mut notes = String::new();
            if let Err(why) = site.check(situation, &mut notes) {
                let _ = writeln!(wrong, "\n=== {}: {why}\n{notes}", situation.name);
            }
        }
        assert!(wrong.is_empty(), "{wrong}");
    });
}

/// The machines of all situations: the web server with the program, the repositories, a user.
struct Site<'a> {
    lab: &'a Lab,
    file: PathBuf,
    go: Go,
    /// nginx.conf before any fix.
    nginx: String,
}

impl<'a> Site<'a> {
    fn start(lab: &'a mut Lab) -> Self {
        let mut config = String::new();
        for situation in SITUATIONS {
            let host = situation.host();
            let entry = situation.of(situation.entry).replace("HOST", &host);
            let other_entry = format!(
                "{host}/other:\n  repo: https://git.example/other-{}.git\n",
                situation.name
            );
            let _ = write!(config, "{host}{entry}{other_entry}");
            situation.make(lab, situation.name, situation.commits);
            let other = format!("module {host}/other\n");
            let files = [("go.mod", other.as_str()), ("o.go", "package other\n")];
            lab.repository(
                &format!("other-{}", situation.name),
                &[Commit {
                    tag: "v1.0.0",
                    files: &files,
                }],
            );
        }
        let pid = lab
            .govanityurls(&config, &["-listen", "127.0.0.1:8080"])
            .pid();
        let nginx = lab.dir().join("nginx");
        // What fixes write to /etc/nginx is read by the lab's nginx.
        let _ = fs::create_dir_all(nginx.join("snippets"));
        run(Command::new("cp").args(["-rn", "/etc/nginx/."]).arg(&nginx));
        lab.mount(&nginx, "/etc/nginx");
        let hosts: Vec<_> = SITUATIONS
            .iter()
            .map(|situation| {
                let block = if situation.block.is_empty() {
                    PROGRAM
                } else {
                    situation.block
                };
                (situation.host(), block.to_owned())
            })
            .collect();
        let mut hosts: Vec<_> = hosts
            .iter()
            .map(|(host, block)| (host.as_str(), block.as_str()))
            .collect();
        let www: Vec<_> = ["to-http", "drops-query"]
            .iter()
            .map(|name| {
                // Without the query, it has other pages.
                let block = PROGRAM.replace("$host", &format!("{name}.example"));
                let block = format!("if ($args !~ go-get) {{ return 404; }}\n{block}");
                (format!("www.{name}.example"), block)
            })
            .collect();
        hosts.extend(
            www.iter()
                .map(|(host, block)| (host.as_str(), block.as_str())),
        );
        let locked = format!(
            "auth_basic x;\nauth_basic_user_file passwords;\n{}",
            lab.git_rule()
        );
        let http = server(lab, "locked-git.example", &locked);
        let password = run(Command::new("openssl").args(["passwd", "-apr1", "secret"]));
        fs::write(nginx.join("passwords"), format!("bob:{password}")).unwrap();
        let http = format!("include conf.d/*.conf;\n{http}");
        lab.nginx_with(Scheme::Https, &http, &hosts);
        let [go, _] = lab.go_commands();
        let file = lab.dir().join("govanityurls/vanity.yaml");
        commands(lab, pid);
        Self {
            lab,
            file,
            go,
            nginx: fs::read_to_string(nginx.join("nginx.conf")).unwrap(),
        }
    }

    /// Checks what verify prints in a situation, and applies it.
    fn check(&self, situation: &Situation, notes: &mut String) -> Result<(), String> {
        let host = situation.host();
        self.clean_nginx(situation);
        if let Some((_, old)) = STALE.iter().find(|(name, _)| *name == situation.name) {
            self.make_stale(situation, old);
        }
        let checks = self.verify(&host);
        let expected = situation.finding.split_once(' ').unwrap();
        let is_expected =
            |check: &&Value| check["status"] == expected.0 && check["code"] == expected.1;
        for check in &checks {
            if check["status"] == "fail" || check["status"] == "warn" {
                let _ = writeln!(notes, "{check:#}");
            }
        }
        let Some(check) = checks.iter().find(is_expected) else {
            return Err(format!("verify does not find {}", situation.finding));
        };
        let (printed, other) = if situation.prints == Prints::Look {
            ("look", "fix")
        } else {
            ("fix", "look")
        };
        if !check[other].is_null() {
            return Err(format!("prints `{other}` instead of `{printed}`"));
        }
        let Some(text) = check[printed].as_str() else {
            return Err(format!("prints no `{printed}`"));
        };
        if situation.prints == Prints::Look {
            return self.look(situation, text);
        }
        if situation.prints == Prints::FixForUsers {
            self.go_env(situation);
        }
        self.apply(situation, text)?;
        for path in situation.gets.iter().copied().chain(["/other"]) {
            self.get(&format!("{host}{path}"))?;
        }
        if situation.prints == Prints::FixForUsers {
            let list = run(self.go.command().args(["env", "GOPRIVATE"]));
            if !list.contains("corp.example") {
                return Err(format!("the user's own list is lost: {list}"));
            }
            return Ok(());
        }
        let again = self.verify(&host);
        let left: Vec<_> = again
            .iter()
            .filter(|check| check["status"] == "fail" || is_expected(check))
            .collect();
        if !left.is_empty() {
            return Err(format!("after the fix, verify still says {left:#?}"));
        }
        Ok(())
    }

    /// Takes back what the fixes of other situations wrote for nginx, so that no fix needs another.
    fn clean_nginx(&self, situation: &Situation) {
        let nginx = Path::new("/etc/nginx");
        fs::write(nginx.join("nginx.conf"), &self.nginx).unwrap();
        for dir in ["conf.d", "snippets"] {
            for entry in fs::read_dir(nginx.join(dir)).unwrap() {
                let entry = entry.unwrap();
                if entry.file_name().to_string_lossy().contains("govanityurls") {
                    fs::remove_file(entry.path()).unwrap();
                }
            }
        }
        if HAVE_HTTP_PART.contains(&situation.name) {
            let http = self.lab.printed(&["-part", "http"]);
            fs::write(nginx.join("conf.d/own-govanityurls.conf"), http).unwrap();
        }
    }

    /// Lets the program read an old entry, and changes the file after that.
    fn make_stale(&self, situation: &Situation, old: &str) {
        let (host, text) = (situation.host(), fs::read_to_string(&self.file).unwrap());
        let key = situation.key("/m");
        let old = if old.is_empty() {
            String::new()
        } else {
            format!("{host}{old}")
        };
        self.edit_file(|text| remove_entry(text, &key) + &old);
        let page = format!("https://{host}/m?go-get=1");
        let repository = situation.of("/NAME.git");
        wait_until("the program has the old entry", || {
            let (_, page) = self.lab.browse(&page);
            (!page.contains(&repository)).then_some(())
        });
        fs::write(&self.file, text).unwrap();
    }

    fn verify(&self, host: &str) -> Vec<Value> {
        let text = fs::read_to_string(&self.file).unwrap();
        let keys = text
            .lines()
            .filter(|line| line.starts_with(&format!("{host}/")));
        let mut command = command(self.lab);
        command
            .args(["-json", "-timeout", "5", "-config"])
            .arg(&self.file);
        command.args(keys.map(|key| key.trim_end_matches(':')));
        let output = command.output().unwrap();
        let Ok(mut json) = serde_json::from_slice::<Value>(&output.stdout) else {
            panic!("{}", String::from_utf8_lossy(&output.stderr));
        };
        serde_json::from_value(json["checks"].take()).unwrap()
    }

    /// A command that only shows something must run.
    fn look(&self, situation: &Situation, text: &str) -> Result<(), String> {
        let (ok, output) = self.shell(situation, text);
        if !ok && output.is_empty() {
            return Err(format!("`{text}` fails, and prints nothing"));
        }
        if output.contains("not found") && output.contains("sh: ") {
            return Err(format!("`{text}` cannot be run: {output}"));
        }
        Ok(())
    }

    /// Applies the lines of a fix. What follows `    # ` says where a line belongs, if it is not a
    /// command.
    fn apply(&self, situation: &Situation, text: &str) -> Result<(), String> {
        for line in text.lines() {
            let (body, place) = line.split_once("    # ").unwrap_or((line, ""));
            let body = body.trim();
            if line.starts_with("remove ") && line.contains("from vanity.yaml") {
                let key = line.split_whitespace().nth(1).unwrap();
                self.edit_file(|text| remove_entry(text, &situation.key(key)));
            } else if place.contains("instead of /") {
                let (_, old) = place.split_once("instead of ").unwrap();
                let old = old
                    .split(|c: char| c.is_whitespace() || ";,:".contains(c))
                    .next()
                    .unwrap();
                let (old, new) = (
                    situation.key(old),
                    situation.key(body.trim_end_matches(':')),
                );
                self.edit_file(|text| text.replace(&format!("{old}:\n"), &format!("{new}:\n")));
            } else if place.contains("in vanity.yaml") {
                let key = situation.entry.split(':').next().unwrap();
                self.edit_file(|text| set_value(text, &situation.key(key), body));
            } else if place.contains("in nginx")
                || place.contains("in the server block")
                || body.starts_with("include ")
            {
                self.edit_nginx(situation, body)?;
            } else {
                let (ok, output) = self.shell(situation, line);
                if !ok {
                    return Err(format!("`{line}` fails: {output}"));
                }
            }
        }
        Ok(())
    }

    fn edit_file(&self, edit: impl Fn(&str) -> String) {
        let text = fs::read_to_string(&self.file).unwrap();
        fs::write(&self.file, edit(&text)).unwrap();
        let systemctl = self.lab.dir().join("services/systemctl");
        run(Command::new("sh")
            .arg(systemctl)
            .args(["reload", "govanityurls"]));
    }

    /// Puts a line into the server block of the situation's host, in place of what is wrong there;
    /// rules replace all others.
    fn edit_nginx(&self, situation: &Situation, line: &str) -> Result<(), String> {
        let file = Path::new("/etc/nginx/nginx.conf");
        let text = fs::read_to_string(file).unwrap();
        let start = text
            .find(&format!("server_name {};", situation.host()))
            .unwrap();
        let (before, block) = text.split_at(start);
        let block = if situation.replaced.is_empty() {
            block.replacen(situation.block, line, 1)
        } else {
            block.replacen(situation.replaced, line, 1)
        };
        fs::write(file, format!("{before}{block}")).unwrap();
        Ok(())
    }

    /// Runs a line as its reader does: in a clone of the repository, on a machine with everything.
    fn shell(&self, situation: &Situation, line: &str) -> (bool, String) {
        let dir = self.lab.dir().join("work").join(situation.name);
        let go = self.go.command();
        let go_dir = Path::new(go.get_program()).parent().unwrap().to_owned();
        let mut shell = Command::new("sh");
        shell
            .current_dir(dir)
            .args(["-c", line])
            .stdin(Stdio::null());
        for (name, value) in go.get_envs() {
            shell.env(name, value.unwrap_or_default());
        }
        let path = std::env::var("PATH").unwrap();
        let ours = self.lab.dir().join("services");
        shell.env(
            "PATH",
            format!("{}:{}:{path}", ours.display(), go_dir.display()),
        );
        for (name, value) in [
            ("GIT_AUTHOR_NAME", "Lab"),
            ("GIT_AUTHOR_EMAIL", "lab@git.example"),
            ("GIT_COMMITTER_NAME", "Lab"),
            ("GIT_COMMITTER_EMAIL", "lab@git.example"),
        ] {
            shell.env(name, value);
        }
        shell.env("CURL_CA_BUNDLE", self.lab.ca());
        let output = shell.output().unwrap();
        let text = [output.stdout, output.stderr].concat();
        (
            output.status.success(),
            String::from_utf8_lossy(&text).into_owned(),
        )
    }

    /// Gives the user a password, a list of private modules, and a proxy that has none.
    fn go_env(&self, situation: &Situation) {
        let home = self.home();
        fs::write(
            home.join(".netrc"),
            "machine locked-git.example login bob password secret\n",
        )
        .unwrap();
        let (ok, said) = self.shell(situation, "go env -w GOPRIVATE=corp.example");
        assert!(ok, "{said}");
    }

    fn home(&self) -> PathBuf {
        let command = self.go.command();
        let mut variables = command.get_envs();
        let (_, home) = variables.find(|(name, _)| *name == "HOME").unwrap();
        home.unwrap().into()
    }

    /// Runs `go get` as a new user, once what a reload does is visible.
    fn get(&self, path: &str) -> Result<(), String> {
        let app = self.lab.dir().join("app");
        let mut said = String::new();
        let mut tries = 0;
        let works = wait_until("go get works, or does not", || {
            let _ = fs::remove_dir_all(&app);
            fs::create_dir_all(&app).unwrap();
            fs::write(app.join("go.mod"), "module app.example\n\ngo 1.18\n").unwrap();
            let output = self
                .go
                .command()
                .current_dir(&app)
                .args(["get", path])
                .output()
                .unwrap();
            said = String::from_utf8_lossy(&output.stderr).into_owned();
            tries += 1;
            (output.status.success() || tries > 5).then_some(output.status.success())
        });
        if works {
            Ok(())
        } else {
            Err(format!("after the fix, go get {path} fails: {said}"))
        }
    }
}

impl Situation {
    fn host(&self) -> String {
        format!("{}.example", self.name)
    }

    fn of(&self, text: &str) -> String {
        text.replace("NAME", self.name)
    }

    /// Returns the key of a path as the file has it.
    fn key(&self, path: &str) -> String {
        let path = path.trim_end_matches([':', ';', ',']);
        if path.starts_with('/') {
            format!("{}{path}", self.host())
        } else {
            path.to_owned()
        }
    }

    /// Makes the repository, and a clone that can push to it.
    fn make(&self, lab: &Lab, name: &str, commits: &[Commit<'_>]) {
        let host = self.host();
        let texts: Vec<Vec<(&str, String)>> = commits
            .iter()
            .map(|commit| {
                commit
                    .files
                    .iter()
                    .map(|(path, text)| (*path, text.replace("HOST", &host)))
                    .collect()
            })
            .collect();
        let files: Vec<Vec<(&str, &str)>> = texts
            .iter()
            .map(|files| {
                files
                    .iter()
                    .map(|(path, text)| (*path, text.as_str()))
                    .collect()
            })
            .collect();
        let commits: Vec<_> = commits
            .iter()
            .zip(&files)
            .map(|(commit, files)| Commit {
                tag: commit.tag,
                files,
            })
            .collect();
        let bare = lab.repository(name, &commits);
        let clone = lab.dir().join("work").join(name);
        run(Command::new("git")
            .current_dir(clone)
            .args(["remote", "add", "origin"])
            .arg(bare));
    }
}

/// Writes the commands of a machine where the program and nginx are services.
fn commands(lab: &Lab, pid: u32) {
    let bin = lab.dir().join("services");
    fs::create_dir_all(&bin).unwrap();
    let dir = lab.dir().join("nginx");
    let real = run(Command::new("sh").args(["-c", "PATH=$PATH:/usr/sbin command -v nginx"]));
    let nginx = format!(
        "exec {} -p {} -c nginx.conf \"$@\"\n",
        real.trim(),
        dir.display()
    );
    // A single process cannot reload its configuration: it is started again.
    let restart = format!(
        "nginx -s stop && cd {} && while test -e nginx.pid; do sleep 0.05; done\n\
         nginx >>reload.log 2>&1 </dev/null &\n\
         while ! test -s nginx.pid; do kill -s 0 $! || exit 1; sleep 0.05; done",
        dir.display()
    );
    let systemctl = format!(
        "case \"$*\" in\n\
         're'*' govanityurls') kill -s HUP {pid} ;;\n\
         're'*' nginx') {restart} ;;\n\
         status*) echo active ;;\n\
         *) echo \"systemctl $*: not in the lab\" >&2; exit 1 ;;\nesac\n"
    );
    let program = format!("exec {} \"$@\"\n", env!("CARGO_BIN_EXE_govanityurls"));
    for (name, text) in [
        ("nginx", nginx.as_str()),
        ("systemctl", &systemctl),
        ("govanityurls", &program),
        ("journalctl", "echo \"govanityurls: a line\"\n"),
    ] {
        let file = bin.join(name);
        fs::write(&file, format!("#!/bin/sh\n{text}")).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
    }
}

/// Removes an entry with its values.
fn remove_entry(text: &str, key: &str) -> String {
    let mut kept = String::new();
    let mut is_inside = false;
    for line in text.lines() {
        is_inside = line == format!("{key}:") || is_inside && line.starts_with(' ');
        if !is_inside {
            let _ = writeln!(kept, "{line}");
        }
    }
    kept
}

/// Sets a value of an entry, such as `subdir: go`.
fn set_value(text: &str, key: &str, line: &str) -> String {
    let name = line.split(':').next().unwrap_or_default();
    let mut edited = String::new();
    let mut is_inside = false;
    for old in text.lines() {
        let is_key = old == format!("{key}:");
        is_inside = is_key || is_inside && old.starts_with(' ');
        if is_inside && old.trim_start().starts_with(&format!("{name}:")) {
            continue;
        }
        let _ = writeln!(edited, "{old}");
        if is_key {
            let _ = writeln!(edited, "  {line}");
        }
    }
    edited
}
