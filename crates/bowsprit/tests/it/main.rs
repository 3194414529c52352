//! Clients and servers over sockets and in memory.

mod accepting;
mod admission;
mod backpressure;
mod broadcast;
mod cancel_safety;
mod client;
mod compression;
mod dialling;
mod failures;
mod handles;
mod logging;
mod origins;
mod proxies;
mod reconnect;
mod redirects;
mod requests;
mod server;
mod shutdown;
mod split;
mod support;
mod tls;
mod tls_certificates;
mod tls_settings;
mod tls_support;
mod websocket;
