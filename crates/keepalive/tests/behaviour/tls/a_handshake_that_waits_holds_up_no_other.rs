//! L2: handshakes take turns to compute, and a handshake that waits for its peer gives up its turn.

use crate::support::run;
use crate::support::tls::trusted;
use keepalive::{Manager, Request};
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;

#[test]
fn a_peer_that_never_speaks_and_one_that_does() {
    run(async || {
        let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = silent.local_addr().unwrap().port();
        let (server, tls) = trusted();
        let manager = Manager::builder().tls(tls).build().unwrap();
        let waiting = manager.allocate(Request::new("https", "127.0.0.1", port).unwrap());
        let (mut stream, _) = silent.accept().await.unwrap();
        // It has begun.
        stream.read_u8().await.unwrap();
        manager.allocate(server.request()).await.unwrap().close();
        drop(waiting);
    });
}
