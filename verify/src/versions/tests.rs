use super::super::Status;
use super::super::answer::tests::target;
use super::*;

fn refs(tags: &[&str]) -> Refs {
    Refs {
        has_head: true,
        tags: tags.iter().map(|tag| (*tag).to_owned()).collect(),
    }
}

/// Returns the status and code of each finding; `files` are pairs of `REV:PATH` and text.
fn check_files(
    target: &Target,
    tags: &[&str],
    files: &[(&str, &str)],
) -> Vec<(Status, Option<Code>)> {
    let objects = files.iter().map(|(name, text)| {
        let (tag, path) = name.split_once(':').unwrap();
        let object = match *text {
            "/" => Object::Directory,
            text => Object::File(text.to_owned()),
        };
        (format!("{}:{path}", at(tag)), object)
    });
    let findings = check(target, &refs(tags), &objects.collect());
    findings.iter().map(|f| (f.status, f.code)).collect()
}

const PASS: (Status, Option<Code>) = (Status::Pass, None);
const OWN: &str = "module a.example/m\n";

fn warn(code: Code) -> (Status, Option<Code>) {
    (Status::Warn, Some(code))
}

fn fail(code: Code) -> (Status, Option<Code>) {
    (Status::Fail, Some(code))
}

#[test]
fn versions_follow_semver_order() {
    let ordered = [
        "v0.0.1",
        "v1.0.0-1",
        "v1.0.0-2",
        "v1.0.0-10",
        "v1.0.0-alpha",
        "v1.0.0-alpha.1",
        "v1.0.0-beta",
        "v1.0.0",
        "v1.2.0",
        "v1.10.0",
        "v2.0.0",
    ];
    let versions: Vec<_> = ordered
        .iter()
        .map(|text| Version::parse(text).unwrap())
        .collect();
    assert!(versions.is_sorted());
    for bad in [
        "",
        "v1",
        "v1.2",
        "1.2.3",
        "v1.2.3.4",
        "v01.0.0",
        "v1.0.0+x",
        "v1.0.0-",
        "v1.0.0-01",
        "v+1.0.0",
        "vx.0.0",
    ] {
        assert_eq!(Version::parse(bad), None, "{bad}");
    }
}

#[test]
fn go_get_takes_the_highest_release() {
    let chosen = |path: &str, subdir: &str, tags: &[&str]| {
        let target = Target {
            path: path.into(),
            subdir: subdir.into(),
            ..target()
        };
        Plan::new(&target, &refs(tags)).chosen
    };
    let m = "a.example/m";
    assert_eq!(
        chosen(m, "", &["v1.2.0", "v1.10.0", "v1.11.0-rc.1", "v2.0.0"]),
        "v1.10.0"
    );
    assert_eq!(chosen(m, "", &["v1.0.0-rc.1", "x"]), "v1.0.0-rc.1");
    assert_eq!(chosen(m, "", &["v2.0.0"]), "HEAD");
    assert_eq!(
        chosen("a.example/m/v2", "", &["v1.0.0", "v2.0.0", "v3.0.0"]),
        "v2.0.0"
    );
    assert_eq!(chosen(m, "sub", &["v1.0.0", "sub/v0.1.0"]), "sub/v0.1.0");
    assert_eq!(chosen("gopkg.in/m.v3", "", &["v2.0.0", "v3.0.0"]), "v3.0.0");
}

#[test]
fn every_fault_has_a_code() {
    let at_root = target();
    let of = |tags: &[&str], files: &[(&str, &str)]| check_files(&at_root, tags, files);
    assert_eq!(of(&["v1.0.0"], &[("v1.0.0:go.mod", OWN)]), [PASS]);
    assert_eq!(of(&[], &[("HEAD:go.mod", OWN)]), [warn(Code::NoVersions)]);
    assert_eq!(
        of(&["1.0"], &[("HEAD:go.mod", OWN)]),
        [warn(Code::NoVersions)]
    );
    assert_eq!(of(&["v1.0.0"], &[]), [warn(Code::ModulePathMismatch), PASS]);
    let other = ("v1.0.0:go.mod", "module b.example/m\n");
    assert_eq!(of(&["v1.0.0"], &[other]), [fail(Code::ModulePathMismatch)]);
    assert_eq!(
        of(&["v1.0.0"], &[("v1.0.0:go.mod", "go 1.20\n")]),
        [fail(Code::ModulePathMismatch)]
    );
    let second = ("HEAD:go.mod", "module a.example/m/v2\n");
    assert_eq!(of(&[], &[second]), [fail(Code::ModulePathMismatch)]);
    let empty = check(&at_root, &Refs::default(), &HashMap::new());
    assert_eq!(empty[0].code, Some(Code::NoVersions));
}

#[test]
fn a_major_version_needs_its_suffix() {
    let at_root = target();
    let of = |tags: &[&str], files: &[(&str, &str)]| check_files(&at_root, tags, files);
    let mismatch = warn(Code::MajorVersionMismatch);
    let (first, wrong) = (("v1.0.0:go.mod", OWN), ("v2.0.0:go.mod", OWN));
    assert_eq!(of(&["v1.0.0", "v2.0.0"], &[first, wrong]), [mismatch, PASS]);
    assert_eq!(of(&["v2.0.0"], &[("HEAD:go.mod", OWN), wrong]), [mismatch]);
    let second = "module a.example/m/v2\n";
    assert_eq!(
        of(&["v1.0.0", "v2.0.0"], &[first, ("v2.0.0:go.mod", second)]),
        [PASS]
    );
    let below = [first, wrong, ("v2.0.0:v2/go.mod", second)];
    assert_eq!(of(&["v1.0.0", "v2.0.0"], &below), [PASS]);
    assert_eq!(of(&["v2.0.0"], &[("v2.0.0:go.mod", second)]), [PASS]);
}

#[test]
fn a_subdir_has_its_own_go_mod_and_tags() {
    let target = Target {
        subdir: "sub/dir".into(),
        ..target()
    };
    let of = |tags: &[&str], files: &[(&str, &str)]| check_files(&target, tags, files);
    let tag = "sub/dir/v1.0.0";
    assert_eq!(
        of(&[tag], &[("sub/dir/v1.0.0:sub/dir/go.mod", OWN)]),
        [PASS]
    );
    assert_eq!(
        of(&["v1.0.0"], &[("HEAD:sub/dir/go.mod", OWN)]),
        [warn(Code::NoVersions)]
    );
    assert_eq!(
        of(&[], &[("HEAD:sub/dir", "/")]),
        [fail(Code::SubdirMissing)]
    );
    assert_eq!(of(&[], &[]), [fail(Code::SubdirMissing)]);
}

#[test]
fn reads_the_module_line_as_go_does() {
    for (text, path) in [
        ("module a.example/m\n", "a.example/m"),
        ("// x\n\nmodule \"a.example/m\" // y\n", "a.example/m"),
        ("module\ta\n", "a"),
        ("modules a\n", ""),
        ("go 1.20\n", ""),
    ] {
        assert_eq!(module_path(text), path, "{text:?}");
    }
}
