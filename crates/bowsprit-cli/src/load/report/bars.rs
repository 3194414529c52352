//! A histogram in characters, for the report and while a run goes on.

use hdrhistogram::Histogram;

use super::{count, time};
use crate::load::series::millis;

/// How many characters the longest bar has, and how many are left for what stands around it.
const WIDTH: u8 = 40;
const AROUND: usize = 28;

/// A character in eighths, from one to all of them.
const EIGHTHS: [char; 8] = ['▏', '▎', '▍', '▌', '▋', '▊', '▉', '█'];

/// At most so many rows, over even steps of the logarithm: latencies spread over decades.
pub(in crate::load) fn bars(
    histogram: &Histogram<u64>,
    most_rows: usize,
    columns: usize,
) -> Vec<String> {
    if histogram.is_empty() {
        return Vec::new();
    }
    let rows = steps(histogram, most_rows);
    let width = u8::try_from(columns.saturating_sub(AROUND)).unwrap_or(WIDTH);
    let width = f64::from(width.clamp(1, WIDTH));
    let tallest = rows.iter().map(|(_, count)| *count).max().unwrap_or(0);
    let row = |(end, samples): &(u64, u64)| {
        let bar = bar(width * *samples as f64 / tallest.max(1) as f64);
        let (end, samples) = (time(millis(*end)), count(*samples as f64));
        format!("    ≤ {end:>8}  {bar}{samples}")
    };
    rows.iter().map(row).collect()
}

/// The end of each step, and how many samples are in it.
fn steps(histogram: &Histogram<u64>, most_rows: usize) -> Vec<(u64, u64)> {
    let (least, most) = (histogram.min().max(1), histogram.max().max(1));
    let step = (most as f64 / least as f64)
        .powf(1.0 / most_rows as f64)
        .max(1.05);
    let mut rows = Vec::new();
    let (mut from, mut to) = (0, least as f64);
    while from <= most && rows.len() < most_rows {
        to *= step;
        let end = if rows.len() + 1 == most_rows {
            u64::MAX
        } else {
            whole(to).max(from + 1)
        };
        rows.push((end.min(most), histogram.count_between(from, end - 1)));
        from = end;
    }
    rows
}

/// A bar of this length, and a blank; nothing for nothing, and for little not nothing.
fn bar(length: f64) -> String {
    if length <= 0.0 {
        return String::new();
    }
    let mut eighths = (length * 8.0).ceil();
    let mut bar = String::new();
    while eighths > 0.0 {
        let filled = EIGHTHS
            .iter()
            .zip(1_u8..)
            .take_while(|(_, n)| f64::from(*n) <= eighths);
        bar.extend(filled.last().map(|(c, _)| c));
        eighths -= 8.0;
    }
    bar.push(' ');
    bar
}

/// A time that was stretched, as a whole number again.
fn whole(nanos: f64) -> u64 {
    let seconds = std::time::Duration::try_from_secs_f64(nanos / 1e9);
    seconds.map_or(u64::MAX, crate::load::units::nanos)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::tally::histogram;

    #[test]
    fn every_sample_is_in_one_bar_and_gaps_are_shown() {
        let mut times = histogram();
        for (nanos, samples) in [(50_000, 800), (60_000, 100), (80_000_000, 1)] {
            times.record_n(nanos, samples).expect("in range");
        }
        let rows = steps(&times, 12);
        assert_eq!(rows.len(), 12);
        assert_eq!(rows.iter().map(|(_, samples)| samples).sum::<u64>(), 901);
        assert!(rows.is_sorted_by(|(one, _), (next, _)| one < next));
        let shown = bars(&times, 12, 80);
        let first = shown.first().expect("a row");
        assert!(
            first.ends_with(&format!("{} 900", "█".repeat(40))),
            "{first}"
        );
        assert!(shown.iter().any(|row| row.ends_with("  0")), "{shown:?}");
        let last = shown.last().expect("a row");
        assert!(last.contains(" ms  ▏ 1"), "{last}");
    }

    #[test]
    fn one_sample_is_one_bar_and_none_is_no_bar() {
        let mut times = histogram();
        assert!(bars(&times, 8, 80).is_empty());
        times.record(1_000_000).expect("in range");
        assert_eq!(bars(&times, 8, 80).len(), 1);
    }

    #[test]
    fn bars_are_shorter_on_a_narrow_terminal() {
        let mut times = histogram();
        times.record(1_000_000).expect("in range");
        for (columns, length) in [(200, 40), (58, 30), (20, 1)] {
            let rows = bars(&times, 8, columns);
            let length_seen = rows.iter().flat_map(|row| row.matches('█')).count();
            assert_eq!(length_seen, length, "{rows:?}");
        }
    }

    #[test]
    fn a_bar_is_as_long_as_its_part() {
        assert_eq!(bar(0.0), "");
        assert_eq!(bar(1e-9), "▏ ");
        assert_eq!(bar(3.0), "███ ");
        assert_eq!(bar(2.5), "██▌ ");
    }
}
