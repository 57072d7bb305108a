//! A connection without a network: 64 bytes, always open.

use std::task::{Context, Poll};

use keepalive::{Attempt, ConnectError, Connection, Connector, Unusable};

/// Opens connections at once.
#[derive(Debug)]
pub struct Payload;

/// The connection that a lease lends.
#[derive(Debug)]
pub struct Bytes(pub [u8; 64]);

impl Connector for Payload {
    type Connection = Bytes;

    async fn connect(&self, _: &Attempt) -> Result<Bytes, ConnectError> {
        Ok(Bytes([1; 64]))
    }
}

impl Connection for Bytes {
    fn poll_unusable(&mut self, _: &mut Context<'_>) -> Poll<Unusable> {
        Poll::Pending
    }

    fn check(&mut self) -> Result<(), Unusable> {
        Ok(())
    }
}
