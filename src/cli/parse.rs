//! Reading the command line as Go tools do: one dash or two.

use std::ffi::{OsStr, OsString};
use std::fmt::Write as _;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, CommandFactory as _, FromArgMatches as _};

use super::{COMBINED, Cli, switch};
use crate::text::{escaped, nearest};

/// What the name of a flag's variable starts with.
const PREFIX: &str = "GOVANITYURLS_";

/// Reads the command line. An error is clap's, to be shown with [`shown`]; help and the
/// version come as errors too, which do not go to standard error.
///
/// # Errors
///
/// What clap finds wrong, or a request for help or the version.
pub fn parse(args: impl IntoIterator<Item = OsString>) -> Result<Cli, clap::Error> {
    let args = two_dashes(args);
    // An empty variable counts as unset: that is how an environment file, or a container's
    // environment, leaves one out. A flag beats its variable, even where clap reads the variable
    // first: for a flag behind a command.
    let is_empty = |name: &OsStr| std::env::var_os(name).is_some_and(|value| value.is_empty());
    let mut command = Cli::command().mut_args(|arg| {
        match arg.get_env().is_some_and(is_empty) || is_typed(&arg, &args) {
            true => arg.env(None::<&'static str>),
            false => arg,
        }
    });
    let args = with_commands(&command, args);
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
        let is_help = |arg: &OsString| arg == HELP || arg == "-h";
        if args[at] == "version" {
            args[at] = "--version".into();
        } else if args[at] == "help" {
            args.remove(at);
            // `help help` is about the program.
            if args.get(at).is_some_and(|arg| arg == "help") {
                args.remove(at);
            }
            args.push(HELP.into());
        } else if let Some(help) = args[..at].iter().position(is_help) {
            args.remove(help);
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

/// Returns whether the flag itself was given, so that its variable does not count.
fn is_typed(flag: &Arg, args: &[OsString]) -> bool {
    let mut words = args.iter().take_while(|arg| *arg != "--");
    words.any(|arg| {
        let name = arg.to_str().and_then(|arg| arg.strip_prefix("--"));
        name.is_some_and(|name| name.split('=').next() == flag.get_long())
    })
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
            let variable =
                context(&error, ContextKind::InvalidArg).and_then(|arg| variable_of(command, &arg));
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
            // GoogleCloudPlatform/govanityurls takes the file as its argument.
            if word.ends_with(".yaml") || word.ends_with(".yml") {
                let message = format!("'{word}' is not a command: write --config {word}");
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

/// Returns the variable that the value of `arg` is from; none for a flag that was typed.
fn variable_of(command: &clap::Command, arg: &str) -> Option<String> {
    let flag = arg.split([' ', '[', '=']).next()?;
    let variable = long_flag(command, OsStr::new(flag))?.get_env()?;
    Some(variable.to_string_lossy().into_owned())
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

    #[test]
    fn clap_accepts_the_definition() {
        Cli::command().debug_assert();
    }

    #[test]
    fn help_shows_flags_with_one_dash() {
        assert_eq!(
            one_dash("  --host <HOST>, '--config' a--b [--x] -- --"),
            "  -host <HOST>, '-config' a--b [-x] -- --"
        );
    }
}
