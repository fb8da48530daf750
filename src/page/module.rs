//! The page of a module.

use askama::Template;

use super::{Crumb, DIRECTORY, ELEMENT, SUBPATH};

/// The page of a module, or the one for its subpaths.
#[derive(Template)]
#[template(path = "module.html")]
pub struct ModulePage<'a> {
    /// The folders above it that have lists.
    pub crumbs: &'a [Crumb<'a>],
    /// The import path of the module's root.
    pub prefix: &'a str,
    /// The name of the version control system, or `mod`.
    pub vcs: &'a str,
    pub repo: &'a str,
    /// The module's directory in the repository.
    pub subdir: Option<&'a str>,
    /// A module proxy that also has the module.
    pub proxy: Option<&'a str>,
    /// The last three fields of go-source.
    pub source: Option<&'a str>,
    /// The documentation of the module's root.
    pub docs: Option<&'a str>,
    pub docs_host: &'a str,
    /// Whether a subpath's documentation is at `docs` with the subpath appended.
    pub docs_by_path: bool,
    /// Whether browsers are redirected to the documentation.
    pub redirect: bool,
    /// Whether pkg.go.dev has the documentation, and a badge for it.
    pub has_badge: bool,
    /// The repository's web page; none for a repository that is not on the web.
    pub home: Option<&'a str>,
    pub description: Option<&'a str>,
    /// Whether search engines are to leave it out, as the lists do.
    pub hidden: bool,
    /// Whether these are the values of a pattern, with a `*` where the element goes.
    pub pattern: bool,
    /// Whether this is the page for subpaths.
    pub below: bool,
    /// Whether the path is that of a command, below a folder `cmd`.
    pub command: bool,
}

impl ModulePage<'_> {
    /// Returns a value with the slot for the element in place of its `*`.
    fn filled(&self, value: &str) -> String {
        let element = if self.pattern { ELEMENT } else { b'*' };
        value.replace('*', char::from(element).encode_utf8(&mut [0]))
    }

    /// Returns a value with the subpath appended.
    fn followed(&self, value: &str) -> String {
        let mut value = self.filled(value);
        if self.below {
            value.push(SUBPATH.into());
        }
        value
    }

    fn documentation(&self) -> Option<String> {
        let append = if self.docs_by_path {
            Self::followed
        } else {
            Self::filled
        };
        self.docs.map(|docs| append(self, docs))
    }

    /// Returns the path of the module's root on this host.
    fn root(&self) -> String {
        let path = self.prefix.find('/').map_or("/", |at| &self.prefix[at..]);
        self.filled(path)
    }

    /// Returns the directory on the forge and the forge's host, if they say more than the link to
    /// the repository.
    fn directory(&self) -> Option<(String, String)> {
        let template = self.source?.split(' ').nth(1)?;
        let host = template.split('/').nth(2)?;
        let is_web = template.starts_with("https://") || template.starts_with("http://");
        if !is_web || !(self.below || self.subdir.is_some() || self.home.is_none()) {
            return None;
        }
        let mut directory = self
            .subdir
            .map(|subdir| format!("/{subdir}"))
            .unwrap_or_default();
        if self.below {
            directory.push(DIRECTORY.into());
        }
        let url = self.filled(template).replace("/{dir}", "{/dir}");
        let url = url
            .replace("{/dir}", &directory)
            .replace("{dir}", &directory);
        Some((url, host.to_owned()))
    }
}
