//! The directory of an export: written next to the target, which it replaces at the end.
//!
//! A directory is replaced only if an export made it and nobody has added anything since: other
//! people's files are never removed. If a run is killed, the next one cleans up.

use std::collections::HashSet;
use std::fmt::Write as _;
use std::fs::{self, File, TryLockError};
use std::io::{self, ErrorKind, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use crate::text::{escaped, quoted};

/// The file that marks a directory as ours: a line about it, then the path of each file.
pub(in crate::commands) const MARKER: &str = ".govanityurls-export";
const ABOUT_MARKER: &str = "`govanityurls export` made this directory, and replaces it. Its files:";

/// Returns the files of the export that made `dir`; none if no export did.
fn files_of_export(dir: &Path) -> io::Result<HashSet<PathBuf>> {
    match fs::read_to_string(dir.join(MARKER)) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(HashSet::new()),
        marker => Ok(marker?.lines().skip(1).map(PathBuf::from).collect()),
    }
}

/// Returns a file in `dir` that no export put there, if there is one.
fn foreign_file(dir: &Path) -> io::Result<Option<PathBuf>> {
    let ours = files_of_export(dir)?;
    let mut folders = vec![dir.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let path = entry.path();
            let relative = path.strip_prefix(dir).unwrap_or(&path);
            if entry.file_type()?.is_dir() {
                // Without a marker nothing is ours, not even an empty folder.
                if ours.is_empty() {
                    return Ok(Some(relative.to_owned()));
                }
                folders.push(path);
            } else if !ours.contains(relative) {
                return Ok(Some(relative.to_owned()));
            }
        }
    }
    Ok(None)
}

/// Removes an export. Fails if there are other files, and keeps those.
fn remove_export(dir: &Path) -> io::Result<()> {
    let mut ours = files_of_export(dir)?;
    // Remove the marker last, so that what an interrupted removal leaves is still known to be
    // ours.
    ours.remove(Path::new(MARKER));
    remove_files(dir, dir, &ours)?;
    match fs::remove_file(dir.join(MARKER)) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    fs::remove_dir(dir)
}

fn remove_files(folder: &Path, dir: &Path, ours: &HashSet<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let path = entry.path();
        if entry.file_type()?.is_dir() {
            remove_files(&path, dir, ours)?;
            fs::remove_dir(path)?;
        } else if path.strip_prefix(dir).is_ok_and(|file| ours.contains(file)) {
            fs::remove_file(path)?;
        }
    }
    Ok(())
}

/// A new export while it is being written; dropping it removes what is left of it.
pub(super) struct Staging {
    /// The target, as the user named it.
    out: PathBuf,
    /// The directory to replace: made by an export, empty, or not there yet.
    target: PathBuf,
    /// Next to the target, and so on the same file system: renames can swap them.
    dir: PathBuf,
    /// The lock on `dir`, so that only one process works in it.
    _lock: File,
    /// The files written so far.
    pub(super) files: Vec<PathBuf>,
}

impl Staging {
    /// Starts an export to `out`.
    pub(super) fn beside(out: &Path) -> io::Result<Self> {
        // There is no file name if the path ends in `..` or is the root.
        let Some(name) = out.file_name() else {
            return Err(refused(
                out,
                "name a directory, which is replaced as a whole",
            ));
        };
        let parent = match out.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        if !parent.is_dir() {
            let why = "the directory above it does not exist; create it";
            return Err(refused(out, why));
        }
        let dir = parent.join(format!(".{}.export", name.to_string_lossy()));
        let lock = lock(&dir)
            .map_err(named(&dir))?
            .ok_or_else(|| refused(out, "another export is writing to it; wait until that ends"))?;
        let staging = Self {
            out: out.to_owned(),
            // Without a trailing slash, which would make a symbolic link look like a directory.
            target: parent.join(name),
            dir,
            _lock: lock,
            files: Vec::new(),
        };
        staging.tidy_up()?;
        fs::create_dir(staging.new_dir()).map_err(named(&staging.dir))?;
        Ok(staging)
    }

    fn new_dir(&self) -> PathBuf {
        self.dir.join("new")
    }

    fn old_dir(&self) -> PathBuf {
        self.dir.join("old")
    }

    /// Cleans up after a run that was killed, and checks the target.
    fn tidy_up(&self) -> io::Result<()> {
        let (target, old) = (&self.target, self.old_dir());
        let is_there = |path: &Path| fs::symlink_metadata(path).is_ok();
        // That run was killed between its two renames.
        if is_there(&old) && !is_there(target) {
            fs::rename(&old, target).map_err(named(target))?;
        }
        let refused = |why| Err(refused(&self.out, why));
        match fs::symlink_metadata(target) {
            Ok(found) if found.is_symlink() => {
                return refused("it is a symbolic link; name the directory itself");
            }
            Ok(found) if !found.is_dir() => return refused("it is not a directory"),
            Ok(_) => self.check_files(target)?,
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return refused(&error.to_string()),
        }
        if is_there(&old) {
            remove_export(&old).map_err(named(&old))?;
        }
        match fs::remove_dir_all(self.new_dir()) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(named(&self.dir)(error)),
            _ => Ok(()),
        }
    }

    /// Refuses a directory with files that no export put there. `dir` is or was the target.
    fn check_files(&self, dir: &Path) -> io::Result<()> {
        match foreign_file(dir).map_err(named(dir))? {
            None => Ok(()),
            Some(foreign) => {
                let foreign = escaped(&foreign.to_string_lossy());
                let why = format!(
                    "{foreign} in it is not from an export, which would delete it; \
                     move it elsewhere, or name another directory"
                );
                Err(refused(&self.out, &why))
            }
        }
    }

    pub(super) fn write(&mut self, path: PathBuf, body: &[u8]) -> io::Result<()> {
        let file = self.new_dir().join(&path);
        if let Some(folder) = file.parent() {
            fs::create_dir_all(folder).map_err(named(folder))?;
        }
        File::create_new(&file)
            .and_then(|mut file| file.write_all(body))
            .map_err(named(&file))?;
        self.files.push(path);
        Ok(())
    }

    /// Replaces the target by the new directory. Between the two renames there is no target: a
    /// single rename cannot replace a directory that has files in it.
    pub(super) fn replace_target(mut self) -> io::Result<()> {
        let mut marker = format!("{ABOUT_MARKER}\n{MARKER}\n");
        for file in &self.files {
            let _ = writeln!(marker, "{}", file.display());
        }
        self.write(MARKER.into(), marker.as_bytes())?;
        let (target, new, old) = (&self.target, self.new_dir(), self.old_dir());
        let Ok(found) = fs::symlink_metadata(target) else {
            return fs::rename(&new, target).map_err(named(target));
        };
        fs::set_permissions(&new, found.permissions()).map_err(named(&new))?;
        fs::rename(target, &old).map_err(named(target))?;
        // Check again: nobody can add files to the target once it is renamed.
        let swapped = self
            .check_files(&old)
            .and_then(|()| fs::rename(&new, target).map_err(named(target)));
        if swapped.is_err() {
            fs::rename(&old, target).map_err(named(&old))?;
            return swapped;
        }
        remove_export(&old).map_err(named(&old))
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(self.new_dir());
        let _ = fs::remove_dir(&self.dir);
    }
}

/// Creates a directory and locks it until the result is dropped; returns `None` if another
/// process has locked it.
fn lock(dir: &Path) -> io::Result<Option<File>> {
    match fs::create_dir(dir) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    let file = File::open(dir)?;
    match file.try_lock() {
        Err(TryLockError::WouldBlock) => return Ok(None),
        Err(TryLockError::Error(error)) => return Err(error),
        Ok(()) => {}
    }
    // The other process may have removed it before we locked it.
    let inode = |found: io::Result<fs::Metadata>| found.map(|found| found.ino()).ok();
    Ok((inode(fs::symlink_metadata(dir)) == inode(file.metadata())).then_some(file))
}

fn refused(out: &Path, why: &str) -> io::Error {
    let out = quoted(&out.to_string_lossy());
    io::Error::other(format!("-out {out}: {why}"))
}

/// Returns a function that adds the path to an error.
fn named(path: &Path) -> impl Fn(io::Error) -> io::Error {
    let name = escaped(&path.to_string_lossy());
    move |error| io::Error::new(error.kind(), format!("{name}: {error}"))
}
