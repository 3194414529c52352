//! What happens on a connection, as values: people's lines, JSON and records are all made from these.

use std::time::{Duration, SystemTime};

use bowsprit::{
    Closed, ConnectRequest, ConnectionInfo, Initiator, Message, PeerCertificate, TlsInfo,
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Number, Value};

use crate::network::{Failure, Retried};
use crate::printer::text;
use crate::recording::mask;

mod http;
mod moment;
mod object;
mod payload;
mod pings;
mod uri;

pub(crate) use http::HttpAnswer;
use http::masked_header;
pub(crate) use object::{Object, Trips};
pub(crate) use payload::Payload;
pub(crate) use pings::{PongFault, RoundTrips, Statistics};
pub(crate) use uri::masked as masked_uri;

/// The version of the format that [`Event`] serializes to.
pub(crate) const FORMAT: u32 = 1;

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Event {
    #[serde(with = "moment")]
    pub(crate) time: Timestamp,
    /// The connection that it happened on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) id: Option<u32>,
    /// What the user calls that connection.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) name: Option<String>,
    #[serde(flatten)]
    pub(crate) what: What,
}

/// What happened. No text in it is escaped for a terminal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub(crate) enum What {
    /// The first event of each output: which format this is.
    Start { format: u32, program: String },
    /// A connection is about to be made.
    Connect {
        uri: String,
        /// Of the request, but for those that every handshake has; secrets are masked.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        headers: Vec<(String, String)>,
    },
    /// The opening handshake is done.
    Open(Box<Opened>),
    /// The connection will never open.
    Fail(Box<Failed>),
    /// A message was sent or came.
    Message {
        direction: Direction,
        opcode: Opcode,
        /// Bytes of payload.
        size: usize,
        #[serde(flatten)]
        payload: Payload,
    },
    /// A ping was sent or came.
    Ping {
        direction: Direction,
        size: usize,
        #[serde(flatten)]
        payload: Payload,
        /// The number of the ping, where they are counted.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        number: Option<u32>,
    },
    /// A pong was sent or came.
    Pong {
        direction: Direction,
        size: usize,
        #[serde(flatten)]
        payload: Payload,
        /// How long after the ping that it answers.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        seconds: Option<f64>,
        /// The number of that ping, where they are counted.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        number: Option<u32>,
        /// What is wrong with it, where pongs are judged.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        fault: Option<PongFault>,
    },
    /// No pong came in time.
    Lost { number: u32 },
    /// What a row of pings came to.
    Statistics(Box<Statistics>),
    /// The connection has ended.
    Close(Box<Ended>),
    /// It did not open or has ended, and will be made again.
    Retry {
        number: u32,
        /// Until then.
        seconds: f64,
        #[serde(skip_serializing_if = "Option::is_none")]
        error: Option<String>,
    },
    /// `serve` listens, and for what.
    Serve { uri: String, mode: String },
    /// `serve` did not let a client in.
    Refuse {
        #[serde(skip_serializing_if = "Option::is_none")]
        peer: Option<String>,
        /// The method and the target, where they were understood.
        #[serde(skip_serializing_if = "Option::is_none")]
        request: Option<String>,
        error: String,
    },
    /// `serve` answered a request of plain HTTP.
    Http {
        #[serde(skip_serializing_if = "Option::is_none")]
        peer: Option<String>,
        request: String,
        status: u16,
    },
    /// A line that a command answered, as people read it but for the `> ` in front.
    Answer {
        text: String,
        /// The command was not carried out, or a wait was not fulfilled.
        #[serde(default, skip_serializing_if = "is_false")]
        refused: bool,
    },
    /// What is known of a connection: `list` and `show`.
    Connection(Box<Object>),
    /// A line of a script was carried out.
    Step {
        /// The file that it stands in; none where it was typed.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        file: Option<String>,
        line: u64,
        /// As it is written, without the values of its variables.
        text: String,
        seconds: f64,
        /// What went wrong, line by line; empty where nothing did.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        failure: Vec<String>,
    },
    /// A test of a script is over, or the script itself where it has none.
    Test {
        name: String,
        passed: bool,
        seconds: f64,
        /// Each line that failed, and why.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        failures: Vec<String>,
    },
    /// A line of the library's log: its channel, a blank, and what it says.
    Log { text: String },
    /// The last event: the program ends with this exit status.
    Exit { exit_status: u8 },
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
const fn is_false(value: &bool) -> bool {
    !*value
}

/// A duration in seconds, to the microsecond.
pub(crate) fn seconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e6).round() / 1e6
}

/// How a connection opened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Opened {
    pub(crate) uri: String,
    /// How long it took, from the name's resolution on.
    pub(crate) seconds: f64,
    pub(crate) status: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) peer: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) subprotocol: Option<String>,
    /// The parameters of permessage-deflate, where it was agreed on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) compression: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) tls: Option<TlsFacts>,
    /// Of the server's response, but for those that only the handshake needs.
    pub(crate) headers: Vec<(String, String)>,
}

/// What TLS settled.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct TlsFacts {
    pub(crate) version: String,
    pub(crate) cipher: String,
    pub(crate) verified: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) alpn: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) certificate: Option<CertificateFacts>,
}

/// Who the server says that it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct CertificateFacts {
    pub(crate) subject: String,
    pub(crate) issuer: String,
    pub(crate) names: Vec<String>,
    pub(crate) not_before: Timestamp,
    pub(crate) not_after: Timestamp,
    pub(crate) days_left: i64,
    pub(crate) sha256: String,
}

/// Why a connection did not open.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Failed {
    pub(crate) uri: String,
    /// Where: `dns`, `connect`, `proxy`, `tls`, `http`, `websocket`, or `none` where it was given up.
    #[serde(default)]
    pub(crate) stage: String,
    /// What happened, and in parentheses the options that help, if any do.
    pub(crate) error: String,
    /// What to try, in a sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) remedy: Option<String>,
    /// The exit status that it stands for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) exit_status: Option<u8>,
    /// What the server answered, if it did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) http: Option<HttpAnswer>,
}

/// How a connection ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Ended {
    /// The peer's; 1005 where it gave none, 1006 where it sent no close frame.
    pub(crate) code: u16,
    pub(crate) reason: String,
    /// This side's, where it sent a close frame.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) sent: Option<CloseText>,
    /// `local` or `remote`: who began the closing handshake.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) initiator: Option<Party>,
    /// Whether both sides sent a close frame.
    pub(crate) clean: bool,
    /// What went wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) cause: Option<String>,
    /// The exit status that it stands for, where something was wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) exit_status: Option<u8>,
}

/// A close code and a reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct CloseText {
    pub(crate) code: u16,
    pub(crate) reason: String,
}

/// Which way something went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Direction {
    /// From this side to the peer.
    Sent,
    /// From the peer to this side.
    Received,
}

/// The kind of a message (RFC 6455 §5.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Opcode {
    Text,
    Binary,
}

/// A side of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Party {
    Local,
    Remote,
}

impl What {
    /// The first event of an output.
    pub(crate) fn start() -> Self {
        Self::Start {
            format: FORMAT,
            program: concat!("bowsprit/", env!("CARGO_PKG_VERSION")).to_owned(),
        }
    }

    /// What a command answered, in a line for people.
    pub(crate) fn answer(line: &str, refused: bool) -> Self {
        Self::Answer {
            text: line.strip_prefix("> ").unwrap_or(line).to_owned(),
            refused,
        }
    }

    /// A connection that is about to be made with this request.
    pub(crate) fn connect(uri: &str, request: &ConnectRequest) -> Self {
        let offers: Vec<&str> = request.subprotocols().collect();
        let offers = (!offers.is_empty()).then(|| ("Sec-WebSocket-Protocol", offers.join(", ")));
        let headers = request
            .headers()
            .map(|(name, value)| (name, value.to_owned()));
        let mut headers: Vec<(String, String)> = headers
            .chain(offers)
            .map(|(name, value)| (name.to_owned(), value))
            .collect();
        mask::headers(&mut headers);
        Self::Connect {
            uri: masked_uri(uri).into_owned(),
            headers,
        }
    }

    /// A connection that has opened.
    pub(crate) fn opened(info: &ConnectionInfo, took: Duration) -> Self {
        let headers = info.headers().map(masked_header);
        Self::Open(Box::new(Opened {
            uri: masked_uri(info.uri()).into_owned(),
            seconds: seconds(took),
            status: 101,
            peer: info.peer().map(|peer| peer.to_string()),
            subprotocol: info.subprotocol().map(str::to_owned),
            compression: info.deflate().map(|params| params.to_string()),
            tls: info.tls().map(TlsFacts::new),
            headers: headers.collect(),
        }))
    }

    /// A connection that did not open.
    pub(crate) fn failed(uri: &str, failure: &Failure) -> Self {
        Self::Fail(Box::new(Failed {
            uri: masked_uri(uri).into_owned(),
            stage: failure.stage.to_owned(),
            error: failure.detail.clone(),
            remedy: failure.remedy.clone(),
            exit_status: failure.status.map(|status| status as u8),
            http: failure.answer.clone(),
        }))
    }

    /// A message that was sent or came.
    pub(crate) fn message(direction: Direction, message: Message) -> Self {
        Self::Message {
            direction,
            opcode: match message {
                Message::Text(_) => Opcode::Text,
                Message::Binary(_) => Opcode::Binary,
            },
            size: message.as_bytes().len(),
            payload: Payload::of(message),
        }
    }

    /// A connection that has ended.
    pub(crate) fn ended(closed: &Closed, status: Option<crate::status::Status>) -> Self {
        Self::Close(Box::new(Ended::new(closed, status)))
    }

    /// Whether it is of the traffic on an open connection, of which there may be any amount.
    pub(crate) const fn is_traffic(&self) -> bool {
        matches!(
            self,
            Self::Message { .. } | Self::Ping { .. } | Self::Pong { .. }
        )
    }

    /// A further try.
    pub(crate) fn retried(retried: &Retried) -> Self {
        Self::Retry {
            number: retried.number,
            seconds: seconds(retried.delay),
            error: retried.failure.clone(),
        }
    }
}

impl Ended {
    pub(crate) fn new(closed: &Closed, status: Option<crate::status::Status>) -> Self {
        Self {
            code: closed.remote_code().0,
            reason: closed.remote_reason().to_owned(),
            sent: closed.local.as_ref().map(|frame| CloseText {
                code: frame.code.0,
                reason: frame.reason.to_string(),
            }),
            initiator: closed.initiator.map(|initiator| match initiator {
                Initiator::Local => Party::Local,
                Initiator::Remote => Party::Remote,
            }),
            clean: closed.is_clean(),
            cause: closed.cause.as_ref().map(ToString::to_string),
            exit_status: status.map(|status| status as u8),
        }
    }
}

impl TlsFacts {
    pub(crate) fn new(tls: &TlsInfo) -> Self {
        Self {
            version: tls.version.to_owned(),
            cipher: tls.cipher.to_owned(),
            verified: tls.verified,
            alpn: tls.alpn.as_ref().map(|name| name.clone().into_owned()),
            certificate: tls.peer.as_deref().map(CertificateFacts::new),
        }
    }
}

impl CertificateFacts {
    fn new(peer: &PeerCertificate) -> Self {
        let moment = |time| Timestamp::try_from(time).unwrap_or_default();
        Self {
            subject: peer.subject.clone(),
            issuer: peer.issuer.clone(),
            names: peer.names.iter().map(ToString::to_string).collect(),
            not_before: moment(peer.not_before),
            not_after: moment(peer.not_after),
            days_left: peer.days_left(SystemTime::now()),
            sha256: peer.fingerprint(),
        }
    }
}

impl Event {
    /// Something that happens now.
    pub(crate) fn now(id: Option<u32>, name: Option<String>, what: What) -> Self {
        Self {
            time: Timestamp::now(),
            id,
            name,
            what,
        }
    }

    /// Reads a line of JSON.
    ///
    /// # Errors
    ///
    /// When it is no JSON, or no event.
    pub(crate) fn from_json(line: &str) -> Result<Self, String> {
        let mut value = serde_json::from_str(line).map_err(|fault| fault.to_string())?;
        plain_numbers(&mut value);
        serde_json::from_value(value).map_err(|fault| fault.to_string())
    }

    /// The event as one line of JSON, with its end.
    pub(crate) fn to_json(&self) -> String {
        // No map in it has keys that are not text, and no number is infinite.
        let mut line = text::json(serde_json::to_string(self).unwrap_or_default());
        line.push('\n');
        line
    }
}

/// Numbers of arbitrary precision pass a tagged enum only where they are written as Rust writes them.
fn plain_numbers(value: &mut Value) {
    match value {
        Value::Number(number) if number.as_i64().is_none() && number.as_u64().is_none() => {
            let plain = number.as_f64().and_then(Number::from_f64);
            *number = plain.unwrap_or_else(|| 0.into());
        }
        Value::Array(values) => values.iter_mut().for_each(plain_numbers),
        Value::Object(fields) => fields.values_mut().for_each(plain_numbers),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_back_what_it_writes() {
        let failed = Failed {
            uri: "ws://h/".to_owned(),
            stage: "http".to_owned(),
            error: "HTTP 404".to_owned(),
            remedy: None,
            exit_status: Some(5),
            http: Some(HttpAnswer {
                status: 404,
                reason: String::new(),
                headers: vec![("Server".to_owned(), "a".to_owned())],
                body: None,
            }),
        };
        let mut pong = What::pong(b"\xff", Some(Duration::from_micros(7)));
        pong.judge(Some(3), Some(PongFault::Late));
        for what in [
            What::start(),
            What::Connect {
                uri: "ws://h/".to_owned(),
                headers: Vec::new(),
            },
            What::Fail(Box::new(failed)),
            What::message(Direction::Sent, Message::from("\u{1b}\u{202e}\"")),
            What::message(Direction::Received, Message::from(vec![0, 255])),
            What::ping(Direction::Received, b"hi", None),
            pong,
            What::ended(&Closed::default(), None),
            What::answer("> no", true),
            What::Retry {
                number: 2,
                seconds: 0.25,
                error: None,
            },
            What::Statistics(Box::new(Statistics {
                sent: 2,
                received: 1,
                lost: 1,
                waiting: 0,
                duplicates: 0,
                out_of_order: 0,
                late: 0,
                unasked: 0,
                seconds: 1.5,
                round_trips: Some(RoundTrips {
                    min: 0.1,
                    mean: 0.2,
                    max: 0.3,
                    deviation: 0.0,
                    median: 0.2,
                    p99: 1e-6,
                }),
            })),
            What::Exit { exit_status: 1 },
        ] {
            let event = Event::now(Some(7), Some("chat".to_owned()), what);
            let line = event.to_json();
            assert_eq!(line.find('\n'), Some(line.len() - 1), "one line");
            let read = Event::from_json(&line).expect(&line);
            assert_eq!(
                (&read.what, read.id, &read.name),
                (&event.what, event.id, &event.name)
            );
            assert_eq!(read.time.as_microsecond(), event.time.as_microsecond());
        }
    }

    #[test]
    fn ignores_what_a_later_program_adds() {
        let line = r#"{"time":"2026-01-02T03:04:05.000006Z","event":"lost","number":3,"more":[1]}"#;
        let event = Event::from_json(line).expect("an event");
        assert_eq!((event.id, event.what), (None, What::Lost { number: 3 }));
    }
}
