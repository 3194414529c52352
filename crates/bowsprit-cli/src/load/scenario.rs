//! The options checked, and what a run does with them.

use std::time::Duration;

use rand::SeedableRng as _;
use rand::rngs::SmallRng;

use super::args::{Answers, LoadArgs, LoadOptions, Mode, SentOptions};
use super::payload::Payload;
use super::schedule::Schedule;
use super::units::{PerSecond, Phase, Ramp, Sizes};
use crate::options::units::Time;

/// The size of a message when none is asked for: the largest of a frame with the short header.
const SIZE: usize = 125;

const DURATION: Duration = Duration::from_secs(10);
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a run without an end may be: ten years.
const NEVER: Duration = Duration::from_secs(10 * 365 * 24 * 3600);

/// What a run does.
#[derive(Clone, Debug)]
pub(super) struct Scenario {
    pub(super) mode: Mode,
    pub(super) pace: Pace,
    pub(super) matching: Matching,
    pub(super) payload: Payload,
    pub(super) connections: u32,
    pub(super) ramp: Option<Ramp>,
    pub(super) warmup: Duration,
    pub(super) duration: Duration,
    pub(super) count: Option<u64>,
    /// How long an answer is waited for.
    pub(super) patience: Duration,
    pub(super) threads: u16,
    pub(super) offers_compression: bool,
}

/// When the next message is sent.
#[derive(Clone, Debug)]
pub(super) enum Pace {
    /// By the clock.
    Open(Schedule),
    /// After an answer, and the time to think.
    Closed { in_flight: u32, think: Duration },
}

/// How an answer finds its message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Matching {
    /// In order, and it must be the same.
    Exact,
    /// In order.
    Order,
    /// By the number behind this text.
    Number(String),
}

impl Scenario {
    /// # Errors
    ///
    /// When options contradict each other, or a file cannot be read.
    pub(super) fn new(args: &LoadArgs) -> Result<Self, String> {
        let load = &args.load;
        fits_mode(load, &args.sent)?;
        let payload = payload(&args.sent)?;
        let matching = match args.sent.answers {
            Answers::Exact => Matching::Exact,
            Answers::Any => Matching::Order,
            Answers::Seq => Matching::Number(payload.landmark().ok_or(
                "--answers seq needs a --template with {{seq}}, the number that answers repeat",
            )?),
        };
        let warmup = time(load.warmup, "--warmup")?.unwrap_or_default();
        let duration = match (time(load.duration, "--duration")?, load.count) {
            (Some(duration), _) => duration,
            (None, Some(_)) => NEVER,
            (None, None) => DURATION,
        };
        let phases: Vec<Phase> = match load.rate {
            Some(PerSecond(rate)) => vec![Phase {
                time: duration,
                from: rate,
                to: rate,
            }],
            None => load.phase.clone(),
        };
        let duration = if load.phase.is_empty() {
            duration
        } else {
            phases.iter().map(|phase| phase.time).sum()
        };
        let pace = if phases.is_empty() {
            Pace::Closed {
                in_flight: load.in_flight.unwrap_or(1),
                think: time(load.think, "--think")?.unwrap_or_default(),
            }
        } else {
            Pace::Open(Schedule::new(warmup, &phases))
        };
        if let (Pace::Open(schedule), true) = (&pace, duration < NEVER)
            && schedule.due(0).is_none()
        {
            return Err("the phases have no message at all: their rates are zero".to_owned());
        }
        Ok(Self {
            mode: load.mode,
            pace,
            matching,
            payload,
            connections: load.connections,
            ramp: load.ramp,
            warmup,
            duration,
            count: load.count,
            patience: load.answer_timeout.map_or(ANSWER_TIMEOUT, Time::or_never),
            threads: load
                .threads
                .min(u16::try_from(load.connections).unwrap_or(u16::MAX)),
            offers_compression: args.options.asks_to_compress(),
        })
    }

    /// Whether a count alone ends it.
    pub(super) fn is_endless(&self) -> bool {
        self.duration == NEVER
    }

    /// What it does, in one line for people.
    pub(super) fn describe(&self) -> String {
        let connections = match self.connections {
            1 => "1 connection".to_owned(),
            count => format!("{count} connections"),
        };
        let what = match self.mode {
            Mode::Echo => self.payload.describe(),
            Mode::Send => format!("{}, one way", self.payload.describe()),
            Mode::Listen => return format!("listening on {connections}"),
            Mode::Ping => "pings".to_owned(),
            Mode::Connect => "handshakes".to_owned(),
        };
        let pace = match &self.pace {
            Pace::Open(schedule) => format!("{}/s", super::report::count(schedule.peak())),
            Pace::Closed { .. } if !self.mode.is_answered() => "as fast as they go".to_owned(),
            Pace::Closed { in_flight, .. } => format!("{in_flight} in flight on each"),
        };
        let threads = match self.threads {
            1 => String::new(),
            count => format!(", {count} threads"),
        };
        format!("{what}, {pace}, {connections}{threads}")
    }
}

/// Whether the options say something in this mode.
fn fits_mode(load: &LoadOptions, sent: &SentOptions) -> Result<(), String> {
    let has_payload = sent.size.is_some() || sent.message.is_some() || sent.template.is_some();
    let has_kind = sent.text || sent.binary;
    let has_pace = load.rate.is_some() || !load.phase.is_empty();
    let is_wrong = match load.mode {
        Mode::Echo => return Ok(()),
        Mode::Send => load.in_flight.is_some() || load.think.is_some(),
        Mode::Listen => {
            has_payload || has_kind || has_pace || load.in_flight.is_some() || load.count.is_some()
        }
        Mode::Ping => has_payload || has_kind,
        Mode::Connect => {
            has_payload || has_kind || load.in_flight.is_some() || load.think.is_some()
        }
    };
    if is_wrong {
        return Err(match load.mode {
            Mode::Send => "--mode send waits for no answers: --in-flight and --think mean nothing there",
            Mode::Listen => "--mode listen sends nothing: options for messages, their number and their rate mean nothing there",
            Mode::Ping => "--mode ping sends pings: options for messages mean nothing there",
            _ => "--mode connect sends nothing: options for messages mean nothing there",
        }
        .to_owned());
    }
    if sent.answers != Answers::Exact {
        return Err("--answers is for --mode echo".to_owned());
    }
    Ok(())
}

fn payload(sent: &SentOptions) -> Result<Payload, String> {
    if let Some(text) = &sent.message {
        return Payload::of_text(text, sent.binary);
    }
    if let Some(template) = &sent.template {
        return Payload::of_template(template);
    }
    let sizes = sent.size.unwrap_or(Sizes {
        least: SIZE,
        most: SIZE,
    });
    // The same bytes in every run.
    let mut rng = SmallRng::seed_from_u64(0);
    Ok(Payload::of_sizes(sizes, sent.binary, &mut rng))
}

/// The time that was asked for, which cannot be off.
fn time(asked: Option<Time>, option: &str) -> Result<Option<Duration>, String> {
    match asked.map(Time::get) {
        None => Ok(None),
        Some(Some(time)) => Ok(Some(time)),
        Some(None) => Err(format!("{option} cannot be off: leave it out")),
    }
}
