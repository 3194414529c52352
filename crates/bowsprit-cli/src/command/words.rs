//! The words that begin a line: their usage, the help text, and what a wrong one was meant to be.

/// Each command with its usage, in the order of the help text.
const USAGE: [(&str, &str); 13] = [
    ("connect", "connect <ws uri>"),
    ("send", "send <connection id> <message>"),
    ("send", "send <connection id> --hex <bytes>"),
    ("send", "send <connection id> --file <path>"),
    (
        "close",
        "close <connection id> [<close code:default=1000>] [<close reason>]",
    ),
    ("show", "show <connection id>"),
    ("list", "list"),
    ("ping", "ping <connection id>"),
    ("serve", "serve [<port:default=9002>]"),
    ("stop", "stop"),
    (
        "wait",
        "wait <connection id> open|message|close [<seconds:default=10>]",
    ),
    ("help", "help: Display this help text"),
    ("quit", "quit: Exit the program"),
];

/// The lines of `help`: the original's, the commands that it had not in their midst.
pub(crate) fn help() -> impl Iterator<Item = &'static str> {
    let usages = USAGE.iter().map(|(_, usage)| *usage);
    ["", "Command List:"].into_iter().chain(usages).chain([""])
}

/// How the command is used: its first line in the help text, without what the command does.
pub(crate) fn usage(command: &str) -> &'static str {
    let usage = USAGE
        .iter()
        .find(|(name, _)| *name == command)
        .map_or("help", |(_, usage)| usage);
    usage.split_once(": ").map_or(usage, |(usage, _)| usage)
}

/// The commands, each once.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    let mut last = "";
    USAGE
        .iter()
        .map(|(name, _)| *name)
        .filter(move |name| std::mem::replace(&mut last, name) != *name)
}

/// The command that a wrong word was probably meant to be: the same in other case, the only one
/// that begins so, one that has more behind it, or one that differs by a single slip.
pub(crate) fn suggest(word: &str) -> Option<&'static str> {
    let word = word.to_ascii_lowercase();
    let mut longer = names().filter(|name| name.starts_with(&word));
    match (longer.next(), longer.next()) {
        (Some(name), None) => Some(name),
        (Some(_), Some(_)) => None,
        (None, _) => names().find(|name| word.starts_with(name) || is_one_slip_away(&word, name)),
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
    fn names_each_command_once() {
        assert_eq!(names().filter(|name| *name == "send").count(), 1);
        assert_eq!(names().count(), 11);
    }
}
