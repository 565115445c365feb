//! Load on one server: as many exchanges as its connections can do, and what that cost the server.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{ScopedJoinHandle, sleep};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::wire::Dialer;
use super::{Failed, cpu, quantile};

/// How often memory is looked at.
const GLANCE: Duration = Duration::from_millis(20);

/// What is sent, and for how long.
pub(crate) struct Plan {
    pub(crate) connections: usize,
    /// Unmeasured, before.
    pub(crate) warm_up: Duration,
    pub(crate) time: Duration,
    /// Taken in turn; each is sent once at most where `once` is set.
    pub(crate) requests: Arc<Vec<Vec<u8>>>,
    pub(crate) once: bool,
    /// Must stand in the beginning of every answer's body.
    pub(crate) word: &'static str,
}

/// What came of it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Figures {
    pub(crate) connections: usize,
    pub(crate) requests: usize,
    pub(crate) seconds: f64,
    pub(crate) p50_us: u64,
    pub(crate) p99_us: u64,
    pub(crate) cpu_us: f64,
    pub(crate) request_bytes: usize,
    pub(crate) answer_bytes: u64,
    pub(crate) anonymous_before_kib: u64,
    pub(crate) anonymous_peak_kib: u64,
}

impl Figures {
    pub(crate) fn per_second(&self) -> f64 {
        self.requests as f64 / self.seconds
    }

    /// Of answers, in millions.
    pub(crate) fn megabytes_per_cpu_second(&self) -> f64 {
        self.answer_bytes as f64 / self.cpu_us
    }

    pub(crate) fn growth_mib(&self) -> f64 {
        self.anonymous_peak_kib.saturating_sub(self.anonymous_before_kib) as f64 / 1024.0
    }

    pub(crate) fn json(&self) -> Value {
        json!({
            "connections": self.connections,
            "requests": self.requests,
            "seconds": self.seconds,
            "requests_per_second": self.per_second(),
            "p50_us": self.p50_us,
            "p99_us": self.p99_us,
            "server_cpu_us_per_request": self.cpu_us,
            "request_bytes": self.request_bytes,
            "answer_bytes": self.answer_bytes,
            "answer_megabytes_per_server_cpu_second": self.megabytes_per_cpu_second(),
            "peak_anonymous_kib": self.anonymous_peak_kib,
        })
    }
}

/// Runs the plan against a server with this process id; any answer but 200 with the word in it is a failure.
pub(crate) fn run(dialer: &Dialer, pid: u32, plan: &Plan) -> Result<Figures, Failed> {
    let (measuring, stop) = (AtomicBool::new(plan.warm_up.is_zero()), AtomicBool::new(false));
    let next = AtomicUsize::new(0);
    let anonymous_before_kib = cpu::anonymous_kib(pid);
    let mut figures = Figures {
        connections: plan.connections,
        anonymous_before_kib,
        request_bytes: plan.requests.first().map_or(0, Vec::len),
        ..Figures::default()
    };
    let worker = || -> Result<(Vec<u64>, u64), Failed> {
        let mut connection = dialer.dial()?;
        let (mut times, mut bytes) = (Vec::with_capacity(65_536), 0);
        while !stop.load(Ordering::Relaxed) {
            let turn = next.fetch_add(1, Ordering::Relaxed);
            let at = if plan.once { turn } else { turn % plan.requests.len() };
            let Some(request) = plan.requests.get(at) else { break };
            let counted = measuring.load(Ordering::Relaxed);
            let begun = Instant::now();
            let answer = connection.exchange(request, plan.word)?;
            if answer.status != 200 || !answer.contains {
                stop.store(true, Ordering::Relaxed);
                return Err(
                    format!("an answer with status {} that is no success", answer.status).into()
                );
            }
            bytes = answer.bytes;
            if counted {
                times.push(u64::try_from(begun.elapsed().as_micros()).unwrap_or(u64::MAX));
            }
        }
        Ok((times, bytes))
    };
    let before_all = (cpu::of_process(pid), Instant::now());
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..plan.connections).map(|_| scope.spawn(worker)).collect();
        let (cpu_before, begun) = if plan.warm_up.is_zero() {
            before_all
        } else {
            sleep(plan.warm_up);
            (cpu::of_process(pid), Instant::now())
        };
        measuring.store(true, Ordering::Relaxed);
        while begun.elapsed() < plan.time && !workers.iter().all(ScopedJoinHandle::is_finished) {
            figures.anonymous_peak_kib = figures.anonymous_peak_kib.max(cpu::anonymous_kib(pid));
            sleep(GLANCE);
        }
        let (spent, elapsed) = (cpu::of_process(pid) - cpu_before, begun.elapsed());
        stop.store(true, Ordering::Relaxed);
        let mut times = Vec::new();
        for worker in workers {
            let (mut of_one, bytes) = worker.join().map_err(|_| "a connection's thread died")??;
            times.append(&mut of_one);
            figures.answer_bytes = figures.answer_bytes.max(bytes);
        }
        times.sort_unstable();
        figures.requests = times.len();
        figures.seconds = elapsed.as_secs_f64();
        (figures.p50_us, figures.p99_us) = (quantile(&times, 0.5), quantile(&times, 0.99));
        figures.cpu_us = spent.as_secs_f64() * 1e6 / (times.len().max(1)) as f64;
        Ok(figures)
    })
}
