//! A client that behaves like the go command's: DNS, TCP, TLS and HTTP. Every step has a
//! timeout, and everything read from a server has a size limit.

use std::collections::HashMap;
use std::future::poll_fn;
use std::io::{self, Read as _};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use http_body::Body as _;
use http_body_util::Empty;
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper::ext::ReasonPhrase;
use hyper::{Request, header};
use hyper_util::rt::TokioIo;
use rustls::pki_types::{CertificateDer, ServerName};
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::accept_any;
use super::answer::Response;
use super::names::{self, Attempt, ConnectError};
use super::redirects::{self, Url};
use super::roots::Roots;
use super::tls::{self, Trusted};
use super::{Code, Finding, Step};

/// User agent of the go command since Go 1.27 (cmd/go/internal/web).
pub(super) const NEW_AGENT: &str = "GoCommand/1 (+https://go.dev/cmd/go)";
/// User agent of older go commands.
pub(super) const OLD_AGENT: &str = "Go-http-client/1.1";

/// Maximum body size in bytes; a go-import tag must be in the head.
const MAX_BODY: usize = 1 << 20;
/// Maximum size of a response head in bytes, and its maximum number of headers.
const MAX_HEAD: usize = 256 << 10;
const MAX_FIELDS: usize = 1000;
/// Maximum number of issuer certificates to keep.
const MAX_ISSUERS: usize = 64;
/// Maximum number of addresses to try per host.
const MAX_ADDRESSES: usize = 16;

/// A response and the URLs requested to get it, including redirects.
pub(super) struct Fetched {
    pub(super) hops: Vec<Url>,
    pub(super) response: Response,
}

type Connection = SendRequest<Empty<Bytes>>;
type Chain = Vec<CertificateDer<'static>>;

/// Sends requests and reuses connections.
pub(super) struct Client {
    tls: TlsConnector,
    roots: Roots,
    timeout: Duration,
    /// Addresses to use for the site's hosts instead of DNS.
    connect: Vec<SocketAddr>,
    /// The site's hosts.
    own: Vec<String>,
    /// Idle connections, by scheme and authority.
    idle: Mutex<HashMap<(bool, String), Vec<Connection>>>,
    /// A working address per host.
    working: Mutex<HashMap<String, SocketAddr>>,
    /// Issuer certificates sent by any server; another server may lack one of them.
    issuers: Mutex<Chain>,
}

impl Client {
    pub(super) fn new(own: Vec<String>, connect: Vec<SocketAddr>, timeout: Duration) -> Self {
        Self {
            tls: TlsConnector::from(Arc::new(accept_any::tls_config())),
            roots: Roots::load(),
            timeout,
            connect,
            own,
            idle: Mutex::default(),
            working: Mutex::default(),
            issuers: Mutex::default(),
        }
    }

    /// Checks a host of the site below HTTP: its name, its addresses, and the certificate at
    /// each address.
    pub(super) async fn probe(&self, host: &str) -> Vec<Finding> {
        let addresses = match self.resolve(host, 443).await {
            Ok(addresses) => addresses,
            Err(finding) => return vec![finding],
        };
        let mut attempts: Vec<Attempt> = Vec::new();
        let mut streams = Vec::new();
        for result in join_all(addresses.iter().map(|addr| self.open(*addr))).await {
            let addr = addresses[attempts.len()];
            attempts.push((addr, result.map(|stream| streams.push((addr, stream)))));
        }
        let port = addresses.first().map_or(443, SocketAddr::port);
        let mut findings = names::connected(host, port, &attempts);
        let handshakes = streams.into_iter().map(|(addr, stream)| async move {
            (
                addr,
                self.handshake(host, stream)
                    .await
                    .map(|(_, trusted)| trusted),
            )
        });
        // Report a certificate once, even if several addresses use it.
        let mut certificates: Vec<Finding> = Vec::new();
        for (addr, result) in join_all(handshakes).await {
            let finding = match result {
                Ok(trusted) => {
                    lock(&self.working).entry(host.to_owned()).or_insert(addr);
                    tls::trusted(&trusted, host, now())
                }
                Err(finding) => finding,
            };
            if !certificates.contains(&finding) {
                certificates.push(finding);
            }
        }
        findings.extend(certificates);
        findings
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
        let mut hops = vec![url.clone()];
        let mut url = url;
        loop {
            let response = self.request(&url, agent).await?;
            let location = response.header("location");
            match redirects::next(&hops, response.status, location)? {
                None => return Ok(Fetched { hops, response }),
                Some(next) => url = next,
            }
            hops.push(url.clone());
        }
    }

    /// Sends one request; retries if the server has closed a reused connection.
    async fn request(&self, url: &Url, agent: &str) -> Result<Response, Finding> {
        let key = (url.https, url.authority.clone());
        loop {
            let idle = lock(&self.idle).get_mut(&key).and_then(Vec::pop);
            let is_reused = idle.is_some();
            let connection = match idle {
                Some(connection) => connection,
                None => self.connect_to(url).await?,
            };
            match self.exchange(connection, url, agent).await? {
                Some((response, connection)) => {
                    if let Some(connection) = connection {
                        lock(&self.idle).entry(key).or_default().push(connection);
                    }
                    return Ok(response);
                }
                None if is_reused => {}
                None => {
                    let message =
                        format!("{url}: the server closed the connection without a response");
                    return Err(Finding::fail(Step::Answer, Code::HttpStatus, message).go("EOF"));
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
        let fail = |code, message: String| Finding::fail(Step::Answer, code, message);
        let request = Request::get(&url.target)
            .header(header::HOST, &url.authority)
            .header(header::USER_AGENT, agent)
            .header(header::ACCEPT_ENCODING, "gzip")
            .body(Empty::new())
            .map_err(|_| fail(Code::HttpStatus, format!("{url} is not a valid URL")))?;
        let exchange = async {
            let response = connection.send_request(request).await?;
            let (parts, body) = response.into_parts();
            let (body, truncated) = read(body).await?;
            hyper::Result::Ok((parts, body, truncated))
        };
        let seconds = self.timeout.as_secs();
        let (parts, body, truncated) = match timeout(self.timeout, exchange).await {
            Ok(Ok(read)) => read,
            Ok(Err(error)) if error.is_parse() => {
                let message = format!("{url}: the response is not valid HTTP: {error}");
                return Err(fail(Code::HttpStatus, message));
            }
            Ok(Err(_)) => return Ok(None),
            Err(_) => {
                let message = format!("no complete response from {url} within {seconds} s");
                return Err(fail(Code::ConnectTimeout, message).fix(format!(
                    "curl -m {seconds} -sv '{url}'    # shows where it stops"
                )));
            }
        };
        let is_gzip = parts
            .headers
            .get(header::CONTENT_ENCODING)
            .is_some_and(|v| v == "gzip");
        let (body, truncated) = match is_gzip {
            true => unzip(&body, truncated),
            false => (body, truncated),
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
            body,
            truncated,
        };
        // A connection with an unread body cannot be reused.
        let is_reusable = !response.truncated && connection.ready().await.is_ok();
        Ok(Some((response, is_reusable.then_some(connection))))
    }

    /// Opens a connection to a URL's host.
    async fn connect_to(&self, url: &Url) -> Result<Connection, Finding> {
        let (host, port) = (url.host(), url.port());
        let known = lock(&self.working).get(host).copied();
        let addresses = match known.filter(|addr| addr.port() == port || self.is_own(host)) {
            Some(addr) => vec![addr],
            None => self.resolve(host, port).await?,
        };
        let mut attempts = Vec::new();
        for addr in addresses {
            match self.open(addr).await {
                Ok(stream) if url.https => {
                    let (stream, _) = self.handshake(host, stream).await?;
                    lock(&self.working).insert(host.to_owned(), addr);
                    return start(stream).await;
                }
                Ok(stream) => return start(stream).await,
                Err(error) => attempts.push((addr, Err(error))),
            }
        }
        let mut findings = names::connected(host, port, &attempts);
        Err(findings.swap_remove(findings.len() - 1))
    }

    fn is_own(&self, host: &str) -> bool {
        self.own.iter().any(|own| own == host)
    }

    async fn resolve(&self, host: &str, port: u16) -> Result<Vec<SocketAddr>, Finding> {
        if !self.connect.is_empty() && self.is_own(host) {
            return Ok(self.connect.clone());
        }
        let lookup = lookup_host((host.trim_matches(['[', ']']), port));
        let why = match timeout(self.timeout, lookup).await {
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
            Err(_) => Some(format!("no response within {} s", self.timeout.as_secs())),
        };
        let server = std::fs::read_to_string("/etc/resolv.conf").unwrap_or_default();
        let server = server
            .lines()
            .find_map(|line| line.trim().strip_prefix("nameserver "));
        Err(names::lookup_failed(
            host,
            why.as_deref(),
            server.map(str::trim),
        ))
    }

    async fn open(&self, addr: SocketAddr) -> Result<TcpStream, ConnectError> {
        match timeout(self.timeout, TcpStream::connect(addr)).await {
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
            .map_err(|error| tls::handshake_failed(None, &error.to_string(), host))?;
        let stream = match timeout(self.timeout, self.tls.connect(name, stream)).await {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => {
                let cause = error.get_ref().and_then(|inner| inner.downcast_ref());
                return Err(tls::handshake_failed(cause, &error.to_string(), host));
            }
            Err(_) => return Err(names::handshake_timed_out(host, self.timeout.as_secs())),
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
            for url in urls.filter(|url| !url.https).take(1) {
                chain.extend(Box::pin(self.issuer(url)).await);
            }
            completed = tls::verify_chain(&chain, &self.roots, host, now()).is_ok();
        }
        Err(tls::distrusted(&fault, host, now(), completed))
    }

    /// Downloads an issuer's certificate from the URL in the certificate that it issued.
    async fn issuer(&self, url: Url) -> Option<CertificateDer<'static>> {
        let response = self.request(&url, OLD_AGENT).await.ok()?;
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

/// Reads a body up to the size limit; returns whether it was truncated.
async fn read(mut body: Incoming) -> hyper::Result<(Vec<u8>, bool)> {
    let mut bytes = Vec::new();
    while let Some(frame) = poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await {
        if let Ok(data) = frame?.into_data() {
            let room = MAX_BODY - bytes.len();
            bytes.extend_from_slice(&data[..data.len().min(room)]);
            if data.len() > room {
                return Ok((bytes, true));
            }
        }
    }
    Ok((bytes, false))
}

/// Decompresses a body up to the size limit.
fn unzip(body: &[u8], truncated: bool) -> (Vec<u8>, bool) {
    let mut bytes = Vec::new();
    let mut decoder = flate2::read::GzDecoder::new(body).take(MAX_BODY as u64 + 1);
    // Like Go, keep what precedes an error in the data.
    let _ = decoder.read_to_end(&mut bytes);
    let too_long = bytes.len() > MAX_BODY;
    bytes.truncate(MAX_BODY);
    (bytes, truncated || too_long)
}

/// Runs futures concurrently in one task; results are in the order of the futures.
pub(super) async fn join_all<F: Future>(futures: impl Iterator<Item = F>) -> Vec<F::Output> {
    let mut futures: Vec<_> = futures.map(|future| (Box::pin(future), None)).collect();
    poll_fn(|cx| {
        let mut all_ready = true;
        for (future, output) in &mut futures {
            if output.is_none() {
                match future.as_mut().poll(cx) {
                    std::task::Poll::Ready(value) => *output = Some(value),
                    std::task::Poll::Pending => all_ready = false,
                }
            }
        }
        match all_ready {
            true => std::task::Poll::Ready(()),
            false => std::task::Poll::Pending,
        }
    })
    .await;
    futures
        .into_iter()
        .filter_map(|(_, output)| output)
        .collect()
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
        assert_eq!(unzip(&zip(b"hello"), false), (b"hello".to_vec(), false));
        let (bytes, truncated) = unzip(&zip(&vec![b'a'; 64 << 20]), false);
        assert_eq!((bytes.len(), truncated), (MAX_BODY, true));
        assert_eq!(unzip(b"not gzip", false), (Vec::new(), false));
        assert!(unzip(&zip(&[b'a'; 100])[..15], true).1);
    }
}
