//! Every row of the HTTP contract's answers, over real sockets.

use std::io::{Read as _, Write as _};

use crate::support::{Response, SEED, Server};

const HTML: &str = "text/html; charset=utf-8";
const TEXT: &str = "text/plain; charset=utf-8";
const MISS: &str = "public, max-age=60";

/// Start of a module page's head, before the part that only browsers read.
fn head(page: &Response) -> Vec<&str> {
    let (_, head) = page.body.split_once("<head>\n").unwrap();
    let (tags, _) = head.split_once("<meta name=\"viewport\"").unwrap();
    tags.lines().collect()
}

/// Sends bytes on one connection and reads until the server closes it.
fn exchange(server: &Server, bytes: &[u8]) -> Vec<u8> {
    let mut stream = server.connect();
    stream.write_all(bytes).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    answer
}

/// Splits a connection's bytes into responses; `heads` are responses to HEAD.
fn responses(mut bytes: &[u8], heads: &[usize]) -> Vec<Response> {
    let mut all = Vec::new();
    while !bytes.is_empty() {
        let end = bytes.windows(4).position(|w| w == b"\r\n\r\n").unwrap() + 4;
        let mut response = Response::parse(&bytes[..end]);
        let mut length = response
            .header("content-length")
            .map_or(0, |length| length.parse().unwrap());
        if heads.contains(&all.len()) || response.status == 304 {
            length = 0;
        }
        response.body = String::from_utf8(bytes[end..end + length].to_vec()).unwrap();
        bytes = &bytes[end + length..];
        all.push(response);
    }
    all
}

fn assert_common_headers(response: &Response) {
    let header = |name| response.header(name).unwrap_or_else(|| panic!("no {name}"));
    assert_eq!(header("content-length"), response.body.len().to_string());
    assert_eq!(header("x-content-type-options"), "nosniff");
    assert_eq!(header("referrer-policy"), "no-referrer");
    let policy = header("content-security-policy");
    assert!(
        policy.starts_with("default-src 'none'; style-src 'sha256-"),
        "{policy}"
    );
    assert!(!policy.contains("unsafe"), "{policy}");
}

#[test]
fn serves_a_module_and_its_subpaths() {
    let server = Server::start(SEED);
    for (target, docs) in [
        ("/gowechat", "tonybai.com/gowechat"),
        ("/gowechat/", "tonybai.com/gowechat"),
        ("/gowechat?go-get=1", "tonybai.com/gowechat"),
        ("/gowechat/mp", "tonybai.com/gowechat/mp"),
        ("/gowechat/mp/?go-get=1", "tonybai.com/gowechat/mp"),
        ("/gowech%61t/a+b/v2", "tonybai.com/gowechat/a+b/v2"),
    ] {
        let page = server.get(target);
        assert_eq!(page.status, 200, "{target}");
        assert_eq!(page.header("content-type"), Some(HTML));
        assert_eq!(page.header("cache-control"), Some("public, max-age=86400"));
        assert_common_headers(&page);
        let tag = page.header("etag").unwrap();
        assert!(
            tag.starts_with('"') && tag.ends_with('"') && tag.len() > 2,
            "{tag}"
        );
        let refresh =
            format!(r#"<meta http-equiv="refresh" content="0; url=https://pkg.go.dev/{docs}">"#);
        assert_eq!(
            head(&page),
            [
                r#"<meta charset="utf-8">"#,
                r#"<meta name="go-import" content="tonybai.com/gowechat git https://github.com/bigwhite/gowechat">"#,
                r#"<meta name="go-source" content="tonybai.com/gowechat https://github.com/bigwhite/gowechat https://github.com/bigwhite/gowechat/tree/HEAD{/dir} https://github.com/bigwhite/gowechat/blob/HEAD{/dir}/{file}#L{line}">"#,
                &refresh,
            ]
        );
        assert!(
            page.body.contains(&format!("go get {docs}<")),
            "{}",
            page.body
        );
    }
    let body = server.get("/x/experiments/a").body;
    assert!(body.contains(
        r#"content="tonybai.com/x/experiments git https://github.com/bigwhite/experiments""#
    ));
    assert_eq!(server.get("/gowechatx").status, 404);
    // The same page for every client: no byte depends on the client.
    assert_eq!(
        server.get("/gowechat").body,
        server.get("/gowechat?go-get=1").body
    );
}

#[test]
fn lists_are_for_browsers() {
    let server = Server::start(&format!("{SEED}  description: \"Tries & <errors>\"\n"));
    for (target, present, absent) in [
        (
            "/",
            &[
                "href=\"/gowechat\"",
                "href=\"/x/experiments\"",
                "Tries &#38; &#60;errors&#62;",
            ] as &[_],
            "go-import",
        ),
        ("/x", &["href=\"/x/experiments\""], "gowechat"),
        ("/x/", &["href=\"/x/experiments\""], "gowechat"),
        // Not what the go command adds.
        ("/x?go-get=0", &["href=\"/x/experiments\""], "gowechat"),
        ("/x?go-get", &["href=\"/x/experiments\""], "gowechat"),
        ("/x?xgo-get=1", &["href=\"/x/experiments\""], "gowechat"),
    ] {
        let list = server.get(target);
        assert_eq!(list.status, 200, "{target}");
        assert_eq!(list.header("content-type"), Some(HTML));
        assert_common_headers(&list);
        assert!(list.header("etag").is_some());
        for text in present {
            assert!(
                list.body.contains(text),
                "{target}: no {text} in {}",
                list.body
            );
        }
        assert!(
            !list.body.contains(absent),
            "{target}: {absent} in {}",
            list.body
        );
        let separator = if target.contains('?') { '&' } else { '?' };
        let miss = server.get(&format!("{target}{separator}go-get=1"));
        assert_eq!(miss.status, 404, "{target}");
    }
    assert!(
        server
            .get("/x/experiments")
            .body
            .contains("<p dir=\"auto\">Tries &#38; &#60;errors&#62;</p>")
    );
}

#[test]
fn missing_path_gets_404() {
    let server = Server::start(SEED);
    let page = server.get("/gowechatt/mp");
    assert_eq!(page.status, 404);
    assert_eq!(page.header("content-type"), Some(HTML));
    assert_eq!(page.header("cache-control"), Some(MISS));
    assert_common_headers(&page);
    assert!(page.body.contains("href=\"/gowechat\""), "{}", page.body);
    assert!(!page.body.contains("go-import"));
    for (target, line) in [
        (
            "/gowechatt",
            "no module at tonybai.com/gowechatt; did you mean tonybai.com/gowechat?",
        ),
        (
            "/experiments",
            "no module at tonybai.com/experiments; did you mean tonybai.com/x/experiments?",
        ),
        ("/x", "no module at tonybai.com/x, only below it"),
        ("/", "no module at tonybai.com, only below it"),
        (
            "/nothing/like/it",
            "no module at tonybai.com/nothing/like/it",
        ),
        ("/a//b", "no module of tonybai.com has such a path"),
    ] {
        for query in ["go-get=1", "a=b&go-get=1", "go-get=1&a=b", "&&go-get=1&"] {
            let miss = server.get(&format!("{target}?{query}"));
            assert_eq!(miss.status, 404);
            assert_eq!(miss.header("content-type"), Some(TEXT));
            assert_eq!(miss.header("cache-control"), Some(MISS));
            assert_common_headers(&miss);
            assert_eq!(miss.body, format!("{line}\n"));
            // The go command prints at most eight lines of 81 bytes.
            assert!(miss.body.lines().count() <= 8);
            assert!(
                miss.body.lines().all(|line| line.len() < 81),
                "{}",
                miss.body
            );
        }
    }
    // A long path does not make the response long.
    let miss = server.get(&format!("/{}?go-get=1", "a".repeat(2000)));
    assert!(miss.body.len() < 200, "{}", miss.body);
}

#[test]
fn other_methods_are_not_allowed() {
    let server = Server::start(SEED);
    for method in [
        "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "BREW", "get",
    ] {
        for target in ["/gowechat", "/none"] {
            let response = server.request(method, target, &[]);
            assert_eq!(response.status, 405, "{method} {target}");
            assert_eq!(response.header("allow"), Some("GET, HEAD"));
            assert_eq!(response.header("cache-control"), Some("no-store"));
            assert_common_headers(&response);
        }
    }
    let response = server.request("OPTIONS", "*", &[]);
    assert_eq!(
        (response.status, response.header("allow")),
        (405, Some("GET, HEAD"))
    );
    let response = server.request("CONNECT", "tonybai.com:443", &[]);
    assert_eq!(
        (response.status, response.header("allow")),
        (405, Some("GET, HEAD"))
    );
}

#[test]
fn response_does_not_wait_for_the_body() {
    let server = Server::start(SEED);
    for framing in ["Content-Length: 1000000", "Transfer-Encoding: chunked"] {
        let mut stream = server.connect();
        let request = format!("POST /gowechat HTTP/1.1\r\nHost: tonybai.com\r\n{framing}\r\n\r\n");
        stream.write_all(request.as_bytes()).unwrap();
        // The body is never sent, and the server still responds.
        let mut start = [0; 12];
        stream.read_exact(&mut start).unwrap();
        assert_eq!(&start, b"HTTP/1.1 405");
    }
}

#[test]
fn head_is_get_without_the_body() {
    let server = Server::start(SEED);
    for target in ["/gowechat", "/", "/none", "/none?go-get=1"] {
        let without_date = |mut response: Response| {
            response.headers.retain(|(name, _)| name != "date");
            response
        };
        let get = without_date(server.get(target));
        let head = without_date(server.request("HEAD", target, &[]));
        assert_eq!(
            (head.status, &head.headers),
            (get.status, &get.headers),
            "{target}"
        );
        assert_eq!(head.body, "");
    }
}

#[test]
fn known_page_gets_304() {
    let server = Server::start(SEED);
    for target in ["/gowechat", "/gowechat/mp", "/"] {
        let page = server.get(target);
        let tag = page.header("etag").unwrap();
        for (given, status) in [
            (tag.to_owned(), 304),
            (format!("W/{tag}"), 304),
            (format!("\"x\", {tag}"), 304),
            ("*".to_owned(), 304),
            ("\"x\"".to_owned(), 200),
            (tag.trim_matches('"').to_owned(), 200),
        ] {
            for method in ["GET", "HEAD"] {
                let again = server.request(method, target, &[("If-None-Match", &given)]);
                assert_eq!(again.status, status, "{method} {target} {given}");
                assert_eq!(again.header("etag"), Some(tag));
                assert_eq!(again.header("cache-control"), page.header("cache-control"));
                if status == 304 {
                    assert_eq!(again.body, "");
                    assert_eq!(again.header("content-type"), None);
                }
            }
        }
    }
    // The tag is stable across restarts and machines.
    let tag = |server: &Server| server.get("/gowechat").header("etag").map(str::to_owned);
    assert_eq!(tag(&server), tag(&Server::start(SEED)));
    let changed = SEED.replace("bigwhite/gowechat", "bigwhite/other");
    assert_ne!(tag(&server), tag(&Server::start(&changed)));
}

#[test]
fn many_requests_on_one_connection() {
    let server = Server::start(SEED);
    let targets = [
        "/gowechat",
        "/none",
        "/none?go-get=1",
        "/",
        "/x/experiments/a",
        "/gowechat",
    ];
    let mut bytes = String::new();
    for target in targets {
        bytes.push_str(&format!(
            "GET {target} HTTP/1.1\r\nHost: tonybai.com\r\n\r\n"
        ));
    }
    bytes.push_str("HEAD / HTTP/1.1\r\nHost: tonybai.com\r\n\r\n");
    bytes.push_str("GET /x HTTP/1.1\r\nHost: tonybai.com\r\nConnection: close\r\n\r\n");
    let all = responses(&exchange(&server, bytes.as_bytes()), &[6]);
    let statuses: Vec<_> = all.iter().map(|response| response.status).collect();
    assert_eq!(statuses, [200, 404, 404, 200, 200, 200, 200, 200]);
    assert_eq!(all[0].body, all[5].body);
    for (response, target) in all.iter().zip(targets) {
        assert_eq!(response.body, server.get(target).body, "{target}");
    }
}

#[test]
fn accepts_http_1_0_and_absolute_targets() {
    let server = Server::start(SEED);
    let page = server.get("/gowechat").body;
    for request in [
        // HTTP/1.0 closes by default and needs no Host.
        "GET /gowechat HTTP/1.0\r\n\r\n",
        "GET /gowechat HTTP/1.0\r\nHost: tonybai.com\r\n\r\n",
        "GET http://tonybai.com/gowechat HTTP/1.1\r\nHost: tonybai.com\r\nConnection: close\r\n\r\n",
        "GET https://other.example/gowechat HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        "GET /gowechat HTTP/1.1\r\nhOST: tonybai.com:443\r\nconnection: CLOSE\r\n\r\n",
        "\r\nGET /gowechat HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
    ] {
        let response = Response::parse(&exchange(&server, request.as_bytes()));
        assert_eq!((response.status, &response.body), (200, &page), "{request}");
    }
}

#[test]
fn a_request_needs_one_valid_host() {
    let server = Server::start(SEED);
    let target = "/gowechat";
    let absolute = "http://tonybai.com/gowechat";
    for (target, version, host) in [
        (target, "1.1", ""),
        (target, "1.1", "Host: tonybai.com\r\nHost: tonybai.com\r\n"),
        (
            target,
            "1.1",
            "Host: tonybai.com\r\nHost: other.example\r\n",
        ),
        (target, "1.0", "Host: tonybai.com\r\nHost: tonybai.com\r\n"),
        (target, "1.1", "Host: tonybai.com/gowechat\r\n"),
        (target, "1.1", "Host: http://tonybai.com\r\n"),
        (target, "1.1", "Host: a b\r\n"),
        (target, "1.1", "Host:\r\n"),
        (target, "1.1", "Host: me@tonybai.com\r\n"),
        (target, "1.1", "Host: tonybai.com:http\r\n"),
        (target, "1.1", "Host: [::1\r\n"),
        (target, "1.1", "Host: b\u{fc}cher.example\r\n"),
        (target, "1.0", "Host: <b>\r\n"),
        // The Host header is required even if the target names a host.
        (absolute, "1.1", ""),
        (absolute, "1.1", "Host: a b\r\n"),
    ] {
        for method in ["GET", "POST"] {
            // The connection closes, as after any malformed request.
            let request = format!(
                "{method} {target} HTTP/{version}\r\n{host}\r\n\
                 GET /x/experiments HTTP/1.1\r\nHost: tonybai.com\r\n\r\n"
            );
            let answer = exchange(&server, request.as_bytes());
            let response = Response::parse(&answer);
            assert_eq!(response.status, 400, "{request}");
            assert_eq!(response.header("connection"), Some("close"));
            assert_eq!(response.header("content-type"), Some(TEXT));
            // nginx passes such hosts on, and leaves them out of its default cache key.
            assert_eq!(response.header("cache-control"), Some("no-store"));
            assert_eq!(response.body, "the request needs one valid Host header\n");
        }
    }
}

#[test]
fn settings() {
    let server = Server::start(&format!(
        "cache_max_age: 3600\ndocs: https://docs.example/go/\n{SEED}"
    ));
    let page = server.get("/gowechat/mp");
    assert_eq!(page.header("cache-control"), Some("public, max-age=3600"));
    assert!(head(&page)[3].ends_with("url=https://docs.example/go/tonybai.com/gowechat/mp\">"));
    // The badge is one of pkg.go.dev.
    assert!(!page.body.contains("pkg.go.dev"), "{}", page.body);
    assert_eq!(
        server.get("/").header("cache-control"),
        Some("public, max-age=3600")
    );
    assert_eq!(server.get("/none").header("cache-control"), Some(MISS));

    let server = Server::start(&format!(
        "docs: none\nindex: none\n{SEED}  docs: https://docs.example/x\n"
    ));
    assert_eq!(head(&server.get("/gowechat")).len(), 3);
    assert!(head(&server.get("/x/experiments"))[3].ends_with("url=https://docs.example/x\">"));
    for target in ["/", "/x"] {
        assert_eq!(server.get(target).status, 404);
    }
    // Without lists there is no link to one.
    for target in ["/gowechat", "/x/experiments", "/none"] {
        let page = server.get(target).body;
        assert!(!page.contains("<header>"), "{page}");
    }

    let server = Server::start(&format!("index: https://home.example/?a=b\n{SEED}"));
    let redirect = server.get("/");
    assert_eq!(redirect.status, 302);
    assert_eq!(
        redirect.header("location"),
        Some("https://home.example/?a=b")
    );
    assert_eq!(server.get("/?go-get=1").status, 404);
    assert_eq!(server.get("/x").status, 200);
    let page = server.get("/gowechat");
    assert_eq!(page.status, 200);
    assert!(
        page.body
            .contains("<a href=\"https://home.example/?a=b\">tonybai.com</a>"),
        "{}",
        page.body
    );
}

#[test]
fn a_list_at_a_path_of_its_own() {
    let server = Server::start(&format!(
        "index: /packages\n{SEED}root.example:\n  repo: https://h.example/r\n"
    ));
    // A module at the root of another host takes the whole host.
    let root = server.request("GET", "/packages", &[("Host", "root.example")]);
    assert!(root.body.contains("\"root.example git "), "{}", root.body);
    assert!(!root.body.contains("href=\"/packages\""), "{}", root.body);
    let list = server.get("/packages/");
    assert_eq!(list.status, 200);
    for text in [
        "<h1 dir=\"auto\">tonybai.com</h1>",
        "<p>2 modules</p>",
        "href=\"/gowechat\"",
        "<form action=\"/packages\"",
        "<link rel=\"canonical\" href=\"https://tonybai.com/packages\">",
    ] {
        assert!(list.body.contains(text), "no {text} in {}", list.body);
    }
    assert_eq!(server.get("/packages?go-get=1").status, 404);
    let found = server.get("/packages?q=exper").body;
    assert!(found.contains("1 of 2 modules matches"), "{found}");
    assert_eq!(server.get("/x").status, 200);
    for (target, status) in [("/", 404), ("/x/nowhere", 404), ("/gowechat", 200)] {
        let page = server.get(target);
        assert_eq!(page.status, status, "{target}");
        let link = "<a href=\"/packages\">tonybai.com</a>";
        assert!(page.body.contains(link), "{}", page.body);
    }
}

#[test]
fn redirect_false_keeps_browsers_on_the_page() {
    let refresh = "http-equiv=\"refresh\"";
    let has = |server: &Server, target: &str, text: &str| server.get(target).body.contains(text);
    let server = Server::start(&format!(
        "redirect: false\n{SEED}/moved:\n  repo: https://h.example/m\n  redirect: true\n"
    ));
    for target in ["/gowechat", "/gowechat/mp"] {
        assert!(!has(&server, target, refresh));
        let docs = format!("<a href=\"https://pkg.go.dev/tonybai.com{target}\">pkg.go.dev</a>");
        assert!(has(&server, target, &docs));
    }
    assert!(has(&server, "/moved", refresh));
    // A version was asked for on purpose.
    assert_eq!(
        server.get("/gowechat@v1.0.0").header("location"),
        Some("https://pkg.go.dev/tonybai.com/gowechat@v1.0.0")
    );
    let server = Server::start(&format!(
        "{SEED}/stay:\n  repo: https://h.example/s\n  redirect: false\n"
    ));
    assert!(has(&server, "/gowechat", refresh));
    assert!(!has(&server, "/stay", refresh));
}

#[test]
fn lines_to_copy_and_links() {
    let server = Server::start(
        "/m:\n  repo: https://github.com/o/m.git\n\
         /x/sub:\n  repo: https://gitlab.com/o/mono\n  subdir: go/sub\n\
         /private:\n  repo: ssh://git@h.example/p\n  docs: https://docs.example/p\n\
         /team/*:\n  repo: https://github.com/team/*\n",
    );
    for (target, present, absent) in [
        (
            "/m",
            &[
                "<pre>go get tonybai.com/m</pre>\n<pre>import \"tonybai.com/m\"</pre>",
                "git <a href=\"https://github.com/o/m\">https://github.com/o/m.git</a>",
                "[![Go Reference](https://pkg.go.dev/badge/tonybai.com/m.svg)](https://pkg.go.dev/tonybai.com/m)",
                "<link rel=\"canonical\" href=\"https://tonybai.com/m\">",
            ] as &[_],
            &["go install", "Source directory", "Module root"] as &[_],
        ),
        (
            "/m/cmd/tool/",
            &[
                "<pre>go install tonybai.com/m/cmd/tool@latest</pre>",
                "<a href=\"https://github.com/o/m/tree/HEAD/cmd/tool\">github.com</a>",
                "<a href=\"/m\">tonybai.com/m</a>",
                "<link rel=\"canonical\" href=\"https://tonybai.com/m/cmd/tool\">",
            ],
            &["import \""],
        ),
        ("/m/cmd", &["import \""], &["go install"]),
        (
            "/m/v2/sub",
            &[
                "<a href=\"https://github.com/o/m/tree/HEAD/sub\">",
                "go get tonybai.com/m/v2/sub<",
            ],
            &[],
        ),
        (
            "/x/sub/a",
            &[
                "<a href=\"https://gitlab.com/o/mono/-/tree/HEAD/go/sub/a\">gitlab.com</a>",
                "<a href=\"/\">tonybai.com</a> /\n<a href=\"/x\">x</a>",
            ],
            &[],
        ),
        (
            "/private/a",
            &[
                "<dd>git ssh://git@h.example/p</dd>",
                "<a href=\"https://docs.example/p\">docs.example</a>",
            ],
            &[
                "href=\"ssh:",
                "href=\"https://h.example",
                "pkg.go.dev",
                "Source directory",
            ],
        ),
        (
            "/team/a/cmd/b",
            &[
                "go install tonybai.com/team/a/cmd/b@latest",
                "<a href=\"/team/a\">tonybai.com/team/a</a>",
                "<a href=\"https://github.com/team/a\">",
                "<a href=\"/team\">team</a>",
            ],
            &["*"],
        ),
    ] {
        let page = server.get(target).body;
        let shown = page.split_once("</style>").unwrap();
        let shown = format!("{}{}", shown.0.split_once("<style>").unwrap().0, shown.1);
        for text in present {
            assert!(shown.contains(text), "{target}: no {text} in {shown}");
        }
        for text in absent {
            assert!(!shown.contains(text), "{target}: {text} in {shown}");
        }
        assert!(page.len() < 3000, "{target}: {} bytes", page.len());
    }
}

#[test]
fn a_second_tag_names_the_proxy() {
    let server = Server::start(
        "/sub:\n  repo: https://github.com/o/mono\n  subdir: go\n  proxy: https://proxy.example\n",
    );
    let page = server.get("/sub/a");
    assert_eq!(
        head(&page)[1..3],
        [
            r#"<meta name="go-import" content="tonybai.com/sub git https://github.com/o/mono go">"#,
            r#"<meta name="go-import" content="tonybai.com/sub mod https://proxy.example">"#,
        ]
    );
    assert!(head(&page)[3].contains("go-source"));
}

#[test]
fn long_lists_have_pages_and_a_search() {
    let mut file = "title: Our <packages>\ndescription: All & more\n".to_owned();
    for n in 0..401 {
        file += &format!("/m{n:03}:\n  repo: https://h.example/{n}\n  description: Number {n}\n");
    }
    let server = Server::start(&file);
    let first = server.get("/");
    assert_eq!(server.get("/?page=1").body, first.body);
    for text in [
        "<title>Our &#60;packages&#62;</title>",
        "<h1 dir=\"auto\">Our &#60;packages&#62;</h1>\n<p dir=\"auto\">All &#38; more</p>",
        "<p>401 modules, page 1 of 3</p>",
        "<a rel=\"next\" href=\"/?page=2\">",
        "<a href=\"https://h.example/199\">h.example/199</a>",
    ] {
        assert!(first.body.contains(text), "no {text} in {}", first.body);
    }
    let last = server.get("/?page=3").body;
    for text in [
        "401 modules, page 3 of 3",
        "<a rel=\"prev\" href=\"/?page=2\">",
        "<li><a href=\"/m400\">m400</a>\n<p dir=\"auto\">Number 400</p>",
        "<link rel=\"canonical\" href=\"https://tonybai.com/?page=3\">",
    ] {
        assert!(last.contains(text), "no {text} in {last}");
    }
    assert!(!last.contains("rel=\"next\""));
    for page in ["0", "4", "-1", "x", "", "01", "99999999999999999999999"] {
        let miss = server.get(&format!("/?page={page}"));
        assert_eq!(miss.status, 404, "{page}");
        assert_eq!(miss.header("content-type"), Some(HTML));
        assert!(miss.body.contains("<a href=\"/\">All modules</a>"));
    }
    let found = server.get("/?q=NUMBER+m&page=2");
    assert_common_headers(&found);
    let policy = found.header("content-security-policy").unwrap();
    assert!(policy.contains("form-action 'self'"), "{policy}");
    assert!(
        !server
            .get("/m001")
            .header("content-security-policy")
            .unwrap()
            .contains("'self'")
    );
    let again = [("If-None-Match", found.header("etag").unwrap())];
    assert_eq!(
        server.request("GET", "/?q=NUMBER+m&page=2", &again).status,
        304
    );
    let nothing = server.get("/?q=%22%3E%3Cscript%3E%00%01%02");
    assert_eq!(nothing.status, 200);
    for text in [
        "<p>None of 401 modules matches</p>",
        "value=\"&#34;&#62;&#60;script&#62;\"",
    ] {
        assert!(nothing.body.contains(text), "{}", nothing.body);
    }
}

#[test]
fn a_missing_address_is_shown_only_if_it_could_be_an_import_path() {
    let server = Server::start(SEED);
    let shown = "<code>tonybai.com/x/nowhere</code>";
    let miss = server.get("/x/nowhere");
    assert!(miss.body.contains(shown), "{}", miss.body);
    assert!(miss.body.contains("<a href=\"/x\">x</a>"), "{}", miss.body);
    for target in [
        "/x//nowhere",
        "/x/%3Cb%3Enowhere",
        "/x/nowhere%20",
        "/x/nowhere%00",
    ] {
        let page = server.get(target).body;
        assert!(!page.contains("nowhere"), "{target}: {page}");
        assert!(page.contains("<a href=\"/\">All modules</a>"), "{page}");
    }
}

#[test]
fn module_keys() {
    let server = Server::start(
        "/:\n  repo: https://h.example/root\n\
         /docs:\n  repo: https://h.example/d\n  docs: https://d.example/x?y=1&z\n\
         /nodocs:\n  repo: https://h.example/n\n  docs: none\n\
         /sub:\n  repo: https://h.example/mono\n  subdir: go/sub\n\
         /proxy:\n  repo: https://proxy.example\n  vcs: mod\n\
         /shown:\n  repo: https://h.example/s\n  display: https://h.example/s _ _\n",
    );
    let line = |target: &str, index: usize| {
        head(&server.get(target))
            .get(index)
            .map(|line| (*line).to_owned())
    };
    let import = |content: &str| Some(format!(r#"<meta name="go-import" content="{content}">"#));
    assert_eq!(
        line("/", 1),
        import("tonybai.com git https://h.example/root")
    );
    assert_eq!(
        line("/other", 1),
        import("tonybai.com git https://h.example/root")
    );
    assert_eq!(
        line("/docs/below", 2).as_deref(),
        Some(r#"<meta http-equiv="refresh" content="0; url=https://d.example/x?y=1&#38;z">"#)
    );
    assert_eq!(line("/nodocs", 2), None);
    assert_eq!(
        line("/sub", 1),
        import("tonybai.com/sub git https://h.example/mono go/sub")
    );
    assert_eq!(
        line("/proxy", 1),
        import("tonybai.com/proxy mod https://proxy.example")
    );
    assert_eq!(
        line("/shown", 2).as_deref(),
        Some(r#"<meta name="go-source" content="tonybai.com/shown https://h.example/s _ _">"#)
    );
}

#[test]
fn redirects_git_and_versions() {
    let server = Server::start(&format!(
        "{SEED}/ssh:\n  repo: ssh://git@h.example/s\n/idn:\n  repo: https://h.example/ä\n"
    ));
    for (target, location) in [
        (
            "/gowechat/info/refs?service=git-upload-pack",
            "https://github.com/bigwhite/gowechat/info/refs?service=git-upload-pack",
        ),
        (
            "/idn/info/refs?service=git-upload-pack",
            "https://h.example/%C3%A4/info/refs?service=git-upload-pack",
        ),
        (
            "/gowechat@v1.2.3/mp",
            "https://pkg.go.dev/tonybai.com/gowechat@v1.2.3/mp",
        ),
    ] {
        let redirect = server.get(target);
        assert_eq!(redirect.status, 302, "{target}");
        assert_eq!(redirect.header("location"), Some(location));
        assert_eq!(
            redirect.header("cache-control"),
            Some("public, max-age=86400")
        );
        assert_common_headers(&redirect);
    }
    for (target, text) in [
        (
            "/ssh/info/refs?service=git-upload-pack",
            "the repository is at ssh://git@h.example/s: clone that\n",
        ),
        // The go command removes the version before it asks.
        (
            "/gowechat@v1.2.3?go-get=1",
            "no module of tonybai.com has such a path\n",
        ),
    ] {
        let answer = server.get(target);
        assert_eq!((answer.status, &*answer.body), (404, text), "{target}");
        assert_eq!(answer.header("content-type"), Some(TEXT));
        assert_eq!(answer.header("cache-control"), Some(MISS));
    }
    for target in [
        "/gowechat/info/refs",
        "/gowechat/mp/info/refs?service=git-upload-pack",
    ] {
        assert!(server.get(target).body.contains("go-import"), "{target}");
    }
}

#[test]
fn hidden_modules_are_served_and_not_shown() {
    let server = Server::start(&format!(
        "{SEED}/secret:\n  repo: https://h.example/s\n  hidden: true\n"
    ));
    assert_eq!(server.get("/secret?go-get=1").status, 200);
    assert!(!server.get("/").body.contains("secret"));
    assert!(!server.get("/secrett").body.contains("href=\"/secret"));
    assert!(server.get("/?q=secret").body.contains("None of 2 modules"));
    assert_eq!(
        server.get("/secrett?go-get=1").body,
        "no module at tonybai.com/secrett\n"
    );
}

#[test]
fn hosts_and_patterns() {
    let server = Server::start(&format!(
        "{SEED}other.example/gowechat:\n  repo: https://h.example/o\n\
         /team/*:\n  repo: https://code.example/team/*-go.git\n\
         /team/own:\n  repo: https://h.example/own\n"
    ));
    let import = |host: &str, target: &str| {
        let page = server.request("GET", target, &[("Host", host)]);
        let tag = head(&page).get(1).map(|tag| (*tag).to_owned())?;
        tag.split('"').nth(3).map(str::to_owned)
    };
    let is = |text: &str| Some(text.to_owned());
    let default = is("tonybai.com/gowechat git https://github.com/bigwhite/gowechat");
    for host in [
        "tonybai.com",
        "TonyBai.com:80",
        "evil.example",
        "www.tonybai.com",
        "www.evil.example",
        "www.",
        "www.www.other.example",
        "10.0.0.1",
        "[::1]:80",
    ] {
        assert_eq!(import(host, "/gowechat"), default, "{host}");
    }
    for host in [
        "other.example",
        "OTHER.example:8080",
        "other.example.",
        "www.other.example",
        "WWW.Other.example:80",
    ] {
        assert_eq!(
            import(host, "/gowechat"),
            is("other.example/gowechat git https://h.example/o")
        );
        assert_eq!(import(host, "/x/experiments"), None);
    }
    // The host of an absolute target beats the header (RFC 9112, section 3.2.2).
    for target in [
        "http://other.example/gowechat",
        "https://OTHER.example:8080/gowechat",
    ] {
        assert_eq!(
            import("tonybai.com", target),
            is("other.example/gowechat git https://h.example/o")
        );
    }
    assert_eq!(
        import("other.example", "http://evil.example/gowechat"),
        default
    );
    let tool = is("tonybai.com/team/tool git https://code.example/team/tool-go.git");
    assert_eq!(import("a", "/team/tool"), tool);
    assert_eq!(import("a", "/team/tool/below"), tool);
    assert_eq!(
        import("a", "/team/own/x"),
        is("tonybai.com/team/own git https://h.example/own")
    );
    assert_eq!(import("a", "/team"), None);
    assert_eq!(import("a", "/team/con"), None);
    let list = server.get("/").body;
    assert!(
        list.contains("<b>team/*</b>\n<small>git https://code.example/team/*-go.git</small>"),
        "{list}"
    );
}

/// nginx's default cache key has no host.
#[test]
fn responses_vary_by_host_if_there_are_several() {
    let one = format!("index: https://h.example/\n{SEED}");
    let several = format!("{one}b.example/m:\n  repo: https://h.example/b\n");
    for (config, vary) in [(one, None), (several, Some("Host"))] {
        let server = Server::start(&config);
        for (target, tag, status) in [
            ("/gowechat", "", 200),
            ("/gowechat", "*", 304),
            ("/x", "", 200),
            ("/x", "*", 304),
            ("/", "", 302),
            ("/none", "", 404),
            ("/none?go-get=1", "", 404),
        ] {
            let response = server.request("GET", target, &[("If-None-Match", tag)]);
            assert_eq!(response.status, status, "{target}");
            assert_eq!(response.header("vary"), vary, "{target}");
        }
    }
}
