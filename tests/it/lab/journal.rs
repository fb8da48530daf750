//! Entries of systemd's journal, by a socket in the place of journald's.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{BufRead as _, BufReader};
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::path::Path;
use std::process::{Child, Command};

use super::{enter, run};
use crate::support::{self, PATIENCE, SEED, program};

const BAD: &str = "/a:\n  rep: https://h.example/a\n";

/// The two ways into the journal: entries, and lines of standard error.
struct Journal {
    entries: UnixDatagram,
    lines: BufReader<UnixStream>,
    stderr: OwnedFd,
    /// What systemd sets JOURNAL_STREAM to.
    name: String,
}

impl Journal {
    /// Puts a socket where journald has it. Only for the namespace of a lab.
    fn start() -> Self {
        run(Command::new("mount").args(["-t", "tmpfs", "tmpfs", "/run"]));
        fs::create_dir_all("/run/systemd/journal").unwrap();
        let entries = UnixDatagram::bind("/run/systemd/journal/socket").unwrap();
        entries.set_read_timeout(Some(PATIENCE)).unwrap();
        let (ours, theirs) = UnixStream::pair().unwrap();
        ours.set_read_timeout(Some(PATIENCE)).unwrap();
        let stderr = OwnedFd::from(theirs);
        let file = File::from(stderr.try_clone().unwrap()).metadata().unwrap();
        Self {
            entries,
            lines: BufReader::new(ours),
            stderr,
            name: format!("{}:{}", file.dev(), file.ino()),
        }
    }

    fn spawn(&self, directory: &Path, args: &[&str]) -> Child {
        let mut command = program();
        command.current_dir(directory).args(args);
        command.env("JOURNAL_STREAM", &self.name);
        command.stderr(self.stderr.try_clone().unwrap());
        command.spawn().unwrap()
    }

    /// Returns the priority and the message of the next entry.
    fn entry(&self) -> (String, String) {
        loop {
            let mut bytes = vec![0; 1 << 20];
            let length = self.entries.recv(&mut bytes).unwrap();
            // An empty one comes first, by which the program sees that there is a journal.
            if length > 0 {
                let fields = fields(&bytes[..length]);
                return (fields["PRIORITY"].clone(), fields["MESSAGE"].clone());
            }
        }
    }
}

/// Parses an entry in journald's native protocol.
fn fields(mut bytes: &[u8]) -> BTreeMap<String, String> {
    let mut fields = BTreeMap::new();
    while !bytes.is_empty() {
        let end = bytes.iter().position(|&byte| byte == b'\n').unwrap();
        let line = String::from_utf8(bytes[..end].to_vec()).unwrap();
        bytes = &bytes[end + 1..];
        let (name, value) = if let Some((name, value)) = line.split_once('=') {
            (name.to_owned(), value.to_owned())
        } else {
            let (length, rest) = bytes.split_first_chunk().unwrap();
            let length = usize::try_from(u64::from_le_bytes(*length)).unwrap();
            let value = String::from_utf8(rest[..length].to_vec()).unwrap();
            bytes = &rest[length + 1..];
            (line, value)
        };
        fields.insert(name, value);
    }
    fields
}

#[test]
#[ignore = "needs unshare; tests/run runs it"]
fn the_journal_gets_entries_with_priorities_and_requests_as_lines() {
    enter(|_lab| {
        let mut journal = Journal::start();
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("vanity.yaml"), SEED).unwrap();
        let args = ["-host=tonybai.com", "-listen=127.0.0.1:8080", "-access-log"];
        let mut child = journal.spawn(directory.path(), &args);
        let (priority, message) = journal.entry();
        assert_eq!(priority, "6");
        assert!(
            message.starts_with("serving 2 modules on tonybai.com"),
            "{message}"
        );

        run(Command::new("curl").args([
            "--silent",
            "--globoff",
            "http://127.0.0.1:8080/%1b[31m%0aMESSAGE=x",
        ]));
        let mut line = String::new();
        journal.lines.read_line(&mut line).unwrap();
        assert!(line.starts_with("request "), "{line}");
        assert!(
            line.contains("path=\"/%1b[31m%0aMESSAGE=x\" status=404"),
            "{line}"
        );

        // A rejected reload is one entry of several lines.
        fs::write(directory.path().join("vanity.yaml"), BAD).unwrap();
        support::signal(child.id(), "HUP");
        assert_eq!(
            journal.entry(),
            ("6".to_owned(), "SIGHUP: reloading".to_owned())
        );
        let (priority, message) = journal.entry();
        assert_eq!(priority, "3");
        assert!(
            message.contains("\nvanity.yaml:2:3: unknown key `rep`\n"),
            "{message}"
        );
        assert!(
            message.ends_with("\n  hint: did you mean `repo`?"),
            "{message}"
        );
        support::signal(child.id(), "TERM");
        assert!(child.wait().unwrap().success());
    });
}

#[test]
#[ignore = "needs unshare; tests/run runs it"]
fn a_failed_start_is_one_error_in_the_journal() {
    enter(|_lab| {
        let journal = Journal::start();
        let directory = tempfile::tempdir().unwrap();
        let empty = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("vanity.yaml"), BAD).unwrap();
        for (directory, args, first) in [
            (
                &directory,
                &["-host=a.b"][..],
                "vanity.yaml:2:3: unknown key",
            ),
            (&directory, &["check"], "vanity.yaml:2:3: unknown key"),
            (&directory, &["-hots=a.b"], "error: unexpected argument"),
            (&empty, &[], "govanityurls is a service"),
        ] {
            let mut child = journal.spawn(directory.path(), args);
            assert!(!child.wait().unwrap().success());
            let (priority, message) = journal.entry();
            assert_eq!(priority, "3", "{message}");
            assert!(message.starts_with(first), "{message}");
            assert!(!message.contains('\x1b'), "{message:?}");
        }
    });
}
