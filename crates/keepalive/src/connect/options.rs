//! Options of TCP sockets.

use std::io;
use std::time::Duration;

use socket2::{Socket, TcpKeepalive};

use crate::connect::ConnectError;
use crate::connect::platform::{self, errno};

/// Options of the TCP sockets that [`NetConnector`](crate::NetConnector) opens. Unset options keep
/// the system's defaults, except `TCP_NODELAY` and the options that detect a silent peer.
///
/// A peer may vanish silently: it loses its power, or a NAT on the way forgets the connection. By
/// default the system probes a peer after 15 s of silence, then every 15 s, and gives up after 3
/// probes. It also gives up when sent data, or a probe, remains unacknowledged for 30 s. So on
/// Linux an idle connection to such a peer closes after 30 s, and a request on it fails after 30 s.
/// With the system's own defaults, the first takes hours and the second a quarter of an hour. These
/// are the defaults of reqwest 0.13. A live peer's system answers probes.
///
/// If the system refuses an option, the attempt fails with an error of function `setsockopt` that
/// names the option. A default is skipped if the system does not have the option.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// use keepalive::{Manager, NetConnector, TcpOptions};
///
/// let options = TcpOptions::new()
///     .tcp_keepalive(Duration::from_secs(60))
///     .tcp_keepalive_interval(Duration::from_secs(10));
/// let manager = Manager::builder().connector(NetConnector::new().tcp(options)).build()?;
/// # Ok::<(), keepalive::ConfigError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TcpOptions {
    nodelay: bool,
    tcp_keepalive: Option<Duration>,
    tcp_keepalive_interval: Duration,
    tcp_keepalive_retries: u32,
    user_timeout: Option<Duration>,
    /// Whether the user timeout is only the default, for systems that have the option.
    default_user_timeout: bool,
    send_buffer: Option<usize>,
    receive_buffer: Option<usize>,
    interface: Option<String>,
    mark: Option<u32>,
}

/// Whether the system lacks the option, as some substitutes for Linux do.
fn is_unknown(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::Unsupported || error.raw_os_error() == Some(errno::ENOPROTOOPT)
}

impl Default for TcpOptions {
    fn default() -> Self {
        Self {
            nodelay: true,
            tcp_keepalive: Some(Duration::from_secs(15)),
            tcp_keepalive_interval: Duration::from_secs(15),
            tcp_keepalive_retries: 3,
            user_timeout: Some(Duration::from_secs(30)),
            default_user_timeout: true,
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
    /// one piece, and waiting for more would only delay it.
    #[must_use]
    pub fn nodelay(mut self, nodelay: bool) -> Self {
        self.nodelay = nodelay;
        self
    }

    /// Silence of a peer before the system probes it (`SO_KEEPALIVE`, `TCP_KEEPIDLE`). Default 15
    /// s; `None` turns probing off. Systems count whole seconds: a fraction is cut off, and most
    /// reject less than a second.
    #[must_use]
    pub fn tcp_keepalive(mut self, time: impl Into<Option<Duration>>) -> Self {
        self.tcp_keepalive = time.into();
        self
    }

    /// The time between two probes (`TCP_KEEPINTVL`). Default 15 s; systems count whole seconds. No
    /// effect without probing.
    #[must_use]
    pub fn tcp_keepalive_interval(mut self, time: Duration) -> Self {
        self.tcp_keepalive_interval = time;
        self
    }

    /// Number of unanswered probes after which the connection fails (`TCP_KEEPCNT`). Default 3. No
    /// effect without probing. On Linux, also no effect beside a
    /// [`user_timeout`](Self::user_timeout), which then bounds the time for answers to probes too.
    #[must_use]
    pub fn tcp_keepalive_retries(mut self, count: u32) -> Self {
        self.tcp_keepalive_retries = count;
        self
    }

    /// Maximum time that sent data may remain unacknowledged, before the connection fails
    /// (`TCP_USER_TIMEOUT`, RFC 5482).
    ///
    /// The resolution is a millisecond. Default 30 s if the system has the option; `None` selects
    /// the system's default, which is many minutes. An explicit value fails the attempt if the
    /// system does not have the option.
    ///
    /// A live peer's system acknowledges received data, so a slow server is not cut off. If a peer
    /// does not read for this long and its buffer is full, the connection fails.
    #[must_use]
    pub fn user_timeout(mut self, time: impl Into<Option<Duration>>) -> Self {
        self.user_timeout = time.into();
        self.default_user_timeout = false;
        self
    }

    /// Size in bytes of the system's send buffer (`SO_SNDBUF`). Systems round it, and Linux doubles
    /// it.
    #[must_use]
    pub fn send_buffer(mut self, bytes: usize) -> Self {
        self.send_buffer = Some(bytes);
        self
    }

    /// Size in bytes of the system's receive buffer (`SO_RCVBUF`), set before connecting, so that
    /// the offered window can follow it.
    #[must_use]
    pub fn receive_buffer(mut self, bytes: usize) -> Self {
        self.receive_buffer = Some(bytes);
        self
    }

    /// The network interface of the connections, by name (`SO_BINDTODEVICE`). Linux only, and
    /// privileged before Linux 5.7. Elsewhere the attempt fails, as it does if there is no such
    /// interface.
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

    /// Configures a socket that has not connected yet.
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
        set("TCP_USER_TIMEOUT", self.apply_user_timeout(socket))?;
        if let Some(name) = &self.interface {
            set("SO_BINDTODEVICE", platform::bind_interface(socket, name))
                .map_err(|error| error.detail(format!("SO_BINDTODEVICE {name:?}")))?;
        }
        if let Some(mark) = self.mark {
            set("SO_MARK", platform::set_mark(socket, mark))?;
        }
        Ok(())
    }

    fn apply_user_timeout(&self, socket: &Socket) -> io::Result<()> {
        let Some(time) = self.user_timeout else {
            return Ok(());
        };
        match platform::set_user_timeout(socket, time) {
            Err(error) if self.default_user_timeout && is_unknown(&error) => Ok(()),
            set => set,
        }
    }

    fn keepalive(&self) -> Option<TcpKeepalive> {
        let keepalive = TcpKeepalive::new()
            .with_time(self.tcp_keepalive?)
            .with_interval(self.tcp_keepalive_interval)
            .with_retries(self.tcp_keepalive_retries);
        Some(keepalive)
    }
}

fn set(option: &'static str, result: io::Result<()>) -> Result<(), ConnectError> {
    result.map_err(|error| ConnectError::new("setsockopt", error).detail(option))
}

#[cfg(all(test, target_os = "linux", not(any(keepalive_loom, keepalive_shuttle))))]
mod tests {
    use socket2::{Domain, Type};

    use super::*;

    #[test]
    fn a_default_that_the_system_does_not_know_fails_nothing() {
        // Sockets of other kinds have no TCP options.
        let unix = Socket::new(Domain::UNIX, Type::STREAM, None).expect("a socket");
        let udp = Socket::new(Domain::IPV4, Type::DGRAM, None).expect("a socket");
        for socket in [unix, udp] {
            let options = TcpOptions::new();
            assert!(options.apply_user_timeout(&socket).is_ok());
            let options = options.user_timeout(Duration::from_secs(30));
            let error = options.apply_user_timeout(&socket);
            assert!(is_unknown(&error.expect_err("it was asked for")));
        }
    }
}
