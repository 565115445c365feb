//! More connections than anybody asks with, and more than the system allows.

use std::fs::File;
use std::net::{Ipv4Addr, SocketAddr};
use std::process::{Command, Stdio};
use std::time::Instant;

use futures_util::StreamExt;
use glassgate::server;
use tokio::net::TcpStream;
use tokio_openssl::SslStream;

use crate::house::{Gateway, House, say, until};
use crate::mutual::{context_of, shake};
use crate::questions::{Ending, Question};

/// Idle partners.
const IDLE: usize = 1_000;
/// Descriptors that the test and the gateway need for all else.
const OTHERS: u64 = 100;
/// Handshakes that the test does at once.
const SHAKES: usize = 32;

#[test]
fn a_thousand_idle_partners_hold_up_nobody() {
    idle(IDLE);
}

/// Lets so many partners connect and say nothing; gives how many there were, and what each costs in bytes of memory.
pub(crate) fn idle(wanted: usize) -> (usize, u64) {
    let allowed = server::raise_open_files() - OTHERS;
    let partners = wanted.min(usize::try_from(allowed).unwrap_or(usize::MAX));
    if partners < wanted {
        say(&format!(
            "{partners} connections instead of {wanted}: the limit of open files is lower"
        ));
    }
    let house = House::new();
    let gateway = house.serve();
    house.runtime.block_on(async {
        let client = house.client();
        let find = || async { Question::Find(1002).ask(&client, &house.signer).await.ending };
        // everything that is made but once is there before anything is counted
        assert_eq!(find().await, Ending::Answered);
        let (connections, memory) = (house.connections(), anonymous_bytes(&gateway));
        let context = context_of(&house.layout.pki(), "partners/riverside/tls").build();
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, house.port()));
        let connect = |_| async {
            shake(TcpStream::connect(address).await.unwrap(), &context).await.unwrap()
        };
        let connecting = futures_util::stream::iter(0..partners).map(connect);
        let idle: Vec<SslStream<TcpStream>> = connecting.buffer_unordered(SHAKES).collect().await;
        until("all are connected", || {
            (house.connections() == connections + partners).then_some(())
        });
        let grown = anonymous_bytes(&gateway).saturating_sub(memory);
        assert_eq!(find().await, Ending::Answered);
        drop(idle);
        until("all are gone", || (house.connections() <= connections).then_some(()));
        assert_eq!(find().await, Ending::Answered);
        (partners, grown / u64::try_from(partners).unwrap())
    })
}

#[test]
fn without_file_descriptors_the_gateway_waits_and_goes_on() {
    let house = House::new();
    let log = house.layout.root().join("log");
    let serve = house.command("serve");
    let mut command = Command::new("sh");
    command.args(["-c", "ulimit -n 64; exec \"$@\"", "sh"]);
    command.arg(serve.get_program()).args(serve.get_args());
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(File::create(&log).unwrap());
    let start = Instant::now();
    let gateway = house.start(&mut command);
    let refusals = || {
        let log = std::fs::read_to_string(&log).unwrap();
        log.matches("accepting a connection failed").count()
    };
    house.runtime.block_on(async {
        let client = house.client();
        let find = || async { Question::Find(1002).ask(&client, &house.signer).await.ending };
        assert_eq!(find().await, Ending::Answered);
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, house.port()));
        let mut silent = Vec::new();
        for _ in 0..100 {
            silent.push(TcpStream::connect(address).await.unwrap());
        }
        until("no descriptor is left", || (refusals() > 0).then_some(()));
        // who is connected is served meanwhile
        assert_eq!(find().await, Ending::Answered);
        drop(silent);
        until("all are gone", || (house.connections() <= 1).then_some(()));
        let fresh = house.client();
        let told = Question::Find(1002).ask(&fresh, &house.signer).await;
        assert_eq!(told.ending, Ending::Answered);
    });
    // it pauses after each failure
    let pauses = start.elapsed().as_millis() / 50;
    assert!(u128::try_from(refusals()).unwrap() <= pauses + 1, "{} of {pauses}", refusals());
    let log = std::fs::read_to_string(&log).unwrap();
    assert!(log.contains("the limit of open files is too low"), "{log}");
    gateway.stop();
}

/// Memory of a process that no file stands behind.
fn anonymous_bytes(gateway: &Gateway) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", gateway.0.id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
}
