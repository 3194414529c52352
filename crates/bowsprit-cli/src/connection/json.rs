//! `show --json`: one object with all that is known of a connection.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{Connection, Stage, Way};
use crate::command::Name;
use crate::events::{Event, What};
use crate::history::Kept;

impl Connection {
    /// All of it in one line; of its messages the latest `last`.
    pub(crate) fn to_json(&self, id: u32, last: usize) -> String {
        let now = Instant::now();
        let seconds = |time: Option<Duration>| time.map(|time| time.as_secs_f64());
        let age = self.traffic.age(now);
        let trips = self.handle.round_trips();
        let (dropped, dropped_bytes) = self.history.dropped();
        let skipped = self.history.kept().count().saturating_sub(last);
        let kept = self.history.kept().skip(skipped);
        let messages: Vec<Event> = kept.map(|kept| self.event_of(id, kept)).collect();
        let way = |way: &Way| {
            json!({
                "messages": way.messages,
                "bytes": way.bytes,
                "per_second": age.map(|age| way.mean(age)),
                "per_second_now": self.traffic.rate(way, now),
            })
        };
        json!({
            "id": id,
            "name": self.name.as_ref().map(Name::as_str),
            "uri": &*self.uri,
            "state": self.state(),
            "opened": self.info.as_ref().map(|info| What::opened(info, Duration::ZERO)).map(bare),
            "ended": self.end().map(bare),
            "open_seconds": seconds(age),
            "idle_seconds": seconds(self.traffic.idle(now).filter(|_| !self.has_ended())),
            "received": way(&self.traffic.received),
            "sent": way(&self.traffic.sent),
            "round_trips": {
                "count": trips.count,
                "last": seconds(trips.last),
                "mean": seconds(trips.mean),
                "worst": seconds(trips.worst),
            },
            "buffered_bytes": if self.has_ended() { 0 } else { self.handle.buffered_bytes() },
            "dropped": { "messages": dropped, "bytes": dropped_bytes },
            "messages": messages,
        })
        .to_string()
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

    /// How it ended or why it did not open.
    fn end(&self) -> Option<What> {
        match &self.stage {
            Stage::Failed(failure) => Some(What::failed(&self.uri, failure)),
            Stage::Closed(closed) => Some(What::ended(closed, None)),
            _ => None,
        }
    }
}

/// What an event says besides that it happened. How long it took is not known any more.
fn bare(what: What) -> Value {
    let mut value = serde_json::to_value(what).unwrap_or_default();
    if let Some(fields) = value.as_object_mut() {
        fields.remove("event");
        fields.remove("seconds");
    }
    value
}
