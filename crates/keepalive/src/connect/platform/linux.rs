//! The options of sockets that Linux has.

use std::io;
use std::time::Duration;

use socket2::Socket;

pub(crate) fn set_user_timeout(socket: &Socket, time: Duration) -> io::Result<()> {
    socket.set_tcp_user_timeout(Some(time))
}

pub(crate) fn bind_interface(socket: &Socket, name: &str) -> io::Result<()> {
    // The kernel reads an empty name as any interface, and truncates a longer one.
    if name.is_empty() || name.len() >= libc::IFNAMSIZ || name.contains('\0') {
        return Err(io::Error::from_raw_os_error(libc::ENODEV));
    }
    socket.bind_device(Some(name.as_bytes()))
}

pub(crate) fn set_mark(socket: &Socket, mark: u32) -> io::Result<()> {
    socket.set_mark(mark)
}
