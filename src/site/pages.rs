//! A cache of the site's rendered pages, bounded in bytes.

use std::convert::Infallible;
use std::sync::Arc;

use quick_cache::sync::{Cache, DefaultLifecycle};
use quick_cache::{OptionsBuilder, Weighter};

use crate::hash::BuildKeyHasher;
use crate::page::CompiledPage;

/// In bytes: room for the pages of ten thousand modules, or for two hundred of the longest lists.
const CAPACITY: u64 = 32 << 20;
/// The memory of an entry besides its page: the cache's tables and the allocator's headers.
const OVERHEAD: usize = 256;
const TYPICAL_PAGE: usize = 3 << 10;

/// The key of a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum PageKey {
    /// The page of the module with this number, or the one for its subpaths if `below`.
    Module {
        number: usize,
        below: bool,
        command: bool,
    },
    /// The first page of the list of a folder: the number of the first module below it, and the
    /// length of the folder's path.
    List { first: usize, length: u32 },
}

#[derive(Debug)]
pub(super) struct Pages(Cache<PageKey, Arc<CompiledPage>, Weight, BuildKeyHasher>);

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
        let (hasher, lifecycle) = (BuildKeyHasher::default(), DefaultLifecycle::default());
        Self(Cache::with_options(options, Weight, hasher, lifecycle))
    }

    /// Returns the page, and renders it on a miss. Concurrent callers wait for that one rendering.
    pub(super) fn get(
        &self,
        key: PageKey,
        render: impl FnOnce() -> CompiledPage,
    ) -> Arc<CompiledPage> {
        let render = || Ok::<_, Infallible>(Arc::new(render()));
        let Ok(page) = self.0.get_or_insert_with(&key, render);
        page
    }
}

#[derive(Debug, Clone)]
struct Weight;

impl Weighter<PageKey, Arc<CompiledPage>> for Weight {
    fn weight(&self, _: &PageKey, page: &Arc<CompiledPage>) -> u64 {
        (page.size() + OVERHEAD) as u64
    }
}
