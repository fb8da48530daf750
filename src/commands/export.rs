//! `govanityurls export`: writes the site as files, for static hosting.
//!
//! The pages are the server's own responses, except that their styles are files.

mod staging;

use std::collections::{BTreeSet, HashMap};
use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use super::Failure;
use crate::cli::{Common, Export};
use crate::config::Index;
use crate::module::ModulePath;
use crate::server;
use crate::site::{Answer, Site, VirtualHost, page_file};
pub(super) use staging::MARKER;
use staging::Staging;

const INDEX: &str = "index.html";
const NOT_FOUND: &str = "404.html";
/// Two kinds of pages may have a style each.
const STYLES: [&str; 2] = ["style.css", "style2.css"];
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
    // One note per line.
    let mut notes = String::new();
    let hosts = || site.hosts().iter().filter(|host| host.modules().len() > 0);
    let several = hosts().count() > 1;
    for host in hosts() {
        let dir = if several { host.name().as_str() } else { "" };
        let list = list.as_ref().map(ModulePath::as_str);
        write_files(&site, host, list, flags.cname, &mut notes, |path, body| {
            if stopped.load(Ordering::Relaxed) {
                let why = "stopped by a signal; nothing has changed";
                return Err(io::Error::other(why));
            }
            export.write(Path::new(dir).join(path), body.as_bytes())
        })?;
    }
    let count = export.files.len();
    notes.push_str(&same_but_for_case(&export.files));
    export.replace_target()?;

    for note in notes.lines() {
        let _ = writeln!(io::stderr(), "govanityurls: note: {note}");
    }
    let out = flags.out.display();
    super::print(&format!("{out}: {count} files\n"))
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
    mut write: impl FnMut(&str, &str) -> io::Result<()>,
) -> io::Result<()> {
    let mut paths: BTreeSet<_> = [""].into_iter().chain(list).collect();
    let mut named = Named::default();
    for module in host.modules() {
        let path = module.key.path.as_str();
        let name = || host.import_path(module);
        let _ = if module.key.pattern {
            writeln!(notes, "{}: no file can stand for a pattern", name())
        } else if is_taken(path) {
            let name = name();
            writeln!(notes, "{name}: its name is that of another file; left out")
        } else if module.hidden {
            writeln!(
                notes,
                "{}: hidden, so that {NOT_FOUND} does not name it: go finds its major versions \
                 only by keys of their own",
                name()
            )
        } else {
            named.add(path);
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
    let page = |path: &str, number: usize| {
        let asked = if path.is_empty() { "/" } else { path };
        let page = match site.answer_query(name, asked, false, Some(&format!("page={number}"))) {
            Answer::List(page) => page,
            Answer::Module(_, page) if number == 1 => page,
            _ => return None,
        };
        Some(String::from_utf8_lossy(&page.body).into_owned())
    };
    let mut styles = Vec::new();
    for path in paths.into_iter().filter(|path| !is_taken(path)) {
        for number in 1.. {
            let Some(body) = page(path, number) else {
                break;
            };
            let file = match number {
                1 => INDEX.to_owned(),
                _ => page_file(number),
            };
            write(
                &format!("{path}/{file}")[1..],
                &with_shared_style(&body, &mut styles),
            )?;
        }
    }
    // Matches nothing: no module or pattern has an empty element in its path.
    if let Answer::NotFoundPage(body) = site.answer(name, "//", false) {
        let body = with_shared_style(&String::from_utf8_lossy(&body), &mut styles);
        // The go command reads the tags of a 404 as well, and takes the one that fits.
        let mut tags = String::new();
        for body in named.outermost.iter().filter_map(|path| page(path, 1)) {
            let lines = body.split_inclusive('\n');
            tags.extend(lines.filter(|line| line.starts_with(GO_IMPORT)));
        }
        write(NOT_FOUND, &body.replacen(END, &(tags + END), 1))?;
    }
    for (name, style) in STYLES.iter().zip(&styles) {
        write(name, style)?;
    }
    // Without it, GitHub Pages leaves out names that start with `_`.
    write(NO_JEKYLL, "")?;
    let rules = named.nested.len() + named.outermost.len();
    if rules > 0 {
        write(REDIRECTS, &named.rules())?;
    }
    if cname {
        write(CNAME, &format!("{}\n", host.name()))?;
    }
    if rules > MAX_RULES {
        let _ = writeln!(
            notes,
            "{}: {REDIRECTS} has {rules} rules with a `*`; Cloudflare reads the first {MAX_RULES}",
            host.name()
        );
    }
    if let Some(path) = named.nested.first() {
        let _ = writeln!(
            notes,
            "{NOT_FOUND} leads go to major versions and packages of any module but those below \
             another: for {path}/v2 write a key of its own, unless the host reads {REDIRECTS}, or \
             is told to answer with the module's page, as nginx is by \
             location {path}/ {{ try_files $uri/{INDEX} {path}/{INDEX} =404; }}"
        );
    }
    Ok(())
}

/// The paths of the modules that the files for hosts name, those of patterns and hidden modules
/// left out.
#[derive(Default)]
struct Named<'s> {
    /// Those that are not below another.
    outermost: Vec<&'s str>,
    nested: Vec<&'s str>,
}

impl<'s> Named<'s> {
    /// Adds a path; it comes right before those below it.
    fn add(&mut self, path: &'s str) {
        let rest = self
            .outermost
            .last()
            .and_then(|last| path.strip_prefix(last));
        match rest.is_some_and(|rest| rest.starts_with('/')) {
            true => self.nested.push(path),
            false => self.outermost.push(path),
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

/// Returns a page with a link to its style, which joins the `styles` if it is new.
fn with_shared_style(page: &str, styles: &mut Vec<String>) -> String {
    let parts = page.split_once("<style>").and_then(|(before, rest)| {
        let (style, after) = rest.split_once("</style>")?;
        Some((before, style, after))
    });
    let Some((before, style, after)) = parts else {
        return page.to_owned();
    };
    let index = styles.iter().position(|known| known == style);
    let index = index.unwrap_or_else(|| {
        styles.push(style.to_owned());
        styles.len() - 1
    });
    match STYLES.get(index) {
        Some(name) => format!("{before}<link rel=\"stylesheet\" href=\"/{name}\">{after}"),
        None => page.to_owned(),
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
            ours.iter()
                .chain(&STYLES)
                .any(|name| first.eq_ignore_ascii_case(name))
        })
}

/// Returns notes about files that differ only in case: a file system that ignores it can hold
/// only one of them.
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
