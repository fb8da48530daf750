//! Version control systems, by their names in go-import.

use std::fmt;

use super::{Forge, Problem, Url};
use crate::text::{nearest, quoted};

/// The second field of go-import: how the go command fetches the repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Vcs {
    /// Git.
    Git,
    /// Mercurial.
    Hg,
    /// Subversion. By default (see GOVCS), the go command fetches it for private paths only.
    Svn,
    /// Bazaar. Go 1.27 no longer fetches it; older releases do.
    Bzr,
    /// Fossil.
    Fossil,
    /// No version control: the repository URL is that of a module proxy.
    Mod,
}

impl Vcs {
    /// Every system in the order of the enum, with its name in go-import.
    pub const ALL: [(&'static str, Self); 6] = [
        ("git", Self::Git),
        ("hg", Self::Hg),
        ("svn", Self::Svn),
        ("bzr", Self::Bzr),
        ("fossil", Self::Fossil),
        ("mod", Self::Mod),
    ];

    /// Parses a name as go-import spells it.
    ///
    /// # Errors
    ///
    /// Rejects any other name, as the go command does ("unknown vcs").
    pub fn parse(text: &str) -> Result<Self, Problem> {
        if let Some((_, vcs)) = Self::ALL.iter().find(|(name, _)| *name == text) {
            return Ok(*vcs);
        }
        let names = Self::ALL.map(|(name, _)| name);
        let lower = text.to_ascii_lowercase();
        let lower = match lower.as_str() {
            "mercurial" => "hg",
            "subversion" => "svn",
            "bazaar" => "bzr",
            "proxy" | "goproxy" => "mod",
            lower => lower,
        };
        let hint = match nearest(lower, names) {
            _ if Forge::NAMES.contains(&lower) => {
                "that is a forge, which `forge` names; `vcs` is `git`, `hg` and so on".to_owned()
            }
            Some(name) => format!("did you mean `{name}`?"),
            None => format!("the go command knows {}", names.join(", ")),
        };
        Err(Problem::new(format!("unknown vcs {}", quoted(text)), hint))
    }

    /// Returns the schemes that the go command fetches from with this system: those of its `vcsGit`
    /// and so on (cmd/go/internal/vcs), and for `mod` those of `newProxyRepo`
    /// (cmd/go/internal/modfetch). Bazaar's are those of Go 1.26.
    pub fn schemes(self) -> &'static [&'static str] {
        match self {
            Self::Git => &["https", "http", "ssh", "git", "git+ssh"],
            Self::Hg => &["https", "http", "ssh"],
            Self::Svn => &["https", "http", "svn", "svn+ssh"],
            Self::Bzr => &["https", "http", "bzr", "bzr+ssh"],
            Self::Fossil | Self::Mod => &["https", "http"],
        }
    }

    /// Infers the system from a repository's URL: by its suffix, its scheme, or a host that is
    /// known for one system. The default is Git.
    pub fn infer(repo: &Url) -> Self {
        const HOSTS: [(&str, Vcs); 5] = [
            ("hg.sr.ht", Vcs::Hg),
            ("hg.mozilla.org", Vcs::Hg),
            ("svn.apache.org", Vcs::Svn),
            ("svn.code.sf.net", Vcs::Svn),
            ("chiselapp.com", Vcs::Fossil),
        ];
        let url = repo.as_str().trim_end_matches('/');
        let suffix = url.rsplit('.').next().unwrap_or_default();
        let is_its = |(name, vcs): &&(&str, Self)| *name == suffix && *vcs != Self::Mod;
        if let Some((_, vcs)) = Self::ALL.iter().find(is_its) {
            return *vcs;
        }
        match repo.scheme() {
            "svn" | "svn+ssh" => return Self::Svn,
            "bzr" | "bzr+ssh" => return Self::Bzr,
            _ => {}
        }
        let is_on = |(host, _): &&(&str, Self)| host.eq_ignore_ascii_case(repo.host());
        HOSTS.iter().find(is_on).map_or(Self::Git, |(_, vcs)| *vcs)
    }

    /// Returns the name in go-import.
    pub fn as_str(self) -> &'static str {
        Self::ALL[self as usize].0
    }
}

impl fmt::Display for Vcs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_parses_back() {
        for (name, vcs) in Vcs::ALL {
            assert_eq!(Vcs::parse(name), Ok(vcs));
            assert_eq!(vcs.as_str(), name);
        }
        assert!(Vcs::parse("Git").is_err());
    }

    #[test]
    fn vcs_is_inferred_from_the_url() {
        for (url, vcs) in [
            ("https://github.com/a/b", Vcs::Git),
            ("https://example.com/a.hg", Vcs::Hg),
            ("https://example.com/a.svn/", Vcs::Svn),
            ("https://example.com/a.fossil", Vcs::Fossil),
            ("svn://example.com/a", Vcs::Svn),
            ("svn+ssh://example.com/a", Vcs::Svn),
            ("bzr://example.com/a", Vcs::Bzr),
            ("https://HG.sr.ht/~a/b", Vcs::Hg),
            ("https://hg.sr.ht/~a/b.git", Vcs::Git),
            ("ssh://git@example.com/a/b", Vcs::Git),
        ] {
            assert_eq!(Vcs::infer(&Url::repository(url).unwrap()), vcs, "{url}");
        }
    }
}
