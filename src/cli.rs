//! The command line: clap's definition, and the one-dash spelling of Go tools.

use std::ffi::OsString;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;

use clap::{Args, Parser, Subcommand, ValueEnum};
use tracing_subscriber::filter::Targets;

use crate::module::{Host, quoted};

/// The opening of the usage text, as the Go tool words it.
pub const ABOUT: &str =
    "govanityurls is a service that allows you to set custom import paths for your go packages";

const AFTER_HELP: &str = "\
Each flag may be written with one dash or two, and its value after a space or a `=`.
A flag beats its environment variable, which beats the file, which beats the default.
PORT in the environment sets the port of the default -listen address.
Signals: TERM and INT stop the server after the requests that are under way.";

/// What was typed.
#[derive(Debug, Parser)]
#[command(
    name = "govanityurls",
    version,
    about = ABOUT,
    override_usage = "govanityurls -host [HOST_NAME]\n       govanityurls [OPTIONS] [COMMAND]",
    after_help = AFTER_HELP,
    max_term_width = 100,
    disable_help_subcommand = true
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

/// The commands other than serving.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Validate the configuration, as `nginx -t` does
    Check,
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
        default_value = "vanity.yaml"
    )]
    pub config: PathBuf,
}

/// Flags of serving.
#[derive(Debug, Args)]
pub struct Serve {
    /// Where to listen: IP:PORT, or :PORT on every interface [default: 0.0.0.0:8080]
    #[arg(long, value_name = "ADDR", env = "GOVANITYURLS_LISTEN")]
    pub listen: Option<ListenAddr>,
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
        default_value = "info"
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

/// An address to listen on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ListenAddr {
    /// A TCP port of an interface.
    Tcp(SocketAddr),
}

impl FromStr for ListenAddr {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let with_host = match text {
            _ if text.starts_with(':') => format!("0.0.0.0{text}"),
            _ => text.replacen("localhost:", "127.0.0.1:", 1),
        };
        with_host.parse().map(Self::Tcp).map_err(|_| {
            let hint = match text.parse::<u16>() {
                Ok(port) => format!("write `:{port}`"),
                Err(_) => "write IP:PORT, such as `127.0.0.1:8080`, or `:8080`".to_owned(),
            };
            format!("{} is no address to listen on; {hint}", quoted(text))
        })
    }
}

impl std::fmt::Display for ListenAddr {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Tcp(addr) => addr.fmt(f),
        }
    }
}

impl Serve {
    /// Where to listen, given what PORT says in the environment.
    ///
    /// # Errors
    ///
    /// PORT is no port, and nothing else says where to listen.
    pub fn listen(&self, port: Option<&str>) -> Result<ListenAddr, String> {
        if let Some(listen) = &self.listen {
            return Ok(listen.clone());
        }
        let port = match port {
            None | Some("") => 8080,
            Some(port) => port.parse().map_err(|_| {
                format!(
                    "PORT={} in the environment is no port (0 to 65535)",
                    quoted(port)
                )
            })?,
        };
        Ok(ListenAddr::Tcp(SocketAddr::new(
            IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            port,
        )))
    }
}

fn host(text: &str) -> Result<Host, String> {
    Host::parse(text).map_err(|problem| match problem.hint {
        Some(hint) => format!("{}; {hint}", problem.message),
        None => problem.message,
    })
}

/// Reads the command line. An error is clap's, to be shown with [`one_dash`]; help and the
/// version come as errors too, which do not go to standard error.
///
/// # Errors
///
/// What clap finds wrong, or a request for help or the version.
pub fn parse(args: impl IntoIterator<Item = OsString>) -> Result<Cli, clap::Error> {
    Cli::try_parse_from(two_dashes(args))
}

/// Gives each flag that was written with one dash its second: clap takes `-host` for a
/// cluster of the short flags h, o, s and t. No flag here has a short form but `-h` and `-V`,
/// so whatever is longer was meant as a whole word.
fn two_dashes(args: impl IntoIterator<Item = OsString>) -> impl Iterator<Item = OsString> {
    let mut only_values = false;
    args.into_iter().map(move |arg| {
        only_values |= arg == "--";
        match arg.to_str().and_then(|arg| arg.strip_prefix('-')) {
            Some(flag)
                if !only_values
                    && flag.starts_with(|c: char| c.is_ascii_alphabetic())
                    && flag.split('=').next().is_some_and(|name| name.len() > 1) =>
            {
                format!("--{flag}").into()
            }
            _ => arg,
        }
    })
}

/// A text of clap's, with flags spelled as Go tools spell them.
pub fn one_dash(text: &str) -> String {
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
        use clap::CommandFactory;
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
        // Not a cluster of -h and three flags that do not exist.
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
    fn listen_addresses() {
        for (text, addr) in [
            ("127.0.0.1:80", "127.0.0.1:80"),
            (":8080", "0.0.0.0:8080"),
            ("[::1]:0", "[::1]:0"),
            ("localhost:1", "127.0.0.1:1"),
        ] {
            assert_eq!(text.parse::<ListenAddr>().unwrap().to_string(), addr);
        }
        assert!(
            "8080"
                .parse::<ListenAddr>()
                .unwrap_err()
                .contains("write `:8080`")
        );
        assert!("example.com:80".parse::<ListenAddr>().is_err());
    }

    #[test]
    fn a_flag_beats_port() {
        let cli = parsed(&["-listen", "127.0.0.1:1"]).unwrap();
        assert_eq!(
            cli.serve.listen(Some("2")).unwrap().to_string(),
            "127.0.0.1:1"
        );
        let cli = parsed(&[]).unwrap();
        assert_eq!(
            cli.serve.listen(Some("2")).unwrap().to_string(),
            "0.0.0.0:2"
        );
        assert_eq!(cli.serve.listen(None).unwrap().to_string(), "0.0.0.0:8080");
        assert!(cli.serve.listen(Some("x")).is_err());
    }
}
