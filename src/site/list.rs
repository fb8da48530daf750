//! Lists of the modules below a folder, for browsers.

use super::by_path::ByPath;
use super::{PageKey, VirtualHost, depth, first_elements, key_depth};
use crate::module::Key;
use crate::page::{CompiledPage, Entry, ListPage};

/// The most modules that a list shows one by one; longer lists show one level, with counts.
const FLAT_LIST: usize = 200;
/// The most lines of a list.
pub(super) const LONGEST_LIST: usize = 1000;

impl VirtualHost {
    /// Returns the key of a folder's list and the modules on it, or none if the folder has no list.
    pub(super) fn folder(&self, folder: &str) -> Option<(PageKey, &[u32])> {
        let below = self.listed_below(folder);
        let first = self.number(*below.first()?);
        let length = folder.len() as u32;
        Some((PageKey::List { first, length }, below))
    }

    /// Renders the list of a folder.
    pub(super) fn list(&self, folder: &str, below: &[u32]) -> CompiledPage {
        let (entries, left_out) = if below.len() <= FLAT_LIST {
            (below.iter().map(|&index| self.entry(index)).collect(), 0)
        } else {
            self.one_level(folder, below)
        };
        CompiledPage::new(&ListPage {
            prefix: &format!("{}{folder}", self.name),
            entries: &entries,
            left_out,
        })
    }

    /// Returns the lines of one level, and how many modules they do not cover. Each module directly
    /// below `folder` has a line; deeper ones share one line per child.
    pub(super) fn one_level(&self, folder: &str, below: &[u32]) -> (Vec<Entry>, usize) {
        let level = depth(folder) + 1;
        let mut entries = Vec::new();
        let mut rest = below;
        while entries.len() < LONGEST_LIST
            && let Some((&first, after)) = rest.split_first()
        {
            let key = self.key(first);
            if key_depth(key) == level {
                entries.push(self.entry(first));
                rest = after;
                continue;
            }
            let child = first_elements(key.path.as_str(), level);
            let count = self.listed_below(child).len();
            entries.push(match count {
                1 => self.entry(first),
                _ => Entry {
                    name: format!("{}{child}/", self.name),
                    // A path that a module answers for has no list to link to.
                    href: self.find(child).is_none().then(|| format!("{child}/")),
                    note: Some(format!("{count} modules")),
                },
            });
            rest = &rest[count..];
        }
        (entries, rest.len())
    }

    fn entry(&self, index: u32) -> Entry {
        let module = &self.modules[index as usize];
        Entry {
            name: self.import_path(module),
            href: (!module.key.pattern).then(|| match module.key.path.as_str() {
                "" => "/".to_owned(),
                path => path.to_owned(),
            }),
            note: module.description.as_deref().map(str::to_owned),
        }
    }

    /// Returns the listed modules below `folder`.
    pub(super) fn listed_below(&self, folder: &str) -> &[u32] {
        self.folders.below(folder, |index| self.key(index))
    }
}

/// The listed modules, and the folders that contain them.
#[derive(Debug)]
pub(super) struct Folders {
    /// Sorted by key.
    listed: Vec<u32>,
    by_path: ByPath<Folder>,
}

/// A folder: the range of `listed` below it.
#[derive(Debug)]
struct Folder {
    /// The length of the folder's path, which is a prefix of the first module's path.
    length: u32,
    first: u32,
    end: u32,
}

impl Folders {
    /// Finds the folders of a sorted list of modules.
    pub(super) fn new<'a>(listed: Vec<u32>, key: impl Fn(u32) -> &'a Key + Copy) -> Self {
        let path = |folder: &Folder| folder_path(folder, &listed, key);
        let mut by_path = ByPath::with_capacity(0);
        // The folders that may contain the next module, outermost first.
        let mut open: Vec<Folder> = Vec::new();
        for (&index, at) in listed.iter().zip(0..) {
            let key = key(index);
            while let Some(mut folder) = open.pop_if(|folder| !is_below(key, path(folder))) {
                folder.end = at;
                by_path.insert(folder, path);
            }
            let known = open.last().map(|folder| folder.length);
            let within = key.path.as_str().bytes().zip(0..);
            let slashes = within.filter(|&(b, _)| b == b'/').map(|(_, length)| length);
            let whole = (key.path.as_str().len() as u32..).take(usize::from(key.pattern));
            let new = slashes.chain(whole).filter(|&length| Some(length) > known);
            open.extend(new.map(|length| Folder {
                length,
                first: at,
                end: at,
            }));
        }
        for mut folder in open {
            folder.end = listed.len() as u32;
            by_path.insert(folder, path);
        }
        Self { listed, by_path }
    }

    /// Returns how many modules are listed.
    pub(super) fn len(&self) -> usize {
        self.listed.len()
    }

    /// Returns the listed modules below `folder`.
    fn below<'a>(&self, folder: &str, key: impl Fn(u32) -> &'a Key + Copy) -> &[u32] {
        let path = |folder: &Folder| folder_path(folder, &self.listed, key);
        match self.by_path.find(folder, path) {
            Some(found) => &self.listed[found.first as usize..found.end as usize],
            None => &[],
        }
    }
}

fn folder_path<'a>(folder: &Folder, listed: &[u32], key: impl Fn(u32) -> &'a Key) -> &'a str {
    let first = key(listed[folder.first as usize]);
    &first.path.as_str()[..folder.length as usize]
}

/// Returns whether a key is below a folder; a pattern is below the path before its `*`.
fn is_below(key: &Key, folder: &str) -> bool {
    key.path
        .as_str()
        .strip_prefix(folder)
        .is_some_and(|rest| rest.starts_with('/') || (rest.is_empty() && key.pattern))
}
