//! Counts the descriptors, tasks, threads and memory of this process.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::{self, File};
use std::io::{BufRead as _, BufReader};
use std::time::Duration;

use tokio::runtime::Handle;

use super::within;

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
        let back = within(limit, || {
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

/// The kernel's table entries of the sockets connected to `ports`.
fn sockets_to(ports: &[u16]) -> Vec<Vec<String>> {
    let tables = [
        Some(File::open("/proc/self/net/tcp").expect("a table of sockets")),
        // A system may be without IPv6.
        File::open("/proc/self/net/tcp6").ok(),
    ];
    let remotes: Vec<_> = ports.iter().map(|port| format!(":{port:04X}")).collect();
    let mut connected = Vec::new();
    // Most lines are of sockets that no process holds any more, so they are neither kept nor
    // parsed.
    let lines = |table| BufReader::with_capacity(1 << 16, table).lines().skip(1);
    for line in tables.into_iter().flatten().flat_map(lines) {
        let line = line.expect("text");
        let remote = line.split_ascii_whitespace().nth(2).unwrap_or_default();
        if remotes.iter().any(|port| remote.ends_with(port)) {
            let fields = line.split_whitespace().map(str::to_owned);
            connected.push(Vec::from_iter(fields));
        }
    }
    let descriptors = links();
    connected.retain(|fields| {
        let descriptor = format!("socket:[{}]", fields[9]);
        descriptors.contains(&descriptor)
    });
    connected
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
    use std::net::{TcpListener, TcpStream};

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
}
