//! E3: a connector that panics fails its own attempt, and nothing else.

use crate::support::{Server, echo, error, run};
use keepalive::{
    Attempt, ConnectError, Connector, ErrorKind, Manager, NetConnector, NetStream, Request,
};

struct Shaky(NetConnector);

impl Connector for Shaky {
    type Connection = NetStream;

    async fn connect(&self, attempt: &Attempt) -> Result<NetStream, ConnectError> {
        assert!(attempt.host().scheme() != "panic", "as planned");
        self.0.connect(attempt).await
    }
}

#[test]
fn a_panicking_connector_fails_one_request_and_keeps_no_slot() {
    run(async || {
        let server = Server::start();
        let manager = Manager::builder()
            .max_open(1)
            .connector(Shaky(NetConnector::new()))
            .build()
            .unwrap();
        let request = Request::new("panic", "127.0.0.1", server.port()).unwrap();
        let error = error(manager.allocate(request).await);
        assert_eq!(error.kind(), ErrorKind::Connect);
        assert_eq!(error.function(), "connect");
        assert_eq!(error.error_str(), "the connector panicked");
        assert_eq!(manager.totals().open, 0);

        let mut lease = manager.allocate(server.request()).await.unwrap();
        echo(&mut lease, "the slot is free").await;
    });
}
