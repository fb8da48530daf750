//! `govanityurls verify`: checks the live site the way the go command does.

use std::io::{IsTerminal as _, stderr, stdout};
use std::time::Duration;

use super::Failure;
use crate::cli::{Common, Verify, VerifyFormat};
use crate::config::{Config, Module};
use crate::module::{Host, RequestPath, Url};
use crate::site::Site;
use crate::terminal::colours;
use crate::text::quoted;
use govanityurls_verify::{File, Options, Report, Target, error_json, metrics, walk};

/// Verifies the modules that the arguments name, or all of them.
pub fn run(common: &Common, flags: &Verify) -> Result<(), Failure> {
    let format = if flags.json {
        VerifyFormat::Json
    } else {
        flags.format
    };
    let result = verify(common, flags);
    let text = match (&result, format) {
        (Ok(report), VerifyFormat::Text) => report.text(colours(&stdout())),
        (Ok(report), VerifyFormat::Json) => report.json(),
        (Ok(report), VerifyFormat::Prometheus) => metrics(Some(report)),
        // Programs get what they can read, whatever is wrong.
        (Err(_), VerifyFormat::Text) => String::new(),
        (Err(failure), VerifyFormat::Json) => error_json(&failure.to_string()),
        (Err(_), VerifyFormat::Prometheus) => metrics(None),
    };
    super::print(&text)?;
    if result?.is_ok() {
        Ok(())
    } else {
        Err(Failure::Reported)
    }
}

fn verify(common: &Common, flags: &Verify) -> Result<Report, Failure> {
    let mut options = Options {
        jobs: usize::from(flags.jobs),
        timeout: Duration::from_secs(flags.timeout.into()),
        connect: flags.connect.iter().copied().collect(),
        progress: stderr().is_terminal(),
        file: None,
    };
    let has_file = common.config.is_some() || common.repo.is_some() || common.file().exists();
    let is_import_path = |path: &String| !path.starts_with('/');
    if !has_file && !flags.paths.is_empty() && flags.paths.iter().all(is_import_path) {
        let targets: Result<Vec<_>, _> = flags.paths.iter().map(|path| foreign(path)).collect();
        let targets = targets.map_err(Failure::usage)?;
        return Ok(super::block_on(walk(targets, &options, stopped()))?);
    }
    let config = super::read_config(common)?;
    let host = super::require_host(common, &config)?;
    let modules = config.modules.iter();
    let modules: Vec<_> = modules.map(|it| target(&host, it, "", "")).collect();
    let modules = covered(modules, &config);
    let targets = match &flags.paths[..] {
        [] => modules.clone(),
        paths => covered(
            named(paths, host, &config, &modules).map_err(Failure::usage)?,
            &config,
        ),
    };
    options.file = Some(File {
        flags: flags_of(common),
        modules,
    });
    Ok(super::block_on(walk(targets, &options, stopped()))?)
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

/// Waits for a signal that ends the run: temporary directories must not outlive it.
async fn stopped() {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut interrupt), Ok(mut terminate), Ok(mut hangup), Ok(mut quit)) = (
        signal(SignalKind::interrupt()),
        signal(SignalKind::terminate()),
        signal(SignalKind::hangup()),
        signal(SignalKind::quit()),
    ) else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
        _ = hangup.recv() => {}
        _ = quit.recv() => {}
    }
}

/// Returns the modules that answer for the given paths; a host stands for all of its modules.
fn named(
    paths: &[String],
    default: Host,
    config: &Config,
    modules: &[Target],
) -> Result<Vec<Target>, String> {
    let site = Site::new(default.clone(), config.clone());
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
        let (host, path) = match import_path(name) {
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
        if path.is_empty() {
            let of_host = modules.iter().filter(|module| module.host == host);
            targets.extend(of_host.cloned());
            continue;
        }
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

/// Returns the import path in what people type for one: a URL, or with a version.
fn import_path(name: &str) -> &str {
    let path = name.strip_prefix("https://").unwrap_or(name);
    path.split_once('@').map_or(path, |(path, _)| path)
}

/// Returns the target for an import path of which no file says anything.
fn foreign(name: &str) -> Result<Target, String> {
    let path = import_path(name).trim_end_matches('/');
    let (host, below) = path.split_at(path.find('/').unwrap_or(path.len()));
    let is_path = Host::parse(host).is_ok() && host.contains('.');
    if !is_path || (!below.is_empty() && RequestPath::parse(below).is_none()) {
        return Err(format!("{} is not an import path", quoted(name)));
    }
    Ok(Target {
        host: host.to_owned(),
        path: path.to_owned(),
        pattern: false,
        below: String::new(),
        owns_subpackages: true,
        vcs: String::new(),
        repo: String::new(),
        subdir: String::new(),
        proxy: String::new(),
    })
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
        repo: if pattern {
            module.repo.to_string()
        } else {
            module.repo.as_str().replace('*', element)
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
