//! Output that waits while a line is edited: the session adds it, the editor draws it.

use std::mem;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How many bytes may wait before the session is to take no more events.
const ROOM: usize = 1 << 20;

/// Whole lines, each of which is taken once, in their order.
#[derive(Debug, Default)]
pub(crate) struct Pending {
    state: Mutex<State>,
    drawn: Condvar,
}

#[derive(Debug, Default)]
struct State {
    text: String,
    /// How often the editor has drawn its line.
    drawings: u64,
}

impl Pending {
    /// Adds one line.
    pub(crate) fn add(&self, line: &str) {
        let text = &mut self.state().text;
        text.push_str(line);
        text.push('\n');
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.state().text.is_empty()
    }

    /// Whether more may be added; what must be added all the same is kept too.
    pub(crate) fn has_room(&self) -> bool {
        self.state().text.len() < ROOM
    }

    /// Takes all lines, to be written at once.
    pub(crate) fn take(&self) -> String {
        mem::take(&mut self.state().text)
    }

    /// Takes all lines, to be drawn above the line being edited.
    pub(crate) fn take_to_draw(&self) -> String {
        let mut state = self.state();
        state.drawings += 1;
        self.drawn.notify_all();
        mem::take(&mut state.text)
    }

    /// Waits until the editor draws, once more than when this was called.
    pub(crate) fn wait_for_drawing(&self, wake: impl FnOnce(), limit: Duration) {
        let state = self.state();
        let seen = state.drawings;
        wake();
        // In vain, if the editor is held up by something else: then nobody waits for it.
        drop(
            self.drawn
                .wait_timeout_while(state, limit, |state| state.drawings == seen),
        );
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Whoever panicked left whole lines.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gives_each_line_once() {
        let pending = Pending::default();
        pending.add("one");
        pending.add("two");
        assert_eq!(pending.take_to_draw(), "one\ntwo\n");
        pending.add("three");
        assert_eq!(pending.take(), "three\n");
        assert!(pending.is_empty());
    }

    #[test]
    fn says_when_it_is_full_and_loses_nothing() {
        let pending = Pending::default();
        let line = "x".repeat(ROOM / 2);
        pending.add(&line);
        assert!(pending.has_room());
        pending.add(&line);
        assert!(!pending.has_room());
        pending.add("last");
        assert_eq!(pending.take_to_draw().lines().last(), Some("last"));
        assert!(pending.has_room());
    }

    #[test]
    fn does_not_wait_for_ever() {
        let pending = Pending::default();
        pending.wait_for_drawing(|| (), Duration::from_millis(1));
        std::thread::scope(|scope| {
            pending.wait_for_drawing(
                || drop(scope.spawn(|| pending.take_to_draw())),
                Duration::from_secs(60),
            );
        });
    }
}
