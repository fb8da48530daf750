//! govanityurls serves Go vanity import paths: it answers `https://example.com/pkg?go-get=1`
//! with the `go-import` tag that names the repository of `example.com/pkg`.
//!
//! This is the library behind the program, for servers that answer such requests themselves. A
//! [`Config`] is a valid `vanity.yaml`, a [`Site`] is ready for look-ups, an [`App`] holds the
//! site that is served now, and [`router`] is its HTTP service.
//!
//! # Examples
//!
//! Beside other routes of an axum server:
//!
//! ```
//! use std::sync::Arc;
//!
//! use axum::Router;
//! use axum::body::Body;
//! use axum::http::Request;
//! use axum::routing::get;
//! use govanityurls::{App, Config, Host, Site, router};
//! use tower::ServiceExt as _;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let text = "/hello:\n  repo: https://github.com/example/hello\n";
//! let host = Host::parse("go.example")?;
//! let config = Config::parse("vanity.yaml", text, Some(&host))?;
//! let app = Arc::new(App::new(Site::new(host, config)));
//! let server = Router::new()
//!     .route("/about", get(|| async { "about us" }))
//!     .fallback_service(router(app));
//!
//! let request = Request::get("/hello/sub?go-get=1").header("host", "go.example");
//! let response = server.oneshot(request.body(Body::empty())?).await?;
//! assert_eq!(response.status(), 200);
//! let page = axum::body::to_bytes(response.into_body(), 1 << 20).await?;
//! let tag = r#"content="go.example/hello git https://github.com/example/hello""#;
//! assert!(str::from_utf8(&page)?.contains(tag));
//! # Ok(())
//! # }
//! ```
//!
//! A change of the file, while requests are answered:
//!
//! ```
//! use govanityurls::{App, Config, ConfigError, Host, Site};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let host = Host::parse("go.example")?;
//! let site = |text| -> Result<Site, ConfigError> {
//!     Ok(Site::new(host.clone(), Config::parse("vanity.yaml", text, Some(&host))?))
//! };
//! let app = App::new(site("/a: {repo: https://git.example/a}")?);
//!
//! let error = site("/a: {rep: https://git.example/a}").unwrap_err();
//! assert!(error.to_string().contains("did you mean `repo`?"));
//!
//! app.replace_site(site("/b: {repo: https://git.example/b}")?);
//! # Ok(())
//! # }
//! ```

mod cli;
mod commands;
mod config;
mod convert;
mod http;
mod logging;
mod metrics;
mod module;
mod server;
mod site;
mod terminal;
#[cfg(test)]
mod testing;
mod text;

pub use config::{Config, ConfigError};
pub use http::{App, router};
pub use module::Host;
pub use site::Site;

/// What the program itself, its tests and benches use. It may change in any release.
#[doc(hidden)]
pub mod internal {
    pub use crate::cli::{Cli, parse};
    pub use crate::commands::run;
    pub use crate::config::{Index, MODULE_KEYS, Module, ModuleDocs, SETTINGS};
    pub use crate::module::{Forge, Key, RequestPath, Url, Vcs, is_path_element};
    pub use crate::site::Answer;
    pub use govanityurls_verify::tags::{GoImport, Head, Meta};
}
