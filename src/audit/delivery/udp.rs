//! Syslog over UDP, one datagram a record, best effort (RFC 5426).

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use tokio::net::UdpSocket;

use super::link::{Sent, addresses, no_address};
use crate::audit::Record;

/// Bytes of a datagram: 65,535 less the longest headers; half a record would be none, so a larger one is skipped.
const DATAGRAM_BYTES: usize = 65_479;

/// A socket and where it sends to.
#[derive(Debug)]
pub(super) struct Link {
    socket: UdpSocket,
    receiver: SocketAddr,
}

impl Link {
    pub(super) async fn open(host: &str, port: u16) -> io::Result<Self> {
        let receiver = addresses(host, port).await?.into_iter().next().ok_or_else(no_address)?;
        // not connected: an ICMP error about one datagram is no reason to hold back the next
        let socket = match receiver {
            SocketAddr::V4(_) => UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).await?,
            SocketAddr::V6(_) => UdpSocket::bind((Ipv6Addr::UNSPECIFIED, 0)).await?,
        };
        Ok(Self { socket, receiver })
    }

    pub(super) async fn send(&mut self, records: &[Record]) -> io::Result<Sent> {
        let mut sent = Sent::default();
        for record in records {
            if record.message.len() > DATAGRAM_BYTES {
                tracing::warn!(seq = record.seq, "audit record is too large for a datagram");
                sent.skipped += 1;
                continue;
            }
            let bytes = self.socket.send_to(&record.message, self.receiver).await?;
            sent.messages += 1;
            sent.bytes += u64::try_from(bytes).unwrap_or(u64::MAX);
        }
        Ok(sent)
    }
}
