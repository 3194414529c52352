//! The definition of the command line, with its help: one screen, and all of it.

use std::ffi::OsString;

use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Command, CommandFactory as _};

use super::Args;
use super::examples::EXAMPLES;

/// The first screen: what the program can do, and what most people need.
const SCREEN: &str = "\
The WebSocket client for people and scripts.

  bowsprit                      a prompt for many connections; try its `help`
  bowsprit URI                  connected; in a pipe, lines are messages
  bowsprit send URI MESSAGE...  send messages, print the answers, leave
  bowsprit listen URI           print what comes until the connection ends
  bowsprit ping URI             measure round trips, as ping(8) does
  bowsprit check URI            explain a handshake, stage by stage
  bowsprit run FILE...          carry out scripts: send, expect, assert
  bowsprit serve [ADDR]         serve echo, chat, files, processes, a proxy
  bowsprit load URI             measure a server under load
  bowsprit replay FILE [URI]    play a recorded session again, or its server
  bowsprit completions SHELL    print completions for a shell
  bowsprit man [FORM]           print a manual page

  -H, --header 'Name: value'    -u, --auth USER:PW     --bearer TOKEN
  -s, --subprotocol LIST        -k, --insecure         --ca FILE
  -x, --proxy URI               -L (follow redirects)  --reconnect
  --json    -q, --quiet    -v, --verbose    -t, --timestamps    --record FILE

`bowsprit FORM --help` explains a form with examples; `bowsprit --help-all` has
every option. A URI may also be HOST:PORT, :PORT, or a configured @PROFILE.
";

const USAGE: &str = "\
bowsprit [OPTIONS] [URI]        at a terminal: a prompt, whose `help` lists its commands
       ... | bowsprit [OPTIONS] URI    in a pipe: lines are messages, messages are lines
       bowsprit <FORM> [OPTIONS] ...   all else; `bowsprit <FORM> --help` has examples";

const STATUSES: &str = "\
Exit status, by what went wrong first:
  1    what was asked for did not come true
  2    wrong options
  3    could not connect
  4    TLS
  5    the opening handshake was refused
  6    the peer broke the protocol
  7    dropped without a close frame
  8    closed by the peer with another code
  124  a time that was asked for is over
  129, 130, 143  SIGHUP, SIGINT, SIGTERM";

const SECRETS: &str = "\
--header, --auth, --bearer, --cookie and --proxy take @FILE or env:NAME
for a value, too.";

/// What the headings of the options begin with that every connection takes.
const CONNECTION: [&str; 5] = ["TLS", "Request", "Route", "Times", "Limits"];

/// Those of them that most people need.
const FAMILIAR: [&str; 6] = [
    "header",
    "auth",
    "bearer",
    "subprotocol",
    "insecure",
    "proxy",
];

/// Options that forms share with others, and that have no effect there.
const USELESS: [(&str, &[&str]); 7] = [
    ("send", &COMPLETE),
    ("listen", &COMPLETE),
    ("ping", &LOOKS),
    ("check", &LOOKS),
    ("serve", &KEPT),
    ("load", &KEPT),
    ("replay", &KEPT),
];

/// For those without a prompt, at which messages could be seen again.
const KEPT: [&str; 2] = ["keep_messages", "keep_bytes"];

/// For those that print each message that comes.
const COMPLETE: [&str; 3] = ["keep_messages", "keep_bytes", "flood"];

/// For those that print no messages.
const LOOKS: [&str; 8] = [
    "view",
    "fold",
    "flood",
    "color",
    "record",
    "record_limit",
    "keep_messages",
    "keep_bytes",
];

/// Options that forms share with others, and that do something of their own there: the form, the option,
/// and its help.
const OTHERWISE: [(&str, &str, &str); 6] = [
    (
        "send",
        "quiet",
        "Tell nothing of what happens on the connection",
    ),
    (
        "listen",
        "quiet",
        "Tell nothing of what happens on the connection",
    ),
    ("ping", "quiet", "Print the statistics only"),
    (
        "check",
        "quiet",
        "Print one line on failure, and nothing else",
    ),
    (
        "check",
        "json",
        "Print what was found as one object of JSON",
    ),
    ("serve", "quiet", "Print nothing"),
];

/// The option that prints all of the help.
const ALL: &str = "help-all";

/// The command line as clap reads it.
pub(crate) fn definition() -> Command {
    whole().override_help(SCREEN)
}

fn whole() -> Command {
    let command = Args::command()
        .about("The WebSocket client for people and scripts")
        .override_usage(USAGE)
        .subcommand_value_name("FORM")
        .subcommand_help_heading("Forms")
        .disable_help_subcommand(true)
        .after_help(format!("{SECRETS}\n\n{STATUSES}"))
        .mut_args(arrange);
    with_help(command).mut_subcommands(|form| {
        let examples = EXAMPLES.iter().find(|(name, _)| *name == form.get_name());
        let examples = examples.map_or(&[][..], |(_, lines)| lines);
        let mut ending = format!("Examples:\n  {}", examples.join("\n  "));
        if form.get_arguments().any(|arg| arg.get_id() == "bearer") {
            ending.push_str("\n\n--help-all lists the other options of a connection.");
        }
        let useless = useless(form.get_name());
        let form = form.after_help(ending).mut_args(arrange);
        let name = form.get_name().to_owned();
        with_help(form.mut_args(|arg| {
            let id = arg.get_id().as_str();
            let is = |(of, option, _): &&(&str, &str, &str)| *of == name && *option == id;
            if useless.contains(&id) {
                return arg.hide(true);
            }
            match OTHERWISE.iter().find(is) {
                Some((_, _, help)) => arg.help(*help),
                None => arg,
            }
        }))
    })
}

/// The options that mean nothing in a form.
fn useless(form: &str) -> &'static [&'static str] {
    let found = USELESS.iter().find(|(name, _)| *name == form);
    found.map_or(&[], |(_, ids)| ids)
}

/// Refuses options that mean nothing in the form that was typed.
///
/// # Errors
///
/// When there is one; the text names it.
pub(super) fn refuse_useless(matches: &ArgMatches) -> Result<(), String> {
    let Some((form, matches)) = matches.subcommand() else {
        return Ok(());
    };
    let typed = |id: &&&str| matches.value_source(id) == Some(ValueSource::CommandLine);
    match useless(form).iter().find(typed) {
        Some(id) => Err(format!(
            "--{} has no effect in bowsprit {form}",
            id.replace('_', "-")
        )),
        None => Ok(()),
    }
}

/// All of the help, if these words ask for it.
pub(super) fn whole_help(typed: &[OsString]) -> Option<String> {
    let mut words = typed.iter().skip(1).take_while(|word| *word != "--");
    words
        .clone()
        .find(|word| word.to_str() == Some("--help-all"))?;
    let mut whole = whole();
    whole.build();
    let first = words
        .next()
        .and_then(|word| word.to_str())
        .unwrap_or_default();
    let command = whole.find_subcommand(first).cloned().unwrap_or(whole);
    let mut command = command.mut_args(|arg| arg.hide_short_help(false));
    Some(command.render_help().to_string())
}

/// `--help` is one screen, `--help-all` all of it, and as compact.
fn with_help(command: Command) -> Command {
    let help = Arg::new("help")
        .short('h')
        .long("help")
        .action(ArgAction::HelpShort);
    let all = Arg::new(ALL).long(ALL).action(ArgAction::SetTrue);
    command
        .disable_help_flag(true)
        .arg(help.help("Print this help").help_heading("Help"))
        .arg(all.help("Print every option").help_heading("Help"))
}

/// Leaves an option of connections out of the first screen, unless it is a familiar one.
fn arrange(arg: Arg) -> Arg {
    if arg.is_positional() {
        // The heading of the options before it is none of its own.
        return arg.help_heading(None);
    }
    let heading = arg.get_help_heading().unwrap_or_default();
    let is_for_connections = CONNECTION.iter().any(|known| heading.starts_with(known));
    let is_folded = is_for_connections && !FAMILIAR.contains(&arg.get_id().as_str());
    let is_hidden = arg.is_hide_short_help_set();
    arg.hide_short_help(is_folded || is_hidden)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn has_no_contradictions() {
        definition().debug_assert();
    }

    #[test]
    fn explains_itself_on_one_screen() {
        // The next prompt needs a row, too.
        assert!(SCREEN.lines().count() < 24, "{SCREEN}");
        let widest = SCREEN.lines().map(|line| line.chars().count()).max();
        assert!(widest <= Some(80), "{widest:?}: {SCREEN}");
        for form in definition().get_subcommands() {
            let name = form.get_name();
            assert!(SCREEN.contains(&format!("  bowsprit {name} ")), "{name}");
        }
    }

    #[test]
    fn lists_every_option_when_it_is_asked_for_all() {
        let typed = |words: &[&str]| words.iter().map(OsString::from).collect::<Vec<_>>();
        let help = whole_help(&typed(&["bowsprit", "--help-all"])).expect("help");
        for option in ["--pin <HEX>", "--reconnect", "--json", "124", "  load "] {
            assert!(help.contains(option), "{option}: {help}");
        }
        let help = whole_help(&typed(&["bowsprit", "send", "ws://h", "--help-all"]));
        assert!(help.is_some_and(|help| help.contains("--pin <HEX>")));
        assert_eq!(
            whole_help(&typed(&["bowsprit", "send", "--", "--help-all"])),
            None
        );
    }

    #[test]
    fn reads_every_example() {
        for (form, lines) in EXAMPLES {
            for line in lines {
                let line = line.split(" | ").next().unwrap_or_default();
                let line = line.split(" > ").next().unwrap_or_default();
                let words = shell_words::split(line).expect("an example is quoted right");
                let matches = definition().try_get_matches_from(&words);
                let matches = matches.unwrap_or_else(|fault| panic!("{line}: {fault}"));
                assert_eq!(matches.subcommand_name(), Some(form), "{line}");
            }
        }
    }
}
