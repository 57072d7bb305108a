//! A proxy that fails on purpose.

use std::collections::BTreeMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use socket2::{Domain, SockRef, Socket, Type};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Handle;
use tokio::sync::{broadcast, watch};
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{sleep, timeout};

use crate::dice::Dice;

use super::crowd::Crowd;
pub use super::exchange::Protocol;
use super::faults::Faults;
use super::pump::{Plan, Pump};
use super::toxic::{Deed, Toxic};

/// Passes connections on to a server, with the faults of its toxics.
///
/// It runs on a runtime of the caller's, which should not be that of the client, so that the
/// client's tasks can be counted.
pub struct Proxy {
    port: u16,
    toxics: watch::Sender<Vec<Toxic>>,
    orders: broadcast::Sender<Deed>,
    faults: Faults,
    task: AbortHandle,
    /// Bound and never listening, so that the port stays ours while it refuses connections.
    _holder: Socket,
}

impl Proxy {
    /// Listens on a free port. Its clients are counted in each of `crowds`.
    pub fn start(
        runtime: &Handle,
        protocol: Protocol,
        server: SocketAddr,
        crowds: Vec<Arc<Crowd>>,
        seed: u64,
    ) -> Self {
        let holder = bound(0).expect("a free port");
        let address = holder.local_addr().expect("bound");
        let port = address.as_socket().expect("an address").port();
        let listener = {
            let _reactor = runtime.enter();
            Some(listening(port).expect("the port is held"))
        };
        let (toxics, orders) = (watch::Sender::new(Vec::new()), broadcast::channel(4).0);
        let faults = Faults::default();
        let each = Each {
            protocol,
            server,
            crowds,
            port,
            toxics: toxics.subscribe(),
            orders: orders.clone(),
            faults: faults.clone(),
            dice: Mutex::new(Dice(seed)),
        };
        Self {
            port,
            toxics,
            orders,
            faults,
            task: runtime.spawn(each.run(listener)).abort_handle(),
            _holder: holder,
        }
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// Sets the faults from now on. Open connections keep the faults that were drawn for them.
    pub fn set(&self, toxics: &[Toxic]) {
        self.toxics.send_replace(toxics.to_vec());
    }

    /// Orders a deed on all connections now.
    pub fn order(&self, deed: Deed) {
        // There may be no connection.
        let _ = self.orders.send(deed);
    }

    /// How often each toxic acted.
    pub fn faults(&self) -> BTreeMap<String, u64> {
        self.faults.read()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

struct Each {
    protocol: Protocol,
    server: SocketAddr,
    crowds: Vec<Arc<Crowd>>,
    port: u16,
    toxics: watch::Receiver<Vec<Toxic>>,
    orders: broadcast::Sender<Deed>,
    faults: Faults,
    dice: Mutex<Dice>,
}

impl Each {
    async fn run(self, mut listener: Option<TcpListener>) {
        let mut connections = JoinSet::new();
        let mut toxics = self.toxics.clone();
        loop {
            let listen = toxics.borrow_and_update().iter().find_map(Listen::of);
            let listen = listen.unwrap_or_default();
            let Some(socket) = listener.take().or_else(|| listening(self.port).ok()) else {
                // The old listener is still closing.
                sleep(Duration::from_millis(1)).await;
                continue;
            };
            // This changes the length of the queue only.
            let _ = SockRef::from(&socket).listen(listen.backlog);
            tokio::select! {
                _ = toxics.changed() => listener = Some(socket),
                () = self.accept(&socket, &listen, &mut connections) => {
                    drop(socket);
                    sleep(listen.pause.unwrap_or_default()).await;
                }
            }
        }
    }

    /// Accepts connections until the next pause.
    async fn accept(&self, socket: &TcpListener, listen: &Listen, connections: &mut JoinSet<()>) {
        let accept = async {
            loop {
                if let (Some(delay), Some(toxic)) = (listen.delay, listen.toxic) {
                    self.faults.count(&toxic);
                    sleep(delay).await;
                }
                while connections.try_join_next().is_some() {}
                let Ok((stream, _)) = socket.accept().await else {
                    continue;
                };
                let stream = Arc::new(stream);
                for crowd in &self.crowds {
                    crowd.enter(&stream).await;
                }
                connections.spawn(self.pump(stream).run());
            }
        };
        match (listen.pause, listen.toxic) {
            (Some(every), Some(toxic)) => {
                drop(timeout(every, accept).await);
                self.faults.count(&toxic);
            }
            _ => accept.await,
        }
    }

    fn pump(&self, client: Arc<TcpStream>) -> Pump {
        // The first use of a dead socket finds that it is dead.
        let _ = client.set_nodelay(true);
        let toxics = self.toxics.borrow().clone();
        let mut dice = self.dice.lock().expect("no panic");
        Pump {
            client,
            server: self.server,
            protocol: self.protocol,
            plan: Plan::draw(&toxics, &mut dice),
            faults: self.faults.clone(),
            orders: self.orders.subscribe(),
        }
    }
}

/// How connections are accepted.
struct Listen {
    backlog: i32,
    delay: Option<Duration>,
    /// How long it listens, and for how long it then does not.
    pause: Option<Duration>,
    toxic: Option<Toxic>,
}

impl Listen {
    fn of(toxic: &Toxic) -> Option<Self> {
        let normal = Self {
            toxic: Some(*toxic),
            ..Self::default()
        };
        match *toxic {
            Toxic::Refuse { every } => Some(Self {
                pause: Some(every),
                ..normal
            }),
            Toxic::SlowAccept { delay, backlog } => Some(Self {
                delay: Some(delay),
                backlog,
                ..normal
            }),
            _ => None,
        }
    }
}

impl Default for Listen {
    fn default() -> Self {
        Self {
            backlog: QUEUE,
            delay: None,
            pause: None,
            toxic: None,
        }
    }
}

/// Connections that may wait to be accepted.
const QUEUE: i32 = 1024;

fn bound(port: u16) -> io::Result<Socket> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(true)?;
    socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, port)).into())?;
    Ok(socket)
}

fn listening(port: u16) -> io::Result<TcpListener> {
    let socket = bound(port)?;
    socket.listen(QUEUE)?;
    socket.set_nonblocking(true)?;
    TcpListener::from_std(socket.into())
}
