//! The command line: clap's definition of every flag and command.

mod parse;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use tracing_subscriber::filter::Targets;

use crate::commands::Upstream;
use crate::http::{AccessLog, Network};
use crate::logging;
use crate::module::{Host, quoted};
use crate::server::ListenAddr;
pub use parse::{parse, shown, unknown_variables};

/// The opening of the usage text, as the Go tool words it.
pub const ABOUT: &str =
    "govanityurls is a service that allows you to set custom import paths for your go packages";

/// The file that is read where none is named.
pub const DEFAULT_CONFIG: &str = "vanity.yaml";

/// The value of -access-log that asks for nginx's format.
const COMBINED: &str = "combined";

const AFTER_HELP: &str = "\
Each flag may be written with one dash or two, and its value after a space or a `=`.
A flag beats its environment variable, which beats the file, which beats the default.
PORT in the environment sets the port of the default -listen address.
A reload reads the file alone: flags and environment hold until the next start.
Signals: HUP reads the file again; TERM, INT and QUIT stop the server after the requests under
way; USR1, USR2, ALRM and PWR do nothing.";

/// What was typed.
#[derive(Debug, Parser)]
#[command(
    name = "govanityurls",
    version,
    about = ABOUT,
    override_usage = "govanityurls -host [HOST_NAME]\n       govanityurls [OPTIONS] [COMMAND]",
    after_help = AFTER_HELP,
    max_term_width = 100
)]
pub struct Cli {
    /// What to do; nothing: serve.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// What every command needs.
    #[command(flatten)]
    pub common: Common,
    /// What serving needs.
    #[command(flatten)]
    pub serve: Serve,
}

/// What the program does.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Serve, as without a command
    Serve,
    /// Validate the configuration, as `nginx -t` does, and show every error in it
    Check(Check),
    /// Print the rules by which nginx passes requests on
    ///
    /// They are the upstream, for the http level, and the locations that every module is at or
    /// below, for the server block of its host: nothing else of the host is touched, neither
    /// the list of modules at `/` nor a folder above modules. A module below a path that is
    /// covered needs no new rule. A module or a pattern at the root takes the whole host.
    /// For a host that has nothing else, -server prints the server block too.
    Nginx(Nginx),
    /// Write the site as static files
    ///
    /// They are a page for each module, the lists, 404.html, by which go finds packages and major
    /// versions on any static host, and _redirects for Netlify and Cloudflare Pages; where the
    /// file has several hosts, each in a directory of its own below DIR, which is named after
    /// it. DIR is replaced as a whole, and only where an export has made everything in it.
    Export(Export),
    /// Print the vanity.yaml for another server's files, pages or live addresses
    ///
    /// It is read from a sally.yaml (uber-go/sally) or a vangen.json (4d63.com/vangen), from HTML
    /// pages with go-import tags, whatever made them, or from live hosts. What cannot be carried
    /// over becomes a comment. Exits 1 if anything is left out, with the rest printed.
    Convert {
        /// A file, `-` for standard input; or any number of HTML files, directories of them, and
        /// import paths or URLs to look up as the go command does, such as example.com/name
        #[arg(value_name = "FROM", required = true)]
        from: Vec<PathBuf>,
    },
    /// Print a JSON Schema of vanity.yaml, for editors
    Schema,
    /// Print the manual page, for man
    Man,
    /// Print the completions of a shell
    Completions {
        /// The shell
        shell: Shell,
    },
    /// Print the version
    Version,
    /// Try the live site as the go command does, and explain what fails
    ///
    /// Each step has a line: PASS, WARN, FAIL or SKIP; under a FAIL are the go command's words
    /// and what to type. Exits 1 if anything fails. The codes are in docs/verify.md.
    #[cfg(feature = "verify")]
    Verify(Verify),
}

/// Flags of `check`.
#[derive(Debug, Args)]
pub struct Check {
    /// The files to check, `-` for standard input [default: that of -config]
    #[arg(value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// How errors are printed: text, or json, one object a line on standard output
    #[arg(
        long,
        value_name = "FORMAT",
        default_value = "text",
        hide_possible_values = true
    )]
    pub format: CheckFormat,
}

/// How `check` prints errors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum CheckFormat {
    /// For people.
    Text,
    /// For editors and CI.
    Json,
}

/// Flags of `verify`.
#[cfg(feature = "verify")]
#[derive(Debug, Args)]
pub struct Verify {
    /// What to check: /PATH or HOST/PATH [default: every module of the file]
    #[arg(value_name = "PATH")]
    pub paths: Vec<String>,
    /// Print JSON, as docs/verify.schema.json describes it
    #[arg(long)]
    pub json: bool,
    /// How many checks run at a time
    #[arg(long, value_name = "N", default_value = "16", value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub jobs: u16,
    /// Seconds that one step may take
    #[arg(long, value_name = "S", default_value = "10", value_parser = clap::value_parser!(u16).range(1..=600))]
    pub timeout: u16,
    /// Where the site is, instead of what DNS says: IP or IP:PORT
    #[arg(long, value_name = "ADDR", value_parser = address)]
    pub connect: Option<SocketAddr>,
    /// Ask the public mirror and pkg.go.dev too
    #[arg(long)]
    pub public: bool,
}

/// Flags of `export`.
#[derive(Debug, Args)]
pub struct Export {
    /// The directory to write
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// Write a file CNAME with the host, which GitHub Pages reads
    #[arg(long)]
    pub cname: bool,
}

/// Flags of `nginx`.
#[derive(Debug, Args)]
pub struct Nginx {
    /// Where nginx reaches the program: IP:PORT, NAME:PORT or unix:PATH; may be given more than
    /// once: nginx takes turns, and skips one that is down
    #[arg(
        long,
        value_name = "ADDR",
        default_value = "127.0.0.1:8080",
        value_delimiter = ','
    )]
    pub upstream: Vec<Upstream>,
    /// Print one part, as a file to include: http (/etc/nginx/conf.d) or server
    /// (/etc/nginx/snippets)
    #[arg(
        long,
        value_name = "PART",
        conflicts_with = "server",
        hide_possible_values = true
    )]
    pub part: Option<Part>,
    /// With -part: print the rules of this host alone, where the file has several
    #[arg(long, value_name = "HOST", value_parser = host, requires = "part")]
    pub only: Option<Host>,
    /// Cover by the first N elements of each path: one rule for /x/ instead of one for each
    /// module below it
    #[arg(
        long,
        value_name = "N",
        conflicts_with = "server",
        value_parser = depth
    )]
    pub depth: Option<usize>,
    /// Print a whole server block for each host, which passes on everything, and the commands
    /// that get its certificate
    #[arg(long)]
    pub server: bool,
    /// Which requests are passed on: path, those for modules and below; or go-get, those of
    /// the go command, whatever their path
    #[arg(
        long,
        value_name = "WHICH",
        default_value = "path",
        hide_possible_values = true
    )]
    pub r#match: Match,
    /// Let nginx keep responses, and serve them while the program is down; a change shows
    /// within 10 s
    #[arg(long)]
    pub cache: bool,
}

/// A file that nginx includes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Part {
    /// At the http level.
    Http,
    /// In a server block.
    Server,
}

/// Which requests nginx passes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Match {
    /// Those for modules, and for what is below them.
    Path,
    /// Those of the go command.
    GoGet,
}

/// Flags of every command.
#[derive(Debug, Args)]
pub struct Common {
    /// The custom domain of the import paths [default: `host:` of the file]
    #[arg(long, global = true, value_name = "HOST", env = "GOVANITYURLS_HOST", value_parser = host)]
    pub host: Option<Host>,
    /// The file that maps paths to repositories
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        env = "GOVANITYURLS_CONFIG",
        default_value = DEFAULT_CONFIG
    )]
    pub config: PathBuf,
}

/// Flags of serving.
#[derive(Debug, Args)]
pub struct Serve {
    /// Where to listen: IP:PORT, :PORT for every address, IPv4 and IPv6, or unix:PATH; may be
    /// given more than once [default: 0.0.0.0:8080]
    #[arg(
        long,
        value_name = "ADDR",
        env = "GOVANITYURLS_LISTEN",
        value_delimiter = ','
    )]
    pub listen: Vec<ListenAddr>,
    /// The file mode of Unix sockets, in octal
    #[arg(
        long,
        value_name = "MODE",
        env = "GOVANITYURLS_SOCKET_MODE",
        default_value = "0660",
        value_parser = socket_mode
    )]
    pub socket_mode: u32,
    /// Where to answer /healthz, /readyz and /metrics: an address as for -listen [default: nowhere]
    #[arg(long, value_name = "ADDR", env = "GOVANITYURLS_ADMIN")]
    pub admin: Option<ListenAddr>,
    /// Read the file again when it changes, as on SIGHUP
    #[arg(
        long,
        env = "GOVANITYURLS_WATCH",
        value_name = "on|off",
        action = clap::ArgAction::Set,
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "on",
        default_value = "off",
        hide_default_value = true,
        value_parser = switch
    )]
    pub watch: bool,
    /// How many connections may be open; more wait until one ends
    #[arg(
        long,
        value_name = "N",
        env = "GOVANITYURLS_MAX_CONNECTIONS",
        default_value = "10000",
        value_parser = max_connections
    )]
    pub max_connections: u32,
    /// Log each request; combined: in nginx's format of that name
    #[arg(
        long,
        env = "GOVANITYURLS_ACCESS_LOG",
        value_name = "combined",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "on",
        default_value = "off",
        hide_default_value = true,
        value_parser = access_log
    )]
    pub access_log: AccessLog,
    /// A network of proxies whose X-Forwarded-For and X-Real-IP the access log believes, such
    /// as 10.0.0.0/8; may be given more than once [default: this machine alone]
    #[arg(
        long,
        value_name = "CIDR",
        env = "GOVANITYURLS_TRUSTED_PROXY",
        value_delimiter = ','
    )]
    pub trusted_proxy: Vec<Network>,
    /// How log lines are written
    #[arg(
        long,
        value_name = "FORMAT",
        env = "GOVANITYURLS_LOG_FORMAT",
        default_value = "text"
    )]
    pub log_format: LogFormat,
    /// What is logged: error, warn, info, debug or trace; also by part, as in
    /// `info,govanityurls::server=debug`
    #[arg(
        long,
        value_name = "LEVEL",
        env = "GOVANITYURLS_LOG_LEVEL",
        default_value = "info",
        value_parser = logging::parse_filter
    )]
    pub log_level: Targets,
}

/// How log lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

impl Serve {
    /// Where to listen, given what PORT says in the environment.
    ///
    /// # Errors
    ///
    /// PORT is not a port, and nothing else says where to listen.
    pub fn listen(&self, port: Option<&str>) -> Result<Vec<ListenAddr>, String> {
        if !self.listen.is_empty() {
            return Ok(self.listen.clone());
        }
        let port = match port {
            None | Some("") => 8080,
            Some(port) => port.parse().map_err(|_| {
                format!(
                    "PORT={} in the environment is not a valid port (0 to 65535)",
                    quoted(port)
                )
            })?,
        };
        let everywhere = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
        Ok(vec![ListenAddr::Tcp(SocketAddr::new(everywhere, port))])
    }
}

fn socket_mode(text: &str) -> Result<u32, String> {
    match u32::from_str_radix(text, 8) {
        Ok(mode) if mode <= 0o777 => Ok(mode),
        _ => Err("write three octal digits, such as 660".to_owned()),
    }
}

fn max_connections(text: &str) -> Result<u32, String> {
    match text.parse() {
        Ok(number @ 1..=1_000_000) => Ok(number),
        _ => Err("write a number from 1 to 1000000".to_owned()),
    }
}

fn depth(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(number @ 1..) => Ok(number),
        _ => Err("write a number from 1".to_owned()),
    }
}

fn switch(text: &str) -> Result<bool, String> {
    match text.to_ascii_lowercase().as_str() {
        "1" | "true" | "yes" | "on" => Ok(true),
        "0" | "false" | "no" | "off" => Ok(false),
        _ => Err("write on or off (or 1/0, true/false, yes/no)".to_owned()),
    }
}

fn access_log(text: &str) -> Result<AccessLog, String> {
    match switch(text) {
        Ok(true) => Ok(AccessLog::Fields),
        Ok(false) => Ok(AccessLog::Off),
        Err(_) if text.eq_ignore_ascii_case(COMBINED) => Ok(AccessLog::Combined),
        Err(hint) => Err(format!("{hint}, or {COMBINED} for nginx's format")),
    }
}

#[cfg(feature = "verify")]
fn address(text: &str) -> Result<SocketAddr, String> {
    let ip = text.trim_matches(['[', ']']).parse::<IpAddr>();
    let of_ip = ip.map(|ip| SocketAddr::new(ip, 443));
    of_ip
        .or_else(|_| text.parse())
        .map_err(|_| "write an address such as 203.0.113.7 or [2001:db8::7]:443".to_owned())
}

fn host(text: &str) -> Result<Host, String> {
    Host::parse(text).map_err(|problem| problem.to_string().replace('\n', "; "))
}
