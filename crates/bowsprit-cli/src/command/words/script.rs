//! The commands that scripts are made of. They work at the prompt, too.

use super::{IDS, Word};

pub(super) const WORDS: [Word; 13] = [
    Word {
        name: "expect",
        usages: &[
            "expect <connection id> [<time:default=10s>] [until] <pattern>",
            "expect <connection id> [<time:default=1s>] nothing",
            "expect <connection id> [<time>] close [<code> [<reason>]]",
            "expect <connection id> [<time>] fail [<HTTP status or text>]",
        ],
        details: &[
            "Takes the oldest message that nothing took yet; it must fit. With until, others are passed over.",
            "Patterns: text <text>, contains <text>, matches <regular expression>, hex <bytes>, any,",
            "json <path> [= != < <= > >= contains matches <value>], json <path> absent.",
            IDS,
        ],
    },
    Word {
        name: "assert",
        usages: &[
            "assert <value> = != < <= > >= contains matches <value>",
            "assert status <connection id> connecting|open|closing|closed|failed|retrying|<close code>",
            "assert message [<connection id>] <pattern>",
        ],
        details: &[
            "The message is the one that expect or wait took last; patterns are those of expect.",
        ],
    },
    Word {
        name: "let",
        usages: &["let <name> = <value>"],
        details: &[
            "Gives a variable its value: ${name} in a line stands for it, ${name:-default} for one that may have none.",
            "By themselves there are ${id}, ${message}, ${server}, ${uuid}, ${random}, ${now}, ${env:NAME} and ${char:HEX}.",
            "$${ is the text ${ itself.",
        ],
    },
    Word {
        name: "capture",
        usages: &[
            "capture <name> [<connection id>] message",
            "capture <name> [<connection id>] json <path>",
            "capture <name> [<connection id>] matches <regular expression>",
        ],
        details: &[
            "Puts a part of the message that was taken last into a variable: all of it, what is at a JSON path,",
            "or the first group of a regular expression.",
        ],
    },
    Word {
        name: "echo",
        usages: &["echo <text>"],
        details: &["Prints the text."],
    },
    Word {
        name: "sleep",
        usages: &["sleep <time>"],
        details: &["Takes no further line for so long: 500ms, 5s, or a number of seconds."],
    },
    Word {
        name: "discard",
        usages: &["discard <connection id>"],
        details: &[
            "Forgets the messages that nothing took yet: expect takes the next one that comes.",
            IDS,
        ],
    },
    Word {
        name: "repeat",
        usages: &["repeat <count> [as <name>]"],
        details: &[
            "Does the lines up to its end so often, with the number of the round in the variable.",
        ],
    },
    Word {
        name: "for",
        usages: &["for <name> in <value>..."],
        details: &["Does the lines up to its end for each value. Values are quoted as in a shell."],
    },
    Word {
        name: "test",
        usages: &["test <name>"],
        details: &["Names the lines up to its end, for run and its --junit."],
    },
    Word {
        name: "end",
        usages: &["end"],
        details: &["Ends a repeat, a for or a test."],
    },
    Word {
        name: "include",
        usages: &["include <file>"],
        details: &[
            "Does the lines of a file; in a file its path counts from the folder of that file.",
        ],
    },
    Word {
        name: "source",
        usages: &["source <file>"],
        details: &["The same as include."],
    },
];
