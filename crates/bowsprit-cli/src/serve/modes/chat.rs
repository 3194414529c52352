//! Chat: lines of people with names, who see one another come and go.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bowsprit::{Closed, Context, Handler, Membership, MessageRef};

use super::room::Room;
use crate::printer::text::is_hidden;
use crate::serve::house::Caller;

/// The longest name, in characters.
const MAX_NAME: usize = 32;

/// The longest line, in bytes.
const MAX_LINE: usize = 4096;

/// How many names `/who` tells.
const MAX_NAMES: usize = 100;

/// A room, and the names in it.
#[derive(Clone, Debug)]
pub(in crate::serve) struct Chat {
    room: Room,
    names: Arc<Mutex<BTreeSet<String>>>,
}

impl Chat {
    pub(super) fn new(room: Room) -> Self {
        Self {
            room,
            names: Arc::default(),
        }
    }

    fn names(&self) -> MutexGuard<'_, BTreeSet<String>> {
        // A set is whole between any two statements: a panic breaks nothing.
        self.names.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One who talks, or has not said a name yet.
#[derive(Debug)]
pub(super) struct Talker {
    caller: Arc<Caller>,
    chat: Chat,
    name: Option<String>,
    /// Only who has a name hears the others.
    membership: Option<Membership>,
}

impl Talker {
    pub(super) const fn new(caller: Arc<Caller>, chat: Chat) -> Self {
        Self {
            caller,
            chat,
            name: None,
            membership: None,
        }
    }

    /// Answers this one alone.
    fn answer(&self, cx: &mut Context<'_>, text: &str) {
        // Who does not read its answers misses them.
        if cx.send(text).is_ok() {
            self.caller.said(text);
        }
    }

    fn tell_others(&self, cx: &Context<'_>, text: String) {
        self.chat.room.say(cx, &self.caller, text.into());
    }

    /// Takes a name, and the place in the room with the first one.
    fn take_name(&mut self, cx: &mut Context<'_>, name: &str) {
        let name = name.trim();
        let is_name = !name.is_empty()
            && name.chars().count() <= MAX_NAME
            && !name.starts_with('/')
            && !name.chars().any(|c| is_hidden(c) || c.is_whitespace());
        if !is_name {
            let rule = format!("* A name has 1 to {MAX_NAME} visible characters and no blank");
            return self.answer(cx, &rule);
        }
        if !self.chat.names().insert(name.to_owned()) {
            return self.answer(cx, &format!("* {name} is taken, try another name"));
        }
        match self.name.replace(name.to_owned()) {
            None => {
                self.membership = Some(self.chat.room.join(cx));
                self.answer(
                    cx,
                    &format!("* You are {name}; /nick, /who and /quit are known"),
                );
                self.tell_others(cx, format!("* {name} has joined"));
            }
            Some(old) => {
                self.chat.names().remove(&old);
                self.answer(cx, &format!("* You are {name}"));
                self.tell_others(cx, format!("* {old} is now {name}"));
            }
        }
    }

    fn list(&self, cx: &mut Context<'_>) {
        let names = self.chat.names();
        let mut told: Vec<&str> = names.iter().map(String::as_str).take(MAX_NAMES).collect();
        if names.len() > MAX_NAMES {
            told.push("…");
        }
        let text = format!("* {} here: {}", names.len(), told.join(" "));
        drop(names);
        self.answer(cx, &text);
    }

    fn take_line(&mut self, cx: &mut Context<'_>, line: &str) {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        match (word, &self.name) {
            ("/nick", _) => self.take_name(cx, rest),
            ("/who", _) => self.list(cx),
            ("/quit", _) => {
                // Refused where the closing has begun, which is as good.
                let _ = cx.close(bowsprit::CloseCode::NORMAL, "bye");
            }
            (_, None) => self.take_name(cx, line),
            (word, Some(_)) if word.starts_with('/') => {
                self.answer(cx, "* There are /nick NAME, /who and /quit");
            }
            (_, Some(name)) => self.tell_others(cx, format!("{name}: {line}")),
        }
    }
}

impl Handler for Talker {
    fn on_open(&mut self, cx: &mut Context<'_>) {
        self.answer(cx, "* What is your name?");
    }

    fn on_message(&mut self, cx: &mut Context<'_>, message: MessageRef<'_>) {
        match &message {
            MessageRef::Text(line) if line.len() <= MAX_LINE => {
                let line = line.trim_end().to_owned();
                if !line.is_empty() {
                    self.take_line(cx, &line);
                }
            }
            MessageRef::Text(_) => {
                self.answer(cx, &format!("* A line has {MAX_LINE} bytes at most"));
            }
            MessageRef::Binary(_) => self.answer(cx, "* Only text is said here"),
        }
    }

    fn on_close(&mut self, cx: &mut Context<'_>, _: &Closed) {
        self.membership = None;
        if let Some(name) = self.name.take() {
            self.chat.names().remove(&name);
            self.tell_others(cx, format!("* {name} has left"));
        }
    }
}
