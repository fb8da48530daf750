//! `vangen.json` of 4d63.com/vangen: a domain, and repositories by their path below it.

use super::fields::Fields;
use super::{Module, Site, join, key, split, without_scheme};

const KEYS: [&str; 4] = ["domain", "docsDomain", "index", "repositories"];
const REPOSITORY_KEYS: [&str; 8] = [
    "prefix", "subs", "type", "url", "main", "hidden", "source", "website",
];

pub(super) fn site(file: Fields<'_>) -> Result<Site, String> {
    let domain = file.text("domain")?.map(without_scheme);
    let domain = domain.ok_or("it has no `domain`")?;
    let docs = file.text("docsDomain")?;
    let mut site = Site::new("a file of 4d63.com/vangen");
    site.notes = file.unknown(&KEYS, "vangen");
    site.set("host", Some(split(domain).0));
    site.set_docs(docs);
    if !file.is_true("index") {
        site.set("index", Some("none"));
    }
    // Browsers stay on vangen's pages.
    site.set("redirect", Some(false));
    for (index, repository) in file.get("repositories").items().enumerate() {
        site.add(format!("repositories[{index}]"), module(domain, repository));
    }
    Ok(site)
}

fn module(domain: &str, repository: Fields<'_>) -> Result<Module, String> {
    let url = repository.text("url")?.ok_or("it has no `url`")?;
    let prefix = repository.text("prefix")?.unwrap_or_default();
    let mut module = Module::new(key(&join(domain, prefix), Some(domain)));
    module.notes = repository.unknown(&REPOSITORY_KEYS, "vangen");
    module.set("repo", Some(url));
    // vangen needs neither `type` nor `source` for these two hosts.
    let is_known = url.starts_with("https://github.com") || url.starts_with("https://gitlab.com");
    if let Some(vcs) = repository.text("type")?.or(is_known.then_some("git")) {
        module.set_vcs(url, vcs);
    }
    let source = repository.get("source");
    let mut fields = Vec::new();
    for (key, end) in [
        ("home", ""),
        ("dir", "/tree/master{/dir}"),
        ("file", "/blob/master{/dir}/{file}#L{line}"),
    ] {
        fields.push(match source.text(key)? {
            Some(field) => field.to_owned(),
            None if is_known => format!("{url}{end}"),
            None => "_".to_owned(),
        });
    }
    module.set_source(url, &fields.join(" "), Some("master"));
    module.set_valid("docs", repository.get("website").text("url")?);
    if repository.is_true("hidden") {
        module.set("hidden", Some(true));
    }
    if repository.is_true("main") {
        module.note("main: no equivalent, the list does not part tools from libraries");
    }
    if repository.get("subs").items().next().is_some() {
        module.note("subs: not needed, every path below is answered");
    }
    Ok(module)
}
