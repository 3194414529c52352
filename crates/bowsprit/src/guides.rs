//! The programs in the README and in the guides, compiled with the documentation's.

#[doc = include_str!("../../../README.md")]
struct Readme;

#[doc = include_str!("../README.md")]
struct PackageReadme;

#[doc = include_str!("../../../docs/guides/connections/backpressure.md")]
struct Backpressure;

#[doc = include_str!("../../../docs/guides/connections/broadcast.md")]
struct Broadcast;

#[doc = include_str!("../../../docs/guides/connections/closing.md")]
struct Closing;

#[doc = include_str!("../../../docs/guides/connections/dialling.md")]
struct Dialling;

#[doc = include_str!("../../../docs/guides/connections/graceful-shutdown.md")]
struct GracefulShutdown;

#[doc = include_str!("../../../docs/guides/connections/logging.md")]
struct Logging;

#[doc = include_str!("../../../docs/guides/connections/neighbours.md")]
struct Neighbours;

#[doc = include_str!("../../../docs/guides/connections/pings.md")]
struct Pings;

#[doc = include_str!("../../../docs/guides/connections/proxies.md")]
struct Proxies;

#[doc = include_str!("../../../docs/guides/connections/reconnect.md")]
struct Reconnect;

#[doc = include_str!("../../../docs/guides/connections/requests.md")]
struct Requests;

#[doc = include_str!("../../../docs/guides/connections/subprotocols.md")]
struct Subprotocols;

#[doc = include_str!("../../../docs/guides/connections/timers-and-limits.md")]
struct TimersAndLimits;

#[doc = include_str!("../../../docs/guides/connections/tls.md")]
struct Tls;

#[doc = include_str!("../../../docs/guides/migration/tungstenite.md")]
struct FromTungstenite;

#[doc = include_str!("../../../docs/guides/migration/websocketpp.md")]
struct FromWebsocketpp;
