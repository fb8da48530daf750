//! The pages: askama templates and their input.
//!
//! A page is rendered once, with slots for a request's subpath and, for a pattern, the element that
//! its `*` matched. Filling the slots is a copy; a page without slots is shared. Subpath and
//! element need no escaping in HTML or URLs: [`RequestPath`](crate::module::RequestPath) allows no
//! such character.

use std::io::Write as _;
use std::{iter, mem};

use askama::Template;
use bytes::Bytes;

/// What a page may load: its own inline style, and nothing else. The hash is that of the `style`
/// element; a test compares it with the templates.
pub const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; \
     style-src 'sha256-FUB8a3d4mmCB8BrBeuN7R6109A/zjN5/5g8mhelBMnY='; \
     base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Marks a slot. It cannot occur in a value: control characters are rejected.
const SUBPATH: &str = "\0";
const ELEMENT: &str = "\u{1}";

/// A page that is ready to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// The HTML.
    pub body: Bytes,
    /// A strong entity tag, quotes included. Equal bodies have equal tags, on every machine and
    /// after every restart.
    pub etag: Bytes,
}

impl Page {
    /// Builds a page whose entity tag is `of` in hexadecimal.
    fn new<'t>(of: u64, body: impl Iterator<Item = &'t [u8]> + Clone) -> Self {
        // One allocation for both, of the exact length: a Vec with spare capacity is copied when it
        // becomes Bytes.
        let length = ETAG_LENGTH + body.clone().map(<[u8]>::len).sum::<usize>();
        let mut text = Vec::with_capacity(length);
        // Writing to a Vec cannot fail.
        let _ = write!(text, "\"{of:016x}\"");
        body.for_each(|part| text.extend_from_slice(part));
        let text = Bytes::from(text);
        Self {
            body: text.slice(ETAG_LENGTH..),
            etag: text.slice(..ETAG_LENGTH),
        }
    }
}

/// In bytes: 16 digits and two quotes.
const ETAG_LENGTH: usize = 18;

/// The initial state of [`fnv1a`].
const FNV_BASIS: u64 = 0xcbf2_9ce4_8422_2325;

/// Continues an FNV-1a hash from `state`. The hashers of std may change with any Rust release, and
/// replicas of different builds must agree on entity tags.
pub(crate) fn fnv1a(state: u64, bytes: &[u8]) -> u64 {
    const PRIME: u64 = 0x0100_0000_01b3;
    let step = |state: u64, byte: &u8| (state ^ u64::from(*byte)).wrapping_mul(PRIME);
    bytes.iter().fold(state, step)
}

/// The page of a module, or the one for its subpaths.
#[derive(Template)]
#[template(path = "package.html")]
pub struct PackagePage<'a> {
    /// The import path of the module's root.
    pub prefix: &'a str,
    /// The name of the version control system, or `mod`.
    pub vcs: &'a str,
    /// The repository URL.
    pub repo: &'a str,
    /// The module's directory in the repository.
    pub subdir: Option<&'a str>,
    /// The last three fields of go-source.
    pub source: Option<&'a str>,
    /// The documentation of the module's root.
    pub docs: Option<&'a str>,
    /// Whether a subpath's documentation is at `docs` with the subpath appended.
    pub docs_by_path: bool,
    /// The repository's web page.
    pub home: &'a str,
    /// One line about the module.
    pub description: Option<&'a str>,
    /// Whether these are the values of a pattern, with a `*` where the element goes.
    pub pattern: bool,
    /// Whether this is the page for subpaths.
    pub below: bool,
}

impl PackagePage<'_> {
    /// Returns a value with the slot for the element in place of its `*`.
    fn filled(&self, value: &str) -> String {
        value.replace('*', if self.pattern { ELEMENT } else { "*" })
    }

    /// Returns a value with the subpath appended.
    fn followed(&self, value: &str) -> String {
        self.filled(value) + if self.below { SUBPATH } else { "" }
    }

    fn documentation(&self) -> Option<String> {
        let append = if self.docs_by_path {
            Self::followed
        } else {
            Self::filled
        };
        self.docs.map(|docs| append(self, docs))
    }
}

/// A rendered page, which may have slots.
#[derive(Debug)]
pub struct CompiledPage {
    /// The slots: their offsets in the body, and what goes there.
    slots: Box<[(usize, &'static str)]>,
    hash: u64,
    page: Page,
}

impl CompiledPage {
    /// Renders a page.
    pub fn new(template: &impl Template) -> Self {
        Self::of(&render(template))
    }

    fn of(rendered: &str) -> Self {
        let hash = fnv1a(FNV_BASIS, rendered.as_bytes());
        let mut slots: Vec<_> = [SUBPATH, ELEMENT]
            .iter()
            .flat_map(|slot| rendered.match_indices(slot).map(|(at, _)| (at, *slot)))
            .collect();
        slots.sort_unstable();
        Self {
            slots: slots.into(),
            hash,
            page: Page::new(hash, iter::once(rendered.as_bytes())),
        }
    }

    /// Returns the page for `subpath`, which is empty or starts with a slash. For a pattern,
    /// `element` is what its `*` matched.
    pub fn render(&self, element: &str, subpath: &str) -> Page {
        if self.slots.is_empty() {
            return self.page.clone();
        }
        let body = &self.page.body;
        let mut start = 0;
        let parts = self
            .slots
            .iter()
            .flat_map(move |&(at, slot)| {
                let value = if slot == SUBPATH { subpath } else { element };
                [
                    &body[mem::replace(&mut start, at + 1)..at],
                    value.as_bytes(),
                ]
            })
            .chain([&body[self.slots.last().map_or(0, |&(at, _)| at + 1)..]]);
        // As good as a hash of the body, which depends on nothing else, and faster. The boundary is
        // unambiguous: the element has no slash, and the subpath starts with one.
        let of = fnv1a(fnv1a(self.hash, element.as_bytes()), subpath.as_bytes());
        Page::new(of, parts)
    }

    /// Returns its memory use in bytes.
    pub fn size(&self) -> usize {
        size_of::<Self>() + size_of_val(&*self.slots) + ETAG_LENGTH + self.page.body.len()
    }
}

/// One line of a list.
pub struct Entry {
    /// The text.
    pub name: String,
    /// The link; none for a pattern.
    pub href: Option<String>,
    /// The text after the name.
    pub note: Option<String>,
}

/// The list of the modules below a folder.
#[derive(Template)]
#[template(path = "index.html")]
pub struct ListPage<'a> {
    /// The folder, including its host.
    pub prefix: &'a str,
    /// The lines.
    pub entries: &'a [Entry],
    /// How many modules the lines do not cover.
    pub left_out: usize,
}

/// A module to suggest.
pub struct Near {
    /// Its import path.
    pub name: String,
    /// Its path on the host.
    pub href: String,
}

#[derive(Template)]
#[template(path = "not_found.html")]
struct NotFoundTemplate<'a> {
    host: &'a str,
    near: &'a [Near],
}

/// Renders the not-found page. It shows nothing from the request.
pub fn not_found(host: &str, near: &[Near]) -> Bytes {
    render(&NotFoundTemplate { host, near }).into()
}

#[allow(clippy::expect_used)]
fn render(template: &impl Template) -> String {
    template
        .render()
        .expect("a template fails only where its writer does, and a String does not")
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;
    use sha2::{Digest, Sha256};

    use super::*;

    fn page(pattern: bool) -> PackagePage<'static> {
        PackagePage {
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
            source: None,
            docs: Some("https://pkg.go.dev/example.com/a"),
            docs_by_path: true,
            home: "https://h.example/a",
            description: Some("<b>&\"'"),
            pattern,
            below: false,
        }
    }

    fn filled(mut page: PackagePage<'_>, element: &str, subpath: &str) -> Page {
        page.below = !subpath.is_empty();
        CompiledPage::new(&page).render(element, subpath)
    }

    fn text(body: &Bytes) -> &str {
        std::str::from_utf8(body).unwrap()
    }

    /// Renders each template with everything that it can show, and with nothing.
    fn pages() -> [(&'static str, Bytes); 6] {
        let full = PackagePage {
            prefix: "example.com/sdk/go",
            repo: "https://h.example/sdk.git",
            subdir: Some("clients/go"),
            source: Some(
                "https://h.example/sdk https://h.example/sdk/src/branch/main{/dir} https://h.example/sdk/src/branch/main{/dir}/{file}#L{line}",
            ),
            docs: Some("https://pkg.go.dev/example.com/sdk/go"),
            home: "https://h.example/sdk",
            description: Some("Talks to the services"),
            ..page(false)
        };
        let bare = PackagePage {
            vcs: "mod",
            repo: "https://proxy.example",
            docs: None,
            description: None,
            ..page(false)
        };
        let list = |entries, left_out| {
            let prefix = "example.com";
            let page = ListPage {
                prefix,
                entries,
                left_out,
            };
            CompiledPage::new(&page).render("", "").body
        };
        let entry = |name: &str, href: Option<&str>, note: Option<&str>| Entry {
            name: format!("example.com{name}"),
            href: href.map(str::to_owned),
            note: note.map(str::to_owned),
        };
        let entries = [
            entry("/a", Some("/a"), None),
            entry("/sdk/go", Some("/sdk/go"), Some("Talks to the services")),
            entry("/tools/*", None, None),
            entry("/x/", Some("/x/"), Some("200 modules")),
        ];
        let near = ["a", "b"].map(|name| Near {
            name: format!("example.com/{name}"),
            href: format!("/{name}"),
        });
        [
            ("package", filled(full, "", "/client").body),
            ("package_bare", filled(bare, "", "").body),
            ("index", list(&entries[..3], 0)),
            ("index_cut", list(&entries[3..], 12)),
            ("not_found", not_found("example.com", &near)),
            ("not_found_bare", not_found("example.com", &[])),
        ]
    }

    #[test]
    fn the_pages_are_as_reviewed() {
        for (name, body) in pages() {
            // insta ignores trailing white space.
            let body = text(&body);
            assert!(body.ends_with("</html>\n"), "{name}: {body:?}");
            assert!(!body.contains("\n\n"), "{name}: {body}");
            assert_snapshot!(name, body);
        }
    }

    #[test]
    fn the_policy_allows_the_style_of_every_page() {
        for (name, body) in pages() {
            let style = text(&body).split_once("<style>").unwrap().1;
            let style = style.split_once("</style>").unwrap().0;
            // The go command parses the page as XML.
            assert!(!style.contains(['<', '&']), "{name}");
            let source = format!("style-src 'sha256-{}';", base64(&Sha256::digest(style)));
            assert!(
                CONTENT_SECURITY_POLICY.contains(&source),
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
    fn the_page_of_a_subpath_names_the_module_root() {
        let root = "<dt>Module root</dt>\n<dd><code>example.com/a</code></dd>\n</dl>";
        for (pattern, element) in [(false, ""), (true, "a")] {
            let of = |subpath| filled(page(pattern), element, subpath).body;
            assert!(text(&of("/b")).contains(root));
            assert!(!text(&of("")).contains("Module root"));
        }
    }

    fn head(page: &Page) -> Vec<String> {
        text(&page.body)
            .lines()
            .skip(3)
            .take(4)
            .map(str::to_owned)
            .collect()
    }

    #[test]
    fn the_head_is_in_order_and_spacing_of_the_contract() {
        let mut values = page(false);
        values.source =
            Some("https://h.example/a https://h.example/a{/dir} https://h.example/a{/dir}/{file}");
        assert_eq!(
            head(&filled(values, "", "/mp")),
            [
                r#"<meta charset="utf-8">"#,
                r#"<meta name="go-import" content="example.com/a git https://h.example/a">"#,
                r#"<meta name="go-source" content="example.com/a https://h.example/a https://h.example/a{/dir} https://h.example/a{/dir}/{file}">"#,
                r#"<meta http-equiv="refresh" content="0; url=https://pkg.go.dev/example.com/a/mp">"#,
            ]
        );
    }

    #[test]
    fn a_pattern_is_filled_in_every_place() {
        let filled = filled(page(true), "tool", "");
        assert_eq!(
            head(&filled)[1],
            r#"<meta name="go-import" content="example.com/tool git https://h.example/tool-go.git">"#
        );
        let body = text(&filled.body);
        assert!(
            !body.contains("example.com/*") && !body.contains(ELEMENT),
            "{body}"
        );
    }

    #[test]
    fn values_are_escaped() {
        let page = filled(page(false), "", "");
        let body = text(&page.body);
        assert!(body.contains("<p>&#60;b&#62;&#38;&#34;&#39;</p>"), "{body}");
    }

    #[test]
    fn entity_tags_tell_pages_apart() {
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
        // From the published FNV-1a test vectors, 64 bits.
        assert_eq!(fnv1a(FNV_BASIS, b""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(fnv1a(FNV_BASIS, b"foobar"), 0x8594_4171_f739_67e8);
        assert_eq!(
            CompiledPage::of("a page").render("", "").etag,
            "\"181bb9eea8a61fdf\""
        );
        let below = CompiledPage::of("a \u{1}\0");
        assert_eq!(below.render("tool", "/mp").body, "a tool/mp");
        assert_eq!(below.render("tool", "/mp").etag, "\"7f685cf346392575\"");
    }
}
