//! Leaving: every connection is closed with 1001 under one deadline.

use std::time::{Duration, Instant};

use bowsprit::{CloseCode, CloseError};

use super::{MANY, Session};
use crate::connection::Stage;
use crate::printer::Output;

/// How long leaving may take.
const QUIT_DEADLINE: Duration = Duration::from_secs(5);

/// How long the library may take for the rest of what has ended.
const SETTLING: Duration = Duration::from_millis(250);

/// How far leaving is.
#[derive(Debug)]
pub(super) enum Quit {
    /// Connections are closing, then the server stops.
    Under { deadline: Instant },
    /// Nothing is left to wait for.
    Over,
}

impl Quit {
    pub(super) const fn deadline(&self) -> Option<Instant> {
        match self {
            Self::Under { deadline } => Some(*deadline),
            Self::Over => None,
        }
    }

    pub(super) const fn is_over(&self) -> bool {
        matches!(self, Self::Over)
    }
}

impl Session {
    /// Closes what is open, in the order of the ids, and gives up what is being made.
    pub(crate) fn quit(&mut self, out: &mut dyn Output) {
        if self.quit.is_some() {
            return;
        }
        self.wait = None;
        self.end_script(out);
        self.quit = Some(Quit::Under {
            deadline: Instant::now() + QUIT_DEADLINE,
        });
        self.drop_jobs();
        self.in_use = None;
        self.give_up_waiting();
        let is_brief = self.ongoing > MANY;
        if is_brief {
            out.line(&format!("> Closing {} connections", self.ongoing));
        }
        for (id, connection) in self.connections.iter_mut().enumerate() {
            let line = match connection.stage {
                Stage::Open => match connection.handle.close(CloseCode::GOING_AWAY, "") {
                    Ok(()) => {
                        connection.stage = Stage::Closing;
                        format!("> Closing connection {id}")
                    }
                    // The peer was faster: the event is on its way.
                    Err(CloseError::Closing | CloseError::Closed) => continue,
                    Err(error) => format!("> Error closing connection {id}: {error}"),
                },
                Stage::Connecting | Stage::Retrying => {
                    connection.handle.terminate();
                    format!("> Canceling connection {id} (still connecting)")
                }
                Stage::Closing => format!("> Waiting for connection {id} to close"),
                Stage::Failed(_) | Stage::Closed(_) => continue,
            };
            if !is_brief {
                out.line(&line);
            }
            // However many there are, they end in one line.
            connection.is_one_of_many |= is_brief;
        }
        self.check_quit(out);
    }

    /// Quits; the second time, without waiting for anyone.
    pub(crate) fn leave(&mut self, out: &mut dyn Output) {
        if self.quit.is_some() {
            self.quit_now()
        } else {
            self.cut_short("a signal stopped the script", out)
        }
    }

    /// Quits for a reason that no line gave: a script that runs was not carried out, and so has failed.
    pub(crate) fn cut_short(&mut self, why: &str, out: &mut dyn Output) {
        if self.quit.is_none() {
            self.fail_case(why);
            self.quit(out);
        }
    }

    /// Waits a moment until the library is done with what has ended; not for anything that goes on.
    pub(crate) async fn settle(&self) {
        if self.ongoing == 0 {
            let client = self.client.clone();
            client.shutdown(CloseCode::GOING_AWAY, SETTLING).await;
        }
    }

    /// Leaves without waiting for anyone.
    pub(super) fn quit_now(&mut self) {
        self.quit = Some(Quit::Over);
    }

    /// Ends the session once everything has ended, or the deadline has passed.
    pub(super) fn check_quit(&mut self, out: &mut dyn Output) {
        let Some(deadline) = self.quit.as_ref().and_then(Quit::deadline) else {
            return;
        };
        if self.ongoing == 0 {
            self.tell_news(out);
            match &mut self.server {
                Some(server) if Instant::now() < deadline => server.stop(),
                _ => self.quit_now(),
            }
        } else if deadline <= Instant::now() {
            self.tell_news(out);
            let is_brief = self.ongoing > MANY;
            if is_brief {
                let count = self.ongoing;
                out.line(&format!(
                    "> {count} connections did not close in time, dropped"
                ));
            }
            for (id, connection) in self.connections.iter().enumerate() {
                if !connection.has_ended() {
                    if !is_brief {
                        out.line(&format!("> Connection {id} did not close in time, dropped"));
                    }
                    connection.handle.terminate();
                }
            }
            self.quit_now();
        }
    }
}
