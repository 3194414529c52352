//! Clients and servers over sockets and in memory.

mod backpressure;
mod cancel_safety;
mod client;
mod failures;
mod handles;
mod logging;
mod server;
mod shutdown;
mod split;
mod support;
mod tls;
mod websocket;
