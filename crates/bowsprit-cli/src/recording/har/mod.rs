//! HAR 1.2, as browsers write it: records to their tools, and their captures to records.

mod export;
mod import;

pub(super) use export::export;
pub(super) use import::{import, is_har};
#[cfg(any(test, fuzzing))]
pub(super) use {export::write_har, import::events_of};
