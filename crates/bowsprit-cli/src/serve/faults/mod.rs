//! Faults on demand, for those who test clients: what goes wrong, how often, and from which seed.

use std::hash::{BuildHasher as _, Hasher as _};
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use clap::Args;
use rand::SeedableRng as _;
use rand::rngs::ChaCha8Rng;

use super::visit::Visit;
use super::words::{After, Percent, Rate, Span};
use crate::options::Farewell;
use crate::options::units::Time;

mod frames;
mod relay;

pub(super) use relay::Relay;

/// What goes wrong on purpose.
#[derive(Clone, Debug, Default, PartialEq, Args)]
#[command(next_help_heading = "Faults on purpose, for those who test clients")]
pub(super) struct FaultOptions {
    /// Answer late: everything after the handshake comes after TIME, or a time by chance in FROM..TO
    #[arg(long, visible_alias = "latency", value_name = "TIME[..TIME]")]
    delay: Option<Span>,

    /// Answer the handshake so much later [default: at once]
    #[arg(long, value_name = "TIME")]
    handshake_delay: Option<Time>,

    /// Refuse every handshake with this HTTP status
    #[arg(long, value_name = "STATUS", value_parser = clap::value_parser!(u16).range(200..600))]
    pub(super) refuse: Option<u16>,

    /// Lose so many of the messages that are sent
    #[arg(long, value_name = "PERCENT")]
    drop: Option<Percent>,

    /// Drop the TCP connection in place of so many of the messages that are sent
    #[arg(long, value_name = "PERCENT")]
    cut: Option<Percent>,

    /// Break the protocol in so many of the messages that are sent: utf8, reserved, mask, opcode,
    /// fragment or, without a kind, one of these by chance
    #[arg(long, value_name = "PERCENT[:KIND]")]
    corrupt: Option<Corrupt>,

    /// Fall silent for ever after so many messages were sent, or after TIME: nothing is written or read
    #[arg(long, value_name = "COUNT|TIME")]
    stall: Option<After>,

    /// Write no more than so many bytes a second
    #[arg(long, value_name = "SIZE/s")]
    slow: Option<Rate>,

    /// Close after so many messages came, or after TIME
    #[arg(long, value_name = "COUNT|TIME")]
    close_after: Option<After>,

    /// Close with this code and reason, at once without --close-after [default: 1000]
    #[arg(long, visible_alias = "close", value_name = "CODE[:REASON]")]
    code: Option<Farewell>,

    /// Repeat the chances of the run that printed this seed [default: by chance]
    #[arg(long, value_name = "NUMBER")]
    seed: Option<u64>,
}

impl FaultOptions {
    /// When each connection is closed, and how, if that is asked for.
    pub(super) fn closing(&self) -> Option<(After, Farewell)> {
        let at_once = self.code.as_ref().map(|_| After::Messages(0));
        let after = self.close_after.or(at_once)?;
        Some((after, self.code.clone().unwrap_or_default()))
    }

    /// What is to happen to the bytes of a connection, if anything.
    pub(super) fn of_bytes(&self) -> Option<Faults> {
        let faults = Faults {
            delay: self.delay,
            handshake_delay: self.handshake_delay.and_then(Time::get),
            drop: self.drop.unwrap_or_default(),
            cut: self.cut.unwrap_or_default(),
            corrupt: self.corrupt,
            stall: self.stall,
            slow: self.slow.map(|rate| rate.0),
            seed: self.seed.unwrap_or_else(any_seed),
            opened: Arc::default(),
        };
        faults.is_any().then_some(faults)
    }
}

/// What is to happen to the bytes of every connection.
#[derive(Clone, Debug)]
pub(super) struct Faults {
    delay: Option<Span>,
    handshake_delay: Option<Duration>,
    drop: Percent,
    cut: Percent,
    corrupt: Option<Corrupt>,
    stall: Option<After>,
    /// Bytes a second.
    slow: Option<usize>,
    seed: u64,
    /// How many connections have opened.
    opened: Arc<AtomicU64>,
}

impl Faults {
    const fn is_any(&self) -> bool {
        self.delay.is_some()
            || self.handshake_delay.is_some()
            || self.corrupt.is_some()
            || self.stall.is_some()
            || self.slow.is_some()
            || self.needs_chance()
    }

    const fn needs_chance(&self) -> bool {
        self.drop.is_any() || self.cut.is_any() || self.corrupt.is_some() || self.has_span()
    }

    const fn has_span(&self) -> bool {
        matches!(self.delay, Some(span) if span.is_range())
    }

    /// The number that brings the same chances again, where there are any.
    pub(super) fn seed(&self) -> Option<u64> {
        self.needs_chance().then_some(self.seed)
    }

    /// Whether messages are altered, which compression would hide.
    pub(super) const fn alters(&self) -> bool {
        self.corrupt.is_some()
    }

    /// Whether connections fall silent, which keepalive would end.
    pub(super) const fn stalls(&self) -> bool {
        self.stall.is_some()
    }

    /// What stands between the server and one client.
    pub(super) fn relay(&self, visit: &Arc<Visit>) -> Relay {
        Relay::new(self.clone(), Arc::clone(visit))
    }

    /// The chances of the connection that opens now: those of its place in another run with the same seed.
    /// Requests that open none, as browsers send them when they like, take no place.
    fn chances(&self) -> Chances {
        let place = self.opened.fetch_add(1, Ordering::Relaxed);
        let stream = |number| {
            let mut chance = ChaCha8Rng::seed_from_u64(self.seed);
            chance.set_stream(number);
            chance
        };
        Chances {
            of_messages: stream(2 * place),
            of_control: stream(2 * place + 1),
        }
    }
}

/// The chances of one connection. Pings and pongs come when time wills it: they take none from messages.
#[derive(Debug)]
struct Chances {
    of_messages: ChaCha8Rng,
    of_control: ChaCha8Rng,
}

/// The hashers of the standard library begin with a number that the system chose.
fn any_seed() -> u64 {
    let hasher = std::hash::RandomState::new().build_hasher();
    // Short enough to be typed.
    hasher.finish() & 0xffff_ffff
}

/// How many messages break the protocol, and how.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Corrupt {
    share: Percent,
    /// One by chance where none is named.
    kind: Option<Corruption>,
}

/// A rule that a message breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Corruption {
    /// Text that is not UTF-8 (RFC 6455 §8.1).
    Utf8,
    /// A reserved bit that no extension has a meaning for (§5.2).
    Reserved,
    /// A masked frame of a server (§5.1).
    Mask,
    /// An opcode that is not defined (§5.2).
    Opcode,
    /// A fragment of no message (§5.4).
    Fragment,
}

impl Corruption {
    const ALL: [(&str, Self); 5] = [
        ("utf8", Self::Utf8),
        ("reserved", Self::Reserved),
        ("mask", Self::Mask),
        ("opcode", Self::Opcode),
        ("fragment", Self::Fragment),
    ];
}

impl FromStr for Corrupt {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (share, kind) = match text.split_once(':') {
            Some((share, kind)) => (share, Some(kind)),
            None => (text, None),
        };
        let named = |name: &str| {
            let mut known = Corruption::ALL.into_iter();
            let found = known.find(|(word, _)| *word == name);
            found.map(|(_, kind)| kind).ok_or_else(|| {
                let words = Corruption::ALL.map(|(word, _)| word).join(", ");
                format!("no such kind; there are {words}")
            })
        };
        Ok(Self {
            share: share.parse()?,
            kind: kind.map(named).transpose()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_how_many_messages_are_corrupted_and_how() {
        let corrupt: Corrupt = "5%:utf8".parse().expect("a share and a kind");
        assert_eq!(corrupt.kind, Some(Corruption::Utf8));
        let corrupt: Corrupt = "100%".parse().expect("a share");
        assert_eq!(corrupt.kind, None);
        for text in ["5", "5%:", "5%:x", "101%", "-1%", "x%", "%", "NaN%"] {
            Corrupt::from_str(text).expect_err(text);
        }
    }
}
