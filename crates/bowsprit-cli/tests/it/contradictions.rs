//! Options that make no sense, alone or together: refused with a sentence, at the prompt and as flags.

use crate::support::run;

/// Fails unless the options are refused with this sentence, at the prompt and as flags.
fn refuses(words: &str, sentence: &str) {
    let outcome = run(&[], format!("connect {words}\n"));
    assert_eq!(outcome.stdout, format!("> {sentence}\n"), "{words}");
    assert_eq!(outcome.status, Some(1));
    let flags: Vec<&str> = words.split(' ').collect();
    let outcome = run(&flags, "");
    assert_eq!(outcome.stderr, format!("bowsprit: {sentence}\n"), "{words}");
    assert_eq!((outcome.stdout.as_str(), outcome.status), ("", Some(2)));
}

#[test]
fn refuses_what_contradicts_itself_with_a_sentence() {
    for (words, sentence) in [
        (
            "--auth a:b --bearer c ws://h",
            "--auth and --bearer are two ways to log in: give one of them",
        ),
        (
            "-H Authorization:x --bearer c ws://h",
            "--header sets Authorization, and so does --auth or --bearer: give one of them",
        ),
        (
            "-H cookie:a=b -b c=d ws://h",
            "--header sets Cookie, and so does --cookie: give one of them",
        ),
        (
            "-H user-agent:x -A y ws://h",
            "--header sets User-Agent, and so does --user-agent: give one of them",
        ),
        (
            "-H Origin:x --origin y ws://h",
            "--header sets Origin, and so does --origin: give one of them",
        ),
        (
            "--keepalive off --pong-timeout 5s ws://h",
            "--pong-timeout is for the pings of --keepalive, and that is off",
        ),
        (
            "--max-message 1KiB --max-frame 2KiB ws://h",
            "--max-frame is over the 1024 bytes of --max-message: no such frame could pass",
        ),
        ("-H novalue ws://h", "--header: expected 'Name: value'"),
        ("-b novalue ws://h", "--cookie: expected name=value"),
        (
            "-u nobody ws://h",
            "--auth: expected user:password (user: for an empty one)",
        ),
        (
            "--bearer env:BOWSPRIT_NO_SUCH ws://h",
            "--bearer: the environment has no variable BOWSPRIT_NO_SUCH",
        ),
        (
            "-H @/no/such/file ws://h",
            "--header: cannot read /no/such/file: no such file or directory",
        ),
        (
            "-H Host:x ws://h",
            "Connect initialization error: header Host is set by the handshake itself",
        ),
        (
            "-s chat,chat ws://h",
            "Connect initialization error: subprotocol chat is offered already",
        ),
        (
            "-b a=b;c ws://h",
            "Connect initialization error: cookie \"a\" contains what a cookie cannot",
        ),
    ] {
        refuses(words, sentence);
    }
}

#[test]
fn refuses_tls_options_that_contradict_each_other_or_the_uri() {
    for (words, sentence) in [
        (
            "--insecure ws://h",
            "TLS options are for wss: URIs, and this one is ws:",
        ),
        (
            "--cert c.pem wss://h",
            "--cert needs its private key: --key FILE",
        ),
        (
            "--key k.pem wss://h",
            "--key needs the certificate that it is for: --cert FILE",
        ),
        (
            "--only-ca wss://h",
            "--only-ca trusts nobody without --ca FILE",
        ),
        (
            "--insecure --ca c.pem wss://h",
            "--insecure accepts any certificate, so --ca would mean nothing: give one of them",
        ),
        (
            "--sni n ws://h",
            "TLS options are for wss: URIs, and this one is ws:",
        ),
    ] {
        refuses(words, sentence);
    }
}

#[test]
fn refuses_routes_that_contradict_themselves_or_the_uri() {
    for (words, sentence) in [
        (
            "-4 -6 ws://h",
            "-4 and -6 together leave no address to connect to",
        ),
        (
            "--proxy none --no-proxy h ws://h",
            "--no-proxy means nothing where --proxy is none",
        ),
        (
            "--proxy http://p ws+unix:/s",
            "A ws+unix: URI names a socket: --proxy, --no-proxy, --resolve, -4 and -6 mean nothing there",
        ),
        (
            "--insecure ws+unix:/s",
            "TLS options are for wss: URIs, and this one is ws+unix:",
        ),
    ] {
        refuses(words, sentence);
    }
    for words in [
        "-x ftp://p ws://h",
        "-x https://p ws://h",
        "-x http://a:s3cret@:b ws://h",
    ] {
        let outcome = run(&[], format!("connect {words}\n"));
        assert!(outcome.stdout.starts_with("> --proxy: "), "{outcome:?}");
        assert!(!outcome.stdout.contains("s3cret"), "{outcome:?}");
    }
    let outcome = run(&[], "connect --resolve h:80 ws://h\n");
    outcome.expect_in_order(&[
        "> Not a value of --resolve: h:80 (expected such as example.com:443:192.0.2.7,2001:db8::7)",
    ]);
}

#[test]
fn refuses_a_header_that_would_become_two() {
    let outcome = run(&["-H", "X-A: b\r\nX-Evil: c", "ws://h"], "");
    assert!(outcome.stderr.contains("contains '\\\\r'"), "{outcome:?}");
    assert_eq!(outcome.status, Some(2));
}

#[test]
fn refuses_a_time_without_a_unit_and_what_is_no_option() {
    let outcome = run(
        &[],
        "connect --open-timeout 10 ws://h\nconnect --nope ws://h\nconnect ws://h --insecure\n",
    );
    outcome.expect_in_order(&[
        "> Not a value of --open-timeout: 10 (a time needs its unit, as in 500ms, 10s or 2m; off for none)",
        "> Not an option of connect: --nope (see help connect)",
    ]);
    assert!(
        outcome
            .stdout
            .ends_with("; options stand before the URI)\n"),
        "{outcome:?}"
    );
    for flags in [["--open-timeout", "10"], ["--max-frame", "1Q"]] {
        let outcome = run(&flags, "");
        assert!(outcome.stderr.contains("invalid value"), "{outcome:?}");
        assert_eq!(outcome.status, Some(2));
    }
}
