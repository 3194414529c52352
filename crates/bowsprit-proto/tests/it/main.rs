//! Tests of the protocol through its public face, one module per part of RFC 6455.

mod client_handshake;
mod closing_handshake;
mod control_frames;
mod credentials;
mod deflate_hostile;
mod deflate_messages;
mod deflate_negotiation;
mod deflate_properties;
mod deflate_support;
mod deflate_wire;
mod fragmentation;
mod framing;
mod limits;
mod masking;
mod opening_handshake;
mod properties;
mod puff;
mod redirects;
mod server_handshake;
mod streaming;
mod support;
mod timers;
mod uri;
mod utf8;
