//! `govanityurls convert`: the program serves the converted file as sally and vangen serve the
//! original, and pages lead back to the modules that they are of.
//!
//! The expected tags are those of the two tools' templates.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, Output};

use crate::lab::{Lab, Scheme, enter};
use crate::support::{self, Server, program};
use govanityurls::Config;
use govanityurls::internal::{Module, ModuleDocs};

fn convert(name: &str, text: &str) -> Output {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join(name), text).unwrap();
    program()
        .args(["convert", name])
        .current_dir(directory.path())
        .output()
        .unwrap()
}

pub(super) fn converted(name: &str, text: &str) -> String {
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
pub(super) fn serve(config: &str) -> (Server, tempfile::TempDir) {
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
fn converted_sally_serves_the_same_tags() {
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
fn converted_vangen_serves_the_same_tags() {
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
            // As vangen's, the page stays, and links to the documentation.
            assert_eq!(tag(&server, &asked, "refresh"), None);
            let (host, path) = asked.split_at(asked.find('/').unwrap());
            let page = server.request("GET", path, &[("host", host)]);
            assert!(
                page.body.contains(&format!("<a href=\"{docs}\">")),
                "{asked}: {}",
                page.body
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
fn content_decides_the_kind_not_the_name() {
    assert!(converted("vanity.yaml", SALLY).contains("uber-go/sally"));
    let in_yaml = "domain: go.example.org\nrepositories:\n- {url: https://h.example/a}\n";
    assert!(converted("x", in_yaml).contains("4d63.com/vangen"));
    // The index is off by default.
    assert!(converted("x", in_yaml).contains("\nindex: none\n"));
    assert!(!converted("x", VANGEN).contains("index"));
}

#[test]
fn quotes_values_that_are_special_to_yaml() {
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
        "url: go.example.org\npackages:\n  x/*: {repo: h.example/a}\n",
        "url: go.example.org\npackages:\n  a: {repo: h.example/a}\n  a: {repo: h.example/a}\n",
        "url: localhost\npackages:\n  a: {repo: h.example/a}\n",
        "packages:\n  a: {repo: h.example/a}\n",
        "url: go.example.org\npackages:\n  a: {repo: h.example/a\n",
        "url: go.example.org\n---\npackages: {}\n",
        "{\"domain\": \"go.example.org\"}",
        "{\"domain\": \"go.example.org\", \"repositories\": []}",
        "{\"domain\": \"go.example.org\", \"repositories\": {}}",
        "{\"repositories\": [{\"url\": \"https://h.example/a\"}]}",
        "{\"domain\": \"\", \"repositories\": [{\"url\": \"https://h.example/a\"}]}",
        "{\"domain\": \"go.example.org\", \"repositories\": [{\"prefix\": \"a\"}]}",
        "{\"domain\": \"go.example.org\", \"repositories\": [{\"url\": \"h.example/a\"}]}",
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

/// Runs convert in a directory; returns its status, output and messages.
pub(super) fn run(directory: &Path, from: &[&str]) -> (Option<i32>, String, String) {
    let output = program()
        .arg("convert")
        .args(from)
        .current_dir(directory)
        .output()
        .unwrap();
    (
        output.status.code(),
        String::from_utf8(output.stdout).unwrap(),
        String::from_utf8(output.stderr).unwrap(),
    )
}

#[test]
fn unreadable_input_is_explained() {
    let directory = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(directory.path().join(name), text).unwrap();
    write("sally.yaml", SALLY);
    write(
        "page.html",
        "<meta name=\"go-import\" content=\"h.example/a git https://g.example/a\">",
    );
    fs::create_dir(directory.path().join("empty")).unwrap();
    fs::create_dir(directory.path().join("-")).unwrap();
    let (_, _, said) = run(directory.path(), &["-"]);
    assert!(said.contains("standard input"), "{said}");
    assert_eq!(run(directory.path(), &[]).0, Some(2));
    for (from, why) in [
        (
            &["/nowhere/sally.yaml"][..],
            "/nowhere/sally.yaml: there is no such file\n  hint: name",
        ),
        (&["sally.yml"], "sally.yml: there is no such file\n"),
        (&["./h.example/a"], "there is no such file\n"),
        (&["name"], "an import path such as `example.com/name`"),
        (
            &["localhost:8080/a"],
            "write http://localhost:8080/a or https://localhost:8080/a",
        ),
        (
            &["h.example/a@v1.2.3"],
            "an import path has no version\n  hint: write `h.example/a`",
        ),
        (&["git@h.example:a/b"], "it is a repository"),
        (
            &["empty"],
            "empty: there is no page with a go-import tag in it",
        ),
        (&["/proc/self/mem/x"], "there is no such file"),
    ] {
        let (status, out, said) = run(directory.path(), from);
        assert_eq!((status, &*out), (Some(1), ""), "{from:?}: {said}");
        assert!(said.contains(why) && said.len() < 300, "{from:?}: {said}");
    }
    let (status, out, said) = run(directory.path(), &["page.html", "sally.yaml"]);
    assert_eq!(status, Some(1));
    assert_eq!(
        said,
        "sally.yaml: a file that is not HTML is converted alone\n"
    );
    assert!(out.contains("\n/a:\n"), "{out}");
}

#[test]
fn one_bad_entry_does_not_cost_the_others() {
    let in_sally = |entry: &str| {
        format!("url: go.example.org\npackages:\n  good: {{repo: h.example/good}}\n  {entry}\n")
    };
    let in_vangen = |entry: &str| {
        format!(
            "{{\"domain\": \"go.example.org\", \"repositories\": [{{\"prefix\": \"good\", \
             \"url\": \"https://h.example/good\"}}, {entry}]}}"
        )
    };
    for (text, why) in [
        (
            in_sally("bad: {repo: 'git@github.com:acme/bad.git'}"),
            "packages.bad: `git@github.com:acme/bad.git` is not a valid repository URL: it is \
             the scp form, which only git reads; write `ssh://git@github.com/acme/bad.git`",
        ),
        (
            in_sally("bad: {repo: 'ssh://git@github.com:acme/bad.git'}"),
            "write `ssh://git@github.com/acme/bad.git`",
        ),
        (in_sally("bad:"), "packages.bad: it has no `repo`"),
        (in_sally("bad: [x]"), "packages.bad: it has no `repo`"),
        (
            in_sally("bad: {vcs: git}"),
            "packages.bad: it has no `repo`",
        ),
        (
            in_sally("bad: {repo: [x]}"),
            "packages.bad: `repo` is a list",
        ),
        (in_sally("b/../c: {repo: h.example/c}"), "Go rejects"),
        (in_sally("good/: {repo: h.example/c}"), "is given twice"),
        (in_sally("x/*: {repo: h.example/c}"), "has a `*`"),
        (
            in_sally("bad: {repo: h.example/a, vcs: cvs}"),
            "unknown vcs",
        ),
        (
            in_vangen("{\"prefix\": \"bad\"}"),
            "repositories[1]: it has no `url`",
        ),
        (
            in_vangen("{\"prefix\": 5, \"url\": \"https://h.example/b\"}"),
            "repositories[1]: `prefix` is not a text",
        ),
        (
            in_vangen("{\"prefix\": \"bad\", \"url\": \"git@h.example:a/b\"}"),
            "write `ssh://git@h.example/a/b`",
        ),
        (in_vangen("null"), "repositories[1]: it has no `url`"),
    ] {
        let output = convert("other.file", &text);
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{text}: {said}");
        assert!(
            said.starts_with("other.file: ") && said.contains(why),
            "{text}: {said}"
        );
        let out = String::from_utf8(output.stdout).unwrap();
        let is_note = |line: &str| line.starts_with("# ") && line.contains(why);
        assert!(out.lines().any(is_note), "{text}: {out}");
        let (server, _directory) = serve(&out);
        assert_eq!(
            tag(&server, "go.example.org/good", "go-import").unwrap(),
            "go.example.org/good git https://h.example/good"
        );
    }
}

#[test]
fn domains_with_a_scheme_and_bad_settings_are_understood() {
    for text in [
        "url: https://go.example.org/\ngodoc: {host: a b}\npackages:\n  a: {repo: h.example/a}\n",
        "{\"domain\": \"https://go.example.org\", \"docsDomain\": \"a b\", \"repositories\": \
         [{\"prefix\": \"a\", \"url\": \"https://h.example/a\", \"type\": \"git\"}]}",
    ] {
        let out = converted("x", text);
        assert!(out.contains("# docs is left out: "), "{out}");
        let (server, _directory) = serve(&out);
        assert_eq!(
            tag(&server, "go.example.org/a", "go-import").unwrap(),
            "go.example.org/a git https://h.example/a"
        );
    }
}

#[test]
fn keys_of_json_have_any_case() {
    let mixed = "{\"Domain\":\"example.com\",\"docsdomain\":\"docs.example\",\"INDEX\":true,\
        \"Repositories\":[{\"Prefix\":\"foo\",\"Subs\":[\"bar\"],\"URL\":\"https://h.example/foo\",\
        \"Type\":\"hg\",\"HIDDEN\":true,\"Website\":{\"URL\":\"https://foo.example.net\"},\
        \"\u{17f}ource\":{\"Home\":\"https://h.example/\",\"DIR\":\"_\",\"file\":\"_\"},\"Colour\":1}]}";
    let out = converted("mixed.json", mixed);
    let module = "host: example.com\ndocs: https://docs.example\nredirect: false\n\n/foo:\n  \
        repo: https://h.example/foo\n  vcs: hg\n  display: https://h.example/ _ _\n  \
        docs: https://foo.example.net\n  hidden: true\n  # `Colour`: not a key of vangen, left out\n";
    assert!(out.contains(module), "{out}");
}

#[test]
fn input_without_end_is_read_in_part() {
    let directory = tempfile::tempdir().unwrap();
    let write = |name: &str, bytes: &[u8]| {
        fs::write(directory.path().join(name), bytes).unwrap();
    };
    let start = "<meta name=\"go-import\" content=\"h.example/a git https://g.example/a\"></head>";
    write("large.html", start.as_bytes());
    let large = fs::File::options()
        .append(true)
        .open(directory.path().join("large.html"));
    large.unwrap().set_len(100 << 20).unwrap();
    let (status, out, _) = run(directory.path(), &["large.html"]);
    assert_eq!(status, Some(0));
    assert!(out.contains("\n/a:\n"), "{out}");

    let tags = |tag: fn(usize) -> String| -> String {
        let tags = (0..10_000).map(tag);
        tags.map(|tag| format!("<meta name=go-import content=\"{tag}\">"))
            .collect()
    };
    let many = tags(|n| format!("h.example/m{n} git https://g.example/a"));
    write("many.html", many.as_bytes());
    let (status, out, said) = run(directory.path(), &["many.html"]);
    assert_eq!((status, &*said), (Some(0), ""));
    assert_eq!(meanings(&out).len(), 10_000);
    let many = tags(|n| format!("h.example/m git https://g.example/{n}"));
    write("same.html", many.as_bytes());
    let (status, out, _) = run(directory.path(), &["same.html"]);
    assert_eq!(status, Some(0));
    assert_eq!(out.matches("a second go-import tag").count(), 3, "{out}");

    write("sparse.yaml", b"url: go.example.org\n");
    let large = fs::File::options()
        .append(true)
        .open(directory.path().join("sparse.yaml"));
    large.unwrap().set_len(100 << 20).unwrap();
    write("binary", &[0x7f, b'E', b'L', b'F', 0, 0xff, 0xfe]);
    write(
        "long.yaml",
        format!("packages: [{}]", "1,".repeat(3 << 20)).as_bytes(),
    );
    write(
        "deep.yaml",
        format!("packages: {}", "[".repeat(1 << 20)).as_bytes(),
    );
    for (name, why) in [
        ("sparse.yaml", "it is larger than 16 MiB"),
        ("binary", "it is not UTF-8 text"),
        ("long.yaml", "it has more than 4 MiB"),
        ("deep.yaml", "nested deeper than 64 levels"),
    ] {
        let (status, out, said) = run(directory.path(), &[name]);
        assert_eq!((status, &*out), (Some(1), ""), "{said}");
        assert!(said.contains(why) && said.len() < 200, "{said}");
    }
}

const PAGES: &str = "\
host: tonybai.com
docs: https://docs.example/go
/gowechat:
  repo: https://github.com/bigwhite/gowechat
  description: For <WeChat> & \"more\"
/gowechat/sdk:
  repo: https://git.example.com/team/sdk.git
  forge: forgejo
  branch: release/1.0
/x/experiments:
  repo: https://gitlab.com/bigwhite/experiments
  subdir: go
  docs: none
/x/y:
  repo: https://hg.example.com/y
  vcs: hg
  display: https://h.example/y https://h.example/y/d{/dir} https://h.example/y/{file}?{line}
  docs: https://y.example.com/
/proxied:
  repo: https://proxy.example.com
  vcs: mod
/hidden:
  repo: https://code.example.com/hidden
  hidden: true
/stays:
  repo: https://gitea.example.com/team/stays
  branch: main-line
  redirect: false
  proxy: https://goproxy.example.com
/stays/elsewhere:
  repo: https://code.example.com/tonybai.com/stays/elsewhere
  redirect: false
  docs: https://docs.example.com/elsewhere
tonybai.com/:
  repo: ssh://git@git.example.com/root
vanity.example/z:
  repo: https://codeberg.org/z/z
vanity.example/:
  repo: https://svn.example.com/z
  vcs: svn
/team/*:
  repo: https://hg.sr.ht/~team/*
vanity.example/x/*:
  repo: https://git.example.com/a&b/*.git
  vcs: hg
";

/// Returns what the modules of a file mean, by import path.
fn meanings(text: &str) -> BTreeMap<String, String> {
    let config = Config::parse("vanity.yaml", text, None).unwrap();
    let default = config.host.unwrap();
    let meaning = |module: Module| {
        let host = module.key.host.as_ref().unwrap_or(&default);
        let star = if module.key.pattern { "/*" } else { "" };
        let path = format!("{host}{}{star}", module.key.path);
        let docs = match &module.docs {
            ModuleDocs::OnSite => config.docs.as_ref().map(|site| format!("{site}/{path}")),
            ModuleDocs::At(url) => Some(url.to_string()),
            ModuleDocs::None => None,
        };
        let redirects = docs.is_some() && module.redirect.unwrap_or(config.redirect);
        let rest = (module.description.as_deref(), &module.proxy, redirects);
        let rest = (rest, module.hidden);
        let source = module.source();
        let meaning = format!(
            "{} {} {:?} {source:?} {docs:?} {rest:?}",
            module.vcs, module.repo, module.subdir
        );
        (path, meaning)
    };
    config.modules.into_iter().map(meaning).collect()
}

#[test]
fn export_round_trips() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("vanity.yaml"), PAGES).unwrap();
    let export = program()
        .args(["export", "-out", "site"])
        .current_dir(directory.path())
        .output()
        .unwrap();
    assert!(export.status.success(), "{export:?}");
    let (status, out, said) = run(directory.path(), &["site"]);
    assert_eq!((status, &*said), (Some(0), ""));
    assert_eq!(meanings(&out), meanings(PAGES), "{out}");
    let (_server, _directory) = serve(&out);
}

#[test]
fn directories_of_any_pages_are_read() {
    let directory = tempfile::tempdir().unwrap();
    let public = directory.path().join("public");
    let write = |name: &str, text: &str| {
        let file = public.join(name);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, text).unwrap();
    };
    let tag = |path: &str| {
        format!("<meta name=go-import content=\"h.example{path} git https://g.example{path}\">")
    };
    write("b/index.html", &tag("/b"));
    // The path of its own page decides, not the order.
    write(
        "b/a/index.html",
        &tag("/b").replace("g.example", "old.example"),
    );
    write("A.HTM", &tag("/A").replace("go-import", "'go-import'"));
    write("post/index.html", "<p>A blog");
    write("post/tag.txt", &tag("/text"));
    write("huge.html", &("<p>".repeat(1 << 20) + &tag("/huge")));
    write(
        "bad.html",
        &format!("<script>if (a < b)</script>{}", tag("/bad")),
    );
    write("latin1.html", &tag("/latin1"));
    let latin1 = [tag("/latin1").as_bytes(), b"<title>\xe9"].concat();
    fs::write(public.join("latin1.html"), latin1).unwrap();
    symlink(".", public.join("loop")).unwrap();
    symlink("nowhere.html", public.join("dangling.html")).unwrap();
    symlink("../../public", public.join("b/up")).unwrap();
    let fifo = public.join("pipe.html");
    assert!(Command::new("mkfifo").arg(fifo).status().unwrap().success());
    let (status, out, said) = run(directory.path(), &["public"]);
    assert_eq!(status, Some(1));
    assert_eq!(
        said,
        "public/bad.html: the go command cannot read the page: XML syntax error on line 1: \
         expected element name after <\n\
         public/dangling.html: No such file or directory (os error 2)\n"
    );
    insta::assert_snapshot!(out);
    let again = run(directory.path(), &["public"]);
    assert_eq!(again.1, out);
    let (_server, _directory) = serve(&out);
    // One file, and a glob.
    let (status, out, _) = run(directory.path(), &["public/b/index.html"]);
    assert_eq!(status, Some(0));
    assert!(out.contains("\n/b:\n"), "{out}");
    let (_, out, _) = run(directory.path(), &["public/A.HTM", "public/b/index.html"]);
    assert!(out.contains("\n/A:\n") && out.contains("\n/b:\n"), "{out}");
    assert!(
        out.starts_with("# Converted from public/A.HTM and 1 more, 2 pages"),
        "{out}"
    );
}

#[test]
fn import_paths_are_looked_up() {
    let server = Server::start(PAGES);
    let url = |path: &str| format!("http://{}{path}", server.addr);
    let names = [
        url("/gowechat"),
        url("/gowechat/mp/deep"),
        url("/gowechat/sdk?tab=doc#x"),
        url("/gowechatt"),
        url("/hidden/"),
        "no-such-host.invalid/a".to_owned(),
    ];
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    let directory = tempfile::tempdir().unwrap();
    let (status, out, said) = run(directory.path(), &names);
    assert_eq!(status, Some(1), "{said}");
    // A path that the module at the root of the host answers for.
    let expected = [
        "tonybai.com",
        "tonybai.com/gowechat",
        "tonybai.com/gowechat/sdk",
        "tonybai.com/hidden",
    ];
    let mut all = meanings(PAGES);
    all.retain(|path, _| expected.contains(&&**path));
    assert_eq!(meanings(&out), all, "{out}");
    assert_eq!(
        said,
        "no-such-host.invalid/a: DNS has no address for no-such-host.invalid\n"
    );
    let (_server, _directory) = serve(&out);

    let server = Server::start(support::SEED);
    let missing = format!("http://{}/gowechatt", server.addr);
    let (status, out, said) = run(directory.path(), &[&missing]);
    assert_eq!((status, &*out), (Some(1), ""));
    assert_eq!(
        said,
        format!(
            "{missing}: {missing}?go-get=1 answers 404 Not Found: no module at \
             tonybai.com/gowechatt; did you mean tonybai.com/gowechat?\n"
        )
    );
}

#[test]
#[ignore = "needs nginx and openssl; tests/run runs it"]
fn live_look_ups_use_https_and_follow_redirects() {
    enter(|mut lab| {
        lab.govanityurls(PAGES, &["-listen", "127.0.0.1:8080"]);
        let pass = "location / { proxy_pass http://127.0.0.1:8080; proxy_set_header Host $host; }";
        let hosts = [
            ("tonybai.com", pass),
            ("vanity.example", pass),
            ("www.example", "return 301 https://tonybai.com$request_uri;"),
            (
                "plain.example",
                "return 301 http://tonybai.com$request_uri;",
            ),
        ];
        lab.nginx(Scheme::Https, &hosts);
        let convert = |lab: &Lab, from: &[&str]| {
            let mut command = program();
            command
                .env("SSL_CERT_FILE", lab.ca())
                .env("SSL_CERT_DIR", "/nowhere");
            let output = command.arg("convert").args(from).output().unwrap();
            let said = String::from_utf8(output.stderr).unwrap();
            (String::from_utf8(output.stdout).unwrap(), said)
        };
        let mut all = meanings(PAGES);
        all.retain(|path, _| !path.contains('*'));
        let paths: Vec<_> = all.keys().map(String::as_str).collect();
        let (out, said) = convert(&lab, &paths);
        assert_eq!(said, "");
        assert_eq!(meanings(&out), all);
        let (out, said) = convert(&lab, &["www.example/x/y", "https://plain.example/x/y"]);
        assert!(
            out.contains("host: tonybai.com\n") && out.contains("\n/x/y:\n"),
            "{out}"
        );
        assert!(
            said.contains("does not follow redirects from https to http"),
            "{said}"
        );
    });
}
