//! The file itself: bytes in, text out.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use super::error::{ConfigError, Place};
use super::problem::Problem;

/// The largest file that is read, in bytes. A million modules fit; a file that is a mistake (a
/// log, a device) ends here and not in memory.
pub(super) const MAX_FILE: usize = 64 << 20;

/// Reads a whole file; `-` is standard input.
///
/// # Errors
///
/// The file cannot be read, is too large, or is not UTF-8.
pub fn read_text(path: &Path) -> Result<String, ConfigError> {
    let name = name(path);
    let bytes = if path.as_os_str() == "-" {
        read(io::stdin().lock(), 0)
    } else {
        File::open(path).and_then(|file| {
            // A hint only: a device has no length, and a file may grow meanwhile.
            let length = file.metadata()?.len();
            read(file, usize::try_from(length).unwrap_or(usize::MAX))
        })
    };
    let problem = match bytes {
        Ok(Some(bytes)) => return decode(&name, bytes),
        Ok(None) => Problem::TooLarge(MAX_FILE >> 20),
        Err(error) => unreadable(&error),
    };
    Err(ConfigError::new(&name, problem, None))
}

/// Returns what a file is called in messages.
pub fn name(path: &Path) -> String {
    match path.as_os_str() == "-" {
        true => "standard input".to_owned(),
        false => path.display().to_string(),
    }
}

/// Reads to the end; none where there is more than [`MAX_FILE`].
fn read(file: impl Read, length: usize) -> io::Result<Option<Vec<u8>>> {
    if length > MAX_FILE {
        return Ok(None);
    }
    let mut bytes = Vec::with_capacity(length + 1);
    file.take(MAX_FILE as u64 + 1).read_to_end(&mut bytes)?;
    Ok((bytes.len() <= MAX_FILE).then_some(bytes))
}

fn decode(name: &str, bytes: Vec<u8>) -> Result<String, ConfigError> {
    String::from_utf8(bytes).map_err(|error| {
        let bytes = error.as_bytes();
        let index = error.utf8_error().valid_up_to();
        let shown = String::from_utf8_lossy(bytes);
        match bytes {
            [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => ConfigError::new(name, Problem::Utf16, None),
            _ => {
                let problem = Problem::NotUtf8(bytes.get(index).copied().unwrap_or_default());
                ConfigError::new(name, problem, Some(Place::of(&shown, index))).with_line_of(&shown)
            }
        }
    })
}

fn unreadable(error: &io::Error) -> Problem {
    use io::ErrorKind::{IsADirectory, NotADirectory, NotFound, PermissionDenied};
    match error.kind() {
        NotFound | NotADirectory => Problem::NotFound,
        PermissionDenied => Problem::PermissionDenied,
        IsADirectory => Problem::Directory,
        _ => Problem::Unreadable(error.to_string()),
    }
}
