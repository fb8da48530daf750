//! `vangen.json` of 4d63.com/vangen: a domain, and repositories by their path below it.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_yaml::Mapping;

use super::{Module, Site, docs_site, given, join, key, split, unknown};
use crate::module::Problem;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
#[serde(expecting = "a map with `domain` and `repositories`")]
pub(super) struct Vangen {
    domain: String,
    docs_domain: Option<String>,
    index: Option<bool>,
    repositories: Vec<Repository>,
    #[serde(flatten)]
    other: BTreeMap<String, IgnoredAny>,
}

#[derive(Deserialize)]
#[serde(expecting = "a map with `prefix` and `url`")]
struct Repository {
    prefix: Option<String>,
    subs: Option<Vec<Sub>>,
    r#type: Option<String>,
    url: String,
    main: Option<bool>,
    hidden: Option<bool>,
    source: Option<Source>,
    website: Option<Website>,
    #[serde(flatten)]
    other: BTreeMap<String, IgnoredAny>,
}

/// A package below the repository's prefix.
#[derive(Deserialize)]
#[serde(untagged, expecting = "expected a name, or a map with `name`")]
enum Sub {
    Name(String),
    Map { name: String },
}

#[derive(Default, Deserialize)]
#[serde(expecting = "a map with `home`, `dir` and `file`")]
struct Source {
    home: Option<String>,
    dir: Option<String>,
    file: Option<String>,
}

#[derive(Deserialize)]
#[serde(expecting = "a map with `url`")]
struct Website {
    url: Option<String>,
}

pub(super) fn site(file: Vangen) -> Result<Site, Problem> {
    let host = split(&file.domain).0;
    if host.is_empty() {
        return Err(Problem::new("`domain` is empty", ""));
    }
    let mut settings = Mapping::new();
    settings.insert("host".into(), host.into());
    if let Some(docs) = docs_site(file.docs_domain) {
        settings.insert("docs".into(), docs);
    }
    if !file.index.unwrap_or_default() {
        settings.insert("index".into(), "none".into());
    }
    // Browsers stay on vangen's pages.
    settings.insert("redirect".into(), false.into());
    let modules = file.repositories.into_iter().enumerate();
    let modules = modules.map(|(index, repository)| {
        let prefix = repository.prefix.as_deref().unwrap_or_default();
        let key = key(&join(&file.domain, prefix), Some(host));
        module(format!("repositories[{index}]"), key, repository)
    });
    Ok(Site {
        source: "a file of 4d63.com/vangen".to_owned(),
        skips: false,
        modules: modules.collect(),
        settings,
        notes: unknown(file.other.keys(), "vangen"),
    })
}

fn module(origin: String, key: String, repository: Repository) -> Module {
    let mut module = Module::new(origin, key, unknown(repository.other.keys(), "vangen"));
    let url = repository.url.as_str();
    // vangen needs neither `type` nor `source` for these two hosts.
    let known = ["https://github.com", "https://gitlab.com"]
        .iter()
        .any(|host| url.starts_with(host));
    module.set("repo", Some(url));
    if let Some(vcs) = given(repository.r#type).or_else(|| known.then(|| "git".to_owned())) {
        module.set_vcs(url, &vcs);
    }
    let Source { home, dir, file } = repository.source.unwrap_or_default();
    let field = |field, default: &str| {
        given(field).unwrap_or_else(|| match known {
            true => format!("{url}{default}"),
            false => "_".to_owned(),
        })
    };
    let fields = format!(
        "{} {} {}",
        field(home, ""),
        field(dir, "/tree/master{/dir}"),
        field(file, "/blob/master{/dir}/{file}#L{line}")
    );
    // `_` is a placeholder; three of them carry no information.
    if fields != "_ _ _" {
        module.set_source(url, &fields);
    }
    let website = repository.website.and_then(|website| website.url);
    module.set("docs", given(website));
    if repository.hidden.unwrap_or_default() {
        module.set("hidden", Some(true));
    }
    if repository.main.unwrap_or_default() {
        module.note("main: no equivalent, the list does not part tools from libraries");
    }
    let subs: Vec<_> = repository.subs.iter().flatten().map(Sub::name).collect();
    if !subs.is_empty() {
        module.note(format!(
            "subs ({}): not needed, every path below is answered",
            subs.join(", ")
        ));
    }
    module
}

impl Sub {
    fn name(&self) -> &str {
        match self {
            Self::Name(name) | Self::Map { name } => name,
        }
    }
}
