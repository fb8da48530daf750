//! `govanityurls export`: writes the site as files, for a host that serves files alone.
//!
//! They are the server's own answers. A directory is only replaced where an export made it,
//! and nobody has put anything into it since: what is not ours is never removed.

use std::collections::{BTreeSet, HashSet};
use std::fmt::Write as _;
use std::fs;
use std::io::{self, ErrorKind, Write as _};
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

    let target = Target::new(&flags.out)?;
    let mut export = Staging::beside(&target)?;
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
    export.replace(&target)?;

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

/// Whether a path would need a directory in the place of a file of ours.
fn is_taken(path: &str) -> bool {
    path.split('/').any(|element| element == INDEX) || path.split('/').nth(1) == Some(NOT_FOUND)
}

/// The directory to be written: one that an export made, an empty one, or none yet.
struct Target {
    parent: PathBuf,
    name: String,
    path: PathBuf,
    permissions: Option<fs::Permissions>,
}

impl Target {
    fn new(out: &Path) -> io::Result<Self> {
        let refused = |why: &str| {
            let out = quoted(&out.to_string_lossy());
            io::Error::other(format!("-out {out}: {why}"))
        };
        // Not of a path that ends in `..`, nor of the root.
        let Some(name) = out.file_name() else {
            return Err(refused("name a directory, which is replaced as a whole"));
        };
        let name = name.to_string_lossy().into_owned();
        let parent = match out.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
            _ => PathBuf::from("."),
        };
        // Without a slash at the end, behind which a symbolic link is a directory.
        let path = parent.join(out.file_name().unwrap_or_default());
        let permissions = match fs::symlink_metadata(&path) {
            Ok(found) if found.is_symlink() => {
                return Err(refused("it is a symbolic link; name the directory itself"));
            }
            Ok(found) if !found.is_dir() => return Err(refused("it is no directory")),
            Ok(found) => Some(found.permissions()),
            Err(error) if error.kind() == ErrorKind::NotFound => {
                if !parent.is_dir() {
                    return Err(refused("the directory above it is not there; make that"));
                }
                None
            }
            Err(error) => return Err(refused(&error.to_string())),
        };
        if permissions.is_some()
            && let Some(foreign) = foreign_file(&path).map_err(named(&path))?
        {
            let foreign = escaped(&foreign.to_string_lossy());
            return Err(refused(&format!(
                "no export has made {foreign} in it, and none removes it; \
                 move that, or name another directory"
            )));
        }
        Ok(Self {
            parent,
            name,
            path,
            permissions,
        })
    }
}

/// A file in `dir` that no export put there.
fn foreign_file(dir: &Path) -> io::Result<Option<PathBuf>> {
    let marker = match fs::read_to_string(dir.join(MARKER)) {
        Err(error) if error.kind() == ErrorKind::NotFound => String::new(),
        read => read?,
    };
    let ours: HashSet<&Path> = marker.lines().skip(1).map(Path::new).collect();
    let mut folders = vec![dir.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let path = entry.path();
            let relative = path.strip_prefix(dir).unwrap_or(&path);
            if entry.file_type()?.is_dir() {
                // Without a marker nothing is ours, not even an empty folder.
                if marker.is_empty() {
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

/// The new directory while it is written. Dropped, it is gone.
struct Staging {
    dir: PathBuf,
    files: Vec<PathBuf>,
    /// The folder that was made last: most files have one of their own.
    folder: PathBuf,
}

impl Staging {
    /// On the same file system, so that a rename can put it in place.
    fn beside(target: &Target) -> io::Result<Self> {
        let name = format!(".{}.new-{}", target.name, std::process::id());
        let dir = target.parent.join(name);
        fs::create_dir(&dir).map_err(named(&dir))?;
        Ok(Self {
            folder: dir.clone(),
            dir,
            files: Vec::new(),
        })
    }

    fn write(&mut self, path: PathBuf, body: &[u8]) -> io::Result<()> {
        let file = self.dir.join(&path);
        if let Some(folder) = file.parent()
            && folder != self.folder
        {
            fs::create_dir_all(folder).map_err(named(folder))?;
            self.folder = folder.to_owned();
        }
        fs::write(&file, body).map_err(named(&file))?;
        self.files.push(path);
        Ok(())
    }

    /// Puts the directory in the place of the target. For a moment between two renames there
    /// is none: no single one replaces a directory that has files in it.
    fn replace(mut self, target: &Target) -> io::Result<()> {
        let mut marker = format!("{ABOUT_MARKER}\n{MARKER}\n");
        for file in &self.files {
            let _ = writeln!(marker, "{}", file.display());
        }
        self.write(MARKER.into(), marker.as_bytes())?;
        let to = &target.path;
        let Some(permissions) = &target.permissions else {
            return fs::rename(&self.dir, to).map_err(named(to));
        };
        fs::set_permissions(&self.dir, permissions.clone()).map_err(named(&self.dir))?;
        let old = format!(".{}.old-{}", target.name, std::process::id());
        let old = target.parent.join(old);
        fs::rename(to, &old).map_err(named(to))?;
        if let Err(error) = fs::rename(&self.dir, to) {
            fs::rename(&old, to).map_err(named(&old))?;
            return Err(named(to)(error));
        }
        fs::remove_dir_all(&old).map_err(named(&old))
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        // Nothing is there any more where the rename worked.
        let _ = fs::remove_dir_all(&self.dir);
    }
}

/// An error that says which file it is about.
fn named(path: &Path) -> impl Fn(io::Error) -> io::Error {
    let name = escaped(&path.to_string_lossy());
    move |error| io::Error::new(error.kind(), format!("{name}: {error}"))
}
