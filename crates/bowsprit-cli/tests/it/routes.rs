//! The way to a server: proxies, addresses named by hand, and sockets in the file system.

use std::net::SocketAddr;
use std::sync::mpsc;

use crate::support::{Outcome, Peer, run, run_in, serve};

/// An HTTP proxy that is the server behind it as well; tells the heads of both requests.
fn http_proxy() -> (SocketAddr, mpsc::Receiver<String>) {
    let (heads, head) = mpsc::channel();
    let address = serve(move |mut peer| {
        heads.send(peer.request()).expect("the test listens");
        peer.write(b"HTTP/1.1 200 Connection established\r\n\r\n");
        let request = peer.request();
        peer.answer(&request, "");
        heads.send(request).expect("the test listens");
        peer.echo_close();
    });
    (address, head)
}

/// Runs both: the options on the command line, and behind `connect`.
fn both(options: &str, uri: &str) -> [Outcome; 2] {
    let flags: Vec<&str> = options.split(' ').collect();
    [
        run(&flags, format!("connect {uri}\nshow 0\n")),
        run(&[], format!("connect {options} {uri}\nshow 0\n")),
    ]
}

#[test]
fn goes_through_an_http_proxy_that_resolves_the_name() {
    let (address, head) = http_proxy();
    let uri = "ws://chat.invalid/room";
    for outcome in both(&format!("-x http://ann:s3cret@{address}"), uri) {
        outcome.expect_in_order(&["> Status: Open", &format!("> Proxy: http://{address}")]);
        assert_eq!(outcome.status, Some(0), "{outcome:?}");
        assert!(!outcome.stdout.contains("s3cret"), "{outcome:?}");
        let connect = head.recv().expect("a request to the proxy");
        assert!(
            connect.starts_with("CONNECT chat.invalid:80 HTTP/1.1\r\n"),
            "{connect}"
        );
        assert!(
            connect.contains("Proxy-Authorization: Basic YW5uOnMzY3JldA==\r\n"),
            "{connect}"
        );
        let request = head.recv().expect("a request to the server");
        assert!(request.starts_with("GET /room HTTP/1.1\r\n"), "{request}");
        assert!(!request.contains("Proxy-Authorization"), "{request}");
    }
}

#[test]
fn goes_through_a_socks_proxy() {
    let address = serve(|mut peer: Peer| {
        assert_eq!(peer.read_bytes(3), [5, 1, 0], "one method: no login");
        peer.write(&[5, 0]);
        assert_eq!(peer.read_bytes(5), [5, 1, 0, 3, 12]);
        assert_eq!(peer.read_bytes(12), b"chat.invalid");
        assert_eq!(peer.read_bytes(2), [0, 80]);
        peer.write(&[5, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
        peer.accept();
        peer.echo_close();
    });
    for outcome in both(&format!("--proxy socks5://{address}"), "ws://chat.invalid/") {
        outcome.expect_in_order(&["> Status: Open", &format!("> Proxy: socks5://{address}")]);
        assert_eq!(outcome.status, Some(0), "{outcome:?}");
    }
}

#[test]
fn takes_the_proxy_of_the_environment_unless_told_otherwise() {
    let (address, _heads) = http_proxy();
    let proxy = format!("http://{address}");
    let environment = [("http_proxy", proxy.as_str()), ("no_proxy", "")];
    let script = "connect ws://chat.invalid/\nshow 0\n";
    let outcome = run_in(&environment, &[], script);
    outcome.expect_in_order(&["> Status: Open", &format!("> Proxy: {proxy}")]);
    for flags in [["--proxy", "none"], ["--no-proxy", ".invalid"]] {
        let outcome = run_in(&environment, &flags, script);
        assert!(outcome.stdout.contains("> Status: Failed"), "{outcome:?}");
        assert!(!outcome.stdout.contains("> Proxy"), "{outcome:?}");
        assert_eq!(outcome.status, Some(3));
    }
    let script = "connect -x env:HARBOUR_PROXY ws://chat.invalid/\n";
    let outcome = run_in(&[("HARBOUR_PROXY", &proxy)], &[], script);
    assert_eq!(outcome.status, Some(0), "{outcome:?}");
}

#[test]
fn tells_why_a_proxy_let_nobody_through() {
    let address = serve(|mut peer| {
        peer.request();
        peer.write(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n");
    });
    for outcome in both(
        &format!("-x http://ann:s3cret@{address}"),
        "ws://chat.invalid/",
    ) {
        let failed = outcome
            .lines()
            .into_iter()
            .find(|line| line.starts_with("0 failed "));
        assert!(
            failed.is_some_and(|line| line.contains(&address.to_string())),
            "{outcome:?}"
        );
        assert!(
            outcome
                .stdout
                .contains("> Error/close reason: Proxy connection failed ("),
            "{outcome:?}"
        );
        assert!(!outcome.stdout.contains("s3cret"), "{outcome:?}");
        assert_eq!(outcome.status, Some(3));
    }
}

#[test]
fn connects_to_the_address_that_it_is_given_for_a_name() {
    let (hosts, host) = mpsc::channel();
    let address = serve(move |mut peer| {
        let request = peer.request();
        peer.answer(&request, "");
        hosts.send(request).expect("the test listens");
        peer.echo_close();
    });
    let port = address.port();
    let (options, uri) = (
        format!("--resolve chat.invalid:{port}:127.0.0.1"),
        format!("ws://chat.invalid:{port}/"),
    );
    for outcome in both(&options, &uri) {
        assert_eq!(outcome.status, Some(0), "{outcome:?}");
        let request = host.recv().expect("a request");
        assert!(
            request.contains(&format!("Host: chat.invalid:{port}\r\n")),
            "{request}"
        );
    }
    for outcome in both(&options, "ws://chat.invalid:1/") {
        assert_eq!(outcome.status, Some(3), "another port: {outcome:?}");
    }
}

#[test]
fn uses_addresses_of_one_kind_where_it_is_told_to() {
    let uri = format!(
        "ws://{}/",
        serve(|mut peer| {
            peer.accept();
            peer.echo_close();
        })
    );
    for (options, status) in [("-4", 0), ("--ipv4", 0), ("-6", 3), ("--ipv6", 3)] {
        for outcome in both(options, &uri) {
            assert_eq!(outcome.status, Some(status), "{options}: {outcome:?}");
        }
    }
    let outcome = run(&["-6"], format!("connect -4 {uri}\n"));
    assert_eq!(outcome.status, Some(0), "the prompt decides: {outcome:?}");
}

#[cfg(unix)]
#[test]
fn goes_through_a_socket_in_the_file_system() {
    use std::io::{Read as _, Write as _};
    use std::os::unix::net::UnixListener;

    let path = std::env::temp_dir().join(format!("bowsprit-it-{}.sock", std::process::id()));
    let listener = UnixListener::bind(&path).expect("a socket in the temporary directory");
    let (requests, request) = mpsc::channel();
    std::thread::spawn(move || {
        let mut open = Vec::new();
        for stream in listener.incoming() {
            let mut stream = stream.expect("a client connects");
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                let mut byte = [0];
                stream.read_exact(&mut byte).expect("a request");
                head.extend(byte);
            }
            let head = String::from_utf8(head).expect("a request is ASCII");
            stream
                .write_all(crate::support::acceptance(&head, "").as_bytes())
                .expect("it reads");
            requests.send(head).expect("the test listens");
            open.push(stream);
        }
    });
    let uri = format!("ws+unix:{}:/chat?x", path.display());
    for outcome in [
        run(&[], format!("connect {uri}\nshow 0\nquit!\n")),
        run(&["--json", "--timeout", "200ms", &uri], ""),
    ] {
        let head = request.recv().expect("a request");
        assert!(head.starts_with("GET /chat?x HTTP/1.1\r\n"), "{head}");
        match outcome.status {
            Some(0) => {
                outcome.expect_in_order(&[&format!("> URI: {uri}"), "> Status: Open"]);
                assert!(!outcome.stdout.contains("Redirected"), "{outcome:?}");
            }
            // This server never closes.
            status => {
                assert_eq!(status, Some(124), "{outcome:?}");
                assert!(outcome.stdout.contains(r#""event":"open""#), "{outcome:?}");
            }
        }
    }
    std::fs::remove_file(path).expect("the socket is still there");
}
