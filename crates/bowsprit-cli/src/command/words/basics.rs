//! The original's commands, and those that every session needs.

use super::{IDS, Word};

pub(super) const WORDS: [Word; 11] = [
    Word {
        name: "connect",
        usages: &[
            "connect <ws uri>",
            "connect <options> <ws uri>: With options, see help connect",
        ],
        details: &[
            "Opens a connection and answers with its id at once.",
            "--name NAME gives it a name, which stands for its id; --count N opens many, see help open.",
            "Words are quoted as in a shell where there are options; without, all is the URI.",
            "@FILE or env:NAME for secrets: --header, --auth, --bearer, --cookie, --proxy.",
        ],
    },
    Word {
        name: "send",
        usages: &[
            "send <connection id> <message>",
            "send <connection id> --hex <bytes>",
            "send <connection id> --file <path>",
        ],
        details: &[
            "Sends text: all that stands behind the one blank after the id; \"\" for an empty message.",
            "send <id> @<path>: a file as text; --binary @<path> or --file <path>: as binary.",
            "send <id> --base64 <bytes>, --binary <text>: binary.",
            "send <id> --json <value>: must be JSON; one left open goes on in the next lines.",
            "send <id> \"\"\": the lines that follow, up to a line of \"\"\", are one message.",
            "send <id> -- <message>: text that begins with @ or --, or is \"\".",
            IDS,
        ],
    },
    Word {
        name: "close",
        usages: &["close <connection id> [<close code:default=1000>] [<close reason>]"],
        details: &[
            "Starts the closing handshake. A code may be its name, such as going-away.",
            "close <id> --empty sends no code; close <id> --abort drops the connection at once.",
            IDS,
        ],
    },
    Word {
        name: "show",
        usages: &["show <connection id>"],
        details: &[
            "Prints what is known of the connection, its messages too.",
            "show <id> --last N: only the last messages; --headers: those of the response, too.",
            "show <id> --json prints all of it as one object.",
            IDS,
        ],
    },
    Word {
        name: "list",
        usages: &["list"],
        details: &[
            "Prints one line for each connection; of more than 100, how many are in which state.",
            "list open, or another state: only those. list <ids>, list all: each of them.",
        ],
    },
    Word {
        name: "ping",
        usages: &["ping <connection id> [<payload>]"],
        details: &[
            "Sends a ping of up to 125 bytes; the pong is printed with its round-trip time.",
            "ping <id> --every 5s [<payload>] is every 5s ping <id> [<payload>].",
            IDS,
        ],
    },
    Word {
        name: "serve",
        usages: &["serve [<port:default=9002>]", "serve <options> [<address>]"],
        details: &[
            "Starts an echo server on 127.0.0.1; port 0 takes any that is free.",
            "With options as behind bowsprit serve, what they ask for: serve --chat 9003.",
        ],
    },
    Word {
        name: "stop",
        usages: &["stop"],
        details: &[
            "Stops the echo server; its connections are closed with 1001.",
            "stop <job>, stop all: ends what repeats, see help every.",
        ],
    },
    Word {
        name: "wait",
        usages: &["wait <connection id> open|message|close [<time:default=10s>]"],
        details: &[
            "Takes no further line until it has happened, on each of the connections.",
            "The time is such as 500ms, 5s or 2m; a number alone is seconds.",
            IDS,
        ],
    },
    Word {
        name: "help",
        usages: &[
            "help: Display this help text",
            "help <command>: Display all of one command",
        ],
        details: &["Lists the commands, or explains one of them."],
    },
    Word {
        name: "quit",
        usages: &["quit: Exit the program", "quit!: Exit at once"],
        details: &[
            "Closes everything with 1001, in the order of the ids, and leaves.",
            "quit! leaves at once.",
        ],
    },
];
