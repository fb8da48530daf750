//! Runs git like the go command, but without credentials.

use std::collections::{BTreeSet, HashSet};
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tempfile::TempDir;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{Child, Command};
use tokio::time::timeout;

use super::repository::GitError;
use super::snapshot::{Entry, Kind, Refs, Snapshot};

/// Maximum stdout in bytes: enough for the refs of a repository with 100,000 tags.
const MAX_STDOUT: u64 = 16 << 20;
/// How much of stderr to keep, in bytes.
const MAX_STDERR: u64 = 64 << 10;
/// Refs per `git fetch`: servers limit the size of a request.
const MAX_REFS: usize = 1000;
/// Objects per `git cat-file`, so that its output stays below its limit.
const MAX_OBJECTS: usize = 2000;
/// git's timeout, as a multiple of that of one request: git sends several.
const TIMEOUT_FACTOR: u32 = 3;
/// How often to try to remove the temporary directory, while killed processes end.
const MAX_REMOVALS: u32 = 200;

/// A remote repository and the temporary directory to fetch it into.
pub(super) struct Git {
    dir: Scratch,
    repo: String,
    timeout: Duration,
    /// Whether the repository was fetched as a whole.
    is_complete: bool,
}

impl Git {
    pub(super) fn new(repo: &str, timeout: Duration) -> io::Result<Self> {
        Ok(Self {
            dir: Scratch::new()?,
            repo: repo.to_owned(),
            timeout,
            is_complete: false,
        })
    }

    /// Lists the repository's refs (`git ls-remote`).
    pub(super) async fn refs(&self) -> Result<Refs, GitError> {
        let output = self
            .run(&["ls-remote", "-q", "--", &self.repo], b"")
            .await?;
        let refs = Refs::parse(&String::from_utf8_lossy(&output));
        let ids = refs.head.iter().chain(refs.tags.values());
        let format = match ids.map(String::len).max() {
            Some(64) => "--object-format=sha256",
            _ => "--object-format=sha1",
        };
        self.run(&["init", "-q", "--bare", "--template=", format, "."], b"")
            .await?;
        Ok(refs)
    }

    /// Fetches revisions, and adds their trees and go.mod files to `snapshot`.
    pub(super) async fn read(
        &mut self,
        snapshot: &mut Snapshot,
        revisions: &BTreeSet<String>,
    ) -> Result<(), GitError> {
        self.fetch(revisions).await?;
        let commits = revisions
            .iter()
            .filter_map(|name| snapshot.refs.commit(name));
        let commits: Vec<String> = commits.map(str::to_owned).collect();
        let objects = self
            .run(
                &[
                    "rev-list",
                    "--objects",
                    "--no-walk",
                    "--filter=blob:none",
                    "--stdin",
                ],
                lines(&commits).as_bytes(),
            )
            .await?;
        let objects = String::from_utf8_lossy(&objects);
        let mut names: Vec<String> = commits.iter().map(|id| format!("{id}^{{tree}}")).collect();
        for line in objects.lines() {
            let id = line.split(' ').next().unwrap_or_default();
            if !snapshot.trees.contains_key(id) {
                names.push(id.to_owned());
            }
        }
        let mut wanted = HashSet::new();
        for (name, object) in self.objects(&names).await? {
            let Some(object) = object.filter(|object| object.kind == "tree") else {
                continue;
            };
            let tree = parse_tree(&object.content, object.id.len() / 2);
            for entry in &tree {
                let is_go_mod = entry.name == "go.mod" && entry.kind == Kind::File;
                if is_go_mod && !snapshot.go_mods.contains_key(&entry.id) {
                    wanted.insert(entry.id.clone());
                }
            }
            if let Some(commit) = name.strip_suffix("^{tree}") {
                snapshot.roots.insert(commit.to_owned(), object.id.clone());
            }
            snapshot.trees.insert(object.id, tree);
        }
        for commit in commits {
            snapshot.roots.entry(commit).or_default();
        }
        let wanted: Vec<String> = wanted.into_iter().collect();
        for (_, object) in self.files(&wanted).await? {
            if let Some(object) = object {
                let text = String::from_utf8_lossy(&object.content).into_owned();
                snapshot.go_mods.insert(object.id, text);
            }
        }
        Ok(())
    }

    /// Fetches the commits and trees of the revisions (`git fetch`). A server that sends no
    /// single commits, such as a plain web server, sends all of its history.
    async fn fetch(&mut self, revisions: &BTreeSet<String>) -> Result<(), GitError> {
        let mut refs = Vec::new();
        for name in revisions {
            refs.push(if name == "HEAD" {
                "+HEAD:refs/fetched/HEAD".to_owned()
            } else {
                format!("+refs/tags/{name}:refs/fetched/tags/{name}")
            });
        }
        for refs in refs.chunks(MAX_REFS) {
            if self.is_complete {
                return Ok(());
            }
            let mut arguments = vec!["-c", "protocol.version=2", "fetch", "-q", "--no-tags"];
            arguments.extend(["--depth=1", "--filter=blob:none", "origin"]);
            arguments.extend(refs.iter().map(String::as_str));
            let Err(error) = self.run(&arguments, b"").await else {
                continue;
            };
            if !matches!(error, GitError::Failed(_)) {
                return Err(error);
            }
            self.is_complete = true;
            let all = ["refs/heads/*:refs/heads/*", "refs/tags/*:refs/tags/*"];
            self.run(&["fetch", "-q", "-f", "origin", all[0], all[1]], b"")
                .await?;
        }
        Ok(())
    }

    /// Reads files, after one request for all of them.
    async fn files(&self, ids: &[String]) -> Result<Vec<(String, Option<Object>)>, GitError> {
        if !self.is_complete && !ids.is_empty() {
            let mut arguments = vec!["-c", "fetch.negotiationAlgorithm=noop", "fetch", "-q"];
            arguments.extend(["--no-tags", "--no-write-fetch-head", "--filter=blob:none"]);
            arguments.extend(["origin", "--stdin"]);
            // If the server sends no single objects, git fetches those that are missing when it
            // reads them.
            match self.run(&arguments, lines(ids).as_bytes()).await {
                Ok(_) | Err(GitError::Failed(_)) => {}
                Err(error) => return Err(error),
            }
        }
        self.objects(ids).await
    }

    /// Reads objects (`git cat-file`), in the order of their names.
    async fn objects(&self, names: &[String]) -> Result<Vec<(String, Option<Object>)>, GitError> {
        let mut objects = Vec::with_capacity(names.len());
        for names in names.chunks(MAX_OBJECTS) {
            let output = self
                .run(&["cat-file", "--batch"], lines(names).as_bytes())
                .await?;
            objects.extend(names.iter().cloned().zip(parse_batch(names.len(), &output)));
        }
        Ok(objects)
    }

    async fn run(&self, arguments: &[&str], input: &[u8]) -> Result<Vec<u8>, GitError> {
        let limit = self.timeout * TIMEOUT_FACTOR;
        let outcome = timeout(limit, self.output(arguments, input)).await;
        let (success, output, errors) = outcome
            .map_err(|_| GitError::TimedOut(limit.as_secs()))?
            .map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => GitError::Missing,
            _ => GitError::Failed(error.to_string()),
        })?;
        if success {
            return Ok(output);
        }
        let errors = String::from_utf8_lossy(&errors).into_owned();
        Err(GitError::Failed(errors))
    }

    async fn output(
        &self,
        arguments: &[&str],
        input: &[u8],
    ) -> io::Result<(bool, Vec<u8>, Vec<u8>)> {
        let child = self
            .command(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()?;
        let mut group = Group {
            id: child
                .id()
                .and_then(|id| Pid::from_raw(i32::try_from(id).ok()?)),
            child,
        };
        let child = &mut group.child;
        let stdin = child.stdin.take();
        let write = async {
            if let Some(mut stdin) = stdin {
                // Errors are ignored: git's output shows what it has read.
                let _ = stdin.write_all(input).await;
            }
        };
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        let ((), output, errors) =
            tokio::join!(write, read(stdout, MAX_STDOUT), read(stderr, MAX_STDERR));
        let (output, errors) = (output?, errors?);
        if output.len() as u64 >= MAX_STDOUT {
            return Err(io::Error::other("too much output"));
        }
        Ok((child.wait().await?.success(), output, errors))
    }

    /// Ignores the user's configuration, credential helpers and .netrc.
    fn command(&self, arguments: &[&str]) -> Command {
        let dir = self.dir.path();
        let mut command = Command::new("git");
        command.current_dir(dir);
        command.args(["-c", "credential.helper=", "-c", "core.askPass="]);
        command.args(["-c", "maintenance.auto=false"]);
        if !self.is_complete {
            command.args(["-c", "remote.origin.promisor=true"]);
            command.args(["-c", "remote.origin.partialclonefilter=blob:none"]);
        }
        command
            .arg("-c")
            .arg(format!("remote.origin.url={}", self.repo));
        command.args(arguments);
        let null = OsStr::new("/dev/null");
        command
            .env("LC_ALL", "C")
            .env("GIT_TERMINAL_PROMPT", "0")
            .env("GIT_CONFIG_GLOBAL", null)
            .env("HOME", dir)
            .env("XDG_CONFIG_HOME", dir)
            .env("GIT_ALLOW_PROTOCOL", "http:https:git")
            .env_remove("GIT_ASKPASS")
            .env_remove("SSH_ASKPASS")
            .env_remove("GIT_DIR")
            .env_remove("GIT_WORK_TREE")
            .env_remove("GIT_CONFIG_PARAMETERS")
            .env_remove("GIT_TRACE")
            .env_remove("GIT_TRACE_CURL")
            .env_remove("GIT_CURL_VERBOSE");
        command
    }
}

/// git and the processes that it has started, of which none outlives this.
struct Group {
    id: Option<Pid>,
    child: Child,
}

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(id) = self.id {
            // It fails if all have ended.
            let _ = kill_process_group(id, Signal::KILL);
        }
    }
}

/// A temporary directory that is removed when dropped.
struct Scratch {
    path: PathBuf,
}

impl Scratch {
    fn new() -> io::Result<Self> {
        let dir: TempDir = tempfile::Builder::new().prefix("govanityurls-").tempdir()?;
        Ok(Self { path: dir.keep() })
    }

    fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // A killed process may write until the kernel ends it.
        for _ in 0..MAX_REMOVALS {
            match fs::remove_dir_all(&self.path) {
                Ok(()) => return,
                Err(error) if error.kind() == io::ErrorKind::NotFound => return,
                Err(_) => thread::sleep(Duration::from_millis(5)),
            }
        }
    }
}

async fn read(stream: Option<impl AsyncRead + Unpin>, limit: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    if let Some(stream) = stream {
        stream.take(limit).read_to_end(&mut bytes).await?;
    }
    Ok(bytes)
}

fn lines(names: &[String]) -> String {
    let mut text = names.join("\n");
    text.push('\n');
    text
}

#[derive(Debug, PartialEq, Eq)]
struct Object {
    id: String,
    kind: String,
    content: Vec<u8>,
}

/// Parses the output of `git cat-file --batch`: for each object, a line and the content. `None`
/// stands for an object that does not exist.
fn parse_batch(count: usize, output: &[u8]) -> Vec<Option<Object>> {
    let mut objects = Vec::with_capacity(count);
    let mut rest = output;
    while objects.len() < count {
        let Some(end) = rest.iter().position(|&b| b == b'\n') else {
            break;
        };
        let line = String::from_utf8_lossy(&rest[..end]).into_owned();
        rest = &rest[end + 1..];
        // `NAME missing`, or `ID KIND SIZE`.
        let words: Vec<&str> = line.split(' ').collect();
        let [id, kind, size] = words[..] else {
            objects.push(None);
            continue;
        };
        let Some(content) = size.parse().ok().and_then(|size: usize| rest.get(..size)) else {
            break;
        };
        rest = rest.get(content.len() + 1..).unwrap_or_default();
        objects.push(Some(Object {
            id: id.to_owned(),
            kind: kind.to_owned(),
            content: content.to_owned(),
        }));
    }
    objects
}

/// Parses a git tree: for each entry `MODE NAME`, a zero byte and the id of `id_length` bytes.
fn parse_tree(content: &[u8], id_length: usize) -> Vec<Entry> {
    let mut entries = Vec::new();
    let mut rest = content;
    while let Some(end) = rest.iter().position(|&b| b == 0) {
        let head = String::from_utf8_lossy(&rest[..end]).into_owned();
        let Some(id) = rest.get(end + 1..end + 1 + id_length) else {
            break;
        };
        rest = &rest[end + 1 + id_length..];
        let (mode, name) = head.split_once(' ').unwrap_or_default();
        let kind = if mode.starts_with("100") {
            Kind::File
        } else if mode == "40000" {
            Kind::Directory
        } else {
            Kind::Other
        };
        entries.push(Entry {
            name: name.to_owned(),
            kind,
            id: id.iter().map(|b| format!("{b:02x}")).collect(),
        });
    }
    entries
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_git_objects() {
        let output = b"12 blob 9\nmodule a\n\n34 tree 3\n100\na:x missing\n56 blob 0\n\n";
        let objects = parse_batch(4, output);
        assert_eq!(objects.len(), 4);
        let object = objects[0].as_ref().unwrap();
        assert_eq!((&*object.id, &*object.kind), ("12", "blob"));
        assert_eq!(object.content, b"module a\n");
        assert_eq!(objects[2], None);
        assert_eq!(objects[3].as_ref().unwrap().content, b"");
        assert_eq!(parse_batch(2, b"12 blob 99999999\nshort").len(), 0);
    }

    #[test]
    fn reads_git_trees() {
        let tree = parse_tree(
            b"100644 go.mod\0\x01\x0240000 sub\0\xab\x00120000 l\0\x00\x00160",
            2,
        );
        let tree: Vec<_> = tree
            .iter()
            .map(|it| (&*it.name, it.kind, &*it.id))
            .collect();
        assert_eq!(
            tree,
            [
                ("go.mod", Kind::File, "0102"),
                ("sub", Kind::Directory, "ab00"),
                ("l", Kind::Other, "0000")
            ]
        );
    }

    #[test]
    fn temporary_directory_does_not_outlive_its_owner() {
        let git = Git::new("https://h.example/a", Duration::from_secs(1)).unwrap();
        let path = git.dir.path().to_owned();
        fs::write(path.join("x"), "").unwrap();
        drop(git);
        assert!(!path.exists());
    }

    #[tokio::test]
    async fn an_unanswered_request_leaves_nothing() {
        let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let repo = format!("http://{}/a", silent.local_addr().unwrap());
        let git = Git::new(&repo, Duration::from_secs(60)).unwrap();
        let path = git.dir.path().to_owned();
        let mut asked = Box::pin(git.refs());
        let mut accepted = Box::pin(tokio::task::spawn_blocking(move || silent.accept()));
        let connection = tokio::select! {
            _ = &mut asked => None,
            connection = &mut accepted => Some(connection.unwrap().unwrap()),
        };
        drop(asked);
        drop(git);
        assert!(!path.exists());
        // git's helper has it, and has ended.
        let (mut stream, _) = connection.unwrap();
        io::copy(&mut stream, &mut io::sink()).unwrap();
    }
}
