//! Attacks of servers and proxies on a client: what it makes of them, and what memory they get out of it.

use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    thread,
    time::Duration,
};

use allocation_counter::measure;
use bowsprit::{
    Client, Config, ConnectError, ConnectRequest, Deflate, Proxy, ProxyErrorKind, Stage, Tls,
    proto::handshake::{HandshakeError, accept_value},
};
use tokio::runtime::Builder;

/// More than any buffer on the way holds.
const FLOOD: usize = 256 << 20;

/// Where a proxy is asked to lead to.
const BEHIND: &str = "ws://server.example/";

/// Lets a client meet a server that is out for harm: how its attempt fails, and the most memory it took.
///
/// The server has a thread of its own, and only this one's memory is counted.
fn lure(
    server: impl FnOnce(&TcpListener) + Send + 'static,
    request: impl FnOnce(SocketAddr) -> ConnectRequest,
) -> (ConnectError, u64) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a listener");
    let address = listener.local_addr().expect("an address");
    let server = thread::spawn(move || server(&listener));
    let runtime = Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("a runtime");
    let request = request(address);
    let mut outcome = None;
    let counted = measure(|| outcome = Some(runtime.block_on(request.connect())));
    server.join().expect("no panic");
    let error = outcome.expect("an end").expect_err("a hostile server");
    (error, counted.bytes_max)
}

/// The next client.
fn next(listener: &TcpListener) -> TcpStream {
    let (stream, _) = listener.accept().expect("a client");
    let patience = Some(Duration::from_secs(60));
    stream.set_read_timeout(patience).expect("a timeout");
    stream.set_write_timeout(patience).expect("a timeout");
    stream
}

/// The next client, and what it asks for.
fn asked(listener: &TcpListener) -> (TcpStream, String) {
    let mut stream = next(listener);
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).expect("a head");
        head.push(byte[0]);
    }
    (stream, String::from_utf8(head).expect("text"))
}

/// Sends the beginning and then the rest again and again, until the client hangs up.
fn flood(mut stream: TcpStream, beginning: &[u8], repeated: &[u8]) {
    let block = repeated.repeat(4096 / repeated.len());
    let mut written = stream.write_all(beginning);
    let mut sent = 0;
    while written.is_ok() {
        assert!(sent < FLOOD, "the client takes everything");
        sent += block.len();
        written = stream.write_all(&block);
    }
}

/// Sends the beginning, and then the rest byte by byte, until the client hangs up.
fn drip(mut stream: TcpStream, beginning: &[u8], repeated: &[u8]) {
    let mut written = stream.write_all(beginning);
    for byte in repeated.iter().cycle() {
        if written.is_err() {
            break;
        }
        thread::sleep(Duration::from_millis(10));
        written = stream.write_all(&[*byte]);
    }
}

/// Waits until the client hangs up.
fn say_nothing(mut stream: TcpStream) {
    // An end or a reset: either will do.
    let _ = stream.read_to_end(&mut Vec::new());
}

fn request(address: SocketAddr) -> ConnectRequest {
    let request = Client::new().request(&format!("ws://{address}/"));
    request.expect("a URI").proxy(Proxy::direct())
}

fn through(scheme: &str, proxy: SocketAddr) -> ConnectRequest {
    let proxy = Proxy::parse(&format!("{scheme}://ann:secret@{proxy}")).expect("a proxy");
    Client::new().request(BEHIND).expect("a URI").proxy(proxy)
}

/// With three seconds for everything.
fn impatient(request: ConnectRequest) -> ConnectRequest {
    let mut config = Config::client();
    config.timeouts.open = Duration::from_secs(3);
    request.config(config)
}

fn handshake_error(error: ConnectError) -> HandshakeError {
    match error {
        ConnectError::Handshake { error, .. } => error,
        ConnectError::Proxy(error) => match error.kind() {
            ProxyErrorKind::NotHttp(error) => error.clone(),
            other => panic!("{other:?}"),
        },
        other => panic!("{other:?}"),
    }
}

/// Beginnings of answers that never end, what goes on for ever, and what is wrong with it.
fn endless_heads() -> Vec<(&'static str, String, HandshakeError)> {
    use HandshakeError::{HeadTooLarge, LineTooLong, StartLineTooLong, TooManyHeaders};
    let (line, head) = (8 << 10, 32 << 10);
    let long = format!("X-Long: {}\r\n", "a".repeat(1000));
    let hint = "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n";
    vec![
        (
            "HTTP/1.1 101 ",
            "a".into(),
            StartLineTooLong { limit: line },
        ),
        (
            "HTTP/1.1 101 Go\r\nX: ",
            "a".into(),
            LineTooLong { limit: line },
        ),
        (
            "HTTP/1.1 200 Go\r\n",
            "a: b\r\n".into(),
            TooManyHeaders { limit: 100 },
        ),
        ("HTTP/1.1 200 Go\r\n", long, HeadTooLarge { limit: head }),
        (
            "",
            "HTTP/1.1 100 Go on\r\n\r\n".into(),
            HeadTooLarge { limit: head },
        ),
        ("", hint.into(), HeadTooLarge { limit: head }),
    ]
}

#[test]
fn an_answer_without_an_end_is_cut_at_its_limit() {
    for (beginning, repeated, expected) in endless_heads() {
        let (error, most) = lure(
            move |listener| flood(asked(listener).0, beginning.as_bytes(), repeated.as_bytes()),
            request,
        );
        assert_eq!(handshake_error(error), expected);
        assert!(most < 128 * 1024, "{beginning:?}: {most}");
    }
}

#[test]
fn a_proxys_answer_without_an_end_is_cut_at_its_limit() {
    for (beginning, repeated, expected) in endless_heads() {
        let (error, most) = lure(
            move |listener| flood(asked(listener).0, beginning.as_bytes(), repeated.as_bytes()),
            |address| through("http", address),
        );
        assert_eq!(handshake_error(error), expected);
        assert!(most < 128 * 1024, "{beginning:?}: {most}");
    }
}

#[test]
fn an_endless_body_of_a_refusal_is_not_read() {
    for beginning in [
        "HTTP/1.1 404 Not Found\r\n\r\n",
        "HTTP/1.1 503 Later\r\nContent-Length: 99999999999999999999\r\n\r\n",
        "HTTP/1.1 401 Who\r\nTransfer-Encoding: chunked\r\n\r\nffffffff\r\n",
        "HTTP/1.1 302 Found\r\nLocation: ftp://a.example/\r\n\r\n",
    ] {
        let (error, most) = lure(
            move |listener| flood(asked(listener).0, beginning.as_bytes(), b"a"),
            request,
        );
        let ConnectError::Handshake { body, .. } = &error else {
            panic!("{error:?}");
        };
        assert!(body.len() <= 64 * 1024, "{}", body.len());
        assert!(most < 16 * 1024, "{beginning:?}: {most}");
    }
}

/// What comes of it within the deadline: nothing, in this stage and for little memory.
fn times_out(
    expected: Stage,
    server: impl FnOnce(&TcpListener) + Send + 'static,
    request: impl FnOnce(SocketAddr) -> ConnectRequest,
) {
    let (error, most) = lure(server, |address| impatient(request(address)));
    assert!(
        matches!(error, ConnectError::Timeout(stage) if stage == expected),
        "{error}"
    );
    assert!(most < 32 * 1024, "{expected:?}: {most}");
}

#[test]
fn an_opening_has_one_deadline_however_the_server_drips() {
    let answer = b"HTTP/1.1 101 Go\r\nX: ";
    let record = b"\x16\x03\x03\x40\0";
    let silent = |listener: &TcpListener| say_nothing(next(listener));
    thread::scope(|scope| {
        scope.spawn(|| times_out(Stage::Open, silent, request));
        scope.spawn(|| times_out(Stage::Proxy, silent, |proxy| through("http", proxy)));
        scope.spawn(|| times_out(Stage::Proxy, silent, |proxy| through("socks5", proxy)));
        scope.spawn(|| {
            let server = |listener: &TcpListener| drip(asked(listener).0, answer, b"a");
            times_out(Stage::Open, server, request);
        });
        scope.spawn(|| {
            let server = |listener: &TcpListener| drip(asked(listener).0, answer, b"a");
            times_out(Stage::Proxy, server, |proxy| through("http", proxy));
        });
        scope.spawn(|| {
            let server = |listener: &TcpListener| drip(next(listener), record, b"\0");
            times_out(Stage::Tls, server, encrypted);
        });
    });
}

/// A client of TLS that trusts a certificate which nobody here shows.
fn encrypted(address: SocketAddr) -> ConnectRequest {
    let some = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    let tls = Tls::client().without_system_roots();
    let tls = tls.add_ca_pem(some.cert.pem().as_bytes()).expect("a root");
    let request = Client::new().request(&format!("wss://{address}/"));
    request.expect("a URI").proxy(Proxy::direct()).tls(tls)
}

#[test]
fn a_tls_server_that_floods_is_left() {
    let record = b"\x16\x03\x03\x40\0";
    for flooded in [&record[..], b"\x16\x03\x03\x00\x04\x02\xff\xff\xff", b"\0"] {
        let (error, most) = lure(
            move |listener| flood(next(listener), flooded, b"\0"),
            encrypted,
        );
        assert!(matches!(error, ConnectError::Tls(_)), "{error:?}");
        // A record holds 4096 of the shortest messages, of which rustls makes a list.
        assert!(most < 384 * 1024, "{most}");
    }
}

#[test]
fn redirections_in_a_loop_end_at_the_limit() {
    let long = format!("X-Long: {}\r\n", "a".repeat(1000)).repeat(29);
    let (error, most) = lure(
        move |listener| {
            for _ in 0..11 {
                let (mut stream, _) = asked(listener);
                let answer = format!("HTTP/1.1 307 Round\r\nLocation: /again\r\n{long}\r\n");
                stream.write_all(answer.as_bytes()).expect("a write");
            }
        },
        |address| request(address).redirects(10),
    );
    assert!(
        matches!(error, ConnectError::TooManyRedirects { limit: 10 }),
        "{error}"
    );
    assert!(most < 160 * 1024, "{most}");
}

#[test]
fn a_proxy_that_asks_for_a_login_again_and_again_is_told_once() {
    let (error, most) = lure(
        |listener| {
            let (mut stream, head) = asked(listener);
            assert!(head.contains("Proxy-Authorization: Basic "), "{head}");
            let again = "HTTP/1.1 407 Again\r\nProxy-Authenticate: Basic realm=\"x\"\r\n\
                Content-Length: 0\r\nConnection: keep-alive\r\n\r\n";
            stream.write_all(again.as_bytes()).expect("a write");
            let mut more = Vec::new();
            stream.read_to_end(&mut more).expect("an end");
            assert!(more.is_empty(), "{}", more.escape_ascii());
        },
        |address| through("http", address),
    );
    let ConnectError::Proxy(error) = &error else {
        panic!("{error:?}");
    };
    let kind = error.kind();
    assert!(
        matches!(kind, ProxyErrorKind::Login { refused: true, .. }),
        "{kind:?}"
    );
    assert!(most < 32 * 1024, "{most}");
}

#[test]
fn a_socks_proxy_that_floods_is_left() {
    // The lengths that it gives are all there are; what comes behind them is one word too many.
    let floods: [&[u8]; 4] = [
        b"",
        b"\x05\x00",
        b"\x05\x00\x05\x00\x00\x03\xff",
        b"\x05\x02\x01\x00",
    ];
    for beginning in floods {
        let (error, most) = lure(
            move |listener| flood(next(listener), beginning, b"\x05"),
            |address| through("socks5", address),
        );
        assert!(matches!(error, ConnectError::Proxy(_)), "{error:?}");
        assert!(most < 32 * 1024, "{most}");
    }
}

/// An answer that opens, with these lines instead of its last ones.
fn answer(head: &str, lines: &str) -> String {
    let key = head
        .lines()
        .find_map(|line| line.strip_prefix("Sec-WebSocket-Key: "))
        .expect("a key");
    let accept = accept_value(key);
    let lines = lines.replace("ACCEPT", &accept);
    let lines = lines.replace("lower", &accept.to_ascii_lowercase());
    format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n{lines}\r\n"
    )
}

#[test]
fn an_answer_with_a_word_that_was_not_asked_for_is_refused() {
    let accept = "Sec-WebSocket-Accept: ACCEPT\r\n";
    let with = |line: &str| format!("{accept}{line}\r\n");
    let extension = |value: &str| with(&format!("Sec-WebSocket-Extensions: {value}"));
    let answers = [
        String::new(),
        "Sec-WebSocket-Accept: lower\r\n".to_owned(),
        "Sec-WebSocket-Accept: \"ACCEPT\"\r\n".to_owned(),
        format!("{accept}{accept}"),
        format!("{accept}Sec-WebSocket-Accept: other\r\n"),
        with("Sec-WebSocket-Protocol: other"),
        with("Sec-WebSocket-Protocol: chat, other"),
        with("Sec-WebSocket-Protocol: CHAT"),
        with("Sec-WebSocket-Protocol: chat\r\nSec-WebSocket-Protocol: chat"),
        extension("x-unknown"),
        extension("permessage-bzip2"),
        extension("permessage-deflate; server_max_window_bits=99999"),
        extension("permessage-deflate; server_max_window_bits=7"),
        extension("permessage-deflate; server_max_window_bits=016"),
        extension("permessage-deflate; client_max_window_bits"),
        extension("permessage-deflate, permessage-deflate"),
        extension("permessage-deflate; server_no_context_takeover=1"),
        extension(&"permessage-deflate;a".repeat(400)),
        with("Transfer-Encoding: chunked"),
        with("Content-Length: 5"),
        with("Upgrade: h2c"),
    ];
    for lines in answers {
        let shown = lines.clone();
        let (error, most) = lure(
            move |listener| {
                let (mut stream, head) = asked(listener);
                let answer = answer(&head, &lines);
                stream.write_all(answer.as_bytes()).expect("a write");
                say_nothing(stream);
            },
            |address| {
                let mut config = Config::client();
                config.deflate = Some(Deflate::default());
                let request = request(address).config(config);
                request.subprotocol("chat").expect("a subprotocol")
            },
        );
        assert!(
            matches!(error, ConnectError::Handshake { .. }),
            "{shown}: {error}"
        );
        assert!(most < 64 * 1024, "{shown}: {most}");
    }
}
