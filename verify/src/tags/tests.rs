use super::*;

const TAG: &str = r#"<meta name="go-import" content="a.b/c git https://h/c">"#;

fn tags(html: &str) -> (String, Option<String>) {
    let head = Head::parse(html.as_bytes());
    let tags = head.go_imports();
    let tags: Vec<_> = tags.iter().map(GoImport::to_string).collect();
    (tags.join(", "), head.error)
}

#[test]
fn finds_tags_where_go_finds_them() {
    for html in [
        TAG.to_owned(),
        format!("<!DOCTYPE html><html><head><title>A & B</title>{TAG}</head>"),
        format!("<!DOCTYPE html [<!ENTITY a '>'><!-- > -->]>{TAG}"),
        format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>{TAG}"),
        format!("<script async src=x></script><!-- <body> -->{TAG}"),
        format!("<script><![CDATA[ a < b ]]></script>{TAG}"),
        TAG.replace("meta", "META").replace("name", "NAME"),
        TAG.replace('"', "'"),
        TAG.replace(">", "/>"),
        TAG.replace("a.b/c", "&#97;.b/c").replace("git", "g&#x69;t"),
        TAG.replace(' ', "\r\n"),
        TAG.replace("content", "x:content"),
        format!("{TAG}<script>if (a < b) {{}}</script>"),
        format!("&nbsp; &x &; {TAG}"),
    ] {
        assert_eq!(tags(&html).0, "a.b/c git https://h/c", "{html}");
    }
    let with_subdir = TAG.replace("/c\"", "/c sub/dir\"");
    assert_eq!(tags(&with_subdir).0, "a.b/c git https://h/c sub/dir");
}

#[test]
fn misses_tags_where_go_misses_them() {
    for html in [
        String::new(),
        format!("<body>{TAG}"),
        format!("</head>{TAG}"),
        format!("<!-- {TAG} -->"),
        TAG.replace("go-import", "Go-Import"),
        TAG.replace(" git", ""),
        TAG.replace("/c\"", "/c sub dir\""),
        TAG.replace("\"go-import\"", "go-import")
            .replace("content=\"", "content="),
    ] {
        assert_eq!(tags(&html).0, "", "{html}");
    }
}

proptest::proptest! {
    #[test]
    fn no_page_panics(
        pieces in proptest::collection::vec(proptest::sample::select(vec![
            "<", ">", "/", "\"", "'", "=", " ", "\n", "&", "&#x", ";", "<!", "<!--", "--", "<![CDATA[",
            "]]>", "<?xml", "?>", "meta", "name", "go-import", "content", ":", "é", "\u{1}", TAG,
        ]), 0..12),
        cut in 0..40usize,
    ) {
        let page = pieces.concat().into_bytes();
        // The cut may split a character.
        Head::parse(&page[..page.len().saturating_sub(cut)]);
    }
}

#[test]
fn errors_match_go() {
    for (before, error) in [
        ("<script>\nif (a < b)", "2: expected element name after <"),
        ("<a b=\"<\">", "1: unescaped < inside quoted string"),
        ("<a \">", "1: expected attribute name in element"),
        ("</>", "1: expected element name after </"),
        ("</a b>", "1: invalid characters between </a and >"),
        ("]]>", "1: unescaped ]]> not in CDATA section"),
        ("<!- >", "1: invalid sequence <!- not part of <!--"),
        (
            "<!-- a -- b -->",
            "1: invalid sequence \"--\" not allowed in comments",
        ),
        ("<![x", "1: invalid <![ sequence"),
        ("<1>", "1: invalid XML name: 1"),
        ("a\u{1}", "1: illegal character code U+0001"),
        ("<a b / c>", "1: expected /> in element"),
    ] {
        let error = format!("XML syntax error on line {error}");
        let found = tags(&format!("{before}{TAG}"));
        assert_eq!(found, (String::new(), Some(error)), "{before}");
    }
    for (before, error) in [
        (
            "<?xml version='1.0' encoding='latin1'?>",
            "xml: opening charset \"latin1\": can't decode XML document using charset \"latin1\"",
        ),
        (
            "<?xml version='1.1'?>",
            "xml: unsupported version \"1.1\"; only version 1.0 is supported",
        ),
    ] {
        let found = tags(&format!("{before}{TAG}"));
        assert_eq!(found, (String::new(), Some(error.to_owned())), "{before}");
    }
    assert!(
        Head::parse(b"\xff")
            .error
            .unwrap()
            .contains("invalid UTF-8")
    );
    for cut in ["<a", "<!--", "<!DOCTYPE", "&", "<a b", "<?xml", "<a b='&#x"] {
        let error = Head::parse(cut.as_bytes()).error.unwrap();
        assert_eq!(error, "XML syntax error on line 1: unexpected EOF", "{cut}");
    }
}
