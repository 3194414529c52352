//! Options of a connection: on the command line, at the prompt, and the one over the other.

use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::mpsc::{self, Receiver};

use crate::support::{Outcome, Peer, Program, run, run_in, serve};

/// A server that tells of each request, and accepts it with the first subprotocol that it offers.
fn listening() -> (SocketAddr, Receiver<String>) {
    let (requests, request) = mpsc::channel();
    let address = serve(move |mut peer| {
        let head = peer.request();
        let chosen = header(&head, "Sec-WebSocket-Protocol")
            .and_then(|offers| offers.split(", ").next().map(str::to_owned))
            .map_or(String::new(), |name| {
                format!("Sec-WebSocket-Protocol: {name}\r\n")
            });
        peer.answer(&head, &chosen);
        requests.send(head).expect("the test listens");
        peer.echo_close();
    });
    (address, request)
}

/// The value of the only header of this name.
fn header(head: &str, name: &str) -> Option<String> {
    let mut values = head.lines().filter_map(|line| {
        let (own, value) = line.split_once(": ")?;
        own.eq_ignore_ascii_case(name).then(|| value.to_owned())
    });
    let value = values.next();
    assert_eq!(values.next(), None, "{name} stands there twice:\n{head}");
    value
}

/// The requests that these words make, on the command line and at the prompt.
fn requests(environment: &[(&str, &str)], words: &[&str]) -> [String; 2] {
    let (address, request) = listening();
    let uri = format!("ws://{address}/");
    let request = || request.recv().expect("a request");
    let words: Vec<&str> = words.iter().copied().chain([uri.as_str()]).collect();
    // The server answers no ping, which would tell that it has said all.
    let flags = [&["--close-after"], words.as_slice()].concat();
    let outcome = run_in(environment, &flags, "");
    assert_eq!(outcome.status, Some(0), "{outcome:?}");
    let of_command_line = request();
    let quoted: Vec<_> = words.iter().map(|word| quote(word)).collect();
    let outcome = run_in(environment, &[], format!("connect {}\n", quoted.join(" ")));
    assert_eq!(outcome.status, Some(0), "{outcome:?}");
    [of_command_line, request()]
}

/// The word as it is typed at the prompt.
fn quote(word: &str) -> String {
    if word.is_empty() || word.contains(' ') {
        format!("'{word}'")
    } else {
        word.to_owned()
    }
}

/// Fails unless both requests have the header with this value, or lack it.
fn expect(environment: &[(&str, &str)], words: &[&str], name: &str, value: Option<&str>) {
    for head in requests(environment, words) {
        assert_eq!(header(&head, name).as_deref(), value, "{words:?}\n{head}");
    }
}

/// A file with this content, for one test.
fn file(name: &str, content: &str) -> PathBuf {
    let path = std::env::temp_dir().join(format!("bowsprit-it-{}-{name}", std::process::id()));
    fs::write(&path, content).expect("a file in the temporary directory");
    path
}

fn shown(outcome: &Outcome) -> &str {
    assert_eq!(outcome.status, Some(0), "{outcome:?}");
    &outcome.stdout
}

#[test]
fn sends_headers_in_their_order_and_several_of_a_name() {
    for head in requests(
        &[],
        &["-H", "X-One: a b", "--header", "x-two:2", "-HX-One:c"],
    ) {
        let own: Vec<_> = head
            .lines()
            .filter(|line| line.to_lowercase().starts_with("x-"))
            .collect();
        assert_eq!(own, ["X-One: a b", "x-two: 2", "X-One: c"]);
    }
}

#[test]
fn sends_headers_of_a_file_and_of_the_environment() {
    let lines = file("headers", "X-One: 1\r\n\nX-Two: 2\n");
    let reference = format!("@{}", lines.display());
    let environment = [("BOWSPRIT_HEADERS", "X-Three: 3\nX-Four: 4")];
    for head in requests(
        &environment,
        &["-H", &reference, "-H", "env:BOWSPRIT_HEADERS"],
    ) {
        for (name, value) in [
            ("X-One", "1"),
            ("X-Two", "2"),
            ("X-Three", "3"),
            ("X-Four", "4"),
        ] {
            assert_eq!(header(&head, name).as_deref(), Some(value));
        }
    }
    fs::remove_file(lines).expect("the file is still there");
}

#[test]
fn logs_in_with_a_user_and_a_password() {
    // RFC 7617 §2.
    let encoded = Some("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
    expect(
        &[],
        &["-u", "Aladdin:open sesame"],
        "Authorization",
        encoded,
    );
    let environment = [("BOWSPRIT_LOGIN", "Aladdin:open sesame")];
    expect(
        &environment,
        &["--auth", "env:BOWSPRIT_LOGIN"],
        "Authorization",
        encoded,
    );
    let login = file("login", "Aladdin:open sesame\nsecond line\n");
    let reference = format!("@{}", login.display());
    expect(&[], &["--auth", &reference], "Authorization", encoded);
    fs::remove_file(login).expect("the file is still there");
}

#[test]
fn logs_in_with_a_token() {
    let value = Some("Bearer mF_9.B5f-4.1JqM");
    expect(
        &[],
        &["--bearer", "mF_9.B5f-4.1JqM"],
        "Authorization",
        value,
    );
    let environment = [("BOWSPRIT_TOKEN", "mF_9.B5f-4.1JqM")];
    expect(
        &environment,
        &["--bearer=env:BOWSPRIT_TOKEN"],
        "Authorization",
        value,
    );
}

#[test]
fn sends_all_cookies_in_one_header() {
    let environment = [("HARBOUR_COOKIE", "c=3")];
    let words = ["-b", "a=1", "--cookie", "b=x=y", "-b", "env:HARBOUR_COOKIE"];
    expect(&environment, &words, "Cookie", Some("a=1; b=x=y; c=3"));
}

#[test]
fn names_itself_as_it_is_told_to_or_not_at_all() {
    let default = concat!("bowsprit/", env!("CARGO_PKG_VERSION"));
    expect(&[], &[], "User-Agent", Some(default));
    expect(
        &[],
        &["-A", "probe/2 (test)"],
        "User-Agent",
        Some("probe/2 (test)"),
    );
    expect(&[], &["--user-agent", ""], "User-Agent", None);
}

#[test]
fn names_the_site_that_asks() {
    expect(&[], &[], "Origin", None);
    expect(
        &[],
        &["--origin", "https://example.com"],
        "Origin",
        Some("https://example.com"),
    );
}

#[test]
fn offers_subprotocols_in_order_and_shows_the_chosen_one() {
    let words = ["-s", "chat,superchat", "--subprotocol", "v1.json"];
    expect(
        &[],
        &words,
        "Sec-WebSocket-Protocol",
        Some("chat, superchat, v1.json"),
    );
    let (address, _requests) = listening();
    let outcome = run(
        &[],
        format!("connect -s chat,superchat ws://{address}\nshow 0\n"),
    );
    assert!(
        shown(&outcome).contains("\n> Subprotocol: chat\n"),
        "{outcome:?}"
    );
}

#[test]
fn takes_options_of_the_command_line_for_defaults_of_each_connect() {
    let (address, request) = listening();
    let script = format!(
        "connect ws://{address}\nconnect -A mine -H 'X-B: 2' ws://{address}\nconnect --bearer t2 ws://{address}\n"
    );
    let flags = ["-A", "default", "-H", "X-A: 1", "--auth", "me:pw"];
    let outcome = run(&flags, script);
    assert_eq!(outcome.status, Some(0), "{outcome:?}");
    let [first, second, third] = [(); 3].map(|()| request.recv().expect("a request"));
    let facts = |head: &str| {
        ["User-Agent", "X-A", "X-B", "Authorization"]
            .map(|name| header(head, name).unwrap_or_default())
    };
    let login = "Basic bWU6cHc=";
    assert_eq!(facts(&first), ["default", "1", "", login]);
    assert_eq!(facts(&second), ["mine", "1", "2", login]);
    assert_eq!(facts(&third), ["default", "1", "", "Bearer t2"]);
}

#[test]
fn repeats_no_secret_in_any_output() {
    let (address, _requests) = listening();
    let secrets = "-u me:hunter2 -b sid=hunter3 -H 'X-Key: hunter4'";
    let script = format!(
        "connect {secrets} ws://{address}\nshow 0\nlist\nconnect --bearer 'hunter 5' ws://{address}\nconnect -b 'sid=hunter;6' ws://{address}\nconnect --berer hunter7 ws://{address}\nconnect --bearer hunter8 --auth hunter9 ws://{address}\n"
    );
    let outcome = run(&["--log", "all"], script);
    assert!(outcome.stdout.contains("> Status: Open"), "{outcome:?}");
    assert!(!outcome.stdout.contains("hunter"), "{outcome:?}");
    assert!(!outcome.stderr.contains("hunter"), "{outcome:?}");
    let outcome = run(&["--auth", "hunter10", "--bearer", "hunter11"], "");
    assert!(!outcome.stderr.contains("hunter"), "{outcome:?}");
    assert_eq!(outcome.status, Some(2));
}

#[test]
fn connects_to_the_uri_of_the_command_line_at_once() {
    for words in [&[][..], &["connect"]] {
        let (address, request) = listening();
        let uri = format!("ws://{address}/x");
        let arguments: Vec<&str> = words.iter().copied().chain([uri.as_str()]).collect();
        // In a pipe the input is messages: what would be a command elsewhere is sent.
        let mut program = Program::start(&arguments);
        program.write(b"show 0\n");
        assert!(
            request
                .recv()
                .expect("a request")
                .starts_with("GET /x HTTP/1.1\r\n")
        );
        program.signal("TERM");
        let outcome = program.finish();
        assert_eq!((outcome.stdout.as_str(), outcome.status), ("", Some(143)));
    }
    for (words, told) in [
        (&["connect"][..], "bowsprit: connect needs a URI\n"),
        (
            &["ws://a", "ws://b"],
            "bowsprit: one URI at a time; further ones are for the prompt\n",
        ),
        (
            &["http//a"],
            "bowsprit: http//a has no scheme: wss://http//a, or ws://http//a without TLS\n",
        ),
    ] {
        let outcome = run(words, "");
        assert_eq!((outcome.stderr.as_str(), outcome.status), (told, Some(2)));
    }
}

#[test]
fn explains_every_option_at_the_prompt_and_on_the_command_line() {
    let of_prompt = run(&[], "help connect\n");
    let of_flags = run(&["--help-all"], "");
    for option in [
        "--ca",
        "--only-ca",
        "--cert",
        "--key",
        "--sni",
        "--alpn",
        "--tls-min",
        "--pin",
        "--insecure",
        "--subprotocol",
        "--header",
        "--auth",
        "--bearer",
        "--cookie",
        "--user-agent",
        "--origin",
        "--proxy",
        "--no-proxy",
        "--resolve",
        "--ipv4",
        "--ipv6",
        "--follow",
        "--reconnect",
        "--open-timeout",
        "--close-timeout",
        "--keepalive",
        "--max-rate",
        "--max-fragments",
        "--write-timeout",
        "--idle-timeout",
        "--pong-timeout",
        "--max-message",
        "--max-frame",
        "--send-buffer",
        "--compress",
        "--no-compress",
    ] {
        assert!(shown(&of_prompt).contains(option), "{option}");
        assert!(shown(&of_flags).contains(option), "{option}");
    }
    assert_eq!(shown(&of_prompt).lines().nth(1), Some("connect <ws uri>"));
    let outcome = run(&[], "help\nhelp send\n");
    outcome.expect_in_order(&[
        "Command List:",
        "quit: Exit the program",
        "send <connection id> <message>",
    ]);
}

#[test]
fn offers_to_compress_or_not_in_every_form_that_connects() {
    let (told, heard) = mpsc::channel();
    let server = move |mut peer: Peer| {
        let request = peer.request();
        let does_offer = request.contains("permessage-deflate");
        told.send(does_offer).expect("the test listens");
        peer.write(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n");
    };
    let uri = format!("ws://{}", serve(server));
    for (options, does_offer) in [
        (&["--compress"][..], true),
        (&["--no-compress"], false),
        (&["--compress", "--no-compress"], false),
        (&["--no-compress", "--compress"], true),
    ] {
        for (form, rest) in [
            (&["send"][..], &["x"][..]),
            (&["listen"], &[]),
            (&[], &[]),
            (&["ping"], &[]),
            (&["check"], &[]),
            (&["load"], &["-q", "-c", "1", "-n", "1"]),
        ] {
            let arguments = [form, options, &[uri.as_str()], rest].concat();
            Program::start(&arguments).pipe("");
            let offers: Vec<bool> = heard.try_iter().collect();
            assert_eq!(offers, [does_offer], "{arguments:?}");
        }
        run(&[], format!("connect {} {uri}\n", options.join(" ")));
        let offers: Vec<bool> = heard.try_iter().collect();
        assert_eq!(offers, [does_offer], "the prompt: {options:?}");
    }
}
