//! What the command line, the environment and the configuration file say, the former over the latter.

use std::collections::BTreeMap;
use std::env;
use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Command};
use toml::Value;

use super::config::Config;
use crate::args::uri;

/// What an environment variable begins with; the option's name follows, in upper case.
const PREFIX: &str = "BOWSPRIT_";

/// Options that only a command line has a use for.
pub(super) const IS_FOR_THE_COMMAND_LINE: [&str; 4] = ["help", "help-all", "version", "config"];

/// Options that replace each other: who gives one of them wants none of the others from below.
const RIVALS: [&[&str]; 3] = [
    &["auth", "bearer"],
    &["ipv4", "ipv6"],
    &["insecure", "ca", "only-ca"],
];

/// What begins the name of a profile, where a URI may stand.
pub(super) const PROFILE: char = '@';

/// What was typed, with what is configured in front of it. Help, the version, and what clap finds wrong
/// with the words end the program here.
///
/// # Errors
///
/// When the configuration is wrong; the text says where.
pub(crate) fn read(definition: &mut Command, typed: Vec<OsString>) -> Result<ArgMatches, String> {
    let first = definition.try_get_matches_from_mut(&typed);
    let first = first.unwrap_or_else(|fault| fault.exit());
    let (form, matches) = match first.subcommand() {
        None => (None, &first),
        Some((name, matches)) => (Some(name), matches),
    };
    let command = form
        .and_then(|form| definition.find_subcommand(form))
        .unwrap_or(&*definition);
    let asked = matches.get_one::<PathBuf>("config").cloned();
    let config = Config::read(asked, definition)?;

    let mut layers = Layers::new(command, matches);
    layers.put_all(config.options(None))?;
    if let Some(form) = form {
        layers.put_all(config.options(Some(form)))?;
    }
    let mut whole = typed;
    let mut is_as_typed = true;
    for word in whole
        .iter_mut()
        .skip(1)
        .filter(|word| is_uri(matches, word))
    {
        let Some(text) = word.to_str() else {
            continue;
        };
        if let Some(named) = text.strip_prefix(PROFILE) {
            let profile = config.profile(named)?;
            layers.put_all(profile.options())?;
            *word = profile.uri.into();
            is_as_typed = false;
        } else if let Some(whole) = uri::lengthen(text) {
            *word = whole.into();
            is_as_typed = false;
        } else if form.is_some() {
            uri::check_scheme(text)?;
        }
    }
    layers.put_environment()?;
    let added = layers.into_words();
    if added.is_empty() && is_as_typed {
        return Ok(first);
    }
    let at = whole.len().min(if form.is_some() { 2 } else { 1 });
    whole.splice(at..at, added);
    definition
        .try_get_matches_from_mut(&whole)
        .map_err(|fault| config.blame(&fault))
}

/// Whether the word stands where a URI is expected.
fn is_uri(matches: &ArgMatches, word: &OsStr) -> bool {
    ["uri", "words"].iter().any(|id| {
        let values = matches.try_get_raw(id).ok().flatten();
        values.is_some_and(|mut values| values.any(|value| value == word))
    })
}

/// The options that are configured, each with the words that say so.
pub(super) struct Layers<'a> {
    command: &'a Command,
    typed: &'a ArgMatches,
    words: BTreeMap<String, Vec<String>>,
}

impl<'a> Layers<'a> {
    pub(super) fn new(command: &'a Command, typed: &'a ArgMatches) -> Self {
        Self {
            command,
            typed,
            words: BTreeMap::new(),
        }
    }

    fn option(&self, key: &str) -> Option<&'a Arg> {
        let mut arguments = self.command.get_arguments();
        arguments.find(|arg| arg.get_long() == Some(key) && !IS_FOR_THE_COMMAND_LINE.contains(&key))
    }

    fn is_typed(&self, key: &str) -> bool {
        self.option(key).is_some_and(|option| {
            let id = option.get_id().as_str();
            self.typed.value_source(id) == Some(ValueSource::CommandLine)
        })
    }

    /// Lays a layer over those before it. What this form has no use for is left out.
    pub(super) fn put_all<'v>(
        &mut self,
        entries: impl Iterator<Item = (&'v str, &'v Value)>,
    ) -> Result<(), String> {
        let mut layer = BTreeMap::new();
        for (key, value) in entries {
            if let Some(option) = self.option(key) {
                layer.insert(key.to_owned(), words(option, key, value)?);
            }
        }
        self.put(layer);
        Ok(())
    }

    fn put_environment(&mut self) -> Result<(), String> {
        let mut layer = BTreeMap::new();
        for option in self.command.get_arguments() {
            let Some(key) = option.get_long().filter(|key| self.option(key).is_some()) else {
                continue;
            };
            let name = format!("{PREFIX}{}", key.to_uppercase().replace('-', "_"));
            let Some(value) = env::var_os(&name) else {
                continue;
            };
            let value = value
                .to_str()
                .ok_or_else(|| format!("{name} is not UTF-8"))?;
            let value = if takes_value(option) {
                Value::String(value.to_owned())
            } else {
                flag(value).ok_or_else(|| format!("{name} is neither true nor false"))?
            };
            layer.insert(key.to_owned(), words(option, key, &value)?);
        }
        self.put(layer);
        Ok(())
    }

    fn put(&mut self, layer: BTreeMap<String, Vec<String>>) {
        for key in layer.keys() {
            for rivals in RIVALS
                .iter()
                .filter(|rivals| rivals.contains(&key.as_str()))
            {
                self.words
                    .retain(|below, _| below == key || !rivals.contains(&below.as_str()));
            }
        }
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
    pub(super) fn into_words(self) -> Vec<OsString> {
        let is_displaced = |key: &str| {
            let replaces = self.is_typed(key) && !self.option(key).is_some_and(is_list);
            let mut rivals = RIVALS.iter().filter(|rivals| rivals.contains(&key));
            replaces
                || rivals.any(|rivals| {
                    rivals
                        .iter()
                        .any(|rival| *rival != key && self.is_typed(rival))
                })
        };
        let kept = self.words.iter().filter(|(key, _)| !is_displaced(key));
        kept.flat_map(|(_, words)| words)
            .map(OsString::from)
            .collect()
    }
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
