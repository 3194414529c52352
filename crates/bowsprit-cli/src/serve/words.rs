//! Values of `serve` as they are typed: shares, rates, spans of time, counts.

use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::Duration;

use crate::options::units::{Size, Time};

/// How many of a hundred.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Percent(f64);

impl Percent {
    /// Whether it is over zero.
    pub(super) const fn is_any(self) -> bool {
        self.0 > 0.0
    }

    /// The same as a number from 0 to 1.
    pub(super) const fn share(self) -> f64 {
        self.0 / 100.0
    }
}

impl FromStr for Percent {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const FORM: &str = "a share is from 0% to 100%, as in 5% or 0.5%";
        let number: f64 = text
            .strip_suffix('%')
            .and_then(|number| number.parse().ok())
            .ok_or(FORM)?;
        if (0.0..=100.0).contains(&number) {
            Ok(Self(number))
        } else {
            Err(FORM)
        }
    }
}

/// Bytes a second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rate(pub(super) usize);

impl FromStr for Rate {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let size = text.strip_suffix("/s");
        let size = size.ok_or("bytes a second are as in 500/s, 10KiB/s or 1MB/s")?;
        size.parse().map(|Size(bytes)| Self(bytes))
    }
}

/// A time, or one by chance between two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    from: Duration,
    to: Duration,
}

impl Span {
    /// Whether chance has a say.
    pub(super) const fn is_range(self) -> bool {
        self.from.as_nanos() != self.to.as_nanos()
    }

    /// Both ends.
    pub(super) const fn range(self) -> RangeInclusive<Duration> {
        self.from..=self.to
    }
}

impl FromStr for Span {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let time = |text: &str| match text {
            "0" | "0s" | "0ms" => Ok(Duration::ZERO),
            text => text
                .parse()
                .map(|time: Time| time.get().unwrap_or_default()),
        };
        let (from, to) = match text.split_once("..") {
            Some((from, to)) => (time(from)?, time(to)?),
            None => (time(text)?, time(text)?),
        };
        if from > to {
            return Err("the first time is over the second");
        }
        Ok(Self { from, to })
    }
}

/// A number of messages, or a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum After {
    Messages(u64),
    Time(Duration),
}

impl FromStr for After {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
            let count = text.parse().map_err(|_| "too many messages")?;
            return Ok(Self::Messages(count));
        }
        let time: Time = text
            .parse()
            .map_err(|_| "a number of messages, as in 3, or a time, as in 5s")?;
        time.get().map(Self::Time).ok_or("leave it out for never")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_shares_rates_and_spans() {
        assert_eq!("0.5%".parse(), Ok(Percent(0.5)));
        assert_eq!("10KiB/s".parse(), Ok(Rate(10_240)));
        let span: Span = "10ms..1s".parse().expect("a span");
        assert!(span.is_range());
        assert!(!"10ms".parse::<Span>().expect("a time").is_range());
        for text in ["1s..10ms", "1s..", "..1s", "1..2", ""] {
            Span::from_str(text).expect_err(text);
        }
        for text in ["10", "0/s", "x/s", "/s"] {
            Rate::from_str(text).expect_err(text);
        }
    }

    #[test]
    fn tells_a_count_from_a_time() {
        assert_eq!("3".parse(), Ok(After::Messages(3)));
        assert_eq!("3s".parse(), Ok(After::Time(Duration::from_secs(3))));
        for text in ["", "x", "off", "-1", "99999999999999999999999"] {
            After::from_str(text).expect_err(text);
        }
    }
}
