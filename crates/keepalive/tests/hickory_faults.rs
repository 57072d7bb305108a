//! `HickoryResolver` and DNS servers that fail: each failure is an error in time, and leaves no
//! connection and no task.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::time::Duration;

use keepalive::{ErrorKind, HickoryResolver, Manager, NetConnector, Request};
use keepalive_testkit::wait::eventually;
use tokio::runtime::Handle;

/// The response of a DNS server to a question, or `None` if it stays silent.
type Answer = fn(&[u8]) -> Option<Vec<u8>>;

const PATIENCE: Duration = Duration::from_millis(200);

const FAULTS: [(&str, Answer, ErrorKind); 7] = [
    (
        "it has failed",
        |question| Some(answer(question, 2)),
        ErrorKind::Connect,
    ),
    (
        "there is no such name",
        |question| Some(answer(question, 3)),
        ErrorKind::Connect,
    ),
    (
        "it refuses",
        |question| Some(answer(question, 5)),
        ErrorKind::Connect,
    ),
    (
        "there are no addresses",
        |question| Some(answer(question, 0)),
        ErrorKind::Connect,
    ),
    ("it says nothing", |_| None, ErrorKind::Timeout),
    (
        "it says what is no DNS",
        |_| Some(b"hello".to_vec()),
        ErrorKind::Timeout,
    ),
    (
        "it answers another question",
        |question| {
            let mut other = answer(question, 0);
            other[0] ^= 0xff;
            Some(other)
        },
        ErrorKind::Timeout,
    ),
];

/// A response that repeats the question, with this code and no record.
fn answer(question: &[u8], code: u8) -> Vec<u8> {
    const HEADER: usize = 12;
    let name = question[HEADER..].iter().position(|&byte| byte == 0);
    let end = HEADER + name.expect("a name ends") + 1 + 4;
    let mut answer = question[..end].to_vec();
    answer[2..HEADER].copy_from_slice(&[0x81, 0x80 | code, 0, 1, 0, 0, 0, 0, 0, 0]);
    answer
}

/// Answers on a thread of its own, for as long as the process lives.
fn serve(answer: Answer) -> SocketAddr {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let address = socket.local_addr().expect("bound");
    std::thread::spawn(move || {
        let mut buffer = [0; 512];
        while let Ok((length, from)) = socket.recv_from(&mut buffer) {
            if let Some(answer) = answer(&buffer[..length]) {
                // The client may have gone.
                let _ = socket.send_to(&answer, from);
            }
        }
    });
    address
}

#[tokio::test]
async fn each_fault_of_a_dns_server_is_an_error_and_nothing_else() {
    for (fault, answer, kind) in FAULTS {
        let resolver = HickoryResolver::with_servers([serve(answer)]).expect("a resolver");
        let manager = Manager::builder()
            .connector(NetConnector::new().resolver(resolver))
            .max_open(1)
            .build()
            .expect("sound settings");
        let request = Request::new("test", "name.test", 9).expect("a request");
        let pending = (0..5).map(|_| manager.allocate(request.clone().timeout(PATIENCE)));
        for pending in pending.collect::<Vec<_>>() {
            let Err(failed) = pending.await else {
                panic!("{fault}, and there is a connection");
            };
            assert_eq!(failed.kind(), kind, "{fault}: {failed}");
        }
        manager.shutdown().await;
        assert_eq!(manager.totals().open, 0, "{fault}");
        drop(manager);
        let tasks = || Handle::current().metrics().num_alive_tasks();
        eventually(fault, || tasks() == 0).await;
    }
}
