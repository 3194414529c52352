//! Page 2 of docs/tutorial/core: a client and a server without a network, and what goes wrong between them.
//!
//! `cargo run -p bowsprit-proto --example tutorial_core_pair`
#![expect(clippy::print_stdout, reason = "a program for a terminal")]

use std::{error::Error, sync::Arc, time::Duration};

use bowsprit_proto::{
    Config, Connection, SendError, State, Timestamp, Uri,
    handshake::{Accept, ClientHandshake, Request, Response, ServerHandshake},
};

fn main() -> Result<(), Box<dyn Error>> {
    println!("# A path that the server does not have");
    if let Err(error) = shake_hands("ws://in.memory/nowhere") {
        println!("the client: {error}");
    }
    println!("# A greeting in the same read as the answer");
    let (mut client, mut server) = shake_hands("ws://in.memory/chat")?;
    println!("# A message that comes in three reads");
    read_in_three(&mut client, &mut server)?;
    println!("# An answer that nobody writes");
    forget_to_write(&mut client, &mut server);
    println!("# A frame that breaks a rule");
    break_a_rule();
    Ok(())
}

/// The opening handshake of both roles, whose bytes are handed over by hand.
fn shake_hands(uri: &str) -> Result<(Connection, Connection), Box<dyn Error>> {
    let (asks, serves) = (Arc::new(Config::client()), Arc::new(Config::server()));
    let request = Request::new(Uri::parse(uri)?);
    let mut client = ClientHandshake::new(&request, rand::random(), &asks);
    let mut server = ServerHandshake::new(&serves);
    if !server.receive(&mut client.request_bytes())? {
        return Err("the request is not complete".into());
    }
    let mut answer = Vec::new();
    let server = if server.request().map(|head| head.target()) == Some("/chat") {
        let agreed = server.accept(&Accept::default(), &mut answer)?;
        let mut server = Connection::server(serves).with_agreed(&agreed);
        server.send("welcome")?;
        answer.extend(written_by(&mut server));
        Some(server)
    } else {
        Response::plain(404)?.encode(&mut answer);
        None
    };

    let mut input = &answer[..];
    let agreed = client.receive(&mut input)?.ok_or("more is needed")?;
    println!("{} bytes stand behind the head", input.len());
    let mut behind = input.to_vec();
    let mut client = Connection::client(asks, rand::random).with_agreed(&agreed);
    give(&mut client, &mut behind);
    Ok((client, server.ok_or("refused")?))
}

/// All that a connection wants on the wire, taken off its queue.
fn written_by(connection: &mut Connection) -> Vec<u8> {
    let wire: Vec<u8> = connection.transmit().flatten().copied().collect();
    connection.transmitted(wire.len());
    wire
}

/// Gives a connection bytes, and tells what was in them.
fn give(connection: &mut Connection, mut input: &mut [u8]) {
    while let Some(event) = connection.receive(&mut input) {
        println!("the {:?}: {event:?}", connection.role());
    }
}

fn read_in_three(client: &mut Connection, server: &mut Connection) -> Result<(), SendError> {
    client.send("hello")?;
    let mut wire = written_by(client);
    let (first, rest) = wire.split_at_mut(1);
    let (second, third) = rest.split_at_mut(7);
    for read in [first, second, third] {
        println!("a read of {} bytes", read.len());
        give(server, read);
    }
    Ok(())
}

/// The server pings, the client answers into its queue, and there the answer stays.
fn forget_to_write(client: &mut Connection, server: &mut Connection) {
    let mut now = Timestamp(Duration::ZERO);
    while server.state() != State::Ended {
        let Some(next) = server.poll_timeout(now) else {
            break;
        };
        now = next;
        server.handle_timeout(now);
        let mut wire = written_by(server);
        if !wire.is_empty() {
            println!("after {:?}", now.0);
            give(client, &mut wire);
            println!("{} bytes wait in the client", client.queued_bytes());
        }
    }
    if let Some(closed) = server.closed() {
        println!("after {:?} the server: {closed}", now.0);
    }
}

/// The server is sent what no client may send, and says so.
fn break_a_rule() {
    let mut client = Connection::client(Arc::new(Config::client()), rand::random);
    let mut server = Connection::server(Arc::new(Config::server()));
    // RFC 6455 §5.1: what a client sends is masked. This is not.
    give(&mut server, &mut [0x81, 0x02, b'h', b'i']);
    let mut answer = written_by(&mut server);
    println!("the Server writes {answer:02x?}");
    give(&mut client, &mut answer);
}
