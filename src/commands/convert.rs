//! `govanityurls convert`: prints a `vanity.yaml` made from another server's file, pages or site.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Read, Write as _};
use std::path::{Path, PathBuf};

use super::{Failure, print};
use crate::config::name;
use crate::convert::{Converted, Page, convert, convert_pages};
use crate::text::{escaped, masked, quoted};

/// How much of a file is read, in bytes. The tags of a page are in its head.
const MAX_FILE: u64 = 16 << 20;
/// Maximum number of files and folders in a directory.
const MAX_ENTRIES: usize = 1_000_000;

/// Reads the arguments and prints the vanity.yaml.
pub fn run(from: &[PathBuf]) -> Result<(), Failure> {
    let mut found = Found::default();
    for path in from {
        let origin = name(path);
        // `-` is standard input, even next to a directory of that name.
        let is_stdin = path.as_os_str() == "-";
        if path.is_dir() && !is_stdin {
            found.add_directory(path);
            continue;
        }
        let read = if is_stdin {
            read(io::stdin())
        } else {
            File::open(path).and_then(read)
        };
        match read {
            Ok(bytes) if is_html(path, &bytes) => found.add(&origin, "", &bytes),
            Ok(_) if from.len() > 1 => {
                found.fail(&origin, "a file that is not HTML is converted alone");
            }
            Ok(bytes) => return finish(&[], &origin, convert_file(&origin, bytes)),
            Err(error)
                if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) =>
            {
                match import_path(&origin) {
                    Ok(path) => found.asked.push(path.to_owned()),
                    Err(why) => found.fail(&origin, &why),
                }
            }
            Err(error) => found.fail(&origin, &error.to_string()),
        }
    }
    found.look_up()?;
    let mut origin = name(&from[0]);
    if from.len() > 1 {
        origin += &format!(" and {} more", from.len() - 1);
    }
    let mut made = convert_pages(&origin, &found.pages, found.failures.clone());
    if found.pages.is_empty() && !found.failures.is_empty() {
        // The failures say why.
        made.faults.clear();
    }
    finish(&found.failures, &origin, made)
}

fn convert_file(origin: &str, bytes: Vec<u8>) -> Converted {
    let fault = if bytes.len() as u64 > MAX_FILE {
        format!(
            "it is larger than {} MiB\nis it the right file?",
            MAX_FILE >> 20
        )
    } else if let Ok(text) = String::from_utf8(bytes) {
        return convert(origin, &text);
    } else {
        "it is not UTF-8 text\nis it the right file? Save it as UTF-8".to_owned()
    };
    Converted::refused(fault)
}

/// Prints the result and what is wrong.
fn finish(failures: &[String], origin: &str, made: Converted) -> Result<(), Failure> {
    if let Some(text) = &made.text {
        print(text)?;
    }
    let mut faults: Vec<_> = failures.iter().map(|fault| masked(fault).into()).collect();
    faults.extend(made.faults.iter().map(|fault| format!("{origin}: {fault}")));
    for fault in &faults {
        let (what, hint) = fault.split_once('\n').unwrap_or((fault, ""));
        let _ = writeln!(io::stderr(), "{}", escaped(what));
        if !hint.is_empty() {
            let _ = writeln!(io::stderr(), "  hint: {}", escaped(hint));
        }
    }
    if faults.is_empty() {
        Ok(())
    } else {
        Err(Failure::Reported)
    }
}

/// Reads a file up to one byte more than it may have.
fn read(file: impl Read) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.take(MAX_FILE + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn is_html(path: &Path, bytes: &[u8]) -> bool {
    let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    has_html_name(path) || text.trim_ascii_start().starts_with(b"<")
}

fn has_html_name(path: &Path) -> bool {
    let extension = path.extension().unwrap_or_default();
    extension.eq_ignore_ascii_case("html") || extension.eq_ignore_ascii_case("htm")
}

/// Parses an argument that is no file as an import path or URL; else says what it is.
fn import_path(text: &str) -> Result<&str, String> {
    if text.contains("://") {
        return Ok(text);
    }
    let first = text.split('/').next().unwrap_or_default();
    let ends = [".yaml", ".yml", ".json", ".html", ".htm"];
    Err(if first.contains('@') {
        "it is a repository\nname the import path, such as `example.com/name`".to_owned()
    } else if first.contains(':') {
        format!("it has no scheme\nwrite http://{text} or https://{text}")
    } else if let Some((path, _)) = text.split_once('@') {
        format!("an import path has no version\nwrite {}", quoted(path))
    } else if !first.contains('.')
        || first.starts_with('.')
        || ends.iter().any(|end| text.ends_with(end))
    {
        "there is no such file\n\
         name a file, a directory of HTML pages, or an import path such as `example.com/name`"
            .to_owned()
    } else {
        return Ok(text.trim_end_matches('/'));
    })
}

/// What the arguments name.
#[derive(Default)]
struct Found {
    pages: Vec<Page>,
    /// What cannot be read, and why.
    failures: Vec<String>,
    /// The import paths and URLs to look up.
    asked: Vec<String>,
}

impl Found {
    fn fail(&mut self, origin: &str, why: &str) {
        self.failures.push(format!("{origin}: {why}"));
    }

    fn add(&mut self, origin: &str, path: &str, html: &[u8]) {
        match Page::parse(origin, path, html) {
            Ok(page) => self.pages.push(page),
            Err(Some(fault)) => self.fail(origin, &fault),
            Err(None) => {}
        }
    }

    /// Reads the pages below a directory, in the order of their names.
    fn add_directory(&mut self, dir: &Path) {
        let mut files = Vec::new();
        // Each folder once: a symbolic link may lead back to one above it.
        let mut seen = HashSet::new();
        let mut folders = vec![dir.to_owned()];
        let mut entries = 0;
        while let Some(folder) = folders.pop() {
            if fs::canonicalize(&folder).is_ok_and(|real| !seen.insert(real)) {
                continue;
            }
            let listed = match fs::read_dir(&folder) {
                Ok(listed) => listed,
                Err(error) => {
                    self.fail(&name(&folder), &error.to_string());
                    continue;
                }
            };
            for entry in listed.flatten() {
                let path = entry.path();
                entries += 1;
                if path.is_dir() {
                    folders.push(path);
                } else if has_html_name(&path) && (path.is_file() || !path.exists()) {
                    files.push(path);
                }
            }
            if entries > MAX_ENTRIES {
                let why =
                    format!("it has more than {MAX_ENTRIES} files\nis it the right directory?");
                return self.fail(&name(dir), &why);
            }
        }
        files.sort_unstable();
        for file in files {
            let origin = name(&file);
            let path = file.strip_prefix(dir).unwrap_or(&file).with_extension("");
            let path = match path.file_name() {
                Some(name) if name == "index" => path.parent().unwrap_or(Path::new("")),
                _ => &path,
            };
            let path = Path::new("/").join(path).display().to_string();
            match File::open(&file).and_then(read) {
                Ok(html) => self.add(&origin, path.trim_end_matches('/'), &html),
                Err(error) => self.fail(&origin, &error.to_string()),
            }
        }
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
                Err(fault) => self.fail(name, &fault),
            }
        }
        Ok(())
    }
}
