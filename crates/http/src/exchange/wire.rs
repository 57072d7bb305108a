//! Writes the head of a request, as hyper writes it (RFC 9112, section 3).

use std::io::Write;

use http::header::{CONNECTION, CONTENT_LENGTH, HOST, TRANSFER_ENCODING, UPGRADE};
use http::{HeaderName, HeaderValue, Method, Version};

use crate::exchange::Exchange;
use crate::outgoing::Outgoing;
use crate::{Deadlines, Idempotent};

impl Exchange {
    /// Writes the head of the request with this body. Returns false if only hyper can send it: a
    /// tunnel, an upgrade, a body that does not leave at once, or what its extensions may ask for.
    ///
    /// A peer that `is_old` speaks HTTP/1.0.
    pub(crate) fn write_head(&self, body: &Outgoing, is_old: bool, head: &mut Vec<u8>) -> bool {
        let plain = self.head.version == Version::HTTP_11
            && self.head.method != Method::CONNECT
            && self.continue_timeout.is_none()
            && body.leaves_at_once()
            && self.has_known_extensions();
        if !plain {
            return false;
        }
        head.extend_from_slice(self.head.method.as_str().as_bytes());
        head.push(b' ');
        match (self.target.authority(), self.target.path_and_query()) {
            (None, Some(path)) if path.as_str().starts_with('/') => {
                head.extend_from_slice(path.as_str().as_bytes());
            }
            // Writing into memory never fails.
            _ => drop(write!(head, "{}", self.target)),
        }
        head.extend_from_slice(match is_old {
            true => b" HTTP/1.0\r\n",
            false => b" HTTP/1.1\r\n",
        });
        let (mut has_host, mut has_length) = (false, false);
        for (name, value) in &self.head.headers {
            if [CONNECTION, TRANSFER_ENCODING, UPGRADE].contains(name) {
                return false;
            }
            has_host |= name == HOST;
            has_length |= name == CONTENT_LENGTH;
            write_field(head, name, value);
        }
        if let Some(host) = self.host.as_ref().filter(|_| !has_host) {
            write_field(head, &HOST, host);
        }
        if is_old {
            write_field(head, &CONNECTION, &HeaderValue::from_static("keep-alive"));
        }
        if !has_length && !body.is_empty() {
            let length = body.length().unwrap_or_default();
            write_field(head, &CONTENT_LENGTH, &length.into());
        }
        head.extend_from_slice(b"\r\n");
        true
    }

    /// Whether the extensions contain nothing that may be hyper's.
    fn has_known_extensions(&self) -> bool {
        let extensions = &self.head.extensions;
        let known = || {
            usize::from(extensions.get::<Deadlines>().is_some())
                + usize::from(extensions.get::<Idempotent>().is_some())
        };
        extensions.is_empty() || extensions.len() == known()
    }
}

fn write_field(head: &mut Vec<u8>, name: &HeaderName, value: &HeaderValue) {
    head.extend_from_slice(name.as_str().as_bytes());
    head.extend_from_slice(b": ");
    head.extend_from_slice(value.as_bytes());
    head.extend_from_slice(b"\r\n");
}

#[cfg(test)]
mod tests;
