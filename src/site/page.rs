//! Rendered pages, and the cache of them.

use askama::Template;
use bytes::Bytes;
use quick_cache::sync::{Cache, DefaultLifecycle};
use quick_cache::{DefaultHashBuilder, Equivalent, OptionsBuilder, Weighter};

/// What a page may load: its own inline style, and the empty icon that keeps browsers from asking
/// for one. The hash is that of the `style` element; a test compares it with the templates.
pub(crate) const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; \
     style-src 'sha256-D1IJQdjDwhKkqxiqp46PzEaXgSRfvA4DujcrPSkdhYs='; \
     img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The same for a list, whose search form asks this server.
pub(crate) const LIST_POLICY: &str = "default-src 'none'; \
     style-src 'sha256-Nl42UvR3NPlppp00k6yzxGKyi7mx63dUIU595aIZGck='; \
     img-src data:; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

/// The capacity of the cache in bytes: room for the pages of ten thousand modules, or for two
/// hundred of the longest lists.
const CAPACITY: u64 = 32 << 20;
/// The memory of an entry besides its page: the cache's tables and the allocator's headers.
const OVERHEAD: usize = 256;
const TYPICAL_PAGE: usize = 3 << 10;

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
    pub(super) fn new(template: &impl Template) -> Self {
        let body = render(template);
        let etag = format!("\"{:016x}\"", fnv_1a(body.as_bytes()));
        Self {
            // Without spare capacity, which the cache would not count.
            body: body.into_bytes().into_boxed_slice().into(),
            etag: etag.into_bytes().into_boxed_slice().into(),
        }
    }
}

#[allow(clippy::expect_used)]
pub(super) fn render(template: &impl Template) -> String {
    template
        .render()
        .expect("a template fails only where its writer does, and a String does not")
}

/// The hashers of std may change with any Rust release, and replicas of different builds must agree
/// on entity tags.
fn fnv_1a(bytes: &[u8]) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for byte in bytes {
        hash = (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3);
    }
    hash
}

/// A folder above a page, and its list.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Crumb<'a> {
    /// The address of the list.
    pub(super) href: &'a str,
    /// The host, or the last element of the folder's path.
    pub(super) name: &'a str,
}

/// A cache of rendered pages, bounded in bytes, by the requests that get them.
#[derive(Debug)]
pub(super) struct Pages(Cache<Request, Cached, Weight>);

/// A page that was rendered.
#[derive(Debug, Clone)]
pub(super) struct Cached {
    /// The index of the module on its host; none for a list.
    pub(super) module: Option<u32>,
    pub(super) page: Page,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Request {
    host: usize,
    path: Box<str>,
}

/// A [`Request`] by reference, with the same hash.
#[derive(Debug, Hash)]
struct RequestRef<'a> {
    host: usize,
    path: &'a str,
}

impl Equivalent<Request> for RequestRef<'_> {
    fn equivalent(&self, other: &Request) -> bool {
        self.host == other.host && *self.path == *other.path
    }
}

impl Pages {
    #[allow(clippy::expect_used)]
    pub(super) fn new() -> Self {
        let options = OptionsBuilder::new()
            .weight_capacity(CAPACITY)
            .estimated_items_capacity(CAPACITY as usize / TYPICAL_PAGE)
            // The capacity is split among the shards, and a list may be larger than one share.
            .shards(1)
            .build()
            .expect("both capacities are given");
        Self(Cache::with_options(
            options,
            Weight,
            DefaultHashBuilder::default(),
            DefaultLifecycle::default(),
        ))
    }

    /// Returns the page for `path`, as in the request target, on the host with this index.
    pub(super) fn get(&self, host: usize, path: &str) -> Option<Cached> {
        self.0.get(&RequestRef { host, path })
    }

    pub(super) fn insert(&self, host: usize, path: &str, cached: Cached) {
        let path = path.into();
        self.0.insert(Request { host, path }, cached);
    }
}

#[derive(Debug, Clone)]
struct Weight;

impl Weighter<Request, Cached> for Weight {
    fn weight(&self, request: &Request, cached: &Cached) -> u64 {
        (request.path.len() + cached.page.body.len() + OVERHEAD) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entity_tags_are_the_same_in_every_build() {
        // The test vectors of FNV's authors.
        assert_eq!(fnv_1a(b""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(fnv_1a(b"foobar"), 0x8594_4171_f739_67e8);
    }
}
