//! What pkg.go.dev and the go command read from a module's page, by their own rules
//! (golang.org/x/pkgsite, internal/source, and cmd/go/internal/vcs/discovery.go).

use crate::support::{SEED, Server};
use regex::Regex;

/// Returns the name and attributes of each start tag in the head, as Go's XML tokenizer does in lax
/// mode. It handles only what these pages contain, and panics at anything else: a document type,
/// tags with or without attributes in double quotes, text, and numeric entities, which are the same
/// in XML and HTML.
fn start_tags(page: &str) -> Vec<(String, Vec<(String, String)>)> {
    let mut tags = Vec::new();
    for piece in page.split('<').skip(1) {
        let (tag, _text) = piece.split_once('>').expect("a tag ends");
        if tag.starts_with('!') {
            continue;
        }
        let (name, mut rest) = tag.split_once(' ').unwrap_or((tag, ""));
        let name = name.to_ascii_lowercase();
        if name == "/head" || name == "body" {
            return tags;
        }
        if name.starts_with('/') {
            continue;
        }
        let mut attributes = Vec::new();
        while !rest.is_empty() {
            let (attribute, value) = rest.split_once("=\"").expect("a value in double quotes");
            let (value, after) = value.split_once('"').expect("the quotation marks match");
            attributes.push((attribute.trim().to_ascii_lowercase(), unescaped(value)));
            rest = after.trim_start();
        }
        tags.push((name, attributes));
    }
    panic!("the head does not end");
}

fn unescaped(value: &str) -> String {
    let mut out = String::new();
    let mut pieces = value.split('&');
    out.push_str(pieces.next().unwrap());
    for piece in pieces {
        let (number, rest) = piece.split_once(';').expect("an entity ends");
        let number = number.strip_prefix('#').expect("an entity by number");
        out.push(char::from_u32(number.parse().unwrap()).unwrap());
        out.push_str(rest);
    }
    out
}

/// Returns the fields of every tag of that name.
fn meta(page: &str, wanted: &str) -> Vec<Vec<String>> {
    let value = |attributes: &[(String, String)], name: &str| {
        let found = attributes.iter().find(|(given, _)| given == name);
        found.map(|(_, value)| value.clone()).unwrap_or_default()
    };
    start_tags(page)
        .iter()
        .filter(|(name, attributes)| name == "meta" && value(attributes, "name") == wanted)
        .map(|(_, attributes)| {
            let content = value(attributes, "content");
            content.split_whitespace().map(str::to_owned).collect()
        })
        .collect()
}

/// Returns the only go-import that pkg.go.dev reads, which skips module proxies, and the only
/// go-source of a page.
fn tags(server: &Server, target: &str) -> (Vec<String>, Option<Vec<String>>) {
    let page = server.get(&format!("{target}?go-get=1"));
    assert_eq!(page.status, 200, "{target}");
    let mut imports = meta(&page.body, "go-import");
    if imports.len() > 1 {
        imports.retain(|import| import[1] != "mod");
    }
    assert_eq!(imports.len(), 1, "{}", page.body);
    let import = imports.remove(0);
    assert!(matches!(import.len(), 3 | 4), "{import:?}");
    let mut sources = meta(&page.body, "go-source");
    assert!(sources.len() <= 1, "{}", page.body);
    let source = sources.pop();
    if let Some(source) = &source {
        assert_eq!(source.len(), 4, "{source:?}");
        assert_eq!(source[0], import[0], "the prefixes agree");
    }
    (import, source)
}

/// Link formats that pkg.go.dev knows, by forge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    Github,
    Gitlab,
    /// With `src/branch`, where a version would be a tag or a commit.
    Gitea,
    Gogs,
    Bitbucket,
    Sourcehut,
    Gitiles,
    Cgit,
}

/// Returns the link format for which pkg.go.dev makes version-aware links, from a repository's URL
/// or else from the go-source templates. With `None`, it links to the go-source URLs at any
/// version.
fn recognised(source: &[String]) -> Option<Shape> {
    use Shape::*;
    const NAME: &str = r"[a-z0-9A-Z_.\-]+";
    const HOST: &str = r"[a-z0-9A-Z.-]+";
    const END: &str = r"(\.git|$)";
    let by_host = [
        (format!(r"^github\.com/{NAME}/{NAME}"), Github),
        (format!(r"^github\.{HOST}/{NAME}/{NAME}{END}"), Github),
        (format!(r"^bitbucket\.org/{NAME}/{NAME}"), Bitbucket),
        (format!(r"^gitlab\.com/[^.]+{END}"), Gitlab),
        (format!(r"^gitlab\.{HOST}/{NAME}/{NAME}{END}"), Gitlab),
        (format!(r"^gitee\.com/{NAME}/{NAME}{END}"), Github),
        (format!(r"^git\.sr\.ht/~{NAME}/{NAME}"), Sourcehut),
        (format!(r"^gitea\.com/{NAME}/{NAME}{END}"), Gitea),
        (format!(r"^gitea\.{HOST}/{NAME}/{NAME}{END}"), Gitea),
        (format!(r"^codeberg\.org/{NAME}/{NAME}{END}"), Gitea),
        (format!(r"^gogs\.{HOST}/{NAME}/{NAME}{END}"), Gogs),
        (format!(r"^[^.]+\.googlesource\.com/[^.]+{END}"), Gitiles),
    ];
    let by_template = [
        (r"/src/branch/\w+\{/dir\}/\{file\}#L\{line\}$", Gitea),
        (r"/src/\w+\{/dir\}/\{file\}#L\{line\}$", Gogs),
        (r"/-/blob/\w+\{/dir\}/\{file\}#L\{line\}$", Gitlab),
        (r"/tree\{/dir\}/\{file\}#n\{line\}$", Cgit),
    ];
    let (repo, directory, file) = (&source[1], &source[2], &source[3]);
    let host = |text: &str| {
        let text = text
            .strip_prefix("https://")
            .or(text.strip_prefix("http://"));
        let text = text.unwrap_or_default();
        let found = by_host
            .iter()
            .find(|(known, _)| Regex::new(known).unwrap().is_match(text));
        found.map(|(_, shape)| *shape)
    };
    let template = || {
        let found = by_template
            .iter()
            .find(|(known, _)| Regex::new(known).unwrap().is_match(file));
        found.map(|(_, shape)| *shape)
    };
    host(repo).or_else(|| host(directory)).or_else(template)
}

fn source_of(repo: &str, more: &str) -> Vec<String> {
    let server = Server::start(&format!("/m:\n  repo: {repo}\n{more}"));
    tags(&server, "/m").1.expect("a go-source tag")
}

#[test]
fn pkgsite_reads_the_tags_of_every_page() {
    let server = Server::start(
        "/m:\n  repo: https://github.com/a/m\n  subdir: go/m\n  description: a > b & \"c\"\n\
         /proxy:\n  repo: https://proxy.example\n  vcs: mod\n\
         /plain:\n  repo: https://git.example.com/plain\n",
    );
    let (import, source) = tags(&server, "/m/below");
    assert_eq!(
        import,
        ["tonybai.com/m", "git", "https://github.com/a/m", "go/m"]
    );
    assert_eq!(
        source.unwrap()[1..],
        [
            "https://github.com/a/m",
            "https://github.com/a/m/tree/HEAD{/dir}",
            "https://github.com/a/m/blob/HEAD{/dir}/{file}#L{line}"
        ]
    );
    assert_eq!(tags(&server, "/proxy").0[1], "mod");
    // Unknown forge: no tag is better than one with too few fields.
    assert_eq!(tags(&server, "/plain").1, None);
    let title = |(name, _): &(String, _)| name == "title";
    assert!(start_tags(&server.get("/m").body).iter().any(title));
}

#[test]
fn links_use_the_repository_next_to_a_proxy() {
    let server = Server::start(
        "/a:\n  repo: https://github.com/o/mono\n  subdir: a\n  proxy: https://proxy.example\n",
    );
    let (import, source) = tags(&server, "/a");
    assert_eq!(
        import,
        ["tonybai.com/a", "git", "https://github.com/o/mono", "a"]
    );
    assert_eq!(recognised(&source.unwrap()), Some(Shape::Github));
    let page = server.get("/a").body;
    let proxy = "<meta name=\"go-import\" content=\"tonybai.com/a mod https://proxy.example\">";
    assert!(page.contains(proxy), "{page}");
}

#[test]
fn a_subpath_and_its_root_agree() {
    // The go command requests the package, then the prefix that its page names, and accepts them
    // only if the tags are the same.
    let server = Server::start(&format!(
        "{SEED}/team/*:\n  repo: https://github.com/team/*-go\n/mono:\n  repo: https://h.example/m\n  subdir: go\n"
    ));
    for target in [
        "/gowechat/mp/x",
        "/x/experiments/a",
        "/team/tool/a/b",
        "/mono/v2/x",
    ] {
        let below = tags(&server, target);
        let root = below.0[0].strip_prefix("tonybai.com").unwrap();
        assert!(target.starts_with(root));
        assert_eq!(tags(&server, root), below, "{target}");
    }
}

#[test]
fn known_hosts_need_no_forge() {
    for (repo, shape) in [
        ("https://github.com/a/b", Shape::Github),
        ("https://github.com/a/b.git", Shape::Github),
        ("ssh://git@github.com/a/b.git", Shape::Github),
        ("https://github.example.com/a/b", Shape::Github),
        ("https://gitee.com/a/b", Shape::Github),
        ("https://gitlab.com/a/b", Shape::Gitlab),
        ("https://gitlab.com/a/group/b.git", Shape::Gitlab),
        ("https://gitlab.example.com/a/b", Shape::Gitlab),
        ("https://gitlab.example.com/a/group/b", Shape::Gitlab),
        ("https://gitea.com/a/b", Shape::Gitea),
        ("https://gitea.example.com/a/b", Shape::Gitea),
        ("https://forgejo.example.com/a/b", Shape::Gitea),
        ("https://codeberg.org/a/b", Shape::Gitea),
        ("https://gogs.example.com/a/b", Shape::Gogs),
        ("https://bitbucket.org/a/b", Shape::Bitbucket),
        ("https://git.sr.ht/~a/b", Shape::Sourcehut),
        ("https://go.googlesource.com/tools", Shape::Gitiles),
    ] {
        for more in ["", "  branch: trunk\n"] {
            let source = source_of(repo, more);
            assert_eq!(recognised(&source), Some(shape), "{source:?}");
        }
    }
}

#[test]
fn self_hosted_forge_is_recognized_by_its_links() {
    for (forge, shape) in [
        ("gitlab", Some(Shape::Gitlab)),
        ("gitea", Some(Shape::Gitea)),
        ("forgejo", Some(Shape::Gitea)),
        ("gogs", Some(Shape::Gogs)),
        ("cgit", Some(Shape::Cgit)),
        // pkg.go.dev recognises these only by host. The links work, but at the branch's head.
        ("github", None),
        ("bitbucket", None),
        ("sourcehut", None),
        ("gitiles", None),
    ] {
        for more in ["", "  branch: trunk\n"] {
            if forge == "cgit" && !more.is_empty() {
                continue;
            }
            let more = format!("  forge: {forge}\n{more}");
            let source = source_of("https://code.example.com/a/b.git", &more);
            assert_eq!(recognised(&source), shape, "{source:?}");
            assert!(source[3].ends_with("{file}#L{line}") || !matches!(shape, Some(Shape::Gitea)));
        }
    }
}

#[test]
fn unusual_branch_is_not_recognized() {
    // pkg.go.dev's patterns require `\w+` for the branch, except on known hosts.
    for forge in ["gitea", "gitlab", "gogs"] {
        let more = format!("  forge: {forge}\n  branch: release-1.x\n");
        let source = source_of("https://code.example.com/a/b", &more);
        assert_eq!(recognised(&source), None, "{source:?}");
        let source = source_of(&format!("https://{forge}.example.com/a/b"), &more);
        assert!(recognised(&source).is_some(), "{source:?}");
    }
}

#[test]
fn pkgsite_reader_rejects_bad_pages() {
    let two = r#"<head><meta name="go-import" content="a b c"><META NAME="go-import" content="d&#38; e f"></head>"#;
    assert_eq!(meta(two, "go-import"), [["a", "b", "c"], ["d&", "e", "f"]]);
    assert!(
        meta(
            r#"<head></head><meta name="go-import" content="a b c">"#,
            "go-import"
        )
        .is_empty()
    );
    let unknown = [
        "_",
        "https://h.example/a",
        "https://h.example/a/x{/dir}",
        "https://h.example/a/x{/dir}/{file}",
    ];
    assert_eq!(recognised(&unknown.map(str::to_owned)), None);
}
