//! The client and its conversation, on the library's face with handlers.

use std::{collections::VecDeque, vec};

use bowsprit::{
    Client, CloseCode, Closed, ConnectError, Context, Handle, Handler, Message, MessageRef, Role,
    SendError, Tls, proto::Uri,
};
use rand::Rng;
use tokio::sync::oneshot;

use crate::{
    Failure, Options,
    report::{Counts, Report},
};

const FRAGMENTS: [&str; 3] = ["in ", "three ", "pieces"];
const PING: &[u8] = b"are you there";

/// Talks to the server and prints the report.
pub(crate) async fn run(options: &Options) -> Result<(), Failure> {
    let mut tls = Tls::client();
    if let Some(authority) = &options.authority {
        tls = tls.add_ca_file(authority)?;
    }
    let client = Client::builder()
        .config(options.config(Role::Client))
        .tls(tls)
        .build();
    let mut request = client.request(&options.uri)?;
    for name in &options.subprotocols {
        request = request.subprotocol(name)?;
    }
    let uri = Uri::parse(&options.uri)?;
    let steps = if uri.target().starts_with("/close") {
        vec![Step::BeClosed]
    } else {
        conversation()
    };
    let (outcome, ended) = oneshot::channel();
    request.handler(Conversation::new(steps, outcome)).start();
    ended.await??.print();
    Ok(())
}

/// What is said before the server has its turn.
enum Step {
    /// The server sends them all back.
    Say(Vec<Message>),
    SayInFragments,
    Ping,
    Close,
    BeClosed,
}

fn conversation() -> Vec<Step> {
    let mut random = vec![0; 1 << 20];
    rand::rng().fill_bytes(&mut random);
    let messages: [Message; 8] = [
        "".into(),
        "hello".into(),
        "Grüße, Привет, γειά, 你好, नमस्ते, مرحبا 👋🏽🚢".into(),
        Message::binary(vec![]),
        (0..=u8::MAX).collect::<Vec<_>>().into(),
        (0..=250).cycle().take(70_000).collect::<Vec<_>>().into(),
        "abcdefghijklmnopqrstuvwxyz 01234".repeat(32_768).into(),
        random.into(),
    ];
    let burst = (0..200).map(|number| {
        let value = number * number;
        format!(r#"{{"id":{number},"kind":"reading","pier":"north","value":{value}}}"#).into()
    });
    let mut steps: Vec<_> = messages.map(|message| Step::Say(vec![message])).into();
    steps.extend([
        Step::SayInFragments,
        Step::Say(burst.collect()),
        Step::Ping,
        Step::Close,
    ]);
    steps
}

struct Conversation {
    steps: vec::IntoIter<Step>,
    /// What the server has yet to send back.
    expected: VecDeque<Message>,
    counts: Counts,
    report: Report,
    fault: Option<String>,
    outcome: Option<oneshot::Sender<Result<Report, String>>>,
}

impl Conversation {
    fn new(steps: Vec<Step>, outcome: oneshot::Sender<Result<Report, String>>) -> Self {
        Self {
            steps: steps.into_iter(),
            expected: VecDeque::new(),
            counts: Counts::default(),
            report: Report::default(),
            fault: None,
            outcome: Some(outcome),
        }
    }

    fn go_on(&mut self, cx: &mut Context<'_>) {
        let step = self.steps.next().unwrap_or(Step::Close);
        if let Err(error) = self.take(step, cx) {
            self.fail(cx, error.to_string());
        }
    }

    fn take(&mut self, step: Step, cx: &mut Context<'_>) -> Result<(), SendError> {
        match step {
            Step::Say(messages) => {
                for message in messages {
                    cx.send(&message)?;
                    self.expected.push_back(message);
                }
            }
            Step::SayInFragments => {
                for (index, fragment) in FRAGMENTS.into_iter().enumerate() {
                    cx.send_fragment(fragment, index + 1 == FRAGMENTS.len())?;
                    cx.ping(fragment.as_bytes())?;
                }
                self.expected.push_back(FRAGMENTS.concat().into());
            }
            Step::Ping => cx.ping(PING)?,
            Step::Close => {
                // Refused only where the server closes at this very moment, which its report shows.
                let _ = cx.close(CloseCode(4002), "done");
            }
            Step::BeClosed => cx.send("4001 fair winds ⚓")?,
        }
        Ok(())
    }

    fn fail(&mut self, cx: &mut Context<'_>, fault: String) {
        self.fault.get_or_insert(fault);
        let _ = cx.close(CloseCode::POLICY_VIOLATION, "");
    }

    fn end(&mut self, result: Result<Report, String>) {
        if let Some(outcome) = self.outcome.take() {
            let _ = outcome.send(result);
        }
    }
}

impl Handler for Conversation {
    fn on_open(&mut self, cx: &mut Context<'_>) {
        self.report = Report::default().opening(cx.info());
        self.go_on(cx);
    }

    fn on_fail(&mut self, _handle: &Handle, error: &ConnectError) {
        self.end(Err(error.to_string()));
    }

    fn on_message(&mut self, cx: &mut Context<'_>, message: MessageRef<'_>) {
        let expected = self.expected.pop_front();
        if expected.is_none_or(|expected| MessageRef::from(&expected) != message) {
            let len = message.as_bytes().len();
            return self.fail(cx, format!("{len} bytes came back that were not sent"));
        }
        self.counts.add(message.as_bytes());
        if self.expected.is_empty() {
            self.go_on(cx);
        }
    }

    fn on_pong(&mut self, cx: &mut Context<'_>, payload: &[u8]) {
        if payload == PING {
            self.go_on(cx);
        }
    }

    fn on_close(&mut self, _cx: &mut Context<'_>, closed: &Closed) {
        let result = match self.fault.take() {
            Some(fault) => Err(fault),
            None => Ok(std::mem::take(&mut self.report).closing(&self.counts, closed)),
        };
        self.end(result);
    }
}
