//! Runs git like the go command, but without credentials.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::io;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::Command;
use tokio::time::timeout;

use super::repository::{GitError, Refs};
use super::versions::Object;

/// Maximum stdout in bytes: enough for the refs of a repository with 100,000 tags.
const MAX_STDOUT: u64 = 16 << 20;
/// How much of stderr to keep, in bytes.
const MAX_STDERR: u64 = 64 << 10;
/// Refs per `git fetch`: servers limit the size of a request.
const MAX_REFS: usize = 1000;
/// git's timeout, as a multiple of that of one request: git sends several.
const TIMEOUT_FACTOR: u32 = 3;

/// A remote repository and the temporary directory to fetch it into.
pub(super) struct Git<'a> {
    /// An empty directory.
    pub(super) dir: &'a Path,
    pub(super) repo: &'a str,
    pub(super) timeout: Duration,
}

impl Git<'_> {
    /// Lists the repository's refs (`git ls-remote`).
    pub(super) async fn refs(&self) -> Result<Refs, GitError> {
        let output = self.run(&["ls-remote", "-q", "--", self.repo], b"").await?;
        Ok(Refs::parse(&String::from_utf8_lossy(&output)))
    }

    /// Fetches the commits and trees of the refs (`git fetch`). If the server supports partial
    /// clones, files are fetched when they are read.
    pub(super) async fn fetch(&self, refs: &[String]) -> Result<(), GitError> {
        self.run(&["init", "-q", "--bare", "--template=", "."], b"")
            .await?;
        for refs in refs.chunks(MAX_REFS) {
            let refs = refs
                .iter()
                .map(|name| format!("+{name}:refs/fetched/{name}"));
            let refs: Vec<_> = refs.collect();
            let mut arguments = vec![
                "-c",
                "protocol.version=2",
                "fetch",
                "-q",
                "--depth=1",
                "--no-tags",
                "--filter=blob:none",
                "origin",
            ];
            arguments.extend(refs.iter().map(String::as_str));
            self.run(&arguments, b"").await?;
        }
        Ok(())
    }

    /// Reads the objects with these names (`git cat-file`); missing ones are left out.
    pub(super) async fn read(&self, names: &[String]) -> Result<HashMap<String, Object>, GitError> {
        let mut input = names.join("\n");
        input.push('\n');
        let output = self.run(&["cat-file", "--batch"], input.as_bytes()).await?;
        Ok(parse_batch(names, &output))
    }

    async fn run(&self, arguments: &[&str], input: &[u8]) -> Result<Vec<u8>, GitError> {
        let limit = self.timeout * TIMEOUT_FACTOR;
        let failed = |error: io::Error| match error.kind() {
            io::ErrorKind::NotFound => GitError::Missing,
            _ => GitError::Failed(error.to_string()),
        };
        let outcome = timeout(limit, self.output(arguments, input)).await;
        let (status, output, errors) = outcome
            .map_err(|_| GitError::TimedOut(limit.as_secs()))?
            .map_err(failed)?;
        match status {
            true => Ok(output),
            false => Err(GitError::Failed(
                String::from_utf8_lossy(&errors).into_owned(),
            )),
        }
    }

    async fn output(
        &self,
        arguments: &[&str],
        input: &[u8],
    ) -> io::Result<(bool, Vec<u8>, Vec<u8>)> {
        let mut child = self
            .command(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
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
        let mut command = Command::new("git");
        command.current_dir(self.dir);
        command.args(["-c", "credential.helper=", "-c", "core.askPass="]);
        command.args(["-c", "maintenance.auto=false"]);
        command.args(["-c", "remote.origin.promisor=true"]);
        command.args(["-c", "remote.origin.partialclonefilter=blob:none"]);
        command
            .arg("-c")
            .arg(format!("remote.origin.url={}", self.repo));
        command.args(arguments);
        let null = OsStr::new("/dev/null");
        command
            .env("LC_ALL", "C")
            .env("GIT_TERMINAL_PROMPT", "0")
            .env("GIT_CONFIG_GLOBAL", null)
            .env("HOME", self.dir)
            .env("XDG_CONFIG_HOME", self.dir)
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

async fn read(stream: Option<impl AsyncRead + Unpin>, limit: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    if let Some(stream) = stream {
        stream.take(limit).read_to_end(&mut bytes).await?;
    }
    Ok(bytes)
}

/// Parses the output of `git cat-file --batch`: for each name, a line and the content.
fn parse_batch(names: &[String], output: &[u8]) -> HashMap<String, Object> {
    let mut objects = HashMap::new();
    let mut rest = output;
    for name in names {
        let Some(end) = rest.iter().position(|&b| b == b'\n') else {
            break;
        };
        let line = String::from_utf8_lossy(&rest[..end]).into_owned();
        rest = &rest[end + 1..];
        // `NAME missing`, or `HASH TYPE SIZE`.
        let mut words = line.rsplit(' ');
        let Some(Ok(size)) = words.next().map(str::parse::<usize>) else {
            continue;
        };
        let content = rest.get(..size).unwrap_or_default();
        let object = match words.next() {
            Some("blob") => Object::File(String::from_utf8_lossy(content).into_owned()),
            _ => Object::Directory,
        };
        objects.insert(name.clone(), object);
        rest = rest.get(size + 1..).unwrap_or_default();
    }
    objects
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classifies_git_objects() {
        let names = ["a:go.mod", "a:sub", "a:x", "b:go.mod"].map(str::to_owned);
        let output = b"12 blob 9\nmodule a\n\n34 tree 3\n\0\n1\na:x missing\n56 blob 0\n\n";
        let objects = parse_batch(&names, output);
        assert_eq!(objects.len(), 3);
        assert_eq!(objects["a:go.mod"], Object::File("module a\n".into()));
        assert_eq!(objects["a:sub"], Object::Directory);
        assert_eq!(objects["b:go.mod"], Object::File(String::new()));
        assert_eq!(parse_batch(&names, b"12 blob 99999999\nshort").len(), 1);
    }
}
