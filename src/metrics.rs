//! The program's metrics, by prometheus-client: created once and kept across reloads.

use std::fmt;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::http::StatusCode;
use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue, LabelValueEncoder};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

/// Modules beyond this many share a counter: each label value is a time series, in every scrape,
/// forever.
const MOST_MODULES: usize = 1000;
const OTHER_MODULES: &str = "(other)";
/// The label for hidden modules: more people may read `/metrics` than should know about them.
const HIDDEN_MODULES: &str = "(hidden)";

/// Upper bounds of the request duration's buckets, in seconds: a response takes microseconds; one
/// that takes a millisecond is worth an alert.
const DURATIONS: [f64; 9] = [2e-6, 5e-6, 10e-6, 20e-6, 50e-6, 100e-6, 1e-3, 10e-3, 100e-3];

/// The kind of request that was answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// The go command, for an existing module.
    GoGetHit,
    /// The go command, for a folder above modules, or `/`: it asks on its way to a module.
    GoGetFolder,
    /// The go command, for a path that does not exist.
    GoGetMiss,
    /// A browser, for a module's page.
    Page,
    /// A browser, for a list of modules.
    List,
    /// A browser, for a path that does not exist.
    Miss,
    /// Anything else: a redirect, a method that is not allowed, a malformed request.
    Other,
}

impl Kind {
    fn as_str(self) -> &'static str {
        match self {
            Self::GoGetHit => "go_get_hit",
            Self::GoGetFolder => "go_get_folder",
            Self::GoGetMiss => "go_get_miss",
            Self::Page => "page",
            Self::List => "list",
            Self::Miss => "miss",
            Self::Other => "other",
        }
    }
}

impl EncodeLabelValue for Kind {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> fmt::Result {
        self.as_str().encode(encoder)
    }
}

/// The sender of a request, according to its user agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Client {
    /// The go command.
    Go,
    /// A module mirror, such as proxy.golang.org.
    Mirror,
    /// git, using the import path as a repository URL.
    Git,
    /// A browser, or anything that claims to be one.
    Browser,
    /// Anything else.
    Other,
}

impl Client {
    const ALL: [Self; 5] = [
        Self::Go,
        Self::Mirror,
        Self::Git,
        Self::Browser,
        Self::Other,
    ];

    fn as_str(self) -> &'static str {
        match self {
            Self::Go => "go",
            Self::Mirror => "mirror",
            Self::Git => "git",
            Self::Browser => "browser",
            Self::Other => "other",
        }
    }

    /// Returns the client for a User-Agent header, which is empty if there is none.
    pub fn of(agent: &[u8]) -> Self {
        if agent.starts_with(b"Go-http-client") || agent.starts_with(b"GoCommand") {
            Self::Go
        } else if agent.starts_with(b"GoModuleMirror") {
            Self::Mirror
        } else if agent.starts_with(b"git/") {
            Self::Git
        } else if agent.starts_with(b"Mozilla") {
            Self::Browser
        } else {
            Self::Other
        }
    }
}

impl EncodeLabelValue for Client {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> fmt::Result {
        self.as_str().encode(encoder)
    }
}

/// Combinations registered up front, for every client, so that `rate()` sees the first increment.
const USUAL: [(Kind, StatusCode); 13] = [
    (Kind::GoGetHit, StatusCode::OK),
    (Kind::GoGetHit, StatusCode::NOT_MODIFIED),
    (Kind::GoGetFolder, StatusCode::NOT_FOUND),
    (Kind::GoGetMiss, StatusCode::NOT_FOUND),
    (Kind::Page, StatusCode::OK),
    (Kind::Page, StatusCode::NOT_MODIFIED),
    (Kind::List, StatusCode::OK),
    (Kind::List, StatusCode::NOT_MODIFIED),
    (Kind::Miss, StatusCode::NOT_FOUND),
    (Kind::Other, StatusCode::FOUND),
    (Kind::Other, StatusCode::METHOD_NOT_ALLOWED),
    (Kind::Other, StatusCode::BAD_REQUEST),
    (Kind::Other, StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE),
];

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    kind: Kind,
    status: u16,
    client: Client,
}

impl RequestLabels {
    fn new(kind: Kind, status: StatusCode, client: Client) -> Self {
        Self {
            kind,
            status: status.as_u16(),
            client,
        }
    }
}

/// One label and its value.
type Label<V = &'static str> = [(&'static str, V); 1];

/// All metrics of the program.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    requests: Family<RequestLabels, Counter>,
    durations: Histogram,
    /// Requests of the go command, by module.
    go_gets: Family<Label<String>, Counter>,
    /// How many modules have a counter of their own.
    counted_modules: AtomicUsize,
    /// Connections.
    pub connections: Connections,
    /// Reloads.
    pub reloads: Reloads,
}

impl Metrics {
    /// Returns metrics at zero, for a site with this many modules.
    pub fn new(modules: usize) -> Self {
        let mut registry = Registry::with_prefix("govanityurls");
        // Not of type `info`, which the Prometheus text format does not have.
        let build = Family::<Label, Gauge>::default();
        let version = env!("CARGO_PKG_VERSION");
        build.get_or_create(&[("version", version)]).set(1);
        registry.register("build_info", "The program, always 1", build);
        let requests = Family::<RequestLabels, Counter>::default();
        for (kind, status) in USUAL {
            for client in Client::ALL {
                drop(requests.get_or_create(&RequestLabels::new(kind, status, client)));
            }
        }
        let help = "Requests answered, by kind, status and client";
        registry.register("http_requests", help, requests.clone());
        let durations = Histogram::new(DURATIONS);
        let help = "Time from a request's head to its answer";
        let name = "http_request_duration";
        registry.register_with_unit(name, help, Unit::Seconds, durations.clone());
        let go_gets = Family::default();
        let help =
            "Requests of the go command that found a module since the last reload, by module";
        registry.register("go_gets", help, go_gets.clone());
        Self {
            durations,
            go_gets,
            counted_modules: AtomicUsize::new(0),
            connections: Connections::new(&mut registry, requests.clone()),
            reloads: Reloads::new(&mut registry, modules),
            requests,
            registry,
        }
    }

    /// Counts a response and how long it took.
    pub fn answered(&self, kind: Kind, client: Client, status: StatusCode, took: Duration) {
        let labels = RequestLabels::new(kind, status, client);
        self.requests.get_or_create(&labels).inc();
        self.durations.observe(took.as_secs_f64());
    }

    /// Returns the counter of a module's requests by the go command; `None` stands for all hidden
    /// modules. Callers ask once and keep it.
    pub fn go_gets(&self, import_path: Option<String>) -> Counter {
        let module = match import_path {
            None => HIDDEN_MODULES.to_owned(),
            Some(import_path) => {
                if self.counted_modules.fetch_add(1, Ordering::Relaxed) < MOST_MODULES {
                    import_path
                } else {
                    OTHER_MODULES.to_owned()
                }
            }
        };
        self.go_gets.get_or_create_owned(&[("module", module)])
    }

    /// Drops the counters of all modules, as others may be served from now on.
    pub fn clear_go_gets(&self) {
        self.go_gets.clear();
        self.counted_modules.store(0, Ordering::Relaxed);
    }

    /// Returns all metrics as OpenMetrics text.
    pub fn openmetrics(&self) -> String {
        let mut text = String::new();
        // Only the writer can fail, and a String does not.
        let _ = encode(&mut text, &self.registry);
        text
    }
}

/// Connection metrics.
#[derive(Debug, Clone, Default)]
pub struct Connections {
    open: Gauge,
    accepted: Counter,
    refused: Family<Label, Counter>,
    requests: Family<RequestLabels, Counter>,
}

impl Connections {
    fn new(registry: &mut Registry, requests: Family<RequestLabels, Counter>) -> Self {
        let new = Self {
            requests,
            ..Self::default()
        };
        for reason in ["accept", "timeout", "bad_request"] {
            drop(new.refused.get_or_create(&[("reason", reason)]));
        }
        registry.register("connections", "Connections that are open", new.open.clone());
        let help = "Connections accepted";
        registry.register("connections_accepted", help, new.accepted.clone());
        let help = "Connections given up: not accepted for want of descriptors, cut after 75 s \
                    without a whole request, or no HTTP";
        registry.register("connections_refused", help, new.refused.clone());
        new
    }

    /// Counts a connection as open until the result is dropped.
    pub fn opened(&self) -> OpenConnection {
        self.accepted.inc();
        self.open.inc();
        OpenConnection(self.clone())
    }

    /// Counts a connection as refused, for this reason.
    pub fn refused(&self, reason: &'static str) {
        self.refused.get_or_create(&[("reason", reason)]).inc();
    }
}

/// A connection that is counted as open.
#[derive(Debug)]
pub struct OpenConnection(Connections);

impl OpenConnection {
    /// Counts why the connection failed. A request that is not HTTP, or whose head is too large,
    /// is answered by hyper; it counts as a request as well.
    pub fn failed(&self, error: &hyper::Error) {
        if error.is_timeout() {
            self.0.refused("timeout");
        } else if error.is_parse() {
            self.0.refused("bad_request");
            let status = if error.is_parse_too_large() {
                StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE
            } else {
                StatusCode::BAD_REQUEST
            };
            let labels = RequestLabels::new(Kind::Other, status, Client::Other);
            self.0.requests.get_or_create(&labels).inc();
        }
    }
}

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.0.open.dec();
    }
}

/// Reload metrics.
#[derive(Debug, Default)]
pub struct Reloads {
    outcomes: Family<Label, Counter>,
    modules: Gauge,
    last_success: Gauge<f64, AtomicU64>,
    last_successful: Gauge,
    file_missing: Gauge,
}

impl Reloads {
    fn new(registry: &mut Registry, modules: usize) -> Self {
        let new = Self::default();
        for outcome in ["success", "failure"] {
            drop(new.outcomes.get_or_create(&[("outcome", outcome)]));
        }
        new.read(modules);
        registry.register("modules", "Modules served", new.modules.clone());
        let help = "Reloads of the configuration, by outcome";
        registry.register("config_reloads", help, new.outcomes.clone());
        let name = "config_last_reload_success_timestamp";
        let help = "When the configuration that is served was read";
        registry.register_with_unit(name, help, Unit::Seconds, new.last_success.clone());
        let name = "config_last_reload_successful";
        let help =
            "Whether the last reload, or else the start, could read the configuration: 1 if so";
        registry.register(name, help, new.last_successful.clone());
        let help = "Whether the watched file is missing: 1 if so";
        registry.register("config_file_missing", help, new.file_missing.clone());
        new
    }

    /// Counts a successful reload and sets the number of modules.
    pub fn succeeded(&self, modules: usize) {
        self.outcome("success");
        self.read(modules);
    }

    /// Records that a configuration with this many modules was read.
    fn read(&self, modules: usize) {
        self.modules.set(i64::try_from(modules).unwrap_or(i64::MAX));
        self.last_success.set(now());
        self.last_successful.set(1);
    }

    /// Records whether the watched file is missing.
    pub fn file_missing(&self, missing: bool) {
        self.file_missing.set(missing.into());
    }

    /// Counts a failed reload.
    pub fn failed(&self) {
        self.outcome("failure");
        self.last_successful.set(0);
    }

    fn outcome(&self, outcome: &'static str) {
        self.outcomes.get_or_create(&[("outcome", outcome)]).inc();
    }
}

/// Returns the Unix time, in seconds.
fn now() -> f64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0.0, |since| since.as_secs_f64())
}
