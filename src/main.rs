//! The program: parses the arguments, runs the command, exits with its status.

use std::ffi::OsString;
use std::process::ExitCode;

use govanityurls::internal::{Handlers, parse, print_coloured, print_error, run, shown};

fn main() -> ExitCode {
    // Installed first, so that no signal kills a server that has just started. Other commands keep
    // the default: a signal ends them.
    let serves = |first: OsString| first == "serve" || first.as_encoded_bytes().starts_with(b"-");
    let handlers = std::env::args_os()
        .nth(1)
        .is_none_or(serves)
        .then(Handlers::install);
    let result = match parse(std::env::args_os()) {
        Ok(cli) => run(&cli, handlers),
        Err(error) if error.use_stderr() => {
            print_error(&shown(&error));
            return ExitCode::from(2);
        }
        Err(error) => print_coloured(&shown(&error)).map_err(Into::into),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            // With JSON output, the log has it already.
            if !failure.is_logged() {
                print_error(&format!("{failure}\n"));
            }
            failure.status()
        }
    }
}
