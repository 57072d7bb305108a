//! URLs as the HTTP client takes them: the host that it connects to, and the target that it sends.

use std::sync::{Arc, Mutex};

use keepalive::{Attempt, ConnectError, Connector, Host, Manager, Request};
use keepalive_http::{Client, Http, Url};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex};

use crate::pipe::Pipe;

/// The bytes are a URL. A client requests it, and a server in memory checks the request.
///
/// The bytes are also parsed as browsers parse text. The URL that results must parse to itself.
pub fn url(bytes: &[u8]) {
    if let Ok(url) = String::from_utf8_lossy(bytes).parse::<Url>() {
        let again: Url = url.to_string().parse().expect("it is a URL");
        assert_eq!(again.uri(), url.uri());
        assert!(again.authorization().is_none());
        assert!(url.to_string().is_ascii(), "{url}");
    }
    let Ok(uri) = http::Uri::try_from(bytes) else {
        return;
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.expect("a runtime").block_on(ask(uri));
}

async fn ask(uri: http::Uri) {
    let server = Server::default();
    let manager = Manager::builder().connector(Http::over(server.clone()));
    let client = Client::new(manager.build().expect("sound settings"));
    let answer = client.get(uri.clone()).await;
    let seen = server.0.lock().expect("no panic").take();
    let Some((host, head)) = seen else {
        answer.expect_err("nobody was asked");
        return;
    };
    answer.expect("an answer");
    let scheme = uri.scheme_str().expect("absolute");
    let authority = uri.authority().expect("absolute").as_str();
    let (user, authority) = match authority.rsplit_once('@') {
        Some((user, place)) => (user, place),
        None => ("", authority),
    };
    let authority = authority.strip_suffix(':').unwrap_or(authority);
    let same: Request = format!("{scheme}://{authority}").parse().expect("a host");
    assert_eq!(&host, same.host());
    assert!(matches!(host.scheme(), "http" | "https"), "{host}");

    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let path: String = path.bytes().map(ascii).collect();
    let slash = if path.starts_with('/') { "" } else { "/" };
    let default = if host.scheme() == "http" { 80 } else { 443 };
    let name = uri.host().expect("absolute");
    let name = match host.port() {
        port if port == default => name.to_owned(),
        port => format!("{name}:{port}"),
    };
    let head: Vec<&str> = head.split("\r\n").collect();
    assert_eq!(head[0], format!("GET {slash}{path} HTTP/1.1"));
    assert!(head.contains(&&*format!("host: {name}")), "{head:?}");
    let credentials = head
        .iter()
        .filter(|line| line.starts_with("authorization: Basic "));
    let has_user = !matches!(user, "" | ":");
    assert_eq!(credentials.count(), usize::from(has_user), "{head:?}");
    assert_eq!(head.len(), 4 + usize::from(has_user), "{head:?}");
}

/// A byte of a path in the form that servers receive.
fn ascii(byte: u8) -> String {
    match byte.is_ascii() {
        true => char::from(byte).to_string(),
        false => format!("%{byte:02X}"),
    }
}

/// Notes the host of an attempt and the head of its first request, and answers that.
#[derive(Clone, Default)]
struct Server(Arc<Mutex<Option<(Host, String)>>>);

impl Connector for Server {
    type Connection = Pipe;

    async fn connect(&self, attempt: &Attempt) -> Result<Pipe, ConnectError> {
        let (near, mut far) = duplex(1 << 16);
        let host = attempt.host().clone();
        let Self(seen) = self.clone();
        tokio::spawn(async move {
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                match far.read_u8().await {
                    Ok(byte) => head.push(byte),
                    Err(_) => return,
                }
            }
            let head = String::from_utf8_lossy(&head).into_owned();
            *seen.lock().expect("no panic") = Some((host, head));
            let _ = far.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await;
        });
        Ok(Pipe(near))
    }
}
