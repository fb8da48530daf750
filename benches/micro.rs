//! Microbenchmarks: lookup, response, reading a file, replacing a site.
//!
//! `cargo bench --bench micro`; after `--`, the name of a benchmark or divan's flags.

#![allow(clippy::unwrap_used, missing_docs)]

use std::cell::Cell;
use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::{Mutex, PoisonError};

use divan::{Bencher, black_box};
use govanityurls::App;
use govanityurls::internal::{Answer, RequestPath};
use govanityurls::{Config, Site};

const SIZES: [usize; 3] = [10, 10_000, 250_000];
/// Number of paths to cycle through: too many for a large site to stay in the CPU caches, and few
/// enough to render all their pages beforehand.
const PATHS: usize = 1024;

fn main() {
    divan::main();
}

/// Returns a file with `modules` modules, at most ten thousand per folder, and one pattern.
fn file(modules: usize) -> String {
    let mut text = "host: go.example\n/pattern/*:\n  repo: https://h.example/*\n".to_owned();
    for index in 0..modules {
        let _ = writeln!(text, "{}:\n  repo: https://h.example/m{index}", path(index));
    }
    text
}

fn path(index: usize) -> String {
    format!("/g{}/m{index}", index / 10_000)
}

fn config(modules: usize) -> Config {
    Config::parse("vanity.yaml", &file(modules), None).unwrap()
}

fn new_site(config: Config) -> Site {
    Site::new(config.host.clone().unwrap(), config)
}

/// Returns the site with this many modules, built once for all benchmarks.
fn site(modules: usize) -> &'static Site {
    static SITES: Mutex<Option<HashMap<usize, &'static Site>>> = Mutex::new(None);
    let mut sites = SITES.lock().unwrap_or_else(PoisonError::into_inner);
    sites
        .get_or_insert_default()
        .entry(modules)
        .or_insert_with(|| Box::leak(Box::new(new_site(config(modules)))))
}

/// Returns paths of modules spread evenly over the site, each with `suffix` appended.
fn spread(modules: usize, suffix: &str) -> Vec<String> {
    let step = (modules / PATHS).max(1);
    (0..PATHS.min(modules))
        .map(|index| path(index * step) + suffix)
        .collect()
}

/// Cycles through the paths.
fn in_turn<'a>(paths: &'a [String]) -> impl Fn() -> &'a str {
    let next = Cell::new(0);
    move || {
        let index = next.get();
        next.set((index + 1) % paths.len());
        &paths[index]
    }
}

/// Only the lookup; the paths are parsed beforehand.
mod look_up {
    use super::*;

    fn bench(bencher: Bencher<'_, '_>, modules: usize, paths: &[String], found: bool) {
        let host = &site(modules).hosts()[0];
        let next = in_turn(paths);
        assert!(
            paths
                .iter()
                .all(|path| host.look_up(&RequestPath::parse(path).unwrap()).is_some() == found)
        );
        bencher
            .with_inputs(|| RequestPath::parse(next()).unwrap())
            .bench_local_refs(|path| black_box(host.look_up(path)).is_some());
    }

    #[divan::bench(args = SIZES)]
    fn hit(bencher: Bencher<'_, '_>, modules: usize) {
        bench(bencher, modules, &spread(modules, ""), true);
    }

    #[divan::bench(args = SIZES)]
    fn miss(bencher: Bencher<'_, '_>, modules: usize) {
        bench(bencher, modules, &spread(modules, "x"), false);
    }

    #[divan::bench(args = SIZES)]
    fn deep_miss(bencher: Bencher<'_, '_>, modules: usize) {
        let paths = ["/a/b/c/d/e/f/g/h/i/j".to_owned()];
        bench(bencher, modules, &paths, false);
    }

    #[divan::bench(args = SIZES)]
    fn pattern(bencher: Bencher<'_, '_>, modules: usize) {
        let paths: Vec<_> = (0..PATHS)
            .map(|index| format!("/pattern/m{index}"))
            .collect();
        bench(bencher, modules, &paths, true);
    }
}

/// From the request path to the bytes of the page. Pages of module roots are already rendered.
mod answer {
    use super::*;

    fn bench(bencher: Bencher<'_, '_>, modules: usize, paths: &[String], go_get: bool) {
        let site = site(modules);
        for path in paths {
            site.answer(None, path, go_get);
        }
        let next = in_turn(paths);
        bencher
            .with_inputs(next)
            .bench_local_values(|path| site.answer(None, black_box(path), go_get));
    }

    #[divan::bench(args = SIZES)]
    fn module(bencher: Bencher<'_, '_>, modules: usize) {
        bench(bencher, modules, &spread(modules, ""), true);
    }

    #[divan::bench(args = SIZES)]
    fn subpath(bencher: Bencher<'_, '_>, modules: usize) {
        bench(bencher, modules, &spread(modules, "/pkg/sub"), true);
    }

    #[divan::bench(args = SIZES)]
    fn go_get_miss(bencher: Bencher<'_, '_>, modules: usize) {
        bench(bencher, modules, &spread(modules, "x"), true);
    }

    #[divan::bench(args = SIZES, sample_count = 50)]
    fn list(bencher: Bencher<'_, '_>, modules: usize) {
        bench(bencher, modules, &["/".to_owned()], false);
    }
}

/// Lists that are rendered for each request: later pages, and what a search finds.
mod list {
    use super::*;

    const SIZES: [usize; 2] = [1_000, 100_000];

    fn site(modules: usize) -> Site {
        let mut text = "host: go.example\n".to_owned();
        for index in 0..modules {
            let path = path(index);
            let _ = writeln!(
                text,
                "{path}:\n  repo: https://github.com/example/m{index}\n  \
                 description: Module {index} of many, with a line that tells what it is for"
            );
        }
        new_site(Config::parse("vanity.yaml", &text, None).unwrap())
    }

    fn bench(bencher: Bencher<'_, '_>, modules: usize, query: &str) {
        let site = site(modules);
        let answer = || site.answer_query(None, "/", false, Some(black_box(query)));
        assert!(matches!(answer(), Answer::List(_)));
        bencher.bench_local(answer);
    }

    #[divan::bench(args = SIZES)]
    fn second_page(bencher: Bencher<'_, '_>, modules: usize) {
        bench(bencher, modules, "page=2");
    }

    #[divan::bench(args = SIZES)]
    fn last_page(bencher: Bencher<'_, '_>, modules: usize) {
        bench(bencher, modules, &format!("page={}", modules / 200));
    }

    #[divan::bench(args = SIZES)]
    fn search_for_one(bencher: Bencher<'_, '_>, modules: usize) {
        bench(bencher, modules, "q=module+999");
    }

    #[divan::bench(args = SIZES)]
    fn search_for_a_letter(bencher: Bencher<'_, '_>, modules: usize) {
        bench(bencher, modules, "q=e");
    }

    #[divan::bench(args = SIZES)]
    fn search_for_nothing(bencher: Bencher<'_, '_>, modules: usize) {
        bench(bencher, modules, "q=what+it+is+not");
    }
}

/// The work of a start or a reload.
mod load {
    use super::*;

    const SIZES: [usize; 2] = [1_000, 100_000];

    #[divan::bench(args = SIZES, sample_count = 20, sample_size = 1)]
    fn parse(bencher: Bencher<'_, '_>, modules: usize) {
        let text = file(modules);
        bencher.bench_local(|| Config::parse("vanity.yaml", &text, None));
    }

    #[divan::bench(args = SIZES, sample_count = 20, sample_size = 1)]
    fn build_site(bencher: Bencher<'_, '_>, modules: usize) {
        let config = config(modules);
        bencher
            .with_inputs(|| config.clone())
            .bench_local_values(new_site);
    }

    /// The swap and its preparation, without building the new site or dropping the old one.
    #[divan::bench(args = super::SIZES, sample_count = 5, sample_size = 1)]
    fn replace_site(bencher: Bencher<'_, '_>, modules: usize) {
        let config = config(modules);
        let app = App::new(new_site(config.clone()));
        bencher
            .with_inputs(|| new_site(config.clone()))
            .bench_local_values(|site| app.replace_site(site));
    }
}
