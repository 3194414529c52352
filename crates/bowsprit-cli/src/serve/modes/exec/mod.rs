//! A process for each connection: messages on its standard streams, the request in its environment.

use std::io;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use bowsprit::{CloseCode, CloseFrame, Closed, Context, Handler, MessageRef};
use tokio::process::Command;
use tokio::sync::watch;

use super::super::environment;
use crate::printer::text::fault;
use crate::processes::Process;
use crate::serve::house::Caller;
use crate::serve::queue::{Inbox, Outlet, queue};

mod streams;

pub(in crate::serve) use streams::Format;
use streams::{complain, feed, speak};

/// How long a process may go on when its input has ended, and again when it was told to end.
const GRACE: Duration = Duration::from_secs(1);

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

    fn start(&self, caller: &Caller) -> io::Result<Process> {
        let mut command = Command::new(&self.program);
        command
            .args(&self.arguments)
            .envs(environment::of(
                &caller.info,
                caller.id,
                caller.house.is_encrypted(),
            ))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        Process::start(&mut command)
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
            Ok(process) => {
                self.inbox = Some(inbox);
                let (caller, exec) = (Arc::clone(&self.caller), Arc::clone(&self.exec));
                exec.running.send_modify(|count| *count += 1);
                tokio::spawn(async move {
                    run(process, outlet, caller, &exec).await;
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

async fn run(mut process: Process, mut outlet: Outlet, caller: Arc<Caller>, exec: &Exec) {
    let handle = outlet.handle().clone();
    let child = &mut process.child;
    let (Some(stdin), Some(stdout), Some(stderr)) =
        (child.stdin.take(), child.stdout.take(), child.stderr.take())
    else {
        return;
    };
    let (alive, ended) = watch::channel(());
    let living = async {
        let status = tokio::select! {
            biased;
            status = process.wait() => status,
            () = feed(exec, stdin, &mut outlet) => process.end(GRACE).await,
        };
        drop(alive);
        status
    };
    let (status, (), ()) = tokio::join!(
        living,
        speak(exec, stdout, &handle, &caller, ended.clone()),
        complain(stderr, &caller, ended)
    );
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
