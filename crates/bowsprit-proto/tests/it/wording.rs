//! What errors, stages and codes say to people.

use bowsprit_proto::{
    Cause, CloseCode, CloseError, CloseFrame, Closed, Initiator, InvalidUri, ProtocolError,
    SendError, Stage,
    handshake::{HandshakeError, InvalidRedirect, InvalidRequest, Response},
};

/// What a peer might send to steer the terminal of whoever reads an error.
const HOSTILE: &str = "\x1b]52;c;c2VjcmV0\x07\r\n\u{9b}2J\u{202e}";

/// One line of visible characters that names its matter, without a full stop.
fn assert_readable(words: &[String]) {
    for (i, line) in words.iter().enumerate() {
        assert!(line.len() > 6, "{line:?}");
        assert!(!line.ends_with('.'), "{line:?}");
        let hidden = |c: char| c.is_control() || ('\u{202a}'..='\u{202e}').contains(&c);
        assert!(!line.contains(hidden), "{line:?}");
        assert!(!words[..i].contains(line), "said of two things: {line:?}");
    }
}

fn words<T: ToString>(all: &[T]) -> Vec<String> {
    all.iter().map(ToString::to_string).collect()
}

#[test]
fn each_fault_of_a_peer_has_words_of_its_own() {
    let faults = [
        ProtocolError::ReservedBits,
        ProtocolError::ReservedOpcode(0xb),
        ProtocolError::FragmentedControl,
        ProtocolError::ControlTooLong,
        ProtocolError::UnexpectedContinuation,
        ProtocolError::ExpectedContinuation,
        ProtocolError::NonMinimalLength,
        ProtocolError::LengthOverflow,
        ProtocolError::MaskRequired,
        ProtocolError::MaskForbidden,
        ProtocolError::InvalidUtf8,
        ProtocolError::InvalidCloseLength,
        ProtocolError::InvalidCloseCode(999),
        ProtocolError::InvalidCloseReason,
        ProtocolError::InvalidDeflate,
        ProtocolError::FrameTooBig { limit: 1024 },
        ProtocolError::MessageTooBig { limit: 1024 },
        ProtocolError::TooManyFragments { limit: 1024 },
        ProtocolError::TooManyMessages { per_second: 1024 },
    ];
    let words = words(&faults);
    assert_readable(&words);
    for (fault, line) in faults.iter().zip(&words) {
        let shown = Cause::Protocol(*fault).to_string();
        let ours = line.contains("1024");
        assert_eq!(shown.starts_with("protocol violation"), !ours, "{shown}");
        assert!(shown.ends_with(line), "{shown}");
    }
    assert!(words[1].contains("0xb") && words[12].contains("999"));
}

#[test]
fn each_stage_and_each_refusal_has_words_of_its_own() {
    assert_readable(&words(&[
        Stage::Dns,
        Stage::Connect,
        Stage::Proxy,
        Stage::Tls,
        Stage::Open,
        Stage::Pong,
        Stage::Idle,
        Stage::Write,
        Stage::Close,
    ]));
    assert_readable(&words(&[
        SendError::NotOpen,
        SendError::Closing,
        SendError::Closed,
        SendError::Full,
        SendError::InvalidUtf8,
        SendError::ControlTooLong,
        SendError::InsideMessage,
    ]));
    assert_readable(&words(&[
        CloseError::InvalidCode(CloseCode(1005)),
        CloseError::ReservedCode(CloseCode(1004)),
        CloseError::NotOpen,
        CloseError::Closing,
        CloseError::Closed,
    ]));
}

#[test]
fn what_a_peer_wrote_in_its_handshake_is_told_escaped() {
    let hostile = || String::from(HOSTILE);
    let told = words(&[
        HandshakeError::NotHttp {
            beginning: HOSTILE.as_bytes().to_vec(),
        },
        HandshakeError::Tls,
        HandshakeError::StartLine(hostile()),
        HandshakeError::StartLineTooLong { limit: 10 },
        HandshakeError::LineTooLong { limit: 10 },
        HandshakeError::HeadTooLarge { limit: 10 },
        HandshakeError::TooManyHeaders { limit: 10 },
        HandshakeError::BareLineFeed,
        HandshakeError::HeaderLine,
        HandshakeError::HeaderValue,
        HandshakeError::HttpVersion { major: 1, minor: 0 },
        HandshakeError::Body,
        HandshakeError::Duplicate("Host"),
        HandshakeError::Missing("Host"),
        HandshakeError::MissingUpgrade,
        HandshakeError::MissingConnection,
        HandshakeError::Method(hostile()),
        HandshakeError::Target(hostile()),
        HandshakeError::InvalidHost,
        HandshakeError::InvalidKey(hostile()),
        HandshakeError::Version(hostile()),
        HandshakeError::InvalidSubprotocol(hostile()),
        HandshakeError::DuplicateSubprotocol(hostile()),
        HandshakeError::InvalidExtensions(hostile()),
        HandshakeError::Status(404),
        HandshakeError::AcceptMismatch {
            expected: String::from("expected"),
            received: hostile(),
        },
        HandshakeError::UnrequestedExtension(hostile()),
        HandshakeError::UnacceptableExtension(hostile()),
        HandshakeError::UnrequestedSubprotocol(hostile()),
        HandshakeError::Eof { received: 0 },
        HandshakeError::Eof { received: 17 },
    ]);
    assert_readable(&told);
    for (i, part) in [
        (3, "10"),
        (10, "1.0"),
        (12, "Host"),
        (24, "404"),
        (30, "17"),
    ] {
        assert!(told[i].contains(part), "{}", told[i]);
    }
}

#[test]
fn what_no_head_may_carry_is_told_without_its_value() {
    assert_readable(&words(&[
        InvalidRequest::HeaderName(String::from(HOSTILE)),
        InvalidRequest::HeaderValue {
            name: String::from("X-Name"),
            forbidden: '\x1b',
        },
        InvalidRequest::OwnedHeader(String::from("Upgrade")),
        InvalidRequest::Subprotocol(String::from(HOSTILE)),
        InvalidRequest::DuplicateSubprotocol(String::from("chat")),
        InvalidRequest::SubprotocolNotOffered(String::from("chat")),
        InvalidRequest::UserName,
        InvalidRequest::Token,
        InvalidRequest::Cookie(String::from(HOSTILE)),
        InvalidRequest::Status(99),
        InvalidRequest::NoRequest,
    ]));
    assert_readable(&words(&[
        InvalidRedirect::Location,
        InvalidRedirect::Scheme(String::from(HOSTILE)),
        InvalidRedirect::Uri(InvalidUri::EmptyHost),
        InvalidRedirect::Downgrade,
    ]));
    assert_readable(&words(&[
        InvalidUri::TooLong { limit: 10 },
        InvalidUri::ForbiddenCharacter('\x1b'),
        InvalidUri::NoScheme,
        InvalidUri::Scheme(String::from(HOSTILE)),
        InvalidUri::Fragment,
        InvalidUri::Userinfo,
        InvalidUri::EmptyHost,
        InvalidUri::Host(String::from(HOSTILE)),
        InvalidUri::Ipv4(String::from(HOSTILE)),
        InvalidUri::Ipv6(String::from(HOSTILE)),
        InvalidUri::ZoneId,
        InvalidUri::UnbracketedColon,
        InvalidUri::Port(String::from(HOSTILE)),
        InvalidUri::PercentEncoding,
        InvalidUri::SocketPath,
        InvalidUri::SecureSocket,
    ]));
}

/// The registry of RFC 6455 §11.7.
#[test]
fn each_registered_close_code_has_a_name() {
    let named: Vec<CloseCode> = (0..=u16::MAX)
        .map(CloseCode::from)
        .filter(|code| code.text() != "Unknown")
        .collect();
    let numbers: Vec<u16> = named.iter().map(|code| code.0).collect();
    assert_eq!(
        numbers,
        [
            1000, 1001, 1002, 1003, 1005, 1006, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014,
            1015, 3000, 3001, 3003, 3008
        ]
    );
    assert_readable(&words(&named));
}

#[test]
fn an_end_says_who_closed_with_what() {
    let frame = || Some(CloseFrame::new(CloseCode::GOING_AWAY, "so long"));
    let closed = |initiator, local, remote, cause| {
        let mut closed = Closed::default();
        closed.initiator = initiator;
        closed.local = local;
        closed.remote = remote;
        closed.cause = cause;
        closed.to_string()
    };
    let told = [
        closed(Some(Initiator::Remote), frame(), frame(), None),
        closed(Some(Initiator::Local), frame(), None, None),
        closed(None, None, None, None),
        closed(None, None, None, Some(Cause::Timeout(Stage::Idle))),
        closed(None, None, None, Some(Cause::Transport(HOSTILE.into()))),
        closed(None, None, None, Some(Cause::Eof)),
        closed(None, None, None, Some(Cause::Aborted)),
        closed(None, None, None, Some(Cause::Unfinished)),
    ];
    assert_readable(&told);
    assert!(told[0].starts_with("closed by the peer: 1001 (Going away)"));
    assert!(told[1].starts_with("closed by this side: 1001 (Going away)"));
    assert!(told[0].contains("so long"), "{}", told[0]);
}

#[test]
fn an_answer_has_the_registered_words_of_its_status() {
    for (status, line) in [
        (200, "HTTP/1.1 200 OK\r\n"),
        (204, "HTTP/1.1 204 No Content\r\n"),
        (301, "HTTP/1.1 301 Moved Permanently\r\n"),
        (302, "HTTP/1.1 302 Found\r\n"),
        (303, "HTTP/1.1 303 See Other\r\n"),
        (304, "HTTP/1.1 304 Not Modified\r\n"),
        (307, "HTTP/1.1 307 Temporary Redirect\r\n"),
        (308, "HTTP/1.1 308 Permanent Redirect\r\n"),
        (400, "HTTP/1.1 400 Bad Request\r\n"),
        (401, "HTTP/1.1 401 Unauthorized\r\n"),
        (403, "HTTP/1.1 403 Forbidden\r\n"),
        (404, "HTTP/1.1 404 Not Found\r\n"),
        (405, "HTTP/1.1 405 Method Not Allowed\r\n"),
        (408, "HTTP/1.1 408 Request Timeout\r\n"),
        (409, "HTTP/1.1 409 Conflict\r\n"),
        (410, "HTTP/1.1 410 Gone\r\n"),
        (413, "HTTP/1.1 413 Content Too Large\r\n"),
        (414, "HTTP/1.1 414 URI Too Long\r\n"),
        (421, "HTTP/1.1 421 Misdirected Request\r\n"),
        (426, "HTTP/1.1 426 Upgrade Required\r\n"),
        (429, "HTTP/1.1 429 Too Many Requests\r\n"),
        (431, "HTTP/1.1 431 Request Header Fields Too Large\r\n"),
        (500, "HTTP/1.1 500 Internal Server Error\r\n"),
        (501, "HTTP/1.1 501 Not Implemented\r\n"),
        (502, "HTTP/1.1 502 Bad Gateway\r\n"),
        (503, "HTTP/1.1 503 Service Unavailable\r\n"),
        (504, "HTTP/1.1 504 Gateway Timeout\r\n"),
        (505, "HTTP/1.1 505 HTTP Version Not Supported\r\n"),
        // RFC 9112 §4: others have none, but the blank before it stays.
        (299, "HTTP/1.1 299 \r\n"),
    ] {
        let mut head = Vec::new();
        Response::new(status).expect("a status").encode(&mut head);
        assert!(head.starts_with(line.as_bytes()), "{}", head.escape_ascii());
    }
}

#[test]
fn an_answer_has_one_type_of_content() {
    let mut response = Response::plain(404).expect("a status");
    response
        .header("content-type", "application/json")
        .expect("valid");
    let types: Vec<_> = response
        .headers()
        .filter(|(name, _)| name.eq_ignore_ascii_case("Content-Type"))
        .map(|(_, value)| value)
        .collect();
    assert_eq!(types, ["application/json"]);
}
