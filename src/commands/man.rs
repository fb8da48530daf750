//! `govanityurls man`: prints the manual page.

use std::io;

use clap::{Command, CommandFactory as _};
use clap_mangen::Man;

use super::{Failure, print};
use crate::cli::{ABOUT, Cli};

/// Sections that the definition of the command line does not have.
const MORE: &str = r#".SH FILES
.TP
/etc/govanityurls/vanity.yaml
The configuration of the packaged service. /usr/share/doc/govanityurls/examples has an example
of every key, and /usr/share/govanityurls/vanity.schema.json the schema for editors.
.TP
/etc/govanityurls/env
Environment variables of the service, one a line, such as GOVANITYURLS_ACCESS_LOG=on.
.SH "EXIT STATUS"
.TP
0
Stopped as asked, or the command did its work.
.TP
1
The configuration or the machine refused.
.TP
2
The command line is wrong.
.SH EXAMPLES
.nf
govanityurls check \-config /etc/govanityurls/vanity.yaml
systemctl enable \-\-now govanityurls
systemctl reload govanityurls
govanityurls nginx \-config /etc/govanityurls/vanity.yaml
.fi
.SH "SEE ALSO"
.BR nginx (8),
.BR systemctl (1),
https://go.dev/ref/mod#vcs\-find
"#;

/// Prints the page, generated from the definition of the command line.
pub fn run() -> Result<(), Failure> {
    let command = Cli::command();
    let commands: Vec<Command> = command.get_subcommands().cloned().collect();
    let command = command
        .long_about(ABOUT)
        .about("serves Go vanity import paths")
        .disable_help_subcommand(true);
    let man = Man::new(command)
        .title("govanityurls")
        .section("1")
        // No date, so that builds are reproducible; a space, because an empty argument is lost.
        .date(" ")
        .manual("User Commands");
    let mut page = Vec::new();
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    man.render_options_section(&mut page)?;
    let mut page = roff(page) + ".SH COMMANDS\n";
    for command in commands {
        page += &subsection(command)?;
    }
    let mut notes = Vec::new();
    man.render_extra_section(&mut notes)?;
    print(&(page + &roff(notes).replace(".SH EXTRA", ".SH NOTES") + MORE))
}

/// Returns a command's part of the page: its arguments, its description and its own flags.
fn subsection(command: Command) -> io::Result<String> {
    let name = command.get_name().to_owned();
    let mut arguments = String::new();
    for argument in command.get_positionals() {
        arguments += &format!(" {argument}");
    }
    let has_flags = command.get_arguments().next().is_some();
    let man = Man::new(command.disable_help_flag(true).disable_version_flag(true));
    let (mut description, mut flags) = (Vec::new(), Vec::new());
    man.render_description_section(&mut description)?;
    if has_flags {
        man.render_options_section(&mut flags)?;
    }
    let heading = format!(".SS \"govanityurls {name}{arguments}\"");
    Ok(roff(description).replace(".SH DESCRIPTION", &heading)
        + &roff(flags).replace(".SH OPTIONS\n", ""))
}

/// Returns the rendered text, with flags spelled as Go tools spell them.
fn roff(bytes: Vec<u8>) -> String {
    String::from_utf8_lossy(&bytes).replace(r"\-\-", r"\-")
}
