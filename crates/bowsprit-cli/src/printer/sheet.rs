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
/// it were a line of this program's own. Lines below an event line fill their rows, which were counted
/// so; all others end between two words where they can.
pub(crate) fn wrap(line: &str, columns: usize) -> Cow<'_, str> {
    rows(line, columns, INDENT.len(), !line.starts_with(INDENT))
}

/// The same in the rows of this terminal; as it is where there is none.
pub(crate) fn wrapped(line: &str) -> Cow<'_, str> {
    columns().map_or(Cow::Borrowed(line), |columns| wrap(line, columns))
}

/// A line of the help in the rows of this terminal.
pub(crate) fn wrapped_help(line: &str) -> Cow<'_, str> {
    columns().map_or(Cow::Borrowed(line), |columns| wrap_help(line, columns))
}

/// A line of the help in rows: what an option does stays beside the option.
fn wrap_help(line: &str, columns: usize) -> Cow<'_, str> {
    let name = line.trim_start_matches(' ');
    let text = name
        .split_once("  ")
        .map(|(_, rest)| rest.trim_start_matches(' '));
    let beside = text.map(|text| line.len() - text.len());
    let beside = beside.filter(|beside| beside * 2 <= columns);
    rows(line, columns, beside.unwrap_or(INDENT.len()), true)
}

/// The rows below the first have this indentation. Between two words a row ends only where that leaves
/// less than half of it empty.
fn rows(line: &str, columns: usize, indent: usize, is_by_words: bool) -> Cow<'_, str> {
    // No character has more columns than bytes.
    if line.len() <= columns {
        return Cow::Borrowed(line);
    }
    let end_of_row = format!("\n{:indent$}", "");
    let mut rows = String::with_capacity(line.len() + 16);
    let (mut column, mut is_painting) = (0, false);
    // Behind the last blank of this row: where that is in the text, and its column.
    let mut gap = None;
    for c in line.chars() {
        is_painting |= c == '\u{1b}';
        let width = if is_painting {
            0
        } else {
            c.width().unwrap_or(0)
        };
        let is_gap = is_by_words && c == ' ';
        if column + width > columns {
            let is_near = |&(_, at): &(usize, usize)| at > columns / 2 && !is_gap;
            let (at, before) = gap.take().filter(is_near).unwrap_or((rows.len(), column));
            rows.insert_str(at, &end_of_row);
            column = indent + column - before;
            if is_gap {
                continue;
            }
        }
        rows.push(c);
        column += width;
        if is_gap {
            gap = Some((rows.len(), column));
        }
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
        assert_eq!(wrap("> two words", 10), "> two \n    words");
        assert_eq!(wrap("> 3456 89", 6), "> 3456\n    89");
        assert_eq!(wrap("> 3456789", 6), "> 3456\n    78\n    9");
        // What stands below an event line fills its rows.
        assert_eq!(wrap("    two words", 8), "    two \n    word\n    s");
        assert_eq!(
            wrap("> \u{1b}[31mred\u{1b}[0m and \u{1b}[31mrest", 10),
            "> \u{1b}[31mred\u{1b}[0m and \n    \u{1b}[31mrest"
        );
        assert_eq!(
            wrap("\u{1b}[31m01234\u{1b}[0m56789ab", 10),
            "\u{1b}[31m01234\u{1b}[0m56789\n    ab"
        );
        assert_eq!(
            wrap("e\u{301}e\u{301}e\u{301}e\u{301}e\u{301}", 5),
            "e\u{301}".repeat(5)
        );
    }

    #[test]
    fn keeps_what_an_option_does_beside_it() {
        let line = "  --sni NAME   Ask for this name";
        assert_eq!(
            wrap_help(line, 30),
            "  --sni NAME   Ask for this \n               name"
        );
        // There is no room beside it.
        assert_eq!(
            wrap_help(line, 20),
            "  --sni NAME   Ask \n    for this name"
        );
    }
}
