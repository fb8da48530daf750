//! The pages: askama templates and their input.
//!
//! A page is rendered once, with slots for a request's subpath and, for a pattern, the element that
//! its `*` matched. Filling the slots is a copy; a page without slots is shared. Subpath and
//! element need no escaping in HTML or URLs: [`RequestPath`](crate::module::RequestPath) allows no
//! such character.

mod list;
mod module;
#[cfg(test)]
mod tests;

use std::io::Write as _;

use askama::Template;
use bytes::Bytes;

use crate::hash::{HASH_BASIS, hash};
pub use list::{Entry, LONGEST_QUERY, ListPage};
pub use module::ModulePage;

/// What a page may load: its own inline style, and the empty icon that keeps browsers from asking
/// for one. The hash is that of the `style` element; a test compares it with the templates.
pub const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; \
     style-src 'sha256-D1IJQdjDwhKkqxiqp46PzEaXgSRfvA4DujcrPSkdhYs='; \
     img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The same for a list, whose search form asks this server.
pub const LIST_POLICY: &str = "default-src 'none'; \
     style-src 'sha256-Nl42UvR3NPlppp00k6yzxGKyi7mx63dUIU595aIZGck='; \
     img-src data:; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

/// Mark the slots. They cannot occur in a value: control characters are rejected.
const SUBPATH: u8 = 0;
const ELEMENT: u8 = 1;
/// The subpath as a directory of the repository: without a leading major version, which is in most
/// repositories a branch.
const DIRECTORY: u8 = 2;
const SLOTS: [u8; 3] = [SUBPATH, ELEMENT, DIRECTORY];

/// A page that is ready to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    pub body: Bytes,
    /// A strong entity tag, quotes included. Equal bodies have equal tags, on every machine and
    /// after every restart.
    pub etag: Bytes,
}

impl Page {
    /// Renders a page that has no slots.
    pub fn of(template: &impl Template) -> Self {
        let body = render(template);
        Self::new(hash(HASH_BASIS, body.as_bytes()), &body)
    }

    /// Makes a page whose entity tag is `of` in hexadecimal.
    fn new(of: u64, body: &str) -> Self {
        let mut text = begin(of, body.len());
        text.extend_from_slice(body.as_bytes());
        Self::end(text)
    }

    /// Makes a page of an entity tag and a body. They share an allocation of the exact length: a
    /// Vec with spare capacity is copied when it becomes Bytes.
    fn end(text: Vec<u8>) -> Self {
        let text = Bytes::from(text);
        Self {
            body: text.slice(ETAG_LENGTH..),
            etag: text.slice(..ETAG_LENGTH),
        }
    }
}

/// Returns an entity tag, which is `of` in hexadecimal, with room for a body of this length.
fn begin(of: u64, length: usize) -> Vec<u8> {
    let mut text = Vec::with_capacity(ETAG_LENGTH + length);
    // Writing to a Vec cannot fail.
    let _ = write!(text, "\"{of:016x}\"");
    text
}

/// In bytes: 16 digits and two quotes.
const ETAG_LENGTH: usize = 18;

/// A rendered page, which may have slots.
#[derive(Debug)]
pub struct CompiledPage {
    /// The offsets of the slots, each of which is one byte of the body.
    slots: Box<[usize]>,
    hash: u64,
    page: Page,
}

impl CompiledPage {
    pub fn new(template: &impl Template) -> Self {
        let body = render(template);
        let hash = hash(HASH_BASIS, body.as_bytes());
        let bytes = body.bytes().enumerate();
        let slots = bytes.filter(|(_, byte)| SLOTS.contains(byte));
        Self {
            slots: slots.map(|(at, _)| at).collect(),
            hash,
            page: Page::new(hash, &body),
        }
    }

    /// Returns the page for `subpath`, which is empty or starts with a slash. For a pattern,
    /// `element` is what its `*` matched.
    pub fn render(&self, element: &str, subpath: &str) -> Page {
        if self.slots.is_empty() {
            return self.page.clone();
        }
        let body = &*self.page.body;
        let directory = without_version(subpath);
        let value = |at: usize| match body[at] {
            SUBPATH => subpath,
            ELEMENT => element,
            _ => directory,
        };
        let filled: usize = self.slots.iter().map(|&at| value(at).len()).sum();
        // As good as a hash of the body, which depends on nothing else, and faster. The boundary is
        // unambiguous: the element has no slash, and the subpath starts with one.
        let of = hash(hash(self.hash, element.as_bytes()), subpath.as_bytes());
        let mut text = begin(of, body.len() - self.slots.len() + filled);
        let mut start = 0;
        for &at in &self.slots {
            text.extend_from_slice(&body[start..at]);
            text.extend_from_slice(value(at).as_bytes());
            start = at + 1;
        }
        text.extend_from_slice(&body[start..]);
        Page::end(text)
    }

    /// Returns its memory use in bytes.
    pub fn size(&self) -> usize {
        size_of::<Self>() + size_of_val(&*self.slots) + ETAG_LENGTH + self.page.body.len()
    }
}

impl From<Page> for CompiledPage {
    /// Keeps a page that has no slots.
    fn from(page: Page) -> Self {
        Self {
            slots: Box::default(),
            hash: 0,
            page,
        }
    }
}

/// Returns a subpath without the major version that it starts with: `/x` of `/v2/x`.
fn without_version(subpath: &str) -> &str {
    let Some(version) = subpath.strip_prefix("/v") else {
        return subpath;
    };
    match version.trim_start_matches(|c: char| c.is_ascii_digit()) {
        rest if rest.is_empty() || rest.starts_with('/') => rest,
        _ => subpath,
    }
}

/// A folder above a page, and its list.
#[derive(Debug, PartialEq, Eq)]
pub struct Crumb<'a> {
    /// The address of the list.
    pub href: &'a str,
    /// The host, or the last element of the folder's path.
    pub name: &'a str,
}

/// A module to suggest.
pub struct Near {
    pub name: String,
    /// Its path on the host.
    pub href: String,
}

/// The page for an address without a module or a list.
#[derive(Template)]
#[template(path = "not_found.html")]
pub struct NotFoundPage<'a> {
    /// The folders above it that have lists.
    pub crumbs: &'a [Crumb<'a>],
    pub host: &'a str,
    /// The path, if it could be an import path.
    pub path: Option<&'a str>,
    /// What may have been meant.
    pub near: &'a [Near],
    /// The list of all modules.
    pub list: Option<&'a str>,
}

impl NotFoundPage<'_> {
    pub fn html(&self) -> Bytes {
        render(self).into()
    }
}

#[allow(clippy::expect_used)]
fn render(template: &impl Template) -> String {
    template
        .render()
        .expect("a template fails only where its writer does, and a String does not")
}
