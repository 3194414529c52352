//! Colours: what a piece of a line is, in the sixteen that every terminal knows.

use std::borrow::Cow;

use anstyle::{AnsiColor, Style};

/// Whether lines are painted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Palette {
    has_colors: bool,
}

/// What is painted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// The id of a connection.
    Id,
    /// What came from the peer.
    Received,
    /// Something that went well.
    Good,
    /// Something that is being tried again, or is not safe.
    Doubtful,
    /// Something that went wrong.
    Bad,
    /// What is beside the point: times, offsets, what was left out.
    Aside,
    /// In JSON: the name of a member.
    Key,
    /// In JSON: a text.
    Text,
    /// In JSON: a number.
    Number,
    /// In JSON: true, false and null.
    Word,
}

impl Role {
    /// What a connection in this state is.
    pub(crate) fn of_state(state: &str) -> Self {
        match state {
            "open" => Self::Good,
            "connecting" | "retrying" => Self::Doubtful,
            "failed" => Self::Bad,
            _ => Self::Aside,
        }
    }
}

impl Palette {
    /// Lines as they are.
    pub(crate) const PLAIN: Self = Self { has_colors: false };

    /// Painted lines, or not.
    pub(crate) const fn new(has_colors: bool) -> Self {
        Self { has_colors }
    }

    /// The text in the colour of its role. It has been escaped before.
    pub(crate) fn paint<'a>(self, role: Role, text: &'a str) -> Cow<'a, str> {
        if !self.has_colors || text.is_empty() {
            return Cow::Borrowed(text);
        }
        let style = style(role);
        Cow::Owned(format!("{style}{text}{style:#}"))
    }

    pub(crate) const fn has_colors(self) -> bool {
        self.has_colors
    }
}

/// No background, no white, black or blue: readable on dark and on light terminals.
const fn style(role: Role) -> Style {
    let color = match role {
        Role::Id => return Style::new().bold(),
        Role::Aside => return Style::new().dimmed(),
        Role::Key => AnsiColor::Cyan,
        Role::Received | Role::Good | Role::Text => AnsiColor::Green,
        Role::Doubtful | Role::Number => AnsiColor::Yellow,
        Role::Bad => AnsiColor::Red,
        Role::Word => AnsiColor::Magenta,
    };
    Style::new().fg_color(Some(anstyle::Color::Ansi(color)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paints_nothing_unless_it_is_to() {
        assert_eq!(Palette::PLAIN.paint(Role::Bad, "failed"), "failed");
        let painted = Palette::new(true).paint(Role::Bad, "failed");
        assert_eq!(painted, "\u{1b}[31mfailed\u{1b}[0m");
        assert_eq!(Palette::new(true).paint(Role::Bad, ""), "");
    }
}
