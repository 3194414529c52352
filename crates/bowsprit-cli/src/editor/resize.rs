//! A line over several rows when the window changes its width: the output above it is kept.
//!
//! The line editor erases as many rows as the line had before. But most terminals wrap it anew by
//! themselves, and where it has fewer rows now, the editor would erase output above it.

use rustyline::GraphemeClusterMode;

/// What is written before the editor draws anew, the cursor still where it left it: so that it
/// erases nothing but the line and empty rows.
pub(super) fn before_drawing(prompt: &str, line: &str, at: usize, columns: Columns) -> String {
    let text = format!("{prompt}{line}");
    let to_cursor = text.get(..prompt.len() + at).unwrap_or(&text);
    let last = row(&text, columns.before);
    let cursor = row(to_cursor, columns.before);
    // Where the line has more rows now, its first ones stay: it is not known that there are more.
    let up = cursor.min(row(to_cursor, columns.now));
    // The editor goes down from the cursor's row to the last one, and erases from there upwards.
    let room = "\n".repeat(last);
    format!("{}\r\u{1b}[J{room}{}", go_up(up), go_up(last - cursor))
}

/// How wide the window was, and is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Columns {
    pub(super) before: usize,
    pub(super) now: usize,
}

/// The row behind the text, which begins at the left edge of row 0 and wraps as terminals do.
fn row(text: &str, columns: usize) -> usize {
    let mode = GraphemeClusterMode::from_env();
    let (mut row, mut column) = (0, 0);
    for c in text.chars() {
        let width: usize = mode.width(c.encode_utf8(&mut [0; 4])).into();
        if c == '\n' || column + width > columns {
            row += 1;
            column = 0;
        }
        column += width;
    }
    row + usize::from(column == columns)
}

fn go_up(rows: usize) -> String {
    match rows {
        0 => String::new(),
        rows => format!("\u{1b}[{rows}A"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_rows_as_a_terminal_does() {
        for (text, expected) in [
            ("", 0),
            ("abcd", 0),
            ("abcde", 1),
            ("abcdef", 1),
            ("日本語", 1),
            ("abcde\u{301}", 1),
            ("a\nb", 1),
        ] {
            assert_eq!(row(text, 5), expected, "{text}");
        }
    }

    #[test]
    fn goes_up_no_further_than_the_line_reaches() {
        let wider = Columns { before: 5, now: 20 };
        // Three rows became one: up none, room for two, and back to the cursor's row of before.
        let written = before_drawing("> ", "abcdefghij", 4, wider);
        assert_eq!(written, "\r\u{1b}[J\n\n\u{1b}[1A");
        let narrower = Columns { before: 10, now: 5 };
        let written = before_drawing("> ", "abcdefghij", 10, narrower);
        assert_eq!(written, "\u{1b}[1A\r\u{1b}[J\n");
    }
}
