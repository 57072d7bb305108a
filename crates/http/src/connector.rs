//! Opens HTTP connections over the connections of another connector.

use std::sync::Arc;
use std::time::Duration;

use keepalive::{Attempt, ConnectError, Connection, Connector, NetConnector};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::HttpConnection;
use crate::connection::Speaks;
use crate::head::HeadLimits;
use crate::http1::Http1;
use crate::http2::{Main, Silence, Ventures, Windows};
use crate::one_only::OneOnly;
use crate::settings::Settings;

/// A connector whose connections are byte streams, as HTTP needs them.
///
/// Implemented for every such connector; do not implement it by hand.
pub trait StreamConnector: Connector<Connection: AsyncRead + AsyncWrite + Unpin> {}

impl<C> StreamConnector for C where C: Connector<Connection: AsyncRead + AsyncWrite + Unpin> {}

/// Opens [`HttpConnection`]s over the connections of another connector.
///
/// On encrypted connections, the connector offers the server HTTP/2 and HTTP/1.1 by ALPN, and the
/// server chooses; other connections use HTTP/1.1. TLS settings that list application protocols of
/// their own are offered unchanged. A host that ends an HTTP/2 stream by `HTTP_1_1_REQUIRED` (RFC
/// 9113, section 7) is offered only HTTP/1.1 from then on.
///
/// Pass it to the builder of a manager, see [`Client`](crate::Client).
///
/// # Examples
///
/// ```no_run
/// use keepalive::Manager;
/// use keepalive_http::Http;
///
/// # fn main() -> Result<(), keepalive::ConfigError> {
/// let manager: Manager<Http> = Manager::builder().connector(Http::new()).build()?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default)]
pub struct Http<C = NetConnector> {
    connector: C,
    versions: Versions,
    options: Options,
    one_only: OneOnly,
    ventures: Ventures,
}

/// The settings of the connections.
#[derive(Clone, Debug, Default)]
pub(crate) struct Options {
    pub(crate) pings: Pings,
    pub(crate) windows: Windows,
    limits: HeadLimits,
    /// Whether hyper has all exchanges of HTTP/1.1.
    pub(crate) hyper_only: bool,
    /// hyper's own settings, in place of these.
    pub(crate) settings: Option<Arc<Settings>>,
}

impl Options {
    /// The limits on response heads; a client with hyper's settings has hyper's.
    pub(crate) fn limits(&self) -> Option<HeadLimits> {
        self.settings.is_none().then_some(self.limits)
    }
}

/// The versions of HTTP that a connection may use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Versions {
    /// The server's choice, and HTTP/1.1 without ALPN.
    #[default]
    Either,
    /// HTTP/1.1, even if the server supports HTTP/2.
    One,
    /// HTTP/2, even without ALPN: the user knows that the server supports it.
    Two,
}

/// When the client pings the peer of an HTTP/2 connection.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Pings {
    /// Whenever the peer was silent for a while.
    Always {
        interval: Duration,
        timeout: Duration,
    },
    /// Once, when there is reason to doubt that the peer is alive.
    InDoubt(Silence),
    Never,
}

/// 10 s each, as in Chrome.
impl Default for Pings {
    fn default() -> Self {
        let time = Duration::from_secs(10);
        Self::InDoubt(Silence {
            after: time,
            timeout: time,
        })
    }
}

impl Http {
    /// HTTP over the connections of [`NetConnector`].
    pub fn new() -> Self {
        Self::over(NetConnector::new())
    }
}

impl<C> Http<C> {
    /// HTTP over the connections of `connector`.
    pub fn over(connector: C) -> Self {
        Self {
            connector,
            versions: Versions::Either,
            options: Options::default(),
            one_only: OneOnly::default(),
            ventures: Ventures::default(),
        }
    }

    /// Uses HTTP/1.1 only.
    #[must_use]
    pub fn http1_only(mut self) -> Self {
        self.versions = Versions::One;
        self
    }

    /// Uses HTTP/2 only: by prior knowledge where connections are not encrypted (RFC 9113, section
    /// 3.3).
    ///
    /// If the server was offered HTTP/2 by ALPN and chose another protocol or none, the error has
    /// the function `tls`. A connector of your own that offers protocols reports them in
    /// [`Connection::offered_protocols`]. Without that, HTTP/2 is assumed, unless the connection
    /// has a [`protocol`](Connection::protocol). If a server without ALPN turns out to use another
    /// protocol, [`Error::is_not_http2`](crate::Error::is_not_http2) is true.
    #[must_use]
    pub fn http2_only(mut self) -> Self {
        self.versions = Versions::Two;
        self
    }

    /// Sends a PING on each HTTP/2 connection after `interval` of silence, and closes the
    /// connection if no answer arrives within `timeout`. This detects a peer that has vanished.
    ///
    /// Default: no such pings, but [one in doubt](Self::http2_silence). Some servers treat an
    /// interval below a few seconds as abuse. A timeout shorter than the round trip closes healthy
    /// connections. More than a year counts as a year.
    #[must_use]
    pub fn http2_keep_alive(mut self, interval: Duration, timeout: Duration) -> Self {
        self.options.pings = Pings::Always {
            interval: interval.min(LONGEST),
            timeout: timeout.min(LONGEST),
        };
        self
    }

    /// Sends an HTTP/2 peer one PING after it was silent for `after` during an exchange, and closes
    /// the connection after another `timeout` of silence. Default 10 s each.
    ///
    /// The client also sends the PING if a request is cancelled after at least a second without a
    /// byte on the whole connection. Until a byte arrives, the connection takes no further request:
    /// the next request that is given the connection retires it, and goes to another. Servers that
    /// limit PINGs, such as gRPC's, see at most three in five minutes of silence, and none on a
    /// connection without exchanges.
    ///
    /// An `after` of more than a year disables these pings. This setting replaces
    /// [`http2_keep_alive`](Self::http2_keep_alive), and vice versa. A timeout shorter than the
    /// round trip closes healthy connections.
    #[must_use]
    pub fn http2_silence(mut self, after: Duration, timeout: Duration) -> Self {
        self.options.pings = match after <= LONGEST {
            true => Pings::InDoubt(Silence {
                after,
                timeout: timeout.min(LONGEST),
            }),
            false => Pings::Never,
        };
        self
    }

    /// Sets how many bytes of an HTTP/2 response body are buffered before they are read. Default 2
    /// MiB, at least 16 KiB, at most 2 GiB - 1; other values count as the nearest.
    ///
    /// An unread body costs at most this much memory, and blocks no other body. A larger window
    /// speeds up bodies over long distances: at most one window arrives per round trip. A
    /// connection costs at most one window for each of its concurrent exchanges, see
    /// [`http2_max_streams`](Self::http2_max_streams).
    #[must_use]
    pub fn http2_stream_window(mut self, bytes: u32) -> Self {
        self.options.windows = self.options.windows.stream(bytes);
        self
    }

    /// Sets how many concurrent exchanges an HTTP/2 connection carries at most, if its server
    /// allows as many. Default 256; 0 counts as 1.
    ///
    /// Together with the [window](Self::http2_stream_window) of a stream, it bounds the memory of a
    /// connection whose bodies are all unread: 512 MiB by default. The overhead of many tiny pieces
    /// of bodies is bounded by half of that. All windows of a connection together are at most 2
    /// GiB, so large windows reduce the number of exchanges.
    #[must_use]
    pub fn http2_max_streams(mut self, streams: usize) -> Self {
        self.options.windows = self.options.windows.streams(streams);
        self
    }

    /// Has hyper carry all exchanges of HTTP/1.1.
    ///
    /// By default, a request whose body is in memory, and of 16 KiB at most, is sent without hyper,
    /// and its response is read without hyper. That takes about half of the
    /// instructions, and does the same. hyper carries uploads, upgrades, requests with the header `connection` or
    /// `transfer-encoding`, and requests with extensions that may be hyper's.
    #[must_use]
    pub fn http1_by_hyper(mut self) -> Self {
        self.options.hyper_only = true;
        self
    }

    /// Sets how many bytes the head of a response, or the trailers of a body, may have. Default 128
    /// KiB, at least 1 KiB, at most 16 MiB; other values count as the nearest.
    ///
    /// HTTP/1.1 counts the bytes on the wire. HTTP/2 counts the name and value of each field plus
    /// 32 bytes (RFC 9113, section 6.5.2). The HTTP/2 server is sent twice the limit as its
    /// setting. Exceeding the limit is an error that names this setting. It ends the HTTP/1.1
    /// connection, or only the HTTP/2 stream unless the excess is large.
    ///
    /// Defaults of other clients, from their sources of 2025:
    ///
    /// | client | bytes | fields | where |
    /// |---|---|---|---|
    /// | this one | 128 KiB | 1,000 | |
    /// | Chromium | 256 KiB | any | `kMaxHeaderBufSize` in `net/http/http_stream_parser.h` |
    /// | Firefox | 384 KiB | any | `network.http.max_response_header_size` |
    /// | curl | 300 KiB | 5,000 | `MAX_HTTP_RESP_HEADER_SIZE`, `MAX_HTTP_RESP_HEADER_COUNT` in `lib/http.h` |
    /// | Go | 10 MiB | any | `Transport.MaxResponseHeaderBytes` in `net/http` |
    #[must_use]
    pub fn max_header_bytes(mut self, bytes: usize) -> Self {
        self.options.limits = self.options.limits.bytes(bytes);
        self
    }

    /// Sets how many fields the head of a response, or the trailers of a body, may have. Default
    /// 1,000; 0 counts as 1, and more than 16,384 as that.
    ///
    /// Exceeding the limit is an error that names this setting. In HTTP/1.1, trailers and the heads
    /// of interim responses may have 100 fields at most: hyper parses no more without an allocation
    /// for each response. [`max_header_bytes`](Self::max_header_bytes) lists the limits of other clients.
    #[must_use]
    pub fn max_header_fields(mut self, fields: usize) -> Self {
        self.options.limits = self.options.limits.fields(fields);
        self
    }

    /// Sets how many interim responses (1xx) may precede a response. Default 1,000; 0 allows none.
    ///
    /// Exceeding the limit is an error that names this setting, and ends the connection. Other
    /// tasks get their turns while interim responses arrive. The client skips them. In HTTP/1.1,
    /// [`hyper::ext::on_informational`] shows them to a request's callback. In HTTP/2 hyper does
    /// not show them; the client counts them per stream, as far as the frame headers reveal them.
    ///
    /// Go allows as many as fit in its limit of bytes; curl does the same with its own limit.
    #[must_use]
    pub fn max_interim_responses(mut self, responses: usize) -> Self {
        self.options.limits.interim = responses;
        self
    }

    /// Sets hyper's own settings.
    #[cfg(feature = "legacy")]
    pub(crate) fn settings(mut self, settings: Settings) -> Self {
        self.options.settings = Some(Arc::new(settings));
        self
    }
}

impl<C: StreamConnector> Connector for Http<C> {
    type Connection = HttpConnection<C::Connection>;

    async fn connect(&self, attempt: &Attempt) -> Result<Self::Connection, ConnectError> {
        let host = attempt.host().clone();
        // A server that may choose may still require HTTP/1.1 later.
        let may_choose = self.versions == Versions::Either && !self.one_only.has(&host);
        let attempt = match self.versions {
            Versions::Either if may_choose => attempt.offering(&[H2, HTTP_11]),
            Versions::Either | Versions::One => attempt.offering(&[HTTP_11]),
            Versions::Two => attempt.offering(&[H2]),
        };
        let transport = self.connector.connect(&attempt).await?;
        let speaks_two = match (transport.protocol(), self.versions) {
            (Some(H2), _) => true,
            // No protocol was offered.
            (None, Versions::Two) if transport.offered_protocols().is_empty() => true,
            (chosen, Versions::Two) => {
                let offered = transport.offered_protocols();
                return Err(ConnectError::new("tls", not_two(offered, chosen)));
            }
            (_, Versions::Either | Versions::One) => false,
        };
        let speaks = if speaks_two {
            let venture = self.ventures.take(&host);
            let one_only = may_choose.then(|| (self.one_only.clone(), host));
            Speaks::Two(Main::open(transport, &self.options, one_only, venture).await?)
        } else {
            Speaks::One(Box::new(Http1::open(transport, &self.options).await?))
        };
        Ok(HttpConnection { speaks })
    }

    /// If the server chooses the version, each connection reports whether it is shared.
    fn shares(&self, _: &keepalive::Host) -> bool {
        self.versions == Versions::Two
    }

    /// HTTP/2 goes through a tunnel: proxies forward HTTP/1.1.
    fn forwarder(&self, host: &keepalive::Host) -> Option<keepalive::Forwarder> {
        match self.versions {
            Versions::Two => None,
            Versions::Either | Versions::One => self.connector.forwarder(host),
        }
    }
}

/// The error of a server that did not choose HTTP/2, the only version allowed.
fn not_two(offered: &[Vec<u8>], chosen: Option<&[u8]>) -> String {
    let text = |protocol: &[u8]| protocol.escape_ascii().to_string();
    let offered: Vec<_> = offered.iter().map(|name| text(name)).collect();
    let asked = match &*offered {
        [] => String::new(),
        names => format!(" was offered {} by ALPN and", names.join(", ")),
    };
    let chosen = chosen.map_or_else(|| "none".to_owned(), text);
    format!("the server{asked} chose {chosen}, but only h2 (HTTP/2) is wanted")
}

/// The longest ping interval or timeout: a year. hyper adds it to the current time, which must not
/// overflow.
pub(crate) const LONGEST: Duration = Duration::from_secs(365 * 24 * 60 * 60);

// The names of the protocols (RFC 7301, section 6, and RFC 9113, section 3.2).
const H2: &[u8] = b"h2";
const HTTP_11: &[u8] = b"http/1.1";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connector_by_default_pings_in_doubt_like_a_new_one() {
        for http in [Http::default(), Http::new()] {
            assert!(matches!(http.options.pings, Pings::InDoubt(_)), "{http:?}");
        }
    }
}
