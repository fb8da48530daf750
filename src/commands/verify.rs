//! `govanityurls verify`: checks the live site the way the go command does.

use std::io::{IsTerminal as _, stderr, stdout};
use std::time::Duration;

use super::Failure;
use crate::cli::{Common, Verify};
use crate::config::{Config, Module};
use crate::module::{Host, RequestPath, Url};
use crate::site::Site;
use crate::terminal::colours;
use crate::text::quoted;
use govanityurls_verify::{File, Options, Target, walk};

/// Verifies the modules that the arguments name, or all of them.
pub fn run(common: &Common, flags: &Verify) -> Result<(), Failure> {
    let config = super::read_config(common)?;
    let host = super::require_host(common, &config)?;
    let modules = config.modules.iter();
    let modules: Vec<_> = modules.map(|it| target(&host, it, "", "")).collect();
    let modules = covered(modules, &config);
    let targets = match &flags.paths[..] {
        [] => modules.clone(),
        paths => covered(
            named(paths, host, config.clone()).map_err(Failure::usage)?,
            &config,
        ),
    };
    let options = Options {
        jobs: usize::from(flags.jobs),
        timeout: Duration::from_secs(flags.timeout.into()),
        connect: flags.connect.iter().copied().collect(),
        progress: stderr().is_terminal(),
        file: Some(File {
            flags: flags_of(common),
            modules,
        }),
    };
    let report = super::block_on(walk(targets, &options, stopped()))?;
    super::print(&match flags.json {
        true => report.json(),
        false => report.text(colours(&stdout())),
    })?;
    match report.is_ok() {
        true => Ok(()),
        false => Err(Failure::Reported),
    }
}

/// Returns the flags of this run that say which file it reads, to type them again.
fn flags_of(common: &Common) -> String {
    let file = std::path::absolute(common.file()).unwrap_or_else(|_| common.file().into());
    let mut flags = match &common.repo {
        Some(repo) => format!("-repo {}", shell_quoted(repo)),
        None => format!("-config {}", shell_quoted(&file.to_string_lossy())),
    };
    if let Some(host) = &common.host {
        flags += &format!(" -host {host}");
    }
    flags
}

/// Returns a word as a shell reads it.
fn shell_quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || "./_-:@+,=".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', "'\\''"))
}

/// Waits for SIGINT (Ctrl-C) or SIGTERM (systemd).
async fn stopped() {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut interrupt), Ok(mut terminate)) = (
        signal(SignalKind::interrupt()),
        signal(SignalKind::terminate()),
    ) else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
}

/// Returns the modules that answer for the given paths.
fn named(paths: &[String], default: Host, config: Config) -> Result<Vec<Target>, String> {
    let site = Site::new(default.clone(), config);
    let mut targets = Vec::new();
    for name in paths {
        if let Some(above) = name.strip_suffix("/*") {
            return Err(format!(
                "{} is a pattern; name a path below it, such as {}",
                quoted(name),
                quoted(&format!("{above}/name"))
            ));
        }
        let not_found = || format!("no module of the file answers for {}", quoted(name));
        let (host, path) = match name.strip_prefix("https://").unwrap_or(name) {
            path if path.starts_with('/') => (default.as_str(), path),
            path => path.split_at(path.find('/').unwrap_or(path.len())),
        };
        let virtual_host = site.host(Some(host));
        if virtual_host.name().as_str() != host {
            return Err(format!(
                "{}; write /PATH, or HOST/PATH with a host of the file",
                not_found()
            ));
        }
        let path = if path.is_empty() { "/" } else { path };
        let request = RequestPath::parse(path).ok_or_else(not_found)?;
        let found = virtual_host.look_up(&request).ok_or_else(not_found)?;
        targets.push(target(
            virtual_host.name(),
            found.module(),
            found.element(),
            found.subpath(),
        ));
    }
    Ok(targets)
}

/// Returns the target for a module. For a pattern, `element` is what its `*` stands for, or empty
/// for the pattern itself.
fn target(default: &Host, module: &Module, element: &str, below: &str) -> Target {
    let host = module.key.host.as_ref().unwrap_or(default).to_string();
    let path = module.key.path.as_str();
    let pattern = module.key.pattern && element.is_empty();
    let path = match (module.key.pattern, element) {
        (false, _) => format!("{host}{path}"),
        (true, "") => format!("{host}{path}/*"),
        (true, element) => format!("{host}{path}/{element}"),
    };
    Target {
        host,
        path,
        pattern,
        below: below.to_owned(),
        owns_subpackages: true,
        vcs: module.vcs.as_str().to_owned(),
        repo: match pattern {
            true => module.repo.to_string(),
            false => module.repo.as_str().replace('*', element),
        },
        subdir: module.subdir.as_deref().unwrap_or_default().to_owned(),
        proxy: module
            .proxy
            .as_ref()
            .map(Url::to_string)
            .unwrap_or_default(),
    }
}

/// Marks the modules that share their path with a pattern, which takes everything below it.
fn covered(mut targets: Vec<Target>, config: &Config) -> Vec<Target> {
    let patterns: std::collections::HashSet<String> = config
        .modules
        .iter()
        .filter(|module| module.key.pattern)
        .filter_map(|module| Some(format!("{}{}", module.key.host.as_ref()?, module.key.path)))
        .collect();
    for target in &mut targets {
        target.owns_subpackages = !patterns.contains(&target.path);
    }
    targets
}
