//! Random paths, URLs and texts, from a seed.

use proptest::prelude::*;
use proptest::sample::select;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

/// The seed that CI uses.
const SEED: u64 = 2009;

/// Returns the seed of this run.
pub fn seed() -> u64 {
    match std::env::var("GOVANITYURLS_ORACLE_SEED") {
        Ok(seed) => seed.parse().expect("GOVANITYURLS_ORACLE_SEED is a number"),
        Err(_) => SEED,
    }
}

/// A source of random values.
pub struct Random(TestRunner);

impl Random {
    pub fn new() -> Self {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&seed().to_le_bytes());
        let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
        Self(TestRunner::new_with_rng(Config::default(), rng))
    }

    pub fn draw<S: Strategy>(&mut self, strategy: &S) -> S::Value {
        strategy.new_tree(&mut self.0).unwrap().current()
    }

    pub fn draw_many<S: Strategy>(&mut self, count: usize, strategy: &S) -> Vec<S::Value> {
        (0..count).map(|_| self.draw(strategy)).collect()
    }
}

/// Elements with a meaning to Go, to a file system or to us, and plain ones.
pub const ELEMENTS: [&str; 42] = [
    "a",
    "a",
    "b",
    "b",
    "a-b",
    "A",
    "v2",
    "v2",
    "v1",
    "v0",
    "v0.1",
    "v02",
    "v10",
    "v",
    "v2x",
    "x.v2",
    "yaml.v2",
    "yaml.v0",
    "yaml.v02",
    "yaml.v3-unstable",
    "a.git",
    "b.hg",
    "c.svn",
    "d.bzr",
    "e.fossil",
    ".git",
    "a.gits",
    "x~y.git",
    "vendor",
    "internal",
    "-a",
    "~b",
    "a...b",
    "a..b",
    "a~1",
    "a~b",
    "con",
    "com1.x",
    "robots.txt",
    "favicon.ico",
    "a_b",
    "git",
];

const HOSTS: [&str; 20] = [
    "h.example",
    "h.example",
    "h.example",
    "h.example",
    "h.example",
    "gopkg.in",
    "github.com",
    "hub.jazz.net",
    "rsc.io",
    "bitbucket.org",
    "example.net",
    "h.git",
    "con.example",
    "1.2",
    "-h.example",
    "h..example",
    "h.example.",
    "localhost",
    "H.example",
    "h_x.example",
];

/// Pieces that change the meaning of a path or a URL.
const PIECES: [&str; 56] = [
    "/",
    "//",
    ".",
    "..",
    "...",
    "-",
    "_",
    "~",
    "~1",
    "+",
    "v",
    "v2",
    "/v2",
    "/v1",
    "/v",
    "0",
    "1",
    "2",
    ".v2",
    "-unstable",
    ".git",
    ".hg",
    ".bzr",
    "vendor/",
    "con",
    "*",
    "/*",
    ":",
    ":80",
    ":+80",
    ":0",
    ":99999",
    "@",
    "u@",
    "u:p@",
    "%",
    "%20",
    "%zz",
    "%2",
    "?",
    "?a=b",
    "#",
    "#a",
    "[",
    "]",
    "[::1]",
    "[zz]",
    " ",
    "\\",
    "\"",
    "é",
    "\u{a0}",
    "\u{fffe}",
    "!",
    "&",
    "\u{1}",
];

/// Returns one of `bases` with up to three small edits.
pub fn mutated(bases: Vec<String>) -> impl Strategy<Value = String> {
    let edits = prop::collection::vec(
        (any::<prop::sample::Index>(), 0..3usize, select(&PIECES[..])),
        0..4,
    );
    (select(bases), edits).prop_map(|(base, edits)| {
        let mut text: Vec<char> = base.chars().collect();
        for (at, removed, piece) in edits {
            let at = at.index(text.len() + 1);
            let end = (at + removed).min(text.len());
            text.splice(at..end, piece.chars());
        }
        text.into_iter().collect()
    })
}

/// Returns a path such as `/a/b`, with at most `most` elements.
pub fn path(most: usize) -> impl Strategy<Value = String> {
    prop::collection::vec(select(&ELEMENTS[..]), 0..=most)
        .prop_map(|elements| elements.iter().flat_map(|element| ["/", element]).collect())
}

/// Returns import paths, some of them patterns.
pub fn import_path() -> impl Strategy<Value = String> {
    let end = select(&["", "", "", "", "/", "/*"][..]);
    (select(&HOSTS[..]), path(3), end).prop_map(|(host, path, end)| format!("{host}{path}{end}"))
}

/// Returns repository URLs, most of them plausible.
pub fn repo() -> impl Strategy<Value = String> {
    let scheme = select(
        &[
            "https://",
            "https://",
            "https://",
            "http://",
            "ssh://",
            "git://",
            "git+ssh://",
            "svn://",
            "svn+ssh://",
            "bzr://",
            "bzr+ssh://",
            "file://",
            "ftp://",
            "HTTPS://",
            "https:/",
            "https:",
            "",
        ][..],
    );
    let user = select(
        &[
            "", "", "", "", "git@", "u:p@", "@", "%20@", "%zz@", "us[er@", "é@", "a@b@",
        ][..],
    );
    let host = select(
        &[
            "h.example",
            "h.example",
            "h.example",
            "code.example",
            "code.example",
            "github.com",
            "localhost",
            "127.0.0.1",
            "[::1]",
            "[fe80::1%25eth0]",
            "[1.2.3.4]",
            "[zz]",
            "[]",
            "[::1",
            "::1",
            "é.example",
            "xn--9ca.example",
            "h_x.example",
            "proxy.golang.org",
            "GitHub.com",
            "",
            "*",
            "h%41.example",
            "h!x",
        ][..],
    );
    let port = select(
        &[
            "", "", "", "", "", ":80", ":3000", ":", ":0", ":65536", ":+80", ":-1", ":x", ":1:2",
        ][..],
    );
    let path = select(
        &[
            "/r",
            "/r",
            "/r.git",
            "/a/b",
            "/a/b.git",
            "/",
            "",
            "/~a/b",
            "/a%20b",
            "/%zz",
            "/%",
            "/%2",
            "/a//b",
            "/a/../b",
            "/m",
            "/m/sub",
            "/a/b/tree/main/sub",
            "/é",
            "/a b",
            "/a+b",
            "/a:b",
            "/a@b",
            "/a,b;c=d",
            "/a?b",
            "/a#b",
            "/a&b",
            "/a'b",
            "/a<b",
            "/r.hg",
            "/r.fossil",
            "/trunk",
        ][..],
    );
    (scheme, user, host, port, path)
        .prop_map(|(scheme, user, host, port, path)| format!("{scheme}{user}{host}{port}{path}"))
}

/// Returns texts with characters that are special in HTML, XML and YAML.
pub fn text() -> impl Strategy<Value = String> {
    let piece = select(
        &[
            "a",
            "b c",
            "<b>",
            "</head>",
            "<body>",
            "&",
            "&amp;",
            "&#0;",
            "&bogus;",
            "\"",
            "'",
            "]]>",
            "<!--",
            "-->",
            "<?xml encoding=\"latin1\"?>",
            "<![CDATA[",
            "\u{fffe}",
            "\u{ffff}",
            "\u{1fffe}",
            "é",
            "\u{2028}",
            "\u{202e}",
            "\u{85}",
            "\u{a0}",
            "\u{7f}",
            "/",
            "#",
            "{dir}",
            "*",
        ][..],
    );
    prop::collection::vec(piece, 1..5).prop_map(|pieces| pieces.concat())
}

/// Returns directories inside a repository.
pub fn subdir() -> impl Strategy<Value = String> {
    let element = select(
        &[
            "a", "b-c", ".x", "..", ".", "", "-a", "é", "v2", "a b", "a'b", "a&b", "*", "a\u{a0}b",
        ][..],
    );
    let end = select(&["", "", "/"][..]);
    (prop::collection::vec(element, 1..4), end).prop_map(|(elements, end)| elements.join("/") + end)
}
