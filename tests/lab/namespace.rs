//! How the body of a test gets into namespaces of its own: the test runs itself again in them.

use std::any::type_name;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{env, fs};

use super::Lab;

/// Set to the lab's directory in the run that is inside.
const INSIDE: &str = "TEST_LAB";

/// What happens between the namespaces and the test. Sockets must be reachable, /etc/hosts is
/// ours, and a test that hangs is ended. Users other than root have no sbin in their PATH.
const SETUP: &str = r#"
    PATH=$PATH:/usr/sbin:/sbin
    ip link set lo up &&
    mount --bind "$TEST_LAB/hosts" /etc/hosts &&
    exec timeout --signal KILL 600 "$@"
"#;

/// Runs the body of a test in a lab. To be called with a closure, straight from the test's
/// function: the closure's type tells the test's name.
pub fn enter<F: FnOnce(Lab)>(body: F) {
    let outcome = run::<F>(body);
    if let Some(Outcome { passed, output, .. }) = outcome {
        println!("{output}");
        assert!(passed, "the test failed in its lab; its output is above");
    }
}

/// Like [`enter`], for a body that is meant to fail, saying `message`.
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

/// None inside, where the body was run and has not failed.
fn run<F: FnOnce(Lab)>(body: F) -> Option<Outcome> {
    if let Some(dir) = env::var_os(INSIDE) {
        body(Lab::new(PathBuf::from(dir)));
        return None;
    }
    // go_get::the_test::{{closure}}
    let (_, name) = type_name::<F>().split_once("::").unwrap();
    let name = name.strip_suffix("::{{closure}}").unwrap();

    let dir = tempfile::Builder::new().prefix("lab-").tempdir().unwrap();
    fs::write(dir.path().join("hosts"), "").unwrap();
    // The namespace must not outlive the test, should that be killed.
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
        // A name that is none would run no test, and succeed.
        passed: output.status.success() && stdout.contains("1 passed"),
        failed: !output.status.success() && stdout.contains("1 failed"),
        output: stdout + &stderr,
    })
}

/// The command lines of the processes that belong to the lab in `dir`.
pub fn processes_of(dir: &Path) -> Vec<String> {
    let dir = dir.to_str().unwrap();
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        // A process that ends meanwhile, or is another user's, reads as nothing.
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
