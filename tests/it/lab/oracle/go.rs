//! Builds the oracle from the sources that come with the newest go, and queries it.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::LazyLock;
use std::{env, fs, thread};

use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::support::repository_file;

/// Our files, and where the overlay puts them in GOROOT.
const SOURCES: [(&str, &str); 3] = [
    (
        "tests/it/lab/oracle/go/oracle.go",
        "src/cmd/go/oracle/oracle.go",
    ),
    (
        "tests/it/lab/oracle/go/vcs.go",
        "src/cmd/go/internal/vcs/oracle.go",
    ),
    (
        "tests/it/lab/oracle/go/modfetch.go",
        "src/cmd/go/internal/modfetch/oracle.go",
    ),
];

/// A question; see `question` in oracle.go.
#[derive(Debug, Default, Clone, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Question {
    pub op: &'static str,
    pub path: String,
    pub repo: String,
    #[serde(rename = "VCS")]
    pub vcs: String,
    #[serde(rename = "SubDir")]
    pub subdir: String,
    #[serde(rename = "HTML")]
    pub html: String,
    pub hosts: Vec<String>,
    pub addr: String,
}

impl Question {
    pub fn path(path: &str) -> Self {
        Self {
            op: "path",
            path: path.to_owned(),
            ..Self::default()
        }
    }

    pub fn repo(repo: &str, vcs: &str) -> Self {
        Self {
            op: "repo",
            repo: repo.to_owned(),
            vcs: vcs.to_owned(),
            ..Self::default()
        }
    }

    pub fn subdir(subdir: &str) -> Self {
        Self {
            op: "subdir",
            subdir: subdir.to_owned(),
            ..Self::default()
        }
    }

    pub fn page(html: &str, path: &str) -> Self {
        Self {
            op: "page",
            html: html.to_owned(),
            path: path.to_owned(),
            ..Self::default()
        }
    }

    pub fn lookup(path: &str) -> Self {
        Self {
            op: "lookup",
            path: path.to_owned(),
            ..Self::default()
        }
    }
}

/// An answer; see `answer` in oracle.go.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Answer {
    /// Empty if Go accepts the value; else Go's function and its error.
    pub refused: String,
    pub root: String,
    #[serde(rename = "VCS")]
    pub vcs: String,
    pub repo: String,
    #[serde(rename = "SubDir")]
    pub subdir: String,
    pub tags: usize,
    pub invalid: Option<Vec<bool>>,
    pub schemes: Option<HashMap<String, Vec<String>>>,
}

impl Answer {
    pub fn accepts(&self) -> bool {
        self.refused.is_empty()
    }
}

/// Asks all questions; returns one answer for each, in order.
pub fn ask(questions: &[Question]) -> Vec<Answer> {
    static PROGRAM: LazyLock<PathBuf> = LazyLock::new(build);
    let home = tempfile::tempdir().unwrap();
    let mut child = Command::new(&*PROGRAM)
        .env_clear()
        .env("HOME", home.path())
        // Allow every system for every path; no credentials.
        .env("GOVCS", "*:all")
        .env("GOAUTH", "off")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let mut lines = Vec::new();
    for question in questions {
        serde_json::to_writer(&mut lines, question).unwrap();
        lines.push(b'\n');
    }
    let writer = thread::spawn(move || stdin.write_all(&lines));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap().unwrap();
    assert!(output.status.success(), "the oracle: {}", output.status);
    let text = String::from_utf8(output.stdout).unwrap();
    let answers: Vec<Answer> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(answers.len(), questions.len());
    answers
}

/// Builds the oracle unless it exists for the same sources and the same go.
fn build() -> PathBuf {
    let usual = repository_file("target/tools/go/bin/go");
    let go = env::var_os("TEST_GO_NEW").map_or(usual, PathBuf::from);
    assert!(
        go.exists(),
        "{} is missing: tests/run installs it, or TEST_GO_NEW names another go command",
        go.display()
    );
    let target = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let command = || {
        let mut command = Command::new(&go);
        command
            .env_clear()
            .env("PATH", env::var_os("PATH").unwrap_or_default())
            .env("HOME", target)
            .env("GOCACHE", target.join("go-build-oracle"))
            .env("GOTOOLCHAIN", "local")
            .env("GOFLAGS", "-mod=vendor")
            .env("CGO_ENABLED", "0");
        command
    };
    let run = |command: &mut Command| {
        let output = command.output().unwrap();
        let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
        assert!(
            output.status.success(),
            "{command:?}: {}",
            text(&output.stderr)
        );
        text(&output.stdout)
    };
    let version = run(command().arg("version"));
    println!("the oracle is {}", version.trim());
    let mut hasher = DefaultHasher::new();
    version.hash(&mut hasher);
    for (ours, _) in SOURCES {
        fs::read(repository_file(ours)).unwrap().hash(&mut hasher);
    }
    let program = target.join(format!("oracle-{:016x}", hasher.finish()));
    if program.exists() {
        return program;
    }
    let root = PathBuf::from(run(command().args(["env", "GOROOT"])).trim());
    let replace: HashMap<_, _> = SOURCES
        .iter()
        .map(|(ours, theirs)| (root.join(theirs), repository_file(ours)))
        .collect();
    // Built in a temporary place and renamed, so that a partial build is never used.
    let building = tempfile::tempdir_in(target).unwrap();
    let overlay = building.path().join("overlay.json");
    fs::write(&overlay, json!({ "Replace": replace }).to_string()).unwrap();
    run(command()
        .current_dir(root.join("src/cmd"))
        .args(["build", "-o"])
        .arg(building.path().join("oracle"))
        .arg("-overlay")
        .arg(overlay)
        .arg("./go/oracle"));
    fs::rename(building.path().join("oracle"), &program).unwrap();
    program
}
