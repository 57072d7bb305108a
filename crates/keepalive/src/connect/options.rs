//! How sockets are set up.

use std::io;
use std::time::Duration;

use socket2::{Socket, TcpKeepalive};

use crate::connect::ConnectError;

/// Options of the TCP sockets that [`Net`](crate::Net) opens. What is not set is left as the
/// system has it, but for `TCP_NODELAY`.
///
/// An option that the system refuses fails the attempt, with an error of function `setsockopt`
/// that names the option.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// use keepalive::{Manager, Net, TcpOptions};
///
/// let options = TcpOptions::new()
///     .probe_after(Duration::from_secs(60))
///     .probe_every(Duration::from_secs(10));
/// let manager = Manager::builder().connector(Net::new().tcp(options)).build()?;
/// # Ok::<(), keepalive::ConfigError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TcpOptions {
    nodelay: bool,
    probe_after: Option<Duration>,
    probe_every: Option<Duration>,
    probes: Option<u32>,
    user_timeout: Option<Duration>,
    send_buffer: Option<usize>,
    receive_buffer: Option<usize>,
    interface: Option<String>,
    mark: Option<u32>,
}

impl Default for TcpOptions {
    fn default() -> Self {
        Self {
            nodelay: true,
            probe_after: None,
            probe_every: None,
            probes: None,
            user_timeout: None,
            send_buffer: None,
            receive_buffer: None,
            interface: None,
            mark: None,
        }
    }
}

impl TcpOptions {
    /// The defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// `TCP_NODELAY`: whether small writes are sent at once. Default yes: a request is written in
    /// one piece, and waiting for more only delays it.
    #[must_use]
    pub fn nodelay(mut self, nodelay: bool) -> Self {
        self.nodelay = nodelay;
        self
    }

    /// Has the system probe a silent peer after this time (`SO_KEEPALIVE`, `TCP_KEEPIDLE`).
    /// Default never. Seconds are what systems count; a fraction is cut off, and less than a
    /// second is an error of most.
    #[must_use]
    pub fn probe_after(mut self, time: Duration) -> Self {
        self.probe_after = Some(time);
        self
    }

    /// The time between two probes (`TCP_KEEPINTVL`), in seconds; 75 on most systems. It turns
    /// probing on.
    #[must_use]
    pub fn probe_every(mut self, time: Duration) -> Self {
        self.probe_every = Some(time);
        self
    }

    /// How many probes may go unanswered before the connection is given up (`TCP_KEEPCNT`); 9 on
    /// most systems. It turns probing on.
    #[must_use]
    pub fn probes(mut self, count: u32) -> Self {
        self.probes = Some(count);
        self
    }

    /// How long sent data may go unacknowledged before the connection is given up
    /// (`TCP_USER_TIMEOUT`, RFC 5482), in milliseconds. Default: the system's, many minutes.
    /// Where the system has no such option, the attempt fails.
    #[must_use]
    pub fn user_timeout(mut self, time: Duration) -> Self {
        self.user_timeout = Some(time);
        self
    }

    /// Bytes of the system's buffer for what is sent (`SO_SNDBUF`). Systems round it, and Linux
    /// doubles it.
    #[must_use]
    pub fn send_buffer(mut self, bytes: usize) -> Self {
        self.send_buffer = Some(bytes);
        self
    }

    /// Bytes of the system's buffer for what is received (`SO_RCVBUF`), set before connecting, so
    /// that the window offered can follow it.
    #[must_use]
    pub fn receive_buffer(mut self, bytes: usize) -> Self {
        self.receive_buffer = Some(bytes);
        self
    }

    /// The network interface that connections use, by name (`SO_BINDTODEVICE`). Linux only, and
    /// subject to rights before Linux 5.7; elsewhere the attempt fails, as it does if there is none
    /// of that name.
    #[must_use]
    pub fn interface(mut self, name: impl Into<String>) -> Self {
        self.interface = Some(name.into());
        self
    }

    /// The mark of packets for routing and filters (`SO_MARK`). Linux only, and needs
    /// `CAP_NET_ADMIN`; elsewhere the attempt fails.
    #[must_use]
    pub fn mark(mut self, mark: u32) -> Self {
        self.mark = Some(mark);
        self
    }

    /// Sets a socket up that has not connected yet.
    pub(crate) fn apply(&self, socket: &Socket) -> Result<(), ConnectError> {
        if self.nodelay {
            set("TCP_NODELAY", socket.set_tcp_nodelay(true))?;
        }
        if let Some(keepalive) = self.keepalive() {
            set("SO_KEEPALIVE", socket.set_tcp_keepalive(&keepalive))?;
        }
        if let Some(bytes) = self.send_buffer {
            set("SO_SNDBUF", socket.set_send_buffer_size(bytes))?;
        }
        if let Some(bytes) = self.receive_buffer {
            set("SO_RCVBUF", socket.set_recv_buffer_size(bytes))?;
        }
        if let Some(time) = self.user_timeout {
            set("TCP_USER_TIMEOUT", set_user_timeout(socket, time))?;
        }
        if let Some(name) = &self.interface {
            set("SO_BINDTODEVICE", bind_interface(socket, name))
                .map_err(|error| error.detail(format!("SO_BINDTODEVICE {name:?}")))?;
        }
        if let Some(mark) = self.mark {
            set("SO_MARK", set_mark(socket, mark))?;
        }
        Ok(())
    }

    fn keepalive(&self) -> Option<TcpKeepalive> {
        if (self.probe_after, self.probe_every, self.probes) == (None, None, None) {
            return None;
        }
        let mut keepalive = TcpKeepalive::new();
        if let Some(time) = self.probe_after {
            keepalive = keepalive.with_time(time);
        }
        if let Some(time) = self.probe_every {
            keepalive = keepalive.with_interval(time);
        }
        if let Some(count) = self.probes {
            keepalive = keepalive.with_retries(count);
        }
        Some(keepalive)
    }
}

fn set(option: &'static str, result: io::Result<()>) -> Result<(), ConnectError> {
    result.map_err(|error| ConnectError::new("setsockopt", error).detail(option))
}

#[cfg(target_os = "linux")]
fn set_user_timeout(socket: &Socket, time: Duration) -> io::Result<()> {
    socket.set_tcp_user_timeout(Some(time))
}

#[cfg(target_os = "linux")]
fn bind_interface(socket: &Socket, name: &str) -> io::Result<()> {
    // For the kernel an empty name is any interface, and a longer one ends here.
    if name.is_empty() || name.len() >= libc::IFNAMSIZ || name.contains('\0') {
        return Err(io::Error::from_raw_os_error(libc::ENODEV));
    }
    socket.bind_device(Some(name.as_bytes()))
}

#[cfg(target_os = "linux")]
fn set_mark(socket: &Socket, mark: u32) -> io::Result<()> {
    socket.set_mark(mark)
}

#[cfg(not(target_os = "linux"))]
fn set_user_timeout(_: &Socket, _: Duration) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(not(target_os = "linux"))]
fn bind_interface(_: &Socket, _: &str) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(not(target_os = "linux"))]
fn set_mark(_: &Socket, _: u32) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}
