//! What a check finds, stage by stage: one value that is printed for people and for programs.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bowsprit::proto::handshake::masked_line;
use bowsprit::{ConnectRequest, Role, Step};
use serde::Serialize;

use crate::events::{FORMAT, HttpAnswer, TlsFacts, masked_uri, seconds};

/// All that a check came to.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Checked {
    pub(super) format: u32,
    pub(super) uri: String,
    pub(super) ok: bool,
    pub(super) exit_status: u8,
    /// All of it, from the first look at the name to the end.
    pub(super) seconds: f64,
    pub(super) stages: Vec<Stage>,
    pub(super) warnings: Vec<Warning>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) failure: Option<Fault>,
}

/// A stage, done or tried.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Stage {
    #[serde(flatten)]
    pub(super) facts: Facts,
    pub(super) seconds: f64,
}

/// What a stage found out.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "stage", rename_all = "snake_case")]
pub(super) enum Facts {
    Dns {
        #[serde(skip_serializing_if = "Option::is_none")]
        host: Option<String>,
        addresses: Vec<String>,
    },
    Connect {
        /// Who took the connection.
        #[serde(skip_serializing_if = "Option::is_none")]
        address: Option<String>,
        tried: Vec<Tried>,
        /// A Unix socket has no address that could say so.
        #[serde(skip)]
        is_made: bool,
    },
    Proxy {
        #[serde(skip_serializing_if = "Option::is_none")]
        proxy: Option<String>,
    },
    Tls {
        #[serde(skip_serializing_if = "Option::is_none")]
        settled: Option<TlsFacts>,
    },
    Http {
        /// The lines of the head as they were sent.
        request: Vec<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        response: Option<HttpAnswer>,
    },
    Redirect {
        to: String,
    },
    Websocket {
        #[serde(skip_serializing_if = "Option::is_none")]
        accept: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        subprotocol: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        compression: Option<String>,
        /// What its parameters mean.
        explained: Vec<String>,
    },
    Ping {
        answered: bool,
    },
    Close {
        code: u16,
        reason: String,
        clean: bool,
    },
}

/// An address that was tried.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Tried {
    pub(super) address: String,
    /// Why it did not take the connection; without one it was just not the first to answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) error: Option<String>,
}

/// What works, and may not do so for long, or is not as it should be.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Warning {
    /// One word for programs.
    pub(super) kind: &'static str,
    pub(super) text: String,
}

/// Where it ended, why, and what to try.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Fault {
    pub(super) stage: String,
    pub(super) error: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) remedy: Option<String>,
    /// All of it in one line, escaped.
    #[serde(skip)]
    pub(super) line: String,
}

impl Checked {
    pub(super) fn new(uri: &str) -> Self {
        Self {
            format: FORMAT,
            uri: masked_uri(uri).into_owned(),
            ok: false,
            exit_status: 0,
            seconds: 0.0,
            stages: Vec::new(),
            warnings: Vec::new(),
            failure: None,
        }
    }
}

/// Writes down the steps of an opening as stages.
#[derive(Clone, Debug)]
pub(super) struct Recorder(Arc<Mutex<Record>>);

#[derive(Debug)]
struct Record {
    stages: Vec<Stage>,
    /// When the stage began that is under way.
    since: Instant,
    tried: Vec<Tried>,
    request: Vec<String>,
    shows_secrets: bool,
}

impl Recorder {
    /// The request, which will be written down.
    pub(super) fn of(request: ConnectRequest, shows_secrets: bool) -> (Self, ConnectRequest) {
        let record = Record {
            stages: Vec::new(),
            since: Instant::now(),
            tried: Vec::new(),
            request: Vec::new(),
            shows_secrets,
        };
        let recorder = Self(Arc::new(Mutex::new(record)));
        let told = recorder.clone();
        (
            recorder,
            request.on_step(move |step| told.with(|record| record.step(step))),
        )
    }

    /// The stages of an opening that is over; `failed` names the one that is not done.
    pub(super) fn stages(&self, failed: Option<&str>) -> Vec<Stage> {
        self.with(|record| {
            if let Some(failed) = failed {
                record.fail(failed);
            }
            std::mem::take(&mut record.stages)
        })
    }

    fn with<T>(&self, work: impl FnOnce(&mut Record) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Record {
    fn step(&mut self, step: &Step<'_>) {
        match step {
            Step::Resolved { host, addresses } => {
                let host = Some((*host).to_owned());
                let addresses = addresses.iter().map(|address| address.ip().to_string());
                let addresses = addresses.collect();
                self.done(Facts::Dns { host, addresses });
            }
            Step::Dialing(address) => self.tried.push(Tried {
                address: address.to_string(),
                error: None,
            }),
            Step::Refused(address, error) => {
                let address = address.to_string();
                let mut tried = self.tried.iter_mut();
                if let Some(tried) = tried.find(|tried| tried.address == address) {
                    tried.error = Some(crate::printer::text::fault(error));
                }
            }
            Step::Connected(address) => {
                let address = address.map(|address| address.to_string());
                let tried = std::mem::take(&mut self.tried);
                self.done(Facts::Connect {
                    address,
                    tried,
                    is_made: true,
                });
            }
            Step::Tunneled(proxy) => {
                let proxy = Some((*proxy).to_owned());
                self.done(Facts::Proxy { proxy });
            }
            Step::Encrypted(tls) => {
                let settled = Some(TlsFacts::new(tls));
                self.done(Facts::Tls { settled });
            }
            Step::Requested(head) => {
                let lines = head.lines().filter(|line| !line.is_empty());
                let shown = |line: &str| match self.shows_secrets {
                    true => line.to_owned(),
                    false => masked_line(Role::Client, line).into_owned(),
                };
                self.request = lines.map(shown).collect();
            }
            Step::Answered(head) => {
                let request = std::mem::take(&mut self.request);
                let response = Some(match self.shows_secrets {
                    true => HttpAnswer::whole(head),
                    false => HttpAnswer::new(head, &[]),
                });
                self.done(Facts::Http { request, response });
            }
            Step::Redirected(to) => {
                let to = masked_uri(to).into_owned();
                self.done(Facts::Redirect { to });
            }
            _ => {}
        }
    }

    fn done(&mut self, facts: Facts) {
        let seconds = seconds(self.lap());
        self.stages.push(Stage { facts, seconds });
    }

    fn lap(&mut self) -> Duration {
        let now = Instant::now();
        now.saturating_duration_since(std::mem::replace(&mut self.since, now))
    }

    /// Adds what is known of the stage that failed, where no step told of its end.
    fn fail(&mut self, stage: &str) {
        let facts = match stage {
            "dns" => Facts::Dns {
                host: None,
                addresses: Vec::new(),
            },
            "connect" => Facts::Connect {
                address: None,
                tried: std::mem::take(&mut self.tried),
                is_made: false,
            },
            "proxy" => Facts::Proxy { proxy: None },
            "tls" => Facts::Tls { settled: None },
            "http" if !self.request.is_empty() => Facts::Http {
                request: std::mem::take(&mut self.request),
                response: None,
            },
            _ => return,
        };
        self.done(facts);
    }
}
