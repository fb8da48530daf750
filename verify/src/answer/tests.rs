use super::*;

pub(crate) fn target() -> Target {
    Target {
        host: "a.example".into(),
        path: "a.example/m".into(),
        pattern: false,
        below: String::new(),
        owns_subpackages: true,
        vcs: "git".to_owned(),
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
fn every_fault_has_a_code() {
    let right = tag(RIGHT);
    for (status, body, code) in [
        (200, right.clone(), None),
        // Go accepts a tag in a 404 response.
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
        let found = check(&target(), &[], &page(status, &body));
        assert_eq!(found.last().unwrap().code, code, "{status} {body}");
    }
}

#[test]
fn status_codes_have_likely_causes() {
    let said = |status, body| status_of(status, body).message;
    fn status_of(status: u16, body: &str) -> Finding {
        check_page(&target(), &page(status, body))
    }
    assert!(said(502, "").contains("the program behind it does not"));
    assert!(said(403, "Just a moment...").contains("bot protection"));
    assert!(said(403, "Forbidden").contains("refuses"));
    assert!(said(404, "no module at a.example/m\n").contains("not reloaded"));
    assert!(said(404, "<h1>Not Found</h1>").contains("nginx does not forward"));
    let go = status_of(404, "").go.unwrap();
    assert_eq!(
        go,
        "unrecognized import path \"a.example/m\": reading https://a.example/m?go-get=1: 404 Reason"
    );
}

#[test]
fn blames_a_redirect_that_drops_the_query() {
    let hops = [
        Url::go_get("a.example/m"),
        Url::parse("https://www.a.example/m").unwrap(),
    ];
    let codes = |body: &str| {
        let found = check(&target(), &hops, &page(200, body));
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
        match_tag(&[git.clone(), proxy.clone()], path),
        TagMatch::Tag(proxy)
    );
    assert_eq!(
        match_tag(&[git.clone(), above.clone()], path),
        TagMatch::Tag(above)
    );
    assert_eq!(match_tag(&[git.clone(), git], path), TagMatch::Multiple);
}

#[test]
fn both_tags_of_a_module_with_a_proxy_are_expected() {
    let target = Target {
        proxy: "https://p.example".into(),
        ..target()
    };
    let found = |tags: &[&str]| {
        let tags: String = tags.iter().map(|content| tag(content)).collect();
        let found = check_page(&target, &page(200, &tags));
        (found.status, found.code)
    };
    let proxy = "a.example/m mod https://p.example";
    let differs = (Status::Fail, Some(Code::TagDiffers));
    assert_eq!(found(&[RIGHT, proxy]), (Status::Pass, None));
    assert_eq!(found(&[proxy, RIGHT]), (Status::Pass, None));
    assert_eq!(found(&[RIGHT]), differs);
    assert_eq!(found(&[proxy]), differs);
}

#[test]
fn subpackage_needs_the_module_tag_for_both_user_agents() {
    let right = Some(page(200, &tag(RIGHT)));
    let missing = Some(page(404, ""));
    let code = |a: &Option<Response>, b: &Option<Response>| {
        let responses = [("new", a.clone()), ("old", b.clone())];
        let found = check_subpackage(&target(), "/x", &responses);
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
