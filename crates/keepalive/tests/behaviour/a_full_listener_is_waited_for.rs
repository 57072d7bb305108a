//! A listener whose queue is full answers late, and the attempt waits for it.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use keepalive::{Manager, Request};
use socket2::{Domain, Socket, Type};
use tokio::time::timeout;

use crate::support::run;

#[test]
fn a_listener_that_is_full_is_waited_for() {
    run(async || {
        let (listener, address) = full_listener();
        let manager = Manager::new();
        let request = Request::new("full", "127.0.0.1", address.port()).unwrap();
        let pending = manager.allocate(request);
        assert!(pending.waiting().is_some());
        listener.accept().unwrap();
        listener.accept().unwrap();
        let lease = timeout(Duration::from_secs(20), pending)
            .await
            .unwrap()
            .unwrap();
        assert_eq!(lease.as_tcp().unwrap().peer_addr().unwrap(), address);
    });
}

/// A listener whose queue is full of connections that it never accepts.
fn full_listener() -> (TcpListener, SocketAddr) {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a listener");
    let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    socket.bind(&any.into()).expect("a listener");
    socket.listen(1).expect("a listener");
    let listener = TcpListener::from(socket);
    let address = listener.local_addr().expect("a listener");
    for _ in 0..2 {
        TcpStream::connect(address).expect("a listener");
    }
    (listener, address)
}
