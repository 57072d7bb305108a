//! Flags for requests and the protocol.

use std::time::Duration;

use http::Method;

use super::body::BodyFlags;
use crate::fetch::message;
use crate::fetch::pace;
use crate::number;
use crate::size;

/// The request, and the handling of its response.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "HTTP")]
pub(crate) struct HttpFlags {
    /// Use this method, not GET, or POST with a body.
    #[arg(short = 'X', long, value_name = "METHOD", value_parser = message::parse_method)]
    pub(crate) method: Option<Method>,

    /// Send this header, as "name: value".
    ///
    /// It may be given more than once. A value may be empty. It replaces a default header, such as
    /// host.
    #[arg(short = 'H', long, value_name = "HEADER")]
    // Parsed later, by code whose errors do not repeat the value: it may be a password.
    pub(crate) header: Vec<String>,

    /// Send this user-agent, not keepalive with its version.
    #[arg(short = 'A', long, value_name = "NAME")]
    pub(crate) user_agent: Option<String>,

    /// Send this user name and password (Basic).
    ///
    /// A header takes its place (RFC 7617).
    #[arg(short, long, value_name = "USER:PASSWORD")]
    // Parsed later, by code whose errors do not repeat the password.
    pub(crate) user: Option<String>,

    /// Speak HTTP/2 only; without encryption, by prior knowledge.
    ///
    /// By default, a server of https chooses between HTTP/2 and HTTP/1.1, and a server of http gets
    /// HTTP/1.1.
    #[arg(long, conflicts_with = "http1_1")]
    pub(crate) http2: bool,

    /// Speak HTTP/1.1 only.
    #[arg(long = "http1.1")]
    pub(crate) http1_1: bool,

    /// Send a request again at most N times, where that is safe.
    ///
    /// It is safe if no byte of the request was sent, or if the server says that it did not process
    /// the request. It is also safe for idempotent methods, if a reused connection closes without a
    /// byte of a response: GET and PUT are idempotent, POST is not. After a refusal by the server,
    /// keepalive pauses for some milliseconds.
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = number::from_zero::<u32>)]
    pub(crate) resend: u32,

    /// Ask again at most N times after 408, 429, 502, 503 or 504.
    ///
    /// After 502 and 504, only idempotent requests are sent again. Retry-After says when; without
    /// it, the first pause is about a second, and each further one twice as long, up to a minute. A
    /// pause that would exceed --timeout is not taken: the error is the result.
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = number::from_zero::<u32>)]
    pub(crate) retry: u32,

    /// Start at most N fetches of a host in TIME: 10/s, 30/m, 100/h.
    #[arg(long, value_name = "N/TIME", value_parser = pace::parse)]
    pub(crate) rate: Option<Duration>,

    /// Read each body at this rate at most: bytes a second, or 10k, 5M.
    #[arg(long, value_name = "SIZE", value_parser = size::parse)]
    pub(crate) limit_rate: Option<u64>,

    /// Send these cookies, "a=1; b=2", and those that redirects set.
    ///
    /// With an empty text, only the cookies of servers are sent. Each fetch starts without cookies
    /// of the others.
    #[arg(short = 'b', long, value_name = "COOKIES")]
    // Parsed later, by code whose errors do not repeat it.
    pub(crate) cookie: Option<String>,

    /// Ask for packed bodies (gzip, deflate, br, zstd), and unpack them.
    #[arg(long)]
    pub(crate) compressed: bool,

    /// Fail if a body is longer, once unpacked: 10k, 5M, 1G.
    #[arg(long, value_name = "SIZE", value_parser = size::parse)]
    pub(crate) max_filesize: Option<u64>,

    /// Follow redirects.
    ///
    /// After 303, and after 301 or 302 of a POST, the next request is a GET without a body. The
    /// headers authorization, cookie, proxy-authorization and host are dropped at the first redirect
    /// to another host, for all further redirects.
    #[arg(short = 'L', long)]
    pub(crate) location: bool,

    /// Follow at most N redirects; one more is a failure.
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = number::from_zero::<u32>, requires = "location")]
    pub(crate) max_redirects: u32,

    #[command(flatten)]
    pub(crate) body: BodyFlags,
}
