//! The configuration file: where it is, and what may stand in it.

use std::env;
use std::fs::File;
use std::io::{ErrorKind, Read as _};
use std::path::{Path, PathBuf};

use clap::Command;
use etcetera::{BaseStrategy as _, choose_base_strategy};
use toml::{Table, Value};

use super::layers::PROFILE;
use crate::command::words;
use crate::events::is_secret_header_line;
use crate::options;
use crate::printer::text::{escape, fault};
use crate::printer::warn;

/// The largest file that is read: nobody writes a longer one by hand.
const MAX_FILE: u64 = 1 << 20;

/// The environment variable that names another file; empty for none.
const VARIABLE: &str = "BOWSPRIT_CONFIG";

/// The table of the profiles.
const PROFILES: &str = "profile";

/// Where a profile leads to.
const URI: &str = "uri";

/// What is configured, tried as far as that can be done without the values.
#[derive(Debug, Default)]
pub(super) struct Config {
    /// For messages, escaped.
    pub(super) name: String,
    options: Table,
}

/// A name for a place, with its options.
#[derive(Debug)]
pub(super) struct Profile {
    pub(super) uri: String,
    options: Table,
}

impl Profile {
    /// What is configured for it.
    pub(super) fn options(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.options
            .iter()
            .map(|(key, value)| (key.as_str(), value))
    }
}

impl Config {
    /// Reads the file that `asked` names, or the one of the environment, or the user's own if there is
    /// one.
    ///
    /// # Errors
    ///
    /// When it cannot be read or something in it is wrong; the text names the file and the key.
    pub(super) fn read(asked: Option<PathBuf>, definition: &Command) -> Result<Self, String> {
        let named = asked.or_else(|| env::var_os(VARIABLE).map(PathBuf::from));
        let path = match &named {
            Some(path) if path.as_os_str().is_empty() => return Ok(Self::default()),
            Some(path) => path.clone(),
            None => match default_path() {
                None => return Ok(Self::default()),
                Some(path) => path,
            },
        };
        let name = escape(&path.display().to_string()).into_owned();
        let text = match read_file(&path) {
            // Users without a home have /dev/null for one, which is no directory.
            Err(error) if named.is_none() && is_absence(error.kind()) => return Ok(Self::default()),
            read => read.map_err(|error| format!("cannot read {name}: {}", fault(&error)))?,
        };
        let options: Table = text.parse().map_err(|error: toml::de::Error| {
            let line = error.span().map_or(1, |span| {
                text.get(..span.start)
                    .unwrap_or_default()
                    .matches('\n')
                    .count()
                    + 1
            });
            format!("{name}, line {line}: {}", escape(error.message()))
        })?;
        let config = Self { name, options };
        config
            .check(definition)
            .map_err(|why| format!("{}: {why}", config.name))?;
        if is_open(&path) && config.holds_secret() {
            warn(&format!(
                "WARNING: {} holds a secret, and others can read it: chmod 600, or use env:NAME or @FILE there",
                config.name
            ));
        }
        Ok(config)
    }

    /// What is configured for every form, or for one of them.
    pub(super) fn options(&self, form: Option<&str>) -> impl Iterator<Item = (&str, &Value)> {
        let table = match form {
            None => Some(&self.options),
            Some(form) => self.options.get(form).and_then(Value::as_table),
        };
        let entries = table.into_iter().flatten();
        entries
            .filter(|(_, value)| !value.is_table())
            .map(|(key, value)| (key.as_str(), value))
    }

    /// The profile of this name. What stands behind the name, from a slash or a question mark on, is
    /// added to its URI.
    ///
    /// # Errors
    ///
    /// When there is none.
    pub(super) fn profile(&self, named: &str) -> Result<Profile, String> {
        let (name, rest) = named.split_at(named.find(['/', '?']).unwrap_or(named.len()));
        let profiles = self.options.get(PROFILES).and_then(Value::as_table);
        let names = profiles
            .map(|table| table.keys().map(String::as_str))
            .into_iter()
            .flatten();
        let profile = profiles
            .and_then(|table| table.get(name))
            .and_then(Value::as_table);
        let Some(profile) = profile else {
            let shown = escape(name);
            let names: Vec<&str> = names.collect();
            if name.is_empty() {
                return Err(format!("behind {PROFILE} stands the name of a profile"));
            }
            return Err(match words::closest(name, || names.iter().copied()) {
                Some(meant) => format!("no profile {shown} (did you mean @{}?)", escape(meant)),
                None if self.name.is_empty() => {
                    format!("no profile {shown}: there is no configuration file")
                }
                None => format!("no profile {shown} in {}", self.name),
            });
        };
        let mut options = profile.clone();
        let uri = options.remove(URI);
        let mut uri = uri.as_ref().and_then(Value::as_str).unwrap_or_default();
        if rest.starts_with('/') {
            uri = uri.trim_end_matches('/');
        }
        Ok(Profile {
            uri: format!("{uri}{rest}"),
            options,
        })
    }

    /// Whether a secret stands in it, and not just the place where one is.
    fn holds_secret(&self) -> bool {
        let profiles = self.options.get(PROFILES).and_then(Value::as_table);
        let profiles = profiles.into_iter().flatten().map(|(_, profile)| profile);
        let forms = self.options.iter().map(|(_, value)| value);
        let tables = profiles.chain(forms).filter_map(Value::as_table);
        let mut entries = tables.chain([&self.options]).flatten();
        entries.any(|(key, value)| {
            let texts = match value {
                Value::Array(values) => values.iter().filter_map(Value::as_str).collect(),
                value => Vec::from_iter(value.as_str()),
            };
            texts.iter().any(|text| match key.as_str() {
                // Most headers say nothing that is worth a warning at each start.
                "header" => is_secret_header_line(text),
                key => options::is_secret(key, text),
            })
        })
    }

    /// Whether every key is an option of something.
    fn check(&self, definition: &Command) -> Result<(), String> {
        let forms: Vec<&Command> = definition.get_subcommands().collect();
        let all: Vec<&Command> = forms.iter().copied().chain([definition]).collect();
        for (key, value) in &self.options {
            let form = forms.iter().find(|form| form.get_name() == key);
            match (value, form) {
                (Value::Table(profiles), _) if key == PROFILES => {
                    profiles
                        .iter()
                        .try_for_each(|(name, profile)| check_profile(name, profile, definition))?;
                }
                (Value::Table(table), Some(form)) => check_keys(table, &[form], key)?,
                (Value::Table(_), None) => {
                    return Err(format!("[{}] is no form of this program", escape(key)));
                }
                _ => check_key(key, &all, "")?,
            }
        }
        Ok(())
    }
}

fn check_profile(name: &str, profile: &Value, definition: &Command) -> Result<(), String> {
    let place = format!("{PROFILES}.{}", escape(name));
    let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if name.is_empty() || !name.chars().all(is_name) {
        return Err(format!(
            "[{place}]: a name has letters, digits, hyphens, underlines and dots"
        ));
    }
    let table = profile
        .as_table()
        .ok_or_else(|| format!("{place} is no table"))?;
    if table.get(URI).and_then(Value::as_str).is_none() {
        return Err(format!("[{place}] needs a uri"));
    }
    let mut options = table.clone();
    options.remove(URI);
    check_keys(&options, &[definition], &place)
}

fn check_keys(table: &Table, commands: &[&Command], place: &str) -> Result<(), String> {
    table.iter().try_for_each(|(key, value)| {
        check_key(key, commands, place)?;
        if value.is_table() {
            return Err(format!("[{place}] {} takes no table", escape(key)));
        }
        Ok(())
    })
}

fn check_key(key: &str, commands: &[&Command], place: &str) -> Result<(), String> {
    let arguments = commands.iter().flat_map(|command| command.get_arguments());
    let arguments = arguments.filter(|arg| !arg.is_hide_set());
    let names: Vec<&str> = arguments.filter_map(clap::Arg::get_long).collect();
    if names.contains(&key) && !super::layers::IS_FOR_THE_COMMAND_LINE.contains(&key) {
        return Ok(());
    }
    let place = if place.is_empty() {
        String::new()
    } else {
        format!("[{place}] ")
    };
    let key = escape(key);
    Err(match words::closest(&key, || names.iter().copied()) {
        Some(meant) if meant != key => format!("{place}no option {key} (did you mean {meant}?)"),
        _ => format!("{place}no option {key} can be configured"),
    })
}

const fn is_absence(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::NotFound | ErrorKind::NotADirectory)
}

fn default_path() -> Option<PathBuf> {
    let strategy = choose_base_strategy().ok()?;
    Some(strategy.config_dir().join("bowsprit").join("config.toml"))
}

fn read_file(path: &Path) -> std::io::Result<String> {
    let mut text = String::new();
    let read = File::open(path)?
        .take(MAX_FILE + 1)
        .read_to_string(&mut text)?;
    if read as u64 > MAX_FILE {
        return Err(std::io::Error::other(format!(
            "larger than {MAX_FILE} bytes"
        )));
    }
    Ok(text)
}

/// Whether others than the file's owner can read it.
#[cfg(unix)]
fn is_open(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    path.metadata()
        .is_ok_and(|metadata| metadata.permissions().mode() & 0o077 != 0)
}

/// Elsewhere that cannot be told.
#[cfg(not(unix))]
const fn is_open(_: &Path) -> bool {
    false
}
