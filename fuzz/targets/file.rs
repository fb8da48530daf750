//! Parses any text as a `vanity.yaml`: it never panics, gives the same result each time, reports
//! errors without control characters, and a valid file gives a site that serves all its modules.

#![no_main]

use std::sync::LazyLock;

use govanityurls::internal::Answer;
use govanityurls::{Config, ConfigError, Host, Site};
use libfuzzer_sys::fuzz_target;

static HOST: LazyLock<Host> = LazyLock::new(|| Host::parse("go.example").unwrap());

fuzz_target!(|text: &str| {
    let parse = || Config::parse("vanity.yaml", text, Some(&HOST)).map_err(shown);
    let first = parse();
    assert_eq!(first, parse());
    match (first, Config::check_text("vanity.yaml", text, Some(&HOST))) {
        (Ok(config), Ok(checked)) => {
            assert_eq!(config, checked);
            serve(config);
        }
        (Err(_), Err(errors)) => {
            assert!((1..=20).contains(&errors.len()), "{} errors", errors.len());
            errors.into_iter().for_each(|error| drop(shown(error)));
        }
        (parsed, checked) => panic!("parse: {parsed:?}, check: {checked:?}"),
    }
});

fn shown(error: ConfigError) -> String {
    let shown = error.to_string();
    assert!(
        !shown.contains(|c: char| c.is_control() && c != '\n'),
        "{shown:?}"
    );
    shown
}

/// Requests each module of a valid file.
fn serve(config: Config) {
    let site = Site::new(HOST.clone(), config);
    for host in site.hosts() {
        for module in host.modules().filter(|module| !module.key.pattern) {
            let path = match module.key.path.as_str() {
                "" => "/",
                path => path,
            };
            match site.answer(Some(host.name().as_str()), path, true) {
                Answer::Module(found, page) => {
                    assert_eq!(found.import_path(), host.import_path(module));
                    let tag = format!("content=\"{} {} ", host.import_path(module), module.vcs);
                    assert!(str::from_utf8(&page.body).unwrap().contains(&tag), "{tag}");
                }
                other => panic!("{path}: {other:?}"),
            }
        }
    }
}
