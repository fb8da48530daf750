//! `govanityurls check`: validates configurations.

use std::collections::HashSet;

use serde::Serialize;

use super::{Failure, print};
use crate::cli::{Check, CheckFormat, Common};
use crate::config::{self, Config, ConfigError, Module};
use crate::module::{Forge, Vcs};
use crate::terminal::{LABEL, print_styled};
use crate::text::{counted, counted_by_host, escaped, quoted};

/// The modules that a note applies to, and its text.
type Note = (fn(&Module) -> bool, &'static str);

/// The schemes that the go command considers secure.
const SECURE: [&str; 4] = ["https", "ssh", "git+ssh", "svn+ssh"];

/// What is valid but does not work for everybody.
const NOTES: [Note; 8] = [
    (
        |module| !SECURE.contains(&module.repo.scheme()),
        "a repository URL that is not encrypted: Go 1.28 refuses it unless GOINSECURE matches; \
         write `https://` if the host has it",
    ),
    (
        |module| module.repo.scheme().contains("ssh") && !module.hidden,
        "a repository over ssh: every user needs a key for it, and the public mirror has none; \
         write `https://`, or `hidden: true` if it is private",
    ),
    (
        |module| module.subdir.is_some() && module.proxy.is_none() && module.vcs != Vcs::Mod,
        "`subdir`: Go before 1.25 ignores it and finds no module; \
         for older go commands add a `proxy`, or give the module its own repository",
    ),
    (
        |module| module.subdir.is_some() && module.vcs == Vcs::Mod,
        "`vcs: mod` and `subdir`: the proxy knows the module by its path; the go command \
         ignores the directory",
    ),
    (
        |module| module.vcs == Vcs::Bzr,
        "`vcs: bzr`: Go 1.27 has dropped Bazaar, and older go commands fetch it only where \
         GOVCS allows; move the repository to git",
    ),
    (
        |module| matches!(module.vcs, Vcs::Svn | Vcs::Fossil),
        "`vcs: svn` or `fossil`: the go command fetches these only where GOVCS allows, \
         by default for private modules (GOPRIVATE)",
    ),
    (
        |module| {
            module
                .key
                .path
                .as_str()
                .split('/')
                .any(|element| element == "internal")
        },
        "an element `internal`: Go lets only packages below its parent import it",
    ),
    (
        links_to_one_branch,
        "a `forge` or `branch` that pkg.go.dev does not know on that host: its links lead to \
         that branch, whatever the version",
    ),
];

/// Returns whether pkg.go.dev cannot link to the version at hand, by the rules of its
/// `internal/source`: it goes by the host, or else by the shape of the templates with a branch of
/// letters, digits and `_`.
fn links_to_one_branch(module: &Module) -> bool {
    let Some(forge) = module.forge.filter(|_| module.display.is_none()) else {
        return false;
    };
    if Forge::infer(module.repo.host()) == Some(forge) {
        return false;
    }
    let is_word = |branch: &str| {
        branch
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'_')
    };
    match forge {
        Forge::Github | Forge::Bitbucket | Forge::Sourcehut | Forge::Gitiles => true,
        Forge::Gitlab | Forge::Gitea | Forge::Forgejo | Forge::Gogs => module
            .branch
            .as_deref()
            .is_some_and(|branch| !is_word(branch)),
        Forge::Cgit => false,
    }
}

/// Reads the files as serving would, and prints a summary of each or all of its errors.
pub fn run(common: &Common, flags: &Check) -> Result<(), Failure> {
    if common.repo.is_some() {
        if !flags.files.is_empty() {
            return Err(Failure::usage(
                "-repo takes the place of a file: leave out one",
            ));
        }
        let config = super::read_config(common)?;
        let summary = accepted(&super::source(common), &config);
        return Ok(print_styled(&summary)?);
    }
    let files = match flags.files.as_slice() {
        [] => &[common.file().to_owned()],
        files => files,
    };
    let mut all_errors = Vec::new();
    let mut is_valid = true;
    for file in files {
        let checked = Config::check(file, common.host.as_ref());
        is_valid &= checked.is_ok();
        match (checked, flags.format) {
            (Ok(config), CheckFormat::Text) => {
                let name = config::name(file);
                let mut summary = accepted(&name, &config);
                // The user who checks the file may well own it; the server's user is not known.
                if let Some(note) = super::permission_note(file, None) {
                    summary.push_str(&line(&name, &format!("note: {note}")));
                }
                print_styled(&summary)?;
            }
            (Ok(_), CheckFormat::Json) => {}
            (Err(errors), CheckFormat::Text) => all_errors.push(listed(&errors)),
            // With JSON output, nothing goes to standard error.
            (Err(errors), CheckFormat::Json) => {
                print(&errors.iter().map(json_line).collect::<String>())?;
            }
        }
    }
    if is_valid {
        return Ok(());
    }
    Err(match flags.format {
        CheckFormat::Text => Failure::Check(all_errors.join("\n")),
        CheckFormat::Json => Failure::Reported,
    })
}

/// Returns a summary of a valid file, and notes about it.
fn accepted(file: &str, config: &Config) -> String {
    let modules = match &config.host {
        Some(host) => {
            let mut counts = vec![(host, 0)];
            for (name, modules) in config.by_host() {
                match name {
                    Some(name) if name != host => counts.push((name, modules.len())),
                    _ => counts[0].1 = modules.len(),
                }
            }
            counted_by_host(&counts)
        }
        None => format!(
            "{}, no host: serving needs -host",
            counted(config.modules.len())
        ),
    };
    let mut text = line(file, &format!("ok, {modules}"));
    for note in notes(config) {
        text += &line(file, &format!("note: {note}"));
    }
    text
}

/// Returns what is valid but does not work for everybody, or is of no use.
pub(super) fn notes(config: &Config) -> Vec<String> {
    let mut notes = Vec::new();
    for (applies, note) in NOTES {
        let modules = config.modules.iter().filter(|module| applies(module));
        let count = modules.count();
        if count > 0 {
            notes.push(format!("{} with {note}", counted(count)));
        }
    }
    let served: Vec<_> = served_by_others(config).collect();
    if let Some(first) = served.first() {
        notes.push(format!(
            "{} below another with the same repository, which serves it too, such as {}: remove \
             the lower entry, or write its directory as `subdir` if the upper one has another module",
            counted(served.len()),
            quoted(&first.key.to_string())
        ));
    }
    notes
}

/// Returns the modules whose repository another entry already serves: one at a path above, without
/// a directory of its own.
fn served_by_others(config: &Config) -> impl Iterator<Item = &Module> {
    let mut roots = HashSet::new();
    for module in config.modules.iter().filter(|module| is_whole(module)) {
        let Module { key, vcs, .. } = module;
        roots.insert((
            key.host.as_ref(),
            key.path.as_str(),
            *vcs,
            repository(module),
        ));
    }
    config.modules.iter().filter(move |module| {
        let path = module.key.path.as_str();
        let mut ends = path.match_indices('/').map(|(end, _)| end);
        is_whole(module)
            && ends.any(|end| {
                let host = module.key.host.as_ref();
                roots.contains(&(host, &path[..end], module.vcs, repository(module)))
            })
    })
}

/// Returns whether a module is all of its repository, as far as the file tells.
fn is_whole(module: &Module) -> bool {
    module.subdir.is_none() && module.vcs != Vcs::Mod && !module.key.pattern
}

fn repository(module: &Module) -> &str {
    let url = module.repo.as_str().trim_end_matches('/');
    url.strip_suffix(".git").unwrap_or(url)
}

fn line(file: &str, text: &str) -> String {
    format!("{LABEL}{file}:{LABEL:#} {text}\n")
}

/// Formats errors for people, with their number at the end.
fn listed(errors: &[ConfigError]) -> String {
    let mut text: Vec<_> = errors.iter().map(|error| format!("{error:#}")).collect();
    if let [first, _, ..] = errors {
        let at_least = if errors.len() == config::MAX_ERRORS {
            "at least "
        } else {
            ""
        };
        let file = escaped(first.file());
        text.push(format!("{at_least}{} errors in {file}", errors.len()));
    }
    text.join("\n")
}

#[derive(Serialize)]
struct JsonError<'a> {
    file: &'a str,
    line: Option<usize>,
    column: Option<usize>,
    message: &'a str,
    hint: Option<&'a str>,
}

/// Formats an error for editors and CI.
fn json_line(error: &ConfigError) -> String {
    let object = JsonError {
        file: error.file(),
        line: error.line(),
        column: error.column(),
        message: error.message(),
        hint: error.hint(),
    };
    serde_json::to_string(&object).unwrap_or_default() + "\n"
}
