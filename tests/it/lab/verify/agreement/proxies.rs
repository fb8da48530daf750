//! Module proxies, right and wrong ones.

use std::path::Path;
use std::process::Command;

use super::random::Random;
use super::server::Reply;

pub const PROXY_HOST: &str = "proxy.example";

/// A proxy that serves v1.0.0 of one module.
#[derive(Debug)]
pub struct Proxy {
    number: usize,
    path: String,
    /// Responses that differ from the right ones, by the end of their address.
    wrong: Vec<(&'static str, Reply)>,
}

impl Proxy {
    pub fn draw(random: &mut Random, number: usize, path: &str, labels: &mut Vec<String>) -> Self {
        let missing = || Reply::of("404 Not Found", "no");
        let text = |text: &str| Reply::page(text);
        let (name, wrong) = match random.below(16) {
            0..3 => ("works", vec![]),
            3 => ("has no list", vec![("/@v/list", missing())]),
            4 => ("says 410", vec![("/@v/list", Reply::of("410 Gone", ""))]),
            5 => ("says 500", vec![("/@v/list", Reply::of("500 Oops", ""))]),
            6 => ("has an empty list", vec![("/@v/list", text(""))]),
            7 => (
                "has only @latest",
                vec![
                    ("/@v/list", text("")),
                    ("/@latest", text("{\"Version\":\"v1.0.0\"}")),
                ],
            ),
            8 => ("has no .info", vec![("/@v/v1.0.0.info", missing())]),
            9 => ("has a bad .info", vec![("/@v/v1.0.0.info", text("<html>"))]),
            10 => ("has no .mod", vec![("/@v/v1.0.0.mod", missing())]),
            11 => (
                "has another module",
                vec![("/@v/v1.0.0.mod", text("module b.example/x\n"))],
            ),
            12 => ("has no .zip", vec![("/@v/v1.0.0.zip", missing())]),
            13 => ("has a bad .zip", vec![("/@v/v1.0.0.zip", text("PK"))]),
            14 => (
                "lists more than it has",
                vec![("/@v/list", text("v1.0.0\nv1.1.0\n"))],
            ),
            _ => (
                "lists what is no version",
                vec![(
                    "/@v/list",
                    text("v1.0.0 2020-01-01T00:00:00Z\nv9.0.0\n<p>\nmain\nv1.2\n"),
                )],
            ),
        };
        labels.push(format!("a proxy that {name}"));
        Self {
            number,
            path: path.to_owned(),
            wrong,
        }
    }

    pub fn url(&self) -> String {
        format!("https://{PROXY_HOST}/p{}", self.number)
    }

    /// Returns all responses, by host and target.
    pub fn pages(&self, repositories: &Path) -> Vec<(String, Reply)> {
        let (path, number) = (&self.path, self.number);
        let prefix = format!("--prefix={path}@v1.0.0/");
        let zip = Command::new("git")
            .current_dir(repositories.join(format!("r{number}.git")))
            .args(["archive", "--format=zip", &prefix, "v1.0.0"])
            .output()
            .unwrap();
        assert!(zip.status.success());
        let mut pages = vec![
            ("/@v/list", Reply::page("v1.0.0\n")),
            (
                "/@v/v1.0.0.info",
                Reply::page("{\"Version\":\"v1.0.0\",\"Time\":\"2020-01-01T00:00:00Z\"}"),
            ),
            ("/@v/v1.0.0.mod", Reply::page(format!("module {path}\n"))),
            ("/@v/v1.0.0.zip", Reply::page(zip.stdout)),
        ];
        for (end, reply) in &self.wrong {
            pages.retain(|(target, _)| target != end);
            pages.push((end, reply.clone()));
        }
        let base = format!("{PROXY_HOST}/p{number}/{path}");
        let pages = pages.into_iter();
        pages
            .map(|(target, reply)| (format!("{base}{target}"), reply))
            .collect()
    }
}
