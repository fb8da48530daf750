//! What is rejected, and why, is in tests/bad_files.

use super::*;

#[test]
fn accepts_what_a_vcs_or_a_browser_can_fetch() {
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
        // Not pages of a repository.
        "https://gitlab.com/group/tree/blob/tree",
        "https://h.example/a/b/src",
        "https://h.example/tree/a",
        "https://github.com/a/tree",
    ] {
        assert!(Url::repository(url).is_ok(), "{url}");
    }
    for url in ["https://pkg.go.dev", "http://docs.example:8080/a?b#c"] {
        assert!(Url::web(url).is_ok(), "{url}");
    }
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
        assert_eq!(Url::repository(url).unwrap().web_page(), web);
    }
}
