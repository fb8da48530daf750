//! CPU time for files that are written to cost the most, in milliseconds per MiB.
//!
//! `cargo bench --bench hostile`; after `--`, a part of a shape's name. Each file is 1 MiB, or as
//! much as `--mib` says, and its first half is modules. The best of five runs counts.

#![allow(clippy::unwrap_used, missing_docs)]

use std::fmt::Write as _;
use std::hint::black_box;
use std::time::Duration;

use govanityurls::config::Config;
use rustix::time::{ClockId, clock_gettime};

const ROUNDS: usize = 5;
/// What a file may cost, in milliseconds per MiB.
const LIMIT: f64 = 100.0;

/// What follows the modules: once the first text, then many times the second, in which `@` is the
/// number of the copy.
#[rustfmt::skip] // One shape per line.
const SHAPES: &[(&str, &str, &str)] = &[
    ("errors after blank lines", "", "/z@: x\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n"),
    ("modules", "", "/z@:\n  repo: https://h.example/z\n"),
    ("modules in braces", "", "/z@: {repo: 'https://h.example/z', vcs: git}\n"),
    ("modules with wrong keys", "", "/z@:\n  rep: https://h.example/z\n"),
    ("modules with wrong values", "", "/z@:\n  repo: htps://h.example/z\n"),
    ("modules with lists", "", "/z@:\n  repo: [https://h.example/zzzzzzzzzzzzzzzzzzzz]\n"),
    ("wrong modules in one line", "paths: {", "/z@: {rep: https://h.example/zzzzzzzzzzzzzz}, "),
    ("passwords in one line", "paths: {", "/z@: {repo: 'https://bob:hunter2@h.example/z'}, "),
    ("modules twice", "", "/z:\n  repo: https://h.example/zzzzzzzzzz\n"),
    ("settings twice", "", "title: a line of text\n"),
    ("brackets", "/x: ", "["),
    ("braces", "/x: ", "{a: "),
    ("list", "/x: [", "1, "),
    ("sparse list", "/x: [", "aaaaaaaaaaaaa, "),
    ("quoted list", "/x: [", "'aaaaaaaaaaa', "),
    ("dense braces", "/x: {", "'aaaaaaaaaaaaaaaa':'aaaaaaaaaaaaa', "),
    ("dashes", "/x:\n", " - aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n"),
    ("question marks", "", "? aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n"),
    ("keys", "", "aaaaaaaaaaaaaaaaaa:\n"),
    ("keys without values", "", "aaaaaaaaaaaaaaaaaaaaaaaaaaa@: ~\n"),
    ("scalar", "/x: ", "a"),
    ("scalar of many lines", "/x: a\n", "  a\n"),
    ("scalar of words", "/x: a\n", " a b c d e f g h\n"),
    ("quoted scalar", "/x: \"", "a"),
    ("quoted scalars of lines", "", "/x@: \"a\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\"\n"),
    ("quoted blank lines", "/x: \"", "\n"),
    ("single quotes", "/x: '", "''"),
    ("escapes", "/x@: \"", "\\x41"),
    ("many escapes", "", "/z@: {repo: \"\\x41\\x41\\x41\\x41\\x41\\x41\\x41\\x41\\x41\\x41\\x41\\x41\\x41\\x41\"}\n"),
    ("non-ASCII", "/x: ", "é"),
    ("non-ASCII texts", "", "/z@: {repo: ééééééééééééééééééééééééééééééééé}\n"),
    ("block scalar", "/x: |\n", "  a line of text\n"),
    ("block scalar of short lines", "/x: |\n", "  a\n"),
    ("block scalar of blank lines", "/x: |\n", "\n"),
    ("folded blocks", "", "/z@: {repo: https://h.example/z}\n/y@: >\n  a\n\n  b\n  c\n"),
    ("aliases", "/x: &a\n  repo: https://h.example/x\n", "/yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy@: *a\n"),
    ("anchors", "/x: [", "&aaaaaaaaa bbbbbb, "),
    ("anchors of one name", "/x: [", "&a bbbbbbbbbbbbbbb, "),
    ("anchors of many names", "/x: [", "&a@ bbbbbbbbbbbbbb, "),
    ("comments", "", "# a comment\n"),
    ("short comments", "", "#\n"),
    ("blank lines", "", "\n"),
    ("lines of spaces", "", "  \n"),
];

fn modules(bytes: usize) -> String {
    let mut text = "host: go.example\n".to_owned();
    for index in 0.. {
        if text.len() >= bytes {
            break;
        }
        let _ = writeln!(text, "/m{index}:\n  repo: https://h.example/m{index}");
    }
    text
}

/// Repeats `unit` up to `bytes`.
fn text(open: &str, unit: &str, bytes: usize) -> String {
    let mut text = modules(bytes / 2) + open;
    for copy in 0.. {
        if text.len() >= bytes {
            break;
        }
        text.push_str(&unit.replace('@', &copy.to_string()));
    }
    text += match open.chars().last() {
        Some('{') => "}\n",
        Some('[') => "]\n",
        _ => "\n",
    };
    text
}

/// CPU time of this thread: other programs on the machine do not count.
fn cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(
        time.tv_sec.try_into().unwrap(),
        time.tv_nsec.try_into().unwrap(),
    )
}

fn best(text: &str, read: impl Fn(&str)) -> f64 {
    let time = (0..ROUNDS).map(|_| {
        let start = cpu_time();
        read(black_box(text));
        cpu_time() - start
    });
    let mib = text.len() as f64 / f64::from(1 << 20);
    time.min().unwrap().as_secs_f64() * 1000.0 / mib
}

fn main() {
    let mut bytes = 1 << 20;
    let mut wanted = String::new();
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--bench" => {}
            "--mib" => bytes = arguments.next().unwrap().parse::<usize>().unwrap() << 20,
            name => wanted = name.to_owned(),
        }
    }
    let mut shapes: Vec<(&str, String)> = SHAPES
        .iter()
        .map(|(name, open, unit)| (*name, text(open, unit, bytes)))
        .collect();
    let deep: String = (1..1000).map(|n| " ".repeat(n) + "a:\n").collect();
    shapes.push(("indentation", modules(bytes / 2) + "/x:\n" + &deep));
    println!("{:>8} {:>8}  ms/MiB to read, to check", "read", "check");
    for (name, text) in shapes {
        if !name.contains(&wanted) {
            continue;
        }
        let read = best(&text, |text| {
            let _ = black_box(Config::parse("vanity.yaml", text, None));
        });
        let check = best(&text, |text| {
            let _ = black_box(Config::check_text("vanity.yaml", text, None));
        });
        let mark = if read.max(check) > LIMIT { "  !" } else { "" };
        println!("{read:8.1} {check:8.1}  {name}{mark}");
    }
}
