//! Counts the connections that the servers see.

use std::io;
use std::net::TcpStream;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Counts the open connections of several servers at each arrival.
///
/// A connection is open until its client closes it. The task of the connection learns of that
/// later, perhaps after the next arrival. So the census asks the system about each socket.
#[derive(Debug)]
pub(super) struct Census(Mutex<Counted>);

#[derive(Debug)]
struct Counted {
    /// The connections that were open at the last arrival, each with its server.
    present: Vec<(usize, TcpStream)>,
    most_at: Vec<usize>,
    most: usize,
}

impl Census {
    /// Starts a census of so many servers.
    pub(super) fn of(servers: usize) -> Self {
        Self(Mutex::new(Counted {
            present: Vec::new(),
            most_at: vec![0; servers],
            most: 0,
        }))
    }

    /// Counts a new connection of `server`. `socket` must be nonblocking.
    pub(super) fn arrive(&self, server: usize, socket: TcpStream) {
        let counted = &mut *self.counted();
        counted.present.push((server, socket));
        counted.present.retain(|(_, socket)| is_open(socket));
        counted.most = counted.present.len().max(counted.most);
        let of_it = counted.present.iter().filter(|(at, _)| *at == server);
        counted.most_at[server] = of_it.count().max(counted.most_at[server]);
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
        let census = Census::of(2);
        let connect = |server| {
            let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
            let (socket, _) = listener.accept().unwrap();
            socket.set_nonblocking(true).unwrap();
            census.arrive(server, socket.try_clone().unwrap());
            (client, socket)
        };
        let (mut a, _a) = connect(0);
        a.write_all(b"unread").unwrap();
        let (b, _b) = connect(1);
        assert_eq!((census.most(), census.most_at_one()), (2, 1));
        // It is dropped on the client's side alone: the server has not noticed.
        drop(b);
        let (_c, _c_socket) = connect(1);
        assert_eq!((census.most(), census.most_at_one()), (2, 1));
        let (_d, _d_socket) = connect(1);
        assert_eq!((census.most(), census.most_at_one()), (3, 2));
    }
}
