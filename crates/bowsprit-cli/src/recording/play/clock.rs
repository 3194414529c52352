//! When something of a record is to happen: at its moment, faster, or as soon as its cause has.

use std::str::FromStr;
use std::time::{Duration, Instant};

use jiff::Timestamp;

/// How fast a record is played.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Speed {
    /// So many times as fast as it was.
    Times(f64),
    /// As fast as possible.
    Max,
}

impl FromStr for Speed {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const FORM: &str = "a speed is 1x, 2x, 0.5x (0.001x to 1000x), or max";
        if text == "max" {
            return Ok(Self::Max);
        }
        let number = text.strip_suffix('x').unwrap_or(text).parse().ok();
        let number = number.filter(|number| (0.001..=1000.0).contains(number));
        number.map(Self::Times).ok_or(FORM)
    }
}

/// Moments of a record as moments of now.
#[derive(Debug)]
pub(crate) struct Clock {
    speed: Speed,
    /// The longest pause of a record that is kept.
    longest: Duration,
    /// When the last event was, then and in the time that the pauses were cut to.
    last: Option<Timestamp>,
    elapsed: Duration,
    began: Instant,
    /// How many pauses were cut.
    pub(crate) cut: u64,
}

impl Clock {
    pub(crate) fn new(speed: Speed, longest: Duration) -> Self {
        Self {
            speed,
            longest,
            last: None,
            elapsed: Duration::ZERO,
            began: Instant::now(),
            cut: 0,
        }
    }

    /// Begins anew with the next event, as at the start of a session.
    pub(crate) fn restart(&mut self) {
        self.last = None;
        self.elapsed = Duration::ZERO;
        self.began = Instant::now();
    }

    /// When the next event of the record, which was at this time, is to happen.
    pub(crate) fn moment(&mut self, time: Timestamp) -> Instant {
        let pause = self.pause(time);
        self.elapsed += pause;
        self.began + self.elapsed
    }

    /// How long after the last event the next one is to happen. A time that goes backwards is none.
    pub(crate) fn pause(&mut self, time: Timestamp) -> Duration {
        let pause = self.last.map_or(Duration::ZERO, |last| between(last, time));
        self.last = Some(time);
        self.cut += u64::from(pause > self.longest && self.speed != Speed::Max);
        match self.speed {
            Speed::Max => Duration::ZERO,
            Speed::Times(factor) => pause.min(self.longest).div_f64(factor),
        }
    }
}

/// How long after another moment one was; nothing where it was before.
pub(crate) fn between(earlier: Timestamp, later: Timestamp) -> Duration {
    Duration::try_from(later.duration_since(earlier)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).expect("a moment")
    }

    #[test]
    fn keeps_pauses_scales_them_and_cuts_long_ones() {
        let mut clock = Clock::new(Speed::Times(2.0), Duration::from_secs(60));
        assert_eq!(clock.pause(at(100)), Duration::ZERO);
        assert_eq!(clock.pause(at(110)), Duration::from_secs(5));
        assert_eq!(clock.pause(at(90)), Duration::ZERO, "backwards");
        assert_eq!(
            clock.pause(at(100_000)),
            Duration::from_secs(30),
            "cut, then halved"
        );
        assert_eq!(clock.cut, 1);
        let mut clock = Clock::new(Speed::Max, Duration::from_secs(60));
        assert_eq!(
            clock.pause(at(0)) + clock.pause(at(100_000)),
            Duration::ZERO
        );
        assert_eq!(clock.cut, 0);
    }

    #[test]
    fn reads_a_speed() {
        for (text, speed) in [
            ("max", Ok(Speed::Max)),
            ("2x", Ok(Speed::Times(2.0))),
            ("0.5", Ok(Speed::Times(0.5))),
        ] {
            assert_eq!(text.parse(), speed);
        }
        for text in ["", "x", "0", "-1x", "nan", "inf", "2 x", "1e9x"] {
            assert!(Speed::from_str(text).is_err(), "{text}");
        }
    }
}
