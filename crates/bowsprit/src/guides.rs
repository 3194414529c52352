//! The programs in the README and in the guides, compiled with the documentation's.

#[doc = include_str!("../../../README.md")]
struct Readme;

#[doc = include_str!("../../../docs/connections/broadcast.md")]
struct Broadcast;

#[doc = include_str!("../../../docs/connections/closing.md")]
struct Closing;

#[doc = include_str!("../../../docs/connections/dialling.md")]
struct Dialling;

#[doc = include_str!("../../../docs/connections/logging.md")]
struct Logging;

#[doc = include_str!("../../../docs/connections/neighbours.md")]
struct Neighbours;

#[doc = include_str!("../../../docs/connections/pings.md")]
struct Pings;

#[doc = include_str!("../../../docs/connections/proxies.md")]
struct Proxies;

#[doc = include_str!("../../../docs/connections/reconnect.md")]
struct Reconnect;

#[doc = include_str!("../../../docs/connections/requests.md")]
struct Requests;

#[doc = include_str!("../../../docs/connections/subprotocols.md")]
struct Subprotocols;

#[doc = include_str!("../../../docs/connections/timers-and-limits.md")]
struct TimersAndLimits;

#[doc = include_str!("../../../docs/connections/tls.md")]
struct Tls;
