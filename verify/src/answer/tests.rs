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
        head: Head::parse(body.as_bytes()),
        body: body.into(),
        ..Response::default()
    }
}

fn by(server: &str, mut response: Response) -> Response {
    let headers = &mut response.headers;
    headers.insert("server", server.parse().unwrap());
    response
}

/// A file with two hosts.
fn file() -> File {
    let other = Target {
        host: "b.example".into(),
        path: "b.example/m".into(),
        ..target()
    };
    File {
        flags: "-config /etc/v.yaml".into(),
        modules: vec![target(), other],
    }
}

fn fetched(hops: &[Url], response: Response) -> Fetched {
    Fetched {
        hops: hops.to_vec(),
        redirected_by_nginx: true,
        response,
    }
}

fn finding(response: &Response) -> Finding {
    check_page(&target(), Some(&file()), response).0
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
        let found = finding(&page(status, &body));
        assert_eq!(found.code, code, "{status} {body}");
    }
}

#[test]
fn status_codes_have_likely_causes() {
    let nginx = |status, body| finding(&by("nginx", page(status, body)));
    let said = |status, body| nginx(status, body).message;
    assert!(said(502, "").contains("the program behind it does not"));
    assert!(said(403, "Just a moment...").contains("bot protection"));
    assert!(said(403, "Forbidden").contains("refuses"));
    assert!(said(404, "no module at a.example/m\n").contains("not reloaded"));
    assert!(said(404, "<h1>Not Found</h1>").contains("nginx does not forward"));
    let go = nginx(404, "").go.unwrap();
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
        let found = check(&target(), Some(&file()), &fetched(&hops, page(200, body))).findings;
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
        let found = check_page(&target, Some(&file()), &page(200, &tags)).0;
        (found.status, found.code)
    };
    let proxy = "a.example/m mod https://p.example";
    let differs = (Status::Warn, Some(Code::TagDiffers));
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
        let found = check_subpackage(&target(), Some(&file()), "/x", false, &responses);
        (found.status, found.code)
    };
    assert_eq!(code(&right, &right), (Status::Pass, None));
    assert_eq!(
        code(&right, &missing),
        (Status::Fail, Some(Code::HttpStatus))
    );
    assert_eq!(code(&None, &right), (Status::Skip, None));
    assert_eq!(
        code(&missing, &missing),
        (Status::Warn, Some(Code::SubpackageMissing))
    );
}

#[test]
fn fix_is_for_the_server_that_answers() {
    let fix = |server: &str, body: &str| finding(&by(server, page(404, body))).fix;
    let rules = fix("nginx/1.27", "<h1>Not Found</h1>").unwrap();
    for part in [
        "govanityurls nginx -only a.example -part server -config /etc/v.yaml > \
         /etc/nginx/snippets/govanityurls-a.example.conf",
        "\nnginx -t && systemctl reload nginx",
    ] {
        assert!(rules.contains(part), "{rules}");
    }
    assert_eq!(fix("Caddy", "<h1>Not Found</h1>"), None);
    assert_eq!(
        fix("nginx", "no module at a.example/m\n").unwrap(),
        "systemctl reload govanityurls"
    );
    let host = fix("nginx", "no module at b.example/m\n").unwrap();
    assert!(host.starts_with("proxy_set_header Host $host;"), "{host}");
}

#[test]
fn tag_of_another_host_has_two_causes() {
    let of = |prefix: &str| {
        let body = tag(&format!("{prefix} git https://h.example/m"));
        finding(&by("nginx", page(200, &body)))
    };
    // Another host of the file: nginx passes on the wrong name.
    let own = of("b.example/m").fix.unwrap();
    assert!(own.starts_with("proxy_set_header Host $host;"), "{own}");
    // Any other: the program or this run has the wrong -host.
    let other = of("c.example/m");
    assert_eq!(other.fix, None);
    assert!(other.look.unwrap().contains("-host c.example"));
}

#[test]
fn old_tag_of_a_cache_or_a_file_needs_no_reload() {
    let ours = "<meta name=\"generator\" content=\"govanityurls\">".to_owned();
    let old = ours + &tag("a.example/m git https://h.example/old");
    let of = |headers: &[(&'static str, &str)]| {
        let mut response = page(200, &old);
        for (name, value) in headers {
            response.headers.insert(*name, value.parse().unwrap());
        }
        finding(&response)
    };
    assert_eq!(of(&[]).fix.unwrap(), "systemctl reload govanityurls");
    let cached = of(&[("age", "7")]);
    assert!(cached.fix.is_none() && cached.message.contains("7 s old"));
    let exported = of(&[("last-modified", "x"), ("accept-ranges", "bytes")]);
    assert!(exported.fix.is_none() && exported.message.contains("export"));
}

#[test]
fn tags_of_other_entries_do_not_matter() {
    let body = tag(RIGHT) + &tag("a.example/m/x mod https://p.example");
    assert_eq!(finding(&page(200, &body)).status, Status::Pass);
}

#[test]
fn without_a_file_the_tag_says_what_is_expected() {
    let body = tag("a.example git https://h.example/all");
    let (found, tag) = check_page(&target(), None, &page(200, &body));
    assert_eq!(found.status, Status::Pass);
    assert_eq!(tag.unwrap().prefix, "a.example");
    let (found, _) = check_page(&target(), None, &by("nginx", page(404, "")));
    assert_eq!((found.status, found.fix), (Status::Fail, None));
}
