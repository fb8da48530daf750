//! The folders above modules.

use std::collections::HashMap;
use std::ops::Range;

use super::page::Crumb;
use super::{VirtualHost, first_elements};
use crate::config::{Index, Module};

/// The listed modules, and the folders that contain modules.
#[derive(Debug, Default)]
pub(super) struct Folders {
    /// Indices of the modules, sorted by key, so that what is below a folder is a range.
    listed: Vec<u32>,
    by_path: HashMap<Box<str>, Range<usize>>,
}

impl Folders {
    /// Finds the folders of a host's modules, which are sorted by key. A pattern is below the path
    /// before its `*`.
    pub(super) fn new(modules: &[Module]) -> Self {
        let mut folders = Self::default();
        for (module, index) in modules.iter().zip(0..) {
            let start = folders.listed.len();
            if !module.hidden {
                folders.listed.push(index);
            }
            let end = folders.listed.len();
            let path = module.key.path.as_str();
            for (slash, _) in path.match_indices('/') {
                folders.add(&path[..slash], start..end);
            }
            if module.key.pattern {
                folders.add(path, start..end);
            }
        }
        folders
    }

    fn add(&mut self, folder: &str, modules: Range<usize>) {
        match self.by_path.get_mut(folder) {
            Some(range) => range.end = modules.end,
            None => _ = self.by_path.insert(folder.into(), modules),
        }
    }

    /// Returns the listed modules below a folder, or none if it has no modules at all. A folder
    /// that has only hidden ones gives an empty list.
    pub(super) fn below(&self, folder: &str) -> Option<&[u32]> {
        let range = self.by_path.get(folder)?;
        Some(&self.listed[range.clone()])
    }
}

impl VirtualHost {
    /// Returns the listed modules below a folder.
    pub(super) fn listed_below(&self, folder: &str) -> &[u32] {
        self.folders.below(folder).unwrap_or_default()
    }

    /// Returns the address of the list of all modules.
    pub(super) fn list_address(&self) -> Option<&str> {
        let has_list = self.has_list("");
        match &self.config.index {
            Index::Redirect(url) => Some(url.as_str()),
            Index::List if has_list => Some("/"),
            Index::At(path) if has_list => Some(path.as_str()),
            _ => None,
        }
    }

    /// Returns whether there are modules to list below a folder, and none that answers for it.
    fn has_list(&self, folder: &str) -> bool {
        !self.listed_below(folder).is_empty() && self.find(folder).is_none()
    }

    /// Returns the folders from the top to `path` that have lists.
    pub(super) fn crumbs<'a>(&'a self, path: &'a str) -> Vec<Crumb<'a>> {
        let mut crumbs = Vec::new();
        if self.config.index == Index::None {
            return crumbs;
        }
        if let Some(href) = self.list_address() {
            crumbs.push(Crumb {
                href,
                name: self.name.as_str(),
            });
        }
        let path = first_elements(path, self.max_depth);
        let slashes = path.match_indices('/').map(|(slash, _)| slash);
        for end in slashes.chain([path.len()]) {
            let folder = &path[..end];
            if let Some((_, name)) = folder.rsplit_once('/')
                && self.has_list(folder)
            {
                crumbs.push(Crumb { href: folder, name });
            }
        }
        crumbs
    }
}
