//! Invalid files, each with one error: the program says what is wrong, where, and what to do.
//!
//! Every file goes to the real program, with limited memory. The snapshots show each file
//! next to its message.

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::support::{self, program};

/// Runs `check` on vanity.yaml in `directory`, for the host that the cases assume, and returns its
/// standard error.
///
/// 200 MiB is enough for the largest of these files. A process that exceeds it is killed and has no
/// exit status.
fn refusal_in(directory: &Path, file: &str) -> String {
    let program = program();
    let mut limited = limited(program.get_program().as_ref());
    for (name, _) in program.get_envs() {
        limited.env_remove(name);
    }
    let output = limited
        .args(["check", "-host", "tonybai.com", "-config", file])
        .current_dir(directory)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{file}: {stderr}");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "", "{file}");
    assert!(
        !stderr.contains(|c: char| c.is_control() && c != '\n'),
        "{stderr:?}"
    );
    assert!(
        !stderr.contains("hunter2"),
        "a password is repeated: {stderr}"
    );
    for error in stderr.split("\nvanity.yaml:") {
        assert!(error.len() < 1500, "nobody reads so much: {error}");
        let place = error.strip_prefix("vanity.yaml:").unwrap_or(error);
        let has_place = place.starts_with(|c: char| c.is_ascii_digit());
        assert!(
            !has_place || error.contains("\n  hint: "),
            "no hint: {error}"
        );
    }
    stderr
}

/// Limits a program to 200 MiB of memory beyond its own executable.
fn limited(program: &Path) -> Command {
    let own = fs::metadata(program).unwrap().len() >> 10;
    let mut command = Command::new("sh");
    command
        .args(["-c", r#"ulimit -v "$0" && exec "$@""#])
        .arg((own + (200 << 10)).to_string())
        .arg(program);
    command
}

fn refusal(file: &[u8]) -> String {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("vanity.yaml"), file).unwrap();
    refusal_in(directory.path(), "vanity.yaml")
}

/// Renders files and their messages, one after the other.
fn side_by_side<'a>(cases: impl IntoIterator<Item = (&'a str, String)>) -> String {
    let mut out = String::new();
    for (name, file) in cases {
        let _ = writeln!(out, "=== {name}");
        for line in file.replace('\t', "→").lines() {
            let line: String = line.chars().take(100).collect();
            let _ = writeln!(out, "{}", format!("    {line}").trim_end());
        }
        let _ = writeln!(out, "{}", without_parser(&refusal(file.as_bytes())));
    }
    out
}

/// Leaves out what the YAML parser says: its place and our hint are what counts.
fn without_parser(message: &str) -> String {
    let mut out = String::new();
    for line in message.lines() {
        let ours = line.split_once(": YAML: ").map_or(line, |(place, _)| place);
        let _ = writeln!(out, "{ours}{}", if ours == line { "" } else { ": YAML: …" });
    }
    out
}

/// Splits a case file: each case follows a line `=== name`; `→` stands for a tab.
fn collection(text: &str) -> impl Iterator<Item = (&str, String)> {
    text.split("=== ").skip(1).map(|case| {
        let (name, file) = case.split_once('\n').unwrap();
        (name, file.replace('→', "\t"))
    })
}

macro_rules! collections {
    ($($name:ident),*) => {$(
        #[test]
        fn $name() {
            let text = include_str!(concat!("bad_files/", stringify!($name), ".txt"));
            insta::assert_snapshot!(side_by_side(collection(text)));
        }
    )*};
}

collections!(
    nothing_to_read,
    broken_yaml,
    wrong_shapes,
    keys,
    hints,
    credentials
);

/// Builds files from a template by replacing its `@` with one line of the case file each.
macro_rules! one_line {
    ($($name:ident: $template:literal),*) => {$(
        #[test]
        fn $name() {
            let lines = include_str!(concat!("bad_files/", stringify!($name), ".txt")).lines();
            let files = lines.map(|line| (line, $template.replacen('@', line, 1)));
            insta::assert_snapshot!(side_by_side(files));
        }
    )*};
}

one_line!(
    paths: "@:\n  repo: https://h.example/a\n",
    repos: "/a:\n  repo: @\n",
    patterns: "/x/*:\n  repo: @\n",
    module_keys: "/a:\n  repo: https://h.example/a\n  @\n",
    settings: "@\n/a:\n  repo: https://h.example/a\n"
);

/// Go has special rules for some hosts, whether the file or the command line names them.
#[test]
fn hosts_with_built_in_rules() {
    let mut out = String::new();
    for (host, path) in [
        ("gopkg.in", "/yaml"),
        ("rsc.io", "/"),
        ("hub.jazz.net", "/git/a"),
        ("h.example", "/a"),
    ] {
        let directory = tempfile::tempdir().unwrap();
        let file = format!("host: {host}\n{path}:\n  repo: https://h.example/a\n");
        fs::write(directory.path().join("vanity.yaml"), file).unwrap();
        let mut check = program();
        check.arg("check").current_dir(directory.path());
        let output = check.output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{host}{path}");
        out.push_str(std::str::from_utf8(&output.stderr).unwrap());
    }
    insta::assert_snapshot!(out);
}

#[test]
fn bytes_that_are_no_text() {
    let good = "/a:\n  repo: https://h.example/a\n";
    let utf16 = |mark: &[u8], bytes: fn(u16) -> [u8; 2]| {
        let mut file = mark.to_vec();
        file.extend(good.encode_utf16().flat_map(bytes));
        file
    };
    let mut out = String::new();
    for (name, file) in [
        (
            "Latin-1 in line 3",
            [good.as_bytes(), b"  description: caf\xe9\n"].concat(),
        ),
        (
            "a character cut in two",
            [good.as_bytes(), b"  description: \xc3\xa9\xc3"].concat(),
        ),
        (
            "UTF-16, little end first",
            utf16(b"\xff\xfe", u16::to_le_bytes),
        ),
        (
            "UTF-16, big end first",
            utf16(b"\xfe\xff", u16::to_be_bytes),
        ),
        ("UTF-16 without a mark", utf16(b"", u16::to_le_bytes)),
        (
            "a NUL",
            [good.as_bytes(), b"  description: a\0b\n"].concat(),
        ),
        (
            "an escape character",
            [good.as_bytes(), b"  description: \x1b[31mred\n"].concat(),
        ),
        (
            "a form feed",
            b"\x0c/a:\n  repo: https://h.example/a\n".to_vec(),
        ),
        (
            "a second byte-order mark",
            "\u{feff}/a:\n  \u{feff}repo: https://h.example/a\n".into(),
        ),
        (
            "an error behind a byte-order mark",
            "\u{feff}/a: 5\n".into(),
        ),
        (
            "an error behind CRLF",
            b"/a:\r\n  repo: https://h.example/a\r\n  rep: x\r\n".to_vec(),
        ),
        (
            "an error behind wide characters",
            "/a:\n  {description: \"漢字🦀é\", rep: x}\n".into(),
        ),
        (
            "an error behind a line separator",
            "/a:\n  description: \"a\u{2028}b\"\n  rep: x\n".into(),
        ),
        ("an ELF program", b"\x7fELF\x02\x01\x01\0\0\0".to_vec()),
    ] {
        let _ = writeln!(out, "=== {name}\n{}", refusal(&file));
    }
    insta::assert_snapshot!(out);
}

#[test]
fn sizes() {
    // Nine levels of nine: 387 million values when expanded.
    let bomb = |first: &str, open: &str, close: &str, entry: fn(usize, usize) -> String| {
        let mut file = format!("paths:\n{first}");
        for level in 1..9 {
            let entries: Vec<_> = (0..9).map(|index| entry(level - 1, index)).collect();
            let _ = writeln!(
                file,
                "  /l{level}: &l{level} {open}{}{close}",
                entries.join(", ")
            );
        }
        file
    };
    let good: String = (0..20_000)
        .map(|index| format!("/m{index}: {{repo: https://h.example/m{index}}}\n"))
        .collect();
    let mut out = String::new();
    for (name, file) in [
        (
            "ten thousand brackets",
            format!("/a: {}", "[".repeat(10_000)),
        ),
        (
            "ten thousand brackets, closed",
            format!("/a: {}{}", "[".repeat(10_000), "]".repeat(10_000)),
        ),
        ("a million brackets", "[".repeat(1_000_000)),
        ("a million braces", "{a: ".repeat(1_000_000)),
        (
            "ten thousand dashes",
            format!("/a:\n  {}", "- ".repeat(10_000)),
        ),
        ("ten thousand question marks", "? ".repeat(10_000)),
        (
            "two thousand levels of indentation",
            (0..2000)
                .map(|level| format!("{}/a:\n", " ".repeat(level)))
                .collect(),
        ),
        (
            "a bomb of lists",
            bomb("  /l0: &l0 [a, b]\n", "[", "]", |level, _| {
                format!("*l{level}")
            }),
        ),
        (
            "a bomb of maps",
            bomb(
                "  /l0: &l0 {repo: https://h.example/a}\n",
                "{",
                "}",
                |level, index| format!("k{index}: *l{level}"),
            ),
        ),
        (
            "a path too long",
            format!("? /{}\n: repo: https://h.example/a\n", "a".repeat(1100)),
        ),
        (
            "a URL too long",
            format!("/a:\n  repo: https://h.example/{}\n", "a".repeat(2100)),
        ),
        (
            "a description too long",
            format!(
                "/a:\n  repo: https://h.example/a\n  description: {}\n",
                "a".repeat(501)
            ),
        ),
        (
            "a value too long",
            format!("/a:\n  description: {}\n", "a".repeat(5000)),
        ),
        (
            "a long scalar",
            format!("/a:\n  repo: https://{}\n", "x".repeat(60 << 20)),
        ),
        ("a long line of words", "word ".repeat(1 << 20)),
        ("a long list", format!("[{}]", "1, ".repeat(1 << 18))),
        ("an error behind many modules", format!("{good}/bad: 5\n")),
        (
            "a path twice, early in a large file",
            format!("/m7: {{repo: https://h.example/m7}}\n{good}"),
        ),
        (
            "a path twice, far apart",
            format!("{good}/m7: {{repo: https://h.example/m7}}\n"),
        ),
    ] {
        let message = without_parser(&refusal(file.as_bytes()));
        let _ = writeln!(out, "=== {name}\n{message}");
    }
    insta::assert_snapshot!(out);
}

#[test]
fn files_that_cannot_be_read() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name| directory.path().join(name);
    fs::create_dir(path("directory")).unwrap();
    fs::File::create(path("huge.yaml"))
        .unwrap()
        .set_len(100 << 20)
        .unwrap();
    fs::write(path("secret.yaml"), support::SEED).unwrap();
    fs::set_permissions(path("secret.yaml"), fs::Permissions::from_mode(0o000)).unwrap();
    let mut out = String::new();
    for file in [
        "missing.yaml",
        "missing/vanity.yaml",
        "directory",
        "huge.yaml",
        "huge.yaml/vanity.yaml",
        "/dev/zero",
    ] {
        let _ = writeln!(out, "=== {file}\n{}", refusal_in(directory.path(), file));
    }
    insta::assert_snapshot!(out);
}

/// Root can read everything unless it drops that capability.
#[test]
fn no_permission() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("vanity.yaml");
    fs::write(&file, support::SEED).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o000)).unwrap();
    let mut command = match fs::read(&file) {
        Err(_) => program(),
        Ok(_) => {
            let mut command = Command::new("setpriv");
            command
                .arg("--bounding-set=-dac_override,-dac_read_search")
                .arg(program().get_program());
            command
        }
    };
    let output = command
        .args(["check", "-host", "tonybai.com"])
        .current_dir(directory.path())
        .output()
        .unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    insta::assert_snapshot!(stderr);
}
