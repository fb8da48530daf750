//! Compares look-ups, lists and suggestions with naive implementations, on input from proptest.

mod naive;
mod pages;

use std::fmt::Write as _;

use proptest::prelude::*;

use super::list::{PER_PAGE, grouped};
use super::*;
use crate::module::Key;
use crate::testing;

/// Files whose keys are of a small alphabet, so that many are above, below and next to each other.
fn file() -> impl Strategy<Value = String> {
    let key =
        "(|a\\.b|c\\.d)(/[ab]|/a-b|/a\\.b|/v2){0,3}(|/\\*)".prop_filter_map("no key", |key| {
            let key = if key.is_empty() { "/".to_owned() } else { key };
            Key::parse(&key).ok().map(|_| key)
        });
    let hidden = prop::bool::weighted(0.2);
    let text = prop::collection::btree_map(key, hidden, 1..20).prop_map(|keys| {
        let mut text = "host: a.b\n".to_owned();
        for (key, hidden) in keys {
            let star = if key.ends_with('*') { "/*" } else { "" };
            let _ = writeln!(
                text,
                "{key}:\n  repo: https://h.example/r{star}\n  hidden: {hidden}"
            );
        }
        text
    });
    text.prop_filter("`/a` together with `a.b/a`", |text| {
        Config::parse("vanity.yaml", text, None).is_ok()
    })
}

fn request_path() -> impl Strategy<Value = String> {
    "(/[ab]|/a-b|/a\\.b|/v2|/A|/con|/\\+){0,5}"
}

proptest! {
    #[test]
    fn longest_match_wins(file in file(), host in "a\\.b|c\\.d|e\\.f", path in request_path()) {
        let site = testing::site(&file);
        let host = site.host(Some(&host));
        let raw = if path.is_empty() { "/" } else { &path };
        let request = RequestPath::parse(raw).unwrap();

        let naive = naive::look_up(host.modules(), &path);
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
    fn list_has_the_modules_below_its_folder(file in file(), folder in request_path()) {
        let site = testing::site(&file);
        for host in site.hosts() {
            let listed: Vec<_> = host.listed_below(&folder).iter().map(|&index| &host.modules[index as usize].key).collect();
            let naive: Vec<_> = host
                .modules()
                .filter(|module| !module.hidden && naive::is_below(module, &folder))
                .map(|module| &module.key)
                .collect();
            prop_assert_eq!(listed, naive);
        }
    }

    #[test]
    fn crumbs_lead_to_lists(file in file(), path in request_path()) {
        let site = testing::site(&file);
        for host in site.hosts() {
            for path in host.modules().map(|module| module.key.path.as_str()).chain([&*path]) {
                for crumb in host.crumbs(path) {
                    let answer = site.answer(Some(host.name().as_str()), crumb.href, false);
                    prop_assert!(matches!(answer, Answer::List(_)), "{path}: {}", crumb.href);
                }
            }
        }
    }

    #[test]
    fn only_listed_modules_are_suggested(file in file(), asked in request_path()) {
        let site = testing::site(&file);
        for host in site.hosts() {
            for path in host.near(&asked, 3) {
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
    testing::site(&text)
}

/// Returns the links of a list, or none if there is no such page.
fn links(site: &Site, path: &str, query: &str) -> Option<Vec<String>> {
    let Answer::List(page) = site.answer_query(None, path, false, Some(query)) else {
        return None;
    };
    let body = String::from_utf8(page.body.to_vec()).unwrap();
    let links = body.split("<li><a href=\"").skip(1);
    Some(
        links
            .map(|rest| rest[..rest.find('"').unwrap()].to_owned())
            .collect(),
    )
}

#[test]
fn list_pages_have_every_module() {
    let paths: Vec<_> = (1000..1000 + 2 * PER_PAGE + 1)
        .map(|n| format!("/x/m{n}"))
        .collect();
    let site = host_of(paths.iter().cloned());
    for list in ["/", "/x"] {
        let page = |n| links(&site, list, &format!("page={n}"));
        assert_eq!(page(1), links(&site, list, ""));
        let pages: Vec<_> = (1..).map_while(page).collect();
        let lengths: Vec<_> = pages.iter().map(Vec::len).collect();
        assert_eq!(lengths, [PER_PAGE, PER_PAGE, 1]);
        assert_eq!(pages.concat(), paths);
    }
    // A page with a full last page has no empty one after it.
    assert_eq!(
        links(&site, "/", "q=m10&page=1").map(|found| found.len()),
        Some(100)
    );
    assert_eq!(links(&site, "/", "q=m10&page=2"), None);
    assert_eq!(links(&site, "/", "page=x"), None);
}

#[test]
fn search_matches_all_words_in_names_and_descriptions() {
    let text = "\
host: a.b
/x/http-client: {repo: https://h.example/c, description: Asks a Server}
/x/server: {repo: https://h.example/s, description: Ünïcode}
/y/client: {repo: https://h.example/y}
/z/client: {repo: https://h.example/z, hidden: true}
/tools/*: {repo: https://h.example/*, description: a client each}
";
    let site = testing::site(text);
    let found = |path, query: &str| links(&site, path, query).unwrap();
    assert_eq!(found("/", "q=client"), ["/x/http-client", "/y/client"]);
    assert_eq!(found("/", "q=CLIENT+http"), ["/x/http-client"]);
    assert_eq!(found("/", "q=server"), ["/x/http-client", "/x/server"]);
    assert_eq!(found("/", "q=%C3%BCN%C3%8FCODE"), ["/x/server"]);
    assert_eq!(found("/x", "q=client"), ["/x/http-client"]);
    assert_eq!(found("/", "q=x/server"), ["/x/server"]);
    assert_eq!(found("/", "q=a.b/x/server"), ["/x/server"]);
    assert_eq!(found("/", "q=client+none"), [""; 0]);
    // No word runs from a name into the next text.
    assert_eq!(found("/", "q=clientasks"), [""; 0]);
    let Answer::List(page) = site.answer_query(None, "/", false, Some("q=tools")) else {
        panic!("a pattern is found");
    };
    assert!(
        page.body
            .windows(18)
            .any(|text| text == b"1 of 4 modules mat")
    );
}

#[test]
fn pattern_matches_no_version_and_no_vcs_suffix() {
    let site = testing::site(
        "host: a.b\n/q: {repo: https://h.example/q}\n/q/*: {repo: https://h.example/q-*}\n\
         /only/*: {repo: https://h.example/only-*}\n",
    );
    let found = |path: &str| {
        let request = RequestPath::parse(path).unwrap();
        let found = site.hosts()[0].look_up(&request)?;
        Some((found.module().key.to_string(), found.subpath().to_owned()))
    };
    let answer = |key: &str, subpath: &str| Some((key.to_owned(), subpath.to_owned()));
    for element in ["v2", "v1", "v0.1", "v02", "x.git", "x.bzr", "x...y"] {
        let below = format!("/{element}");
        assert_eq!(found(&format!("/q{below}")), answer("a.b/q", &below));
        assert_eq!(
            found(&format!("/q{below}/x")),
            answer("a.b/q", &format!("{below}/x"))
        );
        assert_eq!(found(&format!("/only{below}")), None);
    }
    for element in ["v", "v2x", "x.gits"] {
        assert_eq!(found(&format!("/q/{element}/v2")), answer("a.b/q/*", "/v2"));
    }
}

#[test]
fn pattern_at_the_root_matches_no_file_that_every_host_is_asked_for() {
    let text = "a.b/*:\n  repo: https://h.example/*\na.b/x/*:\n  repo: https://h.example/x-*\n";
    let config = Config::parse("vanity.yaml", text, None).unwrap();
    let site = Site::new(config.host.clone().unwrap(), config);
    for (path, is_found) in [
        ("/robots.txt", false),
        ("/favicon.ico", false),
        ("/.well-known/security.txt", false),
        ("/robots", true),
        ("/x/robots.txt", true),
    ] {
        let request = RequestPath::parse(path).unwrap();
        assert_eq!(
            site.hosts()[0].look_up(&request).is_some(),
            is_found,
            "{path}"
        );
    }
}

#[test]
fn the_root_and_what_is_above_any_module_are_folders() {
    let text = "host: a.b\nc.d/x/m:\n  repo: https://h.example/m\n  hidden: true\n";
    let config = Config::parse("vanity.yaml", text, None).unwrap();
    let site = Site::new(config.host.clone().unwrap(), config);
    for (host, path, expected) in [
        ("a.b", "/", true),
        ("a.b", "/x", false),
        ("c.d", "/", true),
        ("c.d", "/x", true),
        ("c.d", "/y", false),
    ] {
        let answer = site.answer(Some(host), path, true);
        let Answer::NotFoundText { text, folder } = answer else {
            panic!("{answer:?}");
        };
        assert_eq!(folder, expected, "{host}{path}");
        // A hidden module is not given away.
        assert!(!text.ends_with(b"below it\n"), "{text:?}");
    }
}

#[test]
fn counts_have_a_comma_before_each_three_digits() {
    for (number, shown) in [
        (0, "0"),
        (999, "999"),
        (1000, "1,000"),
        (1_020_345, "1,020,345"),
    ] {
        assert_eq!(grouped(number), shown);
    }
}
