//! What is rejected, and why, is in tests/bad_files.

use super::*;

#[test]
fn accepts_hosts_that_go_accepts() {
    for good in ["tonybai.com", "go.uber.org", "x-y.example", "1.2"] {
        assert!(Host::parse(good).is_ok(), "{good}");
    }
}

#[test]
fn accepts_paths_that_go_accepts() {
    for (text, path) in [
        ("/", ""),
        ("/a", "/a"),
        ("/a/", "/a"),
        ("/x/experiments", "/x/experiments"),
        ("/A-b._~c", "/A-b._~c"),
        ("/-a/b", "/-a/b"),
    ] {
        assert_eq!(ModulePath::parse(text).unwrap().as_str(), path, "{text}");
    }
    for good in [
        // No device names of Windows.
        "/prn2", "/com", "/lpt", "/com0", "/com10", "/calm1", "/xcon", "/con-x", "/x.con",
        // No tilde followed by digits.
        "/z~", "/z09", "/z09~", "/z~a", "/z09~09z", "/z.a~1",
        // No versions, or valid ones.
        "/v", "/av1", "/z/v", "/z/v2", "/z/v10", "/z/v2/b", "/z/v1/b", "/z/v2x", "/yaml.v0",
    ] {
        assert!(ModulePath::parse(good).is_ok(), "{good}");
    }
}

/// Tries the characters that Go's own tests try in a host and in a later element.
#[test]
fn accepts_the_ascii_characters_that_go_accepts() {
    for c in (0..=127).map(char::from) {
        let in_host = matches!(c, 'a'..='z' | '0'..='9' | '-' | '.');
        assert_eq!(Host::parse(&format!("x{c}x.y")).is_ok(), in_host, "{c:?}");
        // At the end of a path, a slash is dropped and a star makes a pattern.
        let in_path = c.is_ascii_alphanumeric() || "-_~/".contains(c);
        assert_eq!(
            ModulePath::parse(&format!("/z{c}")).is_ok(),
            in_path,
            "{c:?}"
        );
        let within = in_path || c == '.';
        assert_eq!(
            ModulePath::parse(&format!("/z{c}z")).is_ok(),
            within,
            "{c:?}"
        );
    }
}

#[test]
fn keys_have_hosts_and_patterns() {
    let shown = |text| Key::parse(text).map(|key| (key.to_string(), key.pattern));
    assert_eq!(shown("/a/"), Ok(("/a".into(), false)));
    assert_eq!(shown("/"), Ok(("/".into(), false)));
    assert_eq!(shown("/*"), Ok(("/*".into(), true)));
    assert_eq!(shown("/x/*"), Ok(("/x/*".into(), true)));
    assert_eq!(
        shown("go.example/x/*/"),
        Ok(("go.example/x/*".into(), true))
    );
    assert_eq!(shown("go.example"), Ok(("go.example".into(), false)));
}

#[test]
fn paths_sort_before_what_is_below_them() {
    let mut keys: Vec<_> = ["/x-y", "/x/b", "/x", "/x.z", "/x/*", "/x/a/b", "/"]
        .map(|text| Key::parse(text).unwrap())
        .into();
    keys.sort_by(|a, b| a.order().cmp(b.order()));
    let sorted: Vec<_> = keys.iter().map(Key::to_string).collect();
    assert_eq!(
        sorted,
        ["/", "/x", "/x/*", "/x/a/b", "/x/b", "/x-y", "/x.z"]
    );
}

#[test]
fn request_paths_are_import_paths() {
    for (raw, path) in [
        ("/", ""),
        ("/a", "/a"),
        ("/a/", "/a"),
        ("/a/b.c/v2", "/a/b.c/v2"),
        ("/gowe%63hat", "/gowechat"),
        ("/a/c++", "/a/c++"),
        ("/.git", "/.git"),
    ] {
        assert_eq!(RequestPath::parse(raw).unwrap().as_str(), path, "{raw}");
    }
    for bad in [
        "",
        "*",
        "a",
        "//",
        "/a//",
        "/a//b",
        "/.",
        "/./",
        "/a/../b",
        "/a/...",
        "/%2e%2e/a",
        "/a%2Fb",
        "/a%2fb",
        "/a%00",
        "/%ff",
        "/a%",
        "/a b",
        "/<script>",
        "/%3Cscript%3E",
        "/é",
        "/%C3%A9",
        "/%252e",
        "/a\\b",
    ] {
        assert_eq!(RequestPath::parse(bad), None, "{bad}");
    }
}
