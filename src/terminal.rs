//! Output for people, in colours where they are shown: anstream decides that by the stream,
//! NO_COLOR, CLICOLOR_FORCE and TERM.

use std::io::{self, ErrorKind, Write};

use anstream::stream::RawStream;
use anstream::{AutoStream, ColorChoice};
use anstyle::{AnsiColor, Style};

/// What a message is about: a file, or the program.
pub const LABEL: Style = Style::new().bold();
/// An error, and the caret below its place.
pub const ERROR: Style = AnsiColor::Red.on_default().bold();
/// What to do about it.
pub const HINT: Style = AnsiColor::Cyan.on_default().bold();

/// Returns whether text for people is coloured on `stream`.
pub fn colours(stream: &impl RawStream) -> bool {
    AutoStream::choice(stream) != ColorChoice::Never
}

/// Writes an error, which may have styles, to standard error. Write errors are ignored: there is
/// nowhere to report them.
pub fn print_error(text: &str) {
    _ = anstream::stderr().write_all(text.as_bytes());
}

/// Writes to standard output, as it is; a closed pipe (`| head`) is not an error.
///
/// # Errors
///
/// The output cannot be written; the message says which output that is.
pub fn print(text: &str) -> io::Result<()> {
    let mut stdout = io::stdout();
    explain(
        stdout
            .write_all(text.as_bytes())
            .and_then(|()| stdout.flush()),
    )
}

/// Writes text for people, which may have styles, to standard output.
///
/// # Errors
///
/// Those of [`print()`].
pub fn print_styled(text: &str) -> io::Result<()> {
    let mut stdout = anstream::stdout();
    explain(
        stdout
            .write_all(text.as_bytes())
            .and_then(|()| stdout.flush()),
    )
}

/// Says which output could not be written; a closed pipe is not an error.
///
/// # Errors
///
/// The output could not be written.
pub fn explain(written: io::Result<()>) -> io::Result<()> {
    let Err(error) = written else { return Ok(()) };
    let why = match error.kind() {
        ErrorKind::BrokenPipe => return Ok(()),
        ErrorKind::StorageFull => "the disk is full".to_owned(),
        _ => error.to_string(),
    };
    let why = format!("cannot write to standard output: {why}");
    Err(io::Error::new(error.kind(), why))
}
