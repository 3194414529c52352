//! When each send of an open loop is due, whatever the server does.

use std::time::Duration;

use super::units::{Phase, nanos};

/// Phases in a row; the sends of all connections lie on one grid.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Schedule {
    stretches: Vec<Stretch>,
}

/// One phase, and what lies before it.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Stretch {
    begin: f64,
    /// How many sends are due before it.
    before: f64,
    length: f64,
    from: f64,
    to: f64,
}

impl Stretch {
    fn count(&self) -> f64 {
        (self.from + self.to) / 2.0 * self.length
    }
}

impl Schedule {
    /// The phases one after the other, in front of them the first one's rate for the time of the warm-up.
    pub(super) fn new(warmup: Duration, phases: &[Phase]) -> Self {
        let warm = phases.first().map(|first| Phase {
            time: warmup,
            to: first.from,
            ..*first
        });
        let (mut begin, mut before) = (0.0, 0.0);
        let mut stretches = Vec::new();
        for phase in warm
            .iter()
            .filter(|warm| !warm.time.is_zero())
            .chain(phases)
        {
            let stretch = Stretch {
                begin,
                before,
                length: phase.time.as_secs_f64(),
                from: phase.from,
                to: phase.to,
            };
            begin += stretch.length;
            before += stretch.count();
            stretches.push(stretch);
        }
        Self { stretches }
    }

    /// When the send of this number is due, in nanoseconds from the beginning; `None` behind the last.
    pub(super) fn due(&self, number: u64) -> Option<u64> {
        let number = number as f64;
        let stretch = self
            .stretches
            .iter()
            .find(|stretch| number < stretch.before + stretch.count())?;
        let nth = (number - stretch.before).max(0.0);
        // The rate grows evenly, so the sends up to a moment are a parabola: its root, in the form that
        // needs no case of its own for a rate that stays.
        let growth = (stretch.to - stretch.from) / (2.0 * stretch.length);
        let root = (stretch.from * stretch.from + 4.0 * growth * nth)
            .max(0.0)
            .sqrt();
        let after = if nth > 0.0 {
            2.0 * nth / (stretch.from + root)
        } else {
            0.0
        };
        let due = Duration::try_from_secs_f64(stretch.begin + after).ok()?;
        Some(nanos(due))
    }

    /// The highest rate of all phases.
    pub(super) fn peak(&self) -> f64 {
        self.stretches
            .iter()
            .fold(0.0, |peak, stretch| peak.max(stretch.from).max(stretch.to))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn phase(seconds: u32, from: f64, to: f64) -> Phase {
        Phase {
            time: SECOND * seconds,
            from,
            to,
        }
    }

    #[test]
    fn a_steady_rate_is_an_even_grid() {
        let schedule = Schedule::new(Duration::ZERO, &[phase(2, 100.0, 100.0)]);
        assert_eq!(schedule.due(0), Some(0));
        assert_eq!(schedule.due(1), Some(10_000_000));
        assert_eq!(schedule.due(150), Some(1_500_000_000));
        assert_eq!(schedule.due(199), Some(1_990_000_000));
        assert_eq!(schedule.due(200), None);
    }

    #[test]
    fn the_warm_up_has_the_rate_of_the_first_phase() {
        let schedule = Schedule::new(SECOND, &[phase(1, 10.0, 20.0)]);
        assert_eq!(schedule.due(9), Some(900_000_000));
        assert_eq!(schedule.due(10), Some(1_000_000_000));
        assert_eq!(schedule.due(24), schedule.due(24));
        assert_eq!(schedule.due(25), None);
    }

    #[test]
    fn a_rising_rate_sends_as_many_as_its_mean_says() {
        let schedule = Schedule::new(Duration::ZERO, &[phase(10, 0.0, 100.0), phase(1, 0.0, 0.0)]);
        // A quarter of the sends in the first half of the time.
        assert_eq!(schedule.due(125), Some(5_000_000_000));
        assert!(schedule.due(499).is_some_and(|due| due < 10_000_000_000));
        assert_eq!(schedule.due(500), None, "a pause has no sends");
        let mut last = 0;
        for number in 0..500 {
            let due = schedule.due(number).expect("within the phase");
            assert!(due >= last);
            last = due;
        }
    }

    #[test]
    fn a_phase_follows_the_one_before() {
        let schedule = Schedule::new(
            Duration::ZERO,
            &[phase(1, 10.0, 10.0), phase(1, 100.0, 100.0)],
        );
        assert_eq!(schedule.due(9), Some(900_000_000));
        assert_eq!(schedule.due(10), Some(1_000_000_000));
        assert_eq!(schedule.due(60), Some(1_500_000_000));
        assert_eq!(schedule.peak(), 100.0);
    }
}
