//! A connection for programs: what `list` and `show` tell as JSON.

use std::time::Instant;

use bowsprit::Closed;

use super::{Connection, Stage};
use crate::command::Name;
use crate::events::{
    CompressedBothWays, Ended, Event, Object, TlsFacts, Trips, What, mask, seconds,
};
use crate::history::Kept;
use crate::status::Status;

impl Connection {
    /// What is known of it, as an event.
    pub(crate) fn object(&self) -> What {
        let info = self.info.as_deref();
        let text = |text: Option<&str>| text.map(str::to_owned);
        let now = Instant::now();
        let (received, sent) = (&self.traffic.received, &self.traffic.sent);
        let is_open = matches!(self.stage, Stage::Open);
        let rate = |way| is_open.then(|| (self.traffic.rate(way, now) * 1e3).round() / 1e3);
        What::Connection(Box::new(Object {
            uri: mask::uri(&self.uri).into_owned(),
            status: self.state(),
            sent: sent.messages,
            sent_bytes: sent.bytes,
            received: received.messages,
            received_bytes: received.bytes,
            dropped: self.history.dropped().0,
            sent_rate: rate(sent),
            received_rate: rate(received),
            open_seconds: self.traffic.age(now).map(seconds),
            idle_seconds: self
                .traffic
                .idle(now)
                .filter(|_| !self.has_ended())
                .map(seconds),
            buffered_bytes: if self.has_ended() {
                0
            } else {
                self.handle.buffered_bytes()
            },
            peer: info.and_then(|info| info.peer().map(|peer| peer.to_string())),
            server: text(info.and_then(|info| info.response_header("server"))),
            subprotocol: info.and_then(|info| info.subprotocol().map(mask::subprotocols)),
            compression: info.and_then(|info| info.deflate().map(|params| params.to_string())),
            compressed_messages: self.handle.compression().map(CompressedBothWays::from),
            tls: info.and_then(|info| info.tls().map(TlsFacts::new)),
            round_trips: self.trips(),
            error: match &self.stage {
                Stage::Failed(failure) => Some(failure.detail.clone()),
                _ => None,
            },
            close: match &self.stage {
                Stage::Closed(closed) => Some(Ended::new(closed, None)),
                _ => None,
            },
        }))
    }

    /// This end of it as an event.
    pub(crate) fn ending(&self, closed: &Closed, status: Option<Status>) -> What {
        What::ended(closed, status).with_compression(self.handle.compression())
    }

    /// A message that is kept as the event that it was.
    pub(crate) fn event_of(&self, id: u32, kept: &Kept) -> Event {
        Event {
            time: kept.time,
            id: Some(id),
            name: self.name.as_ref().map(Name::as_str).map(str::to_owned),
            what: What::message(kept.direction, kept.message.clone()),
        }
    }

    fn trips(&self) -> Option<Trips> {
        let trips = self.handle.round_trips();
        Some(Trips {
            count: trips.count,
            last: seconds(trips.last?),
            mean: seconds(trips.mean?),
            worst: seconds(trips.worst?),
        })
    }
}
