//! The command line: how host and address are chosen, exit statuses, and which stream gets what.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use crate::support::{self, PATIENCE, SEED, Server, program, wait_until};
use tempfile::TempDir;

/// First line of the usage text.
const USAGE: &str =
    "govanityurls is a service that allows you to set custom import paths for your go packages";

fn directory(config: &str) -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("vanity.yaml"), config).unwrap();
    directory
}

/// Runs the program to completion in `directory`.
fn run(directory: &Path, args: &[&str], env: &[(&str, &str)]) -> Output {
    let mut command = program();
    command.current_dir(directory).args(args);
    command.envs(env.iter().copied());
    output_of(command)
}

fn output_of(command: Command) -> Output {
    assert_cmd::Command::from_std(command)
        .timeout(PATIENCE)
        .output()
        .unwrap()
}

fn stdout(output: &Output) -> &str {
    std::str::from_utf8(&output.stdout).unwrap()
}

fn stderr(output: &Output) -> &str {
    std::str::from_utf8(&output.stderr).unwrap()
}

/// Copies the program to a place that every user can run it from; the build directory may be
/// private.
///
/// A separate process makes the copy: if this one had the file open for writing, a test in another
/// thread could fork, and the kernel would refuse to run the copy.
fn copy_of_program(directory: &Path) -> PathBuf {
    let copy = directory.join("govanityurls");
    let status = Command::new("cp")
        .arg(env!("CARGO_BIN_EXE_govanityurls"))
        .arg(&copy)
        .status();
    assert!(status.unwrap().success());
    copy
}

/// Asserts that it exited with `status` and explained why in a few lines on standard error: one
/// paragraph, but for errors of clap, which begin with `error:`.
fn assert_refused(output: &Output, status: i32, words: &[&str]) {
    let said = stderr(output);
    assert_eq!(output.status.code(), Some(status), "{said}");
    assert_eq!(stdout(output), "");
    assert!(!said.contains("panicked"), "{said}");
    let is_one_paragraph = !said.trim_end().contains("\n\n");
    assert!(is_one_paragraph || said.starts_with("error: "), "{said}");
    assert!((1..=8).contains(&said.lines().count()), "{said}");
    for word in words {
        assert!(said.contains(word), "no {word:?} in:\n{said}");
    }
}

/// Starts a server in `directory`. Unless `args` or `env` override it, PORT=0 picks a free port.
fn serve(directory: &Path, args: &[&str], env: &[(&str, &str)]) -> Server {
    let mut command = program();
    command.current_dir(directory).args(args).env("PORT", "0");
    command.envs(env.iter().copied());
    Server::spawn(command)
}

/// Returns the import path in the page of `/gowechat`.
fn served(server: &Server) -> String {
    let page = server.get("/gowechat?go-get=1");
    assert_eq!(page.status, 200);
    let (_, content) = page.body.split_once(r#""go-import" content=""#).unwrap();
    content.split(' ').next().unwrap().to_owned()
}

#[test]
#[ignore = "needs unshare; tests/run runs it"]
fn listens_on_port_8080_by_default() {
    // In its own network namespace, the port is always free.
    let directory = directory(SEED);
    let mut inside = Command::new("unshare");
    inside.args(["--map-root-user", "--net", "sh", "-c"]).arg(
        "ip link set lo up && exec \"$0\" commands::cli::listens_by_default_in_a_namespace --exact --ignored --nocapture",
    );
    inside
        .arg(std::env::current_exe().unwrap())
        .current_dir(&directory);
    let output = output_of(inside);
    assert!(output.status.success(), "{output:?}");
    assert!(stdout(&output).contains("1 passed"), "{output:?}");
}

#[test]
#[ignore = "run by listens_on_port_8080_by_default"]
fn listens_by_default_in_a_namespace() {
    if TcpListener::bind("0.0.0.0:8080").is_err() {
        // Run by hand, the port may be in use.
        return;
    }
    let directory = directory(SEED);
    let mut command = program();
    command
        .current_dir(&directory)
        .args(["-host", "tonybai.com"]);
    let server = Server::spawn(command);
    assert!(
        server.log[0].ends_with(" on 0.0.0.0:8080"),
        "{:?}",
        server.log
    );
    assert_eq!(server.addr.port(), 8080);
    assert_eq!(served(&server), "tonybai.com/gowechat");
}

#[test]
fn listens_on_every_interface_by_default() {
    let directory = directory(SEED);
    let server = serve(directory.path(), &["-host", "tonybai.com"], &[]);
    assert!(server.log[0].contains(" on 0.0.0.0:"), "{:?}", server.log);
    assert_eq!(served(&server), "tonybai.com/gowechat");
}

#[test]
fn every_spelling_of_the_host() {
    let directory = directory(SEED);
    for (args, env) in [
        (&["-host", "tonybai.com"] as &[_], None),
        (&["--host", "tonybai.com"], None),
        (&["-host=tonybai.com"], None),
        (&["--host=tonybai.com"], None),
        (&[], Some(("GOVANITYURLS_HOST", "tonybai.com"))),
    ] {
        let server = serve(directory.path(), args, env.as_slice());
        assert_eq!(served(&server), "tonybai.com/gowechat", "{args:?} {env:?}");
    }
}

#[test]
fn a_flag_beats_the_environment_beats_the_file() {
    let in_file = format!("host: file.example\n{SEED}");
    let directory = directory(&in_file);
    let env = [("GOVANITYURLS_HOST", "env.example")];
    for (args, env, host) in [
        (
            &["-host=flag.example"] as &[_],
            &env as &[_],
            "flag.example",
        ),
        (&["-host=flag.example"], &[], "flag.example"),
        (&[], &env, "env.example"),
        (&[], &[], "file.example"),
    ] {
        let server = serve(directory.path(), args, env);
        assert_eq!(served(&server), format!("{host}/gowechat"));
    }
}

#[test]
fn a_flag_beats_the_environment_beats_port_for_the_address() {
    let directory = directory(SEED);
    let port = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = port.local_addr().unwrap().port();
    // Only the first of these is free; the server fails to start on any other.
    let listen = "127.0.0.1:0";
    let taken = "192.0.2.1:1";
    let host = "-host=tonybai.com";
    for (args, env) in [
        (
            &[host, "-listen", listen] as &[_],
            &[("GOVANITYURLS_LISTEN", taken), ("PORT", "x")] as &[_],
        ),
        (&[host], &[("GOVANITYURLS_LISTEN", listen), ("PORT", "x")]),
    ] {
        let server = serve(directory.path(), args, env);
        assert!(server.log[0].contains(" on 127.0.0.1:"), "{:?}", server.log);
    }
    // Another process may take the free port first; then there is nothing to check.
    let port = port.to_string();
    if TcpStream::connect(format!("127.0.0.1:{port}")).is_err() {
        let server = serve(directory.path(), &[host], &[("PORT", &port)]);
        assert_eq!(server.addr.port().to_string(), port);
    }
}

#[test]
fn a_file_that_names_its_hosts_needs_no_flag() {
    let directory = directory(
        "one.example/gowechat:\n  repo: https://h.example/1\n\
         two.example/gowechat:\n  repo: https://h.example/2\n",
    );
    assert_eq!(
        served(&serve(directory.path(), &[], &[])),
        "one.example/gowechat"
    );
}

#[test]
fn missing_host_and_file_prints_usage() {
    let directory = tempfile::tempdir().unwrap();
    let output = run(directory.path(), &[], &[]);
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(stdout(&output), "");
    let said = stderr(&output);
    assert!(said.starts_with(USAGE), "{said}");
    assert!(
        said.contains("\n  govanityurls -host [HOST_NAME]\n"),
        "{said}"
    );
}

#[test]
fn a_file_without_a_host_is_named() {
    let directory = directory(SEED);
    for (args, file) in [
        (&[][..], "vanity.yaml"),
        (&["serve"], "vanity.yaml"),
        (&["-config", "./vanity.yaml"], "./vanity.yaml"),
    ] {
        let output = run(directory.path(), args, &[]);
        assert_eq!(output.status.code(), Some(2));
        assert_eq!(
            stderr(&output),
            format!("govanityurls: {file} names no host: add -host HOST, or host: in the file\n")
        );
    }
}

#[test]
fn help_and_version_are_commands_too() {
    let directory = directory(SEED);
    let version = concat!("govanityurls ", env!("CARGO_PKG_VERSION"), "\n");
    let about = format!("{USAGE}\n\nUsage: govanityurls [OPTIONS] [COMMAND]\n");
    let check = "Validate the configuration, as `nginx -t` does, and show every error\n\n\
                 Usage: govanityurls check [OPTIONS] [FILE]...\n";
    for (args, opening) in [
        (&["-h"][..], &*about),
        (&["-help"], &about),
        (&["--help"], &about),
        (&["help"], &about),
        (&["-host=a.example", "-help"], &about),
        (&["help", "check"], check),
        (&["check", "-help"], check),
        (&["help", "serve"], "Serve; the default\n"),
        (&["version"], version),
        (&["-V"], version),
        (&["-version"], version),
        (&["--version"], version),
    ] {
        let output = run(directory.path(), args, &[]);
        assert_eq!((output.status.code(), stderr(&output)), (Some(0), ""));
        assert!(stdout(&output).starts_with(opening), "{args:?}: {output:?}");
    }
    let said = run(directory.path(), &["-help"], &[]);
    for words in [
        "--host <HOST>",
        "--listen",
        "--config",
        "--repo",
        "  check ",
    ] {
        assert!(stdout(&said).contains(words), "{words}: {said:?}");
    }
    let said = run(directory.path(), &["check", "-help"], &[]);
    assert!(stdout(&said).contains("--host") && !stdout(&said).contains("--listen"));
}

#[test]
fn serve_is_a_command_and_the_default() {
    let directory = directory(SEED);
    for args in [
        &["serve", "-host=tonybai.com", "-listen=127.0.0.1:0"][..],
        &["-host", "tonybai.com", "serve"],
    ] {
        assert_eq!(
            served(&serve(directory.path(), args, &[])),
            "tonybai.com/gowechat"
        );
    }
    // A flag of serving before a command would have no effect.
    for command in ["serve", "check"] {
        let output = run(directory.path(), &["-host=a.b", "-listen=:0", command], &[]);
        assert_refused(&output, 2, &["--listen", &format!("`{command}`")]);
    }
    // A flag's value is not a command.
    let output = run(directory.path(), &["-config", "serve", "check"], &[]);
    assert_refused(&output, 1, &["serve: ", "no such file"]);
}

#[test]
fn repo_takes_the_place_of_a_file() {
    let empty = tempfile::tempdir().unwrap();
    let content = |server: &Server, path: &str| {
        let page = server.get(&format!("{path}?go-get=1")).body;
        let (_, content) = page.split_once(r#""go-import" content=""#).unwrap();
        content.split('"').next().unwrap().to_owned()
    };
    let every = "https://github.com/example/*";
    let one = "https://github.com/example/one";
    let host = "-host=go.example.com";
    let env = [("GOVANITYURLS_REPO", every)];
    let file = [("GOVANITYURLS_CONFIG", "vanity.yaml")];
    for (args, env) in [
        (&[host, "-repo", every][..], &[][..]),
        (&[host], &env),
        // A flag beats a variable.
        (&[host, "-repo", every], &file),
    ] {
        let mut server = serve(empty.path(), args, env);
        assert_eq!(
            content(&server, "/hello/sub"),
            "go.example.com/hello git https://github.com/example/hello"
        );
        assert!(server.log[0].contains(&format!(" from {every} on ")));
        server.signal("HUP");
        server.wait_for_line("nothing to reload");
    }
    let server = serve(empty.path(), &[host, "-repo", one], &[]);
    assert_eq!(
        content(&server, "/any"),
        format!("go.example.com git {one}")
    );

    let output = run(empty.path(), &["check", host, "-repo", every], &[]);
    assert_eq!(
        stdout(&output),
        format!("{every}: ok, 1 module on go.example.com\n"),
        "{output:?}"
    );
    let output = run(empty.path(), &["nginx", host, "-repo", every], &[]);
    assert!(stdout(&output).contains("location / {"), "{output:?}");
    let output = run(
        empty.path(),
        &["export", host, "-repo", one, "-out=out"],
        &[],
    );
    assert!(output.status.success(), "{output:?}");
    let page = std::fs::read_to_string(empty.path().join("out/index.html")).unwrap();
    assert!(page.contains(one), "{page}");

    for (args, words) in [
        (
            &["-repo", every] as &[_],
            &["-repo names no host", "-host HOST"] as &[_],
        ),
        (
            &[host, "-repo", "github.com/example/*"],
            &["-repo: ", "https://"],
        ),
        (
            &[host, "-repo", "https://u:secret@a.example/*"],
            &["-repo: ", "credentials"],
        ),
        (&[host, "-repo", "https://a.example/*/*"], &["-repo: "]),
        (
            &[host, "-repo", one, "-config", "x"],
            &["--repo or --config"],
        ),
        (
            &[host, "-repo", one, "check", "-config", "x"],
            &["--repo or --config"],
        ),
        (&["check", host, "-repo", one, "x"], &["-repo"]),
        (&[host, "-repo", one, "-watch"], &["-watch", "-repo"]),
    ] {
        let output = run(empty.path(), args, &[]);
        assert_refused(&output, 2, words);
        assert!(!stderr(&output).contains("secret"), "{output:?}");
    }
}

#[test]
fn switches_in_the_environment() {
    let directory = directory(SEED);
    let host = ("GOVANITYURLS_HOST", "tonybai.com");
    for (value, is_on) in [
        ("1", true),
        ("true", true),
        ("Yes", true),
        ("on", true),
        ("0", false),
        ("False", false),
        ("no", false),
        ("off", false),
        ("", false),
    ] {
        let env = [
            host,
            ("GOVANITYURLS_ACCESS_LOG", value),
            ("GOVANITYURLS_WATCH", value),
        ];
        let mut server = serve(directory.path(), &[], &env);
        server.get("/gowechat");
        server.signal("TERM");
        server.wait_for_line("stopped");
        let is_logged = server.log.iter().any(|line| line.contains("request peer"));
        assert_eq!(is_logged, is_on, "{value}");
    }
    // As in Go's tools.
    for args in [
        &["-watch", "-host=a.b"][..],
        &["-watch=true", "-host=a.b"],
        &["--watch=false", "-host=a.b"],
    ] {
        serve(directory.path(), args, &[]);
    }
}

#[test]
fn a_bad_variable_is_named_by_its_flag() {
    let directory = directory(SEED);
    for (name, value, words) in [
        ("GOVANITYURLS_HOST", "x", "`x`"),
        ("GOVANITYURLS_LISTEN", ":70000", "0 to 65535"),
        ("GOVANITYURLS_ADMIN", "9090", "`:9090`"),
        ("GOVANITYURLS_WATCH", "maybe", "not a boolean"),
        ("GOVANITYURLS_ACCESS_LOG", "maybe", "not a boolean"),
        (
            "GOVANITYURLS_LOG_LEVEL",
            "loud",
            "possible values: off, error, ",
        ),
        ("GOVANITYURLS_LOG_FORMAT", "xml", "json"),
        ("GOVANITYURLS_MAX_CONNECTIONS", "0", "1..=1000000"),
        ("GOVANITYURLS_SOCKET_MODE", "9", "octal"),
    ] {
        let output = run(directory.path(), &["-config=vanity.yaml"], &[(name, value)]);
        let flag = name.strip_prefix("GOVANITYURLS_").unwrap().to_lowercase();
        assert_refused(
            &output,
            2,
            &[&format!("'--{}", flag.replace('_', "-")), words],
        );
    }
    let env = [("GOVANITYURLS_HOST", "env.example")];
    for args in [["-host=a.example", "check"], ["check", "-host=a.example"]] {
        let output = run(directory.path(), &args, &env);
        assert_eq!(stdout(&output), "vanity.yaml: ok, 2 modules on a.example\n");
    }
}

#[test]
fn names_output_that_cannot_be_written() {
    let directory = directory(&format!("host: a.example\n{SEED}"));
    for args in [
        &["-help"][..],
        &["version"],
        &["check"],
        &["nginx"],
        &["schema"],
    ] {
        let mut command = program();
        let full = std::fs::File::options().write(true).open("/dev/full");
        command
            .current_dir(&directory)
            .args(args)
            .stdout(full.unwrap());
        let output = command.stderr(Stdio::piped()).spawn().unwrap();
        let output = output.wait_with_output().unwrap();
        assert_refused(
            &output,
            1,
            &["govanityurls: cannot write to standard output: the disk is full"],
        );
    }
}

#[test]
fn start_notes_a_file_that_others_can_write() {
    use std::os::unix::fs::{PermissionsExt as _, chown};
    let directory = directory(SEED);
    let file = directory.path().join("vanity.yaml");
    let mode = |mode| {
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).unwrap();
    };
    let noted = |command: Command| {
        let mut server = Server::spawn(command);
        server.signal("TERM");
        server.wait_for_line("stopped");
        let note = server.log.iter().find(|line| line.contains(" WARN "));
        note.map(|line| line.split_once(" WARN ").unwrap().1.to_owned())
    };
    let args = ["-host=a.b", "-listen=127.0.0.1:0"];
    let command = || {
        let mut command = program();
        command.current_dir(&directory).args(args);
        command
    };
    mode(0o646);
    assert_eq!(
        noted(command()).unwrap(),
        "vanity.yaml: every user of this machine may change it; run `chmod o-w` on it"
    );
    mode(0o644);
    let is_root = Command::new("id").arg("-u").output().unwrap().stdout == b"0\n";
    if !is_root {
        assert!(noted(command()).unwrap().contains("`chown root`"));
        return;
    }
    assert_eq!(noted(command()), None);
    use std::os::unix::process::CommandExt as _;
    let copy = copy_of_program(directory.path());
    let everybody = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(directory.path(), everybody).unwrap();
    let as_nobody = || {
        let mut command = Command::new(&copy);
        command.current_dir(&directory).args(args);
        command.uid(65534).gid(65534);
        command
    };
    assert_eq!(noted(as_nobody()), None);
    chown(&file, Some(65534), None).unwrap();
    assert!(noted(as_nobody()).unwrap().contains("`chown root`"));
}

#[test]
fn usage_errors_exit_2() {
    let directory = directory(SEED);
    for (args, words) in [
        (
            &["-hots", "a.example"] as &[_],
            &["'--hots'", "'--host'"] as &[_],
        ),
        (&["-host", "localhost"], &["`localhost`", "dot"]),
        (&["-host", "Example.com"], &["`example.com`"]),
        (&["-host", "https://a.example/b"], &["`a.example`"]),
        (&["-host"], &["--host", "value"]),
        (&["-host", "a.b", "-host", "c.d"], &["--host", "multiple"]),
        (&["-host=a.b", "-listen", "8080"], &["`8080`", "`:8080`"]),
        (
            &["-host=a.b", "-listen", "1.2.3.4:99999"],
            &["1.2.3.4:99999"],
        ),
        (&["-host=a.b", "-log-format", "xml"], &["'xml'", "json"]),
        (&["-log-level", "warning"], &["'warning'", "'warn'"]),
        (&["-log-level", "loud"], &["'loud'", "possible values"]),
        (&["-listen", ":70000"], &["`:70000`", "0 to 65535"]),
        (&["-listen", "::1:8080"], &["`[::1]:8080`"]),
        (&["-max-connections", "abc"], &["'abc'", "invalid digit"]),
        (&["-watch=maybe"], &["'maybe'", "boolean"]),
        (&["-access-log=nginx"], &["'nginx'", "boolean"]),
        (&["chekc"], &["'chekc'", "'check'"]),
        (
            &["verify", "-host=a.b", "/team/*"],
            &["`/team/*` is a pattern", "`/team/name`"],
        ),
        (&["vanity.yaml"], &["'vanity.yaml'", "--help"]),
        (&["frobnicate"], &["'frobnicate'", "'--help'"]),
    ] {
        assert_refused(&run(directory.path(), args, &[]), 2, words);
    }
    let output = run(directory.path(), &["-host=a.b"], &[("PORT", "http")]);
    assert_refused(&output, 2, &["PORT", "`http`"]);
}

#[test]
fn machine_and_file_errors_exit_1() {
    let directory = directory("/a:\n  rep: https://h.example/a\n");
    let bad = directory.path();
    let host = "-host=tonybai.com";
    assert_refused(
        &run(bad, &[host], &[]),
        1,
        &["vanity.yaml:2:3: ", "`rep`", "did you mean `repo`?"],
    );
    assert_refused(
        &run(bad, &[host, "-config", "none.yaml"], &[]),
        1,
        &["none.yaml: ", "no such file", "-config"],
    );
    assert_refused(&run(bad, &[host, "-config", "."], &[]), 1, &["directory"]);

    let directory = self::directory(SEED);
    let good = directory.path();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken
        .local_addr()
        .map(|addr| (addr.to_string(), taken))
        .unwrap();
    assert_refused(
        &run(good, &[host, "-listen", &taken.0], &[]),
        1,
        &[&taken.0, "in use", "-listen", "-admin"],
    );
    // From a block reserved for documentation: no machine has it.
    assert_refused(
        &run(good, &[host, "-listen", "192.0.2.1:8080"], &[]),
        1,
        &["192.0.2.1:8080", "no such address"],
    );
}

#[test]
fn low_port_without_privileges_exits_1() {
    use std::os::unix::process::CommandExt as _;
    let lowest = std::fs::read_to_string("/proc/sys/net/ipv4/ip_unprivileged_port_start");
    if lowest.ok().and_then(|port| port.trim().parse().ok()) < Some(2) {
        // Here, any user may bind low ports.
        return;
    }
    let directory = directory(SEED);
    let copy = copy_of_program(directory.path());
    let is_root = Command::new("id").arg("-u").output().unwrap().stdout == b"0\n";
    let mut command = Command::new(copy);
    command
        .args(["-host=tonybai.com", "-listen", "127.0.0.1:1", "-config"])
        .arg(directory.path().join("vanity.yaml"));
    if is_root {
        use std::os::unix::fs::PermissionsExt as _;
        let everybody = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(directory.path(), everybody).unwrap();
        command.current_dir("/").uid(65534).gid(65534);
    }
    let words = ["127.0.0.1:1:", "permission denied", "-listen"];
    assert_refused(&output_of(command), 1, &words);
}

#[test]
fn check_says_what_is_in_the_file() {
    let directory = directory(SEED);
    for (args, said) in [
        (
            &["check"] as &[_],
            "vanity.yaml: ok, 2 modules, no host: serving needs -host\n",
        ),
        (
            &["check", "-host", "a.example"],
            "vanity.yaml: ok, 2 modules on a.example\n",
        ),
        (
            &["-host=a.example", "check"],
            "vanity.yaml: ok, 2 modules on a.example\n",
        ),
        (
            &["check", "-config=./vanity.yaml"],
            "./vanity.yaml: ok, 2 modules, no host: serving needs -host\n",
        ),
    ] {
        let output = run(directory.path(), args, &[]);
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        assert_eq!((stdout(&output), stderr(&output)), (said, ""));
    }
    std::fs::write(directory.path().join("vanity.yaml"), "/a: {}\n").unwrap();
    assert_refused(
        &run(directory.path(), &["check"], &[]),
        1,
        &["vanity.yaml:1:1: ", "1 | /a: {}", "^", "hint: "],
    );
}

#[test]
fn a_signal_stops_it_and_frees_the_port() {
    for signal in ["TERM", "INT"] {
        let mut server = Server::start(SEED);
        // An idle connection must not delay the stop.
        let idle = server.connect();
        server.signal(signal);
        assert_eq!(server.wait().code(), Some(0), "{signal}");
        assert!(TcpStream::connect(server.addr).is_err());
        drop(idle);
    }
}

#[test]
fn closed_stdout_is_not_an_error() {
    let directory = directory(SEED);
    for args in [&["-help"] as &[_], &["-version"], &["check"]] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let mut command = program();
        command.current_dir(&directory).args(args);
        let output = command.stdout(writer).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        assert_eq!(stderr(&output), "");
    }
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let status = program().arg("-nonsense").stderr(writer).status().unwrap();
    assert_eq!(status.code(), Some(2));
}

/// A process that is killed when dropped.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// With `stderr` as its standard error, a server still answers many requests that each produce a
/// log line, and still stops on request.
fn assert_serves_with(stderr: Stdio) {
    let directory = directory(SEED);
    let addr = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let mut command = program();
    command
        .current_dir(&directory)
        .args(["-host=tonybai.com", "-access-log", "-listen"])
        .arg(addr.to_string())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(stderr);
    let mut server = Killed(command.spawn().unwrap());
    let connect = || {
        let stream = TcpStream::connect(addr).ok()?;
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Some(stream)
    };
    wait_until("it listens", connect);
    // More than a pipe holds.
    for _ in 0..1500 {
        let mut stream = connect().unwrap();
        stream
            .write_all(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            .unwrap();
        stream.read_to_end(&mut Vec::new()).unwrap();
    }
    let mut stream = connect().unwrap();
    stream
        .write_all(b"GET /gowechat HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    support::signal(server.0.id(), "TERM");
    let status = wait_until("it ends", || server.0.try_wait().unwrap());
    assert_eq!(status.code(), Some(0));
}

#[test]
fn closed_stderr_is_ignored() {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    assert_serves_with(writer.into());
}

#[test]
fn full_stderr_pipe_does_not_block_requests() {
    let (reader, writer) = std::io::pipe().unwrap();
    assert_serves_with(writer.into());
    drop(reader);
}
