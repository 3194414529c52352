//! What was said and what was heard, and whether each end was told the truth about it.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use bowsprit::{Closed, Handle, Initiator, MessageRef, State};

use crate::{
    payload::{excerpt, is_message, mixed, sender_of},
    pulse::Pulse,
};

/// One sender of one end: its messages have an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Voice {
    /// The owner of the connection, or its handler.
    Owner,
    /// A handle on a task of its own.
    Handle,
    /// Broadcasts to many connections: of their numbers each connection has some.
    Crowd,
}

/// Which end: the number in the book.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Client,
    Server,
}

impl Side {
    pub(crate) const BOTH: [Self; 2] = [Self::Client, Self::Server];

    pub(crate) const fn other(self) -> Self {
        match self {
            Self::Client => Self::Server,
            Self::Server => Self::Client,
        }
    }
}

/// The book of one connection.
#[derive(Clone, Debug)]
pub(crate) struct Ledger(Arc<Book>);

#[derive(Debug)]
struct Book {
    pulse: Pulse,
    name: u64,
    /// The number of the next message, by side and by its owner or handle.
    said: [[AtomicU64; 2]; 2],
    heard: [[AtomicU64; 2]; 2],
    rest: Mutex<Rest>,
}

#[derive(Debug, Default)]
struct Rest {
    /// Messages of owners whose sends were given up: sent or not, nobody can tell.
    doubtful: [VecDeque<u64>; 2],
    /// Broadcasts of the server that this connection has taken and the client has not heard.
    crowd: VecDeque<u64>,
    crowd_said: u64,
    ends: [Ending; 2],
    fault: Option<String>,
}

/// What one end has seen of the life of its connection.
#[derive(Debug, Default)]
pub(crate) struct Ending {
    pub(crate) opens: u32,
    pub(crate) fails: u32,
    pub(crate) closes: u32,
    pub(crate) closed: Option<Closed>,
    /// It went away itself, or closed without hearing what was still to come.
    pub(crate) is_deaf: bool,
    pub(crate) handle: Option<Handle>,
}

impl Ledger {
    pub(crate) fn new(pulse: Pulse, name: u64) -> Self {
        Self(Arc::new(Book {
            pulse,
            name,
            said: Default::default(),
            heard: Default::default(),
            rest: Mutex::default(),
        }))
    }

    fn rest(&self) -> MutexGuard<'_, Rest> {
        self.0.rest.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn pulse(&self) -> &Pulse {
        &self.0.pulse
    }

    /// The number of this sender's next message.
    pub(crate) fn next(&self, side: Side, voice: Voice) -> u64 {
        self.0.said[side as usize][voice as usize].load(Relaxed)
    }

    /// The endpoint took the message.
    pub(crate) fn said(&self, side: Side, voice: Voice) {
        self.0.said[side as usize][voice as usize].fetch_add(1, Relaxed);
    }

    /// The owner gave up while its message was being sent.
    pub(crate) fn doubtful(&self, side: Side) {
        let number = self.next(side, Voice::Owner);
        self.rest().doubtful[side as usize].push_back(number);
        self.said(side, Voice::Owner);
    }

    /// The connection of the server took this broadcast.
    pub(crate) fn said_to_all(&self, number: u64) {
        let mut rest = self.rest();
        rest.crowd.push_back(number);
        rest.crowd_said += 1;
    }

    pub(crate) fn total_said(&self) -> u64 {
        let owners_and_handles: u64 = self.0.said.iter().flatten().map(|n| n.load(Relaxed)).sum();
        owners_and_handles + self.rest().crowd_said
    }

    pub(crate) fn total_heard(&self) -> u64 {
        let owners_and_handles: u64 = self.0.heard.iter().flatten().map(|n| n.load(Relaxed)).sum();
        let rest = self.rest();
        owners_and_handles + rest.crowd_said - rest.crowd.len() as u64
    }

    /// `side` was given this message: it has to be the next of its sender.
    pub(crate) fn heard(&self, side: Side, heard: &MessageRef<'_>) {
        let from = side.other();
        let Some((voice, number)) = sender_of(heard) else {
            return self
                .fault(|| format!("{side:?} was given what nobody said: {}", excerpt(heard)));
        };
        let expected = match voice {
            Voice::Crowd => self.rest().crowd.pop_front(),
            _ => Some(self.0.heard[side as usize][voice as usize].fetch_add(1, Relaxed)),
        };
        let expected = match expected {
            Some(expected) if expected < number && voice == Voice::Owner => {
                Some(self.without_doubtful(side, expected, number))
            }
            expected => expected,
        };
        self.0.pulse.beat(mixed(
            number ^ (voice as u64) << 40 ^ (side as u64) << 42 ^ self.0.name << 44,
        ));
        if expected != Some(number) || !is_message(from, voice, number, heard) {
            self.fault(|| {
                let excerpt = excerpt(heard);
                format!(
                    "{side:?} expected {expected:?} of {voice:?} and was given {number}: {excerpt}"
                )
            });
        }
    }

    /// The message that is to be heard next if those that nobody can be sure of up to `number` were not sent.
    fn without_doubtful(&self, side: Side, mut expected: u64, number: u64) -> u64 {
        let mut rest = self.rest();
        let doubtful = &mut rest.doubtful[side.other() as usize];
        while let Some(doubt) = doubtful.front().copied()
            && doubt < number
        {
            doubtful.pop_front();
            // Those before it were sent after all.
            if doubt == expected {
                expected += 1;
            }
        }
        self.0.heard[side as usize][Voice::Owner as usize].store(expected + 1, Relaxed);
        expected
    }

    #[cold]
    pub(crate) fn fault(&self, text: impl FnOnce() -> String) {
        self.rest().fault.get_or_insert_with(text);
    }

    pub(crate) fn end(&self, side: Side, what: &str, change: impl FnOnce(&mut Ending)) {
        self.tell(|| format!("{side:?} {what}"));
        self.0.pulse.beat(mixed(
            what.len() as u64 ^ (side as u64) << 8 ^ self.0.name << 16,
        ));
        change(&mut self.rest().ends[side as usize]);
    }

    /// For who looks into a seed.
    pub(crate) fn tell(&self, text: impl FnOnce() -> String) {
        let name = self.0.name;
        self.0
            .pulse
            .tell(|| format!("connection {name}: {}", text()));
    }

    pub(crate) fn opened(&self) -> bool {
        self.rest().ends.iter().all(|end| end.opens > 0)
    }

    /// Messages that were said, not heard, and told to be lost.
    pub(crate) fn lost(&self) -> u64 {
        self.total_said() - self.total_heard()
    }

    /// What is wrong with the whole, if anything is. Nothing of the connection is left by now.
    pub(crate) fn verdict(&self) -> Result<(), String> {
        for side in Side::BOTH {
            let expected = self.0.heard[side as usize][Voice::Owner as usize].load(Relaxed);
            let said = self.next(side.other(), Voice::Owner);
            if expected < said {
                // The last ones may not have been sent.
                let next = self.without_doubtful(side, expected, said);
                self.0.heard[side as usize][Voice::Owner as usize].store(next, Relaxed);
            }
        }
        let rest = self.rest();
        if let Some(fault) = &rest.fault {
            return Err(fault.clone());
        }
        for side in Side::BOTH {
            let end = &rest.ends[side as usize];
            let counts = (end.opens, end.fails, end.closes);
            if counts != (1, 0, 1) && counts != (0, 1, 0) {
                return Err(format!(
                    "{side:?} opened, failed and closed {counts:?} times"
                ));
            }
            if let Some(handle) = &end.handle
                && (handle.state() != State::Closed
                    || handle.close_info().is_none()
                    || handle.buffered_bytes() > 0)
            {
                return Err(format!(
                    "a handle of the {side:?} is told {:?}, {:?} and {} bytes",
                    handle.state(),
                    handle.close_info(),
                    handle.buffered_bytes()
                ));
            }
            self.losses(&rest, side)?;
        }
        Ok(())
    }

    /// Whether what `from` said and the other did not hear was told to both.
    fn losses(&self, rest: &Rest, from: Side) -> Result<(), String> {
        let load = |book: &[[AtomicU64; 2]; 2], side: Side| {
            book[side as usize].each_ref().map(|n| n.load(Relaxed))
        };
        let (said, heard) = (load(&self.0.said, from), load(&self.0.heard, from.other()));
        if heard.iter().zip(said).any(|(heard, said)| *heard > said) {
            return Err(format!(
                "more was heard than {from:?} said: {heard:?} of {said:?}"
            ));
        }
        let unheard = if from == Side::Server {
            rest.crowd.len()
        } else {
            0
        };
        if said == heard && unheard == 0 {
            return Ok(());
        }
        let [sender, receiver] = [from, from.other()].map(|side| &rest.ends[side as usize]);
        let is_clean = |end: &Ending| end.closed.as_ref().is_some_and(Closed::is_clean);
        let untold = |who: Side| {
            Err(format!(
                "{who:?} was not told of a loss: {heard:?} of {said:?}, and {unheard} of the crowd's"
            ))
        };
        if is_clean(receiver) && !receiver.is_deaf {
            return untold(from.other());
        }
        // Whose close frame came second, or crossed the other's, cannot know whether it arrived (RFC 6455 §7.1.5 has
        // no third one). Who answers the other's close is told that the other ended it.
        let began = |end: &Ending| {
            end.closed.as_ref().and_then(|closed| closed.initiator) == Some(Initiator::Local)
        };
        if is_clean(sender) && began(sender) && !began(receiver) && !receiver.is_deaf {
            return untold(from);
        }
        Ok(())
    }
}
