//! docs/tutorial/client/8-1-subprotocols.md: a server that breaks a rule. It chooses `chat.v9`, whatever is
//! offered. `cargo run -p bowsprit --example tutorial_step8_1_server`
#![expect(clippy::print_stderr, reason = "a program for a terminal")]

use std::{
    io::{self, BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
};

use bowsprit::proto::handshake::accept_value;

/// As much of a request as is looked at, in bytes.
const MAX_HEAD: u64 = 8 << 10;

fn main() -> io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:9003")?;
    eprintln!("ws://{}", listener.local_addr()?);
    for stream in listener.incoming() {
        if let Err(error) = answer(&stream?) {
            eprintln!("{error}");
        }
    }
    Ok(())
}

/// Shakes hands by hand, and hangs up.
fn answer(mut stream: &TcpStream) -> io::Result<()> {
    let mut key = String::new();
    for line in BufReader::new(stream.take(MAX_HEAD)).lines() {
        let line = line?;
        match line.split_once(':') {
            Some((name, value)) if name.eq_ignore_ascii_case("Sec-WebSocket-Key") => {
                value.trim().clone_into(&mut key);
            }
            Some(_) => {}
            None if line.is_empty() => break,
            None => {}
        }
    }
    let accept = accept_value(&key);
    write!(
        stream,
        "HTTP/1.1 101 Switching Protocols\r\n\
         Upgrade: websocket\r\n\
         Connection: Upgrade\r\n\
         Sec-WebSocket-Accept: {accept}\r\n\
         Sec-WebSocket-Protocol: chat.v9\r\n\
         \r\n"
    )
}
