//! `sally.yaml` of uber-go/sally: a base URL, and packages by their path below it.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_yaml::Mapping;

use super::{Module, Site, docs_site, given, join, key, split, unknown};
use crate::module::Problem;

#[derive(Deserialize)]
#[serde(expecting = "a map with `url` and `packages`")]
pub(super) struct Sally {
    url: Option<String>,
    packages: BTreeMap<String, Package>,
    godoc: Option<Godoc>,
    #[serde(flatten)]
    other: BTreeMap<String, IgnoredAny>,
}

#[derive(Deserialize)]
#[serde(expecting = "a map with `host`")]
struct Godoc {
    host: Option<String>,
}

#[derive(Deserialize)]
#[serde(expecting = "a map with `repo`")]
struct Package {
    repo: String,
    url: Option<String>,
    vcs: Option<String>,
    description: Option<String>,
    doc_url: Option<String>,
    doc_badge: Option<String>,
    /// For go-source; up to sally 1.3.
    branch: Option<String>,
    #[serde(flatten)]
    other: BTreeMap<String, IgnoredAny>,
}

pub(super) fn site(file: Sally) -> Result<Site, Problem> {
    let base = given(file.url);
    let host = base.as_deref().map(|base| split(base).0);
    let mut settings = Mapping::new();
    if let Some(host) = host {
        settings.insert("host".into(), host.into());
    }
    if let Some(docs) = docs_site(file.godoc.and_then(|godoc| godoc.host)) {
        settings.insert("docs".into(), docs);
    }
    let modules = file.packages.into_iter().map(|(name, package)| {
        let origin = format!("packages.{name}");
        let url = given(package.url.clone()).or_else(|| base.clone());
        let Some(url) = url else {
            return Err(Problem::from(format!(
                "{origin}: no `url` names its domain\n\
                 sally.yaml starts with one, such as `url: go.example.org`"
            )));
        };
        Ok(module(origin, key(&join(&url, &name), host), package))
    });
    Ok(Site {
        source: "a file of uber-go/sally".to_owned(),
        skips: false,
        notes: unknown(file.other.keys(), "sally"),
        modules: modules.collect::<Result<_, _>>()?,
        settings,
    })
}

fn module(origin: String, key: String, package: Package) -> Module {
    let mut module = Module::new(origin, key, unknown(package.other.keys(), "sally"));
    // sally prepends https://; accept a full URL as well.
    let repo = with_scheme(package.repo);
    module.set("repo", Some(repo.as_str()));
    module.set_vcs(&repo, given(package.vcs).as_deref().unwrap_or("git"));
    module.set("branch", given(package.branch));
    if let Some(docs) = given(package.doc_url) {
        module.set("docs", Some(with_scheme(docs)));
        module.note("docs: sally appends a package's path to doc_url; here all lead to this page");
    }
    let description = given(package.description);
    module.set("description", description.map(|text| one_line(&text)));
    if let Some(badge) = given(package.doc_badge) {
        module.note(format!(
            "doc_badge: {badge} has no equivalent, the list has no badges"
        ));
    }
    module
}

fn with_scheme(url: String) -> String {
    match url.contains("://") || url.is_empty() {
        true => url,
        false => format!("https://{url}"),
    }
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
