//! Which connection of the record a client gets: by the path that it asks for, in their order.

use std::sync::{Mutex, PoisonError};

use bowsprit::{Accept, HttpRequest, Response};

use super::House;
use crate::events::{Failed, Opened, mask};
use crate::printer::text::excerpt;
use crate::recording::compare::Difference;
use crate::recording::tapes::{Tape, Tapes};

/// How much of a path is told.
const MAX_PATH: usize = 200;

/// Response headers that the server writes itself, or that belong to the old connection.
const NOT_REPEATED: [&str; 6] = [
    "connection",
    "upgrade",
    "date",
    "content-length",
    "transfer-encoding",
    "trailer",
];

/// The connections that can be served, and which were.
#[derive(Debug)]
pub(super) struct Choice {
    /// By tape; `None` where the record does not say what the server answered.
    served: Mutex<Vec<Option<bool>>>,
    is_once: bool,
    is_compressed: bool,
}

impl Choice {
    /// # Errors
    ///
    /// When there is nothing to serve.
    pub(super) fn new(tapes: &Tapes, wanted: &[u32], is_once: bool) -> Result<Self, String> {
        let served: Vec<Option<bool>> = tapes
            .all
            .iter()
            .map(|tape| {
                let is_answered = tape.opened.is_some() || refusal(tape).is_some();
                let is_wanted = wanted.is_empty() || wanted.contains(&tape.id);
                (is_answered && is_wanted).then_some(false)
            })
            .collect();
        if served.iter().all(Option::is_none) {
            return Err("no connection of the record can be served: none was answered".to_owned());
        }
        let mut openings = tapes.all.iter().filter_map(|tape| tape.opened.as_ref());
        Ok(Self {
            served: Mutex::new(served),
            is_once,
            is_compressed: openings.any(|(_, opened)| opened.compression.is_some()),
        })
    }

    pub(super) const fn is_compressed(&self) -> bool {
        self.is_compressed
    }

    /// Whether each connection was served, and that is enough.
    pub(super) fn is_exhausted(&self) -> bool {
        let served = self.served.lock().unwrap_or_else(PoisonError::into_inner);
        self.is_once && served.iter().flatten().all(|served| *served)
    }

    /// The next connection for this path; the first one again after the last.
    fn take(&self, tapes: &Tapes, target: &str) -> Option<usize> {
        let mut served = self.served.lock().unwrap_or_else(PoisonError::into_inner);
        let path = |target: &str| target.split('?').next().unwrap_or_default().to_owned();
        let asked = mask::uri(target);
        let known: Vec<usize> = (0..tapes.all.len())
            .filter(|index| served.get(*index).is_some_and(Option::is_some))
            .collect();
        let that = |fits: &dyn Fn(&str) -> bool| -> Vec<usize> {
            let fits = |index: &usize| {
                tapes
                    .all
                    .get(*index)
                    .is_some_and(|tape| fits(tape.target()))
            };
            known.iter().copied().filter(fits).collect()
        };
        let mut candidates = that(&|recorded| mask::uri(recorded) == asked);
        if candidates.is_empty() {
            candidates = that(&|recorded| path(recorded) == path(target));
        }
        let is_free = |index: &usize| served.get(*index) == Some(&Some(false));
        let mut free = candidates.iter().copied().find(is_free);
        if free.is_none() && !self.is_once {
            for index in &candidates {
                if let Some(place) = served.get_mut(*index) {
                    *place = Some(false);
                }
            }
            free = candidates.first().copied();
        }
        if let Some(place) = free.and_then(|index| served.get_mut(index)) {
            *place = Some(true);
        }
        free
    }
}

/// What the recorded server answered to such a request, and which connection that is of.
pub(super) fn answer(
    house: &House,
    request: &HttpRequest,
) -> (Option<usize>, Result<Accept, Response>) {
    let target = request.target();
    let Some(index) = house.choice.take(&house.tapes, target) else {
        let asked = excerpt(&mask::uri(target), MAX_PATH);
        house.note(&format!(
            "no connection of the record is left for {asked}: refused with 404"
        ));
        return (None, plain(404));
    };
    let Some(tape) = house.tapes.all.get(index) else {
        return (None, plain(500));
    };
    match (&tape.opened, refusal(tape)) {
        (Some((_, opened)), _) => (Some(index), accept(house, tape, opened, request)),
        (None, Some(failed)) => (Some(index), refuse(failed)),
        (None, None) => (None, plain(500)),
    }
}

fn accept(
    house: &House,
    tape: &Tape,
    opened: &Opened,
    request: &HttpRequest,
) -> Result<Accept, Response> {
    let mut accept = Accept::default();
    if let Some(name) = opened.subprotocol.as_deref() {
        // The record may hide a part of it.
        let is_recorded = |offered: &&str| *offered == name || mask::subprotocols(offered) == name;
        if let Some(offered) = request.subprotocols().find(is_recorded) {
            accept.subprotocol(offered)?;
        } else {
            let offered: Vec<&str> = request.subprotocols().collect();
            let offered = mask::subprotocols(&offered.join(", "));
            let difference = Difference::Fact {
                what: "subprotocol",
                recorded: name.to_owned(),
                now: match offered.is_empty() {
                    true => "none offered".to_owned(),
                    false => format!("offered {offered}"),
                },
            };
            house.report().difference(tape, &difference, &mut 0);
        }
    }
    for (name, value) in repeated(&opened.headers) {
        // What may not stand in this answer is the handshake's own.
        let _ = accept.header(name, value);
    }
    Ok(accept)
}

fn refuse(failed: &Failed) -> Result<Accept, Response> {
    let Some(answer) = &failed.http else {
        return plain(500);
    };
    let mut response = Response::plain(answer.status)?;
    for (name, value) in repeated(&answer.headers) {
        let _ = response.header(name, value);
    }
    Err(response)
}

/// The answer of a connection that was refused, where it can be given again.
fn refusal(tape: &Tape) -> Option<&Failed> {
    let failed = tape.failed.as_deref()?;
    let status = failed.http.as_ref()?.status;
    (200..=599).contains(&status).then_some(failed)
}

fn repeated(headers: &[(String, String)]) -> impl Iterator<Item = (&str, &str)> {
    let headers = headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()));
    headers.filter(|(name, value)| {
        let name = name.to_ascii_lowercase();
        let is_own = NOT_REPEATED.contains(&name.as_str()) || name.starts_with("sec-websocket-");
        !is_own && !mask::is_masked(value)
    })
}

fn plain(status: u16) -> Result<Accept, Response> {
    Err(Response::plain(status)?)
}
