//! A probe of a name with a slow address and a fast one.

use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::Value;
use socket2::{Domain, Socket, Type};

use crate::program::{cli, keepalive};
use crate::server::Server;

/// A listener with a full queue: it neither accepts nor refuses connections.
struct Silent {
    _listener: Socket,
    _queue: Vec<TcpStream>,
}

impl Silent {
    fn on(address: SocketAddr) -> Self {
        let listener = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        listener.bind(&address.into()).unwrap();
        listener.listen(1).unwrap();
        let mut queue = Vec::new();
        while let Ok(stream) = TcpStream::connect_timeout(&address, Duration::from_millis(100)) {
            queue.push(stream);
        }
        Self {
            _listener: listener,
            _queue: queue,
        }
    }
}

#[test]
fn a_probe_draws_the_attempt_that_was_given_up_beside_the_one_that_won() {
    let server = Server::start();
    let port = server.port();
    let _silent = Silent::on((Ipv4Addr::new(127, 0, 0, 2), port).into());
    let line = format!("probe tcp://two.test:{port} --resolve two.test:127.0.0.2,127.0.0.1");

    let run = cli!("{line} --json").exits(0);
    let found: Value = serde_json::from_str(&run.stdout).unwrap();
    let [silent, won] = &found["attempts"].as_array().unwrap()[..] else {
        panic!("{found}");
    };
    assert_eq!(silent["outcome"], "given_up");
    assert_eq!(won["outcome"], "connected");
    let [began, ended] = ["from_us", "to_us"].map(|key| silent[key].as_u64().unwrap());
    let second = won["from_us"].as_u64().unwrap();
    assert!(second - began >= 250_000, "the attempt delay: {found}");
    assert!(ended >= second, "{found}");

    let run = keepalive(&line);
    let bar = |start: &str| {
        let line = run.stdout.lines().find(|line| line.starts_with(start));
        let line = line.unwrap_or_else(|| panic!("{start}: {}", run.stdout));
        line.split('|').nth(1).unwrap().to_owned()
    };
    let (silent, won) = (bar("connect  127.0.0.2:"), bar("connect  127.0.0.1:"));
    assert!(silent.trim().len() > won.trim().len(), "{}", run.stdout);
    assert!(silent.find('-') < won.find('='), "{}", run.stdout);
    assert!(silent.trim().chars().all(|sign| sign == '-'), "{silent:?}");
}
