//! The words that begin a line: their usage, the help text, and what a wrong one was meant to be.

use crate::options;

mod basics;
mod connections;
mod records;
mod script;
mod view;

/// A word that begins a line.
pub(super) struct Word {
    name: &'static str,
    /// How it is used; behind a colon what that does, where the usage does not say it.
    usages: &'static [&'static str],
    /// What the usages do not say.
    details: &'static [&'static str],
}

impl Word {
    fn explanation(&self) -> Vec<String> {
        let usages = self.usages.iter().map(|usage| (*usage).to_owned());
        let details = self.details.iter().map(|line| format!("  {line}"));
        usages.chain(details).collect()
    }
}

/// The commands by topic, in the order of the help text. Those of the first are listed with all of
/// their usages, as the original lists its own.
const TOPICS: [(&str, &[Word]); 5] = [
    ("Command List", &basics::WORDS),
    ("Connections", &connections::WORDS),
    ("What is shown", &view::WORDS),
    ("Scripts", &script::WORDS),
    ("Records", &records::WORDS),
];

/// What may stand for an id.
const IDS: &str = "An id may be a name, . for the one used last, a list as 0,chat,5-9, or all.";

fn words() -> impl Iterator<Item = &'static Word> {
    TOPICS.iter().flat_map(|(_, words)| *words)
}

/// The lines of `help`: the original's, the commands that it had not in their midst, and the others
/// by their names.
fn overview() -> Vec<String> {
    let mut lines = vec![String::new()];
    for (index, (topic, words)) in TOPICS.iter().enumerate() {
        if index == 0 {
            lines.push(format!("{topic}:"));
            let usages = words.iter().flat_map(|word| word.usages);
            lines.extend(usages.map(|usage| (*usage).to_owned()));
        } else {
            let names: Vec<&str> = words.iter().map(|word| word.name).collect();
            lines.push(format!("{topic}: {}", names.join(", ")));
        }
    }
    lines.push(String::new());
    lines
}

/// The lines of `help`, or of `help` with one command.
pub(crate) fn help(of: Option<&str>) -> Vec<String> {
    let Some(word) = of.and_then(|of| words().find(|word| word.name == of)) else {
        return overview();
    };
    let mut lines = vec![String::new()];
    lines.extend(word.explanation());
    if word.name == "connect" {
        lines.extend(options::help());
    }
    lines.push(String::new());
    lines
}

/// The topics with their commands, each with what `help` tells of it, but for the options of `connect`.
#[cfg(test)]
pub(crate) fn topics() -> impl Iterator<
    Item = (
        &'static str,
        impl Iterator<Item = (&'static str, Vec<String>)>,
    ),
> {
    let of = |words: &'static [Word]| words.iter().map(|word| (word.name, word.explanation()));
    TOPICS.iter().map(move |(topic, words)| (*topic, of(words)))
}

/// How the command is used: its first line in the help text, without what the command does.
pub(crate) fn usage(command: &str) -> &'static str {
    let word = words().find(|word| word.name == command);
    let usage = word.and_then(|word| word.usages.first()).unwrap_or(&"help");
    usage.split_once(": ").map_or(usage, |(usage, _)| usage)
}

/// All ways to use the command, with what the command does behind a colon.
pub(crate) fn usages(command: &str) -> &'static [&'static str] {
    let word = words().find(|word| word.name == command);
    word.map_or(&[], |word| word.usages)
}

/// Whether the command takes the options of a connection.
pub(crate) fn takes_options(command: &str) -> bool {
    usages(command)
        .iter()
        .any(|usage| usage.contains("<options>"))
}

/// Whether the command ends in the URI of a server.
pub(crate) fn takes_uri(command: &str) -> bool {
    usages(command).iter().any(|usage| usage.contains("uri>"))
}

/// The commands, each once.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    words().map(|word| word.name)
}

/// The command that a wrong word was probably meant to be: the same in other case, the only one
/// that begins so, one that has more behind it, or one that differs by a single slip.
pub(crate) fn suggest(word: &str) -> Option<&'static str> {
    closest(word, names)
}

/// The one of `words` that a wrong one was probably meant to be, as above.
pub(crate) fn closest<'a, I: Iterator<Item = &'a str>>(
    word: &str,
    words: impl Fn() -> I,
) -> Option<&'a str> {
    let word = word.to_ascii_lowercase();
    let mut longer = words().filter(|name| name.to_ascii_lowercase().starts_with(&word));
    match (longer.next(), longer.next()) {
        (Some(name), None) => Some(name),
        (Some(_), Some(_)) => None,
        (None, _) => words().find(|name| {
            let name = name.to_ascii_lowercase();
            word.starts_with(&name) || is_one_slip_away(&word, &name)
        }),
    }
}

/// Whether one character too many, too few, wrong, or swapped with the next tells the words apart.
fn is_one_slip_away(word: &str, name: &str) -> bool {
    let word: Vec<char> = word.chars().collect();
    let name: Vec<char> = name.chars().collect();
    let same = word.iter().zip(&name).take_while(|(a, b)| a == b).count();
    let (word, name) = (
        word.get(same..).unwrap_or_default(),
        name.get(same..).unwrap_or_default(),
    );
    match (word, name) {
        ([_, word @ ..], name) if word == name => true,
        (word, [_, name @ ..]) if word == name => true,
        ([_, word @ ..], [_, name @ ..]) if word == name => true,
        ([a, b, word @ ..], [c, d, name @ ..]) => a == d && b == c && word == name,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suggests_what_was_probably_meant() {
        for (word, meant) in [
            ("sen", Some("send")),
            ("QUIT", Some("quit")),
            ("connectx", Some("connect")),
            ("send0", Some("send")),
            ("conect", Some("connect")),
            ("shwo", Some("show")),
            ("pong", Some("ping")),
            ("exit", None),
            ("s", None),
            ("", None),
        ] {
            assert_eq!(suggest(word), meant, "{word}");
        }
    }

    #[test]
    fn has_each_command_once_and_all_of_it() {
        let names: Vec<&str> = names().collect();
        for (index, name) in names.iter().enumerate() {
            assert!(
                !names.iter().skip(index + 1).any(|other| other == name),
                "{name}"
            );
        }
        for word in words() {
            assert!(
                !word.usages.is_empty() && !word.details.is_empty(),
                "{}",
                word.name
            );
            assert!(word.usages.iter().all(|usage| usage.starts_with(word.name)));
        }
    }
}
