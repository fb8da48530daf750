//! `govanityurls completions SHELL`: prints the completions of a shell.

use clap::CommandFactory as _;
use clap_complete::Shell;

use super::{Failure, print};
use crate::cli::Cli;

/// Prints the completions, generated from the definition of the command line.
pub fn run(shell: Shell) -> Result<(), Failure> {
    print(&completions(shell))
}

/// Returns the completions. clap's know flags with two dashes only; those of bash, zsh and fish
/// get lines that read `-host` as `--host`.
fn completions(shell: Shell) -> String {
    let mut command = Cli::command();
    let name = command.get_name().to_owned();
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut command, name, &mut script);
    let script = String::from_utf8_lossy(&script).into_owned();
    let after = |place: &str, lines: &str| script.replacen(place, &format!("{place}{lines}"), 1);
    match shell {
        Shell::Bash => after("    prev=\"$3\"\n", BASH),
        Shell::Zsh => after("    local ret=1\n", ZSH),
        Shell::Fish => old_style(&after("    set -e cmd[1]\n", FISH)),
        _ => script,
    }
}

const BASH: &str = r#"    [[ $cur == -[a-z]* ]] && cur="-$cur"
    [[ $prev == -[a-z][a-z]* ]] && prev="-$prev"
"#;

const ZSH: &str = r#"    words=("${(@)words/#-(#b)([a-z][a-z]##)/--$match[1]}")
    [[ $PREFIX == -[a-z]* ]] && PREFIX=-$PREFIX
"#;

const FISH: &str = r"    set cmd (string replace -r -- '^-([a-z]{2})' '--$1' $cmd)
";

/// Adds to each flag what fish calls an old-style option, with one dash.
fn old_style(script: &str) -> String {
    let mut out = String::with_capacity(script.len());
    for line in script.split_inclusive('\n') {
        match line.split_once(" -l ") {
            Some((before, rest)) if line.starts_with("complete ") => {
                let name = rest.split([' ', '\n']).next().unwrap_or_default();
                out.push_str(&format!("{before} -o {name} -l {rest}"));
            }
            _ => out.push_str(line),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shells_complete_flags_with_one_dash() {
        for (shell, lines) in [
            (Shell::Bash, BASH),
            (Shell::Zsh, ZSH),
            (Shell::Fish, FISH),
            (Shell::Fish, " -o host -l host "),
            (Shell::Fish, " -o help -l help "),
        ] {
            assert!(completions(shell).contains(lines), "{shell}: {lines}");
        }
    }
}
