//! `bowsprit check`: an opening handshake, a ping and a closing handshake, and what each of them told.

use std::time::{Duration, Instant};

use bowsprit::{ConnectRequest, ConnectionInfo, DeflateParams};

use super::link::Link;
use super::stages::{Checked, Facts, Fault, Recorder, Stage};
use super::{CheckArgs, advice, report, shown};
use crate::events::{Ended, HttpAnswer, seconds};
use crate::network::Change;
use crate::options::Plan;
use crate::printer::{self, text};
use crate::signals::Signals;
use crate::status::Status;

/// The payload of the ping.
const PING: &[u8] = b"bowsprit check";

/// How long the pong is waited for, and the end of the closing handshake.
const PATIENCE: Duration = Duration::from_secs(5);

/// Runs a check and returns its exit status.
pub(super) async fn run(
    args: &CheckArgs,
    uri: &str,
    plan: &Plan,
    request: ConnectRequest,
    mut signals: Signals,
) -> u8 {
    let begun = Instant::now();
    let (recorder, request) = Recorder::of(request, args.show_secrets);
    let mut check = Check {
        link: Link::start(request, plan),
        recorder,
        checked: Checked::new(uri),
    };
    let interrupted = tokio::select! {
        () = check.all() => None,
        signal = signals.recv() => Some(signal.status()),
    };
    let mut checked = check.checked;
    checked.seconds = seconds(begun.elapsed());
    if let Some(status) = interrupted {
        checked.exit_status = status;
        checked.stages.extend(check.recorder.stages(None));
        checked.fail("none", "interrupted".to_owned(), None);
    }
    checked.ok = checked.failure.is_none();
    if checked.ok {
        checked.warnings = advice::warnings(uri, &checked.stages);
    }
    if args.strict && checked.ok && !checked.warnings.is_empty() {
        checked.ok = false;
        checked.exit_status = Status::Refused as u8;
    }
    tell(args, &checked, uri)
}

fn tell(args: &CheckArgs, checked: &Checked, uri: &str) -> u8 {
    if args.display.json {
        if let Err(status) = report::as_json(checked) {
            return status;
        }
    } else if !args.display.quiet
        && let Err(status) = report::for_people(checked)
    {
        return status;
    }
    let is_heard = args.display.json || !args.display.quiet;
    match &checked.failure {
        Some(fault) if !is_heard => {
            printer::warn(&format!("{}: {}", shown(uri), fault.line));
        }
        None if !checked.ok && !is_heard => {
            for warning in &checked.warnings {
                let warning = text::escape(&warning.text);
                printer::warn(&format!("{}: {warning}", shown(uri)));
            }
        }
        _ => {}
    }
    checked.exit_status
}

/// A check under way.
struct Check {
    link: Link,
    recorder: Recorder,
    checked: Checked,
}

impl Check {
    async fn all(&mut self) {
        if self.open().await && self.ping().await {
            self.close().await;
        }
    }

    async fn open(&mut self) -> bool {
        let change = self.link.next().await;
        match change {
            Some(Change::Opened { info, at }) => {
                self.checked.stages = self.recorder.stages(None);
                let accept = self.checked.accept_value();
                let facts = Facts::websocket(&info, accept);
                self.checked.add(facts, at.elapsed());
                true
            }
            Some(Change::Failed(failure)) => {
                self.checked.stages = self.recorder.stages(Some(failure.stage));
                let line = failure.line();
                let body = failure.answer.and_then(|answer| answer.body);
                self.checked.add_body(body);
                self.checked.exit_status = failure.status.unwrap_or(Status::Refused) as u8;
                self.checked
                    .fail(failure.stage, failure.detail, failure.remedy);
                if let Some(fault) = &mut self.checked.failure {
                    fault.line = line;
                }
                false
            }
            // A check is made once, whatever `--reconnect` says.
            Some(Change::Retried(retried)) => {
                self.checked.stages = self.recorder.stages(None);
                self.checked.exit_status = Status::NotConnected as u8;
                let error = retried.failure.unwrap_or_default();
                self.checked
                    .fail("none", error, Some("check without --reconnect".to_owned()));
                false
            }
            _ => false,
        }
    }

    async fn ping(&mut self) -> bool {
        let begun = Instant::now();
        // A refusal means that the end is on its way.
        let _ = self.link.handle().ping(PING);
        let pong = tokio::time::timeout(PATIENCE, self.pong()).await;
        let answered = matches!(pong, Ok(true));
        self.checked.add(Facts::Ping { answered }, begun.elapsed());
        if pong.is_err() {
            self.checked.exit_status = Status::Refused as u8;
            self.checked.fail(
                "ping",
                format!("no pong within {} s", PATIENCE.as_secs()),
                Some(
                    "the server breaks RFC 6455 §5.5.2, or something between keeps pings to itself"
                        .to_owned(),
                ),
            );
        }
        answered
    }

    /// Waits for the pong; false where the connection ended before.
    async fn pong(&mut self) -> bool {
        loop {
            match self.link.next().await {
                Some(Change::Pong { payload, .. }) if payload == PING => return true,
                Some(Change::Ended(closed, status)) => {
                    let status = status.unwrap_or(Status::Closed);
                    self.checked.exit_status = status as u8;
                    let ended = Ended::new(&closed, None);
                    let error = format!(
                        "server ended the connection at once: closed {}",
                        ended.sentence()
                    );
                    let remedy = "its code and reason say why; an --origin, --subprotocol or login may be wanted";
                    self.checked.fail("ping", error, Some(remedy.to_owned()));
                    return false;
                }
                None => return false,
                Some(_) => {}
            }
        }
    }

    async fn close(&mut self) {
        let begun = Instant::now();
        let closing = async {
            self.link.close();
            loop {
                match self.link.next().await {
                    Some(Change::Ended(closed, _)) => return Some(closed),
                    None => return None,
                    Some(_) => {}
                }
            }
        };
        let closed = tokio::time::timeout(PATIENCE, closing).await;
        let closed = closed.ok().flatten().unwrap_or_default();
        let facts = Facts::Close {
            code: closed.remote_code().0,
            reason: closed.remote_reason().to_owned(),
            clean: closed.is_clean(),
        };
        self.checked.add(facts, begun.elapsed());
    }
}

impl Checked {
    fn add(&mut self, facts: Facts, took: Duration) {
        let seconds = seconds(took);
        self.stages.push(Stage { facts, seconds });
    }

    fn fail(&mut self, stage: &str, error: String, remedy: Option<String>) {
        self.failure = Some(Fault {
            line: text::escape(&error).into_owned(),
            stage: stage.to_owned(),
            error,
            remedy,
        });
    }

    /// Adds the body of a refusal to its answer.
    fn add_body(&mut self, of_refusal: Option<String>) {
        if let Some(Stage {
            facts:
                Facts::Http {
                    response: Some(HttpAnswer { body, .. }),
                    ..
                },
            ..
        }) = self.stages.last_mut()
        {
            *body = of_refusal;
        }
    }

    /// What the server answered the key with.
    fn accept_value(&self) -> Option<String> {
        let answers = self
            .stages
            .iter()
            .rev()
            .find_map(|stage| match &stage.facts {
                Facts::Http { response, .. } => response.as_ref(),
                _ => None,
            });
        answers?.header("sec-websocket-accept").map(str::to_owned)
    }
}

impl Facts {
    fn websocket(info: &ConnectionInfo, accept: Option<String>) -> Self {
        let deflate = info.deflate();
        Self::Websocket {
            accept,
            subprotocol: info.subprotocol().map(str::to_owned),
            compression: deflate.map(|params| params.to_string()),
            explained: deflate.map_or_else(Vec::new, |params| explain(&params)),
        }
    }
}

/// What the parameters of permessage-deflate mean (RFC 7692 §7.1).
fn explain(params: &DeflateParams) -> Vec<String> {
    let side = |name: &str, is_alone: bool, bits: u8| {
        let window = 1_u32.checked_shl(bits.into()).unwrap_or_default();
        if is_alone {
            format!("{name} compresses each message on its own, within {window} bytes")
        } else {
            format!("{name} refers back to earlier messages, up to {window} bytes")
        }
    };
    vec![
        side(
            "server",
            params.server_no_context_takeover,
            params.server_max_window_bits,
        ),
        side(
            "client",
            params.client_no_context_takeover,
            params.client_max_window_bits,
        ),
    ]
}
