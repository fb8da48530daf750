//! The pages, with everything that they can show and with nothing.

use insta::assert_snapshot;
use sha2::{Digest, Sha256};

use super::*;

const FULL: &str = r#"
host: example.com
title: <Packages>
description: of <all> kinds
/a: {repo: "https://h.example/a"}
/sdk/go:
  repo: https://h.example/sdk.git
  forge: gitea
  subdir: clients/go
  proxy: https://proxy.example
  description: <b>&"'
/sdk/stay: {repo: "https://h.example/stay", redirect: false}
/ssh: {repo: "ssh://git@h.example/s", docs: none, hidden: true}
/tools/*: {repo: "https://h.example/tools/*-go.git", description: Tools}
"#;
const BARE: &str = "
host: example.com
docs: none
index: none
/m: {repo: https://proxy.example, vcs: mod}
";

fn body(site: &Site, path: &str, query: Option<&str>) -> String {
    let body = match site.answer_query(None, path, false, query) {
        Answer::Module(_, page) | Answer::List(page) => page.body,
        Answer::NotFoundPage(body) => body,
        answer => panic!("{path}: {answer:?}"),
    };
    String::from_utf8(body.to_vec()).unwrap()
}

/// Renders each template with everything that it can show, and with nothing.
fn pages() -> [(&'static str, String); 9] {
    let (full, bare) = (testing::site(FULL), testing::site(BARE));
    [
        ("module", body(&full, "/sdk/go/client", None)),
        ("command", body(&full, "/sdk/stay/v2/cmd/tool", None)),
        ("pattern", body(&full, "/tools/hammer/b", None)),
        ("ssh", body(&full, "/ssh", None)),
        ("module_bare", body(&bare, "/m", None)),
        ("list", body(&full, "/", None)),
        ("list_bare", body(&full, "/sdk", Some("q=%22%3Cnone%3E"))),
        ("not_found", body(&full, "/sdk/stya", None)),
        ("not_found_bare", body(&bare, "//", None)),
    ]
}

#[test]
fn pages_match_their_snapshots() {
    for (name, body) in pages() {
        // insta ignores trailing white space.
        assert!(body.ends_with("</html>\n"), "{name}: {body:?}");
        assert!(!body.contains("\n\n"), "{name}: {body}");
        assert_snapshot!(name, body);
    }
}

#[test]
fn policies_allow_the_style_of_every_page() {
    for (name, body) in pages() {
        let style = body.split_once("<style>").unwrap().1;
        let style = style.split_once("</style>").unwrap().0;
        // The go command parses the page as XML.
        assert!(!style.contains(['<', '&']), "{name}");
        let source = format!("style-src 'sha256-{}';", base64(&Sha256::digest(style)));
        let policy = if name.starts_with("list") {
            LIST_POLICY
        } else {
            CONTENT_SECURITY_POLICY
        };
        assert!(
            policy.contains(&source),
            "{name}: the policy needs {source}"
        );
    }
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let byte = |n| u32::from(chunk.get(n).copied().unwrap_or_default());
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for n in 0..4 {
            let digit = DIGITS[(bits >> (18 - 6 * n) & 63) as usize];
            text.push(if n > chunk.len() { '=' } else { digit.into() });
        }
    }
    text
}

#[test]
fn entity_tags_differ_between_pages() {
    let site = testing::site(FULL);
    let etag = |path| match site.answer(None, path, true) {
        Answer::Module(_, page) => page.etag,
        answer => panic!("{answer:?}"),
    };
    assert_eq!(etag("/a"), etag("/a"));
    assert_eq!(etag("/a"), etag("/a/"));
    assert_ne!(etag("/a"), etag("/a/mp"));
    assert_ne!(etag("/tools/a/b"), etag("/tools/b/b"));
    assert_ne!(etag("/tools/a"), etag("/tools/a/a"));
}

#[test]
fn a_list_is_not_the_answer_to_the_go_command() {
    let site = testing::site(FULL);
    for _ in 0..2 {
        let list = site.answer(None, "/sdk", false);
        assert!(matches!(list, Answer::List(_)), "{list:?}");
        let text = site.answer(None, "/sdk", true);
        assert!(matches!(text, Answer::NotFoundText { .. }), "{text:?}");
    }
}
