//! Any bytes as a script: it has mistakes, each told with its place, or can be run; how its lines end makes no
//! difference.

use std::path::Path;

use super::oracle::check_answer;
use crate::script::load::{Loader, Script};
use crate::script::steps::Step;

/// The most faults that are told, and the line that says there are more.
const MAX_TOLD: usize = 21;

/// How deep blocks may stand in each other.
const MAX_DEPTH: usize = 32;

pub(super) fn run(data: &[u8]) {
    // Files are none of this target's business.
    let text = String::from_utf8_lossy(data);
    if text.contains("include") || text.contains("source") {
        return;
    }
    let loaded = load(data);
    if !data.contains(&b'\r') {
        let other: Vec<u8> = data
            .split_inclusive(|byte| *byte == b'\n')
            .flat_map(|line| match line.strip_suffix(b"\n") {
                Some(line) => [line, b"\r\n"].concat(),
                None => line.to_vec(),
            })
            .collect();
        assert_eq!(outcome(&load(&other)), outcome(&loaded));
    }
    match &loaded {
        Ok(script) => {
            let lines = data.split(|byte| *byte == b'\n').count();
            assert!(script.commands + script.tests.len() <= lines);
            assert!(deepest(&script.steps) <= MAX_DEPTH);
        }
        Err(faults) => {
            assert!((1..=MAX_TOLD).contains(&faults.len()));
            for fault in faults {
                check_answer(fault);
                assert!(
                    fault.starts_with("some:") || fault == "… and more",
                    "{fault:?}"
                );
            }
        }
    }
}

fn load(bytes: &[u8]) -> Result<Script, Vec<String>> {
    Loader::new(std::iter::once("known")).whole("some", Path::new(""), bytes)
}

fn outcome(loaded: &Result<Script, Vec<String>>) -> Result<(usize, &[String]), &[String]> {
    match loaded {
        Ok(script) => Ok((script.commands, &script.tests)),
        Err(faults) => Err(faults),
    }
}

fn deepest(steps: &[Step]) -> usize {
    let below = |step: &Step| match step {
        Step::Repeat { body, .. } | Step::For { body, .. } | Step::Test { body, .. } => {
            1 + deepest(body)
        }
        _ => 0,
    };
    steps.iter().map(below).max().unwrap_or(0)
}
