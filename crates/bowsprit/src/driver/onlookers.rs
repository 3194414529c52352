//! Those who look on while bytes pass: few connections have any, and pay for them.

use std::{collections::VecDeque, mem};

use bowsprit_proto::Connection;

use super::frames::Frames;
use crate::{ConnectionId, link::Order};

/// Boxed in a connection, which has none as a rule.
#[derive(Debug, Default)]
pub(super) struct Onlookers {
    frames: Option<Frames>,
    /// Present where the connection may be made again.
    pub(super) unwritten: Option<Unwritten>,
}

impl Onlookers {
    /// Who wants to look on at a connection that opens now.
    pub(super) fn of(id: ConnectionId) -> Option<Box<Self>> {
        let frames = Frames::watch(id)?;
        Some(Box::new(Self {
            frames: Some(frames),
            unwritten: None,
        }))
    }

    pub(super) fn came(&mut self, bytes: &[u8]) {
        if let Some(frames) = &mut self.frames {
            frames.received(bytes);
        }
    }

    /// The first `len` bytes of what this connection shows were written.
    pub(super) fn went(&mut self, connection: &Connection, len: usize) {
        if let Some(frames) = &mut self.frames {
            frames.sent(connection.transmit(), len);
        }
        if let Some(unwritten) = &mut self.unwritten {
            unwritten.advance(len);
        }
    }
}

/// The messages of handles that the connection has taken, and of which not a byte was written.
#[derive(Debug, Default)]
pub(super) struct Unwritten {
    /// How many bytes were written in all.
    written: u64,
    /// Each with the position that its first byte will have.
    orders: VecDeque<(u64, Order)>,
}

impl Unwritten {
    /// An order was taken behind so many bytes that are queued.
    pub(super) fn push(&mut self, queued: usize, order: &Order) {
        if matches!(order, Order::Send(_) | Order::SendPrepared(_)) {
            let start = self.written.saturating_add(queued as u64);
            self.orders.push_back((start, order.clone()));
        }
    }

    fn advance(&mut self, len: usize) {
        self.written = self.written.saturating_add(len as u64);
        while let Some((start, _)) = self.orders.front()
            && *start < self.written
        {
            self.orders.pop_front();
        }
    }

    pub(super) fn take(&mut self) -> impl DoubleEndedIterator<Item = Order> {
        mem::take(&mut self.orders)
            .into_iter()
            .map(|(_, order)| order)
    }
}
