//! Options in a line at the prompt: read, explained, and kept out of the history.

use std::error::Error as _;

use clap::error::{ContextKind, ErrorKind};
use clap::{Arg, Command, CommandFactory as _, Parser};

use super::secret::Secret;
use super::{Options, Several};
use crate::command::words::closest;
use crate::printer::text::escape;

/// `connect` at the prompt, behind the word itself.
#[derive(Debug, Parser)]
#[command(no_binary_name = true, disable_help_flag = true)]
struct Line {
    #[command(flatten)]
    options: Options,

    #[command(flatten)]
    several: Several,

    #[arg(hide = true)]
    uri: Vec<String>,
}

/// Options whose values nobody else may read.
const SECRET: [&str; 4] = ["header", "auth", "bearer", "cookie"];

/// No subprotocol is longer, but some servers take a token for one.
const MAX_SUBPROTOCOL: usize = 32;

/// Reads options and the URI behind them, words quoted as in a shell.
///
/// # Errors
///
/// When something is no option, has a wrong value, or contradicts something else. The text is what to
/// answer, escaped; it repeats no secret.
pub(crate) fn parse(text: &str) -> Result<(Options, Several, String), String> {
    let words = shell_words::split(text).map_err(|_| "A quotation mark is not closed")?;
    let line = Line::try_parse_from(words).map_err(|error| sentence(&error))?;
    let [uri] = line.uri.as_slice() else {
        return Err(match line.uri.len() {
            0 => "Usage: connect [<options>] <ws uri>".to_owned(),
            _ => "One URI at a time, and options before it (a blank needs quotes)".to_owned(),
        });
    };
    line.options.fit(uri)?;
    Ok((line.options, line.several, uri.clone()))
}

/// The options in a line behind another command, words quoted as in a shell.
///
/// # Errors
///
/// When something is no option or has a wrong value. The text is what to answer, escaped.
pub(crate) fn of_line<T: Parser>(text: &str) -> Result<T, String> {
    let words = shell_words::split(text).map_err(|_| "A quotation mark is not closed")?;
    T::try_parse_from(words).map_err(|error| first_line(&error))
}

/// The definition of `connect` at the prompt.
pub(crate) fn line_definition() -> Command {
    Line::command()
}

/// The options that these words are.
///
/// # Errors
///
/// When one has a wrong value; the text is as above.
pub(crate) fn from_words(words: Vec<std::ffi::OsString>) -> Result<Options, String> {
    let line = Line::try_parse_from(words).map_err(|error| sentence(&error))?;
    Ok(line.options)
}

/// One option by its long name, with a value that needs no quotes; `None` if there is no such option.
pub(crate) fn setting(name: &str, value: &str) -> Option<Result<Options, String>> {
    let command = definition();
    let mut arguments = command.get_arguments();
    let argument = arguments.find(|argument| argument.get_long() == Some(name))?;
    let count = argument.get_num_args();
    let word = match value {
        "" if count.is_some_and(|count| count.min_values() > 0) => {
            return Some(Err(format!("Usage: set {name} <value>")));
        }
        "" => format!("--{name}"),
        value => format!("--{name}={value}"),
    };
    let line = Line::try_parse_from([word]);
    Some(
        line.map(|line| line.options)
            .map_err(|error| sentence(&error)),
    )
}

/// What is wrong, in one line.
fn sentence(error: &clap::Error) -> String {
    let context = |kind| error.get(kind).map(ToString::to_string).unwrap_or_default();
    let argument = context(ContextKind::InvalidArg);
    let option = argument.split([' ', '=']).next().unwrap_or_default();
    let option = escape(option);
    match error.kind() {
        ErrorKind::UnknownArgument => {
            let names = names();
            let names = || names.iter().map(|(name, _)| name.as_str());
            let hint = closest(&option, names).map_or_else(
                || "see help connect".to_owned(),
                |meant| format!("did you mean {meant}?"),
            );
            format!("Not an option of connect: {option} ({hint})")
        }
        ErrorKind::ValueValidation => {
            let value = context(ContextKind::InvalidValue);
            let why = error.source().map(ToString::to_string).unwrap_or_default();
            format!(
                "Not a value of {option}: {} ({})",
                escape(&value),
                escape(&why)
            )
        }
        ErrorKind::InvalidValue if context(ContextKind::InvalidValue).is_empty() => {
            format!("Option {option} needs a value (see help connect)")
        }
        ErrorKind::ArgumentConflict => format!("Option {option} is given twice"),
        ErrorKind::TooManyValues => format!("Option {option} takes no value"),
        _ => first_line(error),
    }
}

/// What clap says in the first line of many.
fn first_line(error: &clap::Error) -> String {
    let text = error.to_string();
    let line = text.lines().next().unwrap_or_default();
    escape(line.trim_start_matches("error: ")).into_owned()
}

/// The options, each explained in a line, under their headings.
pub(crate) fn help() -> Vec<String> {
    let command = definition();
    let mut lines = Vec::new();
    let mut heading = None;
    for argument in command
        .get_arguments()
        .filter(|argument| !argument.is_hide_set())
    {
        if argument.get_help_heading() != heading {
            heading = argument.get_help_heading();
            lines.push(format!("{}:", heading.unwrap_or_default()));
        }
        let text = argument.get_help().map(ToString::to_string);
        lines.push(format!(
            "  {:<31}{}",
            form(argument),
            text.unwrap_or_default()
        ));
    }
    lines
}

fn definition() -> Command {
    let mut command = Line::command();
    // Only then does an argument know how many values it takes.
    command.build();
    command
}

/// How an option is written: `-H, --header LINE`.
fn form(argument: &Arg) -> String {
    let short = argument
        .get_short()
        .map_or_else(|| "    ".to_owned(), |short| format!("-{short}, "));
    let long = argument.get_long().unwrap_or_default();
    let takes_value = argument
        .get_num_args()
        .is_some_and(|count| count.takes_values());
    let is_optional = argument
        .get_num_args()
        .is_some_and(|count| count.min_values() == 0);
    let name = argument.get_value_names().and_then(|names| names.first());
    match name {
        Some(name) if takes_value && is_optional => format!("{short}--{long}[={name}]"),
        Some(name) if takes_value => format!("{short}--{long} {name}"),
        _ => format!("{short}--{long}"),
    }
}

/// The long names of the options with what they do, for completion.
pub(crate) fn names() -> Vec<(String, String)> {
    let command = definition();
    let named = command.get_arguments().filter_map(|argument| {
        let help = argument.get_help().map(ToString::to_string);
        Some((
            format!("--{}", argument.get_long()?),
            help.unwrap_or_default(),
        ))
    });
    named.collect()
}

/// Whether what follows the option is the name of a file.
pub(crate) fn takes_file(word: &str) -> bool {
    let Some((name, None)) = option(word) else {
        return false;
    };
    let command = definition();
    let names = named(&command, &name).and_then(Arg::get_value_names);
    names.is_some_and(|names| names.first().is_some_and(|name| name == "FILE"))
}

/// Whether the words of a line carry the secret of an option, and not just say where it is.
///
/// What begins with a hyphen and is no option may be one that was mistyped, and a secret behind it: so
/// it counts as well.
pub(crate) fn carries_secret(line: &str) -> bool {
    let command = definition();
    let words = shell_words::split(line)
        .unwrap_or_else(|_| line.split_whitespace().map(str::to_owned).collect());
    let mut words = words.iter().map(String::as_str);
    while let Some(word) = words.next() {
        let Some((name, attached)) = option(word) else {
            continue;
        };
        let Some(argument) = named(&command, &name) else {
            return true;
        };
        let takes_value = argument
            .get_num_args()
            .is_some_and(|count| count.min_values() > 0);
        let value = attached.or_else(|| words.next().filter(|_| takes_value));
        if value.is_some_and(|value| is_secret(argument.get_id().as_str(), value)) {
            return true;
        }
    }
    false
}

/// Whether the value of this option is one that nobody else may read.
pub(crate) fn is_secret(option: &str, value: &str) -> bool {
    match option {
        "subprotocol" => value.split(',').any(|name| name.len() > MAX_SUBPROTOCOL),
        "proxy" => value.contains('@') && !Secret::is_reference(value),
        option => SECRET.contains(&option) && !Secret::is_reference(value),
    }
}

/// How an option is named.
enum Name<'a> {
    Long(&'a str),
    Short(char),
}

/// The option of this name.
fn named<'c>(command: &'c Command, name: &Name<'_>) -> Option<&'c Arg> {
    command.get_arguments().find(|argument| match name {
        Name::Long(name) => argument
            .get_long_and_visible_aliases()
            .is_some_and(|names| names.contains(name)),
        Name::Short(name) => argument.get_short() == Some(*name),
    })
}

/// The name of the option that a word is, and the value that is attached to it.
fn option(word: &str) -> Option<(Name<'_>, Option<&str>)> {
    if let Some(long) = word.strip_prefix("--") {
        let (name, value) = match long.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (long, None),
        };
        return Some((Name::Long(name), value));
    }
    let mut short = word.strip_prefix('-')?.chars();
    let name = Name::Short(short.next()?);
    let attached = short.as_str().trim_start_matches('=');
    Some((name, Some(attached).filter(|value| !value.is_empty())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn has_a_definition_without_contradictions() {
        Line::command().debug_assert();
    }

    #[test]
    fn reads_options_quoted_as_in_a_shell() {
        let (options, _, uri) =
            parse("-H 'X-A: b c' --open-timeout 3s -s a,b wss://h/").expect("options");
        assert_eq!(uri, "wss://h/");
        let (other, ..) =
            parse("-s a -s b --open-timeout=3s --header=\"X-A: b c\" wss://h/").expect("options");
        assert_eq!(options, other);
        assert!(options.is_given());
    }

    #[test]
    fn refuses_with_one_line_that_names_the_option() {
        for (text, answer) in [
            (
                "--nope ws://h",
                "Not an option of connect: --nope (see help connect)",
            ),
            (
                "--bearrer=hunter2 ws://h",
                "Not an option of connect: --bearrer (did you mean --bearer?)",
            ),
            (
                "--heeader x ws://h",
                "Not an option of connect: --heeader (did you mean --header?)",
            ),
            (
                "--open-timeout 10 ws://h",
                "Not a value of --open-timeout: 10 (a time needs its unit, as in 500ms, 10s or 2m; off for none)",
            ),
            (
                "--max-message lots ws://h",
                "Not a value of --max-message: lots (a size is a number of bytes, as in 1000, 64KiB or 1MiB)",
            ),
            (
                "ws://h --auth",
                "Option --auth needs a value (see help connect)",
            ),
            (
                "--auth a:b --auth c:d ws://h",
                "Option --auth is given twice",
            ),
            ("--insecure=yes wss://h", "Option --insecure takes no value"),
            ("-H 'open ws://h", "A quotation mark is not closed"),
            ("--insecure", "Usage: connect [<options>] <ws uri>"),
            (
                "--no-compress ws://a ws://b",
                "One URI at a time, and options before it (a blank needs quotes)",
            ),
            (
                "--insecure ws://h",
                "TLS options are for wss: URIs, and this one is ws:",
            ),
        ] {
            assert_eq!(parse(text).expect_err(text), answer);
        }
    }

    #[test]
    fn explains_each_option_in_a_line() {
        let lines = help();
        for option in [
            "-H, --header LINE",
            "    --open-timeout TIME",
            "-k, --insecure",
        ] {
            let line = lines
                .iter()
                .find(|line| line.trim_start().starts_with(option.trim_start()));
            assert!(line.is_some_and(|line| line.len() > 30), "{option}");
        }
        assert!(lines.iter().all(|line| line.len() <= 110), "{lines:#?}");
    }

    #[test]
    fn reads_one_option_by_its_name() {
        let (options, _, _) = parse("--header 'X-A: b c' ws://h").expect("options");
        assert_eq!(setting("header", "X-A: b c"), Some(Ok(options)));
        let (options, _, _) = parse("--insecure wss://h").expect("options");
        assert_eq!(setting("insecure", ""), Some(Ok(options)));
        assert_eq!(setting("nothing", "x"), None);
        for (name, value, answer) in [
            ("header", "", "Usage: set header <value>"),
            ("insecure", "on", "Option --insecure takes no value"),
        ] {
            assert_eq!(setting(name, value), Some(Err(answer.to_owned())));
        }
    }

    #[test]
    fn knows_a_secret_from_the_place_where_one_is() {
        for line in [
            "connect -u me:pw wss://h",
            "connect -ume:pw wss://h",
            "connect --auth=me:pw wss://h",
            "connect --bearer t wss://h",
            "connect --bearrer t wss://h",
            "connect -b a=b wss://h",
            "connect -H 'Authorization: x' wss://h",
            "connect -H 'broken wss://h",
            "conect --bearer t wss://h",
            "connect -s chat,bearer.0123456789abcdef0123456789abcdef wss://h",
        ] {
            assert!(carries_secret(line), "{line}");
        }
        for line in [
            "connect wss://h",
            "connect -u env:LOGIN wss://h",
            "connect --bearer=@/run/token wss://h",
            "connect -H @headers -b env:COOKIE --open-timeout 3s --insecure wss://h",
            "connect -s chat,superchat wss://h",
            "connect --connect-timeout 3s wss://h",
        ] {
            assert!(!carries_secret(line), "{line}");
        }
    }
}
