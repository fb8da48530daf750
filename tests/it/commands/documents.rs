//! The documents list every setting, key, flag, command, system and forge, link to no missing file,
//! and show nothing that no test runs.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command as Process;

use clap::{Arg, Command, CommandFactory as _};
use govanityurls::internal::{Cli, MODULE_KEYS, SETTINGS};
use govanityurls::internal::{Forge, Vcs};
use regex::Regex;
use serde_json::Value;

use crate::support::{Server, blocks, program, repository_file};

fn text(name: &str) -> String {
    fs::read_to_string(repository_file(name)).unwrap()
}

type Names = BTreeSet<String>;

fn names<'a>(of: impl IntoIterator<Item = &'a str>) -> Names {
    of.into_iter().map(str::to_owned).collect()
}

const CONFIGURATION: &str = "docs/configuration.md";
const COMMAND_LINE: &str = "docs/command-line.md";

/// Returns the rows of a document's table whose first column has this title.
fn rows(document: &str, title: &str) -> Vec<Vec<String>> {
    let document = text(document);
    let cells = |line: &str| -> Vec<String> {
        let cells = line.trim_matches('|').split('|');
        cells.map(|cell| cell.trim().to_owned()).collect()
    };
    let rows: Vec<_> = document
        .lines()
        .skip_while(|line| !line.starts_with(&format!("| {title} |")))
        .skip(2)
        .take_while(|line| line.starts_with('|'))
        .map(cells)
        .collect();
    assert!(!rows.is_empty(), "no table of each `{title}`");
    rows
}

/// Returns the first column of a table.
fn listed(document: &str, title: &str) -> Names {
    let cell = |row: Vec<String>| row[0].trim_matches('`').to_owned();
    rows(document, title).into_iter().map(cell).collect()
}

/// Returns every word of a text that could be a name of the program's.
fn words(text: &str) -> Names {
    let word = Regex::new(r"[\w.-]+").unwrap();
    names(word.find_iter(text).map(|found| found.as_str()))
}

/// Returns the flags that are specific to a command.
fn flags(command: &Command) -> impl Iterator<Item = (&str, &Arg)> {
    let own = |name: &&str| !matches!(*name, "help" | "version");
    let flag = move |arg| Some((Arg::get_long(arg).filter(own)?, arg));
    command.get_arguments().filter_map(flag)
}

fn system_names() -> Names {
    names(Vcs::ALL.map(|(name, _)| name))
}

#[test]
fn every_setting_and_key_is_listed() {
    // `paths` holds modules; the text above the table explains it.
    let settings = SETTINGS.into_iter().filter(|name| *name != "paths");
    assert_eq!(listed(CONFIGURATION, "setting"), names(settings));
    assert!(text(CONFIGURATION).contains("`paths:`"));
    assert_eq!(listed(CONFIGURATION, "key"), names(MODULE_KEYS));
}

#[test]
fn every_system_and_forge_is_listed() {
    let values = |key: &str| {
        let mut rows = rows(CONFIGURATION, "key").into_iter();
        let row = rows.find(|row| row[0] == format!("`{key}`")).unwrap();
        words(&row[2])
    };
    let missing = |known: Names, key| known.difference(&values(key)).cloned().collect::<Vec<_>>();
    assert_eq!(missing(system_names(), "vcs"), [""; 0]);
    assert_eq!(missing(names(Forge::NAMES), "forge"), [""; 0]);
}

#[test]
fn every_flag_is_listed_with_its_variable() {
    let command = Cli::command();
    let known: BTreeSet<_> = flags(&command)
        .map(|(name, flag)| {
            let variable = flag.get_env().expect("a variable for each flag").to_str();
            (format!("`-{name}`"), format!("`{}`", variable.unwrap()))
        })
        .collect();
    let listed = rows(COMMAND_LINE, "flag").into_iter();
    let listed: BTreeSet<_> = listed.map(|row| (row[0].clone(), row[1].clone())).collect();
    assert_eq!(listed, known);
}

#[test]
fn every_command_is_listed_with_its_flags_and_their_values() {
    let listed = text(COMMAND_LINE);
    let words = words(&listed);
    for command in Cli::command().get_subcommands() {
        let name = command.get_name();
        // The default command, and an alias of -version.
        if matches!(name, "serve" | "version") {
            continue;
        }
        let line = format!("\n    govanityurls {name} ");
        assert!(listed.contains(&line), "`{name}` is not listed");
        for (flag, _) in flags(command) {
            let flag = format!("-{flag}");
            assert!(words.contains(&flag), "`{name} {flag}` is not listed");
        }
    }
    let command = Cli::command();
    for (flag, arg) in [&command]
        .into_iter()
        .chain(command.get_subcommands())
        .flat_map(flags)
    {
        let default = arg.get_default_values().first();
        let values = arg.get_possible_values();
        for value in values.iter().filter(|value| !value.is_hide_set()) {
            let name = value.get_name();
            let is_default = default.is_some_and(|default| default == name);
            assert!(
                is_default || words.contains(name),
                "`-{flag} {name}` is not listed"
            );
        }
    }
}

/// What runs each block of commands, configuration or output, by document and heading: a test that
/// reads it from there, or the reason why none can.
const RUN: &[(&str, &str, &str)] = &[
    ("README.md", "govanityurls", HERE),
    ("README.md", "Try it", HERE),
    ("README.md", "Choose your way", README_ON_DEBIAN),
    (
        "README.md",
        "nginx already serves the domain",
        README_ON_DEBIAN,
    ),
    ("README.md", "A fresh machine", README_ON_DEBIAN),
    (
        "README.md",
        "Caddy ([or another proxy](docs/proxies.md))",
        PROXIES,
    ),
    (
        "README.md",
        "A container instead of the package",
        README_ON_DEBIAN,
    ),
    (
        "README.md",
        "No server at all ([on GitHub Pages and others](docs/static.md))",
        LAB,
    ),
    ("README.md", "Make your module use it", LAB),
    ("README.md", "When `go get` fails", LAB),
    ("README.md", "Change the file", HERE),
    ("docs/architecture.md", "Architecture", "shows no commands"),
    (
        "docs/architecture.md",
        "The public API",
        "shows no commands",
    ),
    ("docs/command-line.md", "The command line", HERE),
    ("docs/configuration.md", "The file", HERE),
    ("docs/modules.md", "Major versions", LAB),
    ("docs/modules.md", "Several modules in one repository", LAB),
    ("docs/modules.md", "Private modules", LAB),
    ("docs/moving.md", "Moving from another server", LAB),
    ("docs/moving.md", "From sally, vangen or pages", LAB),
    ("docs/moving.md", "From the live site", LAB),
    (
        "docs/operations.md",
        "nginx over a Unix socket",
        RESTARTS_ON_DEBIAN,
    ),
    (
        "docs/operations.md",
        "nginx on another machine",
        RESTARTS_ON_DEBIAN,
    ),
    ("docs/operations.md", "The certificate", README_ON_DEBIAN),
    ("docs/operations.md", "Metrics and alerts", README_ON_DEBIAN),
    ("docs/performance.md", "Performance", NO_QUIET_MACHINE),
    ("docs/performance.md", "Servers", NO_QUIET_MACHINE),
    ("docs/performance.md", "Microbenchmarks", NO_QUIET_MACHINE),
    ("docs/proxies.md", "nginx", README_ON_DEBIAN),
    ("docs/proxies.md", "Caddy", PROXIES),
    ("docs/proxies.md", "Traefik", PROXIES),
    ("docs/proxies.md", "Apache", PROXIES),
    ("docs/proxies.md", "HAProxy", PROXIES),
    (
        "docs/static.md",
        "GitLab Pages",
        "not run: there is no GitLab here",
    ),
    ("docs/static.md", "nginx", LAB),
    ("docs/verify.md", "govanityurls verify", README_ON_DEBIAN),
];
const HERE: &str = "tests/it/commands/documents.rs";
const LAB: &str = "tests/it/lab/documents.rs";
const PROXIES: &str = "tests/it/lab/proxies.rs";
const README_ON_DEBIAN: &str = "tests/vm/scenarios/readme.sh";
const RESTARTS_ON_DEBIAN: &str = "tests/vm/scenarios/restarts.sh";
const NO_QUIET_MACHINE: &str = "not run: it needs a machine that does nothing else";

#[test]
fn every_block_of_the_documents_is_run() {
    let mut shown = BTreeSet::new();
    for document in documents() {
        let document = document.as_str();
        if document != "README.md" && !document.starts_with("docs/") {
            continue;
        }
        let mut heading = String::new();
        for line in text(document).lines() {
            if let Some(title) = line.strip_prefix('#') {
                heading = title.trim_start_matches('#').trim().to_owned();
            } else if line.starts_with("    ") {
                shown.insert((document.to_owned(), heading.clone()));
            }
        }
    }
    let known = RUN
        .iter()
        .map(|(document, heading, _)| (document.to_string(), heading.to_string()));
    assert_eq!(shown, known.collect());

    let by_hand: BTreeSet<_> = RUN
        .iter()
        .filter(|(.., by)| by.starts_with("not run: "))
        .collect();
    assert!(by_hand.len() <= 5, "{by_hand:?}");
    for (document, heading, by) in RUN.iter().filter(|(.., by)| by.starts_with("tests/")) {
        let runner = text(by);
        assert!(
            runner.contains(document) && runner.contains(heading),
            "{by}: {document}, {heading}"
        );
    }
}

#[test]
fn readme_is_short() {
    let lines = text("README.md").lines().count();
    assert!(lines <= 120, "{lines} lines");
}

#[test]
fn the_chinese_readme_has_the_same_commands() {
    // Comments may be translated.
    let typed = |document| -> Vec<String> {
        let text = text(document);
        let lines = text.lines().filter(|line| line.starts_with("    "));
        let lines = lines.map(|line| line.split("   #").next().unwrap().trim_end().to_owned());
        lines.collect()
    };
    assert_eq!(typed("README.zh.md"), typed("README.md"));
}

#[test]
fn readme_first_commands_print_what_it_shows() {
    let [typed, shown] = blocks("README.md", "Try it").try_into().unwrap();
    let (start, ask) = typed.split_once('\n').unwrap();
    let arguments = start
        .strip_prefix("cargo run -- ")
        .unwrap()
        .replace('\'', "");
    let mut command = program();
    command
        .args(arguments.split(' '))
        .args(["-listen", "127.0.0.1:0"]);
    let server = Server::spawn(command);
    // On a port that is free.
    let ask = ask.replace("localhost:8080", &server.addr.to_string());
    let output = Process::new("sh").args(["-c", &ask]).output().unwrap();
    assert_eq!(String::from_utf8(output.stdout).unwrap(), shown);
}

#[test]
fn shown_files_are_valid_and_the_shown_error_is_real() {
    let directory = tempfile::tempdir().unwrap();
    let check = |file: &str| {
        fs::write(directory.path().join("vanity.yaml"), file).unwrap();
        let mut check = program();
        let output = check.arg("check").current_dir(&directory).output().unwrap();
        (
            output.status.success(),
            String::from_utf8(output.stderr).unwrap(),
        )
    };
    let [file] = blocks("README.md", "govanityurls").try_into().unwrap();
    let (valid, said) = check(&file);
    assert!(valid, "{said}");
    let (_, said) = check(&file.replace("repo:", "rep:"));
    let [error] = blocks("README.md", "Change the file").try_into().unwrap();
    assert!(said.starts_with(&error), "{said}");
    let [file] = blocks(CONFIGURATION, "The file").try_into().unwrap();
    let (valid, said) = check(&file);
    assert!(valid, "{said}");
}

#[test]
fn the_example_shows_every_setting_key_system_and_forge() {
    let example = text("vanity.yaml.example");
    let key = Regex::new(r"(?m)^#?( *)(\w+):").unwrap();
    let (mut settings, mut module_keys) = (Names::new(), Names::new());
    for found in key.captures_iter(&example) {
        match &found[1] {
            "" => settings.insert(found[2].to_owned()),
            _ => module_keys.insert(found[2].to_owned()),
        };
    }
    assert_eq!(settings, names(SETTINGS));
    assert_eq!(module_keys, names(MODULE_KEYS));
    let words = words(&example.replace(". ", " ").replace(".\n", "\n"));
    for known in system_names().into_iter().chain(names(Forge::NAMES)) {
        assert!(words.contains(&known), "the example does not say `{known}`");
    }
}

#[test]
fn the_schema_lists_every_setting_key_system_and_forge() {
    let schema: Value = serde_json::from_str(&text("docs/vanity.schema.json")).unwrap();
    let keys = &schema["definitions"]["keys"]["properties"];
    for (properties, known) in [
        (&schema["properties"], names(SETTINGS)),
        (keys, names(MODULE_KEYS)),
    ] {
        let properties = properties.as_object().unwrap();
        assert_eq!(properties.keys().cloned().collect::<Names>(), known);
        for (key, property) in properties {
            assert!(property["description"].is_string(), "{key}");
        }
    }
    for (key, known) in [("vcs", system_names()), ("forge", names(Forge::NAMES))] {
        let (none, values) = keys[key]["enum"].as_array().unwrap().split_last().unwrap();
        // An empty text is as good as an absent key.
        let values = values.iter().filter_map(Value::as_str);
        assert_eq!(names(values.filter(|value| !value.is_empty())), known);
        assert_eq!(none, &Value::Null);
    }
}

#[test]
fn the_man_pages_have_every_command_and_flag() {
    let page = |args: &[&str]| {
        let output = program().arg("man").args(args).output().unwrap();
        assert!(output.status.success(), "{args:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    let has = |page: &str, name: &str, flag: &clap::Arg| {
        let name = name.replace('-', r"\-");
        assert!(page.contains(&format!(r"\fB\-\-{name}\fR")), "{name}");
        if let Some(variable) = flag.get_env() {
            assert!(page.contains(variable.to_str().unwrap()), "{name}");
        }
    };
    let version = env!("CARGO_PKG_VERSION");
    let whole = page(&[]);
    assert!(whole.contains(&format!("1 \" \" \"govanityurls {version}\" \"User")));
    let command = Cli::command();
    for (name, flag) in flags(&command) {
        has(&whole, name, flag);
    }
    for command in command.get_subcommands() {
        let name = command.get_name();
        assert!(
            whole.contains(&format!("\ngovanityurls\\-{name}(1)\n")),
            "{name}"
        );
        let own = page(&[name]);
        assert!(
            own.contains(&format!("govanityurls\\-{name} \\- ")),
            "{own}"
        );
        for (name, flag) in flags(command) {
            has(&own, name, flag);
        }
        assert!(own.contains(r"\-\-config"), "{own}");
    }
}

#[test]
fn no_document_names_a_file_that_is_missing() {
    let link = Regex::new(r"\]\(([^)#\s]+)").unwrap();
    let folders = "src|tests|benches|contrib|docs|fuzz|packaging|templates";
    let path = Regex::new(&format!("`((?:{folders})/[\\w./-]*)`")).unwrap();
    let mut links = 0;
    for name in documents() {
        let folder = repository_file(&name).parent().unwrap().to_owned();
        for found in link.captures_iter(&text(&name)) {
            if !found[1].contains("://") {
                links += 1;
                assert!(folder.join(&found[1]).exists(), "{name}: {}", &found[1]);
            }
        }
        for found in path.captures_iter(&text(&name)) {
            assert!(repository_file(&found[1]).exists(), "{name}: {}", &found[1]);
        }
    }
    assert!(links > 10, "{links} links");
}

/// Returns every Markdown file of the repository.
/// The manual page is in both packages.
#[test]
fn packages_have_the_files_that_help_names() {
    let named = Regex::new(r"docs/([a-z.]+[a-z])").unwrap();
    let mut command = Cli::command();
    let help = command.find_subcommand_mut("verify").unwrap();
    let help = help.render_long_help().to_string();
    let (deb, tarball) = (text("Cargo.toml"), text("packaging/build"));
    let files: Vec<_> = named
        .captures_iter(&help)
        .map(|found| found.extract::<1>())
        .collect();
    assert_eq!(files.len(), 2, "{help}");
    for (path, [file]) in files {
        assert!(deb.contains(&format!("[\"{path}\", ")), "{path}");
        let (stem, end) = file.split_once('.').unwrap();
        assert!(tarball.contains(&format!(",{stem}}}.{end}")), "{path}");
    }
}

fn documents() -> Vec<String> {
    ["", "docs/"]
        .into_iter()
        .flat_map(|folder| {
            let files = fs::read_dir(repository_file(&format!("./{folder}"))).unwrap();
            let names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
            names.map(move |name| format!("{folder}{name}"))
        })
        .filter(|name| name.ends_with(".md"))
        .collect()
}

#[test]
fn architecture_page_names_every_part_of_the_code() {
    let guide = text("docs/architecture.md");
    for entry in fs::read_dir(repository_file("src")).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        let is_folder = entry.file_type().unwrap().is_dir();
        // `metrics.rs` also stands for the folder of its submodules.
        if is_folder && Path::new(&entry.path()).with_extension("rs").exists() {
            continue;
        }
        let line = format!("\n    src/{name}{} ", if is_folder { "/" } else { "" });
        assert!(
            guide.contains(&line),
            "docs/architecture.md does not list src/{name}"
        );
    }
}
