//! What the kernel says about a process, and what this process asks of it.

use std::fs;

use rustix::{
    process::{Resource, Rlimit, getrlimit, setrlimit},
    thread::{CpuSet, sched_setaffinity},
};

use crate::Outcome;

/// CPU time of a process, all its threads.
#[derive(Clone, Copy, Default)]
pub(crate) struct Cpu {
    /// Nanoseconds on a processor (schedstat: exact, not sampled by a tick).
    pub(crate) run: u64,
    /// Nanoseconds ready to run, and waiting for a processor. Much of it means a busy machine.
    pub(crate) wait: u64,
    /// User and system time in ticks of 10 ms: only good for their ratio.
    user: u64,
    system: u64,
}

impl Cpu {
    pub(crate) fn of(pid: u32) -> Self {
        let mut cpu = Self::default();
        for thread in fs::read_dir(format!("/proc/{pid}/task"))
            .into_iter()
            .flatten()
            .flatten()
        {
            let line = fs::read_to_string(thread.path().join("schedstat")).unwrap_or_default();
            let mut fields = line
                .split_whitespace()
                .map(|field| field.parse().unwrap_or(0));
            cpu.run += fields.next().unwrap_or(0);
            cpu.wait += fields.next().unwrap_or(0);
        }
        let line = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        // The program's name, in brackets, may hold anything.
        let fields = line.rsplit(')').next().unwrap_or_default();
        let mut ticks = fields
            .split_whitespace()
            .skip(11)
            .map(|field| field.parse().unwrap_or(0));
        cpu.user = ticks.next().unwrap_or(0);
        cpu.system = ticks.next().unwrap_or(0);
        cpu
    }

    pub(crate) fn since(self, earlier: Self) -> Self {
        Self {
            run: self.run.saturating_sub(earlier.run),
            wait: self.wait.saturating_sub(earlier.wait),
            user: self.user.saturating_sub(earlier.user),
            system: self.system.saturating_sub(earlier.system),
        }
    }

    pub(crate) fn system_share(self) -> f64 {
        self.system as f64 / (self.user + self.system).max(1) as f64
    }
}

/// Resident memory of a process in bytes (smaps_rollup: pages are counted exactly).
#[derive(Clone, Copy, Default)]
pub(crate) struct Memory {
    pub(crate) rss: u64,
    pub(crate) pss: u64,
    pub(crate) anonymous: u64,
}

impl Memory {
    pub(crate) fn of(pid: u32) -> Self {
        let mut memory = Self::default();
        let lines = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap_or_default();
        for line in lines.lines() {
            let mut fields = line.split_whitespace();
            let field = match fields.next() {
                Some("Rss:") => &mut memory.rss,
                Some("Pss:") => &mut memory.pss,
                Some("Anonymous:") => &mut memory.anonymous,
                _ => continue,
            };
            *field = fields.next().and_then(|kib| kib.parse().ok()).unwrap_or(0) * 1024;
        }
        memory
    }
}

/// Kernel memory of all TCP sockets on the machine, in bytes.
pub(crate) fn tcp_kernel_memory() -> u64 {
    let lines = fs::read_to_string("/proc/net/sockstat").unwrap_or_default();
    let mut fields = lines
        .lines()
        .find(|line| line.starts_with("TCP:"))
        .into_iter()
        .flat_map(str::split_whitespace)
        .skip_while(|field| *field != "mem");
    let pages: u64 = fields
        .nth(1)
        .and_then(|pages| pages.parse().ok())
        .unwrap_or(0);
    pages * 4096
}

pub(crate) fn pin(core: usize) -> Outcome<()> {
    let mut set = CpuSet::new();
    set.set(core);
    Ok(sched_setaffinity(None, &set)?)
}

/// Every connection takes a descriptor.
pub(crate) fn raise_descriptor_limit() -> Outcome<()> {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    Ok(setrlimit(Resource::Nofile, raised)?)
}
