//! The same face without the feature: no memory, and no instruction.

use bowsprit_proto::{Closed, Role};

use crate::{AcceptError, ConnectError, log::Direction};

#[derive(Debug)]
pub(crate) struct Meter;

#[expect(clippy::unused_self, reason = "the same face as with the feature")]
impl Meter {
    #[inline(always)]
    pub(crate) const fn open(_: Role) -> Self {
        Self
    }

    #[inline(always)]
    pub(crate) const fn message(&mut self, _: Direction) {}

    #[inline(always)]
    pub(crate) const fn bytes(&mut self, _: Direction, _: usize) {}

    #[inline(always)]
    pub(crate) const fn tell(&mut self) {}

    #[inline(always)]
    pub(crate) const fn closed(&mut self, _: &Closed) {}
}

#[inline(always)]
pub(crate) const fn not_connected(_: &ConnectError) {}

#[inline(always)]
pub(crate) const fn not_accepted(_: &AcceptError) {}

#[inline(always)]
pub(crate) const fn timed<F>(_: Role, attempt: F) -> F {
    attempt
}
