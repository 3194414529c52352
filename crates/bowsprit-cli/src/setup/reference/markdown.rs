//! Pieces of Markdown: cells, tables, code.

/// Text for a cell or a paragraph: nothing in it is an element of Markdown or HTML, but for code in
/// backticks, which stays.
pub(super) fn text(text: &str) -> String {
    let mut is_code = false;
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        is_code ^= c == '`';
        match c {
            '|' => escaped.push_str("\\|"),
            '<' | '*' | '_' if !is_code => escaped.extend(['\\', c]),
            '\\' if !is_code => escaped.push_str("\\\\"),
            c => escaped.push(c),
        }
    }
    escaped
}

/// Code in a cell.
pub(super) fn code(text: &str) -> String {
    format!("`{}`", text.replace('|', "\\|"))
}

/// Several of it.
pub(super) fn codes<T: AsRef<str>>(texts: impl IntoIterator<Item = T>) -> String {
    let codes: Vec<String> = texts.into_iter().map(|text| code(text.as_ref())).collect();
    codes.join(", ")
}

/// A block of lines as they are.
pub(super) fn block(language: &str, lines: &str) -> String {
    format!("```{language}\n{}\n```\n", lines.trim_end())
}

/// A table of these columns.
pub(super) fn table(head: &[&str], rows: &[Vec<String>]) -> String {
    let line = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
    let head: Vec<String> = head.iter().map(|cell| (*cell).to_owned()).collect();
    let rule: Vec<String> = head.iter().map(|_| "---".to_owned()).collect();
    let rows = rows.iter().map(|row| line(row));
    [line(&head), line(&rule).replace(' ', "")]
        .into_iter()
        .chain(rows)
        .collect()
}

/// What a link to the heading is.
pub(super) fn anchor(heading: &str) -> String {
    let kept = heading.chars().filter_map(|c| match c {
        ' ' => Some('-'),
        c if c.is_alphanumeric() || matches!(c, '-' | '_') => Some(c.to_ascii_lowercase()),
        _ => None,
    });
    kept.collect()
}

#[test]
fn escapes_what_would_be_markdown_and_keeps_code() {
    assert_eq!(text("a <b> | `c <d> | *`"), "a \\<b> \\| `c <d> \\| *`");
    assert_eq!(code("a|b"), "`a\\|b`");
    assert_eq!(anchor("TLS (wss:)"), "tls-wss");
    assert_eq!(anchor("send: End"), "send-end");
}
