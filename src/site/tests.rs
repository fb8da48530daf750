//! Compares look-ups, lists and suggestions with naive implementations, on input from proptest.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use proptest::prelude::*;

use super::list::LONGEST_LIST;
use super::*;
use crate::page::Entry;

/// Keys of a small alphabet, so that many are above, below and next to each other.
fn keys() -> impl Strategy<Value = BTreeMap<String, bool>> {
    let key =
        "(|a\\.b|c\\.d)(/[ab]|/a-b|/a\\.b|/v2){0,3}(|/\\*)".prop_filter_map("no key", |key| {
            let key = if key.is_empty() { "/".to_owned() } else { key };
            Key::parse(&key).ok().map(|_| key)
        });
    // The value is whether the key is hidden.
    prop::collection::btree_map(key, prop::bool::weighted(0.2), 1..20)
}

fn request_path() -> impl Strategy<Value = String> {
    "(/[ab]|/a-b|/a\\.b|/v2|/A|/con|/\\+){0,5}"
}

fn site(keys: &BTreeMap<String, bool>) -> Option<Site> {
    let mut text = String::new();
    for (key, hidden) in keys {
        let star = if key.ends_with('*') { "/*" } else { "" };
        let _ = writeln!(
            text,
            "{key}:\n  repo: https://h.example/r{star}\n  hidden: {hidden}"
        );
    }
    // `/a` together with `a.b/a` is rejected.
    let config = Config::parse("vanity.yaml", &text, Some(&Host::parse("a.b").unwrap())).ok()?;
    Some(Site::new(config.host.clone().unwrap(), config))
}

fn elements(path: &str) -> Vec<&str> {
    path.split('/').skip(1).collect()
}

/// Returns how many elements of a request a module matches, if it does, and whether its key is
/// exact.
fn rank(module: &Module, request: &str) -> Option<(usize, bool)> {
    let (own, asked) = (elements(module.key.path.as_str()), elements(request));
    if !asked.starts_with(&own) {
        return None;
    }
    match (module.key.pattern, asked.get(own.len())) {
        (false, _) => Some((own.len(), true)),
        (true, Some(&element))
            if is_path_element(element) && !(own.is_empty() && WELL_KNOWN.contains(&element)) =>
        {
            Some((own.len() + 1, false))
        }
        _ => None,
    }
}

proptest! {
    #[test]
    fn the_longest_match_answers(keys in keys(), host in "a\\.b|c\\.d|e\\.f", path in request_path()) {
        prop_assume!(site(&keys).is_some());
        let site = site(&keys).unwrap();
        let host = site.host(Some(&host));
        let raw = if path.is_empty() { "/" } else { &path };
        let request = RequestPath::parse(raw).unwrap();

        let naive = host.modules().max_by_key(|module| rank(module, &path));
        let naive = naive.filter(|module| rank(module, &path).is_some());
        let found = host.look_up(&request);
        prop_assert_eq!(found.as_ref().map(Match::module), naive);
        if let Some(found) = found {
            let star = if found.element().is_empty() { "" } else { "/" };
            let key = found.module().key.path.as_str();
            let whole = format!("{key}{star}{}{}", found.element(), found.subpath());
            prop_assert_eq!(whole, path);
        }
    }

    #[test]
    fn a_list_has_what_is_below_its_folder(keys in keys(), folder in request_path()) {
        prop_assume!(site(&keys).is_some());
        let site = site(&keys).unwrap();
        for host in site.hosts() {
            let listed: Vec<_> = host.listed_below(&folder).iter().map(|&index| host.key(index)).collect();
            let naive: Vec<_> = host
                .modules()
                .filter(|module| !module.hidden)
                .map(|module| &module.key)
                .filter(|key| {
                    let (own, above) = (elements(key.path.as_str()), elements(&folder));
                    own.starts_with(&above) && key_depth(key) > above.len()
                })
                .collect();
            prop_assert_eq!(listed, naive);
        }
    }

    #[test]
    fn one_level_accounts_for_every_module(keys in keys(), folder in request_path()) {
        prop_assume!(site(&keys).is_some());
        let site = site(&keys).unwrap();
        let host = &site.hosts()[0];
        let below = host.listed_below(&folder);
        let (entries, left_out) = host.one_level(&folder, below);
        let mut count = left_out;
        for entry in &entries {
            let note = entry.note.as_deref().and_then(|note| note.strip_suffix(" modules"));
            count += note.map_or(1, |n| n.parse::<usize>().unwrap());
            if let Some(href) = &entry.href {
                let folder = href.strip_suffix('/').unwrap_or(href);
                let is_module = host.exact.find(folder, |&index| host.key(index).path.as_str()).is_some();
                prop_assert!(is_module || host.folder(folder).is_some(), "{href} leads nowhere");
            }
        }
        prop_assert_eq!(count, below.len());
    }

    #[test]
    fn only_listed_modules_are_suggested(keys in keys(), asked in request_path()) {
        prop_assume!(site(&keys).is_some());
        let site = site(&keys).unwrap();
        for host in site.hosts() {
            for path in host.suggestions.near(&asked, 3) {
                let shown = |module: &Module| !module.hidden && !module.key.pattern;
                let is = |module: &Module| module.key.path.as_str() == path;
                prop_assert!(host.modules().any(|module| shown(module) && is(module)));
            }
        }
    }
}

fn host_of(paths: impl IntoIterator<Item = String>) -> Site {
    let mut text = "host: a.b\n".to_owned();
    for path in paths {
        let _ = writeln!(text, "{path}:\n  repo: https://h.example/r");
    }
    let config = Config::parse("vanity.yaml", &text, None).unwrap();
    Site::new(config.host.clone().unwrap(), config)
}

fn lines(site: &Site, folder: &str) -> (Vec<String>, usize) {
    let host = &site.hosts()[0];
    let (entries, left_out) = host.one_level(folder, host.listed_below(folder));
    let line = |entry: Entry| {
        let href = entry.href.unwrap_or_else(|| "no link".to_owned());
        let note = entry.note.unwrap_or_default();
        format!("{} ({href}) {note}", entry.name)
    };
    (entries.into_iter().map(line).collect(), left_out)
}

#[test]
fn one_level_of_a_list() {
    let keys = ["/a", "/a/b", "/a/c", "/a-b/x/y", "/d/e/f", "/d/g", "/d.e"];
    let site = host_of(keys.map(str::to_owned));
    let (shown, left_out) = lines(&site, "");
    assert_eq!(
        shown,
        [
            "a.b/a (/a) ",
            // The module /a answers for everything below it, so there is no list to link to.
            "a.b/a/ (no link) 2 modules",
            // A single module needs no line with a count.
            "a.b/a-b/x/y (/a-b/x/y) ",
            "a.b/d/ (/d/) 2 modules",
            "a.b/d.e (/d.e) ",
        ]
    );
    assert_eq!(left_out, 0);
    assert_eq!(
        lines(&site, "/d").0,
        ["a.b/d/e/f (/d/e/f) ", "a.b/d/g (/d/g) "]
    );
}

#[test]
fn a_list_is_capped_and_says_what_it_leaves_out() {
    let site = host_of((0..LONGEST_LIST + 5).map(|n| format!("/m{n}")));
    let (shown, left_out) = lines(&site, "");
    assert_eq!((shown.len(), left_out), (LONGEST_LIST, 5));
}

#[test]
fn a_pattern_matches_no_version_and_no_vcs_suffix() {
    let text = "/q:\n  repo: https://h.example/q\n/q/*:\n  repo: https://h.example/q-*\n\
                /only/*:\n  repo: https://h.example/only-*\n";
    let config = Config::parse("vanity.yaml", text, Some(&Host::parse("a.b").unwrap())).unwrap();
    let site = Site::new(config.host.clone().unwrap(), config);
    let found = |path: &str| {
        let request = RequestPath::parse(path).unwrap();
        let found = site.hosts()[0].look_up(&request)?;
        Some((found.module().key.to_string(), found.subpath().to_owned()))
    };
    let answer = |key: &str, subpath: &str| Some((key.to_owned(), subpath.to_owned()));
    for element in ["v2", "v1", "v0.1", "v02", "x.git", "x.bzr", "x...y"] {
        let below = format!("/{element}");
        assert_eq!(found(&format!("/q{below}")), answer("/q", &below));
        assert_eq!(
            found(&format!("/q{below}/x")),
            answer("/q", &format!("{below}/x"))
        );
        assert_eq!(found(&format!("/only{below}")), None);
    }
    for element in ["v", "v2x", "x.gits"] {
        assert_eq!(found(&format!("/q/{element}/v2")), answer("/q/*", "/v2"));
    }
}
