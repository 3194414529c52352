//! JSON paths (RFC 9535): read within limits, and cut off where a text begins with one.

use serde_json_path::JsonPath;

use crate::printer::text::{escape, excerpt};

/// The longest path, in bytes, and how deep its brackets may stand in each other: nobody writes more,
/// and each level costs stack.
const MAX_PATH: usize = 1_000;
const MAX_PATH_DEPTH: usize = 16;

/// Reads a path.
///
/// # Errors
///
/// When it is none; the text says where, escaped.
pub(crate) fn parse(path: &str) -> Result<JsonPath, String> {
    if path.len() > MAX_PATH {
        return Err(format!("A JSON path has {MAX_PATH} bytes at most"));
    }
    let mut depth = 0_usize;
    for c in path.chars() {
        match c {
            '(' | '[' => depth += 1,
            ')' | ']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > MAX_PATH_DEPTH {
            return Err(format!(
                "The brackets of a JSON path stand {MAX_PATH_DEPTH} deep at most"
            ));
        }
    }
    JsonPath::parse(path).map_err(|fault| {
        format!(
            "Not a JSON path: {} (at character {}: {})",
            excerpt(path, 60),
            fault.position(),
            escape(fault.message())
        )
    })
}

/// The path that a text begins with, and what stands behind the blank after it: a blank in brackets
/// or quotes belongs to the path.
pub(crate) fn split_path(text: &str) -> (&str, &str) {
    let mut depth = 0_u32;
    let mut quote = None;
    let mut is_escaped = false;
    for (at, c) in text.char_indices() {
        match (quote, c) {
            _ if std::mem::take(&mut is_escaped) => {}
            (Some(_), '\\') => is_escaped = true,
            (Some(open), c) if c == open => quote = None,
            (Some(_), _) => {}
            (None, '"' | '\'') if depth > 0 => quote = Some(c),
            (None, '[' | '{' | '(') => depth += 1,
            (None, ']' | '}' | ')') => depth = depth.saturating_sub(1),
            (None, ' ' | '\t') if depth == 0 => {
                let (path, rest) = text.split_at(at);
                return (path, rest.get(1..).unwrap_or_default());
            }
            (None, _) => {}
        }
    }
    (text, "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_the_place_where_a_path_is_wrong() {
        let fault = parse("$.a[").expect_err("no path");
        assert!(
            fault.starts_with("Not a JSON path: $.a[ (at character "),
            "{fault}"
        );
        assert!(parse(&format!("${}", "[0]".repeat(500))).is_err_and(|f| f.contains("1000 bytes")));
        let deep = |levels: usize| format!("$[?{}@.a{}]", "(".repeat(levels), ")".repeat(levels));
        assert!(parse(&deep(MAX_PATH_DEPTH - 1)).is_ok());
        assert!(parse(&deep(MAX_PATH_DEPTH)).is_err_and(|fault| fault.contains("16 deep")));
    }

    #[test]
    fn finds_the_end_of_a_path() {
        for (text, path, rest) in [
            ("$.a = 1", "$.a", "= 1"),
            (
                "$[?@.a == 'x ]' && @.b] = y z",
                "$[?@.a == 'x ]' && @.b]",
                "= y z",
            ),
            ("$['a b']", "$['a b']", ""),
            ("$.${name:-a b}.c != 2", "$.${name:-a b}.c", "!= 2"),
        ] {
            assert_eq!(split_path(text), (path, rest));
        }
    }
}
