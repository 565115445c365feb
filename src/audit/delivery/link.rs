//! A way to a receiver, whatever the transport.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use super::{Target, tls, udp};
use crate::audit::{Error, Record};

/// Opens a target's links.
#[derive(Debug)]
pub(super) enum Opener {
    Tls(Box<tls::Connector>),
    Udp { host: String, port: u16 },
}

impl Opener {
    /// Checks a target's settings once.
    pub(super) fn new(target: Target) -> Result<Self, Error> {
        match target {
            Target::Udp { host, port, .. } => Ok(Self::Udp { host, port }),
            Target::Tls { name, host, port, server_name, ca_pem, identity } => {
                let failed =
                    |source| Error::TargetTls { target: name.clone(), source: Arc::new(source) };
                let context = tls::context(&ca_pem, identity.as_ref()).map_err(failed)?;
                let context = context.ok_or(Error::TargetWithoutCa { target: name.clone() })?;
                Ok(Self::Tls(Box::new(tls::Connector { context, host, port, server_name })))
            }
        }
    }

    /// Where the target is, as the settings say.
    pub(super) fn address(&self) -> String {
        let (host, port) = match self {
            Self::Tls(connector) => (&connector.host, connector.port),
            Self::Udp { host, port } => (host, *port),
        };
        format!("{host}:{port}")
    }

    /// Opens a link; the caller sets the time limit.
    pub(super) async fn open(&self) -> io::Result<Link> {
        match self {
            Self::Tls(connector) => connector.connect().await.map(Link::Tls),
            Self::Udp { host, port } => udp::Link::open(host, *port).await.map(Link::Udp),
        }
    }
}

/// An open link.
#[derive(Debug)]
pub(super) enum Link {
    Tls(tls::Link),
    Udp(udp::Link),
}

/// What became of a batch.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Sent {
    pub(super) messages: u64,
    pub(super) bytes: u64,
    pub(super) skipped: u64,
}

impl Link {
    /// Writes and flushes all records, in order.
    pub(super) async fn send(&mut self, records: &[Record]) -> io::Result<Sent> {
        match self {
            Self::Tls(link) => link.send(records).await,
            Self::Udp(link) => link.send(records).await,
        }
    }

    /// Waits for the receiver to close; dropping the wait loses nothing.
    pub(super) async fn closed(&mut self) -> io::Error {
        match self {
            Self::Tls(link) => link.closed().await,
            Self::Udp(_) => std::future::pending().await,
        }
    }

    /// Closes in order; says whether the receiver has surely read everything.
    pub(super) async fn close(&mut self) -> bool {
        match self {
            Self::Tls(link) => link.close().await,
            Self::Udp(_) => true,
        }
    }

    /// Whether nothing better than having sent will ever be known.
    pub(super) fn is_best_effort(&self) -> bool {
        matches!(self, Self::Udp(_))
    }
}

/// All addresses of a host, each to be tried.
pub(super) async fn addresses(host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
    Ok(tokio::net::lookup_host((host, port)).await?.collect())
}

/// The error of a host that has no address.
pub(super) fn no_address() -> io::Error {
    io::Error::new(io::ErrorKind::NotFound, "host has no address")
}
