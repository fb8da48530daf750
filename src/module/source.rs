//! Forges, and their go-source templates for directories and for lines of files.
//!
//! The templates have the forms that pkg.go.dev recognises (golang.org/x/pkgsite, internal/source);
//! it derives versioned links from them. It adds the module's subdirectory itself, so no template
//! includes it.

use super::{Problem, Url, Vcs};
use crate::text::{nearest, quoted};

/// The software that hosts a repository's web pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Forge {
    /// GitHub, and Gitee, which has the same URL scheme.
    Github,
    /// GitLab.
    Gitlab,
    /// Gitea.
    Gitea,
    /// Forgejo, such as Codeberg.
    Forgejo,
    /// Gogs.
    Gogs,
    /// Bitbucket Cloud.
    Bitbucket,
    /// SourceHut.
    Sourcehut,
    /// Gitiles, as on googlesource.com.
    Gitiles,
    /// cgit.
    Cgit,
}

/// How to recognise a forge, and its URL scheme.
struct Row {
    forge: Forge,
    name: &'static str,
    /// Hosts that run it: a full name, `name.*` for a prefix, or `*.name` for a suffix.
    hosts: &'static [&'static str],
    directory: &'static str,
    file: &'static str,
    /// Its alias for the default branch, or the most common branch name if it has no alias.
    reference: &'static str,
}

const ROWS: [Row; 9] = [
    Row {
        forge: Forge::Github,
        name: "github",
        hosts: &["github.com", "github.*", "gitee.com"],
        directory: "{repo}/tree/{ref}{/dir}",
        file: "{repo}/blob/{ref}{/dir}/{file}#L{line}",
        reference: "HEAD",
    },
    Row {
        forge: Forge::Gitlab,
        name: "gitlab",
        hosts: &["gitlab.com", "gitlab.*"],
        directory: "{repo}/-/tree/{ref}{/dir}",
        file: "{repo}/-/blob/{ref}{/dir}/{file}#L{line}",
        reference: "HEAD",
    },
    Row {
        forge: Forge::Gitea,
        name: "gitea",
        hosts: &["gitea.com", "gitea.*"],
        directory: "{repo}/src/branch/{ref}{/dir}",
        file: "{repo}/src/branch/{ref}{/dir}/{file}#L{line}",
        reference: "main",
    },
    Row {
        forge: Forge::Forgejo,
        name: "forgejo",
        hosts: &["codeberg.org", "forgejo.*"],
        directory: "{repo}/src/branch/{ref}{/dir}",
        file: "{repo}/src/branch/{ref}{/dir}/{file}#L{line}",
        reference: "main",
    },
    Row {
        forge: Forge::Gogs,
        name: "gogs",
        hosts: &["gogs.*"],
        directory: "{repo}/src/{ref}{/dir}",
        file: "{repo}/src/{ref}{/dir}/{file}#L{line}",
        reference: "master",
    },
    Row {
        forge: Forge::Bitbucket,
        name: "bitbucket",
        hosts: &["bitbucket.org"],
        directory: "{repo}/src/{ref}{/dir}",
        file: "{repo}/src/{ref}{/dir}/{file}#lines-{line}",
        reference: "HEAD",
    },
    Row {
        forge: Forge::Sourcehut,
        name: "sourcehut",
        hosts: &["git.sr.ht"],
        directory: "{repo}/tree/{ref}{/dir}",
        file: "{repo}/tree/{ref}{/dir}/{file}#L{line}",
        reference: "HEAD",
    },
    Row {
        forge: Forge::Gitiles,
        name: "gitiles",
        hosts: &["*.googlesource.com"],
        directory: "{repo}/+/{ref}{/dir}",
        file: "{repo}/+/{ref}{/dir}/{file}#{line}",
        reference: "HEAD",
    },
    Row {
        forge: Forge::Cgit,
        name: "cgit",
        hosts: &[],
        directory: "{repo}/tree{/dir}",
        file: "{repo}/tree{/dir}/{file}#n{line}",
        reference: "",
    },
];

impl Forge {
    /// The forges' names, as the file spells them.
    pub const NAMES: [&'static str; ROWS.len()] = [
        "github",
        "gitlab",
        "gitea",
        "forgejo",
        "gogs",
        "bitbucket",
        "sourcehut",
        "gitiles",
        "cgit",
    ];

    /// Parses a forge's name.
    ///
    /// # Errors
    ///
    /// Rejects a name that is not in the table.
    pub fn parse(text: &str) -> Result<Self, Problem> {
        if let Some(row) = ROWS.iter().find(|row| row.name == text) {
            return Ok(row.forge);
        }
        let lower = text.to_ascii_lowercase();
        let hint = match nearest(&lower, Self::NAMES) {
            _ if Vcs::ALL.iter().any(|(name, _)| *name == lower) => {
                "that is a version control system, which `vcs` names".to_owned()
            }
            Some(name) => format!("did you mean `{name}`?"),
            None => format!(
                "known are {}; for any other write `display`",
                Self::NAMES.join(", ")
            ),
        };
        Err(Problem::new(
            format!("unknown forge {}", quoted(text)),
            hint,
        ))
    }

    /// Returns the forge that a host is known to run.
    pub fn infer(host: &str) -> Option<Self> {
        let host = host.to_ascii_lowercase();
        let runs = |pattern: &str| match (pattern.strip_suffix('*'), pattern.strip_prefix('*')) {
            (Some(start), _) => host.starts_with(start),
            (_, Some(end)) => host.ends_with(end) && host.len() > end.len(),
            _ => host == pattern,
        };
        ROWS.iter()
            .find(|row| row.hosts.iter().any(|pattern| runs(pattern)))
            .map(|row| row.forge)
    }

    /// Returns whether the forge's URLs name a branch.
    pub fn has_branches(self) -> bool {
        !self.row().reference.is_empty()
    }

    fn row(self) -> &'static Row {
        &ROWS[self as usize]
    }
}

/// Returns the last three fields of go-source: the repository's page, and the templates of a
/// directory and of a line in a file. `branch` replaces the forge's alias.
pub fn go_source(repo: &Url, forge: Forge, branch: Option<&str>) -> String {
    let row = forge.row();
    // cgit keeps `.git` in its URLs unless `remove-suffix` is on.
    let home = match forge {
        Forge::Cgit => repo.web_page_with_suffix(),
        _ => repo.web_page(),
    };
    let fill = |template: &str| {
        template
            .replace("{ref}", branch.unwrap_or(row.reference))
            .replace("{repo}", &home)
    };
    format!("{home} {} {}", fill(row.directory), fill(row.file))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn table_matches_the_order_of_the_enum() {
        assert_eq!(ROWS.map(|row| row.name), Forge::NAMES);
        for row in &ROWS {
            assert_eq!(row.forge.row().name, row.name);
            assert_eq!(Forge::parse(row.name), Ok(row.forge));
        }
    }

    #[test]
    fn forge_is_inferred_from_the_host() {
        for (host, forge) in [
            ("github.com", Some(Forge::Github)),
            ("GitHub.com", Some(Forge::Github)),
            ("github.example.com", Some(Forge::Github)),
            ("gitee.com", Some(Forge::Github)),
            ("gitlab.example.com", Some(Forge::Gitlab)),
            ("gitea.example.com", Some(Forge::Gitea)),
            ("codeberg.org", Some(Forge::Forgejo)),
            ("forgejo.example.com", Some(Forge::Forgejo)),
            ("gogs.example.com", Some(Forge::Gogs)),
            ("bitbucket.org", Some(Forge::Bitbucket)),
            ("git.sr.ht", Some(Forge::Sourcehut)),
            ("go.googlesource.com", Some(Forge::Gitiles)),
            (".googlesource.com", None),
            ("hg.sr.ht", None),
            ("git.example.com", None),
            ("notgithub.com", None),
        ] {
            assert_eq!(Forge::infer(host), forge, "{host}");
        }
    }

    #[test]
    fn templates_are_filled_in() {
        let repo = Url::repository("https://git.example.com/a/b.git").unwrap();
        assert_eq!(
            go_source(&repo, Forge::Forgejo, Some("trunk")),
            "https://git.example.com/a/b \
             https://git.example.com/a/b/src/branch/trunk{/dir} \
             https://git.example.com/a/b/src/branch/trunk{/dir}/{file}#L{line}"
        );
        assert_eq!(
            go_source(&repo, Forge::Cgit, None),
            "https://git.example.com/a/b.git https://git.example.com/a/b.git/tree{/dir} \
             https://git.example.com/a/b.git/tree{/dir}/{file}#n{line}"
        );
    }
}
