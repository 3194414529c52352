//! Durations for people; those of JSON are in `events::time`.

use std::time::Duration;

/// A duration for people: hundredths of a millisecond below one, whole ones from ten on.
pub(crate) fn milliseconds(duration: Duration) -> String {
    seconds(duration.as_secs_f64())
}

/// The same for a number of seconds.
pub(crate) fn seconds(seconds: f64) -> String {
    let millis = seconds * 1e3;
    let decimals = if millis < 1.0 {
        2
    } else {
        usize::from(millis < 10.0)
    };
    format!("{millis:.decimals$} ms")
}

/// A limit: whole seconds as such, all else as above.
pub(crate) fn limit(duration: Duration) -> String {
    if duration.subsec_nanos() == 0 {
        format!("{} s", duration.as_secs())
    } else {
        milliseconds(duration)
    }
}
