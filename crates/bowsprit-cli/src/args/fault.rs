//! What clap finds wrong, in one line.

use std::ffi::OsString;

use clap::error::{ContextKind, ContextValue};
use clap::{Command, Error};

use crate::printer::text::escape;

/// What suggestions there may be.
const SUGGESTIONS: [ContextKind; 2] = [ContextKind::SuggestedArg, ContextKind::SuggestedValue];

/// What is wrong, and what was probably meant; escaped.
pub(crate) fn sentence(fault: &Error) -> String {
    let text = fault.to_string();
    // Behind the first paragraph stand suggestions and the usage.
    let said = text.split("\n\n").next().unwrap_or_default();
    let said: Vec<&str> = said.lines().map(str::trim).collect();
    let said = said.join(" ");
    let said = said.trim_start_matches("error: ");
    let said = said
        .replace("invalid digit found in string", "expected a whole number")
        .replace(
            "number too large to fit in target type",
            "the number is too large",
        );
    let said = escape(&said);
    let meant = SUGGESTIONS.iter().find_map(|kind| match fault.get(*kind)? {
        ContextValue::String(meant) => Some(meant),
        ContextValue::Strings(several) => several.first(),
        _ => None,
    });
    match meant {
        Some(meant) => format!("{said} (did you mean {}?)", escape(meant)),
        None => said.into_owned(),
    }
}

/// The same, with the help that explains the form.
pub(super) fn of_words(fault: &Error, definition: &Command, typed: &[OsString]) -> String {
    let form = typed.get(1).and_then(|word| word.to_str());
    let form = form.filter(|word| definition.find_subcommand(word).is_some());
    let form = form.map(|form| format!(" {form}")).unwrap_or_default();
    format!("{}; see bowsprit{form} --help", sentence(fault))
}
