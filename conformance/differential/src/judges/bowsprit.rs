//! Bowsprit's core, which also must keep what its documentation promises whatever it is given.

use std::sync::{Arc, OnceLock};

use bowsprit_proto::{
    CloseCode, Config, Connection, Deflate, Event, MessageRef, ProtocolError, Role, Uri,
    frame::{FrameHeader, Opcode, apply_mask},
    handshake::{Accept, Agreed, ClientHandshake, Request, ServerHandshake},
};

use crate::{
    case::{Agreement, Case},
    verdict::{End, Said, Verdict},
};

/// The verdict, and the rule that was broken.
pub fn judge(case: &Case) -> (Verdict, Option<ProtocolError>) {
    let mut connection = connect(case);
    let mut verdict = Verdict {
        said: Vec::new(),
        end: End::Waiting,
        sent: Vec::new(),
    };
    let mut fault = None;
    let mut wire = Vec::new();
    for (at, read) in case.reads().enumerate() {
        if case.closes_before == Some(at) {
            // Refused where the peer was first, as it should be.
            let _ = connection.close(CloseCode::NORMAL, "");
        }
        let mut read = read.to_vec();
        let mut input = &mut read[..];
        while let Some(event) = connection.receive(&mut input) {
            match event {
                Event::Message(message) => verdict.said.push(message_said(&message)),
                Event::Ping(payload) => verdict.said.push(Said::Ping(payload.into_owned())),
                Event::Pong(payload) => verdict.said.push(Said::Pong(payload.into_owned())),
                Event::Close(frame) => {
                    let reason = frame.reason.as_bytes().to_vec();
                    verdict.said.push(Said::Close(frame.code.0, reason));
                    verdict.end = End::Closed;
                }
                Event::Failed(error) => {
                    fault = Some(error);
                    verdict.end = End::Failed(error.close_code().0);
                }
                other => panic!("an event that was not asked for: {other:?}"),
            }
        }
        assert!(input.is_empty(), "all of a read is used up");
        let len = connection
            .transmit()
            .map(|piece| wire.extend_from_slice(piece))
            .count();
        assert!(len > 0 || !connection.wants_write());
        connection.transmitted(connection.queued_bytes());
    }
    verdict.sent = sent(&wire, case.role);
    check_closes(case, &mut verdict);
    (verdict, fault)
}

/// At most one close frame leaves, as the last frame. Who fails says so with the code of the fault. Only an
/// answer stays in the verdict.
fn check_closes(case: &Case, verdict: &mut Verdict) {
    let closes = verdict
        .sent
        .iter()
        .filter(|(opcode, _)| *opcode == 8)
        .count();
    assert!(closes <= 1, "two close frames");
    let ours_first = case.closes_before.is_some();
    let last = verdict.sent.last().filter(|(opcode, _)| *opcode == 8);
    assert_eq!(
        closes == 1,
        last.is_some(),
        "something behind the close frame"
    );
    if let End::Failed(code) = verdict.end {
        let (_, payload) = last.expect("a close frame tells of the failure");
        assert!(
            ours_first || payload[..] == code.to_be_bytes(),
            "the wrong code"
        );
        verdict.sent.pop();
    } else if last.is_some() && ours_first {
        // Its own close or an answer, as the cuts have it.
        verdict.sent.pop();
    }
}

fn message_said(message: &MessageRef<'_>) -> Said {
    match message {
        MessageRef::Text(text) => Said::Text(text.as_bytes().to_vec()),
        MessageRef::Binary(data) => Said::Binary(data.to_vec()),
    }
}

fn sent(mut wire: &[u8], role: Role) -> Vec<(u8, Vec<u8>)> {
    let peer = match role {
        Role::Client => Role::Server,
        Role::Server => Role::Client,
    };
    let mut frames = Vec::new();
    while !wire.is_empty() {
        let decoded = FrameHeader::decode(wire, peer).expect("a frame that keeps the rules");
        let (header, len) = decoded.expect("a whole header");
        let (payload, rest) = wire[len..].split_at(header.payload_len as usize);
        let mut payload = payload.to_vec();
        if let Some(key) = header.masking_key {
            apply_mask(&mut payload, key);
        }
        assert!(matches!(header.opcode, Opcode::Pong | Opcode::Close));
        frames.push((header.opcode as u8, payload));
        wire = rest;
    }
    frames
}

fn connect(case: &Case) -> Connection {
    let mut config = Config::for_role(case.role);
    config.limits.message = case.max_message;
    config.limits.frame = case.max_frame;
    let connection = Connection::new(case.role, Arc::new(config), || [0x5A, 0xA5, 0x0F, 0xF0]);
    match case.deflate {
        Some(agreement) => connection.with_agreed(agreed(agreement)),
        None => connection,
    }
}

/// What two handshakes agree on for this: nothing else makes such a value.
fn agreed(agreement: Agreement) -> &'static Agreed {
    const BITS: std::ops::RangeInclusive<u8> = 9..=15;
    static ALL: OnceLock<Vec<(Agreement, Agreed)>> = OnceLock::new();
    let all = ALL.get_or_init(|| {
        let each = BITS.flat_map(|bits| [true, false].map(|takeover| (bits, takeover)));
        each.map(|(window_bits, takeover)| {
            let agreement = Agreement {
                takeover,
                window_bits,
            };
            (agreement, negotiate(agreement))
        })
        .collect()
    });
    let found = all.iter().find(|(key, _)| *key == agreement);
    &found.expect("made for every agreement").1
}

fn negotiate(agreement: Agreement) -> Agreed {
    let mut deflate = Deflate::dedicated();
    deflate.server_context_takeover = agreement.takeover;
    deflate.client_context_takeover = agreement.takeover;
    deflate.server_max_window_bits = agreement.window_bits;
    deflate.client_max_window_bits = agreement.window_bits;
    let mut config = Config::client();
    config.deflate = Some(deflate);
    let uri = Uri::parse("ws://localhost/").expect("a URI");
    let mut client = ClientHandshake::new(&Request::new(uri), [7; 16], &config);
    let mut server = ServerHandshake::new(&config);
    let request = server
        .receive(&mut client.request_bytes())
        .expect("a request");
    assert!(request, "a whole request");
    let mut answer = Vec::new();
    server
        .accept(&Accept::default(), &mut answer)
        .expect("an answer");
    let agreed = client
        .receive(&mut &answer[..])
        .expect("an answer that keeps the rules");
    let agreed = agreed.expect("a whole answer");
    let params = agreed.deflate.expect("compression");
    assert_eq!(params.server_max_window_bits, agreement.window_bits);
    assert_eq!(params.client_max_window_bits, agreement.window_bits);
    assert_eq!(params.server_no_context_takeover, !agreement.takeover);
    agreed
}
