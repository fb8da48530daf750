//! `govanityurls man [COMMAND]`: prints a manual page.

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
govanityurls check \-\-config /etc/govanityurls/vanity.yaml
systemctl enable \-\-now govanityurls
systemctl reload govanityurls
govanityurls nginx \-\-config /etc/govanityurls/vanity.yaml
.fi
.SH "SEE ALSO"
.BR nginx (8),
.BR systemctl (1),
https://go.dev/ref/mod#vcs\-find
"#;

/// Prints the page of the program, or of a command, from the definition of the command line.
pub fn run(name: Option<&str>) -> Result<(), Failure> {
    let mut program = Cli::command()
        .about("serves Go vanity import paths")
        .long_about(ABOUT)
        .disable_help_subcommand(true);
    // Gives each command its full name and the flags of every command.
    program.build();
    let Some(name) = name else {
        return print(&(page(program)? + MORE));
    };
    let Some(command) = program.find_subcommand(name) else {
        return Err(Failure::usage(format!("`{name}` is not a command")));
    };
    print(&page(command.clone())?)
}

fn page(command: Command) -> Result<String, Failure> {
    let mut page = Vec::new();
    // No date, so that builds are reproducible; a space, because an empty argument is lost.
    Man::new(command)
        .date(" ")
        .source(concat!("govanityurls ", env!("CARGO_PKG_VERSION")))
        .manual("User Commands")
        .render(&mut page)?;
    Ok(String::from_utf8_lossy(&page).into_owned())
}
