//! Valid files in every notation: `check` passes, and the server serves them.

use std::fs;
use std::path::Path;

use crate::support::{SEED, Server, program, repository_file};

/// Returns the output of `check` for a file that it accepts.
fn accepted(directory: &Path, arguments: &[&str]) -> String {
    let output = program()
        .arg("check")
        .args(arguments)
        .current_dir(directory)
        .output()
        .unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{stderr}");
    assert_eq!(stderr, "");
    String::from_utf8(output.stdout).unwrap()
}

fn check(config: &str, arguments: &[&str]) -> String {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("vanity.yaml"), config).unwrap();
    accepted(directory.path(), arguments)
}

/// Returns the go-import content that the go command gets for a path.
fn go_import(server: &Server, path: &str) -> String {
    meta(server, path, "go-import").unwrap_or_else(|| panic!("no go-import at {path}"))
}

fn meta(server: &Server, path: &str, name: &str) -> Option<String> {
    let page = server.get(&format!("{path}?go-get=1")).body;
    let (_, content) = page.split_once(&format!("<meta name=\"{name}\" content=\""))?;
    Some(content.split('"').next().unwrap().to_owned())
}

#[test]
fn accepts_many_spellings_of_one_mapping() {
    let spellings = [
        ("as the contract has it", SEED.to_owned()),
        ("a byte-order mark", format!("\u{feff}{SEED}")),
        ("CRLF", SEED.replace('\n', "\r\n")),
        ("no newline at the end", SEED.trim_end().to_owned()),
        ("a marked document", format!("---\n{SEED}...\n")),
        ("a directive", format!("%YAML 1.2\n---\n{SEED}")),
        (
            "a comment behind the end",
            format!("{SEED}--- # nothing more\n").replace("---", "..."),
        ),
        (
            "JSON",
            "{\"/gowechat\": {\"repo\": \"https:\\/\\/github.com\\/bigwhite\\/gowechat\"},\n\
             \t\"/x/experiments\": {\"repo\": \"https://github.com/bigwhite/experiments\"}}"
                .to_owned(),
        ),
        (
            "flow style",
            "{/gowechat: {repo: https://github.com/bigwhite/gowechat}, \
             /x/experiments: {repo: https://github.com/bigwhite/experiments,},}"
                .to_owned(),
        ),
        (
            "quotation marks",
            "\"/gowechat\":\n  'repo': \"https://github.com/bigwhite/gowechat\"\n\
             '/x/experiments/':\n  \"repo\": 'https://github.com/bigwhite/experiments'\n"
                .to_owned(),
        ),
        (
            "beneath paths",
            format!("paths:\n  {}\n", SEED.trim_end().replace('\n', "\n  ")),
        ),
        (
            "at the left and beneath paths",
            "paths:\n  /gowechat:\n    repo: https://github.com/bigwhite/gowechat\n\
             /x/experiments:\n  repo: https://github.com/bigwhite/experiments\n"
                .to_owned(),
        ),
        (
            "comments everywhere",
            "# one\n\n/gowechat: # two\n# three\n  # four\n  repo: # five\n    # six\n    \
             https://github.com/bigwhite/gowechat # seven\n\n#eight\n/x/experiments:\n\n  \
             repo: https://github.com/bigwhite/experiments\n# nine"
                .to_owned(),
        ),
        (
            "an alias",
            "/gowechat:\n  repo: &wechat https://github.com/bigwhite/gowechat\n\
             /wechat:\n  repo: *wechat\n  hidden: true\n\
             /x/experiments: &module\n  repo: https://github.com/bigwhite/experiments\n\
             /experiments: *module\n"
                .to_owned(),
        ),
        (
            "explicit keys, tags of YAML's own, blocks",
            "? /gowechat\n: !!map\n  repo: !!str https://github.com/bigwhite/gowechat\n\
             /x/experiments:\n  repo: >-\n    https://github.com/bigwhite/experiments\n"
                .to_owned(),
        ),
    ];
    for (name, config) in spellings {
        assert!(
            check(&config, &["-host", "tonybai.com"]).contains(": ok, "),
            "{name}"
        );
        let server = Server::start(&config);
        for (path, content) in [
            (
                "/gowechat",
                "tonybai.com/gowechat git https://github.com/bigwhite/gowechat",
            ),
            (
                "/x/experiments",
                "tonybai.com/x/experiments git https://github.com/bigwhite/experiments",
            ),
        ] {
            assert_eq!(go_import(&server, path), content, "{name}");
        }
    }
}

/// The configuration from the README of GoogleCloudPlatform/govanityurls.
#[test]
fn reads_the_file_of_the_go_tool() {
    let config = "\
host: example.com
cache_max_age: 3600
paths:
  /portmidi:
    repo: https://github.com/rakyll/portmidi
    display: \"https://github.com/rakyll/portmidi https://github.com/rakyll/portmidi/tree/master{/dir} https://github.com/rakyll/portmidi/blob/master{/dir}/{file}#L{line}\"
    vcs: git
";
    assert_eq!(
        check(config, &[]),
        "vanity.yaml: ok, 1 module on example.com\n"
    );
    let server = Server::start(config);
    let page = server.get("/portmidi/sub?go-get=1");
    assert_eq!(page.header("cache-control"), Some("public, max-age=3600"));
    assert_eq!(
        go_import(&server, "/portmidi/sub"),
        "tonybai.com/portmidi git https://github.com/rakyll/portmidi"
    );
    assert_eq!(
        meta(&server, "/portmidi", "go-source").unwrap(),
        "tonybai.com/portmidi https://github.com/rakyll/portmidi \
         https://github.com/rakyll/portmidi/tree/master{/dir} \
         https://github.com/rakyll/portmidi/blob/master{/dir}/{file}#L{line}"
    );
}

#[test]
fn example_passes_check_and_serves() {
    let file = repository_file("vanity.yaml.example");
    let text = fs::read_to_string(&file).unwrap();
    let server = Server::start(&text);
    for (path, content) in [
        (
            "/gowechat",
            "tonybai.com/gowechat git https://github.com/bigwhite/gowechat",
        ),
        (
            "/x/experiments",
            "tonybai.com/x/experiments git https://github.com/bigwhite/experiments",
        ),
    ] {
        assert_eq!(go_import(&server, path), content);
    }
    let said = accepted(
        file.parent().unwrap(),
        &["-host", "example.com", "-config", "vanity.yaml.example"],
    );
    assert_eq!(said, "vanity.yaml.example: ok, 2 modules on example.com\n");
}

/// Every example is valid, uncommented alone and all at once.
#[test]
fn commented_examples_are_valid() {
    let text = fs::read_to_string(repository_file("vanity.yaml.example")).unwrap();
    // `# Prose`, `#key: example` or `#  indented: example`.
    let example = |line: &str| {
        let rest = line.strip_prefix('#')?;
        let is_prose = rest.is_empty() || (rest.starts_with(' ') && !rest.starts_with("  "));
        (!is_prose).then(|| rest.to_owned())
    };
    let all: Vec<_> = text
        .lines()
        .map(|line| example(line).unwrap_or_else(|| line.to_owned()))
        .collect();
    let said = check(&all.join("\n"), &[]);
    assert_eq!(
        said,
        "vanity.yaml: ok, 6 modules on example.com, 1 on go.example.org\n"
    );
    // A group ends at the next line that is not an example.
    let lines: Vec<_> = text.lines().collect();
    for group in lines.chunk_by(|a, b| example(a).is_some() == example(b).is_some()) {
        let Some(start) = group.first().filter(|line| example(line).is_some()) else {
            continue;
        };
        let uncommented: Vec<_> = group.iter().filter_map(|line| example(line)).collect();
        let config = format!("{SEED}{}\n", uncommented.join("\n"));
        assert!(
            check(&config, &["-host", "tonybai.com"]).contains("ok, "),
            "{start}"
        );
    }
    // It contains every key.
    for key in [
        "host",
        "cache_max_age",
        "docs",
        "index",
        "paths",
        "repo",
        "vcs",
        "subdir",
        "display",
        "forge",
        "branch",
        "description",
        "hidden",
    ] {
        let there = all
            .iter()
            .any(|line| line.trim_start().starts_with(&format!("{key}:")));
        assert!(there, "{key}");
    }
}

/// Text that YAML would read as a number or a boolean stays text.
#[test]
fn text_is_taken_as_written() {
    for branch in ["1.10", "0x10", "1e3", "2024", "0o17", "007", "true", "no"] {
        let config = format!("/a:\n  repo: https://github.com/example/a\n  branch: {branch}\n");
        let source = meta(&Server::start(&config), "/a", "go-source").unwrap();
        let directory = format!("https://github.com/example/a/tree/{branch}{{/dir}}");
        assert_eq!(source.split(' ').nth(2), Some(&*directory), "{branch}");
    }
    for description in [
        "2024",
        "true",
        "1.10",
        "0x10",
        "1e3",
        "-.inf",
        "No",
        "2024-01-02",
    ] {
        let config = format!("/a:\n  repo: https://h.example/a\n  description: {description}\n");
        let list = Server::start(&config).get("/").body;
        assert!(
            list.contains(&format!(">{description}<")),
            "{description}: {list}"
        );
    }
}

#[test]
fn null_means_the_default() {
    for null in ["", " ~", " null"] {
        let mut config = "/a:\n  repo: https://github.com/example/a\n".to_owned();
        for key in [
            "vcs",
            "subdir",
            "display",
            "forge",
            "branch",
            "docs",
            "description",
            "hidden",
        ] {
            config.push_str(&format!("  {key}:{null}\n"));
        }
        let plain = Server::start("/a:\n  repo: https://github.com/example/a\n");
        let server = Server::start(&config);
        for path in ["/", "/a?go-get=1"] {
            assert_eq!(server.get(path).body, plain.get(path).body, "{path}");
        }
    }
}

#[test]
fn forge_hosts_are_case_insensitive() {
    let config = "\
/a:
  repo: https://GitHub.com/example/a
/b:
  repo: https://HG.sr.ht/~example/b
/c:
  repo: https://Git.Sr.HT/~example/c
";
    let server = Server::start(config);
    assert_eq!(
        meta(&server, "/a", "go-source").unwrap(),
        "tonybai.com/a https://GitHub.com/example/a \
         https://GitHub.com/example/a/tree/HEAD{/dir} \
         https://GitHub.com/example/a/blob/HEAD{/dir}/{file}#L{line}"
    );
    assert_eq!(
        go_import(&server, "/b"),
        "tonybai.com/b hg https://HG.sr.ht/~example/b"
    );
    assert!(
        meta(&server, "/c", "go-source")
            .unwrap()
            .contains("/tree/HEAD{/dir}")
    );
}

/// cgit's URLs keep the `.git` that other forges drop.
#[test]
fn cgit_links_keep_the_suffix() {
    let source = |forge: &str| {
        let config = format!("/a:\n  repo: https://h.example/team/a.git\n  forge: {forge}\n");
        meta(&Server::start(&config), "/a", "go-source").unwrap()
    };
    assert_eq!(
        source("cgit"),
        "tonybai.com/a https://h.example/team/a.git \
         https://h.example/team/a.git/tree{/dir} \
         https://h.example/team/a.git/tree{/dir}/{file}#n{line}"
    );
    assert!(source("gogs").starts_with("tonybai.com/a https://h.example/team/a "));
}

#[test]
fn hosts_in_every_key_need_no_flag() {
    let config =
        "go.example.org/a:\n  repo: https://h.example/a\nb.example:\n  repo: https://h.example/b\n";
    assert_eq!(
        check(config, &[]),
        "vanity.yaml: ok, 1 module on go.example.org, 1 on b.example\n"
    );
}

#[test]
fn a_forge_may_live_on_the_same_host() {
    for repo in [
        "https://tonybai.com/forge/a",
        "https://tonybai.com/a.git",
        "https://tonybai.com:3000/a",
        "http://tonybai.com:443/a/b",
        "ssh://git@tonybai.com/a",
    ] {
        let file = format!("host: tonybai.com\n/a:\n  repo: {repo}\n");
        let said = check(&file, &[]);
        assert!(
            said.starts_with("vanity.yaml: ok, 1 module on tonybai.com\n"),
            "{said}"
        );
    }
}

#[test]
fn empty_text_is_as_good_as_an_absent_key() {
    let settings = [
        "host",
        "cache_max_age",
        "docs",
        "index",
        "redirect",
        "title",
    ];
    let keys = [
        "vcs",
        "subdir",
        "display",
        "forge",
        "branch",
        "docs",
        "description",
        "hidden",
        "redirect",
        "proxy",
    ];
    let mut config = String::new();
    for key in settings {
        config.push_str(&format!("{key}: \"\"\n"));
    }
    config.push_str("/a:\n  repo: https://github.com/a/b\n");
    let bare = config.clone();
    for key in keys {
        config.push_str(&format!("  {key}: ''\n"));
    }
    let (server, without) = (Server::start(&config), Server::start(&bare));
    for path in ["/a?go-get=1", "/a/b", "/"] {
        assert_eq!(server.get(path).body, without.get(path).body, "{path}");
    }
}

/// A row of Go's own tests: a module proxy made of the raw files of a repository.
#[test]
fn module_proxy_may_be_raw_files_or_below_the_module() {
    let raw = "https://raw.githubusercontent.com/a/modproxy/main";
    let gitlab = "https://gitlab.com/a/modproxy/-/raw/main";
    let config = format!(
        "/a: {{vcs: mod, repo: {raw}}}\n/b: {{repo: https://github.com/a/b, proxy: {gitlab}}}\n\
         /c: {{vcs: mod, repo: https://tonybai.com/c}}\n\
         /d: {{vcs: mod, repo: https://tonybai.com/d/proxy}}\n"
    );
    let server = Server::start(&config);
    for (path, content) in [
        ("/a", format!("tonybai.com/a mod {raw}")),
        ("/c", "tonybai.com/c mod https://tonybai.com/c".to_owned()),
        (
            "/d",
            "tonybai.com/d mod https://tonybai.com/d/proxy".to_owned(),
        ),
    ] {
        assert_eq!(go_import(&server, path), content);
    }
    let page = server.get("/b?go-get=1").body;
    assert!(
        page.contains(&format!("tonybai.com/b mod {gitlab}")),
        "{page}"
    );
}
