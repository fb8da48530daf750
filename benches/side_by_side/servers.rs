//! The same page from each server in turn, over loopback.

use std::fs;
use std::process::Command;
use std::str::FromStr;
use std::time::Instant;

use crate::http::{self, Answer, Client};
use crate::process::{Process, free_port};
use crate::table::Table;
use crate::{Error, Lab, TARGET, nginx, wrk};

/// A server given on the command line.
#[derive(Clone)]
pub struct Peer {
    name: String,
    port: u16,
    command: String,
}

impl FromStr for Peer {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut parts = text.splitn(3, '=');
        let mut next = || parts.next().filter(|part| !part.is_empty());
        match (next(), next().and_then(|port| port.parse().ok()), next()) {
            (Some(name), Some(port), Some(command)) => Ok(Self {
                name: name.to_owned(),
                port,
                command: command.to_owned(),
            }),
            _ => Err("expected NAME=PORT=COMMAND"),
        }
    }
}

/// A server, and how to start it on a port.
struct Server<'a> {
    name: &'a str,
    /// `None` picks a new port each time. Rebinding a port with thousands of connections in
    /// TIME_WAIT takes the kernel ten milliseconds.
    port: Option<u16>,
    start: Box<dyn Fn(u16) -> Result<Process, Error> + 'a>,
}

const COLUMNS: [&str; 13] = [
    "server",
    "CPU µs",
    "requests/s",
    "p50 ms",
    "p99 ms",
    "new: CPU µs",
    "new: requests/s",
    "new: p99 ms",
    "idle MB",
    "loaded MB",
    "start ms",
    "binary MB",
    "errors",
];

pub fn measure(lab: &Lab, peers: &[Peer]) -> Result<(), Error> {
    let govanityurls =
        |port| lab.govanityurls(&lab.path("vanity.yaml"), &format!("127.0.0.1:{port}"));
    let port = free_port()?;
    let page = fetch(govanityurls(port)?, port)?;
    let (answer_file, page_file) = (lab.path("answer"), lab.path("page.html"));
    fs::write(&answer_file, [page.head.as_bytes(), &page.body].concat())?;
    fs::write(&page_file, &page.body)?;
    let headers = nginx_headers(&page.head);
    let nginx = |port, rule: &str| {
        let server =
            format!("listen 127.0.0.1:{port}; location = /gowechat {{\n{headers}{rule}\n}}");
        nginx::start(lab, &format!("server {{ {server} }}"))
    };
    let as_return = format!(
        "return 200 {};",
        nginx::quoted(&String::from_utf8(page.body)?)
    );
    let as_file = format!(
        "open_file_cache max=100; alias {};",
        nginx::quoted(&page_file.display().to_string())
    );
    let bare_hyper = |port: u16| {
        let mut command = Command::new(std::env::current_exe()?);
        command
            .args(["--bare-hyper", &port.to_string()])
            .arg(&answer_file);
        Process::start(&mut command, lab.path("hyper.log"))
    };
    let start_peer = |peer: &Peer| {
        let mut command = Command::new("sh");
        command.args(["-c", &format!("exec {}", peer.command)]);
        Process::start(&mut command, lab.path("peer.log"))
    };

    let server = |name, start| Server {
        name,
        port: None,
        start,
    };
    let mut servers = vec![
        server("govanityurls", Box::new(govanityurls) as Box<_>),
        server("nginx, return", Box::new(|port| nginx(port, &as_return))),
        server("nginx, file", Box::new(|port| nginx(port, &as_file))),
        server("bare hyper", Box::new(bare_hyper)),
    ];
    for peer in peers {
        servers.push(Server {
            name: &peer.name,
            port: Some(peer.port),
            start: Box::new(move |_| start_peer(peer)),
        });
    }
    let mut table = Table::new(&COLUMNS);
    for _ in 0..lab.rounds {
        for server in &servers {
            eprintln!("servers: {}", server.name);
            let values = measure_one(lab, server);
            table.add(
                server.name,
                values.map_err(|error| format!("{}: {error}", server.name))?,
            );
        }
    }
    table.print("Servers");
    table.print_ratios("Servers, as multiples of govanityurls");
    Ok(())
}

fn measure_one(lab: &Lab, server: &Server<'_>) -> Result<Vec<f64>, Error> {
    let port = server.port.map_or_else(free_port, Ok)?;
    if Client::connect(port).is_ok() {
        return Err(format!("something listens on port {port} already").into());
    }
    let start = Instant::now();
    let mut process = (server.start)(port)?;
    let first = http::first_answer(&mut process, start, port, TARGET)?;
    let idle = process.resident();
    let url = format!("http://127.0.0.1:{port}{TARGET}");
    let kept = wrk::run(lab, &[&process], &url, &[])?;
    let new = wrk::run(lab, &[&process], &url, &["--header=Connection: close"])?;
    let megabytes = |bytes: u64| bytes as f64 / 1e6;
    Ok(vec![
        kept.cpu,
        kept.per_second,
        kept.p50,
        kept.p99,
        new.cpu,
        new.per_second,
        new.p99,
        megabytes(idle),
        megabytes(process.resident()),
        first.as_secs_f64() * 1e3,
        megabytes(process.executable_size()?),
        kept.errors + new.errors,
    ])
}

/// Returns the response that all servers must send.
fn fetch(mut server: Process, port: u16) -> Result<Answer, Error> {
    http::first_answer(&mut server, Instant::now(), port, TARGET)?;
    Ok(Client::connect(port)?.get(TARGET)?)
}

/// Returns the nginx directives for the same headers.
fn nginx_headers(head: &str) -> String {
    http::own_headers(head)
        .map(|(name, value)| match name {
            "content-type" => format!("types {{}} default_type {};\n", nginx::quoted(value)),
            "etag" => format!("etag off; add_header ETag {};\n", nginx::quoted(value)),
            _ => format!("add_header {name} {};\n", nginx::quoted(value)),
        })
        .collect()
}
