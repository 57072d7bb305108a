//! Counts the descriptors, tasks, threads and memory of this process.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::{self, File};
use std::io::{BufRead as _, BufReader};
use std::time::Duration;

use tokio::runtime::Handle;

use crate::wait::holds_within;

/// Descriptors, tasks, threads and memory of this process at one instant.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Census {
    /// Descriptors by kind: `socket`, `pipe`, `anon_inode`, `file`.
    pub descriptors: BTreeMap<String, usize>,
    /// Tasks of the runtime within which it was taken.
    pub tasks: usize,
    pub threads: usize,
    /// Resident memory, in bytes.
    pub resident: usize,
}

impl Census {
    pub fn take() -> Self {
        Self {
            descriptors: descriptors(),
            tasks: Handle::try_current().map_or(0, |runtime| runtime.metrics().num_alive_tasks()),
            threads: entries("/proc/self/task"),
            resident: resident(),
        }
    }

    pub fn sockets(&self) -> usize {
        self.descriptors.get("socket").copied().unwrap_or(0)
    }

    pub fn open(&self) -> usize {
        self.descriptors.values().sum()
    }

    /// Waits until this process holds no more than in `self`.
    ///
    /// # Errors
    ///
    /// The excess that is left when `limit` has passed. Memory does not count: allocators keep it.
    pub async fn returns(&self, limit: Duration) -> Result<(), Left> {
        let mut left = Vec::new();
        let back = holds_within(limit, || {
            left = self.left(&Self::take());
            left.is_empty()
        });
        if back.await { Ok(()) } else { Err(Left(left)) }
    }

    fn left(&self, now: &Self) -> Vec<String> {
        let mut left = Vec::new();
        let mut more = |what: &str, was: usize, is: usize| {
            if is > was {
                left.push(format!("{} {what} more than the {was} at first", is - was));
            }
        };
        for (kind, &is) in &now.descriptors {
            let was = self.descriptors.get(kind).copied().unwrap_or(0);
            more(&format!("descriptors of kind {kind}"), was, is);
        }
        more("tasks", self.tasks, now.tasks);
        more("threads", self.threads, now.threads);
        left
    }
}

/// The excess that was left.
#[derive(Debug)]
pub struct Left(Vec<String>);

impl fmt::Display for Left {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join(", "))
    }
}

/// How many descriptors of this process are sockets connected to `port`.
pub fn descriptors_to(port: u16) -> usize {
    states_to(&[port]).len()
}

/// How many bytes have arrived at the sockets connected to `port` and were not read.
pub fn unread_from(port: u16) -> usize {
    let sockets = sockets_to(&[port]);
    let queues = sockets.iter().map(|fields| {
        let (_, received) = fields[4].split_once(':').expect("two queues");
        usize::from_str_radix(received, 16).expect("a number")
    });
    queues.sum()
}

/// The states of the sockets connected to `ports`, in the numbers of the kernel: 1 is established,
/// 8 is `CLOSE_WAIT`.
pub fn states_to(ports: &[u16]) -> Vec<u8> {
    let sockets = sockets_to(ports);
    let states = sockets.iter().map(|fields| &fields[3]);
    states
        .map(|state| u8::from_str_radix(state, 16).expect("a number"))
        .collect()
}

/// The kernel's table entries of the sockets connected to `ports`, without those that a listener has
/// accepted: a client elsewhere may have one of these numbers as its own port.
fn sockets_to(ports: &[u16]) -> Vec<Vec<String>> {
    let tables = [
        Some(File::open("/proc/self/net/tcp").expect("a table of sockets")),
        // A system may be without IPv6.
        File::open("/proc/self/net/tcp6").ok(),
    ];
    let descriptors = links();
    let tables = tables.into_iter().flatten();
    let sockets = tables.flat_map(|table| sockets_in(table, ports));
    let of_this_process = |socket: &Vec<String>| {
        let link = format!("socket:[{}]", socket[INODE]);
        descriptors.contains(&link)
    };
    each_once(sockets.filter(of_this_process))
}

const INODE: usize = 9;

/// Each socket once: the kernel lists some twice if others come and go during the reading.
fn each_once(sockets: impl Iterator<Item = Vec<String>>) -> Vec<Vec<String>> {
    let by_inode: BTreeMap<String, Vec<String>> = sockets
        .map(|socket| (socket[INODE].clone(), socket))
        .collect();
    by_inode.into_values().collect()
}

fn sockets_in(table: File, ports: &[u16]) -> Vec<Vec<String>> {
    let remotes: Vec<_> = ports.iter().map(|port| format!(":{port:04X}")).collect();
    let mut listening = Vec::new();
    let mut connected = Vec::new();
    // Most lines are of sockets that no process holds any more, so they are neither kept nor
    // parsed.
    for line in BufReader::with_capacity(1 << 16, table).lines().skip(1) {
        let line = line.expect("text");
        let mut fields = line.split_ascii_whitespace().skip(1);
        let mut next = || fields.next().unwrap_or_default();
        let (local, remote, state) = (next(), next(), next());
        if state == LISTENING {
            listening.push(local.to_owned());
        } else if remotes.iter().any(|port| remote.ends_with(port)) {
            let fields = line.split_whitespace().map(str::to_owned);
            connected.push(Vec::from_iter(fields));
        }
    }
    connected.retain(|fields| !listening.iter().any(|by| has_accepted(by, &fields[1])));
    connected
}

const LISTENING: &str = "0A";

/// Whether the socket with this local address is one that a listener of that address accepts.
fn has_accepted(listener: &str, local: &str) -> bool {
    let (address, port) = listener.split_once(':').expect("an address");
    let is_any = address.bytes().all(|digit| digit == b'0');
    listener == local || (is_any && local.split_once(':').is_some_and(|(_, its)| its == port))
}

fn descriptors() -> BTreeMap<String, usize> {
    let mut kinds = BTreeMap::new();
    for link in links() {
        let kind = match link.split_once(':') {
            Some((kind, _)) => kind,
            None => "file",
        };
        *kinds.entry(kind.to_owned()).or_default() += 1;
    }
    kinds
}

/// The targets of the descriptors, without the one that is open to list them.
fn links() -> Vec<String> {
    fs::read_dir("/proc/self/fd")
        .expect("a list of descriptors")
        .filter_map(|entry| fs::read_link(entry.ok()?.path()).ok())
        .map(|link| link.to_string_lossy().into_owned())
        .filter(|link| !link.starts_with("/proc/"))
        .collect()
}

fn entries(directory: &str) -> usize {
    fs::read_dir(directory).expect("procfs").count()
}

fn resident() -> usize {
    let pages = fs::read_to_string("/proc/self/statm").expect("procfs");
    let pages = pages.split_whitespace().nth(1).expect("a column");
    pages.parse::<usize>().expect("a number") * rustix::param::page_size()
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::net::{SocketAddr, TcpListener, TcpStream};
    use std::time::Duration;

    use socket2::{Domain, Socket, Type};

    use super::*;

    #[test]
    fn a_socket_counts_while_it_is_held() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("bound");
        let stream = TcpStream::connect(address).expect("it listens");
        assert_eq!(states_to(&[address.port()]), [1]);
        let (mut accepted, _) = listener.accept().expect("it connects");
        assert_eq!(unread_from(address.port()), 0);
        accepted.write_all(b"12345").expect("it listens");
        while unread_from(address.port()) < 5 {}
        drop(accepted);
        assert_eq!(states_to(&[1, address.port()]), [8]);
        drop(stream);
        assert_eq!(descriptors_to(address.port()), 0);
    }

    #[test]
    fn a_socket_that_the_kernel_lists_twice_counts_once() {
        let line = |inode: &str| vec![inode.to_owned(); INODE + 1];
        let listed = [line("7"), line("8"), line("7")];
        assert_eq!(each_once(listed.into_iter()).len(), 2);
    }

    #[test]
    fn an_accepted_socket_whose_client_has_that_port_does_not_count() {
        let wanted = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = wanted.local_addr().expect("bound").port();
        for to in ["127.0.0.3:0", "0.0.0.0:0"] {
            let elsewhere = TcpListener::bind(to).expect("a free port");
            let other = elsewhere.local_addr().expect("bound").port();
            let client = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
            let own = SocketAddr::from(([127, 0, 0, 2], port));
            client.set_reuse_address(true).expect("a socket");
            client.bind(&own.into()).expect("the port is free there");
            let server = SocketAddr::from(([127, 0, 0, 3], other));
            client.connect(&server.into()).expect("it listens");
            let (_accepted, from) = elsewhere.accept().expect("it connects");
            assert_eq!((from.port(), descriptors_to(port)), (port, 0), "{to}");
            // The end of the client is to leave the port to the next.
            client.set_linger(Some(Duration::ZERO)).expect("a socket");
        }
    }
}
