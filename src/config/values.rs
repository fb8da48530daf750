//! The values of settings and module keys, with one parser each.

use super::model::{Index, ModuleDocs};
use crate::module::{ModulePath, Problem, Url};
use crate::text::{is_digits, is_invisible, masked, quoted, quoted_char};

/// Rejects a value; a line break separates the reason from the hint.
fn invalid<T>(text: &str, what: &str, why: &str) -> Result<T, Problem> {
    let (why, hint) = why.split_once('\n').unwrap_or((why, ""));
    Err(Problem::new(why, hint).about(text, what))
}

pub(super) fn seconds(text: &str) -> Result<u32, Problem> {
    text.parse().or_else(|_| {
        let why = match text.strip_prefix('-') {
            Some(rest) if is_digits(rest) => "it is negative\n0 keeps pages out of caches",
            None if is_digits(text) => "it is too large\na year, 31536000, is long enough",
            _ => "it is not a whole number\nwrite one, such as 86400 for a day",
        };
        invalid(text, "number of seconds", why)
    })
}

/// Parses the URL of a documentation page or site; none for `none`.
fn docs(text: &str) -> Result<Option<Url>, Problem> {
    match text {
        "none" => Ok(None),
        "false" | "no" | "off" | "False" => invalid(
            text,
            "web address",
            "it does not start with `https://`\nwrite `none` for no documentation",
        ),
        _ => Ok(Some(Url::web(text)?)),
    }
}

pub(super) fn docs_site(text: &str) -> Result<Option<Url>, Problem> {
    match docs(text)? {
        Some(url) if url.as_str().contains(['?', '#']) => invalid(
            text,
            "web address",
            "it has a query or a fragment\nthe import path is appended to it, so it ends in a path",
        ),
        Some(_) => Ok(Some(Url::web(text.trim_end_matches('/'))?)),
        None => Ok(None),
    }
}

pub(super) fn module_docs(text: &str) -> Result<ModuleDocs, Problem> {
    Ok(docs(text)?.map_or(ModuleDocs::None, ModuleDocs::At))
}

pub(super) fn index(text: &str) -> Result<Index, Problem> {
    match text {
        "list" | "/" => Ok(Index::List),
        _ if text.starts_with('/') => Ok(Index::At(ModulePath::parse(text)?)),
        "none" => Ok(Index::None),
        _ if text.contains("://") => Ok(Index::Redirect(Url::web(text)?)),
        _ => invalid(
            text,
            "index",
            "it is not known\nwrite `list`, `none`, a path such as `/packages`, or a URL to redirect to",
        ),
    }
}

/// Parses a directory of the repository by `validateRepoSubDir` of the go command; it must also
/// stay inside the repository.
pub(super) fn subdir(text: &str) -> Result<Box<str>, Problem> {
    let rejected = |why: &str| invalid(text, "subdir", why);
    let dir = text.strip_suffix('/').unwrap_or(text);
    if dir.starts_with('/') {
        return rejected(&format!(
            "it starts with a slash\nit is relative to the repository: {}",
            quoted(dir.trim_start_matches('/'))
        ));
    }
    if dir.starts_with('-') {
        return rejected("Go rejects a leading dash\nrename the directory");
    }
    if dir.is_empty() {
        return rejected("it is empty\nleave it out where the module is at the root");
    }
    for element in dir.split('/') {
        if matches!(element, "" | "." | "..") {
            return rejected(
                "it has an empty, `.` or `..` element\nwrite the plain path from the repository's root",
            );
        }
        let is_bad = |c: char| c.is_whitespace() || is_unprintable(c) || "\"'<>\\".contains(c);
        if let Some(bad) = element.chars().find(|&c| is_bad(c)) {
            return rejected(&format!(
                "it has {} in it\nrename the directory",
                quoted_char(bad)
            ));
        }
    }
    Ok(dir.into())
}

fn is_unprintable(c: char) -> bool {
    c.is_control() || is_invisible(c)
}

/// Parses three fields separated by any white space, and joins them with single spaces.
pub(super) fn display(text: &str) -> Result<Box<str>, Problem> {
    if masked(text) != text {
        return Err(Problem::credentials());
    }
    let fields: Vec<_> = text.split_whitespace().collect();
    if fields.len() != 3 && !text.contains("://") && !fields.contains(&"_") {
        return invalid(
            text,
            "display",
            "it is not three web addresses\ndid you mean `description`?",
        );
    }
    if fields.len() != 3 {
        return invalid(
            text,
            "display",
            &format!(
                "it has {} of 3 fields\nwrite the repository's address, the template of a \
                 directory and that of a line: \
                 `https://h/r https://h/r/tree{{/dir}} https://h/r/blob{{/dir}}/{{file}}#L{{line}}`",
                fields.len()
            ),
        );
    }
    for field in &fields {
        let is_web = field.starts_with("https://") || field.starts_with("http://");
        if !is_web && *field != "_" {
            return invalid(
                field,
                "web address",
                "it has no scheme\neach field starts with `https://`, or is a single `_`",
            );
        }
        if let Some(bad) = field.chars().find(|&c| is_unprintable(c)) {
            return invalid(
                field,
                "web address",
                &format!("it has {} in it\nremove it", quoted_char(bad)),
            );
        }
    }
    Ok(fields.join(" ").into())
}

pub(super) fn branch(text: &str) -> Result<Box<str>, Problem> {
    // What git allows in a branch name, except what a URL would have to escape.
    let allowed = |c: char| c.is_ascii_alphanumeric() || "-._/+@".contains(c);
    let rejected = |why: &str| {
        invalid(
            text,
            "branch",
            &format!("{why}\nwrite its name alone, such as `main`"),
        )
    };
    if text.is_empty() {
        return rejected("it is empty");
    }
    if let Some(bad) = text.chars().find(|&c| !allowed(c)) {
        return rejected(&format!("it has {} in it", quoted_char(bad)));
    }
    let is_bad = |part: &str| part.is_empty() || part.starts_with('.');
    if text.split('/').any(is_bad) || text.contains("..") {
        return rejected("git rejects an empty part, a leading dot and `..`");
    }
    if text.starts_with('-') {
        return rejected("git rejects a leading dash");
    }
    Ok(text.into())
}

pub(super) fn title(text: &str) -> Result<Option<Box<str>>, Problem> {
    line(text, "title")
}

pub(super) fn description(text: &str) -> Result<Option<Box<str>>, Problem> {
    line(text, "description")
}

/// Parses one line of text, which errors call `what`; none for an empty one.
fn line(text: &str, what: &'static str) -> Result<Option<Box<str>>, Problem> {
    const LONGEST: usize = 500;
    // A folded block (`>`) ends in a newline.
    let text = text.trim();
    if text.contains(['\n', '\r']) {
        return Err(Problem::new(
            format!("the {what} has more than one line"),
            "write one line; a block that starts with `>` becomes one",
        ));
    }
    if let Some(bad) = text.chars().find(|&c| is_unprintable(c)) {
        return Err(Problem::new(
            format!("the {what} has {} in it", quoted_char(bad)),
            "remove it",
        ));
    }
    if text.chars().count() > LONGEST {
        return Err(Problem::new(
            format!("the {what} is longer than {LONGEST} characters"),
            "shorten it",
        ));
    }
    Ok((!text.is_empty()).then(|| text.into()))
}

/// Parses the address of a module proxy for a whole module: it needs no pattern.
pub(super) fn proxy(text: &str) -> Result<Url, Problem> {
    let url = Url::proxy(text)?;
    if url.stars() > 0 {
        return invalid(
            text,
            "module proxy",
            "it has a `*`\nwrite the proxy's address alone: it serves every module",
        );
    }
    Ok(url)
}

pub(super) fn boolean(text: &str) -> Result<bool, Problem> {
    match text {
        "true" | "True" | "TRUE" => Ok(true),
        "false" | "False" | "FALSE" => Ok(false),
        _ => invalid(
            text,
            "boolean",
            match text.to_ascii_lowercase().as_str() {
                "yes" | "on" | "y" | "1" => "it is neither true nor false\nwrite `true`",
                "no" | "off" | "n" | "0" => "it is neither true nor false\nwrite `false`",
                _ => "it is neither true nor false\nwrite `true` or `false`",
            },
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_normalized() {
        assert_eq!(seconds("0"), Ok(0));
        assert_eq!(docs_site("none"), Ok(None));
        let site = docs_site("https://docs.example/go/").unwrap().unwrap();
        assert_eq!(site.as_str(), "https://docs.example/go");
        assert_eq!(subdir("a/b-c/").as_deref(), Ok("a/b-c"));
        assert_eq!(
            display(" https://h/r\n _\t_ ").as_deref(),
            Ok("https://h/r _ _")
        );
        assert_eq!(branch("release/1.0+x@y").as_deref(), Ok("release/1.0+x@y"));
        assert_eq!(
            line("  a line\n", "title").unwrap().as_deref(),
            Some("a line")
        );
        assert_eq!(line("  ", "title"), Ok(None));
        assert_eq!(index("/"), Ok(Index::List));
        assert!(matches!(index("/packages/"), Ok(Index::At(path)) if path.as_str() == "/packages"));
        assert_eq!((boolean("True"), boolean("false")), (Ok(true), Ok(false)));
        assert_eq!(module_docs("none"), Ok(ModuleDocs::None));
        let url = Url::web("https://h.example/#top").unwrap();
        assert_eq!(
            module_docs("https://h.example/#top"),
            Ok(ModuleDocs::At(url.clone()))
        );
        assert_eq!(index("https://h.example/#top"), Ok(Index::Redirect(url)));
    }
}
