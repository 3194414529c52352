//! The WebSockets of a browser's HAR file, as events.

use std::fs::File;
use std::io::{BufRead, BufReader, Read as _};
use std::path::Path;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bowsprit::Message;
use jiff::Timestamp;
use serde::Deserialize;

use crate::events::{Direction, Ended, Event, Failed, HttpAnswer, Opened, What};
use crate::printer::text::{escape, fault};

/// The largest file that is read. What it says of anything but WebSockets is not kept.
const MAX_FILE: u64 = 1 << 30;

/// The headers of an answer that only its handshake needed, which records leave out.
const HANDSHAKE: [&str; 3] = ["connection", "upgrade", "sec-websocket-accept"];

#[derive(Deserialize)]
struct Har {
    log: Log,
}

#[derive(Deserialize)]
struct Log {
    entries: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    started_date_time: Timestamp,
    request: Request,
    response: Response,
    #[serde(default)]
    timings: Timings,
    #[serde(default, rename = "_resourceType")]
    kind: String,
    #[serde(default, rename = "_webSocketMessages")]
    messages: Option<Vec<Frame>>,
    /// This program's own: browsers do not tell how a connection ended.
    #[serde(default, rename = "_webSocketClose")]
    close: Option<Close>,
}

#[derive(Deserialize)]
struct Request {
    url: String,
    #[serde(default)]
    headers: Vec<Header>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Response {
    #[serde(default)]
    status: u16,
    #[serde(default)]
    status_text: String,
    #[serde(default)]
    headers: Vec<Header>,
    #[serde(default, rename = "_error")]
    error: Option<String>,
}

#[derive(Deserialize)]
struct Header {
    name: String,
    value: String,
}

/// What is no less than this is milliseconds since 1970, of 1973 and later; as seconds it were the year 5138.
const FIRST_MILLISECONDS: f64 = 1e11;

/// In milliseconds; -1 where nothing is known.
#[derive(Default, Deserialize)]
struct Timings {
    #[serde(default)]
    blocked: Option<f64>,
    #[serde(default)]
    dns: Option<f64>,
    #[serde(default)]
    connect: Option<f64>,
    #[serde(default)]
    send: Option<f64>,
    #[serde(default)]
    wait: Option<f64>,
}

#[derive(Deserialize)]
struct Frame {
    #[serde(rename = "type")]
    kind: String,
    /// Since 1970, see [`moment`].
    time: f64,
    #[serde(default)]
    opcode: f64,
    #[serde(default)]
    data: String,
}

#[derive(Deserialize)]
struct Close {
    time: f64,
    close: Ended,
}

/// Whether the beginning of a file is that of a HAR file.
pub(crate) fn is_har(head: &[u8]) -> bool {
    let head = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head);
    let inside = head.trim_ascii_start().strip_prefix(b"{");
    inside.is_some_and(|inside| inside.trim_ascii_start().starts_with(b"\"log\""))
}

/// The events of all WebSockets in the file, in the order of their times.
///
/// # Errors
///
/// When it is no HAR file, or has no WebSocket.
pub(crate) fn import(path: &Path) -> Result<Vec<Event>, String> {
    let file = File::open(path).map_err(|error| fault(&error))?;
    let length = file.metadata().map_err(|error| fault(&error))?.len();
    if length > MAX_FILE {
        return Err(format!(
            "a HAR file may have {MAX_FILE} bytes, and this one has {length}"
        ));
    }
    events_of(BufReader::new(file.take(MAX_FILE)))
}

/// The same of what this reads.
pub(crate) fn events_of(mut reader: impl BufRead) -> Result<Vec<Event>, String> {
    skip_mark(&mut reader).map_err(|error| fault(&error))?;
    let har: Har = serde_json::from_reader(reader)
        .map_err(|error| format!("not a HAR file: {}", escape(&error.to_string())))?;
    let mut events = Vec::new();
    let sockets = har.log.entries.into_iter().filter(Entry::is_socket);
    for (id, entry) in (0..).zip(sockets) {
        entry.events(id, &mut events)?;
    }
    let Some(first) = events.iter().map(|event: &Event| event.time).min() else {
        return Err("the HAR file has no WebSocket".to_owned());
    };
    events.push(Event {
        time: first,
        id: None,
        name: None,
        what: What::start(),
    });
    // Stable: what one connection told stays in its order.
    events.sort_by_key(|event| (event.time, event.id.is_some()));
    Ok(events)
}

fn skip_mark(reader: &mut impl BufRead) -> std::io::Result<()> {
    if reader.fill_buf()?.starts_with(b"\xef\xbb\xbf") {
        reader.consume(3);
    }
    Ok(())
}

impl Entry {
    fn is_socket(&self) -> bool {
        let scheme = self.request.url.split(':').next().unwrap_or_default();
        matches!(scheme, "ws" | "wss") || self.kind == "websocket" || self.messages.is_some()
    }

    /// Adds what happened, each not before the one in front of it.
    fn events(self, id: u32, events: &mut Vec<Event>) -> Result<(), String> {
        let mut time = self.started_date_time;
        let mut add = |at: Timestamp, what| {
            time = time.max(at);
            events.push(Event {
                time,
                id: Some(id),
                name: None,
                what,
            });
        };
        let (uri, messages) = (self.uri(), self.messages.unwrap_or_default());
        let began = self.started_date_time;
        let headers = pairs(self.request.headers);
        add(
            began,
            What::Connect {
                uri: uri.clone(),
                headers,
            },
        );
        let took = self.timings.until_answer();
        let answered = began.checked_add(took).unwrap_or(began);
        let first = messages.first().and_then(|frame| moment(frame.time));
        let answered = first.map_or(answered, |first| answered.min(first));
        let is_open = self.response.status == 101 || !messages.is_empty();
        if !is_open {
            add(answered, What::Fail(Box::new(self.response.failed(uri))));
            return Ok(());
        }
        let opened = self.response.opened(uri, took);
        add(answered, What::Open(Box::new(opened)));
        for (number, frame) in (1..).zip(messages) {
            let at = moment(frame.time);
            let what = frame
                .message()
                .map_err(|why| format!("WebSocket {id}, message {number}: {why}"))?;
            if let Some(what) = what {
                add(at.unwrap_or(began), what);
            }
        }
        if let Some(Close { time, close }) = self.close {
            add(moment(time).unwrap_or(began), What::Close(Box::new(close)));
        }
        Ok(())
    }

    /// Some browsers write a WebSocket's URI as that of its HTTP request.
    fn uri(&self) -> String {
        let url = &self.request.url;
        match url.split_once("://") {
            Some(("http", rest)) => format!("ws://{rest}"),
            Some(("https", rest)) => format!("wss://{rest}"),
            _ => url.clone(),
        }
    }
}

impl Response {
    fn opened(self, uri: String, took: Duration) -> Opened {
        let headers = pairs(self.headers);
        let header = |wanted: &str| {
            let mut headers = headers.iter();
            let found = headers.find(|(name, _)| name.eq_ignore_ascii_case(wanted));
            found.map(|(_, value)| value.clone())
        };
        Opened {
            uri,
            seconds: took.as_secs_f64(),
            status: 101,
            peer: None,
            subprotocol: header("sec-websocket-protocol"),
            compression: header("sec-websocket-extensions"),
            tls: None,
            headers: headers
                .iter()
                .filter(|(name, _)| !HANDSHAKE.contains(&name.to_ascii_lowercase().as_str()))
                .cloned()
                .collect(),
        }
    }

    fn failed(self, uri: String) -> Failed {
        let error = match (self.error, self.status) {
            (Some(error), _) if !error.is_empty() => error,
            (_, 0) => "no answer".to_owned(),
            (_, status) => format!("HTTP {status} {}", self.status_text),
        };
        Failed {
            uri,
            stage: "http".to_owned(),
            error,
            remedy: None,
            exit_status: None,
            http: (self.status > 0).then(|| HttpAnswer {
                status: self.status,
                reason: self.status_text,
                headers: pairs(self.headers),
                body: None,
            }),
        }
    }
}

impl Timings {
    /// From the start to the answer.
    fn until_answer(&self) -> Duration {
        let parts = [self.blocked, self.dns, self.connect, self.send, self.wait];
        let millis: f64 = parts.into_iter().flatten().filter(|part| *part > 0.0).sum();
        Duration::try_from_secs_f64(millis / 1e3).unwrap_or_default()
    }
}

impl Frame {
    /// The message; `None` where it is none: a control frame, or what a browser says of an error.
    fn message(self) -> Result<Option<What>, String> {
        let direction = match self.kind.as_str() {
            "send" => Direction::Sent,
            "receive" => Direction::Received,
            _ => return Ok(None),
        };
        let message = if self.opcode == 1.0 {
            Message::from(self.data)
        } else if self.opcode == 2.0 {
            let bytes = STANDARD.decode(self.data);
            Message::from(bytes.map_err(|fault| format!("not base64: {fault}"))?)
        } else {
            return Ok(None);
        };
        Ok(Some(What::message(direction, message)))
    }
}

fn pairs(headers: Vec<Header>) -> Vec<(String, String)> {
    // HTTP/2 has headers that are none.
    let headers = headers
        .into_iter()
        .filter(|header| !header.name.starts_with(':'));
    headers
        .map(|Header { name, value }| (name, value))
        .collect()
}

/// The moment of a message: browsers write seconds since 1970, and programs that drive them milliseconds.
fn moment(time: f64) -> Option<Timestamp> {
    let seconds = if time < FIRST_MILLISECONDS {
        time
    } else {
        time / 1e3
    };
    let time = Duration::try_from_secs_f64(seconds).ok()?;
    Timestamp::try_from(std::time::UNIX_EPOCH.checked_add(time)?).ok()
}
