//! `govanityurls export`: writes the site as files, for static hosting.
//!
//! The pages are the server's own responses.

use std::collections::{BTreeSet, HashSet};
use std::ffi::OsString;
use std::fmt::Write as _;
use std::fs;
use std::io::{self, ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, RenameFlags, renameat_with};

use super::Failure;
use crate::cli::{Common, Export};
use crate::config::{Index, Module};
use crate::module::ModulePath;
use crate::site::{Answer, Site, VirtualHost, page_file};
use crate::text::{escaped, quoted};

/// The file that marks a directory as an export, which the next one replaces.
const MARKER: &str = ".govanityurls";
const ABOUT_MARKER: &str = "`govanityurls export` replaces this directory as a whole; keep other \
                            files elsewhere.\n";
const INDEX: &str = "index.html";
const NOT_FOUND: &str = "404.html";
/// Read by GitHub Pages.
const NO_JEKYLL: &str = ".nojekyll";
/// Read by GitHub Pages.
const CNAME: &str = "CNAME";
/// Read by Netlify and Cloudflare Pages.
const REDIRECTS: &str = "_redirects";
/// The most rules with a `*` that Cloudflare reads.
const MAX_RULES: usize = 100;

/// The start of a line with a go-import tag.
const GO_IMPORT: &str = "<meta name=\"go-import\"";
/// Where the go command stops reading.
const END: &str = "</head>";

/// Writes the files, and replaces those of the last export.
pub fn run(common: &Common, flags: &Export) -> Result<(), Failure> {
    let config = super::read_config(common)?;
    let host = super::require_host(common, &config)?;
    let list = match &config.index {
        Index::At(path) => Some(path.clone()),
        _ => None,
    };
    let site = Site::for_files(host, config);
    let mut tree = Tree::beside(&flags.out)?;
    // One note per line.
    let mut notes = String::new();
    let hosts = site.hosts().iter().filter(|host| host.modules().len() > 0);
    let hosts: Vec<_> = hosts.collect();
    for host in &hosts {
        if hosts.len() > 1 {
            tree.folder = host.name().to_string();
        }
        let list = list.as_ref().map(ModulePath::as_str);
        write_files(&site, host, list, flags.cname, &mut notes, &mut tree)?;
    }
    let count = tree.files;
    tree.replace_target()?;
    for note in notes.lines() {
        let _ = writeln!(io::stderr(), "govanityurls: note: {note}");
    }
    let out = flags.out.display();
    super::print(&format!("{out}: {count} files\n"))
}

/// The new directory, next to the one that it replaces at the end. Dropping it removes it; what a
/// killed run leaves, the next one removes.
struct Tree {
    /// The directory to replace: made by an export, empty, or not there yet.
    target: PathBuf,
    dir: PathBuf,
    /// The folder of a host's files, below `dir`.
    folder: String,
    /// How many files have been written.
    files: usize,
}

impl Tree {
    /// Starts an export to `out`.
    fn beside(out: &Path) -> io::Result<Self> {
        // There is no file name if the path ends in `..` or is the root.
        let Some(name) = out.file_name() else {
            return Err(refused(
                out,
                "name a directory, which is replaced as a whole",
            ));
        };
        // Without a trailing slash, which would make a symbolic link look like a directory.
        let target = out.with_file_name(name);
        check(&target).map_err(|error| refused(out, &error.to_string()))?;
        let mut new = OsString::from(".");
        new.push(name);
        new.push(".new");
        let dir = target.with_file_name(new);
        if check(&dir).map_err(named(&dir))? {
            fs::remove_dir_all(&dir).map_err(named(&dir))?;
        }
        fs::create_dir_all(&dir).map_err(named(&dir))?;
        let tree = Self {
            target,
            dir,
            folder: String::new(),
            files: 0,
        };
        fs::write(tree.dir.join(MARKER), ABOUT_MARKER).map_err(named(&tree.dir))?;
        Ok(tree)
    }

    fn write(&mut self, path: &str, body: &str) -> io::Result<()> {
        let file = self.dir.join(&self.folder).join(path);
        if let Some(folder) = file.parent() {
            fs::create_dir_all(folder).map_err(named(folder))?;
        }
        fs::write(&file, body).map_err(named(&file))?;
        self.files += 1;
        Ok(())
    }

    /// Puts the new directory in the place of the target.
    fn replace_target(self) -> io::Result<()> {
        let (target, new) = (&self.target, &self.dir);
        if !check(target).map_err(named(target))? {
            return fs::rename(new, target).map_err(named(target));
        }
        let permissions = fs::metadata(target)?.permissions();
        fs::set_permissions(new, permissions).map_err(named(new))?;
        // In one step, so that there is a whole site at any time.
        if renameat_with(CWD, new, CWD, target, RenameFlags::EXCHANGE).is_ok() {
            return Ok(());
        }
        // Some network file systems cannot.
        let old = new.with_extension("old");
        fs::rename(target, &old).map_err(named(target))?;
        fs::rename(new, target).map_err(named(target))?;
        fs::remove_dir_all(&old).map_err(named(&old))
    }
}

impl Drop for Tree {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.dir);
    }
}

/// Returns whether there is a directory, and that it may be replaced: it is empty, or an export.
fn check(dir: &Path) -> io::Result<bool> {
    let why = match fs::symlink_metadata(dir) {
        Ok(found) if found.is_symlink() => "it is a symbolic link; name the directory itself",
        Ok(found) if !found.is_dir() => "it is not a directory",
        Ok(_) if dir.join(MARKER).exists() || fs::read_dir(dir)?.next().is_none() => {
            return Ok(true);
        }
        Ok(_) => {
            "it has files that no export wrote, and would be replaced as a whole; keep them \
             elsewhere, and name an empty or a new directory"
        }
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(error),
    };
    Err(io::Error::other(why))
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

/// Writes the files of a host: the page of each module, the list of each folder above one, the
/// page for paths that do not exist, and what static hosts read. `list` is the path of the list of
/// all modules, if not the root. What no file can hold is added to `notes`.
fn write_files(
    site: &Site,
    host: &VirtualHost,
    list: Option<&str>,
    cname: bool,
    notes: &mut String,
    tree: &mut Tree,
) -> io::Result<()> {
    let mut paths: BTreeSet<_> = [""].into_iter().chain(list).collect();
    let keys: HashSet<_> = host
        .modules()
        .map(|module| module.key.path.as_str())
        .collect();
    let mut named = Named::default();
    // The tags of 404.html, which the go command reads too, and takes the one that fits.
    let mut tags = String::new();
    for module in host.modules() {
        let path = module.key.path.as_str();
        let name = host.import_path(module);
        let is_without_v2 = !is_version(path) && !keys.contains(format!("{path}/v2").as_str());
        if module.key.pattern {
            let _ = writeln!(notes, "{name}: no file can stand for a pattern");
            if !module.hidden {
                tags += &pattern_tag(&name, module);
            }
        } else if is_taken(path) {
            let _ = writeln!(notes, "{name}: its name is that of another file; left out");
        } else if !module.hidden {
            named.add(path, is_without_v2);
        } else if is_without_v2 {
            let _ = writeln!(
                notes,
                "{name}: hidden, so that {NOT_FOUND} does not name it: go finds a version 2 or \
                 later only by a key of its own"
            );
        }
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
    for path in paths.into_iter().filter(|path| !is_taken(path)) {
        for number in 1.. {
            let Some(body) = page(site, host, path, number) else {
                break;
            };
            let file = if number == 1 {
                INDEX.to_owned()
            } else {
                page_file(number)
            };
            tree.write(&format!("{path}/{file}")[1..], &body)?;
        }
    }
    // Matches nothing: no module or pattern has an empty element in its path.
    if let Answer::NotFoundPage(body) = site.answer(name, "//", false) {
        for path in &named.outermost {
            let body = page(site, host, path, 1).unwrap_or_default();
            let lines = body.split_inclusive('\n');
            tags.extend(lines.filter(|line| line.starts_with(GO_IMPORT)));
        }
        let body = String::from_utf8_lossy(&body);
        tree.write(NOT_FOUND, &body.replacen(END, &(tags + END), 1))?;
    }
    // Without it, GitHub Pages leaves out names that start with `_`.
    tree.write(NO_JEKYLL, "")?;
    let rules = named.nested.len() + named.outermost.len();
    if rules > 0 {
        tree.write(REDIRECTS, &named.rules())?;
    }
    if cname {
        tree.write(CNAME, &format!("{}\n", host.name()))?;
    }
    if rules > MAX_RULES {
        let _ = writeln!(
            notes,
            "{}: {REDIRECTS} has {rules} rules with a `*`; Cloudflare reads the first {MAX_RULES}",
            host.name()
        );
    }
    if let Some(path) = named.without_v2 {
        let _ = writeln!(
            notes,
            "{NOT_FOUND} leads go to major versions and packages of any module but those below \
             another, such as {path}/v2: the host needs to read {REDIRECTS} or to be told to \
             answer with the module's page, as nginx is by \
             location {path}/ {{ try_files $uri/{INDEX} {path}/{INDEX} =404; }} \
             (or write a key for a version that is not in a directory `v2`)"
        );
    }
    Ok(())
}

/// Returns a page of the site, or of its list; none if there is no such page.
fn page(site: &Site, host: &VirtualHost, path: &str, number: usize) -> Option<String> {
    let asked = if path.is_empty() { "/" } else { path };
    let query = format!("page={number}");
    let name = Some(host.name().as_str());
    let page = match site.answer_query(name, asked, false, Some(&query)) {
        Answer::List(page) => page,
        Answer::Module(_, page) if number == 1 => page,
        _ => return None,
    };
    Some(String::from_utf8_lossy(&page.body).into_owned())
}

/// Returns the tag of a pattern, which fits no import path, and by which `convert` knows it.
fn pattern_tag(name: &str, module: &Module) -> String {
    let repo = module
        .repo
        .as_str()
        .replace('&', "&amp;")
        .replace('\'', "&#39;");
    let subdir = module
        .subdir
        .as_deref()
        .map_or(String::new(), |subdir| format!(" {subdir}"));
    format!(
        "{GO_IMPORT} content=\"{name} {} {repo}{subdir}\">\n",
        module.vcs
    )
}

/// Returns whether the last element of a path is a major version, as `v2`.
fn is_version(path: &str) -> bool {
    let last = path.rsplit('/').next().unwrap_or_default();
    last.strip_prefix('v')
        .is_some_and(|number| number.parse::<u32>().is_ok())
}

/// The paths of the modules that the files for hosts name, those of patterns and hidden modules
/// left out.
#[derive(Default)]
struct Named<'s> {
    /// Those that are not below another.
    outermost: Vec<&'s str>,
    nested: Vec<&'s str>,
    /// The first nested one that may have a version 2 without a key.
    without_v2: Option<&'s str>,
}

impl<'s> Named<'s> {
    /// Adds a path; it comes right before those below it.
    fn add(&mut self, path: &'s str, is_without_v2: bool) {
        let last = self.outermost.last();
        let rest = last.and_then(|last| path.strip_prefix(last));
        if !rest.is_some_and(|rest| rest.starts_with('/')) {
            self.outermost.push(path);
            return;
        }
        self.nested.push(path);
        if is_without_v2 && self.without_v2.is_none() {
            self.without_v2 = Some(path);
        }
    }

    /// Returns rules by which Netlify and Cloudflare Pages answer with a module's page for
    /// everything below it. The first that fits wins, so the deepest come first.
    fn rules(&self) -> String {
        let mut rules = String::new();
        // Cloudflare applies rules to files that are there too, and wants those without `*` first.
        for path in &self.nested {
            let _ = writeln!(rules, "{path} {path}/ 200");
        }
        for path in self.nested.iter().rev().chain(&self.outermost) {
            let _ = writeln!(rules, "{path}/* {path}/ 200");
        }
        rules
    }
}

/// Returns whether a path would need a directory in the place of one of our files. Ignores case,
/// as many file systems and static hosts do.
fn is_taken(path: &str) -> bool {
    let mut elements = path.split('/');
    let is_page = |element: &str| {
        let lower = element.to_ascii_lowercase();
        let number = lower
            .strip_prefix("page")
            .and_then(|rest| rest.strip_suffix(".html"));
        number.is_some_and(|number| number.parse::<usize>().is_ok())
    };
    elements
        .clone()
        .any(|element| element.eq_ignore_ascii_case(INDEX) || is_page(element))
        || elements.nth(1).is_some_and(|first| {
            let ours = [NOT_FOUND, CNAME, REDIRECTS];
            ours.iter().any(|name| first.eq_ignore_ascii_case(name))
        })
}
