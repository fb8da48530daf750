//! Requests any path from a site with any keys, and compares decoding, lookup and the kind of
//! answer with a naive implementation.
//!
//! The first line of the text is the raw path, the second the Host header, each other line a key.

#![no_main]

#[path = "../../src/site/tests/naive.rs"]
mod naive;

use std::collections::HashSet;
use std::sync::LazyLock;

use govanityurls::internal::{Answer, Key, Module, RequestPath, is_path_element};
use govanityurls::{Config, Host, Site};
use libfuzzer_sys::fuzz_target;

/// Files that a pattern at the root does not match.
const WELL_KNOWN: [&str; 2] = ["robots.txt", "favicon.ico"];

static HOST: LazyLock<Host> = LazyLock::new(|| Host::parse("go.example").unwrap());
/// A module and a pattern, copied with other keys.
static TEMPLATE: LazyLock<Config> = LazyLock::new(|| {
    let text = "/m:\n  repo: https://h.example/m\n/p/*:\n  repo: https://h.example/*\n";
    Config::parse("vanity.yaml", text, Some(&HOST)).unwrap()
});

fuzz_target!(|text: &str| {
    let mut lines = text.split('\n');
    let (raw, header) = (lines.next().unwrap_or(""), lines.next().unwrap_or(""));
    let site = site(lines);

    let path = decoded(raw);
    let request = RequestPath::parse(raw);
    assert_eq!(request.as_ref().map(RequestPath::as_str), path.as_deref());

    let host = site.host(Some(header));
    let name = header.split(':').next().unwrap_or_default();
    let name = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
    let named = site
        .hosts()
        .iter()
        .find(|host| host.name().as_str() == name);
    assert_eq!(host.name(), named.map_or(&*HOST, |host| host.name()));

    let path = path.as_deref();
    let naive = path.and_then(|path| naive::look_up(host.modules(), path));
    let found = request.as_ref().and_then(|request| host.look_up(request));
    assert_eq!(found.as_ref().map(|found| found.module()), naive);
    if let (Some(found), Some(path)) = (&found, path) {
        let slash = if found.element().is_empty() { "" } else { "/" };
        let key = found.module().key.path.as_str();
        assert_eq!(
            [key, slash, found.element(), found.subpath()].concat(),
            path
        );
    }

    // A folder has modules below it; the root is always a folder.
    let is_folder = path.is_some_and(|path| {
        path.is_empty() || host.modules().any(|module| naive::is_below(module, path))
    });
    for go_get in [true, false] {
        let answer = site.answer(Some(header), raw, go_get);
        match (naive, &answer) {
            (Some(module), Answer::Module(answered, _)) => {
                assert_eq!(answered.import_path(), host.import_path(module));
            }
            (None, Answer::List(_)) => assert!(!go_get && is_folder),
            (None, Answer::NotFoundPage(_)) => {
                let shows = |module: &Module| !module.hidden;
                let below = |m: &Module| path.is_some_and(|path| naive::is_below(m, path));
                assert!(!go_get && !host.modules().any(|m| shows(m) && below(m)));
            }
            (None, Answer::NotFoundText { text, folder }) => {
                assert!(go_get);
                assert_eq!(*folder, is_folder);
                // The go command prints it.
                let printable = |b: &u8| b.is_ascii_graphic() || matches!(b, b' ' | b'\n');
                assert!(text.iter().all(printable), "{text:?}");
            }
            // `MODULE@VERSION`, which is not an import path.
            (None, Answer::Redirect(url)) => {
                assert!(!go_get && path.is_none());
                let raw = raw.replace("%40", "@");
                let module = raw.split('@').next().and_then(decoded);
                let module = module.filter(|path| naive::look_up(host.modules(), path).is_some());
                let page = format!("https://pkg.go.dev/{}{}@", host.name(), module.unwrap());
                assert!(url.starts_with(&page) && url.bytes().all(|b| b.is_ascii_graphic()));
            }
            _ => panic!("{naive:?}: {answer:?}"),
        }
    }
});

/// Builds a site from the valid keys; every third module is hidden.
fn site<'t>(keys: impl Iterator<Item = &'t str>) -> Site {
    let mut seen = HashSet::new();
    let mut config = Config {
        modules: Vec::new(),
        ..TEMPLATE.clone()
    };
    for key in keys.filter_map(|key| Key::parse(key).ok()).take(20) {
        let host = key.host.clone().unwrap_or_else(|| HOST.clone());
        if seen.insert((host, key.path.clone(), key.pattern)) {
            let mut module = TEMPLATE.modules[usize::from(key.pattern)].clone();
            module.key = key;
            module.hidden = seen.len().is_multiple_of(3);
            config.modules.push(module);
        }
    }
    Site::new(HOST.clone(), config)
}

/// Returns a request path, percent-decoded once; `None` if it cannot be an import path.
fn decoded(raw: &str) -> Option<String> {
    let mut bytes = Vec::new();
    let mut rest = raw.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        let hex = (byte == b'%').then(|| after.get(..2)).flatten();
        let hex = hex.filter(|hex| hex.iter().all(u8::is_ascii_hexdigit));
        let hex = hex.and_then(|hex| u8::from_str_radix(str::from_utf8(hex).ok()?, 16).ok());
        match hex {
            Some(b'/') => return None,
            Some(decoded) => bytes.push(decoded),
            None => bytes.push(byte),
        }
        rest = if hex.is_some() { &after[2..] } else { after };
    }
    let path = String::from_utf8(bytes).ok()?;
    let path = path.strip_suffix('/').unwrap_or(&path);
    let is_good = |element: &str| {
        let allowed = |c: char| c.is_ascii_alphanumeric() || "-._~+".contains(c);
        element.chars().all(allowed) && !element.chars().all(|c| c == '.')
    };
    let good = match path.strip_prefix('/') {
        Some(elements) => elements.split('/').all(is_good),
        // Only `/` becomes empty.
        None => path.is_empty() && !raw.is_empty(),
    };
    good.then(|| path.to_owned())
}
