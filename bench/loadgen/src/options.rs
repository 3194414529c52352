//! The command line.

use std::{net::SocketAddrV4, path::PathBuf, str::FromStr, time::Duration};

use crate::{Outcome, payload::Kind};

pub(crate) const USAGE: &str = "usage: loadgen MODE --addr 127.0.0.1:PORT [options]
modes:
  echo       keep --conns connections busy with --inflight messages each
  idle       open --conns connections, one echoed message each, read memory
  handshake  connect + upgrade + close, --conns at a time
  broadcast  --conns subscribers; connection 0 publishes, waits until all have it
  payload    print the payloads that the other options ask for, and do nothing else
options:
  --pid PID         server process: CPU and memory are read from /proc
  --size N          payload bytes (20)
  --payload KIND    ascii | mixed | json | binary (ascii)
  --variety N       different messages, sent in turn (1)
  --conns N         connections (100)
  --inflight N      messages in flight per connection (1)
  --refill          send one for each reply, instead of a whole burst when all came back
  --warmup S        seconds before measuring (0.5)
  --time S          seconds to measure (2)
  --count N         echo: stop after N messages instead (warm-up included; for instruction counts)
  --latency         round-trip percentiles (needs --inflight 1)
  --spin            poll instead of sleeping in epoll_wait
  --raw             no WebSocket: plain TCP echo of the same bytes
  --deflate OFFER   offer this Sec-WebSocket-Extensions value and send compressed messages
  --tls             TLS, without a look at the certificate; no session is resumed
  --ca FILE         TLS, and the certificate must be good for `localhost` by this PEM file
  --path PATH       request target (/)
  --cpu N           pin this process to a core
  --settle S        idle: seconds before reading memory (2)
  --hold S          idle: seconds to keep the connections open afterwards (0)
  --expect N        broadcast: replies per published message (default: --conns)
  --label TEXT      copied to the output
  --show            the server's answer to the first handshake, on standard error
One JSON object per run on standard output.";

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    Echo,
    Idle,
    Handshake,
    Broadcast,
    Payload,
}

impl Mode {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Echo => "echo",
            Self::Idle => "idle",
            Self::Handshake => "handshake",
            Self::Broadcast => "broadcast",
            Self::Payload => "payload",
        }
    }
}

/// Whether to speak TLS, and what makes the server's certificate good.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Tls {
    Off,
    Unverified,
    Verified(PathBuf),
}

pub(crate) struct Options {
    pub(crate) mode: Mode,
    pub(crate) addr: SocketAddrV4,
    pub(crate) pid: Option<u32>,
    pub(crate) size: usize,
    pub(crate) payload: Kind,
    pub(crate) variety: usize,
    pub(crate) conns: usize,
    pub(crate) inflight: usize,
    pub(crate) refill: bool,
    pub(crate) warmup: Duration,
    pub(crate) time: Duration,
    pub(crate) count: Option<u64>,
    pub(crate) latency: bool,
    pub(crate) spin: bool,
    pub(crate) raw: bool,
    pub(crate) deflate: Option<String>,
    pub(crate) tls: Tls,
    pub(crate) path: String,
    pub(crate) cpu: Option<usize>,
    pub(crate) settle: Duration,
    pub(crate) hold: Duration,
    pub(crate) expect: Option<usize>,
    pub(crate) label: String,
    pub(crate) show: bool,
}

impl Options {
    /// Reads the arguments, or returns `None` where help is asked for.
    pub(crate) fn parse(mut arguments: impl Iterator<Item = String>) -> Outcome<Option<Self>> {
        let Some(mode) = arguments.next() else {
            return Ok(None);
        };
        let mode = match mode.as_str() {
            "echo" => Mode::Echo,
            "idle" => Mode::Idle,
            "handshake" => Mode::Handshake,
            "broadcast" => Mode::Broadcast,
            "payload" => Mode::Payload,
            "help" | "--help" | "-h" => return Ok(None),
            other => return Err(format!("unknown mode {other:?}\n{USAGE}").into()),
        };
        let mut options = Self::of(mode);
        while let Some(name) = arguments.next() {
            if name == "--help" {
                return Ok(None);
            }
            options.set(&name, || {
                arguments
                    .next()
                    .ok_or_else(|| format!("{name} needs a value").into())
            })?;
        }
        options.checked().map(Some)
    }

    fn of(mode: Mode) -> Self {
        Self {
            mode,
            addr: SocketAddrV4::new([127, 0, 0, 1].into(), 0),
            pid: None,
            size: 20,
            payload: Kind::Ascii,
            variety: 1,
            conns: 100,
            inflight: 1,
            refill: false,
            warmup: Duration::from_millis(500),
            time: Duration::from_secs(2),
            count: None,
            latency: false,
            spin: false,
            raw: false,
            deflate: None,
            tls: Tls::Off,
            path: "/".to_owned(),
            cpu: None,
            settle: Duration::from_secs(2),
            hold: Duration::ZERO,
            expect: None,
            label: String::new(),
            show: false,
        }
    }

    fn set(&mut self, name: &str, mut value: impl FnMut() -> Outcome<String>) -> Outcome<()> {
        match name {
            "--addr" => self.addr = number(name, &value()?)?,
            "--pid" => self.pid = Some(number(name, &value()?)?),
            "--size" => self.size = number(name, &value()?)?,
            "--payload" => self.payload = number(name, &value()?)?,
            "--variety" => self.variety = number(name, &value()?)?,
            "--conns" => self.conns = number(name, &value()?)?,
            "--inflight" => self.inflight = number(name, &value()?)?,
            "--refill" => self.refill = true,
            "--warmup" => self.warmup = seconds(name, &value()?)?,
            "--time" => self.time = seconds(name, &value()?)?,
            "--count" => self.count = Some(number(name, &value()?)?),
            "--latency" => self.latency = true,
            "--spin" => self.spin = true,
            "--raw" => self.raw = true,
            "--deflate" => self.deflate = Some(value()?),
            "--tls" if self.tls == Tls::Off => self.tls = Tls::Unverified,
            "--tls" => {}
            "--ca" => self.tls = Tls::Verified(value()?.into()),
            "--path" => self.path = value()?,
            "--cpu" => self.cpu = Some(number(name, &value()?)?),
            "--settle" => self.settle = seconds(name, &value()?)?,
            "--hold" => self.hold = seconds(name, &value()?)?,
            "--expect" => self.expect = Some(number(name, &value()?)?),
            "--label" => self.label = value()?,
            "--show" => self.show = true,
            _ => return Err(format!("unknown option {name:?}\n{USAGE}").into()),
        }
        Ok(())
    }

    fn checked(self) -> Outcome<Self> {
        let wrong = if !self.addr.ip().is_loopback() {
            "only loopback addresses (127.0.0.0/8) are allowed"
        } else if self.addr.port() == 0 && self.mode != Mode::Payload {
            "--addr 127.0.0.1:PORT is missing"
        } else if [self.size, self.variety, self.conns, self.inflight].contains(&0) {
            "--size, --variety, --conns and --inflight start at 1"
        } else if self.latency && (self.inflight != 1 || self.refill) {
            "--latency needs one message in flight"
        } else if self.raw && (self.deflate.is_some() || self.mode == Mode::Handshake) {
            "--raw has neither handshake nor compression"
        } else {
            return Ok(self);
        };
        Err(wrong.into())
    }
}

fn number<T: FromStr>(name: &str, value: &str) -> Outcome<T> {
    value
        .parse()
        .map_err(|_| format!("{name} cannot be {value:?}").into())
}

fn seconds(name: &str, value: &str) -> Outcome<Duration> {
    Duration::try_from_secs_f64(number(name, value)?)
        .map_err(|_| format!("{name} cannot be {value:?}").into())
}
