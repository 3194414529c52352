//! What this program itself takes of the machine: descriptors, processor time, memory.

use std::time::Duration;

use crate::descriptors;

/// Descriptors besides those of connections: standard streams, timers, event queues of each thread.
const OTHERS: u64 = 32;
const OF_A_THREAD: u64 = 8;

/// Refuses to begin where the system does not allow so many descriptors.
///
/// # Errors
///
/// When the limit is too low; the text says what to do.
pub(super) fn must_have_room(
    connections: u32,
    threads: u16,
    openings: usize,
) -> Result<(), String> {
    let needed = u64::from(connections)
        + u64::from(threads) * OF_A_THREAD
        // Two addresses of a host may be tried at once.
        + openings as u64
        + OTHERS;
    match descriptors::limit() {
        Some(limit) if limit < needed => Err(format!(
            "{connections} connections need {needed} file descriptors, and this process may have {limit}: \
             raise its hard limit (ulimit -Hn, LimitNOFILE), or ask for fewer"
        )),
        _ => Ok(()),
    }
}

/// The processor time of this process so far, of all threads, in user mode and in the kernel.
#[cfg(unix)]
pub(super) fn processor_time() -> Option<Duration> {
    use rustix::time::{ClockId, clock_gettime};
    Duration::try_from(clock_gettime(ClockId::ProcessCPUTime)).ok()
}

#[cfg(not(unix))]
pub(super) fn processor_time() -> Option<Duration> {
    None
}

/// The most memory that this process ever had, in bytes, where the system tells.
pub(super) fn peak_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kib.checked_mul(1024)
}
