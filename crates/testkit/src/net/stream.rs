//! Reads and writes a socket that several parts share.

use std::io;
use std::net::Shutdown;
use std::os::fd::AsFd;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use socket2::SockRef;
use tokio::net::TcpStream;

pub(super) async fn read(stream: &TcpStream, buffer: &mut [u8]) -> io::Result<usize> {
    loop {
        stream.readable().await?;
        match stream.try_read(buffer) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            result => return result,
        }
    }
}

pub(super) async fn write_all(stream: &TcpStream, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        stream.writable().await?;
        match stream.try_write(bytes) {
            Ok(written) => bytes = &bytes[written..],
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Makes the last drop of the socket send a reset instead of a FIN.
pub(super) fn reset_when_dropped(stream: &TcpStream) {
    // A socket that is dead already needs no reset.
    let _ = stream.set_zero_linger();
}

pub(super) fn half_close(stream: &TcpStream) {
    let _ = SockRef::from(stream).shutdown(Shutdown::Write);
}

/// Whether the peer has closed or reset it, even if bytes are still unread.
pub(super) fn is_hung_up(stream: &TcpStream) -> bool {
    let mut descriptors = [PollFd::from_borrowed_fd(stream.as_fd(), PollFlags::RDHUP)];
    let ready = poll(&mut descriptors, Some(&Timespec::default()));
    ready.is_ok_and(|ready| ready > 0)
}
