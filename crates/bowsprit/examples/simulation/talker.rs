//! An end with a handler: it answers each message with some of its own.

use std::mem;

use bowsprit::{
    CloseCode, Closed, ConnectError, Context, Handle, Handler, Membership, MessageRef, Pong,
};
use rand::{RngExt, rngs::SmallRng};

use crate::{
    ledger::Voice,
    part::{How, Part, send_from_afar},
};

pub(crate) struct Talker {
    part: Part,
    random: SmallRng,
    place: Option<Membership>,
    /// The pieces of a message, where they are handed out one by one.
    pieces: Vec<u8>,
    /// A message of its own is begun, and so many bytes of it are sent.
    begun: Option<usize>,
    has_gone: bool,
}

impl Talker {
    pub(crate) fn new(part: Part) -> Self {
        Self {
            random: part.random(7),
            part,
            place: None,
            pieces: Vec::new(),
            begun: None,
            has_gone: false,
        }
    }

    /// Says some messages; one that is begun ends first.
    fn say(&mut self, cx: &mut Context<'_>, most: usize) {
        for _ in 0..most {
            if let Some(how) = self.part.goes_now() {
                return self.go(cx, how);
            }
            if self.part.is_done(Voice::Owner) {
                return;
            }
            let next = self.part.next(Voice::Owner);
            let begins = self.begun.is_none() && self.random.random_range(0..100) == 0;
            let sent = if begins || self.begun.is_some() {
                let rest = &next.as_bytes()[self.begun.unwrap_or_default()..];
                let len = if begins { rest.len() / 2 } else { rest.len() };
                let text = std::str::from_utf8(&rest[..len]).unwrap_or_default();
                let piece = match next.as_text() {
                    Some(_) => MessageRef::from(text),
                    None => MessageRef::from(&rest[..len]),
                };
                cx.send_fragment(piece, !begins).map(|()| {
                    self.begun = begins.then_some(len);
                })
            } else {
                cx.send(&next)
            };
            if sent.is_err() {
                return;
            }
            if self.begun.is_some() {
                // The other half follows another time: meanwhile what handles send has to wait.
                return;
            }
            self.part.said(Voice::Owner);
        }
    }

    fn go(&mut self, cx: &mut Context<'_>, how: How) {
        if mem::replace(&mut self.has_gone, true) {
            return;
        }
        match how {
            How::Handle => drop(cx.handle().close(CloseCode(4000), "in haste")),
            How::Own => drop(cx.close(CloseCode(4001), "in haste")),
            How::Inside => {
                let _ = cx.send_fragment("begun, ", false);
                let _ = cx.close(CloseCode(4002), "in haste");
            }
            How::Vanish => {
                self.part.is_deaf_now();
                cx.handle().terminate();
            }
        }
    }
}

impl Handler for Talker {
    fn on_open(&mut self, cx: &mut Context<'_>) {
        let handle = cx.handle();
        self.part.opened(&handle);
        let crowd = self.part.crowd.as_ref();
        self.place = crowd.map(|crowd| crowd.join(&handle, &self.part.ledger));
        tokio::spawn(send_from_afar(handle, self.part.clone()));
        self.say(cx, 10);
    }

    fn on_fail(&mut self, _: &Handle, error: &ConnectError) {
        self.part.failed(error);
    }

    fn on_message(&mut self, cx: &mut Context<'_>, heard: MessageRef<'_>) {
        self.part.heard(&heard);
        self.say(cx, 2);
    }

    fn on_fragment(&mut self, cx: &mut Context<'_>, fragment: MessageRef<'_>, last: bool) {
        self.pieces.extend_from_slice(fragment.as_bytes());
        if last {
            let whole = mem::take(&mut self.pieces);
            let text = std::str::from_utf8(&whole).unwrap_or_default();
            self.part.heard(&match fragment.as_text() {
                Some(_) => MessageRef::from(text),
                None => MessageRef::from(&whole[..]),
            });
            self.say(cx, 2);
        }
    }

    /// Who only answers comes to an end of it: keepalive, whose ever it is, is something to say the rest to.
    fn on_ping(&mut self, cx: &mut Context<'_>, _: &[u8]) -> Pong {
        self.say(cx, 1_000);
        Pong::Reply
    }

    fn on_pong(&mut self, cx: &mut Context<'_>, _: &[u8]) {
        self.say(cx, 1_000);
    }

    fn on_close(&mut self, _: &mut Context<'_>, closed: &Closed) {
        self.place = None;
        self.part.closed(Some(closed));
    }
}
