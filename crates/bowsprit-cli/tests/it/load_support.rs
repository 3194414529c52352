//! Runs `load` against a scripted server, and reads its figures.

use crate::support::{Outcome, Peer, run};

/// Runs `load` with these options, without a word while it runs.
pub(crate) fn load(options: &[&str], uri: &str) -> Outcome {
    run(&[&["load", "-q"], options, &[uri]].concat(), "")
}

/// The same, and its figures as JSON: a value by its path, `latency.p50_ms`.
pub(crate) fn figures(options: &[&str], uri: &str) -> (Outcome, Figures) {
    let outcome = load(&[options, &["--json", "-"]].concat(), uri);
    let json = serde_json::from_str(&outcome.stdout);
    let figures = Figures(json.unwrap_or_else(|error| panic!("{error}: {outcome:?}")));
    (outcome, figures)
}

#[derive(Debug)]
pub(crate) struct Figures(serde_json::Value);

impl Figures {
    /// The number at this path; arrays are taken by index. Keys here have no slash.
    pub(crate) fn number(&self, path: &str) -> f64 {
        let value = self.0.pointer(path).and_then(serde_json::Value::as_f64);
        value.unwrap_or_else(|| panic!("no number at {path} in {:#}", self.0))
    }

    /// How often this error was counted.
    pub(crate) fn errors(&self, name: &str) -> f64 {
        let kinds = self.0["error_kinds"].as_array().expect("a list");
        let kind = kinds.iter().find(|kind| kind["name"] == name);
        kind.map_or(0.0, |kind| kind["count"].as_f64().expect("a number"))
    }

    pub(crate) fn value(&self) -> &serde_json::Value {
        &self.0
    }
}

/// Sends each message back until the client closes, and answers its close.
pub(crate) fn echo(peer: &mut Peer) {
    while let Some((opcode, payload)) = peer.read() {
        match opcode {
            8 => return peer.frame(0x88, &payload),
            9 => peer.frame(0x8a, &payload),
            10 => {}
            _ => peer.frame(0x80 | opcode, &payload),
        }
    }
}
