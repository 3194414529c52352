//! Variables: what `${name}` in a line stands for.

use std::collections::BTreeMap;
use std::env;

use jiff::Timestamp;
use rand::TryRng as _;
use rand::rngs::SysRng;

use super::secrets::Secrets;
use crate::printer::text::excerpt;

/// The longest text that lines and variables may come to: 16 MiB, as the largest message.
pub(crate) const MAX_TEXT: usize = 16 << 20;

/// The names that mean something by themselves.
const SPECIAL: [&str; 6] = ["id", "message", "server", "uuid", "random", "now"];

/// A text, and whether a peer had a hand in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Text {
    pub(crate) text: String,
    pub(crate) is_foreign: bool,
}

/// What the names that are no variables stand for at the moment.
#[derive(Clone, Debug, Default)]
pub(crate) struct Moment {
    /// The connection that was made last.
    pub(crate) id: Option<u32>,
    /// The message that was taken last, where it is text.
    pub(crate) message: Option<String>,
    /// The URI of the echo server.
    pub(crate) server: Option<String>,
}

/// What a template is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Piece<'a> {
    /// Text as it is.
    Text(&'a str),
    /// The value of a name, or else the text behind `:-`.
    Value {
        name: &'a str,
        default: Option<&'a str>,
    },
}

/// The variables of a session.
#[derive(Clone, Debug, Default)]
pub(crate) struct Variables {
    values: BTreeMap<String, Text>,
    pub(crate) secrets: Secrets,
}

impl Variables {
    /// Reads `name=value`, as `--set` has it.
    ///
    /// # Errors
    ///
    /// When it is no such pair; the text says why, escaped.
    pub(crate) fn set_pair(&mut self, pair: &str) -> Result<(), String> {
        let (name, value) = pair
            .split_once('=')
            .ok_or_else(|| format!("--set takes name=value, not {}", excerpt(pair, 40)))?;
        check_name(name).map_err(|fault| format!("--set: {fault}"))?;
        self.set(
            name,
            Text {
                text: value.to_owned(),
                is_foreign: false,
            },
        );
        Ok(())
    }

    /// Gives a variable its value.
    pub(crate) fn set(&mut self, name: &str, value: Text) {
        self.values.insert(name.to_owned(), value);
    }

    /// The names that have a value.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.values.keys().map(String::as_str)
    }

    /// The text with the value of each name in it.
    ///
    /// # Errors
    ///
    /// When a name has no value, or the text would be too long; the text says why, escaped.
    pub(crate) fn expand(&mut self, template: &str, moment: &Moment) -> Result<Text, String> {
        let mut expanded = Text::default();
        for piece in pieces(template)? {
            match piece {
                Piece::Text(text) => expanded.text.push_str(text),
                Piece::Value { name, default } => {
                    let value = match (self.value(name, moment)?, default) {
                        (Some(value), _) => value,
                        (None, Some(default)) => Text {
                            text: default.to_owned(),
                            is_foreign: false,
                        },
                        (None, None) => return Err(missing(name, self.names())),
                    };
                    expanded.text.push_str(&value.text);
                    expanded.is_foreign |= value.is_foreign;
                }
            }
            if expanded.text.len() > MAX_TEXT {
                return Err(format!("With its variables this is over {MAX_TEXT} bytes"));
            }
        }
        Ok(expanded)
    }

    fn value(&mut self, name: &str, moment: &Moment) -> Result<Option<Text>, String> {
        let own = |text: String| Text {
            text,
            is_foreign: false,
        };
        if let Some(variable) = name.strip_prefix("env:") {
            let value = env::var(variable).ok();
            if let Some(value) = &value {
                self.secrets.keep(value);
            }
            return Ok(value.map(own));
        }
        if let Some(digits) = name.strip_prefix("char:") {
            return character(digits).map(|c| Some(own(c.to_string())));
        }
        Ok(match name {
            "id" => moment.id.map(|id| own(id.to_string())),
            "message" => moment.message.clone().map(|text| Text {
                text,
                is_foreign: true,
            }),
            "server" => moment.server.clone().map(own),
            "now" => Some(own(Timestamp::now().to_string())),
            "uuid" => Some(own(uuid(random()?))),
            "random" => Some(own((random()? >> 96).to_string())),
            name => self.values.get(name).cloned(),
        })
    }
}

/// Cuts a template: `${name}`, `${name:-default}`, and `$${` for the two characters themselves. A `$`
/// that stands anywhere else is a `$`.
///
/// # Errors
///
/// When a brace is not closed or holds no name; the text says so, escaped.
pub(crate) fn pieces(template: &str) -> Result<Vec<Piece<'_>>, String> {
    let mut pieces = Vec::new();
    let mut rest = template;
    while let Some(at) = rest.find("${") {
        let (before, from) = rest.split_at(at);
        if let Some(literal) = before.strip_suffix('$') {
            pieces.push(Piece::Text(literal));
            pieces.push(Piece::Text("${"));
            rest = from.get(2..).unwrap_or_default();
            continue;
        }
        pieces.push(Piece::Text(before));
        let inner = from.get(2..).unwrap_or_default();
        let (inner, behind) = inner
            .split_once('}')
            .ok_or_else(|| format!("No }} ends {} ($${{ is the text itself)", excerpt(from, 40)))?;
        let (name, default) = match inner.split_once(":-") {
            Some((name, default)) => (name, Some(default)),
            None => (inner, None),
        };
        check_use(name)?;
        pieces.push(Piece::Value { name, default });
        rest = behind;
    }
    pieces.push(Piece::Text(rest));
    Ok(pieces)
}

/// Whether the text has no variable in it, so that it can be looked at before anything runs.
pub(crate) fn is_plain(text: &str) -> bool {
    !text.contains("${")
}

/// The first word of the text and, where a blank follows it, all that stands behind that blank. A
/// blank between the braces of a variable ends no word.
pub(crate) fn word(text: &str) -> Option<(&str, Option<&str>)> {
    let text = text.trim_start_matches([' ', '\t']);
    if text.is_empty() {
        return None;
    }
    let mut from = 0;
    loop {
        let rest = text.get(from..).unwrap_or_default();
        let Some(blank) = rest.find([' ', '\t']) else {
            return Some((text, None));
        };
        // An open brace before the blank reaches beyond it.
        let brace = rest.find("${").filter(|brace| *brace < blank);
        match brace.and_then(|brace| Some(brace + rest.get(brace..)?.find('}')?)) {
            Some(end) => from += end + 1,
            None => {
                let (word, behind) = text.split_at(from + blank);
                return Some((word, behind.get(1..)));
            }
        }
    }
}

/// Whether a variable may be called so.
///
/// # Errors
///
/// When it may not; the text says why, escaped.
pub(crate) fn check_name(name: &str) -> Result<(), String> {
    if SPECIAL.contains(&name) {
        return Err(format!("{name} has a meaning of its own, see help let"));
    }
    if is_name(name) {
        Ok(())
    } else {
        Err(format!(
            "Not a name: {} (expected letters, digits and _, no digit first)",
            excerpt(name, 40)
        ))
    }
}

fn check_use(name: &str) -> Result<(), String> {
    if let Some(digits) = name.strip_prefix("char:") {
        return character(digits).map(drop);
    }
    if is_name(name.strip_prefix("env:").unwrap_or(name)) {
        return Ok(());
    }
    Err(format!(
        "No variable can be called {} ($${{ is the text itself)",
        excerpt(name, 40)
    ))
}

fn is_name(name: &str) -> bool {
    let is_letter = |c: char| c.is_ascii_alphabetic() || c == '_';
    name.starts_with(is_letter) && name.chars().all(|c| is_letter(c) || c.is_ascii_digit())
}

/// Whether the name needs no `let`.
pub(crate) fn is_special(name: &str) -> bool {
    SPECIAL.contains(&name) || name.starts_with("char:")
}

/// What to answer where a name has no value.
pub(crate) fn missing<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> String {
    match name.strip_prefix("env:") {
        Some(variable) => {
            format!("The environment has no {variable} (${{{name}:-}} for none)")
        }
        None if name == "id" => "There is no connection for ${id} yet".to_owned(),
        None if name == "server" => {
            "There is no server for ${server}, serve 0 starts one".to_owned()
        }
        None if name == "message" => "No text message was taken for ${message} yet".to_owned(),
        None => {
            let meant = known.into_iter().find(|known| {
                known.eq_ignore_ascii_case(name)
                    || known.trim_end_matches('s') == name.trim_end_matches('s')
            });
            let hint = meant.map_or_else(
                || "let or --set gives it one".to_owned(),
                |meant| format!("did you mean {meant}?"),
            );
            format!("{name} has no value ({hint})")
        }
    }
}

/// The character with this number, in hexadecimal digits.
fn character(digits: &str) -> Result<char, String> {
    let number = u32::from_str_radix(digits, 16).ok();
    let is_short = (1..=6).contains(&digits.len());
    let found = number.filter(|_| is_short).and_then(char::from_u32);
    found.ok_or_else(|| {
        format!(
            "No character has the number {} (expected hexadecimal, as in ${{char:a}})",
            excerpt(digits, 40)
        )
    })
}

fn random() -> Result<u128, String> {
    let mut bytes = [0; 16];
    SysRng
        .try_fill_bytes(&mut bytes)
        .map_err(|fault| format!("The system gives no random number: {fault}"))?;
    Ok(u128::from_be_bytes(bytes))
}

/// A random UUID (RFC 9562 §5.4).
fn uuid(random: u128) -> String {
    let bits = (random & !(0xf << 76) & !(0x3 << 62)) | (0x4 << 76) | (0x2 << 62);
    let digits = format!("{bits:032x}");
    let mut cut = digits.as_str();
    let mut groups = Vec::new();
    for length in [8, 4, 4, 4] {
        let (group, rest) = cut.split_at(length);
        groups.push(group);
        cut = rest;
    }
    groups.push(cut);
    groups.join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variables() -> Variables {
        let mut variables = Variables::default();
        variables
            .set_pair("name=value with = in it")
            .expect("a pair");
        variables
    }

    #[test]
    fn expands_names_defaults_and_characters() {
        let moment = Moment {
            id: Some(7),
            ..Moment::default()
        };
        for (template, expanded) in [
            ("plain $ text $1 $.path $$ $", "plain $ text $1 $.path $$ $"),
            ("<${name}>", "<value with = in it>"),
            ("${missing:-a b}c", "a bc"),
            ("${missing:-}", ""),
            ("$${name}", "${name}"),
            ("$$${name}", "$${name}"),
            ("${id}${char:0}${char:1F600}", "7\0😀"),
        ] {
            let text = variables().expand(template, &moment).expect(template);
            assert_eq!((text.text.as_str(), text.is_foreign), (expanded, false));
        }
        for (template, fault) in [
            (
                "${missing}",
                "missing has no value (let or --set gives it one)",
            ),
            ("${Name}", "Name has no value (did you mean name?)"),
            ("${names}", "names has no value (did you mean name?)"),
            ("${name", "No } ends ${name ($${ is the text itself)"),
            (
                "${a b}",
                "No variable can be called a b ($${ is the text itself)",
            ),
            ("${}", "No variable can be called  ($${ is the text itself)"),
            ("${message}", "No text message was taken for ${message} yet"),
            (
                "${char:d800}",
                "No character has the number d800 (expected hexadecimal, as in ${char:a})",
            ),
        ] {
            assert_eq!(variables().expand(template, &moment), Err(fault.to_owned()));
        }
    }

    #[test]
    fn knows_what_a_peer_had_a_hand_in() {
        let mut variables = variables();
        let foreign = Text {
            text: "theirs".to_owned(),
            is_foreign: true,
        };
        variables.set("token", foreign);
        let text = variables.expand("a ${token} ${name}", &Moment::default());
        assert!(text.is_ok_and(|text| text.is_foreign));
    }

    #[test]
    fn bounds_what_a_text_grows_to() {
        let mut variables = Variables::default();
        variables.set(
            "x",
            Text {
                text: "x".repeat(MAX_TEXT / 2 + 1),
                is_foreign: false,
            },
        );
        let fault = variables.expand("${x}${x}", &Moment::default());
        assert!(fault.is_err_and(|fault| fault.contains("16777216 bytes")));
    }

    #[test]
    fn makes_uuids_of_version_4() {
        assert_eq!(uuid(0), "00000000-0000-4000-8000-000000000000");
        assert_eq!(uuid(u128::MAX), "ffffffff-ffff-4fff-bfff-ffffffffffff");
    }

    #[test]
    fn ends_no_word_in_a_brace() {
        assert_eq!(word("a b"), Some(("a", Some("b"))));
        assert_eq!(word(" ${x:-a b}c d"), Some(("${x:-a b}c", Some("d"))));
        assert_eq!(word("${x y"), Some(("${x", Some("y"))));
        assert_eq!(word("${x:-a b}"), Some(("${x:-a b}", None)));
        assert_eq!(word("  "), None);
    }
}
