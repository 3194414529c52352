//! What a session's events look like to who reads them: times, colours, views, and no flood of lines.

use std::time::Instant;

use bowsprit::Message;
use jiff::Timestamp;

use super::flood::Flood;
use super::palette::{Palette, Role};
use super::sheet::Room;
use super::text::escape;
use super::view::{self, Form};
use super::{Output, events, hex};
use crate::events::Event;
use crate::options::{Bound, Color, DisplayOptions, Timestamps, View};
use crate::stamp::Stamp;

/// How many rows of a message a terminal shows: the line above them stays on the screen.
const DEFAULT_FOLD: u32 = 16;

/// How many messages a second a terminal shows: more than anyone reads, and few enough to draw.
const DEFAULT_FLOOD: u32 = 500;

/// How events are printed, and what that depends on.
#[derive(Debug)]
pub(crate) struct Display {
    /// What comes is printed to a terminal.
    is_for_people: bool,
    /// It is printed as JSON: no text in it has colours.
    is_json: bool,
    /// There are commands that show more.
    has_prompt: bool,
    stamp: Stamp,
    view: View,
    color: Color,
    palette: Palette,
    fold: Option<Bound>,
    flood: Flood,
    flood_limit: Option<Bound>,
}

/// What `set` changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Setting {
    Timestamps(Option<Timestamps>),
    View(View),
    Color(Color),
    Fold(Bound),
    Flood(Bound),
}

impl Display {
    /// The display that the options ask for.
    pub(crate) fn new(options: &DisplayOptions, is_terminal: bool) -> Self {
        let mut display = Self {
            is_for_people: is_terminal,
            is_json: options.json,
            has_prompt: true,
            stamp: Stamp::new(options.timestamps),
            view: options.view,
            color: options.color,
            palette: Palette::PLAIN,
            fold: options.fold,
            flood: Flood::default(),
            flood_limit: options.flood,
        };
        display.set(Setting::Color(options.color));
        display
    }

    /// The same where nobody can type a command.
    pub(crate) fn without_prompt(options: &DisplayOptions, is_terminal: bool) -> Self {
        Self {
            has_prompt: false,
            ..Self::new(options, is_terminal)
        }
    }

    /// Changes how all is printed from now on.
    pub(crate) fn set(&mut self, setting: Setting) {
        match setting {
            Setting::Timestamps(timestamps) => self.stamp.set(timestamps),
            Setting::View(view) => self.view = view,
            Setting::Color(color) => {
                self.color = color;
                let is_wanted = !self.is_json && color.is_wanted(self.is_for_people);
                self.palette = Palette::new(is_wanted);
            }
            Setting::Fold(bound) => self.fold = Some(bound),
            Setting::Flood(bound) => self.flood_limit = Some(bound),
        }
    }

    /// The name of each setting, and its value as `set` takes it.
    pub(crate) fn settings(&self) -> [(&'static str, String); 5] {
        let timestamps = self.stamp.kind().map_or("off", Timestamps::name);
        let bound =
            |bound: Option<u32>| bound.map_or_else(|| "off".to_owned(), |bound| bound.to_string());
        [
            ("timestamps", timestamps.to_owned()),
            ("view", self.view.name().to_owned()),
            ("color", self.color.name().to_owned()),
            ("fold", bound(self.fold())),
            ("flood", bound(self.flood_limit())),
        ]
    }

    pub(crate) const fn palette(&self) -> Palette {
        self.palette
    }

    fn fold(&self) -> Option<u32> {
        let default = self.is_for_people.then_some(DEFAULT_FOLD);
        self.fold.map_or(default, |Bound(rows)| rows)
    }

    /// How many characters of a message are shown where it is not laid out.
    pub(crate) fn fold_characters(&self) -> usize {
        let Room { rows, columns } = room(self.fold());
        rows.map_or(usize::MAX, |rows| rows.saturating_mul(columns))
    }

    fn flood_limit(&self) -> Option<u32> {
        let default = self.is_for_people.then_some(DEFAULT_FLOOD);
        self.flood_limit.map_or(default, |Bound(count)| count)
    }

    /// Whether the lines are those of a pipe that asks for nothing.
    const fn is_plain(&self) -> bool {
        !self.is_for_people
            && !self.palette.has_colors()
            && self.stamp.kind().is_none()
            && matches!(self.view, View::Auto)
            && self.flood_limit.is_none()
    }

    /// Prints what happened on a connection; `number` is that of its last message.
    pub(crate) fn event(&mut self, event: &Event, number: u64, out: &mut dyn Output) {
        if self.is_plain() || out.is_for_programs() {
            return out.event(event);
        }
        if let Some(head) = events::head(event, self.palette) {
            self.headed(event, &head, number, out);
        }
    }

    /// Prints what happened behind the beginning of a line that tells of it.
    pub(crate) fn headed(&mut self, event: &Event, head: &str, number: u64, out: &mut dyn Output) {
        if event.what.is_traffic() && !self.flood.admits(self.flood_limit(), Instant::now()) {
            return;
        }
        self.tell_of_flood(out);
        match events::message(event) {
            Some(message) if self.view == View::Raw => self.raw(message, out),
            Some(message) => self.message(event, head, message, number, out),
            None => self.stamped(event.time, head, out),
        }
    }

    fn message(
        &mut self,
        event: &Event,
        head: &str,
        message: &Message,
        number: u64,
        out: &mut dyn Output,
    ) {
        // Who wants colours has them in JSON, too.
        let wants_json = self.is_for_people || self.palette.has_colors();
        let form = Form::of(message, self.view, wants_json);
        if let Some(text) = form.short(self.palette) {
            return self.stamped(event.time, &format!("{head} {text}"), out);
        }
        if self.view == View::Auto && !self.is_for_people {
            return self.stamped(event.time, &format!("{head} {}", form.excerpt()), out);
        }
        self.stamped(event.time, head, out);
        let left_out = form.write(self.palette, room(self.fold()), out);
        if left_out > 0 {
            let id = event.id.unwrap_or_default();
            let command = match self.has_prompt {
                true => format!("message {id} {number}"),
                false => "--fold off".to_owned(),
            };
            out.line(&view::left_out(left_out, &command, self.palette));
        }
    }

    /// Prints a message that no event line stands in front of: all of it, unless a fold was asked for.
    pub(crate) fn payload(&mut self, message: &Message, out: &mut dyn Output) {
        if self.view == View::Raw {
            return self.raw(message, out);
        }
        let head = match message {
            Message::Text(_) => String::new(),
            // Its digits are not to be taken for text.
            Message::Binary(data) => format!("binary {} ", data.len()),
        };
        let form = Form::of(message, self.view, true);
        match form.short(self.palette) {
            Some(text) => self.stamped(Timestamp::now(), &format!("{head}{text}"), out),
            None => {
                let rows = self.fold.and_then(|Bound(rows)| rows);
                let left_out = form.write(self.palette, room(rows), out);
                if left_out > 0 {
                    out.line(&view::left_out(left_out, "--fold off", self.palette));
                }
            }
        }
    }

    /// Prints a whole message, in this view or in that of the events.
    pub(crate) fn whole(&self, message: &Message, view: Option<View>, out: &mut dyn Output) {
        let view = view.unwrap_or(self.view);
        if view == View::Raw {
            return self.raw(message, out);
        }
        let form = Form::of(message, view, self.is_for_people);
        form.write(self.palette, room(None), out);
    }

    /// The payload and nothing else; a terminal gets no byte that it would act on.
    fn raw(&self, message: &Message, out: &mut dyn Output) {
        match message {
            _ if !self.is_for_people => out.bytes(message.as_bytes()),
            Message::Text(text) => out.bytes(escape(text).as_bytes()),
            Message::Binary(data) => out.bytes(hex::encode(data).trim_end().as_bytes()),
        }
    }

    fn stamped(&mut self, time: Timestamp, line: &str, out: &mut dyn Output) {
        match self.stamp.next(time).trim_end() {
            "" => out.line(line),
            stamp => out.line(&format!(
                "{} {line}",
                self.palette.paint(Role::Aside, stamp)
            )),
        }
    }

    /// When to call [`handle_timeout`](Self::handle_timeout), if nothing else happens.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.flood.deadline()
    }

    /// Gives what is due by now.
    pub(crate) fn handle_timeout(&mut self, now: Instant, out: &mut dyn Output) {
        if self.deadline().is_some_and(|deadline| deadline <= now) {
            self.tell_of_flood(out);
        }
    }

    fn tell_of_flood(&mut self, out: &mut dyn Output) {
        let hidden = self.flood.take_hidden();
        if hidden > 0 {
            let remedy = match self.has_prompt {
                true => "set flood off",
                false => "--flood off",
            };
            let text =
                format!("> {hidden} messages not shown: too many in a second ({remedy} shows all)");
            out.line(&self.palette.paint(Role::Doubtful, &text));
        }
    }
}

/// So many rows of the terminal.
fn room(rows: Option<u32>) -> Room {
    Room::of_terminal(rows.map(|rows| rows as usize))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::{Direction, What};
    use crate::printer::tests::Printed;

    fn received(text: &str) -> Event {
        let what = What::message(Direction::Received, Message::from(text.to_owned()));
        Event::now(Some(0), None, what)
    }

    fn printed(display: &mut Display, text: &str) -> Vec<String> {
        let mut out = Printed::default();
        display.event(&received(text), 17, &mut out);
        out.lines
    }

    const LONG: &str =
        r#"{"channel": "prices", "values": [1.10, 2, 3], "text": "so long that no row has room"}"#;

    #[test]
    fn leaves_json_alone_in_a_pipe_and_lays_it_out_for_people() {
        let mut pipe = Display::new(&DisplayOptions::default(), false);
        let line = format!(
            "0 << text {} {}…",
            LONG.len(),
            &LONG[..60].replace('\\', "\\\\")
        );
        assert_eq!(printed(&mut pipe, LONG), [line]);
        let never = DisplayOptions {
            color: Color::Never,
            ..DisplayOptions::default()
        };
        let mut terminal = Display::new(&never, true);
        let lines = printed(&mut terminal, LONG);
        assert_eq!(lines[0], format!("0 << text {}", LONG.len()));
        assert_eq!(lines[1], "    {");
        assert_eq!(lines[3], "      \"values\": [1.10, 2, 3],");
        assert_eq!(printed(&mut terminal, "[1, 2]"), ["0 << text 6 [1, 2]"]);
    }

    #[test]
    fn says_which_command_shows_what_was_left_out() {
        let options = DisplayOptions {
            color: Color::Never,
            fold: Some(Bound(Some(2))),
            ..DisplayOptions::default()
        };
        let mut terminal = Display::new(&options, true);
        let lines = printed(&mut terminal, &"line\n".repeat(20));
        assert_eq!(
            lines,
            [
                "0 << text 100",
                "    line",
                "    line",
                "    … 90 more bytes: message 0 17"
            ]
        );
    }

    #[test]
    fn sends_no_control_character_of_a_peer_to_a_terminal() {
        let attack: String = ('\0'..=char::MAX)
            .filter(|c| !c.is_alphanumeric())
            .collect();
        for view in [
            View::Auto,
            View::Text,
            View::Json,
            View::Hex,
            View::Base64,
            View::Raw,
        ] {
            for text in [attack.clone(), serde_json::json!([attack]).to_string()] {
                let options = DisplayOptions {
                    view,
                    color: Color::Never,
                    fold: Some(Bound(None)),
                    ..DisplayOptions::default()
                };
                let lines = printed(&mut Display::new(&options, true), &text);
                let risky = lines.concat().chars().any(crate::printer::text::is_hidden);
                assert!(!risky, "{view:?}");
            }
        }
    }
}
