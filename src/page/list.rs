//! The list of the modules below a folder.

use std::borrow::Cow;

use askama::Template;

use super::Crumb;

/// The longest query that a list searches for, in characters.
pub const LONGEST_QUERY: usize = 100;

/// One module of a list, or a pattern.
pub struct Entry<'a> {
    /// Its path without that of the list; for a pattern without the `*`.
    pub name: &'a str,
    /// Its page; none for a pattern.
    pub href: Option<&'a str>,
    /// One line about it.
    pub description: Option<&'a str>,
    /// The repository URL.
    pub repo: &'a str,
    /// The repository's web page; none for a repository that is not on the web.
    pub home: Option<Cow<'a, str>>,
}

impl Entry<'_> {
    /// Returns the shortest text that tells the repository.
    fn shown_repo(&self) -> &str {
        let home = self.home.as_ref().map(|home| home.split_once("://"));
        home.flatten().map_or(self.repo, |(_, rest)| rest)
    }

    /// Returns where the repositories of a pattern are.
    fn place(&self) -> &str {
        let repo = self.shown_repo();
        let before = &repo[..repo.find('*').unwrap_or(repo.len())];
        before.rsplit_once('/').map_or(before, |(place, _)| place)
    }
}

/// One page of the list of the modules below a folder, or of those that a search found.
#[derive(Template)]
#[template(path = "list.html")]
pub struct ListPage<'a> {
    /// The folders from the top to this one that have lists.
    pub crumbs: &'a [Crumb<'a>],
    /// The heading.
    pub title: &'a str,
    /// A line under it.
    pub description: Option<&'a str>,
    /// The path of the list.
    pub address: &'a str,
    /// The address that search engines are to show; none for a search.
    pub canonical: Option<&'a str>,
    /// What was searched for; empty if nothing was.
    pub query: &'a str,
    /// How many modules there are, and which page this is.
    pub summary: &'a str,
    /// The number of the page, from 1.
    pub page: usize,
    /// The modules on it.
    pub entries: &'a [Entry<'a>],
    /// The address of the page before.
    pub previous: Option<&'a str>,
    /// The address of the page after.
    pub next: Option<&'a str>,
}
