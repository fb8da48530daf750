//! The command line: clap's definition, and the one-dash spelling of Go tools.

use std::ffi::{OsStr, OsString};
use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, Args, CommandFactory as _, FromArgMatches as _, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use tracing_subscriber::filter::Targets;

use crate::commands::Upstream;
use crate::http::{AccessLog, Network};
use crate::logging;
use crate::module::{Host, escaped, nearest, quoted};
use crate::server::ListenAddr;

/// The opening of the usage text, as the Go tool words it.
pub const ABOUT: &str =
    "govanityurls is a service that allows you to set custom import paths for your go packages";

/// The file that is read where none is named.
pub const DEFAULT_CONFIG: &str = "vanity.yaml";

/// What the name of a flag's variable starts with.
const PREFIX: &str = "GOVANITYURLS_";
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
    /// They are a page for each module, the lists, and 404.html; where the file has several
    /// hosts, each in a directory of its own below DIR, which is named after it. DIR is
    /// replaced as a whole, and only where an export has made everything in it.
    Export(Export),
    /// Print the vanity.yaml for a sally.yaml (uber-go/sally) or a vangen.json (4d63.com/vangen)
    Convert {
        /// The file of the other tool, `-` for standard input
        file: PathBuf,
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

/// Reads the command line. An error is clap's, to be shown with [`shown`]; help and the
/// version come as errors too, which do not go to standard error.
///
/// # Errors
///
/// What clap finds wrong, or a request for help or the version.
pub fn parse(args: impl IntoIterator<Item = OsString>) -> Result<Cli, clap::Error> {
    // An empty variable counts as unset: that is how an environment file, or a container's
    // environment, leaves one out.
    let is_empty = |name: &OsStr| std::env::var_os(name).is_some_and(|value| value.is_empty());
    let mut command = Cli::command().mut_args(|arg| match arg.get_env().is_some_and(is_empty) {
        true => arg.env(None::<&'static str>),
        false => arg,
    });
    let args = with_commands(&command, two_dashes(args));
    command
        .try_get_matches_from_mut(&args)
        .and_then(|mut matches| Cli::from_arg_matches_mut(&mut matches))
        .map_err(|error| explained(error, &mut command, &args))
}

/// Rewrites the commands that are another way of writing something else: `serve` is what
/// happens without a command, `version` is -version, and -help before a command, like `help`,
/// is about that command.
fn with_commands(command: &clap::Command, mut args: Vec<OsString>) -> Vec<OsString> {
    const HELP: &str = "--help";
    if let Some(at) = command_word(command, &args) {
        let before_help = args[..at].iter().position(|arg| arg == HELP || arg == "-h");
        let is_help = args[at] == "help";
        if args[at] == "version" {
            args[at] = "--version".into();
        } else if is_help || before_help.is_some() {
            args.remove(if is_help {
                at
            } else {
                before_help.unwrap_or(at)
            });
            args.push(HELP.into());
        }
    }
    if let Some(at) = command_word(command, &args)
        && args[at] == "serve"
    {
        let serve = args.remove(at);
        // `serve check` is an error, which clap reports.
        if command_word(command, &args).is_some() {
            args.insert(at, serve);
        }
    }
    args
}

/// Where the command is: the first word that is neither a flag nor a flag's value.
fn command_word(command: &clap::Command, args: &[OsString]) -> Option<usize> {
    let mut is_value = false;
    args.iter()
        .enumerate()
        .skip(1)
        .take_while(|(_, arg)| *arg != "--")
        .find(|(_, arg)| {
            let is_word = !is_value && !is_flag(arg);
            is_value = !is_value && long_flag(command, arg).is_some_and(takes_next_word);
            is_word
        })
        .map(|(at, _)| at)
}

fn is_flag(arg: &OsStr) -> bool {
    arg.as_encoded_bytes().starts_with(b"-")
}

/// The definition of a flag that was written without a value, as `--flag`.
fn long_flag<'c>(command: &'c clap::Command, arg: &OsStr) -> Option<&'c Arg> {
    let name = arg.to_str()?.strip_prefix("--")?;
    command
        .get_arguments()
        .find(|flag| flag.get_long() == Some(name))
}

fn takes_next_word(flag: &Arg) -> bool {
    flag.get_action().takes_values() && !flag.is_require_equals_set()
}

/// Says what clap cannot know: that a value is from the environment, that a switch takes its
/// value after a `=`, and which of several commands is the most similar.
fn explained(
    mut error: clap::Error,
    command: &mut clap::Command,
    args: &[OsString],
) -> clap::Error {
    let context = |error: &clap::Error, kind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text.clone()),
        _ => None,
    };
    match error.kind() {
        ErrorKind::ValueValidation | ErrorKind::InvalidValue => {
            let variable = context(&error, ContextKind::InvalidArg)
                .and_then(|arg| variable_of(command, &arg, args));
            if let Some(variable) = variable {
                error.insert(ContextKind::InvalidArg, ContextValue::String(variable));
            }
        }
        ErrorKind::InvalidUtf8 if args.iter().all(|arg| arg.to_str().is_some()) => {
            let is_bad = |name: &OsStr| std::env::var_os(name)?.to_str().is_none().then_some(());
            let variables = command
                .get_arguments()
                .filter(|arg| arg.get_id() != "config");
            let bad = variables
                .filter_map(Arg::get_env)
                .find(|name| is_bad(name).is_some());
            if let Some(name) = bad {
                let message = format!("{} in the environment is not UTF-8", name.display());
                return command.error(ErrorKind::InvalidUtf8, message);
            }
        }
        ErrorKind::InvalidSubcommand => {
            let word = context(&error, ContextKind::InvalidSubcommand).unwrap_or_default();
            let before = args.iter().position(|arg| *arg == *word).and_then(|at| {
                let before = args.get(at.checked_sub(1)?)?;
                long_flag(command, before).filter(|flag| flag.is_require_equals_set())
            });
            let commands = command.get_subcommands().map(clap::Command::get_name);
            let meant = nearest(&word, commands).map(str::to_owned);
            if let Some(flag) = before.and_then(Arg::get_long)
                && switch(&word).is_ok()
            {
                let message = format!(
                    "'--{flag}' takes a value only after a `=`: write --{flag}={word}, \
                     or --{flag} alone"
                );
                return command.error(ErrorKind::InvalidSubcommand, message);
            }
            if let Some(meant) = meant {
                let meant = ContextValue::Strings(vec![meant]);
                error.insert(ContextKind::SuggestedSubcommand, meant);
            }
        }
        _ => {}
    }
    error
}

/// The variable that the value of `arg` is from, unless the flag was typed: a flag beats it.
fn variable_of(command: &clap::Command, arg: &str, args: &[OsString]) -> Option<String> {
    let flag = arg.split([' ', '[', '=']).next()?;
    let is_typed = args.iter().any(|arg| {
        let rest = arg.to_str().and_then(|arg| arg.strip_prefix(flag));
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('='))
    });
    let variable = long_flag(command, OsStr::new(flag))?.get_env()?;
    (!is_typed).then(|| variable.to_string_lossy().into_owned())
}

/// Returns a warning for each variable whose name is like that of a flag's, but no flag has.
pub fn unknown_variables(vars: impl IntoIterator<Item = (OsString, OsString)>) -> Vec<String> {
    let command = Cli::command();
    let known: Vec<_> = command
        .get_arguments()
        .filter_map(|arg| arg.get_env()?.to_str()?.strip_prefix(PREFIX))
        .collect();
    let mut unknown: Vec<_> = vars
        .into_iter()
        .filter_map(|(name, value)| {
            let name = name.to_string_lossy().into_owned();
            let rest = name.strip_prefix(PREFIX)?;
            (!known.contains(&rest) && !is_service_link(rest, &value)).then(|| {
                let hint = match nearest(&rest.to_ascii_uppercase(), known.iter().copied()) {
                    _ if rest == "PORT" => "; did you mean PORT?".to_owned(),
                    Some(meant) => format!("; did you mean {PREFIX}{meant}?"),
                    None => String::new(),
                };
                let name = escaped(&name);
                format!("{name} in the environment is not a setting and has no effect{hint}")
            })
        })
        .collect();
    unknown.sort();
    unknown
}

/// Whether a variable is one of those that Kubernetes sets in every pod next to a Service
/// named govanityurls.
fn is_service_link(rest: &str, value: &OsStr) -> bool {
    rest.starts_with("SERVICE_")
        || rest.starts_with("PORT_")
        || (rest == "PORT" && value.to_string_lossy().contains("://"))
}

/// Gives each flag that was written with one dash its second: clap takes `-host` for a
/// cluster of the short flags h, o, s and t. No flag here has a short form but `-h` and `-V`,
/// so whatever is longer was meant as a whole word.
///
/// Also joins `-access-log combined`, the one value that a switch takes after a space: were any
/// word taken, so would be a command.
fn two_dashes(args: impl IntoIterator<Item = OsString>) -> Vec<OsString> {
    let mut args = args.into_iter().peekable();
    let mut only_values = false;
    let mut out = Vec::new();
    while let Some(mut arg) = args.next() {
        only_values |= arg == "--";
        if let Some(flag) = arg.to_str().and_then(|arg| arg.strip_prefix('-'))
            && !only_values
            && flag.starts_with(|c: char| c.is_ascii_alphabetic())
            && flag.split('=').next().is_some_and(|name| name.len() > 1)
        {
            arg = format!("--{flag}").into();
        }
        if !only_values
            && arg == "--access-log"
            && let Some(value) = args.next_if(|next| next == COMBINED)
        {
            arg.push("=");
            arg.push(value);
        }
        out.push(arg);
    }
    out
}

/// Returns clap's text as it is shown: flags with one dash, no spaces at the ends of lines, and
/// an error as one paragraph.
pub fn shown(error: &clap::Error) -> String {
    let text = one_dash(&error.to_string());
    let mut shown = String::with_capacity(text.len());
    for line in text.lines().map(str::trim_end) {
        if error.use_stderr() && line.is_empty() {
            continue;
        }
        // Pad for the removed dash, so that the second column stays aligned.
        let flag = line.trim_start();
        match flag.split_once("  ").filter(|_| flag.starts_with('-')) {
            Some((flag_part, rest)) => {
                let indent = &line[..line.len() - flag.len()];
                _ = writeln!(shown, "{indent}{flag_part}   {rest}");
            }
            None => _ = writeln!(shown, "{line}"),
        }
    }
    shown
}

/// A text of clap's, with flags spelled as Go tools spell them.
fn one_dash(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("--") {
        let (before, dashes) = rest.split_at(at);
        let starts_word = before.ends_with([' ', '\'', '[', '`', '<']) || before.is_empty();
        let names_flag = dashes[2..].starts_with(|c: char| c.is_ascii_lowercase());
        out.push_str(before);
        out.push_str(if starts_word && names_flag { "-" } else { "--" });
        rest = &dashes[2..];
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(args: &[&str]) -> Result<Cli, clap::Error> {
        parse(
            ["govanityurls"]
                .iter()
                .chain(args)
                .map(|arg| OsString::from(*arg)),
        )
    }

    #[test]
    fn the_definition_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn one_dash_or_two_space_or_equals() {
        for args in [
            &["-host", "a.example"] as &[_],
            &["--host", "a.example"],
            &["-host=a.example"],
            &["--host=a.example"],
            &["check", "-host", "a.example"],
            &["-host=a.example", "check"],
        ] {
            let host = parsed(args).unwrap().common.host;
            assert_eq!(host.unwrap().as_str(), "a.example", "{args:?}");
        }
    }

    #[test]
    fn help_and_version_in_every_spelling() {
        use clap::error::ErrorKind;
        for args in ["-h", "-help", "--help"] {
            assert_eq!(parsed(&[args]).unwrap_err().kind(), ErrorKind::DisplayHelp);
        }
        for args in ["-V", "-version", "--version"] {
            assert_eq!(
                parsed(&[args]).unwrap_err().kind(),
                ErrorKind::DisplayVersion
            );
        }
        // Not parsed as -h and three short flags that do not exist.
        assert_eq!(
            parsed(&["-hots", "x"]).unwrap_err().kind(),
            ErrorKind::UnknownArgument
        );
    }

    #[test]
    fn help_spells_flags_with_one_dash() {
        assert_eq!(
            one_dash("  --host <HOST>, '--config' a--b [--x] -- --"),
            "  -host <HOST>, '-config' a--b [-x] -- --"
        );
    }

    #[test]
    fn a_flag_beats_port() {
        let listen = |args: &[&str], port| {
            let addrs = parsed(args).unwrap().serve.listen(port)?;
            Ok::<_, String>(
                addrs
                    .iter()
                    .map(ToString::to_string)
                    .collect::<Vec<_>>()
                    .join(" "),
            )
        };
        assert_eq!(listen(&["-listen", ":1"], Some("2")).unwrap(), ":1");
        assert_eq!(
            listen(&["-listen", ":1", "-listen=unix:/x"], None).unwrap(),
            ":1 unix:/x"
        );
        assert_eq!(listen(&[], Some("2")).unwrap(), "0.0.0.0:2");
        assert_eq!(listen(&[], None).unwrap(), "0.0.0.0:8080");
        assert!(listen(&[], Some("x")).is_err());
    }
}
