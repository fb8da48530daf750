use super::*;

#[test]
fn hosts_follow_go_rules() {
    for good in ["tonybai.com", "go.uber.org", "x-y.example", "1.2"] {
        assert!(Host::parse(good).is_ok(), "{good}");
    }
    for bad in [
        "",
        "localhost",
        "Example.com",
        "-a.b",
        "a..b",
        "a.b.",
        ".a.b",
        "a_b.c",
        "a.b:80",
        "https://a.b",
        "a.b/c",
        "con.example",
        "a.b ",
        "é.com",
        "github.com",
    ] {
        assert!(Host::parse(bad).is_err(), "{bad}");
    }
}

#[test]
fn module_paths_follow_go_rules() {
    for (text, path) in [
        ("/", ""),
        ("/a", "/a"),
        ("/a/", "/a"),
        ("/x/experiments", "/x/experiments"),
        ("/a/v2", "/a/v2"),
        ("/A-b._~c", "/A-b._~c"),
        ("/av1", "/av1"),
        ("/-a/b", "/-a/b"),
        ("/com10", "/com10"),
    ] {
        assert_eq!(ModulePath::parse(text).unwrap().as_str(), path, "{text}");
    }
    for bad in [
        "",
        "a",
        "//",
        "/a//b",
        "/a//",
        "/.",
        "/..",
        "/a/../b",
        "/.git",
        "/a.",
        "/a b",
        "/a+b",
        "/é",
        "/con",
        "/NUL.txt",
        "/lpt9",
        "/a~1",
        "/v1",
        "/a/v0",
        "/a/v1",
        "/a/v2.0",
        "/a/v02",
        "/a?b",
        "/a%20b",
        "/-a",
        "/x/~a",
        "/tool.git",
        "/a.hg/b",
        "/vendor/x",
        "/x/vendor",
        "/a...b",
    ] {
        assert!(ModulePath::parse(bad).is_err(), "{bad}");
    }
    let long = |length: usize| format!("/{}/a", "a".repeat(length));
    assert!(ModulePath::parse(&long(MAX_ELEMENT)).is_ok());
    assert!(ModulePath::parse(&long(MAX_ELEMENT + 1)).is_err());
    assert!(ModulePath::parse(&"/a".repeat(MAX_PATH / 2)).is_ok());
    assert!(ModulePath::parse(&"/a".repeat(MAX_PATH / 2 + 1)).is_err());
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
fn rejects_device_names_of_windows() {
    for good in [
        "/prn2", "/com", "/lpt", "/com0", "/calm1", "/xcon", "/con-x", "/x.con", "/z~", "/z09",
        "/z09~", "/z~a", "/z09~09z", "/z.a~1",
    ] {
        assert!(ModulePath::parse(good).is_ok(), "{good}");
    }
    for bad in [
        "/prn",
        "/aux.foo",
        "/CON",
        "/com1",
        "/com1.txt",
        "/a/lpt1/b",
        "/z~0",
        "/z~09",
        "/z~1.txt",
        "/z09~09z~09",
    ] {
        assert!(ModulePath::parse(bad).is_err(), "{bad}");
    }
}

#[test]
fn major_versions_follow_go_rules() {
    for good in [
        "/v",
        "/z/v",
        "/z/v2",
        "/z/v10",
        "/z/v2/sub",
        "/z/v1/sub",
        "/z/v2x",
        "/yaml.v0",
    ] {
        assert!(ModulePath::parse(good).is_ok(), "{good}");
    }
    for bad in [
        "/v0",
        "/z/v0",
        "/z/v1",
        "/z/v00",
        "/z/v01",
        "/z/v2.0",
        "/z/v2.1.5",
    ] {
        assert!(ModulePath::parse(bad).is_err(), "{bad}");
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
    for bad in ["gowechat/mp", "/x*", "/*/x", "/x/**", "/x/*/*"] {
        assert!(Key::parse(bad).is_err(), "{bad}");
    }
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
