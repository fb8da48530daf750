//! Answers to requests for paths that do not exist.

use askama::Template;
use bytes::Bytes;

use super::page::{Crumb, render};
use super::{Answer, VirtualHost, suggest};

/// How many modules the page suggests.
const MOST_SUGGESTED: usize = 3;

/// The page for an address without a module or a list.
#[derive(Template)]
#[template(path = "not_found.html")]
struct NotFoundPage<'a> {
    /// The folders above it that have lists.
    crumbs: Vec<Crumb<'a>>,
    host: &'a str,
    /// The path, if it could be an import path.
    path: Option<&'a str>,
    /// The paths that may have been meant.
    near: Vec<&'a str>,
    /// The list of all modules.
    list: Option<&'a str>,
}

impl VirtualHost {
    /// Returns the not-found answer. `path` is none if it cannot be an import path; it is then not
    /// repeated in the answer.
    pub(super) fn not_found(&self, path: Option<&str>, go_get: bool) -> Answer<'_> {
        let path = path.filter(|path| path.len() <= suggest::LONGEST);
        if !go_get {
            let near = path.map(|path| self.near(path, MOST_SUGGESTED));
            let page =
                self.not_found_page(path.unwrap_or_default(), path, near.unwrap_or_default());
            return Answer::NotFoundPage(page);
        }
        let name = &self.name;
        let Some(path) = path else {
            let text = format!("no module of {name} has such a path\n");
            return Answer::NotFoundText {
                text: text.into(),
                folder: false,
            };
        };
        let below = self.folders.below(path);
        let mut text = format!("no module at {name}{path}");
        if below.is_some_and(|below| !below.is_empty()) {
            text.push_str(", only below it");
        } else if let Some(near) = self.near(path, 1).first() {
            text.push_str(&format!("; did you mean {name}{near}?"));
        }
        text.push('\n');
        Answer::NotFoundText {
            text: text.into(),
            folder: path.is_empty() || below.is_some(),
        }
    }

    /// Renders the page for an address without a module or a list, below `folder`. `path` is none
    /// if it cannot be an import path; it is then not repeated.
    pub(super) fn not_found_page(
        &self,
        folder: &str,
        path: Option<&str>,
        near: Vec<&str>,
    ) -> Bytes {
        let page = NotFoundPage {
            crumbs: self.crumbs(folder),
            host: self.name.as_str(),
            path,
            near,
            list: self.list_address(),
        };
        render(&page).into()
    }
}
