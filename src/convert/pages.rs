//! Pages with go-import tags, whatever made them: files, or the answers of live hosts.

use std::collections::BTreeMap;

use serde_yaml::Mapping;

use super::{Converted, Module, Site, fault_of, given, key, split};
use crate::config::ConfigError;
use crate::module::{Host, Problem, Url};
use govanityurls_verify::tags::{GoImport, Head};

/// The documentation site unless a file names another.
const DEFAULT_DOCS: &str = "https://pkg.go.dev";
/// The most differing pages that a module's comments name.
const MAX_OTHERS: usize = 3;

/// What a page says.
#[derive(Debug)]
pub struct Page {
    /// The file or the address, for messages.
    origin: String,
    /// Where it is below its directory or host: `/gowechat`. A module's own page is at the
    /// module's path; its packages have pages below it.
    path: String,
    /// By their import path, those of a version control system first.
    tags: BTreeMap<String, Vec<GoImport>>,
    /// The contents of the go-source tags.
    sources: Vec<String>,
    /// What is known of the one module that the page is of.
    about: Option<About>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct About {
    docs: Docs,
    redirects: bool,
    description: Option<String>,
}

/// Where a page leads people to.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Docs {
    /// To the import path on this site.
    Site(String),
    /// To this address.
    At(String),
    /// The page has no link to documentation.
    None,
    /// It does not say.
    Unknown,
}

impl Docs {
    fn of(url: &str, prefix: &str) -> Self {
        match site_of(url, prefix) {
            Some(site) => Self::Site(site.to_owned()),
            None if url.starts_with('/') && !url.starts_with("//") => {
                Self::At(format!("https://{}{url}", split(prefix).0))
            }
            None => Self::At(url.to_owned()),
        }
    }
}

impl Page {
    /// Reads a page. `path` is where it is below its directory or host.
    ///
    /// # Errors
    ///
    /// The page has no go-import tag; the text says why, if there is something like a tag.
    pub fn parse(origin: &str, path: &str, html: &[u8]) -> Result<Self, Option<String>> {
        let head = Head::parse(html);
        let mut tags: BTreeMap<String, Vec<GoImport>> = BTreeMap::new();
        for mut tag in head.go_imports() {
            tag.prefix.truncate(tag.prefix.trim_end_matches('/').len());
            tags.entry(tag.prefix.clone()).or_default().push(tag);
        }
        for of_prefix in tags.values_mut() {
            of_prefix.sort_by_key(|tag| tag.vcs == "mod");
            of_prefix.dedup();
        }
        let html = String::from_utf8_lossy(html);
        if tags.is_empty() {
            return Err(html.contains("go-import").then(|| match head.error {
                Some(error) => format!("the go command cannot read the page: {error}"),
                None => "the go-import tag is not in the head, or has not three or four fields"
                    .to_owned(),
            }));
        }
        let only = tags.keys().next().filter(|_| tags.len() == 1);
        let named = |name| head.metas.iter().filter(move |meta| meta.name == name);
        Ok(Self {
            origin: origin.to_owned(),
            path: path.to_owned(),
            about: only.map(|prefix| About::new(&head, &html, prefix)),
            sources: named("go-source")
                .map(|meta| meta.content.clone())
                .collect(),
            tags,
        })
    }

    /// Ranks the pages with a module's tag: the module's own comes first.
    fn rank(&self, prefix: &str) -> impl Ord {
        let is_own = match split(prefix) {
            (host, "/") => self.path.is_empty() || self.path == format!("/{host}"),
            (_, path) => self.path.ends_with(path),
        };
        (self.about.is_none(), !is_own, self.path.len())
    }
}

impl About {
    fn new(head: &Head, html: &str, prefix: &str) -> Self {
        let refresh = head
            .metas
            .iter()
            .find(|meta| meta.http_equiv.eq_ignore_ascii_case("refresh"))
            .and_then(|meta| refresh_url(&meta.content));
        // As this program's pages say; others' headings and paragraphs may be about anything.
        let is_own = html.contains(&format!("go get {prefix}"));
        let docs = match &refresh {
            Some(url) => Docs::of(url, prefix),
            None => linked(html, prefix, is_own),
        };
        let named = head.metas.iter().find(|meta| meta.name == "description");
        let description = named.map(|meta| meta.content.clone());
        Self {
            docs,
            redirects: refresh.is_some(),
            description: description
                .or_else(|| paragraph(html).filter(|_| is_own))
                .filter(|text| !text.is_empty()),
        }
    }
}

/// Returns the address in the content of a refresh: `0; url=https://…`.
fn refresh_url(content: &str) -> Option<String> {
    let (_, rest) = content.split_once([';', ','])?;
    let rest = rest.trim_start();
    let url = match rest.get(..4) {
        Some(start) if start.eq_ignore_ascii_case("url=") => &rest[4..],
        _ => rest,
    };
    let url = url.trim().trim_matches(['\'', '"']);
    (!url.is_empty()).then(|| url.to_owned())
}

/// Returns the address of a documentation site from that of a module or package on it.
fn site_of<'u>(url: &'u str, prefix: &str) -> Option<&'u str> {
    let name = format!("/{prefix}");
    url.match_indices(&name).find_map(|(at, _)| {
        let (site, rest) = (&url[..at], &url[at + name.len()..]);
        let is_whole = rest.is_empty() || rest.starts_with('/');
        let is_plain = is_whole && !url.contains(['?', '#']);
        (is_plain && Url::web(site).is_ok()).then_some(site)
    })
}

/// Finds the link to documentation on a page that redirects nowhere.
fn linked(html: &str, prefix: &str, is_own: bool) -> Docs {
    if is_own {
        let link = html
            .split_once(">Documentation<")
            .and_then(|(_, rest)| links(rest).next());
        return link.map_or(Docs::None, |url| Docs::of(&url, prefix));
    }
    let sites = links(html).filter_map(|url| site_of(&url, prefix).map(str::to_owned));
    // Other sites, such as those of badges, have the import path in their addresses too.
    let site = sites.min_by_key(|site| site != DEFAULT_DOCS);
    site.map_or(Docs::Unknown, Docs::Site)
}

fn links(html: &str) -> impl Iterator<Item = String> {
    html.split("href=").skip(1).filter_map(|rest| {
        let quote = rest.chars().next().filter(|c| matches!(c, '"' | '\''))?;
        Some(unescaped(rest[1..].split_once(quote)?.0))
    })
}

/// Returns the paragraph after the heading, if it is plain text.
fn paragraph(html: &str) -> Option<String> {
    let (_, rest) = html.split_once("</h1>")?;
    let (_, text) = rest.trim_start().strip_prefix("<p")?.split_once('>')?;
    let (text, _) = text.split_once("</p>")?;
    (!text.contains('<')).then(|| unescaped(text.trim()))
}

/// Resolves the entities of a text, by the parser's own rules for attributes.
fn unescaped(text: &str) -> String {
    let tag = format!("<meta content=\"{}\">", text.replace('"', "&quot;"));
    let meta = Head::parse(tag.as_bytes()).metas.pop();
    meta.map_or_else(|| text.to_owned(), |meta| meta.content)
}

/// Converts pages to a `vanity.yaml`. `name` says in it, and in errors, where they are; `notes` are
/// comments at its start.
///
/// # Errors
///
/// None of the pages has a tag that can be carried over.
pub fn convert_pages(
    name: &str,
    pages: &[Page],
    notes: Vec<String>,
) -> Result<Converted, ConfigError> {
    let refused = |problem| ConfigError::new(name, problem);
    let mut by_prefix: BTreeMap<&str, Vec<&Page>> = BTreeMap::new();
    for page in pages {
        for prefix in page.tags.keys() {
            by_prefix.entry(prefix).or_default().push(page);
        }
    }
    if by_prefix.is_empty() {
        let what = "there is no page with a go-import tag in it";
        return Err(refused(Problem::from(what.to_owned())));
    }
    for (prefix, of_prefix) in &mut by_prefix {
        of_prefix.sort_by_key(|page| page.rank(prefix));
    }
    let hosts = by_prefix.keys().map(|prefix| split(prefix).0);
    let host = most_common(hosts.filter(|host| Host::parse(host).is_ok()));
    let first_pages = || by_prefix.values().map(|of_prefix| of_prefix[0]);
    let abouts = || first_pages().filter_map(|page| page.about.as_ref());
    let documented = || abouts().filter(|about| about.docs != Docs::None);
    let site = most_common(abouts().filter_map(|about| match &about.docs {
        Docs::Site(site) => Some(site.as_str()),
        _ => None,
    }));
    let defaults = Defaults {
        docs: match site {
            Some(site) => site,
            None if documented().next().is_none() && abouts().next().is_some() => "none",
            None => DEFAULT_DOCS,
        },
        redirects: documented().next().is_none() || documented().any(|about| about.redirects),
    };
    let mut settings = Mapping::new();
    if let Some(host) = host {
        settings.insert("host".into(), host.into());
    }
    if defaults.docs != DEFAULT_DOCS {
        settings.insert("docs".into(), defaults.docs.into());
    }
    if !defaults.redirects {
        settings.insert("redirect".into(), false.into());
    }
    let modules = by_prefix
        .iter()
        .map(|(prefix, of_prefix)| module(prefix, key(prefix, host), of_prefix, &defaults));
    let count = pages.len();
    let site = Site {
        source: format!(
            "{count} page{} with tags",
            if count == 1 { "" } else { "s" }
        ),
        skips: true,
        notes,
        modules: modules.collect(),
        settings,
    };
    site.print(name).map_err(refused)
}

/// Returns the most common of some values, the first of several.
fn most_common<'v>(values: impl Iterator<Item = &'v str>) -> Option<&'v str> {
    let mut counts: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    for (index, value) in values.enumerate() {
        counts.entry(value).or_insert((0, usize::MAX - index)).0 += 1;
    }
    let most = counts.into_iter().max_by_key(|(_, rank)| *rank);
    most.map(|(value, _)| value)
}

/// The settings of the whole file.
struct Defaults<'p> {
    docs: &'p str,
    redirects: bool,
}

/// Returns the module of the first of its pages.
fn module(prefix: &str, key: String, pages: &[&Page], defaults: &Defaults) -> Module {
    let mut module = Module::new(prefix.to_owned(), key, Vec::new());
    let page = pages[0];
    let tags = &page.tags[prefix];
    let tag = &tags[0];
    module.set("repo", Some(tag.repo.as_str()));
    module.set_vcs(&tag.repo, &tag.vcs);
    module.set("subdir", given(Some(tag.subdir.clone())));
    let mut proxy = None;
    for other in &tags[1..] {
        match other.vcs == "mod" && tag.vcs != "mod" && proxy.is_none() {
            true => proxy = Some(other.repo.as_str()),
            false => module.note(format!(
                "a second go-import tag, `{other}`, is left out: the go command accepts one"
            )),
        }
    }
    module.set_valid("proxy", proxy);
    set_source(&mut module, page, tag);
    match &page.about {
        Some(about) => set_about(&mut module, prefix, about, defaults),
        None => module.note(
            "its only page is of several modules: where it led people to is not carried over",
        ),
    }
    let differing = pages[1..]
        .iter()
        .filter(|other| other.tags[prefix] != *tags);
    for other in differing.take(MAX_OTHERS) {
        let theirs: Vec<_> = other.tags[prefix].iter().map(GoImport::to_string).collect();
        module.note(format!(
            "{} has another tag, `{}`: left out for that of {}",
            other.origin,
            theirs.join("` and `"),
            page.origin
        ));
    }
    module
}

fn set_source(module: &mut Module, page: &Page, tag: &GoImport) {
    let mut fields = page.sources.iter().map(|source| source.split_whitespace());
    let found = fields.find_map(|mut fields| {
        let is_its = fields.next()?.trim_end_matches('/') == tag.prefix;
        is_its.then(|| fields.collect::<Vec<_>>().join(" "))
    });
    match found.as_deref() {
        // `_` is a placeholder; three of them carry no information.
        None | Some("_ _ _") => {}
        Some(fields) => {
            match fault_of("display", fields) {
                Some(fault) => module.note(format!("go-source is left out: {fault}")),
                None if tag.vcs == "mod" => module.set("display", Some(fields)),
                None => module.set_source(&tag.repo, fields),
            };
        }
    }
}

fn set_about(module: &mut Module, prefix: &str, about: &About, defaults: &Defaults) {
    let docs = match &about.docs {
        Docs::Site(site) if site != defaults.docs => {
            module.note("docs: pages of packages led to their own address on that site");
            Some(format!("{site}/{prefix}"))
        }
        Docs::None if defaults.docs != "none" => Some("none".to_owned()),
        Docs::At(url) => Some(url.clone()),
        _ => None,
    };
    module.set_valid("docs", docs.as_deref());
    if about.redirects != defaults.redirects && about.docs != Docs::None {
        module.set("redirect", Some(about.redirects));
    }
    module.set_valid("description", about.description.as_deref());
}

#[cfg(test)]
mod tests;
