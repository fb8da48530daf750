//! Lists of the modules below a folder, for browsers.

use std::borrow::Cow;
use std::fmt;

use askama::{Template, filters};

use super::page::{Crumb, Page};
use super::query::{LONGEST_QUERY, ListQuery};
use super::{Answer, Site, VirtualHost};
use crate::config::Index;
use crate::module::Vcs;

/// The most modules on one page of a list.
pub(super) const PER_PAGE: usize = 200;

/// One page of the list of the modules below a folder, or of those that a search found.
#[derive(Template)]
#[template(path = "list.html")]
struct ListPage<'a> {
    /// The folders from the top to this one that have lists.
    crumbs: Vec<Crumb<'a>>,
    title: &'a str,
    description: Option<&'a str>,
    address: &'a str,
    /// The address that search engines are to show; none for a search.
    canonical: Option<String>,
    /// What was searched for, empty if nothing was; none for a page without a search.
    query: Option<&'a str>,
    /// How many modules there are, and which page this is.
    summary: String,
    /// The number of the page, from 1.
    page: usize,
    entries: Vec<Entry<'a>>,
    previous: Option<String>,
    next: Option<String>,
}

/// One module of a list, or a pattern.
struct Entry<'a> {
    /// Its path without that of the list; for a pattern without the `*`.
    name: &'a str,
    /// Its page; none for a pattern.
    href: Option<&'a str>,
    description: Option<&'a str>,
    /// The name of the version control system, or `mod`.
    vcs: &'a str,
    repo: &'a str,
    /// The repository's web page; none for a repository that is not on the web.
    home: Option<Cow<'a, str>>,
}

/// Text that is escaped only if needed: escaping takes almost half of the time of a list.
struct Text<'a>(&'a str);

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.contains(['<', '>', '&', '"', '\'']) {
            let escaped = filters::escape(self.0, filters::Html);
            escaped.map_err(|_| fmt::Error)?.fmt(f)
        } else {
            f.write_str(self.0)
        }
    }
}

impl filters::HtmlSafe for Text<'_> {}

impl Site {
    /// Answers a browser's request for a list, or returns none if there is none at this path.
    pub(super) fn list<'s>(
        &'s self,
        host: &'s VirtualHost,
        path: &str,
        query: Option<&str>,
    ) -> Option<Answer<'s>> {
        let folder = match &self.config.index {
            Index::None => return None,
            Index::Redirect(url) if path.is_empty() => {
                return Some(Answer::Redirect(url.as_str().into()));
            }
            Index::At(_) if path.is_empty() => return None,
            Index::At(list) if list.as_str() == path => "",
            _ => path,
        };
        let below = host.listed_below(folder);
        if below.is_empty() {
            return None;
        }
        let address = if path.is_empty() { "/" } else { path };
        let page = ListQuery::parse(query)
            .and_then(|query| host.list_page(address, folder, below, &query, self.for_files));
        Some(match page {
            Some(page) => Answer::List(page),
            None => Answer::NotFoundPage(host.not_found_page(path, None, Vec::new())),
        })
    }
}

impl VirtualHost {
    /// Renders a page of the list of a folder, at `address`, or returns none if the list is
    /// shorter. `below` are the modules below the folder. A page `for_files` has links to files,
    /// and no search.
    fn list_page(
        &self,
        address: &str,
        folder: &str,
        below: &[u32],
        query: &ListQuery,
        for_files: bool,
    ) -> Option<Page> {
        let found = self.search(below, query);
        let pages = found.len().div_ceil(PER_PAGE).max(1);
        if query.page >= pages {
            return None;
        }
        let on_page = found.chunks(PER_PAGE).nth(query.page).unwrap_or_default();
        let prefix = format!("{}{folder}", self.name);
        let mut title = &*prefix;
        let mut description = None;
        if folder.is_empty() {
            title = self.config.title.as_deref().unwrap_or(title);
            description = self.config.description.as_deref();
        }
        let address_of = |page| {
            if for_files && page > 0 {
                format!("{}/{}", address.trim_end_matches('/'), page_file(page + 1))
            } else {
                query.address(address, page)
            }
        };
        let mut canonical = None;
        if query.text.is_empty() {
            canonical = Some(format!("https://{}{}", self.name, address_of(query.page)));
        }
        Some(Page::new(&ListPage {
            crumbs: self.crumbs(address.trim_end_matches('/')),
            title,
            description,
            address,
            canonical,
            query: (!for_files).then_some(&query.text),
            summary: summary(below.len(), found.len(), pages, query),
            page: query.page + 1,
            entries: on_page.iter().map(|&i| self.entry(folder, i)).collect(),
            previous: query.page.checked_sub(1).map(address_of),
            next: (query.page + 1 < pages).then(|| address_of(query.page + 1)),
        }))
    }

    /// Returns those of the modules that have all words of a query in their path or description.
    fn search<'b>(&self, below: &'b [u32], query: &ListQuery) -> Cow<'b, [u32]> {
        if query.text.is_empty() {
            return below.into();
        }
        let query = query.text.to_lowercase();
        let mut words = Vec::new();
        for word in query.split_whitespace() {
            // Paths do not include the host.
            words.push(word.strip_prefix(self.name.as_str()).unwrap_or(word));
        }
        let mut found = Vec::new();
        for &index in below {
            let module = &self.modules[index as usize];
            let star = if module.key.pattern { "/*" } else { "" };
            let description = module.description.as_deref().unwrap_or_default();
            let text = format!("{}{star} {description}", module.key.path.as_str()).to_lowercase();
            if words.iter().all(|word| text.contains(word)) {
                found.push(index);
            }
        }
        found.into()
    }

    fn entry(&self, folder: &str, index: u32) -> Entry<'_> {
        let module = &self.modules[index as usize];
        let path = module.key.path.as_str();
        let name = &path[folder.len()..];
        let is_web = module.repo.is_http() && module.vcs != Vcs::Mod;
        Entry {
            name: name.strip_prefix('/').unwrap_or(name),
            href: (!module.key.pattern).then_some(path),
            description: module.description.as_deref(),
            vcs: module.vcs.as_str(),
            repo: module.repo.as_str(),
            home: is_web.then(|| module.repo.web_page()),
        }
    }
}

impl Entry<'_> {
    /// Returns the shortest text that tells the repository.
    fn shown_repo(&self) -> &str {
        let Some(home) = &self.home else {
            return self.repo;
        };
        let without_scheme = home.split_once("://");
        without_scheme.map_or(home, |(_, rest)| rest)
    }
}

/// Returns the name of the file of a list's page after the first.
pub(crate) fn page_file(number: usize) -> String {
    format!("page{number}.html")
}

/// Returns a line about how many modules there are, how many of them a search found, and which page
/// this is.
fn summary(all: usize, found: usize, pages: usize, query: &ListQuery) -> String {
    let noun = if all == 1 { "module" } else { "modules" };
    let all = format!("{} {noun}", grouped(all));
    let mut text = if query.text.is_empty() {
        all
    } else {
        match found {
            0 => format!("None of {all} matches"),
            1 => format!("1 of {all} matches"),
            _ => format!("{} of {all} match", grouped(found)),
        }
    };
    if pages > 1 {
        let page = grouped(query.page + 1);
        text.push_str(&format!(", page {page} of {}", grouped(pages)));
    }
    text
}

/// Writes a number with a comma after each three digits from the right.
pub(super) fn grouped(number: usize) -> String {
    if number < 1000 {
        number.to_string()
    } else {
        format!("{},{:03}", grouped(number / 1000), number % 1000)
    }
}
