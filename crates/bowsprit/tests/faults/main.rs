//! What goes wrong on this side of the wire: futures that are dropped, transports that fail, handlers that
//! panic, threads that race. `docs/explanation/security/faults.md` says what holds then.

mod cancellation;
mod panics;
mod steps;
#[expect(
    dead_code,
    reason = "it has what the other tests of this crate need, too"
)]
#[path = "../it/support.rs"]
mod support;
mod threads;
#[expect(
    dead_code,
    reason = "it has what the other tests of this crate need, too"
)]
#[path = "../it/tls_support.rs"]
mod tls_support;
