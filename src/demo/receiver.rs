//! The demo's audit record repository: syslog over mutual TLS into a file.

use std::collections::VecDeque;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use openssl::ssl::{Ssl, SslAcceptor};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio_openssl::SslStream;
use tracing::warn;

use crate::audit::delivery::frame::Decoder;

/// Messages kept in memory; the file has all.
const REMEMBERED: usize = 10_000;

/// Receives frames and keeps them, one message a line.
#[derive(Debug, Clone)]
pub struct Receiver {
    shared: Arc<Shared>,
    address: SocketAddr,
}

#[derive(Debug)]
struct Shared {
    log: Mutex<File>,
    messages: Mutex<VecDeque<String>>,
    arrived: Notify,
}

impl Receiver {
    /// Listens on a free port of 127.0.0.1 and appends to `log`.
    pub async fn start(acceptor: SslAcceptor, log: &Path) -> io::Result<Self> {
        let file = OpenOptions::new().create(true).append(true).open(log)?;
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            log: Mutex::new(file),
            messages: Mutex::default(),
            arrived: Notify::new(),
        });
        tokio::spawn(accept(listener, acceptor, Arc::clone(&shared)));
        Ok(Self { shared, address })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Waits until `complete` is content with the messages that contain `needle`.
    pub async fn wait(
        &self,
        needle: &str,
        patience: Duration,
        complete: impl Fn(&[String]) -> bool,
    ) -> Vec<String> {
        let found = async {
            loop {
                let arrived = self.shared.arrived.notified();
                let found = self.containing(needle);
                if complete(&found) {
                    return found;
                }
                arrived.await;
            }
        };
        match tokio::time::timeout(patience, found).await {
            Ok(found) => found,
            Err(_) => self.containing(needle),
        }
    }

    fn containing(&self, needle: &str) -> Vec<String> {
        let Ok(messages) = self.shared.messages.lock() else { return Vec::new() };
        messages.iter().filter(|message| message.contains(needle)).cloned().collect()
    }
}

async fn accept(listener: TcpListener, acceptor: SslAcceptor, shared: Arc<Shared>) {
    while let Ok((stream, _)) = listener.accept().await {
        let (acceptor, shared) = (acceptor.clone(), Arc::clone(&shared));
        tokio::spawn(async move {
            if let Err(error) = receive(stream, &acceptor, &shared).await {
                warn!(%error, "the demo receiver lost a connection");
            }
        });
    }
}

async fn receive(stream: TcpStream, acceptor: &SslAcceptor, shared: &Shared) -> io::Result<()> {
    let ssl = Ssl::new(acceptor.context())?;
    let mut stream = SslStream::new(ssl, stream)?;
    Pin::new(&mut stream).accept().await.map_err(io::Error::other)?;
    let mut decoder = Decoder::new();
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let count = stream.read(&mut buffer).await?;
        let Some(bytes) = buffer.get(..count).filter(|bytes| !bytes.is_empty()) else {
            // our close_notify tells the sender that all has arrived (RFC 5425 4.4)
            return stream.shutdown().await;
        };
        decoder.push(bytes);
        while let Some(message) = decoder.next_message().map_err(io::Error::other)? {
            keep(shared, &message)?;
        }
    }
}

/// One line a message, flushed.
fn keep(shared: &Shared, message: &[u8]) -> io::Result<()> {
    let line = String::from_utf8_lossy(message).replace(['\r', '\n'], " ");
    let poisoned = || io::Error::other("the receiver's lock is poisoned");
    let mut log = shared.log.lock().map_err(|_| poisoned())?;
    log.write_all(format!("{line}\n").as_bytes())?;
    log.flush()?;
    let mut messages = shared.messages.lock().map_err(|_| poisoned())?;
    messages.push_back(line);
    if messages.len() > REMEMBERED {
        messages.pop_front();
    }
    drop(messages);
    shared.arrived.notify_waiters();
    Ok(())
}
