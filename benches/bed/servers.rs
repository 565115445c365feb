//! Server processes: started, waited for, ended.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::Failed;

/// How long a server may take to start.
const PATIENCE: Duration = Duration::from_secs(60);

/// A server of our own, ended when it is not wanted any more.
pub(crate) struct Server {
    child: Child,
    pub(crate) address: SocketAddr,
}

impl Server {
    /// Starts a command and waits until `ready` says so.
    pub(crate) fn start(
        mut command: Command,
        address: SocketAddr,
        ready: impl Fn() -> bool,
    ) -> Result<Self, Failed> {
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn()?;
        let mut server = Self { child, address };
        let begun = Instant::now();
        while !ready() {
            if begun.elapsed() > PATIENCE || server.child.try_wait()?.is_some() {
                return Err(format!("{command:?} does not become ready").into());
            }
            sleep(Duration::from_millis(20));
        }
        Ok(server)
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _gone = self.child.wait();
    }
}

/// Whether anybody listens there.
pub(crate) fn listens(address: SocketAddr) -> bool {
    TcpStream::connect_timeout(&address, Duration::from_millis(200)).is_ok()
}

/// Whether a management listener says `ready`.
pub(crate) fn is_ready(management: SocketAddr) -> bool {
    let ask = || -> std::io::Result<String> {
        let mut stream = TcpStream::connect(management)?;
        stream
            .write_all(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    };
    ask().is_ok_and(|answer| answer.starts_with("HTTP/1.1 200"))
}

/// A port that was free a moment ago.
pub(crate) fn free_address() -> Result<SocketAddr, Failed> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?)
}

/// A program that cargo built beside this one, `glassgate` or `examples/echo`.
pub(crate) fn built(name: &str) -> Result<PathBuf, Failed> {
    let this = std::env::current_exe()?;
    let found = this.ancestors().map(|folder| folder.join(name)).find(|path| path.is_file());
    found.ok_or_else(|| {
        format!("{name} is not built: cargo build --release --bins --examples").into()
    })
}

/// The first of these programs that exists.
pub(crate) fn program(candidates: &[&str]) -> Option<PathBuf> {
    candidates.iter().map(|path| Path::new(path).to_path_buf()).find(|path| path.is_file())
}
