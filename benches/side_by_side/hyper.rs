//! The cost of hyper alone: the same bytes for every request, with no router and no lookup.

use std::convert::Infallible;
use std::io;
use std::net::TcpListener;

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, body::Incoming};
use hyper_util::rt::TokioIo;

use crate::{Error, http};

/// Serves the response in `file`, head and body, until killed.
pub fn serve(port: &str, file: &str) -> Result<(), Error> {
    let text = std::fs::read_to_string(file)?;
    let (head, body) = text
        .split_once("\r\n\r\n")
        .ok_or("no response in the file")?;
    let mut headers = HeaderMap::new();
    for (name, value) in http::own_headers(head) {
        headers.insert(HeaderName::try_from(name)?, HeaderValue::try_from(value)?);
    }
    let body = Bytes::from(body.to_owned());
    let listener = TcpListener::bind(format!("127.0.0.1:{port}"))?;
    listener.set_nonblocking(true)?;
    socket2::SockRef::from(&listener).set_tcp_nodelay(true)?;
    // One thread, as src/server/mod.rs.
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?
        .block_on(accept(listener, headers, body))?;
    Ok(())
}

async fn accept(listener: TcpListener, headers: HeaderMap, body: Bytes) -> io::Result<()> {
    let listener = tokio::net::TcpListener::from_std(listener)?;
    loop {
        let (stream, _) = listener.accept().await?;
        let (headers, body) = (headers.clone(), body.clone());
        tokio::spawn(async move {
            let answer = service_fn(|_: Request<Incoming>| {
                let mut response = Response::new(Full::new(body.clone()));
                *response.headers_mut() = headers.clone();
                async { Ok::<_, Infallible>(response) }
            });
            // Same settings as src/server/connection.rs.
            http1::Builder::new()
                .half_close(true)
                .header_read_timeout(None)
                .max_buf_size(16 << 10)
                .serve_connection(TokioIo::new(stream), answer)
                .await
        });
    }
}
