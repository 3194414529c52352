//! Warm-up, then one measured interval: what was done in it, and the CPU time that it took.

use std::{
    ops::AddAssign,
    process,
    time::{Duration, Instant},
};

use crate::{options::Options, process::Cpu, report::Report};

/// What has been done since the start.
#[derive(Clone, Copy, Default)]
pub(crate) struct Work {
    /// Messages, deliveries or handshakes.
    pub(crate) units: u64,
    pub(crate) reads: u64,
    pub(crate) bytes: u64,
    pub(crate) payload: u64,
}

impl AddAssign<crate::connection::Read> for Work {
    fn add_assign(&mut self, read: crate::connection::Read) {
        self.units += read.progress.messages as u64;
        self.payload += read.progress.payload as u64;
        self.bytes += read.bytes as u64;
        self.reads += 1;
    }
}

struct Sample {
    at: Instant,
    work: Work,
    server: Cpu,
    own: Cpu,
}

pub(crate) struct Meter {
    pid: Option<u32>,
    warmup: Duration,
    time: Duration,
    count: u64,
    start: Instant,
    base: Option<Sample>,
}

impl Meter {
    pub(crate) fn new(options: &Options) -> Self {
        let counts = options.count.is_some();
        Self {
            pid: options.pid,
            warmup: if counts {
                Duration::ZERO
            } else {
                options.warmup
            },
            time: if counts {
                Duration::from_secs(600)
            } else {
                options.time
            },
            count: options.count.unwrap_or(u64::MAX),
            start: Instant::now(),
            base: None,
        }
    }

    /// Looks at the clock, and returns the interval once it is over; `true` where it begins.
    pub(crate) fn tick(&mut self, work: Work) -> Tick {
        let now = Instant::now();
        match &self.base {
            None if now - self.start >= self.warmup => {
                self.base = Some(self.sample(work));
                Tick::Begun
            }
            Some(base) if now - base.at >= self.time || work.units >= self.count => {
                let end = self.sample(work);
                Tick::Over(Interval {
                    seconds: (end.at - base.at).as_secs_f64(),
                    units: (work.units - base.work.units).max(1) as f64,
                    reads: (work.reads - base.work.reads).max(1) as f64,
                    bytes: (work.bytes - base.work.bytes) as f64,
                    payload: (work.payload - base.work.payload) as f64,
                    server: end.server.since(base.server),
                    own: end.own.since(base.own),
                })
            }
            _ => Tick::Running,
        }
    }

    fn sample(&self, work: Work) -> Sample {
        let server = self.pid.map(Cpu::of).unwrap_or_default();
        let own = Cpu::of(process::id());
        Sample {
            at: Instant::now(),
            work,
            server,
            own,
        }
    }
}

pub(crate) enum Tick {
    Running,
    Begun,
    Over(Interval),
}

/// What was done in the measured time.
pub(crate) struct Interval {
    pub(crate) seconds: f64,
    pub(crate) units: f64,
    pub(crate) reads: f64,
    pub(crate) bytes: f64,
    pub(crate) payload: f64,
    server: Cpu,
    own: Cpu,
}

impl Interval {
    /// Writes rates and costs, named after the unit: `per_s` as in `msgs_per_s`, `unit` as in `us_per_msg`.
    pub(crate) fn write(&self, report: &mut Report, per_second: &str, unit: &str) {
        let (seconds, units) = (self.seconds, self.units);
        let nanoseconds = seconds * 1e9;
        report.number(per_second, units / seconds, 0);
        report.number(
            &format!("server_us_per_{unit}"),
            self.server.run as f64 / 1e3 / units,
            4,
        );
        report.number("server_util", self.server.run as f64 / nanoseconds, 3);
        report.number("server_sys_share", self.server.system_share(), 2);
        report.number("server_wait", self.server.wait as f64 / nanoseconds, 3);
        report.number(
            &format!("client_us_per_{unit}"),
            self.own.run as f64 / 1e3 / units,
            4,
        );
        report.number("client_util", self.own.run as f64 / nanoseconds, 3);
    }
}
