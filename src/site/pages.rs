//! The rendered pages of a site, as many as fit into a bounded amount of memory.

use std::convert::Infallible;
use std::sync::Arc;

use quick_cache::sync::{Cache, DefaultLifecycle};
use quick_cache::{OptionsBuilder, Weighter};
use rustc_hash::FxBuildHasher;

use crate::page::CompiledPage;

/// In bytes. Some thousand modules' pages fit, or a hundred of the longest lists.
const CAPACITY: u64 = 16 << 20;
/// What an entry takes besides its page: its place in the cache's tables, the headers of its
/// allocations.
const OVERHEAD: usize = 256;
const TYPICAL_PAGE: usize = 3 << 10;

/// Which page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum PageKey {
    /// That of the module with this number, or that of the subpaths `below` it.
    Module { number: usize, below: bool },
    /// The list of a folder, whose path has this length. The number is that of the first module
    /// below it.
    List { first: usize, length: u32 },
}

#[derive(Debug)]
pub(super) struct Pages(Cache<PageKey, Arc<CompiledPage>, Weight, FxBuildHasher>);

impl Pages {
    #[allow(clippy::expect_used)]
    pub(super) fn new() -> Self {
        let options = OptionsBuilder::new()
            .weight_capacity(CAPACITY)
            .estimated_items_capacity(CAPACITY as usize / TYPICAL_PAGE)
            // Each shard has its part of the capacity, and a part may be too small for a list.
            .shards(1)
            .build()
            .expect("both capacities are given");
        let hasher = FxBuildHasher;
        let lifecycle = DefaultLifecycle::default();
        Self(Cache::with_options(options, Weight, hasher, lifecycle))
    }

    /// Returns the page, rendered if it is not there. Who asks for it meanwhile waits.
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
