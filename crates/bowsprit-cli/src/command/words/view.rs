//! The commands that say what is shown, and how.

use super::{IDS, Word};

pub(super) const WORDS: [Word; 6] = [
    Word {
        name: "watch",
        usages: &["watch <connection id>"],
        details: &[
            "Shows the messages and pongs of the connection again, after mute.",
            IDS,
        ],
    },
    Word {
        name: "follow",
        usages: &["follow <connection id>: The same as watch"],
        details: &["Another word for watch."],
    },
    Word {
        name: "mute",
        usages: &["mute <connection id>"],
        details: &[
            "Shows its messages and pongs no more; they are kept and counted all the same.",
            "How it opens and ends is told always.",
            IDS,
        ],
    },
    Word {
        name: "filter",
        usages: &["filter <connection id> [not] <text>|/<regular expression>/|off"],
        details: &[
            "Shows only those of its messages that match, or do not.",
            IDS,
        ],
    },
    Word {
        name: "message",
        usages: &["message <connection id> [<number>] [auto|text|json|hex|base64|raw]"],
        details: &[
            "Prints one message whole: the last one, or the one with this number.",
            "Sent and received ones are numbered together, from 1.",
            IDS,
        ],
    },
    Word {
        name: "set",
        usages: &["set [<name> [<value>]]"],
        details: &[
            "Changes how things are printed; alone, it prints all settings.",
            "set timestamps on|absolute|relative|delta|off",
            "set view auto|text|json|hex|base64|raw",
            "set color auto|always|never",
            "set fold <rows>|off: how much of a message is shown",
            "set flood <count>|off: how many messages a second are shown",
            "set quiet on|off: no event lines",
            "set <option> <value>: an option of connect, from the next connection on",
        ],
    },
];
