//! What the echo servers of the bench have in common. Each library has a program under `bin/`.
//!
//! ```text
//!   options     the command line, the same for every program
//!   serve       a listener, a runtime, and TLS
//!   exchange    echo and broadcast over what is a `Stream` of messages and a `Sink` for them
//!   upgrade     the handshake of those libraries which leave it to hyper
//!   handshake   the handshake of those which leave it to the application
//!   settings    Bowsprit's own
//! ```

pub mod exchange;
pub mod handshake;
pub mod options;
pub mod serve;
pub mod settings;
pub mod upgrade;

/// Why a server does not start, or a connection ended.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;
