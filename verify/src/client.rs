//! A client that behaves like the go command's: DNS, TCP, TLS and HTTP. Every step has a
//! timeout, and everything read from a server has a size limit.

use std::collections::HashMap;
use std::io::{self, Read as _};
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use futures_util::future::join_all;
use http_body_util::{BodyExt as _, Empty};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper::ext::ReasonPhrase;
use hyper::{Request, header};
use hyper_util::rt::TokioIo;
use rustls::pki_types::{CertificateDer, ServerName};
use tokio::net::{TcpStream, UdpSocket, lookup_host};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsConnector;

use super::answer::{Fetched, Response};
use super::names::{self, Attempt, ConnectError};
use super::redirects::{self, Url};
use super::tls::{self, Roots, Trusted};
use super::{Code, Finding, Options, Step};
use crate::tags::Head;

/// User agent of the go command since Go 1.27 (cmd/go/internal/web).
pub(super) const NEW_AGENT: &str = "GoCommand/1 (+https://go.dev/cmd/go)";
/// User agent of older go commands.
pub(super) const OLD_AGENT: &str = "Go-http-client/1.1";

/// Maximum size of what is kept of a body, in bytes.
const MAX_BODY: usize = 1 << 20;
/// Maximum size in bytes of a page whose head does not end before. Go has no limit.
const MAX_PAGE: usize = 16 << 20;
/// Maximum size of a response head in bytes, and its maximum number of headers.
const MAX_HEAD: usize = 1 << 20;
const MAX_FIELDS: usize = 4000;
/// How many steps a page may take: the go command waits for it without a limit.
const PAGE_TIMEOUTS: u32 = 6;
/// How often to ask again a server that limits how fast it is asked, and after which pause.
const MAX_RETRIES: usize = 10;
const PAUSE: Duration = Duration::from_secs(1);
/// How long to wait for a DNS server.
const DNS_TIMEOUT: Duration = Duration::from_secs(2);
/// Maximum number of issuer certificates to keep.
const MAX_ISSUERS: usize = 64;
/// Maximum number of addresses to try per host.
const MAX_ADDRESSES: usize = 16;

type Connection = SendRequest<Empty<Bytes>>;
type Chain = Vec<CertificateDer<'static>>;

/// What is known of a host of the site, below HTTP.
#[derive(Debug, Default)]
pub(super) struct Probe {
    pub(super) findings: Vec<Finding>,
    /// The addresses that can be asked for pages.
    pub(super) reached: Vec<SocketAddr>,
}

/// Sends requests and reuses connections.
pub(super) struct Client {
    tls: TlsConnector,
    roots: Roots,
    options: Options,
    /// The site's hosts, to which `options.connect` applies.
    own: Vec<String>,
    /// Idle connections, by scheme, authority and address.
    idle: Mutex<HashMap<(String, String, SocketAddr), Vec<Connection>>>,
    /// A working address, by scheme and authority.
    working: Mutex<HashMap<(String, String), SocketAddr>>,
    /// Issuer certificates sent by any server; another server may lack one of them.
    issuers: Mutex<Chain>,
    /// One page at a time may be longer than `MAX_BODY`.
    large: Semaphore,
    retries: AtomicUsize,
}

impl Client {
    pub(super) fn new(own: Vec<String>, options: &Options) -> Self {
        Self {
            tls: TlsConnector::from(Arc::new(tls::config())),
            roots: Roots::load(),
            options: options.clone(),
            own,
            idle: Mutex::default(),
            working: Mutex::default(),
            issuers: Mutex::default(),
            large: Semaphore::new(1),
            retries: AtomicUsize::new(0),
        }
    }

    fn flags(&self) -> Option<&str> {
        self.options.file.as_ref().map(|file| file.flags.as_str())
    }

    /// Checks a host of the site below HTTP: its name, its addresses, and the certificate at
    /// each address.
    pub(super) async fn probe(&self, host: &str) -> Probe {
        let addresses = match self.resolve(host, 443).await {
            Ok(addresses) => addresses,
            Err(finding) => {
                return Probe {
                    findings: vec![finding],
                    ..Probe::default()
                };
            }
        };
        let mut attempts: Vec<Attempt> = Vec::new();
        let mut streams = Vec::new();
        for result in join_all(addresses.iter().map(|addr| self.open(*addr))).await {
            let addr = addresses[attempts.len()];
            attempts.push((addr, result.map(|stream| streams.push((addr, stream)))));
        }
        let has_http = if streams.is_empty() {
            self.open(SocketAddr::new(addresses[0].ip(), 80))
                .await
                .is_ok()
        } else {
            false
        };
        let mut probe = Probe {
            findings: names::connected(
                host,
                addresses[0].port(),
                &attempts,
                has_http,
                self.flags(),
            ),
            reached: Vec::new(),
        };
        if self.options.connect.is_empty() && self.is_only_in_hosts_file(host).await {
            probe.findings.push(names::only_in_hosts_file(host));
        }
        let handshakes = streams.into_iter().map(|(addr, stream)| async move {
            let result = self.handshake(host, stream).await;
            (addr, result.map(|(_, trusted)| trusted))
        });
        let mut certificates: Vec<(Finding, Vec<SocketAddr>)> = Vec::new();
        let results = join_all(handshakes).await;
        let count = results.len();
        for (addr, result) in results {
            let finding = match result {
                Ok(trusted) => {
                    probe.reached.push(addr);
                    tls::trusted(&trusted, host, now())
                }
                Err(finding) => finding,
            };
            match certificates.iter_mut().find(|(known, _)| *known == finding) {
                Some((_, addresses)) => addresses.push(addr),
                None => certificates.push((finding, vec![addr])),
            }
        }
        for (finding, addresses) in certificates {
            let is_everywhere = addresses.len() == count;
            probe.findings.push(if is_everywhere {
                finding
            } else {
                finding.at(&addresses)
            });
        }
        probe
    }

    /// Connects to a repository's host; fails with the reason.
    pub(super) async fn reach(&self, host: &str, port: u16) -> Result<(), String> {
        let addresses = self
            .resolve(host, port)
            .await
            .map_err(|finding| finding.message)?;
        let mut last = String::new();
        for addr in addresses {
            match self.open(addr).await {
                Ok(_) => return Ok(()),
                Err(error) => last = format!("cannot connect to {addr}: {}", names::reason(&error)),
            }
        }
        Err(last)
    }

    /// Requests a URL and follows redirects like the go command.
    pub(super) async fn get(&self, url: Url, agent: &str) -> Result<Fetched, Finding> {
        self.get_at(url, agent, None).await
    }

    /// Requests a URL from one of its host's addresses.
    pub(super) async fn get_at(
        &self,
        url: Url,
        agent: &str,
        at: Option<SocketAddr>,
    ) -> Result<Fetched, Finding> {
        let mut hops = vec![url.clone()];
        let mut url = url;
        let mut redirected_by_nginx = false;
        loop {
            let at = at.filter(|_| url.authority == hops[0].authority);
            let mut response = self.request(&url, agent, at).await?;
            let is_busy = matches!(response.status, 429 | 503);
            if is_busy && self.retries.fetch_add(1, Ordering::Relaxed) < MAX_RETRIES {
                sleep(PAUSE).await;
                response = self.request(&url, agent, at).await?;
                response.retried = true;
            }
            let Some(next) = redirects::next(&hops, &response)? else {
                return Ok(Fetched {
                    hops,
                    redirected_by_nginx,
                    response,
                });
            };
            redirected_by_nginx = response.is_nginx();
            url = next;
            hops.push(url.clone());
        }
    }

    /// Sends one request; retries if the server has closed a reused connection.
    async fn request(
        &self,
        url: &Url,
        agent: &str,
        at: Option<SocketAddr>,
    ) -> Result<Response, Finding> {
        let name = (url.scheme.clone(), url.authority.clone());
        loop {
            let known = at.or_else(|| lock(&self.working).get(&name).copied());
            let mut reused = None;
            if let Some(addr) = known {
                let key = (name.0.clone(), name.1.clone(), addr);
                let idle = lock(&self.idle).get_mut(&key).and_then(Vec::pop);
                reused = idle.map(|connection| (connection, addr));
            }
            let is_reused = reused.is_some();
            let (connection, addr) = match reused {
                Some(reused) => reused,
                None => self.connect_to(url, known).await?,
            };
            match self.exchange(connection, url, agent).await? {
                Some((response, connection)) => {
                    if let Some(connection) = connection {
                        let key = (name.0, name.1, addr);
                        lock(&self.idle).entry(key).or_default().push(connection);
                    }
                    return Ok(response);
                }
                None if is_reused => {}
                None => {
                    let message =
                        format!("{url}: the server closed the connection without a response");
                    return Err(Finding::fail(Step::Answer, Code::HttpStatus, message)
                        .go("EOF")
                        .look(format!("curl -sv '{url}'    # shows where it stops")));
                }
            }
        }
    }

    /// Returns the response, and the connection if it can be reused; `None` if the server closed it
    /// before it responded.
    async fn exchange(
        &self,
        mut connection: Connection,
        url: &Url,
        agent: &str,
    ) -> Result<Option<(Response, Option<Connection>)>, Finding> {
        let request = Request::get(&url.target)
            .header(header::HOST, &url.authority)
            .header(header::USER_AGENT, agent)
            .header(header::ACCEPT_ENCODING, "gzip")
            .body(Empty::new())
            .map_err(|_| {
                let why = format!("{url} has characters that go sends and verify does not");
                Finding::skip(Step::Answer, why)
            })?;
        let start = Instant::now();
        let exchange = async {
            let response = connection.send_request(request).await?;
            let (parts, body) = response.into_parts();
            let is_gzip = parts
                .headers
                .get(header::CONTENT_ENCODING)
                .is_some_and(|value| value == "gzip");
            let page = self.read(body, is_gzip).await;
            hyper::Result::Ok((parts, page))
        };
        let limit = self.options.timeout * PAGE_TIMEOUTS;
        let seconds = limit.as_secs();
        let (parts, page) = match timeout(limit, exchange).await {
            Ok(Ok(read)) => read,
            Ok(Err(error)) if error.to_string().contains("too large") => {
                let why = format!("{url}: the response has more headers than verify reads");
                return Err(Finding::skip(Step::Answer, why));
            }
            Ok(Err(error)) if error.is_parse() => {
                let message = format!("{url}: the response is not valid HTTP: {error}");
                return Err(Finding::fail(Step::Answer, Code::HttpStatus, message)
                    .look(format!("curl -sv '{url}'    # shows it")));
            }
            Ok(Err(_)) => return Ok(None),
            Err(_) => {
                let message = format!("no complete response from {url} within {seconds} s");
                return Err(
                    Finding::fail(Step::Answer, Code::ConnectTimeout, message).look(format!(
                        "curl -m {seconds} -sv '{url}'    # shows where it stops"
                    )),
                );
            }
        };
        let reason = match parts.extensions.get::<ReasonPhrase>() {
            Some(reason) => String::from_utf8_lossy(reason.as_bytes()).into_owned(),
            None => parts
                .status
                .canonical_reason()
                .unwrap_or_default()
                .to_owned(),
        };
        let response = Response {
            status: parts.status.as_u16(),
            reason,
            headers: parts.headers,
            body: page.start,
            head: page.head,
            truncated: page.truncated,
            took: start.elapsed(),
            retried: false,
        };
        // A connection with an unread body cannot be reused.
        let is_reusable = page.end == End::Whole && connection.ready().await.is_ok();
        Ok(Some((response, is_reusable.then_some(connection))))
    }

    /// Reads a page until its head ends, which is as far as Go reads, or up to the size limit.
    async fn read(&self, mut body: Incoming, is_gzip: bool) -> Page {
        let mut bytes = Vec::new();
        let end = read_until(&mut body, &mut bytes, MAX_BODY).await;
        let page = Page::parse(&bytes, end, is_gzip, MAX_BODY);
        if !page.truncated {
            return page;
        }
        // An error means that the semaphore is closed, which it never is.
        let _permit = self.large.acquire().await;
        let end = match end {
            End::Open => read_until(&mut body, &mut bytes, MAX_PAGE).await,
            end => end,
        };
        Page::parse(&bytes, end, is_gzip, MAX_PAGE)
    }

    /// Opens a connection to a URL's host, at an address that is known to work or at any other.
    async fn connect_to(
        &self,
        url: &Url,
        known: Option<SocketAddr>,
    ) -> Result<(Connection, SocketAddr), Finding> {
        let (host, port) = (url.host(), url.port());
        let addresses = match known {
            Some(addr) => vec![addr],
            None => self.resolve(host, port).await?,
        };
        let mut attempts = Vec::new();
        for addr in addresses {
            let stream = match self.open(addr).await {
                Ok(stream) => stream,
                Err(error) => {
                    attempts.push((addr, Err(error)));
                    continue;
                }
            };
            let connection = if url.is_https() {
                let (stream, _) = self.handshake(host, stream).await?;
                start(stream).await?
            } else {
                start(stream).await?
            };
            let name = (url.scheme.clone(), url.authority.clone());
            lock(&self.working).entry(name).or_insert(addr);
            return Ok((connection, addr));
        }
        let mut findings = names::connected(host, port, &attempts, false, self.flags());
        Err(findings.swap_remove(findings.len() - 1))
    }

    fn is_own(&self, host: &str) -> bool {
        self.own.iter().any(|own| own == host)
    }

    async fn resolve(&self, host: &str, port: u16) -> Result<Vec<SocketAddr>, Finding> {
        if !self.options.connect.is_empty() && self.is_own(host) {
            return Ok(self.options.connect.clone());
        }
        let lookup = lookup_host((host.trim_matches(['[', ']']), port));
        let why = match timeout(self.options.timeout, lookup).await {
            Ok(Ok(addresses)) => {
                let mut addresses: Vec<_> = addresses.take(MAX_ADDRESSES).collect();
                addresses.dedup();
                if !addresses.is_empty() {
                    return Ok(addresses);
                }
                None
            }
            // Only the text of getaddrinfo's error says that there is no such name.
            Ok(Err(error)) => Some(error.to_string())
                .filter(|text| !text.contains("not known") && !text.contains("No address")),
            Err(_) => Some(format!(
                "no response within {} s",
                self.options.timeout.as_secs()
            )),
        };
        let server = dns_server();
        Err(names::lookup_failed(
            host,
            why.as_deref(),
            server.as_deref(),
        ))
    }

    /// Returns whether DNS says that it does not have a name of /etc/hosts.
    async fn is_only_in_hosts_file(&self, host: &str) -> bool {
        let hosts = std::fs::read_to_string("/etc/hosts").unwrap_or_default();
        if !names::is_in_hosts_file(host, &hosts) {
            return false;
        }
        let server = dns_server().and_then(|server| server.parse::<IpAddr>().ok());
        let Some(server) = server else {
            return false;
        };
        let lookup = ask_dns(host, server);
        timeout(DNS_TIMEOUT, lookup)
            .await
            .is_ok_and(|result| result.is_ok_and(|known| !known))
    }

    async fn open(&self, addr: SocketAddr) -> Result<TcpStream, ConnectError> {
        match timeout(self.options.timeout, TcpStream::connect(addr)).await {
            Err(_) => Err(ConnectError::TimedOut),
            Ok(Ok(stream)) => {
                let _ = stream.set_nodelay(true);
                Ok(stream)
            }
            Ok(Err(error)) => Err(match error.kind() {
                io::ErrorKind::ConnectionRefused => ConnectError::Refused,
                io::ErrorKind::TimedOut => ConnectError::TimedOut,
                _ => {
                    let text = error.to_string().to_lowercase();
                    let text = text.split(" (os error").next().unwrap_or_default();
                    ConnectError::Other(text.to_owned())
                }
            }),
        }
    }

    /// Completes the TLS handshake with any certificate, then verifies it.
    async fn handshake(
        &self,
        host: &str,
        stream: TcpStream,
    ) -> Result<(tokio_rustls::client::TlsStream<TcpStream>, Trusted), Finding> {
        let name = ServerName::try_from(host.to_owned())
            .map_err(|error| tls::handshake_failed(None, &error.to_string(), host, self.flags()))?;
        let stream = match timeout(self.options.timeout, self.tls.connect(name, stream)).await {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => {
                let cause = error.get_ref().and_then(|inner| inner.downcast_ref());
                return Err(tls::handshake_failed(
                    cause,
                    &error.to_string(),
                    host,
                    self.flags(),
                ));
            }
            Err(_) => {
                return Err(names::handshake_timed_out(
                    host,
                    self.options.timeout.as_secs(),
                ));
            }
        };
        let chain: Chain = stream
            .get_ref()
            .1
            .peer_certificates()
            .unwrap_or_default()
            .to_vec();
        let fault = match tls::verify_chain(&chain, &self.roots, host, now()) {
            Ok(trusted) => {
                let mut issuers = lock(&self.issuers);
                for issuer in chain.into_iter().skip(1) {
                    if !issuers.contains(&issuer) && issuers.len() < MAX_ISSUERS {
                        issuers.push(issuer);
                    }
                }
                return Ok((stream, trusted));
            }
            Err(fault) => fault,
        };
        let mut completed = false;
        if let tls::Fault::UnknownAuthority { aia, .. } = &fault {
            let mut chain = chain;
            chain.extend(lock(&self.issuers).iter().cloned());
            let urls = aia.iter().filter_map(|url| Url::parse(url));
            for url in urls.filter(|url| !url.is_https()).take(1) {
                chain.extend(Box::pin(self.issuer(url)).await);
            }
            completed = tls::verify_chain(&chain, &self.roots, host, now()).is_ok();
        }
        Err(tls::distrusted(
            &fault,
            host,
            now(),
            completed,
            self.flags(),
        ))
    }

    /// Downloads an issuer's certificate from the URL in the certificate that it issued.
    async fn issuer(&self, url: Url) -> Option<CertificateDer<'static>> {
        let response = self.request(&url, OLD_AGENT, None).await.ok()?;
        (response.status == 200).then(|| CertificateDer::from(response.body))
    }
}

/// Starts HTTP/1.1 on a connection.
async fn start<S>(stream: S) -> Result<Connection, Finding>
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
{
    let handshake = http1::Builder::new()
        .max_buf_size(MAX_HEAD)
        .max_headers(MAX_FIELDS)
        .handshake(TokioIo::new(stream));
    let (sender, connection) = handshake
        .await
        .map_err(|error| Finding::fail(Step::Answer, Code::HttpStatus, error.to_string()))?;
    // The task ends when the sender is dropped; the sender reports its errors.
    tokio::spawn(connection);
    Ok(sender)
}

/// What is read of a page.
struct Page {
    /// The first `MAX_BODY` bytes.
    start: Vec<u8>,
    head: Head,
    /// Whether the size limit was reached before the head ended.
    truncated: bool,
    end: End,
}

/// How far a body was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// To its end.
    Whole,
    /// Up to the size limit.
    Open,
    /// Until the connection broke. Like Go, what precedes that is read.
    CutShort,
}

impl Page {
    fn parse(bytes: &[u8], end: End, is_gzip: bool, limit: usize) -> Self {
        let unzipped;
        let (bytes, is_open) = if is_gzip {
            unzipped = unzip(bytes, limit);
            (&unzipped[..], end == End::Open || unzipped.len() >= limit)
        } else {
            (bytes, end == End::Open)
        };
        let mut head = Head::parse(bytes);
        if end == End::CutShort && !head.ended && head.error.is_none() {
            head.error = Some("unexpected EOF".to_owned());
        }
        Self {
            start: bytes[..bytes.len().min(MAX_BODY)].to_vec(),
            truncated: is_open && !head.ended,
            head,
            end,
        }
    }
}

/// Reads on until a body has this many bytes.
async fn read_until(body: &mut Incoming, bytes: &mut Vec<u8>, limit: usize) -> End {
    while bytes.len() < limit {
        match body.frame().await {
            None => return End::Whole,
            Some(Err(_)) => return End::CutShort,
            Some(Ok(frame)) => {
                if let Ok(data) = frame.into_data() {
                    bytes.extend_from_slice(&data);
                }
            }
        }
    }
    End::Open
}

/// Decompresses a body up to the size limit. Like Go, keeps what precedes an error in the data.
fn unzip(body: &[u8], limit: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut decoder = flate2::read::GzDecoder::new(body).take(limit as u64);
    let _ = decoder.read_to_end(&mut bytes);
    bytes
}

/// Returns the DNS server that Go asks first.
fn dns_server() -> Option<String> {
    let text = std::fs::read_to_string("/etc/resolv.conf").ok()?;
    let mut lines = text.lines();
    let server = lines.find_map(|line| line.trim().strip_prefix("nameserver "))?;
    Some(server.trim().to_owned())
}

/// Asks a DNS server whether a name exists.
async fn ask_dns(host: &str, server: IpAddr) -> io::Result<bool> {
    let any: IpAddr = if server.is_ipv4() {
        [0; 4].into()
    } else {
        [0_u16; 8].into()
    };
    let socket = UdpSocket::bind((any, 0)).await?;
    socket.connect((server, 53)).await?;
    socket.send(&names::dns_question(host)).await?;
    let mut answer = [0; 512];
    let length = socket.recv(&mut answer).await?;
    names::dns_answer(&answer[..length]).ok_or_else(|| io::Error::other("no answer"))
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Returns the Unix time in seconds.
pub(super) fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| {
        i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
    })
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn gzip_is_decoded_up_to_a_limit() {
        let zip = |bytes: &[u8]| {
            let mut encoder =
                flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            encoder.write_all(bytes).unwrap();
            encoder.finish().unwrap()
        };
        let page = |bytes: &[u8], end| {
            let page = Page::parse(bytes, end, true, MAX_BODY);
            (page.start, page.truncated)
        };
        assert_eq!(page(&zip(b"hello"), End::Whole), (b"hello".to_vec(), false));
        let (bytes, truncated) = page(&zip(&vec![b'a'; 64 << 20]), End::Whole);
        assert_eq!((bytes.len(), truncated), (MAX_BODY, true));
        assert_eq!(page(b"not gzip", End::Whole), (Vec::new(), false));
        assert!(page(&zip(&[b'a'; 100])[..15], End::Open).1);
    }

    #[test]
    fn page_is_read_until_its_head_ends() {
        let page = |text: &str, end| Page::parse(text.as_bytes(), end, false, MAX_BODY);
        assert!(!page("<head></head><body>", End::Open).truncated);
        assert!(page("<head>", End::Open).truncated);
        assert!(!page("<head>", End::Whole).truncated);
        let error = page("<head>", End::CutShort).head.error;
        assert_eq!(error.as_deref(), Some("unexpected EOF"));
    }
}
