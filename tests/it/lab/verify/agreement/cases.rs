//! Random cases: one host with a site, its modules and their repositories.

use std::collections::BTreeSet;

use super::proxies::Proxy;
use super::random::Random;
use super::repositories::{self, Repository};
use super::server::{DUMB_HOST, GIT_HOST};
use super::sites::{self, Site};

/// A host, with what its modules need.
#[derive(Debug)]
pub struct Case {
    pub number: usize,
    /// What is odd about it.
    pub labels: Vec<String>,
    pub modules: Vec<Module>,
    /// The site of each module.
    pub sites: Vec<Site>,
    pub repositories: Vec<(String, Repository)>,
    pub proxies: Vec<Proxy>,
}

/// An entry of the file.
#[derive(Debug, Clone)]
pub struct Module {
    pub host: String,
    pub path: String,
    pub vcs: &'static str,
    pub repo: String,
    pub subdir: String,
    pub proxy: String,
}

/// The paths that a user can expect to get.
pub struct Offers {
    /// The module's own path, unless only others are modules.
    pub itself: bool,
    pub others: BTreeSet<String>,
}

impl Module {
    /// Returns the module's lines in the file.
    pub fn entry(&self) -> String {
        let slash = if self.path == self.host { "/" } else { "" };
        let mut entry = format!("{}{slash}: {{repo: \"{}\"", self.path, self.repo);
        for (key, value) in [("subdir", &self.subdir), ("proxy", &self.proxy)] {
            if !value.is_empty() {
                entry.push_str(&format!(", {key}: \"{value}\""));
            }
        }
        if self.vcs != "git" {
            entry.push_str(&format!(", vcs: {}", self.vcs));
        }
        entry + "}\n"
    }
}

impl Case {
    /// Draws the case of this number.
    pub fn draw(seed: u64, number: usize) -> Self {
        let mut random = Random::new(seed, number);
        let host = format!("c{number}.site.example");
        let key = *random.pick(&[
            "/m", "/m", "/m", "/m", "/m", "/m", "/m", "/x/y", "/m/v2", "",
        ]);
        let mut case = Self {
            number,
            labels: Vec::new(),
            modules: vec![Module {
                path: format!("{host}{key}"),
                vcs: "git",
                repo: format!("https://{GIT_HOST}/r{number}.git"),
                subdir: String::new(),
                proxy: String::new(),
                host,
            }],
            sites: Vec::new(),
            repositories: Vec::new(),
            proxies: Vec::new(),
        };
        match random.below(100) {
            0..58 => case.odd_repository(&mut random),
            58..88 => case.odd_site(&mut random),
            88..94 => case.odd_file(&mut random),
            _ => case.proxy(&mut random),
        }
        for module in &case.modules[case.sites.len()..] {
            let page = sites::right(module);
            case.sites.push(Site {
                page,
                exact: Vec::new(),
            });
        }
        case
    }

    fn odd_repository(&mut self, random: &mut Random) {
        let module = &mut self.modules[0];
        let (repository, subdir) = repositories::draw(random, &module.path, &mut self.labels);
        module.subdir = subdir;
        if repository.dumb {
            module.repo = module.repo.replace(GIT_HOST, DUMB_HOST);
        }
        self.repositories
            .push((format!("r{}", self.number), repository));
    }

    fn odd_site(&mut self, random: &mut Random) {
        let module = &self.modules[0];
        let repository = Repository::healthy(&module.path);
        self.repositories
            .push((format!("r{}", self.number), repository));
        self.sites
            .push(sites::draw(random, module, &mut self.labels));
    }

    /// Mistakes in the file.
    fn odd_file(&mut self, random: &mut Random) {
        let number = self.number;
        let first = self.modules[0].clone();
        let second = |key: &str| Module {
            path: format!("{}{key}", first.host),
            ..first.clone()
        };
        let own = Repository::healthy(&first.path);
        let name = match random.below(8) {
            0 => {
                self.modules.push(second("/second"));
                "mixed-up entries"
            }
            1 => {
                self.modules[0].path.push('x');
                "misspelt key"
            }
            2 => {
                let below = second(&format!("{}/below", &first.path[first.host.len()..]));
                self.modules.push(below);
                "entry for a directory"
            }
            3 => {
                self.modules[0].vcs = *random.pick(&["svn", "bzr", "fossil"]);
                "another system"
            }
            4 => {
                self.modules[0].repo = format!("https://{GIT_HOST}/gone.git");
                "no repository"
            }
            5 => {
                self.modules[0].repo = "https://unknown.example/r.git".to_owned();
                "unknown repository host"
            }
            6 => {
                self.modules[0].repo = format!("http://{GIT_HOST}/r{number}.git");
                "repository over http"
            }
            _ => {
                self.modules[0].repo = "https://refusing.example/r.git".to_owned();
                "refusing repository host"
            }
        };
        self.labels.push(name.to_owned());
        let mut repository = own;
        if name == "entry for a directory" {
            let files = &mut repository.commits[0].files;
            files.insert(
                "below/go.mod".into(),
                format!("module {}/below\n", first.path),
            );
            files.insert("below/x.go".into(), "package x\n".into());
            repository.commits[0].tags.push("below/v1.0.0".into());
        }
        self.repositories.push((format!("r{number}"), repository));
    }

    fn proxy(&mut self, random: &mut Random) {
        let number = self.number;
        let module = &mut self.modules[0];
        self.repositories
            .push((format!("r{number}"), Repository::healthy(&module.path)));
        let proxy = Proxy::draw(random, number, &module.path, &mut self.labels);
        if random.percent(50) {
            module.proxy = proxy.url();
        } else {
            module.vcs = "mod";
            module.repo = proxy.url();
        }
        self.proxies.push(proxy);
    }

    /// Returns what users can expect to get of a module, when its chosen version is `version`.
    pub fn offers(&self, module: &Module, version: &str) -> Offers {
        let name = module.repo.rsplit('/').next().unwrap_or_default();
        let name = name.trim_end_matches(".git");
        let mut repositories = self.repositories.iter();
        let Some((_, repository)) = repositories.find(|(known, _)| known == name) else {
            return Offers {
                itself: true,
                others: BTreeSet::new(),
            };
        };
        let mut others = repository.declared(&module.subdir, version);
        let is_declared = others.remove(&module.path);
        others.retain(|path| path.starts_with(&format!("{}/", module.path)));
        // Another entry of the file answers for its own path.
        let is_entry = |path: &str| self.modules.iter().any(|other| other.path == path);
        others.retain(|path| !is_entry(path));
        Offers {
            itself: is_declared || others.is_empty(),
            others,
        }
    }
}
