//! The file itself: bytes in, text out.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use super::error::Place;
use crate::module::Problem;

/// The largest file that is read, in bytes: a million modules fit, and a file that is a
/// mistake (a log, a device) ends here and not in memory.
pub(super) const MAX_FILE: usize = 64 << 20;

/// Reads a whole file.
pub(super) fn bytes(path: &Path) -> Result<Vec<u8>, Problem> {
    match read(path) {
        Ok(Some(bytes)) => Ok(bytes),
        Ok(None) => Err(
            Problem::new(format!("it is larger than {} MiB", MAX_FILE >> 20))
                .hint("is it the right file? A million modules fit in that"),
        ),
        Err(error) => Err(unreadable(&error)),
    }
}

/// All of a file; none where it is larger than [`MAX_FILE`].
fn read(path: &Path) -> io::Result<Option<Vec<u8>>> {
    let file = File::open(path)?;
    // The length is a hint only: a device has none, and a file may grow meanwhile.
    let length = usize::try_from(file.metadata()?.len()).unwrap_or(usize::MAX);
    if length > MAX_FILE {
        return Ok(None);
    }
    let mut bytes = Vec::with_capacity(length + 1);
    file.take(MAX_FILE as u64 + 1).read_to_end(&mut bytes)?;
    Ok((bytes.len() <= MAX_FILE).then_some(bytes))
}

/// The bytes as text; or the problem, its place, and as much of the text as can be shown.
pub(super) fn text(bytes: Vec<u8>) -> Result<String, (Problem, Option<Place>, String)> {
    String::from_utf8(bytes).map_err(|error| {
        let bytes = error.as_bytes();
        let good = error.utf8_error().valid_up_to();
        let shown = String::from_utf8_lossy(bytes).into_owned();
        let (what, at) = match bytes {
            [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => ("it is UTF-16".to_owned(), None),
            _ => (
                format!("the byte 0x{:02x} is not UTF-8", bytes[good]),
                Some(Place::of(&shown, good)),
            ),
        };
        (Problem::new(what).hint("save the file as UTF-8"), at, shown)
    })
}

fn unreadable(error: &io::Error) -> Problem {
    use io::ErrorKind::{IsADirectory, NotADirectory, NotFound, PermissionDenied};
    match error.kind() {
        NotFound | NotADirectory => Problem::new("there is no such file")
            .hint("name the file with `-config FILE`; `vanity.yaml.example` is one to start from"),
        PermissionDenied => Problem::new("it may not be read: permission denied")
            .hint("let the user that the server runs as read it, and the directories above it"),
        IsADirectory => {
            Problem::new("it is a directory").hint("name the file in it: `-config DIR/vanity.yaml`")
        }
        _ => Problem::new(format!("it cannot be read: {error}")),
    }
}
