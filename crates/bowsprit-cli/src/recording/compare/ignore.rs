//! When two messages are the same: JSON as values, and without what a rule leaves out.

use std::borrow::Cow;

use bowsprit::Message;
use regex::Regex;
use serde_json::Value;
use serde_json_path::JsonPath;

use super::difference::{At, is_fact};
use crate::script::json;

/// The most places within a message that are told.
const MAX_PLACES: usize = 5;

/// What stands in both messages where a regular expression matched.
const LEFT_OUT: &str = "…";

/// How messages are compared.
#[derive(Debug, Default)]
pub(crate) struct Rules {
    paths: Vec<JsonPath>,
    patterns: Vec<Regex>,
    is_strict: bool,
}

/// Whether two messages are the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Same {
    Equal,
    /// They are not; where, as far as that can be told.
    Differs(Vec<At>),
}

impl Rules {
    /// Rules as typed: a JSON path begins with `$`, all else is a regular expression.
    ///
    /// # Errors
    ///
    /// When one is neither.
    pub(crate) fn new(ignored: &[String], is_strict: bool) -> Result<Self, String> {
        let mut rules = Self {
            is_strict,
            ..Self::default()
        };
        for text in ignored.iter().filter(|text| !is_fact(text)) {
            if text.starts_with('$') {
                let path = JsonPath::parse(text);
                let path = path.map_err(|fault| format!("--ignore {text}: {fault}"))?;
                rules.paths.push(path);
            } else {
                let pattern = Regex::new(text);
                // The text of the fault is several lines, of which the last says what is wrong.
                let pattern = pattern.map_err(|fault| {
                    let fault = fault.to_string();
                    let why = fault.lines().last().unwrap_or_default();
                    format!("--ignore {text}: no regular expression: {why}")
                })?;
                rules.patterns.push(pattern);
            }
        }
        Ok(rules)
    }

    /// Compares a message of the record with one that came.
    pub(crate) fn compare(&self, recorded: &Message, now: &Message) -> Same {
        if recorded == now {
            return Same::Equal;
        }
        let (Message::Text(recorded), Message::Text(now)) = (recorded, now) else {
            return Same::Differs(Vec::new());
        };
        let (recorded, now) = (self.strip(recorded), self.strip(now));
        if recorded == now {
            return Same::Equal;
        }
        if self.is_strict {
            return Same::Differs(Vec::new());
        }
        let (Some(recorded), Some(now)) = (self.json(&recorded), self.json(&now)) else {
            return Same::Differs(Vec::new());
        };
        let mut places = Vec::new();
        differences(&recorded, &now, &mut "$".to_owned(), &mut places);
        match places.is_empty() {
            true => Same::Equal,
            false => Same::Differs(places),
        }
    }

    /// The text without what the regular expressions find.
    fn strip(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for pattern in &self.patterns {
            if let Cow::Owned(shorter) = pattern.replace_all(&text, LEFT_OUT) {
                text = shorter;
            }
        }
        text
    }

    /// The text as an object or an array, with nothing at the places that the JSON paths name.
    fn json(&self, text: &str) -> Option<Value> {
        let mut value = json::read(text.as_bytes()).ok()?;
        if !value.is_object() && !value.is_array() {
            return None;
        }
        for path in &self.paths {
            let found = path.query_located(&value);
            let pointers: Vec<String> = found
                .locations()
                .map(|location| location.to_json_pointer())
                .collect();
            for pointer in pointers {
                leave_out(&mut value, &pointer);
            }
        }
        Some(value)
    }
}

/// Takes away a member of an object; an element of an array keeps its place, so that no other moves.
fn leave_out(value: &mut Value, pointer: &str) {
    let Some((parent, name)) = pointer.rsplit_once('/') else {
        return *value = Value::Null;
    };
    match value.pointer_mut(parent) {
        Some(Value::Object(members)) => {
            members.shift_remove(&name.replace("~1", "/").replace("~0", "~"));
        }
        Some(Value::Array(elements)) => {
            let element = name
                .parse()
                .ok()
                .and_then(|index: usize| elements.get_mut(index));
            if let Some(element) = element {
                *element = Value::Null;
            }
        }
        _ => {}
    }
}

/// Adds the places at which the values are not the same. The depth is bounded: serde_json reads 128 levels.
fn differences(recorded: &Value, now: &Value, path: &mut String, places: &mut Vec<At>) {
    if places.len() == MAX_PLACES {
        return;
    }
    let length = path.len();
    match (recorded, now) {
        (Value::Object(old), Value::Object(new)) => {
            let added = new.keys().filter(|key| !old.contains_key(*key));
            for key in old.keys().chain(added) {
                push_name(path, key);
                both(old.get(key), new.get(key), path, places);
                path.truncate(length);
            }
        }
        (Value::Array(old), Value::Array(new)) => {
            for index in 0..old.len().max(new.len()) {
                path.push_str(&format!("[{index}]"));
                both(old.get(index), new.get(index), path, places);
                path.truncate(length);
            }
        }
        (old, new) => both(Some(old), Some(new), path, places),
    }
}

fn both(recorded: Option<&Value>, now: Option<&Value>, path: &mut String, places: &mut Vec<At>) {
    if recorded == now || places.len() == MAX_PLACES {
        return;
    }
    match (recorded, now) {
        (Some(old @ Value::Object(_)), Some(new @ Value::Object(_)))
        | (Some(old @ Value::Array(_)), Some(new @ Value::Array(_))) => {
            differences(old, new, path, places);
        }
        _ => places.push(At {
            path: path.clone(),
            recorded: recorded.map(Value::to_string),
            now: now.map(Value::to_string),
        }),
    }
}

/// A member as RFC 9535 writes it: `.name`, or `['name']` where it is no plain one.
fn push_name(path: &mut String, name: &str) {
    let mut characters = name.chars();
    let begins = |c: char| c.is_alphabetic() || c == '_';
    let is_plain = characters.next().is_some_and(begins)
        && characters.all(|c| c.is_alphanumeric() || c == '_');
    if is_plain {
        path.push('.');
        path.push_str(name);
    } else {
        let quoted = name.replace('\\', "\\\\").replace('\'', "\\'");
        path.push_str(&format!("['{quoted}']"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compare(ignored: &[&str], is_strict: bool, recorded: &str, now: &str) -> Same {
        let ignored: Vec<String> = ignored.iter().map(|text| (*text).to_owned()).collect();
        let rules = Rules::new(&ignored, is_strict).expect("rules");
        rules.compare(&Message::from(recorded), &Message::from(now))
    }

    #[test]
    fn compares_json_as_values_unless_told_otherwise() {
        let (a, b) = (r#"{"a":1,"b":2}"#, r#"{ "b": 2, "a": 1 }"#);
        assert_eq!(compare(&[], false, a, b), Same::Equal);
        assert_eq!(compare(&[], true, a, b), Same::Differs(Vec::new()));
        // Text that happens to be a number is text.
        assert_ne!(compare(&[], false, "1", "1 "), Same::Equal);
        let wide = (
            r#"{"id":12345678901234567890}"#,
            r#"{"id":12345678901234567891}"#,
        );
        assert_ne!(compare(&[], false, wide.0, wide.1), Same::Equal);
    }

    #[test]
    fn leaves_out_what_a_rule_names() {
        let (a, b) = (
            r#"{"id":1,"list":[{"at":5,"v":1}]}"#,
            r#"{"id":2,"list":[{"at":6,"v":1}]}"#,
        );
        assert_eq!(compare(&["$.id", "$..at"], false, a, b), Same::Equal);
        assert_eq!(
            compare(&["$.id"], false, r#"{"id":1,"a":2}"#, r#"{"a":2}"#),
            Same::Equal
        );
        assert_eq!(
            compare(&["$['a/b']"], false, r#"{"a/b":1}"#, "{}"),
            Same::Equal
        );
        assert_eq!(compare(&["$[0]"], false, "[1,2]", "[3,2]"), Same::Equal);
        let Same::Differs(places) = compare(&["$.id"], false, a, b) else {
            panic!("the time differs");
        };
        assert_eq!(places[0].path, "$.list[0].at");
        let times = &[r"\d\d:\d\d"];
        assert_eq!(compare(times, false, "at 12:30", "at 08:15"), Same::Equal);
        assert_ne!(compare(times, false, "at 12:30", "on 08:15"), Same::Equal);
    }

    #[test]
    fn names_a_rule_that_is_none() {
        for (text, told) in [("$.[", "--ignore $.[: "), ("(", "--ignore (: ")] {
            let fault = Rules::new(&[text.to_owned()], false).expect_err(text);
            assert!(fault.starts_with(told), "{fault}");
            assert!(!fault.contains('\n'), "{fault}");
        }
    }
}
