//! Pages with go-import tags, whatever made them: files, or the answers of live hosts.
//!
//! Of any page the tags and the refresh are carried over, and nothing else is concluded from it.
//! Our own pages say that they are ours, and tell the rest.

use std::collections::{BTreeMap, HashMap};

use super::{Converted, Module, Site, key, split};
use crate::module::{Host, Url};
use crate::text::masked;
use govanityurls_verify::tags::{GoImport, Head, Meta};

/// The documentation site unless a file names another.
const DEFAULT_DOCS: &str = "https://pkg.go.dev";
/// The most tags and pages that a module's comments name.
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
    /// The last three fields of the go-source tags, by import path.
    sources: HashMap<String, String>,
    /// The address that it leads people to.
    docs: Option<String>,
    redirects: bool,
    maker: Maker,
    /// The values of named tags that only our own pages have for convert.
    description: Option<String>,
    hidden: bool,
}

/// Who made a page.
#[derive(Debug, PartialEq, Eq)]
enum Maker {
    /// Another program, or a person.
    Other,
    /// This program, for a module.
    Us,
    /// This program, as 404.html, which repeats the tags of other pages and tells nothing else.
    NotFound,
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
        let html = String::from_utf8_lossy(html);
        if tags.is_empty() {
            return Err(html.contains("go-import").then(|| match head.error {
                Some(error) => format!("the go command cannot read the page: {error}"),
                None => "the go-import tag is not in the head, or has not three or four fields"
                    .to_owned(),
            }));
        }
        for of_prefix in tags.values_mut() {
            of_prefix.sort_by_key(|tag| tag.vcs == "mod");
            of_prefix.dedup();
        }
        let mut page = Self {
            origin: origin.to_owned(),
            path: path.to_owned(),
            tags,
            sources: HashMap::new(),
            docs: None,
            redirects: false,
            maker: Maker::Other,
            description: None,
            hidden: false,
        };
        let is_ours = |meta: &Meta| meta.name == "generator" && meta.content == "govanityurls";
        if head.metas.iter().any(is_ours) {
            page.maker = Maker::NotFound;
            if html.contains("<link rel=\"canonical\"") {
                page.maker = Maker::Us;
                page.docs = documentation(&html);
            }
        }
        for meta in head.metas {
            if meta.http_equiv.eq_ignore_ascii_case("refresh")
                && !page.redirects
                && let Some(url) = refresh_url(&meta.content)
            {
                page.docs = Some(url);
                page.redirects = true;
            }
            match meta.name.as_str() {
                "go-source" => page.add_source(&meta.content),
                "description" if page.maker == Maker::Us => page.description = Some(meta.content),
                "robots" if page.maker == Maker::Us => page.hidden = true,
                _ => {}
            }
        }
        Ok(page)
    }

    fn add_source(&mut self, content: &str) {
        let mut fields = content.split_whitespace();
        let prefix = fields.next().unwrap_or_default().trim_end_matches('/');
        let fields: Vec<_> = fields.collect();
        let first = self.sources.entry(prefix.to_owned());
        first.or_insert(fields.join(" "));
    }

    /// Ranks the pages with a module's tag: the module's own comes first.
    fn rank(&self, prefix: &str) -> impl Ord {
        let is_own = match split(prefix) {
            (host, "/") => self.path.is_empty() || self.path == format!("/{host}"),
            (_, path) => self.path.ends_with(path),
        };
        (self.maker == Maker::NotFound, !is_own, self.path.len())
    }

    /// Returns whether it is known that the module has no documentation.
    fn is_without_docs(&self) -> bool {
        self.docs.is_none() && self.maker == Maker::Us
    }

    /// Returns whether it tells if browsers are redirected.
    fn tells_redirect(&self) -> bool {
        self.maker != Maker::NotFound && !self.is_without_docs()
    }
}

/// Returns the address in the content of a refresh: `0; url=https://…`.
fn refresh_url(content: &str) -> Option<String> {
    let (_, rest) = content.split_once([';', ','])?;
    let mut url = rest.trim();
    if let Some((name, value)) = url.split_once('=')
        && name.trim_end().eq_ignore_ascii_case("url")
    {
        url = value.trim();
    }
    let url = url.trim_matches(['\'', '"']);
    (!url.is_empty()).then(|| url.to_owned())
}

/// Returns the link to the documentation on a page of ours, whose template this follows.
fn documentation(html: &str) -> Option<String> {
    let (_, rest) = html.split_once("<dt>Documentation</dt>\n<dd><a href=\"")?;
    Some(rest.split_once('"')?.0.replace("&#38;", "&"))
}

/// Returns the address of a documentation site from that of a module or package on it.
fn site_of<'u>(url: &'u str, prefix: &str) -> Option<&'u str> {
    let name = format!("/{prefix}");
    let (site, rest) = url.split_at(url.find(&name)?);
    let rest = &rest[name.len()..];
    let is_whole = rest.is_empty() || rest.starts_with('/');
    (is_whole && !url.contains(['?', '#']) && Url::web(site).is_ok()).then_some(site)
}

/// Converts pages to a `vanity.yaml`. `name` says in it where they are; `notes` are comments at its
/// start.
pub fn convert_pages(name: &str, pages: &[Page], notes: Vec<String>) -> Converted {
    let mut by_prefix: BTreeMap<&str, Vec<&Page>> = BTreeMap::new();
    for page in pages {
        for prefix in page.tags.keys() {
            by_prefix.entry(prefix).or_default().push(page);
        }
    }
    if by_prefix.is_empty() {
        return Converted::refused("there is no page with a go-import tag in it");
    }
    for (prefix, of_prefix) in &mut by_prefix {
        of_prefix.sort_by_key(|page| page.rank(prefix));
    }
    let hosts = by_prefix.keys().map(|prefix| split(prefix).0);
    let host = most_common(hosts.filter(|host| Host::parse(host).is_ok()));
    let first_pages: Vec<_> = by_prefix
        .iter()
        .map(|(prefix, of)| (*prefix, of[0]))
        .collect();
    let settings = Settings::of(&first_pages);
    let plural = if pages.len() == 1 { "" } else { "s" };
    let mut site = Site::new(format!("{} page{plural} with tags", pages.len()));
    site.notes = notes.iter().map(|note| masked(note).into()).collect();
    site.set("host", host);
    site.set(
        "docs",
        (settings.docs != DEFAULT_DOCS).then_some(settings.docs),
    );
    site.set("redirect", (!settings.redirects).then_some(false));
    for (prefix, of_prefix) in &by_prefix {
        let module = module(prefix, key(prefix, host), of_prefix, &settings);
        site.add((*prefix).to_owned(), Ok(module));
    }
    site.print(name)
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

/// The settings of the whole file: what most modules have.
struct Settings<'p> {
    docs: &'p str,
    redirects: bool,
}

impl<'p> Settings<'p> {
    /// Chooses them by the first page of each module.
    fn of(pages: &[(&'p str, &'p Page)]) -> Self {
        let sites = pages.iter();
        let sites = sites.filter_map(|(prefix, page)| site_of(page.docs.as_deref()?, prefix));
        let all_without = pages.iter().all(|(_, page)| page.is_without_docs());
        let telling = pages.iter().map(|(_, page)| page);
        let telling: Vec<_> = telling.filter(|page| page.tells_redirect()).collect();
        let redirecting = telling.iter().filter(|page| page.redirects).count();
        Self {
            docs: match most_common(sites) {
                Some(site) => site,
                None if all_without => "none",
                None => DEFAULT_DOCS,
            },
            redirects: redirecting * 2 >= telling.len(),
        }
    }
}

/// Returns the module of the first of its pages.
fn module(prefix: &str, key: String, pages: &[&Page], settings: &Settings<'_>) -> Module {
    let mut module = Module::new(key);
    let page = pages[0];
    let tags = &page.tags[prefix];
    let tag = &tags[0];
    module.set("repo", Some(tag.repo.as_str()));
    module.set_vcs(&tag.repo, &tag.vcs);
    if !tag.subdir.is_empty() {
        module.set("subdir", Some(tag.subdir.as_str()));
    }
    let mut others = &tags[1..];
    if let [proxy, rest @ ..] = others
        && proxy.vcs == "mod"
        && tag.vcs != "mod"
    {
        module.set_valid("proxy", Some(&proxy.repo));
        others = rest;
    }
    for other in others.iter().take(MAX_OTHERS) {
        module.note(&format!(
            "a second go-import tag, `{other}`, is left out: the go command accepts one"
        ));
    }
    if let Some(fields) = page.sources.get(prefix) {
        module.set_source(&tag.repo, fields, None);
    }
    set_docs(&mut module, prefix, page, settings);
    let differing = pages[1..]
        .iter()
        .filter(|other| other.tags[prefix] != *tags);
    for other in differing.take(MAX_OTHERS) {
        module.note(&format!(
            "{} has another tag, `{}`: left out for that of {}",
            other.origin, other.tags[prefix][0], page.origin
        ));
    }
    module
}

/// Sets where a page leads people to, and what only our own pages tell.
fn set_docs(module: &mut Module, prefix: &str, page: &Page, settings: &Settings<'_>) {
    match &page.docs {
        Some(url) => match site_of(url, prefix) {
            Some(site) if site == settings.docs => {}
            Some(site) => {
                module.set_valid("docs", Some(&format!("{site}/{prefix}")));
                module.note("docs: pages of packages led to their own address on that site");
            }
            None if url.starts_with('/') && !url.starts_with("//") => {
                let host = split(prefix).0;
                module.set_valid("docs", Some(&format!("https://{host}{url}")));
            }
            None => module.set_valid("docs", Some(url)),
        },
        None if page.is_without_docs() && settings.docs != "none" => {
            module.set("docs", Some("none"))
        }
        None => {}
    }
    if page.tells_redirect() && page.redirects != settings.redirects {
        module.set("redirect", Some(page.redirects));
    }
    module.set_valid("description", page.description.as_deref());
    module.set("hidden", page.hidden.then_some(true));
    if page.maker == Maker::NotFound {
        module.pattern = prefix.ends_with("/*");
        module.note("404.html tells only the repository");
    }
}

#[cfg(test)]
mod tests;
