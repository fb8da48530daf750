//! `govanityurls nginx`: prints what nginx needs to pass requests on.

use std::path::Path;

use askama::Template;

use super::Failure;
use crate::cli::{Common, Match, Nginx};
use crate::config::{Config, Module};
use crate::module::{Host, quoted};
use crate::server::ListenAddr;
use crate::site::WELL_KNOWN;

/// Prints the rules for the file.
pub fn run(common: &Common, flags: &Nginx) -> Result<(), Failure> {
    let usage = |why: String| Failure::Usage(format!("govanityurls: {why}"));
    let upstream = upstream(&flags.upstream).map_err(usage)?;
    let shape = match (flags.server, flags.r#match) {
        (false, Match::Path) => Shape::Locations,
        (false, Match::GoGet) => Shape::GoGet,
        (true, Match::Path) => Shape::Server,
        (true, Match::GoGet) => {
            return Err(usage(
                "-server gives the whole host to the program, -match go-get only the go \
                 command's requests; choose one"
                    .to_owned(),
            ));
        }
    };
    let config = Config::read(&common.config, common.host.as_ref())?;
    let hosts = hosts(&config);
    // Alone, rules for a server block that exists need no name: the block has it.
    let named = shape == Shape::Locations || shape == Shape::GoGet && hosts.len() == 1;
    if !named && hosts.iter().any(|host| host.name.is_none()) {
        return Err(usage(format!(
            "{} names no host; add -host HOST",
            common.config.display()
        )));
    }
    let rules = NginxTemplate {
        upstream,
        shape,
        hosts,
    };
    let text = rules.render().map_err(std::io::Error::other)?;
    super::print(&text)
}

/// Nothing is quoted or escaped but what goes into a regular expression: hosts and paths hold
/// only `A-Za-z0-9-._~` and slashes, which mean nothing to nginx, and so does [`upstream`].
#[derive(Template)]
#[template(path = "nginx.conf", escape = "none")]
struct NginxTemplate<'a> {
    upstream: String,
    shape: Shape,
    hosts: Vec<HostRules<'a>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    /// The paths of the modules, for a server block that exists.
    Locations,
    /// The go command's requests for these paths, for a server block that exists.
    GoGet,
    /// A server block.
    Server,
}

/// What of one host is passed on.
struct HostRules<'a> {
    name: Option<&'a Host>,
    /// The smallest set of paths that all modules are at or below; the root alone is empty.
    paths: Vec<&'a str>,
    /// Where the root is passed on: the locations that are not.
    left_alone: Vec<String>,
}

impl HostRules<'_> {
    fn name(&self) -> &str {
        self.name.map_or("the host", Host::as_str)
    }
}

/// The hosts that have modules, in the order of the file.
fn hosts(config: &Config) -> Vec<HostRules<'_>> {
    let mut hosts: Vec<(Option<&Host>, Vec<&Module>)> = Vec::new();
    for module in &config.modules {
        let name = module.key.host.as_ref().or(config.host.as_ref());
        match hosts.iter_mut().find(|(other, _)| *other == name) {
            Some((_, modules)) => modules.push(module),
            None => hosts.push((name, vec![module])),
        }
    }
    let rules = hosts.into_iter().map(|(name, mut modules)| {
        // Each is followed by all that is below it.
        modules.sort_by(|a, b| a.key.order().cmp(b.key.order()));
        let mut paths: Vec<&str> = Vec::new();
        for module in &modules {
            // A pattern covers its folder too: nginx redirects /x to /x/ where it has the latter.
            let path = module.key.path.as_str();
            let covered = paths.last().is_some_and(|last| {
                path.strip_prefix(last)
                    .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            });
            if !covered {
                paths.push(path);
            }
        }
        HostRules {
            name,
            left_alone: if paths == [""] {
                left_alone(&modules)
            } else {
                Vec::new()
            },
            paths,
        }
    });
    rules.collect()
}

/// What browsers, crawlers and certificate authorities ask every host for, and is no module.
fn left_alone(modules: &[&Module]) -> Vec<String> {
    let is_module = |path: &str| {
        modules
            .iter()
            .any(|module| !module.key.pattern && module.key.path.as_str() == path)
    };
    let paths = WELL_KNOWN.iter().map(|name| format!("/{name}"));
    paths
        .filter(|path| !is_module(path))
        .map(|path| format!("= {path}"))
        .chain(["^~ /.well-known/".to_owned()])
        .collect()
}

/// The address as nginx writes it.
fn upstream(address: &ListenAddr) -> Result<String, String> {
    match address {
        ListenAddr::Port(port) => upstream(&ListenAddr::Tcp(
            (std::net::Ipv4Addr::LOCALHOST, *port).into(),
        )),
        ListenAddr::Tcp(addr) => {
            let mut addr = *addr;
            if addr.port() == 0 {
                return Err("nginx needs the port that the program listens on, not 0".to_owned());
            }
            // The program may listen on every address; nginx connects to one.
            if addr.ip().is_unspecified() {
                addr.set_ip(match addr.is_ipv4() {
                    true => std::net::Ipv4Addr::LOCALHOST.into(),
                    false => std::net::Ipv6Addr::LOCALHOST.into(),
                });
            }
            Ok(addr.to_string())
        }
        ListenAddr::Unix(path) => match path.to_str() {
            Some(text) if Path::new(text).is_absolute() && text.bytes().all(is_plain) => {
                Ok(format!("unix:{text}"))
            }
            _ => Err(format!(
                "nginx needs an absolute path of A-Z, a-z, 0-9 and `-._/` for the socket, not {}",
                quoted(&path.to_string_lossy())
            )),
        },
    }
}

fn is_plain(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b"-._/".contains(&b)
}

/// What the template calls.
mod filters {
    /// A host or a path as a regular expression: of what it may hold only the dot is special.
    #[askama::filter_fn]
    pub fn regex(text: &str, _: &dyn askama::Values) -> askama::Result<String> {
        Ok(text.replace('.', r"\."))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn covered(keys: &[&str]) -> Vec<String> {
        let text: String = keys
            .iter()
            .map(|key| {
                let star = if key.contains('*') { "*" } else { "" };
                format!("{key}:\n  repo: https://h.example/a{star}\n")
            })
            .collect();
        let config = Config::parse("vanity.yaml", &text, None).unwrap();
        let hosts = hosts(&config);
        let lines = hosts.iter().map(|host| {
            format!(
                "{}: {:?} {:?}",
                host.name(),
                host.paths,
                host.left_alone.join(" ")
            )
        });
        lines.collect()
    }

    #[test]
    fn the_smallest_set_that_covers_all() {
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
            assert_eq!(covered(keys), [format!("the host: {rules}")], "{keys:?}");
        }
        assert_eq!(
            covered(&["b.example/x", "a.example/y", "b.example/x/y"]),
            [r#"b.example: ["/x"] """#, r#"a.example: ["/y"] """#]
        );
    }

    #[test]
    fn addresses_that_nginx_can_connect_to() {
        let of = |text: &str| upstream(&text.parse().unwrap());
        for (address, upstream) in [
            ("127.0.0.1:1", "127.0.0.1:1"),
            (":1", "127.0.0.1:1"),
            ("[::]:1", "[::1]:1"),
            ("unix:/run/g.sock", "unix:/run/g.sock"),
        ] {
            assert_eq!(of(address).as_deref(), Ok(upstream));
        }
        for bad in ["unix:g.sock", "unix:/a b", "unix:/a;}", "unix:/a:b", ":0"] {
            assert!(of(bad).is_err(), "{bad}");
        }
    }
}
