//! Rates, sizes and phases as they are typed, in the words of k6 and Artillery.

use std::str::FromStr;
use std::time::Duration;

use crate::options::units::{Size, Time};

/// The highest rate that can be asked for; the clock's nanoseconds could not tell more apart.
const MAX_RATE: f64 = 100_000_000.0;

/// How often a second: `100/s`, `0.5/s`, `6000/m`, or `100`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct PerSecond(pub(super) f64);

impl FromStr for PerSecond {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const FORM: &str = "a rate is a number a second, as in 100/s, 0.5/s or 6000/m";
        let (number, factor) = match text.split_once('/') {
            None | Some((_, "s")) => (text.trim_end_matches("/s"), 1.0),
            Some((number, "m")) => (number, 1.0 / 60.0),
            Some(_) => return Err(FORM),
        };
        if !number
            .bytes()
            .all(|byte| byte.is_ascii_digit() || byte == b'.')
        {
            return Err(FORM);
        }
        let rate = number.parse::<f64>().map_err(|_| FORM)? * factor;
        match rate {
            rate if rate <= 0.0 => Err("a rate must be over zero"),
            rate if rate > MAX_RATE => Err("a rate is 100000000/s at most"),
            rate => Ok(Self(rate)),
        }
    }
}

/// How connections are spread over time: so many a second, or all within a time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Ramp {
    Rate(f64),
    Over(Duration),
}

impl FromStr for Ramp {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const FORM: &str = "a ramp is a rate of connections, 100/s, or the time for all, 10s";
        if let (true, Ok(PerSecond(rate))) = (text.contains('/'), text.parse()) {
            return Ok(Self::Rate(rate));
        }
        let time: Time = text.parse().map_err(|_| FORM)?;
        time.get().map(Self::Over).ok_or(FORM)
    }
}

/// One size, or a range of which each message takes one: `125`, `1KiB..64KiB`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sizes {
    pub(super) least: usize,
    pub(super) most: usize,
}

impl FromStr for Sizes {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let size = |text: &str| match text {
            "0" => Ok(0),
            text => text.parse().map(|Size(bytes)| bytes),
        };
        let (least, most) = match text.split_once("..") {
            Some((least, most)) => (size(least)?, size(most)?),
            None => (size(text)?, size(text)?),
        };
        if least > most {
            return Err("a range begins with its smallest size, as in 1KiB..64KiB");
        }
        Ok(Self { least, most })
    }
}

/// A stretch of time and its rate: `10s:100/s`, or from one to another, `10s:100..500/s`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Phase {
    pub(super) time: Duration,
    pub(super) from: f64,
    pub(super) to: f64,
}

impl FromStr for Phase {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const FORM: &str = "a phase is a time and a rate, as in 10s:100/s or 10s:100..500/s";
        let (time, rate) = text.split_once(':').ok_or(FORM)?;
        let time: Time = time.parse().map_err(|_| FORM)?;
        let time = time.get().ok_or(FORM)?;
        let rate = rate.strip_suffix("/s").unwrap_or(rate);
        let (from, to) = rate.split_once("..").unwrap_or((rate, rate));
        let number = |text: &str| match text {
            "0" => Ok(0.0),
            text => text.parse().map(|PerSecond(rate)| rate).map_err(|_| FORM),
        };
        Ok(Self {
            time,
            from: number(from)?,
            to: number(to)?,
        })
    }
}

/// Nanoseconds, as far as 64 bits reach: 584 years.
pub(super) fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_rates_sizes_ramps_and_phases() {
        for (text, rate) in [("100/s", 100.0), ("0.5/s", 0.5), ("60/m", 1.0), ("7", 7.0)] {
            assert_eq!(text.parse(), Ok(PerSecond(rate)), "{text}");
        }
        let sizes = |least, most| Ok(Sizes { least, most });
        assert_eq!("125".parse(), sizes(125, 125));
        assert_eq!("0..1KiB".parse(), sizes(0, 1024));
        assert_eq!("100/s".parse(), Ok(Ramp::Rate(100.0)));
        assert_eq!("10s".parse(), Ok(Ramp::Over(Duration::from_secs(10))));
        let time = Duration::from_secs(10);
        let phase = |from, to| Ok(Phase { time, from, to });
        assert_eq!("10s:100/s".parse(), phase(100.0, 100.0));
        assert_eq!("10s:0..500/s".parse(), phase(0.0, 500.0));
    }

    #[test]
    fn refuses_what_is_none() {
        for text in ["", "0", "-1/s", "1/h", "x", "1e9/s", "inf", "NaN", "1//s"] {
            assert!(PerSecond::from_str(text).is_err(), "{text}");
        }
        for text in ["", "2..1", "1..", "x", "1...2"] {
            assert!(Sizes::from_str(text).is_err(), "{text}");
        }
        for text in ["", "10", "off", "10/h"] {
            assert!(Ramp::from_str(text).is_err(), "{text}");
        }
        for text in ["", "10s", "10:100/s", "off:1/s", "10s:x", "10s:1..2..3/s"] {
            assert!(Phase::from_str(text).is_err(), "{text}");
        }
    }
}
