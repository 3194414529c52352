//! Names and crowds, the messages of a connection, and work that repeats.

use super::{IDS, Word};

pub(super) const WORDS: [Word; 8] = [
    Word {
        name: "use",
        usages: &["use <connection id>", "use: Lines are commands again"],
        details: &[
            "Lines are messages to that connection from now on, until it ends.",
            "A line that begins with / is a command, with // a message that begins with one /.",
            "Without it, a line that begins with > is a message to the connection used last.",
        ],
    },
    Word {
        name: "open",
        usages: &["open <count> [<options>] <ws uri>"],
        details: &[
            "Opens so many connections, 64 at a time, and tells in one line how that went.",
            "The options are those of connect; this is connect --count <count>.",
        ],
    },
    Word {
        name: "reconnect",
        usages: &["reconnect <connection id>"],
        details: &[
            "Makes a connection that has ended again: same id, same options, its messages stay.",
            "reconnect all makes all again that have ended.",
            IDS,
        ],
    },
    Word {
        name: "stats",
        usages: &["stats [<connection id>]"],
        details: &["Prints counts, bytes, rates and round trips; without an id, of all together."],
    },
    Word {
        name: "history",
        usages: &["history <connection id> [<count:default=20>]"],
        details: &[
            "Prints the latest messages with number, time, direction, kind and size.",
            IDS,
        ],
    },
    Word {
        name: "save",
        usages: &["save <connection id> [--text|--json|--raw] [--force] <path>"],
        details: &[
            "Writes the messages that are kept to a file that only you can read.",
            ".json, .jsonl: an object a line; .raw, .bin: what came, bare; else as history prints it.",
            "A file that is there is replaced with --force only.",
        ],
    },
    Word {
        name: "every",
        usages: &[
            "every <time> send <connection id> <message>",
            "every <time> ping <connection id> [<payload>]",
        ],
        details: &[
            "Does that again and again, until stop <job> or the end of the connection.",
            "A time has a unit: 500ms, 5s, 2m. jobs lists what repeats.",
        ],
    },
    Word {
        name: "jobs",
        usages: &["jobs"],
        details: &["Lists what repeats; stop <job> ends it."],
    },
];
