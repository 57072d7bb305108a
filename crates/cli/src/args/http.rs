//! What is asked for, and how HTTP is spoken.

use std::time::Duration;

use http::Method;

use super::body::BodyFlags;
use crate::fetch::message;
use crate::fetch::pace;
use crate::number;
use crate::size;

/// What is sent, and what is done with the answer.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "HTTP")]
pub(crate) struct HttpFlags {
    /// Ask with this method, not GET, or POST with a body.
    #[arg(short = 'X', long, value_name = "METHOD", value_parser = message::parse_method)]
    pub(crate) method: Option<Method>,

    /// Send this header, as "name: value".
    ///
    /// It may be given more than once. A value may be empty. It takes the place of a header that is sent by itself, such as host.
    #[arg(short = 'H', long, value_name = "HEADER")]
    // Parsed later: what is wrong is told without the value, which may be a password.
    pub(crate) header: Vec<String>,

    /// Name this user agent, and not keepalive with its version.
    #[arg(short = 'A', long, value_name = "NAME")]
    pub(crate) user_agent: Option<String>,

    /// Send this user name and password (Basic).
    ///
    /// A header takes its place (RFC 7617).
    #[arg(short, long, value_name = "USER:PASSWORD")]
    // Parsed later: what is wrong is told without the password.
    pub(crate) user: Option<String>,

    /// Speak HTTP/2 only; without encryption, by prior knowledge.
    ///
    /// Otherwise, a server of https chooses between HTTP/2 and HTTP/1.1, and one of http is spoken
    /// to by HTTP/1.1.
    #[arg(long, conflicts_with = "http1_1")]
    pub(crate) http2: bool,

    /// Speak HTTP/1.1 only.
    #[arg(long = "http1.1")]
    pub(crate) http1_1: bool,

    /// Send a request again at most N times, where that is safe.
    ///
    /// It is if none of it has left, if the server says that it has not processed it, or if it may be
    /// done twice, as GET and PUT but not POST may, and a connection that had been used before closes
    /// without a byte of an answer. A server that refuses is left alone for some milliseconds.
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = number::from_zero::<u32>)]
    pub(crate) resend: u32,

    /// Ask again at most N times after 408, 429, 502, 503 or 504.
    ///
    /// After 502 and 504, only what may be done twice is asked again. A server says when by Retry-After; otherwise it is after about a second, and twice as long each
    /// time, up to a minute. All of it is within --timeout: what would be later is not done.
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = number::from_zero::<u32>)]
    pub(crate) retry: u32,

    /// Begin at most so many fetches of a host: 10/s, 30/m, 100/h.
    #[arg(long, value_name = "N/TIME", value_parser = pace::parse)]
    pub(crate) rate: Option<Duration>,

    /// Read each body at most so fast: bytes a second, or 10k, 5M.
    #[arg(long, value_name = "SIZE", value_parser = size::parse)]
    pub(crate) limit_rate: Option<u64>,

    /// Send these cookies, "a=1; b=2", and those that redirects set.
    ///
    /// An empty text only keeps those of servers. Each fetch begins anew.
    #[arg(short = 'b', long, value_name = "COOKIES")]
    // Parsed later, and never shown.
    pub(crate) cookie: Option<String>,

    /// Ask for packed bodies (gzip, deflate, br, zstd), and unpack them.
    #[arg(long)]
    pub(crate) compressed: bool,

    /// Give up a body that is longer, unpacked: 10k, 5M, 1G.
    #[arg(long, value_name = "SIZE", value_parser = size::parse)]
    pub(crate) max_filesize: Option<u64>,

    /// Follow redirects.
    ///
    /// What comes by 301 or 302 after a POST, or by 303, is asked for with GET and without a body.
    /// The headers authorization, cookie, proxy-authorization and host stay behind when it goes to
    /// another host, and do not come back.
    #[arg(short = 'L', long)]
    pub(crate) location: bool,

    /// Follow at most N redirects; one more is a failure.
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = number::from_zero::<u32>, requires = "location")]
    pub(crate) max_redirects: u32,

    #[command(flatten)]
    pub(crate) body: BodyFlags,
}
