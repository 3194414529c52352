//! The steps of a script that runs: which line is next, what has failed, and which test it belongs to.

use std::collections::BTreeSet;
use std::rc::Rc;
use std::time::Instant;

use super::Session;
use super::expect::{Expecting, state};
use crate::command::script;
use crate::events::{Event, What, seconds};
use crate::printer::Output;
use crate::printer::text::escape;
use crate::script::head;
use crate::script::load::{Loader, Script};
use crate::script::parse::{self, BLOCK_WORDS, Parser};
use crate::script::report::{Case, Transcript};
use crate::script::steps::{Line, Place, Runner, Step, Steps, Work};
use crate::script::variables::{self, Text, Variables};
use crate::status::Status;

/// How a script is run.
#[derive(Debug, Default)]
pub(crate) struct Course {
    pub(crate) variables: Variables,
    /// A failure ends its test and not the run.
    pub(crate) keeps_going: bool,
    /// Each line is printed before it is carried out.
    pub(crate) is_verbose: bool,
    /// The name of what stands in no test.
    pub(crate) name: String,
    pub(crate) transcript: Transcript,
}

/// The script of a session, if there is one, and what scripts leave behind.
#[derive(Debug, Default)]
pub(super) struct Scripting {
    pub(super) course: Course,
    /// The lines of a block that is being typed.
    parser: Parser,
    loader: Option<Loader>,
    runner: Runner,
    /// A file is run, and not only a block that was typed.
    is_run: bool,
    /// How many lines were typed or piped in.
    lines: u64,
    /// The line that is carried out.
    current: Option<Current>,
    pub(super) pending: Option<Pending>,
    /// The connection that a message was taken on last.
    pub(super) taken_on: Option<u32>,
    cases: Vec<Case>,
    /// The tests that were entered and not left, and what stands in none.
    case: Option<Case>,
    outside: Option<Case>,
}

/// A line that is carried out.
#[derive(Debug)]
struct Current {
    line: Rc<Line>,
    since: Instant,
    /// It belongs to a script or a block, and is told of by its place.
    is_step: bool,
    failure: Vec<String>,
}

/// What the next line has to wait for.
#[derive(Debug)]
pub(super) enum Pending {
    Sleep(Instant),
    Expect(Expecting),
}

impl Scripting {
    /// Whether the next line has to wait.
    pub(super) const fn is_pending(&self) -> bool {
        self.pending.is_some()
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        match self.pending.as_ref()? {
            Pending::Sleep(until) => Some(*until),
            Pending::Expect(expecting) => Some(expecting.since + expecting.limit),
        }
    }

    pub(super) const fn is_in_text(&self) -> bool {
        self.parser.is_in_text()
    }

    /// A line came that is none.
    pub(super) const fn skip_line(&mut self) {
        self.lines += 1;
    }

    /// A line was typed, or came through a pipe.
    pub(super) fn begin_line(&mut self, line: &str) {
        self.lines += 1;
        let place = Place {
            file: None,
            line: self.lines,
        };
        let text = line.to_owned();
        self.current = Some(Current::new(
            Rc::new(Line {
                place,
                text,
                head: None,
            }),
            false,
        ));
    }

    /// Fails where a step makes messages or commands of the lines behind it that were read as the other: a
    /// variable did that.
    pub(super) fn check_use(&self, enters: bool) -> Result<(), String> {
        let step = self.current.as_ref().filter(|current| current.is_step);
        let written = step.map(|step| {
            let text = &step.line.text;
            parse::enters_use(text.strip_prefix('/').unwrap_or(text))
        });
        match written {
            Some(written) if written != Some(enters) => Err(
                "Only use <id>, use and use none, written out, say what the lines behind are"
                    .to_owned(),
            ),
            _ => Ok(()),
        }
    }

    /// A message was taken on this connection.
    pub(super) fn take_on(&mut self, id: Option<u32>) {
        self.taken_on = id.or(self.taken_on);
    }

    /// What is being run, and the test that it belongs to.
    fn case(&mut self) -> Option<&mut Case> {
        self.case.as_mut().or(self.outside.as_mut())
    }
}

impl Current {
    fn new(line: Rc<Line>, is_step: bool) -> Self {
        Self {
            line,
            since: Instant::now(),
            is_step,
            failure: Vec::new(),
        }
    }
}

impl Session {
    /// Runs a script: the steps are taken one by one by [`advance`](Self::advance).
    pub(crate) fn run_script(&mut self, script: &Script, course: Course) {
        let scripting = &mut self.scripting;
        scripting.outside = Some(Case::of_file(&course.name));
        scripting.course = course;
        scripting.is_run = true;
        scripting.runner.enter(Rc::clone(&script.steps));
    }

    /// The tests that were run, in their order.
    pub(crate) fn take_cases(&mut self) -> Vec<Case> {
        std::mem::take(&mut self.scripting.cases)
    }

    /// Whether lines are steps of a script now, and not those that are typed.
    pub(crate) const fn is_stepping(&self) -> bool {
        !self.scripting.runner.is_idle()
    }

    /// Whether the lines that are typed belong to a block without its end.
    pub(crate) const fn is_collecting(&self) -> bool {
        self.scripting.parser.is_open()
    }

    /// Takes the next step of the script, if there is one.
    pub(crate) fn advance(&mut self, out: &mut dyn Output) -> bool {
        if self.is_leaving() {
            return false;
        }
        self.end_step(out);
        match self.scripting.runner.next() {
            None => {
                self.end_run(out);
                return false;
            }
            Some(Work::Line(line)) => {
                let shown = format!("> {}", line.title());
                if self.scripting.course.is_verbose {
                    out.line(&shown);
                } else {
                    self.scripting.course.transcript.add(&shown);
                }
                self.scripting.current = Some(Current::new(Rc::clone(&line), true));
                self.carry_out(&line.text, out);
                if self.block.take().is_some() {
                    // The next lines of a script are commands.
                    self.refuse("Not sent: the JSON value is not complete (behind send <id> \"\"\" it may go on)", out);
                }
            }
            Some(Work::Block(step)) => self.enter_block(&step, out),
            Some(Work::Round(Some((name, value)))) => {
                self.scripting.course.variables.set(&name, value);
            }
            Some(Work::Round(None)) => {}
            Some(Work::TestEnd) => self.end_test(out),
        }
        true
    }

    fn enter_block(&mut self, step: &Step, out: &mut dyn Output) {
        let (line, entered) = match step {
            Step::Line(_) => return,
            Step::Test { name, body, .. } => {
                let case = Case::of_test(name, &self.scripting.course.name);
                self.scripting.course.transcript.take();
                self.scripting.case = Some(case);
                self.scripting.runner.enter_test(Rc::clone(body));
                return;
            }
            Step::Repeat {
                line,
                count,
                name,
                body,
            } => {
                let count = self.text(count).and_then(|count| head::rounds(&count));
                let entered = count.map(|count| {
                    let body = Rc::clone(body);
                    self.scripting
                        .runner
                        .enter_repeat(body, count, name.clone());
                });
                (line, entered)
            }
            Step::For {
                line,
                name,
                values,
                body,
            } => {
                let values = self.expand(values).and_then(|values| each(&values));
                let entered = values.map(|values| {
                    let body = Rc::clone(body);
                    self.scripting.runner.enter_each(body, values, name.clone());
                });
                (line, entered)
            }
        };
        if let Err(fault) = entered {
            self.scripting.current = Some(Current::new(Rc::clone(line), true));
            self.refuse(&fault, out);
        }
    }

    /// The line before is done: what has failed ends its test, or everything.
    fn end_step(&mut self, out: &mut dyn Output) {
        let Some(current) = self.scripting.current.take_if(|current| current.is_step) else {
            return;
        };
        out.event(&Event::now(
            None,
            None,
            What::Step {
                file: current.line.place.file.as_deref().map(str::to_owned),
                line: current.line.place.line,
                text: current.line.shown(),
                seconds: seconds(current.since.elapsed()),
                failure: current.failure.clone(),
            },
        ));
        if current.failure.is_empty() {
            return;
        }
        // What stands behind the test, or is typed next, is a command.
        self.in_use = None;
        if self.scripting.course.keeps_going && self.scripting.runner.leave_test() {
            self.end_test(out);
        } else {
            self.scripting.runner.stop();
        }
    }

    fn end_test(&mut self, out: &mut dyn Output) {
        if let Some(case) = self.scripting.case.take() {
            self.end_case(case, out);
        }
    }

    /// Everything is done, or something failed.
    fn end_run(&mut self, out: &mut dyn Output) {
        self.end_test(out);
        if let Some(case) = self.scripting.outside.take() {
            let is_told = !case.failures.is_empty() || self.scripting.cases.is_empty();
            if is_told || !self.unexpected(&case).is_empty() {
                self.end_case(case, out);
            }
        }
    }

    fn end_case(&mut self, mut case: Case, out: &mut dyn Output) {
        let has_failed = !case.failures.is_empty();
        for (id, fault) in self.unexpected(&case) {
            // A line that failed has told what there was to tell, and other tests need not fail for it.
            case.told.push(id);
            if !has_failed {
                let why = format!("{fault}, and no line expected that");
                out.line(&format!("> FAILED {}: {why}", escape(&case.name)));
                case.fail("connection", &[why]);
            }
        }
        let told = &mut self.scripting.course.transcript;
        case.end(told.take());
        out.event(&Event::now(None, None, case.event()));
        if self.scripting.is_run && !self.manner.is_quiet {
            out.line(&case.line());
        }
        if !case.failures.is_empty() && !self.scripting.course.keeps_going {
            self.scripting.runner.stop();
        }
        if self.scripting.is_run {
            self.scripting.cases.push(case);
        }
    }

    /// The connections that failed or ended badly, and that no test has told of.
    fn unexpected(&self, case: &Case) -> Vec<(u32, String)> {
        let cases = self.scripting.cases.iter().chain([case]);
        let told: BTreeSet<u32> = cases.flat_map(|case| case.told.iter().copied()).collect();
        let untold = self.faults.ids().filter(|id| !told.contains(id));
        let described = untold.filter_map(|id| {
            let connection = self.connections.get(id as usize)?;
            Some((id, state(id, connection)))
        });
        described.collect()
    }

    /// Tells that the line of a script failed; false where it is none, and a line of its own says more.
    pub(super) fn tell_failed_step(&mut self, lines: &[String], out: &mut dyn Output) -> bool {
        let masked: Vec<String> = {
            let secrets = &self.scripting.course.variables.secrets;
            let lines = lines.iter();
            lines.map(|line| secrets.mask(line).into_owned()).collect()
        };
        let Some(current) = &mut self.scripting.current else {
            return false;
        };
        let title = current.line.title();
        let is_first = current.failure.is_empty();
        current.failure.extend(masked.iter().cloned());
        let is_step = current.is_step;
        if is_step && let Some(case) = self.scripting.case() {
            case.fail(&title, &masked);
        }
        if is_step {
            if is_first {
                out.line(&format!("> FAILED {title}"));
            }
            masked
                .iter()
                .for_each(|line| out.line(&format!(">   {line}")));
        }
        is_step
    }

    /// Answers an `expect` or `assert` that did not come true.
    pub(super) fn fail(&mut self, lines: &[String], out: &mut dyn Output) {
        self.note(None, Status::Refused);
        if self.tell_failed_step(lines, out) {
            return;
        }
        let title = match (&self.scripting.current, self.manner.is_script) {
            (Some(current), true) => format!(" {}", current.line.title()),
            _ => String::new(),
        };
        out.line(&format!("> FAILED{title}"));
        let secrets = self.scripting.course.variables.secrets.clone();
        lines
            .iter()
            .for_each(|line| out.line(&format!(">   {}", secrets.mask(line))));
    }

    /// Takes a line that begins a block, belongs to one, or includes a file; false for all others. The
    /// command in it stands behind a slash where lines are messages.
    pub(super) fn collect(&mut self, line: &str, command: &str, out: &mut dyn Output) -> bool {
        let is_in_use = self.in_use.is_some();
        let scripting = &mut self.scripting;
        let word = variables::word(command).map_or("", |(word, _)| word);
        // A message of several lines is the session's own.
        let begins = (BLOCK_WORDS.contains(&word) && !is_in_use)
            || (script::is_own(word) && Parser::opens_text(line));
        if self.quit.is_some() || !(begins || scripting.parser.is_open()) {
            return false;
        }
        let names = scripting.course.variables.names();
        let loader = scripting.loader.get_or_insert_with(|| Loader::new(names));
        if !scripting.parser.is_open() {
            scripting.parser = Parser::of_typed(is_in_use);
        }
        scripting.parser.push(scripting.lines, line, loader);
        let is_wrong = loader.has_faults();
        if scripting.parser.is_open() && !is_wrong {
            return true;
        }
        let loader = scripting.loader.take();
        let steps = std::mem::take(&mut scripting.parser).take();
        let faults = loader.map(Loader::finish).and_then(Result::err);
        match faults {
            Some(faults) => self.refuse_all(&faults, out),
            None => self.enter_typed(&steps, out),
        }
        true
    }

    /// Carries out what was typed as a whole.
    fn enter_typed(&mut self, steps: &Steps, out: &mut dyn Output) {
        match &**steps {
            // A message of several lines is a line like others.
            [Step::Line(line)] if line.place.file.is_none() => {
                self.scripting.current = Some(Current::new(Rc::clone(line), false));
                self.carry_out(&line.text, out);
            }
            _ => self.scripting.runner.enter(Rc::clone(steps)),
        }
    }

    /// No more lines are typed: a block without its end is none.
    pub(super) fn end_lines(&mut self, out: &mut dyn Output) {
        let scripting = &mut self.scripting;
        if !scripting.parser.is_open() {
            return;
        }
        let mut loader = scripting
            .loader
            .take()
            .unwrap_or_else(|| Loader::new(std::iter::empty()));
        std::mem::take(&mut scripting.parser).end(&mut loader);
        if let Err(faults) = loader.finish() {
            self.refuse_all(&faults, out);
        }
    }

    /// Ctrl-C: whether there was something to stop.
    pub(super) fn interrupt_script(&mut self) -> bool {
        let is_busy = self.scripting.pending.is_some() || self.is_stepping();
        self.stop_script();
        is_busy
    }

    /// No further step is taken: what was begun is told of.
    pub(super) fn end_script(&mut self, out: &mut dyn Output) {
        self.end_step(out);
        self.end_run(out);
        self.stop_script();
    }

    /// The test that runs fails for another reason than one of its lines.
    pub(super) fn fail_case(&mut self, why: &str) {
        if let Some(case) = self.scripting.case() {
            case.fail("script", &[why.to_owned()]);
            self.faults.add(None, Status::Refused);
        }
    }

    /// Forgets what a script has still to do.
    fn stop_script(&mut self) {
        if self.is_stepping() {
            self.in_use = None;
        }
        self.scripting.pending = None;
        self.scripting.runner.stop();
        self.scripting.parser = Parser::default();
        self.scripting.loader = None;
    }
}

/// The values that a `for` goes through: all of them a peer's, if some are.
fn each(values: &Text) -> Result<Vec<Text>, String> {
    let is_foreign = values.is_foreign;
    let texts = head::each(&values.text)?.into_iter();
    Ok(texts.map(|text| Text { text, is_foreign }).collect())
}
