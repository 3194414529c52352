//! WebSocket clients and servers on tokio.
//!
//! # A client that awaits
//!
//! ```no_run
//! # async fn f() -> Result<(), Box<dyn std::error::Error>> {
//! let mut ws = bowsprit::connect("ws://localhost:9002").await?;
//! ws.send("hello").await?;
//! while let Some(message) = ws.recv().await? {
//!     println!("<< {message:?}");
//! }
//! # Ok(())
//! # }
//! ```
//!
//! # A client without `async`
//!
//! A [`Client`] makes connections and runs them, on the runtime of the program or, as here, on a thread of
//! its own. A [`Handler`] is told what happens to one of them, [`Handle`]s reach it from any thread.
//!
//! ```no_run
//! use bowsprit::{Client, CloseCode, Handlers};
//! use std::time::Duration;
//!
//! # fn f() -> Result<(), Box<dyn std::error::Error>> {
//! let printing = Handlers::new()
//!     .on_open(|cx| { let _ = cx.send("hello"); })
//!     .on_message(|_, message| println!("<< {message:?}"))
//!     .on_close(|_, closed| println!("{closed:?}"));
//! let client = Client::builder().handlers(printing).background()?;
//! let handle = client.request("ws://localhost:9002")?.start();
//! std::thread::sleep(Duration::from_secs(1));
//! println!("{:?}", handle.state());
//! client.blocking_shutdown(CloseCode::GOING_AWAY, Duration::from_secs(2));
//! # Ok(())
//! # }
//! ```
//!
//! # A server
//!
//! A [`Server`] runs a future or a [`Handler`] for each connection and shuts down gracefully. It decides
//! about each request, answers plain HTTP on the same port, and limits what one client may take.
//!
//! ```no_run
//! # async fn f() -> Result<(), Box<dyn std::error::Error>> {
//! let server = bowsprit::Server::builder().bind("127.0.0.1:9002").await?;
//! server
//!     .serve(|mut ws| async move {
//!         while let Some(message) = ws.recv().await? {
//!             ws.send(message).await?;
//!         }
//!         Ok(())
//!     })
//!     .await?;
//! # Ok(())
//! # }
//! ```
//!
//! [`accept`] shakes hands over any stream, [`Hub`] says one thing to many, [`Tls`] and [`ServerTls`] are for
//! `wss`, [`Proxy`] and [`Reconnect`] for clients; [`Config`] has the limits and the time-outs.
//!
//! # Logging
//!
//! Silent unless the program sets up `tracing`. The targets are WebSocket++'s channels:
//! `bowsprit::access::` with `connect`, `disconnect`, `fail`, `http`, `endpoint`, `control`,
//! `message_header`, `message_payload`, `frame_header` and `frame_payload`, and `bowsprit::error::` with
//! `rerror` and `fatal`. With the feature `metrics` counters, gauges and histograms are told to the crate of
//! that name.
//!
//! # Beneath
//!
//! The protocol itself, without I/O, is [`bowsprit_proto`], re-exported as [`proto`].
#![forbid(unsafe_code)]

mod background;
mod client;
mod dial;
mod driver;
mod error;
#[cfg(doctest)]
mod guides;
#[cfg(fuzzing)]
#[doc(hidden)]
pub mod fuzz {
    //! Bodies of fuzz targets that need what is not public.

    /// The name of a target's program, and what it does with an input.
    pub type Target = (&'static str, fn(&[u8]));

    /// Each target.
    pub const TARGETS: [Target; 1] = [("proxies", crate::proxy::fuzz::run)];
}
mod handle;
mod handler;
mod http_types;
mod hub;
mod info;
mod link;
mod log;
mod metrics;
#[cfg(all(test, bowsprit_loom))]
mod models;
mod open;
mod proxy;
mod reconnect;
mod request;
mod roster;
mod scratch;
mod server;
mod session;
mod split;
mod steps;
mod stream;
mod sync;
mod tls;
mod unread;
mod upgrade;
mod wait;
mod websocket;

pub use bowsprit_proto as proto;
pub use bowsprit_proto::handshake::{Accept, Response};
pub use bowsprit_proto::{
    Cause, CloseCode, CloseError, CloseFrame, Closed, Compressed, Compression, Config, Deflate,
    DeflateParams, Initiator, InvalidUri, KeepAlive, Kind, Limits, Message, MessageRef, Prepared,
    ProtocolError, Rate, Role, RoundTrips, SendError, Stage, Text, Timeouts,
};
pub use client::{Client, ClientBuilder, Defaults, connect};
pub use dial::{DialError, Dns};
pub use error::{AcceptError, ConnectError, Error, InvalidRequest};
pub use handle::{ConnectionId, Handle, State};
pub use handler::{Context, Handler, Handlers, Pong};
pub use http;
pub use http_types::ResponseExt;
pub use hub::{Delivery, Hub, Membership, Outcome, SlowReader, broadcast, broadcast_each};
pub use info::ConnectionInfo;
pub use proxy::{InvalidProxy, Proxy, ProxyError, ProxyErrorKind};
pub use reconnect::{Reconnect, Retry, RetryCause};
pub use request::{Attempts, ConnectRequest};
pub use server::{HttpRequest, Listener, Server, ServerBuilder, ServerDefaults, accept};
pub use split::{Receiver, Sender};
pub use steps::Step;
pub use stream::{Stream, TlsInfo, TlsStream};
pub use tls::{
    CertificateName, PeerCertificate, ServerTls, Tls, TlsError, TlsErrorKind, TlsVersion,
};
pub use upgrade::{Refused, Upgrade, Upgrading};
pub use websocket::WebSocket;
