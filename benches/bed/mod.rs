//! What the benches and the load generator share: a world to ask, processes to watch, a cheap client.
#![allow(dead_code, reason = "each program uses its part")]

pub(crate) mod cpu;
pub(crate) mod fill;
pub(crate) mod load;
pub(crate) mod patient;
pub(crate) mod servers;
pub(crate) mod sink;
pub(crate) mod wire;
pub(crate) mod world;

/// Whatever stops a measurement.
pub(crate) type Failed = Box<dyn std::error::Error + Send + Sync>;

/// A line to stdout; a closed pipe ends the output, not the measurement.
pub(crate) fn say(line: &str) {
    let _closed = std::io::Write::write_all(&mut std::io::stdout(), format!("{line}\n").as_bytes());
}

/// The value at this share of a sorted list, 0 where there is none.
pub(crate) fn quantile(sorted: &[u64], share: f64) -> u64 {
    let last = sorted.len().saturating_sub(1);
    sorted.get((last as f64 * share).round() as usize).copied().unwrap_or(0)
}
