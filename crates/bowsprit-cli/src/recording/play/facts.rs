//! How a connection opened and ended, next to how it did in the record.

use std::collections::BTreeSet;

use bowsprit::Closed;

use super::live::Stage;
use crate::connection::{messages, party};
use crate::events::{Ended, Opened, Party, What, mask};
use crate::network::Failure;
use crate::recording::compare::Difference;
use crate::recording::tapes::Tape;

const NONE: &str = "none";

/// What the opening settled, where it is something else now.
pub(super) fn opening(recorded: &Opened, now: &What) -> Vec<Difference> {
    let What::Open(now) = now else {
        return Vec::new();
    };
    let text = |value: &Option<String>| value.clone().unwrap_or_else(|| NONE.to_owned());
    let mut found = Vec::new();
    // A browser's file has what events hide.
    let subprotocol = recorded.subprotocol.as_deref().map(mask::subprotocols);
    if subprotocol != now.subprotocol {
        let (old, new) = (text(&subprotocol), text(&now.subprotocol));
        found.push(fact("subprotocol", old, new));
    }
    let (old, new) = (&recorded.compression, &now.compression);
    if old.as_deref().map(parameters) != new.as_deref().map(parameters) {
        found.push(fact("compression", text(old), text(new)));
    }
    found
}

/// The parameters of an extension without order, case, and the window that is the default (RFC 7692 §7.1.2).
fn parameters(extension: &str) -> BTreeSet<String> {
    let parameters = extension
        .split(';')
        .map(|part| part.trim().to_ascii_lowercase());
    parameters
        .filter(|part| !part.ends_with("_bits=15"))
        .collect()
}

/// That a connection opened which had failed, or failed in another way, or for the first time.
pub(super) fn outcome(tape: &Tape, stage: &Stage) -> Option<Difference> {
    const OPENING: &str = "opening";
    let recorded = match (&tape.opened, &tape.failed) {
        (None, Some(failed)) => Some(failed),
        (None, None) => return None,
        (Some(_), _) => None,
    };
    match (recorded, stage) {
        (None, Stage::Failed(failure)) => Some(fact(OPENING, "open".to_owned(), why(failure))),
        (Some(failed), Stage::Failed(failure)) => {
            let status = failed.http.as_ref().map(|answer| answer.status);
            let now = failure.answer.as_ref().map(|answer| answer.status);
            let is_same =
                status == now && failed.exit_status == failure.status.map(|status| status as u8);
            (!is_same).then(|| fact(OPENING, failed.error.clone(), why(failure)))
        }
        (Some(failed), Stage::Open(_) | Stage::Ended(_)) => {
            Some(fact(OPENING, failed.error.clone(), "open".to_owned()))
        }
        _ => None,
    }
}

fn why(failure: &Failure) -> String {
    failure.detail.clone()
}

/// That a connection ended in another way.
pub(super) fn end(recorded: &Ended, now: Option<&Closed>) -> Option<Difference> {
    let told = |code: u16, reason: &str, by: Option<&str>| {
        let reason = match reason {
            "" => String::new(),
            reason => format!(" \"{reason}\""),
        };
        let by = by.map_or_else(String::new, |by| format!(" by {by}"));
        match code {
            1006 => format!("dropped without a close frame{by}"),
            code => format!("close code {code}{reason}{by}"),
        }
    };
    let by = recorded.initiator.map(|party| match party {
        Party::Local => "this side",
        Party::Remote => "peer",
    });
    let recorded = told(recorded.code, &recorded.reason, by);
    let now = now.map_or_else(
        || "still open".to_owned(),
        |closed| {
            let by = closed.initiator.map(party);
            told(closed.remote_code().0, closed.remote_reason(), by)
        },
    );
    (recorded != now).then(|| fact("end", recorded, now))
}

/// That messages of the record could not be sent.
pub(super) fn unsent(count: u64, recorded: u64) -> Difference {
    let now = recorded.saturating_sub(count);
    fact("sent", messages(recorded), messages(now))
}

const fn fact(what: &'static str, recorded: String, now: String) -> Difference {
    Difference::Fact {
        what,
        recorded,
        now,
    }
}
