//! `govanityurls convert`: the program serves the converted file as sally and vangen serve the
//! original.
//!
//! The expected tags are those of the two tools' templates.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::fs;
use std::process::Output;

use support::{Server, program};

fn convert(name: &str, text: &str) -> Output {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join(name), text).unwrap();
    program()
        .args(["convert", name])
        .current_dir(directory.path())
        .output()
        .unwrap()
}

fn converted(name: &str, text: &str) -> String {
    let output = convert(name, text);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{stderr}");
    assert_eq!(stderr, "");
    String::from_utf8(output.stdout).unwrap()
}

fn refused(text: &str) -> String {
    let output = convert("other.file", text);
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{text}: {stderr}");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "", "{text}");
    stderr
}

/// Serves the output of `convert` without -host: the file must name the host.
fn serve(config: &str) -> (Server, tempfile::TempDir) {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("vanity.yaml"), config).unwrap();
    let checked = program()
        .arg("check")
        .current_dir(directory.path())
        .output()
        .unwrap();
    assert!(checked.status.success(), "{checked:?}");
    let mut command = program();
    command
        .current_dir(directory.path())
        .args(["-listen", "127.0.0.1:0"]);
    (Server::spawn(command), directory)
}

/// Returns the content of a tag of the page for an import path.
fn tag(server: &Server, import_path: &str, name: &str) -> Option<String> {
    let (host, path) = import_path.split_at(import_path.find('/').unwrap());
    let page = server.request("GET", &format!("{path}?go-get=1"), &[("host", host)]);
    assert_eq!(page.status, 200, "{import_path}");
    let attribute = match name {
        "refresh" => "http-equiv",
        _ => "name",
    };
    let start = format!("<meta {attribute}=\"{name}\" content=\"");
    let (_, content) = page.body.split_once(&start)?;
    Some(content.split('"').next().unwrap().to_owned())
}

const SALLY: &str = "\
# Comments are for people.
url: go.example.org
godoc:
  host: https://docs.example.org/
packages:
  zap:
    repo: github.com/team/zap-go
    description: >
      Structured, leveled logs:
      fast # really
  net/metrics:
    repo: git.example.org/team/metrics.git
    branch: \"1.10\"
  full:
    repo: https://git.example.org/full
  looks-like-hg:
    repo: hg.sr.ht/~team/r
  old:
    repo: svn.example.org/old
    vcs: svn
  alt:
    url: alt.example.org/go
    repo: github.com/team/alt
    doc_url: docs.example.com/alt
    doc_badge: img.example.com/alt.svg
    license: MIT
custom: 1
";

#[test]
fn sally_is_served_alike() {
    let (server, _directory) = serve(&converted("sally.yaml", SALLY));
    // Per package: its path, and the rest of go-import in sally's template.
    for (path, import) in [
        ("go.example.org/zap", "git https://github.com/team/zap-go"),
        (
            "go.example.org/net/metrics",
            "git https://git.example.org/team/metrics.git",
        ),
        ("go.example.org/full", "git https://git.example.org/full"),
        (
            "go.example.org/looks-like-hg",
            "git https://hg.sr.ht/~team/r",
        ),
        ("go.example.org/old", "svn https://svn.example.org/old"),
        ("alt.example.org/go/alt", "git https://github.com/team/alt"),
    ] {
        for below in ["", "/sub/package"] {
            let asked = format!("{path}{below}");
            assert_eq!(
                tag(&server, &asked, "go-import").unwrap(),
                format!("{path} {import}")
            );
            let docs = match path.starts_with("alt.") {
                true => "https://docs.example.com/alt".to_owned(),
                false => format!("https://docs.example.org/{asked}"),
            };
            assert_eq!(
                tag(&server, &asked, "refresh").unwrap(),
                format!("0; url={docs}")
            );
        }
    }
    assert_eq!(
        tag(&server, "go.example.org/zap", "go-source").unwrap(),
        "go.example.org/zap https://github.com/team/zap-go \
         https://github.com/team/zap-go/tree/HEAD{/dir} \
         https://github.com/team/zap-go/blob/HEAD{/dir}/{file}#L{line}"
    );
}

const VANGEN: &str = r##"{
  "domain": "go.example.org",
  "docsDomain": "docs.example.org",
  "index": true,
  "theme": "dark",
  "repositories": [
    {"prefix": "short", "url": "https://github.com/team/short",
     "subs": ["cmd/x", {"name": "internal", "hidden": true}]},
    {"prefix": "with-git", "url": "https://gitlab.com/team/with.git", "main": true},
    {"prefix": "same", "url": "https://github.com/team/same", "source": {
      "home": "https://github.com/team/same",
      "dir": "https://github.com/team/same/tree/HEAD{/dir}",
      "file": "https://github.com/team/same/blob/HEAD{/dir}/{file}#L{line}"}},
    {"prefix": "own/v2", "url": "https://git.example.org/own", "type": "hg", "source": {
      "home": "https://git.example.org/own",
      "dir": "https://git.example.org/own/browse{/dir}",
      "file": "https://git.example.org/own/show{/dir}/{file}#L{line}"},
     "website": {"url": "https://www.example.org/own"}},
    {"prefix": "half", "url": "https://git.example.org/half", "type": "git",
     "source": {"home": "https://git.example.org/half"}},
    {"prefix": "", "url": "https://svn.example.org/root", "type": "svn", "hidden": true}
  ]
}
"##;

#[test]
fn vangen_is_served_alike() {
    let (server, _directory) = serve(&converted("vangen.json", VANGEN));
    // Per repository: prefix, the rest of vangen's go-import and go-source, and the home page it
    // links to.
    for (prefix, import, source, home) in [
        (
            "/short",
            "git https://github.com/team/short",
            Some(
                "https://github.com/team/short https://github.com/team/short/tree/master{/dir} \
                 https://github.com/team/short/blob/master{/dir}/{file}#L{line}",
            ),
            None,
        ),
        (
            "/with-git",
            "git https://gitlab.com/team/with.git",
            Some(
                "https://gitlab.com/team/with.git \
                 https://gitlab.com/team/with.git/tree/master{/dir} \
                 https://gitlab.com/team/with.git/blob/master{/dir}/{file}#L{line}",
            ),
            None,
        ),
        (
            "/same",
            "git https://github.com/team/same",
            Some(
                "https://github.com/team/same https://github.com/team/same/tree/HEAD{/dir} \
                 https://github.com/team/same/blob/HEAD{/dir}/{file}#L{line}",
            ),
            None,
        ),
        (
            "/own/v2",
            "hg https://git.example.org/own",
            Some(
                "https://git.example.org/own https://git.example.org/own/browse{/dir} \
                 https://git.example.org/own/show{/dir}/{file}#L{line}",
            ),
            Some("https://www.example.org/own"),
        ),
        (
            "/half",
            "git https://git.example.org/half",
            Some("https://git.example.org/half _ _"),
            None,
        ),
        // vangen writes `_ _ _` here, which carries no information.
        ("", "svn https://svn.example.org/root", None, None),
    ] {
        for below in ["", "/cmd/x"] {
            let path = format!("go.example.org{prefix}");
            let asked = match path.contains('/') || !below.is_empty() {
                true => format!("{path}{below}"),
                false => format!("{path}/"),
            };
            assert_eq!(
                tag(&server, &asked, "go-import").unwrap(),
                format!("{path} {import}")
            );
            assert_eq!(
                tag(&server, &asked, "go-source"),
                source.map(|source| format!("{path} {source}"))
            );
            let docs = match home {
                Some(home) => home.to_owned(),
                None => format!("https://docs.example.org/{}", asked.trim_end_matches('/')),
            };
            assert_eq!(
                tag(&server, &asked, "refresh").unwrap(),
                format!("0; url={docs}")
            );
        }
    }
}

#[test]
fn what_is_printed() {
    insta::assert_snapshot!("convert_sally", converted("sally.yaml", SALLY));
    insta::assert_snapshot!("convert_vangen", converted("vangen.json", VANGEN));
}

#[test]
fn the_content_tells_the_kind_not_the_name() {
    assert!(converted("vanity.yaml", SALLY).contains("uber-go/sally"));
    let in_yaml = "domain: go.example.org\nrepositories:\n- {url: https://h.example/a}\n";
    assert!(converted("x", in_yaml).contains("4d63.com/vangen"));
    // The index is off by default.
    assert!(converted("x", in_yaml).contains("\nindex: none\n"));
    assert!(!converted("x", VANGEN).contains("index"));
}

#[test]
fn values_that_mean_something_to_yaml_are_quoted() {
    for value in [
        "- a",
        "a: b",
        "# a",
        "yes",
        "1.10",
        "null",
        "*a",
        "\u{1F980}é",
        "'",
        "\"",
    ] {
        let json = value.replace('"', "\\\"");
        let sally = format!(
            "{{\"url\": \"go.example.org\", \"packages\": {{\"1.5\": {{\"repo\": \
             \"h.example/a\", \"description\": \"{json}\", \"doc_badge\": \"{json}\\nb: c\"}}}}}}"
        );
        let (server, _directory) = serve(&converted("x", &sally));
        let page = server.request("GET", "/1.5", &[("host", "go.example.org")]);
        let escaped = value.replace('\'', "&#39;").replace('"', "&#34;");
        assert!(page.body.contains(&escaped), "{value}: {}", page.body);
    }
}

#[test]
fn bad_files_end_in_one_short_error() {
    let mut out = String::new();
    for text in [
        "",
        "hello",
        "host: go.example.org\n",
        "/a:\n  repo: https://h.example/a\n",
        "paths:\n  /a:\n    repo: https://h.example/a\n",
        "url: go.example.org\n",
        "url: go.example.org\npackages:\n",
        "url: go.example.org\npackages: {}\n",
        "url: go.example.org\npackages: [a]\n",
        "url: go.example.org\npackages:\n  a:\n",
        "url: go.example.org\npackages:\n  a:\n    vcs: git\n",
        "url: go.example.org\npackages:\n  a: {repo: [h.example/a]}\n",
        "url: go.example.org\npackages:\n  a: {repo: \"\"}\n",
        "url: go.example.org\npackages:\n  a: {repo: h.example/a, vcs: cvs}\n",
        "url: go.example.org\npackages:\n  a b: {repo: h.example/a}\n",
        "url: go.example.org\npackages:\n  a: {repo: h.example/a}\n  b/../c: {repo: h.example/c}\n",
        "url: go.example.org\npackages:\n  x/*: {repo: h.example/a}\n",
        "url: go.example.org\npackages:\n  a: {repo: h.example/a}\n  a: {repo: h.example/a}\n",
        "url: go.example.org\npackages:\n  a: {repo: h.example/a}\n  a/: {repo: h.example/a}\n",
        "url: localhost\npackages:\n  a: {repo: h.example/a}\n",
        "packages:\n  a: {repo: h.example/a}\n",
        "url: go.example.org\ngodoc: {host: a b}\npackages:\n  a: {repo: h.example/a}\n",
        "url: go.example.org\npackages:\n  a: {repo: h.example/a\n",
        "url: go.example.org\n---\npackages: {}\n",
        "{\"domain\": \"go.example.org\"}",
        "{\"domain\": \"go.example.org\", \"repositories\": []}",
        "{\"domain\": \"go.example.org\", \"repositories\": {}}",
        "{\"repositories\": [{\"url\": \"https://h.example/a\"}]}",
        "{\"domain\": \"\", \"repositories\": [{\"url\": \"https://h.example/a\"}]}",
        "{\"domain\": \"go.example.org\", \"repositories\": [{\"prefix\": \"a\"}]}",
        "{\"domain\": \"go.example.org\", \"repositories\": [{\"url\": \"h.example/a\"}]}",
        "{\"domain\": \"go.example.org\", \"repositories\": [{\"url\": \"https://h.example/a\", \"subs\": [[]]}]}",
        "{\"domain\": \"go.example.org\", \"index\": \"yes\", \"repositories\": []}",
        "packages: \u{7}",
        "packages: &a [*a]",
    ] {
        let said = refused(text);
        assert!(
            said.len() < 600 && said.starts_with("other.file:"),
            "{said}"
        );
        out.push_str(&format!("=== {}\n{said}\n", text.replace('\n', "\n    ")));
    }
    out.push_str(&refused(&format!("packages: {}", "[".repeat(5000))));
    insta::assert_snapshot!(out);
}

#[test]
fn a_file_must_be_named_and_there() {
    let run = |args: &[&str]| program().args(args).output().unwrap();
    assert_eq!(run(&["convert"]).status.code(), Some(2));
    let output = run(&["convert", "/nowhere/sally.yaml"]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(
        String::from_utf8_lossy(&output.stderr),
        "/nowhere/sally.yaml: there is no such file\n"
    );
}
