//! Random sites: redirects, pages and statuses of every form.

use std::io::Write as _;

use super::Module;
use super::random::Random;
use super::server::{Framing, REFUSING_HOST, Reply, UNKNOWN_HOST};

/// What a module's host answers.
#[derive(Debug, Clone)]
pub struct Site {
    /// The response to any path from the module's own on.
    pub page: Reply,
    /// Other responses, by host and target.
    pub exact: Vec<(String, Reply)>,
}

/// Pages, with TAG for the right tag, CONTENT for what it says, and PATH, HOST, REPO for its parts.
const PAGES: &[(&str, &str)] = &[
    (
        "doctype",
        "<!DOCTYPE html><html><head>TAG</head><body></body></html>",
    ),
    (
        "lower-case doctype",
        "<!doctype html>\n<title>x</title>\nTAG\n",
    ),
    ("no head", "TAG"),
    ("an open tag", "<html><head><p>TAG"),
    ("body first", "<html><body>TAG</body></html>"),
    ("after the head", "<html><head></head>TAG</html>"),
    ("after an upper-case head", "<HTML><HEAD></HEAD>TAG</HTML>"),
    ("upper-case body", "<HTML><BODY>TAG"),
    ("no tag", "<html><head><title>Blog</title></head></html>"),
    ("nothing", ""),
    ("text", "hello"),
    ("in a comment", "<!-- TAG --><html></html>"),
    ("an open comment", "<!-- <html>TAG"),
    ("two hyphens in a comment", "<!-- a -- b -->TAG"),
    ("in noscript", "<noscript>TAG</noscript>"),
    ("script with <", "<script>if (a < b) {}</script>TAG"),
    ("script with &&", "<script>a && b</script>TAG"),
    ("script with </", "<script>x = '</b>'</script>TAG"),
    ("style", "<style>a > b { content: \"<\" }</style>TAG"),
    ("bad end tag", "<a></b>TAG"),
    ("end tag only", "</p>TAG"),
    ("entity", "<title>a &nbsp; b</title>TAG"),
    ("ampersand", "<title>a & b</title>TAG"),
    ("unknown entity", "<title>&nothing;</title>TAG"),
    ("ampersand in an attribute", "<link href=\"/x?a=1&b=2\">TAG"),
    ("attribute without quotes", "<meta charset=utf-8>TAG"),
    (
        "attribute without a value",
        "<script async src=\"x\"></script>TAG",
    ),
    ("void element", "<br><link rel=x>TAG"),
    (
        "numeric character reference",
        "<title>&#65; &#x42;</title>TAG",
    ),
    ("bad numeric reference", "<title>&#x;</title>TAG"),
    ("less-than in text", "<title>1 < 2</title>TAG"),
    ("less-than at the end", "TAG <"),
    (
        "XML declaration",
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>TAG",
    ),
    (
        "XML declaration of Latin-1",
        "<?xml version=\"1.0\" encoding=\"iso-8859-1\"?>TAG",
    ),
    (
        "XML declaration of ASCII",
        "<?xml version=\"1.0\" encoding=\"US-ASCII\"?>TAG",
    ),
    ("XML 1.1", "<?xml version=\"1.1\"?>TAG"),
    ("processing instruction", "<?php echo 1 ?>TAG"),
    ("CDATA", "<![CDATA[ x ]]>TAG"),
    ("byte order mark", "\u{feff}<html>TAG"),
    ("control character", "<title>\u{1}</title>TAG"),
    (
        "replacement character",
        "<title>\u{fffd}\u{fffe}</title>TAG",
    ),
    ("namespace", "<svg:x xmlns:svg=\"y\"/>TAG"),
    ("colon in a name", "<a:b:c>TAG"),
    ("name begins with a digit", "<1>TAG"),
    ("conditional comment", "<!--[if IE]><p><![endif]-->TAG"),
    (
        "declaration with quotes",
        "<!DOCTYPE html PUBLIC \"-//W3C//DTD\" \"http://x\">TAG",
    ),
    ("nested declaration", "<!DOCTYPE x [<!ENTITY a \"b\">]>TAG"),
    ("bad attribute", "<a ='x'>TAG"),
    ("attribute twice", "<a x=\"1\" x=\"2\">TAG"),
    ("unfinished attribute", "<a x=\"1>TAG"),
    ("space before the name", "< meta>TAG"),
    ("slash in a tag", "<br / >TAG"),
    ("single quotes", "<meta name='go-import' content='CONTENT'>"),
    (
        "upper-case name",
        "<META NAME=\"go-import\" CONTENT=\"CONTENT\">",
    ),
    (
        "upper-case value",
        "<meta name=\"GO-IMPORT\" content=\"CONTENT\">",
    ),
    (
        "space in the value",
        "<meta name=\" go-import\" content=\"CONTENT\">",
    ),
    (
        "self-closed",
        "<meta name=\"go-import\" content=\"CONTENT\"/>",
    ),
    (
        "property",
        "<meta property=\"go-import\" content=\"CONTENT\">",
    ),
    (
        "content first",
        "<meta content=\"CONTENT\" name=\"go-import\">",
    ),
    (
        "name twice",
        "<meta name=\"x\" name=\"go-import\" content=\"CONTENT\">",
    ),
    ("no content", "<meta name=\"go-import\">"),
    (
        "namespace of the tag",
        "<x:meta name=\"go-import\" content=\"CONTENT\">",
    ),
    (
        "white space",
        "<meta name=\"go-import\" content=\" PATH \n\tgit  REPO \">",
    ),
    (
        "no-break space",
        "<meta name=\"go-import\" content=\"PATH\u{a0}git\u{a0}REPO\">",
    ),
    (
        "two fields",
        "<meta name=\"go-import\" content=\"PATH git\">",
    ),
    (
        "five fields",
        "<meta name=\"go-import\" content=\"PATH git REPO . x\">",
    ),
    (
        "subdirectory .",
        "<meta name=\"go-import\" content=\"PATH git REPO .\">",
    ),
    (
        "subdirectory /",
        "<meta name=\"go-import\" content=\"PATH git REPO /\">",
    ),
    (
        "subdirectory ..",
        "<meta name=\"go-import\" content=\"PATH git REPO ../x\">",
    ),
    (
        "entity in the tag",
        "<meta name=\"go-import\" content=\"PATH git https:&#x2f;/git.example/REPONAME\">",
    ),
    ("the tag twice", "TAG TAG"),
    (
        "another after it",
        "TAG <meta name=\"go-import\" content=\"PATH hg REPO\">",
    ),
    (
        "another repository",
        "TAG <meta name=\"go-import\" content=\"PATH git https://git.example/other.git\">",
    ),
    (
        "another module's",
        "TAG <meta name=\"go-import\" content=\"HOST/other git https://git.example/other.git\">",
    ),
    (
        "one below",
        "TAG <meta name=\"go-import\" content=\"PATH/below git REPO\">",
    ),
    (
        "one above",
        "<meta name=\"go-import\" content=\"HOST git REPO\">TAG",
    ),
    (
        "only one above",
        "<meta name=\"go-import\" content=\"HOST git REPO\">",
    ),
    (
        "only one below",
        "<meta name=\"go-import\" content=\"PATH/below git REPO\">",
    ),
    (
        "another host",
        "<meta name=\"go-import\" content=\"www.PATH git REPO\">",
    ),
    (
        "a longer name",
        "<meta name=\"go-import\" content=\"PATHx git REPO\">",
    ),
    (
        "upper-case path",
        "<meta name=\"go-import\" content=\"UPPER git REPO\">",
    ),
    (
        "empty prefix",
        "<meta name=\"go-import\" content=\" git REPO\">",
    ),
    (
        "a slash at the end",
        "<meta name=\"go-import\" content=\"PATH/ git REPO\">",
    ),
    (
        "unknown system",
        "<meta name=\"go-import\" content=\"PATH cvs REPO\">",
    ),
    (
        "upper-case system",
        "<meta name=\"go-import\" content=\"PATH GIT REPO\">",
    ),
    ("svn", "<meta name=\"go-import\" content=\"PATH svn REPO\">"),
    ("bzr", "<meta name=\"go-import\" content=\"PATH bzr REPO\">"),
    (
        "fossil",
        "<meta name=\"go-import\" content=\"PATH fossil REPO\">",
    ),
    (
        "no scheme",
        "<meta name=\"go-import\" content=\"PATH git git.example/REPONAME\">",
    ),
    (
        "file scheme",
        "<meta name=\"go-import\" content=\"PATH git file:///REPONAME\">",
    ),
    (
        "bad URL",
        "<meta name=\"go-import\" content=\"PATH git https://git.example:x/REPONAME\">",
    ),
    (
        "scp-like",
        "<meta name=\"go-import\" content=\"PATH git git@git.example:REPONAME\">",
    ),
    (
        "an option as a URL",
        "<meta name=\"go-import\" content=\"PATH git -x://y\">",
    ),
    (
        "plain http repository",
        "<meta name=\"go-import\" content=\"PATH git http://git.example/REPONAME\">",
    ),
    (
        "a slash after the repository",
        "<meta name=\"go-import\" content=\"PATH git REPO/\">",
    ),
    (
        "no .git",
        "<meta name=\"go-import\" content=\"PATH git https://git.example/STEM\">",
    ),
    (
        "no repository",
        "<meta name=\"go-import\" content=\"PATH git https://git.example/gone.git\">",
    ),
    (
        "refused",
        "<meta name=\"go-import\" content=\"PATH git https://refusing.example/x.git\">",
    ),
    (
        "no host",
        "<meta name=\"go-import\" content=\"PATH git https://unknown.example/x.git\">",
    ),
    (
        "broken proxy",
        "TAG <meta name=\"go-import\" content=\"PATH mod https://proxy.example/gone\">",
    ),
    (
        "proxy of a module below",
        "TAG <meta name=\"go-import\" content=\"PATH/x mod https://proxy.example/gone\">",
    ),
    (
        "proxy of the host",
        "TAG <meta name=\"go-import\" content=\"HOST mod https://proxy.example/gone\">",
    ),
    (
        "two proxies",
        "TAG <meta name=\"go-import\" content=\"PATH mod https://proxy.example/a\"><meta name=\"go-import\" content=\"PATH mod https://proxy.example/b\">",
    ),
    (
        "refresh",
        "TAG<meta http-equiv=\"refresh\" content=\"0; url=https://example.com/\">",
    ),
    (
        "go-source",
        "<meta name=\"go-source\" content=\"PATH REPO a b\">TAG",
    ),
];

const STATUSES: &[&str] = &[
    "200 OK",
    "200",
    "201 Created",
    "203 Non-Authoritative Information",
    "300 Multiple Choices",
    "301 Moved Permanently",
    "305 Use Proxy",
    "306 Unused",
    "400 Bad Request",
    "401 Unauthorized",
    "403 Forbidden",
    "404 Not Found",
    "406 Not Acceptable",
    "410 Gone",
    "418 I'm a teapot",
    "429 Too Many Requests",
    "451 Unavailable For Legal Reasons",
    "500 Internal Server Error",
    "502 Bad Gateway",
    "503 Service Unavailable",
    "504 Gateway Timeout",
    "999 Denied",
];

/// Values of `Location`, with HOST for the module's host.
const LOCATIONS: &[&str] = &[
    "/t?go-get=1",
    "t?go-get=1",
    "../t?go-get=1",
    "./t",
    "../../../t",
    "a/../b/./c",
    "?x",
    "#x",
    "/t#x",
    "",
    " /t",
    "//HOST/t?go-get=1",
    "///t",
    "HTTPS://HOST/t",
    "https://HOST:443/t",
    "https://HOST:/t",
    "https://HOST",
    "https://HOST?x",
    "https://oHOST/t?go-get=1",
    "https://user:secret@HOST/t",
    "https://us%20er@HOST/t",
    "https://us er@HOST/t",
    "/a b",
    "/caf\u{e9}",
    "/%zz",
    "/t?%zz",
    "/a%2fb",
    "/a%20b",
    "/a\"b",
    "/a<b>",
    "/a|b^c`d{e}",
    "/a\\b",
    "\\\\HOST\\t",
    "/t?a=b c",
    "/t?a=\u{e9}",
    "/a:b",
    "a:b",
    "./a:b",
    ":b",
    "https:/t",
    "https:t",
    "https:///t",
    "https://",
    "https://HOST:x/t",
    "https://HOST:99999/t",
    "https://HOST:9/t",
    "https://[::1/t",
    "https://[::1]:9/t",
    "https://HO ST/t",
    "https://H%41ST/t",
    "https://UPPER/t",
    "http://HOST/t?go-get=1",
    "HTTP://HOST/t",
    "http:/t",
    "ftp://HOST/t",
    "mailto:x@HOST",
    "javascript:alert(1)",
    "1a://x",
    "https://refusing.example/t",
    "https://unknown.example/t",
    "https://HOST./t",
    "*",
    "/\u{7f}",
    "/\tt",
];

/// Draws a site for a module. `labels` get what is odd about it.
pub fn draw(random: &mut Random, module: &Module, labels: &mut Vec<String>) -> Site {
    let mut site = Site {
        page: right(module),
        exact: Vec::new(),
    };
    match random.below(100) {
        0..40 => {
            let (name, text) = random.pick(PAGES);
            labels.push(format!("page: {name}"));
            site.page.body = fill(module, text).into_bytes();
        }
        40..60 => {
            let location = random.pick(LOCATIONS).replace("HOST", &module.host);
            let location = location.replace("UPPER", &module.host.to_uppercase());
            let status =
                random.pick(&["301 Moved", "302 Found", "303 See Other", "307 T", "308 P"]);
            labels.push(format!("location: {status} {location:?}"));
            site.exact
                .push((asked(module), Reply::redirect(status, &location)));
        }
        60..70 => {
            let count = random.below(13);
            labels.push(format!("redirects: {count}"));
            let mut from = asked(module);
            for index in 0..count {
                let query = if random.percent(80) { "?go-get=1" } else { "" };
                let to = format!("/hop{index}{query}");
                let status = random.pick(&["301 Moved", "302 Found", "307 Temporary"]);
                site.exact.push((from, Reply::redirect(status, &to)));
                from = format!("{}{to}", module.host);
            }
        }
        70..74 => {
            labels.push("a loop".to_owned());
            let target = &asked(module)[module.host.len()..];
            let page = format!("{}/back", module.host);
            site.exact
                .push((asked(module), Reply::redirect("302 Found", "/back")));
            site.exact
                .push((page, Reply::redirect("302 Found", target)));
            // Go does not remember where it was: the second time is as good as the first.
        }
        74..86 => {
            let status = *random.pick(STATUSES);
            let has_tag = random.percent(50);
            labels.push(format!("status: {status}, tag: {has_tag}"));
            site.page.status = status.to_owned();
            if !has_tag {
                site.page.body = b"<html><head><title>No</title></head></html>".to_vec();
            }
        }
        86..88 => {
            let to = random.pick(&[REFUSING_HOST, UNKNOWN_HOST, "nothing.site.example"]);
            labels.push(format!("redirect to {to}"));
            let location = format!("https://{to}{}", &asked(module)[module.host.len()..]);
            site.exact
                .push((asked(module), Reply::redirect("302 Found", &location)));
        }
        _ => transfer(random, module, &mut site, labels),
    }
    site
}

/// Draws how the response is sent.
fn transfer(random: &mut Random, module: &Module, site: &mut Site, labels: &mut Vec<String>) {
    let page = &mut site.page;
    let tag = String::from_utf8(right(module).body).unwrap();
    let name = match random.below(15) {
        0 => {
            page.framing = Framing::Chunked;
            "chunked"
        }
        1 => {
            page.framing = Framing::Close;
            "until the connection closes"
        }
        2 => {
            page.framing = Framing::Short;
            "cut short"
        }
        3 => {
            page.body = gzip(&page.body);
            page.headers.push("Content-Encoding: gzip".to_owned());
            "gzip"
        }
        4 => {
            page.headers.push("Content-Encoding: gzip".to_owned());
            "not gzip"
        }
        5 => {
            page.headers.push("Content-Encoding: br".to_owned());
            "said to be Brotli"
        }
        6 => {
            let comment = "x".repeat(3 << 20);
            page.body = format!("<!-- {comment} -->{tag}").into_bytes();
            "3 MiB before the tag"
        }
        7 => {
            page.body.extend("<p>".repeat(2 << 20).bytes());
            "6 MiB after the tag"
        }
        8 => {
            let lines = (0..400).map(|n| format!("X-{n}: {}", "y".repeat(1000)));
            page.headers.extend(lines);
            "400 kB of headers"
        }
        9 => {
            page.headers.extend((0..1500).map(|n| format!("X-{n}: y")));
            "1500 headers"
        }
        10 => {
            page.headers[0] = "Content-Type: text/plain".to_owned();
            "text/plain"
        }
        11 => {
            page.headers[0] = "Content-Type: text/html; charset=iso-8859-1".to_owned();
            page.body.splice(0..0, *b"<title>\xe9</title>");
            "Latin-1"
        }
        12 => {
            page.headers.push("no colon here".to_owned());
            "a header without a colon"
        }
        13 => {
            page.headers.push("X Y: z".to_owned());
            "a space in a header's name"
        }
        _ => {
            let length = page.body.len();
            page.headers.push(format!("Content-Length: {length}"));
            "two lengths"
        }
    };
    labels.push(format!("transfer: {name}"));
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// Returns the page that the file describes.
pub fn right(module: &Module) -> Reply {
    Reply::page(fill(
        module,
        "<!DOCTYPE html><html><head>TAG</head><body>x</body></html>",
    ))
}

/// Returns the host and target of the request for a module's page.
fn asked(module: &Module) -> String {
    let slash = if module.path.contains('/') { "" } else { "/" };
    format!("{}{slash}?go-get=1", module.path)
}

fn fill(module: &Module, text: &str) -> String {
    let mut tag = "<meta name=\"go-import\" content=\"CONTENT\">".to_owned();
    if !module.proxy.is_empty() {
        tag = format!(
            "<meta name=\"go-import\" content=\"PATH mod {}\">{tag}",
            module.proxy
        );
    }
    let mut content = format!("PATH {} REPO", module.vcs);
    if !module.subdir.is_empty() {
        content = format!("{content} {}", module.subdir);
    }
    let name = module.repo.rsplit('/').next().unwrap_or_default();
    text.replace("TAG", &tag)
        .replace("CONTENT", &content)
        .replace("REPONAME", name)
        .replace("REPO", &module.repo)
        .replace("STEM", name.trim_end_matches(".git"))
        .replace("UPPER", &module.path.to_uppercase())
        .replace("PATH", &module.path)
        .replace("HOST", &module.host)
}
