//! `govanityurls check`: all errors in one run, several files, standard input, JSON, notes.

use std::fs;
use std::process::Output;

use crate::support::{SEED, program};
use tempfile::TempDir;

/// One error for each kind of place: a setting, a module's key, a value, a module, the whole file.
const BAD: &str = "\
hots: a.example
/a:
  rep: https://h.example/a
/b:
  repo: https://github.com/a
paths:
  /c:
    repo: https://h.example/c
  /d: {repo: 'https://bob:hunter2@h.example/a b'}
/c/:
  repo: https://h.example/c
/e:
  vcs: git
";

fn directory(files: &[(&str, &str)]) -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    for (name, text) in files {
        fs::write(directory.path().join(name), text).unwrap();
    }
    directory
}

fn check(directory: &TempDir, arguments: &[&str], input: &str) -> Output {
    let mut command = program();
    command
        .arg("check")
        .args(["-host", "a.example"])
        .args(arguments)
        .current_dir(directory.path());
    let mut command = assert_cmd::Command::from_std(command);
    command.write_stdin(input).output().unwrap()
}

fn stdout(output: &Output) -> &str {
    std::str::from_utf8(&output.stdout).unwrap()
}

fn stderr(output: &Output) -> &str {
    std::str::from_utf8(&output.stderr).unwrap()
}

/// Returns the first line of each error, which is not indented.
fn headlines(text: &str) -> Vec<&str> {
    text.lines().filter(|line| !line.starts_with(' ')).collect()
}

#[test]
fn shows_every_error_in_file_order_with_a_count() {
    let output = check(&directory(&[("vanity.yaml", BAD)]), &[], "");
    assert_eq!((output.status.code(), stdout(&output)), (Some(1), ""));
    let said = stderr(&output);
    assert!(!said.contains("hunter2"), "{said}");
    let lines = headlines(said);
    let places: Vec<_> = lines
        .iter()
        .map(|line| line.split(": ").next().unwrap())
        .collect();
    assert_eq!(
        places,
        [
            "vanity.yaml:1:1",
            "vanity.yaml:3:3",
            "vanity.yaml:5:9",
            "vanity.yaml:9:14",
            "vanity.yaml:10:1",
            "vanity.yaml:12:1",
            "6 errors in vanity.yaml",
        ],
        "{said}"
    );
}

/// Keys and values of every wrong kind: each is reported, also several in one module.
#[test]
fn reads_on_after_an_error_of_any_kind() {
    let text = "\
/a:
  # a list
  - repo: x
/b: [{rep: y}, {}]
/c: {repo: https://h.example/c, vcs: gti, brnach: [x, {y: z}]}
/d: {repo: gti, docs: 5}
/f: text
/g: 5
other: {a: [b, {c: d}]}
\"/\\x69\": {repo: x}
/k:
  vcs: svm
";
    for text in [text.to_owned(), text.replace('\n', "\r\n")] {
        let output = check(&directory(&[("vanity.yaml", &text)]), &[], "");
        let lines = headlines(stderr(&output));
        let places: Vec<_> = lines
            .iter()
            .map(|line| line.split(": ").next().unwrap())
            .collect();
        assert_eq!(
            places,
            [
                "vanity.yaml:3:3",
                "vanity.yaml:4:5",
                "vanity.yaml:5:38",
                "vanity.yaml:5:43",
                "vanity.yaml:6:12",
                "vanity.yaml:6:23",
                "vanity.yaml:7:5",
                "vanity.yaml:8:5",
                "vanity.yaml:9:1",
                "vanity.yaml:10:17",
                "vanity.yaml:12:8",
                "11 errors in vanity.yaml",
            ],
            "{}",
            stderr(&output)
        );
    }
}

/// After a list or a map in the place of a text, serde_yaml cannot read on.
#[test]
fn a_list_in_the_place_of_a_text_comes_after_the_errors_before_it() {
    let text = "/a: {rep: x}\n/b:\n  repo: [x]\n/c: {repo: x}\n";
    let output = check(&directory(&[("vanity.yaml", text)]), &[], "");
    assert_eq!(
        headlines(stderr(&output)),
        [
            "vanity.yaml:1:6: unknown key `rep`",
            "vanity.yaml:3:9: expected one line of text, found a list",
            "2 errors in vanity.yaml",
        ]
    );
}

#[test]
fn one_error_has_no_count_and_many_are_capped() {
    let output = check(&directory(&[("vanity.yaml", "/a:\n")]), &[], "");
    assert_eq!(
        headlines(stderr(&output)),
        ["vanity.yaml:1:1: `/a` has nothing under it"]
    );
    let many: String = (0..50).map(|n| format!("/m{n}: 5\n")).collect();
    let output = check(&directory(&[("vanity.yaml", &many)]), &[], "");
    let lines = headlines(stderr(&output));
    assert_eq!(lines.len(), 21);
    assert_eq!(lines[20], "at least 20 errors in vanity.yaml");
}

#[test]
fn invalid_yaml_shows_only_the_error_of_the_parser() {
    for (text, place) in [
        ("/a:\n  rep: x\n/b: {repo: x\n", "vanity.yaml:3:5: YAML: "),
        (
            "/a: {repo: https://h.example/a\n",
            "vanity.yaml:1:5: YAML: ",
        ),
    ] {
        let output = check(&directory(&[("vanity.yaml", text)]), &[], "");
        let lines = headlines(stderr(&output));
        assert_eq!(lines.len(), 1, "{lines:?}");
        assert!(lines[0].starts_with(place), "{lines:?}");
    }
}

#[test]
fn takes_several_files_and_standard_input() {
    let directory = directory(&[("a.yaml", SEED), ("b.yaml", "/a:\n"), ("c.yaml", SEED)]);
    let output = check(
        &directory,
        &["a.yaml", "b.yaml", "missing.yaml", "c.yaml"],
        "",
    );
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(
        stdout(&output),
        "a.yaml: ok, 2 modules on a.example\nc.yaml: ok, 2 modules on a.example\n"
    );
    assert_eq!(
        headlines(stderr(&output)),
        [
            "b.yaml:1:1: `/a` has nothing under it",
            "missing.yaml: there is no such file"
        ]
    );
    let output = check(&directory, &["-"], SEED);
    assert_eq!(
        stdout(&output),
        "standard input: ok, 2 modules on a.example\n"
    );
    let output = check(&directory, &["-"], "");
    assert_eq!(
        headlines(stderr(&output)),
        ["standard input:1:1: there is no module in it"]
    );
}

#[test]
fn prints_json_for_editors() {
    let directory = directory(&[("good.yaml", SEED), ("bad.yaml", BAD)]);
    let output = check(
        &directory,
        &["-format", "json", "good.yaml", "bad.yaml", "none.yaml"],
        "",
    );
    assert_eq!((output.status.code(), stderr(&output)), (Some(1), ""));
    let lines: Vec<_> = stdout(&output).lines().collect();
    assert_eq!(lines.len(), 7);
    assert_eq!(
        lines[1],
        r#"{"file":"bad.yaml","line":3,"column":3,"message":"unknown key `rep`","hint":"did you mean `repo`?"}"#
    );
    let output = check(&directory, &["-format", "json", "good.yaml"], "");
    assert_eq!((output.status.code(), stdout(&output)), (Some(0), ""));
}

#[test]
fn counts_modules_by_host() {
    for (keys, said) in [
        (&["/a"] as &[_], "1 module on a.example"),
        (
            &["/a", "/b", "c.example/c"],
            "2 modules on a.example, 1 on c.example",
        ),
        (
            &["/a", "b.example/b", "c.example/c", "c.example/d"],
            "1 module on a.example, 3 on 2 other hosts",
        ),
        (&["b.example/b"], "no module on a.example, 1 on b.example"),
    ] {
        let text: String = keys
            .iter()
            .map(|key| format!("{key}: {{repo: https://github.com/h/r}}\n"))
            .collect();
        let output = check(&directory(&[("vanity.yaml", &text)]), &[], "");
        assert_eq!(stdout(&output), format!("vanity.yaml: ok, {said}\n"));
    }
}

#[test]
fn notes_what_works_only_for_some_users() {
    for (module, note) in [
        (
            "/internal/x: {repo: https://github.com/h/r}",
            Some("`internal`"),
        ),
        (
            "/x: {repo: https://github.com/h/r, subdir: x}",
            Some("`subdir`"),
        ),
        (
            "/x: {repo: https://h.example/proxy, vcs: mod, subdir: x}",
            Some("`vcs: mod` and `subdir`"),
        ),
        (
            "/x: {repo: https://h.example/r, vcs: svn}",
            Some("`vcs: svn`"),
        ),
        (
            "/x: {repo: https://h.example/r, vcs: bzr}",
            Some("`vcs: bzr`"),
        ),
        (
            "/x: {repo: https://h.example/r, forge: github}",
            Some("pkg.go.dev"),
        ),
        ("/x: {repo: https://h.example/r, forge: gitea}", None),
        (
            "/x: {repo: http://h.example/r}",
            Some("not encrypted: Go 1.28 refuses it"),
        ),
        (
            "/x: {repo: git://h.example/r}",
            Some("not encrypted: Go 1.28 refuses it"),
        ),
        ("/x: {repo: git+ssh://git@h.example/r, hidden: true}", None),
        (
            "/x: {repo: ssh://git@h.example/r}",
            Some("a repository over ssh"),
        ),
        ("/x: {repo: ssh://git@h.example/r, hidden: true}", None),
        (
            "/x: {repo: https://h.example/r}\n/x/y/z: {repo: https://h.example/r.git}",
            Some(
                "1 module below another with the same repository, which serves it too, such as `a.example/x/y/z`",
            ),
        ),
        (
            "/: {repo: https://h.example/r}\n/x: {repo: https://h.example/r/}",
            Some("such as `a.example/x`"),
        ),
        (
            "/x: {repo: https://h.example/r}\nb.example/x/y: {repo: https://h.example/r}",
            None,
        ),
        (
            "/x: {repo: https://h.example/r}\n/xy/z: {repo: https://h.example/r}\n/x/*: {repo: https://h.example/r/*}",
            None,
        ),
        (
            "/x: {repo: https://h.example/r}\n/x/y: {repo: https://h.example/r, vcs: hg}",
            None,
        ),
        (
            "/x: {repo: https://h.example/r, forge: gitea, branch: release-1.x}",
            Some("pkg.go.dev"),
        ),
        (
            "/x: {repo: https://gitea.example/h/r, branch: release-1.x}",
            None,
        ),
        (
            "/x: {repo: https://github.example/h/r, branch: release-1.x}",
            None,
        ),
    ] {
        let output = check(&directory(&[("vanity.yaml", module)]), &[], "");
        assert_eq!((output.status.code(), stderr(&output)), (Some(0), ""));
        let notes: Vec<_> = stdout(&output).lines().skip(1).collect();
        assert_eq!(
            notes.len(),
            usize::from(note.is_some()),
            "{module}: {notes:?}"
        );
        assert!(
            notes.iter().all(|line| line.contains(note.unwrap())),
            "{notes:?}"
        );
    }
}

#[test]
fn recognizes_files_of_other_tools() {
    for (text, tool) in [
        (
            "url: go.example.org\npackages:\n  zap:\n    repo: github.com/uber-go/zap\n",
            "sally",
        ),
        (
            "{\"domain\": \"go.example.org\", \"repositories\": [{\"url\": \"https://h/a\"}]}",
            "vangen",
        ),
        (
            "{\"Domain\": \"go.example.org\", \"REPOSITORIES\": [{\"Url\": \"https://h/a\"}]}",
            "vangen",
        ),
    ] {
        let output = check(&directory(&[("other", text)]), &["other"], "");
        let said = stderr(&output);
        assert!(
            said.contains(tool) && said.contains("`govanityurls convert other`"),
            "{said}"
        );
    }
}
