//! How many clients a server has at once, and that every place is given back.

use std::{future::pending, net::SocketAddr, sync::Arc, time::Duration};

use bowsprit::{Accept, AcceptError, CloseCode, HttpRequest, Response, Server, WebSocket};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex},
    sync::Notify,
    task::JoinHandle,
    time::Instant,
};

use super::support::{Echo, REQUEST, ask, polled, read_head, run, settle, within};

type Opened = Result<WebSocket<DuplexStream>, AcceptError>;

fn peer(address: &str) -> Option<SocketAddr> {
    Some(SocketAddr::new(address.parse().expect("an address"), 4711))
}

/// A client from this address that has sent these bytes, and the server's part in it.
async fn client(
    server: &Server,
    peer: Option<SocketAddr>,
    bytes: &str,
) -> (DuplexStream, JoinHandle<Opened>) {
    let (near, mut far) = duplex(64 * 1024);
    far.write_all(bytes.as_bytes()).await.expect("a write");
    let server = server.clone();
    let accepted = tokio::spawn(async move { server.accept_on(near, peer).await });
    settle().await;
    (far, accepted)
}

/// A client that asks as it should, and what it gets.
async fn asking(server: &Server, address: &str) -> (DuplexStream, String, Opened) {
    let request = format!("{REQUEST}\r\n");
    let (mut far, accepted) = client(server, peer(address), &request).await;
    let head = read_head(&mut far).await;
    if !head.starts_with("HTTP/1.1 101 ") {
        // Nobody is waited for who has gone.
        far.shutdown().await.expect("an end");
    }
    let opened = within(accepted).await.expect("no panic");
    (far, head, opened)
}

async fn opens(server: &Server, address: &str) -> (DuplexStream, WebSocket<DuplexStream>) {
    let (far, head, opened) = asking(server, address).await;
    assert!(head.starts_with("HTTP/1.1 101 "), "{address}: {head}");
    (far, opened.expect("open"))
}

async fn refused(server: &Server, address: &str, status: &str) -> AcceptError {
    let (_, head, opened) = asking(server, address).await;
    assert!(
        head.starts_with(&format!("HTTP/1.1 {status}\r\n")),
        "{head}"
    );
    assert!(head.contains("\r\nConnection: close\r\n"), "{head}");
    assert!(head.contains("\r\nRetry-After: 5\r\n"), "{head}");
    assert!(head.contains("\r\nServer: bowsprit/"), "{head}");
    opened.expect_err("no room")
}

#[tokio::test]
async fn one_connection_too_many_gets_a_503() {
    let server = Server::builder().max_connections(2).build();
    let (first, _ws) = opens(&server, "192.0.2.1").await;
    let (_second, ws) = opens(&server, "192.0.2.2").await;
    let error = refused(&server, "192.0.2.3", "503 Service Unavailable").await;
    assert!(matches!(error, AcceptError::TooManyConnections), "{error}");
    // The refusal itself has taken nothing, and the end of another makes room.
    refused(&server, "192.0.2.3", "503 Service Unavailable").await;
    drop(ws);
    let (_third, _ws) = opens(&server, "192.0.2.3").await;
    refused(&server, "192.0.2.3", "503 Service Unavailable").await;
    drop(first);
}

#[tokio::test]
async fn one_connection_too_many_from_an_address_gets_a_429() {
    let server = Server::builder().max_per_address(1).build();
    let (_one, _ws) = opens(&server, "192.0.2.1").await;
    let error = refused(&server, "192.0.2.1", "429 Too Many Requests").await;
    assert!(matches!(error, AcceptError::TooManyFromAddress), "{error}");
    let error = refused(&server, "::ffff:192.0.2.1", "429 Too Many Requests").await;
    assert!(matches!(error, AcceptError::TooManyFromAddress), "{error}");
    let (_two, _ws2) = opens(&server, "192.0.2.2").await;
    let (_three, _ws3) = opens(&server, "2001:db8:0:1::1").await;
    refused(&server, "2001:db8:0:1:2:3:4:5", "429 Too Many Requests").await;
    let (_four, _ws4) = opens(&server, "2001:db8:0:2::1").await;
    // Nothing is known of these, and nothing counted.
    for _ in 0..3 {
        let (far, accepted) = client(&server, None, &format!("{REQUEST}\r\n")).await;
        let opened = within(accepted).await.expect("no panic").expect("open");
        std::mem::forget((far, opened));
    }
}

#[tokio::test]
async fn over_a_socket_the_address_is_the_clients_own() {
    let server = run(Server::builder().max_per_address(1), || Echo).await;
    let mut ws = within(bowsprit::connect(&server.uri))
        .await
        .expect("a connection");
    let mut tcp = server.bare().await;
    let asked = tcp.write_all(format!("{REQUEST}\r\n").as_bytes()).await;
    asked.expect("a write");
    let head = read_head(&mut tcp).await;
    assert!(
        head.starts_with("HTTP/1.1 429 Too Many Requests\r\n"),
        "{head}"
    );
    within(ws.close(CloseCode::NORMAL, "")).await.expect("open");
    // The server's task has ended its part before the client saw the end of it, or is about to.
    let again = async {
        while bowsprit::connect(&server.uri).await.is_err() {
            tokio::task::yield_now().await;
        }
    };
    within(again).await;
}

#[tokio::test]
async fn a_slot_is_free_again_however_the_handshake_ends() {
    let server = Server::builder()
        .max_connections(1)
        .validate(|request: HttpRequest| async move {
            match request.path() {
                "/no" => Err(Response::new(401)?),
                "/wait" => pending().await,
                _ => Ok(Accept::default()),
            }
        })
        .build();
    let request = |path: &str| format!("{REQUEST}\r\n").replace("GET /", &format!("GET {path}"));

    // Refused by validate.
    let (mut far, accepted) = client(&server, None, &request("/no")).await;
    let head = read_head(&mut far).await;
    assert!(head.starts_with("HTTP/1.1 401 "), "{head}");
    // Even while the client is still there.
    drop(opens(&server, "192.0.2.1").await);
    drop(far);
    within(accepted).await.expect("no panic").expect_err("no");

    // Cancelled by whoever accepts, in the middle of validate.
    let (far, accepted) = client(&server, None, &request("/wait")).await;
    refused(&server, "192.0.2.1", "503 Service Unavailable").await;
    accepted.abort();
    accepted.await.expect_err("cancelled");
    drop(opens(&server, "192.0.2.1").await);
    drop(far);

    // Closed as it should be, while the WebSocket is kept.
    let (far, mut ws) = opens(&server, "192.0.2.1").await;
    drop(far);
    within(ws.recv()).await.expect_err("no close frame");
    drop(opens(&server, "192.0.2.1").await);
    assert!(ws.close_info().is_some());
}

/// The first bytes of what the server says to a client that it lets go, and the end.
async fn rest(mut far: DuplexStream) -> String {
    let mut rest = Vec::new();
    within(far.read_to_end(&mut rest)).await.expect("an end");
    String::from_utf8(rest).expect("text")
}

#[tokio::test(start_paused = true)]
async fn the_oldest_handshake_makes_room_for_a_new_one() {
    let server = Server::builder().max_handshakes(2).build();
    let start = Instant::now();
    let (first, first_end) = client(&server, None, "GET / HT").await;
    let (second, second_end) = client(&server, None, "").await;
    let (third, third_end) = client(&server, None, "GET ").await;
    let answer = rest(first).await;
    assert!(
        answer.starts_with("HTTP/1.1 503 Service Unavailable\r\n"),
        "{answer}"
    );
    let error = first_end.await.expect("no panic").expect_err("no place");
    assert!(matches!(error, AcceptError::TooManyHandshakes), "{error}");
    assert!(!second_end.is_finished() && !third_end.is_finished());
    // A client that does its part is served whatever the others do.
    let _open = opens(&server, "192.0.2.1").await;
    let answer = rest(second).await;
    assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
    assert!(!third_end.is_finished());
    assert_eq!(start.elapsed(), Duration::ZERO, "nobody was waited for");
    // Open ones are no handshakes: there is room for one beside the third.
    let (_fourth, fourth_end) = client(&server, None, "").await;
    assert!(!third_end.is_finished() && !fourth_end.is_finished());
    drop(third);
    third_end.await.expect("no panic").expect_err("gone");
}

#[tokio::test(start_paused = true)]
async fn refused_clients_that_linger_hold_no_place_for_long() {
    let server = Server::builder().max_handshakes(1).build();
    let start = Instant::now();
    let (mut lingers, refused) = client(&server, None, "not HTTP at all\r\n").await;
    let head = read_head(&mut lingers).await;
    assert!(head.starts_with("HTTP/1.1 400 "), "{head}");
    assert!(!refused.is_finished());
    let _open = opens(&server, "192.0.2.1").await;
    refused.await.expect("no panic").expect_err("refused");
    assert_eq!(start.elapsed(), Duration::ZERO);
}

#[tokio::test]
async fn thousands_of_stuck_clients_keep_nobody_waiting() {
    let server = Server::builder().max_handshakes(100).build();
    let mut stuck = Vec::new();
    for _ in 0..5000 {
        let (near, far) = duplex(64);
        let server = server.clone();
        let accepted = tokio::spawn(async move { server.accept_on(near, None).await.map(drop) });
        stuck.push((far, accepted));
        if stuck.len() % 500 == 0 {
            settle().await;
        }
    }
    let _open = opens(&server, "192.0.2.1").await;
    settle().await;
    let still = stuck.iter().filter(|(_, end)| !end.is_finished()).count();
    // The new client took a place, too, and has given it back.
    assert_eq!(still, 99);
}

#[tokio::test]
async fn a_stuck_client_on_a_socket_is_cut_for_a_new_one() {
    let server = run(Server::builder().max_handshakes(4), || Echo).await;
    let mut stuck = Vec::new();
    for _ in 0..20 {
        stuck.push(server.bare().await);
    }
    let _open = ask(server.bare().await).await;
    for tcp in stuck.iter_mut().take(16) {
        let head = read_head(tcp).await;
        assert!(head.starts_with("HTTP/1.1 503 "), "{head}");
    }
}

#[tokio::test]
async fn what_validate_is_asked_about_counts_as_a_connection() {
    let (asked, go) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (tell, wait) = (asked.clone(), go.clone());
    let server = Server::builder()
        .max_connections(1)
        .validate(move |_| {
            let (tell, wait) = (tell.clone(), wait.clone());
            async move {
                tell.notify_one();
                wait.notified().await;
                Ok(Accept::default())
            }
        })
        .build();
    let (mut far, accepted) = client(&server, None, &format!("{REQUEST}\r\n")).await;
    within(asked.notified()).await;
    refused(&server, "192.0.2.1", "503 Service Unavailable").await;
    go.notify_one();
    let head = read_head(&mut far).await;
    assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
    within(accepted).await.expect("no panic").expect("open");
}

#[tokio::test]
async fn a_handshake_dropped_at_any_point_leaves_nothing_behind() {
    let server = Server::builder()
        .max_connections(1)
        .max_handshakes(1)
        .validate(|_| async {
            tokio::task::yield_now().await;
            Ok(Accept::default())
        })
        .build();
    for polls in 0..40 {
        let (near, mut far) = duplex(64 * 1024);
        let bytes = format!("{REQUEST}\r\n");
        far.write_all(bytes.as_bytes()).await.expect("a write");
        drop(polled(polls, server.accept_on(near, None)).await);
    }
    // The slot is free, the place is, and so is the roster.
    drop(opens(&server, "192.0.2.1").await);
    let cut = within(server.shutdown(CloseCode::GOING_AWAY, Duration::from_secs(50))).await;
    assert_eq!(cut, 0);
}
