//! What hyper alone costs: the same bytes for every request, with no router and no look-up.

use std::convert::Infallible;
use std::io;

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, body::Incoming};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

use crate::{Error, http};

/// Serves the answer in `file`, a head and a body, until it is killed.
pub fn serve(port: &str, file: &str) -> Result<(), Error> {
    let text = std::fs::read_to_string(file)?;
    let (head, body) = text.split_once("\r\n\r\n").ok_or("no answer in the file")?;
    let mut headers = HeaderMap::new();
    for (name, value) in http::own_headers(head) {
        headers.insert(HeaderName::try_from(name)?, HeaderValue::try_from(value)?);
    }
    let body = Bytes::from(body.to_owned());
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?
        // Accepted on a worker, as in the program: what is spawned then wakes no other thread.
        .block_on(async {
            let address = format!("127.0.0.1:{port}");
            Ok(tokio::spawn(accept(address, headers, body)).await??)
        })
}

async fn accept(address: String, headers: HeaderMap, body: Bytes) -> io::Result<()> {
    let listener = TcpListener::bind(address).await?;
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let (headers, body) = (headers.clone(), body.clone());
        tokio::spawn(async move {
            let answer = service_fn(|_: Request<Incoming>| {
                let mut response = Response::new(Full::new(body.clone()));
                *response.headers_mut() = headers.clone();
                async { Ok::<_, Infallible>(response) }
            });
            // The settings of src/server/connection.rs.
            http1::Builder::new()
                .half_close(true)
                .header_read_timeout(None)
                .max_buf_size(16 << 10)
                .serve_connection(TokioIo::new(stream), answer)
                .await
        });
    }
}
