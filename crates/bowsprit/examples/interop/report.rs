//! Reports: one JSON object a line on standard output.
#![expect(clippy::print_stdout, reason = "a program for other programs")]

use bowsprit::{Cause, CloseFrame, Closed, ConnectionInfo};
use serde_json::{Map, Value, json};

/// What this end saw of a connection.
#[derive(Default)]
pub(crate) struct Report(Map<String, Value>);

impl Report {
    pub(crate) fn event(name: &str, path: &str) -> Self {
        Self::default()
            .with("event", name.into())
            .with("path", path.into())
    }

    pub(crate) fn with(mut self, name: &str, value: Value) -> Self {
        self.0.insert(name.to_owned(), value);
        self
    }

    /// What the opening handshake settled.
    pub(crate) fn opening(self, info: &ConnectionInfo) -> Self {
        let deflate = info.deflate().map(|params| params.to_string());
        self.with("subprotocol", info.subprotocol().into())
            .with("deflate", deflate.into())
    }

    /// What came, and how it ended.
    pub(crate) fn closing(self, counts: &Counts, closed: &Closed) -> Self {
        self.with("messages", counts.messages.into())
            .with("bytes", counts.bytes.into())
            .with("received", close_frame(closed.remote.as_ref()))
            .with("sent", close_frame(closed.local.as_ref()))
            .with("fault", closed.cause.as_ref().map(Cause::to_string).into())
    }

    pub(crate) fn print(self) {
        println!("{}", Value::Object(self.0));
    }
}

fn close_frame(frame: Option<&CloseFrame>) -> Value {
    frame.map_or(Value::Null, |frame| json!([frame.code.0, &*frame.reason]))
}

/// The messages that came, and their bytes.
#[derive(Default)]
pub(crate) struct Counts {
    messages: usize,
    bytes: usize,
}

impl Counts {
    pub(crate) const fn add(&mut self, payload: &[u8]) {
        self.messages += 1;
        self.bytes += payload.len();
    }
}
