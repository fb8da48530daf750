//! Reads the file as text.

use std::fs::{self, File, Metadata};
use std::io::{self, Read};
use std::os::unix::fs::{FileTypeExt as _, OpenOptionsExt as _};
use std::path::Path;

use rustix::fs::OFlags;

use super::error::ConfigError;
use super::problem::Problem;

/// The largest file, in bytes. A million modules fit. The limit keeps a wrong path (a log, a
/// device) from filling the memory.
pub(super) const MAX_FILE: usize = 64 << 20;

/// Reads a whole file; `-` is standard input.
///
/// # Errors
///
/// The file cannot be read, is too large, or is not UTF-8.
pub fn read_text(path: &Path) -> Result<String, ConfigError> {
    let name = name(path);
    match bytes(path) {
        Ok(bytes) => decode(&name, bytes),
        Err(problem) => Err(ConfigError::new(&name, problem)),
    }
}

/// Reads regular files only: a pipe or a device could block a reload forever.
fn bytes(path: &Path) -> Result<Vec<u8>, Problem> {
    let unreadable = |error| unreadable(&error);
    if path.as_os_str() == "-" {
        return read(io::stdin().lock(), 0);
    }
    check_type(&fs::metadata(path).map_err(unreadable)?)?;
    // If a pipe has replaced the file since, opening it must not wait for a writer.
    let file = File::options()
        .read(true)
        .custom_flags(OFlags::NONBLOCK.bits().cast_signed())
        .open(path)
        .map_err(unreadable)?;
    let metadata = file.metadata().map_err(unreadable)?;
    check_type(&metadata)?;
    // For the allocation only: the file may have grown since.
    read(file, usize::try_from(metadata.len()).unwrap_or(usize::MAX))
}

fn check_type(file: &Metadata) -> Result<(), Problem> {
    let kind = file.file_type();
    if kind.is_file() {
        return Ok(());
    }
    Err(match () {
        () if kind.is_dir() => Problem::Directory,
        () if kind.is_fifo() => Problem::NotRegular("a pipe"),
        () if kind.is_socket() => Problem::NotRegular("a socket"),
        () => Problem::NotRegular("a device"),
    })
}

/// Returns the name of a file in messages.
pub fn name(path: &Path) -> String {
    match path.as_os_str() == "-" {
        true => "standard input".to_owned(),
        false => path.display().to_string(),
    }
}

/// Reads to the end, up to [`MAX_FILE`].
fn read(file: impl Read, length: usize) -> Result<Vec<u8>, Problem> {
    let too_large = Problem::TooLarge(MAX_FILE >> 20);
    if length > MAX_FILE {
        return Err(too_large);
    }
    let mut bytes = Vec::with_capacity(length + 1);
    match file.take(MAX_FILE as u64 + 1).read_to_end(&mut bytes) {
        Err(error) => Err(unreadable(&error)),
        Ok(_) if bytes.len() > MAX_FILE => Err(too_large),
        Ok(_) => Ok(bytes),
    }
}

fn decode(name: &str, bytes: Vec<u8>) -> Result<String, ConfigError> {
    String::from_utf8(bytes).map_err(|error| {
        let bytes = error.as_bytes();
        let index = error.utf8_error().valid_up_to();
        let shown = String::from_utf8_lossy(bytes);
        match bytes {
            [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => ConfigError::new(name, Problem::Utf16),
            _ => {
                let problem = Problem::NotUtf8(bytes.get(index).copied().unwrap_or_default());
                ConfigError::at(name, problem, &shown, index)
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
