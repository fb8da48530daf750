use super::super::Status;
use super::super::answer::tests::target;
use super::super::snapshot::{Entry, Kind};
use super::*;

/// A revision, `HEAD` or a tag, with its files.
type Revision<'a> = (&'a str, &'a [(&'a str, &'a str)]);

const OWN: (&str, &str) = ("go.mod", "module a.example/m\n");

fn snapshot(revisions: &[Revision]) -> Snapshot {
    let mut snapshot = Snapshot::default();
    for (revision, files) in revisions {
        let commit = format!("commit of {revision}");
        if *revision == "HEAD" {
            snapshot.refs.head = Some(commit.clone());
        } else {
            snapshot
                .refs
                .tags
                .insert((*revision).to_owned(), commit.clone());
        }
        snapshot.refs.branches.insert("main".to_owned());
        snapshot.roots.insert(commit.clone(), format!("{commit}:"));
        snapshot.trees.entry(format!("{commit}:")).or_default();
        for (path, text) in *files {
            let mut dir = String::new();
            let names: Vec<&str> = path.split('/').collect();
            for (at, name) in names.iter().enumerate() {
                let id = joined(&dir, name);
                let is_file = at + 1 == names.len();
                let entry = Entry {
                    name: (*name).to_owned(),
                    kind: if is_file { Kind::File } else { Kind::Directory },
                    id: format!("{commit}:{id}"),
                };
                let tree = snapshot.trees.entry(format!("{commit}:{dir}")).or_default();
                if !tree.contains(&entry) {
                    tree.push(entry);
                }
                dir = id;
            }
            if path.ends_with("go.mod") {
                let id = format!("{commit}:{path}");
                snapshot.go_mods.insert(id, (*text).to_owned());
            }
        }
    }
    snapshot
}

fn check_in(file: &[Target], target: &Target, revisions: &[Revision]) -> Vec<Finding> {
    let snapshot = snapshot(revisions);
    let repository = Repository::new(&snapshot, file).unwrap();
    repository.check(target).unwrap()
}

fn check(path: &str, subdir: &str, revisions: &[Revision]) -> Vec<Finding> {
    let target = entry(path, subdir);
    check_in(std::slice::from_ref(&target), &target, revisions)
}

fn entry(path: &str, subdir: &str) -> Target {
    Target {
        path: path.to_owned(),
        subdir: subdir.to_owned(),
        ..target()
    }
}

fn codes(findings: &[Finding]) -> Vec<(Status, Option<Code>)> {
    findings.iter().map(|it| (it.status, it.code)).collect()
}

/// Returns the findings' status and code, for a module at the root.
fn at_root(revisions: &[Revision]) -> Vec<(Status, Option<Code>)> {
    codes(&check("a.example/m", "", revisions))
}

const PASS: (Status, Option<Code>) = (Status::Pass, None);

fn warn(code: Code) -> (Status, Option<Code>) {
    (Status::Warn, Some(code))
}

fn fail(code: Code) -> (Status, Option<Code>) {
    (Status::Fail, Some(code))
}

#[test]
fn go_get_takes_the_highest_release() {
    for (tags, version) in [
        (vec!["v1.2.0", "v1.10.0", "v1.11.0-rc.1"], "v1.10.0"),
        (vec!["v1.0.0-rc.1", "x"], "v1.0.0-rc.1"),
        (
            vec!["v1.0.0", "v1.12.0-0.20200101000000-abcdefabcdef"],
            "v1.0.0",
        ),
        (
            vec!["v1.0.0", "v1.99999999999999999999.0"],
            "v1.99999999999999999999.0",
        ),
    ] {
        let revisions: Vec<Revision> = tags.iter().map(|tag| (*tag, &[OWN][..])).collect();
        let findings = check("a.example/m", "", &revisions);
        assert!(findings[0].message.starts_with(version), "{findings:?}");
        assert_eq!(codes(&findings), [PASS]);
    }
}

#[test]
fn versions_without_a_go_mod_are_incompatible() {
    let message = |revisions: &[Revision]| check("a.example/m", "", revisions)[0].message.clone();
    let x = ("x.go", "");
    assert_eq!(
        message(&[("HEAD", &[x]), ("v1.0.0", &[x]), ("v2.0.0", &[x])]),
        "v2.0.0+incompatible, 2 versions"
    );
    assert_eq!(
        message(&[("v2.0.0", &[x]), ("v3.1.0", &[x])]),
        "v3.1.0+incompatible, 2 versions"
    );
    assert_eq!(
        message(&[("v1.0.0", &[OWN]), ("v2.0.0", &[x])]),
        "v1.0.0, 1 version"
    );
}

#[test]
fn retracted_versions_are_not_taken() {
    let retracts = "module a.example/m\nretract [v1.1.0, v1.1.1]\n";
    let findings = check(
        "a.example/m",
        "",
        &[
            ("HEAD", &[OWN]),
            ("v1.0.0", &[OWN]),
            ("v1.1.0", &[OWN]),
            ("v1.1.1", &[("go.mod", retracts)]),
        ],
    );
    assert!(findings[0].message.starts_with("v1.0.0,"), "{findings:?}");
    let revisions: &[Revision] = &[("HEAD", &[OWN]), ("v1.1.1", &[("go.mod", retracts)])];
    assert_eq!(at_root(revisions), [warn(Code::NoVersions)]);
    let all = "module a.example/m\nretract [v0.0.0-0, v9.0.0]\n";
    assert_eq!(
        at_root(&[("HEAD", &[("go.mod", all)])]),
        [fail(Code::NoVersions)]
    );
}

#[test]
fn every_fault_has_a_code() {
    assert_eq!(at_root(&[("v1.0.0", &[OWN])]), [PASS]);
    assert_eq!(at_root(&[("HEAD", &[OWN])]), [warn(Code::NoVersions)]);
    assert_eq!(at_root(&[]), [fail(Code::NoVersions)]);
    assert_eq!(
        at_root(&[("v1.0.0", &[])]),
        [PASS, warn(Code::ModulePathMismatch)]
    );
    let of = |text: &str| at_root(&[("v1.0.0", &[("go.mod", text)])]);
    assert_eq!(of("module b.example/m\n"), [fail(Code::ModulePathMismatch)]);
    assert_eq!(of("go 1.20\n"), [fail(Code::ModulePathMismatch)]);
    assert_eq!(of("module a.example/m\ngo 1\n"), [fail(Code::GoModInvalid)]);
    let local = "module a.example/m\nrequire a.example/m/x v0.0.0\nreplace a.example/m/x => ./x\n";
    assert_eq!(of(local), [fail(Code::LocalReplace)]);
    let bad: &[Revision] = &[("v1.0.0", &[OWN, ("a:b.txt", "")])];
    assert_eq!(at_root(bad), [fail(Code::ZipInvalid)]);
    // Dangling.
    let mut snapshot = snapshot(&[("HEAD", &[OWN])]);
    snapshot.refs.head = None;
    let file = &[];
    let repository = Repository::new(&snapshot, file).unwrap();
    let findings = repository.check(&target()).unwrap();
    let fix = findings[0].fix.clone().unwrap();
    assert!(
        fix.starts_with("git symbolic-ref HEAD refs/heads/main"),
        "{fix}"
    );
}

#[test]
fn a_major_version_needs_its_suffix() {
    let mismatch = warn(Code::MajorVersionMismatch);
    let second = ("go.mod", "module a.example/m/v2\n");
    let first: Revision = ("v1.0.0", &[OWN]);
    assert_eq!(at_root(&[first, ("v2.0.0", &[OWN])]), [PASS, mismatch]);
    assert_eq!(at_root(&[first, ("v2.0.0", &[second])]), [PASS]);
    assert_eq!(at_root(&[first, ("v3.0.0", &[second])]), [PASS, mismatch]);
    let below: Revision = ("v2.0.0", &[OWN, ("v2/go.mod", "module a.example/m/v2\n")]);
    assert_eq!(at_root(&[first, below]), [PASS]);
    // Only /v2 is offered.
    assert_eq!(
        at_root(&[("HEAD", &[second]), ("v2.0.0", &[second])]),
        [PASS]
    );
}

#[test]
fn a_subdir_has_its_own_go_mod_and_tags() {
    let of = |revisions: &[Revision]| codes(&check("a.example/m", "sub/dir", revisions));
    let old = warn(Code::SubdirNewGo);
    let own = ("sub/dir/go.mod", "module a.example/m\n");
    assert_eq!(of(&[("sub/dir/v1.0.0", &[own])]), [PASS, old]);
    let missing = fail(Code::SubdirMissing);
    assert_eq!(
        of(&[("HEAD", &[own]), ("v1.0.0", &[own])]),
        [warn(Code::NoVersions), old]
    );
    assert_eq!(of(&[("HEAD", &[("sub/dir/x.go", "")])]), [missing, old]);
    assert_eq!(of(&[("HEAD", &[])]), [missing, old]);
    let late = check(
        "a.example/m",
        "sub/dir",
        &[("HEAD", &[own]), ("sub/dir/v1.0.0", &[])],
    );
    assert_eq!(
        late[0].fix.as_deref(),
        Some("git tag sub/dir/v1.0.1 && git push origin sub/dir/v1.0.1")
    );
}

#[test]
fn modules_below_the_root_are_offered() {
    let files: &[(&str, &str)] = &[
        ("go.mod", "module github.com/acme/sdk\n"),
        ("math/go.mod", "module a.example/m/math\n"),
        ("store/v2/go.mod", "module a.example/m/store/v2\n"),
        ("testdata/go.mod", "module a.example/m/testdata\n"),
    ];
    let tags = ["v0.50.0", "math/v1.4.0", "store/v2.1.0"];
    let mut revisions: Vec<Revision> = tags.iter().map(|tag| (*tag, files)).collect();
    revisions.push(("HEAD", files));
    let findings = check("a.example/m", "", &revisions);
    assert_eq!(codes(&findings), [PASS]);
    let message = &findings[0].message;
    let below = "below it: a.example/m/math v1.4.0, a.example/m/store/v2 v2.1.0";
    assert!(message.ends_with(below), "{message}");
}

#[test]
fn an_entry_in_the_wrong_place_names_the_right_one() {
    let fix = |findings: Vec<Finding>| findings[0].fix.clone().unwrap_or_default();
    let sub = ("go/util/go.mod", "module a.example/m\n");
    let forgotten = check(
        "a.example/m",
        "",
        &[("HEAD", &[sub]), ("go/util/v0.3.0", &[sub])],
    );
    let right = "subdir: go/util    # in vanity.yaml";
    assert_eq!(
        codes(&forgotten),
        [warn(Code::NoVersions), warn(Code::ModulePathMismatch)]
    );
    assert_eq!(forgotten[1].fix.as_deref(), Some(right));
    let root = ("go.mod", "module a.example/mono\n");
    let forgotten = check(
        "a.example/m",
        "",
        &[("HEAD", &[root, sub]), ("v1.0.0", &[root, sub])],
    );
    assert_eq!(fix(forgotten), right);

    let below = ("below/go.mod", "module a.example/m/below\n");
    let files = [OWN, below];
    let revisions: &[Revision] = &[
        ("HEAD", &files),
        ("v1.0.0", &files),
        ("below/v1.0.0", &files),
    ];
    let file = [entry("a.example/m", ""), entry("a.example/m/below", "")];
    let nested = check_in(&file, &file[1], revisions);
    assert_eq!(
        fix(nested),
        "remove /m/below from vanity.yaml: /m serves it"
    );
    assert_eq!(codes(&check_in(&file, &file[0], revisions)), [PASS]);

    let alpha: &[Revision] = &[("v1.0.0", &[("go.mod", "module a.example/alpha\n")])];
    let file = [entry("a.example/alpha", ""), entry("a.example/beta", "")];
    let mixed = check_in(&file, &file[1], alpha);
    assert!(
        mixed[0].fix.is_none() && mixed[0].look.is_some(),
        "{mixed:?}"
    );
    let misspelt = fix(check("a.example/alhpa", "", alpha));
    assert!(
        misspelt.starts_with("/alpha:    # in vanity.yaml, instead of /alhpa"),
        "{misspelt}"
    );
}

#[test]
fn a_moved_module_changes_its_imports() {
    let old = ("go.mod", "module github.com/acme/m\n");
    let fix = check("a.example/m", "", &[("HEAD", &[old]), ("v1.0.0", &[old])])[0]
        .fix
        .clone();
    let fix = fix.unwrap();
    assert!(
        fix.contains("git tag v1.0.1 && git push origin HEAD v1.0.1"),
        "{fix}"
    );
    assert!(
        fix.contains("'s,github\\.com/acme/m([/\"[:space:]]|$),a.example/m\\1,g'"),
        "{fix}"
    );
    // The last commit is right already.
    let fixed = check("a.example/m", "", &[("HEAD", &[OWN]), ("v1.0.0", &[old])])[0]
        .fix
        .clone();
    assert_eq!(
        fixed.as_deref(),
        Some("git tag v1.0.1 && git push origin v1.0.1")
    );
}
