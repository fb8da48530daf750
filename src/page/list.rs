//! The list of the modules below a folder.

use std::borrow::Cow;
use std::fmt;

use askama::{Template, filters};

use super::Crumb;

/// The longest query that a list searches for, in characters.
pub const LONGEST_QUERY: usize = 100;

/// One module of a list, or a pattern.
pub struct Entry<'a> {
    /// Its path without that of the list; for a pattern without the `*`.
    pub name: &'a str,
    /// Its page; none for a pattern.
    pub href: Option<&'a str>,
    pub description: Option<&'a str>,
    /// The name of the version control system, or `mod`.
    pub vcs: &'a str,
    pub repo: &'a str,
    /// The repository's web page; none for a repository that is not on the web.
    pub home: Option<Cow<'a, str>>,
}

impl Entry<'_> {
    /// Returns the shortest text that tells the repository.
    fn shown_repo(&self) -> &str {
        let home = self.home.as_deref().unwrap_or(self.repo);
        let without = |scheme| home.strip_prefix(scheme);
        let without = without("https://").or_else(|| without("http://"));
        without.filter(|_| self.home.is_some()).unwrap_or(home)
    }
}

/// Text that is escaped only if needed: escaping takes almost half of the time of a list.
struct Text<'a>(&'a str);

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_special = |b| matches!(b, b'<' | b'>' | b'&' | b'"' | b'\'');
        if self.0.bytes().any(is_special) {
            let escaped = filters::escape(self.0, filters::Html);
            escaped.map_err(|_| fmt::Error)?.fmt(f)
        } else {
            f.write_str(self.0)
        }
    }
}

impl filters::HtmlSafe for Text<'_> {}

/// One page of the list of the modules below a folder, or of those that a search found.
#[derive(Template)]
#[template(path = "list.html")]
pub struct ListPage<'a> {
    /// The folders from the top to this one that have lists.
    pub crumbs: &'a [Crumb<'a>],
    pub title: &'a str,
    pub description: Option<&'a str>,
    pub address: &'a str,
    /// The address that search engines are to show; none for a search.
    pub canonical: Option<&'a str>,
    /// What was searched for, empty if nothing was; none for a page without a search.
    pub query: Option<&'a str>,
    /// How many modules there are, and which page this is.
    pub summary: &'a str,
    /// The number of the page, from 1.
    pub page: usize,
    pub entries: &'a [Entry<'a>],
    pub previous: Option<&'a str>,
    pub next: Option<&'a str>,
}
