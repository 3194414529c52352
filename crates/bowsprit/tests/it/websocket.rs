//! The asynchronous face: messages, batches, control frames and closing, in memory.

use std::{future::poll_fn, pin::Pin};

use bowsprit::{
    Cause, Client, CloseCode, CloseError, Config, Error, Initiator, Kind, Message, SendError,
    Stage, State,
};
use futures_util::{SinkExt as _, StreamExt as _, TryStreamExt as _};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex};

use super::support::{
    CLOSE, PING, PONG, Recorder, TEXT, Trickle, accepting, answer, client_of_bare, closing, drain,
    frame, listen, masked, pair, pair_on, pair_with, polled, read_frame, read_head, server_of_bare,
    settle, within,
};

#[tokio::test(start_paused = true)]
async fn messages_of_both_kinds_go_both_ways() {
    let (mut client, mut server) = pair().await;
    let messages = [
        Message::from("ahoy"),
        Message::from(""),
        Message::from(vec![0, 255]),
        Message::from(Vec::new()),
        Message::from("Ölzeug 🚢"),
    ];
    for message in &messages {
        client.send(message.clone()).await.expect("open");
        let received = server.recv().await.expect("no error");
        assert_eq!(received.as_ref(), Some(message));
        server
            .send(received.expect("a message"))
            .await
            .expect("open");
        assert_eq!(
            client.recv().await.expect("no error").as_ref(),
            Some(message)
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_reply_loop_that_feeds_writes_once_for_a_batch() {
    let (near, far) = duplex(64 * 1024);
    let (far, writes) = Recorder::new(far);
    let (mut client, mut server) = pair_on(near, far, Config::client(), Config::server()).await;
    for number in 0..16 {
        client
            .feed(format!("message {number}"))
            .await
            .expect("open");
    }
    client.flush().await.expect("open");
    writes.take();
    let echo = tokio::spawn(async move {
        while let Some(message) = server.recv().await? {
            server.feed(message).await?;
        }
        Ok::<_, Error>(())
    });
    for number in 0..16 {
        let message = client.recv().await.expect("no error");
        assert_eq!(message, Some(Message::from(format!("message {number}"))));
    }
    let taken = writes.take();
    assert_eq!(taken.len(), 1, "{taken:?}");
    client.close(CloseCode::NORMAL, "").await.expect("open");
    echo.await.expect("no panic").expect("a clean end");
}

#[tokio::test(start_paused = true)]
async fn nothing_is_written_before_all_messages_of_a_read_are_handed_out() {
    let (near, far) = duplex(64 * 1024);
    let (far, writes) = Recorder::new(far);
    let (mut client, mut server) = pair_on(near, far, Config::client(), Config::server()).await;
    for _ in 0..3 {
        client.feed("a").await.expect("open");
    }
    client.flush().await.expect("open");
    writes.take();
    for _ in 0..3 {
        assert!(server.recv().await.expect("no error").is_some());
        server.feed("b").await.expect("open");
        assert!(writes.take().is_empty());
    }
    assert!(polled(1, server.recv()).await.is_none());
    assert_eq!(writes.take().concat(), b"\x81\x01b\x81\x01b\x81\x01b");
}

#[tokio::test(start_paused = true)]
async fn send_has_written_when_it_returns() {
    let (near, far) = duplex(64 * 1024);
    let (far, writes) = Recorder::new(far);
    let (_client, mut server) = pair_on(near, far, Config::client(), Config::server()).await;
    writes.take();
    server.send("a").await.expect("open");
    assert_eq!(writes.take(), [b"\x81\x01a"]);
    assert_eq!(server.queued_bytes(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_pong_leaves_inside_the_read_that_caused_it() {
    let (mut server, mut bare) = server_of_bare(Config::server()).await;
    let input = [masked(PING, b"?"), masked(TEXT, b"a"), masked(TEXT, b"b")].concat();
    bare.write_all(&input).await.expect("a write");
    // One poll, which returns the first message; the second is still unread.
    let first = polled(1, server.recv())
        .await
        .expect("ready")
        .expect("no error");
    assert_eq!(first, Some(Message::from("a")));
    assert_eq!(
        polled(1, read_frame(&mut bare)).await,
        Some(Some((PONG, b"?".to_vec())))
    );
}

#[tokio::test(start_paused = true)]
async fn a_pong_behind_a_message_leaves_inside_the_call_that_reads_it() {
    let (mut server, mut bare) = server_of_bare(Config::server()).await;
    let input = [masked(TEXT, b"a"), masked(PING, b"?"), masked(TEXT, b"b")].concat();
    bare.write_all(&input).await.expect("a write");
    for expected in ["a", "b"] {
        let message = polled(1, server.recv())
            .await
            .expect("ready")
            .expect("no error");
        assert_eq!(message, Some(Message::from(expected)));
    }
    assert_eq!(
        polled(1, read_frame(&mut bare)).await,
        Some(Some((PONG, b"?".to_vec())))
    );
}

#[tokio::test(start_paused = true)]
async fn a_pong_leaves_though_recv_is_dropped() {
    let (mut server, mut bare) = server_of_bare(Config::server()).await;
    bare.write_all(&masked(PING, b"?")).await.expect("a write");
    assert!(polled(1, server.recv()).await.is_none());
    assert_eq!(read_frame(&mut bare).await, Some((PONG, b"?".to_vec())));
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_was_fed_waits_while_the_pong_in_front_of_it_does_not() {
    let (mut server, mut bare) = server_of_bare(Config::server()).await;
    let input = [masked(TEXT, b"a"), masked(PING, b"?"), masked(TEXT, b"b")].concat();
    bare.write_all(&input).await.expect("a write");
    let message = server.recv().await.expect("no error").expect("a message");
    server.feed(message).await.expect("open");
    server.recv().await.expect("no error").expect("a message");
    assert_eq!(read_frame(&mut bare).await, Some((TEXT, b"a".to_vec())));
    assert_eq!(read_frame(&mut bare).await, Some((PONG, b"?".to_vec())));
}

#[tokio::test(start_paused = true)]
async fn pings_can_be_sent_and_too_long_ones_are_refused() {
    let (mut server, mut bare) = server_of_bare(Config::server()).await;
    server.ping(b"there?").await.expect("open");
    assert_eq!(
        read_frame(&mut bare).await,
        Some((PING, b"there?".to_vec()))
    );
    let error = server.ping(&[0; 126]).await.expect_err("too long");
    assert_eq!(error, Error::Send(SendError::ControlTooLong));
    server.send("fine").await.expect("still open");
}

#[tokio::test(start_paused = true)]
async fn both_sides_learn_how_a_connection_was_closed() {
    let (mut client, mut server) = pair().await;
    let reason = "é".repeat(100);
    let (closed, messages) = tokio::join!(
        client.close(CloseCode::GOING_AWAY, &reason),
        drain(&mut server)
    );
    assert!(messages.is_empty());
    let cut = "é".repeat(61);
    let client_closed = closed.expect("open");
    let server_closed = server.close_info().expect("an end").clone();
    assert_eq!(client_closed.initiator, Some(Initiator::Local));
    assert_eq!(server_closed.initiator, Some(Initiator::Remote));
    for closed in [client_closed, server_closed] {
        assert!(closed.is_clean(), "{closed}");
        assert_eq!(
            (closed.local_code(), closed.local_reason()),
            (CloseCode::GOING_AWAY, &*cut)
        );
        assert_eq!(
            (closed.remote_code(), closed.remote_reason()),
            (CloseCode::GOING_AWAY, &*cut)
        );
    }
    assert_eq!(client.recv().await, Ok(None));
    assert_eq!(server.recv().await, Ok(None));
    let error = server.send("late").await.expect_err("closed");
    assert_eq!(error, Error::Send(SendError::Closed));
}

#[tokio::test(start_paused = true)]
async fn a_code_that_may_not_be_sent_leaves_the_connection_as_it_was() {
    let (mut client, mut server) = pair().await;
    let refused = [
        (1006, "Invalid close code used"),
        (1005, "Invalid close code used"),
        (1015, "Invalid close code used"),
        (999, "Invalid close code used"),
        (5000, "Invalid close code used"),
        (1004, "Reserved close code used"),
        (2999, "Reserved close code used"),
    ];
    for (code, text) in refused {
        let error = client
            .close(CloseCode(code), "")
            .await
            .expect_err("refused");
        assert_eq!(error.to_string(), text, "{code}");
    }
    client.send("still here").await.expect("open");
    assert_eq!(server.recv().await, Ok(Some(Message::from("still here"))));
}

#[tokio::test(start_paused = true)]
async fn both_ends_may_close_at_once() {
    let (mut client, mut server) = pair().await;
    let (one, two) = tokio::join!(
        client.close(CloseCode::NORMAL, "client"),
        server.close(CloseCode::GOING_AWAY, "server"),
    );
    let (one, two) = (one.expect("open"), two.expect("open"));
    assert!(one.is_clean() && two.is_clean(), "{one}; {two}");
    assert_eq!(
        (one.local_code(), one.remote_code()),
        (CloseCode::NORMAL, CloseCode::GOING_AWAY)
    );
    assert_eq!(
        (two.local_code(), two.remote_code()),
        (CloseCode::GOING_AWAY, CloseCode::NORMAL)
    );
    assert_eq!(
        (one.remote_reason(), two.remote_reason()),
        ("server", "client")
    );
}

#[tokio::test(start_paused = true)]
async fn close_delivers_what_was_queued_before_it() {
    let (mut client, mut server) = pair().await;
    for number in 0..100 {
        client.feed(number.to_string()).await.expect("open");
    }
    let (closed, messages) = tokio::join!(client.close(CloseCode::NORMAL, ""), drain(&mut server));
    assert!(closed.expect("open").is_clean());
    let expected: Vec<_> = (0..100)
        .map(|number| Message::from(number.to_string()))
        .collect();
    assert_eq!(messages, expected);
}

#[tokio::test(start_paused = true)]
async fn nothing_can_be_sent_while_the_connection_is_closing() {
    let (mut client, mut bare) = client_of_bare(Config::client()).await;
    assert!(
        polled(1, client.close(CloseCode::NORMAL, ""))
            .await
            .is_none()
    );
    let error = client.send("late").await.expect_err("closing");
    assert_eq!(error, Error::Send(SendError::Closing));
    assert_eq!(client.ping(b"").await, Err(Error::Send(SendError::Closing)));
    assert_eq!(
        read_frame(&mut bare).await,
        Some((CLOSE, closing(1000, "")))
    );
    // Messages of the peer still come until its close frame.
    let input = [frame(TEXT, b"last"), frame(CLOSE, &closing(1000, ""))].concat();
    bare.write_all(&input).await.expect("a write");
    drop(bare);
    assert_eq!(client.recv().await, Ok(Some(Message::from("last"))));
    assert_eq!(client.recv().await, Ok(None));
    assert!(client.close_info().expect("an end").is_clean());
}

#[tokio::test(start_paused = true)]
async fn a_close_frame_without_a_code_is_answered_in_kind() {
    let (mut server, mut bare) = server_of_bare(Config::server()).await;
    bare.write_all(&masked(CLOSE, b"")).await.expect("a write");
    assert_eq!(server.recv().await, Ok(None));
    assert_eq!(read_frame(&mut bare).await, Some((CLOSE, Vec::new())));
    assert_eq!(
        read_frame(&mut bare).await,
        None,
        "the server ends TCP first"
    );
    assert_eq!(
        server.close_info().expect("an end").remote_code(),
        CloseCode::NO_STATUS
    );
}

#[tokio::test(start_paused = true)]
async fn what_follows_a_close_frame_is_ignored() {
    let (mut server, mut bare) = server_of_bare(Config::server()).await;
    let input = [
        masked(CLOSE, &closing(1001, "")),
        masked(TEXT, b"late"),
        vec![0xFF; 9],
    ]
    .concat();
    bare.write_all(&input).await.expect("a write");
    assert_eq!(server.recv().await, Ok(None));
    let closed = server.close_info().expect("an end");
    assert!(closed.is_clean(), "{closed}");
    assert_eq!(closed.remote_code(), CloseCode::GOING_AWAY);
}

#[tokio::test(start_paused = true)]
async fn the_client_waits_for_the_server_to_end_the_transport() {
    let (mut client, mut bare) = client_of_bare(Config::client()).await;
    bare.write_all(&frame(CLOSE, &closing(1000, "")))
        .await
        .expect("a write");
    let start = tokio::time::Instant::now();
    assert!(polled(5, client.recv()).await.is_none());
    assert_eq!(
        read_frame(&mut bare).await,
        Some((CLOSE, closing(1000, "")))
    );
    assert!(
        polled(5, bare.read_u8()).await.is_none(),
        "the client ends TCP first"
    );
    // It does not wait for ever.
    assert_eq!(client.recv().await, Ok(None));
    assert_eq!(start.elapsed().as_secs(), 1);
    assert!(client.close_info().expect("an end").is_clean());
}

#[tokio::test(start_paused = true)]
async fn a_rule_that_the_peer_broke_is_told_once() {
    let (mut client, mut bare) = client_of_bare(Config::client()).await;
    let input = [frame(TEXT, b"good"), vec![0x83, 0]].concat();
    bare.write_all(&input).await.expect("a write");
    assert_eq!(client.recv().await, Ok(Some(Message::from("good"))));
    let peer = tokio::spawn(async move {
        let frames = [read_frame(&mut bare).await, read_frame(&mut bare).await];
        drop(bare);
        frames
    });
    let error = client.recv().await.expect_err("a reserved opcode");
    assert_eq!(
        error.to_string(),
        "protocol violation by the peer: reserved opcode 0x3"
    );
    let [told, end] = peer.await.expect("no panic");
    assert_eq!(told, Some((CLOSE, closing(1002, ""))));
    assert_eq!(end, None);
    assert_eq!(client.recv().await, Ok(None));
    let closed = client.close_info().expect("an end");
    assert!(matches!(closed.cause, Some(Cause::Protocol(_))));
}

#[tokio::test(start_paused = true)]
async fn messages_of_a_peer_that_vanished_are_received_before_the_error() {
    let (mut server, mut bare) = server_of_bare(Config::server()).await;
    bare.write_all(&masked(TEXT, b"last words"))
        .await
        .expect("a write");
    drop(bare);
    assert_eq!(server.recv().await, Ok(Some(Message::from("last words"))));
    assert_eq!(server.recv().await, Err(Error::Ended(Cause::Eof)));
    assert_eq!(server.recv().await, Ok(None));
    assert_eq!(
        server.close_info().expect("an end").remote_code(),
        CloseCode::ABNORMAL
    );
}

#[tokio::test(start_paused = true)]
async fn is_a_stream_and_a_sink() {
    let (mut client, server) = pair().await;
    let (sink, stream) = server.split();
    let echo = tokio::spawn(stream.forward(sink));
    let texts = ["one", "two", "three"];
    let mut messages = futures_util::stream::iter(texts.map(|text| Ok(Message::from(text))));
    client.send_all(&mut messages).await.expect("open");
    let received: Vec<_> = (&mut client).take(3).try_collect().await.expect("no error");
    assert_eq!(received, texts.map(Message::from));
    // The inherent `close` shadows the one of the trait.
    futures_util::SinkExt::close(&mut client)
        .await
        .expect("open");
    echo.await.expect("no panic").expect("a clean end");
    assert!(client.close_info().expect("an end").is_clean());
    assert_eq!(client.next().await, None);
}

#[tokio::test(start_paused = true)]
async fn the_traits_report_an_error_once_and_then_the_end() {
    let (mut client, bare) = client_of_bare(Config::client()).await;
    drop(bare);
    assert_eq!(client.next().await, Some(Err(Error::Ended(Cause::Eof))));
    assert_eq!(client.next().await, None);
    let mut sink = Pin::new(&mut client);
    poll_fn(|cx| futures_util::Sink::poll_ready(sink.as_mut(), cx))
        .await
        .expect("room");
    let error = futures_util::Sink::start_send(sink, Message::from("late"));
    assert_eq!(error, Err(Error::Send(SendError::Closed)));
}

#[tokio::test(start_paused = true)]
async fn large_texts_of_many_scripts_go_both_ways() {
    let config = |mut config: Config| {
        config.limits.message = 17 << 20;
        config.limits.frame = 17 << 20;
        config
    };
    let (mut client, mut server) =
        pair_with(config(Config::client()), config(Config::server())).await;
    for len in [1 << 20, 16 << 20] {
        let unit = "a é 船 🚢 ";
        let text = Message::from(unit.repeat(len / unit.len() + 1));
        let echo = async {
            let message = server.recv().await.expect("no error").expect("a message");
            assert_eq!(message.kind(), Kind::Text);
            server.send(message).await.expect("open");
        };
        let round_trip = async {
            client.send(text.clone()).await.expect("open");
            client.recv().await.expect("no error").expect("a message")
        };
        let ((), back) = tokio::join!(echo, round_trip);
        assert!(back == text, "{len} bytes came back changed");
    }
}

#[tokio::test(start_paused = true)]
async fn a_whole_session_survives_a_transport_of_single_bytes() {
    let (near, far) = duplex(16);
    let (near, far) = (Trickle::new(near), Trickle::new(far));
    let (mut client, mut server) = pair_on(near, far, Config::client(), Config::server()).await;
    let text = "é船🚢".repeat(40);
    let talk = async {
        for _ in 0..3 {
            client.send(text.as_str()).await.expect("open");
            client.ping(b"?").await.expect("open");
            let back = client.recv().await.expect("no error");
            assert_eq!(back, Some(Message::from(text.as_str())));
        }
        client.close(CloseCode::NORMAL, "bye").await.expect("open")
    };
    let echo = async {
        while let Some(message) = server.recv().await.expect("a clean end") {
            server.feed(message).await.expect("open");
        }
    };
    let (closed, ()) = within(async { tokio::join!(talk, echo) }).await;
    assert!(closed.is_clean(), "{closed}");
    assert_eq!(closed.remote_reason(), "bye");
}

#[tokio::test(start_paused = true)]
async fn what_comes_behind_the_handshake_is_not_lost() {
    let (near, mut far) = duplex(64 * 1024);
    let request = Client::new().request("ws://in.memory/").expect("a URI");
    let server = async {
        let head = read_head(&mut far).await;
        let mut bytes = accepting(&head);
        bytes.extend([frame(TEXT, b"one"), frame(TEXT, b"two")].concat());
        far.write_all(&bytes).await.expect("a write");
    };
    let (client, ()) = tokio::join!(request.connect_on(near), server);
    let mut client = client.expect("a client");
    for expected in ["one", "two"] {
        assert_eq!(client.recv().await, Ok(Some(Message::from(expected))));
    }
}

#[tokio::test(start_paused = true)]
async fn handles_are_served_while_the_owner_receives() {
    let (mut client, mut server) = pair().await;
    let handle = client.handle();
    assert_eq!(handle, client.handle());
    assert_eq!(handle.id(), client.id());
    assert_eq!(handle.info().expect("open").uri(), "ws://in.memory/");
    let owner = tokio::spawn(async move { drain(&mut client).await });
    settle().await;
    handle.send("from a handle").expect("open");
    assert_eq!(
        server.recv().await,
        Ok(Some(Message::from("from a handle")))
    );
    handle.close(CloseCode::NORMAL, "").expect("open");
    assert_eq!(server.recv().await, Ok(None));
    owner.await.expect("no panic");
    assert_eq!(handle.state(), State::Closed);
}

#[tokio::test(start_paused = true)]
async fn a_handle_made_after_the_end_says_so() {
    let (mut client, mut server) = pair().await;
    let (closed, _) = tokio::join!(client.close(CloseCode::NORMAL, ""), drain(&mut server));
    let handle = client.handle();
    assert_eq!(handle.send("late"), Err(SendError::Closed));
    assert_eq!(handle.close(CloseCode::NORMAL, ""), Err(CloseError::Closed));
    assert_eq!(within(handle.closed()).await, closed.expect("open"));
}

#[tokio::test(start_paused = true)]
async fn a_handle_made_while_closing_says_so() {
    let (mut client, _bare) = client_of_bare(Config::client()).await;
    assert!(
        polled(1, client.close(CloseCode::NORMAL, ""))
            .await
            .is_none()
    );
    let handle = client.handle();
    assert_eq!(handle.send("late"), Err(SendError::Closing));
    assert_eq!(
        handle.close(CloseCode::NORMAL, ""),
        Err(CloseError::Closing)
    );
}

#[tokio::test(start_paused = true)]
async fn dropping_it_ends_the_transport_and_its_handles() {
    let (mut client, mut server) = pair().await;
    let handle = client.handle();
    drop(client);
    assert_eq!(server.recv().await, Err(Error::Ended(Cause::Eof)));
    assert_eq!(within(handle.closed()).await.cause, Some(Cause::Aborted));
}

#[tokio::test(start_paused = true)]
async fn a_subprotocol_that_was_chosen_is_known() {
    let (near, mut far) = duplex(64 * 1024);
    let request = Client::new().request("ws://in.memory/").expect("a URI");
    let request = request.subprotocol("chat.v2").expect("a token");
    let server = async {
        let head = read_head(&mut far).await;
        let answer = String::from_utf8(accepting(&head)).expect("text");
        let answer = answer.replacen("\r\n\r\n", "\r\nSec-WebSocket-Protocol: chat.v2\r\n\r\n", 1);
        far.write_all(answer.as_bytes()).await.expect("a write");
    };
    let (client, ()) = tokio::join!(request.connect_on(near), server);
    assert_eq!(client.expect("a client").subprotocol(), Some("chat.v2"));
}

#[tokio::test]
async fn connects_over_tcp_with_one_call() {
    let (listener, uri) = listen().await;
    let server = tokio::spawn(async move {
        let (tcp, _) = listener.accept().await.expect("a client");
        let mut tcp = answer(tcp).await;
        read_frame(&mut tcp).await
    });
    let mut ws = within(bowsprit::connect(&uri)).await.expect("a connection");
    assert!(ws.tls_info().is_none());
    ws.send("ahoy").await.expect("open");
    let received = within(server).await.expect("no panic");
    assert_eq!(received, Some((TEXT, b"ahoy".to_vec())));
}

#[tokio::test(start_paused = true)]
async fn the_end_reaches_the_peer_though_the_owner_keeps_it() {
    let (mut client, mut bare) = client_of_bare(Config::client()).await;
    bare.write_all(&frame(CLOSE, &closing(1000, "")))
        .await
        .expect("a write");
    bare.shutdown().await.expect("an end");
    assert_eq!(client.recv().await, Ok(None));
    assert_eq!(
        read_frame(&mut bare).await,
        Some((CLOSE, closing(1000, "")))
    );
    assert_eq!(read_frame(&mut bare).await, None);
    assert!(client.close_info().expect("an end").is_clean());
}

#[tokio::test]
async fn who_awaits_is_given_whole_messages_and_may_send_in_fragments() {
    let mut streaming = Config::server();
    streaming.streaming = true;
    let (mut client, mut server) = pair_with(Config::client(), streaming).await;
    let handle = client.handle();
    client.send_fragment("one, ", false).await.expect("room");
    handle.send("from a handle").expect("room");
    client
        .flush()
        .await
        .expect("a write that ends while a message is begun");
    client.send_fragment("two", true).await.expect("room");
    for expected in ["one, two", "from a handle"] {
        let message = within(server.recv()).await.expect("no error");
        assert_eq!(message, Some(Message::from(expected)));
    }
}

/// tokio's budget for a turn is used up then: what the timer was told in that turn does not count.
#[tokio::test(start_paused = true)]
async fn a_silent_peer_is_noticed_after_a_burst_of_sends() {
    let (mut client, _server) = pair().await;
    for _ in 0..200 {
        client.send("x").await.expect("room");
    }
    let silent = Err(Error::Ended(Cause::Timeout(Stage::Pong)));
    assert_eq!(within(client.recv()).await, silent);
}

#[tokio::test(start_paused = true)]
async fn what_came_before_a_close_can_be_answered() {
    for size in [1000, 5000] {
        let (near, far) = duplex(256 * 1024);
        let (mut client, mut server) = pair_on(near, far, Config::client(), Config::server()).await;
        for _ in 0..3 {
            let message = "x".repeat(size);
            client.feed(message).await.expect("room");
        }
        let closing = tokio::spawn(async move { client.close(CloseCode::NORMAL, "").await });
        settle().await;
        let mut heard = 0;
        while let Some(message) = server.recv().await.expect("a clean end") {
            heard += 1;
            server.feed(message).await.expect("open");
        }
        assert_eq!(heard, 3, "of {size} bytes");
        within(closing).await.expect("no panic").expect("an end");
    }
}
