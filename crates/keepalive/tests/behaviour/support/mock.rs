//! A connector without sockets, whose connections behave as a test sets them.

use std::collections::BTreeMap;
use std::future::{pending, poll_fn, ready};
use std::ops::RangeInclusive;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, Waker};

use keepalive::{Attempt, ConnectError, Connection, Connector, Request, Unusable};

use super::{Entered, Gauge};

type Hook<T> = Arc<dyn Fn() -> T + Send + Sync>;
type Opening = Pin<Box<dyn Future<Output = Result<(), ConnectError>> + Send>>;

/// Opens connections at once, which stay usable until the peer closes them. Each setter replaces
/// one behaviour.
#[derive(Clone)]
pub(crate) struct Mock {
    /// Attempts that have begun.
    pub(crate) attempts: Gauge,
    /// Connections; the handles on a shared one count as one.
    pub(crate) open: Gauge,
    peer: Arc<Mutex<Peer>>,
    connect: Arc<dyn Fn(&Attempt) -> Opening + Send + Sync>,
    watch: Hook<Poll<Unusable>>,
    check: Hook<Result<(), Unusable>>,
    capacity: Hook<usize>,
    share: Hook<bool>,
    close: Hook<Poll<()>>,
    drop_handle: Hook<()>,
    wakes_itself: bool,
}

#[derive(Default)]
struct Peer {
    /// The connections that are closed, and whether their watchers are told.
    closed: BTreeMap<usize, bool>,
    /// The watchers, by the numbers of their connections.
    watchers: Vec<(usize, Waker)>,
}

/// Makes the setters of hooks.
macro_rules! hooks {
    ($($name:ident: $result:ty;)*) => {$(
        pub(crate) fn $name(mut self, hook: impl Fn() -> $result + Send + Sync + 'static) -> Self {
            self.$name = Arc::new(hook);
            self
        }
    )*};
}

impl Mock {
    pub(crate) fn new() -> Self {
        Self {
            attempts: Gauge::default(),
            open: Gauge::default(),
            peer: Arc::default(),
            connect: Arc::new(|_| Box::pin(ready(Ok(())))),
            watch: Arc::new(|| Poll::Pending),
            check: Arc::new(|| Ok(())),
            capacity: Arc::new(|| 1),
            share: Arc::new(|| false),
            close: Arc::new(|| Poll::Ready(())),
            drop_handle: Arc::new(|| ()),
            wakes_itself: false,
        }
    }

    /// Its attempts never end.
    pub(crate) fn stuck() -> Self {
        Self::new().connect(|_| pending())
    }

    /// Its attempts do not end while `stuck` says so.
    pub(crate) fn stuck_while(stuck: &Arc<AtomicBool>) -> Self {
        let stuck = Arc::clone(stuck);
        Self::new().connect(move |_| {
            let stuck = Arc::clone(&stuck);
            poll_fn(move |_| match stuck.load(SeqCst) {
                true => Poll::Pending,
                false => Poll::Ready(Ok(())),
            })
        })
    }

    /// Its attempts do this.
    pub(crate) fn connect<F>(mut self, hook: impl Fn(&Attempt) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Result<(), ConnectError>> + Send + 'static,
    {
        self.connect = Arc::new(move |attempt| Box::pin(hook(attempt)));
        self
    }

    /// Its connections carry as many leases as `capacity` says.
    pub(crate) fn shared(capacity: impl Fn() -> usize + Send + Sync + 'static) -> Self {
        Self::new().capacity(capacity).share(|| true)
    }

    hooks! {
        watch: Poll<Unusable>;
        check: Result<(), Unusable>;
        capacity: usize;
        share: bool;
        close: Poll<()>;
    }

    /// The further handles on its connections do this as they are dropped.
    pub(crate) fn drop_handle(mut self, hook: impl Fn() + Send + Sync + 'static) -> Self {
        self.drop_handle = Arc::new(hook);
        self
    }

    /// Its connections wake their watcher at every poll.
    pub(crate) fn wakes_itself(mut self) -> Self {
        self.wakes_itself = true;
        self
    }

    /// The peer closes all connections that are open.
    pub(crate) fn peer_closes(&self) {
        self.peer_closes_some(1..=self.open.read().total);
    }

    /// The peer closes the connections of these numbers, counted from one.
    pub(crate) fn peer_closes_some(&self, numbers: RangeInclusive<usize>) {
        let closed = numbers.clone().map(|number| (number, true));
        self.peer().closed.extend(closed);
        self.wake(|number| numbers.contains(&number));
    }

    /// The same without an event of the reactor: a check finds it, and no watcher is woken.
    pub(crate) fn peer_closes_unheard(&self, numbers: RangeInclusive<usize>) {
        let closed = numbers.map(|number| (number, false));
        self.peer().closed.extend(closed);
    }

    /// Wakes the watchers of all connections.
    pub(crate) fn wake_watchers(&self) {
        self.wake(|_| true);
    }

    fn wake(&self, which: impl Fn(usize) -> bool) {
        let watchers = std::mem::take(&mut self.peer().watchers);
        let (woken, others) = watchers.into_iter().partition(|(number, _)| which(*number));
        self.peer().watchers.extend::<Vec<_>>(others);
        let woken: Vec<(usize, Waker)> = woken;
        woken.into_iter().for_each(|(_, waker)| waker.wake());
    }

    fn peer(&self) -> MutexGuard<'_, Peer> {
        self.peer.lock().expect("no panic")
    }
}

/// A request for the host of number `n`.
pub(crate) fn host(n: usize) -> Request {
    let request = Request::new("mock", "127.0.0.1", 1).expect("a request");
    request.partition(n.to_string())
}

impl Connector for Mock {
    type Connection = Mocked;

    async fn connect(&self, attempt: &Attempt) -> Result<Mocked, ConnectError> {
        let _attempt = self.attempts.enter();
        (self.connect)(attempt).await?;
        let open = self.open.enter();
        Ok(Mocked {
            number: self.open.read().total,
            mock: self.clone(),
            _open: Some(open),
        })
    }
}

/// A connection of a [`Mock`], or a handle on one.
pub(crate) struct Mocked {
    mock: Mock,
    /// Connections are counted from one.
    number: usize,
    _open: Option<Entered>,
}

impl Drop for Mocked {
    fn drop(&mut self) {
        if self._open.is_none() {
            (self.mock.drop_handle)();
        }
    }
}

impl Connection for Mocked {
    fn poll_unusable(&mut self, cx: &mut Context<'_>) -> Poll<Unusable> {
        let told = {
            let mut peer = self.mock.peer();
            peer.watchers.push((self.number, cx.waker().clone()));
            peer.closed.get(&self.number) == Some(&true)
        };
        if self.mock.wakes_itself {
            cx.waker().wake_by_ref();
        }
        match told {
            true => Poll::Ready(Unusable::Closed),
            false => (self.mock.watch)(),
        }
    }

    fn check(&mut self) -> Result<(), Unusable> {
        let closed = self.mock.peer().closed.contains_key(&self.number);
        match closed {
            true => Err(Unusable::Closed),
            false => (self.mock.check)(),
        }
    }

    fn capacity(&self) -> usize {
        (self.mock.capacity)()
    }

    fn share(&self) -> Option<Self> {
        (self.mock.share)().then(|| Self {
            mock: self.mock.clone(),
            number: self.number,
            _open: None,
        })
    }

    fn poll_close(&mut self, _cx: &mut Context<'_>) -> Poll<()> {
        (self.mock.close)()
    }
}
