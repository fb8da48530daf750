//! nginx with TLS in front of the program, for each way to connect the two.

use std::process::Command;
use std::time::Instant;

use crate::http::{self, Client};
use crate::process::{Process, free_port, tool};
use crate::table::Table;
use crate::{Error, Lab, TARGET, nginx, wrk};

/// Part of nginx's configuration.
struct Rule {
    name: &'static str,
    /// Content of the `http` block.
    upstream: String,
    /// Content of the `server` block.
    location: String,
    /// Where the program listens; `None` if nginx answers by itself.
    listen: Option<String>,
}

const FORWARDED: &str = "\
    proxy_set_header Host $host;
    proxy_set_header X-Real-IP $remote_addr;
    proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
    proxy_redirect off;
    proxy_http_version 1.1;
";

pub fn measure(lab: &Lab) -> Result<(), Error> {
    certificate(lab)?;
    let mut table = Table::new(&[
        "rule",
        "CPU µs",
        "of it nginx",
        "requests/s",
        "p50 ms",
        "p99 ms",
        "errors",
    ]);
    for _ in 0..lab.rounds {
        for rule in rules(lab)? {
            eprintln!("front: {}", rule.name);
            table.add(rule.name, measure_one(lab, &rule)?);
        }
    }
    table.print("Behind nginx with TLS");
    table.print_ratios("Behind nginx with TLS, as multiples of the first rule");
    Ok(())
}

fn rules(lab: &Lab) -> Result<[Rule; 5], Error> {
    let address = format!("127.0.0.1:{}", free_port()?);
    let socket = format!("unix:{}", lab.path("http.sock").display());
    let printed = |name, listen: &str, flags: &[&str]| -> Result<Rule, Error> {
        let output = Command::new(env!("CARGO_BIN_EXE_govanityurls"))
            .args(["nginx", "-host", "tonybai.com", "-upstream", listen])
            .args(flags)
            .arg("-config")
            .arg(lab.path("vanity.yaml"))
            .output()?;
        let text = String::from_utf8(output.stdout)?;
        let (upstream, location) = text
            .split_once("# In the server block")
            .ok_or("`govanityurls nginx` printed no server block")?;
        Ok(Rule {
            name,
            // Keeps the cache in the measurement's directory.
            upstream: upstream.replace("/var/cache/", ""),
            location: format!("#{location}"),
            listen: Some(listen.to_owned()),
        })
    };
    Ok([
        Rule {
            name: "one connection per request",
            upstream: String::new(),
            location: format!(
                "location /gowechat {{\n{FORWARDED}\
                 proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection \"upgrade\";\n\
                 proxy_pass http://{address};\n}}"
            ),
            listen: Some(address.clone()),
        },
        printed("printed, TCP", &address, &[])?,
        printed("printed, Unix socket", &socket, &[])?,
        printed("printed, cache", &address, &["-cache"])?,
        Rule {
            name: "nginx alone, return",
            upstream: String::new(),
            location: "location /gowechat { default_type text/html; return 200 $page; }".to_owned(),
            listen: None,
        },
    ])
}

fn measure_one(lab: &Lab, rule: &Rule) -> Result<Vec<f64>, Error> {
    // For nginx alone, fetch the page from the program first.
    let port = free_port()?;
    let address = format!("127.0.0.1:{port}");
    let listen = rule.listen.as_deref().unwrap_or(&address);
    let mut upstream = lab.govanityurls(&lab.path("vanity.yaml"), listen)?;
    upstream.wait_for("govanityurls serves", |process| {
        process.log().contains("serving ").then_some(())
    })?;
    let page = match rule.listen {
        Some(_) => String::new(),
        None => String::from_utf8(Client::connect(port)?.get(TARGET)?.body)?,
    };
    let (plain, tls) = (free_port()?, free_port()?);
    let mut nginx = nginx::start(
        lab,
        &format!(
            "geo $page {{ default {}; }}\n{}\nserver {{\n\
             listen 127.0.0.1:{plain}; listen 127.0.0.1:{tls} ssl;\n\
             ssl_certificate front.pem; ssl_certificate_key front.key;\n{}\n}}",
            nginx::quoted(&page),
            rule.upstream,
            rule.location
        ),
    )?;
    http::first_answer(&mut nginx, Instant::now(), plain, TARGET)?;
    let before = nginx.cpu();
    let url = format!("https://127.0.0.1:{tls}{TARGET}");
    let load = wrk::run(lab, &[&nginx, &upstream], &url, &[])?;
    Ok(vec![
        load.cpu,
        (nginx.cpu() - before).as_secs_f64() * 1e6 / load.requests,
        load.per_second,
        load.p50,
        load.p99,
        load.errors,
    ])
}

/// Creates front.pem and front.key, self-signed.
fn certificate(lab: &Lab) -> Result<(), Error> {
    let mut command = Command::new(tool("openssl")?);
    command
        .current_dir(lab.dir.path())
        .args(["req", "-x509", "-nodes", "-days", "2", "-newkey", "ec"])
        .args([
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-subj",
            "/CN=localhost",
        ])
        .args(["-keyout", "front.key", "-out", "front.pem"]);
    Process::start(&mut command, lab.path("openssl.log"))?.finish()?;
    Ok(())
}
