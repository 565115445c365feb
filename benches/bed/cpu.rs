//! CPU time and memory as Linux tells them in `/proc`.

use std::time::Duration;

/// Microseconds of one tick of `/proc/PID/stat`: `USER_HZ` is 100 on every Linux.
const TICK_US: u64 = 10_000;

/// CPU time of this thread, to the nanosecond.
pub(crate) fn of_this_thread() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let on_cpu = text.split(' ').next().and_then(|ns| ns.parse().ok());
    Duration::from_nanos(on_cpu.unwrap_or(0))
}

/// CPU time of a process with its threads, user and system, in steps of 10 ms; of its ended children too.
pub(crate) fn of_process(pid: u32) -> Duration {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // the name in parentheses may hold spaces
    let fields = text.rsplit(')').next().unwrap_or_default().split_ascii_whitespace();
    let ticks: u64 = fields.skip(11).take(4).filter_map(|field| field.parse::<u64>().ok()).sum();
    Duration::from_micros(ticks * TICK_US)
}

/// Anonymous memory of a process in KiB: what it allocated, without files that it maps.
pub(crate) fn anonymous_kib(pid: u32) -> u64 {
    let text = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("RssAnon:"));
    line.and_then(|line| line.trim().trim_end_matches("kB").trim().parse().ok()).unwrap_or(0)
}

/// The children of a process that have its name: nginx works in one.
pub(crate) fn children(pid: u32) -> Vec<u32> {
    let path = format!("/proc/{pid}/task/{pid}/children");
    let text = std::fs::read_to_string(path).unwrap_or_default();
    text.split_ascii_whitespace().filter_map(|pid| pid.parse().ok()).collect()
}
