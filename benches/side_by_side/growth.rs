//! The cost of more modules: start, memory, each kind of request, a reload under load.

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::http::{self, Client};
use crate::process::{Process, free_port};
use crate::table::Table;
use crate::{Error, Lab, wrk};

const SIZES: [usize; 4] = [1, 1_000, 100_000, 250_000];
/// Number of modules requested in turn, spread over the file.
const REQUESTED: usize = 10_000;
/// Interval between one client's requests during a reload.
const INTERVAL: Duration = Duration::from_millis(4);
const CLIENTS: u32 = 4;
/// How long to measure before and after a reload; the old site is dropped afterwards.
const MARGIN: Duration = Duration::from_secs(1);

pub fn measure(lab: &Lab) -> Result<(), Error> {
    let mut loads = Table::new(&[
        "modules",
        "start ms",
        "idle MB",
        "loaded MB",
        "one page: CPU µs",
        "pages: CPU µs",
        "subpaths: CPU µs",
        "misses: CPU µs",
        "pages: p99 ms",
        "errors",
    ]);
    let mut reloads = Table::new(&[
        "modules",
        "reload ms",
        "p99 ms before",
        "p99 ms during",
        "slowest ms before",
        "slowest ms during",
    ]);
    for _ in 0..lab.rounds {
        for size in SIZES {
            eprintln!("growth: {size}");
            measure_one(lab, size, &mut loads, &mut reloads)?;
        }
    }
    loads.print("Growth");
    reloads.print(&format!(
        "Reload under {} requests/s",
        CLIENTS * 1000 / INTERVAL.as_millis() as u32
    ));
    Ok(())
}

fn path(index: usize) -> String {
    format!("/g{}/m{index}", index / 1000)
}

fn entry(index: usize) -> String {
    format!("{}:\n  repo: https://github.com/o/m{index}\n", path(index))
}

fn measure_one(
    lab: &Lab,
    size: usize,
    loads: &mut Table,
    reloads: &mut Table,
) -> Result<(), Error> {
    let config = lab.path("growth.yaml");
    let mut text: String = (0..size).map(entry).collect();
    fs::write(&config, &text)?;
    let port = free_port()?;
    let start = Instant::now();
    let mut server = lab.govanityurls(&config, &format!("127.0.0.1:{port}"))?;
    let hot = path(size / 2);
    let first = http::first_answer(&mut server, start, port, &hot)?;
    let idle = server.resident();

    let url = format!("http://127.0.0.1:{port}{hot}?go-get=1");
    let one = wrk::run(lab, &[&server], &url, &[])?;
    let spread = |suffix: &str| {
        // Render each page beforehand: rendering is not part of the lookup.
        let script = script(size, suffix);
        let file = lab.path("paths.lua");
        fs::write(&file, script)?;
        warm_up(port, size, suffix)?;
        wrk::run(
            lab,
            &[&server],
            &url,
            &["--script", &file.display().to_string()],
        )
    };
    let pages = spread("")?;
    let subpaths = spread("/pkg/sub")?;
    let misses = spread("x")?;
    let errors = one.errors + pages.errors + subpaths.errors;
    let megabytes = |bytes: u64| bytes as f64 / 1e6;
    loads.add(
        &size.to_string(),
        vec![
            first.as_secs_f64() * 1e3,
            megabytes(idle),
            megabytes(server.resident()),
            one.cpu,
            pages.cpu,
            subpaths.cpu,
            misses.cpu,
            pages.p99,
            errors,
        ],
    );

    text.push_str(&entry(size));
    fs::write(&config, text)?;
    reloads.add(&size.to_string(), reload(&mut server, port, &hot)?);
    Ok(())
}

/// Returns the path of each module to request.
fn requested_paths(size: usize, suffix: &str) -> impl Iterator<Item = String> {
    let step = size.div_ceil(REQUESTED);
    (0..size)
        .step_by(step)
        .map(move |index| path(index) + suffix + "?go-get=1")
}

/// Writes a script that makes wrk cycle through the paths.
fn script(size: usize, suffix: &str) -> String {
    let mut script = "local requests, index = {}, 0\nfunction init()\n".to_owned();
    script.push_str("  for _, path in ipairs({\n");
    for path in requested_paths(size, suffix) {
        let _ = writeln!(script, "    {path:?},");
    }
    script.push_str(
        "  }) do requests[#requests + 1] = wrk.format('GET', path) end\nend\n\
         function request()\n  index = index % #requests + 1\n  return requests[index]\nend\n",
    );
    script
}

/// Requests each path once.
fn warm_up(port: u16, size: usize, suffix: &str) -> io::Result<()> {
    let mut client = Client::connect(port)?;
    for path in requested_paths(size, suffix) {
        client.get(&path)?;
    }
    Ok(())
}

/// Reloads the file under constant load.
fn reload(server: &mut Process, port: u16, target: &str) -> Result<Vec<f64>, Error> {
    let stop = &AtomicBool::new(false);
    let begin = Instant::now();
    thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS)
            .map(|index| {
                let first = begin + INTERVAL * index / CLIENTS;
                scope.spawn(move || request_steadily(port, target, first, stop))
            })
            .collect();
        thread::sleep(MARGIN);
        let signalled = Instant::now();
        let reloaded = server.signal("HUP").map_err(Error::from).and_then(|()| {
            server.wait_for("govanityurls has read the file again", |process| {
                process
                    .log()
                    .contains("reloaded ")
                    .then(|| signalled.elapsed())
            })
        });
        thread::sleep(MARGIN);
        stop.store(true, Ordering::Relaxed);
        let (mut before, mut during) = (Vec::new(), Vec::new());
        for client in clients {
            for (sent, took) in client.join().unwrap()? {
                let when = if sent + took < signalled {
                    &mut before
                } else {
                    &mut during
                };
                when.push(took.as_secs_f64() * 1e3);
            }
        }
        let (before, during) = (p99_and_slowest(before), p99_and_slowest(during));
        let took = reloaded?.as_secs_f64() * 1e3;
        Ok(vec![took, before.0, during.0, before.1, during.1])
    })
}

/// Sends requests on a fixed schedule until told to stop. Latency counts from the scheduled time,
/// so a late response shows in the requests after it.
fn request_steadily(
    port: u16,
    target: &str,
    first: Instant,
    stop: &AtomicBool,
) -> io::Result<Vec<(Instant, Duration)>> {
    let mut client = Client::connect(port)?;
    let mut times = Vec::new();
    let mut due = first;
    while !stop.load(Ordering::Relaxed) {
        let now = Instant::now();
        let sent = if now < due {
            thread::sleep(due - now);
            Instant::now()
        } else {
            due
        };
        if client.get(target)?.status != 200 {
            return Err(io::Error::other("a request failed during the reload"));
        }
        times.push((sent, sent.elapsed()));
        due += INTERVAL;
    }
    Ok(times)
}

fn p99_and_slowest(mut times: Vec<f64>) -> (f64, f64) {
    times.sort_by(f64::total_cmp);
    let at = |index: usize| times.get(index).copied().unwrap_or(f64::NAN);
    (
        at(times.len() * 99 / 100),
        at(times.len().saturating_sub(1)),
    )
}
