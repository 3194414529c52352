//! A record as HAR 1.2, with WebSockets as Chromium writes them; messages are streamed through.

use std::fs::{File, OpenOptions};
use std::io::{BufWriter, Write};
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bowsprit::Message;
use jiff::Timestamp;
use serde::ser::{Error as _, SerializeStruct as _};
use serde::{Serialize, Serializer};
use serde_json::{Value, json};

use crate::events::{Direction, Event, What, mask};
use crate::printer::text::{escape, fault};
use crate::recording::play::clock::between;
use crate::recording::tapes::{Tape, Tapes};

/// Writes the record to a new file, in the format that its name asks for. Secrets are masked.
///
/// # Errors
///
/// When the file is there already or cannot be written, or has another ending.
pub(crate) fn export(tapes: &Tapes, path: &Path) -> Result<(), String> {
    let failed = |why: &str| {
        let path = path.display().to_string();
        format!("cannot write {}: {why}", escape(&path))
    };
    let ending = path.extension().and_then(|ending| ending.to_str());
    let write: fn(&Tapes, &mut BufWriter<File>) -> _ = match ending {
        Some("har") => write_har,
        Some("jsonl") => write_lines,
        _ => return Err(failed("its name must end in .har or .jsonl")),
    };
    let file = create(path).map_err(|error| failed(&fault(&error)))?;
    let mut stream = BufWriter::new(file);
    let written = write(tapes, &mut stream);
    let written = written.and_then(|()| stream.flush().map_err(|error| fault(&error)));
    written.map_err(|why| {
        // Half a file is none. If it cannot be removed, the fault is told all the same.
        let _ = std::fs::remove_file(path);
        failed(&why)
    })
}

fn create(path: &Path) -> std::io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    options.open(path)
}

fn write_lines(tapes: &Tapes, stream: &mut BufWriter<File>) -> Result<(), String> {
    let mut lines = tapes.record.lines()?;
    while let Some(line) = lines.next()? {
        let Ok(event) = line.event else { continue };
        let text = masked(event).to_json();
        stream
            .write_all(text.as_bytes())
            .map_err(|error| fault(&error))?;
    }
    Ok(())
}

/// The event without secrets: those of a browser's file are still there.
fn masked(mut event: Event) -> Event {
    let headers = |headers: &mut Vec<(String, String)>| {
        for header in headers {
            *header = mask::header((&header.0, &header.1));
        }
    };
    let uri = |uri: &mut String| *uri = mask::uri(uri).into_owned();
    match &mut event.what {
        What::Connect {
            uri: place,
            headers: all,
        } => {
            uri(place);
            headers(all);
        }
        What::Open(opened) => {
            uri(&mut opened.uri);
            headers(&mut opened.headers);
            opened.subprotocol = opened.subprotocol.as_deref().map(mask::subprotocols);
        }
        What::Fail(failed) => {
            uri(&mut failed.uri);
            let answer = failed.http.as_mut();
            answer
                .into_iter()
                .for_each(|answer| headers(&mut answer.headers));
        }
        _ => {}
    }
    event
}

pub(crate) fn write_har(tapes: &Tapes, stream: &mut impl Write) -> Result<(), String> {
    let har = Har { tapes };
    serde_json::to_writer_pretty(stream, &har).map_err(|error| fault(&error.into()))
}

struct Har<'a> {
    tapes: &'a Tapes,
}

impl Serialize for Har<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut har = serializer.serialize_struct("Har", 1)?;
        har.serialize_field("log", &Log { tapes: self.tapes })?;
        har.end()
    }
}

struct Log<'a> {
    tapes: &'a Tapes,
}

impl Serialize for Log<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut log = serializer.serialize_struct("Log", 4)?;
        log.serialize_field("version", "1.2")?;
        let creator = json!({ "name": "bowsprit", "version": env!("CARGO_PKG_VERSION") });
        log.serialize_field("creator", &creator)?;
        log.serialize_field("pages", &json!([]))?;
        log.serialize_field("entries", &Entries { tapes: self.tapes })?;
        log.end()
    }
}

struct Entries<'a> {
    tapes: &'a Tapes,
}

impl Serialize for Entries<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let entry = |tape| Entry {
            tapes: self.tapes,
            tape,
        };
        serializer.collect_seq(self.tapes.all.iter().map(entry))
    }
}

struct Entry<'a> {
    tapes: &'a Tapes,
    tape: &'a Tape,
}

impl Serialize for Entry<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let tape = self.tape;
        let opening = tape
            .opened
            .as_ref()
            .map(|(time, _)| between(tape.started, *time));
        let wait = opening.map_or(0.0, |time| time.as_secs_f64() * 1e3);
        let opened = tape.opened.as_ref().map_or(tape.started, |(time, _)| *time);
        let closed = tape.closed.as_ref().map_or(opened, |(time, _)| *time);
        let receive = between(opened, closed).as_secs_f64() * 1e3;
        let mut entry = serializer.serialize_struct("Entry", 12)?;
        entry.serialize_field("_connectionId", &tape.label)?;
        entry.serialize_field("_resourceType", "websocket")?;
        entry.serialize_field("startedDateTime", &format!("{:.3}", tape.started))?;
        entry.serialize_field("time", &(wait + receive))?;
        entry.serialize_field("request", &request(tape))?;
        entry.serialize_field("response", &response(tape))?;
        entry.serialize_field("cache", &json!({}))?;
        let timings = json!({
            "blocked": -1, "dns": -1, "ssl": -1, "connect": -1, "send": 0, "wait": wait, "receive": receive,
        });
        entry.serialize_field("timings", &timings)?;
        let peer = tape
            .opened
            .as_ref()
            .and_then(|(_, opened)| opened.peer.as_ref());
        if let Some(peer) = peer.and_then(|peer| peer.rsplit_once(':')) {
            let address = peer.0.trim_start_matches('[').trim_end_matches(']');
            entry.serialize_field("serverIPAddress", address)?;
        }
        if tape.opened.is_some() {
            let messages = Messages {
                tapes: self.tapes,
                tape,
            };
            entry.serialize_field("_webSocketMessages", &messages)?;
        }
        if let Some((time, ended)) = &tape.closed {
            let close = json!({ "time": seconds(*time), "close": ended });
            entry.serialize_field("_webSocketClose", &close)?;
        }
        entry.end()
    }
}

/// The messages of one connection, read again from the record.
struct Messages<'a> {
    tapes: &'a Tapes,
    tape: &'a Tape,
}

impl Serialize for Messages<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut lines = self.tapes.lines_of(self.tape);
        let mut fault = None;
        let messages = std::iter::from_fn(|| {
            loop {
                let line = match lines
                    .as_mut()
                    .map_err(|why| why.clone())
                    .and_then(|lines| lines.next())
                {
                    Ok(line) => line.filter(|line| line.number <= self.tape.last)?,
                    Err(why) => {
                        fault = Some(why);
                        return None;
                    }
                };
                let event = line
                    .event
                    .ok()
                    .filter(|event| event.id == Some(self.tape.id));
                if let Some(message) = event.and_then(|event| message(event.time, &event.what)) {
                    return Some(message);
                }
            }
        });
        let done = serializer.collect_seq(messages)?;
        match fault {
            None => Ok(done),
            Some(why) => Err(S::Error::custom(why)),
        }
    }
}

fn message(time: Timestamp, what: &What) -> Option<Value> {
    let What::Message {
        direction, payload, ..
    } = what
    else {
        return None;
    };
    let kind = match direction {
        Direction::Sent => "send",
        Direction::Received => "receive",
    };
    let (opcode, data) = match payload.message() {
        Message::Text(text) => (1, text.to_string()),
        Message::Binary(data) => (2, STANDARD.encode(data)),
    };
    Some(json!({ "type": kind, "time": seconds(time), "opcode": opcode, "data": data }))
}

fn seconds(time: Timestamp) -> f64 {
    time.as_duration().as_secs_f64()
}

fn request(tape: &Tape) -> Value {
    let url = mask::uri(&tape.uri);
    let query = url
        .split_once('?')
        .map_or("", |(_, query)| query)
        .to_owned();
    let parameters: Vec<Value> = query
        .split('&')
        .filter(|parameter| !parameter.is_empty())
        .map(|parameter| parameter.split_once('=').unwrap_or((parameter, "")))
        .map(|(name, value)| json!({ "name": name, "value": value }))
        .collect();
    // Every handshake has these; its key was not recorded.
    let host = url.split('/').nth(2).unwrap_or_default();
    let host = host.split('?').next().unwrap_or_default();
    let own = [
        ("Host", host),
        ("Upgrade", "websocket"),
        ("Connection", "Upgrade"),
        ("Sec-WebSocket-Version", "13"),
    ];
    let headers = with(&own, &tape.headers);
    json!({
        "method": "GET",
        "url": url,
        "httpVersion": "HTTP/1.1",
        "cookies": cookies(&headers, "cookie", ';'),
        "headers": objects(&headers),
        "queryString": parameters,
        "headersSize": -1,
        "bodySize": 0,
    })
}

fn response(tape: &Tape) -> Value {
    let answer = tape.failed.as_ref().and_then(|failed| failed.http.as_ref());
    let own = [("Upgrade", "websocket"), ("Connection", "Upgrade")];
    let (status, reason, headers) = match (&tape.opened, answer) {
        (Some((_, opened)), _) => (101, "Switching Protocols", with(&own, &opened.headers)),
        (None, Some(answer)) => (
            answer.status,
            answer.reason.as_str(),
            with(&[], &answer.headers),
        ),
        (None, None) => (0, "", Vec::new()),
    };
    let redirect = headers
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case("location"));
    let error = tape.failed.as_ref().map(|failed| failed.error.as_str());
    json!({
        "status": status,
        "statusText": reason,
        "httpVersion": "HTTP/1.1",
        "cookies": cookies(&headers, "set-cookie", '\n'),
        "headers": objects(&headers),
        "content": { "size": 0, "mimeType": "x-unknown" },
        "redirectURL": redirect.map_or("", |(_, value)| value.as_str()),
        "headersSize": -1,
        "bodySize": -1,
        "_transferSize": 0,
        "_error": error,
    })
}

/// The recorded headers, masked, and those of `own` that are not among them in front.
fn with(own: &[(&str, &str)], recorded: &[(String, String)]) -> Vec<(String, String)> {
    let recorded = recorded.iter();
    let recorded: Vec<_> = recorded
        .map(|(name, value)| mask::header((name, value)))
        .collect();
    let is_known = |name: &str| {
        let mut recorded = recorded.iter();
        recorded.any(|(known, _)| known.eq_ignore_ascii_case(name))
    };
    let mut headers: Vec<(String, String)> = own
        .iter()
        .filter(|(name, value)| !is_known(name) && !value.is_empty())
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    headers.extend(recorded);
    headers
}

fn objects(headers: &[(String, String)]) -> Value {
    let object = |(name, value): &(String, String)| json!({ "name": name, "value": value });
    headers.iter().map(object).collect()
}

/// The cookies of all headers of this name; the first pair of each part is one.
fn cookies(headers: &[(String, String)], header: &str, separator: char) -> Value {
    headers
        .iter()
        .filter(|(name, _)| name.eq_ignore_ascii_case(header))
        .flat_map(|(_, value)| value.split(separator))
        .filter_map(|part| part.split(';').next()?.trim().split_once('='))
        .map(|(name, value)| json!({ "name": name, "value": value }))
        .collect()
}
