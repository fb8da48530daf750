use super::*;

#[test]
fn accepts_what_a_vcs_can_fetch() {
    for url in [
        "https://github.com/bigwhite/gowechat",
        "http://git.example.com:3000/a/b.git",
        "ssh://git@host.example/a/b",
        "git+ssh://host.example:2222/a",
        "svn+ssh://svn@svn.example/r",
        "https://[::1]:8443/a",
        "https://code.example/team/*-go.git",
        "https://git.sr.ht/~a/b",
        "https://proxy.example",
    ] {
        assert!(RepoUrl::parse(url).is_ok(), "{url}");
    }
}

#[test]
fn rejects_what_breaks_a_tag_or_a_fetch() {
    for url in [
        "",
        "github.com/a/b",
        "git@github.com:a/b",
        "file:///srv/a",
        "FILE:///a",
        "/srv/a",
        "https://",
        "https:///a",
        "https://u:p@h.example/a",
        "https://token@h.example/a",
        "ssh://git:pw@h.example/a",
        "https://h.example/a b",
        "https://h.example/a\tb",
        "htps://h.example/a",
        "ftp://h.example/a",
        "https://h.example:0/a",
        "https://h.example:x/a",
        "https://h.example/a\"b",
        "https://h.example/a?b=c",
        "https://h.example/a#b",
        "https://*.example/a",
        "C:\\src",
        "https://h.example/%zz",
        "https://h.example/a%2",
        "https://h.example:+80/x",
        "https://h.example:/x",
        "https://[zz]/x",
        "https://[1.2.3.4]/x",
        "https://[[::1]]/x",
        "ssh://us[er@h.example/a",
        "ssh://%zz@h.example/a",
        "svn://bob@h.example/a",
        "https://@h.example/a",
        "https://proxy.golang.org",
        "mailto:a@b",
    ] {
        assert!(RepoUrl::parse(url).is_err(), "{url}");
    }
    let scp = RepoUrl::parse("git@host:a/b").unwrap_err().to_string();
    assert!(scp.ends_with("\nwrite `ssh://git@host/a/b`"), "{scp}");
}

#[test]
fn web_address_is_https_without_git_suffix() {
    for (url, web) in [
        ("https://github.com/a/b.git", "https://github.com/a/b"),
        ("http://h.example/a/b/", "https://h.example/a/b"),
        ("http://h.example:3000/a", "http://h.example:3000/a"),
        ("https://h.example:3000/a.git/", "https://h.example:3000/a"),
        ("ssh://git@h.example:22/a/b.git", "https://h.example/a/b"),
        ("git://h.example/a", "https://h.example/a"),
    ] {
        assert_eq!(RepoUrl::parse(url).unwrap().web().as_str(), web);
    }
}

#[test]
fn recognizes_pages_of_a_repository() {
    for (url, advice) in [
        (
            "https://github.com/a/b/tree/main",
            "`repo: https://github.com/a/b`",
        ),
        (
            "https://github.com/a/b/tree/main/x/y",
            "`repo: https://github.com/a/b` and `subdir: x/y`",
        ),
        (
            "https://github.com/a/b/blob/main/x/go.mod",
            "`repo: https://github.com/a/b` and `subdir: x`",
        ),
        (
            "https://GitHub.com/a/b/issues",
            "`repo: https://GitHub.com/a/b`",
        ),
        (
            "https://gitlab.com/a/b/c/-/tree/main/x",
            "`repo: https://gitlab.com/a/b/c` and `subdir: x`",
        ),
        (
            "https://codeberg.org/a/b/src/branch/main/x",
            "`repo: https://codeberg.org/a/b` and `subdir: x`",
        ),
        (
            "https://raw.githubusercontent.com/a/b/main/x/go.mod",
            "`repo: https://github.com/a/b` and `subdir: x`",
        ),
        (
            "https://git.example.com:3000/a/b/src/branch/main",
            "`repo: https://git.example.com:3000/a/b`",
        ),
    ] {
        let problem = RepoUrl::parse(url).unwrap_err().to_string();
        let (_, hint) = problem.split_once('\n').unwrap();
        assert_eq!(hint, format!("write {advice}"), "{url}");
    }
    for url in [
        "https://gitlab.com/group/tree/blob/tree",
        "https://h.example/a/b/src",
        "https://h.example/tree/a",
        "https://github.com/a/tree",
    ] {
        assert!(RepoUrl::parse(url).is_ok(), "{url}");
    }
}

#[test]
fn web_addresses_are_valid_header_values() {
    assert!(WebUrl::parse("https://pkg.go.dev").is_ok());
    assert!(WebUrl::parse("http://docs.example:8080/a?b#c").is_ok());
    for bad in [
        "pkg.go.dev",
        "javascript:alert(1)",
        "https://",
        "https://u@h/",
        "https://h/\n",
        "https://h/é",
        "https://h/'",
        "",
    ] {
        assert!(WebUrl::parse(bad).is_err(), "{bad}");
    }
}
