//! Any text as `Sec-WebSocket-Extensions`, from a client and from a server: what is agreed to was offered, and both
//! ends understand each other then.

use bowsprit_proto::{
    Connection, Role,
    handshake::{Agreed, HandshakeError, accept_value},
};

use super::input::Input;
use crate::{
    deflate_support::{client, serve, settings},
    support::{Seen, feed, open_with, peer_of, sent},
};

pub(super) fn run(data: &[u8]) {
    let mut input = Input::new(data);
    let flags = input.byte();
    let deflate = settings(flags % 2 == 1, 9 + (flags >> 1) % 7, 1);
    let lines: Vec<String> = String::from_utf8_lossy(input.rest())
        .split('\n')
        .map(|line| line.chars().filter(|c| (' '..='~').contains(c)).collect())
        .collect();
    let values = || {
        lines
            .iter()
            .map(|value| format!("Sec-WebSocket-Extensions: {value}\r\n"))
    };

    let request = format!(
        "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: {KEY}\r\nSec-WebSocket-Version: 13\r\n{}\r\n",
        String::from_iter(values())
    );
    if let Ok((agreed, _)) = serve(Some(deflate), request.as_bytes()) {
        check(&agreed, Role::Server);
    }
    let answer = format!(
        "HTTP/1.1 101 Yes\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {}\r\n{}\r\n",
        accept_value(KEY),
        String::from_iter(values())
    );
    match client(Some(deflate)).receive(&mut answer.as_bytes()) {
        Ok(agreed) => check(&agreed.expect("a whole head"), Role::Client),
        Err(error) => assert!(!matches!(error, HandshakeError::Eof { .. }), "{error}"),
    }
}

/// Of the nonce that `client` takes.
const KEY: &str = "BwcHBwcHBwcHBwcHBwcHBw==";

/// Two ends that agreed on it hear each other twice.
fn check(agreed: &Agreed, role: Role) {
    if let Some(params) = &agreed.deflate {
        for bits in [params.server_max_window_bits, params.client_max_window_bits] {
            assert!((8..=15).contains(&bits));
        }
    }
    let make = |role| -> Connection { open_with(role, |_| {}).with_agreed(agreed) };
    let (mut one, mut other) = (make(role), make(peer_of(role)));
    for text in ["ahoy ".repeat(50), "ahoy ".repeat(60)] {
        one.send(&*text).expect("an open connection");
        assert_eq!(feed(&mut other, &sent(&mut one)), [Seen::Text(text)]);
    }
}
