//! Allocations per request: none for a lookup, none for a module root's page or a list once
//! rendered, and for a crawl of all pages no more than the cache holds.

use std::hint::black_box;

use allocation_counter::measure;
use govanityurls::internal::{Answer, RequestPath};
use govanityurls::{Config, Site};

/// One element deeper than the deepest module, so that every prefix is looked up.
const DEEP: &str = "/a/b/c/d/e/f/g/h/i/j/k";

/// A thousand modules, so that a misspelt path has neighbours, and a pattern.
fn site() -> Site {
    let mut text = "host: go.example\n\
        /a/b/c/d/e/f/g/h/i/x:\n  repo: https://github.com/o/deep\n\
        /tools/*:\n  repo: https://github.com/tools/*\n"
        .to_owned();
    for index in 0..1000 {
        text.push_str(&format!(
            "/x/m{index}:\n  repo: https://github.com/o/m{index}\n"
        ));
    }
    let config = Config::parse("vanity.yaml", &text, None).unwrap();
    Site::new(config.host.clone().unwrap(), config)
}

#[test]
fn lookup_does_not_allocate() {
    let site = site();
    let host = &site.hosts()[0];
    for (path, found) in [
        ("/x/m7", true),
        ("/x/m7/", true),
        ("/x/m7/sub/package", true),
        ("/tools/hammer", true),
        ("/", false),
        ("/x/nothing", false),
        (DEEP, false),
    ] {
        let mut answered = None;
        let allocations = measure(|| {
            answered = RequestPath::parse(path).map(|path| host.look_up(&path).is_some());
        });
        assert_eq!(answered, Some(found), "{path}");
        assert_eq!(allocations.count_total, 0, "{path}");
    }
}

/// Counts the allocations of a response after the first, which may render a page.
fn of_answer(site: &Site, path: &str, go_get: bool) -> u64 {
    let is_module = |answer| matches!(answer, Answer::Module(..));
    assert!(is_module(site.answer(None, path, go_get)), "{path}");
    measure(|| drop(black_box(site.answer(None, black_box(path), go_get)))).count_total
}

#[test]
fn module_page_is_rendered_once() {
    let site = site();
    let first = measure(|| drop(site.answer(None, "/x/m7", true)));
    assert!(first.count_total > 0, "nothing is counted");
    for go_get in [true, false] {
        assert_eq!(of_answer(&site, "/x/m7", go_get), 0);
        assert_eq!(of_answer(&site, "/x/m7/", go_get), 0);
    }
}

#[test]
fn subpath_page_allocates_twice() {
    let site = site();
    // The body, the entity tag, and the overhead of `Bytes` and `format!`.
    assert!(of_answer(&site, "/x/m7/sub/package", true) <= 2);
    // The page is a little smaller than its buffer, so shrinking it moves it.
    assert!(of_answer(&site, "/tools/hammer", true) <= 2);
}

#[test]
fn list_is_rendered_once() {
    let site = site();
    for path in ["/", "/x", "/x/"] {
        let list = || site.answer(None, path, false);
        assert!(matches!(list(), Answer::List(_)), "{path}");
        assert_eq!(measure(|| drop(black_box(list()))).count_total, 0, "{path}");
    }
}

#[test]
fn crawl_memory_is_bounded_by_the_cache() {
    const MODULES: usize = 16_000;
    const FOLDERS: usize = 1_000;
    let mut text = "host: go.example\n".to_owned();
    for index in 0..MODULES {
        let folder = index % FOLDERS;
        text.push_str(&format!(
            "/x{folder}/m{index}:\n  repo: https://github.com/o/m{index}\n"
        ));
    }
    let config = Config::parse("vanity.yaml", &text, None).unwrap();
    let site = Site::new(config.host.clone().unwrap(), config);
    let crawl = |subpath: &str| {
        for index in 0..MODULES {
            let path = format!("/x{}/m{index}{subpath}", index % FOLDERS);
            assert!(matches!(site.answer(None, &path, true), Answer::Module(..)));
        }
        for folder in 0..FOLDERS {
            let list = site.answer(None, &format!("/x{folder}"), false);
            assert!(matches!(list, Answer::List(_)));
        }
    };
    let kept = measure(|| {
        crawl("");
        crawl("/sub");
    });
    assert!(kept.bytes_total > 64 << 20, "{kept:?}");
    assert!(
        (1 << 20..=36 << 20).contains(&kept.bytes_current),
        "{kept:?}"
    );
}
