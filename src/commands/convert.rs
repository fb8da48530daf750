//! `govanityurls convert`: prints a `vanity.yaml` made from another server's file, pages or site.

use std::collections::HashSet;
use std::fs::{self, File, Metadata};
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::export::MARKER;
use super::{Failure, print};
use crate::config::{ConfigError, name, read_text};
use crate::convert::{Page, convert, convert_pages};
use crate::module::Problem;
use crate::text::{escaped, quoted};

/// Maximum size of a page in bytes; the tags are in its head.
const MAX_PAGE: u64 = 1 << 20;
/// Maximum number of files and folders in a directory.
const MAX_ENTRIES: usize = 2_000_000;

/// Reads the arguments and prints the vanity.yaml.
pub fn run(from: &[PathBuf]) -> Result<(), Failure> {
    let mut found = Found::default();
    for path in from {
        // `-` is standard input, even next to a directory of that name.
        let is_path = path.as_os_str() != "-";
        match fs::metadata(path) {
            Ok(metadata) if is_path && metadata.is_dir() => found.add_directory(path)?,
            Ok(metadata) if metadata.is_file() && is_html(path) => found.add_file(path, ""),
            Err(error) if is_path && is_missing(&error) => {
                found.asked.push(asked(path)?);
            }
            _ => {
                // The hint about -config does not apply here.
                let text = read_text(path).map_err(ConfigError::without_hint)?;
                if text
                    .trim_start_matches(['\u{feff}', ' ', '\n', '\r', '\t'])
                    .starts_with('<')
                {
                    found.add(&name(path), "", text.as_bytes());
                } else if from.len() == 1 {
                    return print(&convert(&name(path), &text)?);
                } else {
                    let what = "a file that is not HTML is converted alone\nname it alone";
                    return Err(refused(path, what));
                }
            }
        }
    }
    found.look_up()?;
    let Found {
        pages,
        mut failures,
        mut notes,
        ..
    } = found;
    notes.extend(failures.iter().cloned());
    let first = name(&from[0]);
    let name = match from.len() {
        1 => first,
        count => format!("{first} and {} more", count - 1),
    };
    let result = match convert_pages(&name, &pages, notes) {
        // The failures say why.
        Err(_) if pages.is_empty() && !failures.is_empty() => Ok(()),
        Err(error) => Err(error.into()),
        Ok(converted) => {
            failures.extend(converted.left_out);
            print(&converted.text)
        }
    };
    for failure in &failures {
        let _ = writeln!(io::stderr(), "govanityurls: {}", escaped(failure));
    }
    match result {
        Ok(()) if !failures.is_empty() => Err(Failure::Reported),
        result => result,
    }
}

fn refused(path: &Path, what: &str) -> Failure {
    ConfigError::new(&name(path), Problem::from(what.to_owned())).into()
}

/// Parses an argument that is not a file as an import path or URL.
fn asked(path: &Path) -> Result<String, Failure> {
    let Some(text) = path.to_str() else {
        return Err(refused(path, "there is no such file"));
    };
    if text.contains("://") {
        return Ok(text.to_owned());
    }
    let first = text.split('/').next().unwrap_or_default();
    let looks_like_file = [".yaml", ".yml", ".json", ".html", ".htm"]
        .iter()
        .any(|end| text.ends_with(end));
    if first.contains(':') && !first.contains('@') {
        let hint = format!("it has no scheme\nwrite http://{text} or https://{text}");
        return Err(refused(path, &hint));
    }
    if let Some((path_only, _)) = text.split_once('@') {
        let hint = match first.contains('@') {
            true => "it is a repository\nname the import path, such as `example.com/name`".into(),
            false => format!("an import path has no version\nwrite {}", quoted(path_only)),
        };
        return Err(refused(path, &hint));
    }
    if first.starts_with('.') || !first.contains('.') || looks_like_file {
        return Err(refused(
            path,
            "there is no such file\n\
             name a file, a directory of HTML pages, or an import path such as `example.com/name`",
        ));
    }
    Ok(text.trim_end_matches('/').to_owned())
}

fn is_missing(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
}

fn is_html(path: &Path) -> bool {
    let extension = path.extension().unwrap_or_default();
    extension.eq_ignore_ascii_case("html") || extension.eq_ignore_ascii_case("htm")
}

/// What the arguments name.
#[derive(Default)]
struct Found {
    pages: Vec<Page>,
    /// Errors, one line each.
    failures: Vec<String>,
    /// What pages cannot tell, one line each.
    notes: Vec<String>,
    /// The import paths and URLs to look up.
    asked: Vec<String>,
}

impl Found {
    fn add(&mut self, origin: &str, path: &str, html: &[u8]) {
        match Page::parse(origin, path, html) {
            Ok(page) => self.pages.push(page),
            Err(Some(fault)) => self.failures.push(format!("{origin}: {fault}")),
            Err(None) => {}
        }
    }

    fn add_file(&mut self, file: &Path, path: &str) {
        let origin = file.display().to_string();
        let mut html = Vec::new();
        let read = File::open(file).and_then(|file| file.take(MAX_PAGE).read_to_end(&mut html));
        match read {
            Ok(_) => self.add(&origin, path, &html),
            Err(error) => self.failures.push(format!("{origin}: {error}")),
        }
    }

    /// Reads the pages below a directory, in the order of their names.
    fn add_directory(&mut self, dir: &Path) -> Result<(), Failure> {
        let mut files = Vec::new();
        // Each folder once: a symbolic link may lead back to one above it.
        let mut seen = HashSet::new();
        let mut entries = 0;
        let mut folders = vec![dir.to_owned()];
        while let Some(folder) = folders.pop() {
            let identity = |metadata: Metadata| (metadata.dev(), metadata.ino());
            let is_new = fs::metadata(&folder).map(|metadata| seen.insert(identity(metadata)));
            if !is_new.unwrap_or(true) {
                continue;
            }
            let mut below = Vec::new();
            let listed = fs::read_dir(&folder).and_then(|mut listed| {
                listed.try_for_each(|entry| entry.map(|entry| below.push(entry.path())))
            });
            if let Err(error) = listed {
                self.failures.push(format!("{}: {error}", folder.display()));
            }
            entries += below.len();
            if entries > MAX_ENTRIES {
                let why =
                    format!("it has more than {MAX_ENTRIES} files\nis it the right directory?");
                return Err(refused(dir, &why));
            }
            // Folders are popped from the end.
            below.sort_unstable_by(|a, b| b.cmp(a));
            for path in below {
                match fs::metadata(&path) {
                    Ok(metadata) if metadata.is_dir() => folders.push(path),
                    Ok(metadata) if metadata.is_file() && is_html(&path) => files.push(path),
                    Err(error) if is_html(&path) => {
                        self.failures.push(format!("{}: {error}", path.display()));
                    }
                    _ => {}
                }
            }
        }
        if dir.join(MARKER).exists() {
            let note = "pages of an export do not tell `hidden`, `index`, `title` and the \
                        patterns of the file that they are from";
            self.notes.push(format!("{}: {note}", dir.display()));
        }
        files.sort_unstable();
        for file in files {
            let path = file.strip_prefix(dir).unwrap_or(&file).with_extension("");
            let path = match path.file_name() {
                Some(name) if name == "index" => path.parent().unwrap_or(Path::new("")),
                _ => &path,
            };
            let path = path.display().to_string();
            let slash = if path.is_empty() { "" } else { "/" };
            self.add_file(&file, &format!("{slash}{path}"));
        }
        Ok(())
    }

    fn look_up(&mut self) -> Result<(), Failure> {
        let names: Vec<_> = self.asked.iter().map(String::as_str).collect();
        if names.is_empty() {
            return Ok(());
        }
        let results = super::block_on(govanityurls_verify::look_up(&names))?;
        for (name, result) in std::mem::take(&mut self.asked).iter().zip(results) {
            let path = name.split_once("://").map_or(&**name, |(_, rest)| rest);
            match result {
                Ok(html) => self.add(name, &format!("/{path}"), &html),
                Err(fault) => self.failures.push(format!("{name}: {fault}")),
            }
        }
        Ok(())
    }
}
