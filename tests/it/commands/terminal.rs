//! What the program writes to a terminal and a pipe. The terminals are real
//! pseudo-terminals of the kernel.

use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command};

use crate::support::{SEED, Server, program};
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
        (&[("CLICOLOR_FORCE", "")], false),
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
        (&good, &["-help"][..], "\x1b[4mOptions:\x1b[0m\n"),
        (&good, &["-nonsense"], "error:\x1b[0m unexpected"),
        (
            &bad,
            &["-host=a.b"],
            "\x1b[1mvanity.yaml:2:3:\x1b[0m unknown key",
        ),
        (&bad, &["check"], "hint:\x1b[0m did you mean `repo`?"),
        (
            &good,
            &["-host=a.b", "-listen=192.0.2.1:80"],
            "govanityurls:\x1b[0m cannot listen on 192.0.2.1:80",
        ),
        (&good, &["check"], "vanity.yaml:\x1b[0m ok"),
    ] {
        let text = whole(directory.path(), args, &[]);
        assert!(text.contains(coloured), "{text:?}");
        let text = whole(directory.path(), args, &[("NO_COLOR", "1")]);
        assert!(text.len() > 50 && !text.contains(ESCAPE), "{text:?}");
    }
}

#[test]
fn other_streams_get_the_usual_format() {
    let directory = directory(SEED);
    // A shell under a service inherits the variable but not the stream.
    let env = [("JOURNAL_STREAM", "9:1234")];
    let server = Server::spawn(command(directory.path(), &SERVE, &env));
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
