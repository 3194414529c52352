//! JSON in messages: a path (RFC 9535), and what is to be found there.

use std::borrow::Cow;

use regex::Regex;
use serde_json::{Number, Value};
use serde_json_path::JsonPath;

use super::path;
use super::relation::{self, Relation};
use crate::printer::text::{escape, excerpt};

/// The most values that one message may have: each takes some 100 bytes, and a peer sends them.
const MAX_VALUES: usize = 1_000_000;

/// How many characters of a value a failure shows.
const VALUE_EXCERPT: usize = 200;

/// A path and what is to be found there.
#[derive(Clone, Debug)]
pub(crate) struct JsonCheck {
    text: String,
    path: JsonPath,
    wanted: Wanted<Value>,
    /// What is wanted is that this matches: a path may find a million values.
    regex: Option<Regex>,
}

/// What is to be found at a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wanted<T> {
    /// Anything.
    Something,
    /// Nothing.
    Nothing,
    /// What stands in this relation to the value.
    Related(Relation, T),
}

impl JsonCheck {
    /// A check of the values that the path finds.
    ///
    /// # Errors
    ///
    /// When the path is none, or the value cannot be compared so; the text says where, escaped.
    pub(crate) fn new(path: &str, wanted: Wanted<&str>) -> Result<Self, String> {
        let mut regex = None;
        let wanted = match wanted {
            Wanted::Something => Wanted::Something,
            Wanted::Nothing => Wanted::Nothing,
            Wanted::Related(relation, text) => {
                // What is no JSON is a text without quotes.
                let value = serde_json::from_str(text).unwrap_or_else(|_| Value::from(text));
                if relation == Relation::Matches {
                    regex = Some(relation::regex(&plain(&value))?);
                }
                Wanted::Related(relation, value)
            }
        };
        Ok(Self {
            text: path.to_owned(),
            path: path::parse(path)?,
            wanted,
            regex,
        })
    }

    /// What is expected, in words.
    pub(crate) fn describe(&self) -> String {
        let path = escape(&self.text);
        match &self.wanted {
            Wanted::Something => format!("JSON with something at {path}"),
            Wanted::Nothing => format!("JSON with nothing at {path}"),
            Wanted::Related(relation, value) => {
                format!("JSON with {path} {} {}", relation.sign(), show(value))
            }
        }
    }

    /// Looks at a message.
    ///
    /// # Errors
    ///
    /// When it is not so; the text tells what is there instead, escaped.
    pub(crate) fn test(&self, payload: &[u8]) -> Result<(), String> {
        let value = read(payload)?;
        let found = self.path.query(&value).all();
        let path = escape(&self.text);
        let (relation, wanted) = match (&self.wanted, found.as_slice()) {
            (Wanted::Nothing, []) | (Wanted::Something, [_, ..]) => return Ok(()),
            (Wanted::Nothing, [value, ..]) => return Err(format!("{path} is {}", show(value))),
            (_, []) => return Err(format!("nothing at {path}")),
            (Wanted::Related(relation, wanted), _) => (*relation, wanted),
        };
        let mut fits = found.iter().map(|value| match &self.regex {
            Some(regex) => regex.is_match(&plain(value)),
            None => holds(value, relation, wanted),
        });
        // Of several values one has to fit; none may be what it must not be.
        let is_right = match relation {
            Relation::IsNot => fits.all(|fits| fits),
            _ => fits.any(|fits| fits),
        };
        match (is_right, found.as_slice()) {
            (true, _) => Ok(()),
            (false, [value]) => {
                let kinds = match (kind(value), kind(wanted)) {
                    (came, wanted) if came == wanted => String::new(),
                    (came, wanted) => format!(" ({came}, not {wanted})"),
                };
                let place = difference(value, wanted, relation);
                Err(format!("{path} is {}{kinds}{place}", show(value)))
            }
            (false, values) => {
                let shown: Vec<String> = values.iter().take(5).map(|value| show(value)).collect();
                let more = if values.len() > 5 { ", …" } else { "" };
                Err(format!(
                    "{path} is {} values: {}{more}",
                    values.len(),
                    shown.join(", ")
                ))
            }
        }
    }
}

/// Where two values of several members part.
fn difference(value: &Value, wanted: &Value, relation: Relation) -> String {
    if relation != Relation::Is || !(value.is_object() || value.is_array()) {
        return String::new();
    }
    match first_difference(value, wanted, "") {
        Some((place, text)) if !place.is_empty() => format!("; at {place} {text}"),
        _ => String::new(),
    }
}

/// The place below both values where they are not the same, and how.
fn first_difference(came: &Value, wanted: &Value, place: &str) -> Option<(String, String)> {
    match (came, wanted) {
        (Value::Object(came), Value::Object(wanted)) => {
            let member = |name: &str| format!("{place}.{}", escape(name));
            for (name, value) in wanted {
                match came.get(name) {
                    None => return Some((member(name), "nothing came".to_owned())),
                    Some(other) => {
                        if let Some(found) = first_difference(other, value, &member(name)) {
                            return Some(found);
                        }
                    }
                }
            }
            let extra = came.iter().find(|(name, _)| !wanted.contains_key(*name));
            extra.map(|(name, value)| (member(name), format!("{} is too much", show(value))))
        }
        (Value::Array(came), Value::Array(wanted)) => {
            let pairs = came.iter().zip(wanted).enumerate();
            let mut differences = pairs.filter_map(|(index, (came, wanted))| {
                first_difference(came, wanted, &format!("{place}[{index}]"))
            });
            differences.next().or_else(|| {
                (came.len() != wanted.len()).then(|| {
                    let counts = format!("{} elements came, not {}", came.len(), wanted.len());
                    (place.to_owned(), counts)
                })
            })
        }
        (came, wanted) if is_same(came, wanted) => None,
        (came, wanted) => Some((
            place.to_owned(),
            format!("{} came, not {}", show(came), show(wanted)),
        )),
    }
}

/// The value that a path finds, as a variable has it: a text without quotes, all else as JSON.
///
/// # Errors
///
/// When it finds none, or several; the text says so, escaped.
pub(crate) fn value_at(path: &str, payload: &[u8]) -> Result<String, String> {
    let query = path::parse(path)?;
    let value = read(payload).map_err(|fault| format!("The message is {fault}"))?;
    match query.query(&value).all().as_slice() {
        [] => Err(format!("The message has nothing at {}", escape(path))),
        [Value::String(text)] => Ok(text.clone()),
        [value] => Ok(value.to_string()),
        values => Err(format!(
            "The message has {} values at {}, and a variable holds one",
            values.len(),
            escape(path)
        )),
    }
}

/// The value that a message is.
///
/// # Errors
///
/// When it is no JSON, or of too many values to be held in memory; the text says which, escaped.
pub(crate) fn read(payload: &[u8]) -> Result<Value, String> {
    if count_of_values(payload) > MAX_VALUES {
        return Err(format!(
            "JSON of more than {MAX_VALUES} values, too many to look into"
        ));
    }
    serde_json::from_slice(payload)
        .map_err(|fault| format!("not JSON: {}", escape(&fault.to_string())))
}

/// How many values a JSON text has, at most: each but the first stands behind a comma or a bracket.
fn count_of_values(payload: &[u8]) -> usize {
    let mut is_in_string = false;
    let mut is_escaped = false;
    let mut count = 1;
    for byte in payload {
        match byte {
            _ if std::mem::take(&mut is_escaped) => {}
            b'\\' => is_escaped = is_in_string,
            b'"' => is_in_string = !is_in_string,
            b',' | b'[' | b'{' if !is_in_string => count += 1,
            _ => {}
        }
    }
    count
}

fn holds(value: &Value, relation: Relation, wanted: &Value) -> bool {
    match (relation, value, wanted) {
        (Relation::Is, _, _) => is_same(value, wanted),
        (Relation::IsNot, _, _) => !is_same(value, wanted),
        (Relation::Contains, Value::Array(values), _) => {
            values.iter().any(|value| is_same(value, wanted))
        }
        (_, Value::String(text), _) => relation.holds(text, &plain(wanted)),
        (Relation::Contains, _, _) => relation.holds(&value.to_string(), &plain(wanted)),
        (_, Value::Number(number), Value::Number(wanted)) => {
            relation.holds(&number.to_string(), &wanted.to_string())
        }
        _ => false,
    }
}

/// The value as text: without quotes where it is one.
fn plain(value: &Value) -> Cow<'_, str> {
    match value {
        Value::String(text) => text.into(),
        other => other.to_string().into(),
    }
}

/// Whether two values are the same: numbers by value and not as they are written, members in any order.
fn is_same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => is_same_number(a, b),
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| is_same(a, b))
        }
        (Value::Object(a), Value::Object(b)) => {
            let mut members = a.iter();
            a.len() == b.len()
                && members.all(|(name, a)| b.get(name).is_some_and(|b| is_same(a, b)))
        }
        (a, b) => a == b,
    }
}

fn is_same_number(a: &Number, b: &Number) -> bool {
    match (a.as_i128(), b.as_i128()) {
        (Some(a), Some(b)) => a == b,
        _ => a == b || a.as_f64() == b.as_f64(),
    }
}

const fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

fn show(value: &Value) -> String {
    excerpt(&value.to_string(), VALUE_EXCERPT)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn test(path: &str, wanted: Option<(Relation, &str)>, payload: &str) -> Result<(), String> {
        let wanted = wanted.map_or(Wanted::Something, |(relation, value)| {
            Wanted::Related(relation, value)
        });
        let check = JsonCheck::new(path, wanted).expect("a right path");
        check.test(payload.as_bytes())
    }

    #[test]
    fn compares_what_a_path_finds() {
        use Relation::{Contains, Is, IsNot, Less, Matches, MoreOrIs};
        let payload = r#"{"id":7,"s":"seven","big":123456789012345678901,"n":null,"list":[1,2,3],"o":{"a":1,"b":2}}"#;
        for (path, relation, wanted) in [
            ("$.id", Is, "7"),
            ("$.id", Is, "7.0"),
            ("$.id", Is, "70e-1"),
            ("$.id", IsNot, "8"),
            ("$.id", Less, "10"),
            ("$.id", MoreOrIs, "7"),
            ("$.s", Is, "seven"),
            ("$.s", Is, "\"seven\""),
            ("$.s", Matches, "^s.*n$"),
            ("$.s", Contains, "eve"),
            ("$.big", Is, "123456789012345678901"),
            ("$.big", IsNot, "123456789012345678902"),
            ("$.n", Is, "null"),
            ("$.list", Contains, "2"),
            ("$.list[*]", Is, "3"),
            ("$.list[?@ > 2]", Is, "3"),
            ("$.o", Is, r#"{"b":2,"a":1.0}"#),
        ] {
            let outcome = test(path, Some((relation, wanted)), payload);
            assert_eq!(outcome, Ok(()), "{path} {relation:?} {wanted}");
        }
        assert_eq!(test("$.n", None, payload), Ok(()));
    }

    #[test]
    fn tells_what_is_there_instead() {
        use Relation::{Is, IsNot, Less};
        for (path, wanted, payload, fault) in [
            (
                "$.id",
                Some((Is, "7")),
                r#"{"id":"7"}"#,
                r#"$.id is "7" (a text, not a number)"#,
            ),
            ("$.id", Some((Is, "7")), r#"{"id":8}"#, "$.id is 8"),
            ("$.id", None, r#"{"ID":8}"#, "nothing at $.id"),
            ("$.id", Some((Less, "7")), r#"{"id":7}"#, "$.id is 7"),
            (
                "$..id",
                Some((Is, "7")),
                r#"[{"id":1},{"id":2}]"#,
                "$..id is 2 values: 1, 2",
            ),
            (
                "$..id",
                Some((IsNot, "1")),
                r#"[{"id":1},{"id":2}]"#,
                "$..id is 2 values: 1, 2",
            ),
            (
                "$",
                Some((Is, r#"{"a":{"b":[1,2]}}"#)),
                r#"{"a":{"b":[1,3]}}"#,
                r#"$ is {"a":{"b":[1,3]}}; at .a.b[1] 3 came, not 2"#,
            ),
            (
                "$",
                Some((Is, r#"{"a":1}"#)),
                r#"{"a":1,"b":2}"#,
                r#"$ is {"a":1,"b":2}; at .b 2 is too much"#,
            ),
            (
                "$",
                Some((Is, r#"{"a":1,"b":2}"#)),
                r#"{"a":1}"#,
                r#"$ is {"a":1}; at .b nothing came"#,
            ),
        ] {
            assert_eq!(test(path, wanted, payload), Err(fault.to_owned()));
        }
        let fault = test("$", None, "{\"a\":").expect_err("no JSON");
        assert!(fault.starts_with("not JSON: EOF"), "{fault}");
    }

    #[test]
    fn finds_nothing_where_nothing_is_to_be() {
        let check = JsonCheck::new("$.error", Wanted::Nothing).expect("a path");
        assert_eq!(check.test(b"{\"result\":1}"), Ok(()));
        let fault = check.test(b"{\"error\":null}");
        assert_eq!(fault, Err("$.error is null".to_owned()));
        assert_eq!(check.describe(), "JSON with nothing at $.error");
    }

    #[test]
    fn gives_a_variable_the_text_or_the_json() {
        let payload = br#"{"token":"a \"b\"","n":1.50,"o":{"x":[]}}"#;
        assert_eq!(value_at("$.token", payload).as_deref(), Ok("a \"b\""));
        assert_eq!(value_at("$.n", payload).as_deref(), Ok("1.50"));
        assert_eq!(value_at("$.o", payload).as_deref(), Ok(r#"{"x":[]}"#));
        assert!(value_at("$.no", payload).is_err_and(|fault| fault.contains("nothing at $.no")));
        assert!(value_at("$.*", payload).is_err_and(|fault| fault.contains("3 values")));
    }
}
