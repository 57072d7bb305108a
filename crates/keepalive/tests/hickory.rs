//! `HickoryResolver` and a real DNS server: dnsmasq.
//!
//! Skipped where there is no dnsmasq, unless `KEEPALIVE_REQUIRE_DNSMASQ=1` is set.
#![cfg(target_os = "linux")] // all of 127.0.0.0/8 is local

use std::fs;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::process::Command;
use std::time::{Duration, Instant};

use keepalive::{AllocateError, HickoryResolver, Lease, Manager, NetConnector, Request};
use keepalive_testkit::net::program::{Program, find, free_port};
use keepalive_testkit::wait::eventually;
use tempfile::TempDir;

#[tokio::test]
async fn a_name_is_found_by_either_family() {
    let Some(dns) = Dns::start() else { return };
    for (name, local) in [("four.test", "127.0.0.1"), ("six.test", "::1")] {
        let (manager, server) = (dns.manager(), listen(local));
        let lease = manager.allocate(request(name, &server)).await.unwrap();
        assert_eq!(peer(&lease), server.local_addr().unwrap());
    }
}

#[tokio::test]
async fn a_name_that_does_not_exist_is_an_error_that_is_remembered() {
    let Some(dns) = Dns::start() else { return };
    let (manager, server) = (dns.manager(), listen("127.0.0.1"));
    for (name, text) in [
        ("missing.test", "the name does not exist"),
        ("text.test", "the name has no IPv"),
    ] {
        for _ in 0..2 {
            let missing = fails(&manager, request(name, &server)).await;
            assert_eq!(missing.function(), "resolve");
            assert!(missing.error_str().starts_with(text), "{missing}");
        }
        assert_eq!(dns.queries(name), 2, "A and AAAA");
    }
}

#[tokio::test]
async fn a_server_that_refuses_is_asked_again() {
    let Some(dns) = Dns::start() else { return };
    let (manager, server) = (dns.manager(), listen("127.0.0.1"));
    let mut asked = 0;
    for _ in 0..2 {
        let refused = fails(&manager, request("example.com", &server)).await;
        assert_eq!(refused.function(), "resolve", "{refused}");
        let queries = dns.queries("example.com");
        assert!(queries > asked, "{refused}");
        asked = queries;
    }
}

#[tokio::test]
async fn a_server_that_never_answers_holds_up_nobody_else() {
    let Some(dns) = Dns::start() else { return };
    let (manager, server) = (dns.manager(), listen("127.0.0.1"));
    let slow = request("name.slow.test", &server).timeout(Duration::from_millis(200));
    let slow = manager.allocate(slow);
    let quick = manager.allocate(request("four.test", &server));
    quick.await.unwrap().close();
    let slow = slow.await.expect_err("nobody answers");
    assert_eq!(slow.function(), "resolve");
    assert_eq!(slow.error_num(), Some(libc::ETIMEDOUT));
}

#[tokio::test]
async fn addresses_are_kept_for_their_ttl() {
    let Some(dns) = Dns::start() else { return };
    let (manager, server) = (dns.manager(), listen("127.0.0.1"));
    // The resolver caches a missing AAAA for a moment, and an A for its TTL: an hour, or zero.
    for (name, queries) in [("hour.test", 1 + 1), ("four.test", 3 + 1)] {
        for _ in 0..3 {
            let lease = manager.allocate(request(name, &server)).await;
            lease.unwrap().close();
        }
        assert_eq!(dns.queries(name), queries, "{name}");
    }
}

#[tokio::test]
async fn more_addresses_than_a_datagram_holds_are_found() {
    let Some(dns) = Dns::start() else { return };
    let (manager, server) = (dns.manager(), listen("0.0.0.0"));
    let lease = manager.allocate(request("many.test", &server)).await;
    assert_eq!(peer(&lease.unwrap()).ip().to_string()[..8], *"127.0.1.");
}

#[tokio::test]
async fn connections_of_a_name_that_moved_close() {
    let Some(dns) = Dns::start() else { return };
    let (manager, server) = (dns.manager(), listen("0.0.0.0"));
    let request = || request("four.test", &server);
    manager.allocate(request()).await.unwrap().free();
    assert_eq!(manager.totals().idle, 1);

    dns.move_to("four.test", Ipv4Addr::new(127, 0, 0, 2));
    // dnsmasq reads the new file a moment after its signal.
    let deadline = Instant::now() + Duration::from_secs(5);
    let mut label = 0;
    loop {
        label += 1;
        let lease = manager.allocate(request().partition(label.to_string()));
        let lease = lease.await.unwrap();
        if peer(&lease).ip() == Ipv4Addr::new(127, 0, 0, 2) {
            break;
        }
        assert!(Instant::now() < deadline, "it never moves");
    }
    eventually("it is retired", || manager.totals().idle == 0).await;
}

fn request(name: &str, server: &TcpListener) -> Request {
    let port = server.local_addr().expect("it listens").port();
    Request::new("test", name, port).expect("a request")
}

/// A listener that leaves its connections in the queue.
fn listen(address: &str) -> TcpListener {
    let address: IpAddr = address.parse().expect("an address");
    TcpListener::bind(SocketAddr::new(address, 0)).expect("an address to listen on")
}

fn peer(lease: &Lease) -> SocketAddr {
    let stream = lease.as_tcp().expect("a TCP connection");
    stream.peer_addr().expect("it is connected")
}

async fn fails(manager: &Manager, request: Request) -> AllocateError {
    let answer = manager.allocate(request).await;
    answer.expect_err("this must fail")
}

/// A dnsmasq of the test's own: everything that it reads and writes is in the test's folder.
struct Dns {
    program: Program,
    address: SocketAddr,
    folder: TempDir,
    /// Receives the queries for `slow.test`, and answers none.
    _silent: UdpSocket,
}

impl Dns {
    /// `None` if there is no dnsmasq.
    fn start() -> Option<Self> {
        let (binary, port) = (find("dnsmasq")?, free_port());
        let folder = tempfile::tempdir().expect("a folder");
        let silent = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let mut hosts = String::from("127.0.0.1 four.test\n::1 six.test\n");
        for n in 1..=200 {
            hosts += &format!("127.0.1.{n} many.test\n");
        }
        fs::write(folder.path().join("hosts"), hosts).expect("a file");
        let silent_port = silent.local_addr().expect("it is bound").port();
        let path = |name| folder.path().join(name).display().to_string();
        let mut command = Command::new(binary);
        command
            .args([
                "--conf-file=/dev/null",
                "--keep-in-foreground",
                "--pid-file",
            ])
            .args(["--no-resolv", "--no-hosts", "--bind-interfaces"])
            .args(["--user=root", "--log-queries", "--local=/test/"])
            .arg("--listen-address=127.0.0.1")
            .arg(format!("--port={port}"))
            .arg(format!("--addn-hosts={}", path("hosts")))
            .arg(format!("--log-facility={}", path("log")))
            .arg(format!("--server=/slow.test/127.0.0.1#{silent_port}"))
            .arg("--host-record=hour.test,127.0.0.1,3600")
            .arg("--txt-record=text.test,words");
        Some(Self {
            program: Program::listening(&mut command, port),
            address: SocketAddr::from((Ipv4Addr::LOCALHOST, port)),
            folder,
            _silent: silent,
        })
    }

    /// A manager that asks this server.
    fn manager(&self) -> Manager {
        let resolver = HickoryResolver::with_servers([self.address]).expect("a resolver");
        let net = NetConnector::new().resolver(resolver);
        let manager = Manager::builder().connector(net).build();
        manager.expect("sound settings")
    }

    /// The number of queries for a name in its log.
    fn queries(&self, name: &str) -> usize {
        let log = self.log();
        let asked = |line: &&str| line.contains("query[") && line.contains(&format!(" {name} "));
        log.lines().filter(asked).count()
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    fn move_to(&self, name: &str, address: Ipv4Addr) {
        let hosts = self.folder.path().join("hosts");
        fs::write(hosts, format!("{address} {name}\n")).expect("a file");
        self.program.signal("HUP");
    }
}
