//! Finds the files for which Go makes no module zip, like `checkFiles` of golang.org/x/mod/zip.

use std::collections::HashMap;

use super::snapshot::Kind;

/// Names that Windows reserves for devices.
const DEVICES: [&str; 22] = [
    "con", "prn", "aux", "nul", "com1", "com2", "com3", "com4", "com5", "com6", "com7", "com8",
    "com9", "lpt1", "lpt2", "lpt3", "lpt4", "lpt5", "lpt6", "lpt7", "lpt8", "lpt9",
];
/// ASCII characters other than letters and digits that a file's name may have.
const PUNCTUATION: &str = "!#$%&()+,-.=@[]^_{}~ ";

/// A file that Go refuses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct BadFile {
    pub(super) path: String,
    pub(super) why: String,
}

/// Returns the files of a module that Go refuses. `new_vendor` is whether go.mod says Go 1.24 or
/// later, which leaves more vendored files out.
pub(super) fn bad_files(files: &[(String, Kind)], new_vendor: bool) -> Vec<BadFile> {
    let mut modules = Vec::new();
    for (path, kind) in files {
        if let Some((directory, name)) = path.rsplit_once('/')
            && name.eq_ignore_ascii_case("go.mod")
            && *kind == Kind::File
        {
            modules.push(format!("{directory}/"));
        }
    }
    let mut known: HashMap<String, &str> = HashMap::new();
    let mut bad = Vec::new();
    for (path, _) in files {
        let is_other_module = modules.iter().any(|directory| path.starts_with(directory));
        if is_other_module || is_vendored(path, new_vendor) || path == ".hg_archival.txt" {
            continue;
        }
        let why = fault(path).or_else(|| collision(path, &mut known));
        if let Some(why) = why {
            let path = path.clone();
            bad.push(BadFile { path, why });
        }
    }
    bad
}

/// Returns why a path is refused by itself, like `CheckFilePath`.
fn fault(path: &str) -> Option<String> {
    if path.eq_ignore_ascii_case("go.mod") && path != "go.mod" {
        return Some("go.mod files must have lowercase names".to_owned());
    }
    for name in path.split('/') {
        if name.bytes().all(|b| b == b'.') {
            return Some(format!("invalid path element \"{name}\""));
        }
        if name.ends_with('.') {
            return Some("trailing dot in path element".to_owned());
        }
        if let Some(c) = name.chars().find(|c| !is_allowed(*c)) {
            return Some(format!("invalid char {c:?}"));
        }
        let stem = name.split('.').next().unwrap_or_default();
        if DEVICES
            .iter()
            .any(|device| stem.eq_ignore_ascii_case(device))
        {
            return Some(format!(
                "\"{stem}\" disallowed as path element component on Windows"
            ));
        }
    }
    None
}

pub(super) fn is_allowed(c: char) -> bool {
    if c.is_ascii() {
        return c.is_ascii_alphanumeric() || PUNCTUATION.contains(c);
    }
    c.is_alphabetic()
}

/// Returns why a path collides with an earlier one; `known` has the earlier ones and their
/// directories in lower case.
fn collision<'a>(path: &'a str, known: &mut HashMap<String, &'a str>) -> Option<String> {
    let slashes = path.match_indices('/').map(|(at, _)| at);
    for end in slashes.chain([path.len()]) {
        let part = &path[..end];
        let other = *known.entry(part.to_lowercase()).or_insert(part);
        if other != part {
            return Some(format!(
                "case-insensitive file name collision: \"{other}\" and \"{part}\""
            ));
        }
    }
    None
}

/// Returns whether Go leaves a file out as vendored, like `isVendoredPackage`.
fn is_vendored(path: &str, new: bool) -> bool {
    if new && path == "vendor/modules.txt" {
        return true;
    }
    let rest = if let Some(rest) = path.strip_prefix("vendor/") {
        rest
    } else if let Some(at) = path.find("/vendor/") {
        // Before Go 1.24, the search began at the wrong place.
        let start = if new { at } else { 0 };
        path.get(start + "/vendor/".len()..).unwrap_or_default()
    } else {
        return false;
    };
    rest.contains('/')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_the_files_that_go_refuses() {
        for (paths, bad) in [
            (vec!["a:b.txt"], "a:b.txt"),
            (vec!["README.go", "Readme.go"], "Readme.go"),
            (vec!["docs/x.txt", "Docs/y.txt"], "Docs/y.txt"),
            (vec!["aux.go"], "aux.go"),
            (vec!["trailing."], "trailing."),
            (vec!["GO.MOD"], "GO.MOD"),
            (vec!["cafe\u{301}.txt"], "cafe\u{301}.txt"),
            (vec!["below/go.mod", "below/a:b"], ""),
            (vec!["vendor/b.example/x/a:b"], ""),
            (
                vec!["go.mod", "go.sum", ".hidden", "caf\u{e9}.txt", "a b"],
                "",
            ),
        ] {
            let files: Vec<_> = paths
                .iter()
                .map(|path| ((*path).to_owned(), Kind::File))
                .collect();
            let found = bad_files(&files, false);
            let found = found.first().map_or("", |file| &file.path);
            assert_eq!(found, bad, "{paths:?}");
        }
    }
}
