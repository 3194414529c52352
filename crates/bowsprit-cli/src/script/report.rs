//! What came of a script: its tests, and the file of them that CI systems read.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::fs;
use std::path::Path;
use std::rc::Rc;
use std::time::{Duration, Instant};

use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};

use crate::events::{What, seconds};
use crate::printer::duration;
use crate::printer::text::{escape, fault};

/// The most bytes of output that are kept of a test: 256 KiB, the latest.
const MAX_TRANSCRIPT: usize = 256 << 10;

/// The most failures that are kept of a test: a loop may fail without end.
const MAX_FAILURES: usize = 100;

/// A test of a script, or what stands in none.
#[derive(Debug)]
pub(crate) struct Case {
    pub(crate) name: String,
    /// The script's.
    file: String,
    pub(crate) is_test: bool,
    since: Instant,
    took: Duration,
    /// The lines that failed, and why.
    pub(crate) failures: Vec<(String, String)>,
    /// The connections whose bad end it told of.
    pub(crate) told: Vec<u32>,
    transcript: String,
}

impl Case {
    /// A test that begins now.
    pub(crate) fn of_test(name: &str, file: &str) -> Self {
        Self {
            name: name.to_owned(),
            is_test: true,
            ..Self::of_file(file)
        }
    }

    /// What stands in no test of this script, which begins now.
    pub(crate) fn of_file(file: &str) -> Self {
        Self {
            name: file.to_owned(),
            file: file.to_owned(),
            is_test: false,
            since: Instant::now(),
            took: Duration::ZERO,
            failures: Vec::new(),
            told: Vec::new(),
            transcript: String::new(),
        }
    }

    /// One of its lines failed; what was said before of the same line stays.
    pub(crate) fn fail(&mut self, title: &str, lines: &[String]) {
        let text = lines.join("\n");
        let has_room = self.failures.len() < MAX_FAILURES;
        match self.failures.last_mut() {
            Some((known, before)) if known == title => {
                before.push('\n');
                before.push_str(&text);
            }
            _ if has_room => {
                self.failures.push((title.to_owned(), text));
            }
            _ => {}
        }
    }

    /// It is over, and this was printed.
    pub(crate) fn end(&mut self, transcript: String) {
        self.took = self.since.elapsed();
        self.transcript = transcript;
    }

    /// The line that tells of its end.
    pub(crate) fn line(&self) -> String {
        let verdict = if self.failures.is_empty() {
            "passed"
        } else {
            "FAILED"
        };
        let name = escape(&self.name);
        format!(
            "> {name}: {verdict} ({})",
            duration::milliseconds(self.took)
        )
    }

    /// The same for programs.
    pub(crate) fn event(&self) -> What {
        let failures = self.failures.iter();
        What::Test {
            name: self.name.clone(),
            passed: self.failures.is_empty(),
            seconds: seconds(self.took),
            failures: failures
                .map(|(title, text)| format!("{title}\n{text}"))
                .collect(),
        }
    }

    fn to_junit(&self) -> TestCase {
        let status = match self.failures.first() {
            None => TestCaseStatus::success(),
            Some((title, text)) => {
                let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
                let all = self.failures.iter();
                let all: Vec<String> = all
                    .map(|(title, text)| format!("{title}\n{text}"))
                    .collect();
                let first = text.lines().next().unwrap_or_default();
                status.set_message(xml(&format!("{title} ({first})")));
                status.set_type("expectation");
                status.set_description(xml(&all.join("\n\n")));
                status
            }
        };
        let mut case = TestCase::new(xml(&self.name), status);
        case.set_classname(xml(&self.file));
        case.set_time(self.took);
        case.set_system_out(xml(&self.transcript));
        case
    }
}

/// What came of one file.
#[derive(Debug)]
pub(crate) struct Suite {
    pub(crate) name: String,
    pub(crate) cases: Vec<Case>,
    /// The tests that were not begun.
    pub(crate) skipped: Vec<String>,
    pub(crate) took: Duration,
}

impl Suite {
    /// A file that was not run.
    pub(crate) fn skipped(name: &str, tests: &[String]) -> Self {
        let whole = [name.to_owned()];
        let tests = if tests.is_empty() { &whole } else { tests };
        Self {
            name: name.to_owned(),
            cases: Vec::new(),
            skipped: tests.to_vec(),
            took: Duration::ZERO,
        }
    }

    /// How many tests failed.
    pub(crate) fn failed(&self) -> usize {
        let cases = self.cases.iter();
        cases.filter(|case| !case.failures.is_empty()).count()
    }

    fn to_junit(&self) -> TestSuite {
        let mut suite = TestSuite::new(xml(&self.name));
        suite.set_time(self.took);
        suite.add_test_cases(self.cases.iter().map(Case::to_junit));
        for name in &self.skipped {
            let mut case = TestCase::new(xml(name), TestCaseStatus::skipped());
            case.set_classname(xml(&self.name));
            suite.add_test_case(case);
        }
        suite
    }
}

/// The text without the two characters that may not stand in XML and that the library lets pass.
fn xml(text: &str) -> String {
    text.replace(['\u{fffe}', '\u{ffff}'], "\u{fffd}")
}

/// Writes the file for CI systems.
///
/// # Errors
///
/// When that cannot be written; the text says why, escaped.
pub(crate) fn write_junit(path: &Path, suites: &[Suite]) -> Result<(), String> {
    let mut report = Report::new("bowsprit");
    report.set_time(suites.iter().map(|suite| suite.took).sum());
    report.add_test_suites(suites.iter().map(Suite::to_junit));
    let name = path.display().to_string();
    let failed = |why: &str| format!("cannot write {}: {why}", escape(&name));
    let text = report
        .to_string()
        .map_err(|error| failed(&error.to_string()))?;
    fs::write(path, text).map_err(|error| failed(&fault(&error)))
}

/// What is printed while a test runs: the latest of it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Transcript(Rc<RefCell<Kept>>);

#[derive(Debug, Default)]
struct Kept {
    lines: VecDeque<String>,
    bytes: usize,
    dropped: u64,
}

impl Transcript {
    /// Adds a line; drops the oldest until it fits.
    pub(crate) fn add(&self, line: &str) {
        let mut kept = self.0.borrow_mut();
        kept.bytes += line.len() + 1;
        kept.lines.push_back(line.to_owned());
        while kept.bytes > MAX_TRANSCRIPT
            && let Some(oldest) = kept.lines.pop_front()
        {
            kept.bytes -= oldest.len() + 1;
            kept.dropped += 1;
        }
    }

    /// All that is kept, which is forgotten now.
    pub(crate) fn take(&self) -> String {
        let kept = self.0.take();
        let mut text = match kept.dropped {
            0 => String::new(),
            dropped => format!("… {dropped} earlier lines\n"),
        };
        for line in &kept.lines {
            text.push_str(line);
            text.push('\n');
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_the_latest_of_a_long_transcript() {
        let transcript = Transcript::default();
        (0..MAX_TRANSCRIPT / 10).for_each(|number| transcript.add(&format!("line {number:08}")));
        let text = transcript.take();
        assert!(text.starts_with("… "), "{:?}", text.get(..40));
        assert!(text.len() < MAX_TRANSCRIPT + 100);
        assert!(text.ends_with(&format!("line {:08}\n", MAX_TRANSCRIPT / 10 - 1)));
        assert_eq!(transcript.take(), "");
    }

    #[test]
    fn writes_xml_whatever_is_in_the_texts() {
        let mut case = Case::of_test("a <b> & \"c\" \u{1b}[2J \u{fffe}", "dir/file.bws");
        case.fail("file:1: expect", &["]]> <x/> \0".to_owned()]);
        case.fail("file:1: expect", &["the same line".to_owned()]);
        case.end("out \u{1b}]0;t\u{7} & <\n".to_owned());
        let suite = Suite {
            name: "dir/file.bws".to_owned(),
            cases: vec![case],
            skipped: vec!["never \u{0}".to_owned()],
            took: Duration::from_millis(5),
        };
        let mut report = Report::new("bowsprit");
        report.add_test_suite(suite.to_junit());
        let xml = report.to_string().expect("XML");
        for text in [
            "tests=\"2\" skipped=\"1\" errors=\"0\" failures=\"1\"",
            "name=\"a &lt;b&gt; &amp; &quot;c&quot;  \u{fffd}\"",
            "]]&gt; &lt;x/&gt; \nthe same line",
            "<skipped/>",
        ] {
            assert!(xml.contains(text), "{text} is not in {xml}");
        }
        assert!(
            !xml.contains(['\0', '\u{1b}', '\u{7}', '\u{fffe}']),
            "{xml:?}"
        );
    }
}
