//! Requests as the go command makes them: names, connections, TLS, HTTP. Every step has a
//! deadline, and nothing that a server sends is read without a bound.

use std::collections::HashMap;
use std::future::poll_fn;
use std::io::{self, Read as _};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::body::Body;
use http_body::Body as _;
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper::ext::ReasonPhrase;
use hyper::{Request, header};
use hyper_util::rt::TokioIo;
use rustls::pki_types::{CertificateDer, ServerName};
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::answer::Response;
use super::names::{self, Attempt, ConnectError, LookupError};
use super::recorder;
use super::redirects::{self, Next, Url};
use super::roots::Roots;
use super::tls::{self, Trusted};
use super::{Code, Finding, Step};

/// What the go command calls itself, from Go 1.27 on (cmd/go/internal/web).
pub(super) const NEW_AGENT: &str = "GoCommand/1 (+https://go.dev/cmd/go)";
/// What it was called before.
pub(super) const OLD_AGENT: &str = "Go-http-client/1.1";

/// So much of a page is read: a tag that comes later is in no head.
const MAX_BODY: usize = 1 << 20;
/// So much of a head, in bytes and in fields.
const MAX_HEAD: usize = 256 << 10;
const MAX_FIELDS: usize = 1000;
/// So many issuers' certificates are kept.
const MAX_ISSUERS: usize = 64;
/// No host needs more.
const MAX_ADDRESSES: usize = 16;

/// Why there is no response.
#[derive(Debug, Clone)]
pub(super) enum Error {
    /// The finding says it.
    Found(Finding),
    /// A connection that was kept has been closed meanwhile.
    Closed,
}

/// A response, and the URLs on the way to it.
pub(super) struct Fetched {
    pub(super) hops: Vec<Url>,
    pub(super) response: Response,
}

type Connection = SendRequest<Body>;
type Chain = Vec<CertificateDer<'static>>;

/// Makes requests, and keeps connections for the next ones.
pub(super) struct Client {
    tls: TlsConnector,
    roots: Roots,
    timeout: Duration,
    /// Where the hosts of the file are, instead of what DNS says.
    connect: Vec<SocketAddr>,
    /// The hosts of the file.
    own: Vec<String>,
    /// Idle connections, by scheme and authority.
    idle: Mutex<HashMap<(bool, String), Vec<Connection>>>,
    /// The address of a host that has answered.
    good: Mutex<HashMap<String, SocketAddr>>,
    /// Issuers' certificates that servers have sent: what one leaves out another may have.
    issuers: Mutex<Chain>,
}

impl Client {
    pub(super) fn new(own: Vec<String>, connect: Vec<SocketAddr>, timeout: Duration) -> Self {
        Self {
            tls: TlsConnector::from(Arc::new(recorder::tls_config())),
            roots: Roots::load(),
            timeout,
            connect,
            own,
            idle: Mutex::default(),
            good: Mutex::default(),
            issuers: Mutex::default(),
        }
    }

    /// Tries everything below HTTP for a host of the file: its name, each of its addresses, and
    /// the certificate at each.
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
        // One line for each certificate, however many addresses have it.
        let mut certificates: Vec<Finding> = Vec::new();
        for (addr, result) in join_all(handshakes).await {
            let finding = match result {
                Ok(trusted) => {
                    lock(&self.good).entry(host.to_owned()).or_insert(addr);
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

    /// Returns whether a host takes connections, for one that is not the site's.
    pub(super) async fn reach(&self, host: &str, port: u16) -> Result<(), String> {
        let addresses = self
            .resolve(host, port)
            .await
            .map_err(|finding| finding.message)?;
        let mut last = String::new();
        for addr in addresses {
            match self.open(addr).await {
                Ok(_) => return Ok(()),
                Err(error) => last = format!("{addr} does not answer: {error:?}"),
            }
        }
        Err(last)
    }

    /// Requests a URL, and follows redirects as the go command does.
    pub(super) async fn get(&self, url: Url, agent: &str) -> Result<Fetched, Finding> {
        let mut hops = vec![url.clone()];
        let mut url = url;
        loop {
            let response = self.request(&url, agent).await?;
            let location = response.header("location");
            match redirects::next(&hops, response.status, Some(location)) {
                Next::Read => return Ok(Fetched { hops, response }),
                Next::Stop(finding) => return Err(finding),
                Next::Follow(next) => url = next,
            }
            hops.push(url.clone());
        }
    }

    /// Requests a URL. Over a connection that was kept and is closed by now: once more.
    async fn request(&self, url: &Url, agent: &str) -> Result<Response, Finding> {
        let key = (url.https, url.authority.clone());
        loop {
            let kept = lock(&self.idle).get_mut(&key).and_then(Vec::pop);
            let is_kept = kept.is_some();
            let connection = match kept {
                Some(connection) => connection,
                None => self.connect_to(url).await?,
            };
            match self.exchange(connection, url, agent).await {
                Ok((response, connection)) => {
                    if let Some(connection) = connection {
                        lock(&self.idle).entry(key).or_default().push(connection);
                    }
                    return Ok(response);
                }
                Err(Error::Closed) if is_kept => {}
                Err(Error::Closed) => {
                    let message =
                        format!("{url}: the server closed the connection without an answer");
                    return Err(Finding::fail(Step::Answer, Code::HttpStatus, message).go("EOF"));
                }
                Err(Error::Found(finding)) => return Err(finding),
            }
        }
    }

    async fn exchange(
        &self,
        mut connection: Connection,
        url: &Url,
        agent: &str,
    ) -> Result<(Response, Option<Connection>), Error> {
        let found =
            |code, message: String| Error::Found(Finding::fail(Step::Answer, code, message));
        let request = Request::get(&url.target)
            .header(header::HOST, &url.authority)
            .header(header::USER_AGENT, agent)
            .header(header::ACCEPT_ENCODING, "gzip")
            .body(Body::empty())
            .map_err(|_| found(Code::HttpStatus, format!("{url} cannot be requested")))?;
        let exchange = async {
            let response = connection.send_request(request).await?;
            let (parts, body) = response.into_parts();
            let (body, cut) = read(body).await?;
            hyper::Result::Ok((parts, body, cut))
        };
        let seconds = self.timeout.as_secs();
        let (parts, body, cut) = match timeout(self.timeout, exchange).await {
            Ok(Ok(read)) => read,
            Ok(Err(error)) if error.is_parse() => {
                let message = format!("{url}: the answer is not HTTP that Go can read: {error}");
                return Err(found(Code::HttpStatus, message));
            }
            Ok(Err(_)) => return Err(Error::Closed),
            Err(_) => {
                let message = format!("no whole answer from {url} in {seconds} s");
                return Err(Error::Found(
                    Finding::fail(Step::Answer, Code::ConnectTimeout, message).fix(format!(
                        "curl -m {seconds} -sv '{url}'    # shows where it stops"
                    )),
                ));
            }
        };
        let is_gzip = parts
            .headers
            .get(header::CONTENT_ENCODING)
            .is_some_and(|v| v == "gzip");
        let (body, cut) = match is_gzip {
            true => unzip(&body, cut),
            false => (body, cut),
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
            cut,
        };
        // After a body that was not read to its end there is nothing to be asked.
        let is_usable = !response.cut && connection.ready().await.is_ok();
        Ok((response, is_usable.then_some(connection)))
    }

    /// Opens a connection to a URL's host.
    async fn connect_to(&self, url: &Url) -> Result<Connection, Finding> {
        let (host, port) = (url.host(), url.port());
        let known = lock(&self.good).get(host).copied();
        let addresses = match known.filter(|addr| addr.port() == port || self.is_own(host)) {
            Some(addr) => vec![addr],
            None => self.resolve(host, port).await?,
        };
        let mut attempts = Vec::new();
        for addr in addresses {
            match self.open(addr).await {
                Ok(stream) if url.https => {
                    let (stream, _) = self.handshake(host, stream).await?;
                    lock(&self.good).insert(host.to_owned(), addr);
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
        let error = match timeout(
            self.timeout,
            lookup_host((host.trim_matches(['[', ']']), port)),
        )
        .await
        {
            Ok(Ok(addresses)) => {
                let mut addresses: Vec<_> = addresses.take(MAX_ADDRESSES).collect();
                addresses.dedup();
                match addresses.is_empty() {
                    true => LookupError::NotFound,
                    false => return Ok(addresses),
                }
            }
            // getaddrinfo's words are all that there is to tell one from the other.
            Ok(Err(error)) => match error.to_string() {
                text if text.contains("not known") || text.contains("No address") => {
                    LookupError::NotFound
                }
                text => LookupError::Failed(text),
            },
            Err(_) => LookupError::Failed(format!("no answer in {} s", self.timeout.as_secs())),
        };
        let server = std::fs::read_to_string("/etc/resolv.conf").unwrap_or_default();
        let server = server
            .lines()
            .find_map(|line| line.trim().strip_prefix("nameserver "));
        Err(names::not_found(host, &error, server.map(str::trim)))
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

    /// Shakes hands with whatever certificate there is, and then judges it.
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
            Err(_) => return Err(names::silent(host, self.timeout.as_secs())),
        };
        let chain: Chain = stream
            .get_ref()
            .1
            .peer_certificates()
            .unwrap_or_default()
            .to_vec();
        let fault = match tls::judge(&chain, &self.roots, host, now()) {
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
            completed = tls::judge(&chain, &self.roots, host, now()).is_ok();
        }
        Err(tls::distrusted(&fault, host, now(), completed))
    }

    /// Fetches an issuer's certificate from where another names it.
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
    // It ends with the sender; what it fails with, the sender says too.
    tokio::spawn(connection);
    Ok(sender)
}

/// Reads a body, and says whether there is more of it than is worth reading.
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

/// Unpacks a body, up to the same bound.
fn unzip(body: &[u8], cut: bool) -> (Vec<u8>, bool) {
    let mut bytes = Vec::new();
    let mut decoder = flate2::read::GzDecoder::new(body).take(MAX_BODY as u64 + 1);
    // What a damaged one holds up to the damage is what Go reads of it.
    let _ = decoder.read_to_end(&mut bytes);
    let is_long = bytes.len() > MAX_BODY;
    bytes.truncate(MAX_BODY);
    (bytes, cut || is_long)
}

/// Awaits all, side by side, in one task; the results are in order.
pub(super) async fn join_all<F: Future>(futures: impl Iterator<Item = F>) -> Vec<F::Output> {
    let mut futures: Vec<_> = futures.map(|future| (Box::pin(future), None)).collect();
    poll_fn(|cx| {
        let mut is_ready = true;
        for (future, output) in &mut futures {
            if output.is_none() {
                match future.as_mut().poll(cx) {
                    std::task::Poll::Ready(value) => *output = Some(value),
                    std::task::Poll::Pending => is_ready = false,
                }
            }
        }
        match is_ready {
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

/// Seconds since 1970.
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
    fn gzip_is_unpacked_up_to_the_bound() {
        let zip = |bytes: &[u8]| {
            let mut encoder =
                flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            encoder.write_all(bytes).unwrap();
            encoder.finish().unwrap()
        };
        assert_eq!(unzip(&zip(b"hello"), false), (b"hello".to_vec(), false));
        let (bytes, cut) = unzip(&zip(&vec![b'a'; 64 << 20]), false);
        assert_eq!((bytes.len(), cut), (MAX_BODY, true));
        assert_eq!(unzip(b"not gzip", false), (Vec::new(), false));
        assert!(unzip(&zip(&[b'a'; 100])[..15], true).1);
    }
}
