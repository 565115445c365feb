//! The running gateway beside its limits and peers, in one run; writes the table of `docs/performance.md`.
//!
//! `make bench` builds what this needs. What is missing (nginx, the rustls echo, the build without audit, Python,
//! Node) is left out of the table and said to be. `GLASSGATE_BENCH_ENTRIES` sets the size of the large store.
//! `cargo bench --bench system -- queries audit` measures these parts alone and writes nothing.

mod bed;
#[allow(dead_code, reason = "each bench uses its part")]
mod table;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::thread::sleep;
use std::time::Duration;

use bed::load::{Figures, Plan};
use bed::servers::{Server, built, free_address, listens, program};
use bed::wire::{Dialer, get, request};
use bed::world::{Asker, SUCCESS, World};
use bed::{Failed, cpu, patient, say};
use glassgate::demo::world::patient_id;
use table::{Row, Table};

const LARGE_BYTES: u64 = 1 << 30;
const TIME: Duration = Duration::from_secs(6);
const WARM_UP: Duration = Duration::from_secs(1);
/// How often each is measured, where others take turns with it.
const TURNS: usize = 3;
/// How often the two builds are started: where a process's memory came to lie makes it faster or slower, by more than
/// is to be seen.
const STARTS: usize = 5;
/// How often they are measured after each start, one right after the other, and how long each time: a segment of the
/// journal is full after some seconds.
const PAIRS: usize = 6;
const SHORT: Duration = Duration::from_millis(1_200);
/// So long after each the server has sent its records and synced what it writes ahead.
const PAUSE: Duration = Duration::from_millis(400);
/// Assertions that are asked with by turns beside the record.
const ASSERTIONS: usize = 64;
/// Requests signed beforehand for the runs with an assertion each.
const SIGNED: usize = 15_000;

fn main() -> Result<(), Failed> {
    // `cargo test --benches` runs benches too; this one takes minutes
    if !std::env::args().any(|argument| argument == "--bench") {
        return Ok(());
    }
    let parts: Vec<String> = std::env::args().skip(1).filter(|part| part != "--bench").collect();
    let wanted = |part: &str| parts.is_empty() || parts.iter().any(|one| one == part);
    let mut table = Table::default();
    let world = World::make(Path::new("target/bench/world"), LARGE_BYTES)?;
    let bench = Bench::new(&world)?;
    if wanted("queries") {
        bench.queries(&mut table)?;
    }
    if wanted("audit") {
        bench.audit(&mut table)?;
    }
    if wanted("retrieves") {
        bench.retrieves(&mut table)?;
    }
    drop(bench);
    drop(world);
    if wanted("scaling") {
        scaling(&mut table)?;
    }
    if parts.is_empty() {
        table.write(Path::new("docs/performance.md"), "system")?;
    }
    Ok(())
}

struct Bench<'w> {
    world: &'w World,
    asker: Asker,
    dialer: Dialer,
    program: PathBuf,
}

impl<'w> Bench<'w> {
    fn new(world: &'w World) -> Result<Self, Failed> {
        let asker = Asker::new(&world.layout, world.listen, "saml")?;
        let dialer = Dialer::new(&world.layout.pki(), "riverside", world.listen)?;
        Ok(Self { world, asker, dialer, program: built("glassgate")? })
    }

    /// ITI-38 of twenty entries, warm and with new assertions, beside an echo of the same bytes.
    fn queries(&self, table: &mut Table) -> Result<(), Failed> {
        let query = |count: usize| -> Result<Vec<Vec<u8>>, Failed> {
            let one = |_| Ok(self.asker.query(&self.asker.ask()?, &patient_id(patient::NUMBER)));
            (0..count).map(one).collect()
        };
        let (one, many) = (query(1)?, query(SIGNED)?);
        let our_echo = built("examples/echo")?;
        let rustls_echo = program(&["target/peers/release/rustls_echo"]);
        let (mut warm, mut fresh, mut echo, mut rustls) = (vec![], vec![], vec![], vec![]);
        // in turns, so that what else the machine does hits all of them
        for turn in 0..TURNS {
            let server = self.world.serve(&self.program)?;
            warm.push(self.load(&server, one.clone(), false, 16, TIME / 2)?);
            let part = many.iter().skip(turn * SIGNED / TURNS).take(SIGNED / TURNS).cloned();
            fresh.push(self.load(&server, part.collect(), true, 16, TIME / 2)?);
            drop(server);
            let Some(like) = warm.last().cloned() else { break };
            echo.push(self.echo(&our_echo, &like)?);
            if let Some(peer) = &rustls_echo {
                rustls.push(self.echo(peer, &like)?);
            }
        }
        let (warm, fresh, echo) = (cheapest(warm)?, cheapest(fresh)?, cheapest(echo)?);
        let bytes = warm.answer_bytes;
        let title = "ITI-38, 20 entries, warm assertion";
        let shape = format!("{} B in, {bytes} B out", warm.request_bytes);
        table.push(Row::server(title, &shape, &warm).ratio(
            "echo's CPU",
            warm.cpu_us / echo.cpu_us,
            "<= 6",
        ));
        let title = "ITI-38, 20 entries, every assertion new";
        table.push(Row::server(title, &shape, &fresh).ratio(
            "echo's CPU",
            fresh.cpu_us / echo.cpu_us,
            "<= 8",
        ));
        let spread = warm.p99_us as f64 / warm.p50_us.max(1) as f64;
        table.push(
            Row::server("p99 at 16 connections", "of the first row", &warm)
                .ratio("its p50", spread, "<= 8"),
        );
        table.push(Row::server("TLS echo, our stack (OpenSSL)", &shape, &echo));
        match cheapest(rustls) {
            Ok(rustls) => {
                let row = Row::server("TLS echo, hyper on rustls", &shape, &rustls);
                table.push(row.ratio("our echo's CPU", rustls.cpu_us / echo.cpu_us, ""));
            }
            Err(_) => table.missing("TLS echo on rustls"),
        }
        Ok(())
    }

    /// Requests a second with the durable record and in the build without any: once with so many under way that a
    /// commit keeps no core idle, and once as in the first row.
    fn audit(&self, table: &mut Table) -> Result<(), Failed> {
        let Some(without) = program(&["target/release/glassgate-without-audit"]) else {
            table.missing("the build without audit");
            return Ok(());
        };
        let world = World::make(Path::new("target/bench/without-audit-world"), 0)?;
        let without = Bench { program: without, ..Bench::new(&world)? };
        let up = |bench: &Bench<'_>| bench.world.serve(&bench.program);
        let asked = |bench: &Bench<'_>, server: &Server, connections| {
            let query =
                |_| Ok(bench.asker.query(&bench.asker.ask()?, &patient_id(patient::NUMBER)));
            // each with an assertion of its own, so that no record is just like the next
            let queries = (0..ASSERTIONS).map(query).collect::<Result<_, Failed>>()?;
            let figures = bench.load(server, queries, false, connections, SHORT);
            sleep(PAUSE);
            figures
        };
        for (connections, limit) in [(64, ">= 0.9"), (16, "")] {
            let (mut with_audit, mut without_audit) = (Vec::new(), Vec::new());
            for start in 0..STARTS {
                let (ours, theirs) = (up(self)?, up(&without)?);
                // each beside its neighbour in time, so that what else the machine does hits both; first in turn, too
                for turn in 0..2 * PAIRS {
                    if matches!((turn + 2 * start) % 4, 0 | 3) {
                        with_audit.push(asked(self, &ours, connections)?);
                    } else {
                        without_audit.push(asked(&without, &theirs, connections)?);
                    }
                }
            }
            let (with_audit, without_audit) = (all(with_audit)?, all(without_audit)?);
            let rate = with_audit.per_second() / without_audit.per_second();
            let cpu = without_audit.cpu_us / with_audit.cpu_us;
            table.push(Row::server("ITI-38 without audit", "bench build", &without_audit));
            let row = Row::server("ITI-38 with durable audit", "requests a second", &with_audit);
            table.push(row.ratio("without audit", rate, limit));
            let row = Row::server("the same by server CPU", "without / with", &with_audit);
            table.push(row.ratio("without audit", cpu, ""));
        }
        Ok(())
    }

    /// ITI-39 of 1 GiB beside nginx with the same file, and what further streams take.
    fn retrieves(&self, table: &mut Table) -> Result<(), Failed> {
        let one = vec![self.asker.retrieve(&self.asker.ask()?, &patient::large_id())];
        let server = self.world.serve(&self.program)?;
        // the file comes into the page cache; memory grows from that of a server without a stream
        let first = self.whole(&server, &one, 1, 1)?;
        let single = self.whole(&server, &one, 4, 1)?;
        drop(server);
        let server = self.world.serve(&self.program)?;
        let nine = self.whole(&server, &one, 9, 9)?;
        drop(server);
        let rate = |figures: &Figures| {
            format!("{:.0} MB a CPU-second", figures.megabytes_per_cpu_second())
        };
        let mut row = Row::server("ITI-39, 1 GiB", &rate(&single), &single);
        match self.nginx()? {
            Some(nginx) => {
                let ratio = single.megabytes_per_cpu_second() / nginx.megabytes_per_cpu_second();
                row = row.ratio("nginx's MB a CPU-second", ratio, ">= 0.8");
                table.push(row);
                table.push(Row::server("nginx over TLS, same file", &rate(&nginx), &nginx));
            }
            None => {
                table.push(row);
                table.missing("nginx");
            }
        }
        let growth = first.growth_mib();
        let row = Row::server("anonymous memory, one 1 GiB retrieve", "growth in MiB", &first);
        table.push(row.ratio("MiB", growth, "<= 16"));
        let further = (nine.growth_mib() - growth).max(0.0) / 8.0;
        let row = Row::server("anonymous memory, each further stream", "nine at once", &nine);
        table.push(row.ratio("MiB", further, "<= 4"));
        Ok(())
    }

    fn load(
        &self,
        server: &Server,
        requests: Vec<Vec<u8>>,
        once: bool,
        connections: usize,
        time: Duration,
    ) -> Result<Figures, Failed> {
        let requests = Arc::new(requests);
        let warm_up = WARM_UP.min(time / 2);
        let plan = Plan { connections, warm_up, time, requests, once, word: SUCCESS };
        bed::load::run(&self.dialer, server.pid(), &plan)
    }

    /// Whole transfers, however long they take: so many of the same.
    fn whole(
        &self,
        server: &Server,
        request: &[Vec<u8>],
        count: usize,
        connections: usize,
    ) -> Result<Figures, Failed> {
        let requests = Arc::new(request.iter().cycle().take(count).cloned().collect());
        let plan = transfers(requests, connections, SUCCESS);
        bed::load::run(&self.dialer, server.pid(), &plan)
    }

    /// An echo program under the same load as these figures.
    fn echo(&self, program: &Path, like: &Figures) -> Result<Figures, Failed> {
        let address = free_address()?;
        let mut command = Command::new(program);
        command.arg(address.to_string()).arg(self.world.layout.pki());
        command.arg(like.answer_bytes.to_string());
        let server = Server::start(command, address, || listens(address))?;
        let dialer = Dialer::new(&self.world.layout.pki(), "riverside", address)?;
        let requests = Arc::new(vec![request("/", "text/xml", &vec![b'x'; like.request_bytes])]);
        let (connections, once) = (like.connections, false);
        let time = TIME / 2;
        let plan = Plan { connections, warm_up: WARM_UP, time, requests, once, word: "x" };
        bed::load::run(&dialer, server.pid(), &plan)
    }

    /// nginx, one worker, unprivileged, with the file of the large document.
    fn nginx(&self) -> Result<Option<Figures>, Failed> {
        let Some(nginx) = program(&["/usr/sbin/nginx", "/usr/bin/nginx"]) else { return Ok(None) };
        let folder = std::env::current_dir()?.join("target/bench/nginx");
        std::fs::create_dir_all(&folder)?;
        let address = free_address()?;
        let root = std::env::current_dir()?.join(self.world.layout.data()).join("p3002");
        let pki = std::env::current_dir()?.join(self.world.layout.pki());
        std::fs::write(folder.join("nginx.conf"), nginx_conf(&folder, &root, &pki, address))?;
        let mut command = Command::new(nginx);
        command.arg("-p").arg(&folder).arg("-c").arg(folder.join("nginx.conf"));
        command.stderr(Stdio::null());
        let server = Server::start(command, address, || listens(address))?;
        let worker = cpu::children(server.pid()).first().copied().unwrap_or_else(|| server.pid());
        let dialer = Dialer::new(&self.world.layout.pki(), "riverside", address)?;
        let whole = |count| {
            let plan = transfers(Arc::new(vec![get("/large.bin"); count]), 1, "");
            bed::load::run(&dialer, worker, &plan)
        };
        whole(1)?;
        Ok(Some(whole(4)?))
    }
}

/// Whole transfers, all counted.
fn transfers(requests: Arc<Vec<Vec<u8>>>, connections: usize, word: &'static str) -> Plan {
    let time = Duration::from_secs(120);
    Plan { connections, warm_up: Duration::ZERO, time, requests, once: true, word }
}

fn nginx_conf(folder: &Path, root: &Path, pki: &Path, address: SocketAddr) -> String {
    let (folder, root, pki) = (folder.display(), root.display(), pki.display());
    format!(
        "daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/error.log;\n\
         events {{ worker_connections 64; }}\n\
         http {{ access_log off; sendfile on; client_body_temp_path {folder}/a; proxy_temp_path {folder}/b;\n\
         fastcgi_temp_path {folder}/c; uwsgi_temp_path {folder}/d; scgi_temp_path {folder}/e;\n\
         output_buffers 2 256k; keepalive_requests 100000;\n\
         server {{ listen {address} ssl; root {root};\n\
         ssl_certificate {pki}/gateway/tls.crt; ssl_certificate_key {pki}/gateway/tls.key;\n\
         ssl_client_certificate {pki}/ca.crt; ssl_verify_client on; ssl_protocols TLSv1.2 TLSv1.3; }} }}\n"
    )
}

/// One patient's query among fifty thousand entries and among millions.
fn scaling(table: &mut Table) -> Result<(), Failed> {
    let most = std::env::var("GLASSGATE_BENCH_ENTRIES").ok().and_then(|n| n.parse().ok());
    let sizes = [50_000_i64, most.unwrap_or(5_000_000)];
    let mut costs = Vec::new();
    for entries in sizes {
        let world = World::make(Path::new("target/bench/scaling"), 0)?;
        say(&format!("filling a store with {entries} entries"));
        bed::fill::fill(&world.layout.root().join("store/glassgate.db"), entries)?;
        let bench = Bench::new(&world)?;
        let server = world.serve(&bench.program)?;
        // patients all over the store, so that pages are fetched
        let ask = bench.asker.ask()?;
        let patients = entries / 20;
        let requests = (0..2_000_i64).map(|n| {
            let number = bed::fill::FIRST + n * 7_919 % patients;
            bench.asker.plain_query(&ask, &patient_id(u32::try_from(number).unwrap_or(0)))
        });
        let requests = requests.collect();
        let figures = bench.load(&server, requests, false, 4, TIME)?;
        costs.push(figures.cpu_us);
        let mut row =
            Row::server("ITI-38, 20 entries", &format!("{entries} entries in the store"), &figures);
        if let [small, large] = costs[..] {
            row = row.ratio("CPU among 50,000", large / small, "<= 1.5");
        }
        table.push(row);
    }
    Ok(())
}

/// The run that others disturbed least: what they do costs CPU time too, by caches and shared cores.
fn cheapest(figures: Vec<Figures>) -> Result<Figures, Failed> {
    let least = figures.into_iter().min_by(|a, b| a.cpu_us.total_cmp(&b.cpu_us));
    least.ok_or_else(|| "nothing was measured".into())
}

/// All runs as one; of what each waited, the middle one's.
fn all(mut runs: Vec<Figures>) -> Result<Figures, Failed> {
    runs.sort_by_key(|run| run.p50_us);
    let mut whole = runs.get(runs.len() / 2).cloned().ok_or("nothing was measured")?;
    whole.requests = runs.iter().map(|run| run.requests).sum();
    whole.seconds = runs.iter().map(|run| run.seconds).sum();
    let cpu_us: f64 = runs.iter().map(|run| run.cpu_us * run.requests as f64).sum();
    whole.cpu_us = cpu_us / whole.requests as f64;
    Ok(whole)
}
