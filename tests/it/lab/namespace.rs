//! Runs the body of a test in its own namespaces, by running the test binary again inside them.

use std::any::type_name;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{env, fs};

use super::Lab;

/// Set to the lab's directory in the run inside the namespaces.
const INSIDE: &str = "TEST_LAB";

/// Prepares the namespaces: brings up loopback, mounts our /etc/hosts, and adds sbin to PATH, which
/// only root has by default. A test that hangs is killed.
const SETUP: &str = r#"
    PATH=$PATH:/usr/sbin:/sbin
    ip link set lo up &&
    mount --bind "$TEST_LAB/hosts" /etc/hosts &&
    exec timeout --signal KILL 600 "$@"
"#;

/// Runs the body of a test in a lab. Call it with a closure directly in the test function: the
/// test's name comes from the closure's type.
pub fn enter<F: FnOnce(Lab)>(body: F) {
    let outcome = run::<F>(body);
    if let Some(Outcome { passed, output, .. }) = outcome {
        println!("{output}");
        assert!(passed, "the test failed in its lab; its output is above");
    }
}

/// Like [`enter`], for a body that must fail with `message`.
pub fn enter_and_fail<F: FnOnce(Lab)>(message: &str, body: F) {
    let outcome = run::<F>(body);
    if let Some(Outcome { failed, output, .. }) = outcome {
        assert!(failed && output.contains(message), "{output}");
    }
}

struct Outcome {
    passed: bool,
    failed: bool,
    output: String,
}

/// Returns `None` inside the namespaces, where the body has run and succeeded.
fn run<F: FnOnce(Lab)>(body: F) -> Option<Outcome> {
    if let Some(dir) = env::var_os(INSIDE) {
        body(Lab::new(PathBuf::from(dir)));
        return None;
    }
    // it::lab::go_get::the_test::{{closure}}
    let (_, name) = type_name::<F>().split_once("::").unwrap();
    let name = name.strip_suffix("::{{closure}}").unwrap();

    let dir = tempfile::Builder::new().prefix("lab-").tempdir().unwrap();
    fs::write(dir.path().join("hosts"), "").unwrap();
    // The namespace must not outlive a test that is killed.
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL", "unshare"]);
    if !is_root() {
        command.arg("--map-root-user");
    }
    let output = command
        .args(["--net", "--mount", "--pid", "--mount-proc"])
        .args(["--fork", "--kill-child", "sh", "-c", SETUP, "sh"])
        .arg(env::current_exe().unwrap())
        .args([name, "--exact", "--include-ignored", "--nocapture"])
        .env(INSIDE, dir.path())
        .stdin(Stdio::null())
        .output()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert_eq!(processes_of(dir.path()), [""; 0], "left behind");

    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
    Some(Outcome {
        // With a wrong name, no test would run and the run would succeed.
        passed: output.status.success() && stdout.contains("1 passed"),
        failed: !output.status.success() && stdout.contains("1 failed"),
        output: stdout + &stderr,
    })
}

/// Returns the command lines of processes that belong to the lab in `dir`.
pub fn processes_of(dir: &Path) -> Vec<String> {
    let dir = dir.to_str().unwrap();
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        // A process that has exited or belongs to another user reads as empty.
        let read = |file| fs::read(entry.path().join(file)).unwrap_or_default();
        let (command, environment) = (read("cmdline"), read("environ"));
        let text = |bytes| String::from_utf8_lossy(bytes).replace('\0', " ");
        if text(&command).contains(dir) || text(&environment).contains(dir) {
            found.push(text(&command));
        }
    }
    found
}

fn is_root() -> bool {
    super::run(Command::new("id").arg("-u")).trim() == "0"
}
