//! What a connection may cost and how long it may take, with defaults fit for the open internet.

use core::time::Duration;

use crate::{Deflate, Role};

/// Settings of one connection. An endpoint copies its own into each new connection.
///
/// ```
/// use bowsprit_proto::Config;
///
/// let mut config = Config::server();
/// config.limits.message = 64 * 1024;
/// config.keepalive = None;
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Config {
    /// What the peer may make this endpoint hold.
    pub limits: Limits,
    /// How long the peer may make it wait.
    pub timeouts: Timeouts,
    /// Pings while nothing is heard, and when to give up. Default: after 20 s, 20 s later.
    pub keepalive: Option<KeepAlive>,
    /// Whether pings are answered without asking (RFC 6455 §5.5.2). Default: true. A connection that
    /// runs with a handler asks the handler instead.
    pub automatic_pong: bool,
    /// Hands out each piece of a message as it arrives instead of whole messages. Default: false.
    ///
    /// `limits.message` then does not apply, since nothing is held. In the endpoints this is for
    /// handlers; who awaits messages is given whole ones all the same.
    pub streaming: bool,
    /// Sends small frames at once (`TCP_NODELAY`). Default: true.
    pub nodelay: bool,
    /// permessage-deflate (RFC 7692): what a client offers and a server agrees to. Default: `None`,
    /// nothing is compressed. It needs the feature `std`.
    pub deflate: Option<Deflate>,
}

impl Config {
    /// The defaults of a client: messages up to 16 MiB.
    pub const fn client() -> Self {
        Self::for_role(Role::Client)
    }

    /// The defaults of a server: messages up to 1 MiB.
    pub const fn server() -> Self {
        Self::for_role(Role::Server)
    }

    /// The settings of compression, where there is an implementation to carry them out.
    pub(crate) const fn usable_deflate(&self) -> Option<Deflate> {
        if cfg!(feature = "std") {
            self.deflate
        } else {
            None
        }
    }

    /// The defaults of this role.
    pub const fn for_role(role: Role) -> Self {
        let message = match role {
            Role::Client => 16 << 20,
            Role::Server => 1 << 20,
        };
        Self {
            limits: Limits {
                message,
                frame: usize::MAX,
                fragments: 128 << 10,
                rate: None,
                send_high_water: 256 << 10,
                send_low_water: 64 << 10,
                send_buffer: 1 << 20,
                head_line: 8 << 10,
                head: 32 << 10,
                headers: 100,
                http_body: 64 << 10,
            },
            timeouts: Timeouts {
                open: Duration::from_secs(10),
                close: Duration::from_secs(5),
                idle: None,
                write: Some(Duration::from_secs(60)),
            },
            keepalive: Some(KeepAlive {
                interval: Duration::from_secs(20),
                timeout: Duration::from_secs(20),
            }),
            automatic_pong: true,
            streaming: false,
            nodelay: true,
            deflate: None,
        }
    }
}

/// Limits in bytes unless said otherwise, checked before memory is allocated (RFC 6455 §10.4).
///
/// ```
/// use bowsprit_proto::Config;
///
/// let mut config = Config::server();
/// config.limits.message = 64 * 1024;
/// config.limits.headers = 50;
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Limits {
    /// The largest message to accept. Default: 16 MiB in a client, 1 MiB in a server.
    ///
    /// Each frame after the first is charged at 64 bytes at least, so that a flood of tiny fragments
    /// meets the same limit. Of a compressed message this is what it inflates to, and it may take a quarter
    /// more on the wire. A larger message fails the connection with 1009.
    pub message: usize,
    /// The largest frame of a message to accept. Default: no limit but that of the message. A larger
    /// one fails the connection with 1009.
    pub frame: usize,
    /// The most frames that a message may come in, a count. Default: 131,072. One in more fails the
    /// connection with 1008. With streaming it does not apply, since nothing is held.
    pub fragments: usize,
    /// How fast messages may come. Default: `None`, as fast as they are taken. A faster peer fails the
    /// connection with 1008.
    pub rate: Option<Rate>,
    /// Above this many queued bytes, sends that can wait do so, and answers to what was read stop the
    /// reading. Default: 256 KiB.
    pub send_high_water: usize,
    /// Reading that stopped goes on when the queue has fallen to this. Default: 64 KiB.
    pub send_low_water: usize,
    /// The most that may be queued; beyond it sends are refused. Default: 1 MiB.
    ///
    /// One message of any size fits an empty queue. A message counts with its length before compression.
    pub send_buffer: usize,
    /// The longest request, status or header line of an opening handshake. Default: 8 KiB.
    pub head_line: usize,
    /// The largest head of an opening handshake. Default: 32 KiB.
    pub head: usize,
    /// The most header lines in it, a count. Default: 100.
    pub headers: usize,
    /// How much is kept of the body of a refusal. Default: 64 KiB.
    pub http_body: usize,
}

/// How many messages a peer may send (RFC 6455 §10.4): no more than `burst` and `per_second` for each second.
///
/// Each message, ping and pong counts as one, whatever its size; with `config.streaming` each piece that is
/// handed out. A close frame does not count. The rule holds for any stretch of time, not for each second:
/// what waits while this side does not read may come at once when it does.
///
/// ```
/// use bowsprit_proto::{Config, Rate};
///
/// let mut config = Config::server();
/// config.limits.rate = Some(Rate { per_second: 50, burst: 200 });
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// Messages a second, in the long run.
    pub per_second: u32,
    /// How many may come at once. One at least is taken.
    pub burst: u32,
}

/// Every wait has an end; each expiry names its [`Stage`](crate::Stage).
///
/// Of `idle` and `write` less than 10 ms counts as 10 ms.
///
/// ```
/// use std::time::Duration;
/// use bowsprit_proto::Config;
///
/// let mut config = Config::client();
/// config.timeouts.open = Duration::from_secs(30);
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Timeouts {
    /// From the first step towards a connection, or from its acceptance, to the end of the opening
    /// handshake. Default: 10 s.
    pub open: Duration,
    /// The whole closing handshake, whoever starts it, to the end of the transport. Default: 5 s.
    pub close: Duration,
    /// Without a message in either direction for this long, at the latest for twice as long, the
    /// connection is closed with 1001. Default: `None`, never.
    ///
    /// This is for peers that live and have nothing to say, and pings and pongs do not count;
    /// [`KeepAlive`] is for those that are gone.
    pub idle: Option<Duration>,
    /// Bytes are queued and the transport took none of them for this long, at the latest for twice as
    /// long: the peer does not read, and the connection has failed. Default: 60 s. `None`: it may take as
    /// long as it likes, and keepalive finds only who is silent, too.
    pub write: Option<Duration>,
}

/// When to ask a silent peer whether it is still there (RFC 6455 §5.5.2). Less than 10 ms counts as 10 ms.
///
/// ```
/// use std::time::Duration;
/// use bowsprit_proto::{Config, KeepAlive};
///
/// let mut config = Config::client();
/// let (interval, timeout) = (Duration::from_secs(60), Duration::from_secs(10));
/// config.keepalive = Some(KeepAlive { interval, timeout });
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeepAlive {
    /// A ping leaves once nothing was heard for this long, at the latest a quarter of it later.
    pub interval: Duration,
    /// The connection has failed when nothing at all is heard for this long after the ping.
    pub timeout: Duration,
}
