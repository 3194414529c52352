//! `bowsprit serve`: who is let in, and how it starts and leaves.

use std::fs;
use std::net::TcpListener;

use crate::serve_lab::{Folder, Serving, page_of};
use crate::support::run;

#[test]
fn asks_for_a_login() {
    let mut serving = Serving::start(&["--auth", "me:secret", "-H", "X-Site: 1"]);
    for (options, status) in [
        ("", 5),
        ("--auth me:wrong", 5),
        ("--bearer secret", 5),
        ("--auth me:secret", 0),
    ] {
        let outcome = serving.talk(&format!("connect {options} URI\n").replace("  ", " "));
        assert_eq!(
            outcome.status,
            Some(status),
            "{options}\n{}",
            outcome.stdout
        );
    }
    let line = serving.line_with("refused");
    assert!(line.contains("GET / ") || line.contains("GET /:"), "{line}");
    assert!(line.contains("401"), "{line}");
    assert!(!line.contains("secret"), "{line}");
    let answer = serving.exchange(&page_of("http://localhost", "/"));
    assert!(answer.starts_with("HTTP/1.1 401 "), "{answer}");
    assert!(answer.contains("WWW-Authenticate: Basic "), "{answer}");
    assert!(answer.contains("X-Site: 1"), "{answer}");
}

#[test]
fn reads_a_login_from_a_file_and_refuses_one_that_is_none() {
    let folder = Folder::new("login");
    let path = folder.path("login");
    fs::write(&path, "me:secret\n").expect("a file");
    let serving = Serving::start(&["--auth", &format!("@{path}")]);
    let outcome = serving.talk("connect --auth me:secret URI\n");
    assert_eq!(outcome.status, Some(0));
    let outcome = run(&["serve", "0", "--auth", "nothing"], "");
    assert_eq!(outcome.status, Some(2));
    assert_eq!(outcome.stderr, "bowsprit: --auth: expected user:password\n");
}

#[test]
fn lets_in_pages_by_their_origin() {
    for (rules, origin, is_in) in [
        (&[][..], "OWN", true),
        (&[], "http://evil.example", false),
        (
            &["--origin", "https://app.example"],
            "https://app.example",
            true,
        ),
        (
            &["--origin", "https://app.example"],
            "https://evil.example",
            false,
        ),
        (
            &["--origin", "https://*.example"],
            "https://a.b.example",
            true,
        ),
        (&["--origin", "https://*.example"], "https://example", false),
        (&["--origin", "any"], "http://evil.example", true),
    ] {
        let mut serving = Serving::start(rules);
        let own = serving.uri.replace("ws:", "http:");
        let origin = origin.replace("OWN", &own);
        let outcome = serving.talk(&format!("connect --origin {origin} URI\n"));
        let status = if is_in { 0 } else { 5 };
        assert_eq!(
            outcome.status,
            Some(status),
            "{rules:?} {origin}\n{}",
            outcome.stdout
        );
        if !is_in {
            outcome.expect_in_order(&["0 failed HTTP 403 Forbidden"]);
            assert!(serving.line_with("refused").contains(&origin));
        }
    }
}

#[test]
fn a_name_that_leads_to_this_machine_opens_nothing() {
    let rebound = |path| page_of("http://evil.example", path).replace("localhost", "evil.example");
    for (arguments, status) in [
        (&["--ui"][..], "403"),
        (&["--ui", "--origin", "https://other.example"], "403"),
        (&["--ui", "--origin", "http://*.other.example"], "403"),
        (
            &["--ui", "--origin", "http://*.example", "--refuse", "503"],
            "503",
        ),
        (
            &["--ui", "--origin", "http://evil.example", "--refuse", "503"],
            "503",
        ),
        (&["--ui", "--origin", "any", "--refuse", "503"], "503"),
    ] {
        let serving = Serving::start(arguments);
        let answer = serving.exchange(&rebound("/"));
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status} ")),
            "{arguments:?}: {answer}"
        );
    }
    let mut serving = Serving::start(&["--ui", "--origin", "http://*.other.example"]);
    let answer = serving.exchange("GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n");
    assert!(answer.starts_with("HTTP/1.1 403 "), "{answer}");
    assert!(serving.line_with("- http ").ends_with("GET / 403"));
}

#[test]
fn a_refused_client_cannot_drive_the_terminal() {
    let mut serving = Serving::start(&[]);
    serving.exchange(&page_of("http://\u{202e}evil.example", "/"));
    let line = serving.line_with("refused");
    assert!(!line.contains('\u{202e}'), "{line}");
}

#[test]
fn a_certificate_made_on_the_spot_can_be_pinned() {
    let mut serving = Serving::start(&["--tls-self-signed"]);
    assert!(serving.uri.starts_with("wss://"));
    let line = serving.line_with("--pin ");
    let (_, pin) = line.rsplit_once(' ').expect("a fingerprint");
    let outcome = serving.talk(&format!("connect --insecure --pin {pin} URI\n"));
    assert_eq!(outcome.status, Some(0), "{}", outcome.stdout);
    let other = pin.replace(|c: char| c.is_ascii_hexdigit(), "0");
    let outcome = serving.talk(&format!("connect --insecure --pin {other} URI\n"));
    assert_eq!(outcome.status, Some(4), "{}", outcome.stdout);
    let outcome = serving.talk("connect URI\n");
    assert_eq!(outcome.status, Some(4));
}

#[test]
fn takes_a_certificate_that_is_given() {
    let folder = Folder::new("tls");
    let own = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    let (chain, key) = (folder.path("chain.pem"), folder.path("key.pem"));
    fs::write(&chain, own.cert.pem()).expect("a file");
    fs::write(&key, own.signing_key.serialize_pem()).expect("a file");
    let serving = Serving::start(&["--tls", &chain, "--key", &key]);
    let uri = serving.uri.replace("127.0.0.1", "localhost");
    let outcome = run(
        &["--ca", &chain],
        format!("connect {uri}\nsend 0 x\nwait 0 message\n"),
    );
    assert_eq!(outcome.status, Some(0), "{}", outcome.stdout);
    let outcome = run(&["serve", "0", "--tls", "/no/such/file", "--key", &key], "");
    assert_eq!(outcome.status, Some(2));
    assert!(
        outcome.stderr.contains("/no/such/file"),
        "{}",
        outcome.stderr
    );
}

#[test]
fn once_leaves_with_the_status_of_the_connection() {
    for (script, status) in [
        ("connect URI\nclose 0\n", 0),
        ("connect URI\nclose 0 4001\n", 8),
    ] {
        let serving = Serving::start(&["--once"]);
        serving.talk(script);
        assert_eq!(serving.wait().1, Some(status));
    }
    let serving = Serving::start(&["--once"]);
    let outcome = serving.talk("connect URI\nconnect URI\n");
    outcome.expect_in_order(&["1 failed HTTP 503 Service Unavailable"]);
    assert_eq!(serving.wait().1, Some(0));
}

#[test]
fn leaves_when_its_time_is_over() {
    let serving = Serving::start(&["--timeout", "200ms"]);
    assert_eq!(serving.wait().1, Some(124));
}

#[test]
fn tells_events_as_json_without_secrets() {
    let mut serving = Serving::spawn(&["serve", "0", "--json", "-v"]);
    let line = serving.line_with(r#""event":"serve""#);
    let (_, rest) = line.split_once(r#""uri":""#).expect("an address");
    serving.uri = rest.split('"').next().expect("its end").to_owned();
    serving.talk("connect --bearer hunter2 --cookie a=hunter2 URI\nsend 0 hi\nwait 0 message\n");
    let line = serving.line_with(r#""event":"open""#);
    assert!(
        line.contains(r#""id":0"#) && !line.contains("hunter2"),
        "{line}"
    );
    let line = serving.line_with(r#""direction":"received""#);
    assert!(line.contains(r#""text":"hi""#), "{line}");
    serving.line_with(r#""direction":"sent""#);
    serving.line_with(r#""event":"close""#);
}

#[test]
fn records_what_passes_without_secrets() {
    let folder = Folder::new("record");
    let record = folder.path("record.jsonl");
    let serving = Serving::start(&["--record", &record]);
    let outcome = serving.talk("connect URI/?token=abc\nsend 0 hello\nwait 0 message\n");
    assert_eq!(outcome.status, Some(0));
    serving.get("/?token=abc");
    serving.signal("INT");
    let (lines, status) = serving.wait();
    assert_eq!(status, Some(130));
    assert!(!lines.concat().contains("hello"), "{lines:#?}");
    let text = fs::read_to_string(&record).expect("a record");
    for part in [
        r#""event":"open""#,
        r#""direction":"received","opcode":"text","size":5,"text":"hello""#,
        r#""direction":"sent","opcode":"text","size":5,"text":"hello""#,
        r#""event":"close""#,
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(
        !(lines.concat() + &text).contains("abc"),
        "{lines:#?} {text}"
    );
}

#[test]
fn says_nothing_when_quiet() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = listener
        .local_addr()
        .expect("it is bound")
        .port()
        .to_string();
    drop(listener);
    let serving = Serving::spawn(&["serve", &port, "-q", "--once"]);
    let uri = format!("ws://127.0.0.1:{port}");
    let outcome = run(
        &[],
        format!("connect --reconnect=first=50ms,tries=100 {uri}\nsend 0 x\nwait 0 message\n"),
    );
    assert!(
        outcome.stdout.contains("0 << text 1 x"),
        "{}",
        outcome.stdout
    );
    assert_eq!(serving.wait(), (Vec::new(), Some(0)));
}

#[test]
fn ends_when_nobody_reads_its_output_any_more() {
    let mut serving = Serving::start(&["-v"]);
    serving.hang_up();
    // Each message is two lines, one of which cannot be printed.
    let messages = "send 0 x\nwait 0 message\n".repeat(50);
    let outcome = serving.talk(&format!("connect URI\n{messages}wait 0 close\n"));
    assert!(
        outcome.stdout.contains("0 closed 1001"),
        "{}",
        outcome.stdout
    );
    assert_eq!(serving.wait(), (Vec::new(), Some(0)));
}

#[test]
#[cfg(target_os = "linux")]
fn output_that_cannot_be_written_is_a_fault() {
    let full = fs::OpenOptions::new().write(true).open("/dev/full");
    let done = std::process::Command::new(env!("CARGO_BIN_EXE_bowsprit"))
        .args(["serve", "0", "--timeout", "30s"])
        .stdin(std::process::Stdio::null())
        .stdout(full.expect("a full device"))
        .output()
        .expect("the program should start");
    let said = String::from_utf8_lossy(&done.stderr);
    assert!(said.contains("cannot write the output"), "{said}");
    assert_eq!(done.status.code(), Some(1));
}

#[test]
fn a_busy_port_is_told_before_anything_else() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("it is bound").to_string();
    let outcome = run(&["serve", &address], "");
    assert_eq!((outcome.stdout.as_str(), outcome.status), ("", Some(2)));
    assert!(
        outcome
            .stderr
            .starts_with(&format!("bowsprit: Error serving on {address}: ")),
        "{}",
        outcome.stderr
    );
    assert!(
        outcome
            .stderr
            .ends_with("; port 0 takes any that is free\n")
    );
}

#[test]
fn listens_on_a_unix_socket_and_removes_it() {
    let folder = Folder::new("unix");
    let path = folder.path("app.sock");
    let mut serving = Serving::spawn(&["serve", &format!("unix:{path}")]);
    assert_eq!(
        serving.line_with("Serving"),
        format!("Serving echo on ws+unix:{path}")
    );
    let outcome = run(
        &[],
        format!("connect ws+unix:{path}:/x\nsend 0 hi\nwait 0 message\n"),
    );
    assert_eq!(outcome.status, Some(0), "{}", outcome.stdout);
    let taken = run(&["serve", &format!("unix:{path}")], "");
    assert_eq!(taken.status, Some(2));
    assert!(
        taken.stderr.contains("remove it if nobody listens there"),
        "{}",
        taken.stderr
    );
    serving.signal("INT");
    assert_eq!(serving.wait().1, Some(130));
    assert!(!fs::exists(&path).expect("the folder can be read"));
}

#[test]
fn keeps_to_its_limits() {
    let serving = Serving::start(&["--max-connections", "1", "--max-message", "10"]);
    let outcome = serving.talk("connect URI\nconnect URI\nsend 0 12345678901\nwait 0 close\n");
    outcome.expect_in_order(&[
        "1 failed HTTP 503 Service Unavailable",
        "0 closed 1009 (Message too big) by peer",
    ]);
}

#[test]
fn refuses_what_does_not_go_together() {
    for (arguments, said) in [
        (&["--echo", "--chat"][..], "cannot be used with"),
        (&["--no-self"], "--no-self is for --broadcast"),
        (&["--close-slow"], "--close-slow is for"),
        (&["--exec-shell"], "--exec"),
        (&["--tls", "x"], "--key"),
        (
            &["--proxy", "ws://h", "-s", "a"],
            "--subprotocol means nothing",
        ),
        (&["--proxy", "nothing"], "--proxy: "),
        (&["--proxy", "tcp:host"], "tcp:HOST:PORT"),
        (&["--exec", ""], "there is no command"),
        (&["--exec", "'x"], "not closed"),
        (&["--origin", "nothing"], "nothing"),
        (&["-H", "no header"], "Name: value"),
        (&["--static", "/no/such/folder"], "/no/such/folder"),
        (&["--script", "/no/such/file"], "/no/such/file"),
    ] {
        let outcome = run(&[&["serve", "0"], arguments].concat(), "");
        assert_eq!(
            (outcome.stdout.as_str(), outcome.status),
            ("", Some(2)),
            "{arguments:?}"
        );
        assert!(
            outcome.stderr.contains(said),
            "{arguments:?}: {}",
            outcome.stderr
        );
    }
    for address in ["nothing", "1.2.3.4", "[::]", "ws://host:1", "99999"] {
        assert_eq!(run(&["serve", address], "").status, Some(2), "{address}");
    }
}
