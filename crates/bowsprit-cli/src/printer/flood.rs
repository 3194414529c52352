//! More messages than a person can read: some of each second are shown, the others are counted.

use std::time::{Duration, Instant};

/// How long a limit counts for.
const SPAN: Duration = Duration::from_secs(1);

/// What was shown of the current second.
#[derive(Debug, Default)]
pub(super) struct Flood {
    began: Option<Instant>,
    shown: u32,
    hidden: u64,
}

impl Flood {
    /// Whether a message that comes now is to be shown; counts it, either way.
    pub(super) fn admits(&mut self, limit: Option<u32>, now: Instant) -> bool {
        if self.began.is_none_or(|began| now >= began + SPAN) {
            self.began = Some(now);
            self.shown = 0;
        }
        let is_shown = limit.is_none_or(|limit| self.shown < limit);
        if is_shown {
            self.shown = self.shown.saturating_add(1);
        } else {
            self.hidden += 1;
        }
        is_shown
    }

    /// When what was not shown is to be told.
    pub(super) fn deadline(&self) -> Option<Instant> {
        let began = self.began.filter(|_| self.hidden > 0)?;
        Some(began + SPAN)
    }

    /// How much was not shown; told before the next line, or when the second is over.
    pub(super) const fn take_hidden(&mut self) -> u64 {
        std::mem::replace(&mut self.hidden, 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_so_many_a_second_and_counts_the_others() {
        let mut flood = Flood::default();
        let start = Instant::now();
        let shown = (0..1_000).filter(|_| flood.admits(Some(10), start)).count();
        assert_eq!(shown, 10);
        assert_eq!(flood.deadline(), Some(start + SPAN));
        assert!(flood.admits(Some(10), start + SPAN));
        assert_eq!(flood.take_hidden(), 990);
        assert_eq!((flood.take_hidden(), flood.deadline()), (0, None));
    }

    #[test]
    fn shows_all_without_a_limit() {
        let mut flood = Flood::default();
        assert!((0..1_000).all(|_| flood.admits(None, Instant::now())));
        assert_eq!(flood.deadline(), None);
    }
}
