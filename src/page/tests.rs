//! What each template renders.

use std::borrow::Cow;

use insta::assert_snapshot;
use sha2::{Digest, Sha256};

use super::*;

const CRUMBS: &[Crumb<'_>] = &[
    Crumb {
        href: "/",
        name: "example.com",
    },
    Crumb {
        href: "/sdk",
        name: "sdk",
    },
];

fn page(pattern: bool) -> ModulePage<'static> {
    ModulePage {
        crumbs: &[],
        prefix: if pattern {
            "example.com/*"
        } else {
            "example.com/a"
        },
        vcs: "git",
        repo: if pattern {
            "https://h.example/*-go.git"
        } else {
            "https://h.example/a"
        },
        subdir: None,
        proxy: None,
        source: None,
        docs: Some("https://pkg.go.dev/example.com/a"),
        docs_host: "pkg.go.dev",
        docs_by_path: true,
        redirect: true,
        has_badge: true,
        home: Some("https://h.example/a"),
        description: Some("<b>&\"'"),
        hidden: true,
        pattern,
        below: false,
        command: false,
    }
}

fn filled(mut page: ModulePage<'_>, element: &str, subpath: &str) -> Page {
    page.below = !subpath.is_empty();
    CompiledPage::new(&page).render(element, subpath)
}

fn text(body: &Bytes) -> &str {
    std::str::from_utf8(body).unwrap()
}

/// Renders each template with everything that it can show, and with nothing.
fn pages() -> [(&'static str, Bytes); 7] {
    let full = || ModulePage {
        crumbs: CRUMBS,
        prefix: "example.com/sdk/go",
        repo: "https://h.example/sdk.git",
        subdir: Some("clients/go"),
        proxy: Some("https://proxy.example"),
        source: Some(
            "https://h.example/sdk https://h.example/sdk/src/branch/main{/dir} https://h.example/sdk/src/branch/main{/dir}/{file}#L{line}",
        ),
        docs: Some("https://pkg.go.dev/example.com/sdk/go"),
        home: Some("https://h.example/sdk"),
        ..page(false)
    };
    let command = ModulePage {
        command: true,
        redirect: false,
        ..full()
    };
    let bare = ModulePage {
        vcs: "mod",
        repo: "https://proxy.example",
        docs: None,
        has_badge: false,
        description: None,
        hidden: false,
        ..page(false)
    };
    let home = |url| Some(Cow::Borrowed(url));
    let entry = |name, href, description| Entry {
        name,
        href,
        description,
        vcs: "git",
        repo: "https://h.example/r.git",
        home: home("https://h.example/r"),
    };
    let entries = [
        entry("a", Some("/a"), None),
        entry("sdk/go", Some("/sdk/go"), Some("Talks to <the services>")),
        Entry {
            repo: "ssh://git@h.example/s",
            home: None,
            ..entry("ssh", Some("/ssh"), None)
        },
        Entry {
            repo: "https://h.example/tools/*.git",
            home: home("https://h.example/tools/*"),
            ..entry("tools", None, Some("Tools"))
        },
    ];
    let list = ListPage {
        crumbs: CRUMBS,
        title: "<Packages>",
        description: Some("of <all> kinds"),
        address: "/",
        canonical: Some("https://example.com/?page=2"),
        query: Some(""),
        summary: "404 modules, page 2 of 3",
        page: 2,
        entries: &entries,
        previous: Some("/"),
        next: Some("/?page=3"),
    };
    let list_bare = ListPage {
        crumbs: &[],
        description: None,
        canonical: None,
        query: Some("\"<no such>"),
        summary: "None of 4 modules matches",
        page: 1,
        entries: &[],
        previous: None,
        next: None,
        ..list
    };
    let near = ["a", "b"].map(|name| Near {
        name: format!("example.com/{name}"),
        href: format!("/{name}"),
    });
    let not_found = NotFoundPage {
        crumbs: CRUMBS,
        host: "example.com",
        path: Some("/ab"),
        near: &near,
        list: Some("/"),
    };
    let not_found_bare = NotFoundPage {
        crumbs: &[],
        path: None,
        near: &[],
        list: None,
        ..not_found
    };
    [
        ("module", filled(full(), "", "/client").body),
        ("command", filled(command, "", "/v2/cmd/tool").body),
        ("module_bare", filled(bare, "", "").body),
        ("list", Page::of(&list).body),
        ("list_bare", Page::of(&list_bare).body),
        ("not_found", not_found.html()),
        ("not_found_bare", not_found_bare.html()),
    ]
}

#[test]
fn pages_match_their_snapshots() {
    for (name, body) in pages() {
        // insta ignores trailing white space.
        let body = text(&body);
        assert!(body.ends_with("</html>\n"), "{name}: {body:?}");
        assert!(!body.contains("\n\n"), "{name}: {body}");
        assert_snapshot!(name, body);
    }
}

#[test]
fn policies_allow_the_style_of_every_page() {
    for (name, body) in pages() {
        let style = text(&body).split_once("<style>").unwrap().1;
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
fn pattern_is_filled_in_everywhere() {
    let filled = filled(page(true), "tool", "/b");
    let body = text(&filled.body);
    for filled_in in [
        r#"<meta name="go-import" content="example.com/tool git https://h.example/tool-go.git">"#,
        r#"<dd><a href="/tool">example.com/tool</a></dd>"#,
    ] {
        assert!(body.contains(filled_in), "{body}");
    }
    assert!(
        !body.contains("example.com/*") && !body.contains(char::from(ELEMENT)),
        "{body}"
    );
}

#[test]
fn entity_tags_differ_between_pages() {
    let root = filled(page(false), "", "");
    assert_eq!(root, filled(page(false), "", ""));
    assert_ne!(root.etag, filled(page(false), "", "/mp").etag);
    let pattern = |element, subpath| filled(page(true), element, subpath).etag;
    assert_ne!(pattern("a", "/b"), pattern("b", "/b"));
    assert_ne!(pattern("a", "/b"), pattern("a", "/c"));
    assert_ne!(pattern("a", ""), pattern("a", "/a"));
}

#[test]
fn entity_tags_are_the_same_in_every_build() {
    assert_eq!(hash(HASH_BASIS, b""), 0xf8bb_92c9_1b3f_5cc0);
    assert_eq!(hash(HASH_BASIS, b"foobar"), 0xb627_1294_2a1d_bf3d);
    assert_eq!(hash(HASH_BASIS, b"foobar, by words"), 0x6669_f565_54c6_ac78);
}

#[test]
fn a_slot_for_a_directory_has_no_version() {
    for (subpath, directory) in [
        ("", ""),
        ("/v2", ""),
        ("/v12/a", "/a"),
        ("/v2x/a", "/v2x/a"),
        ("/a/v2", "/a/v2"),
        ("/vendor", "/vendor"),
    ] {
        assert_eq!(without_version(subpath), directory);
    }
}
