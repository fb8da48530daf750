//! The command line: clap's definition of every flag and command.

use std::cmp::Ordering;
use std::ffi::OsString;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use clap::builder::{BoolishValueParser, PossibleValuesParser, TypedValueParser as _};
use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{
    Arg, ArgAction, ArgMatches, Args, CommandFactory as _, FromArgMatches as _, Parser, Subcommand,
    ValueEnum,
};
use clap_complete::Shell;
use tracing_subscriber::filter::LevelFilter;

use crate::commands::Upstream;
use crate::logging::LogFormat;
use crate::module::Host;
use crate::server::ListenAddr;
use crate::text::quoted;

/// The opening of the usage text, as the Go tool words it.
pub const ABOUT: &str =
    "govanityurls is a service that allows you to set custom import paths for your go packages";

/// The file that is read by default.
pub const DEFAULT_CONFIG: &str = "vanity.yaml";

const AFTER_HELP: &str = "\
Flags take one dash or two, and a value after a space or `=`.
A flag overrides its environment variable, which overrides the file.
PORT in the environment sets the port of the default --listen address.
A reload rereads only the file; flags and environment apply until the next start.
Signals: HUP reloads the file; TERM and INT stop the server once the requests in progress are
answered.";

/// The command line.
#[derive(Debug, Parser)]
#[command(
    name = "govanityurls",
    version,
    about = ABOUT,
    after_help = AFTER_HELP,
    max_term_width = 100
)]
pub struct Cli {
    /// The command; none means to serve.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// Flags of every command.
    #[command(flatten)]
    pub common: Common,
    /// Flags of serving.
    #[command(flatten)]
    pub serve: Serve,
}

/// A command.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Serve; the default
    Serve(Serve),
    /// Validate the configuration, as `nginx -t` does, and show every error
    Check(Check),
    /// Print the nginx configuration for the site
    ///
    /// Prints an upstream for the http level, and for the server block of each host the locations
    /// of its modules. The rest of the host is not affected: the list at `/` and folders above
    /// modules are not passed on. A module below a path that is already covered needs no new rule.
    /// A module or pattern at the root takes the whole host. For a host that serves nothing else,
    /// --server prints whole server blocks.
    Nginx(Nginx),
    /// Write the site as static files
    ///
    /// Writes a page for each module, the lists, 404.html (by which go finds packages and major
    /// versions on any static host), and _redirects for Netlify and Cloudflare Pages. If the file
    /// has several hosts, each gets its own directory in DIR. DIR is replaced as a whole, and only
    /// if it is empty or holds `.govanityurls`, the mark of an earlier export: keep your own files
    /// elsewhere.
    Export(Export),
    /// Print a vanity.yaml made from another server's file, pages or live site
    ///
    /// Reads a sally.yaml (uber-go/sally) or vangen.json (4d63.com/vangen), HTML pages with
    /// go-import tags, or live hosts. What has no equivalent becomes a comment. Exits 1 if a module
    /// is left out; the rest is still printed.
    Convert {
        /// A file, or `-` for standard input; or any number of HTML files, directories of HTML
        /// files, and import paths or URLs to look up as the go command does, such as
        /// example.com/name
        #[arg(value_name = "FROM", required = true)]
        from: Vec<PathBuf>,
    },
    /// Print a JSON Schema of vanity.yaml, for editors
    Schema,
    /// Print the manual page of the program, or of a command
    Man {
        /// The command
        command: Option<String>,
    },
    /// Print the completions for a shell
    Completions {
        /// The shell
        shell: Shell,
    },
    /// Print the version
    Version,
    /// Check the live site as the go command sees it, and explain what fails
    ///
    /// Prints one line per step: PASS, WARN, FAIL or SKIP; under a FAIL, what the go command prints
    /// and what to type. Exits 1 if anything fails. docs/verify.md explains the codes.
    Verify(Verify),
}

/// Flags of `check`.
#[derive(Debug, Args)]
pub struct Check {
    /// The files to check; `-` for standard input [default: the file of --config]
    #[arg(value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Format of errors: text, or json (one object per line on standard output)
    #[arg(long, default_value = "text", hide_possible_values = true)]
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
#[derive(Debug, Args)]
pub struct Verify {
    /// The modules to check: /PATH, HOST/PATH, or HOST for all of them [default: all modules of
    /// the file]; without a file, the import paths of anybody
    #[arg(value_name = "PATH")]
    pub paths: Vec<String>,
    /// Format of the report: text, json (described by docs/verify.schema.json), or prometheus (a
    /// file for node_exporter's textfile collector)
    #[arg(long, default_value = "text", hide_possible_values = true)]
    pub format: VerifyFormat,
    /// The same as -format json
    #[arg(long, conflicts_with = "format")]
    pub json: bool,
    /// Number of checks that run concurrently
    #[arg(long, value_name = "N", default_value = "16", value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub jobs: u16,
    /// Time limit of a step, in seconds
    #[arg(long, value_name = "S", default_value = "10", value_parser = clap::value_parser!(u16).range(1..=600))]
    pub timeout: u16,
    /// Connect to this address instead of what DNS returns: IP or IP:PORT
    #[arg(long, value_name = "ADDR", value_parser = address)]
    pub connect: Option<SocketAddr>,
}

/// How `verify` prints its report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum VerifyFormat {
    /// For people.
    Text,
    /// For programs.
    Json,
    /// For Prometheus.
    Prometheus,
}

/// Flags of `export`.
#[derive(Debug, Args)]
pub struct Export {
    /// The directory to write
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// Write a CNAME file with the host, for GitHub Pages
    #[arg(long)]
    pub cname: bool,
}

/// Flags of `nginx`.
#[derive(Debug, Args)]
pub struct Nginx {
    /// Address where nginx reaches the program: IP:PORT, NAME:PORT or unix:PATH; repeatable: nginx
    /// balances the load and skips one that is down
    #[arg(
        long,
        value_name = "ADDR",
        default_value = "127.0.0.1:8080",
        value_delimiter = ','
    )]
    pub upstream: Vec<Upstream>,
    /// Print one part, as a file to include: http (for /etc/nginx/conf.d) or server (for
    /// /etc/nginx/snippets)
    #[arg(long, conflicts_with = "server", hide_possible_values = true)]
    pub part: Option<Part>,
    /// With --part: print the rules of this host only
    #[arg(long, value_name = "HOST", value_parser = host, requires = "part")]
    pub only: Option<Host>,
    /// Use only the first N elements of each path: one rule for /x/ instead of one for each module
    /// below it
    #[arg(
        long,
        value_name = "N",
        conflicts_with = "server",
        value_parser = clap::value_parser!(u16).range(1..)
    )]
    pub depth: Option<u16>,
    /// Print whole server blocks, which pass on everything, and the commands that obtain the
    /// certificates
    #[arg(long)]
    pub server: bool,
    /// Which requests to pass on: path (modules and everything below them) or go-get (all requests
    /// of the go command, whatever their path)
    #[arg(
        long,
        value_name = "WHICH",
        default_value = "path",
        hide_possible_values = true
    )]
    pub r#match: Match,
    /// Cache responses in nginx, and serve them while the program is down; a change is visible
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
    /// The file that maps paths to repositories [default: vanity.yaml]
    #[arg(long, global = true, value_name = "FILE", env = "GOVANITYURLS_CONFIG")]
    pub config: Option<PathBuf>,
    /// Serve this repository, without a file; with a `*`, as in `https://github.com/example/*`,
    /// every name is the repository of that name
    #[arg(long, global = true, value_name = "URL", env = "GOVANITYURLS_REPO")]
    pub repo: Option<String>,
}

impl Common {
    /// Returns the file to read, if there is no -repo.
    pub fn file(&self) -> &Path {
        self.config.as_deref().unwrap_or(Path::new(DEFAULT_CONFIG))
    }
}

/// Flags of serving.
#[derive(Debug, Args)]
pub struct Serve {
    /// Listen address: IP:PORT, :PORT (every address, IPv4 and IPv6) or unix:PATH; repeatable
    /// [default: 0.0.0.0:8080]
    #[arg(
        long,
        value_name = "ADDR",
        env = "GOVANITYURLS_LISTEN",
        value_delimiter = ','
    )]
    pub listen: Vec<ListenAddr>,
    /// File mode of Unix sockets, in octal
    #[arg(
        long,
        value_name = "MODE",
        env = "GOVANITYURLS_SOCKET_MODE",
        default_value = "0660",
        value_parser = socket_mode
    )]
    pub socket_mode: u32,
    /// Listen address of /healthz, /readyz and /metrics [default: off]
    #[arg(long, value_name = "ADDR", env = "GOVANITYURLS_ADMIN")]
    pub admin: Option<ListenAddr>,
    /// Reload the file when it changes, as on SIGHUP
    #[arg(
        long,
        env = "GOVANITYURLS_WATCH",
        value_name = "on|off",
        action = ArgAction::Set,
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "on",
        default_value = "off",
        hide_default_value = true,
        hide_possible_values = true,
        value_parser = BoolishValueParser::new()
    )]
    pub watch: bool,
    /// Maximum number of open connections; others wait
    #[arg(
        long,
        value_name = "N",
        env = "GOVANITYURLS_MAX_CONNECTIONS",
        default_value = "10000",
        value_parser = clap::value_parser!(u32).range(1..=1_000_000)
    )]
    pub max_connections: u32,
    /// Log each request
    #[arg(
        long,
        env = "GOVANITYURLS_ACCESS_LOG",
        value_name = "on|off",
        action = ArgAction::Set,
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "on",
        default_value = "off",
        hide_default_value = true,
        hide_possible_values = true,
        value_parser = BoolishValueParser::new()
    )]
    pub access_log: bool,
    /// Format of log lines: text or json
    #[arg(
        long,
        value_name = "FORMAT",
        env = "GOVANITYURLS_LOG_FORMAT",
        default_value = "text",
        hide_possible_values = true
    )]
    pub log_format: LogFormat,
    /// Log level
    #[arg(
        long,
        value_name = "LEVEL",
        env = "GOVANITYURLS_LOG_LEVEL",
        default_value = "info",
        ignore_case = true,
        value_parser = PossibleValuesParser::new(["off", "error", "warn", "info", "debug", "trace"])
            .try_map(|level| level.parse::<LevelFilter>())
    )]
    pub log_level: LevelFilter,
}

impl Serve {
    /// Returns the listen addresses; `port` is the value of PORT in the environment.
    ///
    /// # Errors
    ///
    /// PORT is not a port, and no -listen overrides it.
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

/// Parses the command line. Help and the version are errors too, of kinds of their own.
///
/// # Errors
///
/// What clap finds wrong, or a request for help or the version.
pub fn parse(args: impl IntoIterator<Item = OsString>) -> Result<Cli, clap::Error> {
    let mut command = Cli::command().mut_args(without_empty_variable);
    let matches = command.try_get_matches_from_mut(two_dashes(args))?;
    let mut cli = Cli::from_arg_matches(&matches)?;
    // Of --repo and --config, a flag beats the other's variable.
    let given = matches.subcommand().map_or(&matches, |(_, given)| given);
    if let Some(repo) = given.value_source("repo")
        && let Some(config) = given.value_source("config")
    {
        match repo.cmp(&config) {
            Ordering::Greater => cli.common.config = None,
            Ordering::Less => cli.common.repo = None,
            Ordering::Equal => {
                let why = "--repo takes the place of a file: leave out --repo or --config";
                return Err(command.error(ErrorKind::ArgumentConflict, why));
            }
        }
    }
    if let Some((name, _)) = matches.subcommand()
        && let Some(flag) = misplaced_flag(&command, &matches)
    {
        let why =
            format!("--{flag} has no effect before `{name}`: write it after, or leave it out");
        return Err(command.error(ErrorKind::ArgumentConflict, why));
    }
    Ok(cli)
}

/// Doubles a single dash before a word of more than one letter, as Go tools write flags: clap
/// takes `-host` for the short flags h, o, s and t.
fn two_dashes(args: impl IntoIterator<Item = OsString>) -> Vec<OsString> {
    let mut args: Vec<OsString> = args.into_iter().collect();
    for arg in args.iter_mut().take_while(|arg| *arg != "--") {
        if let [b'-', first, second, ..] = arg.as_encoded_bytes()
            && first.is_ascii_alphabetic()
            && second.is_ascii_alphabetic()
        {
            let mut doubled = OsString::from("-");
            doubled.push(&arg);
            *arg = doubled;
        }
    }
    args
}

/// An empty variable counts as unset: that is how an environment file leaves one out.
fn without_empty_variable(arg: Arg) -> Arg {
    let value = arg.get_env().and_then(std::env::var_os);
    if value.is_some_and(|value| value.is_empty()) {
        return arg.env(None::<&'static str>);
    }
    arg
}

/// Returns a flag of serving that was typed before a command, which does not see it.
fn misplaced_flag<'c>(command: &'c clap::Command, matches: &ArgMatches) -> Option<&'c str> {
    let mut flags = command.get_arguments().filter(|arg| !arg.is_global_set());
    let misplaced = flags
        .find(|arg| matches.value_source(arg.get_id().as_str()) == Some(ValueSource::CommandLine));
    misplaced.and_then(Arg::get_long)
}

fn socket_mode(text: &str) -> Result<u32, String> {
    match u32::from_str_radix(text, 8) {
        Ok(mode) if mode <= 0o777 => Ok(mode),
        _ => Err("write three octal digits, such as 660".to_owned()),
    }
}

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clap_accepts_the_definition() {
        Cli::command().debug_assert();
    }

    #[test]
    fn doubles_the_dash_of_words() {
        let words = [
            "-host", "--host", "-host=-x", "-h", "-", "-1", "-V", "-o=x", "--", "-host",
        ];
        let doubled = two_dashes(words.map(OsString::from));
        assert_eq!(
            doubled,
            [
                "--host",
                "--host",
                "--host=-x",
                "-h",
                "-",
                "-1",
                "-V",
                "-o=x",
                "--",
                "-host"
            ]
        );
    }
}
