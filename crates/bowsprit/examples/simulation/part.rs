//! One end's part: how much it says, how it behaves, when it goes, and what it notes down.

use std::time::Duration;

use bowsprit::{CloseCode, Closed, Config, Handle, Message, MessageRef, Prepared, SendError};
use rand::{RngExt, SeedableRng, rngs::SmallRng};
use tokio::time::{Instant, sleep};

use crate::{
    crowd::Crowd,
    ledger::{Ledger, Side, Voice},
    payload::message,
};

/// When an end goes.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Exit {
    /// When the other does.
    Never,
    /// When both have said all.
    Polite,
    /// When its owner has said so many messages.
    Hasty(u64, How),
}

/// How an end goes that has not said all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum How {
    /// With a close of a handle.
    Handle,
    /// With a close of its own.
    Own,
    /// In the middle of a message.
    Inside,
    /// Without a word.
    Vanish,
}

/// The ways in which an end may be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    /// One task that says some and hears some.
    Turns,
    /// The same, whose futures are dropped before they are done.
    Cancels,
    /// Two tasks with a half each.
    Halves,
    /// A handler.
    Handler,
}

#[derive(Clone, Debug)]
pub(crate) struct Part {
    pub(crate) side: Side,
    pub(crate) ledger: Ledger,
    pub(crate) style: Style,
    /// How many messages its owner says, and how many its handle.
    pub(crate) quota: u64,
    pub(crate) exit: Exit,
    /// Whether it stops hearing now and then.
    pub(crate) is_slow: bool,
    pub(crate) config: Config,
    /// What broadcasts go to.
    pub(crate) crowd: Option<Crowd>,
    pub(crate) seed: u64,
}

impl Part {
    pub(crate) fn random(&self, purpose: u64) -> SmallRng {
        SmallRng::seed_from_u64(self.seed ^ (self.side as u64) << 32 ^ purpose << 40)
    }

    pub(crate) fn is_done(&self, voice: Voice) -> bool {
        self.ledger.next(self.side, voice) >= self.quota
    }

    pub(crate) fn next(&self, voice: Voice) -> Message {
        message(self.side, voice, self.ledger.next(self.side, voice))
    }

    pub(crate) fn said(&self, voice: Voice) {
        self.ledger.said(self.side, voice);
    }

    pub(crate) fn heard(&self, heard: &MessageRef<'_>) {
        self.ledger.heard(self.side, heard);
    }

    /// How it is to go, if that is now.
    pub(crate) fn goes_now(&self) -> Option<How> {
        match self.exit {
            Exit::Hasty(at, how) => {
                (self.ledger.next(self.side, Voice::Owner) >= at).then_some(how)
            }
            _ => None,
        }
    }

    pub(crate) fn opened(&self, handle: &Handle) {
        self.ledger.end(self.side, "opens", |end| {
            end.opens += 1;
            end.handle = Some(handle.clone());
        });
    }

    pub(crate) fn failed(&self, error: &dyn std::fmt::Display) {
        self.ledger.tell(|| error.to_string());
        self.ledger.end(self.side, "fails", |end| end.fails += 1);
    }

    pub(crate) fn closed(&self, closed: Option<&Closed>) {
        self.ledger.tell(|| format!("{closed:?}"));
        self.ledger.end(self.side, "closes", |end| {
            end.closes += 1;
            end.closed = closed.cloned();
        });
    }

    /// It does not want to hear what still comes.
    pub(crate) fn is_deaf_now(&self) {
        self.ledger
            .end(self.side, "is deaf", |end| end.is_deaf = true);
    }
}

/// A task with a handle: says its messages, sometimes too fast, and begins the closing.
pub(crate) async fn send_from_afar(handle: Handle, part: Part) {
    let mut random = part.random(2);
    while !part.is_done(Voice::Handle) {
        let dice = random.random_range(0..10_000);
        let next = part.next(Voice::Handle);
        let sent = match dice % 16 {
            0 | 1 => handle.send_wait(next).await,
            2 => handle.send_prepared(&Prepared::from(next)),
            _ => handle.send(next),
        };
        match sent {
            Ok(()) => part.said(Voice::Handle),
            Err(SendError::Full) => sleep(Duration::from_millis(5)).await,
            Err(_) => return,
        }
        match dice {
            0..2 => sleep(Duration::from_millis(random.random_range(0..3_000))).await,
            2..5 => drop(handle.ping(b"afar")),
            5 => {
                handle.pause_reading();
                sleep(Duration::from_millis(200)).await;
                handle.resume_reading();
            }
            6..100 => tokio::task::yield_now().await,
            _ => {}
        }
    }
    if matches!(part.exit, Exit::Polite) {
        until_all_is_said(&handle, &part).await;
        let _ = handle.close(CloseCode::NORMAL, "all said");
    }
}

/// Keepalive and the time-outs, all in a row, are quicker than that.
const FOR_EVER: Duration = Duration::from_secs(300);

/// Somebody who waits although nothing is in the way of it is a fault.
async fn until_all_is_said(handle: &Handle, part: &Part) {
    let all = |side: Side| {
        let said = |voice| part.ledger.next(side, voice) >= part.quota;
        said(Voice::Owner) && said(Voice::Handle)
    };
    let (mut before, mut since) = (0, Instant::now());
    while handle.is_open() && !Side::BOTH.into_iter().all(all) {
        sleep(Duration::from_millis(10)).await;
        let now = part.ledger.total_said();
        if now != before {
            (before, since) = (now, Instant::now());
        } else if since.elapsed() > FOR_EVER {
            let text = format!("nobody has said anything for {FOR_EVER:?}, and not all is said");
            return part.ledger.fault(|| text);
        }
    }
}
