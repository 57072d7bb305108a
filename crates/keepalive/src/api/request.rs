//! Requests for connections, validated when they are made.

use std::any::Any;
use std::borrow::Cow;
use std::fmt::{self, Display, Write};
use std::panic::AssertUnwindSafe;
use std::path::Path;
use std::str::FromStr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use keepalive_engine::Ask;

use crate::connect::Connector;
#[cfg(feature = "tls")]
use crate::connect::tls::Tls;
use crate::driver::Driver;
use crate::driver::lane::Lane;
use crate::{Address, Host, authority};

/// A request for a connection: a scheme, an address and a port, with optional timeouts and a
/// partition.
///
/// Make it once and clone it in hot loops: a clone copies no text.
///
/// A request also parses from text: `http://127.0.0.1:80`, `http://[::1]`, `unix:/run/x.sock`. The
/// port may be left out where the scheme has a default: 80 for `http` and `ws`, 443 for `https` and
/// `wss`. One `/` may follow. User information, a path, a query or a fragment is an error, because
/// a request names only a host to connect to.
///
/// # Examples
///
/// ```
/// use keepalive::Request;
/// use std::time::Duration;
///
/// let request = Request::new("http", "127.0.0.1", 80)?.timeout(Duration::from_secs(5));
/// let same: Request = "http://127.0.0.1/".parse()?;
/// assert_eq!(request.host(), same.host());
/// assert!("http://127.0.0.1/index.html".parse::<Request>().is_err());
/// # Ok::<(), keepalive::RequestError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Request {
    host: Host,
    /// The hash of the host, copied to save an access to the host.
    hash: u64,
    given: Arc<Given>,
    timeout: Option<Duration>,
    queue_timeout: Option<Duration>,
}

impl Request {
    /// A request for a connection to `address` and `port`, of the kind that `scheme` names.
    ///
    /// The scheme is a letter followed by letters, digits, `+`, `-`, `.` or `_`. The address is an
    /// IPv4 address, an IPv6 address (brackets and a zone such as `%eth0` are accepted) or a host
    /// name in ASCII. The port is any integer from 1 to 65535. With the scheme `unix` the address
    /// is a path and the port 0, see [`Request::unix`].
    ///
    /// # Errors
    ///
    /// The scheme, the address or the port is invalid. Text that looks like a number but is not an
    /// address, such as `256.1.1.1` or `127.1`, is not accepted as a name.
    ///
    /// # Examples
    ///
    /// ```
    /// use keepalive::Request;
    ///
    /// let request = Request::new("http", "[::1]", 8080)?;
    /// assert_eq!(request.host().to_string(), "http://[::1]:8080");
    ///
    /// let error = Request::new("http", "127.0.0.1", 70000).unwrap_err();
    /// assert_eq!(error.to_string(), "invalid port 70000: a port is a number from 1 to 65535");
    /// # Ok::<(), keepalive::RequestError>(())
    /// ```
    pub fn new(
        scheme: impl AsRef<str>,
        address: impl AsRef<str>,
        port: impl TryInto<u16> + Copy + Display,
    ) -> Result<Self, RequestError> {
        let number = port.try_into().ok();
        Self::checked(scheme.as_ref(), address.as_ref(), number, &port)
    }

    /// A request for a connection to the unix socket at `path`.
    ///
    /// The scheme is `unix` and the port 0. Its attempts fail on Windows.
    ///
    /// # Errors
    ///
    /// The path is empty, longer than 107 bytes, or contains a NUL byte.
    ///
    /// # Examples
    ///
    /// ```
    /// use keepalive::Request;
    ///
    /// let request = Request::unix("/run/x.sock")?;
    /// assert_eq!(request.host(), Request::new("unix", "/run/x.sock", 0)?.host());
    /// # Ok::<(), keepalive::RequestError>(())
    /// ```
    pub fn unix(path: impl AsRef<Path>) -> Result<Self, RequestError> {
        Self::checked_unix("unix", path.as_ref())
    }

    /// Limits the time from the request to its answer: queueing, resolving, connecting and TLS.
    ///
    /// Without it the timeout of the manager applies. Zero leaves time only for an idle connection.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Limits the time until an attempt to connect starts.
    ///
    /// Without it the request waits in the queue for as long as its timeout allows.
    #[must_use]
    pub fn queue_timeout(mut self, timeout: Duration) -> Self {
        self.queue_timeout = Some(timeout);
        self
    }

    /// Puts the request into the partition `label`: connections are never shared across partitions.
    ///
    /// Each partition is a [`Host`] of its own, with its own limits. The label appears in messages
    /// and statistics, so it must not be a secret. The empty label is valid.
    ///
    /// # Examples
    ///
    /// ```
    /// use keepalive::Request;
    ///
    /// let request = Request::new("http", "127.0.0.1", 80)?;
    /// let blue = request.clone().partition("blue");
    /// assert_eq!(blue.host().partition(), Some("blue"));
    /// assert_ne!(blue.host(), request.host());
    /// # Ok::<(), keepalive::RequestError>(())
    /// ```
    #[must_use]
    pub fn partition(mut self, label: impl Into<String>) -> Self {
        self.set_host(self.host.with_partition(label.into()));
        self
    }

    /// Connects by TLS with these settings, whatever the scheme, in place of those of the manager.
    ///
    /// The settings are part of the [`Host`]: requests share connections only if their `Tls` are
    /// clones of one value. Each value has its own limits. A connector registered for the scheme
    /// finds the settings in [`Host::tls`], and decides how to use them.
    ///
    /// # Examples
    ///
    /// ```
    /// use keepalive::{Request, Tls};
    ///
    /// let tls = Tls::builder().danger_accept_any_certificate().build()?;
    /// let request = Request::new("https", "127.0.0.1", 443)?;
    /// let trusting = request.clone().tls(tls.clone());
    /// assert_ne!(trusting.host(), request.host());
    /// assert_eq!(trusting.host(), request.tls(tls).host());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[cfg(feature = "tls")]
    #[must_use]
    pub fn tls(mut self, tls: Tls) -> Self {
        self.set_host(self.host.with_tls(tls));
        self
    }

    /// The host, which is the key of limits and reuse.
    pub fn host(&self) -> &Host {
        &self.host
    }

    /// The scheme as it was given; [`Host::scheme`] is in lower case.
    pub fn scheme(&self) -> &str {
        &self.given.scheme
    }

    /// The address as it was given, brackets included; [`Host::address`] is the one to compare.
    ///
    /// Invalid UTF-8 in a path is replaced here.
    pub fn address(&self) -> &str {
        &self.given.address
    }

    /// The port; 0 for a unix socket.
    pub fn port(&self) -> u16 {
        self.host.port()
    }

    /// The hash of the host, without an access to the host.
    #[inline]
    pub(crate) fn hash_value(&self) -> u64 {
        self.hash
    }

    /// Whether it has a timeout of its own.
    #[inline]
    pub(crate) fn has_timeouts(&self) -> bool {
        self.timeout.is_some() || self.queue_timeout.is_some()
    }

    /// The engine's request with this number, and its timeouts.
    #[inline]
    pub(crate) fn ask<H>(&self, host: H, number: u64) -> Ask<H> {
        Ask {
            host,
            number,
            timeout: self.timeout,
            queue_timeout: self.queue_timeout,
        }
    }

    /// A request for a known host.
    #[cfg(feature = "proxy")]
    pub(crate) fn to_host(host: Host) -> Self {
        let (scheme, address) = (host.scheme().into(), host.address().to_string().into());
        Self::given(host, Given::new(scheme, address))
    }

    fn set_host(&mut self, host: Host) {
        let (scheme, address) = (self.given.scheme.clone(), self.given.address.clone());
        self.hash = host.hash_value();
        self.host = host;
        self.given = Arc::new(Given::new(scheme, address));
    }

    /// The lane of the host in this manager, once a request has kept it.
    #[inline]
    pub(crate) fn lane<C: Connector>(&self, driver: &Driver<C>) -> Option<&Lane<C>> {
        let lane = self.given.lane.get()?.0.downcast_ref::<Lane<C>>()?;
        lane.is_of(driver).then_some(lane)
    }

    /// The lane that a request has kept.
    #[inline]
    pub(crate) fn kept_lane<C: Connector>(&self) -> Option<Arc<Lane<C>>> {
        let lane = Arc::clone(&self.given.lane.get()?.0);
        lane.downcast().ok()
    }

    /// Keeps the lane of the host, for this request and its clones. Only one manager's is kept.
    pub(crate) fn keep_lane<C: Connector>(&self, lane: &Arc<Lane<C>>) {
        self.given
            .lane
            .get_or_init(|| AssertUnwindSafe(Arc::clone(lane) as _));
    }

    fn given(host: Host, given: Given) -> Self {
        Self {
            hash: host.hash_value(),
            host,
            given: Arc::new(given),
            timeout: None,
            queue_timeout: None,
        }
    }

    fn checked(
        scheme: &str,
        address: &str,
        port: Option<u16>,
        given_port: &dyn Display,
    ) -> Result<Self, RequestError> {
        check_scheme(scheme)?;
        let bad_port = |reason| RequestError::new("port", shown(given_port), reason);
        if scheme.eq_ignore_ascii_case("unix") {
            return match port {
                Some(0) => Self::checked_unix(scheme, Path::new(address)),
                _ => Err(bad_port("a unix socket has no port; give 0")),
            };
        }
        let parsed = Address::parse(address)
            .map_err(|fault| RequestError::new("address", redacted(address), fault.to_string()))?;
        let port = port
            .filter(|&port| port != 0)
            .ok_or_else(|| bad_port("a port is a number from 1 to 65535"))?;
        Ok(Self::from_checked(scheme, address, parsed, port))
    }

    fn checked_unix(scheme: &str, path: &Path) -> Result<Self, RequestError> {
        let given = path.to_string_lossy();
        let parsed = Address::from_path(path)
            .map_err(|fault| RequestError::new("path", quoted(&given), fault.to_string()))?;
        Ok(Self::from_checked(scheme, &given, parsed, 0))
    }

    fn from_checked(scheme: &str, given: &str, address: Address, port: u16) -> Self {
        let host = Host::new(scheme, address, port);
        let (scheme, address) = (scheme.into(), given.into());
        Self::given(host, Given::new(scheme, address))
    }
}

impl FromStr for Request {
    type Err = RequestError;

    fn from_str(text: &str) -> Result<Self, RequestError> {
        let fail = |reason: Cow<'static, str>| RequestError::new("request", redacted(text), reason);
        let bad_form = || fail(FORM.into());

        let (scheme, rest) = text.split_once(':').ok_or_else(bad_form)?;
        if scheme.eq_ignore_ascii_case("unix") {
            return match rest.strip_prefix("//") {
                Some(path) if path.starts_with('/') => Self::checked_unix(scheme, Path::new(path)),
                Some(_) => Err(bad_form()),
                None => Self::checked_unix(scheme, Path::new(rest)),
            };
        }
        let rest = rest.strip_prefix("//").ok_or_else(bad_form)?;
        check_scheme(scheme)?;
        let (authority, tail) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
        if let Some(found) = beyond_host(authority, tail) {
            return Err(fail(format!("{found} was found; {ONLY_HOST}").into()));
        }
        match authority::split(authority) {
            (_, Some(port)) if port.contains(':') => Err(fail(authority::COLONS.into())),
            (address, Some(port)) => {
                Self::checked(scheme, address, authority::digits(port), &quoted(port))
            }
            (address, None) => {
                let port = authority::default_port(scheme);
                let port = port.ok_or_else(|| fail(NO_DEFAULT.into()))?;
                Self::checked(scheme, address, Some(port), &port)
            }
        }
    }
}

/// Why a [`Request`] cannot be made.
///
/// The message shows the input, the fault in it and the allowed form. It leaves out the user
/// information, path and query of a URL, which may be secret, and truncates long input.
///
/// # Examples
///
/// ```
/// use keepalive::Request;
///
/// let error = "http://user:password@example.test".parse::<Request>().unwrap_err();
/// assert_eq!(
///     error.to_string(),
///     "invalid request \"http://***@example.test\": \
///      user information was found; only a host to connect to is allowed",
/// );
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("invalid {part} {given}: {reason}")]
#[non_exhaustive]
pub struct RequestError {
    part: &'static str,
    given: String,
    reason: Cow<'static, str>,
}

impl RequestError {
    pub(crate) fn new(
        part: &'static str,
        given: String,
        reason: impl Into<Cow<'static, str>>,
    ) -> Self {
        let reason = reason.into();
        Self {
            part,
            given,
            reason,
        }
    }
}

/// The scheme and address as the user spelled them, and what clones of a request share beside.
struct Given {
    scheme: Box<str>,
    address: Box<str>,
    /// A lane of the host.
    lane: OnceLock<AssertUnwindSafe<Arc<dyn Any + Send + Sync>>>,
}

impl fmt::Debug for Given {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Given")
            .field("scheme", &self.scheme)
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}

impl Given {
    fn new(scheme: Box<str>, address: Box<str>) -> Self {
        Self {
            scheme,
            address,
            lane: OnceLock::new(),
        }
    }
}

const MAX_SHOWN: usize = 80;
const FORM: &str = "expected the form \"scheme://address:port\" or \"unix:/path\"";
const ONLY_HOST: &str = "only a host to connect to is allowed";
const NO_DEFAULT: &str = "no port was given, and only http, https, ws and wss have a default";
const SCHEME: &str = "a scheme is a letter followed by letters, digits, '+', '-', '.' or '_'";

fn check_scheme(text: &str) -> Result<(), RequestError> {
    if is_scheme(text) {
        return Ok(());
    }
    Err(RequestError::new("scheme", redacted(text), SCHEME))
}

fn is_scheme(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"+-._".contains(&b))
}

fn beyond_host(authority: &str, tail: &str) -> Option<&'static str> {
    match tail.strip_prefix('/').unwrap_or(tail).chars().next() {
        _ if authority.contains('@') => Some("user information"),
        Some('?') => Some("a query"),
        Some('#') => Some("a fragment"),
        Some(_) => Some("a path"),
        None => None,
    }
}

/// Removes possible secrets (X3): all text before an '@', and all text after the authority.
fn redacted(text: &str) -> String {
    let (head, rest) = match text.split_once("://") {
        Some((scheme, rest)) if is_scheme(scheme) => (&text[..scheme.len() + 3], rest),
        _ => ("", text),
    };
    // The last '@', though it may belong to a path: a password may contain '/', '?' and '@'.
    let (user, rest) = rest
        .rfind('@')
        .map_or(("", rest), |at| ("***", &rest[at..]));
    let (rest, tail) = match rest.find(['/', '?', '#']) {
        Some(at) if at + 1 < rest.len() => (&rest[..=at], "***"),
        _ => (rest, ""),
    };
    quoted(&format!("{head}{user}{rest}{tail}"))
}

fn quoted(text: &str) -> String {
    match text.char_indices().nth(MAX_SHOWN) {
        Some((end, _)) => format!("{:?}...", &text[..end]),
        None => format!("{text:?}"),
    }
}

fn shown(port: &dyn Display) -> String {
    let mut text = String::new();
    // `to_string` would panic if the user's port type failed to print itself.
    let _ = write!(text, "{port}");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timeouts_are_kept() {
        let request = Request::new("http", "127.0.0.1", 80).unwrap();
        assert_eq!((request.timeout, request.queue_timeout), (None, None));
        let (long, short) = (Duration::from_secs(5), Duration::from_millis(1));
        let request = request.timeout(long).queue_timeout(short).partition("blue");
        let ask = request.ask((), 7);
        assert_eq!((ask.timeout, ask.queue_timeout), (Some(long), Some(short)));
    }

    #[test]
    fn a_clone_shares_its_text_and_a_partition_leaves_it_alone() {
        let request = Request::new("http", "Example.test", 80).unwrap();
        let clone = request.clone();
        assert!(Arc::ptr_eq(&request.given, &clone.given));
        assert_eq!(clone.partition("blue").address(), "Example.test");
        assert_eq!(request.host().partition(), None);
    }

    #[test]
    fn secrets_are_left_out_and_long_text_is_cut() {
        for (text, expected) in [
            (
                "http://user:pa/s?s@w@host:80/a?b",
                r#""http://***@host:80/***""#,
            ),
            ("user:password@host", r#""***@host""#),
            ("host?token", r#""host?***""#),
            ("http://host/", r#""http://host/""#),
            ("a\n\u{202e}", r#""a\n\u{202e}""#),
        ] {
            assert_eq!(redacted(text), expected);
        }
        assert_eq!(quoted(&"é".repeat(81)), format!("{:?}...", "é".repeat(80)));
    }
}
