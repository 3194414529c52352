//! RFC 6455 §7 and §5.5.1 against peers that are nothing but bytes: what each side tells and is told.

use std::{net::Shutdown, time::Duration};

use bowsprit::{
    Cause, Client, CloseCode, CloseError, Closed, Config, Error, Handle, Handlers, Initiator,
    Message, ProtocolError, Role, WebSocket,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream},
    net::TcpStream,
    sync::mpsc,
    time::Instant,
};

use super::support::{
    CLOSE, Happened, PING, PONG, TEXT, answer, client_of_bare, closing, drain, frame,
    handlers_of_bare, listen, log, masked, pair, read_frame, server_of_bare, settle, within,
};

const ROLES: [Role; 2] = [Role::Client, Role::Server];

/// A connection of this role, and its peer that is nothing but bytes.
async fn of_bare(role: Role) -> (WebSocket<DuplexStream>, DuplexStream) {
    match role {
        Role::Client => client_of_bare(Config::client()).await,
        Role::Server => server_of_bare(Config::server()).await,
    }
}

/// A frame as the peer of `role` sends it.
fn from_peer(role: Role, opcode: u8, payload: &[u8]) -> Vec<u8> {
    match role {
        Role::Client => frame(opcode, payload),
        Role::Server => masked(opcode, payload),
    }
}

/// The same without FIN: the beginning of a message.
fn beginning(role: Role, opcode: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = from_peer(role, opcode, payload);
    bytes[0] &= 0x7F;
    bytes
}

/// Both codes, both reasons, who was first, and what else ended it.
type Told = (
    (u16, String),
    (u16, String),
    Option<Initiator>,
    Option<Cause>,
);

fn told(closed: &Closed) -> Told {
    let local = (closed.local_code().0, closed.local_reason().to_owned());
    let remote = (closed.remote_code().0, closed.remote_reason().to_owned());
    (local, remote, closed.initiator, closed.cause.clone())
}

fn expected(
    local: (u16, &str),
    remote: (u16, &str),
    initiator: Option<Initiator>,
    cause: Option<Cause>,
) -> Told {
    let owned = |(code, reason): (u16, &str)| (code, reason.to_owned());
    (owned(local), owned(remote), initiator, cause)
}

const NOTHING: (u16, &str) = (1006, "");

/// What the connection makes of `input` of its peer, which then ends its side: the messages, the error,
/// the frames that it wrote, and how it says it ended.
async fn scripted(
    role: Role,
    input: &[u8],
) -> (Vec<Message>, Option<Error>, Vec<(u8, Vec<u8>)>, Closed) {
    let (mut ws, mut bare) = of_bare(role).await;
    bare.write_all(input).await.expect("a write");
    bare.shutdown().await.expect("an end");
    let mut messages = Vec::new();
    let error = loop {
        match within(ws.recv()).await {
            Ok(Some(message)) => messages.push(message),
            Ok(None) => break None,
            Err(error) => break Some(error),
        }
    };
    let closed = ws.close_info().cloned().expect("an end");
    let mut frames = Vec::new();
    while let Some(frame) = read_frame(&mut bare).await {
        frames.push(frame);
    }
    (messages, error, frames, closed)
}

/// The same with a handler, on a server.
async fn handled(input: &[u8]) -> (Vec<Message>, Vec<(u8, Vec<u8>)>, Closed) {
    let (handlers, mut log) = log();
    let mut bare = handlers_of_bare(Config::server(), handlers).await;
    log.open().await;
    bare.write_all(input).await.expect("a write");
    bare.shutdown().await.expect("an end");
    let mut messages = Vec::new();
    let closed = loop {
        match log.next().await {
            Happened::Message(message) => messages.push(message),
            Happened::Closed(closed) => break closed,
            Happened::Ping(_) | Happened::Pong(_) => {}
            other => panic!("{other:?}"),
        }
    };
    let mut frames = Vec::new();
    while let Some(frame) = read_frame(&mut bare).await {
        frames.push(frame);
    }
    (messages, frames, closed)
}

/// Each face of each role makes the same of `input`, given for each role by the function.
async fn agrees(
    input: impl Fn(Role) -> Vec<u8>,
    messages: &[&str],
    frames: &[(u8, Vec<u8>)],
    told_to_be: Told,
) {
    let messages: Vec<Message> = messages.iter().map(|text| Message::from(*text)).collect();
    for role in ROLES {
        let (got, error, written, closed) = scripted(role, &input(role)).await;
        assert_eq!(got, messages, "{role:?}");
        assert_eq!(written, frames, "{role:?}");
        assert_eq!(told(&closed), told_to_be, "{role:?}");
        assert_eq!(error, told_to_be.3.clone().map(Error::Ended), "{role:?}");
    }
    let (got, written, closed) = handled(&input(Role::Server)).await;
    assert_eq!(got, messages);
    assert_eq!(written, frames);
    assert_eq!(told(&closed), told_to_be);
}

#[tokio::test(start_paused = true)]
async fn every_code_that_may_be_sent_is_echoed_with_its_reason() {
    let registered = [
        1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014,
    ];
    for code in registered.into_iter().chain([3000, 3001, 3999, 4000, 4999]) {
        agrees(
            |role| from_peer(role, CLOSE, &closing(code, "aye ⚓")),
            &[],
            &[(CLOSE, closing(code, "aye ⚓"))],
            expected(
                (code, "aye ⚓"),
                (code, "aye ⚓"),
                Some(Initiator::Remote),
                None,
            ),
        )
        .await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_close_frame_without_a_code_is_1005_for_both() {
    agrees(
        |role| from_peer(role, CLOSE, b""),
        &[],
        &[(CLOSE, Vec::new())],
        expected((1005, ""), (1005, ""), Some(Initiator::Remote), None),
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn reserved_and_invalid_codes_are_refused_with_1002() {
    let codes = [
        0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65_535,
    ];
    for code in codes {
        let error = ProtocolError::InvalidCloseCode(code);
        agrees(
            |role| from_peer(role, CLOSE, &closing(code, "")),
            &[],
            &[(CLOSE, closing(1002, ""))],
            expected(
                (1002, ""),
                NOTHING,
                Some(Initiator::Local),
                Some(Cause::Protocol(error)),
            ),
        )
        .await;
    }
}

#[tokio::test(start_paused = true)]
async fn broken_close_frames_are_refused_with_what_is_wrong() {
    let cases = [
        (&[3][..], ProtocolError::InvalidCloseLength, 1002),
        (&[3, 232, 0xFF], ProtocolError::InvalidCloseReason, 1007),
        (
            &[3, 232, 0xE2, 0x9A],
            ProtocolError::InvalidCloseReason,
            1007,
        ),
    ];
    for (payload, error, code) in cases {
        agrees(
            |role| from_peer(role, CLOSE, payload),
            &[],
            &[(CLOSE, closing(code, ""))],
            expected(
                (code, ""),
                NOTHING,
                Some(Initiator::Local),
                Some(Cause::Protocol(error)),
            ),
        )
        .await;
    }
}

#[tokio::test(start_paused = true)]
async fn codes_that_may_not_be_sent_are_refused_on_every_face() {
    let invalid = [0, 999, 1005, 1006, 1015, 5000, 65_535].map(|code| {
        let code = CloseCode(code);
        (code, CloseError::InvalidCode(code))
    });
    let reserved = [1004, 1016, 2000, 2999].map(|code| {
        let code = CloseCode(code);
        (code, CloseError::ReservedCode(code))
    });
    let cases: Vec<_> = invalid.into_iter().chain(reserved).collect();
    let (mut client, mut server) = pair().await;
    let handle = client.handle();
    for (code, error) in &cases {
        assert_eq!(handle.close(*code, ""), Err(*error));
        let refused = client.close(*code, "").await;
        assert_eq!(refused, Err(Error::Close(*error)));
    }
    let (tell, mut results) = mpsc::unbounded_channel();
    let handlers = Handlers::new().on_open({
        let cases = cases.clone();
        move |cx| {
            for (code, _) in &cases {
                tell.send(cx.close(*code, "")).expect("a test");
            }
        }
    });
    let _bare = handlers_of_bare(Config::server(), handlers).await;
    for (_, error) in cases {
        assert_eq!(results.recv().await, Some(Err(error)));
    }
    // Nothing of it has left.
    client.send("still here").await.expect("open");
    assert_eq!(server.recv().await, Ok(Some(Message::from("still here"))));
}

#[tokio::test(start_paused = true)]
async fn codes_that_may_be_sent_arrive_as_they_are() {
    for code in [1000, 1001, 1011, 1014, 3000, 3999, 4000, 4999] {
        for role in ROLES {
            let (mut ws, mut bare) = of_bare(role).await;
            let peer = async {
                let close = read_frame(&mut bare).await.expect("a close frame");
                bare.write_all(&from_peer(role, CLOSE, &close.1))
                    .await
                    .expect("open");
                bare.shutdown().await.expect("an end");
                close
            };
            let close = ws.close(CloseCode(code), "why");
            let (closed, close) = tokio::join!(within(close), peer);
            assert_eq!(close, (CLOSE, closing(code, "why")));
            let closed = closed.expect("open");
            let same = (code, "why");
            let local = Some(Initiator::Local);
            assert_eq!(told(&closed), expected(same, same, local, None));
            assert!(closed.is_clean());
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_close_between_the_fragments_of_a_message_ends_both() {
    agrees(
        |role| {
            let begins = beginning(role, TEXT, b"never ");
            let close = from_peer(role, CLOSE, &closing(1001, "leaving"));
            [begins, close, from_peer(role, 0, b"whole")].concat()
        },
        &[],
        &[(CLOSE, closing(1001, "leaving"))],
        expected(
            (1001, "leaving"),
            (1001, "leaving"),
            Some(Initiator::Remote),
            Some(Cause::Unfinished),
        ),
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn an_end_inside_a_frame_is_no_close() {
    for cut in [1, 2, 5] {
        agrees(
            |role| {
                let whole = from_peer(role, TEXT, b"whole");
                let cut_one = from_peer(role, TEXT, b"cut");
                [&whole[..], &cut_one[..cut.min(cut_one.len() - 1)]].concat()
            },
            &["whole"],
            &[],
            expected(NOTHING, NOTHING, None, Some(Cause::Eof)),
        )
        .await;
    }
}

#[tokio::test(start_paused = true)]
async fn an_end_inside_a_close_frame_is_no_close() {
    agrees(
        |role| {
            let mut close = from_peer(role, CLOSE, &closing(1000, "almost"));
            close.truncate(close.len() - 1);
            close
        },
        &[],
        &[],
        expected(NOTHING, NOTHING, None, Some(Cause::Eof)),
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn an_end_between_fragments_is_no_close() {
    agrees(
        |role| beginning(role, TEXT, b"begun"),
        &[],
        &[],
        expected(NOTHING, NOTHING, None, Some(Cause::Eof)),
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_closes_twice_is_answered_once_with_its_first_words() {
    agrees(
        |role| {
            let first = from_peer(role, CLOSE, &closing(4000, "first"));
            [first, from_peer(role, CLOSE, &closing(4001, "second"))].concat()
        },
        &[],
        &[(CLOSE, closing(4000, "first"))],
        expected(
            (4000, "first"),
            (4000, "first"),
            Some(Initiator::Remote),
            None,
        ),
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn closing_twice_sends_one_close_frame() {
    for role in ROLES {
        let (mut ws, mut bare) = of_bare(role).await;
        let handle = ws.handle();
        handle.close(CloseCode(4000), "first").expect("open");
        let again = handle.close(CloseCode(4001), "second");
        assert_eq!(again, Err(CloseError::Closing));
        let peer = async {
            let close = read_frame(&mut bare).await;
            bare.write_all(&from_peer(role, CLOSE, b""))
                .await
                .expect("open");
            bare.shutdown().await.expect("an end");
            (close, read_frame(&mut bare).await)
        };
        // On a connection that is closing this only waits.
        let closing_again = ws.close(CloseCode(4002), "third");
        let (closed, frames) = tokio::join!(within(closing_again), peer);
        assert_eq!(frames, (Some((CLOSE, closing(4000, "first"))), None));
        let local = Some(Initiator::Local);
        let expected = expected((4000, "first"), (1005, ""), local, None);
        assert_eq!(told(&closed.expect("no error")), expected);
    }
}

#[tokio::test(start_paused = true)]
async fn both_ends_may_close_at_once_and_each_is_the_first() {
    for role in ROLES {
        let (mut ws, mut bare) = of_bare(role).await;
        // The peer's close frame is on its way before ours leaves.
        let crossing = from_peer(role, CLOSE, &closing(4001, "theirs"));
        bare.write_all(&crossing).await.expect("open");
        let peer = async {
            let close = read_frame(&mut bare).await;
            bare.shutdown().await.expect("an end");
            (close, read_frame(&mut bare).await)
        };
        let close = ws.close(CloseCode(4000), "ours");
        let (closed, frames) = tokio::join!(within(close), peer);
        assert_eq!(frames, (Some((CLOSE, closing(4000, "ours"))), None));
        let closed = closed.expect("open");
        assert!(closed.is_clean());
        let local = Some(Initiator::Local);
        let expected = expected((4000, "ours"), (4001, "theirs"), local, None);
        assert_eq!(told(&closed), expected);
    }
}

#[tokio::test(start_paused = true)]
async fn messages_between_the_two_close_frames_still_come_and_pings_go_unanswered() {
    for role in ROLES {
        let (mut ws, mut bare) = of_bare(role).await;
        let handle = ws.handle();
        handle.close(CloseCode::NORMAL, "").expect("open");
        let late = [
            from_peer(role, TEXT, b"late"),
            from_peer(role, PING, b"late"),
            from_peer(role, CLOSE, &closing(1000, "")),
        ];
        bare.write_all(&late.concat()).await.expect("open");
        bare.shutdown().await.expect("an end");
        assert_eq!(drain(&mut ws).await, [Message::from("late")]);
        let close = (CLOSE, closing(1000, ""));
        assert_eq!(read_frame(&mut bare).await, Some(close));
        assert_eq!(read_frame(&mut bare).await, None);
    }
}

#[tokio::test(start_paused = true)]
async fn our_close_goes_between_the_fragments_that_we_send() {
    for role in ROLES {
        let (mut ws, mut bare) = of_bare(role).await;
        ws.send_fragment("begun", false).await.expect("open");
        let handle = ws.handle();
        handle.close(CloseCode(4000), "").expect("open");
        let owner = tokio::spawn(async move { ws.recv().await });
        let begun = read_frame(&mut bare).await;
        assert_eq!(begun, Some((TEXT, b"begun".to_vec())));
        assert_eq!(
            read_frame(&mut bare).await,
            Some((CLOSE, closing(4000, "")))
        );
        bare.write_all(&from_peer(role, CLOSE, b""))
            .await
            .expect("open");
        bare.shutdown().await.expect("an end");
        let told = Err(Error::Ended(Cause::Unfinished));
        assert_eq!(within(owner).await.expect("no panic"), told);
        assert!(!handle.closed().await.is_clean());
    }
}

#[tokio::test(start_paused = true)]
async fn what_handles_lose_to_a_close_inside_a_message_is_told_to_both_ends() {
    let (mut client, mut server) = pair().await;
    client.send_fragment("begun", false).await.expect("open");
    let handle = client.handle();
    handle.send("never to leave").expect("open");
    // Behind it, and still not held up by a message that nobody ends.
    handle.close(CloseCode(4000), "").expect("open");
    let owner = tokio::spawn(async move { client.recv().await });
    let told = Err(Error::Ended(Cause::Unfinished));
    assert_eq!(within(server.recv()).await, told);
    assert_eq!(
        server.close_info().map(Closed::remote_code),
        Some(CloseCode(4000))
    );
    assert_eq!(within(owner).await.expect("no panic"), told);
    let closed = handle.closed().await;
    assert_eq!(
        (closed.is_clean(), closed.cause),
        (false, Some(Cause::Unfinished))
    );
}

#[tokio::test(start_paused = true)]
async fn an_end_of_the_transport_tells_more_than_a_close_inside_a_message() {
    for role in ROLES {
        let (mut ws, bare) = of_bare(role).await;
        ws.send_fragment("begun", false).await.expect("open");
        let handle = ws.handle();
        handle.close(CloseCode(4000), "").expect("open");
        drop(bare);
        let told = within(ws.recv()).await;
        assert!(
            matches!(told, Err(Error::Ended(Cause::Eof | Cause::Transport(_)))),
            "{told:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_close_behind_the_opening_handshake_is_seen() {
    // In the same bytes as the end of the handshake.
    let (near, mut far) = tokio::io::duplex(4096);
    let request = Client::new().request("ws://in.memory/").expect("a URI");
    let answering = async {
        let head = super::support::read_head(&mut far).await;
        let mut bytes = super::support::accepting(&head);
        bytes.extend(frame(CLOSE, &closing(1013, "full")));
        far.write_all(&bytes).await.expect("open");
        let answer = read_frame(&mut far).await;
        drop(far);
        answer
    };
    let client = async {
        let mut client = request.connect_on(near).await.expect("a connection");
        let end = client.recv().await;
        (end, client.close_info().cloned().expect("an end"))
    };
    let ((end, closed), answer) = within(async { tokio::join!(client, answering) }).await;
    assert_eq!(end, Ok(None));
    assert_eq!(answer, Some((CLOSE, closing(1013, "full"))));
    let same = (1013, "full");
    let remote = Some(Initiator::Remote);
    assert_eq!(told(&closed), expected(same, same, remote, None));
}

#[tokio::test]
async fn a_close_of_a_handle_during_the_handshake_is_refused_and_terminate_is_not() {
    let (listener, uri) = listen().await;
    let (handlers, mut log) = log();
    let request = Client::new().request(&uri).expect("a URI");
    let handle = request.handler(handlers).start();
    let (mut tcp, _) = within(listener.accept()).await.expect("a client");
    super::support::read_head(&mut tcp).await;
    let refused = handle.close(CloseCode::NORMAL, "");
    assert_eq!(refused, Err(CloseError::NotOpen));
    handle.terminate();
    assert_eq!(log.failed().await, "attempt was given up");
    let cause = Cause::Transport("attempt was given up".into());
    let expected = expected(NOTHING, NOTHING, None, Some(cause));
    assert_eq!(told(&handle.closed().await), expected);
    log.ends().await;
}

/// A client with handlers over real TCP, and its bare peer.
async fn tcp_client() -> (Handle, super::support::Log, TcpStream) {
    let (listener, uri) = listen().await;
    let (handlers, mut log) = log();
    let request = Client::new().request(&uri).expect("a URI");
    let handle = request.handler(handlers).start();
    let (tcp, _) = within(listener.accept()).await.expect("a client");
    let tcp = answer(tcp).await;
    log.open().await;
    (handle, log, tcp)
}

/// Ends the sending direction alone.
fn shut(tcp: TcpStream, how: Shutdown) -> TcpStream {
    let tcp = tcp.into_std().expect("a socket");
    tcp.shutdown(how).expect("open");
    TcpStream::from_std(tcp).expect("a socket")
}

#[tokio::test]
async fn a_peer_that_ends_its_sending_direction_has_ended_the_connection() {
    let (_handle, mut log, mut tcp) = tcp_client().await;
    tcp.write_all(&frame(TEXT, b"last")).await.expect("open");
    let mut tcp = shut(tcp, Shutdown::Write);
    assert_eq!(log.message().await, Message::from("last"));
    let closed = log.closed().await;
    assert_eq!(
        told(&closed),
        expected(NOTHING, NOTHING, None, Some(Cause::Eof))
    );
    // Its receiving direction is ended in turn, without a frame.
    let mut rest = Vec::new();
    within(tcp.read_to_end(&mut rest)).await.expect("an end");
    assert_eq!(rest, b"");
    log.ends().await;
}

#[tokio::test]
async fn a_peer_that_closes_and_ends_its_sending_direction_still_gets_the_answer() {
    let (_handle, mut log, mut tcp) = tcp_client().await;
    let close = frame(CLOSE, &closing(4000, "half"));
    tcp.write_all(&close).await.expect("open");
    let mut tcp = shut(tcp, Shutdown::Write);
    let answer = read_frame(&mut tcp).await;
    assert_eq!(answer, Some((CLOSE, closing(4000, "half"))));
    assert_eq!(read_frame(&mut tcp).await, None);
    let closed = log.closed().await;
    let same = (4000, "half");
    let remote = Some(Initiator::Remote);
    assert_eq!(told(&closed), expected(same, same, remote, None));
    log.ends().await;
}

#[tokio::test]
async fn a_peer_that_takes_nothing_any_more_can_still_be_heard() {
    // The other direction: it receives no more, which TCP tells nobody, and sends on.
    let (handle, mut log, tcp) = tcp_client().await;
    let mut tcp = shut(tcp, Shutdown::Read);
    tcp.write_all(&frame(TEXT, b"heard")).await.expect("open");
    assert_eq!(log.message().await, Message::from("heard"));
    handle.close(CloseCode::NORMAL, "").expect("open");
    tcp.write_all(&frame(CLOSE, &closing(1000, "")))
        .await
        .expect("open");
    drop(tcp);
    let closed = log.closed().await;
    assert_eq!(closed.local_code(), CloseCode::NORMAL);
    log.ends().await;
}

#[tokio::test]
async fn a_server_ends_its_sending_direction_first_and_waits_for_the_client() {
    let server = super::support::echo().await;
    let mut tcp = super::support::ask(server.bare().await).await;
    tcp.write_all(&masked(CLOSE, &closing(1000, "")))
        .await
        .expect("open");
    let close = (CLOSE, closing(1000, ""));
    assert_eq!(read_frame(&mut tcp).await, Some(close));
    assert_eq!(read_frame(&mut tcp).await, None, "the end, and no reset");
    // RFC 6455 §7.1.1: what the client still sends is not answered with a reset at once.
    tcp.write_all(&masked(PONG, b"")).await.expect("half open");
}

#[tokio::test(start_paused = true)]
async fn a_client_waits_for_the_server_to_end_the_transport_first() {
    let (mut client, mut bare) = client_of_bare(Config::client()).await;
    let start = Instant::now();
    bare.write_all(&frame(CLOSE, &closing(1000, "")))
        .await
        .expect("open");
    let owner = tokio::spawn(async move {
        let end = client.recv().await;
        (end, client)
    });
    assert_eq!(
        read_frame(&mut bare).await,
        Some((CLOSE, closing(1000, "")))
    );
    settle().await;
    assert!(!owner.is_finished());
    drop(bare);
    let (end, client) = owner.await.expect("no panic");
    assert_eq!(end, Ok(None));
    assert!(client.close_info().expect("an end").is_clean());
    assert_eq!(start.elapsed(), Duration::ZERO);
}

#[test]
fn every_registered_code_has_a_name() {
    let names = [
        (1000, "Normal close"),
        (1001, "Going away"),
        (1002, "Protocol error"),
        (1003, "Unsupported data"),
        (1005, "No status set"),
        (1006, "Abnormal close"),
        (1007, "Invalid payload"),
        (1008, "Policy violation"),
        (1009, "Message too big"),
        (1010, "Extension required"),
        (1011, "Internal endpoint error"),
        (1012, "Service restart"),
        (1013, "Try again later"),
        (1014, "Bad gateway"),
        (1015, "TLS handshake failure"),
        (3000, "Generic subprotocol error"),
        (3001, "Invalid subprotocol data"),
        (3003, "Forbidden"),
        (3008, "Timeout"),
    ];
    for (code, name) in names {
        assert_eq!(CloseCode(code).text(), name);
        assert_eq!(CloseCode(code).to_string(), format!("{code} ({name})"));
    }
    for code in [1004, 2999, 3999, 4000, 4999, 5000] {
        assert_eq!(CloseCode(code).text(), "Unknown");
        assert_eq!(
            CloseCode(code).is_application(),
            (4000..=4999).contains(&code)
        );
    }
}
