//! A whole conversation during which the transport fails at its nth step, for all n: both roles, plain and
//! over TLS, awaited and with a handler. It ends in time, with the right error, and is told once.

mod faces;
mod transport;

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use bowsprit::{Cause, Closed, Config, Deflate, Message, Role};
use tokio::{io::duplex, time::timeout};

use self::{
    faces::{Face, converse},
    transport::{Ends, Fault, Faulty},
};

/// Longer than all deadlines of a connection together; the clock is paused.
const FOR_EVER: Duration = Duration::from_secs(600);

/// What the tested side sends and gets back: the second in fragments, the third compressed.
fn conversation() -> [Message; 3] {
    ["plain", "fragments", &"compressed ".repeat(20)].map(Message::from)
}

fn config(role: Role) -> Config {
    let mut config = match role {
        Role::Client => Config::client(),
        Role::Server => Config::server(),
    };
    config.deflate = Some(Deflate::default());
    config
}

/// What the tested side has seen.
#[derive(Debug, Default)]
struct Outcome {
    /// How many opened: one at most.
    opened: usize,
    /// Why none did, unless it was TLS that failed.
    refused: Option<Refused>,
    received: Vec<Message>,
    pongs: usize,
    closed: Vec<Closed>,
}

/// Why there is no connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Refused {
    Transport,
    End,
    Timeout,
    Other,
}

impl Outcome {
    fn must_be_whole(&self, place: &str) {
        assert_eq!((self.opened, self.pongs), (1, 1), "{place}: {self:?}");
        assert_eq!(self.received, conversation(), "{place}");
        assert_eq!(self.closed.len(), 1, "{place}: {self:?}");
        assert!(self.closed[0].is_clean(), "{place}: {self:?}");
    }

    fn must_fit(&self, fault: Fault, place: &str) {
        assert!(
            conversation().starts_with(&self.received),
            "{place}: {self:?}"
        );
        assert!(
            self.opened <= 1 && self.closed.len() == self.opened,
            "{place}: {self:?}"
        );
        if let Some(refused) = self.refused {
            let expected = match fault {
                Fault::Error => [Refused::Transport; 2],
                // What cannot be written is an error, what cannot be read is an end.
                Fault::End => [Refused::End, Refused::Transport],
                _ => [Refused::Timeout; 2],
            };
            assert!(
                self.opened == 0 && expected.contains(&refused),
                "{place}: {self:?}"
            );
        }
        for closed in &self.closed {
            let is_right = match (&closed.cause, fault) {
                (None, _) => closed.is_clean() && self.received.len() == 3,
                (Some(Cause::Transport(text)), Fault::Error) => text.contains("reset"),
                (Some(Cause::Transport(_) | Cause::Eof), Fault::End) => true,
                (Some(Cause::Timeout(_)), Fault::Silence) => true,
                _ => false,
            };
            assert!(is_right, "{place}: {self:?}");
        }
    }
}

async fn fails_at_every_step(role: Role, face: Face) {
    for (ends, chunk) in [(Ends::plain(), 16), (Ends::with_tls(), usize::MAX)] {
        for fault in Fault::ALL {
            let mut at = 1;
            loop {
                let steps = Arc::new(AtomicUsize::new(0));
                let (near, far) = duplex(64 * 1024);
                let faulty = Faulty::new(near, fault, at, chunk, steps.clone());
                let conversing = converse(role, face, &ends, faulty, far);
                let place = format!("{role:?}, {face:?}, {fault:?} at step {at}");
                let outcome = timeout(FOR_EVER, conversing).await;
                let outcome = outcome.unwrap_or_else(|_| panic!("{place}: no end"));
                let came_to_it = steps.load(Ordering::Relaxed) >= at;
                if came_to_it && !fault.passes() {
                    outcome.must_fit(fault, &place);
                } else {
                    outcome.must_be_whole(&place);
                }
                if !came_to_it {
                    break;
                }
                at += 1;
            }
            assert!(
                at > 20,
                "{role:?}, {face:?}, {fault:?}: {at} steps are no conversation"
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_awaits_ends_in_time_whatever_step_fails() {
    fails_at_every_step(Role::Client, Face::Awaited).await;
}

#[tokio::test(start_paused = true)]
async fn a_client_with_a_handler_ends_in_time_whatever_step_fails() {
    fails_at_every_step(Role::Client, Face::Handler).await;
}

#[tokio::test(start_paused = true)]
async fn a_server_that_awaits_ends_in_time_whatever_step_fails() {
    fails_at_every_step(Role::Server, Face::Awaited).await;
}

#[tokio::test(start_paused = true)]
async fn a_server_with_a_handler_ends_in_time_whatever_step_fails() {
    fails_at_every_step(Role::Server, Face::Handler).await;
}
