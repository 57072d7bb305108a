//! Counts the connections that the servers see.

use std::collections::HashMap;
use std::io;
use std::net::TcpStream;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Counts the open connections of several servers at each arrival.
///
/// A connection is open until its client closes it. The task of the connection learns of that
/// later, perhaps after the next arrival. So the census asks the system about each socket.
#[derive(Debug)]
pub(super) struct Census(Mutex<Counted>);

#[derive(Debug)]
struct Counted {
    present: HashMap<u64, (usize, TcpStream)>,
    arrivals: u64,
    most_at: Vec<usize>,
    most: usize,
}

impl Census {
    /// Starts a census of so many servers.
    pub(super) fn of(servers: usize) -> Self {
        Self(Mutex::new(Counted {
            present: HashMap::new(),
            arrivals: 0,
            most_at: vec![0; servers],
            most: 0,
        }))
    }

    /// Counts a new connection of `server` until the result is dropped. `socket` must be
    /// nonblocking.
    pub(super) fn arrive(self: &Arc<Self>, server: usize, socket: TcpStream) -> Present {
        let mut counted = self.counted();
        let id = counted.arrivals;
        counted.arrivals += 1;
        counted.present.insert(id, (server, socket));
        let mut now = vec![0; counted.most_at.len()];
        for (at, socket) in counted.present.values() {
            now[*at] += usize::from(is_open(socket));
        }
        counted.most = counted.most.max(now.iter().sum());
        for (most, now) in counted.most_at.iter_mut().zip(now) {
            *most = now.max(*most);
        }
        Present {
            census: Arc::clone(self),
            id,
        }
    }

    /// The largest number of open connections of all servers.
    pub(super) fn most(&self) -> usize {
        self.counted().most
    }

    /// The largest number of open connections of one server.
    pub(super) fn most_at_one(&self) -> usize {
        self.counted().most_at.iter().copied().max().unwrap_or(0)
    }

    fn counted(&self) -> MutexGuard<'_, Counted> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection that the census counts.
#[derive(Debug)]
pub(super) struct Present {
    census: Arc<Census>,
    id: u64,
}

impl Drop for Present {
    fn drop(&mut self) {
        self.census.counted().present.remove(&self.id);
    }
}

fn is_open(socket: &TcpStream) -> bool {
    match socket.peek(&mut [0]) {
        Ok(waiting) => waiting > 0,
        Err(error) => error.kind() == io::ErrorKind::WouldBlock,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::net::TcpListener;

    #[test]
    fn a_client_that_has_closed_is_not_counted() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let census = Arc::new(Census::of(2));
        let connect = |server| {
            let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
            let (socket, _) = listener.accept().unwrap();
            socket.set_nonblocking(true).unwrap();
            (client, census.arrive(server, socket))
        };
        let (mut a, _a) = connect(0);
        a.write_all(b"unread").unwrap();
        let (b, _b) = connect(1);
        assert_eq!((census.most(), census.most_at_one()), (2, 1));
        // Both are dropped on the client's side before the next arrives; the servers have not
        // noticed: their side is still there.
        drop(b);
        let (_c, _c_present) = connect(1);
        assert_eq!((census.most(), census.most_at_one()), (2, 1));
        let (_d, d_present) = connect(1);
        drop(d_present);
        assert_eq!((census.most(), census.most_at_one()), (3, 2));
        let (_e, _e_present) = connect(1);
        assert_eq!((census.most(), census.most_at_one()), (3, 2));
    }
}
