//! Scripts from files: read within limits, with what they include, and checked line by line.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use super::parse::Parser;
use super::steps::{Line, Place, Steps};
use super::variables::{self, Piece, is_plain};
use crate::command::{self, Command, script, words};
use crate::input::{self, Lines};
use crate::printer::text::{escape, fault};

/// The most bytes that a script may have, with all that it includes: 64 MiB.
const MAX_BYTES: u64 = 64 << 20;

/// The most files that a script may include, each counted as often as it is included.
const MAX_FILES: usize = 1_000;

/// How deep files may include each other.
const MAX_DEPTH: usize = 16;

/// How many faults are told: who mistook one thing for another need not read all of them.
const MAX_FAULTS: usize = 20;

/// A script, looked through and ready.
#[derive(Debug)]
pub(crate) struct Script {
    pub(crate) steps: Steps,
    /// How many commands it has.
    pub(crate) commands: usize,
    /// The names of its tests.
    pub(crate) tests: Vec<String>,
}

/// A file that is being read.
#[derive(Debug)]
struct Open {
    path: PathBuf,
    /// The blocks of the including files around it.
    depth: usize,
    is_in_test: bool,
}

/// Reads files, and remembers of all lines what only all of them together tell.
#[derive(Debug)]
pub(crate) struct Loader {
    left: u64,
    files: usize,
    open: Vec<Open>,
    faults: Vec<String>,
    /// The variables that are used, with the first place of each, and those that get a value.
    uses: Vec<(Place, String)>,
    used: BTreeSet<String>,
    defined: BTreeSet<String>,
    commands: usize,
    tests: Vec<String>,
}

impl Loader {
    /// A loader that knows these variables.
    pub(crate) fn new<'a>(known: impl Iterator<Item = &'a str>) -> Self {
        Self {
            left: MAX_BYTES,
            files: 0,
            open: Vec::new(),
            faults: Vec::new(),
            uses: Vec::new(),
            used: BTreeSet::new(),
            defined: known.map(str::to_owned).collect(),
            commands: 0,
            tests: Vec::new(),
        }
    }

    /// Reads a script; `-` is standard input.
    ///
    /// # Errors
    ///
    /// With a line for each fault, escaped.
    pub(crate) fn load(mut self, path: &Path) -> Result<Script, Vec<String>> {
        let name = match path.to_str() {
            Some("-") => "standard input".to_owned(),
            _ => path.display().to_string(),
        };
        let bytes = if path.as_os_str() == "-" {
            self.read(io::stdin().lock())
        } else {
            File::open(path)
                .map_err(|error| fault(&error))
                .and_then(|file| self.read(file))
        };
        match bytes {
            Ok(bytes) => self.whole(&name, path, &bytes),
            Err(why) => Err(vec![format!("{}: {why}", escape(&name))]),
        }
    }

    /// Reads a script that was given as lines; what it includes counts from the current folder.
    ///
    /// # Errors
    ///
    /// With a line for each fault, escaped.
    pub(crate) fn load_lines(self, name: &str, lines: &[String]) -> Result<Script, Vec<String>> {
        self.whole(name, Path::new(""), lines.join("\n").as_bytes())
    }

    /// The script of this name in these bytes.
    pub(crate) fn whole(
        mut self,
        name: &str,
        path: &Path,
        bytes: &[u8],
    ) -> Result<Script, Vec<String>> {
        let steps = self.parse(name, path, bytes, None);
        self.finish().map(|(commands, tests)| Script {
            steps,
            commands,
            tests,
        })
    }

    /// How many commands there are, and the names of the tests.
    ///
    /// # Errors
    ///
    /// With a line for each fault, escaped.
    pub(crate) fn finish(mut self) -> Result<(usize, Vec<String>), Vec<String>> {
        for (place, name) in std::mem::take(&mut self.uses) {
            let is_known = match name.strip_prefix("env:") {
                Some(variable) => std::env::var(variable).is_ok(),
                None => variables::is_special(&name) || self.defined.contains(&name),
            };
            if !is_known {
                let known = self.defined.iter().map(String::as_str);
                let why = variables::missing(&name, known);
                self.fault(&place, &why);
            }
        }
        if self.faults.is_empty() {
            Ok((self.commands, self.tests))
        } else {
            Err(self.faults)
        }
    }

    /// Remembers what is wrong with a line.
    pub(crate) fn fault(&mut self, place: &Place, why: &str) {
        match self.faults.len() {
            count if count < MAX_FAULTS => self.faults.push(format!("{place}: {why}")),
            MAX_FAULTS => self.faults.push("… and more".to_owned()),
            _ => {}
        }
    }

    /// Whether something was wrong.
    pub(crate) const fn has_faults(&self) -> bool {
        !self.faults.is_empty()
    }

    /// How many blocks are around the file.
    pub(crate) fn depth(&self) -> usize {
        self.open.last().map_or(0, |file| file.depth)
    }

    /// Whether a test is around the file.
    pub(crate) fn is_in_test(&self) -> bool {
        self.open.last().is_some_and(|file| file.is_in_test)
    }

    /// The steps of a file that a line includes; its path counts from the folder of the line's file.
    ///
    /// # Errors
    ///
    /// When it cannot be read, or includes itself; the text says why, escaped.
    pub(crate) fn include(
        &mut self,
        path: &str,
        place: &Place,
        is_in_test: bool,
        depth: usize,
    ) -> Result<Steps, String> {
        let folder = match &place.file {
            Some(file) => Path::new(&**file).parent(),
            None => None,
        };
        let folder = folder.unwrap_or_else(|| Path::new(""));
        let path = folder.join(path);
        let shown = path.display().to_string();
        let failed = |why: &str| format!("Cannot include {}: {why}", escape(&shown));
        if self.open.len() > MAX_DEPTH {
            return Err(failed(&format!(
                "files include each other {MAX_DEPTH} deep at most"
            )));
        }
        self.files += 1;
        if self.files > MAX_FILES {
            return Err(failed(&format!(
                "a script includes {MAX_FILES} files at most"
            )));
        }
        let real = path
            .canonicalize()
            .map_err(|error| failed(&fault(&error)))?;
        if self.open.iter().any(|file| file.path == real) {
            return Err(failed("it includes itself"));
        }
        let file = File::open(&path).map_err(|error| failed(&fault(&error)))?;
        let bytes = self.read(file).map_err(|why| failed(&why))?;
        let outer = (self.depth() + depth, self.is_in_test() || is_in_test);
        Ok(self.parse(&shown, &real, &bytes, Some(outer)))
    }

    fn read(&mut self, stream: impl io::Read) -> Result<Vec<u8>, String> {
        let mut bytes = Vec::new();
        let mut stream = stream.take(self.left + 1);
        stream
            .read_to_end(&mut bytes)
            .map_err(|error| fault(&error))?;
        self.left = self.left.checked_sub(bytes.len() as u64).ok_or_else(|| {
            format!("a script has {MAX_BYTES} bytes at most, with all it includes")
        })?;
        Ok(bytes)
    }

    /// The steps of a file; of one that is included with how deep in blocks, and whether in a test.
    fn parse(
        &mut self,
        name: &str,
        path: &Path,
        bytes: &[u8],
        included: Option<(usize, bool)>,
    ) -> Steps {
        let path = path.canonicalize().unwrap_or_default();
        let (depth, is_in_test) = included.unwrap_or_default();
        self.open.push(Open {
            path,
            depth,
            is_in_test,
        });
        let mut parser = Parser::of_file(name);
        let mut lines = Lines::default();
        lines.push(bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes));
        lines.end();
        let mut number = 0;
        while let Some(input) = lines.next() {
            number += 1;
            match input {
                input::Input::Line(line) => parser.push(number, &line, self),
                input::Input::Fault(why) => {
                    let file = Some(name.into());
                    self.fault(&Place { file, line: number }, &why);
                    // What is no text is no script: its other lines need not be told of.
                    if bytes.contains(&0) {
                        break;
                    }
                }
                input::Input::Interrupt | input::Input::End => break,
            }
        }
        parser.end(self);
        if included.is_some() {
            parser.leave_use(number);
        }
        self.open.pop();
        parser.take()
    }

    /// Takes the head of a block.
    ///
    /// # Errors
    ///
    /// When a brace in it holds no name.
    pub(crate) fn enter(
        &mut self,
        line: &Line,
        defined: Option<&str>,
        test: Option<&str>,
    ) -> Result<(), String> {
        self.defined.extend(defined.map(str::to_owned));
        self.tests.extend(test.map(str::to_owned));
        self.note_uses(&line.place, &line.text)
    }

    /// Looks at a command, as far as that can be done before it is carried out.
    ///
    /// # Errors
    ///
    /// When it is none; the text says why, escaped.
    pub(crate) fn check(&mut self, place: &Place, line: &str) -> Result<(), String> {
        self.count();
        self.note_uses(place, line)?;
        let word = variables::word(line).map_or("", |(word, _)| word);
        if is_plain(line) || script::is_own(word) {
            if let Some(Command::Script(command)) = command::parse(line)? {
                self.defined.extend(command.defined().map(str::to_owned));
            }
            return Ok(());
        }
        if is_plain(word) && !words::names().any(|name| name == word) {
            // The word is wrong, whatever the variables come to.
            command::parse(word)?;
        }
        Ok(())
    }

    /// Counts a line that is carried out.
    pub(crate) const fn count(&mut self) {
        self.commands += 1;
    }

    fn note_uses(&mut self, place: &Place, line: &str) -> Result<(), String> {
        for piece in variables::pieces(line)? {
            if let Piece::Value {
                name,
                default: None,
            } = piece
                && self.used.insert(name.to_owned())
            {
                self.uses.push((place.clone(), name.to_owned()));
            }
        }
        Ok(())
    }
}
