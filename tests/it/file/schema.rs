//! `govanityurls schema`: files that the program accepts match the schema; files that it rejects do
//! not, as far as a schema can express.

use std::fs;
use std::io::Write as _;
use std::process::{Command, Stdio};

use crate::support::{SEED, program, repository_file};
use serde_yaml::Value;

fn schema() -> String {
    let output = program().arg("schema").output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn the_file_is_what_is_printed() {
    let file = fs::read_to_string(repository_file("docs/vanity.schema.json")).unwrap();
    assert_eq!(file, schema());
}

/// Without an error message for it, an editor shows the pattern itself.
#[test]
fn every_pattern_has_an_error_message() {
    use serde_json::Value;
    fn check(value: &Value) {
        if let Some(map) = value.as_object() {
            let is_rule = map.get("pattern").is_some_and(Value::is_string);
            let is_condition = map.len() == 1;
            assert!(
                !is_rule || is_condition || map.contains_key("patternErrorMessage"),
                "{value}"
            );
            map.values().for_each(check);
        }
        if let Some(list) = value.as_array() {
            list.iter().for_each(check);
        }
    }
    let schema: Value = serde_json::from_str(&schema()).unwrap();
    check(&schema);
    for (name, definition) in schema["definitions"].as_object().unwrap() {
        assert!(definition["description"].is_string(), "{name}");
    }
}

/// The example gets copied to /etc/govanityurls, so its schema path is where packages install the
/// schema, not relative to the repository.
#[test]
fn the_example_names_the_installed_schema() {
    let example = fs::read_to_string(repository_file("vanity.yaml.example")).unwrap();
    assert_eq!(
        example.lines().next(),
        Some("# yaml-language-server: $schema=/usr/share/govanityurls/vanity.schema.json")
    );
}

/// Returns the reference validator's error for each file, if any.
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
    // In Python, `$` also matches before a trailing newline.
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

/// Returns a file as an editor sees it: without tags, and with every key a string; `None` if YAML
/// itself rejects it.
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

/// Returns whether `check` accepts a file.
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
    // `#key: example` and `#  indented: example` are commented-out lines.
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
        format!("cache_max_age: \"4294967295\"\npaths:\n{SEED}"),
        format!("docs: http://h.example:8080/a/\nindex: https://[::1]/?a=b#c\n{SEED}"),
        format!("index: /\ntitle: Go\ndescription: 2024\nredirect: False\n{SEED}"),
        format!("index: /x/list/\ntitle:\ndescription:\nredirect: 'true'\n{SEED}"),
        "/a: &a {repo: &r https://h.example/a}\npaths:\n  /b: *a\n  /c: {repo: *r}\n".to_owned(),
    ];
    for name in ["sally", "vangen"] {
        let file =
            format!("tests/it/commands/snapshots/it__commands__convert__convert_{name}.snap");
        let snapshot = fs::read_to_string(repository_file(&file)).unwrap();
        files.push(snapshot.splitn(3, "---\n").last().unwrap().to_owned());
    }
    let longest = format!("{}/bb", "/a".repeat(126));
    for key in [
        "/",
        "/a/",
        "/A-b._~c",
        "/-a/b",
        "/~a/b",
        "/vendors/a",
        "/a/git",
        "/a.git2",
        "/a.gitlab",
        "/a/v2",
        "/a/v10/b",
        "/av1",
        "/v2",
        "/com10",
        "/a/xcon",
        "/a~",
        "/a~b1",
        "b.example",
        "b.example/",
        "b.example/a/b/",
        "x-y.example/a",
        "/1",
        "gopkg.in/",
        "gopkg.in/yaml.v3",
        "gopkg.in/x/yaml.v0-unstable",
        "rsc.io/a",
        "hub.jazz.net/gitx",
        "www.github.com/a",
        "github.com.example/a",
        &format!("/{}", "a".repeat(200)),
        &longest,
        &format!("b.example{longest}"),
    ] {
        files.push(format!("? {key}\n: repo: https://h.example/a\n"));
    }
    for key in [
        "/*",
        "/*/",
        "/x/*",
        "/-x/*",
        "b.example/*",
        "b.example/x/y/*/",
        "rsc.io/*",
        &format!("{longest}/*"),
    ] {
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
        "https://h.example/a@v1.2/b",
        "https://h.example/a@vx",
        "https://h.example/%7Ea/b%20c",
        "https://h.example:00080/a",
        "https://h.example:65535/a",
        "ssh://us%20er@h.example/a",
        "git+ssh://a@b@h.example/a",
        "https://GitHub.com/example/a/",
        "https://github.com:443/a",
        "https://github.com.example/a",
        "https://h.example/github.com/a",
        "https://gitlab.com/group/tree/blob/tree",
        "https://h.example/a/b/src",
        "https://h.example/tree/a",
        "https://h.example/-/tree/a",
        "https://github.com/a/tree",
        "https://h.example/proxy.golang.org/a",
        "https://goproxy.example/a",
        "svn://svn.example/r.svn",
        "https://svn.example/r.svn/",
        "https://h.example/a\u{fffd}",
    ] {
        files.push(format!("/a:\n  repo: {repo}\n"));
    }
    for (vcs, repo) in [
        ("git", "git+ssh://git@h.example/a.hg"),
        ("hg", "ssh://hg@h.example/a.git"),
        ("svn", "svn+ssh://h.example/a.git"),
        ("bzr", "bzr+ssh://h.example/a"),
        ("fossil", "http://h.example/a"),
        ("mod", "https://h.example/a"),
        ("", "git://h.example/a.git"),
        ("", "svn://h.example/a"),
        ("~", "ssh://h.example/a.hg"),
    ] {
        files.push(format!("/a:\n  repo: {repo}\n  vcs: {vcs}\n"));
    }
    for line in [
        "vcs: mod",
        "vcs:\n  subdir:\n  display:\n  forge:\n  branch:\n  docs:\n  description:\n  hidden:",
        "subdir: 2",
        "subdir: true",
        "branch: 1.10",
        "branch: 0x10",
        "branch: true",
        "description: 2024",
        "description: -1.5",
        "description: true",
        "hidden: \"true\"",
        "hidden: 'False'",
        "docs: https://h.example/@a:b",
        "display: https://h.example/@a _ _",
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
        "redirect: false",
        "redirect:\n  proxy:",
        "proxy: http://goproxy.example:8081/go",
    ] {
        files.push(format!("/a:\n  repo: https://h.example/a\n  {line}\n"));
    }
    let values: Vec<_> = files.iter().map(|file| parsed(file).unwrap()).collect();
    for (file, said) in files.iter().zip(judge(&values)) {
        assert!(accepts(file), "{file}");
        assert_eq!(said, None, "{file}");
    }
}

/// Returns the files of `tests/it/file/bad_files` by name: those that follow a line `=== name`, and those
/// built from a template.
fn bad_files() -> Vec<(String, String)> {
    let mut files = Vec::new();
    for name in [
        "nothing_to_read",
        "broken_yaml",
        "wrong_shapes",
        "keys",
        "hints",
        "credentials",
    ] {
        let text = fs::read_to_string(repository_file(&format!(
            "tests/it/file/bad_files/{name}.txt"
        )));
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
        let text = fs::read_to_string(repository_file(&format!(
            "tests/it/file/bad_files/{name}.txt"
        )));
        for line in text.unwrap().lines() {
            files.push((line.to_owned(), template.replacen('@', line, 1)));
        }
    }
    files
}

/// What no schema can express: tags and comments, which it never sees; one path in two spellings;
/// the default host; capitals in a host; the spelling of a number; and a list at a module's path.
const BEYOND_A_SCHEMA: [&str; 25] = [
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
    "a list below a pattern",
    "a number sign starts a description",
    "a number sign starts a branch",
    "its own address",
    "below its own address",
    "its own address by http",
    "a description that a comment empties",
    "https://GoProxy.io/example/a",
    "https://GitHub.com/example/a/issues",
    "description: \"a\\U000E0041b\"",
    "cache_max_age: 1e3",
    "index: /a",
    "cache_max_age: 0x10",
    "index: /a/b",
];

#[test]
#[ignore = "needs python3 with jsonschema; tests/run runs it"]
fn bad_files_are_refused() {
    let files = bad_files();
    assert!(files.len() > 400);
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
    // The parser rejects the rest before the schema applies, as an editor's does.
    let yaml_refuses: Vec<_> = files
        .iter()
        .filter(|(name, _)| !parsed.iter().any(|(parsed, _)| parsed == name))
        .map(|(name, _)| name)
        .collect();
    insta::assert_debug_snapshot!(yaml_refuses);
}
