//! Output for people: colours on a terminal, priorities in systemd's journal.

use std::borrow::Cow;
use std::env;
use std::ffi::{OsStr, OsString};
use std::fmt::Write as _;
use std::io::{self, ErrorKind, IsTerminal, Write as _};

use rustix::fs::fstat;
use tracing::Level;

const BOLD: &str = "\x1b[1m";
const RED: &str = "\x1b[1;31m";
const CYAN: &str = "\x1b[1;36m";
const RESET: &str = "\x1b[0m";

/// What standard error is connected to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorStream {
    /// A terminal that shows colours, or any stream with `CLICOLOR_FORCE` set.
    Colours,
    /// systemd's journal, which adds the time itself and reads priorities from the lines.
    Journal,
    /// A pipe, a file, or a terminal without colours.
    Plain,
}

impl ErrorStream {
    /// Inspects this process's standard error and environment.
    pub fn detect() -> Self {
        if is_journal() {
            Self::Journal
        } else if colours(&io::stderr()) {
            Self::Colours
        } else {
            Self::Plain
        }
    }
}

/// Returns whether text for people is coloured on `stream`. The log, help, errors and `check` all
/// follow it.
pub fn colours(stream: &impl IsTerminal) -> bool {
    wants_colours(stream.is_terminal(), |name| env::var_os(name))
}

fn wants_colours(is_terminal: bool, env: impl Fn(&str) -> Option<OsString>) -> bool {
    // An empty variable counts as unset, as https://no-color.org says.
    let set = |name| env(name).filter(|value| !value.is_empty());
    match set("CLICOLOR_FORCE") {
        Some(force) if force != "0" => true,
        _ => {
            is_terminal
                && set("NO_COLOR").is_none()
                && set("TERM").as_deref() != Some(OsStr::new("dumb"))
        }
    }
}

/// Returns whether standard error is the stream that systemd announces as `device:inode`. The
/// variable alone proves nothing: a shell that a service started inherits it.
fn is_journal() -> bool {
    let announced = env::var("JOURNAL_STREAM");
    announced.is_ok_and(|announced| {
        fstat(io::stderr()).is_ok_and(|own| announced == format!("{}:{}", own.st_dev, own.st_ino))
    })
}

/// Writes an error to standard error. Write errors are ignored: there is nowhere to report
/// them.
pub fn print_error(text: &str) {
    let text = match ErrorStream::detect() {
        ErrorStream::Colours => Cow::Owned(coloured(text)),
        ErrorStream::Journal => Cow::Owned(with_priority(Level::ERROR, text)),
        ErrorStream::Plain => Cow::Borrowed(text),
    };
    let _ = io::stderr().write_all(text.as_bytes());
}

/// Writes to standard output; a closed pipe (`| head`) is not an error.
///
/// # Errors
///
/// The output cannot be written; the message says which output that is.
pub fn print(text: &str) -> io::Result<()> {
    let mut stdout = io::stdout();
    let written = stdout
        .write_all(text.as_bytes())
        .and_then(|()| stdout.flush());
    match written {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            let why = match error.kind() {
                ErrorKind::StorageFull => "the disk is full".to_owned(),
                _ => error.to_string(),
            };
            Err(io::Error::new(
                error.kind(),
                format!("cannot write to standard output: {why}"),
            ))
        }
        _ => Ok(()),
    }
}

/// Writes text for people to standard output, coloured where it is shown on a terminal.
///
/// # Errors
///
/// Those of `print`.
pub fn print_coloured(text: &str) -> io::Result<()> {
    match colours(&io::stdout()) {
        true => print(&coloured(text)),
        false => print(text),
    }
}

/// Adds colours to a plain message or help text, line by line:
///
/// - a line that starts with one word and a colon (`error:`, `vanity.yaml:2:3:`, `Options:`):
///   that word
/// - the flags that open a line of help
/// - the caret under an excerpt, with its margin
pub fn coloured(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 64);
    for line in text.split_inclusive('\n') {
        let (line, end) = match line.strip_suffix('\n') {
            Some(line) => (line, "\n"),
            None => (line, ""),
        };
        let indent = line.len() - line.trim_start().len();
        let (indent, words) = line.split_at(indent);
        let (colour, length) = opening(words);
        let (opening, rest) = words.split_at(length);
        out.push_str(indent);
        if !opening.is_empty() {
            _ = write!(out, "{colour}{opening}{RESET}");
        }
        out.push_str(rest);
        out.push_str(end);
    }
    out
}

/// Returns the style of a line's opening, and how many bytes it covers.
fn opening(words: &str) -> (&'static str, usize) {
    let label = match words.split_once(": ") {
        Some((label, _)) => label,
        None => words.strip_suffix(':').unwrap_or(""),
    };
    if words.starts_with('|') && words.ends_with('^') {
        (RED, words.len())
    } else if words.starts_with('-') {
        (BOLD, words.find("  ").unwrap_or(words.len()))
    } else if label.is_empty() || label.starts_with('[') || label.contains(char::is_whitespace) {
        (BOLD, 0)
    } else {
        let colour = match label {
            "error" | "govanityurls" => RED,
            "hint" | "tip" | "note" => CYAN,
            _ => BOLD,
        };
        (colour, label.len() + 1)
    }
}

/// Puts the level's priority in front of each line for systemd (`sd-daemon(3)`). The journal splits
/// a stream at every newline, so `journalctl -p err` would otherwise show only the first line of a
/// message.
pub fn with_priority(level: Level, text: &str) -> String {
    let priority = match level {
        Level::ERROR => 3,
        Level::WARN => 4,
        Level::INFO => 6,
        Level::DEBUG | Level::TRACE => 7,
    };
    let lines = text.lines().filter(|line| !line.is_empty());
    lines.fold(String::with_capacity(text.len() + 16), |mut out, line| {
        _ = writeln!(out, "<{priority}>{line}");
        out
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_follow_one_rule() {
        for (terminal, env, expected) in [
            (true, &[][..], true),
            (false, &[], false),
            (true, &[("TERM", "xterm")], true),
            (true, &[("TERM", "dumb")], false),
            (true, &[("NO_COLOR", "1")], false),
            (true, &[("NO_COLOR", "")], true),
            (false, &[("CLICOLOR_FORCE", "1")], true),
            (false, &[("CLICOLOR_FORCE", "0")], false),
            (false, &[("CLICOLOR_FORCE", "")], false),
            (true, &[("CLICOLOR_FORCE", "0")], true),
            (true, &[("CLICOLOR_FORCE", "1"), ("TERM", "dumb")], true),
        ] {
            let value = |name: &str| {
                let pair = env.iter().find(|(set, _)| *set == name)?;
                Some(OsString::from(pair.1))
            };
            assert_eq!(
                wants_colours(terminal, value),
                expected,
                "{terminal} {env:?}"
            );
        }
    }

    #[test]
    fn colours_labels_carets_and_flags() {
        let plain = "vanity.yaml:2:3: unknown key `rep`\n  2 |   rep: x\n    |   ^\n  \
                     hint: did you mean `repo`?\n\nOptions:\n  -h, -help  Print help: all of it\n\
                     no label: here\n";
        let expected = format!(
            "{BOLD}vanity.yaml:2:3:{RESET} unknown key `rep`\n  2 |   rep: x\n    \
             {RED}|   ^{RESET}\n  {CYAN}hint:{RESET} did you mean `repo`?\n\n\
             {BOLD}Options:{RESET}\n  {BOLD}-h, -help{RESET}  Print help: all of it\n\
             no label: here\n"
        );
        assert_eq!(coloured(plain), expected);
        assert!(coloured("error: x").starts_with(RED));
        assert_eq!(coloured(""), "");
    }
}
