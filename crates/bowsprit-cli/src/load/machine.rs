//! What this program itself takes of the machine: descriptors, processor time, memory.

use std::time::Duration;

/// Descriptors besides those of connections: standard streams, timers, event queues of each thread.
const OTHERS: u64 = 32;
const OF_A_THREAD: u64 = 8;

/// Makes room for so many connections, as far as the system lets it.
///
/// # Errors
///
/// When its hard limit is too low; the text says what to do.
#[cfg(unix)]
pub(super) fn make_room(connections: u32, threads: u16, openings: usize) -> Result<(), String> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let needed = u64::from(connections)
        + u64::from(threads) * OF_A_THREAD
        // Two addresses of a host may be tried at once.
        + openings as u64
        + OTHERS;
    let limit = getrlimit(Resource::Nofile);
    if limit.current.is_none_or(|current| current >= needed) {
        return Ok(());
    }
    if let Some(maximum) = limit.maximum
        && maximum < needed
    {
        return Err(format!(
            "{connections} connections need {needed} file descriptors, and this process may have {maximum}: \
             raise its hard limit (ulimit -Hn, LimitNOFILE), or ask for fewer"
        ));
    }
    let raised = Rlimit {
        current: Some(needed),
        maximum: limit.maximum,
    };
    setrlimit(Resource::Nofile, raised)
        .map_err(|error| format!("cannot raise the limit of file descriptors to {needed}: {error}"))
}

/// Elsewhere sockets are not counted so.
#[cfg(not(unix))]
pub(super) fn make_room(_: u32, _: u16, _: usize) -> Result<(), String> {
    Ok(())
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
