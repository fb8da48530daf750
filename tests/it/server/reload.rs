//! The configuration is replaced under load.

use std::fs;
use std::path::Path;
use std::process::Output;

use crate::load::{self, Answers, Load, answers};
use crate::support::{Server, program, wait_until};

/// Two sites that differ in every module and in their sets of modules.
const A: &str = "\
/gowechat:
  repo: https://github.com/bigwhite/gowechat
/x/experiments:
  repo: https://github.com/bigwhite/experiments
/only:
  repo: https://github.com/bigwhite/only
";
const B: &str = "\
cache_max_age: 60
/gowechat:
  repo: https://gitlab.com/moved/gowechat
/x/experiments:
  repo: https://gitlab.com/moved/experiments
/new:
  repo: https://gitlab.com/moved/new
";
/// Its first module is valid, and must still not be served.
const BROKEN: &str = "\
/gowechat:
  repo: https://wrong.example/gowechat
/x/experiments:
  repos: https://wrong.example/experiments
";

/// Returns the responses for both sites, with A served again at the end.
fn answers_of_both(server: &mut Server) -> [Answers; 2] {
    let a = answers(server.addr);
    write(server, B);
    server.signal("HUP");
    server.wait_for_line("reloaded ");
    let b = answers(server.addr);
    write(server, A);
    server.signal("HUP");
    server.wait_for_line("reloaded ");

    let target = "/gowechat?go-get=1";
    for (answers, repo) in [(&a, "github.com/bigwhite"), (&b, "gitlab.com/moved")] {
        let tag = format!("content=\"tonybai.com/gowechat git https://{repo}/gowechat\"");
        assert!(answers[target].body.contains(&tag));
        assert_eq!(answers[target].status, 200);
    }
    assert_eq!(a["/only?go-get=1"].status, 200);
    assert_eq!(b["/only?go-get=1"].status, 404);
    let tag = |answers: &Answers| answers[target].header("etag").unwrap().to_owned();
    assert_ne!(tag(&a), tag(&b));
    [a, b]
}

fn write(server: &Server, text: &str) {
    fs::write(server.config(), text).unwrap();
}

fn check(file: &Path) -> Output {
    let mut command = program();
    command.current_dir(file.parent().unwrap());
    command.args(["check", "-host", "tonybai.com"]);
    command.output().unwrap()
}

#[test]
fn two_hundred_reloads_under_load_lose_no_request() {
    let mut server = Server::start(A);
    let both = answers_of_both(&mut server);
    let addr = server.addr;
    let requests = Load::during(addr, &both, |load| {
        let mut serving = 0;
        for round in 1..=200 {
            let said = if round % 10 == 0 {
                write(&server, BROKEN);
                "reload refused"
            } else {
                serving = 1 - serving;
                write(&server, [A, B][serving]);
                "reloaded "
            };
            server.signal("HUP");
            server.wait_for_line(said);
            assert_eq!(answers(addr), both[serving], "round {round}");
        }
        load.goes_on(1);
    });
    assert!(requests > 200, "{requests}");
}

#[test]
fn failed_reload_logs_what_check_prints() {
    let mut server = Server::start(A);
    let before = answers(server.addr);
    write(&server, BROKEN);
    let said = check(&server.config());
    assert!(!said.status.success());
    let said = String::from_utf8(said.stderr).unwrap();
    assert!(said.contains("did you mean `repo`?"), "{said}");

    server.signal("HUP");
    let first = server.wait_for_line("reload refused, the old configuration stays");
    assert!(first.contains("ERROR"), "{first}");
    for line in said.lines() {
        // Exactly the lines that follow.
        assert_eq!(server.wait_for_line(""), line);
    }
    assert_eq!(answers(server.addr), before);

    fs::remove_file(server.config()).unwrap();
    server.signal("HUP");
    server.wait_for_line("reload refused");
    server.wait_for_line("vanity.yaml");
    assert_eq!(answers(server.addr), before);

    // It recovers.
    write(&server, B);
    server.signal("HUP");
    server.wait_for_line("reloaded ");
    assert_ne!(answers(server.addr), before);
}

#[test]
fn the_log_names_what_changed() {
    let mut server = Server::start(A);
    let mut reload = |text: &str| {
        write(&server, text);
        server.signal("HUP");
        let line = server.wait_for_line("reloaded ");
        line.split_once("modules; ").unwrap().1.to_owned()
    };
    assert_eq!(reload(A), "nothing changed");
    assert_eq!(
        reload(B),
        "1 added (tonybai.com/new), 1 removed (tonybai.com/only), \
         2 altered (tonybai.com/gowechat, tonybai.com/x/experiments)"
    );
    assert_eq!(reload(&B.replace("60", "61")), "settings changed");
    let many: String = (0..20)
        .map(|n| format!("/many/{n}:\n  repo: https://git.example/{n}\n"))
        .collect();
    let line = reload(&format!("{B}{many}"));
    assert!(line.starts_with("20 added (tonybai.com/many/"), "{line}");
    assert!(line.ends_with(", …)"), "{line}");
    assert!(line.len() < 400, "{line}");
}

#[test]
fn signals_during_a_reload_cause_one_more_reload() {
    let mut server = Server::start(A);
    // Large enough that the signals arrive during the read.
    let many: String = (0..20_000)
        .map(|n| format!("/many/{n}:\n  repo: https://git.example/{n}\n"))
        .collect();
    write(&server, &format!("{B}{many}"));
    server.signal("HUP");
    server.wait_for_line("SIGHUP: reloading");
    for _ in 0..3 {
        server.signal("HUP");
    }
    server.wait_for_line("20001 added");
    server.wait_for_line("nothing changed");

    write(&server, &format!("{A}{many}"));
    server.signal("HUP");
    server.wait_for_line("1 added (tonybai.com/only)");
    let lines = server.log.iter();
    let reloads = lines.filter(|line| line.contains("SIGHUP: reloading"));
    assert_eq!(reloads.count(), 3, "{:#?}", server.log);
}

/// Each of these would block a reader, or never end.
#[test]
fn only_a_regular_file_is_read_again() {
    let mut server = Server::start_with(A, &["-watch", "-admin", "127.0.0.1:0"]);
    let file = server.config();
    let other = file.with_extension("other");
    let mut reloads = 0;
    let made = std::process::Command::new("mkfifo").arg(&other).status();
    assert!(made.unwrap().success());
    let make: [(&str, &dyn Fn()); 4] = [
        ("it is a pipe", &|| ()),
        ("it is a socket", &|| {
            drop(std::os::unix::net::UnixListener::bind(&other).unwrap());
        }),
        ("it is a device", &|| {
            std::os::unix::fs::symlink("/dev/zero", &other).unwrap();
        }),
        ("it is a directory", &|| fs::create_dir(&other).unwrap()),
    ];
    for (why, make) in make {
        make();
        fs::remove_file(&file).unwrap();
        fs::rename(&other, &file).unwrap();
        server.signal("HUP");
        server.wait_for_line("reload refused, the old configuration stays");
        let said = server.wait_for_line(why);
        assert!(said.contains("vanity.yaml: "), "{said}");
        reloads += 1;
    }
    assert_eq!(server.get("/only").status, 200);
    fs::remove_dir(&file).unwrap();
    write(&server, B);
    server.wait_for_line("1 added (tonybai.com/new)");
    let (_, admin) = server.log[0].rsplit_once(" on ").unwrap();
    let admin = admin.parse().unwrap();
    let mut client = load::Client::connect(admin).unwrap();
    let text = client.get("/metrics", "close").unwrap().body;
    let failures = text.lines().find_map(|line| {
        line.strip_prefix("govanityurls_config_reloads_total{outcome=\"failure\"} ")
    });
    assert!(
        failures.unwrap().parse::<u32>().unwrap() >= reloads,
        "{text}"
    );
}

#[test]
fn sighup_along_with_a_watched_edit_reloads_once() {
    let mut server = Server::start_with(A, &["-watch"]);
    for text in [B, A] {
        write(&server, text);
        server.signal("HUP");
        server.wait_for_line("reloaded ");
    }
    // The watch reports this edit, and has reported none before.
    write(&server, B);
    server.wait_for_line("the file has changed: reloading");
    server.wait_for_line("reloaded ");
    let lines = server.log.iter();
    let reloads = lines.filter(|line| line.contains("reloaded vanity.yaml "));
    assert_eq!(reloads.count(), 3, "{:#?}", server.log);
}

/// Replaces the watched file with one that has this text.
type Replace = fn(&Path, &str);

fn by_truncating(file: &Path, text: &str) {
    // As a shell's `>` does: the file is briefly empty, then partial.
    use std::io::Write as _;
    let mut file = fs::File::create(file).unwrap();
    let (half, rest) = text.split_at(text.len() / 2);
    file.write_all(half.as_bytes()).unwrap();
    file.write_all(rest.as_bytes()).unwrap();
}

fn by_renaming(file: &Path, text: &str) {
    let new = file.with_extension("new");
    fs::write(&new, text).unwrap();
    fs::rename(new, file).unwrap();
}

/// As Kubernetes does: vanity.yaml -> ..data/vanity.yaml, ..data -> ..2026_1, and only `..data` is
/// replaced.
fn by_swapping_links(file: &Path, text: &str) {
    use std::os::unix::fs::symlink;
    let dir = file.parent().unwrap();
    let data = tempfile::Builder::new()
        .prefix("..2026_")
        .tempdir_in(dir)
        .unwrap()
        .keep();
    fs::write(data.join("vanity.yaml"), text).unwrap();
    let old = fs::canonicalize(dir.join("..data"));
    symlink(data.file_name().unwrap(), dir.join("..data_tmp")).unwrap();
    fs::rename(dir.join("..data_tmp"), dir.join("..data")).unwrap();
    if !file.is_symlink() {
        let _ = fs::remove_file(file);
        symlink("..data/vanity.yaml", file).unwrap();
    }
    if let Ok(old) = old {
        fs::remove_dir_all(old).unwrap();
    }
}

fn watched(replace: Replace) {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("vanity.yaml");
    replace(&file, A);
    let mut command = program();
    command
        .args(["-watch", "-host", "tonybai.com", "-listen", "127.0.0.1:0"])
        .arg("-config")
        .arg(&file);
    let mut server = Server::spawn(command);
    let addr = server.addr;
    let a = answers(addr);
    replace(&file, B);
    server.wait_for_line("the file has changed: reloading");
    server.wait_for_line("reloaded ");
    let both = [a, answers(addr)];
    assert_ne!(both[0], both[1]);

    Load::during(addr, &both, |load| {
        let mut serving = 1;
        for round in 1..=8 {
            let said = if round % 4 == 0 {
                replace(&file, BROKEN);
                "reload refused"
            } else {
                serving = 1 - serving;
                replace(&file, [A, B][serving]);
                "reloaded "
            };
            server.wait_for_line(said);
            assert_eq!(answers(addr), both[serving], "round {round}");
        }
        load.goes_on(1);
    });
    let refused = |server: &Server| {
        let lines = server.log.iter();
        lines.filter(|line| line.contains("reload refused")).count()
    };
    assert_eq!(refused(&server), 2, "{:#?}", server.log);

    // A file that is briefly missing is not an error: it is about to be replaced.
    fs::remove_file(&file).unwrap();
    replace(&file, A);
    wait_until("the site is A", || (answers(addr) == both[0]).then_some(()));
    assert_eq!(refused(&server), 2, "{:#?}", server.log);
}

#[test]
fn a_watched_file_that_is_truncated_and_written() {
    watched(by_truncating);
}

#[test]
fn a_watched_file_that_is_replaced_by_renaming() {
    watched(by_renaming);
}

#[test]
fn a_watched_file_behind_links_that_are_swapped() {
    watched(by_swapping_links);
}
