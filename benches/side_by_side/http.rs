//! An HTTP client for one request at a time.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use crate::process::Process;
use crate::{Error, HOST};

/// A response as received.
pub struct Answer {
    pub status: u16,
    /// Header lines, each with its line ending.
    pub head: String,
    pub body: Vec<u8>,
}

/// A keep-alive connection.
pub struct Client(BufReader<TcpStream>);

impl Client {
    pub fn connect(port: u16) -> io::Result<Self> {
        let stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_secs(60)))?;
        Ok(Self(BufReader::new(stream)))
    }

    pub fn get(&mut self, target: &str) -> io::Result<Answer> {
        let request = format!("GET {target} HTTP/1.1\r\nHost: {HOST}\r\n\r\n");
        self.0.get_mut().write_all(request.as_bytes())?;
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if self.0.read_line(&mut head)? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        let status = head
            .split(' ')
            .nth(1)
            .and_then(|status| status.parse().ok());
        let length = headers(&head)
            .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
            .and_then(|(_, value)| value.parse().ok());
        let mut body = vec![0; length.unwrap_or(0)];
        self.0.read_exact(&mut body)?;
        Ok(Answer {
            status: status.unwrap_or(0),
            head,
            body,
        })
    }
}

/// Parses the header names and values of a response head.
pub fn headers(head: &str) -> impl Iterator<Item = (&str, &str)> {
    head.lines()
        .skip(1)
        .filter_map(|line| line.split_once(": "))
}

/// Headers that every server must repeat; each server writes the others itself.
pub fn own_headers(head: &str) -> impl Iterator<Item = (&str, &str)> {
    headers(head).filter(|(name, _)| !matches!(*name, "content-length" | "date" | "connection"))
}

/// Waits until the server responds to `target` with 200; returns the time since `start`.
pub fn first_answer(
    server: &mut Process,
    start: Instant,
    port: u16,
    target: &str,
) -> Result<Duration, Error> {
    server.wait_for("the server answers with 200", |_| {
        let answer = Client::connect(port).and_then(|mut client| client.get(target));
        answer
            .is_ok_and(|answer| answer.status == 200)
            .then(|| start.elapsed())
    })
}
