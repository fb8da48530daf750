//! The values of settings and module keys: one parser each, from text to what it means.

use super::{Index, ModuleDocs};
use crate::module::{Key, Problem, RepoUrl, WebUrl, quoted};

pub(super) fn seconds(text: &str) -> Result<u32, Problem> {
    text.parse().map_err(|_| {
        let problem = Problem::new(format!("{} is no number of seconds", quoted(text)));
        let is_number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        match text.strip_prefix('-') {
            Some(rest) if is_number(rest) => {
                problem.hint("it cannot be negative; 0 keeps pages out of caches")
            }
            None if is_number(text) => problem.hint("a year, 31536000, is long enough"),
            _ => problem.hint("write a whole number, such as 86400 for a day"),
        }
    })
}

pub(super) fn docs_site(text: &str) -> Result<Option<WebUrl>, Problem> {
    if text == "none" {
        return Ok(None);
    }
    let url = WebUrl::parse(text)?;
    if url.as_str().contains(['?', '#']) {
        return Err(
            Problem::new(format!("{} has a query or a fragment", quoted(text)))
                .hint("the import path is appended to it, so it ends in a path"),
        );
    }
    WebUrl::parse(text.trim_end_matches('/')).map(Some)
}

pub(super) fn module_docs(text: &str) -> Result<ModuleDocs, Problem> {
    match text {
        "none" => Ok(ModuleDocs::None),
        _ => WebUrl::parse(text).map(ModuleDocs::At),
    }
}

pub(super) fn index(text: &str) -> Result<Index, Problem> {
    match text {
        "list" => Ok(Index::List),
        "none" => Ok(Index::None),
        _ if text.contains("://") => WebUrl::parse(text).map(Index::Redirect),
        _ => Err(Problem::new(format!("unknown index {}", quoted(text)))
            .hint("write `list`, `none`, or a URL to redirect to")),
    }
}

/// A repository for `key`: with a `*` where the path has one, and only there.
pub(super) fn repo(text: &str, key: &Key) -> Result<RepoUrl, Problem> {
    let repo = RepoUrl::parse(text)?;
    match (key.pattern, repo.stars()) {
        (false, 0) | (true, 1) => Ok(repo),
        (true, _) => Err(Problem::new(format!(
            "{} needs exactly one `*`, as {} has",
            quoted(text),
            quoted(&key.to_string())
        ))
        .hint("what the `*` of the path stands for is put in its place")),
        (false, _) => Err(Problem::new(format!(
            "{} has a `*`, but {} has none",
            quoted(text),
            quoted(&key.to_string())
        ))
        .hint("a pattern's path ends in `/*`")),
    }
}

/// A directory of the repository, by `validateRepoSubDir` of the go command; it must also
/// stay inside the repository.
pub(super) fn subdir(text: &str) -> Result<Box<str>, Problem> {
    let refused = |why: &str| Problem::new(format!("{} is no subdir: {why}", quoted(text)));
    let dir = text.strip_suffix('/').unwrap_or(text);
    if dir.starts_with('/') {
        return Err(refused("it starts with a slash").hint(format!(
            "it is relative to the repository: {}",
            quoted(dir.trim_start_matches('/'))
        )));
    }
    if dir.starts_with('-') {
        return Err(refused("Go refuses a leading dash"));
    }
    if text.is_empty() || dir.is_empty() {
        return Err(refused("it is empty").hint("leave it out where the module is at the root"));
    }
    for element in dir.split('/') {
        if matches!(element, "" | "." | "..") {
            return Err(refused("it has an empty, `.` or `..` element")
                .hint("write the plain path from the repository's root"));
        }
        if let Some(bad) = element
            .chars()
            .find(|c| c.is_whitespace() || c.is_control() || "\"'<>\\".contains(*c))
        {
            return Err(refused(&format!(
                "it has {} in it",
                quoted(&bad.to_string())
            )));
        }
    }
    Ok(dir.into())
}

/// Three fields, one space apart, whatever white space the file has between them.
pub(super) fn display(text: &str) -> Result<Box<str>, Problem> {
    let fields: Vec<_> = text.split_whitespace().collect();
    if fields.len() != 3 {
        let count = match fields.len() {
            1 => "1 field".to_owned(),
            n => format!("{n} fields"),
        };
        return Err(Problem::new(format!("`display` has {count}, not 3")).hint(
            "write the repository's address, the template of a directory and that of a line: \
             `https://h/r https://h/r/tree{/dir} https://h/r/blob{/dir}/{file}#L{line}`",
        ));
    }
    for field in &fields {
        let is_web = field.starts_with("https://") || field.starts_with("http://");
        if !is_web && *field != "_" {
            return Err(Problem::new(format!("{} is no web address", quoted(field)))
                .hint("each field starts with `https://`, or is a single `_`"));
        }
        if field.chars().any(char::is_control) {
            return Err(Problem::new("`display` has a control character in it"));
        }
    }
    Ok(fields.join(" ").into())
}

pub(super) fn branch(text: &str) -> Result<Box<str>, Problem> {
    // What git allows in a name of a branch, less what an address would have to escape.
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b"-._/+@".contains(&b);
    let refused = |why: &str| {
        Problem::new(format!("{} is no branch: {why}", quoted(text)))
            .hint("write its name alone, such as `main`")
    };
    if text.is_empty() {
        return Err(refused("it is empty"));
    }
    if let Some(bad) = text.chars().find(|c| !u8::try_from(*c).is_ok_and(allowed)) {
        return Err(refused(&format!(
            "it has {} in it",
            quoted(&bad.to_string())
        )));
    }
    if text
        .split('/')
        .any(|part| part.is_empty() || part.starts_with('.'))
        || text.contains("..")
    {
        return Err(refused("git refuses an empty part, a leading dot and `..`"));
    }
    if text.starts_with('-') {
        return Err(refused("git refuses a leading dash"));
    }
    Ok(text.into())
}

pub(super) fn description(text: &str) -> Result<Option<Box<str>>, Problem> {
    const LONGEST: usize = 500;
    // A folded block (`>`) ends in a newline of its own.
    let text = text.trim();
    if text.contains(['\n', '\r']) {
        return Err(Problem::new("the description has more than one line")
            .hint("write one line; a block that starts with `>` becomes one"));
    }
    if text.chars().any(char::is_control) {
        return Err(Problem::new(
            "the description has a control character in it",
        ));
    }
    if text.chars().count() > LONGEST {
        return Err(Problem::new(format!(
            "the description is longer than {LONGEST} characters"
        )));
    }
    Ok((!text.is_empty()).then(|| text.into()))
}

pub(super) fn boolean(text: &str) -> Result<bool, Problem> {
    match text {
        "true" | "True" | "TRUE" => Ok(true),
        "false" | "False" | "FALSE" => Ok(false),
        _ => {
            let problem = Problem::new(format!("{} is neither true nor false", quoted(text)));
            Err(match text.to_ascii_lowercase().as_str() {
                "yes" | "on" | "y" | "1" => problem.hint("write `true`"),
                "no" | "off" | "n" | "0" => problem.hint("write `false`"),
                _ => problem.hint("write `true` or `false`"),
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_kept_as_they_are_meant() {
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
            description("  a line\n").unwrap().as_deref(),
            Some("a line")
        );
        assert_eq!(description("  "), Ok(None));
        assert_eq!((boolean("True"), boolean("false")), (Ok(true), Ok(false)));
        assert_eq!(module_docs("none"), Ok(ModuleDocs::None));
        let url = WebUrl::parse("https://h.example/#top").unwrap();
        assert_eq!(
            module_docs("https://h.example/#top"),
            Ok(ModuleDocs::At(url.clone()))
        );
        assert_eq!(index("https://h.example/#top"), Ok(Index::Redirect(url)));
    }
}
