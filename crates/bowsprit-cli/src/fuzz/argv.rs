//! Any words on the command line, one a line of the input: they are understood, or refused in one harmless line.

use std::cell::RefCell;
use std::ffi::OsString;

use clap::Command;

use super::oracle::check_answer;
use crate::args::{Args, definition};

/// More than anyone types.
const MAX_WORDS: usize = 12;

pub(super) fn run(data: &[u8]) {
    thread_local! {
        static DEFINITION: RefCell<Command> = RefCell::new(definition());
    }
    let text = String::from_utf8_lossy(data);
    let words = text.split('\n').take(MAX_WORDS).map(OsString::from);
    let typed: Vec<OsString> = [OsString::from("bowsprit")]
        .into_iter()
        .chain(words)
        .collect();
    let understood = DEFINITION.with_borrow_mut(|definition| Args::of(definition, &typed));
    match understood.as_ref().map(Args::uri) {
        Ok(Ok(Some(uri))) => assert!(text.contains(uri)),
        Ok(Ok(None)) => {}
        Ok(Err(fault)) => check_answer(&fault),
        Err(fault) => {
            check_answer(fault);
            assert!(fault.len() < 5_000 + 12 * text.len(), "{fault:?}");
        }
    }
}
