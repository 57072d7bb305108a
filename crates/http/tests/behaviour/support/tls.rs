//! A listener that speaks TLS, and a network that trusts it.
#![allow(clippy::unwrap_used)] // clippy.toml allows it in tests, but not in what they share

use std::sync::Arc;

use keepalive::{NetConnector, Tls};
use keepalive_testkit::tls::Identity;
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::{Server, within};

pub(crate) struct TlsServer {
    server: Server,
    acceptor: TlsAcceptor,
}

impl TlsServer {
    /// One that knows these protocols.
    pub(crate) async fn start(known: &[&str]) -> Self {
        let server = Server::start().await;
        let acceptor = acceptor(known);
        Self { server, acceptor }
    }

    pub(crate) fn net(&self) -> NetConnector {
        self.net_offering(&[])
    }

    /// One whose own settings name these protocols, if there are any.
    pub(crate) fn net_offering(&self, protocols: &[&str]) -> NetConnector {
        let tls = Tls::builder().roots_pem(Identity::local().pem.as_str());
        NetConnector::new().tls(tls.alpn(protocols).build().unwrap())
    }

    pub(crate) fn uri(&self) -> http::Uri {
        let port = self.server.port();
        format!("https://127.0.0.1:{port}/").parse().unwrap()
    }

    /// The same, from now on with these protocols.
    pub(crate) fn knowing(self, known: &[&str]) -> Self {
        let acceptor = acceptor(known);
        Self { acceptor, ..self }
    }

    /// The next connection, whose handshake comes to an end.
    pub(crate) async fn next(&self) -> TlsStream<TcpStream> {
        within(self.accept()).await.unwrap()
    }

    /// The next connection, if its handshake comes to an end.
    pub(crate) async fn accept(&self) -> std::io::Result<TlsStream<TcpStream>> {
        let stream = self.server.accept().await.into_stream();
        // Small writes arrive without delay.
        stream.set_nodelay(true).unwrap();
        self.acceptor.accept(stream).await
    }
}

fn acceptor(known: &[&str]) -> TlsAcceptor {
    TlsAcceptor::from(Arc::new(Identity::local().config_speaking(known)))
}
