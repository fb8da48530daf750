//! The documents list every setting, key, flag, command, system and forge, and link to no missing
//! file.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use clap::{Arg, Command, CommandFactory as _};
use govanityurls::internal::{Cli, MODULE_KEYS, SETTINGS};
use govanityurls::module::{Forge, Vcs};
use regex::Regex;
use serde_json::Value;

use crate::support::{program, repository_file};

fn text(name: &str) -> String {
    fs::read_to_string(repository_file(name)).unwrap()
}

type Names = BTreeSet<String>;

fn names<'a>(of: impl IntoIterator<Item = &'a str>) -> Names {
    of.into_iter().map(str::to_owned).collect()
}

/// Returns the rows of the README table whose first column has this title.
fn rows(title: &str) -> Vec<Vec<String>> {
    let readme = text("README.md");
    let cells = |line: &str| -> Vec<String> {
        let cells = line.trim_matches('|').split('|');
        cells.map(|cell| cell.trim().to_owned()).collect()
    };
    let rows: Vec<_> = readme
        .lines()
        .skip_while(|line| !line.starts_with(&format!("| {title} |")))
        .skip(2)
        .take_while(|line| line.starts_with('|'))
        .map(cells)
        .collect();
    assert!(!rows.is_empty(), "README has no table of each `{title}`");
    rows
}

/// Returns the first column of a README table.
fn listed(title: &str) -> Names {
    let cell = |row: Vec<String>| row[0].trim_matches('`').to_owned();
    rows(title).into_iter().map(cell).collect()
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
fn readme_lists_every_setting_and_key() {
    // `paths` holds modules; the text above the table explains it.
    let settings = SETTINGS.into_iter().filter(|name| *name != "paths");
    assert_eq!(listed("setting"), names(settings));
    assert!(text("README.md").contains("`paths:`"));
    assert_eq!(listed("key of a module"), names(MODULE_KEYS));
}

#[test]
fn readme_lists_every_system_and_forge() {
    let values = |key: &str| {
        let mut rows = rows("key of a module").into_iter();
        let row = rows.find(|row| row[0] == format!("`{key}`")).unwrap();
        words(&row[2])
    };
    let missing = |known: Names, key| known.difference(&values(key)).cloned().collect::<Vec<_>>();
    assert_eq!(missing(system_names(), "vcs"), [""; 0]);
    assert_eq!(missing(names(Forge::NAMES), "forge"), [""; 0]);
}

#[test]
fn readme_lists_every_flag_with_its_variable() {
    let command = Cli::command();
    let known: BTreeSet<_> = flags(&command)
        .map(|(name, flag)| {
            let variable = flag.get_env().expect("a variable for each flag").to_str();
            (format!("`-{name}`"), format!("`{}`", variable.unwrap()))
        })
        .collect();
    let listed = rows("flag").into_iter();
    let listed: BTreeSet<_> = listed.map(|row| (row[0].clone(), row[1].clone())).collect();
    assert_eq!(listed, known);
}

#[test]
fn readme_lists_every_command_with_its_flags_and_their_values() {
    let readme = text("README.md");
    let words = words(&readme);
    for command in Cli::command().get_subcommands() {
        let name = command.get_name();
        // The default command, and an alias of -version.
        if matches!(name, "serve" | "version") {
            continue;
        }
        let line = format!("\n    govanityurls {name} ");
        assert!(readme.contains(&line), "README does not list `{name}`");
        for (flag, _) in flags(command) {
            let flag = format!("-{flag}");
            assert!(words.contains(&flag), "README does not say `{name} {flag}`");
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
                "README does not say `-{flag} {name}`"
            );
        }
    }
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
        assert_eq!(names(values.iter().filter_map(Value::as_str)), known);
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
