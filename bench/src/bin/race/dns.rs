//! A DNS server that answers each question in the time that its row says.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use anyhow::{Context, Result};
use tokio::net::UdpSocket;

use crate::rows::{ASKED_V4, ASKED_V6, Found, ROWS};

const HEADER: usize = 12;
const A: u16 = 1;
const AAAA: u16 = 28;
const NAME_ERROR: u8 = 3;

/// Answers on the port of DNS, over UDP.
pub(crate) async fn serve() -> Result<()> {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 53)).await;
    let socket = Arc::new(socket.context("the port of DNS")?);
    tokio::spawn(async move {
        let mut buffer = [0; 512];
        while let Ok((length, from)) = socket.recv_from(&mut buffer).await {
            let Some(question) = Question::read(&buffer[..length]) else {
                continue;
            };
            let socket = Arc::clone(&socket);
            tokio::spawn(async move {
                let answer = question.answer().await;
                // The client may have closed its socket.
                let _ = socket.send_to(&answer, from).await;
            });
        }
    });
    Ok(())
}

struct Question {
    id: [u8; 2],
    /// As it came, name, type and class.
    bytes: Vec<u8>,
    name: String,
    kind: u16,
}

impl Question {
    fn read(packet: &[u8]) -> Option<Self> {
        let mut labels = Vec::new();
        let mut at = HEADER;
        loop {
            let length = usize::from(*packet.get(at)?);
            at += 1;
            if length == 0 {
                break;
            }
            let label = packet.get(at..at + length)?;
            labels.push(String::from_utf8_lossy(label).to_ascii_lowercase());
            at += length;
        }
        let kind = u16::from_be_bytes(packet.get(at..at + 2)?.try_into().ok()?);
        Some(Self {
            id: packet[..2].try_into().ok()?,
            bytes: packet.get(HEADER..at + 4)?.to_vec(),
            name: labels.join("."),
            kind,
        })
    }

    async fn answer(&self) -> Vec<u8> {
        let row = ROWS.iter().find(|row| row.name == self.name);
        let address = match (row.map(|row| row.found), self.kind) {
            (Some(Found::Asked { a, .. }), A) => Some((a, ASKED_V4)),
            (Some(Found::Asked { aaaa, .. }), AAAA) => Some((aaaa, ASKED_V6)),
            _ => None,
        };
        if let Some((delay, _)) = address {
            tokio::time::sleep(delay).await;
        }
        let code = if row.is_some() { 0 } else { NAME_ERROR };
        let mut answer = self.id.to_vec();
        // A response to a query that wanted recursion, which is available.
        answer.extend([0x81, 0x80 | code]);
        answer.extend([0, 1, 0, u8::from(address.is_some()), 0, 0, 0, 0]);
        answer.extend(&self.bytes);
        if let Some((_, address)) = address {
            // The name is that of the question.
            answer.extend([0xc0, HEADER as u8]);
            answer.extend(self.kind.to_be_bytes());
            answer.extend([0, 1]);
            answer.extend(60_u32.to_be_bytes());
            let octets = match address {
                IpAddr::V4(address) => address.octets().to_vec(),
                IpAddr::V6(address) => address.octets().to_vec(),
            };
            answer.extend([0, octets.len() as u8]);
            answer.extend(octets);
        }
        answer
    }
}
