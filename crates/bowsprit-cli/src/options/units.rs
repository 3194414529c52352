//! Times and sizes as they are typed: a number and its unit.

use std::str::FromStr;
use std::time::Duration;

/// The longest time that can be asked for: a year.
const MAX: Duration = Duration::from_secs(365 * 24 * 3600);

/// What `off` comes to where there must be an end: ten years, which every clock can add.
const NEVER: Duration = Duration::from_secs(10 * 365 * 24 * 3600);

/// A time such as `10s`, or `off`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Time(Option<Duration>);

impl Time {
    /// The time; `None` where it is off.
    pub(crate) const fn get(self) -> Option<Duration> {
        self.0
    }

    /// The time, for timers that cannot be off.
    pub(crate) fn or_never(self) -> Duration {
        self.0.unwrap_or(NEVER)
    }
}

impl FromStr for Time {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const UNIT: &str = "a time needs its unit, as in 500ms, 10s or 2m; off for none";
        if text == "off" {
            return Ok(Self(None));
        }
        let (number, unit) = split(text);
        let seconds = match unit {
            "ms" => 0.001,
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3600.0,
            _ => return Err(UNIT),
        };
        let number: f64 = number.parse().map_err(|_| UNIT)?;
        let time = Duration::try_from_secs_f64(number * seconds).unwrap_or(NEVER);
        match time {
            Duration::ZERO => Err("a time must be over zero; off for none"),
            time if time > MAX => Err("a time is a year at most; off for none"),
            time => Ok(Self(Some(time))),
        }
    }
}

/// A number of bytes such as `64KiB`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Size(pub(crate) usize);

impl FromStr for Size {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const FORM: &str = "a size is a number of bytes, as in 1000, 64KiB or 1MiB";
        let (number, unit) = split(text);
        let factor = match unit.to_ascii_lowercase().as_str() {
            "" | "b" => 1,
            "kib" => 1 << 10,
            "mib" => 1 << 20,
            "gib" => 1 << 30,
            "kb" => 1_000,
            "mb" => 1_000_000,
            "gb" => 1_000_000_000,
            _ => return Err(FORM),
        };
        let number: usize = number.parse().map_err(|_| FORM)?;
        match number.checked_mul(factor) {
            Some(0) => Err("a size must be over zero"),
            Some(bytes) => Ok(Self(bytes)),
            None => Err("more bytes than there are addresses"),
        }
    }
}

/// The digits and what stands behind them.
fn split(text: &str) -> (&str, &str) {
    let end = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    text.split_at(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_a_time_with_its_unit() {
        for (text, millis) in [
            ("500ms", Some(500)),
            ("10s", Some(10_000)),
            ("1.5s", Some(1_500)),
            ("2m", Some(120_000)),
            ("1h", Some(3_600_000)),
            ("off", None),
        ] {
            let time: Time = text.parse().expect(text);
            assert_eq!(time.get(), millis.map(Duration::from_millis), "{text}");
        }
    }

    #[test]
    fn refuses_a_time_without_a_unit_and_one_that_is_none() {
        for text in [
            "10", "", "s", "10 s", "-1s", "1.2.3s", "10x", "1e3s", "OFF", ".",
        ] {
            let fault = Time::from_str(text).expect_err(text);
            assert!(fault.contains("unit"), "{text}: {fault}");
        }
        assert!(Time::from_str("0s").is_err_and(|fault| fault.contains("zero")));
        assert!(Time::from_str("0.0000000001ms").is_err_and(|fault| fault.contains("zero")));
        for text in ["9999h", "99999999999999999999999h"] {
            assert!(Time::from_str(text).is_err_and(|fault| fault.contains("year")));
        }
    }

    #[test]
    fn reads_a_size_with_or_without_a_unit() {
        for (text, bytes) in [
            ("1000", 1_000),
            ("7B", 7),
            ("64KiB", 65_536),
            ("1MiB", 1 << 20),
            ("1mib", 1 << 20),
            ("2GiB", 2 << 30),
            ("1kB", 1_000),
            ("3MB", 3_000_000),
        ] {
            assert_eq!(text.parse(), Ok(Size(bytes)), "{text}");
        }
        for text in [
            "",
            "KiB",
            "1.5MiB",
            "-1",
            "1K",
            "1 MiB",
            "0",
            "99999999999GiB",
        ] {
            assert!(Size::from_str(text).is_err(), "{text}");
        }
    }
}
