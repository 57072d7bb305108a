//! This project's manager, through its public interface.

use std::future::Future;
use std::task::{Context, Poll};
use std::time::Duration;

use keepalive::{
    Address, Attempt, ConnectError, Connection, Connector, Manager, Request, Unusable,
};

use super::{Contender, KEPT, Queue, Role, Setup, address, host};
use crate::payload::{Opener, Payload};

/// A manager with everything on: limits, deadlines, keep-alive, the watcher, figures.
#[derive(Clone)]
pub struct Keepalive {
    manager: Manager<Payloads>,
}

/// Within it every request of every row is answered; each waiter has this deadline.
const TIMEOUT: Duration = Duration::from_secs(600);

/// Opens payloads.
pub(super) struct Payloads {
    opener: Opener,
}

impl Contender for Keepalive {
    const NAME: &'static str = "keepalive";
    const ROLE: Role = Role::Ours;
    type Key = (Request, u32);

    fn open(setup: &Setup) -> Self {
        let opener = setup.opener.clone();
        let manager = Manager::builder()
            .max_per_host(setup.per_host as usize)
            .max_open(setup.total())
            .keep_alive(KEPT)
            .timeout(TIMEOUT)
            .connector(Payloads { opener })
            .build()
            .expect("the settings can work");
        Self { manager }
    }

    fn key(&self, host: u32) -> (Request, u32) {
        let to = address(host);
        let request = Request::new("bench", to.ip().to_string(), to.port());
        (request.expect("the address is one"), host)
    }

    async fn cycle(&self, (request, host): &(Request, u32), hold: impl Future<Output = ()> + Send) {
        let mut lease = self.manager.lease(request).await.expect(ANSWERED);
        lease.begin(*host);
        hold.await;
        lease.end();
        lease.free();
    }
}

impl Queue for Keepalive {
    async fn touch(&self, (request, host): &(Request, u32)) {
        let lease = self.manager.lease(request).await;
        let mut lease = lease.expect(ANSWERED);
        lease.begin(*host);
        lease.end();
        lease.free();
    }
}

const ANSWERED: &str = "a connection is there in time";

impl Connector for Payloads {
    type Connection = Payload;

    async fn connect(&self, attempt: &Attempt) -> Result<Payload, ConnectError> {
        match attempt.host().address() {
            Address::Ip(std::net::IpAddr::V4(ip)) => Ok(self.opener.open(host(*ip))),
            other => Err(ConnectError::new(
                "connect",
                format!("{other} is no host here"),
            )),
        }
    }
}

impl Connection for Payload {
    fn poll_unusable(&mut self, context: &mut Context<'_>) -> Poll<Unusable> {
        self.watch(context);
        Poll::Pending
    }

    fn check(&mut self) -> Result<(), Unusable> {
        Ok(())
    }
}
