//! The options that say how much there may be, and compression.

use std::str::FromStr;

use bowsprit::{Config, Deflate, Rate};
use clap::Args;

use super::units::Size;

/// What a peer may make this program hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Args)]
#[command(next_help_heading = "Limits (1000, 64KiB, 1MiB)")]
pub(crate) struct LimitOptions {
    /// The largest message to accept, inflated [default: 16MiB]
    #[arg(long, value_name = "SIZE")]
    max_message: Option<Size>,

    /// The largest frame to accept [default: none but the message's]
    #[arg(long, value_name = "SIZE")]
    max_frame: Option<Size>,

    /// The most that may wait to be sent on a connection [default: 1MiB]
    #[arg(long, value_name = "SIZE")]
    send_buffer: Option<Size>,

    /// The most frames that a message may come in [default: 131072]
    #[arg(long, value_name = "COUNT")]
    max_fragments: Option<usize>,

    /// The most messages a second, 50/s, and at once, 50/s,200 [default: no limit]
    #[arg(long, value_name = "RATE")]
    max_rate: Option<PerSecond>,

    /// The most messages to keep for show and save [default: 1000]
    #[arg(long, value_name = "COUNT")]
    keep_messages: Option<usize>,

    /// The most bytes of messages to keep for them [default: 1MiB]
    #[arg(long, value_name = "SIZE")]
    keep_bytes: Option<Size>,

    /// Compress messages (permessage-deflate) [default, but not of load]
    #[arg(long, overrides_with = "no_compress")]
    compress: bool,

    /// Do not compress messages
    #[arg(long, overrides_with = "compress")]
    no_compress: bool,
}

/// How much of what went over a connection is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Keep {
    pub(crate) messages: usize,
    /// Of payload. A larger message is kept alone.
    pub(crate) bytes: usize,
}

impl Default for Keep {
    fn default() -> Self {
        Self {
            messages: 1_000,
            bytes: 1 << 20,
        }
    }
}

impl LimitOptions {
    /// How many messages are kept.
    pub(super) fn keep(&self) -> Keep {
        let default = Keep::default();
        Keep {
            messages: self.keep_messages.unwrap_or(default.messages),
            bytes: self.keep_bytes.map_or(default.bytes, |Size(bytes)| bytes),
        }
    }

    /// These options, and of `defaults` those that they do not replace.
    pub(super) fn over(self, defaults: &Self) -> Self {
        Self {
            max_message: self.max_message.or(defaults.max_message),
            max_frame: self.max_frame.or(defaults.max_frame),
            send_buffer: self.send_buffer.or(defaults.send_buffer),
            max_fragments: self.max_fragments.or(defaults.max_fragments),
            max_rate: self.max_rate.or(defaults.max_rate),
            keep_messages: self.keep_messages.or(defaults.keep_messages),
            keep_bytes: self.keep_bytes.or(defaults.keep_bytes),
            compress: self.compress || defaults.compress && !self.no_compress,
            no_compress: self.no_compress || defaults.no_compress && !self.compress,
        }
    }

    pub(super) const fn asks_to_compress(&self) -> bool {
        self.compress
    }

    /// Compresses only where that was asked for.
    pub(super) const fn compress_only_when_asked(&mut self) {
        self.no_compress = !self.compress;
    }

    /// Sets all of it.
    ///
    /// # Errors
    ///
    /// When two options contradict each other.
    pub(crate) fn apply(&self, config: &mut Config) -> Result<(), String> {
        let limits = &mut config.limits;
        if let Some(Size(bytes)) = self.max_message {
            limits.message = bytes;
        }
        if let Some(Size(bytes)) = self.max_frame {
            if bytes > limits.message {
                return Err(format!(
                    "--max-frame is over the {} bytes of --max-message: no such frame could pass",
                    limits.message
                ));
            }
            limits.frame = bytes;
        }
        if let Some(Size(bytes)) = self.send_buffer {
            limits.send_buffer = bytes;
            // As the defaults have it: a waiting send goes on when a quarter is left.
            limits.send_high_water = bytes / 4;
            limits.send_low_water = bytes / 16;
        }
        if let Some(count) = self.max_fragments {
            limits.fragments = count;
        }
        if let Some(PerSecond(rate)) = self.max_rate {
            limits.rate = Some(rate);
        }
        if !self.no_compress {
            // Few connections, and each of them is to show what the server can do.
            config.deflate = Some(Deflate::dedicated());
        }
        Ok(())
    }
}

/// How many messages may come: a second, and behind a comma at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct PerSecond(Rate);

impl FromStr for PerSecond {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const FORM: &str =
            "a rate is messages a second, and how many at once, as in 50/s or 50/s,200";
        let (rate, burst) = match text.split_once(',') {
            Some((rate, burst)) => (rate, Some(burst)),
            None => (text, None),
        };
        let rate = rate.strip_suffix("/s").ok_or(FORM)?;
        let count = |text: &str| text.parse().ok().filter(|count| *count > 0).ok_or(FORM);
        Ok(Self(Rate {
            per_second: count(rate)?,
            burst: count(burst.unwrap_or(rate))?,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compressing(compress: bool, no_compress: bool) -> LimitOptions {
        LimitOptions {
            compress,
            no_compress,
            ..LimitOptions::default()
        }
    }

    #[test]
    fn lets_the_nearer_word_decide_about_compression() {
        let (yes, no, silent) = (
            compressing(true, false),
            compressing(false, true),
            LimitOptions::default(),
        );
        for (near, far, expected) in [
            (yes, no, yes),
            (no, yes, no),
            (silent, yes, yes),
            (silent, no, no),
            (silent, silent, silent),
        ] {
            assert_eq!(near.over(&far), expected, "{near:?} over {far:?}");
        }
    }

    #[test]
    fn reads_a_rate_with_or_without_a_burst() {
        for (text, per_second, burst) in [("50/s", 50, 50), ("50/s,200", 50, 200)] {
            assert_eq!(text.parse(), Ok(PerSecond(Rate { per_second, burst })));
        }
        for text in [
            "", "0/s", "50/s,0", "-1/s", "1.5/s", "50", "50/m", "50/s,", "/s",
        ] {
            assert!(PerSecond::from_str(text).is_err(), "{text}");
        }
    }
}
