//! `docs/reference/prompt-commands.md`: what `help` at the prompt tells, command by command.

use std::fmt::Write as _;

use super::markdown::{anchor, block, codes, table, text};
use super::{ORIGIN, compare};
use crate::command::{STATES, codes as close_codes, words};
use crate::options;

#[test]
fn the_page_of_the_commands_is_what_help_tells() {
    compare("prompt-commands.md", &whole_page());
}

fn whole_page() -> String {
    let mut page = format!(
        "# The commands of the prompt\n\n{ORIGIN}\nEach block is what `help COMMAND` prints. [prompt.md](prompt.md) explains \
         the prompt, with examples.\n"
    );
    let rows = words::topics().map(|(topic, names)| {
        let links = names.map(|(name, _)| format!("[`{name}`](#{})", anchor(name)));
        vec![topic.to_owned(), links.collect::<Vec<_>>().join(", ")]
    });
    let _ = write!(
        page,
        "\n{}",
        table(&["topic", "commands"], &rows.collect::<Vec<_>>())
    );
    for (topic, names) in words::topics() {
        let _ = write!(page, "\n## {topic}\n");
        for (name, lines) in names {
            let _ = write!(page, "\n### {name}\n\n{}", block("text", &lines.join("\n")));
            if let Some(more) = more(name) {
                let _ = write!(page, "\n{more}\n");
            }
        }
    }
    page += "\n## Words\n\nA close code may be typed as its name:\n\n";
    let rows =
        close_codes::words().map(|(word, code)| vec![format!("`{word}`"), code.0.to_string()]);
    page += &table(&["name", "code"], &rows.collect::<Vec<_>>());
    let _ = write!(
        page,
        "\nThe states of a connection, for `list` and `assert status`: {}.\n",
        codes(STATES)
    );
    page
}

/// What `help` leaves to the command line's own, or tells in a list.
fn more(name: &str) -> Option<String> {
    match name {
        "connect" => Some(format!(
            "The options are [those of a connection](command-line.md#options-that-forms-share): TLS, request, route, times \
             and limits;\nand two of its own, for which the command line has no use or another:\n\n{}",
            options_of_connect()
        )),
        "serve" => Some("The options are those of [`bowsprit serve`](command-line.md#bowsprit-serve), without `--once`, `--timeout` and those of the output.".to_owned()),
        "replay" => Some("The options are those of [`bowsprit replay`](command-line.md#bowsprit-replay).".to_owned()),
        _ => None,
    }
}

fn options_of_connect() -> String {
    let definition = options::line_definition();
    let own = definition
        .get_arguments()
        .filter(|arg| arg.get_help_heading() == Some("Many") && !arg.is_positional());
    let rows = own.map(|arg| {
        let names = arg.get_value_names().unwrap_or_default();
        let value = names.first().map(ToString::to_string).unwrap_or_default();
        let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
        vec![
            format!("`--{} {value}`", arg.get_long().unwrap_or_default()),
            text(&help) + ".",
        ]
    });
    table(&["option", "what it does"], &rows.collect::<Vec<_>>())
        .trim_end()
        .to_owned()
}
