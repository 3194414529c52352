//! The commands that say what is shown, and how.

use std::fmt;

use clap::ValueEnum;
use regex::bytes::{Regex, RegexBuilder};

use super::ids::Ids;
use super::parse::{alone, field, ids, usage};
use super::words::closest;
use crate::options::{self, Bound, Color, Options, Timestamps, View};
use crate::printer::Setting;
use crate::printer::text::{escape, harmless};

/// What one of these lines asks for.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Command {
    /// Show the messages of these connections.
    Watch { ids: Ids },
    /// Show them no more.
    Mute { ids: Ids },
    /// Show those that match only; `None` for all.
    Filter { ids: Ids, filter: Option<Filter> },
    /// Print a message whole: the last one, unless its number is given.
    Message {
        ids: Ids,
        number: Option<u64>,
        view: Option<View>,
    },
    /// Print all settings, or one.
    Settings { of: Option<&'static str> },
    /// Change how things are printed.
    Set(Setting),
    /// Print no event lines, or print them again.
    Quiet(bool),
    /// Change an option of the connections that are made from now on.
    Default(Box<Options>),
}

/// The names that `set` knows, in the order that it prints.
pub(crate) const SETTINGS: [&str; 6] = ["timestamps", "view", "color", "fold", "flood", "quiet"];

/// Which messages are shown.
#[derive(Clone, Debug)]
pub(crate) struct Filter {
    /// As it was typed.
    text: String,
    pattern: Regex,
    is_negated: bool,
}

impl PartialEq for Filter {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Backslashes are those that were typed.
        f.write_str(&harmless(&self.text))
    }
}

impl Filter {
    /// Whether a message with this payload is shown.
    pub(crate) fn admits(&self, payload: &[u8]) -> bool {
        self.pattern.is_match(payload) != self.is_negated
    }

    /// Reads `text`, `/regular expression/`, or one of them behind `not`.
    fn parse(typed: &str) -> Result<Self, String> {
        let negated = typed.strip_prefix("not ");
        let pattern = negated.unwrap_or(typed);
        let inner = pattern
            .strip_prefix('/')
            .and_then(|rest| rest.strip_suffix('/'));
        let source = inner.map_or_else(|| regex::escape(pattern), str::to_owned);
        if source.is_empty() {
            return Err(usage("filter"));
        }
        let built = RegexBuilder::new(&source).build();
        Ok(Self {
            text: typed.to_owned(),
            pattern: built.map_err(|error| not_a_pattern(pattern, &error))?,
            is_negated: negated.is_some(),
        })
    }
}

fn not_a_pattern(pattern: &str, error: &regex::Error) -> String {
    let text = error.to_string();
    // The lines before it point at the place.
    let why = text.lines().last().unwrap_or_default();
    let why = why.trim_start_matches("error: ");
    format!(
        "Not a regular expression: {} ({})",
        harmless(pattern),
        escape(why)
    )
}

/// The command in a line that begins with this word.
pub(super) fn parse(word: &str, rest: &str) -> Result<Command, String> {
    match word {
        "watch" | "follow" => {
            let (ids, rest) = ids(word, rest)?;
            alone(word, rest.unwrap_or_default(), Command::Watch { ids })
        }
        "mute" => {
            let (ids, rest) = ids(word, rest)?;
            alone(word, rest.unwrap_or_default(), Command::Mute { ids })
        }
        "filter" => filter(rest),
        "message" => message(rest),
        _ => set(rest),
    }
}

fn filter(rest: &str) -> Result<Command, String> {
    let (ids, pattern) = ids("filter", rest)?;
    let pattern = pattern.map(str::trim).filter(|pattern| !pattern.is_empty());
    let filter = match pattern.ok_or_else(|| usage("filter"))? {
        "off" => None,
        pattern => Some(Filter::parse(pattern)?),
    };
    Ok(Command::Filter { ids, filter })
}

fn message(rest: &str) -> Result<Command, String> {
    let (ids, rest) = ids("message", rest)?;
    let mut words = rest.unwrap_or_default().split_ascii_whitespace().peekable();
    let number = words.next_if(|word| word.bytes().all(|byte| byte.is_ascii_digit()));
    let number = number.map(|digits| digits.parse().unwrap_or(u64::MAX));
    let view = words.next().map(|word| one_of("view", word)).transpose()?;
    match words.next() {
        None => Ok(Command::Message { ids, number, view }),
        Some(_) => Err(usage("message")),
    }
}

fn set(rest: &str) -> Result<Command, String> {
    let Some((name, rest)) = field(rest) else {
        return Ok(Command::Settings { of: None });
    };
    if let Some(options) = options::setting(name, rest.unwrap_or_default().trim()) {
        return Ok(Command::Default(Box::new(options?)));
    }
    let mut known = SETTINGS.into_iter();
    let name = known.find(|known| *known == name).ok_or_else(|| {
        let options = options::names();
        let options = || options.iter().map(|(name, _)| name.trim_start_matches('-'));
        let hint = match closest(name, || SETTINGS.into_iter().chain(options())) {
            Some(meant) => format!("did you mean {meant}?"),
            None => format!("expected {}, or an option of connect", SETTINGS.join(", ")),
        };
        format!("Nothing to set: {} ({hint})", escape(name))
    })?;
    let Some((value, rest)) = field(rest.unwrap_or_default()) else {
        return Ok(Command::Settings { of: Some(name) });
    };
    let command = match name {
        "quiet" => Command::Quiet(is_on(value)?),
        "timestamps" if value == "off" => Command::Set(Setting::Timestamps(None)),
        // As `-t` alone.
        "timestamps" if value == "on" => {
            Command::Set(Setting::Timestamps(Some(Timestamps::Absolute)))
        }
        "timestamps" => Command::Set(Setting::Timestamps(Some(one_of(name, value)?))),
        "view" => Command::Set(Setting::View(one_of(name, value)?)),
        "color" => Command::Set(Setting::Color(one_of(name, value)?)),
        "fold" => Command::Set(Setting::Fold(bound(name, value)?)),
        _ => Command::Set(Setting::Flood(bound(name, value)?)),
    };
    alone("set", rest.unwrap_or_default(), command)
}

fn is_on(value: &str) -> Result<bool, String> {
    match value {
        "on" => Ok(true),
        "off" => Ok(false),
        other => Err(format!(
            "Not a value of quiet: {} (expected on or off)",
            escape(other)
        )),
    }
}

fn bound(name: &str, value: &str) -> Result<Bound, String> {
    let bound = value.parse::<Bound>();
    bound.map_err(|expected| {
        format!(
            "Not a value of {name}: {} (expected {expected})",
            escape(value)
        )
    })
}

/// The value with this name, which is that of the option.
fn one_of<T: ValueEnum + 'static>(name: &str, value: &str) -> Result<T, String> {
    T::from_str(value, false).map_err(|_| {
        let names = values::<T>().collect::<Vec<_>>();
        let off = if name == "timestamps" {
            ", on, off"
        } else {
            ""
        };
        let names = names.join(", ");
        format!(
            "Not a value of {name}: {} (expected one of {names}{off})",
            escape(value)
        )
    })
}

/// The names of all values.
fn values<T: ValueEnum + 'static>() -> impl Iterator<Item = String> {
    let values = T::value_variants()
        .iter()
        .filter_map(ValueEnum::to_possible_value);
    values.map(|value| value.get_name().to_owned())
}

/// What may stand behind `set` and this name, for completion.
pub(crate) fn values_of(setting: &str) -> Vec<String> {
    let fixed = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    match setting {
        "timestamps" => {
            let words = ["on", "off"].map(str::to_owned);
            values::<Timestamps>().chain(words).collect()
        }
        "view" => values::<View>().collect(),
        "color" => values::<Color>().collect(),
        "fold" | "flood" => fixed(&["off"]),
        "quiet" => fixed(&["on", "off"]),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_is_to_be_set() {
        for (rest, command) in [
            ("", Command::Settings { of: None }),
            ("view", Command::Settings { of: Some("view") }),
            ("view hex", Command::Set(Setting::View(View::Hex))),
            ("timestamps off", Command::Set(Setting::Timestamps(None))),
            (
                "timestamps delta ",
                Command::Set(Setting::Timestamps(Some(Timestamps::Delta))),
            ),
            (
                "timestamps on",
                Command::Set(Setting::Timestamps(Some(Timestamps::Absolute))),
            ),
            ("fold off", Command::Set(Setting::Fold(Bound(None)))),
            ("flood 20", Command::Set(Setting::Flood(Bound(Some(20))))),
            ("quiet on", Command::Quiet(true)),
        ] {
            assert_eq!(parse("set", rest), Ok(command), "{rest}");
        }
        for (rest, answer) in [
            (
                "colour never",
                "Nothing to set: colour (did you mean color?)",
            ),
            (
                "open-timeot 3s",
                "Nothing to set: open-timeot (did you mean open-timeout?)",
            ),
            (
                "paper white",
                "Nothing to set: paper (expected timestamps, view, color, fold, flood, quiet, or an option of connect)",
            ),
            (
                "view loud",
                "Not a value of view: loud (expected one of auto, text, json, hex, base64, raw)",
            ),
            (
                "timestamps loud",
                "Not a value of timestamps: loud (expected one of absolute, relative, delta, on, off)",
            ),
            (
                "fold 0",
                "Not a value of fold: 0 (expected a number from 1 to 4294967295, or off)",
            ),
            ("view hex 2", "Usage: set [<name> [<value>]]"),
        ] {
            assert_eq!(parse("set", rest), Err(answer.to_owned()), "{rest}");
        }
    }

    #[test]
    fn reads_which_message_and_how() {
        let all = Ids::All;
        for (rest, number, view) in [
            ("all", None, None),
            ("all 17", Some(17), None),
            ("all hex", None, Some(View::Hex)),
            ("all 17 raw", Some(17), Some(View::Raw)),
            ("all 99999999999999999999", Some(u64::MAX), None),
        ] {
            let ids = all.clone();
            let expected = Command::Message { ids, number, view };
            assert_eq!(parse("message", rest), Ok(expected), "{rest}");
        }
        for rest in ["", "all 1 2", "all hex 2", "all 1 hex x"] {
            assert!(parse("message", rest).is_err(), "{rest}");
        }
    }

    #[test]
    fn admits_what_a_pattern_says() {
        for (pattern, text, is_shown) in [
            ("a.c", "xa.cx", true),
            ("a.c", "abc", false),
            ("/a.c/", "abc", true),
            ("not a.c", "abc", true),
            ("not /^beat$/", "beat", false),
            ("not", "not", true),
            ("two words", "two words here", true),
            ("/", "a/b", true),
        ] {
            let filter = Filter::parse(pattern).expect(pattern);
            assert_eq!(filter.admits(text.as_bytes()), is_shown, "{pattern} {text}");
        }
        assert!(
            Filter::parse("/\\xff/")
                .expect("a pattern")
                .admits(&[0xc3, 0xbf])
        );
        assert_eq!(
            Filter::parse("/(/").expect_err("no pattern"),
            "Not a regular expression: /(/ (unclosed group)"
        );
    }

    #[test]
    fn names_each_setting_and_its_values() {
        let display = crate::printer::Display::new(&Default::default(), false);
        let names = display.settings().map(|(name, _)| name);
        assert_eq!([&names[..], &["quiet"]].concat(), SETTINGS);
        assert!(SETTINGS.iter().all(|name| !values_of(name).is_empty()));
        for (name, value) in display.settings() {
            let line = format!("{name} {value}");
            assert!(matches!(parse("set", &line), Ok(Command::Set(_))), "{line}");
        }
    }
}
