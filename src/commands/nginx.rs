//! `govanityurls nginx`: prints the nginx rules that pass requests on.

mod upstream;

use std::ffi::OsString;

use askama::Template;

use super::Failure;
use crate::cli::{Common, Match, Nginx, Part};
use crate::config::{Config, Index, Module};
use crate::module::Host;
use crate::site::WELL_KNOWN;
pub use upstream::Upstream;

/// Up to this many host names, nginx finds a hash of its default size that holds them.
const FEW_HOSTS: usize = 32;
/// The longest host name that fits in a bucket of nginx's default size.
const SHORT_HOST: usize = 46;

/// Prints the rules for the file.
pub fn run(common: &Common, flags: &Nginx) -> Result<(), Failure> {
    let shape = match (flags.server, flags.r#match) {
        (false, Match::Path) => Shape::Locations,
        (false, Match::GoGet) => Shape::GoGet,
        (true, Match::Path) => Shape::Server,
        (true, Match::GoGet) => {
            return Err(Failure::usage(
                "-server gives the whole host to the program, -match go-get only the go \
                 command's requests; choose one",
            ));
        }
    };
    let config = super::read_config(common)?;
    let depth = flags.depth.map(usize::from);
    let mut hosts = Vec::new();
    for (name, modules) in config.by_host() {
        hosts.push(host_rules(&config, name, modules, depth));
    }
    if let Some(only) = &flags.only {
        let names: Vec<&str> = hosts.iter().map(HostRules::name).collect();
        let known = format!(
            "no module is on {only}; there are some on {}",
            names.join(", ")
        );
        hosts.retain(|host| host.name == Some(only));
        if hosts.is_empty() {
            return Err(Failure::usage(known));
        }
    }
    // The rules of a single host need no name: the existing server block has it.
    let named = match shape {
        Shape::GoGet => false,
        Shape::Locations => hosts.len() > 1,
        Shape::Server => true,
    };
    if named && hosts.iter().any(|host| host.name.is_none()) {
        super::require_host(common, &config)?;
    }
    if shape == Shape::Locations && flags.part == Some(Part::Server) && hosts.len() > 1 {
        return Err(Failure::usage(format!(
            "there are modules on {} hosts, and each has a server block of its own; \
             add -only HOST, such as -only {}",
            hosts.len(),
            hosts[0].name()
        )));
    }
    let rules = NginxTemplate {
        command: command_line(std::env::args_os().skip(1)),
        upstreams: &flags.upstream,
        part: flags.part,
        cache: flags.cache,
        needs_larger_hash: hosts.len() > FEW_HOSTS
            || hosts.iter().any(|host| host.name().len() > SHORT_HOST),
        shape,
        hosts,
    };
    let text = rules.render().map_err(std::io::Error::other)?;
    super::print(&text)
}

/// The data of the template. Nothing is quoted or escaped: hosts, paths and upstreams contain
/// only characters that are not special to nginx, and [`command_line`] removes line breaks.
#[derive(Template)]
#[template(path = "nginx.conf", escape = "none")]
struct NginxTemplate<'a> {
    command: String,
    upstreams: &'a [Upstream],
    /// The part to print; both if `None`.
    part: Option<Part>,
    cache: bool,
    /// Whether the names may not fit in nginx's hash table of its default size.
    needs_larger_hash: bool,
    shape: Shape,
    hosts: Vec<HostRules<'a>>,
}

impl NginxTemplate<'_> {
    fn prints(&self, part: Part) -> bool {
        self.part.is_none_or(|only| only == part)
    }

    /// Returns whether an upstream may have more than one address.
    fn balances(&self) -> bool {
        self.upstreams.len() > 1 || self.names()
    }

    /// Returns whether an upstream is a host name.
    fn names(&self) -> bool {
        self.upstreams.iter().any(|upstream| upstream.is_name)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    /// The paths of the modules, for an existing server block.
    Locations,
    /// The go command's requests, for an existing server block.
    GoGet,
    /// A server block.
    Server,
}

/// The rules of one host.
struct HostRules<'a> {
    name: Option<&'a Host>,
    /// The smallest set of paths that all modules are at or below; the root is the empty path.
    paths: Vec<Covered<'a>>,
    /// The path of the list, if no other rule covers it.
    list: Option<&'a str>,
    /// Locations that are not passed on, if the root is.
    left_alone: Vec<String>,
}

impl HostRules<'_> {
    fn name(&self) -> &str {
        self.name.map_or("the host", Host::as_str)
    }
}

/// A path that is passed on with everything below it.
#[derive(Debug, PartialEq, Eq)]
struct Covered<'a> {
    path: &'a str,
    /// Whether it only has modules below it, and needs no location of its own: with a location
    /// for /x/, nginx redirects /x to /x/.
    is_folder: bool,
}

impl Covered<'_> {
    fn covers(&self, path: &str) -> bool {
        let rest = path.strip_prefix(self.path);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }
}

/// Returns the rules of one host.
fn host_rules<'c>(
    config: &'c Config,
    name: Option<&'c Host>,
    mut modules: Vec<&'c Module>,
    depth: Option<usize>,
) -> HostRules<'c> {
    // Sort each path directly before everything below it.
    modules.sort_by(|a, b| a.key.order().cmp(b.key.order()));
    let mut paths: Vec<Covered<'_>> = Vec::new();
    for module in &modules {
        // A pattern also covers its folder, and what covers /x/ also covers /x.
        let path = module.key.path.as_str();
        let end = depth.and_then(|depth| path.match_indices('/').nth(depth));
        let covered = Covered {
            path: end.map_or(path, |(end, _)| &path[..end]),
            is_folder: end.is_some(),
        };
        if !paths.last().is_some_and(|last| last.covers(covered.path)) {
            paths.push(covered);
        }
    }
    HostRules {
        name,
        list: list(config, &paths),
        left_alone: match paths.as_slice() {
            [root] if root.path.is_empty() => left_alone(&modules),
            _ => Vec::new(),
        },
        paths,
    }
}

/// Returns the path of the list, unless it is at or below one of these paths.
fn list<'c>(config: &'c Config, paths: &[Covered<'_>]) -> Option<&'c str> {
    let Index::At(list) = &config.index else {
        return None;
    };
    let list = list.as_str();
    for covered in paths {
        let is_this_folder = covered.is_folder && covered.path == list;
        if covered.covers(list) && !is_this_folder {
            return None;
        }
    }
    Some(list)
}

/// Returns the locations of what browsers, crawlers and certificate authorities request from
/// every host, except for modules.
fn left_alone(modules: &[&Module]) -> Vec<String> {
    let mut locations = Vec::new();
    for name in WELL_KNOWN {
        let path = format!("/{name}");
        let mut keys = modules.iter().map(|module| &module.key);
        if !keys.any(|key| !key.pattern && key.path.as_str() == path) {
            locations.push(format!("= {path}"));
        }
    }
    locations.push("^~ /.well-known/".to_owned());
    locations
}

/// Returns the command that prints the same rules, quoted for a shell, on one line.
fn command_line(args: impl Iterator<Item = OsString>) -> String {
    let is_plain = |b: u8| b.is_ascii_alphanumeric() || b"-._/=:,@+%[]".contains(&b);
    let mut line = "govanityurls".to_owned();
    for arg in args {
        let arg = arg.to_string_lossy().replace(char::is_control, "?");
        line.push(' ');
        if !arg.is_empty() && arg.bytes().all(is_plain) {
            line.push_str(&arg);
        } else {
            line.push_str(&format!("'{}'", arg.replace('\'', r"'\''")));
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    fn covered(keys: &[&str], depth: Option<usize>) -> Vec<String> {
        let text: String = keys
            .iter()
            .map(|key| {
                let star = if key.contains('*') { "*" } else { "" };
                format!("{key}:\n  repo: https://h.example/a{star}\n")
            })
            .collect();
        let config = Config::parse("vanity.yaml", &text, None).unwrap();
        let lines = config.by_host().into_iter().map(|(name, modules)| {
            let host = host_rules(&config, name, modules, depth);
            let paths = host.paths.iter().map(|covered| {
                let slash = if covered.is_folder { "/" } else { "" };
                format!("{}{slash}", covered.path)
            });
            format!(
                "{}: {:?} {:?}",
                host.name(),
                paths.collect::<Vec<_>>(),
                host.left_alone.join(" ")
            )
        });
        lines.collect()
    }

    #[test]
    fn prints_the_smallest_set_of_covering_paths() {
        for (keys, rules) in [
            (
                &["/gowechat/sdk", "/gowechat-x", "/gowechat"] as &[&str],
                r#"["/gowechat", "/gowechat-x"] """#,
            ),
            (&["/x/a", "/x/b", "/xa"], r#"["/x/a", "/x/b", "/xa"] """#),
            (&["/x/a", "/x/*"], r#"["/x"] """#),
            (&["/x/*", "/x"], r#"["/x"] """#),
            (
                &["/a", "/*"],
                r#"[""] "= /robots.txt = /favicon.ico ^~ /.well-known/""#,
            ),
            (
                &["/", "/robots.txt"],
                r#"[""] "= /favicon.ico ^~ /.well-known/""#,
            ),
        ] {
            assert_eq!(
                covered(keys, None),
                [format!("the host: {rules}")],
                "{keys:?}"
            );
        }
        assert_eq!(
            covered(&["b.example/x", "a.example/y", "b.example/x/y"], None),
            [r#"b.example: ["/x"] """#, r#"a.example: ["/y"] """#]
        );
    }

    #[test]
    fn depth_limits_the_covering_paths() {
        let keys = ["/x/a/b", "/x/a/c", "/x/d", "/y", "/z/*", "/w/v/*"];
        for (depth, paths) in [
            (1, r#"["/w/", "/x/", "/y", "/z"]"#),
            (2, r#"["/w/v", "/x/a/", "/x/d", "/y", "/z"]"#),
            (3, r#"["/w/v", "/x/a/b", "/x/a/c", "/x/d", "/y", "/z"]"#),
        ] {
            let rules = format!(r#"the host: {paths} """#);
            assert_eq!(covered(&keys, Some(depth)), [rules], "{depth}");
        }
    }

    #[test]
    fn quotes_arguments_for_a_shell_and_a_comment() {
        let args = ["nginx", "-a=b", "", "a b", "it's", "$(x)", "a\r\nb"];
        assert_eq!(
            command_line(args.into_iter().map(OsString::from)),
            r"govanityurls nginx -a=b '' 'a b' 'it'\''s' '$(x)' 'a??b'"
        );
    }
}
