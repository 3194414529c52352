//! A script that runs: its steps, and where it is in them.

use std::fmt;
use std::rc::Rc;

use super::variables::Text;
use crate::command::words;
use crate::events::masked_uri;
use crate::options;
use crate::printer::text::{escape, excerpt};
use crate::serve::ServeArgs;

/// How many characters of a line are repeated.
const LINE_EXCERPT: usize = 200;

/// Where a line stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// The name of the file; none for what was typed or piped in.
    pub(crate) file: Option<Rc<str>>,
    /// From 1 on.
    pub(crate) line: u64,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.file {
            Some(file) => write!(f, "{}:{}", escape(file), self.line),
            None => write!(f, "line {}", self.line),
        }
    }
}

/// A line of a script as it is written, variables and all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) place: Place,
    pub(crate) text: String,
    /// How it begins, where its text goes over several lines.
    pub(crate) head: Option<String>,
}

impl Line {
    /// Where it stands, and what it says: its beginning, if it is long.
    pub(crate) fn title(&self) -> String {
        format!("{}: {}", self.place, excerpt(&self.shown(), LINE_EXCERPT))
    }

    /// What it says, without secrets: not everyone who reads the report may read the script.
    pub(crate) fn shown(&self) -> String {
        let text = self.head.as_ref().unwrap_or(&self.text).trim_start();
        let (command, rest) = text.split_once(' ').unwrap_or((text, ""));
        // A variable only says where the secret is.
        let rest = rest.replace('$', "@");
        let has_secret = match command.trim_start_matches('/') {
            "serve" => ServeArgs::carries_secret(&rest),
            command => words::takes_options(command) && options::carries_secret(&rest),
        };
        if has_secret {
            return format!("{command} ***");
        }
        let words = text.split(' ').map(masked_uri);
        words.collect::<Vec<_>>().join(" ")
    }
}

/// Steps that follow each other.
pub(crate) type Steps = Rc<[Step]>;

/// One thing that a script does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// A command.
    Line(Rc<Line>),
    /// `repeat COUNT [as NAME]`
    Repeat {
        line: Rc<Line>,
        count: String,
        name: Option<String>,
        body: Steps,
    },
    /// `for NAME in VALUE...`
    For {
        line: Rc<Line>,
        name: String,
        values: String,
        body: Steps,
    },
    /// `test NAME`
    Test {
        line: Rc<Line>,
        name: String,
        body: Steps,
    },
}

/// What is to be done next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Work {
    /// This command.
    Line(Rc<Line>),
    /// This block is to be entered.
    Block(Step),
    /// A round of a block begins, with this variable.
    Round(Option<(String, Text)>),
    /// The test that was entered last is over.
    TestEnd,
}

/// The rounds of a block that are still to come.
#[derive(Debug)]
enum Rounds {
    /// As many, with the number of the next one.
    Count { next: u64, last: u64 },
    /// One for each of these values.
    Each(std::vec::IntoIter<Text>),
}

/// Steps that are being carried out.
#[derive(Debug)]
struct Frame {
    steps: Steps,
    next: usize,
    rounds: Rounds,
    name: Option<String>,
    is_test: bool,
}

/// The place in a script, and in each block around it.
#[derive(Debug, Default)]
pub(crate) struct Runner {
    frames: Vec<Frame>,
}

impl Runner {
    /// Whether nothing is left to do.
    pub(crate) const fn is_idle(&self) -> bool {
        self.frames.is_empty()
    }

    /// Carries these steps out next.
    pub(crate) fn enter(&mut self, steps: Steps) {
        self.push(steps, Rounds::Count { next: 2, last: 1 }, None, false);
    }

    /// The same so many times, with the number of the round in the variable.
    pub(crate) fn enter_repeat(&mut self, steps: Steps, count: u64, name: Option<String>) {
        let rounds = Rounds::Count {
            next: 1,
            last: count,
        };
        self.enter_rounds(steps, rounds, name);
    }

    /// The same for each value.
    pub(crate) fn enter_each(&mut self, steps: Steps, values: Vec<Text>, name: String) {
        self.enter_rounds(steps, Rounds::Each(values.into_iter()), Some(name));
    }

    /// Carries out the steps of a test.
    pub(crate) fn enter_test(&mut self, steps: Steps) {
        self.push(steps, Rounds::Count { next: 2, last: 1 }, None, true);
    }

    /// A block begins at its end: the first round is one like the others.
    fn enter_rounds(&mut self, steps: Steps, rounds: Rounds, name: Option<String>) {
        let end = steps.len();
        self.push(steps, rounds, name, false);
        if let Some(frame) = self.frames.last_mut() {
            frame.next = end;
        }
    }

    fn push(&mut self, steps: Steps, rounds: Rounds, name: Option<String>, is_test: bool) {
        self.frames.push(Frame {
            steps,
            next: 0,
            rounds,
            name,
            is_test,
        });
    }

    /// Leaves everything, or what is around the place up to the end of its test; whether it was in one.
    pub(crate) fn leave_test(&mut self) -> bool {
        while let Some(frame) = self.frames.pop() {
            if frame.is_test {
                return true;
            }
        }
        false
    }

    /// Leaves everything.
    pub(crate) fn stop(&mut self) {
        self.frames.clear();
    }

    /// What is to be done next, if anything.
    pub(crate) fn next(&mut self) -> Option<Work> {
        loop {
            let frame = self.frames.last_mut()?;
            if let Some(step) = frame.steps.get(frame.next) {
                frame.next += 1;
                return Some(match step {
                    Step::Line(line) => Work::Line(Rc::clone(line)),
                    block => Work::Block(block.clone()),
                });
            }
            if let Some(value) = frame.rounds.next() {
                frame.next = 0;
                let name = frame.name.clone();
                return Some(Work::Round(name.map(|name| (name, value))));
            }
            let is_test = frame.is_test;
            self.frames.pop();
            if is_test {
                return Some(Work::TestEnd);
            }
        }
    }
}

impl Rounds {
    fn next(&mut self) -> Option<Text> {
        match self {
            Self::Count { next, last } if *next <= *last => {
                *next += 1;
                Some(Text {
                    text: (*next - 1).to_string(),
                    is_foreign: false,
                })
            }
            Self::Count { .. } => None,
            Self::Each(values) => values.next(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(text: &str) -> Rc<Line> {
        let place = Place {
            file: None,
            line: 1,
        };
        Rc::new(Line {
            place,
            text: text.to_owned(),
            head: None,
        })
    }

    fn steps(texts: &[&str]) -> Steps {
        texts.iter().map(|text| Step::Line(line(text))).collect()
    }

    fn round(value: &str) -> Work {
        Work::Round(Some(("n".to_owned(), text(value))))
    }

    fn text(value: &str) -> Text {
        Text {
            text: value.to_owned(),
            is_foreign: false,
        }
    }

    #[test]
    fn goes_round_a_block_as_often_as_it_says() {
        let mut runner = Runner::default();
        runner.enter(steps(&["before"]));
        assert_eq!(runner.next(), Some(Work::Line(line("before"))));
        runner.enter_repeat(steps(&["a"]), 2, Some("n".to_owned()));
        for value in ["1", "2"] {
            assert_eq!(runner.next(), Some(round(value)));
            assert_eq!(runner.next(), Some(Work::Line(line("a"))));
        }
        assert_eq!(runner.next(), None);
        assert!(runner.is_idle());
        runner.enter_repeat(steps(&["a"]), 0, None);
        assert_eq!(runner.next(), None);
        runner.enter_each(steps(&["a"]), vec![text("x")], "n".to_owned());
        assert_eq!(runner.next(), Some(round("x")));
    }

    #[test]
    fn leaves_a_test_and_goes_on_behind_it() {
        let mut runner = Runner::default();
        runner.enter(steps(&["behind"]));
        runner.enter_test(steps(&["a", "b"]));
        runner.enter_repeat(steps(&["c"]), u64::MAX, None);
        assert_eq!(runner.next(), Some(Work::Round(None)));
        assert!(runner.leave_test());
        assert_eq!(runner.next(), Some(Work::Line(line("behind"))));
        assert!(!runner.leave_test());
        assert_eq!(runner.next(), None);
        runner.enter_test(steps(&[]));
        assert_eq!(runner.next(), Some(Work::TestEnd));
    }
}
