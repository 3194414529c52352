//! What scripts look for in JSON: any path, any value to compare with, any message.

use super::oracle::check_answer;
use crate::script::json::{self, JsonCheck, Wanted};
use crate::script::relation::Relation;

const RELATIONS: [Relation; 8] = [
    Relation::Is,
    Relation::IsNot,
    Relation::Less,
    Relation::LessOrIs,
    Relation::More,
    Relation::MoreOrIs,
    Relation::Contains,
    Relation::Matches,
];

pub(super) fn run(data: &[u8]) {
    let Some((choice, rest)) = data.split_first() else {
        return;
    };
    let mut parts = rest.splitn(3, |byte| *byte == b'\n');
    let mut text = || String::from_utf8_lossy(parts.next().unwrap_or_default()).into_owned();
    let (path, value) = (text(), text());
    let payload = parts.next().unwrap_or_default();
    // Each pair of dots multiplies what a path finds: the user's own doing, and no fault to search for.
    if path.matches("..").count() > 1 {
        return;
    }
    let relation = RELATIONS[usize::from(*choice) % RELATIONS.len()];
    let is_there = check(&path, Wanted::Something, payload);
    let is_nowhere = check(&path, Wanted::Nothing, payload);
    let is_related = check(&path, Wanted::Related(relation, &value), payload);
    let is_message = json::read(payload).is_ok();
    if let (Some(there), Some(nowhere)) = (is_there, is_nowhere) {
        assert_eq!(
            there ^ nowhere,
            is_message,
            "something is there, or nothing"
        );
        assert!(
            there || is_related != Some(true),
            "nothing cannot be related"
        );
    }
    match json::value_at(&path, payload) {
        Ok(_) => assert_eq!(is_there, Some(true)),
        Err(fault) => check_answer(&fault),
    }
}

/// Whether it is so; `None` if there is no such check.
fn check(path: &str, wanted: Wanted<&str>, payload: &[u8]) -> Option<bool> {
    let told = |fault: &String| check_answer(fault);
    let check = JsonCheck::new(path, wanted).inspect_err(told).ok()?;
    check_answer(&check.describe());
    Some(check.test(payload).inspect_err(told).is_ok())
}
