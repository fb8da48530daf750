//! What git has read of a repository: its refs, the trees of some of its revisions, and their
//! go.mod files.

use std::collections::{BTreeMap, BTreeSet, HashMap};

/// The most files that are listed of one revision: a hostile repository may repeat its trees
/// without end.
const MAX_FILES: usize = 300_000;

/// The refs of a repository that Go uses. Names of tags and branches are without `refs/…/`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Refs {
    /// The commit at HEAD, if HEAD names a branch that exists.
    pub(super) head: Option<String>,
    /// The object of each tag.
    pub(super) tags: BTreeMap<String, String>,
    pub(super) branches: BTreeSet<String>,
}

impl Refs {
    /// Parses the output of `git ls-remote`.
    pub(super) fn parse(output: &str) -> Self {
        let mut refs = Self::default();
        for line in output.lines() {
            let Some((id, name)) = line.split_once('\t') else {
                continue;
            };
            if name == "HEAD" {
                refs.head = Some(id.to_owned());
            } else if let Some(tag) = name.strip_prefix("refs/tags/") {
                // A name with `^{}` is the commit of an annotated tag, and follows the tag.
                let tag = tag.strip_suffix("^{}").unwrap_or(tag);
                refs.tags.insert(tag.to_owned(), id.to_owned());
            } else if let Some(branch) = name.strip_prefix("refs/heads/") {
                refs.branches.insert(branch.to_owned());
            }
        }
        refs
    }

    pub(super) fn is_empty(&self) -> bool {
        self.head.is_none() && self.tags.is_empty() && self.branches.is_empty()
    }

    /// Returns the commit of a tag or of `HEAD`.
    pub(super) fn commit(&self, revision: &str) -> Option<&str> {
        if revision == "HEAD" {
            return self.head.as_deref();
        }
        self.tags.get(revision).map(String::as_str)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    File,
    Directory,
    /// A symbolic link or another repository.
    Other,
}

/// An entry of a git tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) name: String,
    pub(super) kind: Kind,
    pub(super) id: String,
}

#[derive(Debug, Default)]
pub(super) struct Snapshot {
    pub(super) refs: Refs,
    /// The tree of each commit that was fetched; of one that has none, an empty name.
    pub(super) roots: HashMap<String, String>,
    pub(super) trees: HashMap<String, Vec<Entry>>,
    /// The text of each go.mod in `trees`.
    pub(super) go_mods: HashMap<String, String>,
}

/// Revisions that must be fetched before a question can be answered.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Unread(pub(super) Vec<String>);

pub(super) type Read<T> = Result<T, Unread>;

impl Snapshot {
    fn root(&self, revision: &str) -> Read<&str> {
        let Some(commit) = self.refs.commit(revision) else {
            return Ok("");
        };
        let root = self.roots.get(commit);
        root.map(String::as_str)
            .ok_or_else(|| Unread(vec![revision.to_owned()]))
    }

    fn entries(&self, tree: &str) -> &[Entry] {
        self.trees.get(tree).map_or(&[], Vec::as_slice)
    }

    /// Returns the tree at a path; an empty name if there is none.
    fn directory(&self, revision: &str, path: &str) -> Read<&str> {
        let mut tree = self.root(revision)?;
        for name in path.split('/').filter(|name| !matches!(*name, "" | ".")) {
            let entry = self.entries(tree).iter().find(|entry| entry.name == name);
            tree = match entry {
                Some(entry) if entry.kind == Kind::Directory => &entry.id,
                _ => return Ok(""),
            };
        }
        Ok(tree)
    }

    pub(super) fn has_directory(&self, revision: &str, path: &str) -> Read<bool> {
        Ok(!self.directory(revision, path)?.is_empty())
    }

    /// Returns the text of the go.mod in a directory.
    pub(super) fn go_mod(&self, revision: &str, directory: &str) -> Read<Option<&str>> {
        let entries = self.entries(self.directory(revision, directory)?);
        let entry = entries.iter().find(|entry| entry.name == "go.mod");
        Ok(entry.and_then(|entry| self.go_mods.get(&entry.id).map(String::as_str)))
    }

    /// Returns the directories that have a go.mod, except those that Go's `./...` leaves out.
    pub(super) fn modules(&self, revision: &str) -> Read<Vec<String>> {
        let is_go_mod = |entry: &Entry| entry.name == "go.mod" && entry.kind == Kind::File;
        let mut directories = Vec::new();
        for (path, entries) in self.directories(self.root(revision)?) {
            let mut names = path.split('/');
            let is_hidden = names.any(|name| name.starts_with(['.', '_']) || name == "testdata");
            if !is_hidden && entries.iter().any(is_go_mod) {
                directories.push(path);
            }
        }
        Ok(directories)
    }

    /// Returns all files below a directory, by their path in it.
    pub(super) fn files(&self, revision: &str, directory: &str) -> Read<Vec<(String, Kind)>> {
        let mut files = Vec::new();
        for (path, entries) in self.directories(self.directory(revision, directory)?) {
            let own = entries.iter().filter(|entry| entry.kind != Kind::Directory);
            files.extend(own.map(|entry| (joined(&path, &entry.name), entry.kind)));
        }
        Ok(files)
    }

    /// Returns a tree and those below it, with their paths.
    fn directories(&self, tree: &str) -> Vec<(String, &[Entry])> {
        let mut found = vec![(String::new(), self.entries(tree))];
        let (mut next, mut files) = (0, 0);
        while let Some((path, entries)) = found.get(next).cloned() {
            next += 1;
            files += entries.len();
            if files > MAX_FILES {
                break;
            }
            for entry in entries {
                if entry.kind == Kind::Directory {
                    found.push((joined(&path, &entry.name), self.entries(&entry.id)));
                }
            }
        }
        found
    }
}

/// Joins two paths, either of which may be empty.
pub(super) fn joined(path: &str, name: &str) -> String {
    match (path, name) {
        ("", _) => name.to_owned(),
        (_, "") => path.to_owned(),
        _ => format!("{path}/{name}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_refs_that_go_reads() {
        let output = "1\tHEAD\n2\trefs/heads/main\n3\trefs/tags/v1.0.0\n4\trefs/tags/v1.0.0^{}\n\
                      5\trefs/pull/1/head\n6\trefs/tags/sub/v1.0.0\n";
        let refs = Refs::parse(output);
        assert_eq!(refs.commit("HEAD"), Some("1"));
        assert_eq!(refs.commit("v1.0.0"), Some("4"));
        assert_eq!(refs.commit("sub/v1.0.0"), Some("6"));
        assert_eq!(refs.branches.len(), 1);
        assert!(Refs::parse("").is_empty());
    }

    #[test]
    fn a_tree_that_repeats_itself_ends() {
        let mut snapshot = Snapshot::default();
        let tree: Vec<_> = (0..10)
            .map(|n| Entry {
                name: n.to_string(),
                kind: Kind::Directory,
                id: "t".to_owned(),
            })
            .collect();
        snapshot.trees.insert("t".to_owned(), tree);
        assert!(snapshot.directories("t").len() <= 2 * MAX_FILES);
    }
}
