//! The program of docs/guides/connections/testing-handlers.md: two handlers, and their tests.

use std::{future::ready, io::ErrorKind, time::Duration};

use bowsprit::{
    Accept, Cause, Client, CloseCode, Closed, Config, Context, Handler, HttpRequest, Message,
    MessageRef, Response, Server, ServerBuilder, WebSocket, accept, connect,
    proto::handshake::ServerHandshake,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex},
    sync::mpsc,
    time::Instant,
};

/// A server's handler: adds up the numbers that come.
#[derive(Default)]
struct Sum(i64);

impl Handler for Sum {
    fn on_message(&mut self, cx: &mut Context<'_>, message: MessageRef<'_>) {
        let number = message.as_text().and_then(|text| text.parse::<i64>().ok());
        match number.and_then(|number| self.0.checked_add(number)) {
            Some(sum) => {
                self.0 = sum;
                // Refused where the client does not read, which then misses a sum in between.
                let _ = cx.send(sum.to_string().as_str());
            }
            None => {
                let _ = cx.close(CloseCode::UNSUPPORTED_DATA, "numbers only");
            }
        }
    }
}

/// The settings of the program, in one place for its `main` and for the tests.
fn settings() -> ServerBuilder {
    let mut config = Config::server();
    config.timeouts.idle = Some(Duration::from_secs(30));
    Server::builder().config(config).validate(decide)
}

async fn decide(request: HttpRequest) -> Result<Accept, Response> {
    match request.path() {
        "/sum" => Ok(Accept::default()),
        _ => Err(Response::plain(404)?),
    }
}

/// A client's handler: passes on what happens.
struct Reporter(mpsc::UnboundedSender<Report>);

#[derive(Debug, PartialEq)]
enum Report {
    Message(Message),
    Closed(Closed),
}

impl Handler for Reporter {
    fn on_message(&mut self, _: &mut Context<'_>, message: MessageRef<'_>) {
        let _ = self.0.send(Report::Message(message.into_message()));
    }

    fn on_close(&mut self, _: &mut Context<'_>, closed: &Closed) {
        let _ = self.0.send(Report::Closed(closed.clone()));
    }
}

/// A client whose server runs with the handler under test, at the other end of a pipe in memory.
async fn client_of_sum() -> WebSocket<DuplexStream> {
    let (near, far) = duplex(64 * 1024);
    let server = settings().build();
    tokio::spawn(async move { server.serve_on(far, None, |_| Sum::default()).await });
    let request = Client::new().request("ws://in.memory/sum").expect("a URI");
    request.connect_on(near).await.expect("an open connection")
}

#[tokio::test]
async fn adds_up() {
    let mut client = client_of_sum().await;
    for (number, sum) in [("2", "2"), ("40", "42"), ("-1", "41")] {
        client.send(number).await.expect("sent");
        assert_eq!(client.recv().await, Ok(Some(Message::from(sum))));
    }
}

#[tokio::test]
async fn closes_on_what_is_no_number() {
    for message in [
        Message::from("two"),
        Message::from(vec![2]),
        Message::from(""),
    ] {
        let mut client = client_of_sum().await;
        client.send(message).await.expect("sent");
        assert_eq!(client.recv().await, Ok(None));
        let closed = client.close_info().expect("it has ended");
        assert_eq!(closed.remote_code(), CloseCode::UNSUPPORTED_DATA);
        assert_eq!(closed.remote_reason(), "numbers only");
    }
}

#[tokio::test(start_paused = true)]
async fn closes_when_nothing_is_said() {
    let mut client = client_of_sum().await;
    let start = Instant::now();
    assert_eq!(client.recv().await, Ok(None));
    let closed = client.close_info().expect("it has ended");
    assert_eq!(closed.remote_code(), CloseCode::GOING_AWAY);
    assert!(start.elapsed() >= Duration::from_secs(30));
}

#[tokio::test]
async fn has_one_path() {
    let server = settings().bind("127.0.0.1:0").await.expect("a port");
    let uri = format!("ws://{}/product", server.local_addr().expect("an address"));
    let running = server.clone();
    let serving = tokio::spawn(async move { running.serve_handlers(|_| Sum::default()).await });

    let error = connect(&uri).await.expect_err("a refusal");
    assert_eq!(error.response().map(|head| head.status()), Some(404));

    let dropped = server
        .shutdown(CloseCode::GOING_AWAY, Duration::from_secs(5))
        .await;
    assert_eq!(dropped, 0);
    serving.await.expect("no panic").expect("a normal end");
}

/// The other end of a client that runs with the handler under test, and what that one reports.
fn server_of_reporter() -> (DuplexStream, mpsc::UnboundedReceiver<Report>) {
    let (near, far) = duplex(64 * 1024);
    let (tell, told) = mpsc::unbounded_channel();
    let mut near = Some(near);
    let dial = move || ready(near.take().ok_or_else(|| ErrorKind::NotConnected.into()));
    let request = Client::new().request("ws://in.memory/").expect("a URI");
    request.handler(Reporter(tell)).start_on(dial);
    (far, told)
}

#[tokio::test]
async fn reports_messages_and_the_end() {
    let (far, mut told) = server_of_reporter();
    let mut server = accept(far, Config::server()).await.expect("open");
    server.send("ahoy").await.expect("sent");
    let ahoy = Report::Message(Message::from("ahoy"));
    assert_eq!(told.recv().await, Some(ahoy));

    // As a process that is killed does it: no close frame.
    drop(server);
    let Some(Report::Closed(closed)) = told.recv().await else {
        panic!("this was the end");
    };
    assert_eq!(closed.cause, Some(Cause::Eof));
    assert_eq!(told.recv().await, None);
}

#[tokio::test(start_paused = true)]
async fn reports_a_server_that_breaks_a_rule() {
    let (mut far, mut told) = server_of_reporter();
    shake_hands_by_hand(&mut far).await;
    // A text message of one byte, which is not UTF-8.
    far.write_all(&[0x81, 0x01, 0xff]).await.expect("sent");
    let Some(Report::Closed(closed)) = told.recv().await else {
        panic!("there was no message");
    };
    assert_eq!(closed.local_code(), CloseCode::INVALID_PAYLOAD);
}

/// The server's side of the opening handshake. What follows may be any bytes.
async fn shake_hands_by_hand(io: &mut DuplexStream) {
    let mut handshake = ServerHandshake::new(&Config::server());
    let mut byte = [0];
    loop {
        io.read_exact(&mut byte).await.expect("a head");
        if handshake.receive(&mut &byte[..]).expect("a request") {
            break;
        }
    }
    let mut answer = Vec::new();
    let accepted = handshake.accept(&Accept::default(), &mut answer);
    accepted.expect("a request without subprotocols");
    io.write_all(&answer).await.expect("sent");
}
