//! What a page says, as `repoRootForImportDynamic` (cmd/go/internal/vcs) reads it.

use hyper::HeaderMap;

use super::redirects::{self, Url};
use super::{Code, Finding, Status, Step, Target};
use crate::tags::{GoImport, Head};

/// A response, as far as it was read.
#[derive(Debug, Clone, Default)]
pub(super) struct Response {
    pub(super) status: u16,
    /// What follows the number: `Not Found`.
    pub(super) reason: String,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
    /// Whether there was more than is worth reading.
    pub(super) cut: bool,
}

impl Response {
    pub(super) fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name);
        value
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    }

    /// The body in lower case, to look for words in it.
    fn text(&self) -> String {
        let start = &self.body[..self.body.len().min(64 << 10)];
        String::from_utf8_lossy(start).to_lowercase()
    }

    /// The title of the page, to tell which program it is of.
    fn title(&self) -> Option<String> {
        let start = &self.body[..self.body.len().min(64 << 10)];
        let text = String::from_utf8_lossy(start);
        let rest = text.split_once("<title>")?.1;
        let title = rest.split_once("</title>")?.0.split_whitespace();
        let title: Vec<_> = title.collect();
        (!title.is_empty()).then(|| title.join(" ").chars().take(60).collect())
    }
}

/// What the tags of a page mean for an import path.
#[derive(Debug, PartialEq, Eq)]
enum Meaning {
    /// The one tag that counts.
    Tag(GoImport),
    /// More than one does.
    Multiple,
    /// There are tags, for these other prefixes.
    Mismatch(Vec<String>),
    /// There is none.
    Missing,
}

/// `parseMetaGoImports` with `PreferMod`, and `matchGoImport`.
fn meaning(tags: &[GoImport], path: &str) -> Meaning {
    let is_mod = |tag: &&GoImport| tag.vcs == "mod";
    let mods: Vec<_> = tags.iter().filter(is_mod).collect();
    let rest = tags
        .iter()
        .filter(|tag| !is_mod(tag) && mods.iter().all(|other| other.prefix != tag.prefix));
    let all: Vec<_> = mods.iter().copied().chain(rest).collect();
    let fits = |tag: &&GoImport| has_path_prefix(path, &tag.prefix);
    let mut matching = all.iter().copied().filter(fits);
    match (matching.next(), matching.next()) {
        (None, _) if all.is_empty() => Meaning::Missing,
        (None, _) => Meaning::Mismatch(all.iter().map(|tag| tag.prefix.clone()).collect()),
        (Some(first), Some(second)) if is_mod(&first) == is_mod(&second) => Meaning::Multiple,
        (Some(first), _) => Meaning::Tag(first.clone()),
    }
}

fn has_path_prefix(path: &str, prefix: &str) -> bool {
    path.strip_prefix(prefix)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Judges the page of a module. `hops` are the URLs on the way to it. The last finding is that
/// of the page itself; where it passes, Go goes on to the repository.
pub(super) fn judge(target: &Target, hops: &[Url], response: &Response) -> Vec<Finding> {
    let finding = judge_page(target, response);
    let is_right = finding.status == Status::Pass || finding.code == Some(Code::TagDiffers);
    let last = hops
        .last()
        .filter(|last| hops.len() > 1 && !last.has_query());
    match last {
        Some(last) if !is_right => {
            let mut dropped = redirects::dropped(last, true);
            dropped.go = finding.go;
            vec![dropped]
        }
        _ => redirects::followed(hops)
            .filter(|_| is_right)
            .into_iter()
            .chain([finding])
            .collect(),
    }
}

fn judge_page(target: &Target, response: &Response) -> Finding {
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
        if response.cut {
            return fail(
                Code::TagMissing,
                format!("{url} has no tag in its first MiB, and no end of its head"),
            )
            .fix(rules(target));
        }
        return fail(
            Code::HtmlSyntax,
            format!(
                "the head of {url} is not what Go can read: {error}{}",
                is_other_program(response)
            ),
        )
        .go(says(format!("parsing {path}: {error}")))
        .fix(rules(target));
    }
    match meaning(&tags, path) {
        Meaning::Missing => {
            let text = response.text();
            let why = if text.contains("go-import") {
                "the go-import tag of the page is not in its head, or has not three or four fields"
                    .to_owned()
            } else {
                format!(
                    "the page has no go-import tag{}",
                    is_other_program(response)
                )
            };
            fail(Code::TagMissing, format!("{url}: {why}"))
                .go(says(format!("parse {url}: no go-import meta tags ()")))
                .fix(rules(target))
        }
        Meaning::Mismatch(prefixes) => {
            let go: Vec<_> = prefixes
                .iter()
                .map(|prefix| format!("meta tag {prefix} did not match import path {path}"))
                .collect();
            let message = format!(
                "the tag at {url} is for {}: the program behind it has another host or file",
                prefixes.join(", ")
            );
            fail(Code::TagPrefixMismatch, message)
                .go(says(format!(
                    "parse {url}: no go-import meta tags ({})",
                    go.join(", ")
                )))
                .fix(format!(
                    "GOVANITYURLS_HOST={}    # where the service is started, then restart it",
                    target.host
                ))
        }
        Meaning::Multiple => fail(
            Code::TagMultiple,
            format!("{url} has more than one go-import tag for {path}; two programs add one each"),
        )
        .go(format!("multiple meta tags match import path \"{path}\""))
        .fix(format!(
            "curl -s '{url}' | grep go-import    # keep the one for {}",
            target.repo
        )),
        Meaning::Tag(tag) => {
            let expected = target.tags();
            let mut found: Vec<_> = tags
                .iter()
                .filter(|tag| has_path_prefix(path, &tag.prefix))
                .cloned()
                .collect();
            found.sort();
            found.dedup();
            if found == expected {
                return Finding::pass(Step::Answer, after_prefix(&tag));
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
                    "the tag says {}{age}, the file says {}: the program was not reloaded, reads \
                     another file, or a cache has the old page",
                    of(&found),
                    of(&expected)
                ),
            )
            .fix("systemctl reload govanityurls")
        }
    }
}

fn after_prefix(tag: &GoImport) -> String {
    let text = tag.to_string();
    text[tag.prefix.len()..].trim_start().to_owned()
}

/// Names the page that came instead.
fn is_other_program(response: &Response) -> String {
    match response.title() {
        Some(title) => format!("; another program answered, whose page is called \"{title}\""),
        None => "; another program answered".to_owned(),
    }
}

/// The commands that make nginx pass requests on.
fn rules(target: &Target) -> String {
    format!(
        "govanityurls nginx -host {}    # prints the rules; then:\nnginx -t && systemctl reload nginx",
        target.host
    )
}

/// Reports a status other than 200, without a tag.
fn status(target: &Target, url: &Url, response: &Response) -> Finding {
    let shown = format!("{} {}", response.status, response.reason);
    let shown = shown.trim();
    let text = response.text();
    let is_wall = matches!(response.status, 403 | 429 | 503)
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
            "nginx answers, the program behind it does not".to_owned(),
            "systemctl restart govanityurls && journalctl -u govanityurls -n 20".to_owned(),
        ),
        _ if is_wall => (
            "a bot wall answered with a challenge, which the go command cannot solve".to_owned(),
            "http.request.uri.query eq \"go-get=1\"    # the condition of a rule that lets it pass"
                .to_owned(),
        ),
        404 if text.starts_with("no module") => (
            format!(
                "the program answers, but does not serve {}: it was not reloaded, or reads another file",
                target.path
            ),
            "systemctl reload govanityurls".to_owned(),
        ),
        404 => (
            "nginx does not pass this path on to the program".to_owned(),
            rules(target),
        ),
        401 => (
            "the page wants a password, which the go command has not".to_owned(),
            "auth_basic off;    # in nginx, in the location of the module".to_owned(),
        ),
        300..=399 => (
            "a redirect to nowhere".to_owned(),
            format!("curl -si '{url}' | head    # shows it"),
        ),
        _ => (
            "the web server refuses it".to_owned(),
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

/// Judges what a path below a module gives to each of the user agents of the go command; none
/// where no response came.
pub(super) fn judge_subpackage(
    target: &Target,
    below: &str,
    responses: &[(&str, Option<Response>)],
) -> Finding {
    let path = format!("{}{below}", target.path);
    let is_right = |response: &Option<Response>| {
        response.as_ref().is_some_and(|response| {
            let tags = Head::parse(&response.body).go_imports();
            matches!(meaning(&tags, &path), Meaning::Tag(tag) if tag.prefix == target.path)
        })
    };
    let status = |response: &Option<Response>| match response {
        Some(response) => format!("{} {}", response.status, response.reason),
        None => "no answer".to_owned(),
    };
    let wrong: Vec<_> = responses
        .iter()
        .filter(|(_, response)| !is_right(response))
        .collect();
    match wrong[..] {
        [] => Finding::pass(
            Step::Subpackage,
            "found below the module, by old and new go commands",
        ),
        [(agent, response)] if responses.len() > 1 => {
            let shown = status(response);
            Finding::fail(
                Step::Subpackage,
                Code::HttpStatus,
                format!(
                    "{shown} for {agent}, and the right answer for the other user agent of the go \
                     command: something filters by it"
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
                "{} has no tag of the module ({}): tools other than the go command, and modules \
                 below this one, do not find it",
                Url::go_get(&path),
                status(response)
            ),
        )
        .fix(rules(target)),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::module::Vcs;

    pub(in crate::verify) fn target() -> Target {
        Target {
            host: "a.example".into(),
            path: "a.example/m".into(),
            pattern: false,
            below: String::new(),
            owns_subpackages: true,
            vcs: Vcs::Git,
            repo: "https://h.example/m".into(),
            subdir: String::new(),
            proxy: String::new(),
        }
    }

    fn page(status: u16, body: &str) -> Response {
        Response {
            status,
            reason: "Reason".into(),
            body: body.into(),
            ..Response::default()
        }
    }

    fn tag(content: &str) -> String {
        format!("<meta name=\"go-import\" content=\"{content}\">")
    }

    const RIGHT: &str = "a.example/m git https://h.example/m";

    #[test]
    fn every_fault_has_its_code() {
        let right = tag(RIGHT);
        for (status, body, code) in [
            (200, right.clone(), None),
            // Go takes the tag of a 404, too.
            (404, right.clone(), None),
            (
                502,
                "<html>Bad Gateway</html>".into(),
                Some(Code::HttpStatus),
            ),
            (
                200,
                "<html><title>Blog</title></html>".into(),
                Some(Code::TagMissing),
            ),
            (200, format!("<body>{right}"), Some(Code::TagMissing)),
            (
                200,
                format!("<script>a < b</script>{right}"),
                Some(Code::HtmlSyntax),
            ),
            (
                500,
                format!("<script>a < b</script>{right}"),
                Some(Code::HttpStatus),
            ),
            (
                200,
                format!("{right}{}", tag("a.example git https://h.example/x")),
                Some(Code::TagMultiple),
            ),
            (
                200,
                tag("b.example/m git https://h.example/m"),
                Some(Code::TagPrefixMismatch),
            ),
            (
                200,
                tag("a.example/mm git https://h.example/m"),
                Some(Code::TagPrefixMismatch),
            ),
            (
                200,
                tag("a.example git https://h.example/m"),
                Some(Code::TagDiffers),
            ),
            (
                200,
                tag("a.example/m git https://h.example/other"),
                Some(Code::TagDiffers),
            ),
            (
                200,
                tag("a.example/m hg https://h.example/m"),
                Some(Code::TagDiffers),
            ),
            (200, tag(&format!("{RIGHT} sub")), Some(Code::TagDiffers)),
            (
                200,
                format!("{right}{}", tag("a.example/m mod https://p.example")),
                Some(Code::TagDiffers),
            ),
        ] {
            let found = judge(&target(), &[], &page(status, &body));
            assert_eq!(found.last().unwrap().code, code, "{status} {body}");
        }
    }

    #[test]
    fn a_status_tells_its_cause() {
        let said = |status, body| status_of(status, body).message;
        fn status_of(status: u16, body: &str) -> Finding {
            judge_page(&target(), &page(status, body))
        }
        assert!(said(502, "").contains("the program behind it does not"));
        assert!(said(403, "Just a moment...").contains("bot wall"));
        assert!(said(403, "Forbidden").contains("refuses"));
        assert!(said(404, "no module at a.example/m\n").contains("not reloaded"));
        assert!(said(404, "<h1>Not Found</h1>").contains("nginx does not pass"));
        let go = status_of(404, "").go.unwrap();
        assert_eq!(
            go,
            "unrecognized import path \"a.example/m\": reading https://a.example/m?go-get=1: 404 Reason"
        );
    }

    #[test]
    fn a_redirect_that_lost_the_query_is_the_cause() {
        let hops = [
            Url::go_get("a.example/m"),
            Url::parse("https://www.a.example/m").unwrap(),
        ];
        let codes = |body: &str| {
            let found = judge(&target(), &hops, &page(200, body));
            let codes: Vec<_> = found.iter().map(|f| (f.status, f.code)).collect();
            codes
        };
        let dropped = Some(Code::RedirectDropsQuery);
        assert_eq!(codes("<p>"), [(Status::Fail, dropped)]);
        assert_eq!(
            codes(&tag(RIGHT)),
            [(Status::Warn, dropped), (Status::Pass, None)]
        );
    }

    #[test]
    fn mod_tags_come_first() {
        let parse = |text| GoImport::parse(text).unwrap();
        let git = parse(RIGHT);
        let proxy = parse("a.example/m mod https://p.example");
        let above = parse("a.example mod https://p.example");
        let path = "a.example/m";
        assert_eq!(
            meaning(&[git.clone(), proxy.clone()], path),
            Meaning::Tag(proxy)
        );
        assert_eq!(
            meaning(&[git.clone(), above.clone()], path),
            Meaning::Tag(above)
        );
        assert_eq!(meaning(&[git.clone(), git], path), Meaning::Multiple);
    }

    #[test]
    fn a_subpackage_needs_the_modules_tag_for_both_user_agents() {
        let right = Some(page(200, &tag(RIGHT)));
        let missing = Some(page(404, ""));
        let code = |a: &Option<Response>, b: &Option<Response>| {
            let responses = [("new", a.clone()), ("old", b.clone())];
            let found = judge_subpackage(&target(), "/x", &responses);
            (found.status, found.code)
        };
        assert_eq!(code(&right, &right), (Status::Pass, None));
        assert_eq!(
            code(&right, &missing),
            (Status::Fail, Some(Code::HttpStatus))
        );
        assert_eq!(code(&None, &right), (Status::Fail, Some(Code::HttpStatus)));
        assert_eq!(
            code(&missing, &missing),
            (Status::Warn, Some(Code::SubpackageMissing))
        );
    }
}
