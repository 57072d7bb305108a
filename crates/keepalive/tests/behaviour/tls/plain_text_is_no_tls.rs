//! R2, E2: `https` is never served in clear text, and a server that speaks it is a distinct error.

use crate::support::tls::trusted;
use crate::support::{Server, ask, error, run};
use keepalive::{Manager, Request, Tls};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;

#[test]
fn a_server_that_answers_in_clear_text() {
    run(async || {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let manager = Manager::builder().tls(trusted().1).build().unwrap();
        let pending = manager.allocate(Request::new("https", "127.0.0.1", port).unwrap());
        let (mut stream, _) = listener.accept().await.unwrap();
        stream
            .write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            .await
            .unwrap();
        let refused = error(pending.await);
        assert_eq!(refused.function(), "tls");
        let text = refused.error_str();
        assert!(text.contains("does not speak TLS"), "{text}");
    });
}

#[test]
fn a_server_that_closes_instead() {
    run(async || {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let manager = Manager::builder().tls(trusted().1).build().unwrap();
        let pending = manager.allocate(Request::new("https", "127.0.0.1", port).unwrap());
        let (mut stream, _) = listener.accept().await.unwrap();
        // Reads all of it, since a close with unread bytes would be a reset.
        let mut hello = [0; 4096];
        tokio::io::AsyncReadExt::read(&mut stream, &mut hello)
            .await
            .unwrap();
        drop(stream);
        let refused = error(pending.await);
        assert_eq!(refused.function(), "tls");
        let text = refused.error_str();
        assert!(
            text.contains("closed the connection during the handshake"),
            "{text}"
        );
    });
}

#[test]
fn a_path_has_no_certificate() {
    run(async || {
        let request = Request::unix("/nowhere").unwrap().tls(trusted().1);
        let refused = error(Manager::new().allocate(request).await);
        assert_eq!(refused.function(), "tls");
        assert!(refused.error_str().contains("not a path"), "{refused}");
    });
}

#[test]
fn other_schemes_stay_plain() {
    run(async || {
        let server = Server::start();
        let tls = Tls::builder()
            .danger_accept_any_certificate()
            .build()
            .unwrap();
        let manager = Manager::builder().tls(tls).build().unwrap();
        let mut lease = manager.allocate(server.request()).await.unwrap();
        assert!(lease.tls().is_none());
        ask(&mut lease, "hello").await;
    });
}
