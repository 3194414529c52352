//! Lines below an event line, as far as there is room for them.

use std::borrow::Cow;

use unicode_width::UnicodeWidthChar as _;

use super::{Output, columns};

/// What every line begins with: no payload can look like a line of this program's own.
pub(super) const INDENT: &str = "    ";

/// The width where no terminal tells its own.
const DEFAULT_COLUMNS: usize = 80;

/// A layout needs so much, however narrow the window is.
const MIN_COLUMNS: usize = 24;

/// How much of a message may be printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Room {
    /// Rows of the screen; `None` for all that it takes.
    pub(crate) rows: Option<usize>,
    /// Columns of a row, the indentation not counted.
    pub(crate) columns: usize,
}

impl Room {
    /// So many rows of this terminal.
    pub(crate) fn of_terminal(rows: Option<usize>) -> Self {
        let columns = columns().unwrap_or(DEFAULT_COLUMNS).max(MIN_COLUMNS);
        Self {
            rows,
            columns: columns - INDENT.len(),
        }
    }
}

/// Lines that are written until the room is used up.
pub(super) struct Sheet<'a> {
    out: &'a mut dyn Output,
    room: Room,
    line: String,
    /// Characters in the line that are seen.
    width: usize,
    /// Rows that are used by the lines before.
    used: usize,
}

impl<'a> Sheet<'a> {
    pub(super) fn new(room: Room, out: &'a mut dyn Output) -> Self {
        Self {
            out,
            room,
            line: INDENT.to_owned(),
            width: 0,
            used: 0,
        }
    }

    /// How many characters the line may still have: a long one goes on in the rows below.
    pub(super) fn left(&self) -> usize {
        let Some(rows) = self.room.rows else {
            return usize::MAX;
        };
        let rows = rows.saturating_sub(self.used);
        (rows * self.room.columns).saturating_sub(self.width)
    }

    /// How many characters still fit the row, where a line is to stay in one.
    pub(super) const fn left_in_row(&self) -> usize {
        self.room.columns.saturating_sub(self.width)
    }

    /// Adds a piece, of which so many characters are seen.
    pub(super) fn push(&mut self, piece: &str, width: usize) {
        self.line.push_str(piece);
        self.width += width;
    }

    /// Writes the line; false if there is no room for a further one.
    pub(super) fn end_line(&mut self) -> bool {
        self.out.line(&self.line);
        self.used += self.width.div_ceil(self.room.columns).max(1);
        self.line.truncate(INDENT.len());
        self.width = 0;
        self.room.rows.is_none_or(|rows| self.used < rows)
    }
}

/// A line, painted or not, in rows of so many columns, those below the first indented.
///
/// A terminal would let them begin at its edge: a peer that knows the width could have one look as if
/// it were a line of this program's own.
pub(crate) fn wrap(line: &str, columns: usize) -> Cow<'_, str> {
    // No character has more columns than bytes.
    if line.len() <= columns {
        return Cow::Borrowed(line);
    }
    let mut rows = String::with_capacity(line.len() + 16);
    let (mut column, mut is_painting) = (0, false);
    for c in line.chars() {
        is_painting |= c == '\u{1b}';
        let width = if is_painting {
            0
        } else {
            c.width().unwrap_or(0)
        };
        if column + width > columns {
            rows.push('\n');
            rows.push_str(INDENT);
            column = INDENT.len();
        }
        rows.push(c);
        column += width;
        is_painting &= c != 'm';
    }
    Cow::Owned(rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn indents_the_rows_of_a_long_line() {
        assert_eq!(wrap("short", 10), "short");
        assert_eq!(
            wrap("0123456789abcdefg", 10),
            "0123456789\n    abcdef\n    g"
        );
        assert_eq!(wrap("日本日本日", 9), "日本日本\n    日");
        assert_eq!(
            wrap("\u{1b}[31m01234\u{1b}[0m56789ab", 10),
            "\u{1b}[31m01234\u{1b}[0m56789\n    ab"
        );
        assert_eq!(
            wrap("e\u{301}e\u{301}e\u{301}e\u{301}e\u{301}", 5),
            "e\u{301}".repeat(5)
        );
    }
}
