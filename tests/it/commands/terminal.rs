//! What the program writes to a terminal, a pipe and systemd's journal. The terminals are real
//! pseudo-terminals of the kernel.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _};
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Command};

use crate::support::{self, PATIENCE, SEED, Server, program};
use rustix::pty::{OpenptFlags, grantpt, ioctl_tiocgptpeer, openpt, unlockpt};
use serde_json::Value;
use tempfile::TempDir;

const ESCAPE: char = '\x1b';
const BAD: &str = "/a:\n  rep: https://h.example/a\n";

fn directory(config: &str) -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("vanity.yaml"), config).unwrap();
    directory
}

/// A process that is killed when dropped.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Returns the program with a terminal for its standard streams.
struct OnTerminal {
    _child: Killed,
    lines: BufReader<File>,
}

impl OnTerminal {
    fn spawn(mut command: Command) -> Self {
        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY;
        let ours = openpt(flags).unwrap();
        grantpt(&ours).unwrap();
        unlockpt(&ours).unwrap();
        let theirs = || ioctl_tiocgptpeer(&ours, flags).unwrap();
        command.stdin(theirs()).stdout(theirs()).stderr(theirs());
        let child = Killed(command.spawn().unwrap());
        Self {
            _child: child,
            lines: BufReader::new(File::from(ours)),
        }
    }

    /// Reads the next line; `None` at the end, which the kernel reports as an error.
    fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        match self.lines.read_line(&mut line) {
            Ok(0) | Err(_) => None,
            Ok(_) => Some(line.trim_end_matches(['\r', '\n']).to_owned()),
        }
    }
}

fn command(directory: &Path, args: &[&str], env: &[(&str, &str)]) -> Command {
    let mut command = program();
    command.current_dir(directory).args(args);
    command.env("TERM", "xterm").envs(env.iter().copied());
    command
}

fn first_line(args: &[&str], env: &[(&str, &str)]) -> String {
    let directory = directory(SEED);
    let mut terminal = OnTerminal::spawn(command(directory.path(), args, env));
    terminal.line().unwrap()
}

/// Returns everything written by a program that exits by itself.
fn whole(directory: &Path, args: &[&str], env: &[(&str, &str)]) -> String {
    let mut terminal = OnTerminal::spawn(command(directory, args, env));
    std::iter::from_fn(|| Some(terminal.line()? + "\n")).collect()
}

const SERVE: [&str; 3] = ["-host=tonybai.com", "-listen", "127.0.0.1:0"];

#[test]
fn the_log_on_a_terminal_starts_with_a_coloured_line() {
    let line = first_line(&SERVE, &[]);
    assert!(
        line.contains("\x1b[32m INFO\x1b[0m serving 2 modules"),
        "{line:?}"
    );
    for env in [("NO_COLOR", "1"), ("TERM", "dumb")] {
        let line = first_line(&SERVE, &[env]);
        assert!(
            line.contains("Z  INFO serving 2 modules"),
            "{env:?}: {line:?}"
        );
        assert!(!line.contains(ESCAPE), "{env:?}: {line:?}");
    }
}

#[test]
fn json_log_has_no_colours() {
    let args = [&SERVE[..], &["-log-format", "json"]].concat();
    for env in [&[][..], &[("CLICOLOR_FORCE", "1")]] {
        let line: Value = serde_json::from_str(&first_line(&args, env)).unwrap();
        let message = line["message"].as_str().unwrap();
        assert!(message.starts_with("serving 2 modules"), "{message}");
    }
}

#[test]
fn pipe_gets_colours_only_if_forced() {
    let directory = directory(SEED);
    for (env, coloured) in [
        (&[][..], false),
        (&[("CLICOLOR_FORCE", "1")], true),
        (&[("CLICOLOR_FORCE", "0")], false),
    ] {
        let server = Server::spawn(command(directory.path(), &SERVE, env));
        assert_eq!(server.log[0].contains(ESCAPE), coloured, "{:?}", server.log);
        for args in [&["-help"][..], &["chekc"]] {
            let output = command(directory.path(), args, env).output().unwrap();
            let text = [output.stdout, output.stderr].concat();
            let text = String::from_utf8(text).unwrap();
            assert_eq!(text.contains(ESCAPE), coloured, "{text}");
        }
    }
}

#[test]
fn help_and_errors_on_a_terminal_have_colours_by_the_same_rule() {
    let good = directory(SEED);
    let bad = directory(BAD);
    for (directory, args, coloured) in [
        (&good, &["-help"][..], "\x1b[1mOptions:\x1b[0m\n"),
        (&good, &["-nonsense"], "\x1b[1;31merror:\x1b[0m unexpected"),
        (
            &bad,
            &["-host=a.b"],
            "\x1b[1mvanity.yaml:2:3:\x1b[0m unknown key",
        ),
        (
            &bad,
            &["-host=a.b"],
            "\x1b[1;36mhint:\x1b[0m did you mean `repo`?",
        ),
        (
            &good,
            &["-host=a.b", "-listen=192.0.2.1:80"],
            "\x1b[1;31mgovanityurls:\x1b[0m cannot listen on 192.0.2.1:80",
        ),
    ] {
        let text = whole(directory.path(), args, &[]);
        assert!(text.contains(coloured), "{text:?}");
        let text = whole(directory.path(), args, &[("NO_COLOR", "1")]);
        assert!(text.len() > 50 && !text.contains(ESCAPE), "{text:?}");
    }
}

/// Creates a stream like the one that systemd gives a service, and the variable that announces it.
fn journal() -> (BufReader<UnixStream>, OwnedFd, String) {
    let (ours, theirs) = UnixStream::pair().unwrap();
    ours.set_read_timeout(Some(PATIENCE)).unwrap();
    let theirs = OwnedFd::from(theirs);
    let file = File::from(theirs.try_clone().unwrap()).metadata().unwrap();
    let name = format!("{}:{}", file.dev(), file.ino());
    (BufReader::new(ours), theirs, name)
}

#[test]
fn journal_lines_have_priorities_and_no_timestamps() {
    let directory = directory(SEED);
    let (mut lines, stderr, name) = journal();
    let env = [("JOURNAL_STREAM", &*name), ("CLICOLOR_FORCE", "1")];
    let mut command = command(directory.path(), &SERVE, &env);
    let mut child = Killed(command.stderr(stderr).spawn().unwrap());
    drop(command);
    let mut line = || {
        let mut line = String::new();
        lines.read_line(&mut line).unwrap();
        line
    };
    assert!(line().starts_with("<6>serving 2 modules on tonybai.com"));
    // Each line of a rejected reload has priority error.
    std::fs::write(directory.path().join("vanity.yaml"), BAD).unwrap();
    support::signal(child.0.id(), "HUP");
    assert_eq!(line(), "<6>SIGHUP: reloading\n");
    let said: String = (0..5).map(|_| line()).collect();
    assert_eq!(
        said,
        "<3>reload refused, the old configuration stays\n\
         <3>vanity.yaml:2:3: unknown key `rep`\n\
         <3>  2 |   rep: https://h.example/a\n\
         <3>    |   ^\n\
         <3>  hint: did you mean `repo`?\n"
    );
    support::signal(child.0.id(), "TERM");
    assert!(child.0.wait().unwrap().success());
}

#[test]
fn failed_start_is_an_error_in_the_journal() {
    let directory = directory(BAD);
    let empty = tempfile::tempdir().unwrap();
    for (directory, args, first) in [
        (
            &directory,
            &["-host=a.b"][..],
            "<3>vanity.yaml:2:3: unknown key",
        ),
        (&directory, &["-hots=a.b"], "<3>error: unexpected argument"),
        (&empty, &[], "<3>govanityurls is a service"),
    ] {
        let (mut ours, stderr, name) = journal();
        let mut command = command(directory.path(), args, &[("JOURNAL_STREAM", &name)]);
        let status = command.stderr(stderr).status().unwrap();
        drop(command);
        assert!(!status.success());
        let mut text = String::new();
        ours.read_to_string(&mut text).unwrap();
        assert!(text.starts_with(first), "{text}");
        assert!(text.lines().all(|line| line.starts_with("<3>")), "{text}");
    }
}

#[test]
fn other_streams_get_the_usual_format() {
    let directory = directory(SEED);
    let (_ours, _theirs, name) = journal();
    // A shell under a service inherits the variable but not the stream.
    let server = Server::spawn(command(
        directory.path(),
        &SERVE,
        &[("JOURNAL_STREAM", &name)],
    ));
    assert!(
        server.log[0].contains("Z  INFO serving"),
        "{:?}",
        server.log
    );
}

#[test]
fn failed_start_is_json_with_json_logs() {
    let directory = directory(BAD);
    let args = ["-host=a.b", "-log-format=json"];
    let output = command(directory.path(), &args, &[]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let line: Value = serde_json::from_slice(&output.stderr).unwrap();
    assert_eq!(line["level"], "ERROR");
    let message = line["message"].as_str().unwrap();
    assert!(message.starts_with("vanity.yaml:2:3: unknown"), "{message}");
    // Not if the log would not show it.
    let args = [args[0], args[1], "-log-level=off"];
    let output = command(directory.path(), &args, &[]).output().unwrap();
    assert!(output.stderr.starts_with(b"vanity.yaml:2:3: unknown"));
}
