//! The processes that this program has started: each ends in its time, and none of them stays behind.

use std::collections::BTreeSet;
use std::io;
use std::process::ExitStatus;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::process::{Child, Command};
use tokio::time::{sleep, timeout};

/// How often those are looked for that a process has started.
const LOOK: Duration = Duration::from_millis(20);

/// The groups of the processes that live, by the ids of their first ones. All of the program have one list:
/// whoever ends the program knows of no server.
static LIVING: Mutex<BTreeSet<u32>> = Mutex::new(BTreeSet::new());

fn living() -> MutexGuard<'static, BTreeSet<u32>> {
    // A set is whole between any two statements: a panic breaks nothing.
    LIVING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Ends all that live, at once.
pub(crate) fn kill_all() {
    for group in std::mem::take(&mut *living()) {
        kill(group);
    }
}

/// A process, and those that it has started itself. Dropped, it is left to itself and to [`kill_all`].
#[derive(Debug)]
pub(crate) struct Process {
    pub(crate) child: Child,
    group: u32,
}

impl Process {
    /// Starts one in a group of its own: Ctrl-C is for this program, and signals reach its children too.
    ///
    /// # Errors
    ///
    /// When the system refuses.
    pub(crate) fn start(command: &mut Command) -> io::Result<Self> {
        #[cfg(unix)]
        command.process_group(0);
        let child = command.kill_on_drop(true).spawn()?;
        // One that has ended by now is still there to be waited for.
        let group = child.id().unwrap_or_default();
        living().insert(group);
        Ok(Self { child, group })
    }

    /// Waits for its end.
    pub(crate) async fn wait(&mut self) -> io::Result<ExitStatus> {
        let status = self.child.wait().await;
        living().remove(&self.group);
        status
    }

    /// Ends it: it may do so by itself for `grace`, is asked to, and after as long again it has to.
    pub(crate) async fn end(&mut self, grace: Duration) -> io::Result<ExitStatus> {
        if let Ok(status) = timeout(grace, self.wait()).await {
            return status;
        }
        ask(self.group);
        let all = async {
            let status = self.wait().await;
            while is_there(self.group) {
                sleep(LOOK).await;
            }
            status
        };
        if let Ok(status) = timeout(grace, all).await {
            return status;
        }
        kill(self.group);
        // Where the system has no groups, this is the way.
        let _ = self.child.start_kill();
        self.wait().await
    }
}

#[cfg(unix)]
fn ask(group: u32) {
    signal(group, rustix::process::Signal::TERM);
}

#[cfg(unix)]
fn kill(group: u32) {
    signal(group, rustix::process::Signal::KILL);
}

#[cfg(unix)]
fn signal(group: u32, signal: rustix::process::Signal) {
    if let Some(group) = id(group) {
        // A group that is gone has ended, which was the aim.
        let _ = rustix::process::kill_process_group(group, signal);
    }
}

#[cfg(unix)]
fn is_there(group: u32) -> bool {
    id(group).is_some_and(|group| rustix::process::test_kill_process_group(group).is_ok())
}

#[cfg(unix)]
fn id(group: u32) -> Option<rustix::process::Pid> {
    let id = i32::try_from(group).ok()?;
    rustix::process::Pid::from_raw(id)
}

#[cfg(not(unix))]
fn ask(_: u32) {}

#[cfg(not(unix))]
fn kill(_: u32) {}

#[cfg(not(unix))]
fn is_there(_: u32) -> bool {
    false
}
