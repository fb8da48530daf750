use proptest::prelude::*;

use super::*;
use crate::config::Config;

fn converted(pages: &[(&str, &str)]) -> String {
    let pages: Vec<_> = pages
        .iter()
        .map(|(path, html)| Page::parse(path, path, html.as_bytes()).unwrap())
        .collect();
    let made = convert_pages("a directory", &pages, Vec::new()).unwrap();
    Config::parse("vanity.yaml", &made.text, None).unwrap();
    let (_, text) = made.text.split_once('\n').unwrap();
    text.to_owned()
}

fn import(content: &str) -> String {
    format!("<meta name=\"go-import\" content=\"{content}\">")
}

fn refresh(url: &str) -> String {
    format!("<meta http-equiv=\"refresh\" content=\"0; url={url}\">")
}

const A: &str = "h.example/a git https://github.com/a/a";

/// Asserts the lines of module h.example/a from its page's head and what follows it.
#[track_caller]
fn assert_module(page: &str, lines: &str) {
    let page = format!("{}{page}", import(A));
    // The others keep the settings at their defaults.
    let other = |name: &str| {
        import(&format!("h.example/{name} git https://github.com/b/b"))
            + &refresh(&format!("https://pkg.go.dev/h.example/{name}"))
    };
    let text = converted(&[("/a", &page), ("/b", &other("b")), ("/c", &other("c"))]);
    let start = "host: h.example\n\n/a:\n  repo: https://github.com/a/a\n";
    let end = "\n/b:\n  repo: https://github.com/b/b\n\n/c:\n  repo: https://github.com/b/b\n";
    assert_eq!(text, format!("{start}{lines}{end}"), "{page}");
}

#[test]
fn page_content_becomes_keys() {
    let source = |fields: &str| {
        format!("<meta name=\"go-source\" content=\"h.example/a {fields}\">")
            + &refresh("https://pkg.go.dev/h.example/a")
    };
    let own =
        "</head><h1><code>h.example/a</code></h1>\n<p>A &#38; B</p><pre>go get h.example/a</pre>";
    for (page, lines) in [
        (refresh("https://pkg.go.dev/h.example/a"), ""),
        (refresh("https://pkg.go.dev/h.example/a/sub"), ""),
        (
            refresh("'https://www.example/a'"),
            "  docs: https://www.example/a\n",
        ),
        (refresh("/docs/a"), "  docs: https://h.example/docs/a\n"),
        (
            refresh("https://pkg.go.dev/h.example/a?tab=doc"),
            "  docs: https://pkg.go.dev/h.example/a?tab=doc\n",
        ),
        (
            refresh("https://docs.example/h.example/a"),
            "  docs: https://docs.example/h.example/a\n  # docs: pages of packages led to \
             their own address on that site\n",
        ),
        (
            refresh("javascript:x"),
            "  # docs is left out: `javascript:x` is not a valid web address: it does \
             not start with `https://`\n",
        ),
        (String::new(), "  redirect: false\n"),
        (
            "</head><a href=\"https://badge.example/x/h.example/a\"><a \
             href='https://pkg.go.dev/h.example/a'>"
                .to_owned(),
            "  redirect: false\n",
        ),
        (own.to_owned(), "  docs: none\n  description: A & B\n"),
        (
            format!("{own}<a href=\"https://git.example/h.example/a\">Documentation"),
            "  docs: none\n  description: A & B\n",
        ),
        (
            format!("{own}<b>Documentation</b><a href=\"https://pkg.go.dev/h.example/a\">"),
            "  redirect: false\n  description: A & B\n",
        ),
        (
            format!("{own}<dt>Documentation</dt><a href=\"https://d.example/?a&amp;b\">"),
            "  docs: https://d.example/?a&b\n  redirect: false\n  description: A & B\n",
        ),
        (
            source(
                "https://github.com/a/a https://github.com/a/a/tree/v1/x{/dir} \
                 https://github.com/a/a/blob/v1/x{/dir}/{file}#L{line}",
            ),
            "  branch: v1/x\n",
        ),
        (
            source(
                "https://github.com/a/a https://github.com/a/a/-/tree/HEAD{/dir} \
                 https://github.com/a/a/-/blob/HEAD{/dir}/{file}#L{line}",
            ),
            "  forge: gitlab\n",
        ),
        (
            source("https://h.example/r _ https://h.example/r{/dir}"),
            "  display: https://h.example/r _ https://h.example/r{/dir}\n",
        ),
        (source("_ _ _"), ""),
        (
            source("https://h.example/r"),
            "  # go-source is left out: `https://h.example/r` is not a valid display: it has \
             1 of 3 fields\n",
        ),
        (
            import("h.example/a mod https://goproxy.example")
                + &refresh("https://pkg.go.dev/h.example/a"),
            "  proxy: https://goproxy.example\n",
        ),
        (
            import("h.example/a hg https://github.com/a/a")
                + &refresh("https://pkg.go.dev/h.example/a"),
            "  # a second go-import tag, `h.example/a hg https://github.com/a/a`, is left \
             out: the go command accepts one\n",
        ),
    ] {
        assert_module(&page, lines);
    }
}

#[test]
fn common_values_become_settings() {
    let a = import("h.example/a git https://github.com/a/a go");
    let docs = a.clone() + &refresh("https://docs.example/x/h.example/a");
    let own = a.clone() + "</head>go get h.example/a";
    let rest = "\n/a:\n  repo: https://github.com/a/a\n  subdir: go\n";
    for (page, setting) in [
        (a, "redirect: false\n"),
        (docs, "docs: https://docs.example/x\n"),
        (own, "docs: none\n"),
    ] {
        let text = converted(&[("/a", &page)]);
        assert_eq!(text, format!("host: h.example\n{setting}{rest}"));
    }
}

#[test]
fn module_is_taken_once_from_its_own_page() {
    let own = import(A) + &refresh("https://d.example/");
    let sub = import(A) + &refresh("https://d.example/sub");
    let differs = import("h.example/a git https://github.com/a/other");
    let all = import(A) + &import("o.example/ git https://github.com/o/o");
    let text = converted(&[
        ("/404", &all),
        ("/a/sub", &sub),
        ("/a/x", &differs),
        ("/a", &own),
    ]);
    assert_eq!(
        text,
        "host: h.example\n\n/a:\n  repo: https://github.com/a/a\n  docs: https://d.example/\n  \
         # /a/x has another tag, `h.example/a git https://github.com/a/other`: left out for \
         that of /a\n\no.example:\n  repo: https://github.com/o/o\n  # its only page is of \
         several modules: where it led people to is not carried over\n"
    );
}

#[test]
fn invalid_values_become_comments() {
    let convert = |contents: &[&str]| {
        let html: String = contents.iter().map(|content| import(content)).collect();
        let page = Page::parse("x", "/x", html.as_bytes()).unwrap();
        convert_pages("x", &[page], vec!["a note".to_owned()])
    };
    let bad = "h.example/b git https://me:secret@github.com/b/b";
    let made = convert(&[A, bad, "h.example/c cvs https://h.example/c"]).unwrap();
    assert!(made.text.contains("# a note\n"), "{}", made.text);
    assert!(
        made.text.contains("\n# /b:\n#   repo: https://…@"),
        "{}",
        made.text
    );
    assert!(!made.text.contains("secret"), "{}", made.text);
    assert_eq!(made.left_out.len(), 2);
    assert!(Config::parse("x", &made.text, None).unwrap().modules.len() == 1);
    let error = convert(&[bad]).unwrap_err().to_string();
    assert!(
        error.contains("h.example/b: the URL has credentials"),
        "{error}"
    );
    // A repository at its own import path.
    let own = convert(&[A, "h.example/d git https://h.example/d"]).unwrap();
    assert_eq!(own.left_out.len(), 1);
    let none = convert_pages("x", &[], Vec::new()).unwrap_err().to_string();
    assert!(none.contains("no page with a go-import tag"), "{none}");
}

#[test]
fn page_without_a_tag_is_explained() {
    let fault = |html: &str| Page::parse("x", "", html.as_bytes()).unwrap_err();
    assert_eq!(fault("<p>Hello"), None);
    let tag = import(A);
    assert!(
        fault(&format!("<body>{tag}"))
            .unwrap()
            .contains("in the head")
    );
    assert!(fault(&format!("a<1>{tag}")).unwrap().contains("XML"));
}

proptest! {
    /// Any page gives a valid vanity.yaml, or an error.
    #[test]
    fn no_page_panics(pieces in prop::collection::vec(prop::sample::select(vec![
        A, "h.example/a", "git", " mod ", "https://h.example/a", "<meta name=\"go-import\" content=\"",
        "<meta name=\"go-source\" content=\"", "<meta http-equiv=\"refresh\" content=\"0; url=",
        "\">", "href=", "'", "/", "é", "&#0;", "*", "</h1><p>", "</p>", "go get h.example/a",
        "{/dir}", "#", "\n", " ",
    ]), 0..24)) {
        let html = pieces.concat();
        let html = format!("{}{html}", import("h.example/z hg https://h.example/r"));
        let page = Page::parse("x", "/z", html.as_bytes()).unwrap();
        let made = convert_pages("x", &[page], Vec::new()).unwrap();
        prop_assert!(Config::parse("x", &made.text, None).is_ok(), "{}", made.text);
    }
}
