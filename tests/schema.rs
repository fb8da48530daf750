//! `govanityurls schema`: what the program reads passes the schema, and what it refuses is
//! refused by the schema too, as far as a schema can tell.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::fs;
use std::io::Write as _;
use std::process::{Command, Stdio};

use serde_yaml::Value;
use support::{SEED, program, repository_file};

fn schema() -> String {
    let output = program().arg("schema").output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn the_copy_for_editors_is_the_one_that_is_printed() {
    let copy = fs::read_to_string(repository_file("docs/vanity.schema.json")).unwrap();
    assert!(
        copy == schema(),
        "run `cargo run schema > docs/vanity.schema.json`"
    );
}

#[test]
fn the_example_names_it() {
    let example = fs::read_to_string(repository_file("vanity.yaml.example")).unwrap();
    let (_, path) = example.lines().next().unwrap().split_once('=').unwrap();
    assert!(repository_file(path).is_file(), "{path}");
}

/// What the schema has against each file, by the reference validator: None, if nothing.
fn judge(files: &[Value]) -> Vec<Option<String>> {
    const VALIDATE: &str = "
import json, sys
from jsonschema import Draft7Validator, ValidationError
schema, *files = map(json.loads, sys.stdin)
Draft7Validator.check_schema(schema)
validator = Draft7Validator(schema)
for file in files:
    error = next(validator.iter_errors(file), None)
    print(json.dumps(error and error.message))
";
    let schema: serde_json::Value = serde_json::from_str(&schema()).unwrap();
    // In Python `$` also stands before a newline at the end.
    let schema = schema.to_string();
    let schema = schema.replace("$\"", "\\\\Z\"").replace("$)", "\\\\Z)");
    let mut input = schema;
    for file in files {
        input.push('\n');
        input.push_str(&serde_json::to_string(file).unwrap());
    }
    let mut python = Command::new("python3")
        .args(["-c", VALIDATE])
        .env(
            "PYTHONPATH",
            std::env::var_os("TEST_PYTHONPATH").unwrap_or_default(),
        )
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = python.stdin.take().unwrap();
    stdin.write_all(input.as_bytes()).unwrap();
    drop(stdin);
    let output = python.wait_with_output().unwrap();
    assert!(output.status.success());
    let said = String::from_utf8(output.stdout).unwrap();
    let said: Vec<_> = said
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(said.len(), files.len());
    said
}

/// A file as an editor sees it: without tags, and with every key a string. None where YAML
/// itself refuses it.
fn parsed(text: &str) -> Option<Value> {
    fn plain(value: Value) -> Value {
        match value {
            Value::Tagged(tagged) => plain(tagged.value),
            Value::Sequence(values) => values.into_iter().map(plain).collect::<Vec<_>>().into(),
            Value::Mapping(map) => {
                let entry = |(key, value)| {
                    let key = match plain(key) {
                        Value::String(key) => key,
                        key => serde_json::to_string(&key).unwrap(),
                    };
                    (Value::String(key), plain(value))
                };
                Value::Mapping(map.into_iter().map(entry).collect())
            }
            value => value,
        }
    }
    serde_yaml::from_str(text).ok().map(plain)
}

/// Whether `check` accepts a file.
fn accepts(text: &str) -> bool {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("vanity.yaml"), text).unwrap();
    let output = program()
        .args(["check", "-host", "tonybai.com"])
        .current_dir(directory.path())
        .output()
        .unwrap();
    output.status.success()
}

#[test]
#[ignore = "needs python3 with jsonschema; tests/run runs it"]
fn good_files_pass() {
    let example = fs::read_to_string(repository_file("vanity.yaml.example")).unwrap();
    // "#key: example" and "#  indented: example" are what a comment marks.
    let uncommented = |line: &str| match line.strip_prefix('#') {
        Some(rest) if !rest.is_empty() && (!rest.starts_with(' ') || rest.starts_with("  ")) => {
            format!("{rest}\n")
        }
        _ => format!("{line}\n"),
    };
    let mut files = vec![
        SEED.to_owned(),
        example.lines().map(uncommented).collect(),
        example,
        format!("paths:\n{SEED}"),
        format!("host: 1.example\ncache_max_age: 0\ndocs: none\nindex: none\n{SEED}"),
        format!("docs: http://h.example:8080/a/\nindex: https://[::1]/?a=b#c\n{SEED}"),
        "/a: &a {repo: &r https://h.example/a}\npaths:\n  /b: *a\n  /c: {repo: *r}\n".to_owned(),
    ];
    for name in ["sally", "vangen"] {
        let file = format!("tests/snapshots/convert__convert_{name}.snap");
        let snapshot = fs::read_to_string(repository_file(&file)).unwrap();
        files.push(snapshot.splitn(3, "---\n").last().unwrap().to_owned());
    }
    for key in [
        "/",
        "/a/",
        "/A-b._~c",
        "/-a",
        "/a/v2",
        "/a/v10/b",
        "/av1",
        "/v2",
        "/com10",
        "/a/xcon",
        "/~a",
        "/a~b1",
        "b.example",
        "b.example/",
        "b.example/a/b/",
        "x-y.example/a",
        "/1",
    ] {
        files.push(format!("? {key}\n: repo: https://h.example/a\n"));
    }
    for key in ["/*", "/*/", "/x/*", "b.example/*", "b.example/x/y/*/"] {
        files.push(format!("? {key}\n: repo: https://h.example/x-*.git\n"));
    }
    for repo in [
        "http://git.example.com:3000/a/b.git",
        "ssh://git@host.example/a/b",
        "git+ssh://host.example:2222/a",
        "svn+ssh://svn@svn.example/r",
        "bzr://h.example",
        "https://[::1]:8443/a",
        "https://git.sr.ht/~a/b",
        "https://bücher.example/ä",
        "https://proxy.example/",
        "https://h.example/a@b",
    ] {
        files.push(format!("/a:\n  repo: {repo}\n"));
    }
    for line in [
        "vcs: mod",
        "forge: cgit",
        "subdir: a/b-c/",
        "subdir: ..a/.b",
        "display: \" https://h/r  _\\t_ \"",
        "display: https://h/r https://h/r{/dir} https://h/r{/dir}/{file}#L{line}",
        "branch: release/1.0+x@y",
        "branch: a.b/-c",
        "docs: none",
        "docs: https://h.example/?a#top",
        "description: \"\"",
        "description: >\n    one\n    line: é🦀",
        "hidden: True",
    ] {
        files.push(format!("/a:\n  repo: https://h.example/a\n  {line}\n"));
    }
    let values: Vec<_> = files.iter().map(|file| parsed(file).unwrap()).collect();
    for (file, said) in files.iter().zip(judge(&values)) {
        assert!(accepts(file), "{file}");
        assert_eq!(said, None, "{file}");
    }
}

/// The files of `tests/bad_files`, by name: those behind a line `=== name`, and those that
/// differ in one line from a template.
fn bad_files() -> Vec<(String, String)> {
    let mut files = Vec::new();
    for name in ["nothing_to_read", "broken_yaml", "wrong_shapes", "keys"] {
        let text = fs::read_to_string(repository_file(&format!("tests/bad_files/{name}.txt")));
        for case in text.unwrap().split("=== ").skip(1) {
            let (name, file) = case.split_once('\n').unwrap();
            files.push((name.to_owned(), file.replace('→', "\t")));
        }
    }
    for (name, template) in [
        ("paths", "@:\n  repo: https://h.example/a\n"),
        ("repos", "/a:\n  repo: @\n"),
        ("patterns", "/x/*:\n  repo: @\n"),
        ("module_keys", "/a:\n  repo: https://h.example/a\n  @\n"),
        ("settings", "@\n/a:\n  repo: https://h.example/a\n"),
    ] {
        let text = fs::read_to_string(repository_file(&format!("tests/bad_files/{name}.txt")));
        for line in text.unwrap().lines() {
            files.push((line.to_owned(), template.replacen('@', line, 1)));
        }
    }
    files
}

/// What no schema can tell: tags, of which it sees nothing; one path in two spellings; and how
/// a number is spelt.
const BEYOND_A_SCHEMA: [&str; 12] = [
    "an unquoted exclamation mark",
    "a tag on a value",
    "a tag on a module",
    "a tag on the file",
    "a tag on a key",
    "a path twice, with a slash at the end",
    "a path twice, once with the default host",
    "a path twice, first with the default host",
    "a path at the left and beneath paths",
    "the root twice",
    "a pattern twice",
    "cache_max_age: 1e3",
];

#[test]
#[ignore = "needs python3 with jsonschema; tests/run runs it"]
fn bad_files_are_refused() {
    let files = bad_files();
    assert!(files.len() > 200);
    let parsed: Vec<_> = files
        .iter()
        .filter_map(|(name, file)| Some((name.as_str(), parsed(file)?)))
        .collect();
    let values: Vec<_> = parsed.iter().map(|(_, value)| value.clone()).collect();
    let accepted: Vec<_> = parsed
        .iter()
        .zip(judge(&values))
        .filter(|(_, said)| said.is_none())
        .map(|((name, _), _)| *name)
        .collect();
    assert_eq!(accepted, BEYOND_A_SCHEMA);
    // The rest comes to no schema: the parser refuses it, as an editor's does.
    let yaml_refuses: Vec<_> = files
        .iter()
        .filter(|(name, _)| !parsed.iter().any(|(parsed, _)| parsed == name))
        .map(|(name, _)| name)
        .collect();
    insta::assert_debug_snapshot!(yaml_refuses);
}
