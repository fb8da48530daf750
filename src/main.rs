//! The program: parse, run the command, exit with its status.

use std::io::{self, Write as _};
use std::process::ExitCode;

use govanityurls::{cli, commands};

fn main() -> ExitCode {
    let cli = match cli::parse(std::env::args_os()) {
        Ok(cli) => cli,
        Err(error) => {
            let text = cli::one_dash(&error.to_string());
            // Nobody may be reading (`govanityurls -help | head -1`), and where print! panics
            // nothing is lost.
            if error.use_stderr() {
                let _ = io::stderr().write_all(text.replace("\n\n", "\n").as_bytes());
                return ExitCode::from(2);
            }
            let _ = io::stdout().write_all(text.as_bytes());
            return ExitCode::SUCCESS;
        }
    };
    match commands::run(&cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            let text = failure.to_string();
            if !text.is_empty() {
                let _ = writeln!(io::stderr(), "{text}");
            }
            failure.status()
        }
    }
}
