//! What a reload changes.

use std::collections::HashMap;

use super::Site;
use crate::config::Module;

/// The difference between two sites, by import path.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// Import paths that only the new site has.
    pub added: Vec<String>,
    /// Import paths that only the old site has.
    pub removed: Vec<String>,
    /// Import paths of modules that changed.
    pub altered: Vec<String>,
    /// Whether anything else changed.
    pub settings: bool,
}

impl Changes {
    /// Compares two sites.
    pub fn between(old: &Site, new: &Site) -> Self {
        let mut before: HashMap<String, &Module> = modules(old).collect();
        let mut changes = Self {
            settings: settings(old) != settings(new),
            ..Self::default()
        };
        for (import_path, module) in modules(new) {
            match before.remove(&import_path) {
                None => changes.added.push(import_path),
                Some(old) if old != module => changes.altered.push(import_path),
                Some(_) => {}
            }
        }
        changes.removed.extend(before.into_keys());
        changes.removed.sort_unstable();
        changes
    }
}

fn modules(site: &Site) -> impl Iterator<Item = (String, &Module)> {
    site.hosts().iter().flat_map(|host| {
        host.modules()
            .map(|module| (host.import_path(module), module))
    })
}

fn settings(site: &Site) -> impl PartialEq + '_ {
    (&site.config, site.hosts()[0].name())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::site;

    #[test]
    fn reports_added_removed_and_changed_modules() {
        let old = site(
            "host: a.example\n/a:\n  repo: https://h.example/a\n/b:\n  repo: https://h.example/b\n/c:\n  repo: https://h.example/c\n",
        );
        let new = site(
            "host: a.example\n/b:\n  repo: https://h.example/b2\n/c:\n  repo: https://h.example/c\n/d:\n  repo: https://h.example/d\n",
        );
        assert_eq!(
            Changes::between(&old, &new),
            Changes {
                added: vec!["a.example/d".into()],
                removed: vec!["a.example/a".into()],
                altered: vec!["a.example/b".into()],
                settings: false,
            }
        );
        assert_eq!(Changes::between(&old, &old), Changes::default());
    }

    #[test]
    fn reports_changed_settings() {
        let old = site("host: a.example\n/a:\n  repo: https://h.example/a\n");
        let new = site("host: a.example\ndocs: none\n/a:\n  repo: https://h.example/a\n");
        assert!(Changes::between(&old, &new).settings);
    }
}
