//! Checks a module's page like `repoRootForImportDynamic` (cmd/go/internal/vcs).

use std::time::Duration;

use hyper::HeaderMap;

use super::redirects::{self, Url};
use super::{Code, File, Finding, Status, Step, Target};
use crate::tags::{GoImport, Head};

const RELOAD_NGINX: &str = "nginx -t && systemctl reload nginx";
const RELOAD: &str = "systemctl reload govanityurls";
/// Words of pages that ask whether the visitor is a person.
const CHALLENGES: [&str; 6] = [
    "challenge",
    "captcha",
    "just a moment",
    "attention required",
    "not a bot",
    "enable javascript",
];

/// A response, with its body up to the size limit.
#[derive(Debug, Clone, Default)]
pub(super) struct Response {
    pub(super) status: u16,
    /// The reason phrase, such as `Not Found`.
    pub(super) reason: String,
    pub(super) headers: HeaderMap,
    /// The start of the body.
    pub(super) body: Vec<u8>,
    pub(super) head: Head,
    /// Whether the body exceeded the size limit before the head ended.
    pub(super) truncated: bool,
    /// How long the server took.
    pub(super) took: Duration,
    /// Whether the server was asked again after a pause.
    pub(super) retried: bool,
}

impl Response {
    pub(super) fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name);
        value
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    }

    /// Returns the `Location` header, which may have any characters.
    pub(super) fn location(&self) -> String {
        let value = self.headers.get("location");
        let bytes = value.map_or(&b""[..], |value| value.as_bytes());
        String::from_utf8_lossy(bytes).into_owned()
    }

    /// Returns whether nginx itself says that it has answered.
    pub(super) fn is_nginx(&self) -> bool {
        self.header("server").starts_with("nginx")
    }

    /// Returns whether the program made the page.
    fn is_ours(&self) -> bool {
        let text = String::from_utf8_lossy(&self.body);
        text.contains("name=\"generator\" content=\"govanityurls\"")
    }

    /// Returns whether the page is a file on a disk.
    pub(super) fn is_file(&self) -> bool {
        !self.header("last-modified").is_empty() && self.header("accept-ranges") == "bytes"
    }

    /// Says from which cache the page comes; empty if it comes from none.
    fn cache(&self) -> String {
        let hit = |name| self.header(name).to_lowercase().contains("hit");
        match self.header("age") {
            "" if hit("x-cache") || hit("x-cache-status") || hit("cf-cache-status") => {
                " (from a cache)".to_owned()
            }
            "" => String::new(),
            age => format!(" (from a cache, {age} s old)"),
        }
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

    /// Returns the status as Go writes it.
    fn shown_status(&self) -> String {
        let shown = format!("{} {}", self.status, self.reason);
        shown.trim().to_owned()
    }
}

/// A response to a request for a page, with the requests that led to it.
#[derive(Debug, Clone)]
pub(super) struct Fetched {
    /// The requested URLs, including redirects.
    pub(super) hops: Vec<Url>,
    /// Whether nginx sent the last redirect.
    pub(super) redirected_by_nginx: bool,
    pub(super) response: Response,
}

/// What a page says about a module.
pub(super) struct Page {
    pub(super) findings: Vec<Finding>,
    /// The tag with which Go goes on; `None` if it stops.
    pub(super) tag: Option<GoImport>,
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

/// Checks the page of a module. `file` is `None` if the tag says what is expected.
pub(super) fn check(target: &Target, file: Option<&File>, fetched: &Fetched) -> Page {
    let Fetched { hops, response, .. } = fetched;
    let (finding, tag) = check_page(target, file, response);
    let by_nginx = fetched.redirected_by_nginx;
    let mut findings = Vec::new();
    if tag.is_some() {
        findings.extend(redirects::followed(hops, by_nginx));
    } else if finding.status == Status::Fail
        && let Some(mut dropped) = redirects::dropped(hops, by_nginx)
    {
        dropped.go = finding.go;
        return Page {
            findings: vec![dropped],
            tag,
        };
    }
    let finding = match hops.last() {
        Some(last) if hops.len() > 1 && tag.is_none() => elsewhere(finding, last, hops),
        _ => finding,
    };
    findings.push(finding);
    Page { findings, tag }
}

/// Blames the redirect for a page without a tag.
fn elsewhere(mut finding: Finding, last: &Url, hops: &[Url]) -> Finding {
    finding.message = format!("{} (after a redirect to {last})", finding.message);
    finding.fix = None;
    let first = hops.first().unwrap_or(last);
    finding.look(format!(
        "curl -si '{first}' | head    # its redirect must leave out requests with go-get=1"
    ))
}

/// Returns the finding about the page itself, and the tag with which Go goes on.
fn check_page(
    target: &Target,
    file: Option<&File>,
    response: &Response,
) -> (Finding, Option<GoImport>) {
    let path = &target.path;
    let url = Url::go_get(path);
    let head = &response.head;
    let tags = head.go_imports();
    let fail = |code, message: String| Finding::fail(Step::Answer, code, message);
    let says = |text: String| format!("unrecognized import path \"{path}\": {text}");
    let other = other_program(response);
    if tags.is_empty() && response.truncated {
        let why = format!("{url} has no go-import tag so far, and verify reads no further");
        return (Finding::skip(Step::Answer, why), None);
    }
    if tags.is_empty() && response.status != 200 {
        return (status(target, file, &url, response), None);
    }
    if let (Some(error), true) = (&head.error, tags.is_empty()) {
        let message = format!("Go cannot parse the head of {url}: {error}{other}");
        let finding = fail(Code::HtmlSyntax, message).go(says(format!("parsing {path}: {error}")));
        return (forward(finding, target, file, response), None);
    }
    match match_tag(&tags, path) {
        TagMatch::Missing => {
            let is_misplaced = response.text().contains("go-import");
            let why = if is_misplaced {
                "the go-import tag is outside the head, or does not have three or four fields"
                    .to_owned()
            } else if response.is_ours() {
                "the page is one of govanityurls, but not that of a module".to_owned()
            } else {
                format!("the page has no go-import tag{other}")
            };
            let finding = fail(Code::TagMissing, format!("{url}: {why}"))
                .go(says(format!("parse {url}: no go-import meta tags ()")));
            let finding = if is_misplaced || response.is_ours() {
                finding.look(shows(&url))
            } else {
                forward(finding, target, file, response)
            };
            (finding, None)
        }
        TagMatch::Mismatch(prefixes) => {
            let go: Vec<_> = prefixes
                .iter()
                .map(|prefix| format!("meta tag {prefix} did not match import path {path}"))
                .collect();
            let message = format!("the tag at {url} is for {}", prefixes.join(", "));
            let finding = fail(Code::TagPrefixMismatch, message).go(says(format!(
                "parse {url}: no go-import meta tags ({})",
                go.join(", ")
            )));
            (
                other_host(finding, target, file, response, &prefixes[0]),
                None,
            )
        }
        TagMatch::Multiple => {
            let message = format!(
                "{url} has more than one go-import tag for {path}; two programs may each add one"
            );
            let finding = fail(Code::TagMultiple, message)
                .go(format!("multiple meta tags match import path \"{path}\""))
                .look(format!(
                    "curl -s '{url}' | grep go-import    # only one may stay"
                ));
            (finding, None)
        }
        TagMatch::Tag(tag) => {
            let of_prefix = tags.iter().filter(|other| other.prefix == tag.prefix);
            let mut found: Vec<_> = of_prefix.cloned().collect();
            found.sort();
            found.dedup();
            let expected = target.tags();
            let finding = if file.is_none() || found == expected {
                Finding::pass(Step::Answer, without_prefix(&tag))
            } else {
                differs(&url, response, &found, &expected)
            };
            (finding, Some(tag))
        }
    }
}

/// Reports a tag that is not the file's. Go takes it as it is.
fn differs(url: &Url, response: &Response, found: &[GoImport], expected: &[GoImport]) -> Finding {
    let of = |tags: &[GoImport]| {
        let texts: Vec<_> = tags.iter().map(GoImport::to_string).collect();
        texts.join(" and ")
    };
    let cache = response.cache();
    let message = format!(
        "the tag is {}{cache}, but the file says {}",
        of(found),
        of(expected)
    );
    let finding = |why: &str| {
        let message = format!("{message}: {why}");
        Finding::warn(Step::Answer, Code::TagDiffers, message)
    };
    if !cache.is_empty() {
        return finding("a cache has an old page").look(format!(
            "curl -sI '{url}' | grep -i -e age -e cache    # wait until it is too old, or purge the cache"
        ));
    }
    if !response.is_ours() {
        return finding("another program made the page").look(shows(url));
    }
    if response.is_file() {
        let date = response.header("last-modified");
        return finding(&format!(
            "the page is a file of {date}; export the site again"
        ))
        .look(shows(url));
    }
    finding("the program was not reloaded, or reads another file").fix(RELOAD)
}

/// Checks the page of a tag's prefix: Go asks it for the same tag.
pub(super) fn check_prefix(
    target: &Target,
    tag: &GoImport,
    response: &Response,
) -> Option<Finding> {
    let tags = response.head.go_imports();
    if match_tag(&tags, &target.path) == TagMatch::Tag(tag.clone()) {
        return None;
    }
    let (own, prefix) = (Url::go_get(&target.path), Url::go_get(&tag.prefix));
    let message = format!(
        "{own} has a tag for {}, but {prefix} does not have the same tag",
        tag.prefix
    );
    Some(
        Finding::fail(Step::Answer, Code::TagDiffers, message)
            .go(format!("disagree about go-import for {}", tag.prefix))
            .look(format!("curl -s '{own}' '{prefix}' | grep go-import")),
    )
}

/// Says why a page has the tag of another host.
fn other_host(
    finding: Finding,
    target: &Target,
    file: Option<&File>,
    response: &Response,
    prefix: &str,
) -> Finding {
    let url = Url::go_get(&target.path);
    let other = prefix.split('/').next().unwrap_or_default();
    let Some(file) = file else {
        return finding.look(shows(&url));
    };
    if other == target.host {
        return finding.look(shows(&url));
    }
    let is_own = file.modules.iter().any(|module| module.host == other);
    if is_own && response.is_nginx() {
        return finding.fix(forwards_host(&target.host));
    }
    if is_own {
        return finding.look(format!(
            "curl -s '{url}' | grep go-import    # the proxy in front must pass on the Host header as it is"
        ));
    }
    finding.look(format!(
        "grep GOVANITYURLS_HOST /etc/govanityurls/env    # if it says {other} and that is right, run verify with \
         -host {other}; otherwise write {} and: systemctl restart govanityurls",
        target.host
    ))
}

fn forwards_host(host: &str) -> String {
    format!(
        "proxy_set_header Host $host;    # in nginx, in the server block of {host}\n{RELOAD_NGINX}"
    )
}

/// Returns the command that shows a page.
fn shows(url: &Url) -> String {
    format!("curl -si '{url}' | head -n 40    # shows it")
}

fn without_prefix(tag: &GoImport) -> String {
    let text = tag.to_string();
    text[tag.prefix.len()..].trim_start().to_owned()
}

/// Describes the page that was sent instead.
fn other_program(response: &Response) -> String {
    let server = match response.header("server") {
        "" => String::new(),
        server => format!(" ({server})"),
    };
    match response.title() {
        Some(title) => {
            format!("; another program answered{server}, with the page title \"{title}\"")
        }
        None => format!("; another program answered{server}"),
    }
}

/// Says how the web server in front forwards requests to the program.
fn forward(finding: Finding, target: &Target, file: Option<&File>, response: &Response) -> Finding {
    match file {
        Some(file) if response.is_nginx() => finding.fix(nginx_fix(target, file)),
        _ => finding.look(shows(&Url::go_get(&target.path))),
    }
}

/// Returns what makes nginx forward a host's requests to the program.
fn nginx_fix(target: &Target, file: &File) -> String {
    let (host, flags) = (&target.host, &file.flags);
    let is_only = file.modules.iter().all(|module| module.host == *host);
    let name = if is_only {
        "govanityurls".to_owned()
    } else {
        format!("govanityurls-{host}")
    };
    format!(
        "nginx -T 2>/dev/null | grep -q 'upstream govanityurls' || govanityurls nginx -part http {flags} > /etc/nginx/conf.d/govanityurls.conf\n\
         govanityurls nginx -only {host} -part server {flags} > /etc/nginx/snippets/{name}.conf\n\
         include snippets/{name}.conf;    # in the server block of {host}, unless it is there\n{RELOAD_NGINX}"
    )
}

/// Reports a response without a tag whose status is not 200.
fn status(target: &Target, file: Option<&File>, url: &Url, response: &Response) -> Finding {
    let shown = response.shown_status();
    let finding = |why: &str| {
        let path = &target.path;
        Finding::fail(
            Step::Answer,
            Code::HttpStatus,
            format!("{shown} from {url}: {why}"),
        )
        .go(format!(
            "unrecognized import path \"{path}\": reading {url}: {shown}"
        ))
    };
    let text = response.text();
    let by_cloudflare = !response.header("cf-mitigated").is_empty();
    if matches!(response.status, 403 | 429 | 503)
        && (by_cloudflare || CHALLENGES.iter().any(|word| text.contains(word)))
    {
        let finding = finding("bot protection sent a challenge, which the go command cannot solve");
        let rule = "http.request.uri.query eq \"go-get=1\"    # the expression of a rule that skips the challenge";
        return if by_cloudflare {
            finding.fix(rule)
        } else {
            finding.look(shows(url))
        };
    }
    match response.status {
        404 if text.starts_with("no module at ") => not_served(&finding, target, file, response, &text),
        404 if response.is_file() || !response.is_nginx() => {
            finding(&format!("the path leads to no page of the program{}", other_program(response)))
                .look(shows(url))
        }
        404 => forward(
            finding("nginx does not forward this path to the program"),
            target,
            file,
            response,
        ),
        429 if response.retried => {
            finding("the server limits how fast it is asked").look(shows(url))
        }
        429 => {
            let mut finding = finding(
                "the server limits how fast it is asked, so verify cannot tell; try again with -jobs 1",
            );
            finding.status = Status::Skip;
            finding.go = None;
            finding
        }
        503 if response.is_nginx() => finding("the web server refuses the request, or limits how fast it is asked")
            .look("tail /var/log/nginx/error.log"),
        502..=504 => finding("the web server answers, but the program behind it does not").look(
            "systemctl status govanityurls; ss -ltnp | grep govanityurls    # if it runs, the web server must pass \
             requests on to this port",
        ),
        401 => finding("the page requires a password; the go command sends one only if the user has it in ~/.netrc")
            .look(shows(url)),
        300..=399 => finding("Go cannot follow this redirect").look(shows(url)),
        _ if response.is_nginx() => {
            finding("the web server refuses the request").look("tail /var/log/nginx/error.log")
        }
        _ => finding(&format!("the web server refuses the request{}", other_program(response)))
            .look(shows(url)),
    }
}

/// Reports a module that the program does not know. Its text says for which host it was asked.
fn not_served(
    finding: &impl Fn(&str) -> Finding,
    target: &Target,
    file: Option<&File>,
    response: &Response,
    text: &str,
) -> Finding {
    let asked = text.trim_start_matches("no module at ");
    let host = asked.split(['/', '\n']).next().unwrap_or_default();
    let path = &target.path;
    if file.is_none() {
        return finding(&format!("the site has no module {path}")).look(format!(
            "curl -s https://{}    # lists the modules, unless its owner turned that off",
            target.host
        ));
    }
    if host != target.host {
        let finding = finding(&format!("the program was asked for a module of {host}"));
        return if response.is_nginx() {
            finding.fix(forwards_host(&target.host))
        } else {
            finding.look(format!(
                "{}; the proxy in front must pass on the Host header",
                shows(&Url::go_get(path))
            ))
        };
    }
    let cache = response.cache();
    if !cache.is_empty() {
        return finding(&format!(
            "a cache says that the program does not serve {path}{cache}"
        ))
        .look(shows(&Url::go_get(path)));
    }
    finding(&format!(
        "the program does not serve {path}: it was not reloaded, or it reads another file"
    ))
    .fix(RELOAD)
}

/// Says that only one of the go command's user agents gets the page.
pub(super) fn filtered(target: &Target, response: &Response) -> Finding {
    let url = Url::go_get(&target.path);
    let shown = response.shown_status();
    let message = format!(
        "{shown} from {url} for Go 1.27 and later, but the right page for older go commands: \
         something filters by user agent"
    );
    Finding::fail(Step::Answer, Code::HttpStatus, message)
        .go(format!(
            "unrecognized import path \"{}\": reading {url}: {shown}",
            target.path
        ))
        .look(format!(
            "curl -si -A '{}' '{url}' | head    # the rule for this user agent has to go",
            super::client::NEW_AGENT
        ))
}

/// Reports a page that took long: the go command waits for it.
pub(super) fn slow(target: &Target, response: &Response) -> Finding {
    let seconds = response.took.as_secs();
    let url = Url::go_get(&target.path);
    let message = format!("{url} took {seconds} s; the go command waits, but users may not");
    Finding::warn(Step::Answer, Code::ConnectTimeout, message)
}

/// Checks the responses to a path below a module, one for each user agent of the go command.
/// `None` means that there was no response. `is_file` says whether the module's own page is a file.
pub(super) fn check_subpackage(
    target: &Target,
    file: Option<&File>,
    below: &str,
    is_file: bool,
    responses: &[(&str, Option<Response>)],
) -> Finding {
    let path = format!("{}{below}", target.path);
    let url = Url::go_get(&path);
    let mut wrong = Vec::new();
    for (agent, response) in responses {
        let Some(response) = response else {
            let why = format!("no answer from {url}");
            return Finding::skip(Step::Subpackage, why);
        };
        if response.status == 429 {
            let why = "the server limits how fast it is asked; try again with -jobs 1";
            return Finding::skip(Step::Subpackage, why);
        }
        let tags = response.head.go_imports();
        if !matches!(match_tag(&tags, &path), TagMatch::Tag(tag) if target.path.starts_with(&tag.prefix))
        {
            wrong.push((agent, response));
        }
    }
    let Some((agent, response)) = wrong.first() else {
        let message = "paths below the module have its tag, for old and new go commands";
        return Finding::pass(Step::Subpackage, message);
    };
    let shown = response.shown_status();
    if wrong.len() < responses.len() {
        let message = format!(
            "{shown} for {agent}, but the correct page for the other user agent of the go command: \
             something filters by user agent"
        );
        return Finding::fail(Step::Subpackage, Code::HttpStatus, message).look(format!(
            "curl -si -A '{agent}' '{url}' | head    # shows it"
        ));
    }
    let message = format!(
        "{url} does not have the module's tag ({shown}): modules below this one, and tools other \
         than the go command, need it"
    );
    let finding = Finding::warn(Step::Subpackage, Code::SubpackageMissing, message);
    if response.is_nginx() && is_file && response.status == 404 {
        return finding.fix(format!(
            "error_page 404 /404.html;    # in nginx, in the server block of {}\n{RELOAD_NGINX}",
            target.host
        ));
    }
    if matches!(response.status, 200 | 404) {
        return forward(finding, target, file, response);
    }
    finding.look(shows(&url))
}

#[cfg(test)]
pub(super) mod tests;
