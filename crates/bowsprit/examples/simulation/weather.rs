//! What a seed makes of the network and of the settings.

use std::time::Duration;

use bowsprit::{Config, Deflate, KeepAlive};
use rand::{RngExt, rngs::SmallRng};

use crate::network::{Fault, Weather};

/// What is simulated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// All that there is.
    All,
    /// A network that moves one byte at a time and never fails, and ends that drop their futures.
    Trickle,
}

pub(crate) fn any_fault(random: &mut SmallRng) -> Fault {
    [Fault::Reset, Fault::HalfClose, Fault::Silence][random.random_range(0..3)]
}

/// The weather of a direction through which about so many bytes go.
pub(crate) fn any_weather(random: &mut SmallRng, bytes: u64, mode: Mode) -> Weather {
    let fault = (random.random_range(0..6) == 0).then(|| {
        let at = match random.random_range(0..3) {
            // In the opening handshake, or soon after it.
            0 => random.random_range(0..500),
            _ => random.random_range(0..bytes.max(2)),
        };
        (any_fault(random), at)
    });
    let delay = random.random_range(0..100_000) / random.random_range(1..100);
    let trickles = mode == Mode::Trickle;
    Weather {
        delay: Duration::from_micros(if trickles { 0 } else { delay }),
        piece: match mode {
            Mode::All => {
                [7, 100, 1_500, 16_000, 16_000, 200_000, 200_000][random.random_range(0..7)]
            }
            Mode::Trickle => 1,
        },
        capacity: [900, 20_000, 300_000][random.random_range(0..3)],
        hesitates: [0, 3, 50][random.random_range(0..3)],
        stalls: if trickles {
            0
        } else {
            [0, 0, 400, 4_000][random.random_range(0..4)]
        },
        fault: fault.filter(|_| !trickles),
    }
}

pub(crate) fn any_config(random: &mut SmallRng, mode: Mode) -> Config {
    let mut config = Config::client();
    let compresses = random.random_range(0..4) == 0;
    if compresses && mode == Mode::All {
        config.deflate = Some(if random.random_bool(0.5) {
            Deflate::shared()
        } else {
            Deflate::dedicated()
        });
    }
    config.streaming = random.random_range(0..4) == 0;
    if random.random_range(0..4) == 0 {
        config.limits.send_high_water = 8 << 10;
        config.limits.send_low_water = 2 << 10;
        config.limits.send_buffer = 100 << 10;
    }
    config.keepalive = match random.random_range(0..3) {
        0 => Some(KeepAlive {
            interval: Duration::from_millis(random.random_range(500..5_000)),
            timeout: Duration::from_secs(8),
        }),
        _ => config.keepalive,
    };
    config
}
