//! Lists: what is below a folder, for a person.

use super::by_path::ByPath;
use super::{PageKey, VirtualHost, depth, first_elements, key_depth};
use crate::module::Key;
use crate::page::{CompiledPage, Entry, ListPage};

/// Up to so many modules a list shows each; above, one level with counts.
const FLAT_LIST: usize = 200;
/// A list has no more lines than a person scrolls through.
pub(super) const LONGEST_LIST: usize = 1000;

impl VirtualHost {
    /// The key of a folder's list, and the modules that it lists; none where it lists none.
    pub(super) fn folder(&self, folder: &str) -> Option<(PageKey, &[u32])> {
        let below = self.listed_below(folder);
        let first = self.number(*below.first()?);
        let length = folder.len() as u32;
        Some((PageKey::List { first, length }, below))
    }

    /// Renders the list of a folder.
    pub(super) fn list(&self, folder: &str, below: &[u32]) -> CompiledPage {
        let (entries, left_out) = if below.len() <= FLAT_LIST {
            (below.iter().map(|&nth| self.entry(nth)).collect(), 0)
        } else {
            self.one_level(folder, below)
        };
        CompiledPage::new(&ListPage {
            prefix: &format!("{}{folder}", self.name),
            entries: &entries,
            left_out,
        })
    }

    /// The lines of one level: each module directly below `folder`, and one line for all that
    /// lies deeper below the same child. Also how many modules no line stands for.
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
                    // Where a module answers for the folder, the folder has no list.
                    href: self.find(child).is_none().then(|| format!("{child}/")),
                    note: Some(format!("{count} modules")),
                },
            });
            rest = &rest[count..];
        }
        (entries, rest.len())
    }

    fn entry(&self, nth: u32) -> Entry {
        let module = &self.modules[nth as usize];
        Entry {
            name: self.import_path(module),
            href: (!module.key.pattern).then(|| match module.key.path.as_str() {
                "" => "/".to_owned(),
                path => path.to_owned(),
            }),
            note: module.description.as_deref().map(str::to_owned),
        }
    }

    /// The modules below `folder` that may be listed.
    pub(super) fn listed_below(&self, folder: &str) -> &[u32] {
        self.folders.below(folder, |nth| self.key(nth))
    }
}

/// The modules that may be listed, and the paths that these are below.
#[derive(Debug)]
pub(super) struct Folders {
    /// In the order of their keys.
    listed: Vec<u32>,
    by_path: ByPath<Folder>,
}

/// A path, and where those below it stand in the list.
#[derive(Debug)]
struct Folder {
    /// How much of the path of the first of them is the folder's.
    length: u32,
    first: u32,
    end: u32,
}

impl Folders {
    /// The folders of a list of modules, in which each is followed by what is below it.
    pub(super) fn new<'a>(listed: Vec<u32>, key: impl Fn(u32) -> &'a Key + Copy) -> Self {
        let path = |folder: &Folder| folder_path(folder, &listed, key);
        let mut by_path = ByPath::with_capacity(0);
        // Those that modules may still be found below, each within the one before.
        let mut open: Vec<Folder> = Vec::new();
        for (&nth, at) in listed.iter().zip(0..) {
            let key = key(nth);
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

    /// How many modules may be listed.
    pub(super) fn len(&self) -> usize {
        self.listed.len()
    }

    /// Those of the list that are below `folder`.
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

/// Whether a key lies below a folder; a pattern lies below the path before its `*`.
fn is_below(key: &Key, folder: &str) -> bool {
    key.path
        .as_str()
        .strip_prefix(folder)
        .is_some_and(|rest| rest.starts_with('/') || (rest.is_empty() && key.pattern))
}
