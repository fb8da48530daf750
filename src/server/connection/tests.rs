use axum::response::IntoResponse as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};
use tokio::task::JoinHandle;

use super::*;

const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n";

/// Connects to a server that answers with `body`, over a pipe that buffers `room` bytes. The
/// clock advances only while both ends wait.
fn connect(body: &'static [u8], room: usize) -> (DuplexStream, JoinHandle<End>) {
    connect_with(body, room, IDLE_TIMEOUT)
}

fn connect_with(
    body: &'static [u8],
    room: usize,
    idle: Duration,
) -> (DuplexStream, JoinHandle<End>) {
    let (client, server) = duplex(room);
    let router = axum::routing::any(move || async move { body.into_response() });
    let stop = std::future::pending();
    let served = serve(server, router, None, idle, || false, stop);
    (client, tokio::spawn(served))
}

async fn read_answer(client: &mut DuplexStream) {
    let mut bytes = [0; 4096];
    let n = client.read(&mut bytes).await.unwrap();
    assert!(bytes[..n].starts_with(b"HTTP/1.1 200 "));
}

/// Waits for the end; returns how the connection ended and after how many seconds.
async fn end(server: JoinHandle<End>) -> (End, u64) {
    let start = Instant::now();
    (server.await.unwrap(), start.elapsed().as_secs())
}

#[tokio::test(start_paused = true)]
async fn head_times_out_after_ten_seconds() {
    for bytes in [&b""[..], b"G", &REQUEST[..REQUEST.len() - 1]] {
        let (mut client, server) = connect(b"x", 4096);
        client.write_all(bytes).await.unwrap();
        assert_eq!(end(server).await, (End::TimedOut, 10), "{bytes:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn slow_bytes_do_not_extend_the_head_timeout() {
    let (mut client, server) = connect(b"x", 4096);
    let dripping = tokio::spawn(async move {
        loop {
            tokio::time::sleep(Duration::from_secs(1)).await;
            if client.write_all(b"G").await.is_err() {
                return;
            }
        }
    });
    assert_eq!(end(server).await, (End::TimedOut, 10));
    dripping.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn idle_connection_closes_after_75_seconds() {
    let (mut client, server) = connect(b"x", 4096);
    for _ in 0..3 {
        client.write_all(REQUEST).await.unwrap();
        read_answer(&mut client).await;
        tokio::time::sleep(Duration::from_secs(74)).await;
    }
    assert_eq!(end(server).await, (End::Closed, 1));
    // The next head gets its full ten seconds.
    let (mut client, server) = connect(b"x", 4096);
    client.write_all(REQUEST).await.unwrap();
    read_answer(&mut client).await;
    tokio::time::sleep(Duration::from_secs(60)).await;
    client.write_all(b"GET").await.unwrap();
    assert_eq!(end(server).await, (End::TimedOut, 10));
}

/// Each write ends one head and begins the next, so every poll ends in the middle of a head.
#[tokio::test(start_paused = true)]
async fn head_timeout_restarts_for_each_request() {
    let (mut client, server) = connect(b"x", 4096);
    let (begin, rest) = REQUEST.split_at(7);
    client.write_all(begin).await.unwrap();
    for _ in 0..5 {
        tokio::time::sleep(Duration::from_secs(9)).await;
        client.write_all(rest).await.unwrap();
        client.write_all(begin).await.unwrap();
        read_answer(&mut client).await;
    }
    client.write_all(rest).await.unwrap();
    read_answer(&mut client).await;
    drop(client);
    assert_eq!(end(server).await.0, End::Closed);
}

#[tokio::test(start_paused = true)]
async fn unread_response_times_out_after_a_minute() {
    let (mut client, server) = connect(&[b'x'; 5000], 1000);
    client.write_all(REQUEST).await.unwrap();
    assert_eq!(end(server).await, (End::TimedOut, 60));
}

#[tokio::test(start_paused = true)]
async fn send_timeout_restarts_with_each_write() {
    let (mut client, server) = connect(&[b'x'; 5000], 1000);
    client.write_all(REQUEST).await.unwrap();
    let mut read = 0;
    while read < 5000 {
        tokio::time::sleep(Duration::from_secs(50)).await;
        let n = client.read(&mut [0; 1000]).await.unwrap();
        assert!(n > 0, "cut after {read} bytes");
        read += n;
    }
    drop(client);
    assert_eq!(end(server).await.0, End::Closed);
}

#[tokio::test(start_paused = true)]
async fn rejected_request_body_is_discarded_for_a_moment() {
    for request in [
        "no HTTP\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: 100000\r\n\r\n",
    ] {
        let (client, server) = connect(b"x", 4096);
        let (mut answer, mut body) = tokio::io::split(client);
        body.write_all(request.as_bytes()).await.unwrap();
        body.write_all(&[b'x'; 50_000]).await.unwrap();
        let mut text = String::new();
        answer.read_to_string(&mut text).await.unwrap();
        assert!(text.starts_with("HTTP/1.1 "), "{text}");
        assert_eq!(end(server).await.1, 2, "{text}");
    }
}

#[tokio::test(start_paused = true)]
async fn discarding_a_rejected_body_is_bounded() {
    let (client, server) = connect(b"x", 4096);
    let (mut answer, mut body) = tokio::io::split(client);
    let request = "POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: 100000000\r\n\r\n";
    body.write_all(request.as_bytes()).await.unwrap();
    let sending = tokio::spawn(async move {
        let mut sent = 0;
        while let Ok(more) = body.write(&[b'x'; 4096]).await {
            sent += more;
        }
        sent
    });
    let mut text = String::new();
    answer.read_to_string(&mut text).await.unwrap();
    assert!(text.starts_with("HTTP/1.1 "), "{text}");
    assert_eq!(end(server).await.1, 0);
    let sent = sending.await.unwrap();
    let most = MOST_DISCARDED..=MOST_DISCARDED + DISCARDED_AT_ONCE + LARGEST_HEAD;
    assert!(most.contains(&sent), "{sent}");
}

#[tokio::test(start_paused = true)]
async fn idle_timeout_depends_on_the_listener() {
    let ten = Duration::from_secs(10);
    let (mut client, server) = connect_with(b"x", 4096, ten);
    client.write_all(REQUEST).await.unwrap();
    read_answer(&mut client).await;
    assert_eq!(end(server).await, (End::Closed, 10));
}

#[tokio::test(start_paused = true)]
async fn malformed_request_is_reported_once() {
    let bad = End::BadRequest(Some(StatusCode::BAD_REQUEST));
    for request in [
        &b"no HTTP\r\n\r\n"[..],
        &[REQUEST, b"no HTTP\r\n\r\n"].concat(),
    ] {
        for closes in [true, false] {
            let (mut client, server) = connect(b"x", 4096);
            client.write_all(request).await.unwrap();
            if closes {
                client.shutdown().await.unwrap();
            }
            assert_eq!(end(server).await.0, bad, "{closes}");
        }
    }
    let (mut client, server) = connect(b"x", 4096);
    client
        .write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
        .await
        .unwrap();
    client.shutdown().await.unwrap();
    assert_eq!(end(server).await.0, End::BadRequest(None));
}

#[tokio::test(start_paused = true)]
async fn half_closed_client_gets_its_response() {
    let (mut client, server) = connect(b"the body", 4096);
    client.write_all(REQUEST).await.unwrap();
    client.shutdown().await.unwrap();
    let mut text = String::new();
    client.read_to_string(&mut text).await.unwrap();
    assert!(text.ends_with("the body"), "{text}");
    assert_eq!(end(server).await, (End::Closed, 0));
}

#[tokio::test(start_paused = true)]
async fn oversized_head_is_rejected() {
    let head = |size: usize| {
        let start = "GET / HTTP/1.1\r\nHost: a.example\r\nX: ";
        format!("{start}{}\r\n\r\n", "x".repeat(size - start.len() - 4))
    };
    for (size, status, how) in [
        (LARGEST_HEAD, "200", End::Closed),
        (
            LARGEST_HEAD + 1,
            "431",
            End::BadRequest(Some(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE)),
        ),
    ] {
        let (mut client, server) = connect(b"x", 1 << 20);
        client.write_all(head(size).as_bytes()).await.unwrap();
        client.shutdown().await.unwrap();
        let mut text = String::new();
        client.read_to_string(&mut text).await.unwrap();
        assert_eq!(&text[9..12], status);
        assert_eq!(end(server).await.0, how);
    }
}
