//! Random repositories: modules in odd places, tags of every form, go.mod files that Go refuses.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use super::random::Random;

/// A repository as `git fast-import` makes it.
#[derive(Debug, Clone, Default)]
pub struct Repository {
    pub commits: Vec<Commit>,
    /// HEAD names a branch that does not exist.
    pub dangling: bool,
    pub sha256: bool,
    /// The server sends single objects and not only whole packs.
    pub filter: bool,
    /// The server is a web server that knows nothing of git.
    pub dumb: bool,
}

/// A commit with all its files.
#[derive(Debug, Clone, Default)]
pub struct Commit {
    pub tags: Vec<String>,
    pub files: BTreeMap<String, String>,
}

impl Repository {
    /// Returns a repository with one version, of a module with this path.
    pub fn healthy(path: &str) -> Self {
        let mut commit = Commit::default();
        commit.tags.push("v1.0.0".to_owned());
        commit.add("go.mod", &format!("module {path}\n"));
        commit.add("m.go", "package m\n");
        Self {
            commits: vec![commit],
            filter: true,
            ..Self::default()
        }
    }

    /// Returns every module that a go.mod declares: at HEAD, at a tag of its own, or at `version`.
    pub fn declared(&self, subdir: &str, version: &str) -> BTreeSet<String> {
        let mut declared = BTreeSet::new();
        let chosen = version.trim_end_matches("+incompatible");
        for (index, commit) in self.commits.iter().enumerate() {
            let is_head = index + 1 == self.commits.len() && !self.dangling;
            let is_chosen = commit.has_tag(subdir, chosen);
            for (file, text) in &commit.files {
                let Some(dir) = file.strip_suffix("go.mod") else {
                    continue;
                };
                let Some(path) = declared_path(text) else {
                    continue;
                };
                let major = path.rsplit_once("/v").map_or("", |(_, major)| major);
                let is_tagged = commit.tags.iter().any(|tag| {
                    let own = tag.strip_prefix(dir).unwrap_or_default();
                    let of_major = own.strip_prefix('v').unwrap_or_default();
                    let has_major = of_major.split('.').next() == Some(major);
                    own.starts_with('v') && (has_major || !dir.is_empty())
                });
                if is_head || is_chosen || is_tagged {
                    declared.insert(path.to_owned());
                }
            }
        }
        declared
    }

    /// Makes the repository in `dir`, without git's own templates.
    pub fn write(&self, dir: &Path) {
        for sub in ["objects/info", "refs/heads", "info"] {
            fs::create_dir_all(dir.join(sub)).unwrap();
        }
        let head = if self.dangling { "gone" } else { "main" };
        fs::write(dir.join("HEAD"), format!("ref: refs/heads/{head}\n")).unwrap();
        let format = if self.sha256 { 1 } else { 0 };
        let mut config = format!("[core]\nbare = true\nrepositoryformatversion = {format}\n");
        if self.sha256 {
            config.push_str("[extensions]\nobjectformat = sha256\n");
        }
        let _ = writeln!(config, "[uploadpack]\nallowFilter = {}", self.filter);
        config.push_str("allowAnySHA1InWant = true\n");
        fs::write(dir.join("config"), config).unwrap();
        let git = || {
            let mut git = Command::new("git");
            git.current_dir(dir).env("GIT_CONFIG_GLOBAL", "/dev/null");
            git.env("GIT_DIR", ".");
            git
        };
        let mut import = git()
            .args(["fast-import", "--quiet", "--done"])
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = import.stdin.take().unwrap();
        stdin.write_all(self.stream().as_bytes()).unwrap();
        drop(stdin);
        assert!(import.wait().unwrap().success(), "{self:?}");
        if self.dumb {
            assert!(git().arg("update-server-info").status().unwrap().success());
        }
    }

    fn stream(&self) -> String {
        let mut stream = String::new();
        for (index, commit) in self.commits.iter().enumerate() {
            let time = 1_600_000_000 + index * 86_400;
            let mark = index + 1;
            let _ = writeln!(
                stream,
                "commit refs/heads/main\nmark :{mark}\ncommitter Lab <lab@git.example> {time} +0000\n\
                 data 1\nA"
            );
            if index > 0 {
                let _ = writeln!(stream, "from :{index}");
            }
            stream.push_str("deleteall\n");
            for (path, text) in &commit.files {
                let path = path.replace('\\', "\\\\").replace('"', "\\\"");
                let _ = writeln!(stream, "M 100644 inline \"{path}\"");
                let _ = writeln!(stream, "data {}\n{text}", text.len());
            }
            for tag in &commit.tags {
                let _ = writeln!(stream, "reset refs/tags/{tag}\nfrom :{mark}\n");
            }
        }
        stream.push_str("done\n");
        stream
    }
}

impl Commit {
    fn add(&mut self, path: &str, text: &str) {
        self.files.insert(path.to_owned(), text.to_owned());
    }

    fn has_tag(&self, subdir: &str, version: &str) -> bool {
        let mut tags = self.tags.iter();
        if subdir.is_empty() {
            tags.any(|tag| tag == version)
        } else {
            tags.any(|tag| *tag == format!("{subdir}/{version}"))
        }
    }
}

/// Returns the module path of a plainly written go.mod.
fn declared_path(text: &str) -> Option<&str> {
    let path = text.lines().next()?.strip_prefix("module ")?;
    let is_plain = !path.is_empty() && path.bytes().all(|b| b.is_ascii_graphic() && b != b'"');
    is_plain.then_some(path)
}

const VERSIONS: &[&str] = &[
    "v0.1.0", "v0.9.0", "v1.0.0", "v1.0.1", "v1.2.3", "v1.9.0", "v1.10.0",
];

/// Pre-releases, versions of other majors, and tags that only look like versions.
const ODD_TAGS: &[&str] = &[
    "v2.0.0",
    "v2.3.1",
    "v2.4.0-rc.1",
    "v3.0.0",
    "v4.1.0",
    "v1.11.0-rc.1",
    "v1.11.0-rc.10",
    "v1.11.0-rc.9",
    "v1.11.0-alpha",
    "v0.0.0",
    "v0.0.0-20200101000000-abcdefabcdef",
    "v1.12.0-0.20200101000000-abcdefabcdef",
    "v1.12.1-rc.1.0.20200101000000-abcdefabcdef",
    "v1.99999999999999999999999.0",
    "v1.18446744073709551616.1",
    "v99999999999999999999.0.0",
    "v1.13.0+meta",
    "v1.14.0+incompatible",
    "v2.9.0+incompatible",
    "v1.15.0-01",
    "v01.16.0",
    "v1.17",
    "v1",
    "V1.18.0",
    "1.19.0",
    "release-1",
    "other/v1.20.0",
];

/// Texts of a go.mod that differ from the plain one, with PATH for the module's path.
pub const ODD_GO_MODS: &[(&str, &str)] = &[
    ("quoted", "module \"PATH\"\n"),
    ("backquoted", "module `PATH`\n"),
    ("a block", "module (\n\tPATH\n)\n"),
    ("a block in quotes", "module (\n\t\"PATH\"\n)\n"),
    ("a block on one line", "module ( PATH )\n"),
    ("escapes", "module \"\\x50ATH\"\n"),
    ("comments", "// first\n\nmodule PATH // here\n// last\n"),
    ("CRLF", "module PATH\r\n\r\ngo 1.18\r\n"),
    ("a tab", "module\tPATH\n"),
    ("no line end", "module PATH"),
    ("unknown directive", "module PATH\nfuture 1\n"),
    ("unknown block", "module PATH\nfuture (\n\tx\n)\n"),
    ("exclude", "module PATH\nexclude b.example/x v1.0.0\n"),
    ("bad exclude", "module PATH\nexclude b.example/x\n"),
    ("bad replace", "module PATH\nreplace b.example/x\n"),
    ("indented", "  module PATH\n"),
    ("two on one line", "module PATH; go 1.18\n"),
    ("deprecated", "// Deprecated: use another\nmodule PATH\n"),
    ("go 1", "module PATH\ngo 1\n"),
    ("go 1.18.0.0", "module PATH\ngo 1.18.0.0\n"),
    ("go v1.2", "module PATH\ngo v1.2\n"),
    ("go 1.18rc1", "module PATH\ngo 1.18rc1\n"),
    ("go 1.21.5", "module PATH\ngo 1.21.5\n"),
    ("go twice", "module PATH\ngo 1.17\ngo 1.18\n"),
    ("go without a version", "module PATH\ngo\n"),
    ("toolchain", "module PATH\ntoolchain go1.20.1\n"),
    ("bad toolchain", "module PATH\ntoolchain 1.20\n"),
    ("open block", "module PATH\nrequire (\n"),
    (
        "open block after a line",
        "module PATH\nrequire (\n\tb.example/x v1.0.0\n",
    ),
    ("a closing parenthesis", "module PATH\n)\n"),
    ("module twice", "module PATH\nmodule PATH\n"),
    ("an open quote", "module \"PATH\n"),
    ("an open backquote", "module `PATH\n"),
    ("two paths", "module PATH b.example/x\n"),
    ("no path", "module\n"),
    ("only go", "go 1.18\n"),
    ("empty", ""),
    ("a byte order mark", "\u{feff}module PATH\n"),
    ("Go source", "package m\n"),
    (
        "require without a version",
        "module PATH\nrequire b.example/x\n",
    ),
    (
        "require a branch",
        "module PATH\nrequire b.example/x main\n",
    ),
    (
        "require of another major",
        "module PATH\nrequire b.example/x v2.0.0\n",
    ),
    ("require without a dot", "module PATH\nrequire x v1.0.0\n"),
    ("bad retract", "module PATH\nretract 1.0\n"),
    ("open retract", "module PATH\nretract [v1.0.0\n"),
    ("a comment of C", "/* x */\nmodule PATH\n"),
    ("a carriage return", "module PATH\rgo 1.18\n"),
    ("a NUL", "module PATH\n\0\n"),
    ("module as a path", "module module\n"),
    ("a trailing slash", "module PATH/\n"),
    ("upper case", "Module PATH\n"),
    ("a glued comment", "module PATH//x\n"),
    ("a quote in a path", "module PATH\"x\"\n"),
    ("a backslash", "module PATH \\\n"),
];

const BAD_FILES: &[&str] = &[
    "a:b.txt",
    "README.go\nReadme.go",
    "docs/x.txt\nDocs/y.txt",
    "aux.go",
    "con",
    "NUL.txt",
    "com1.md",
    "a*b",
    "what?.txt",
    "a|b",
    "quote\"d",
    "back\\slash",
    "back`quote",
    "it's",
    "a;b",
    "trailing.",
    "dir./x.go",
    "a\tb",
    "x<y>",
    "caf\u{e9}.txt",
    "cafe\u{301}.txt",
    "\u{4f60}\u{597d}.md",
    "\u{1f600}.md",
    "\u{a0}.md",
    "a b.txt",
    "short~1.txt",
    ".hidden",
    "-dash",
    "a..b",
    "$x",
    "a%20b",
    "vendor/b.example/x/bad:name.go",
    "vendor/modules.txt",
    "below/go.mod\nbelow/bad:name.txt",
    "testdata/a:b",
    ".git_/x",
    "GO.MOD",
    "below/GO.MOD",
    "go.mod/x",
    "LICENSE",
];

/// Lines of a go.mod that name a module by a directory, with PATH for the module's path.
const LOCAL: &[&str] = &[
    "go 1.18\nrequire PATH/x v0.0.0\nreplace PATH/x => ./x\n",
    "go 1.16\nrequire PATH/x v0.0.0\nreplace PATH/x => ./x\n",
    "require PATH/x v0.0.0\nreplace PATH/x => ./x\n",
    "go 1.18\nrequire x v0.0.0\nreplace x => ./x\n",
    "go 1.16\nrequire b.example/x v0.0.0\nreplace b.example/x => ../x\n",
    "go 1.18\nrequire b.example/x v0.0.0\nreplace b.example/x => ../x\n",
    "replace b.example/x => ../x\n",
    "go 1.18\nrequire PATH/x v0.0.0-00010101000000-000000000000\nreplace PATH/x => ./x\n",
];

const RETRACTIONS: &[&str] = &[
    "retract v1.0.0\n",
    "retract [v1.0.0, v1.9.9]\n",
    "retract [v0.0.0, v1.99.0]\n",
    "retract [v0.0.0-0, v9.0.0]\n",
    "retract (\n\tv1.10.0 // by mistake\n\tv1.9.0\n\tv1.0.1\n)\n",
    "retract [ v0.1.0 , v0.9.0 ]\n",
    "retract \"v1.2.3\"\n",
    "retract [v1.9.9, v1.0.0]\n",
];

/// Draws a repository for the module at `path`; returns it and the entry's `subdir`.
pub fn draw(random: &mut Random, path: &str, labels: &mut Vec<String>) -> (Repository, String) {
    let mut layout = Layout::draw(random, path, labels);
    let mut repository = Repository {
        filter: random.percent(70),
        ..Repository::default()
    };
    let count = 1 + random.below(3);
    for index in 0..count {
        let tags = tags(random, &layout, path);
        layout.follow(random, &tags, path, labels);
        let mut files = layout.files.clone();
        files.insert(format!("f{index}.go"), "package m\n".to_owned());
        repository.commits.push(Commit { tags, files });
    }
    change(random, &mut repository, path, labels);
    let mut known = BTreeSet::new();
    for commit in &mut repository.commits {
        commit.tags.retain(|tag| known.insert(tag.clone()));
    }
    let tags = repository
        .commits
        .iter()
        .map(|commit| commit.tags.join(","));
    labels.push(format!("tags {}", tags.collect::<Vec<_>>().join(" | ")));
    (repository, layout.subdir)
}

/// Changes that are independent of where the modules are.
fn change(random: &mut Random, repository: &mut Repository, path: &str, labels: &mut Vec<String>) {
    let last = repository.commits.len() - 1;
    if random.percent(12) {
        let lines = random.pick(RETRACTIONS);
        if let Some(go_mod) = repository.commits[last].files.get_mut("go.mod") {
            let _ = write!(go_mod, "\n{lines}");
            labels.push(format!("retraction {lines:?}"));
        }
    }
    if random.percent(8) {
        let lines = random.pick(LOCAL).replace("PATH", path);
        for commit in &mut repository.commits {
            if let Some(go_mod) = commit.files.get_mut("go.mod") {
                let _ = write!(go_mod, "\n{lines}");
            }
        }
        labels.push(format!("local replace {lines:?}"));
    }
    if random.percent(10) {
        let names = random.pick(BAD_FILES);
        let first = if random.percent(50) { 0 } else { last };
        for commit in &mut repository.commits[first..] {
            for name in names.lines() {
                commit
                    .files
                    .remove(name.split('/').next().unwrap_or_default());
                commit.add(name, &format!("module {path}/below\n"));
            }
        }
        labels.push(format!("odd file {names:?}"));
    }
    if random.percent(4) {
        repository.sha256 = true;
        labels.push("SHA-256".to_owned());
    }
    if random.percent(4) {
        repository.dangling = true;
        labels.push("dangling HEAD".to_owned());
    }
    if random.percent(5) {
        repository.dumb = true;
        labels.push("dumb HTTP".to_owned());
    }
    if random.percent(2) {
        repository.commits.clear();
        labels.push("empty repository".to_owned());
    }
}

/// Where the modules of a repository are.
struct Layout {
    files: BTreeMap<String, String>,
    /// The `subdir` of the entry.
    subdir: String,
    /// Directories whose tags begin with their name; empty for the root.
    tagged: Vec<String>,
}

impl Layout {
    fn draw(random: &mut Random, path: &str, labels: &mut Vec<String>) -> Self {
        let own = format!("module {path}\n");
        let forge = *random.pick(&["module github.com/acme/sdk\n", ""]);
        let mut layout = Self {
            files: BTreeMap::from([("m.go".to_owned(), "package m\n".to_owned())]),
            subdir: String::new(),
            tagged: vec![String::new()],
        };
        let name = match random.below(100) {
            0..40 => {
                layout.module("", &own);
                "root"
            }
            40..46 => "no go.mod",
            46..53 => {
                layout.module("", forge);
                for (dir, below) in [("math", "math"), ("store/v2", "store/v2"), ("go/x", "go/x")] {
                    if random.percent(70) {
                        layout.module(dir, &format!("module {path}/{below}\n"));
                        layout.tagged.push(dir.to_owned());
                    }
                }
                "modules only below"
            }
            53..60 => {
                layout.module("", &own);
                layout.module("math", &format!("module {path}/math\n"));
                layout.tagged.push("math".to_owned());
                "module below"
            }
            60..65 => {
                layout.module("", &own);
                layout.module("v2", &format!("module {path}/v2\n"));
                "v2 in a directory"
            }
            65..70 => {
                let root = random.pick(&["", "module b.example/mono\n"]);
                layout.module("", root);
                layout.module("go/util", &own);
                layout.tagged.push("go/util".to_owned());
                "subdir forgotten"
            }
            70..76 => {
                let root = random.pick(&["", "module b.example/mono\n"]);
                layout.module("", root);
                layout.module("go/util", &own);
                layout.tagged = vec!["go/util".to_owned()];
                layout.subdir = "go/util".to_owned();
                "subdir"
            }
            76..79 => {
                layout.module("", &own);
                layout
                    .files
                    .insert("gone/a.go".to_owned(), "package a\n".to_owned());
                layout.subdir = random.pick(&["missing", "gone", "m.go"]).to_string();
                layout.tagged.push(layout.subdir.clone());
                "subdir without go.mod"
            }
            79..86 => {
                let other = random.pick(&[
                    "github.com/acme/old",
                    "PATHx",
                    "PATH/v2",
                    "PATH/v0",
                    "PATH/v1",
                    "PATH/below",
                    "www.PATH",
                ]);
                let other = other.replace("PATH", path);
                layout.module("", &format!("module {other}\n"));
                labels.push(format!("module {other}"));
                "another path"
            }
            _ => {
                let (name, text) = random.pick(ODD_GO_MODS);
                let text = text.replace(
                    "\\x50ATH",
                    &format!("\\x{:x}{}", path.as_bytes()[0], &path[1..]),
                );
                layout.module("", &text.replace("PATH", path));
                labels.push(format!("go.mod: {name}"));
                "odd go.mod"
            }
        };
        labels.push(name.to_owned());
        layout
    }

    fn module(&mut self, dir: &str, go_mod: &str) {
        let slash = if dir.is_empty() { "" } else { "/" };
        if !go_mod.is_empty() {
            self.files
                .insert(format!("{dir}{slash}go.mod"), go_mod.to_owned());
        }
        self.files
            .insert(format!("{dir}{slash}m.go"), "package m\n".to_owned());
    }

    /// Gives the root's go.mod the path of a tag's major version, or not.
    fn follow(
        &mut self,
        random: &mut Random,
        tags: &[String],
        path: &str,
        labels: &mut Vec<String>,
    ) {
        let mut majors = tags.iter().filter_map(|tag| {
            let major = tag.strip_prefix('v')?.split('.').next()?;
            major.parse::<u64>().ok().filter(|&major| major > 1)
        });
        let Some(go_mod) = self.files.get_mut("go.mod") else {
            return;
        };
        let Some(major) = majors.next_back() else {
            return;
        };
        let own = format!("module {path}\n");
        if !go_mod.starts_with(&format!("module {path}")) || path.ends_with("/v2") {
            return;
        }
        *go_mod = match random.below(10) {
            0..5 => format!("module {path}/v{major}\n"),
            5 => format!("module {path}/v{}\n", major + 1),
            6 => own,
            _ => return,
        };
        labels.push(format!("at a tag of v{major}: {go_mod:?}"));
    }
}

fn tags(random: &mut Random, layout: &Layout, path: &str) -> Vec<String> {
    let mut tags = Vec::new();
    for _ in 0..random.below(4) {
        let dir = random.pick(&layout.tagged);
        let slash = if dir.is_empty() { "" } else { "/" };
        let version = if path.ends_with("/v2") && random.percent(70) {
            *random.pick(&["v2.0.0", "v2.1.0", "v2.3.1", "v2.4.0-rc.1"])
        } else if random.percent(65) {
            *random.pick(VERSIONS)
        } else {
            *random.pick(ODD_TAGS)
        };
        tags.push(format!("{dir}{slash}{version}"));
    }
    tags
}
