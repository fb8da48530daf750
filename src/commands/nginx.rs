//! `govanityurls nginx`: prints the nginx rules that pass requests on.

use std::ffi::OsString;
use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::path::Path;
use std::str::FromStr;

use askama::Template;

use super::Failure;
use crate::cli::{Common, Match, Nginx, Part};
use crate::config::{Config, Index, Module};
use crate::module::{Host, quoted};
use crate::server::ListenAddr;
use crate::site::WELL_KNOWN;

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
    let config = Config::read(&common.config, common.host.as_ref())?;
    let mut hosts = hosts(&config, flags.depth);
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
        return Err(Failure::usage(format!(
            "{} names no host; add -host HOST",
            common.config.display()
        )));
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
        hash: hash(&hosts),
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
    /// The sizes of nginx's hash table of server names, if the defaults are too small.
    hash: Hash,
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

/// Returns the hosts that have modules, in the order of the file.
fn hosts(config: &Config, depth: Option<usize>) -> Vec<HostRules<'_>> {
    let mut hosts: Vec<(Option<&Host>, Vec<&Module>)> = Vec::new();
    for module in &config.modules {
        let name = module.key.host.as_ref().or(config.host.as_ref());
        match hosts.iter_mut().find(|(other, _)| *other == name) {
            Some((_, modules)) => modules.push(module),
            None => hosts.push((name, vec![module])),
        }
    }
    let rules = hosts.into_iter().map(|(name, mut modules)| {
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
    });
    rules.collect()
}

/// Returns the path of the list, unless it is at or below one of these paths.
fn list<'c>(config: &'c Config, paths: &[Covered<'_>]) -> Option<&'c str> {
    let Index::At(list) = &config.index else {
        return None;
    };
    let list = list.as_str();
    let is_folder = |covered: &Covered<'_>| covered.is_folder && covered.path == list;
    let mut covering = paths.iter().filter(|covered| covered.covers(list));
    covering.all(is_folder).then_some(list)
}

/// Returns the locations of what browsers, crawlers and certificate authorities request from
/// every host, except for modules.
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

/// The sizes of nginx's hash table of server names; 0 means its default.
#[derive(Debug, Default, PartialEq, Eq)]
struct Hash {
    bucket_size: usize,
    max_size: usize,
}

/// Returns the sizes that nginx needs for these hosts. It refuses a name that does not fit in a
/// bucket with two pointers and its length, and warns if some bucket has too many names at every
/// size up to the largest.
fn hash(hosts: &[HostRules<'_>]) -> Hash {
    const BUCKET: usize = 64;
    const MAX: usize = 512;
    /// Up to this many names, there is a size at which each has its own bucket.
    const FEW: usize = 32;
    let longest = hosts.iter().map(|host| host.name().len()).max();
    let one = 16 + (longest.unwrap_or(0) + 2).next_multiple_of(8);
    let one = one.next_power_of_two().max(BUCKET);
    let (bucket_size, max_size) = match hosts.len() {
        ..=FEW => (one, 0),
        many => (4 * one, (4 * many).next_power_of_two()),
    };
    Hash {
        bucket_size: if bucket_size > BUCKET { bucket_size } else { 0 },
        max_size: if max_size > MAX { max_size } else { 0 },
    }
}

/// An address of the program, in nginx's syntax.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upstream {
    address: String,
    /// Whether nginx has to resolve it.
    is_name: bool,
}

impl fmt::Display for Upstream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.address)
    }
}

impl FromStr for Upstream {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let of = |address| Self {
            address,
            is_name: false,
        };
        match text.parse() {
            Ok(ListenAddr::Port(port)) => connectable((Ipv4Addr::LOCALHOST, port).into()).map(of),
            Ok(ListenAddr::Tcp(address)) => connectable(address).map(of),
            Ok(ListenAddr::Unix(path)) => match path.to_str() {
                Some(path) if Path::new(path).is_absolute() && path.bytes().all(is_plain) => {
                    Ok(of(format!("unix:{path}")))
                }
                _ => Err(format!(
                    "nginx needs an absolute path of A-Z, a-z, 0-9 and `-._/` for the socket, \
                     not {}",
                    quoted(&path.to_string_lossy())
                )),
            },
            Err(_) if is_name_and_port(text) => Ok(Self {
                address: text.to_owned(),
                is_name: true,
            }),
            Err(_) => Err(format!(
                "write HOST:PORT, such as `127.0.0.1:8080` or `app:8080`, \
                 or `unix:/run/govanityurls/http.sock`, not {}",
                quoted(text)
            )),
        }
    }
}

/// Returns the address that nginx connects to if the program listens on this one.
fn connectable(mut address: std::net::SocketAddr) -> Result<String, String> {
    if address.port() == 0 {
        return Err("nginx needs the port that the program listens on, not 0".to_owned());
    }
    // The program may listen on every address; nginx connects to one.
    if address.ip().is_unspecified() {
        address.set_ip(match address.is_ipv4() {
            true => Ipv4Addr::LOCALHOST.into(),
            false => Ipv6Addr::LOCALHOST.into(),
        });
    }
    Ok(address.to_string())
}

fn is_plain(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b"-._/".contains(&b)
}

/// Returns whether the text is a host name, as in DNS or for containers, and a port.
fn is_name_and_port(text: &str) -> bool {
    let Some((name, port)) = text.rsplit_once(':') else {
        return false;
    };
    let is_label = |label: &str| {
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_".contains(&b);
        (1..=63).contains(&label.len()) && label.bytes().all(plain) && !label.starts_with('-')
    };
    // A number as the last label means an invalid address, such as 10.0.0.256, not a name.
    let is_number = |label: &str| label.bytes().all(|b| b.is_ascii_digit());
    name.len() <= 253
        && name.split('.').all(is_label)
        && !name.rsplit('.').next().is_some_and(is_number)
        && port.bytes().all(|b| b.is_ascii_digit())
        && port.parse::<u16>().is_ok_and(|port| port != 0)
}

/// Returns the command that prints the same rules, quoted for a shell, on one line.
fn command_line(args: impl Iterator<Item = OsString>) -> String {
    let is_plain = |b: u8| is_plain(b) || b"=:,@+%[]".contains(&b);
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
        let hosts = hosts(&config, depth);
        let lines = hosts.iter().map(|host| {
            let paths = host.paths.iter().map(|covered| match covered.is_folder {
                true => format!("{}/", covered.path),
                false => covered.path.to_owned(),
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
    fn upstreams_are_addresses_nginx_can_connect_to() {
        let of = |text: &str| text.parse::<Upstream>();
        for (address, upstream, is_name) in [
            ("127.0.0.1:1", "127.0.0.1:1", false),
            (":1", "127.0.0.1:1", false),
            ("[::]:1", "[::1]:1", false),
            ("localhost:1", "127.0.0.1:1", false),
            ("unix:/run/g.sock", "unix:/run/g.sock", false),
            ("app:8080", "app:8080", true),
            ("my_app-1.internal:65535", "my_app-1.internal:65535", true),
        ] {
            let parsed = of(address).unwrap();
            assert_eq!(
                (parsed.to_string().as_str(), parsed.is_name),
                (upstream, is_name)
            );
        }
        for bad in [
            "unix:g.sock",
            "unix:/a b",
            "unix:/a;}",
            "unix:/a:b",
            ":0",
            "app",
            "app:0",
            "app:",
            "app:+1",
            "app:65536",
            "a;b:1",
            "a b:1",
            "a\n:1",
            ":",
            "a..b:1",
            "-a:1",
            "http://app:1",
            "10.0.0.256:1",
            "$host:1",
            "app:1/",
            "a:b:1",
        ] {
            assert!(of(bad).is_err(), "{bad}");
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
