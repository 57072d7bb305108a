//! A listener that speaks TLS, and a network that trusts it.
#![allow(clippy::unwrap_used)] // clippy.toml allows it in tests, but not in what they share

use std::sync::Arc;

use keepalive::rustls::ServerConfig;
use keepalive::rustls::crypto::ring;
use keepalive::{NetConnector, Tls};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

pub(crate) struct TlsServer {
    listener: TcpListener,
    acceptor: TlsAcceptor,
    certificate: String,
}

impl TlsServer {
    /// One that knows these protocols.
    pub(crate) async fn start(known: &[&str]) -> Self {
        let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
        let key = made.signing_key.serialize_der().try_into().unwrap();
        let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key)
            .unwrap();
        config.alpn_protocols = known.iter().map(|name| name.as_bytes().to_vec()).collect();
        Self {
            listener: TcpListener::bind("127.0.0.1:0").await.unwrap(),
            acceptor: TlsAcceptor::from(Arc::new(config)),
            certificate: made.cert.pem(),
        }
    }

    pub(crate) fn net(&self) -> NetConnector {
        self.net_offering(&[])
    }

    /// One whose own settings name these protocols, if there are any.
    pub(crate) fn net_offering(&self, protocols: &[&str]) -> NetConnector {
        let tls = Tls::builder().roots_pem(self.certificate.as_str());
        NetConnector::new().tls(tls.alpn(protocols).build().unwrap())
    }

    pub(crate) fn uri(&self) -> http::Uri {
        let port = self.listener.local_addr().unwrap().port();
        format!("https://127.0.0.1:{port}/").parse().unwrap()
    }

    /// The same, from now on with these protocols.
    pub(crate) fn knowing(self, known: &[&str]) -> Self {
        let mut config = ServerConfig::clone(self.acceptor.config());
        config.alpn_protocols = known.iter().map(|name| name.as_bytes().to_vec()).collect();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        Self { acceptor, ..self }
    }

    /// The next connection, whose handshake comes to an end.
    pub(crate) async fn next(&self) -> TlsStream<TcpStream> {
        let (stream, _) = self.listener.accept().await.unwrap();
        self.acceptor.accept(stream).await.unwrap()
    }

    /// The next connection, if its handshake comes to an end.
    pub(crate) async fn accept(self) -> std::io::Result<TlsStream<TcpStream>> {
        let (stream, _) = self.listener.accept().await.unwrap();
        // Small writes arrive without delay.
        stream.set_nodelay(true).unwrap();
        self.acceptor.accept(stream).await
    }
}
