//! Connects to the first address of a name that answers.

use std::fmt;
use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::task::{Context, Poll};

use keepalive_engine::{Family, Race, Step, Time};
use smallvec::SmallVec;
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep_until};

use crate::connect::net::Route;
use crate::connect::observe::PathEvent;
use crate::connect::resolve::Families;
use crate::connect::resolve::lookup::Lookup;
use crate::connect::socket::Connecting;
use crate::connect::{Attempt, ConnectError, Phase};

/// The race among the addresses of a name. Dropping it closes the attempts that have not won.
pub(crate) struct Dial<'a> {
    route: &'a Route,
    attempt: &'a Attempt,
    name: &'a str,
    port: u16,
    race: Race,
    began: Instant,
    lookups: SmallVec<[Lookup; 2]>,
    running: Vec<Connecting>,
    timer: Option<Pin<Box<Sleep>>>,
    /// The errors of the lookups.
    unresolved: Vec<ConnectError>,
    /// The errors of the addresses.
    failures: Vec<ConnectError>,
    connects: bool,
}

impl<'a> Dial<'a> {
    /// A race among the addresses that `lookups` find. It begins with `last`, the address that
    /// worked last.
    pub(crate) fn new(
        route: &'a Route,
        attempt: &'a Attempt,
        (name, port): (&'a str, u16),
        lookups: impl IntoIterator<Item = Lookup>,
        last: Option<IpAddr>,
    ) -> Self {
        let lookups: SmallVec<[Lookup; 2]> = lookups.into_iter().collect();
        let sought: SmallVec<[Family; 2]> = lookups.iter().flat_map(families).copied().collect();
        for lookup in &lookups {
            route.observer.tell(attempt, lookup.begins(name));
        }
        Self {
            route,
            attempt,
            name,
            port,
            race: Race::new(route.pace, &sought, last),
            began: Instant::now(),
            lookups,
            running: Vec::new(),
            timer: None,
            unresolved: Vec::new(),
            failures: Vec::new(),
            connects: false,
        }
    }

    fn tell(&self, event: PathEvent<'_>) {
        self.route.observer.tell(self.attempt, event);
    }

    fn now(&self) -> Time {
        Time::after_start(self.began.elapsed())
    }

    /// Passes the results of finished lookups to the race.
    fn drive_lookups(&mut self, context: &mut Context<'_>) {
        let mut at = 0;
        while at < self.lookups.len() {
            let Poll::Ready(found) = Pin::new(&mut self.lookups[at]).poll(context) else {
                at += 1;
                continue;
            };
            let lookup = self.lookups.swap_remove(at);
            self.tell(lookup.ends(self.name, &found));
            let sought = families(&lookup);
            let usable = match found {
                Ok(found) => self.reachable(&found),
                Err(error) => {
                    self.unresolved.push(error);
                    SmallVec::new()
                }
            };
            let now = self.now();
            self.race.found(now, sought, &usable);
        }
    }

    /// The addresses that the local addresses allow; the others are recorded as failures.
    fn reachable(&mut self, found: &[IpAddr]) -> SmallVec<[IpAddr; 4]> {
        let mut usable = SmallVec::new();
        for &address in found {
            match self.attempt.bind_addresses.for_peer(address) {
                Ok(_) => usable.push(address),
                Err(error) => {
                    let address = SocketAddr::new(address, self.port);
                    self.tell(PathEvent::Failed(address, &error));
                    self.failures.push(error);
                }
            }
        }
        usable
    }

    /// Polls the attempts. Ready when one has connected.
    fn drive_attempts(&mut self, context: &mut Context<'_>) -> Poll<(TcpStream, IpAddr)> {
        let mut at = 0;
        while at < self.running.len() {
            match self.running[at].poll(context) {
                Poll::Pending => at += 1,
                Poll::Ready(Ok(stream)) => {
                    let address = self.running[at].address();
                    self.tell(PathEvent::Connected(address));
                    return Poll::Ready((stream, address.ip()));
                }
                Poll::Ready(Err(error)) => {
                    let address = self.running.remove(at).address();
                    self.fail(address, error);
                }
            }
        }
        Poll::Pending
    }

    fn start(&mut self, address: IpAddr) {
        if !std::mem::replace(&mut self.connects, true) {
            self.attempt.enter(Phase::Connect);
        }
        let address = SocketAddr::new(address, self.port);
        self.tell(PathEvent::Connecting(address));
        match Connecting::begin(address, self.attempt.bind_addresses, &self.route.options) {
            Ok(connecting) => self.running.push(connecting),
            Err(error) => self.fail(address, error),
        }
    }

    fn fail(&mut self, address: SocketAddr, error: ConnectError) {
        self.tell(PathEvent::Failed(address, &error));
        self.failures.push(error);
        let now = self.now();
        self.race.failed(now);
    }

    /// Ready at `until`.
    fn poll_timer(&mut self, context: &mut Context<'_>, until: Time) -> Poll<()> {
        let at = self.began + until.saturating_duration_since(Time::START);
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(at)));
        if timer.deadline() != at {
            timer.as_mut().reset(at);
        }
        timer.as_mut().poll(context)
    }
}

impl Future for Dial<'_> {
    /// The stream and the address of its peer.
    type Output = Result<(TcpStream, IpAddr), ConnectError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let dial = &mut *self;
        loop {
            dial.drive_lookups(context);
            if let Poll::Ready(reached) = dial.drive_attempts(context) {
                return Poll::Ready(Ok(reached));
            }
            match dial.race.poll(dial.now()) {
                Step::Start(address) => dial.start(address),
                Step::Wait(None) => return Poll::Pending,
                Step::Wait(Some(until)) => {
                    if dial.poll_timer(context, until).is_pending() {
                        return Poll::Pending;
                    }
                }
                Step::Lost => {
                    let mut unresolved = std::mem::take(&mut dial.unresolved);
                    if dial.failures.is_empty() {
                        // No address was tried, so the error of one lookup is enough.
                        unresolved.truncate(1);
                    }
                    unresolved.append(&mut dial.failures);
                    return Poll::Ready(Err(ConnectError::of_all(unresolved)));
                }
            }
        }
    }
}

fn families(lookup: &Lookup) -> &'static [Family] {
    match lookup.families {
        Families::V4 => &[Family::V4],
        Families::V6 => &[Family::V6],
        Families::Both => &[Family::V4, Family::V6],
    }
}

/// The errors of all tried addresses of a name, one each.
#[derive(Debug)]
pub(super) struct AllFailed(pub(super) Box<[ConnectError]>);

impl fmt::Display for AllFailed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let errors: Vec<_> = self.0.iter().map(ToString::to_string).collect();
        let (count, errors) = (errors.len(), errors.join("; "));
        write!(f, "none of {count} attempts succeeded: {errors}")
    }
}

impl std::error::Error for AllFailed {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(self.0.last()?)
    }
}

#[cfg(all(test, target_os = "linux", not(any(keepalive_loom, keepalive_shuttle))))]
mod tests {
    use std::time::Duration;

    use keepalive_testkit::net::census::descriptors_to;
    use tokio::net::{TcpListener, TcpSocket};

    use super::*;
    use crate::api::request::Request;
    use crate::connect::Steps;
    use crate::connect::bind::BindAddresses;
    use crate::connect::observe::Origin;
    use crate::connect::platform::errno;
    use crate::connect::resolve::Addresses;
    use crate::connect::resolve::names::{Answer, Found};

    struct Nobody;

    impl Steps for Nobody {
        fn enter(&self, _: Phase) {}
    }

    fn local(last: u8) -> IpAddr {
        IpAddr::from([127, 0, 0, last])
    }

    /// A lookup that takes this time.
    fn lookup(families: Families, takes: Duration, addresses: &[IpAddr]) -> Lookup {
        let found = Addresses::new(addresses.iter().copied());
        let answer = Found::new(&found, families).map_err(|error| error.of("name.test"));
        takes_time(takes, families, answer)
    }

    fn takes_time(time: Duration, families: Families, answer: Answer) -> Lookup {
        Lookup::new(families, Origin::LookedUp, async move {
            tokio::time::sleep(time).await;
            answer
        })
    }

    /// Races to `port`, and returns the result and its duration.
    async fn race(port: u16, lookups: Vec<Lookup>) -> (Result<IpAddr, ConnectError>, Duration) {
        let request = Request::new("test", "name.test", port).expect("a request");
        let attempt = Attempt::new(
            request.host().clone(),
            BindAddresses::default(),
            std::sync::Arc::new(Nobody),
        );
        let route = Route::default();
        let began = Instant::now();
        let dial = Dial::new(&route, &attempt, ("name.test", port), lookups, None);
        let reached = dial.await;
        let peer = reached.map(|(stream, address)| {
            assert_eq!(stream.peer_addr().expect("connected").ip(), address);
            address
        });
        (peer, began.elapsed())
    }

    /// Listens on one loopback address; the port may also be in use on others.
    async fn listen(last: u8, port: u16) -> TcpListener {
        TcpListener::bind((local(last), port))
            .await
            .expect("a port")
    }

    /// An address that neither accepts nor refuses connections: its queue is full.
    async fn silent(last: u8, port: u16) -> (TcpListener, Vec<TcpStream>) {
        let socket = TcpSocket::new_v4().expect("a socket");
        let address = SocketAddr::new(local(last), port);
        socket.bind(address).expect("a port");
        let listener = socket.listen(1).expect("a listener");
        let mut queue = Vec::new();
        let patience = Duration::from_millis(100);
        while let Ok(stream) = tokio::time::timeout(patience, TcpStream::connect(address)).await {
            queue.push(stream.expect("room in the queue"));
        }
        (listener, queue)
    }

    /// A port with a listener on one loopback address only.
    async fn alone(last: u8) -> (TcpListener, u16) {
        let listener = listen(last, 0).await;
        let port = listener.local_addr().expect("bound").port();
        (listener, port)
    }

    #[tokio::test(start_paused = true)]
    async fn an_address_that_refuses_costs_no_time() {
        let (_listener, port) = alone(3).await;
        let found = lookup(
            Families::Both,
            Duration::ZERO,
            &[local(2), local(4), local(3)],
        );
        let (peer, took) = race(port, vec![found]).await;
        assert_eq!(peer.expect("the third answers"), local(3));
        assert!(took < Duration::from_millis(10), "{took:?}");
    }

    #[tokio::test]
    async fn an_address_that_is_silent_costs_the_delay_and_is_closed() {
        let (_listener, port) = alone(3).await;
        let _silent = silent(2, port).await;
        let before = descriptors_to(port);
        let found = lookup(Families::Both, Duration::ZERO, &[local(2), local(3)]);
        let (peer, took) = race(port, vec![found]).await;
        assert_eq!(peer.expect("the second answers"), local(3));
        assert!(took >= Duration::from_millis(250), "{took:?}");
        assert_eq!(descriptors_to(port), before, "who lost is closed");
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_answer_for_ipv6_is_waited_for_but_a_moment() {
        let (_listener, port) = alone(3).await;
        let v4 = lookup(Families::V4, Duration::from_millis(5), &[local(3)]);
        let v6 = lookup(Families::V6, Duration::from_secs(2), &[]);
        let (peer, took) = race(port, vec![v6, v4]).await;
        assert_eq!(peer.expect("it answers"), local(3));
        assert_eq!(took.as_millis(), 55);
    }

    #[tokio::test(start_paused = true)]
    async fn every_address_that_failed_is_named() {
        let (listener, port) = alone(9).await;
        drop(listener);
        let found = lookup(Families::Both, Duration::ZERO, &[local(2), local(3)]);
        let (failed, _) = race(port, vec![found]).await;
        let failed = failed.expect_err("nobody listens");
        assert_eq!(failed.function(), "connect");
        assert_eq!(failed.error_num(), Some(errno::ECONNREFUSED));
        assert_eq!(failed.attempts().len(), 2);
        let text = failed.to_string();
        for last in [2, 3] {
            let one = format!("connect 127.0.0.{last}:{port}: Connection refused (os error 111)");
            assert!(text.contains(&one), "{text}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_could_not_be_looked_up_is_named_beside_what_failed() {
        let (listener, port) = alone(9).await;
        drop(listener);
        let v4 = lookup(Families::V4, Duration::ZERO, &[local(2)]);
        let error = std::io::Error::other("the server did not answer");
        let error = ConnectError::new("resolve", error);
        let v6 = takes_time(Duration::ZERO, Families::V6, Err(error));
        let (failed, _) = race(port, vec![v4, v6]).await;
        let failed = failed.expect_err("nobody listens");
        assert_eq!(failed.function(), "connect", "an address was tried");
        let text = failed.to_string();
        assert!(
            text.contains("resolve: the server did not answer"),
            "{text}"
        );
        assert!(text.contains(&format!("127.0.0.2:{port}")), "{text}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_name_without_addresses_is_an_error_of_resolve() {
        let (failed, _) = race(1, vec![lookup(Families::Both, Duration::ZERO, &[])]).await;
        let failed = failed.expect_err("there is nothing to connect to");
        assert_eq!(failed.function(), "resolve");
        assert!(failed.attempts().is_empty());
    }
}
