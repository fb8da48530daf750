//! A malicious TLS server; the requested host selects the attack.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// Starts the server with the certificate and key at `files`; returns its port and a count of body
/// bytes read by clients.
pub fn start(files: &Path) -> (u16, Arc<AtomicU64>) {
    let certificate = CertificateDer::from_pem_file(files.with_extension("pem")).unwrap();
    let key = PrivateKeyDer::from_pem_file(files.with_extension("key")).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    let config = Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let sent = Arc::new(AtomicU64::new(0));
    let counter = sent.clone();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let (config, sent) = (config.clone(), counter.clone());
            thread::spawn(move || serve(config, stream, &sent));
        }
    });
    (port, sent)
}

/// Clients that disconnect cause errors, which are ignored.
fn serve(config: Arc<ServerConfig>, stream: TcpStream, sent: &AtomicU64) -> Option<()> {
    let connection = ServerConnection::new(config).unwrap();
    let mut reader = BufReader::new(StreamOwned::new(connection, stream));
    loop {
        let mut host = String::new();
        loop {
            let mut line = String::new();
            reader
                .read_line(&mut line)
                .ok()
                .filter(|&length| length > 0)?;
            if let Some(name) = line.to_lowercase().strip_prefix("host: ") {
                host = name.trim().to_owned();
            }
            if line == "\r\n" {
                break;
            }
        }
        answer(&host, reader.get_mut(), sent)?;
    }
}

fn answer(host: &str, stream: &mut (impl Read + Write), sent: &AtomicU64) -> Option<()> {
    let mut send = |bytes: &[u8]| {
        stream.write_all(bytes).ok()?;
        stream.flush().ok()
    };
    let body = |body: &str| {
        format!(
            "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )
    };
    match host {
        "drip.example" => {
            send(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")?;
            loop {
                send(b"<")?;
                thread::sleep(Duration::from_millis(20));
            }
        }
        "drip-head.example" => {
            send(b"HTTP/1.1 200 OK\r\nX: ")?;
            loop {
                send(b"x")?;
                thread::sleep(Duration::from_millis(20));
            }
        }
        "huge.example" => {
            send(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n")?;
            for _ in 0..1_000_000_000 / 16_000 {
                send(&[b'a'; 16_000])?;
                sent.fetch_add(16_000, Ordering::Relaxed);
            }
            Some(())
        }
        "headers.example" => {
            let headers: String = (0..10_000).map(|n| format!("X-{n}: {n}\r\n")).collect();
            send(format!("HTTP/1.1 200 OK\r\n{headers}Content-Length: 0\r\n\r\n").as_bytes())
        }
        "bomb.example" => {
            let mut encoder =
                flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            for _ in 0..8 {
                encoder.write_all(&[b' '; 1 << 20]).unwrap();
            }
            let body = encoder.finish().unwrap();
            let head = format!(
                "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {}\r\n\r\n",
                body.len()
            );
            send(head.as_bytes())?;
            send(&body)
        }
        "escapes.example" => send(b"HTTP/1.1 404 \x1b[31mNo\r\nContent-Length: 0\r\n\r\n"),
        "title.example" => {
            send(body("<html><title>\x1b]0;x\x07\u{202e}</title></html>").as_bytes())
        }
        _ => None,
    }
}
