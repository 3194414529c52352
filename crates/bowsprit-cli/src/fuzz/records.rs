//! Any bytes as a record or a HAR file; the work is done where their readers are.

pub(super) use crate::recording::fuzz::run;
