//! The conversation from the tested side, awaited and with a handler, and its peer.

use std::time::Duration;

use bowsprit::{
    AcceptError, Client, CloseCode, Closed, ConnectError, Context, Error, Handle, Handler, Message,
    MessageRef, Role, Server, State, WebSocket, http,
};
use futures_util::future::join;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream},
    sync::mpsc,
    time::timeout,
};

use super::{
    Outcome, Refused, config, conversation,
    transport::{Ends, Faulty, Io},
};

/// How the tested side uses the library.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Face {
    Awaited,
    Handler,
}

type Transport = Box<dyn Io>;

/// The conversation over `near`, which may fail, with a peer at `far`, which does not.
pub(super) async fn converse(
    role: Role,
    face: Face,
    ends: &Ends,
    near: Faulty,
    far: DuplexStream,
) -> Outcome {
    let other = match role {
        Role::Client => Role::Server,
        Role::Server => Role::Client,
    };
    let tested = async {
        let Some(io) = ends.end(role, near).await else {
            return Outcome::default();
        };
        match face {
            Face::Awaited => awaited(role, io).await,
            Face::Handler => handled(role, io).await,
        }
    };
    let peer = async {
        if let Some(io) = ends.end(other, far).await
            && let Ok(ws) = open(other, io).await
        {
            // It goes as far as the tested side lets it.
            let _ = answer(ws).await;
        }
    };
    join(tested, peer).await.0
}

async fn open(role: Role, io: Transport) -> Result<WebSocket<Transport>, Refused> {
    match role {
        Role::Client => {
            let request = Client::new().request("ws://localhost/").expect("a URI");
            let opened = request.config(config(role)).connect_on(io).await;
            opened.map_err(|error| match error {
                ConnectError::Io(_) => Refused::Transport,
                ConnectError::Handshake { .. } => Refused::End,
                ConnectError::Timeout(_) => Refused::Timeout,
                _ => Refused::Other,
            })
        }
        Role::Server => {
            let accepted = bowsprit::accept(io, config(role)).await;
            accepted.map_err(|error| refused(&error))
        }
    }
}

fn refused(error: &AcceptError) -> Refused {
    match error {
        AcceptError::Io(_) => Refused::Transport,
        AcceptError::Handshake(_) => Refused::End,
        AcceptError::Timeout(_) => Refused::Timeout,
        _ => Refused::Other,
    }
}

/// Sends every message back, one of them in fragments, until the peer closes.
async fn answer(mut ws: WebSocket<Transport>) -> Result<(), Error> {
    while let Some(message) = ws.recv().await? {
        if message.as_text() == Some("fragments") {
            ws.send_fragment("frag", false).await?;
            ws.send_fragment("ments", true).await?;
        } else {
            ws.send(message).await?;
        }
    }
    Ok(())
}

async fn awaited(role: Role, io: Transport) -> Outcome {
    let mut outcome = Outcome::default();
    let mut ws = match open(role, io).await {
        Ok(ws) => ws,
        Err(refused) => {
            outcome.refused = Some(refused);
            return outcome;
        }
    };
    outcome.opened = 1;
    let handle = ws.handle();
    let told = speak(&mut ws, &mut outcome.received).await;
    let closed = ws.close_info().cloned();
    // An end that was told once is not told again, and nothing comes behind it.
    if let (Some(closed), Err(error)) = (&closed, &told) {
        assert_eq!(closed.cause.clone().map(Error::Ended).as_ref(), Some(error));
    }
    let _ = ws.recv().await;
    assert_eq!(ws.recv().await, Ok(None));
    outcome.pongs = usize::try_from(ws.round_trips().count).expect("few");
    outcome.closed.extend(closed);
    is_closed(&handle);
    outcome
}

async fn speak(ws: &mut WebSocket<Transport>, received: &mut Vec<Message>) -> Result<(), Error> {
    let [plain, _, compressed] = conversation();
    ws.send(plain).await?;
    ws.send_fragment("frag", false).await?;
    ws.ping(b"?").await?;
    ws.send_fragment("ments", true).await?;
    ws.send(compressed).await?;
    while received.len() < 3 {
        received.extend(ws.recv().await?);
    }
    ws.close(CloseCode::NORMAL, "").await?;
    Ok(())
}

fn is_closed(handle: &Handle) {
    assert_eq!(handle.state(), State::Closed);
    assert!(handle.send("too late").is_err() && handle.close_info().is_some());
}

/// Says the same through a handler, and tells what it hears.
struct Speaker {
    tell: mpsc::UnboundedSender<Heard>,
    answers: usize,
}

enum Heard {
    Open(Handle),
    Message(Message),
    Pong,
    Closed(Closed),
}

impl Speaker {
    fn tell(&self, heard: Heard) {
        self.tell.send(heard).expect("a test");
    }
}

impl Handler for Speaker {
    fn on_open(&mut self, cx: &mut Context<'_>) {
        let [plain, _, compressed] = conversation();
        cx.send(&plain).expect("room");
        cx.send_fragment("frag", false).expect("room");
        cx.ping(b"?").expect("room");
        cx.send_fragment("ments", true).expect("room");
        cx.send(&compressed).expect("room");
        self.tell(Heard::Open(cx.handle()));
    }

    fn on_message(&mut self, cx: &mut Context<'_>, message: MessageRef<'_>) {
        self.tell(Heard::Message(message.into_message()));
        self.answers += 1;
        if self.answers == 3 {
            cx.close(CloseCode::NORMAL, "").expect("open");
        }
    }

    fn on_pong(&mut self, _: &mut Context<'_>, _: &[u8]) {
        self.tell(Heard::Pong);
    }

    fn on_close(&mut self, _: &mut Context<'_>, closed: &Closed) {
        self.tell(Heard::Closed(closed.clone()));
    }
}

async fn handled(role: Role, io: Transport) -> Outcome {
    let mut outcome = Outcome::default();
    let (tell, mut told) = mpsc::unbounded_channel();
    let speaker = Speaker { tell, answers: 0 };
    match role {
        Role::Server => {
            let server = Server::builder().config(config(role)).build();
            let served = server.serve_on(io, None, move |_| speaker).await;
            outcome.refused = served.err().map(|error| refused(&error));
        }
        Role::Client => client_with(speaker, io).await,
    }
    let mut handle = None;
    while let Some(heard) = told.recv().await {
        assert!(outcome.closed.is_empty(), "something after the end");
        match heard {
            Heard::Open(opened) => {
                handle = Some(opened);
                outcome.opened += 1;
            }
            Heard::Message(message) => outcome.received.push(message),
            Heard::Pong => outcome.pongs += 1,
            Heard::Closed(closed) => outcome.closed.push(closed),
        }
    }
    handle.iter().for_each(is_closed);
    outcome
}

/// A client with a handler dials by itself; over a transport of the caller's own somebody else has to
/// shake hands: this does, and is not what is tested.
async fn client_with(speaker: Speaker, mut io: Transport) {
    let request = Client::new().request("ws://localhost/").expect("a URI");
    let request = request.config(config(Role::Client)).into_http();
    let (request, upgrading) = request.expect("a request");
    let mut head = String::from("GET / HTTP/1.1\r\n");
    for (name, value) in request.headers() {
        head += &format!("{name}: {}\r\n", value.to_str().expect("text"));
    }
    head += "\r\n";
    let shaking = async {
        io.write_all(head.as_bytes()).await.ok()?;
        io.flush().await.ok()?;
        let mut answer = Vec::new();
        while !answer.ends_with(b"\r\n\r\n") {
            answer.push(io.read_u8().await.ok()?);
        }
        Some(answer)
    };
    let Ok(Some(answer)) = timeout(Duration::from_secs(10), shaking).await else {
        return;
    };
    let answer = String::from_utf8(answer).expect("a head of text");
    let mut response = http::Response::builder().status(101);
    for line in answer.lines().skip(1).filter(|line| !line.is_empty()) {
        let (name, value) = line.split_once(": ").expect("a header");
        response = response.header(name, value);
    }
    let upgrade = upgrading.check(&response.body(()).expect("a response"));
    let upgrade = upgrade.expect("an upgrade");
    upgrade.serve_over(io, move |_| speaker).await;
}
