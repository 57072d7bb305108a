//! HTTP servers that do as little as they can, so that the figures are those of the client.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::Result;
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::serve;
use crate::rows::http::{BODY, COUNT, SERVER_CORE, STREAMS};
use crate::runtime;

/// Answers every HTTP/1.1 request alike, without parsing it. Answers a request for [`COUNT`] with
/// the number of connections that it has accepted.
///
/// # Errors
///
/// When it can not listen.
pub fn one() -> Result<()> {
    serve(&runtime::on_core(SERVER_CORE), async |listener| {
        let accepting = tokio::spawn(async move {
            let accepted = Arc::new(AtomicU64::new(0));
            loop {
                let (stream, _) = listener.accept().await?;
                stream.set_nodelay(true)?;
                accepted.fetch_add(1, Ordering::Relaxed);
                tokio::spawn(answer(stream, Arc::clone(&accepted)));
            }
        });
        accepting.await?
    })
}

/// Answers every request of HTTP/2 alike.
///
/// # Errors
///
/// When it can not listen.
pub fn two() -> Result<()> {
    serve(&runtime::on_core(SERVER_CORE), async |listener| {
        let accepting = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await?;
                stream.set_nodelay(true)?;
                let connection = http2::Builder::new(TokioExecutor::new())
                    .max_concurrent_streams(STREAMS)
                    .serve_connection(TokioIo::new(stream), service_fn(answer_two));
                tokio::spawn(connection);
            }
        });
        accepting.await?
    })
}

const END_OF_HEAD: &[u8] = b"\r\n\r\n";

async fn answer(mut stream: TcpStream, accepted: Arc<AtomicU64>) {
    let usual = response(&"x".repeat(BODY));
    let mut request = Vec::with_capacity(4096);
    loop {
        match stream.read_buf(&mut request).await {
            Ok(0) | Err(_) => return,
            Ok(_) if !request.ends_with(END_OF_HEAD) => continue,
            Ok(_) => {}
        }
        let target = [b"GET ", COUNT.as_bytes(), b" "].concat();
        let sent = if request.starts_with(&target) {
            let count = accepted.load(Ordering::Relaxed).to_string();
            stream.write_all(response(&count).as_bytes()).await
        } else {
            stream.write_all(usual.as_bytes()).await
        };
        if sent.is_err() {
            return;
        }
        request.clear();
    }
}

fn response(body: &str) -> String {
    format!(
        "HTTP/1.1 200 OK\r\nserver: bench\r\ndate: Sun, 06 Nov 1994 08:49:37 GMT\r\n\
         content-type: text/plain\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
}

async fn answer_two(_: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    const CONTENT: &[u8] = &[b'x'; BODY];
    Ok(Response::new(Full::new(Bytes::from_static(CONTENT))))
}
