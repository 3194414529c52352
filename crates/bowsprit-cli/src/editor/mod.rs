//! The line editor: rustyline, on a thread of its own, which blocks where the session must not.
//!
//! The session asks for a line and hears of it through a channel. What the session tells meanwhile
//! waits in [`Pending`]; the editor takes all of it whenever it draws its line, and is woken to
//! draw when something waits. Each line of output is therefore taken once, by the editor while it
//! edits and by the session while it does not, and nobody waits for anybody.

mod complete;
mod helper;
mod pending;
mod recall;
mod resize;

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::{self, Thread};

use rustyline::config::{BellStyle, Builder, ColorMode, Configurer as _};
use rustyline::error::ReadlineError;
use rustyline::history::DefaultHistory;
use rustyline::{CompletionType, EventHandler, ExternalPrinter, KeyEvent};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::console::Prompt;
use crate::input::Input;
use crate::printer;
use helper::{Hooks, Interrupted, Suspended};
pub(crate) use pending::Pending;

/// What makes the editor draw: something printed that is not seen. It ends in a line feed, because
/// the editor adds one otherwise, and goes up first, so that it ends where it began.
const WAKE: &str = "\x1b[A\n";

/// What comes from the editor's thread.
#[derive(Debug)]
pub(crate) enum Heard {
    /// The line that was asked for, or what came instead; several, if they were pasted.
    Inputs(Vec<Input>),
    /// What waited is drawn: there is room for more.
    Room,
    /// Ctrl-Z.
    Suspended,
}

/// A line that is wanted.
#[derive(Debug)]
struct Wish {
    prompt: Prompt,
    ids: Vec<(String, String)>,
}

/// The session's hold on the editor.
#[derive(Debug)]
pub(crate) struct Editor {
    wishes: Sender<Wish>,
    waker: Thread,
}

impl Editor {
    /// Starts the editor; it reads nothing until it is asked to. With hints it shows how a line may go on.
    ///
    /// # Errors
    ///
    /// When the terminal is none, or no thread can be started.
    pub(crate) fn start(
        pending: Arc<Pending>,
        has_hints: bool,
    ) -> io::Result<(Self, UnboundedReceiver<Heard>)> {
        let (heard, receiver) = unbounded_channel();
        let mut lines = Lines::open(pending, heard.clone(), has_hints).map_err(io::Error::other)?;
        let printer = lines
            .editor
            .create_external_printer()
            .map_err(io::Error::other)?;
        let (wishes, asked) = mpsc::channel();
        spawn("line editor", move || lines.serve(&asked, &heard))?;
        let waker = spawn("editor's waker", move || wake_when_told(printer))?;
        Ok((Self { wishes, waker }, receiver))
    }

    /// Asks for one line. `ids` are the connections that can be named in it, with their URIs.
    pub(crate) fn ask(&self, prompt: Prompt, ids: Vec<(String, String)>) {
        // Without the editor's thread, the end of its channel tells of the end.
        let _ = self.wishes.send(Wish { prompt, ids });
    }

    /// Makes the editor draw what waits, if it edits a line; never blocks.
    pub(crate) fn wake(&self) {
        self.waker.unpark();
    }
}

fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> io::Result<Thread> {
    let handle = thread::Builder::new().name(name.to_owned()).spawn(work)?;
    Ok(handle.thread().clone())
}

/// Printing blocks while the editor does not look, for instance in a search: so this has a thread
/// of its own.
fn wake_when_told(mut printer: impl ExternalPrinter) {
    loop {
        thread::park();
        if printer.print(WAKE.to_owned()).is_err() {
            return;
        }
    }
}

/// The editor's thread: rustyline and its history.
struct Lines {
    editor: rustyline::Editor<Hooks, DefaultHistory>,
    interrupted: Interrupted,
    file: Option<PathBuf>,
    /// How many lines were entered.
    count: u64,
}

impl Lines {
    fn open(
        pending: Arc<Pending>,
        heard: UnboundedSender<Heard>,
        has_hints: bool,
    ) -> rustyline::Result<Self> {
        let config = Builder::new()
            // The hook that draws what waits is that for colours: it is needed without them too.
            .color_mode(ColorMode::Forced)
            .completion_type(CompletionType::List)
            .bell_style(BellStyle::None)
            .max_history_size(recall::MAX_LINES)?
            .build();
        let mut editor = rustyline::Editor::with_config(config)?;
        editor.set_history_ignore_space(true);
        editor.bind_sequence(
            KeyEvent::ctrl('Z'),
            EventHandler::Conditional(Box::new(Suspended(heard.clone()))),
        );
        editor.set_helper(Some(Hooks::new(pending, heard, has_hints)));
        let interrupted = Interrupted::default();
        editor.bind_sequence(
            KeyEvent::ctrl('C'),
            EventHandler::Conditional(Box::new(interrupted.clone())),
        );
        let file = recall::default_file();
        if let Some(file) = &file {
            // A file that is missing or useless: the history begins here.
            let _ = editor.load_history(file);
        }
        Ok(Self {
            editor,
            interrupted,
            file,
            count: 0,
        })
    }

    /// Reads a line whenever one is wanted, until nobody is there to want one.
    fn serve(&mut self, asked: &Receiver<Wish>, heard: &UnboundedSender<Heard>) {
        for wish in asked {
            if let Some(hooks) = self.editor.helper_mut() {
                hooks.ids = wish.ids;
                hooks.prompt = wish.prompt.clone();
                hooks.columns.set(printer::columns());
            }
            if heard.send(Heard::Inputs(self.read(&wish.prompt))).is_err() {
                return;
            }
        }
    }

    fn read(&mut self, prompt: &str) -> Vec<Input> {
        loop {
            match self.editor.readline(prompt) {
                Ok(text) => match self.interrupted.take() {
                    None => return self.entered(&text),
                    Some(true) => return vec![Input::Interrupt],
                    // The line is thrown away.
                    Some(false) => {}
                },
                // The window changed its size in the midst of a key.
                Err(ReadlineError::Interrupted | ReadlineError::Signal(_)) => {}
                Err(ReadlineError::Io(error)) if error.kind() == io::ErrorKind::InvalidData => {
                    self.count += 1;
                    let fault = format!("Line {} is not valid UTF-8", self.count);
                    return vec![Input::Fault(fault)];
                }
                // Ctrl-D, or a terminal that went away.
                Err(_) => return vec![Input::End],
            }
        }
    }

    /// The lines in what was entered: a paste may have several, and each is a command.
    fn entered(&mut self, text: &str) -> Vec<Input> {
        let is_pasted = text.contains('\n');
        text.split('\n')
            // Between and behind pasted lines there may be nothing.
            .filter(|line| !(is_pasted && line.trim().is_empty()))
            .map(|line| {
                self.count += 1;
                self.remember(line);
                Input::Line(line.to_owned())
            })
            .collect()
    }

    fn remember(&mut self, line: &str) {
        if !recall::is_kept(line) || !self.editor.add_history_entry(line).unwrap_or_default() {
            return;
        }
        if let Some(file) = &self.file {
            // A history that cannot be written is a history for this session.
            let _ = recall::make_directory(file).map(|()| self.editor.append_history(file));
        }
    }
}
