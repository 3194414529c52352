//! Choices out of a target's input. What is left over is what the peer sends.

use std::cell::RefCell;

use bowsprit_proto::{Config, Connection, Deflate, Role, handshake::Agreed};

use crate::{
    deflate_support::{agree, settings},
    support::open_with,
};

/// A connection that agreed with a peer of the same settings. The handshake of each settings is made once: it costs
/// more than most inputs.
pub(super) fn deflated(
    role: Role,
    deflate: Deflate,
    adjust: impl FnOnce(&mut Config),
) -> Connection {
    thread_local! {
        static AGREED: RefCell<Vec<(Deflate, [Agreed; 2])>> = const { RefCell::new(Vec::new()) };
    }
    AGREED.with_borrow_mut(|known| {
        let at = known.iter().position(|(settings, _)| *settings == deflate);
        let at = at.unwrap_or_else(|| {
            known.push((deflate, agree(Some(deflate), Some(deflate)).into()));
            known.len() - 1
        });
        let agreed = &known[at].1[usize::from(role == Role::Server)];
        let connection = open_with(role, |config| {
            config.deflate = Some(deflate);
            adjust(config);
        });
        connection.with_agreed(agreed)
    })
}

/// The input, taken from its front. Once it is used up, all choices are zero.
pub(super) struct Input<'a> {
    data: &'a [u8],
    /// How many bytes may still be made of it.
    budget: usize,
}

/// One message has room in it whose length takes eight bytes; a fuzzer learns from short runs.
const BUDGET: usize = 70_000;

impl<'a> Input<'a> {
    pub(super) const fn new(data: &'a [u8]) -> Self {
        Self {
            data,
            budget: BUDGET,
        }
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.data.is_empty()
    }

    pub(super) fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.data.split_first() else {
            return 0;
        };
        self.data = rest;
        *first
    }

    /// So many bytes, or what is left of the budget.
    pub(super) fn spend(&mut self, len: usize) -> usize {
        let spent = len.min(self.budget);
        self.budget -= spent;
        spent
    }

    pub(super) fn short(&mut self) -> u16 {
        u16::from_be_bytes([self.byte(), self.byte()])
    }

    /// At most `len` bytes.
    pub(super) fn take(&mut self, len: usize) -> &'a [u8] {
        let (taken, rest) = self.data.split_at(len.min(self.data.len()));
        self.data = rest;
        taken
    }

    pub(super) fn role(&mut self) -> Role {
        if self.byte().is_multiple_of(2) {
            Role::Server
        } else {
            Role::Client
        }
    }

    /// The sizes of up to four reads; 0 stands for a large one.
    pub(super) fn reads(&mut self) -> Vec<usize> {
        let count = 1 + self.byte() % 4;
        let size = |byte: u8| if byte == 0 { usize::MAX } else { byte.into() };
        (0..count).map(|_| size(self.byte())).collect()
    }

    pub(super) fn rest(self) -> &'a [u8] {
        self.data
    }
}

/// How a connection is made: chosen once, so that several of a kind can be compared.
#[derive(Clone, Copy, Debug)]
pub(super) struct Kind {
    pub(super) role: Role,
    pub(super) streaming: bool,
    pub(super) deflate: Option<Deflate>,
    has_small_limits: bool,
}

/// The largest message of a connection with small limits.
const SMALL: usize = 300;

impl Kind {
    pub(super) fn take(input: &mut Input<'_>) -> Self {
        let (role, flags) = (input.role(), input.byte());
        let is_set = |bit: u8| flags >> bit & 1 == 1;
        let deflate = is_set(2).then(|| {
            let mut deflate = settings(is_set(3), 9 + (flags >> 4) % 7, 1);
            deflate.client_context_takeover ^= is_set(7);
            deflate
        });
        Self {
            role,
            streaming: is_set(0),
            deflate,
            has_small_limits: is_set(1),
        }
    }

    pub(super) fn of(self, role: Role) -> Self {
        Self { role, ..self }
    }

    pub(super) fn open(self) -> Connection {
        let adjust = |config: &mut Config| {
            config.streaming = self.streaming;
            config.limits.message = self.message_limit();
            if self.has_small_limits {
                config.limits.frame = SMALL * 2 / 3;
                config.limits.fragments = 20;
            }
        };
        match self.deflate {
            Some(deflate) => deflated(self.role, deflate, adjust),
            None => open_with(self.role, adjust),
        }
    }

    pub(super) const fn message_limit(self) -> usize {
        if self.has_small_limits {
            SMALL
        } else {
            1 << 20
        }
    }

    /// Whether a message within the limit can still come in frames that are not.
    pub(super) const fn has_frame_limits(self) -> bool {
        self.has_small_limits
    }
}
