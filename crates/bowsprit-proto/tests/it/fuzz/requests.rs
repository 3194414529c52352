//! Any bytes where a request should be: the reads make no difference, and who is let in has asked as RFC 6455 §4.2.1
//! says.

use bowsprit_proto::{
    Config, Deflate,
    handshake::{Accept, HandshakeError, Response, ServerHandshake},
};

use super::input::Input;

pub(super) fn run(data: &[u8]) {
    let mut input = Input::new(data);
    let mut config = Config::server();
    config.deflate = (input.byte() % 2 == 1).then(Deflate::dedicated);
    let reads = input.reads();
    let request = input.rest();
    let (server, verdict, used) = judged(&config, request, &[usize::MAX]);
    for reads in [&reads[..], &[1]] {
        let (_, other, others) = judged(&config, request, reads);
        assert_eq!((&other, others), (&verdict, used), "in reads of {reads:?}");
    }
    match &verdict {
        Ok(false) => assert_eq!(used, request.len(), "what is not whole is used up"),
        Ok(true) => check_accepted(&server, &request[..used]),
        Err(error) => check_refused(error),
    }
    if let Some(head) = server.plain_request() {
        assert!(!head.target().contains([' ', '\r', '\n', '\0']));
    }
}

/// What a server makes of it, and how many bytes it took.
fn judged(
    config: &Config,
    request: &[u8],
    reads: &[usize],
) -> (ServerHandshake, Result<bool, HandshakeError>, usize) {
    let mut server = ServerHandshake::new(config);
    let mut verdict = Ok(false);
    let mut rest = request;
    for read in reads.iter().cycle() {
        let now = rest.len().min(*read);
        let mut given = &rest[..now];
        verdict = server.receive(&mut given);
        rest = &rest[now - given.len()..];
        if rest.is_empty() || verdict != Ok(false) {
            break;
        }
    }
    // What is left after an error is nobody's.
    let used = if verdict.is_ok() {
        request.len() - rest.len()
    } else {
        0
    };
    (server, verdict.map_err(whatever_was_read), used)
}

/// What is no HTTP is shown as far as it was read, which may be more or less.
pub(super) fn whatever_was_read(error: HandshakeError) -> HandshakeError {
    match error {
        HandshakeError::NotHttp { .. } => HandshakeError::NotHttp {
            beginning: Vec::new(),
        },
        error => error,
    }
}

fn check_accepted(server: &ServerHandshake, head: &[u8]) {
    assert!(head.starts_with(b"GET "));
    assert!(head.ends_with(b"\n\r\n") || head.ends_with(b"\n\n"));
    let text = String::from_utf8_lossy(head).to_ascii_lowercase();
    for needed in [
        "http/1.1",
        "host:",
        "upgrade",
        "websocket",
        "sec-websocket-key:",
        "13",
    ] {
        assert!(text.contains(needed), "let in without {needed}");
    }
    let request = server.request().expect("it was let in");
    let fields = request.headers().flat_map(|(name, value)| [name, value]);
    for field in fields.chain([request.target(), request.authority()]) {
        assert!(!field.contains(['\r', '\n', '\0']), "{field:?}");
    }
    let mut answer = Vec::new();
    server
        .accept(&Accept::default(), &mut answer)
        .expect("nothing was chosen that could be wrong");
    assert!(answer.starts_with(b"HTTP/1.1 101 ") && answer.ends_with(b"\r\n\r\n"));
    assert!(
        answer.len() < 1_000,
        "nothing of the request but its key decides the answer's size"
    );
}

fn check_refused(error: &HandshakeError) {
    let response = Response::for_error(error);
    assert!((400..=505).contains(&response.status()));
    let mut bytes = Vec::new();
    response.encode(&mut bytes);
    let text = String::from_utf8(bytes).expect("text of our own");
    assert!(text.len() < 2_000 && text.contains("Connection: close"));
}
