//! `docs/reference/command-line.md`: every form of the program, and every option of each.

use std::fmt::Write as _;

use clap::{Arg, ArgAction, Command};

use super::markdown::{anchor, block, code, codes, table, text};
use super::{ORIGIN, compare};
use crate::args::{EXAMPLES, definition};
use crate::log::CHANNELS;
use crate::setup::layers::Layers;

/// The heading of what several forms share.
const SHARED: &str = "Options that forms share";

/// The headings of the options that several forms share, in their order.
const SHARED_HEADINGS: [&str; 7] = [
    "Output",
    "TLS (wss:)",
    "Request",
    "Route",
    "Times (500ms, 10s, 2m, off)",
    "Limits (1000, 64KiB, 1MiB)",
    "Help",
];

/// Forms in which no option can be configured.
const INDEPENDENT: [&str; 2] = ["completions", "man"];

const NOTES: &str = "\
An option stands behind its form. One that takes a value has it in the next word or behind an equals sign; where \
the value\nmay be left out, as in `--reconnect[=SPEC]`, only the equals sign will do. The column *variable* has the \
environment\nvariable that gives the option a value for all forms, `true` or `false` where it takes none, a number\nfor `--verbose`; the same \
name in lower case\nand with hyphens is its key in the [configuration file](configuration.md). A – there is for \
options that only a form's own\ntable in that file, or the command line alone, can set. A – under *default* means \
that nothing of the kind happens unless\nit is asked for.\n\n\
| value | is |\n|---|---|\n\
| TIME | a number and `ms`, `s`, `m` or `h`: `500ms`, `1.5s`, `2m`; `off` for none |\n\
| SIZE | bytes, or a number and `KiB`, `MiB`, `GiB`, `kB`, `MB` or `GB`: `1000`, `64KiB` |\n\
| LIST | several, with commas between them |\n\
| FILE, DIR | a path |\n";

#[test]
fn the_page_of_the_command_line_is_what_the_program_takes() {
    let mut definition = definition();
    definition.build();
    compare("command-line.md", &whole_page(&definition));
}

fn whole_page(definition: &Command) -> String {
    let mut page = format!("# The command line\n\n{ORIGIN}\n{NOTES}\n## Forms\n\n");
    let forms = || definition.get_subcommands();
    let mut rows = vec![vec![
        "[`bowsprit`](#bowsprit)".to_owned(),
        "A prompt for many connections; with a URI connected, and in a pipe lines are messages"
            .to_owned(),
    ]];
    rows.extend(forms().map(|form| {
        let name = format!("bowsprit {}", form.get_name());
        let about = form.get_about().map(ToString::to_string);
        vec![
            format!("[`{name}`](#{})", anchor(&name)),
            text(&about.unwrap_or_default()),
        ]
    }));
    page += &table(&["form", "what it does"], &rows);
    page += "\n[Exit statuses](exit-status.md) have a page of their own, and the [commands of the prompt](prompt-commands.md).\n";
    for command in std::iter::once(definition).chain(forms()) {
        page += &section(definition, command);
    }
    // Writing to a string cannot fail.
    let _ = write!(
        page,
        "\n## {SHARED}\n\nThey mean the same in each form that has them.\n"
    );
    for heading in SHARED_HEADINGS {
        let _ = write!(
            page,
            "\n### {heading}\n\n{}",
            options_table(definition, definition, |arg| {
                arg.get_help_heading() == Some(heading)
            })
        );
        if heading == "Output" {
            let _ = write!(
                page,
                "\nCHANNELS is `all`, or some of {}, with commas between them; [logging](../guides/connections/logging.md) \
                 says what each tells.\n",
                codes(CHANNELS)
            );
        }
        if heading == "Request" {
            page += "\n`--header`, `--auth`, `--bearer`, `--cookie` and `--proxy` take `@FILE` or `env:NAME` for a value, \
                     too:\n[secrets](prompt.md#options-of-a-connection).\n";
        }
    }
    page
}

/// A form: how it is used, what is its own, what it shares, examples.
fn section(definition: &Command, command: &Command) -> String {
    let name = command
        .get_display_name()
        .unwrap_or("bowsprit")
        .replace('-', " ");
    let usage = command.clone().render_usage().to_string();
    let usage = usage.trim_start_matches("Usage: ");
    let usage: Vec<&str> = usage.lines().map(str::trim_start).collect();
    let mut page = format!("\n## {name}\n\n");
    if let Some(about) = command.get_about() {
        let _ = write!(page, "{}.\n\n", text(&about.to_string()));
    }
    page += &block("text", &usage.join("\n"));
    let arguments: Vec<Vec<String>> = command
        .get_positionals()
        .filter(|arg| !arg.is_hide_set())
        .map(argument)
        .collect();
    if !arguments.is_empty() {
        let _ = write!(
            page,
            "\n{}",
            table(&["argument", "what it is", "default"], &arguments)
        );
    }
    for heading in own_headings(definition, command) {
        let title = match heading {
            Some(heading) => format!("{}: {heading}", command.get_name()),
            None => format!("{}: options", command.get_name()),
        };
        let own =
            |arg: &Arg| arg.get_help_heading() == heading && !is_shared(definition, command, arg);
        let _ = write!(
            page,
            "\n### {title}\n\n{}",
            options_table(definition, command, own)
        );
    }
    page += &shared(definition, command);
    if let Some((_, lines)) = EXAMPLES
        .iter()
        .find(|(form, _)| *form == command.get_name())
    {
        let _ = write!(page, "\n{}", block("sh", &lines.join("\n")));
    }
    page
}

/// The headings of what a form alone has, in their order.
fn own_headings<'a>(definition: &Command, command: &'a Command) -> Vec<Option<&'a str>> {
    let mut headings = Vec::new();
    for arg in options(command).filter(|arg| !is_shared(definition, command, arg)) {
        let heading = arg.get_help_heading();
        if !headings.contains(&heading) {
            headings.push(heading);
        }
    }
    headings
}

/// Which of the shared options a form takes, and which of them it does not.
fn shared(definition: &Command, command: &Command) -> String {
    let mut parts = Vec::new();
    for heading in SHARED_HEADINGS {
        let of_all: Vec<&Arg> = options(definition)
            .filter(|arg| arg.get_help_heading() == Some(heading))
            .collect();
        let is_taken = |general: &&Arg| {
            options(command)
                .any(|arg| arg.get_id() == general.get_id() && is_shared(definition, command, arg))
        };
        let missing: Vec<String> = of_all
            .iter()
            .filter(|arg| !is_taken(arg))
            .map(|arg| long(arg))
            .collect();
        if missing.len() == of_all.len() {
            continue;
        }
        let without = if missing.is_empty() {
            String::new()
        } else {
            format!(" (without {})", codes(missing))
        };
        parts.push(format!(
            "[{}](#{}){without}",
            heading.split(" (").next().unwrap_or(heading),
            anchor(heading)
        ));
    }
    format!("\nShared options: {}.\n", parts.join(", "))
}

/// Whether the option is the program's own of that name, explained in the same words.
fn is_shared(definition: &Command, command: &Command, arg: &Arg) -> bool {
    let heading = arg.get_help_heading().unwrap_or_default();
    if !SHARED_HEADINGS.contains(&heading) {
        return false;
    }
    let general = options(definition).find(|general| general.get_long() == arg.get_long());
    let words = |arg: &Arg| arg.get_help().map(ToString::to_string);
    command.get_name() == definition.get_name()
        || general.is_some_and(|general| {
            general.get_help_heading() == Some(heading) && words(general) == words(arg)
        })
}

fn options(command: &Command) -> impl Iterator<Item = &Arg> {
    command
        .get_arguments()
        .filter(|arg| !arg.is_positional() && !arg.is_hide_set())
}

fn options_table(
    definition: &Command,
    command: &Command,
    is_wanted: impl Fn(&Arg) -> bool,
) -> String {
    let nothing = definition
        .clone()
        .try_get_matches_from(["bowsprit"])
        .expect("no options are right");
    let layers = Layers::new(definition, command, &nothing);
    let rows = options(command).filter(|arg| is_wanted(arg)).map(|arg| {
        let (what, default) = explain(command, arg);
        let variable = match arg.get_long().unwrap_or_default() {
            "config" => Some("BOWSPRIT_CONFIG".to_owned()),
            long => layers.variable(long),
        };
        let variable = variable.filter(|_| !INDEPENDENT.contains(&command.get_name()));
        vec![
            form(arg),
            what,
            default,
            variable.map_or_else(|| "–".to_owned(), |name| code(&name)),
        ]
    });
    table(
        &["option", "what it does", "default", "variable"],
        &rows.collect::<Vec<_>>(),
    )
}

fn argument(arg: &Arg) -> Vec<String> {
    let (what, default) =
        split_default(&arg.get_help().map(ToString::to_string).unwrap_or_default());
    let default = default
        .or_else(|| default_value(arg))
        .unwrap_or_else(|| "–".to_owned());
    vec![
        code(&arg.to_string()),
        sentence(&what) + &values(arg),
        default,
    ]
}

fn long(arg: &Arg) -> String {
    format!("--{}", arg.get_long().unwrap_or_default())
}

/// How an option is written, with its other names.
fn form(arg: &Arg) -> String {
    let names = arg.get_value_names().unwrap_or_default();
    let takes_value = arg.get_num_args().is_some_and(|count| count.takes_values());
    let value = match names.first() {
        Some(name) if takes_value && arg.is_require_equals_set() => format!("[={name}]"),
        Some(name) if takes_value => format!(" {name}"),
        _ => String::new(),
    };
    let short = arg.get_short().map(|short| code(&format!("-{short}")));
    let aliases = arg.get_visible_aliases().unwrap_or_default();
    let aliases = aliases
        .iter()
        .map(|alias| code(&format!("--{alias}{value}")));
    let forms = short
        .into_iter()
        .chain([code(&format!("{}{value}", long(arg)))])
        .chain(aliases);
    forms.collect::<Vec<_>>().join(", ")
}

/// What an option does, and its default.
fn explain(command: &Command, arg: &Arg) -> (String, String) {
    let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
    let (what, told) = split_default(&help);
    let rivals: Vec<String> = command
        .get_arg_conflicts_with(arg)
        .into_iter()
        .filter(|rival| !rival.is_hide_set())
        .map(|rival| {
            if rival.is_positional() {
                rival.to_string()
            } else {
                long(rival)
            }
        })
        .collect();
    let mut what = sentence(&what) + &values(arg);
    if !rivals.is_empty() {
        let _ = write!(what, " Not with {}.", codes(rivals));
    }
    let none = if matches!(arg.get_action(), ArgAction::SetTrue | ArgAction::Count) {
        "off"
    } else {
        "–"
    };
    let default = told
        .or_else(|| default_value(arg))
        .unwrap_or_else(|| none.to_owned());
    (what, default)
}

/// The values that may be chosen from, with what each means where that is told.
fn values(arg: &Arg) -> String {
    let values = arg.get_possible_values();
    if values.is_empty() || !arg.get_num_args().is_some_and(|count| count.takes_values()) {
        return String::new();
    }
    let values = values.iter().map(|value| match value.get_help() {
        Some(help) => format!("{} ({})", code(value.get_name()), text(&help.to_string())),
        None => code(value.get_name()),
    });
    format!(" One of {}.", values.collect::<Vec<_>>().join(", "))
}

fn default_value(arg: &Arg) -> Option<String> {
    let takes_value = arg.get_num_args().is_some_and(|count| count.takes_values());
    let values = arg.get_default_values().iter().filter(|_| takes_value);
    let values: Vec<String> = values.map(|value| code(&value.to_string_lossy())).collect();
    (!values.is_empty()).then(|| values.join(" "))
}

/// The help of an option, and the default that it tells in brackets at its end.
fn split_default(help: &str) -> (String, Option<String>) {
    let Some((what, default)) = help.split_once(" [default") else {
        return (help.to_owned(), None);
    };
    let default = default.trim_end_matches(']');
    let default = match default.strip_prefix(": ") {
        Some(default) => default.to_owned(),
        // Such as "default of send: as many as were sent".
        None => format!("default{default}"),
    };
    (what.to_owned(), Some(text(&default)))
}

fn sentence(what: &str) -> String {
    let what = text(what);
    if what.ends_with(['.', '?']) {
        what
    } else {
        format!("{what}.")
    }
}

#[test]
fn each_option_that_may_be_given_again_says_so() {
    let mut definition = definition();
    definition.build();
    for command in std::iter::once(&definition).chain(definition.get_subcommands()) {
        for arg in options(command).filter(|arg| matches!(arg.get_action(), ArgAction::Append)) {
            let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
            assert!(
                help.contains("(repeatable)"),
                "{} {}: {help}",
                command.get_name(),
                long(arg)
            );
        }
    }
}

/// An option with a value does something of its own accord, which its help tells as a default, or
/// nothing. Those with a time or a size always have one of the two, so that none is forgotten.
#[test]
fn each_time_and_size_tells_its_default() {
    let mut definition = definition();
    definition.build();
    for command in std::iter::once(&definition).chain(definition.get_subcommands()) {
        for arg in options(command) {
            let names = arg.get_value_names().unwrap_or_default();
            let is_measure = names
                .iter()
                .any(|name| matches!(name.as_str(), "TIME" | "SIZE" | "COUNT" | "N"));
            let (_, default) = explain(command, arg);
            assert!(
                !is_measure || default != "–",
                "{} {}",
                command.get_name(),
                long(arg)
            );
        }
    }
}
