//! `govanityurls export`: writes the site as files, for a host that serves files alone.
//!
//! They are the server's own answers. A directory is only replaced where an export made it,
//! and nobody has put anything into it since: what is not ours is never removed.
//!
//! An export writes into a directory beside the target, which it locks, and swaps the two at
//! the end. A run that was killed leaves that directory to the next.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::fmt::Write as _;
use std::fs::{self, File, TryLockError};
use std::io::{self, ErrorKind, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use bytes::Bytes;

use super::Failure;
use crate::cli::{Common, Export};
use crate::config::Config;
use crate::module::{escaped, quoted};
use crate::server;
use crate::site::{Answer, Site, VirtualHost};

/// The file that tells a directory of ours: a line about it, then the path of each file.
const MARKER: &str = ".govanityurls-export";
const ABOUT_MARKER: &str = "`govanityurls export` made this directory, and replaces it. Its files:";
const INDEX: &str = "index.html";
const NOT_FOUND: &str = "404.html";

/// Writes the files, and puts them in the place of those of the last export.
pub fn run(common: &Common, flags: &Export) -> Result<(), Failure> {
    let config = Config::read(&common.config, common.host.as_ref())?;
    let host = config.host.clone().ok_or_else(|| {
        Failure::Usage(format!(
            "govanityurls: {} names no host; add -host HOST",
            common.config.display()
        ))
    })?;
    let site = Site::new(host, config);

    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let stop = {
        let _within = runtime.enter();
        server::stop_signal()?
    };
    let stopped = Arc::new(AtomicBool::new(false));
    let told = stopped.clone();
    thread::spawn(move || {
        runtime.block_on(stop);
        told.store(true, Ordering::Relaxed);
    });

    let mut export = Staging::beside(&flags.out)?;
    // One a line.
    let mut notes = String::new();
    let hosts = || site.hosts().iter().filter(|host| host.modules().len() > 0);
    let several = hosts().count() > 1;
    for host in hosts() {
        let dir = if several { host.name().as_str() } else { "" };
        for (path, body) in files(&site, host, &mut notes) {
            if stopped.load(Ordering::Relaxed) {
                let why = "stopped by a signal; nothing has changed";
                return Err(io::Error::other(why).into());
            }
            export.write(Path::new(dir).join(path), &body)?;
        }
    }
    let count = export.files.len();
    notes.push_str(&same_but_for_case(&export.files));
    export.replace_target()?;

    let example = hosts().flat_map(VirtualHost::modules).find_map(|module| {
        let path = module.key.path.as_str();
        (!module.key.pattern && !path.is_empty()).then_some(path)
    });
    if let Some(path) = example {
        let _ = writeln!(
            notes,
            "below a module a host of files answers 404: go finds packages there all the same, \
             but a major version such as {path}/v2 only by a key of its own, or where the host \
             answers with the module's page, as nginx does by \
             location {path}/ {{ try_files $uri/{INDEX} {path}/{INDEX} =404; }}"
        );
    }
    for note in notes.lines() {
        let _ = writeln!(io::stderr(), "govanityurls: note: {note}");
    }
    let out = flags.out.display();
    super::print(&format!("{out}: {count} files\n"))
}

/// The files of a host: the page of each module, the list of each folder above one, and what
/// is shown where nothing is. What no file can hold goes to `notes`.
fn files<'s>(
    site: &'s Site,
    host: &'s VirtualHost,
    notes: &mut String,
) -> impl Iterator<Item = (String, Bytes)> + use<'s> {
    let mut paths = BTreeSet::from([""]);
    for module in host.modules() {
        let path = module.key.path.as_str();
        let _ = if module.key.pattern {
            let name = host.import_path(module);
            writeln!(notes, "{name}: no file can stand for a pattern")
        } else if is_taken(path) {
            let name = host.import_path(module);
            writeln!(notes, "{name}: its name is that of another file; left out")
        } else {
            Ok(())
        };
        let slashes = path.bytes().enumerate().filter(|&(_, b)| b == b'/');
        paths.extend(slashes.map(|(at, _)| &path[..at]));
        if !module.key.pattern || !path.is_empty() {
            paths.insert(path);
        }
    }
    let name = Some(host.name().as_str());
    if let Answer::Redirect(url) = site.answer(name, "/", false) {
        let _ = writeln!(notes, "{}: no file can redirect to {url}", host.name());
    }
    let pages = paths.into_iter().filter(|path| !is_taken(path));
    let pages = pages.filter_map(move |path| {
        let asked = if path.is_empty() { "/" } else { path };
        match site.answer(name, asked, false) {
            Answer::Module(_, page) | Answer::List(page) => {
                Some((format!("{path}/{INDEX}")[1..].to_owned(), page.body))
            }
            _ => None,
        }
    });
    // No module has an empty element in its path, nor a pattern.
    let not_found = match site.answer(name, "//", false) {
        Answer::NotFoundPage(body) => Some((NOT_FOUND.to_owned(), body)),
        _ => None,
    };
    pages.chain(not_found)
}

/// Whether a path would need a directory in the place of a file of ours. Many file systems, and
/// hosts of files, ignore case.
fn is_taken(path: &str) -> bool {
    let mut elements = path.split('/');
    elements
        .clone()
        .any(|element| element.eq_ignore_ascii_case(INDEX))
        || elements
            .nth(1)
            .is_some_and(|first| first.eq_ignore_ascii_case(NOT_FOUND))
}

/// Notes for files of which a file system that ignores case can only hold one.
fn same_but_for_case(files: &[PathBuf]) -> String {
    let mut notes = String::new();
    let mut seen = HashMap::new();
    for file in files {
        if let Some(other) = seen.insert(file.as_os_str().to_ascii_lowercase(), file) {
            let (other, file) = (other.display(), file.display());
            let _ = writeln!(
                notes,
                "{other} and {file} differ in case only: where that is ignored, as on macOS and \
                 Windows, one takes the other's place"
            );
        }
    }
    notes
}

/// The files of the export that made `dir`; none where no export did.
fn files_of_export(dir: &Path) -> io::Result<HashSet<PathBuf>> {
    match fs::read_to_string(dir.join(MARKER)) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(HashSet::new()),
        marker => Ok(marker?.lines().skip(1).map(PathBuf::from).collect()),
    }
}

/// A file in `dir` that no export put there.
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

/// Removes an export. A file that is not of it makes that fail, and stays.
fn remove_export(dir: &Path) -> io::Result<()> {
    let mut ours = files_of_export(dir)?;
    // Last, so that the rest of an interrupted removal is known to be ours.
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

/// A new export while it is written. Dropped, it is gone.
struct Staging {
    /// As the user names it.
    out: PathBuf,
    /// The directory to be written: one that an export made, an empty one, or none yet.
    target: PathBuf,
    /// Beside the target, and so on its file system: renames can swap them.
    dir: PathBuf,
    /// Of `dir`, which only one process works in.
    _lock: File,
    files: Vec<PathBuf>,
    /// The folder that was made last: most files have one of their own.
    folder: PathBuf,
}

impl Staging {
    /// Starts an export to `out`.
    fn beside(out: &Path) -> io::Result<Self> {
        // Not of a path that ends in `..`, nor of the root.
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
            let why = "the directory above it is not there; make that";
            return Err(refused(out, why));
        }
        let dir = parent.join(format!(".{}.export", name.to_string_lossy()));
        let lock = lock(&dir)
            .map_err(named(&dir))?
            .ok_or_else(|| refused(out, "another export is writing it; wait for its end"))?;
        let staging = Self {
            out: out.to_owned(),
            // Without a slash at the end, behind which a symbolic link is a directory.
            target: parent.join(name),
            folder: dir.join("new"),
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

    /// Clears away what a run that was killed has left, and checks the target.
    fn tidy_up(&self) -> io::Result<()> {
        let (target, old) = (&self.target, self.old_dir());
        let is_there = |path: &Path| fs::symlink_metadata(path).is_ok();
        // It was killed between its two renames.
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
                    "no export has made {foreign} in it, and none removes it; \
                     move that, or name another directory"
                );
                Err(refused(&self.out, &why))
            }
        }
    }

    fn write(&mut self, path: PathBuf, body: &[u8]) -> io::Result<()> {
        let file = self.new_dir().join(&path);
        if let Some(folder) = file.parent()
            && folder != self.folder
        {
            fs::create_dir_all(folder).map_err(named(folder))?;
            self.folder = folder.to_owned();
        }
        File::create_new(&file)
            .and_then(|mut file| file.write_all(body))
            .map_err(named(&file))?;
        self.files.push(path);
        Ok(())
    }

    /// Puts the new directory in the place of the target. For a moment between two renames
    /// there is none: no single one replaces a directory that has files in it.
    fn replace_target(mut self) -> io::Result<()> {
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
        // Here, nobody finds it to put more into it.
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

/// Makes a directory and locks it until the result is dropped; none where another has.
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
    // The other may have removed it before it was locked here.
    let inode = |found: io::Result<fs::Metadata>| found.map(|found| found.ino()).ok();
    Ok((inode(fs::symlink_metadata(dir)) == inode(file.metadata())).then_some(file))
}

fn refused(out: &Path, why: &str) -> io::Error {
    let out = quoted(&out.to_string_lossy());
    io::Error::other(format!("-out {out}: {why}"))
}

/// An error that says which file it is about.
fn named(path: &Path) -> impl Fn(io::Error) -> io::Error {
    let name = escaped(&path.to_string_lossy());
    move |error| io::Error::new(error.kind(), format!("{name}: {error}"))
}
