//! The times that lines begin with.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::options::Timestamps;

/// What the time of each line is counted from.
#[derive(Debug)]
pub(crate) struct Stamp {
    kind: Option<Timestamps>,
    started: Timestamp,
    /// The time of the line before.
    last: Timestamp,
}

impl Stamp {
    pub(crate) fn new(kind: Option<Timestamps>) -> Self {
        let started = Timestamp::now();
        Self {
            kind,
            started,
            last: started,
        }
    }

    pub(crate) const fn set(&mut self, kind: Option<Timestamps>) {
        self.kind = kind;
    }

    pub(crate) const fn kind(&self) -> Option<Timestamps> {
        self.kind
    }

    /// What to put in front of something that happens now, with a blank behind it.
    pub(crate) fn next_now(&mut self) -> String {
        match self.kind {
            None => String::new(),
            Some(_) => self.next(Timestamp::now()),
        }
    }

    /// What to put in front of a line of this time, with a blank behind it.
    pub(crate) fn next(&mut self, at: Timestamp) -> String {
        let last = std::mem::replace(&mut self.last, at);
        let since = |begin: Timestamp| at.duration_since(begin).as_secs_f64().max(0.0);
        match self.kind {
            None => String::new(),
            Some(Timestamps::Absolute) => {
                let here = at.to_zoned_datetime(TimeZone::system());
                here.strftime("%H:%M:%S%.3f ").to_string()
            }
            Some(Timestamps::Relative) => format!("{:9.3} ", since(self.started)),
            Some(Timestamps::Delta) => format!("+{:8.3} ", since(last)),
        }
    }
}
