//! The program: parse, run the command, exit with its status.

use std::process::ExitCode;

use govanityurls::{cli, commands, terminal};

fn main() -> ExitCode {
    let result = match cli::parse(std::env::args_os()) {
        Ok(cli) => commands::run(&cli),
        Err(error) if error.use_stderr() => {
            terminal::print_error(&cli::shown(&error));
            return ExitCode::from(2);
        }
        Err(error) => terminal::print_coloured(&cli::shown(&error)).map_err(Into::into),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            // In JSON the log has it already.
            if !failure.is_logged() {
                terminal::print_error(&format!("{failure}\n"));
            }
            failure.status()
        }
    }
}
