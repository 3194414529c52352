//! What the command line, the environment and the configuration file say, the former over the latter.

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

use clap::error::ContextKind;
use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Command};
use toml::Value;

use super::config::Config;
use crate::args::{sentence, uri};

/// What an environment variable begins with; the option's name follows, in upper case.
const PREFIX: &str = "BOWSPRIT_";

/// Options that only a command line has a use for.
pub(super) const IS_FOR_THE_COMMAND_LINE: [&str; 4] = ["help", "help-all", "version", "config"];

/// Forms that print what is always the same.
const IS_INDEPENDENT: [&str; 2] = ["completions", "man"];

/// Options that replace each other, besides those of which clap knows: who gives one of them wants none
/// of the others from below.
const RIVALS: [&[&str]; 5] = [
    &["auth", "bearer"],
    &["ipv4", "ipv6"],
    &["insecure", "ca", "only-ca"],
    &["binary", "text"],
    &["compress", "no-compress"],
];

/// Options that mean nothing without another, and may be configured for when that one is given.
const NEEDS: [(&str, &str); 3] = [
    ("record-limit", "record"),
    ("exec-format", "exec"),
    ("exec-shell", "exec"),
];

/// What begins the name of a profile, where a URI may stand.
pub(super) const PROFILE: char = '@';

/// What was typed, with what is configured in front of it.
///
/// # Errors
///
/// When the configuration is wrong; the text says where.
pub(crate) fn add(
    definition: &mut Command,
    matches: ArgMatches,
    typed: Vec<OsString>,
) -> Result<ArgMatches, String> {
    let (form, of_form) = match matches.subcommand() {
        None => (None, &matches),
        Some((name, matches)) => (Some(name), matches),
    };
    if form.is_some_and(|form| IS_INDEPENDENT.contains(&form)) {
        return Ok(matches);
    }
    let asked = of_form.get_one::<PathBuf>("config").cloned();
    let config = Config::read(asked, definition)?;
    let uri = place_of_uri(definition, of_form, &typed);

    let command = form
        .and_then(|form| definition.find_subcommand(form))
        .unwrap_or(definition);
    let mut layers = Layers::new(definition, command, of_form);
    layers.put_all(config.options(None))?;
    if let Some(form) = form {
        layers.put_own(config.options(Some(form)))?;
    }
    let mut whole = typed;
    let mut is_changed = false;
    if let Some(word) = uri.and_then(|at| whole.get_mut(at))
        && let Some(text) = word.to_str()
    {
        let meant = if let Some(named) = text.strip_prefix(PROFILE) {
            let profile = config.profile(named)?;
            layers.put_all(profile.options())?;
            Some(profile.uri)
        } else {
            uri::lengthen(text)
        };
        match meant {
            Some(meant) => {
                *word = meant.into();
                is_changed = true;
            }
            None if form.is_some() => uri::check_scheme(text)?,
            None => {}
        }
    }
    layers.put_environment()?;
    let added = layers.words();
    if added.is_empty() && !is_changed {
        return Ok(matches);
    }
    let from_environment = layers.from_environment;
    let at = whole.len().min(if form.is_some() { 2 } else { 1 });
    whole.splice(at..at, added);
    definition
        .try_get_matches_from_mut(&whole)
        .map_err(|fault| {
            let place = match &config.name {
                _ if from_environment.contains(&key_of(&fault)) => "the environment",
                name if name.is_empty() => "the environment",
                name => name,
            };
            format!("configured in {place}: {}", sentence(&fault))
        })
}

/// The name of the option that a fault is about.
fn key_of(fault: &clap::Error) -> String {
    let argument = fault.get(ContextKind::InvalidArg).map(ToString::to_string);
    let argument = argument.unwrap_or_default();
    let name = argument.trim_start_matches("--").split([' ', '=', '[']);
    name.take(1).collect()
}

/// Which of the words is the URI. Messages and values may be the same, and are not to be touched.
fn place_of_uri(
    definition: &mut Command,
    of_form: &ArgMatches,
    typed: &[OsString],
) -> Option<usize> {
    let uri = uri_of(of_form)?;
    let is_same = |at: &usize| typed.get(*at) == Some(&uri);
    let mut places = (1..typed.len()).filter(is_same);
    let first = places.next()?;
    let mut rest = places.peekable();
    if rest.peek().is_none() {
        return Some(first);
    }
    std::iter::once(first).chain(rest).find(|at| {
        let mut tried = typed.to_vec();
        let Some(word) = tried.get_mut(*at) else {
            return false;
        };
        word.push("-");
        let meant = word.clone();
        let matches = definition.try_get_matches_from_mut(&tried);
        matches.is_ok_and(|matches| {
            let of_form = matches
                .subcommand()
                .map_or(&matches, |(_, matches)| matches);
            uri_of(of_form) == Some(meant)
        })
    })
}

/// The word that stands where a URI is expected.
fn uri_of(matches: &ArgMatches) -> Option<OsString> {
    let last = |id| matches.try_get_raw(id).ok().flatten()?.next_back();
    ["uri", "words"]
        .into_iter()
        .find_map(last)
        .map(OsStr::to_owned)
}

/// The options that are configured, each with the words that say so.
pub(super) struct Layers<'a> {
    /// The program's options, for which is configured what is for all forms.
    general: &'a Command,
    command: &'a Command,
    typed: &'a ArgMatches,
    words: BTreeMap<String, Vec<String>>,
    from_environment: BTreeSet<String>,
}

impl<'a> Layers<'a> {
    pub(super) const fn new(
        general: &'a Command,
        command: &'a Command,
        typed: &'a ArgMatches,
    ) -> Self {
        Self {
            general,
            command,
            typed,
            words: BTreeMap::new(),
            from_environment: BTreeSet::new(),
        }
    }

    /// The option of this name, if it has an effect in this form.
    fn option(&self, key: &str) -> Option<&'a Arg> {
        let option = find(self.command, key)?;
        let is_configurable = !option.is_hide_set() && !IS_FOR_THE_COMMAND_LINE.contains(&key);
        is_configurable.then_some(option)
    }

    /// The same, unless the form has another option under the name: the headers of `serve` go to
    /// clients, and none that is meant for a server may get there.
    fn general_option(&self, key: &str) -> Option<&'a Arg> {
        let option = self.option(key)?;
        let Some(general) = find(self.general, key) else {
            return Some(option);
        };
        let is_same_value = option.get_help_heading() == general.get_help_heading()
            && option.get_value_names() == general.get_value_names();
        let is_same =
            takes_value(option) == takes_value(general) && (!takes_value(option) || is_same_value);
        is_same.then_some(option)
    }

    /// The environment variable that sets this option in every form that has it.
    pub(super) fn variable(&self, key: &str) -> Option<String> {
        let option = self.general_option(key);
        option.map(|_| format!("{PREFIX}{}", key.to_uppercase().replace('-', "_")))
    }

    /// The names of the options that exclude this one.
    fn rivals(&self, key: &str) -> Vec<&'a str> {
        let listed = RIVALS.iter().filter(|rivals| rivals.contains(&key));
        let mut rivals: Vec<&str> = listed.flat_map(|rivals| rivals.iter().copied()).collect();
        let conflicts = |option: &Arg| self.command.get_arg_conflicts_with(option);
        let Some(option) = self.option(key) else {
            return rivals;
        };
        rivals.extend(conflicts(option).into_iter().filter_map(Arg::get_long));
        let others = self.command.get_arguments();
        let others = others.filter(|other| conflicts(other).contains(&option));
        rivals.extend(others.filter_map(Arg::get_long));
        for group in self.command.get_groups() {
            let has = |arg: &Arg| group.get_args().any(|id| id == arg.get_id());
            if has(option) && !group.clone().is_multiple() {
                let members = self.command.get_arguments().filter(|arg| has(arg));
                rivals.extend(members.filter_map(Arg::get_long));
            }
        }
        rivals.retain(|rival| *rival != key);
        rivals
    }

    fn is_typed(&self, key: &str) -> bool {
        self.option(key).is_some_and(|option| {
            let id = option.get_id().as_str();
            self.typed.value_source(id) == Some(ValueSource::CommandLine)
        })
    }

    /// Lays a layer for all forms over those before it. What this form has no use for is left out.
    pub(super) fn put_all<'v>(
        &mut self,
        entries: impl Iterator<Item = (&'v str, &'v Value)>,
    ) -> Result<(), String> {
        let entries =
            entries.filter_map(|(key, value)| Some((self.general_option(key)?, key, value)));
        self.put(layer(entries)?);
        Ok(())
    }

    /// The same of a layer that is for this form.
    fn put_own<'v>(
        &mut self,
        entries: impl Iterator<Item = (&'v str, &'v Value)>,
    ) -> Result<(), String> {
        let entries = entries.filter_map(|(key, value)| Some((self.option(key)?, key, value)));
        self.put(layer(entries)?);
        Ok(())
    }

    fn put_environment(&mut self) -> Result<(), String> {
        let mut layer = BTreeMap::new();
        for option in self.command.get_arguments() {
            let Some(key) = option.get_long() else {
                continue;
            };
            let Some(name) = self.variable(key) else {
                continue;
            };
            let Some(value) = env::var_os(&name) else {
                continue;
            };
            let value = value
                .to_str()
                .ok_or_else(|| format!("{name} is not UTF-8"))?;
            let value = if takes_value(option) {
                Value::String(value.to_owned())
            } else if let (ArgAction::Count, Ok(count)) = (option.get_action(), value.parse()) {
                Value::Integer(count)
            } else {
                flag(value).ok_or_else(|| format!("{name} is neither true nor false"))?
            };
            layer.insert(key.to_owned(), words(option, key, &value)?);
        }
        self.from_environment.extend(layer.keys().cloned());
        self.put(layer);
        Ok(())
    }

    fn put(&mut self, layer: BTreeMap<String, Vec<String>>) {
        let rivals: Vec<&str> = layer.keys().flat_map(|key| self.rivals(key)).collect();
        self.words
            .retain(|below, _| layer.contains_key(below) || !rivals.contains(&below.as_str()));
        for (key, words) in layer {
            let is_list = self.option(&key).is_some_and(is_list);
            let below = self.words.entry(key).or_default();
            if !is_list {
                below.clear();
            }
            below.extend(words);
        }
    }

    /// What is left when the command line has had its say: one value replaces the other, lists are
    /// added to.
    pub(super) fn words(&self) -> Vec<OsString> {
        let is_displaced = |key: &str| {
            let replaces = self.is_typed(key) && !self.option(key).is_some_and(is_list);
            replaces || self.rivals(key).iter().any(|rival| self.is_typed(rival))
        };
        let is_given = |key: &str| self.is_typed(key) || self.words.contains_key(key);
        let is_idle = |key: &str| {
            NEEDS
                .iter()
                .any(|(one, other)| *one == key && !is_given(other))
        };
        let kept = self.words.iter();
        let kept = kept.filter(|(key, _)| !is_displaced(key) && !is_idle(key));
        kept.flat_map(|(_, words)| words)
            .map(OsString::from)
            .collect()
    }
}

fn find<'a>(command: &'a Command, key: &str) -> Option<&'a Arg> {
    command
        .get_arguments()
        .find(|arg| arg.get_long() == Some(key))
}

/// The words of each entry.
fn layer<'a, 'v>(
    entries: impl Iterator<Item = (&'a Arg, &'v str, &'v Value)>,
) -> Result<BTreeMap<String, Vec<String>>, String> {
    let entry = |(option, key, value)| Ok((String::from(key), words(option, key, value)?));
    entries.map(entry).collect()
}

fn is_list(option: &Arg) -> bool {
    matches!(option.get_action(), ArgAction::Append)
}

fn takes_value(option: &Arg) -> bool {
    matches!(option.get_action(), ArgAction::Set | ArgAction::Append)
}

fn flag(text: &str) -> Option<Value> {
    match text.to_ascii_lowercase().as_str() {
        "1" | "true" | "yes" | "on" => Some(Value::Boolean(true)),
        "" | "0" | "false" | "no" | "off" => Some(Value::Boolean(false)),
        _ => None,
    }
}

/// The words of the command line that say the same as the value.
fn words(option: &Arg, key: &str, value: &Value) -> Result<Vec<String>, String> {
    let one = |value: &Value| match value {
        Value::String(text) => Ok(format!("--{key}={text}")),
        Value::Integer(number) => Ok(format!("--{key}={number}")),
        Value::Float(number) => Ok(format!("--{key}={number}")),
        _ => Err(format!("{key} is neither text nor a number")),
    };
    let may_lack_value = option
        .get_num_args()
        .is_some_and(|count| count.min_values() == 0);
    match (option.get_action(), value) {
        (ArgAction::SetTrue, Value::Boolean(is_on)) => {
            Ok(is_on.then(|| format!("--{key}")).into_iter().collect())
        }
        (ArgAction::SetTrue, _) => Err(format!("{key} is neither true nor false")),
        (ArgAction::Count, Value::Integer(count @ 0..=9)) => {
            Ok((0..*count).map(|_| format!("--{key}")).collect())
        }
        (ArgAction::Count, _) => Err(format!("{key} is no number from 0 to 9")),
        (ArgAction::Append, Value::Array(values)) => values.iter().map(one).collect(),
        (ArgAction::Set, Value::Boolean(is_on)) if may_lack_value => {
            Ok(is_on.then(|| format!("--{key}")).into_iter().collect())
        }
        _ => Ok(vec![one(value)?]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::definition;

    /// What is put in front of these words, as one line.
    fn added(typed: &str, layers: &[&str]) -> String {
        let mut definition = definition();
        let typed = typed.split(' ').map(OsString::from);
        let matches = definition
            .try_get_matches_from_mut(typed)
            .expect("the words are right");
        let (form, of_form) = matches.subcommand().expect("a form");
        let command = definition.find_subcommand(form).expect("the form");
        let mut whole = Layers::new(&definition, command, of_form);
        for layer in layers {
            let table: toml::Table = layer.parse().expect("a layer is TOML");
            let entries = table.iter().map(|(key, value)| (key.as_str(), value));
            whole.put_all(entries).expect("the values have their types");
        }
        let words = whole.words();
        let words: Vec<&str> = words.iter().filter_map(|word| word.to_str()).collect();
        words.join(" ")
    }

    #[test]
    fn lays_the_stronger_over_the_weaker() {
        const SEND: &str = "bowsprit send ws://h x";
        for (typed, layers, expected) in [
            // A flag, which can be taken back.
            (SEND, &["json = true"][..], "--json"),
            (SEND, &["json = true", "json = false"], ""),
            ("bowsprit send --json ws://h x", &["json = true"], ""),
            // A value.
            (SEND, &["sni = 'a'", "sni = 'b'"], "--sni=b"),
            ("bowsprit send --sni c ws://h x", &["sni = 'a'"], ""),
            // A list.
            (
                SEND,
                &["pin = ['a', 'b']", "pin = 'c'"],
                "--pin=a --pin=b --pin=c",
            ),
            (
                "bowsprit send --pin c ws://h x",
                &["pin = ['a', 'b']"],
                "--pin=a --pin=b",
            ),
            // A count.
            (SEND, &["verbose = 1", "verbose = 2"], "--verbose --verbose"),
            ("bowsprit send -v ws://h x", &["verbose = 2"], ""),
            // A value that may be left out.
            (
                SEND,
                &["timestamps = 'delta'", "timestamps = true"],
                "--timestamps",
            ),
            (SEND, &["follow = true", "follow = 3"], "--follow=3"),
            ("bowsprit send -L ws://h x", &["follow = 3"], ""),
            // Rivals: those of the table, those that clap knows, and members of a group.
            (SEND, &["auth = 'a:b'", "bearer = 'c'"], "--bearer=c"),
            ("bowsprit send -4 ws://h x", &["ipv6 = true"], ""),
            ("bowsprit send --text ws://h x", &["binary = true"], ""),
            (
                SEND,
                &["no-compress = true", "compress = true"],
                "--compress",
            ),
            (
                "bowsprit send --compress ws://h x",
                &["no-compress = true"],
                "",
            ),
            (SEND, &["count = 1", "until = 'x'"], "--until=x"),
            ("bowsprit send --until x ws://h x", &["count = 1"], ""),
            ("bowsprit send -n 1 ws://h x", &["until = 'x'"], ""),
            ("bowsprit send --wait ws://h x", &["linger = '1s'"], ""),
            ("bowsprit serve --chat", &["broadcast = true"], ""),
            // What waits for another option.
            (SEND, &["record-limit = '1MiB'"], ""),
            (
                "bowsprit send --record f ws://h x",
                &["record-limit = '1MiB'"],
                "--record-limit=1MiB",
            ),
        ] {
            assert_eq!(added(typed, layers), expected, "{typed} {layers:?}");
        }
    }

    #[test]
    fn leaves_out_what_means_something_else_in_a_form() {
        for (typed, layer, expected) in [
            ("bowsprit serve", "header = 'Authorization: x'", ""),
            (
                "bowsprit serve",
                "auth = 'a:b'\nproxy = 'http://p'\ntimeout = '1s'",
                "",
            ),
            ("bowsprit serve", "json = true", "--json"),
            ("bowsprit replay f", "serve = 9002", ""),
            ("bowsprit load ws://h", "json = true\ncount = 5", ""),
            (
                "bowsprit load ws://h",
                "quiet = true\nsni = 'a'",
                "--quiet --sni=a",
            ),
            (
                "bowsprit ping ws://h",
                "count = 5\nwait = true\nview = 'hex'",
                "",
            ),
            ("bowsprit load ws://h", "connections = 5", "--connections=5"),
        ] {
            assert_eq!(added(typed, &[layer]), expected, "{typed} {layer}");
        }
    }
}
