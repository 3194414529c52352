//! The words that begin a line: their usage, the help text, and what a wrong one was meant to be.

use crate::options;

/// Each command with its usage, in the order of the help text.
const USAGE: [(&str, &str); 16] = [
    ("connect", "connect <ws uri>"),
    (
        "connect",
        "connect <options> <ws uri>: With options, see help connect",
    ),
    ("send", "send <connection id> <message>"),
    ("send", "send <connection id> --hex <bytes>"),
    ("send", "send <connection id> --file <path>"),
    (
        "close",
        "close <connection id> [<close code:default=1000>] [<close reason>]",
    ),
    ("show", "show <connection id>"),
    ("list", "list"),
    ("ping", "ping <connection id> [<payload>]"),
    ("serve", "serve [<port:default=9002>]"),
    ("stop", "stop"),
    (
        "wait",
        "wait <connection id> open|message|close [<seconds:default=10>]",
    ),
    ("help", "help: Display this help text"),
    ("help", "help <command>: Display all of one command"),
    ("quit", "quit: Exit the program"),
    ("quit", "quit!: Exit at once"),
];

/// What the usage does not say.
const DETAILS: [(&str, &[&str]); 11] = [
    (
        "connect",
        &[
            "Opens a connection and answers with its id at once.",
            "Words are quoted as in a shell where there are options; without, all is the URI.",
            "@FILE or env:NAME for secrets: --header, --auth, --bearer, --cookie, --proxy.",
        ],
    ),
    (
        "send",
        &[
            "Sends text: all that stands behind the one blank after the id.",
            "send <id> -- <message> sends text that begins with --hex, --file or --.",
            IDS,
        ],
    ),
    (
        "close",
        &[
            "Starts the closing handshake. A code may be its name, such as going-away.",
            IDS,
        ],
    ),
    (
        "show",
        &[
            "Prints what is known of the connection, its messages too.",
            IDS,
        ],
    ),
    ("list", &["Prints one line for each connection."]),
    (
        "ping",
        &[
            "Sends a ping of up to 125 bytes; the pong is printed with its round-trip time.",
            IDS,
        ],
    ),
    (
        "serve",
        &["Starts an echo server on 127.0.0.1; port 0 takes any that is free."],
    ),
    (
        "stop",
        &["Stops the echo server; its connections are closed with 1001."],
    ),
    (
        "wait",
        &[
            "Takes no further line until it has happened, on each of the connections.",
            IDS,
        ],
    ),
    ("help", &["Lists the commands, or explains one of them."]),
    (
        "quit",
        &[
            "Closes everything with 1001, in the order of the ids, and leaves.",
            "quit! leaves at once.",
        ],
    ),
];

const IDS: &str = "An id may be a list such as 0,2,5-9, or all.";

/// The lines of `help`: the original's, the commands that it had not in their midst.
fn overview() -> Vec<String> {
    let usages = USAGE.iter().map(|(_, usage)| *usage);
    let lines = ["", "Command List:"].into_iter().chain(usages).chain([""]);
    lines.map(str::to_owned).collect()
}

/// The lines of `help`, or of `help` with one command.
pub(crate) fn help(of: Option<&str>) -> Vec<String> {
    let Some(command) = of else {
        return overview();
    };
    let usages = USAGE.iter().filter(|(name, _)| *name == command);
    let details = DETAILS.iter().filter(|(name, _)| *name == command);
    let mut lines = vec![String::new()];
    lines.extend(usages.map(|(_, usage)| (*usage).to_owned()));
    lines.extend(
        details
            .flat_map(|(_, lines)| *lines)
            .map(|line| format!("  {line}")),
    );
    if command == "connect" {
        lines.extend(options::help());
    }
    lines.push(String::new());
    lines
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
    DETAILS.iter().map(|(name, _)| *name)
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
        let has_usage = |name: &&str| USAGE.iter().any(|(used, _)| used == name);
        assert!(names().all(|name| has_usage(&name)));
    }
}
