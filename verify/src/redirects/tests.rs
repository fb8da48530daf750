use super::*;

fn url(text: &str) -> Url {
    Url::parse(text).unwrap()
}

#[test]
fn requests_the_urls_that_go_requests() {
    for (path, asked) in [
        ("a.example", "https://a.example/?go-get=1"),
        ("a.example/x/y", "https://a.example/x/y?go-get=1"),
    ] {
        assert_eq!(Url::go_get(path).to_string(), asked);
    }
    for bad in [
        "",
        "a.example",
        "ftp://a/",
        "https:///x",
        "https://a b/",
        "https://a:x/",
    ] {
        assert_eq!(Url::parse(bad), None, "{bad}");
    }
    let parsed = url("HTTPS://bob:pw@A.example:8443?x#y");
    assert_eq!(parsed.to_string(), "https://a.example:8443/?x");
    assert_eq!((parsed.host(), parsed.port()), ("a.example", 8443));
}

#[test]
fn locations_are_resolved() {
    let base = url("https://a.example/x/y?go-get=1");
    for (location, to) in [
        ("https://b.example", "https://b.example/"),
        ("//b.example/z", "https://b.example/z"),
        ("/z?q", "https://a.example/z?q"),
        ("?q", "https://a.example/x/y?q"),
        ("z", "https://a.example/x/z"),
        ("#top", "https://a.example/x/y?go-get=1"),
        ("../t", "https://a.example/t"),
        ("./t/../u/.", "https://a.example/x/u/"),
        ("/a b", "https://a.example/a%20b"),
        ("/a<b>?c", "https://a.example/a%3Cb%3E?c"),
        ("/é", "https://a.example/%C3%A9"),
        ("/a%2fb", "https://a.example/a%2fb"),
        ("https://a.example:/t", "https://a.example/t"),
        ("mailto:x@a.example", "mailto:x@a.example"),
        ("ftp://a.example/x", "ftp://a.example/x"),
        (
            "/login?next=https://a.example/",
            "https://a.example/login?next=https://a.example/",
        ),
    ] {
        assert_eq!(base.join(location).unwrap().to_string(), to, "{location}");
    }
    for bad in [
        ":x",
        "/%zz",
        "/a\u{7f}",
        "1:b/c",
        "https://a b/",
        "https://a:b/",
        "https:x",
    ] {
        assert!(base.join(bad).is_err(), "{bad}");
    }
}

#[test]
fn https_is_kept_and_nine_redirects_are_followed() {
    let next = |hops: &[Url], status, location: &str| {
        let mut response = Response {
            status,
            ..Response::default()
        };
        response
            .headers
            .insert("location", location.parse().unwrap());
        next(hops, &response)
    };
    let code = |next: Result<_, Finding>| next.unwrap_err().code;
    let start = url("https://a.example/x?go-get=1");
    let hops = [start.clone()];
    let insecure = next(&hops, 301, "http://a.example/x?go-get=1");
    assert_eq!(code(insecure), Some(Code::RedirectInsecure));
    let itself = next(&hops, 302, "/x?go-get=1");
    assert_eq!(code(itself), Some(Code::RedirectLoop));
    let many: Vec<_> = (0..10)
        .map(|n| url(&format!("https://a.example/{n}")))
        .collect();
    assert_eq!(code(next(&many, 302, "/x")), Some(Code::RedirectLoop));
    assert!(matches!(next(&many[..9], 302, "/x"), Ok(Some(_))));
    assert_eq!(next(&hops, 200, "/y"), Ok(None));
    assert_eq!(next(&hops, 302, ""), Ok(None));
    assert_eq!(next(&hops, 304, "/y"), Ok(None));
}

#[test]
fn dropped_query_is_a_warning_if_the_answer_is_right() {
    let start = url("https://a.example/x?go-get=1");
    let code = |to: &str| followed(&[start.clone(), url(to)], false).unwrap().code;
    assert_eq!(code("https://www.a.example/x?go-get=1"), None);
    assert_eq!(
        code("https://www.a.example/x"),
        Some(Code::RedirectDropsQuery)
    );
    assert_eq!(
        code("https://www.a.example/x?q=go-get=1"),
        Some(Code::RedirectDropsQuery)
    );
    assert_eq!(followed(&[start], false), None);
}

#[test]
fn fix_names_the_host_that_redirects_and_the_target() {
    let hops = [url("https://a.example/x?go-get=1")];
    let fix = |location: &str, server: &str| {
        let mut response = Response {
            status: 301,
            ..Response::default()
        };
        response
            .headers
            .insert("location", location.parse().unwrap());
        response.headers.insert("server", server.parse().unwrap());
        next(&hops, &response).unwrap_err().fix.unwrap_or_default()
    };
    let www = fix("http://www.a.example/x?go-get=1", "nginx/1.27");
    assert!(
        www.starts_with("return 301 https://www.a.example$request_uri;"),
        "{www}"
    );
    let slash = fix("http://a.example/x/?go-get=1", "nginx/1.27");
    assert!(slash.starts_with("absolute_redirect off;"), "{slash}");
    // The host itself, or another server: what is wrong is not known.
    assert_eq!(fix("http://a.example/x?go-get=1", "nginx"), "");
    assert_eq!(fix("http://www.a.example/x?go-get=1", "Caddy"), "");
}

#[test]
fn login_page_has_not_lost_the_query() {
    let start = url("https://a.example/x?go-get=1");
    let dropped = |to: &str| dropped(&[start.clone(), url(to)], true);
    let www = dropped("https://www.a.example/x").unwrap();
    assert!(
        www.fix
            .unwrap()
            .contains("https://www.a.example$request_uri")
    );
    assert_eq!(dropped("https://a.example/x/").unwrap().fix, None);
    assert_eq!(dropped("https://a.example/login?next=/x"), None);
}
