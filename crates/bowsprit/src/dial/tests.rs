//! Dialling: the race between addresses on a clock of its own, real sockets on this machine, and
//! names that do not exist.

use std::error::Error as _;
use std::future::pending;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpSocket};
use tokio::time::{Instant, sleep};

use bowsprit_proto::Host;

use super::*;
use crate::steps::Steps;

fn addrs(texts: &[&str]) -> Vec<SocketAddr> {
    texts
        .iter()
        .map(|text| text.parse().expect("an address"))
        .collect()
}

#[test]
fn takes_turns_between_the_families() {
    let mixed = addrs(&["1.0.0.1:1", "1.0.0.2:1", "[::1]:1", "1.0.0.3:1", "[::2]:1"]);
    let turns = addrs(&["[::1]:1", "1.0.0.1:1", "[::2]:1", "1.0.0.2:1", "1.0.0.3:1"]);
    assert_eq!(interleave(&mixed), turns);
    let more_v6 = addrs(&["[::1]:1", "[::2]:1", "1.0.0.1:1"]);
    assert_eq!(
        interleave(&more_v6),
        addrs(&["[::1]:1", "1.0.0.1:1", "[::2]:1"])
    );
}

#[tokio::test(start_paused = true)]
async fn goes_on_after_250_ms_without_an_answer() {
    let start = Instant::now();
    let good = SocketAddr::from(([10, 0, 0, 3], 1));
    let winner = race(
        addrs(&["10.0.0.1:1", "10.0.0.2:1", "10.0.0.3:1"]),
        |addr| async move {
            if addr == good {
                Ok(addr)
            } else {
                pending().await
            }
        },
    );
    assert_eq!(winner.await.expect("a winner"), good);
    assert_eq!(start.elapsed(), 2 * ATTEMPT_DELAY);
}

#[tokio::test(start_paused = true)]
async fn goes_on_at_once_after_a_failure() {
    let start = Instant::now();
    let winner = race(addrs(&["[::1]:1", "127.0.0.1:1"]), |addr| async move {
        if addr.is_ipv4() {
            Ok(addr)
        } else {
            Err(io::ErrorKind::ConnectionRefused.into())
        }
    });
    assert!(winner.await.expect("a winner").is_ipv4());
    assert_eq!(start.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn an_early_attempt_may_still_win() {
    let winner = race(addrs(&["[::1]:1", "127.0.0.1:1"]), |addr| async move {
        sleep(if addr.is_ipv6() {
            Duration::from_millis(300)
        } else {
            Duration::from_secs(5)
        })
        .await;
        Ok(addr)
    });
    assert!(winner.await.expect("a winner").is_ipv6());
}

#[tokio::test(start_paused = true)]
async fn waits_for_the_last_attempt_before_it_gives_up() {
    let error = race::<(), _, _>(addrs(&["[::1]:1", "127.0.0.1:1"]), |addr| async move {
        if addr.is_ipv6() {
            sleep(Duration::from_secs(2)).await;
            Err(io::ErrorKind::TimedOut.into())
        } else {
            Err(io::ErrorKind::NetworkUnreachable.into())
        }
    });
    let text = error.await.expect_err("both failed").to_string();
    assert_eq!(
        text,
        "network unreachable (127.0.0.1:1), connection timed out ([::1]:1)"
    );
}

#[test]
fn tells_a_missing_name_from_a_failing_server() {
    let texts = [
        ("Name or service not known", "name not found: a.example"),
        (
            "nodename nor servname provided, or not known",
            "name not found: a.example",
        ),
        (
            "Temporary failure in name resolution",
            "name server failure: a.example",
        ),
        ("Try again", "name server failure: a.example"),
        (
            "Memory allocation failure",
            "name lookup failed: a.example (memory allocation failure)",
        ),
    ];
    for (text, expected) in texts {
        let source = io::Error::other(format!("failed to lookup address information: {text}"));
        let host = "a.example".to_owned();
        assert_eq!(DialError::Dns { host, source }.to_string(), expected);
    }
}

#[tokio::test(start_paused = true)]
async fn drops_the_others_when_one_has_won_and_all_when_it_is_dropped() {
    struct Socket<'a>(&'a AtomicUsize);
    impl Drop for Socket<'_> {
        fn drop(&mut self) {
            self.0.fetch_sub(1, Ordering::Relaxed);
        }
    }
    let open = AtomicUsize::new(0);
    let connect = |addr: SocketAddr| {
        let open = &open;
        async move {
            open.fetch_add(1, Ordering::Relaxed);
            let socket = Socket(open);
            if addr.port() == 3 {
                Ok(socket)
            } else {
                pending().await
            }
        }
    };
    let winner = race(addrs(&["10.0.0.1:1", "10.0.0.1:2", "10.0.0.1:3"]), connect).await;
    assert_eq!(open.load(Ordering::Relaxed), 1);
    drop(winner.expect("a winner"));

    let silent = race(addrs(&["10.0.0.1:1", "10.0.0.1:2"]), connect);
    assert!(timeout(Duration::from_secs(1), silent).await.is_err());
    assert_eq!(open.load(Ordering::Relaxed), 0);
}

#[cfg(target_os = "linux")]
#[test]
fn leaves_out_the_numbers_of_the_system() {
    let too_many = io::Error::from_raw_os_error(24);
    assert!(
        !io_words(&too_many).contains("os error"),
        "{}",
        io_words(&too_many)
    );
    assert_eq!(
        io_words(&io::Error::from_raw_os_error(111)),
        "connection refused"
    );
}

async fn resolve(host: &Host, port: u16) -> Result<Vec<SocketAddr>, DialError> {
    Dns::default().addresses(host, port).await
}

fn named(name: &str) -> Host {
    Host::Domain(name.to_owned())
}

/// An address that refuses: bound, so that nobody else gets it, and never listening.
fn refusing(addr: &str) -> (TcpSocket, SocketAddr) {
    let addr: SocketAddr = addr.parse().expect("an address");
    let socket = if addr.is_ipv6() {
        TcpSocket::new_v6()
    } else {
        TcpSocket::new_v4()
    };
    let socket = socket.expect("a socket");
    socket.bind(addr).expect("a free port");
    let addr = socket.local_addr().expect("its address");
    (socket, addr)
}

#[tokio::test]
async fn an_address_needs_no_lookup() {
    let addrs = resolve(&Host::Ipv4([127, 0, 0, 1].into()), 80)
        .await
        .expect("an address");
    assert_eq!(addrs, ["127.0.0.1:80".parse().expect("an address")]);
}

#[tokio::test]
async fn resolves_and_dials_localhost() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a listener");
    let port = listener.local_addr().expect("its address").port();
    let addrs = resolve(&named("localhost"), port).await.expect("localhost");
    let mut client = dial(&addrs, true, &Steps::default())
        .await
        .expect("a connection");
    assert!(client.nodelay().expect("an option"));
    let (mut server, _) = listener.accept().await.expect("the client");
    client.write_all(b"ahoy").await.expect("a write");
    let mut read = [0; 4];
    server.read_exact(&mut read).await.expect("a read");
    assert_eq!(&read, b"ahoy");
}

#[tokio::test]
async fn nodelay_may_be_left_off() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a listener");
    let addr = listener.local_addr().expect("its address");
    let client = dial(&[addr], false, &Steps::default())
        .await
        .expect("a connection");
    assert!(!client.nodelay().expect("an option"));
}

#[tokio::test]
async fn ipv4_answers_where_ipv6_refuses() {
    let (_guard, v6) = refusing("[::1]:0");
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a listener");
    let v4 = listener.local_addr().expect("its address");
    let client = dial(&[v4, v6], true, &Steps::default())
        .await
        .expect("a connection");
    assert_eq!(client.peer_addr().expect("its peer"), v4);
}

#[tokio::test]
async fn ipv6_comes_first() {
    let six = TcpListener::bind("[::1]:0").await.expect("a listener");
    let four = TcpListener::bind("127.0.0.1:0").await.expect("a listener");
    let [v6, v4] = [&six, &four].map(|listener| listener.local_addr().expect("its address"));
    let client = dial(&[v4, v6], true, &Steps::default())
        .await
        .expect("a connection");
    assert_eq!(client.peer_addr().expect("its peer"), v6);
}

#[tokio::test]
async fn a_refusal_names_every_address() {
    let (_guards, (v6, v4)) = {
        let (six, v6) = refusing("[::1]:0");
        let (four, v4) = refusing("127.0.0.1:0");
        ((six, four), (v6, v4))
    };
    let error = dial(&[v4, v6], true, &Steps::default())
        .await
        .expect_err("nobody listens");
    assert_eq!(
        error.to_string(),
        format!("connection refused ({v6}), connection refused ({v4})")
    );
    let source = error
        .source()
        .and_then(|source| source.downcast_ref::<io::Error>());
    assert_eq!(
        source.map(io::Error::kind),
        Some(io::ErrorKind::ConnectionRefused)
    );
    let DialError::Tcp { attempts } = error else {
        panic!("not a TCP error: {error}")
    };
    assert_eq!(attempts.len(), 2);
}

#[tokio::test]
async fn no_address_is_an_error() {
    let error = dial(&[], true, &Steps::default())
        .await
        .expect_err("nowhere to go");
    assert_eq!(error.to_string(), "no address to connect to");
    assert!(error.source().is_none());
}

#[tokio::test]
async fn an_unknown_name_is_named() {
    let error = resolve(&named("nosuch.invalid"), 80)
        .await
        .expect_err("RFC 6761 §6.4");
    let text = error.to_string();
    // A machine without a name server may be unable to tell that the name does not exist.
    let known = [
        "name not found: nosuch.invalid",
        "name server failure: nosuch.invalid",
    ];
    assert!(known.contains(&text.as_str()), "{text}");
    assert!(
        error
            .source()
            .is_some_and(|source| source.is::<io::Error>())
    );
    assert!(matches!(error, DialError::Dns { host, .. } if host == "nosuch.invalid"));
}

#[tokio::test]
async fn a_name_that_cannot_be_one_is_an_error() {
    for name in ["", "a\0b", "a b", &"x".repeat(300)] {
        let error = resolve(&named(name), 80).await.expect_err("not a name");
        let text = error.to_string();
        assert!(
            text.starts_with("name ") && text.contains(name) && !text.contains("os error"),
            "{text}"
        );
    }
}

#[test]
fn its_futures_can_move_between_threads() {
    fn assert_send(_: impl Send) {}
    assert_send(resolve(&named("localhost"), 80));
    assert_send(dial(&[], true, &Steps::default()));
}
