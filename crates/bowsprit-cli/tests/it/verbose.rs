//! `-v`: the handshake; `-vv`: frames as well. Lines of a session, standard error of one-shot forms.

use crate::support::{Peer, run, serve};

fn uri() -> String {
    let address = serve(|mut peer: Peer| {
        peer.accept_with("Server: a\u{202e}b\r\nSet-Cookie: s3cret\r\n");
        while let Some((opcode, payload)) = peer.read() {
            match opcode {
                9 => peer.frame(0x8a, &payload),
                8 => peer.frame(0x88, &payload),
                _ => {}
            }
        }
    });
    format!("ws://{address}/x?token=s3cret")
}

const SECRETS: [&str; 6] = [
    "-u",
    "me:s3cret",
    "-b",
    "a=s3cret",
    "-H",
    "X-Api-Key: s3cret",
];

#[test]
fn prints_the_handshake_without_its_secrets() {
    let flags = [&["-v"], &SECRETS[..]].concat();
    let outcome = run(&flags, format!("connect {}\nclose 0\n", uri()));
    outcome.expect_in_order(&[
        "0 log http sent GET /x?*** HTTP/1.1",
        "0 log http sent Upgrade: websocket",
        "0 log http received HTTP/1.1 101 Switching Protocols",
        "0 log http received Server: a\\u{202e}b",
        "0 log http received Set-Cookie: ***",
    ]);
    for line in ["Authorization: ***", "Cookie: ***", "X-Api-Key: ***"] {
        let line = format!("0 log http sent {line}");
        assert!(outcome.lines().contains(&line.as_str()), "{outcome:?}");
    }
    let secrets = outcome
        .stdout
        .lines()
        .filter(|line| line.contains("s3cret"));
    assert_eq!(secrets.count(), 0, "{outcome:?}");
    // These are told by lines of their own.
    for channel in ["0 log connect ", "0 log disconnect "] {
        assert!(!outcome.stdout.contains(channel), "{outcome:?}");
    }
    assert!(!outcome.stdout.contains("frame_header"), "{outcome:?}");
    assert!(
        run(&["-vv"], format!("connect {}\nclose 0\n", uri()))
            .stdout
            .contains("0 log frame_header sent")
    );
}

#[test]
fn prints_to_standard_error_where_there_is_no_session() {
    let uri = uri();
    let flags = [
        &["ping", "-c", "1", "-vv", "-t=relative"],
        &SECRETS[..],
        &[&uri],
    ]
    .concat();
    let outcome = run(&flags, "");
    assert_eq!(outcome.status, Some(0), "{outcome:?}");
    let has = |part: &str| outcome.stderr.lines().any(|line| line.contains(part));
    assert!(
        has(" bowsprit: http sent GET /x?*** HTTP/1.1"),
        "{outcome:?}"
    );
    assert!(
        has(" bowsprit: http received Set-Cookie: ***"),
        "{outcome:?}"
    );
    assert!(
        has(" bowsprit: frame_header sent fin=true rsv=000 opcode=ping"),
        "{outcome:?}"
    );
    assert!(!outcome.stdout.contains("frame_header"), "{outcome:?}");
    assert!(
        !outcome.stderr.contains("s3cret") && !outcome.stdout.contains("s3cret"),
        "{outcome:?}"
    );
}
