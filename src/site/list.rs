//! Lists of the modules below a folder, for browsers.

use std::borrow::Cow;
use std::ops::Range;

use memchr::memmem::Finder;

use super::query::ListQuery;
use super::{PageKey, VirtualHost};
use crate::hash::PathTable;
use crate::module::{Key, Vcs};
use crate::page::{Entry, ListPage, Page};

/// The most modules on one page of a list.
pub(super) const PER_PAGE: usize = 200;

impl VirtualHost {
    /// Returns the key of a folder's list and the modules on it, or none if the folder has no list.
    pub(super) fn folder(&self, folder: &str) -> Option<(PageKey, &[u32])> {
        let below = self.listed_below(folder);
        let first = self.number(*below.first()?);
        let length = folder.len() as u32;
        Some((PageKey::List { first, length }, below))
    }

    /// Renders a page of the list of a folder, at `address`. `all` is how many modules are below
    /// the folder, and `found` are those of them that match the query. A page `for_files` has links
    /// to files, and no search.
    pub(super) fn list(
        &self,
        address: &str,
        folder: &str,
        all: usize,
        found: &[u32],
        query: &ListQuery,
        for_files: bool,
    ) -> Page {
        let on_page = found.chunks(PER_PAGE).nth(query.page).unwrap_or_default();
        let entries: Vec<_> = on_page.iter().map(|&i| self.entry(folder, i)).collect();
        let pages = page_count(found);
        let at = |page| {
            if for_files && page > 0 {
                format!("{}/{}", address.trim_end_matches('/'), page_file(page + 1))
            } else {
                query.address(address, page)
            }
        };
        let previous = query.page.checked_sub(1).map(at);
        let next = (query.page + 1 < pages).then(|| at(query.page + 1));
        let canonical = || format!("https://{}{}", self.name, at(query.page));
        let prefix = format!("{}{folder}", self.name);
        let config = &self.config;
        let top = folder.is_empty();
        Page::of(&ListPage {
            crumbs: &self.crumbs(address.trim_end_matches('/')),
            title: config.title.as_deref().filter(|_| top).unwrap_or(&prefix),
            description: config.description.as_deref().filter(|_| top),
            address,
            canonical: query.text.is_empty().then(canonical).as_deref(),
            query: (!for_files).then_some(&query.text),
            summary: &summary(all, found, query),
            page: query.page + 1,
            entries: &entries,
            previous: previous.as_deref(),
            next: next.as_deref(),
        })
    }

    /// Returns those of the modules that match a query.
    pub(super) fn search<'b>(&self, below: &'b [u32], query: &ListQuery) -> Cow<'b, [u32]> {
        if query.text.is_empty() {
            return below.into();
        }
        let words = query.words();
        let words: Vec<_> = words
            .iter()
            // Names do not include the host, which would match everywhere.
            .map(|word| word.strip_prefix(self.name.as_str()).unwrap_or(word))
            .map(Finder::new)
            .collect();
        let matches = |index: &u32| self.search_text.has(*index, &words);
        below.iter().copied().filter(matches).collect()
    }

    fn entry(&self, folder: &str, index: u32) -> Entry<'_> {
        let module = &self.modules[index as usize];
        let path = module.key.path.as_str();
        let name = &path[folder.len()..];
        let is_web = module.repo.is_http() && module.vcs != Vcs::Mod;
        Entry {
            name: name.strip_prefix('/').unwrap_or(name),
            href: (!module.key.pattern).then_some(path),
            description: module.description.as_deref(),
            vcs: module.vcs.as_str(),
            repo: module.repo.as_str(),
            home: is_web.then(|| module.repo.web_page()),
        }
    }

    /// Returns the listed modules below `folder`.
    pub(super) fn listed_below(&self, folder: &str) -> &[u32] {
        self.folders.below(folder)
    }
}

/// Returns the name of the file of a list's page after the first.
pub(crate) fn page_file(number: usize) -> String {
    format!("page{number}.html")
}

/// Returns how many pages a list of these modules has. An empty one has one page.
pub(super) fn page_count(found: &[u32]) -> usize {
    found.len().div_ceil(PER_PAGE).max(1)
}

/// Returns a line about how many modules there are, how many of them a search found, and which page
/// this is.
fn summary(all: usize, found: &[u32], query: &ListQuery) -> String {
    let noun = if all == 1 { "module" } else { "modules" };
    let all = format!("{} {noun}", grouped(all));
    let mut text = match found.len() {
        _ if query.text.is_empty() => all,
        0 => format!("None of {all} matches"),
        1 => format!("1 of {all} matches"),
        found => format!("{} of {all} match", grouped(found)),
    };
    let pages = page_count(found);
    if pages > 1 {
        let page = grouped(query.page + 1);
        text.extend([", page ", &page, " of ", &grouped(pages)]);
    }
    text
}

/// Writes a number with a comma after each three digits from the right.
pub(super) fn grouped(number: usize) -> String {
    match number {
        1000.. => format!("{},{:03}", grouped(number / 1000), number % 1000),
        _ => number.to_string(),
    }
}

/// The listed modules, and the folders that contain them.
#[derive(Debug)]
pub(super) struct Folders {
    /// Sorted by key, so that what is below a folder is a range.
    listed: Vec<u32>,
    by_path: PathTable<Range<usize>>,
}

impl Folders {
    /// Finds the folders of a sorted list of modules. A pattern is below the path before its `*`.
    pub(super) fn new<'a>(listed: Vec<u32>, key: impl Fn(u32) -> &'a Key) -> Self {
        let mut by_path = PathTable::<Range<usize>>::default();
        for (at, &index) in listed.iter().enumerate() {
            let key = key(index);
            let path = key.path.as_str();
            let parents = path.match_indices('/').map(|(end, _)| &path[..end]);
            for folder in parents.chain(key.pattern.then_some(path)) {
                match by_path.get_mut(folder) {
                    Some(range) => range.end = at + 1,
                    None => _ = by_path.insert(folder.into(), at..at + 1),
                }
            }
        }
        Self { listed, by_path }
    }

    /// Returns how many modules are listed.
    pub(super) fn len(&self) -> usize {
        self.listed.len()
    }

    /// Returns the listed modules below `folder`.
    fn below(&self, folder: &str) -> &[u32] {
        self.by_path
            .get(folder)
            .map_or(&[], |range| &self.listed[range.clone()])
    }
}
