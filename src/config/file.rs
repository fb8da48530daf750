//! Reads the file as text.

use std::fs::{self, File, Metadata};
use std::io::{self, Read};
use std::os::unix::fs::{FileTypeExt as _, OpenOptionsExt as _};
use std::path::Path;

use rustix::fs::OFlags;

use super::error::ConfigError;
use crate::module::Problem;

/// The largest file, in bytes. 250,000 modules fit. The limit keeps a wrong path (a log, a device)
/// from filling the memory.
const MAX_FILE: usize = 16 << 20;

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
    let what = if kind.is_dir() {
        return Err(directory());
    } else if kind.is_fifo() {
        "a pipe"
    } else if kind.is_socket() {
        "a socket"
    } else {
        "a device"
    };
    Err(Problem::new(
        format!("it is {what}"),
        "name a regular file; `check` and `convert` read standard input as `-`",
    ))
}

fn directory() -> Problem {
    Problem::new(
        "it is a directory",
        "name the file in it: `-config DIR/vanity.yaml`",
    )
}

/// Returns the name of a file in messages.
pub fn name(path: &Path) -> String {
    if path.as_os_str() == "-" {
        return "standard input".to_owned();
    }
    path.display().to_string()
}

/// Reads to the end, up to [`MAX_FILE`].
fn read(file: impl Read, length: usize) -> Result<Vec<u8>, Problem> {
    let mut bytes = Vec::with_capacity(length.min(MAX_FILE) + 1);
    if length <= MAX_FILE {
        let read = file.take(MAX_FILE as u64 + 1).read_to_end(&mut bytes);
        read.map_err(|error| unreadable(&error))?;
    }
    if length > MAX_FILE || bytes.len() > MAX_FILE {
        return Err(Problem::new(
            format!("it is larger than {} MiB", MAX_FILE >> 20),
            "is it the right file? 250,000 modules fit in that",
        ));
    }
    Ok(bytes)
}

fn decode(name: &str, bytes: Vec<u8>) -> Result<String, ConfigError> {
    String::from_utf8(bytes).map_err(|error| {
        let bytes = error.as_bytes();
        let hint = "save the file as UTF-8";
        if let [0xff, 0xfe, ..] | [0xfe, 0xff, ..] = bytes {
            return ConfigError::new(name, Problem::new("it is UTF-16", hint));
        }
        let index = error.utf8_error().valid_up_to();
        let byte = bytes.get(index).copied().unwrap_or_default();
        let problem = Problem::new(format!("the byte 0x{byte:02x} is not UTF-8"), hint);
        ConfigError::at(name, problem, &String::from_utf8_lossy(bytes), index)
    })
}

fn unreadable(error: &io::Error) -> Problem {
    use io::ErrorKind::{IsADirectory, NotADirectory, NotFound, PermissionDenied};
    match error.kind() {
        NotFound | NotADirectory => Problem::new(
            "there is no such file",
            "name the file with `-config FILE`; `vanity.yaml.example` is one to start from",
        ),
        PermissionDenied => Problem::new(
            "permission denied",
            "let the user that the server runs as read the file, and the directories above it",
        ),
        IsADirectory => directory(),
        _ => Problem::new(format!("it cannot be read: {error}"), ""),
    }
}
