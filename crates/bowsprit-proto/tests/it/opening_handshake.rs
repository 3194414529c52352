//! RFC 6455 §4, Opening Handshake: what both roles have in common, and both together.

use HandshakeError::*;
use bowsprit_proto::handshake::{
    Accept, Agreed, ClientHandshake, HandshakeError, InvalidRequest, Request, Response,
    ServerHandshake, accept_value,
};
use bowsprit_proto::{Config, Uri};
use proptest::prelude::*;

/// The request and the response of RFC 6455 §1.2, without what the application adds.
pub(crate) const REQUEST: &str = "GET /chat HTTP/1.1\r\n\
    Host: server.example.com\r\n\
    Upgrade: websocket\r\n\
    Connection: Upgrade\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
    Sec-WebSocket-Version: 13\r\n\
    \r\n";
pub(crate) const RESPONSE: &str = "HTTP/1.1 101 Switching Protocols\r\n\
    Upgrade: websocket\r\n\
    Connection: Upgrade\r\n\
    Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\
    \r\n";
pub(crate) const NONCE: [u8; 16] = *b"the sample nonce";

pub(crate) fn new_server() -> ServerHandshake {
    ServerHandshake::new(&Config::server())
}

pub(crate) fn new_client(subprotocols: &[&str]) -> ClientHandshake {
    let mut request = Request::new(Uri::parse("ws://server.example.com/chat").expect("a URI"));
    for name in subprotocols {
        request.subprotocol(name).expect("a token");
    }
    ClientHandshake::new(&request, NONCE, &Config::client())
}

/// What a server makes of the bytes, which has to be the same when they come one at a time.
pub(crate) fn serve(input: &[u8]) -> Result<bool, HandshakeError> {
    let mut whole = new_server();
    let outcome = whole.receive(&mut &input[..]);
    let mut single = new_server();
    let last = input
        .iter()
        .map(|byte| single.receive(&mut &[*byte][..]))
        .find(|outcome| *outcome != Ok(false));
    assert_same(&outcome, &last.unwrap_or(Ok(false)), input);
    outcome
}

/// What a client that offers these subprotocols makes of the bytes, at once and one at a time.
pub(crate) fn answer(
    subprotocols: &[&str],
    input: &[u8],
) -> Result<Option<Agreed>, HandshakeError> {
    let mut whole = new_client(subprotocols);
    let outcome = whole.receive(&mut &input[..]);
    let mut single = new_client(subprotocols);
    let last = input
        .iter()
        .map(|byte| single.receive(&mut &[*byte][..]))
        .find(|outcome| *outcome != Ok(None));
    assert_same(&outcome, &last.unwrap_or(Ok(None)), input);
    outcome
}

fn assert_same<T: PartialEq + std::fmt::Debug>(
    whole: &Result<T, HandshakeError>,
    single: &Result<T, HandshakeError>,
    input: &[u8],
) {
    // Of what is no HTTP, less has been seen when it comes bit by bit.
    let is_not_http = |outcome: &Result<T, _>| matches!(outcome, Err(NotHttp { .. }));
    if !(is_not_http(whole) && is_not_http(single)) {
        assert_eq!(
            whole,
            single,
            "one byte at a time: {}",
            input.escape_ascii()
        );
    }
}

/// `head` with the line that begins with `old` replaced by `new`, which may be several lines or none.
pub(crate) fn edit(head: &str, old: &str, new: &str) -> Vec<u8> {
    let lines = head.split_inclusive("\r\n");
    assert!(
        lines.clone().any(|line| line.starts_with(old)),
        "no line begins with {old}"
    );
    let lines = lines.map(|line| match (line.starts_with(old), new) {
        (false, _) => line.to_owned(),
        (true, "") => String::new(),
        (true, new) => format!("{new}\r\n"),
    });
    lines.collect::<String>().into_bytes()
}

/// `head` with another value for the header of this name.
pub(crate) fn header(head: &str, name: &str, value: &str) -> Vec<u8> {
    edit(head, name, &format!("{name}: {value}"))
}

/// `head` with more lines at its end.
pub(crate) fn extend(head: &str, lines: &str) -> Vec<u8> {
    format!(
        "{}{lines}\r\n\r\n",
        head.strip_suffix("\r\n").expect("a head")
    )
    .into_bytes()
}

#[test]
fn computes_the_accept_value_of_the_rfc() {
    assert_eq!(
        accept_value("dGhlIHNhbXBsZSBub25jZQ=="),
        "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
    );
}

#[test]
fn refuses_headers_that_could_change_the_handshake() {
    let owned = [
        "Host",
        "upgrade",
        "CONNECTION",
        "Content-Length",
        "Transfer-Encoding",
        "TE",
        "Trailer",
        "Expect",
        "Keep-Alive",
        "Proxy-Connection",
        "Sec-WebSocket-Key",
        "sec-websocket-protocol",
        "Sec-WebSocket-Anything",
    ];
    for name in owned {
        let error = InvalidRequest::OwnedHeader(name.into());
        let mut request = Request::new(Uri::parse("ws://h").expect("a URI"));
        assert_eq!(request.header(name, "x").err(), Some(error.clone()));
        assert_eq!(Accept::default().header(name, "x").err(), Some(error));
    }
    for name in [
        "Connection",
        "content-length",
        "Transfer-Encoding",
        "Trailer",
        "Sec-WebSocket-Accept",
    ] {
        let error = Response::new(403)
            .expect("a status")
            .header(name, "x")
            .err();
        assert_eq!(error, Some(InvalidRequest::OwnedHeader(name.into())));
    }
}

#[test]
fn refuses_names_and_values_that_no_header_may_have() {
    let mut request = Request::new(Uri::parse("ws://h").expect("a URI"));
    let mut refusal = Response::new(403).expect("a status");
    for name in [
        "", " ", "a b", "a:", ":a", "a\r\nb", "ä", "a\0", "(a)", "X-A ",
    ] {
        let error = Some(InvalidRequest::HeaderName(name.into()));
        assert_eq!(request.header(name, "x").err(), error);
        assert_eq!(Accept::default().header(name, "x").err(), error);
        assert_eq!(refusal.header(name, "x").err(), error);
    }
    for forbidden in ['\r', '\n', '\0', '\u{1}', '\u{1b}', '\u{7f}', '\u{85}'] {
        let value = format!("a{forbidden}b");
        let error = Some(InvalidRequest::HeaderValue {
            name: "X".into(),
            forbidden,
        });
        assert_eq!(request.header("X", &value).err(), error);
        assert_eq!(Accept::default().header("X", &value).err(), error);
        assert_eq!(refusal.header("X", &value).err(), error);
    }
    assert_eq!(request.headers().count(), 0);
}

#[test]
fn refuses_subprotocols_that_are_no_tokens_or_offered_twice() {
    let mut request = Request::new(Uri::parse("ws://h").expect("a URI"));
    for name in ["", "a b", "a,b", "a\r\nb", "ä", "\"a\"", "a/b", "a;b"] {
        assert_eq!(
            request.subprotocol(name).err(),
            Some(InvalidRequest::Subprotocol(name.into()))
        );
        assert_eq!(
            Accept::default().subprotocol(name).err(),
            Some(InvalidRequest::Subprotocol(name.into()))
        );
    }
    request.subprotocol("chat").expect("valid");
    assert_eq!(
        request.subprotocol("chat").err(),
        Some(InvalidRequest::DuplicateSubprotocol("chat".into()))
    );
    assert!(request.subprotocols().eq(["chat"]));
}

#[test]
fn keeps_credentials_out_of_debug_output() {
    let mut request = Request::new(Uri::parse("ws://h").expect("a URI"));
    for name in ["Authorization", "proxy-authorization", "Cookie"] {
        request.header(name, "secret").expect("valid");
    }
    let client = ClientHandshake::new(&request, NONCE, &Config::client());
    let mut server = new_server();
    server.receive(&mut client.request_bytes()).expect("valid");
    for text in [
        format!("{request:?}"),
        format!("{client:?}"),
        format!("{server:?}"),
    ] {
        assert!(!text.contains("secret"), "{text}");
    }
    let mut waiting = new_server();
    let part = b"GET / HTTP/1.1\r\nCookie: secret";
    assert_eq!(waiting.receive(&mut &part[..]), Ok(false));
    assert!(!format!("{waiting:?}").contains("115, 101"), "{waiting:?}");
    assert_eq!(
        server.request().and_then(|head| head.header("cookie")),
        Some("secret")
    );
}

#[test]
fn keeps_the_headers_that_mean_something_beyond_the_handshake() {
    let extra = "Sec-WebSocket-Version: 8\r\nCookie: a=1\r\nSec-WebSocket-Protocol: chat\r\n";
    let mut server = new_server();
    let request = extend(REQUEST, "Cookie: a=1\r\nSec-WebSocket-Protocol: chat\r\n");
    server.receive(&mut &request[..]).expect("a request");
    let kept = server.request().expect("a request").application_headers();
    let names: Vec<&str> = kept.iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["Host", "Cookie", "Sec-WebSocket-Protocol"]);
    let mut client = new_client(&["chat"]);
    let response = extend(RESPONSE, extra);
    client.receive(&mut &response[..]).expect("a response");
    let kept = client.response().expect("a response").application_headers();
    let names: Vec<&str> = kept.iter().map(|(name, _)| name).collect();
    assert_eq!(
        names,
        ["Sec-WebSocket-Version", "Cookie", "Sec-WebSocket-Protocol"]
    );
}

#[test]
fn finds_no_header_by_a_name_that_runs_into_its_value() {
    let mut server = new_server();
    let request = extend(REQUEST, "Berth: 7: outer\r\n");
    server.receive(&mut &request[..]).expect("a request");
    let head = server.request().expect("a request");
    assert_eq!(head.header("berth"), Some("7: outer"));
    assert_eq!(head.header("berth: 7"), None);
}

#[test]
fn tells_what_speaks_if_it_is_not_http() {
    let message = |bytes: &[u8]| answer(&[], bytes).expect_err("not HTTP").to_string();
    let ssh = b"SSH-2.0-OpenSSH_9.6\r\n";
    assert_eq!(
        message(ssh),
        r#"peer does not speak HTTP; it began with "SSH-2.0-OpenSSH_9.6\r\n""#
    );
    assert_eq!(
        message(b"\x1b[2J"),
        r#"peer does not speak HTTP; it began with "\x1b[2J""#
    );
    assert_eq!(
        answer(&[], &[b'x'; 100]),
        Err(NotHttp {
            beginning: vec![b'x'; 64]
        })
    );
    // An alert, as a TLS server answers plain HTTP; a ClientHello that comes to a plain server.
    assert_eq!(answer(&[], b"\x15\x03\x01\x00\x02\x02\x46"), Err(Tls));
    assert_eq!(serve(b"\x16\x03\x01\x02\x00\x01"), Err(Tls));
    assert_eq!(
        serve(b"\r\n"),
        Err(NotHttp {
            beginning: b"\r\n".to_vec()
        })
    );
}

#[test]
fn leaves_what_follows_the_head_to_the_caller() {
    let response = format!("{RESPONSE}\u{1}frame");
    let mut input = response.as_bytes();
    assert_eq!(
        new_client(&[]).receive(&mut input),
        Ok(Some(Agreed::default()))
    );
    assert_eq!(input, b"\x01frame");
    let request = format!("{REQUEST}early");
    let (mut input, mut server) = (request.as_bytes(), new_server());
    assert_eq!(server.receive(&mut input), Ok(true));
    assert_eq!(server.receive(&mut input), Ok(true));
    assert_eq!(input, b"early");
}

#[test]
fn tells_how_far_the_head_had_come_at_the_end_of_the_transport() {
    let mut client = new_client(&[]);
    assert_eq!(client.eof(), Eof { received: 0 });
    assert_eq!(client.receive(&mut &b"HTTP/1.1 101\r\nUp"[..]), Ok(None));
    assert_eq!(
        client.eof().to_string(),
        "connection ended after 16 bytes of the opening handshake"
    );
    assert_eq!(new_server().eof(), Eof { received: 0 });
}

proptest! {
    #[test]
    fn no_input_panics(bytes in any::<Vec<u8>>(), text in "[A-Z/1.: ,;=\"\\\\\r\n\t-]{0,80}") {
        for input in [&bytes[..], text.as_bytes()] {
            let _ = serve(input);
            let _ = answer(&["a"], input);
            let text = String::from_utf8_lossy(input);
            let _ = serve(&extend(REQUEST, &format!("Sec-WebSocket-Extensions: {text}")));
            let _ = answer(&["a"], &[b"HTTP/1.1 101 ", input, b"\r\n\r\n"].concat());
        }
    }

    #[test]
    fn no_changed_byte_panics(at in 0..REQUEST.len(), with in any::<u8>(), cut in 0..REQUEST.len()) {
        let mut request = REQUEST.as_bytes().to_vec();
        request[at] = with;
        let _ = serve(&request);
        let _ = serve(&request[..cut]);
        let mut response = RESPONSE.as_bytes().to_vec();
        response[at % RESPONSE.len()] = with;
        let _ = answer(&[], &response);
    }

    #[test]
    fn a_server_accepts_every_request_that_can_be_built(
        nonce in any::<[u8; 16]>(),
        host in "([a-z][a-z0-9-]{0,9}|[1-9]\\.2\\.3\\.4|\\[::[1-9a-f]\\]|é)(:[1-9][0-9]{0,3})?",
        target in "(/[a-z0-9é%25-]{0,9}){0,3}(\\?[a-z=&é]{0,9})?",
        names in proptest::collection::btree_set("[!#a-zA-Z0-9.-]{1,9}", 0..5),
        headers in proptest::collection::vec(("X-[A-Za-z]{1,5}", "\\PC{0,20}"), 0..5),
    ) {
        let Ok(uri) = Uri::parse(&format!("wss://{host}{target}")) else {
            return Ok(());
        };
        let mut request = Request::new(uri.clone());
        for name in &names {
            request.subprotocol(name).expect("a token");
        }
        for (name, value) in &headers {
            request.header(name, value).expect("printable");
        }
        let mut client = ClientHandshake::new(&request, nonce, &Config::client());
        prop_assert_eq!(serve(client.request_bytes()), Ok(true));

        let (mut server, mut out) = (new_server(), Vec::new());
        prop_assert_eq!(server.receive(&mut client.request_bytes()), Ok(true));
        let head = server.request().expect("it was read");
        prop_assert_eq!(head.target(), uri.target());
        prop_assert_eq!(head.authority(), uri.authority());
        prop_assert!(head.subprotocols().eq(request.subprotocols()));
        prop_assert!(request.headers().all(|header| head.headers().any(|other| other == header)));

        let mut accept = Accept::default();
        if let Some(name) = names.last() {
            accept.subprotocol(name).expect("a token");
        }
        let agreed = server.accept(&accept, &mut out).expect("it is offered");
        prop_assert_eq!(agreed.subprotocol.as_ref(), names.last());
        prop_assert_eq!(client.receive(&mut &out[..]), Ok(Some(agreed)));
    }

    #[test]
    fn no_string_injects_a_header(text in "[\r\n\0 :,a-zÀ-ÿ\u{2028}-]{0,12}", other in any::<String>()) {
        let mut request = Request::new(Uri::parse("ws://h").expect("a URI"));
        let mut refusal = Response::new(403).expect("a status");
        let mut lines = 6;
        for (name, value) in [("X", &text), (&text, &other), (&other, &text), ("X", &other)] {
            lines += usize::from(request.header(name, value).is_ok());
            let _ = refusal.header(name, value);
        }
        let offered = [&text, &other].map(|name| request.subprotocol(name).is_ok());
        lines += usize::from(offered.contains(&true));
        for uri in [format!("ws://h/{text}"), format!("ws://h{other}")] {
            if let Ok(uri) = Uri::parse(&uri) {
                prop_assert!(uri.to_string().bytes().all(|byte| byte.is_ascii_graphic()));
            }
        }
        let client = ClientHandshake::new(&request, NONCE, &Config::client());
        let head = client.request_bytes();
        prop_assert_eq!(head.split(|byte| *byte == b'\n').count(), lines + 2);
        prop_assert_eq!(serve(head), Ok(true));
        let mut out = Vec::new();
        refusal.encode(&mut out);
        prop_assert_eq!(answer(&[], &out), Err(Status(403)));
    }
}
