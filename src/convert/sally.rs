//! `sally.yaml` of uber-go/sally: a base URL, and packages by their path below it.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_yaml::Value;

use super::fields::Fields;
use super::{Module, Site, is_scp, join, key, split, without_scheme};

/// The keys of a package. `branch` is for go-source, up to sally 1.3.
const KEYS: [&str; 7] = [
    "repo",
    "url",
    "vcs",
    "description",
    "doc_url",
    "doc_badge",
    "branch",
];

#[derive(Deserialize)]
struct Packages<P> {
    packages: BTreeMap<String, P>,
}

/// Reads the packages with every name as it is spelt, and every value too if all are texts: `1.10`
/// is not a number here. JSON that is no YAML has no such names.
fn packages(text: &str) -> serde_yaml::Result<Value> {
    type Texts = BTreeMap<String, Option<String>>;
    if let Ok(file) = serde_yaml::from_str::<Packages<Texts>>(text) {
        return serde_yaml::to_value(file.packages);
    }
    serde_yaml::to_value(serde_yaml::from_str::<Packages<Value>>(text)?.packages)
}

pub(super) fn site(file: Fields<'_>, text: &str) -> Result<Site, String> {
    let base = file.text("url")?.map(without_scheme);
    let docs = file.get("godoc").text("host")?;
    let mut site = Site::new("a file of uber-go/sally");
    site.notes = file.unknown(&["url", "packages", "godoc"], "sally");
    site.set("host", base.map(|base| split(base).0));
    site.set_docs(docs);
    let packages = packages(text).unwrap_or_else(|_| file.get("packages").0.clone());
    for (name, package) in Fields(&packages).entries() {
        let made = module(base, name, package);
        site.add(format!("packages.{name}"), made);
    }
    Ok(site)
}

fn module(base: Option<&str>, name: &str, package: Fields<'_>) -> Result<Module, String> {
    let url = package.text("url")?.map(without_scheme).or(base);
    let url = url.ok_or("no `url` names its domain, such as `url: go.example.org`")?;
    let repo = with_scheme(package.text("repo")?.ok_or("it has no `repo`")?);
    let mut module = Module::new(key(&join(url, name), base));
    module.notes = package.unknown(&KEYS, "sally");
    module.set("repo", Some(&*repo));
    module.set_vcs(&repo, package.text("vcs")?.unwrap_or("git"));
    module.set_valid("branch", package.text("branch")?);
    if let Some(docs) = package.text("doc_url")? {
        module.set_valid("docs", Some(&with_scheme(docs)));
        module.note("docs: sally appends a package's path to doc_url; here all lead to this page");
    }
    if let Some(text) = package.text("description")? {
        let words: Vec<_> = text.split_whitespace().collect();
        module.set_valid("description", Some(&words.join(" ")));
    }
    if let Some(badge) = package.text("doc_badge")? {
        module.note(&format!(
            "doc_badge: {badge} has no equivalent, the list has no badges"
        ));
    }
    Ok(module)
}

/// Adds the scheme that sally adds, to a URL that has none.
fn with_scheme(url: &str) -> String {
    if url.contains("://") || is_scp(url) {
        url.to_owned()
    } else {
        format!("https://{url}")
    }
}
