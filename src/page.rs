//! The pages: askama templates, and what each is given.
//!
//! A page is rendered once, with holes where a request's subpath (and, for a pattern, the
//! element that its `*` stands for) go; filling the holes is a copy, and a page without any is
//! shared. Subpath and element hold only characters that HTML and URLs leave alone, which
//! [`RequestPath`](crate::module::RequestPath) sees to.

use std::io::Write as _;
use std::{iter, mem};

use askama::Template;
use bytes::Bytes;

/// What the pages allow themselves to load: their own style, and nothing else from anywhere.
/// The hash is that of the `style` element; a test compares it with the templates.
pub const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; \
     style-src 'sha256-FUB8a3d4mmCB8BrBeuN7R6109A/zjN5/5g8mhelBMnY='; \
     base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// A control character cannot come from the file: no value of a module may hold one.
const SUBPATH: &str = "\0";
const ELEMENT: &str = "\u{1}";

/// A finished page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// The HTML.
    pub body: Bytes,
    /// A strong entity tag, quotation marks included: equal bodies have equal tags, on every
    /// machine and after every start.
    pub etag: Bytes,
}

impl Page {
    /// A page with the entity tag that `of` is the hash of.
    fn new<'t>(of: u64, body: impl Iterator<Item = &'t [u8]> + Clone) -> Self {
        // One allocation for both, and of the exact length: a Vec with room to spare moves
        // when it is made Bytes.
        let length = ETAG_LENGTH + body.clone().map(<[u8]>::len).sum::<usize>();
        let mut text = Vec::with_capacity(length);
        // A Vec takes whatever is written.
        let _ = write!(text, "\"{of:016x}\"");
        body.for_each(|part| text.extend_from_slice(part));
        let text = Bytes::from(text);
        Self {
            body: text.slice(ETAG_LENGTH..),
            etag: text.slice(..ETAG_LENGTH),
        }
    }
}

/// In bytes: 16 digits in quotation marks.
const ETAG_LENGTH: usize = 18;

/// The state of [`fnv1a`] before the first byte.
const FNV_BASIS: u64 = 0xcbf2_9ce4_8422_2325;

/// FNV-1a, from `state` on. The hashes of std may change with any release of Rust, and replicas
/// of different builds must agree on entity tags.
pub(crate) fn fnv1a(state: u64, bytes: &[u8]) -> u64 {
    const PRIME: u64 = 0x0100_0000_01b3;
    let step = |state: u64, byte: &u8| (state ^ u64::from(*byte)).wrapping_mul(PRIME);
    bytes.iter().fold(state, step)
}

/// The page of a module, or that of the subpaths below it.
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
    /// Where the documentation of the module's root is.
    pub docs: Option<&'a str>,
    /// Whether the documentation of a subpath is at `docs` with the subpath appended.
    pub docs_by_path: bool,
    /// Where a person reads the repository.
    pub home: &'a str,
    /// One line about the module.
    pub description: Option<&'a str>,
    /// Whether these are the values of a pattern, with a `*` in each place of the element.
    pub pattern: bool,
    /// Whether it is the page of the subpaths.
    pub below: bool,
}

impl PackagePage<'_> {
    /// A value as the page has it.
    fn filled(&self, value: &str) -> String {
        value.replace('*', if self.pattern { ELEMENT } else { "*" })
    }

    /// A value with the subpath appended.
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

/// A rendered page, which may have holes.
#[derive(Debug)]
pub struct CompiledPage {
    /// Where the body has what stands for a subpath or an element.
    holes: Box<[(usize, &'static str)]>,
    /// The hash of the body.
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
        let mut holes: Vec<_> = [SUBPATH, ELEMENT]
            .iter()
            .flat_map(|hole| rendered.match_indices(hole).map(|(at, _)| (at, *hole)))
            .collect();
        holes.sort_unstable();
        Self {
            holes: holes.into(),
            hash,
            page: Page::new(hash, iter::once(rendered.as_bytes())),
        }
    }

    /// The page for `subpath`, which is empty or starts with a slash, of the module that
    /// `element` makes of a pattern.
    pub fn fill(&self, element: &str, subpath: &str) -> Page {
        if self.holes.is_empty() {
            return self.page.clone();
        }
        let body = &self.page.body;
        let mut start = 0;
        let parts = self
            .holes
            .iter()
            .flat_map(move |&(at, hole)| {
                let value = if hole == SUBPATH { subpath } else { element };
                [
                    &body[mem::replace(&mut start, at + 1)..at],
                    value.as_bytes(),
                ]
            })
            .chain([&body[self.holes.last().map_or(0, |&(at, _)| at + 1)..]]);
        // As good as the hash of the body, which is a function of these, and shorter. The element
        // is in front: it has no slash, and the subpath starts with one.
        let of = fnv1a(fnv1a(self.hash, element.as_bytes()), subpath.as_bytes());
        Page::new(of, parts)
    }

    /// How much memory it takes, in bytes.
    pub fn size(&self) -> usize {
        size_of::<Self>() + size_of_val(&*self.holes) + ETAG_LENGTH + self.page.body.len()
    }
}

/// One line of a list.
pub struct Entry {
    /// What is shown.
    pub name: String,
    /// Where it leads; none for a pattern.
    pub href: Option<String>,
    /// What is said of it.
    pub note: Option<String>,
}

/// The list of the modules below a folder.
#[derive(Template)]
#[template(path = "index.html")]
pub struct ListPage<'a> {
    /// The folder, with its host.
    pub prefix: &'a str,
    /// The lines.
    pub entries: &'a [Entry],
    /// How many modules are in none of them.
    pub left_out: usize,
}

/// A module that a person may have meant.
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

/// The page that says that nothing is there. It shows nothing of the request.
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
        CompiledPage::new(&page).fill(element, subpath)
    }

    fn text(body: &Bytes) -> &str {
        std::str::from_utf8(body).unwrap()
    }

    /// One page or more of each template: with everything that it can show, and with nothing.
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
            CompiledPage::new(&page).fill("", "").body
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
            // insta does not look at the end of a text.
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
            // The go command reads it as XML.
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
        // The published test vectors of FNV-1a, 64 bits.
        assert_eq!(fnv1a(FNV_BASIS, b""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(fnv1a(FNV_BASIS, b"foobar"), 0x8594_4171_f739_67e8);
        assert_eq!(
            CompiledPage::of("a page").fill("", "").etag,
            "\"181bb9eea8a61fdf\""
        );
        let below = CompiledPage::of("a \u{1}\0");
        assert_eq!(below.fill("tool", "/mp").body, "a tool/mp");
        assert_eq!(below.fill("tool", "/mp").etag, "\"7f685cf346392575\"");
    }
}
