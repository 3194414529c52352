//! Answers from a file: what to say when a connection opens, and to which message.
//!
//! ```text
//! on open
//!   send {"type": "hello"}
//! on message /^add (\d+)$/
//!   sleep 100ms
//!   send {"added": $1}
//! on message quit
//!   close 4000 as you wish
//! ```

use std::fs::File;
use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bowsprit::{CloseCode, Closed, Context, Handle, Handler, Message, MessageRef};
use regex::Regex;

use crate::command::codes;
use crate::options::units::Time;
use crate::printer::hex;
use crate::printer::text::{escape, fault};
use crate::serve::house::Caller;
use crate::serve::queue::{Inbox, Outlet, queue, weight};

/// The longest file that is read.
const MAX_FILE: u64 = 1 << 20;

/// What to do, and when: the first rule that fits is carried out.
#[derive(Debug, Default)]
pub(in crate::serve) struct Replies {
    rules: Vec<Rule>,
}

#[derive(Debug)]
struct Rule {
    event: Event,
    actions: Vec<Action>,
}

#[derive(Debug)]
enum Event {
    Open,
    /// Any message.
    Message,
    /// Any binary message.
    Binary,
    /// This text.
    Text(String),
    /// Text that fits.
    Pattern(Regex),
}

#[derive(Clone, Debug)]
enum Action {
    /// `$1` stands for what the pattern's first group has matched.
    Send(String),
    SendBinary(Vec<u8>),
    Echo,
    Ping(String),
    Sleep(Duration),
    Close(CloseCode, String),
    Drop,
}

impl Replies {
    /// Reads a file.
    ///
    /// # Errors
    ///
    /// When it cannot be read, or a line is wrong; the text says which one, and what is expected.
    pub(in crate::serve) fn read(path: &Path) -> Result<Self, String> {
        let name = escape(&path.display().to_string()).into_owned();
        let mut text = String::new();
        let file =
            File::open(path).map_err(|error| format!("cannot read {name}: {}", fault(&error)))?;
        file.take(MAX_FILE + 1)
            .read_to_string(&mut text)
            .map_err(|error| format!("cannot read {name}: {}", fault(&error)))?;
        if text.len() as u64 > MAX_FILE {
            return Err(format!("cannot read {name}: larger than {MAX_FILE} bytes"));
        }
        Self::parse(&text).map_err(|(number, why)| format!("{name}, line {number}: {why}"))
    }

    fn parse(text: &str) -> Result<Self, (usize, String)> {
        let mut rules: Vec<Rule> = Vec::new();
        for (number, line) in (1..).zip(text.lines()) {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let wrong = |why| (number, why);
            let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
            if word == "on" {
                let event = Event::parse(rest.trim_start()).map_err(wrong)?;
                let actions = Vec::new();
                rules.push(Rule { event, actions });
                continue;
            }
            let action = Action::parse(word, rest).map_err(wrong)?;
            match rules.last_mut() {
                Some(rule) => rule.actions.push(action),
                None => {
                    return Err((
                        number,
                        "what comes before the first `on` is never done".to_owned(),
                    ));
                }
            }
        }
        if rules.is_empty() {
            return Err((1, "there is no `on open` and no `on message`".to_owned()));
        }
        Ok(Self { rules })
    }

    /// What to do about a message, with what its pattern has matched put in.
    fn answer(&self, message: &Message) -> Vec<Action> {
        for Rule { event, actions } in &self.rules {
            let text = match message {
                Message::Text(text) => Some(&**text),
                Message::Binary(_) => None,
            };
            match (event, text) {
                (Event::Open, _) => {}
                (Event::Message, _) | (Event::Binary, None) => return actions.clone(),
                (Event::Text(expected), Some(text)) if expected == text => return actions.clone(),
                (Event::Pattern(pattern), Some(text)) => {
                    if let Some(found) = pattern.captures(text) {
                        return actions.iter().map(|action| action.filled(&found)).collect();
                    }
                }
                _ => {}
            }
        }
        Vec::new()
    }

    fn greeting(&self) -> impl Iterator<Item = &Action> {
        let of_open = |rule: &&Rule| matches!(rule.event, Event::Open);
        self.rules
            .iter()
            .filter(of_open)
            .flat_map(|rule| &rule.actions)
    }
}

impl Event {
    fn parse(text: &str) -> Result<Self, String> {
        let (word, rest) = text.split_once(' ').unwrap_or((text, ""));
        match (word, rest) {
            ("open", "") => Ok(Self::Open),
            ("binary", "") => Ok(Self::Binary),
            ("message", "") => Ok(Self::Message),
            ("message", rest) => {
                let pattern = rest
                    .strip_prefix('/')
                    .and_then(|rest| rest.strip_suffix('/'));
                match pattern {
                    None => Ok(Self::Text(rest.to_owned())),
                    Some(pattern) => Regex::new(pattern)
                        .map(Self::Pattern)
                        .map_err(|_| format!("not a regular expression: /{}/", escape(pattern))),
                }
            }
            _ => Err(
                "expected: on open, on message, on message TEXT, on message /REGEX/, or on binary"
                    .to_owned(),
            ),
        }
    }
}

impl Action {
    fn parse(word: &str, rest: &str) -> Result<Self, String> {
        Ok(match word {
            "send" => Self::Send(rest.to_owned()),
            "hex" => Self::SendBinary(hex::decode(rest)?),
            "echo" if rest.is_empty() => Self::Echo,
            "ping" if rest.len() <= 125 => Self::Ping(rest.to_owned()),
            "sleep" => {
                let time: Time = rest.trim().parse().map_err(str::to_owned)?;
                Self::Sleep(time.get().ok_or("a time that ends")?)
            }
            "close" => {
                let (code, reason) = rest.split_once(' ').unwrap_or((rest, ""));
                let code = match code {
                    "" => CloseCode::NORMAL,
                    code => codes::parse(code)?,
                };
                if !code.can_be_sent() {
                    return Err(format!("{code} may not be sent"));
                }
                Self::Close(code, reason.to_owned())
            }
            "drop" if rest.is_empty() => Self::Drop,
            _ => {
                return Err(format!(
                    "not something to do: {} (send TEXT, hex DIGITS, echo, ping, sleep TIME, close CODE REASON, drop)",
                    escape(word)
                ));
            }
        })
    }

    fn filled(&self, found: &regex::Captures<'_>) -> Self {
        match self {
            Self::Send(template) => {
                let mut text = String::new();
                found.expand(template, &mut text);
                Self::Send(text)
            }
            action => action.clone(),
        }
    }
}

/// Does what the file says.
#[derive(Debug)]
pub(super) struct Scripted {
    caller: Arc<Caller>,
    replies: Arc<Replies>,
    inbox: Option<Inbox>,
}

impl Scripted {
    pub(super) const fn new(caller: Arc<Caller>, replies: Arc<Replies>) -> Self {
        Self {
            caller,
            replies,
            inbox: None,
        }
    }
}

impl Handler for Scripted {
    fn on_open(&mut self, cx: &mut Context<'_>) {
        let (inbox, outlet) = queue(cx.handle());
        self.inbox = Some(inbox);
        let (caller, replies) = (Arc::clone(&self.caller), Arc::clone(&self.replies));
        let handle = cx.handle();
        tokio::spawn(async move {
            // Nobody is left to be answered when the connection has ended.
            tokio::select! {
                () = answer_all(&caller, &replies, outlet) => {}
                _ = handle.closed() => {}
            }
        });
    }

    fn on_message(&mut self, cx: &mut Context<'_>, message: MessageRef<'_>) {
        if let Some(inbox) = &self.inbox {
            inbox.push(cx, message.into_message());
        }
    }

    fn on_close(&mut self, _: &mut Context<'_>, _: &Closed) {
        self.inbox = None;
    }
}

async fn answer_all(caller: &Caller, replies: &Replies, mut outlet: Outlet) {
    for action in replies.greeting() {
        carry_out(caller, outlet.handle(), action, None).await;
    }
    while let Some(message) = outlet.next().await {
        for action in replies.answer(&message) {
            carry_out(caller, outlet.handle(), &action, Some(&message)).await;
        }
        outlet.done(weight(&message));
    }
}

async fn carry_out(caller: &Caller, handle: &Handle, action: &Action, message: Option<&Message>) {
    let answer = match action {
        Action::Send(text) => Message::from(text.as_str()),
        Action::SendBinary(data) => Message::from(data.clone()),
        Action::Echo => match message {
            Some(message) => message.clone(),
            None => return,
        },
        Action::Sleep(time) => return tokio::time::sleep(*time).await,
        Action::Drop => return handle.terminate(),
        // The next two are refused where the closing has begun, which is as good.
        Action::Ping(payload) => {
            let _ = handle.ping(payload.as_bytes());
            return;
        }
        Action::Close(code, reason) => {
            let _ = handle.close(*code, reason);
            return;
        }
    };
    // Who has closed gets no answer.
    if handle.send_wait(answer.clone()).await.is_ok() {
        caller.said(&answer);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_rule_that_fits_is_carried_out() {
        let text = "# a comment\non message ping\n  send pong\non message /^add (\\d+)$/\n send $1 added\non binary\nhex 00ff\non message\necho\n";
        let replies = Replies::parse(text).expect("a script");
        for (message, expected) in [
            (Message::from("ping"), "[Send(\"pong\")]"),
            (Message::from("add 7"), "[Send(\"7 added\")]"),
            (Message::from(vec![1]), "[SendBinary([0, 255])]"),
            (Message::from("else"), "[Echo]"),
        ] {
            assert_eq!(format!("{:?}", replies.answer(&message)), expected);
        }
    }

    #[test]
    fn tells_which_line_is_wrong() {
        for (text, number) in [
            ("", 1),
            ("send x", 1),
            ("on open\nsay x", 2),
            ("on something", 1),
            ("on message /(/", 1),
            ("on open\n\nclose 1006", 3),
            ("on open\nsleep 3", 2),
            ("on open\nhex 0", 2),
        ] {
            assert_eq!(Replies::parse(text).expect_err(text).0, number, "{text}");
        }
    }
}
