//! `govanityurls schema`: prints a JSON Schema of `vanity.yaml`, for editors.
//!
//! Draft 7, which yaml-language-server knows best. The patterns are regular expressions as
//! JavaScript reads them; they say what the rules of [`crate::module`] say, as far as a
//! regular expression can.

use serde_json::{Value, json};

use super::{Failure, print};
use crate::config::SETTINGS;
use crate::module::{Forge, RepoUrl, Vcs};

/// Prints it.
pub fn run() -> Result<(), Failure> {
    print(&format!("{:#}\n", schema()))
}

/// A key whose host and path Go takes for an import path, and which ends in `end`.
fn path(end: &str) -> String {
    const DEVICE: &str = "(?:[Cc][Oo][Nn]|[Pp][Rr][Nn]|[Aa][Uu][Xx]|[Nn][Uu][Ll]|\
                          (?:[Cc][Oo][Mm]|[Ll][Pp][Tt])[1-9])(?:[./]|$)";
    const TILDE_AND_DIGITS: &str = "[^./]*~[0-9]+(?:[./]|$)";
    const VERSION: &str = r"(?:0[0-9]*|1|[0-9.]*\.[0-9.]*)";
    let host = host();
    let element = format!(
        "(?!{DEVICE})(?!{TILDE_AND_DIGITS})[A-Za-z0-9_~-](?:[A-Za-z0-9._~-]*[A-Za-z0-9_~-])?"
    );
    format!("^(?!.*/v{VERSION}{end}/?$)(?=.)(?:{host})?(?:/{element})*{end}/?$")
}

fn host() -> String {
    const DEVICE: &str = r"(?:con|prn|aux|nul|(?:com|lpt)[1-9])\.";
    format!(r"(?!{DEVICE})(?!-)[a-z0-9-]+(?:\.[a-z0-9-]+)+")
}

const PORT: &str = "(?::(?!0+(?:[/?#]|$))[0-9]{1,5})?";

/// An address for a browser: of ASCII, and nothing that an attribute would have to quote.
fn web_url(path: &str) -> String {
    format!(r"https?://(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._~-]+){PORT}(?:{path})?")
}

/// The path of a web address, without and with query and fragment.
const WEB_PATH: &str = r"/[!$-&(-;=@-\[\]_a-z~]*";
const WEB_PATH_AND_QUERY: &str = r"[/?#][!#-&(-;=?-\[\]_a-z~]*";

fn repo() -> String {
    let schemes = RepoUrl::SCHEMES.join("|").replace('+', r"\+");
    // White space, controls, what takes no place of its own, and what no URL has.
    let bad =
        r#"\s\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff"<>\\^`{|}"#;
    let host = format!(r"(?:\[[0-9A-Fa-f:.]+\]|[^{bad}/?#@:*\[\]]+)");
    let path = format!(r"/[^{bad}?#*]*\*?[^{bad}?#*]*");
    format!(r"^(?!https?://[^/]*@)(?:{schemes})://(?:[^{bad}/?#@:*]+@)?{host}{PORT}(?:{path})?$")
}

/// Text of a pattern; editors show `expected` where it does not fit.
fn text(description: &str, pattern: &str, expected: &str) -> Value {
    json!({
        "type": "string",
        "description": description,
        "pattern": pattern,
        "patternErrorMessage": format!("Expected {expected}."),
    })
}

/// A value with one that is taken where none is given.
fn or_default(mut value: Value, default: &str) -> Value {
    value["default"] = default.into();
    value
}

fn settings() -> Value {
    json!({
        "host": text(
            "The domain of the import paths, where -host does not say.",
            &format!("^{}$", host()),
            "a domain, such as go.example.org",
        ),
        "cache_max_age": {
            "type": "integer",
            "description": "How long caches may keep a page, in seconds.",
            "minimum": 0,
            "maximum": u32::MAX,
            "default": 86400,
        },
        "docs": or_default(
            text(
                "The documentation site, to which the import path is appended; none: no redirect.",
                &format!("^(?:none|{})$", web_url(WEB_PATH)),
                "a URL without query and fragment, or none",
            ),
            "https://pkg.go.dev",
        ),
        "index": or_default(
            text(
                "What / shows: list, none (404, and no lists at all), or a URL to redirect to.",
                &format!("^(?:list|none|{})$", web_url(WEB_PATH_AND_QUERY)),
                "list, none or a URL",
            ),
            "list",
        ),
        "paths": {
            "type": ["object", "null"],
            "description": "Modules, by their paths; they may also stand at the top level.",
            "patternProperties": modules(),
            "additionalProperties": false,
        },
    })
}

/// What stands behind paths: a module, with a `*` in `repo` where the path has one.
fn modules() -> Value {
    let module = |pattern: &str, expected: &str| {
        let repo = json!({ "pattern": pattern, "patternErrorMessage": expected });
        json!({ "allOf": [
            { "$ref": "#/definitions/module" },
            { "properties": { "repo": repo } },
        ] })
    };
    json!({
        path(""): module("^[^*]*$", "Expected no *, as the path has none."),
        path(r"/\*"): module(r"\*", "Expected one *, as the path has."),
    })
}

fn module() -> Value {
    let vcs = Vcs::ALL.map(|(name, _)| name);
    json!({
        "repo": text(
            "The repository's URL, as the go command is to fetch it.",
            &repo(),
            "an absolute URL without credentials, such as https://github.com/bigwhite/gowechat",
        ),
        "vcs": {
            "enum": vcs,
            "description": "The version control system, where the URL does not tell it; \
                            mod: repo is the URL of a module proxy.",
        },
        "subdir": text(
            "The module's directory in the repository; the go command knows this since Go 1.25.",
            r#"^(?!-)(?:(?!\.\.?(?:/|$))[^\s\u0000-\u001f\u007f-\u009f"'<>\\/]+(?:/|$))+$"#,
            "a path relative to the repository's root",
        ),
        "display": text(
            "The last three fields of go-source: the repository's address, and the templates of \
             a directory and of a line in a file.",
            r"^\s*(?:(?:_|https?://\S*)\s+){2}(?:_|https?://\S*)\s*$",
            "three web addresses, or _ in the place of one",
        ),
        "forge": {
            "enum": Forge::NAMES,
            "description": "What shows the repository to a browser, where its host does not \
                            tell it; makes the links to source.",
        },
        "branch": text(
            "The branch that links to source lead to, where it is not the default one.",
            r"^(?!-)(?!.*\.\.)(?:(?!\.)[A-Za-z0-9._+@-]+(?:/(?!$)|$))+$",
            "the name of a branch, such as main",
        ),
        "docs": text(
            "Where the module's documentation is, or none.",
            &format!("^(?:none|{})$", web_url(WEB_PATH_AND_QUERY)),
            "a URL, or none",
        ),
        "description": text(
            "One line for the list and the module's page.",
            r"^\s*[^\u0000-\u001f\u007f-\u009f]{0,500}\s*$",
            "one line of at most 500 characters",
        ),
        "hidden": {
            "type": "boolean",
            "description": "Whether it stays out of lists and suggestions; it is served.",
            "default": false,
        },
    })
}

fn schema() -> Value {
    json!({
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "vanity.yaml",
        "description": "Which import path leads to which repository, for govanityurls.",
        "type": "object",
        "properties": settings(),
        "patternProperties": modules(),
        "additionalProperties": false,
        // Nothing but settings: there must be a module, here or beneath paths. No map is null;
        // editors show the message of a type, and none of a `not`.
        "if": {
            "propertyNames": { "enum": SETTINGS },
            "properties": { "paths": { "maxProperties": 0 } },
        },
        "then": {
            "type": "null",
            "errorMessage": "Expected a module: a path, such as /gowechat, with repo beneath it.",
        },
        "definitions": {
            "module": {
                "type": "object",
                "description": "A module: where its repository is.",
                "properties": module(),
                "required": ["repo"],
                "additionalProperties": false,
            },
        },
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::config::MODULE_KEYS;

    /// A new key belongs into the schema, and an old one out of it.
    #[test]
    fn it_has_the_keys_that_the_reader_knows() {
        let described = |properties: Value| {
            let properties = properties.as_object().unwrap().clone();
            for (key, value) in &properties {
                assert!(value["description"].is_string(), "{key}");
            }
            properties.into_iter().map(|(key, _)| key).collect()
        };
        let known = |keys: &[&str]| keys.iter().map(ToString::to_string).collect();
        let settings: BTreeSet<String> = described(settings());
        assert_eq!(settings, known(&SETTINGS));
        let module: BTreeSet<String> = described(module());
        assert_eq!(module, known(&MODULE_KEYS));
    }
}
