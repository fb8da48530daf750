//! A web server that answers as each case says, serves git repositories, and a DNS server that knows
//! its names. All of it runs in the test, so that a request costs no more than it must.

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::{fs, thread};

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// Serves every repository of the lab over git's own protocol, at `/NAME.git`.
pub const GIT_HOST: &str = "git.example";
/// Serves their files, as a web server that knows nothing of git.
pub const DUMB_HOST: &str = "dumb.example";
/// Has an address where nothing listens.
pub const REFUSING_HOST: &str = "refusing.example";
/// Has no address.
pub const UNKNOWN_HOST: &str = "unknown.example";

/// A response as bytes of a connection that ends after it, or a plain one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// Such as `200 OK`.
    pub status: String,
    /// Lines without their ends.
    pub headers: Vec<String>,
    pub body: Vec<u8>,
    pub framing: Framing,
}

/// How the end of a body is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    Length,
    Chunked,
    /// The end of the connection.
    Close,
    /// A length that is larger than the body.
    Short,
}

impl Reply {
    pub fn page(body: impl Into<Vec<u8>>) -> Self {
        Self::of("200 OK", body)
    }

    pub fn of(status: &str, body: impl Into<Vec<u8>>) -> Self {
        Self {
            status: status.to_owned(),
            headers: vec!["Content-Type: text/html; charset=utf-8".to_owned()],
            body: body.into(),
            framing: Framing::Length,
        }
    }

    pub fn redirect(status: &str, location: &str) -> Self {
        let mut reply = Self::of(status, "");
        reply.headers.push(format!("Location: {location}"));
        reply
    }

    fn bytes(&self) -> Vec<u8> {
        let mut bytes = format!("HTTP/1.1 {}\r\n", self.status).into_bytes();
        for line in &self.headers {
            bytes.extend(format!("{line}\r\n").into_bytes());
        }
        let length = self.body.len();
        match self.framing {
            Framing::Length => bytes.extend(format!("Content-Length: {length}\r\n\r\n").bytes()),
            Framing::Short => {
                bytes.extend(format!("Content-Length: {}\r\n\r\n", length + 9).bytes());
            }
            Framing::Close => bytes.extend(b"Connection: close\r\n\r\n"),
            Framing::Chunked => {
                bytes.extend(b"Transfer-Encoding: chunked\r\n\r\n");
                for chunk in self.body.chunks(1000) {
                    bytes.extend(format!("{:x}\r\n", chunk.len()).bytes());
                    bytes.extend(chunk);
                    bytes.extend(b"\r\n");
                }
                bytes.extend(b"0\r\n\r\n");
                return bytes;
            }
        }
        bytes.extend(&self.body);
        bytes
    }
}

/// The responses of all hosts.
#[derive(Debug, Default)]
pub struct Pages {
    /// By host and target, such as `a.example/m?go-get=1`.
    pub exact: HashMap<String, Reply>,
    /// The other responses, by host and the beginning of the path, such as `a.example/m`.
    pub below: HashMap<String, Reply>,
}

impl Pages {
    fn below(&self, address: &str) -> Option<&Reply> {
        let mut address = address.split('?').next()?;
        loop {
            if let Some(reply) = self.below.get(address) {
                return Some(reply);
            }
            address = &address[..address.rfind('/')?];
        }
    }
}

/// Starts the servers; `files` are the certificate and key without `.pem` and `.key`.
pub fn start(files: &Path, repositories: &Path, pages: Pages) {
    let certificate = CertificateDer::from_pem_file(files.with_extension("pem")).unwrap();
    let key = PrivateKeyDer::from_pem_file(files.with_extension("key")).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    let server = Arc::new(Server {
        tls: Arc::new(config),
        repositories: repositories.to_owned(),
        pages,
    });
    for (port, is_tls) in [(443, true), (80, false)] {
        let listener = TcpListener::bind(("127.0.0.1", port)).unwrap();
        let server = server.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let server = server.clone();
                thread::spawn(move || server.connection(stream, is_tls));
            }
        });
    }
    let socket = UdpSocket::bind("127.0.0.1:53").unwrap();
    thread::spawn(move || answer_names(&socket));
}

struct Server {
    tls: Arc<ServerConfig>,
    repositories: PathBuf,
    pages: Pages,
}

struct Request {
    host: String,
    method: String,
    target: String,
    /// git's version of its protocol.
    protocol: String,
    body: Vec<u8>,
}

impl Server {
    /// Clients that disconnect cause errors, which are ignored.
    fn connection(&self, stream: TcpStream, is_tls: bool) -> Option<()> {
        stream.set_nodelay(true).ok()?;
        if is_tls {
            let connection = ServerConnection::new(self.tls.clone()).unwrap();
            self.requests(BufReader::new(StreamOwned::new(connection, stream)))
        } else {
            self.requests(BufReader::new(stream))
        }
    }

    fn requests<S: Read + Write>(&self, mut stream: BufReader<S>) -> Option<()> {
        loop {
            let request = read(&mut stream)?;
            let (bytes, ends) = self.answer(&request);
            stream.get_mut().write_all(&bytes).ok()?;
            stream.get_mut().flush().ok()?;
            if ends {
                return None;
            }
        }
    }

    /// Returns the response, and whether the connection ends with it.
    fn answer(&self, request: &Request) -> (Vec<u8>, bool) {
        let host = &request.host;
        let address = format!("{host}{}", request.target);
        let reply = self.pages.exact.get(&address);
        if let Some(reply) = reply.or_else(|| self.pages.below(&address)) {
            let ends = matches!(reply.framing, Framing::Close | Framing::Short);
            return (reply.bytes(), ends);
        }
        let reply = match host.as_str() {
            GIT_HOST => self.git(request),
            DUMB_HOST => self.file(request),
            _ => None,
        };
        let missing = || Reply::of("404 Not Found", "");
        (reply.unwrap_or_else(missing).bytes(), false)
    }

    /// Answers like git's own `git http-backend`.
    fn git(&self, request: &Request) -> Option<Reply> {
        let (path, query) = request
            .target
            .split_once('?')
            .unwrap_or((&request.target, ""));
        let mut command = Command::new("git");
        command.args(["upload-pack", "--stateless-rpc"]);
        let (name, kind) = if query == "service=git-upload-pack" && request.method == "GET" {
            command.arg("--http-backend-info-refs");
            (path.strip_suffix("/info/refs")?, "advertisement")
        } else if request.method == "POST" {
            (path.strip_suffix("/git-upload-pack")?, "result")
        } else {
            return None;
        };
        let dir = self.repositories.join(name.trim_start_matches('/'));
        if !dir.is_dir() {
            return None;
        }
        let mut git = command
            .arg(dir)
            .env("GIT_PROTOCOL", &request.protocol)
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut stdin = git.stdin.take().unwrap();
        let input = request.body.clone();
        let writer = thread::spawn(move || stdin.write_all(&input));
        let output = git.wait_with_output().unwrap().stdout;
        let _ = writer.join();
        let mut body = Vec::new();
        if kind == "advertisement" && request.protocol != "version=2" {
            body.extend(b"001e# service=git-upload-pack\n0000");
        }
        body.extend(output);
        let mut reply = Reply::page(body);
        reply.headers = vec![
            format!("Content-Type: application/x-git-upload-pack-{kind}"),
            "Cache-Control: no-cache".to_owned(),
        ];
        Some(reply)
    }

    fn file(&self, request: &Request) -> Option<Reply> {
        let path = request.target.split('?').next()?;
        let body = fs::read(self.repositories.join(path.trim_start_matches('/'))).ok()?;
        let mut reply = Reply::page(body);
        reply.headers = vec!["Content-Type: text/plain".to_owned()];
        Some(reply)
    }
}

fn read<S: Read>(stream: &mut BufReader<S>) -> Option<Request> {
    let mut request = Request {
        host: String::new(),
        method: String::new(),
        target: String::new(),
        protocol: String::new(),
        body: Vec::new(),
    };
    let (mut length, mut is_gzip) = (0, false);
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).ok().filter(|&read| read > 0)?;
        let line = line.trim_end();
        if request.method.is_empty() {
            let mut words = line.split(' ');
            request.method = words.next()?.to_owned();
            request.target = words.next()?.to_owned();
            continue;
        }
        if line.is_empty() {
            break;
        }
        let (name, value) = line.split_once(':')?;
        let value = value.trim();
        match name.to_ascii_lowercase().as_str() {
            "host" => request.host = value.split(':').next()?.to_owned(),
            "content-length" => length = value.parse().ok()?,
            "content-encoding" => is_gzip = value == "gzip",
            "git-protocol" => request.protocol = value.to_owned(),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).ok()?;
    if is_gzip {
        let mut plain = Vec::new();
        let mut decoder = flate2::read::GzDecoder::new(&*body);
        decoder.read_to_end(&mut plain).ok()?;
        body = plain;
    }
    request.body = body;
    Some(request)
}

/// Answers for names under `.example`, which have one IPv4 address.
fn answer_names(socket: &UdpSocket) {
    let mut packet = [0; 512];
    while let Ok((length, peer)) = socket.recv_from(&mut packet) {
        let Some(name_length) = packet[12..length].iter().position(|&b| b == 0) else {
            continue;
        };
        let end = 12 + name_length + 5;
        let mut labels = Vec::new();
        let mut rest = &packet[12..12 + name_length];
        while let [count, tail @ ..] = rest {
            let (label, tail) = tail.split_at(usize::from(*count));
            labels.push(String::from_utf8_lossy(label).to_lowercase());
            rest = tail;
        }
        let name = labels.join(".");
        let is_known = name.ends_with(".example") && !name.ends_with(UNKNOWN_HOST);
        let wants_ipv4 = packet[end - 4..end - 2] == [0, 1];
        let last = if name == REFUSING_HOST { 2 } else { 1 };
        let mut reply = packet[..end].to_vec();
        reply[2] = 0x81;
        reply[3] = if is_known { 0x80 } else { 0x83 };
        reply[6..12].fill(0);
        if is_known && wants_ipv4 {
            reply[7] = 1;
            reply.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 127, 0, 0, last]);
        }
        let _ = socket.send_to(&reply, peer);
    }
}
