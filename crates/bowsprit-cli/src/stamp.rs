//! The times that lines begin with.

use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::options::Timestamps;

/// What times are counted from: one for the whole program, whichever of its rooms writes a line, the log
/// included.
static ORIGINS: Mutex<Option<Origins>> = Mutex::new(None);

/// When things began.
#[derive(Clone, Copy, Debug)]
struct Origins {
    started: Timestamp,
    /// The time of the line before.
    last: Timestamp,
}

/// Whether lines begin with a time, and what it is counted from.
#[derive(Debug)]
pub(crate) struct Stamp {
    kind: Option<Timestamps>,
}

impl Stamp {
    pub(crate) fn new(kind: Option<Timestamps>) -> Self {
        // From here on time is counted, unless it is already.
        origins(|_| ());
        Self { kind }
    }

    pub(crate) const fn set(&mut self, kind: Option<Timestamps>) {
        self.kind = kind;
    }

    pub(crate) const fn kind(&self) -> Option<Timestamps> {
        self.kind
    }

    /// What to put in front of something that happens now, with a blank behind it.
    pub(crate) fn next_now(&self) -> String {
        match self.kind {
            None => String::new(),
            Some(_) => self.next(Timestamp::now()),
        }
    }

    /// What to put in front of a line of this time, with a blank behind it.
    pub(crate) fn next(&self, at: Timestamp) -> String {
        let before = origins(|origins| std::mem::replace(origins, origins.followed_by(at)));
        let since = |begin: Timestamp| at.duration_since(begin).as_secs_f64().max(0.0);
        match self.kind {
            None => String::new(),
            Some(Timestamps::Absolute) => {
                let here = at.to_zoned_datetime(TimeZone::system());
                here.strftime("%H:%M:%S%.3f ").to_string()
            }
            Some(Timestamps::Relative) => format!("{:9.3} ", since(before.started)),
            Some(Timestamps::Delta) => format!("+{:8.3} ", since(before.last)),
        }
    }
}

impl Origins {
    fn followed_by(self, at: Timestamp) -> Self {
        // What happened first may be written last.
        let last = self.last.max(at);
        Self { last, ..self }
    }
}

fn origins<T>(with: impl FnOnce(&mut Origins) -> T) -> T {
    let mut origins = ORIGINS.lock().unwrap_or_else(PoisonError::into_inner);
    with(origins.get_or_insert_with(|| {
        let now = Timestamp::now();
        Origins {
            started: now,
            last: now,
        }
    }))
}
