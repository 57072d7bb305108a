//! Inspects what arrives on a connection before hyper parses it.
//!
//! hyper skips interim responses (RFC 9110, section 15.2) without a limit and without a pause, so
//! they are counted here. Of HTTP/1.1, hyper also takes only so many fields of a head at full
//! speed; the others are kept back here. Of a usual response this reads the lines of the head
//! (HTTP/1.1), or the frame headers (HTTP/2).

use http::HeaderMap;
use tokio::io::ReadBuf;

use crate::head::Excess;
use crate::outgoing::Gate;

/// Inspects the bytes of one connection in the order of their arrival.
pub(crate) trait Inspector: Send {
    /// Starts a new HTTP/1.1 request. A response of 100 opens the gate of the request's body, if
    /// there is one.
    fn begin(&mut self, _gate: Option<Gate>) {}

    /// Puts bytes of earlier reads that hyper may see into the buffer; returns whether there were any.
    fn put_left(&mut self, _buf: &mut ReadBuf<'_>) -> bool {
        false
    }

    /// Inspects the bytes from `start` on, which were read just now. Takes those out of the buffer
    /// that hyper must not see.
    fn read(&mut self, buf: &mut ReadBuf<'_>, start: usize) -> Result<Inspected, Excess>;

    /// Adds the fields that were kept back to the head that hyper parsed.
    fn complete(&mut self, _head: &mut HeaderMap) {}
}

/// The bytes that were inspected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Inspected {
    /// Whether they contain interim responses.
    pub(crate) interim: bool,
    /// Whether all of them were kept back.
    pub(crate) kept_back: bool,
}
