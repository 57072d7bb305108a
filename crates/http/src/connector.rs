//! Opens connections that speak HTTP, over those of another connector.

use std::sync::Arc;
use std::time::Duration;

use keepalive::{Attempt, ConnectError, Connection, Connector, Net};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::HttpConnection;
use crate::head::HeadLimits;
use crate::http1::Http1;
use crate::http2::{Main, Silence, Ventures, Windows};
use crate::one_only::OneOnly;
use crate::settings::Settings;

/// A connector whose connections are streams of bytes, as HTTP needs them.
///
/// Every such connector has it already; it is never implemented by hand.
pub trait StreamConnector: Connector<Connection: AsyncRead + AsyncWrite + Unpin> {}

impl<C> StreamConnector for C where C: Connector<Connection: AsyncRead + AsyncWrite + Unpin> {}

/// Opens [`HttpConnection`]s over the connections of another connector.
///
/// Where connections are encrypted, the server is offered HTTP/2 and HTTP/1.1 by ALPN and chooses;
/// where they are not, HTTP/1.1 is spoken. TLS settings that name application protocols of their
/// own are offered as they are. A host that ends a stream of HTTP/2 by `HTTP_1_1_REQUIRED` (RFC 9113,
/// section 7) is offered HTTP/1.1 alone from then on.
///
/// It is what a manager is built with, see [`Client`](crate::Client).
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
pub struct Http<C = Net> {
    connector: C,
    versions: Versions,
    pings: Option<Pings>,
    windows: Windows,
    limits: HeadLimits,
    settings: Option<Arc<Settings>>,
    one_only: OneOnly,
    ventures: Ventures,
}

/// Which versions of HTTP are spoken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Versions {
    /// What the server chooses, and HTTP/1.1 where it is not asked.
    #[default]
    Either,
    /// HTTP/1.1, whatever the server could.
    One,
    /// HTTP/2, also where the server is not asked: it is known to speak it.
    Two,
}

/// When a connection of HTTP/2 is asked whether its peer is still there.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Pings {
    /// Whenever nothing has been heard for a while.
    Always {
        interval: Duration,
        timeout: Duration,
    },
    /// Once, when there is reason to doubt it.
    InDoubt(Silence),
}

impl Http {
    /// HTTP over the connections of [`Net`].
    pub fn new() -> Self {
        Self::over(Net::new())
    }
}

impl<C> Http<C> {
    /// HTTP over the connections of `connector`.
    pub fn over(connector: C) -> Self {
        Self {
            connector,
            versions: Versions::Either,
            pings: Some(Pings::InDoubt(Silence::default())),
            windows: Windows::default(),
            limits: HeadLimits::default(),
            settings: None,
            one_only: OneOnly::default(),
            ventures: Ventures::default(),
        }
    }

    /// Speaks HTTP/1.1 only.
    #[must_use]
    pub fn http1_only(mut self) -> Self {
        self.versions = Versions::One;
        self
    }

    /// Speaks HTTP/2 only: by prior knowledge where connections are not encrypted (RFC 9113,
    /// section 3.3).
    ///
    /// Where the server is offered HTTP/2 by ALPN and takes something else, or nothing, the error is
    /// one of function `tls`. A connector of your own that offers it says so by
    /// [`Connection::offered_protocols`]; without that, it counts as one that asks nobody, unless it
    /// names a [`protocol`](Connection::protocol). A server that was not asked and turns out to speak
    /// something else is told by [`Error::is_not_http2`](crate::Error::is_not_http2).
    #[must_use]
    pub fn http2_only(mut self) -> Self {
        self.versions = Versions::Two;
        self
    }

    /// Sends a PING on each connection of HTTP/2 on which nothing has been heard for `interval`, and
    /// closes it if no answer comes within `timeout`: a peer that has vanished is noticed so.
    ///
    /// Default: no such pings, but [one in doubt](Self::http2_silence). Less than some seconds is
    /// seen as abuse by some servers; a timeout that is shorter than the way there and back closes
    /// what is sound. More than a year counts as that.
    #[must_use]
    pub fn http2_keep_alive(mut self, interval: Duration, timeout: Duration) -> Self {
        self.pings = Some(Pings::Always {
            interval: interval.min(LONGEST),
            timeout: timeout.min(LONGEST),
        });
        self
    }

    /// Asks a peer of HTTP/2 whether it is there, by one PING, when there are exchanges and nothing
    /// has been heard of it for `after`, and closes the connection if nothing is heard within
    /// `timeout` either. Default 10 s each.
    ///
    /// It is asked too when a request is given up after a second or more in which nothing was heard
    /// of the whole connection. Until anything is heard, the connection takes no further request:
    /// whoever comes meanwhile has it retired, and goes to another. Servers that bound the number of
    /// PINGs, as those of gRPC do, see at most three in five minutes of silence, and none on a
    /// connection without exchanges.
    ///
    /// An `after` of more than a year asks never. It takes the place of
    /// [`http2_keep_alive`](Self::http2_keep_alive), and that of this. A timeout that is shorter than
    /// the way there and back closes what is sound.
    #[must_use]
    pub fn http2_silence(mut self, after: Duration, timeout: Duration) -> Self {
        let silence = Silence { after, timeout };
        self.pings = (after <= LONGEST).then_some(Pings::InDoubt(silence));
        self
    }

    /// Takes in up to so many bytes of a response body of HTTP/2 before it is read. Default 2 MiB;
    /// less than 16 KiB counts as that, and more than 2 GiB - 1 as that.
    ///
    /// A body that nobody reads costs so much memory and no more, and it holds up no other. More
    /// lets a body come faster from far away: at most so much arrives in the time of the way there
    /// and back. A connection costs at most so much for each exchange that it carries, see
    /// [`http2_max_streams`](Self::http2_max_streams).
    #[must_use]
    pub fn http2_stream_window(mut self, bytes: u32) -> Self {
        self.windows = self.windows.stream(bytes);
        self
    }

    /// Has a connection of HTTP/2 carry at most so many exchanges at a time, if its server allows
    /// as many. Default 256; 0 counts as 1.
    ///
    /// With the [window](Self::http2_stream_window) of a stream it bounds what a connection costs
    /// if none of the bodies is read: 512 MiB by default. What tiny pieces of bodies cost beside
    /// their bytes is bounded by half of that. All windows together are at most 2 GiB, so with large
    /// ones a connection carries fewer.
    #[must_use]
    pub fn http2_max_streams(mut self, streams: usize) -> Self {
        self.windows = self.windows.streams(streams);
        self
    }

    /// Takes at most so many bytes of the head of a response, and of the trailers of a body. Default
    /// 128 KiB; less than 1 KiB counts as that, and more than 16 MiB as that.
    ///
    /// Of HTTP/1.1 it counts the bytes as they come, of HTTP/2 the name and value of each field and
    /// 32 bytes more (RFC 9113, section 6.5.2). The server of HTTP/2 is told of twice as much. More
    /// is an error that names this setting; it ends the connection of HTTP/1.1, of HTTP/2 the stream
    /// alone, unless it is far more.
    ///
    /// What others take by default, in their sources of 2025:
    ///
    /// | client | bytes | fields | where |
    /// |---|---|---|---|
    /// | this one | 128 KiB | 256 | |
    /// | Chromium | 256 KiB | any | `kMaxHeaderBufSize` in `net/http/http_stream_parser.h` |
    /// | Firefox | 384 KiB | any | `network.http.max_response_header_size` |
    /// | curl | 300 KiB | 5,000 | `MAX_HTTP_RESP_HEADER_SIZE`, `MAX_HTTP_RESP_HEADER_COUNT` in `lib/http.h` |
    /// | Go | 10 MiB | any | `Transport.MaxResponseHeaderBytes` in `net/http` |
    #[must_use]
    pub fn max_header_bytes(mut self, bytes: usize) -> Self {
        self.limits = self.limits.bytes(bytes);
        self
    }

    /// Takes at most so many fields in the head of a response, and in the trailers of a body. Default
    /// 256; 0 counts as 1, and more than 16,384 as that.
    ///
    /// More is an error that names this setting. For each response of HTTP/1.1, 64 bytes are set
    /// aside for each field that there may be: with 1,000, a small request takes some 4 % longer than
    /// with 100. See [`max_header_bytes`](Self::max_header_bytes) for
    /// what others take.
    #[must_use]
    pub fn max_header_fields(mut self, fields: usize) -> Self {
        self.limits = self.limits.fields(fields);
        self
    }

    /// Takes at most so many interim responses (1xx) before a response. Default 1,000; 0 takes none.
    ///
    /// More is an error that names this setting, and ends the connection. However many are taken,
    /// other tasks have their turns while they come. The client passes over them; of HTTP/1.1,
    /// [`hyper::ext::on_informational`] has a request see them. Of HTTP/2 hyper shows them to nobody,
    /// and they are counted stream by stream as far as the heads of frames tell.
    ///
    /// Go takes as many as fit in its limit of bytes, curl in its own.
    #[must_use]
    pub fn max_interim_responses(mut self, responses: usize) -> Self {
        self.limits = self.limits.interim(responses);
        self
    }

    /// Sets what hyper has settings for.
    #[cfg(feature = "legacy")]
    pub(crate) fn settings(mut self, settings: Settings) -> Self {
        self.settings = Some(Arc::new(settings));
        self
    }
}

impl<C: StreamConnector> Connector for Http<C> {
    type Connection = HttpConnection<C::Connection>;

    async fn connect(&self, attempt: &Attempt) -> Result<Self::Connection, ConnectError> {
        let host = attempt.host().clone();
        // Where the server chooses, it may still say that it wants HTTP/1.1.
        let may_choose = self.versions == Versions::Either && !self.one_only.has(&host);
        let attempt = match self.versions {
            Versions::Either if may_choose => attempt.offering(&[H2, HTTP_11]),
            Versions::Either => attempt.offering(&[HTTP_11]),
            Versions::One => attempt.offering(&[HTTP_11]),
            Versions::Two => attempt.offering(&[H2]),
        };
        let transport = self.connector.connect(&attempt).await?;
        let speaks_two = match (transport.protocol(), self.versions) {
            (Some(H2), _) => true,
            // Nobody was asked.
            (None, Versions::Two) if transport.offered_protocols().is_empty() => true,
            (chosen, Versions::Two) => {
                let offered = transport.offered_protocols();
                return Err(ConnectError::new("tls", not_two(offered, chosen)));
            }
            (_, Versions::Either | Versions::One) => false,
        };
        let settings = self.settings.as_deref();
        // Whoever has hyper's settings has its limits.
        let limits = settings.is_none().then_some(self.limits);
        if speaks_two {
            let venture = self.ventures.take(&host);
            let one_only = may_choose.then(|| (self.one_only.clone(), host));
            Main::open(
                transport,
                self.pings,
                self.windows,
                limits,
                one_only,
                venture,
                settings,
            )
            .await
            .map(HttpConnection::two)
        } else {
            Http1::open(transport, limits, settings)
                .await
                .map(HttpConnection::one)
        }
    }

    /// Where it is for the server to choose, the connections themselves will tell.
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

/// That a server did not agree to HTTP/2, which alone is wanted.
fn not_two(offered: &[Vec<u8>], chosen: Option<&[u8]>) -> String {
    let offered: Vec<_> = offered.iter().map(|name| text(name)).collect();
    let asked = match &*offered {
        [] => String::new(),
        names => format!(" was offered {} by ALPN and", names.join(", ")),
    };
    let chosen = chosen.map_or_else(|| "none".to_owned(), text);
    format!("the server{asked} chose {chosen}, but only h2 (HTTP/2) is wanted")
}

fn text(protocol: &[u8]) -> String {
    protocol.escape_ascii().to_string()
}

/// The longest that is between pings, or waited for one: a year. hyper adds it to the time that it
/// is, which must not overflow.
pub(crate) const LONGEST: Duration = Duration::from_secs(365 * 24 * 60 * 60);

// The names of the protocols (RFC 7301, section 6, and RFC 9113, section 3.2).
const H2: &[u8] = b"h2";
const HTTP_11: &[u8] = b"http/1.1";
