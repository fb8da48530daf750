//! Moving in: files and pages in the style of people's own are converted, checked and served, and
//! every tag is compared with the input.

use std::fs;

use govanityurls::internal::{GoImport, Head, Meta};

use super::convert::{converted, run, serve};
use crate::support::Server;

/// Returns the meta tags that the go command gets for an import path.
fn served(server: &Server, import_path: &str) -> Vec<Meta> {
    let (host, path) = import_path.split_at(import_path.find('/').unwrap_or(import_path.len()));
    let path = if path.is_empty() { "/" } else { path };
    let page = server.request("GET", &format!("{path}?go-get=1"), &[("host", host)]);
    assert_eq!(page.status, 200, "{import_path}");
    Head::parse(page.body.as_bytes()).metas
}

fn imports(metas: &[Meta], prefix: &str) -> Vec<GoImport> {
    let metas = metas.iter().filter(|meta| meta.name == "go-import");
    let tags = metas.filter_map(|meta| GoImport::parse(&meta.content));
    let mut tags: Vec<_> = tags
        .map(|tag| GoImport {
            prefix: tag.prefix.trim_end_matches('/').to_owned(),
            ..tag
        })
        .filter(|tag| tag.prefix == prefix)
        .collect();
    tags.sort();
    tags.dedup();
    tags
}

fn source(metas: &[Meta], prefix: &str) -> Option<String> {
    let contents = metas.iter().filter(|meta| meta.name == "go-source");
    let mut fields = contents.map(|meta| meta.content.split_whitespace().collect::<Vec<_>>());
    let fields = fields.find(|fields| fields[0].trim_end_matches('/') == prefix)?;
    Some(fields[1..].join(" ")).filter(|fields| fields != "_ _ _")
}

/// Returns where a page redirects browsers.
fn refresh(metas: &[Meta]) -> Option<String> {
    let mut metas = metas.iter();
    let meta = metas.find(|meta| meta.http_equiv.eq_ignore_ascii_case("refresh"))?;
    let (_, url) = meta.content.split_once('=')?;
    Some(url.trim().trim_matches(['\'', '"']).to_owned())
}

/// What the other tool answers for an import path: it, the rest of go-import, and the address of
/// the documentation.
type Row = (&'static str, &'static str, &'static str);

fn assert_sally(file: &str, rows: &[Row]) {
    let (server, _directory) = serve(&converted("sally.yaml", file));
    for (path, import, docs) in rows {
        for below in ["", "/sub/package"] {
            let asked = format!("{path}{below}");
            let metas = served(&server, &asked);
            let tag = GoImport::parse(&format!("{path} {import}")).unwrap();
            assert_eq!(imports(&metas, path), [tag], "{file}");
            let docs = docs.replace("{below}", below);
            assert_eq!(refresh(&metas), Some(docs), "{file}");
        }
    }
}

#[test]
fn files_of_sally() {
    let plain = "\
# Managed by the platform team.
url: go.acme.example   # no scheme
packages:

  # Logging
  log:
    repo: github.com/acme/log
    description: Structured logs
  net/metrics:
    repo: git.acme.example/net/metrics.git

  # 1.10: the name of a product
  1.10:
    repo: github.com/acme/one-ten
    description: 2024
    branch: 1.10
";
    let rows: &[Row] = &[
        (
            "go.acme.example/log",
            "git https://github.com/acme/log",
            "https://pkg.go.dev/go.acme.example/log{below}",
        ),
        (
            "go.acme.example/net/metrics",
            "git https://git.acme.example/net/metrics.git",
            "https://pkg.go.dev/go.acme.example/net/metrics{below}",
        ),
        (
            "go.acme.example/1.10",
            "git https://github.com/acme/one-ten",
            "https://pkg.go.dev/go.acme.example/1.10{below}",
        ),
    ];
    assert_sally(plain, rows);
    assert_sally(&plain.replace('\n', "\r\n"), rows);
    assert_sally(&format!("\u{feff}---\n{plain}...\n"), rows);
    assert_sally(&plain.replace("   # ", "\t# "), rows);

    // One line, quotes of both kinds, a site of its own.
    assert_sally(
        "{url: 'go.acme.example', godoc: {host: \"https://docs.acme.example/\"}, packages: \
         {'a': {repo: 'h.example/a', vcs: hg}, \"b\": {repo: \"h.example/b\", vcs: \"\"},}}",
        &[
            (
                "go.acme.example/a",
                "hg https://h.example/a",
                "https://docs.acme.example/go.acme.example/a{below}",
            ),
            (
                "go.acme.example/b",
                "git https://h.example/b",
                "https://docs.acme.example/go.acme.example/b{below}",
            ),
        ],
    );
    // Anchors, and hosts of single packages.
    assert_sally(
        "\
url: https://go.acme.example/
packages:
  a: &a
    repo: &repo github.com/acme/a
    description: >-
      Does one thing,
      and does it well
  b: *a
  old: {repo: *repo, url: OTHER/go}
  docs:
    repo: https://github.com/acme/docs
    doc_url: docs.acme.example/docs
    doc_badge: //img.acme.example/docs.svg
"
        .replace("OTHER", "old.acme.example")
        .as_str(),
        &[
            (
                "go.acme.example/a",
                "git https://github.com/acme/a",
                "https://pkg.go.dev/go.acme.example/a{below}",
            ),
            (
                "go.acme.example/b",
                "git https://github.com/acme/a",
                "https://pkg.go.dev/go.acme.example/b{below}",
            ),
            (
                "old.acme.example/go/old",
                "git https://github.com/acme/a",
                "https://pkg.go.dev/old.acme.example/go/old{below}",
            ),
            (
                "go.acme.example/docs",
                "git https://github.com/acme/docs",
                "https://docs.acme.example/docs",
            ),
        ],
    );
    // A base with a path, indented by one and by eight, keys that sally does not know.
    assert_sally(
        "\
version: 3
url: acme.example/go
packages:
 tools/gen:
         repo: svn.acme.example/gen
         vcs: svn
         maintainers: [ann, bob]
         links: {home: https://acme.example}
",
        &[(
            "acme.example/go/tools/gen",
            "svn https://svn.acme.example/gen",
            "https://pkg.go.dev/acme.example/go/tools/gen{below}",
        )],
    );
    // JSON is YAML too.
    assert_sally(
        "{\n\t\"url\": \"go.acme.example\",\n\t\"packages\": {\n\t\t\"a\": {\"repo\": \
         \"h.example\\/a\", \"description\": \"\\ud83d\\ude00 & more\"}\n\t}\n}\n",
        &[(
            "go.acme.example/a",
            "git https://h.example/a",
            "https://pkg.go.dev/go.acme.example/a{below}",
        )],
    );
}

/// Asserts what vangen's pages say: per import path the rest of go-import, go-source, and the
/// address that the page links to.
fn assert_vangen(file: &str, rows: &[(&str, &str, Option<&str>, &str)]) {
    let (server, _directory) = serve(&converted("vangen.json", file));
    for (path, import, fields, docs) in rows {
        for below in ["", "/cmd/tool"] {
            let metas = served(&server, &format!("{path}{below}"));
            let tag = GoImport::parse(&format!("{path} {import}")).unwrap();
            assert_eq!(imports(&metas, path), [tag], "{file}");
            assert_eq!(source(&metas, path).as_deref(), *fields, "{file}");
            // vangen's pages stay.
            assert_eq!(refresh(&metas), None, "{file}");
        }
        let (host, path) = path.split_at(path.find('/').unwrap());
        let page = server.request("GET", path, &[("host", host)]).body;
        assert!(
            page.contains(&format!("<a href=\"{docs}\">")),
            "{docs}: {page}"
        );
    }
}

const GITHUB: &str = "https://github.com/acme/a https://github.com/acme/a/tree/master{/dir} \
                      https://github.com/acme/a/blob/master{/dir}/{file}#L{line}";

#[test]
fn files_of_vangen() {
    let tabs = "{\n\t\"domain\": \"go.acme.example\",\n\t\"repositories\": [\n\t\t{\n\
                \t\t\t\"prefix\": \"a\",\n\t\t\t\"subs\": [\n\t\t\t\t\"x\",\n\t\t\t\t{\"name\": \
                \"cmd/tool\", \"hidden\": true}\n\t\t\t],\n\
                \t\t\t\"url\": \"https://github.com/acme/a\"\n\t\t}\n\t]\n}\n";
    let rows = &[(
        "go.acme.example/a",
        "git https://github.com/acme/a",
        Some(GITHUB),
        "https://pkg.go.dev/go.acme.example/a",
    )];
    assert_vangen(tabs, rows);
    assert_vangen(&format!("\u{feff}{}", tabs.replace('\n', "\r\n")), rows);
    let minified: String = tabs.split_whitespace().collect();
    assert_vangen(&minified, rows);
    let mixed = [
        ("\"domain\"", "\"DOMAIN\""),
        ("repositories", "Repositories"),
        ("prefix", "preFix"),
        ("\"url\"", "\"Url\""),
        ("subs", "SUBS"),
    ];
    let mixed = mixed
        .iter()
        .fold(tabs.to_owned(), |text, (from, to)| text.replace(from, to));
    assert_vangen(&mixed, rows);

    // Sources of its own, a website, nulls, escapes, a domain with a path and a scheme.
    assert_vangen(
        r#"{"domain": "https://acme.example/go/", "docsDomain": "docs.acme.example", "index": null,
            "$schema": {"domain": [1.5e3, {"url": "\ud83d\ude00"}]},
            "repositories": [
              {"prefix": "/b/v2/", "type": "hg", "main": true, "subs": null,
               "url": "https://hg.acme.example/b?x=1\u0026y=2", "website": {}}
            ]}"#
        .replace("?x=1\\u0026y=2", "\\u002dc")
        .as_str(),
        &[(
            "acme.example/go/b/v2",
            "hg https://hg.acme.example/b-c",
            None,
            "https://docs.acme.example/acme.example/go/b/v2",
        )],
    );
    assert_vangen(
        r#"{"domain": "go.acme.example", "docsDomain": "pkg.go.dev", "index": true, "repositories": [
            {"Prefix": "c", "Type": "git", "URL": "https://git.acme.example/c.git",
             "Source": {"Home": "https://git.acme.example/c",
                        "Dir": "https://git.acme.example/c/tree{/dir}",
                        "File": "https://git.acme.example/c/tree{/dir}/{file}#n{line}"},
             "Website": {"Url": "https://c.acme.example/?a=1&b=2"}},
            {"prefix": "d", "url": "https://gitlab.com/acme/d", "hidden": true,
             "source": {"home": "https://gitlab.com/acme/d",
                        "dir": "https://gitlab.com/acme/d/-/tree/HEAD{/dir}",
                        "file": "https://gitlab.com/acme/d/-/blob/HEAD{/dir}/{file}#L{line}"}},
            {"prefix": "e", "url": "https://git.acme.example/e", "type": "git",
             "source": {"dir": "https://git.acme.example/e{/dir}"}}
          ]}"#,
        &[
            (
                "go.acme.example/c",
                "git https://git.acme.example/c.git",
                Some(
                    "https://git.acme.example/c https://git.acme.example/c/tree{/dir} \
                     https://git.acme.example/c/tree{/dir}/{file}#n{line}",
                ),
                "https://c.acme.example/?a=1&#38;b=2",
            ),
            (
                "go.acme.example/d",
                "git https://gitlab.com/acme/d",
                Some(
                    "https://gitlab.com/acme/d https://gitlab.com/acme/d/-/tree/HEAD{/dir} \
                     https://gitlab.com/acme/d/-/blob/HEAD{/dir}/{file}#L{line}",
                ),
                "https://pkg.go.dev/go.acme.example/d",
            ),
            (
                "go.acme.example/e",
                "git https://git.acme.example/e",
                Some("_ https://git.acme.example/e{/dir} _"),
                "https://pkg.go.dev/go.acme.example/e",
            ),
        ],
    );
}

/// Converts a directory of pages, and asserts that every tag of each is served, and that browsers
/// are led to the same places.
fn assert_pages(name: &str, pages: &[(&str, &str)]) {
    for edit in [
        |html: &str| html.to_owned(),
        |html: &str| format!("\u{feff}{}", html.replace('\n', "\r\n")),
    ] {
        let directory = tempfile::tempdir().unwrap();
        for (file, html) in pages {
            let file = directory.path().join("site").join(file);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, edit(html)).unwrap();
        }
        let (status, out, said) = run(directory.path(), &["site"]);
        assert_eq!((status, &*said), (Some(0), ""), "{name}: {out}");
        assert!(
            !out.contains("docs: none") && !out.contains("description:"),
            "{name}: {out}"
        );
        let (server, _directory) = serve(&out);
        for (file, html) in pages {
            let head = Head::parse(html.as_bytes());
            assert_eq!(head.error, None, "{name}: {file}");
            let path = file
                .trim_end_matches("index.html")
                .trim_end_matches(".html");
            let path = path.trim_end_matches('/');
            for tag in head.go_imports() {
                let prefix = tag.prefix.trim_end_matches('/');
                let metas = served(&server, prefix);
                let what = format!("{name}: {prefix} of {file} in {out}");
                assert_eq!(
                    imports(&metas, prefix),
                    imports(&head.metas, prefix),
                    "{what}"
                );
                if let Some(fields) = source(&head.metas, prefix) {
                    assert_eq!(source(&metas, prefix), Some(fields), "{what}");
                }
                // The page's own address, if it is not one for several modules.
                let (host, below) = prefix.split_at(prefix.find('/').unwrap_or(prefix.len()));
                if format!("/{path}").starts_with(below) && !path.is_empty() {
                    let metas = served(&server, &format!("{host}/{path}"));
                    assert_eq!(refresh(&metas), refresh(&head.metas), "{what}");
                }
            }
        }
    }
}

#[test]
fn pages_of_generators() {
    // As vangen writes them: no refresh, links in the body.
    let vangen = |path: &str, sub: &str| {
        format!(
            "<!DOCTYPE html>\n<html>\n<head>\n<meta charset=\"utf-8\">\n\
             <meta name=\"go-import\" content=\"go.acme.example/{path} git https://github.com/acme/{path}\">\n\
             <meta name=\"go-source\" content=\"go.acme.example/{path} https://github.com/acme/{path} \
             https://github.com/acme/{path}/tree/master{{/dir}} \
             https://github.com/acme/{path}/blob/master{{/dir}}/{{file}}#L{{line}}\">\n\
             <style>\n* {{ font-family: sans-serif; }}\nbody {{ margin-top: 0; }}\n</style>\n</head>\n\
             <body>\n<div class=\"content\">\n<h2>go.acme.example/{path}{sub}</h2>\n\
             <code>go get go.acme.example/{path}{sub}</code>\n<code>import \"go.acme.example/{path}{sub}\"</code>\n\
             Home: <a href=\"https://pkg.go.dev/go.acme.example/{path}{sub}\">docs</a><br/>\n</div>\n</body>\n</html>\n"
        )
    };
    assert_pages(
        "vangen",
        &[
            ("a/index.html", &vangen("a", "")),
            ("a/cmd/tool/index.html", &vangen("a", "/cmd/tool")),
            ("b/index.html", &vangen("b", "")),
            (
                "index.html",
                "<!DOCTYPE html><html><body><h1>go.acme.example</h1></body></html>",
            ),
        ],
    );
    // A theme of Hugo: minified, attributes without quotes, its own generator.
    let hugo = |name: &str| {
        let repo = name.replace('/', "-");
        format!(
            "<!doctype html><html lang=en><head><meta charset=utf-8><meta name=generator \
             content=\"Hugo 0.120.4\"><meta name=description content=\"Packages of Acme\"><title>{name}\
             </title><meta name=go-import content=\"acme.example/{name} git \
             https://codeberg.org/acme/{repo}\"><meta http-equiv=refresh content=\"0; \
             url=https://godoc.org/acme.example/{name}\"></head><body><h1>{name}</h1><p>Nothing to \
             see here</p><pre>go get acme.example/{name}</pre></body></html>"
        )
    };
    assert_pages(
        "Hugo",
        &[
            ("x/index.html", &hugo("x")),
            ("deep/y/index.html", &hugo("deep/y")),
        ],
    );
    // A layout of Jekyll: the tags of every module on 404.html, and a page of its own for some.
    let jekyll = "---\nlayout: go\n---\n";
    let tag = |name: &str| {
        format!(
            "    <meta content=\"acme.example/{name} git https://github.com/acme/{name}.git\" name=\"go-import\" />\n"
        )
    };
    assert_pages(
        "Jekyll",
        &[
            (
                "404.html",
                &format!(
                    "<!DOCTYPE html>\n<html>\n  <head>\n{}{}  </head>\n<body></body></html>",
                    tag("p"),
                    tag("q")
                ),
            ),
            (
                "p.html",
                &format!(
                    "<!DOCTYPE html>\n<html>\n  <head>\n{}    <meta http-equiv=\"refresh\" \
                     content=\"0;URL='https://github.com/acme/p'\" />\n  </head>\n</html>",
                    tag("p")
                ),
            ),
            ("_layouts/notes.html", &format!("<p>{jekyll}</p>")),
        ],
    );
}

#[test]
fn pages_by_hand() {
    assert_pages(
        "a few lines",
        &[
            (
                "a.html",
                "<html>\n<meta name=\"go-import\"\n      content=\"acme.example/a\n               hg  \
                 https://hg.acme.example/a\">\n<body>go get acme.example/a</body></html>\n",
            ),
            (
                "b/index.html",
                "<head><meta name=\"go-import\" content=\"acme.example/b git https://h.example/b\">\n\
                 <meta http-equiv=\"refresh\" content=\"3; url=/docs/b\"></head>"
                    .replace("url=/docs/b", "url=https://acme.example/docs/b")
                    .as_str(),
            ),
        ],
    );
    assert_pages(
        "upper case",
        &[(
            "a/INDEX.HTML".to_lowercase().as_str(),
            "<HTML>\n<HEAD>\n<TITLE>A</TITLE>\n<META NAME=\"go-import\" CONTENT=\"acme.example/a svn \
             https://svn.acme.example/a/trunk\">\n<META HTTP-EQUIV=\"Refresh\" CONTENT=\"5; \
             URL=https://pkg.go.dev/acme.example/a\">\n</HEAD>\n<BODY BGCOLOR=white>\n</BODY>\n</HTML>\n",
        )],
    );
    assert_pages(
        "single quotes",
        &[(
            "a/index.html",
            "<!doctype html>\n<head>\n<meta name='go-import' content='acme.example/a git https://h.example/a'>\n\
             <meta name='go-source' content='acme.example/a https://h.example/a _ \
             https://h.example/a{/dir}/{file}'>\n<meta http-equiv='refresh' content='0; \
             url=\"https://h.example/a#readme\"'>\n</head>\n",
        )],
    );
    assert_pages(
        "entities",
        &[(
            "a/index.html",
            "<!doctype html>\n<head>\n<meta name=\"go-import\" content=\"acme&#46;example&#x2F;a git \
             https:&#47;&#47;h.example/a\">\n<meta name=\"go-source\" content=\"acme.example/a \
             https://h.example/ https://h.example/?p=a&amp;d={/dir} \
             https://h.example/?p=a&amp;f={file}&amp;l={line}\">\n<meta http-equiv=\"refresh\" content=\"0; \
             url=https://h.example/?p=a&amp;q=1\">\n</head>\n",
        )],
    );
    assert_pages(
        "several tags",
        &[
            (
                "index.html",
                "<head>\n<meta name=\"go-import\" content=\"acme.example/a/ git https://h.example/a\">\n\
                 <meta name=\"go-import\" content=\"acme.example/b git https://h.example/mono b\">\n\
                 <meta name=\"go-import\" content=\"acme.example/c mod https://proxy.acme.example\">\n\
                 <meta name=\"go-import\" content=\"acme.example/c git https://h.example/c\">\n\
                 <meta name=\"go-source\" content=\"acme.example/b https://h.example/mono \
                 https://h.example/mono/b{/dir} https://h.example/mono/b{/dir}/{file}\">\n</head>\n<body>\n",
            ),
            (
                "c/index.html",
                "<head>\n<meta name=\"go-import\" content=\"acme.example/c git https://h.example/c\">\n\
                 <meta name=\"go-import\" content=\"acme.example/c mod https://proxy.acme.example\">\n\
                 <meta http-equiv=\"refresh\" content=\"0; url=https://pkg.go.dev/acme.example/c\"></head>\n",
            ),
        ],
    );
    assert_pages(
        "comments and scripts",
        &[(
            "a/index.html",
            "<!-- <meta name=\"go-import\" content=\"acme.example/old git https://h.example/old\"> -->\n\
             <!DOCTYPE html>\n<html><head>\n<script>var a = \"x\";</script>\n<link rel=\"icon\" \
             href=\"/x.svg\"/>\n<meta property=\"og:title\" content=\"go-import\">\n<meta name=\"go-import\" \
             content=\"acme.example/a git https://h.example/a\">\n<meta name=\"go-import\" \
             content=\"too few\">\n</head><body><a href=\"https://pkg.go.dev/acme.example/a\">Documentation</a></body></html>",
        )],
    );
    // A monorepo: pages of packages lead to their own documentation.
    let page = |path: &str, meant: &str| {
        format!(
            "<head><meta name=\"go-import\" content=\"acme.example{path} git https://github.com/acme/mono\">\
             <meta http-equiv=\"refresh\" content=\"0; url=https://pkg.go.dev/acme.example{meant}\"></head>"
        )
    };
    assert_pages(
        "packages",
        &[
            ("mono/index.html", &page("/mono", "/mono")),
            ("mono/sub/index.html", &page("/mono", "/mono/sub")),
            ("mono/sub/deep/index.html", &page("/mono", "/mono/sub/deep")),
        ],
    );
}
