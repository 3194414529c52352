//! A process for each connection: messages on its standard streams, the request in its environment.

use std::io;
use std::process::{ExitStatus, Stdio};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use bowsprit::{CloseCode, CloseFrame, Closed, Context, Handle, Handler, Message, MessageRef};
use tokio::io::{
    AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, AsyncWriteExt as _, BufReader,
};
use tokio::process::{Child, ChildStdin, Command};
use tokio::sync::watch;
use tokio::time::timeout;

use super::super::environment;
use crate::printer::text::fault;
use crate::serve::house::Caller;
use crate::serve::queue::{Inbox, Outlet, queue, weight};

/// How long a process may go on when its input has ended, and again when it was told to end.
const GRACE: Duration = Duration::from_secs(2);

/// How long output is waited for when the process has ended and a child of its own has not.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// The longest line of its standard error that is shown.
const MAX_COMPLAINT: u64 = 4096;

/// How much is read at once where output is not cut into lines.
const CHUNK: usize = 16 << 10;

/// How messages stand on the standard streams.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::serve) enum Format {
    /// Each text message is a line.
    #[default]
    Line,
    /// Four bytes of length, the most significant first, and as many bytes of a binary message.
    Length,
    /// The bytes alone; what is read at once is a binary message.
    Raw,
}

impl FromStr for Format {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "line" => Ok(Self::Line),
            "length" => Ok(Self::Length),
            "raw" => Ok(Self::Raw),
            _ => Err("a format is line, length or raw"),
        }
    }
}

/// What to run, and how to talk to it.
#[derive(Debug)]
pub(in crate::serve) struct Exec {
    program: String,
    arguments: Vec<String>,
    format: Format,
    max_message: usize,
    /// How many processes there are.
    running: watch::Sender<usize>,
}

impl Exec {
    /// A command by its words, or one for `sh -c`.
    ///
    /// # Errors
    ///
    /// When there is no word in it, or a quotation mark is not closed.
    pub(in crate::serve) fn new(
        command: &str,
        by_shell: bool,
        format: Format,
        max_message: usize,
    ) -> Result<Self, String> {
        let words = if by_shell {
            ["sh", "-c", command].map(str::to_owned).to_vec()
        } else {
            shell_words::split(command)
                .map_err(|_| "--exec: a quotation mark is not closed".to_owned())?
        };
        let mut words = words.into_iter();
        let program = words.next().ok_or("--exec: there is no command")?;
        Ok(Self {
            program,
            arguments: words.collect(),
            format,
            max_message,
            running: watch::Sender::new(0),
        })
    }

    /// Waits until every process has ended, which each does soon after its connection.
    pub(super) async fn ended(&self) {
        // The sender lives as long as this.
        let _ = self.running.subscribe().wait_for(|count| *count == 0).await;
    }

    fn start(&self, caller: &Caller) -> io::Result<Child> {
        let mut command = Command::new(&self.program);
        command
            .args(&self.arguments)
            .envs(environment::of(&caller.info, caller.id))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        // A group of its own: Ctrl-C is for this program, and signals reach its children too.
        #[cfg(unix)]
        command.process_group(0);
        command.spawn()
    }
}

/// Hands messages to the process.
#[derive(Debug)]
pub(super) struct Processed {
    caller: Arc<Caller>,
    exec: Arc<Exec>,
    inbox: Option<Inbox>,
}

impl Processed {
    pub(super) const fn new(caller: Arc<Caller>, exec: Arc<Exec>) -> Self {
        Self {
            caller,
            exec,
            inbox: None,
        }
    }
}

impl Handler for Processed {
    fn on_open(&mut self, cx: &mut Context<'_>) {
        let (inbox, outlet) = queue(cx.handle());
        match self.exec.start(&self.caller) {
            Ok(child) => {
                self.inbox = Some(inbox);
                let (caller, exec) = (Arc::clone(&self.caller), Arc::clone(&self.exec));
                exec.running.send_modify(|count| *count += 1);
                tokio::spawn(async move {
                    run(child, outlet, caller, &exec).await;
                    exec.running.send_modify(|count| *count -= 1);
                });
            }
            Err(error) => {
                let why = fault(&error);
                self.caller
                    .tell(|| format!("exec: cannot run {}: {why}", self.exec.program));
                // Refused where the closing has begun, which is as good.
                let _ = cx.close(CloseCode::INTERNAL_ERROR, "the process cannot be started");
            }
        }
    }

    fn on_message(&mut self, cx: &mut Context<'_>, message: MessageRef<'_>) {
        if let Some(inbox) = &self.inbox {
            inbox.push(cx, message.into_message());
        }
    }

    fn on_close(&mut self, _: &mut Context<'_>, _: &Closed) {
        // The end of the queue is the end of the process's input.
        self.inbox = None;
    }
}

async fn run(mut child: Child, mut outlet: Outlet, caller: Arc<Caller>, exec: &Exec) {
    let handle = outlet.handle().clone();
    let (Some(stdin), Some(stdout), Some(stderr)) =
        (child.stdin.take(), child.stdout.take(), child.stderr.take())
    else {
        return;
    };
    let talking = async {
        let (said, ()) = tokio::join!(
            speak(exec, stdout, &handle, &caller),
            complain(stderr, &caller)
        );
        said
    };
    tokio::pin!(talking);
    let mut has_talked = false;
    let status = {
        let feeding = feed(exec, stdin, &mut outlet);
        tokio::pin!(feeding);
        loop {
            tokio::select! {
                biased;
                status = child.wait() => break status,
                said = &mut talking, if !has_talked => {
                    has_talked = true;
                    if said.is_err() {
                        break end(&mut child).await;
                    }
                }
                () = &mut feeding => break end(&mut child).await,
            }
        }
    };
    if !has_talked {
        // What it has said last is still in the pipe.
        let _ = timeout(LAST_WORDS, talking).await;
    }
    let (code, text) = match status {
        Ok(status) => verdict(status),
        Err(error) => (CloseCode::INTERNAL_ERROR, fault(&error)),
    };
    caller.tell(|| format!("exec: {text}"));
    // Refused where the client has closed, or the line was too long: as it should be.
    let _ = handle.close(code, CloseFrame::fit_reason(&text));
}

/// What the end of the process means to the client.
fn verdict(status: ExitStatus) -> (CloseCode, String) {
    match status.code() {
        Some(0) => (CloseCode::NORMAL, "exit status 0".to_owned()),
        Some(code) => (CloseCode::INTERNAL_ERROR, format!("exit status {code}")),
        None => (CloseCode::INTERNAL_ERROR, killed_by(status)),
    }
}

#[cfg(unix)]
fn killed_by(status: ExitStatus) -> String {
    use std::os::unix::process::ExitStatusExt as _;
    let signal = status.signal().unwrap_or_default();
    format!("killed by signal {signal}")
}

#[cfg(not(unix))]
fn killed_by(_: ExitStatus) -> String {
    "killed".to_owned()
}

/// Ends a process that nobody talks to any more: its input has ended; then a signal asks, then one kills.
async fn end(child: &mut Child) -> io::Result<ExitStatus> {
    if let Ok(status) = timeout(GRACE, child.wait()).await {
        return status;
    }
    terminate(child);
    if let Ok(status) = timeout(GRACE, child.wait()).await {
        return status;
    }
    kill(child);
    child.wait().await
}

#[cfg(unix)]
fn terminate(child: &Child) {
    signal(child, rustix::process::Signal::TERM);
}

#[cfg(unix)]
fn kill(child: &Child) {
    signal(child, rustix::process::Signal::KILL);
}

/// Signals the process and those that it has started.
#[cfg(unix)]
fn signal(child: &Child, signal: rustix::process::Signal) {
    let id = child.id().and_then(|id| i32::try_from(id).ok());
    if let Some(group) = id.and_then(rustix::process::Pid::from_raw) {
        // A group that is gone has ended, which was the aim.
        let _ = rustix::process::kill_process_group(group, signal);
    }
}

#[cfg(not(unix))]
fn terminate(child: &mut Child) {
    kill(child);
}

#[cfg(not(unix))]
fn kill(child: &mut Child) {
    // A process that is gone has ended, which was the aim.
    let _ = child.start_kill();
}

/// Writes what comes to the process until the connection has ended.
async fn feed(exec: &Exec, mut stdin: ChildStdin, outlet: &mut Outlet) {
    let mut is_heard = true;
    while let Some(message) = outlet.next().await {
        // A process that reads no further may still have something to say.
        is_heard = is_heard && write(exec, &mut stdin, &message).await.is_ok();
        outlet.done(weight(&message));
    }
}

async fn write(exec: &Exec, stdin: &mut ChildStdin, message: &Message) -> io::Result<()> {
    let payload = message.as_bytes();
    if exec.format == Format::Length {
        let length = u32::try_from(payload.len()).map_err(io::Error::other)?;
        stdin.write_all(&length.to_be_bytes()).await?;
    }
    stdin.write_all(payload).await?;
    if exec.format == Format::Line {
        stdin.write_all(b"\n").await?;
    }
    stdin.flush().await
}

/// The process said more at once than a message may have, and was cut off.
struct TooLong;

/// Sends what the process says to the client.
async fn speak(
    exec: &Exec,
    stdout: impl AsyncRead + Unpin,
    handle: &Handle,
    caller: &Caller,
) -> Result<(), TooLong> {
    let mut reader = BufReader::with_capacity(CHUNK, stdout);
    loop {
        let read = match exec.format {
            Format::Line => line(&mut reader, exec.max_message).await,
            Format::Length => counted(&mut reader, exec.max_message).await,
            Format::Raw => chunk(&mut reader).await,
        };
        let message = match read {
            Ok(Some(message)) => message,
            Ok(None) => return Ok(()),
            Err(error) if error.kind() == io::ErrorKind::FileTooLarge => {
                let limit = exec.max_message;
                caller.tell(|| {
                    format!(
                        "exec: a message over {limit} bytes (--max-message), the process is ended"
                    )
                });
                // Refused where the closing has begun, which is as good.
                let _ = handle.close(CloseCode::MESSAGE_TOO_BIG, "");
                return Err(TooLong);
            }
            Err(_) => return Ok(()),
        };
        if handle.send_wait(message.clone()).await.is_err() {
            return Ok(());
        }
        caller.said(&message);
    }
}

/// A line without its end: text, or binary where it is not UTF-8.
async fn line(
    reader: &mut BufReader<impl AsyncRead + Unpin>,
    limit: usize,
) -> io::Result<Option<Message>> {
    let mut line = Vec::new();
    let mut limited = reader.take(limit as u64 + 1);
    if limited.read_until(b'\n', &mut line).await? == 0 {
        return Ok(None);
    }
    if line.pop_if(|last| *last == b'\n').is_some() {
        line.pop_if(|last| *last == b'\r');
    } else if line.len() > limit {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    Ok(Some(match String::from_utf8(line) {
        Ok(text) => Message::from(text),
        Err(error) => Message::from(error.into_bytes()),
    }))
}

/// A binary message behind its length.
async fn counted(
    reader: &mut BufReader<impl AsyncRead + Unpin>,
    limit: usize,
) -> io::Result<Option<Message>> {
    if reader.fill_buf().await?.is_empty() {
        return Ok(None);
    }
    let length = reader.read_u32().await?;
    let wanted = usize::try_from(length).unwrap_or(usize::MAX);
    if wanted > limit {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    let mut payload = Vec::new();
    reader.take(length.into()).read_to_end(&mut payload).await?;
    Ok((payload.len() == wanted).then(|| Message::from(payload)))
}

/// What there is to read, as a binary message.
async fn chunk(reader: &mut BufReader<impl AsyncRead + Unpin>) -> io::Result<Option<Message>> {
    let bytes = reader.fill_buf().await?.to_vec();
    reader.consume(bytes.len());
    Ok((!bytes.is_empty()).then(|| Message::from(bytes)))
}

/// Shows what the process says on its standard error.
async fn complain(stderr: impl AsyncRead + Unpin, caller: &Caller) {
    let mut reader = BufReader::new(stderr);
    loop {
        let mut line = Vec::new();
        let mut limited = (&mut reader).take(MAX_COMPLAINT);
        match limited.read_until(b'\n', &mut line).await {
            Ok(0) | Err(_) => return,
            Ok(_) => {
                let text = String::from_utf8_lossy(&line);
                caller.tell(|| format!("stderr: {}", text.trim_end_matches(['\n', '\r'])));
            }
        }
    }
}
