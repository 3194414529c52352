//! Words that are no form of the program, and what they were meant to be.

use clap::CommandFactory as _;

use super::{Args, uri};
use crate::command::words;
use crate::printer::text::escape;

/// What to say of a first word that is neither a form nor a URI.
pub(super) fn unknown(word: &str) -> String {
    let command = Args::command();
    let forms: Vec<&str> = command
        .get_subcommands()
        .map(clap::Command::get_name)
        .collect();
    let shown = escape(word);
    if forms.contains(&word) {
        return format!("{shown} stands in front of its options: bowsprit {shown} [OPTIONS]");
    }
    if word != "help" && words::names().any(|name| name == word) {
        return format!(
            "{shown} is a command, and commands are typed, piped in, or given to run: bowsprit run -e '{shown} ...'"
        );
    }
    if word == "help" {
        return "help is for the prompt; here it is bowsprit --help, or bowsprit FORM --help"
            .to_owned();
    }
    match words::closest(word, || forms.iter().copied()) {
        Some(meant) => format!("{shown} is no form of this program (did you mean {meant}?)"),
        None if word.contains(':') || word.starts_with('@') => {
            "one URI at a time; further ones are for the prompt".to_owned()
        }
        None if word.contains(['.', '/']) => uri::check_scheme(word).err().unwrap_or_default(),
        None => format!(
            "{shown} is no form of this program; there are {}",
            forms.join(", ")
        ),
    }
}
