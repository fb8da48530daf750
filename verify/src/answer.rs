//! Checks a module's page like `repoRootForImportDynamic` (cmd/go/internal/vcs).

use hyper::HeaderMap;

use super::redirects::{self, Url};
use super::{Code, Finding, Status, Step, Target};
use crate::tags::{GoImport, Head};

/// A response, with its body up to the size limit.
#[derive(Debug, Clone, Default)]
pub(super) struct Response {
    pub(super) status: u16,
    /// The reason phrase, such as `Not Found`.
    pub(super) reason: String,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
    /// Whether the body exceeded the size limit.
    pub(super) truncated: bool,
}

impl Response {
    pub(super) fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name);
        value
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    }

    /// Returns the start of the body in lower case, to search it for keywords.
    fn text(&self) -> String {
        let start = &self.body[..self.body.len().min(64 << 10)];
        String::from_utf8_lossy(start).to_lowercase()
    }

    /// Returns the page's title, which tells what program sent it.
    fn title(&self) -> Option<String> {
        let start = &self.body[..self.body.len().min(64 << 10)];
        let text = String::from_utf8_lossy(start);
        let rest = text.split_once("<title>")?.1;
        let title = rest.split_once("</title>")?.0.split_whitespace();
        let title: Vec<_> = title.collect();
        (!title.is_empty()).then(|| title.join(" ").chars().take(60).collect())
    }
}

/// The result of matching a page's tags against an import path.
#[derive(Debug, PartialEq, Eq)]
enum TagMatch {
    /// Exactly one tag matches.
    Tag(GoImport),
    /// More than one tag matches.
    Multiple,
    /// No tag matches; these are their prefixes.
    Mismatch(Vec<String>),
    /// The page has no tags.
    Missing,
}

/// Selects a tag like `parseMetaGoImports` with `PreferMod`, then `matchGoImport`.
fn match_tag(tags: &[GoImport], path: &str) -> TagMatch {
    let is_mod = |tag: &&GoImport| tag.vcs == "mod";
    let mods: Vec<_> = tags.iter().filter(is_mod).collect();
    let rest = tags
        .iter()
        .filter(|tag| !is_mod(tag) && mods.iter().all(|other| other.prefix != tag.prefix));
    let all: Vec<_> = mods.iter().copied().chain(rest).collect();
    let matches = |tag: &&GoImport| has_path_prefix(path, &tag.prefix);
    let mut matching = all.iter().copied().filter(matches);
    match (matching.next(), matching.next()) {
        (None, _) if all.is_empty() => TagMatch::Missing,
        (None, _) => TagMatch::Mismatch(all.iter().map(|tag| tag.prefix.clone()).collect()),
        (Some(first), Some(second)) if is_mod(&first) == is_mod(&second) => TagMatch::Multiple,
        (Some(first), _) => TagMatch::Tag(first.clone()),
    }
}

fn has_path_prefix(path: &str, prefix: &str) -> bool {
    path.strip_prefix(prefix)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Checks the page of a module. `hops` are the requested URLs, including redirects. The last
/// finding is about the page itself; if it passes, Go continues with the repository.
pub(super) fn check(target: &Target, hops: &[Url], response: &Response) -> Vec<Finding> {
    let finding = check_page(target, response);
    let is_usable = finding.status == Status::Pass || finding.code == Some(Code::TagDiffers);
    let last = hops
        .last()
        .filter(|last| hops.len() > 1 && !last.has_query());
    match last {
        Some(last) if !is_usable => {
            let mut dropped = redirects::dropped(last, true);
            dropped.go = finding.go;
            vec![dropped]
        }
        _ => redirects::followed(hops)
            .filter(|_| is_usable)
            .into_iter()
            .chain([finding])
            .collect(),
    }
}

fn check_page(target: &Target, response: &Response) -> Finding {
    let path = &target.path;
    let url = Url::go_get(path);
    let head = Head::parse(&response.body);
    let tags = head.go_imports();
    let fail = |code, message: String| Finding::fail(Step::Answer, code, message);
    let says = |text: String| format!("unrecognized import path \"{path}\": {text}");
    if tags.is_empty() && response.status != 200 {
        return status(target, &url, response);
    }
    if let (Some(error), true) = (&head.error, tags.is_empty()) {
        if response.truncated {
            return fail(
                Code::TagMissing,
                format!("the first MiB of {url} has no go-import tag and no end of the head"),
            )
            .fix(nginx_fix(target));
        }
        return fail(
            Code::HtmlSyntax,
            format!(
                "Go cannot parse the head of {url}: {error}{}",
                other_program(response)
            ),
        )
        .go(says(format!("parsing {path}: {error}")))
        .fix(nginx_fix(target));
    }
    match match_tag(&tags, path) {
        TagMatch::Missing => {
            let text = response.text();
            let why = if text.contains("go-import") {
                "the go-import tag is outside the head, or does not have three or four fields"
                    .to_owned()
            } else {
                format!("the page has no go-import tag{}", other_program(response))
            };
            fail(Code::TagMissing, format!("{url}: {why}"))
                .go(says(format!("parse {url}: no go-import meta tags ()")))
                .fix(nginx_fix(target))
        }
        TagMatch::Mismatch(prefixes) => {
            let go: Vec<_> = prefixes
                .iter()
                .map(|prefix| format!("meta tag {prefix} did not match import path {path}"))
                .collect();
            let message = format!(
                "the tag at {url} is for {}: the program runs with another host or file",
                prefixes.join(", ")
            );
            fail(Code::TagPrefixMismatch, message)
                .go(says(format!(
                    "parse {url}: no go-import meta tags ({})",
                    go.join(", ")
                )))
                .fix(format!(
                    "GOVANITYURLS_HOST={}    # in /etc/govanityurls/env; then: systemctl restart govanityurls",
                    target.host
                ))
        }
        TagMatch::Multiple => fail(
            Code::TagMultiple,
            format!(
                "{url} has more than one go-import tag for {path}; two programs may each add one"
            ),
        )
        .go(format!("multiple meta tags match import path \"{path}\""))
        .fix(format!(
            "curl -s '{url}' | grep go-import    # keep only the tag for {}",
            target.repo
        )),
        TagMatch::Tag(tag) => {
            let expected = target.tags();
            let mut found: Vec<_> = tags
                .iter()
                .filter(|tag| has_path_prefix(path, &tag.prefix))
                .cloned()
                .collect();
            found.sort();
            found.dedup();
            if found == expected {
                return Finding::pass(Step::Answer, without_prefix(&tag));
            }
            let of = |tags: &[GoImport]| {
                let texts: Vec<_> = tags.iter().map(GoImport::to_string).collect();
                texts.join(" and ")
            };
            let age = match response.header("age") {
                "" => String::new(),
                age => format!(" (from a cache, {age} s old)"),
            };
            fail(
                Code::TagDiffers,
                format!(
                    "the tag is {}{age}, but the file says {}: the program was not reloaded or \
                     reads another file, or a cache has the old page",
                    of(&found),
                    of(&expected)
                ),
            )
            .fix("systemctl reload govanityurls")
        }
    }
}

fn without_prefix(tag: &GoImport) -> String {
    let text = tag.to_string();
    text[tag.prefix.len()..].trim_start().to_owned()
}

/// Describes the page that was sent instead.
fn other_program(response: &Response) -> String {
    match response.title() {
        Some(title) => format!("; another program answered, with the page title \"{title}\""),
        None => "; another program answered".to_owned(),
    }
}

/// Returns the commands that make nginx forward requests to the program.
fn nginx_fix(target: &Target) -> String {
    format!(
        "govanityurls nginx -host {}    # prints the rules; then:\nnginx -t && systemctl reload nginx",
        target.host
    )
}

/// Reports a response without a tag whose status is not 200.
fn status(target: &Target, url: &Url, response: &Response) -> Finding {
    let shown = format!("{} {}", response.status, response.reason);
    let shown = shown.trim();
    let text = response.text();
    let is_challenge = matches!(response.status, 403 | 429 | 503)
        && (!response.header("cf-mitigated").is_empty()
            || [
                "challenge",
                "captcha",
                "just a moment",
                "attention required",
                "not a bot",
                "enable javascript",
            ]
            .iter()
            .any(|word| text.contains(word)));
    let (why, fix) = match response.status {
        502 | 504 => (
            "nginx answers, but the program behind it does not".to_owned(),
            "systemctl restart govanityurls && journalctl -u govanityurls -n 20".to_owned(),
        ),
        _ if is_challenge => (
            "bot protection sent a challenge, which the go command cannot solve".to_owned(),
            "http.request.uri.query eq \"go-get=1\"    # the expression of a rule that skips the challenge"
                .to_owned(),
        ),
        404 if text.starts_with("no module") => (
            format!(
                "the program does not serve {}: it was not reloaded, or it reads another file",
                target.path
            ),
            "systemctl reload govanityurls".to_owned(),
        ),
        404 => (
            "nginx does not forward this path to the program".to_owned(),
            nginx_fix(target),
        ),
        401 => (
            "the page requires a password, which the go command does not have".to_owned(),
            "auth_basic off;    # in nginx, in the location of the module".to_owned(),
        ),
        300..=399 => (
            "Go cannot follow this redirect".to_owned(),
            format!("curl -si '{url}' | head    # shows it"),
        ),
        _ => (
            "the web server refuses the request".to_owned(),
            "tail /var/log/nginx/error.log".to_owned(),
        ),
    };
    Finding::fail(
        Step::Answer,
        Code::HttpStatus,
        format!("{shown} from {url}: {why}"),
    )
    .go(format!(
        "unrecognized import path \"{}\": reading {url}: {shown}",
        target.path
    ))
    .fix(fix)
}

/// Checks the responses to a path below a module, one for each user agent of the go command.
/// `None` means that there was no response.
pub(super) fn check_subpackage(
    target: &Target,
    below: &str,
    responses: &[(&str, Option<Response>)],
) -> Finding {
    let path = format!("{}{below}", target.path);
    let has_tag = |response: &Option<Response>| {
        response.as_ref().is_some_and(|response| {
            let tags = Head::parse(&response.body).go_imports();
            matches!(match_tag(&tags, &path), TagMatch::Tag(tag) if tag.prefix == target.path)
        })
    };
    let status = |response: &Option<Response>| match response {
        Some(response) => format!("{} {}", response.status, response.reason),
        None => "no answer".to_owned(),
    };
    let wrong: Vec<_> = responses
        .iter()
        .filter(|(_, response)| !has_tag(response))
        .collect();
    match wrong[..] {
        [] => Finding::pass(
            Step::Subpackage,
            "paths below the module have its tag, for old and new go commands",
        ),
        [(agent, response)] if responses.len() > 1 => {
            let shown = status(response);
            Finding::fail(
                Step::Subpackage,
                Code::HttpStatus,
                format!(
                    "{shown} for {agent}, but the correct page for the other user agent of the go \
                     command: something filters by user agent"
                ),
            )
            .fix(format!(
                "curl -si -A '{agent}' '{}' | head    # shows it",
                Url::go_get(&path)
            ))
        }
        [(_, response), ..] => Finding::warn(
            Step::Subpackage,
            Code::SubpackageMissing,
            format!(
                "{} does not have the module's tag ({}): modules below this one, and tools other \
                 than the go command, need it",
                Url::go_get(&path),
                status(response)
            ),
        )
        .fix(nginx_fix(target)),
    }
}

#[cfg(test)]
pub(super) mod tests;
