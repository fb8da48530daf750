//! govanityurls serves Go vanity import paths: it answers `https://example.com/pkg?go-get=1`
//! with the `go-import` tag that names the repository of `example.com/pkg`.
//!
//! The modules, each depending only on those before it:
//!
//! - [`module`]: import paths, repository URLs and forges, by the go command's own rules
//! - [`config`]: `vanity.yaml`, with errors that point at the line
//! - [`convert`]: files of other tools, converted to a `vanity.yaml`
//! - [`page`] and [`site`]: the templates, and the look-up from a path to a page
//! - [`metrics`], [`combined`] and [`http`]: the counters; the access log; requests and responses
//! - [`server`]: sockets, signals and limits
//! - [`terminal`], [`cli`], [`logging`] and [`commands`]: the program
//! - `verify`: replays the go command's steps on the live site (a cargo feature, on by default)
//!
//! An embedder needs [`config::Config`], [`site::Site`], [`http::App`] and [`http::router`].

pub mod cli;
pub mod combined;
pub mod commands;
pub mod config;
pub mod convert;
pub mod http;
pub mod logging;
pub mod metrics;
pub mod module;
pub mod page;
pub mod server;
pub mod site;
pub mod terminal;
#[cfg(feature = "verify")]
pub mod verify;
