//! The commands that write down what happens.

use super::{IDS, Word};

pub(super) const WORDS: [Word; 3] = [
    Word {
        name: "record",
        usages: &["record [--limit <size>] <file>", "record off", "record"],
        details: &[
            "Writes all that happens, on all connections, as JSON lines that `replay` plays.",
            "Secrets of handshakes are masked; messages are not. A file that is a record already goes on.",
            "record off ends it; record alone tells what is written where.",
        ],
    },
    Word {
        name: "log",
        usages: &[
            "log <connection id> [--limit <size>] <file>",
            "log <connection id> off",
        ],
        details: &["As record, for these connections only.", IDS],
    },
    Word {
        name: "replay",
        usages: &["replay <file> [<options>] [<ws uri>]", "replay off"],
        details: &[
            "Plays the client's side of a record, and tells what is not as recorded.",
            "Options as on the command line, such as --speed 2x or max, --ignore '$.id', --map OLD=NEW.",
            "Its connections are its own and in no list; replay off ends it.",
        ],
    },
];
