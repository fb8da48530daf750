//! The program: parses the arguments, runs the command, exits with its status.

use std::process::ExitCode;

use govanityurls::internal::{parse, run};

fn main() -> ExitCode {
    let result = match parse(std::env::args_os()) {
        Ok(cli) => run(&cli),
        Err(error) => Err(error.into()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}
