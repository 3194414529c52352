//! Counters for whatever recorder the program installs, behind the feature `metrics`.
//!
//! | name | kind | labels |
//! |---|---|---|
//! | `bowsprit_connections_opened_total` | counter | `role` |
//! | `bowsprit_connections_open` | gauge | `role` |
//! | `bowsprit_connections_closed_total` | counter | `role`, `code`: what the peer's close frame said, 1006 where none came; `3xxx` and `4xxx` for those of applications, `other` for the rest |
//! | `bowsprit_connections_failed_total` | counter | `role`, `kind` |
//! | `bowsprit_handshake_seconds` | histogram | `role`: from the first step to being open |
//! | `bowsprit_messages_total` | counter | `role`, `direction`: `received` or `sent` |
//! | `bowsprit_bytes_total` | counter | the same; bytes of frames, before TLS |
//!
//! A connection asks for its counters when it opens, and adds to them after each read and write.

#[cfg(not(feature = "metrics"))]
mod disabled;
#[cfg(feature = "metrics")]
mod enabled;

#[cfg(not(feature = "metrics"))]
pub(crate) use self::disabled::{Meter, not_accepted, not_connected, timed};
#[cfg(feature = "metrics")]
pub(crate) use self::enabled::{Meter, not_accepted, not_connected, timed};
