//! wrk, the HTTP load generator.

use std::process::Command;
use std::time::Duration;

use crate::process::{Process, tool};
use crate::{Error, HOST, Lab};

/// wrk's results and the servers' CPU time.
pub struct Load {
    pub requests: f64,
    pub per_second: f64,
    /// In milliseconds, like the next.
    pub p50: f64,
    pub p99: f64,
    /// Requests that failed, or got a status other than 2xx or 3xx.
    pub errors: f64,
    /// CPU time of all servers per request, in microseconds.
    pub cpu: f64,
}

/// Sends requests to `url` over 32 connections for the duration of a measurement. `more` are extra
/// arguments for wrk.
pub fn run(lab: &Lab, servers: &[&Process], url: &str, more: &[&str]) -> Result<Load, Error> {
    let cpu = || servers.iter().map(|server| server.cpu()).sum::<Duration>();
    let before = cpu();
    let mut command = Command::new(tool("wrk")?);
    command
        .args(["--threads=1", "--connections=32", "--latency"])
        .args([
            format!("--duration={}s", lab.seconds),
            format!("--header=Host: {HOST}"),
        ])
        .args(more)
        .arg(url);
    let output = Process::start(&mut command, lab.path("wrk.log"))?.finish()?;
    let used = cpu() - before;
    let read = || {
        let requests = before_word(&output, " requests in ")?.parse().ok()?;
        let errors = output
            .lines()
            .filter(|line| line.contains("Socket errors: ") || line.contains("Non-2xx"))
            .flat_map(|line| line.split([' ', ',']))
            .filter_map(|count| count.parse::<f64>().ok());
        Some(Load {
            requests,
            per_second: after_word(&output, "Requests/sec:")?.parse().ok()?,
            p50: millis(after_word(&output, " 50%")?)?,
            p99: millis(after_word(&output, " 99%")?)?,
            errors: errors.sum(),
            cpu: used.as_secs_f64() * 1e6 / requests,
        })
    };
    let load = read().ok_or_else(|| format!("cannot parse wrk's output:\n{output}"))?;
    Ok(load)
}

fn after_word<'a>(text: &'a str, word: &str) -> Option<&'a str> {
    text.split_once(word)?.1.split_whitespace().next()
}

fn before_word<'a>(text: &'a str, word: &str) -> Option<&'a str> {
    text.split_once(word)?.0.split_whitespace().next_back()
}

/// Parses a time printed by wrk, in milliseconds.
fn millis(text: &str) -> Option<f64> {
    let number = text.trim_end_matches(char::is_alphabetic);
    let unit = match &text[number.len()..] {
        "us" => 1e-3,
        "ms" => 1.0,
        "s" => 1e3,
        "m" => 6e4,
        _ => return None,
    };
    Some(number.parse::<f64>().ok()? * unit)
}
