use proptest::prelude::*;

use super::*;
use crate::config::Config;

fn converted(pages: &[(&str, &str)]) -> String {
    let pages: Vec<_> = pages
        .iter()
        .map(|(path, html)| Page::parse(path, path, html.as_bytes()).unwrap())
        .collect();
    let text = convert_pages("a directory", &pages, Vec::new())
        .text
        .unwrap();
    Config::parse("vanity.yaml", &text, None).unwrap();
    let (_, text) = text.split_once('\n').unwrap();
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
    // Hints are not repeated here.
    if lines.ends_with("; ") {
        assert!(text.starts_with(&format!("{start}{lines}")), "{text}");
    } else {
        assert_eq!(text, format!("{start}{lines}{end}"), "{page}");
    }
}

#[test]
fn page_content_becomes_keys() {
    let to_docs = refresh("https://pkg.go.dev/h.example/a");
    let source = |fields: &str| {
        format!("<meta name=\"go-source\" content=\"h.example/a {fields}\">{to_docs}")
    };
    let ours = "<meta name=\"generator\" content=\"govanityurls\"><link rel=\"canonical\">";
    let documentation = "</head><dt>Documentation</dt>\n<dd><a href=\"https://";
    for (page, lines) in [
        (to_docs.clone(), ""),
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
             not start with `https://`; write the whole address, such as `https://pkg.go.dev`\n",
        ),
        (String::new(), "  redirect: false\n"),
        // Nothing is concluded from another program's text and links.
        (
            "<meta name=\"description\" content=\"x\"><meta name=\"robots\" content=\"noindex\"></head>\
             <h1>h.example/a</h1>\n<p>To install, run:</p><pre>go get h.example/a</pre>\
             <a href=\"https://docs.example/h.example/a\">Documentation</a>"
                .to_owned(),
            "  redirect: false\n",
        ),
        (
            format!("{ours}<meta name=\"description\" content=\"A &#38; B\">"),
            "  docs: none\n  description: A & B\n",
        ),
        (
            format!("{ours}<meta name=\"robots\" content=\"noindex\">{to_docs}"),
            "  hidden: true\n",
        ),
        (
            format!("{ours}{documentation}pkg.go.dev/h.example/a\">"),
            "  redirect: false\n",
        ),
        (
            format!("{ours}{documentation}d.example/?a&#38;b\">"),
            "  docs: https://d.example/?a&b\n  redirect: false\n",
        ),
        (
            source(
                "https://github.com/a/a https://github.com/a/a/tree/HEAD{/dir} \
                 https://github.com/a/a/blob/HEAD{/dir}/{file}#L{line}",
            ),
            "",
        ),
        (
            source(
                "https://github.com/a/a https://github.com/a/a/tree/v1/x{/dir} \
                 https://github.com/a/a/blob/v1/x{/dir}/{file}#L{line}",
            ),
            "  display: https://github.com/a/a https://github.com/a/a/tree/v1/x{/dir} \
             https://github.com/a/a/blob/v1/x{/dir}/{file}#L{line}\n",
        ),
        (
            source("https://h.example/r _ https://h.example/r{/dir}"),
            "  display: https://h.example/r _ https://h.example/r{/dir}\n",
        ),
        (source("_ _ _"), ""),
        (
            source("https://h.example/r"),
            "  # display is left out: `https://h.example/r` is not a valid display: it has \
             1 of 3 fields; ",
        ),
        (
            import("h.example/a mod https://goproxy.example") + &to_docs,
            "  proxy: https://goproxy.example\n",
        ),
        (
            import("h.example/a hg https://github.com/a/a") + &to_docs,
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
    let ours = a.clone()
        + "<meta name=\"generator\" content=\"govanityurls\"><link rel=\"canonical\" href=\"\">";
    let rest = "\n/a:\n  repo: https://github.com/a/a\n  subdir: go\n";
    for (page, setting) in [
        (a, "redirect: false\n"),
        (docs, "docs: https://docs.example/x\n"),
        (ours, "docs: none\n"),
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
         that of /a\n\no.example:\n  repo: https://github.com/o/o\n  redirect: false\n"
    );
}

#[test]
fn our_page_of_missing_addresses_tells_patterns() {
    let ours = "<meta name=\"generator\" content=\"govanityurls\">";
    let tags = import(A) + &import("h.example/x/* hg https://hg.example/*");
    let own = import(A) + ours + &refresh("https://d.example/") + "<link rel=\"canonical\">";
    let text = converted(&[("/404", &format!("{tags}{ours}")), ("/a", &own)]);
    assert_eq!(
        text,
        "host: h.example\n\n/a:\n  repo: https://github.com/a/a\n  docs: https://d.example/\n\n\
         /x/*:\n  repo: https://hg.example/*\n  vcs: hg\n  # 404.html tells only the repository\n"
    );
    // Elsewhere it is a letter, which no import path may have.
    let page = Page::parse("x", "/x", tags.as_bytes()).unwrap();
    let made = convert_pages("x", &[page], Vec::new());
    assert_eq!(made.faults, ["h.example/x/*: no import path has a `*`"]);
}

#[test]
fn invalid_values_become_comments() {
    let convert = |contents: &[&str]| {
        let html: String = contents.iter().map(|content| import(content)).collect();
        let page = Page::parse("x", "/x", html.as_bytes()).unwrap();
        convert_pages("x", &[page], vec!["a note".to_owned()])
    };
    let bad = "h.example/b git https://me:secret@github.com/b/b";
    let made = convert(&[A, bad, "h.example/c cvs https://h.example/c"]);
    let text = made.text.unwrap();
    assert!(text.contains("# a note\n"), "{text}");
    assert!(text.contains("\n# /b:\n#   repo: https://…@"), "{text}");
    assert!(!text.contains("secret"), "{text}");
    assert_eq!(made.faults.len(), 2);
    assert!(Config::parse("x", &text, None).unwrap().modules.len() == 1);
    let made = convert(&[bad]);
    assert_eq!(made.text, None);
    assert!(
        made.faults[0].contains("h.example/b: the URL has credentials"),
        "{:?}",
        made.faults
    );
    // A repository at its own import path.
    let own = convert(&[A, "h.example/d git https://h.example/d"]);
    assert_eq!(own.faults.len(), 1);
    let none = convert_pages("x", &[], Vec::new()).faults.concat();
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
        "<meta name=\"generator\" content=\"govanityurls\">", "<link rel=\"canonical\"",
        "<meta name=\"description\" content=\"", "<dt>Documentation</dt>\n<dd><a href=\"https://",
    ]), 0..24)) {
        let html = pieces.concat();
        let html = format!("{}{html}", import("h.example/z hg https://h.example/r"));
        let page = Page::parse("x", "/z", html.as_bytes()).unwrap();
        let text = convert_pages("x", &[page], Vec::new()).text.unwrap();
        prop_assert!(Config::parse("x", &text, None).is_ok(), "{text}");
    }
}
