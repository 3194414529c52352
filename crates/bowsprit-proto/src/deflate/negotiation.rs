//! Offers of permessage-deflate, and the answers to them (RFC 7692 §5 and §7.1).

use alloc::{
    format,
    string::{String, ToString},
};
use core::{fmt, mem};

use super::{Deflate, DeflateParams, TOO_SMALL_TO_COMPRESS};
use crate::handshake::extensions::Extension;

/// The name of the extension.
pub(crate) const NAME: &str = "permessage-deflate";
const SERVER_NO_CONTEXT_TAKEOVER: &str = "server_no_context_takeover";
const CLIENT_NO_CONTEXT_TAKEOVER: &str = "client_no_context_takeover";
const SERVER_MAX_WINDOW_BITS: &str = "server_max_window_bits";
const CLIENT_MAX_WINDOW_BITS: &str = "client_max_window_bits";

/// Without a limit.
const MAX_BITS: u8 = 15;

/// The parameters of one offer or answer, each of which was there at most once and well-formed.
#[derive(Clone, Copy, Debug, Default)]
struct Parameters {
    server_no_context_takeover: bool,
    client_no_context_takeover: bool,
    server_max_window_bits: Option<u8>,
    /// In an offer it may come without a value: the client could keep to any limit.
    client_max_window_bits: Option<Option<u8>>,
}

impl Parameters {
    /// `None` where a parameter is unknown, doubled or has a value that it may not have.
    fn read(extension: &Extension<'_>) -> Option<Self> {
        let mut read = Self::default();
        for (name, value) in &extension.parameters {
            let is_first = match (*name, value) {
                (SERVER_NO_CONTEXT_TAKEOVER, None) => {
                    !mem::replace(&mut read.server_no_context_takeover, true)
                }
                (CLIENT_NO_CONTEXT_TAKEOVER, None) => {
                    !mem::replace(&mut read.client_no_context_takeover, true)
                }
                (SERVER_MAX_WINDOW_BITS, Some(value)) => {
                    let bits = window_bits(value)?;
                    read.server_max_window_bits.replace(bits).is_none()
                }
                (CLIENT_MAX_WINDOW_BITS, value) => {
                    let bits = match value {
                        Some(value) => Some(window_bits(value)?),
                        None => None,
                    };
                    read.client_max_window_bits.replace(bits).is_none()
                }
                _ => return None,
            };
            if !is_first {
                return None;
            }
        }
        Some(read)
    }
}

/// §7.1.2: a decimal number from 8 to 15 without leading zeros.
fn window_bits(value: &str) -> Option<u8> {
    let bits = value.parse().ok()?;
    ((8..=MAX_BITS).contains(&bits) && !value.starts_with(['0', '+'])).then_some(bits)
}

/// What a client with these settings sends, its first choice first.
pub(crate) fn offer(settings: &Deflate) -> String {
    let settings = settings.clamped();
    let first = DeflateParams {
        server_no_context_takeover: !settings.server_context_takeover,
        client_no_context_takeover: !settings.client_context_takeover,
        server_max_window_bits: settings.server_max_window_bits,
        // Written below: in an offer it says more when it has no value.
        client_max_window_bits: MAX_BITS,
    };
    let client_bits = |bits: u8| match bits {
        MAX_BITS => format!("; {CLIENT_MAX_WINDOW_BITS}"),
        bits => format!("; {CLIENT_MAX_WINDOW_BITS}={bits}"),
    };
    let bits = settings.client_max_window_bits;
    if settings.fallback && has_conditions(&settings) {
        let (first_bits, second_bits) = (client_bits(bits), client_bits(MAX_BITS));
        format!("{first}{first_bits}, {NAME}{second_bits}")
    } else {
        format!("{first}{}", client_bits(bits))
    }
}

/// What a client with these settings makes of the server's answer; `None` where it must fail the
/// connection (§5.1, §7.1).
pub(crate) fn accept(settings: &Deflate, answer: &Extension<'_>) -> Option<DeflateParams> {
    let settings = settings.clamped();
    let answer = Parameters::read(answer)?;
    let server_bits = answer.server_max_window_bits.unwrap_or(MAX_BITS);
    let client_bits = match answer.client_max_window_bits {
        // §7.1.2.2: in an answer it needs a value.
        Some(None) => return None,
        Some(Some(bits)) => bits,
        None => MAX_BITS,
    };
    let meets_first_choice = (settings.server_context_takeover
        || answer.server_no_context_takeover)
        && server_bits <= settings.server_max_window_bits;
    if !meets_first_choice && !settings.fallback {
        return None;
    }
    Some(DeflateParams {
        server_no_context_takeover: answer.server_no_context_takeover,
        // Whoever compresses may always do with less than the other side would take.
        client_no_context_takeover: answer.client_no_context_takeover
            || !settings.client_context_takeover,
        server_max_window_bits: server_bits,
        client_max_window_bits: client_bits.min(settings.client_max_window_bits),
    })
}

/// What a server with these settings agrees to of the offers, and the header that says so. `None`
/// declines them all: the connection is open without compression (§5.1).
pub(crate) fn answer<'a>(
    settings: &Deflate,
    offers: impl IntoIterator<Item = Extension<'a>>,
) -> Option<(DeflateParams, String)> {
    let settings = settings.clamped();
    let mut offers = offers.into_iter().filter(|offer| offer.name == NAME);
    offers.find_map(|offer| answer_one(&settings, Parameters::read(&offer)?))
}

fn answer_one(settings: &Deflate, offer: Parameters) -> Option<(DeflateParams, String)> {
    if offer.server_max_window_bits == Some(TOO_SMALL_TO_COMPRESS) {
        return None;
    }
    let server_bits = offer.server_max_window_bits.unwrap_or(MAX_BITS);
    // §7.1.2.2: who did not offer to limit the window cannot be told to.
    let client_bits = offer.client_max_window_bits.map_or(MAX_BITS, |offered| {
        let offered = offered.unwrap_or(MAX_BITS);
        offered.min(settings.client_max_window_bits)
    });
    let agreed = DeflateParams {
        server_no_context_takeover: offer.server_no_context_takeover
            || !settings.server_context_takeover,
        client_no_context_takeover: offer.client_no_context_takeover
            || !settings.client_context_takeover
            // A client that cannot be told to keep to our window can be told to do without.
            || client_bits > settings.client_max_window_bits,
        server_max_window_bits: server_bits.min(settings.server_max_window_bits),
        client_max_window_bits: client_bits,
    };
    let mut header = agreed.to_string();
    // §7.1.2.1: an offered limit is accepted by an answer that names one, be it the largest.
    if offer.server_max_window_bits.is_some() && agreed.server_max_window_bits == MAX_BITS {
        header.push_str(&format!("; {SERVER_MAX_WINDOW_BITS}={MAX_BITS}"));
    }
    Some((agreed, header))
}

/// As in the header of an answer.
impl fmt::Display for DeflateParams {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(NAME)?;
        if self.server_no_context_takeover {
            write!(f, "; {SERVER_NO_CONTEXT_TAKEOVER}")?;
        }
        if self.client_no_context_takeover {
            write!(f, "; {CLIENT_NO_CONTEXT_TAKEOVER}")?;
        }
        if self.server_max_window_bits < MAX_BITS {
            write!(
                f,
                "; {SERVER_MAX_WINDOW_BITS}={}",
                self.server_max_window_bits
            )?;
        }
        if self.client_max_window_bits < MAX_BITS {
            write!(
                f,
                "; {CLIENT_MAX_WINDOW_BITS}={}",
                self.client_max_window_bits
            )?;
        }
        Ok(())
    }
}

/// Whether a server that knows the extension may still have to decline.
const fn has_conditions(settings: &Deflate) -> bool {
    !settings.server_context_takeover
        || settings.server_max_window_bits < MAX_BITS
        || settings.client_max_window_bits < MAX_BITS
}
