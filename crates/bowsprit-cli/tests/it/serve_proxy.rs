//! `bowsprit serve --proxy`: another server for each connection.

use std::fs;
use std::net::TcpListener;

use crate::serve_lab::{Serving, file};
use crate::support::run;

#[test]
fn a_proxy_carries_messages_subprotocols_and_close_codes_both_ways() {
    let path = file(
        "target",
        "on message quit\n  close 4005 enough\non message\n  echo\n",
    );
    let target = Serving::start(&["--script", &path, "-s", "b,c"]);
    let mut proxy = Serving::start(&["--proxy", &target.uri]);
    let outcome = proxy.talk("connect -s a,b URI/path\nsend 0 hello\nwait 0 message\nshow 0\nsend 0 quit\nwait 0 close\n",
    );
    fs::remove_file(path).expect("what was made here");
    outcome.expect_in_order(&[
        "0 << text 5 hello",
        "> Subprotocol: b",
        "0 closed 4005 (Unknown) \"enough\" by peer",
    ]);
    assert_eq!(proxy.line_with("<<"), "0 << text 5 hello");
    assert_eq!(proxy.line_with(">>"), "0 >> text 5 hello");

    let mut target = Serving::start(&["-v"]);
    let proxy = Serving::start(&["--proxy", &target.uri]);
    proxy.talk("connect URI/path\nclose 0 4006 going\n");
    assert!(target.line_with("open").contains(" /path "));
    assert_eq!(
        target.line_with("closed"),
        "0 closed 4006 (Unknown) \"going\" by peer"
    );
}

#[test]
fn a_proxy_whose_target_is_not_there_says_so() {
    let mut proxy = Serving::start(&["--proxy", "ws://127.0.0.1:1"]);
    let outcome = proxy.talk("connect URI\n");
    outcome.expect_in_order(&["0 failed HTTP 502 Bad Gateway"]);
    assert_eq!(outcome.status, Some(5));
    let line = proxy.line_with("refused");
    assert!(
        line.contains("ws://127.0.0.1:1: connection refused"),
        "{line}"
    );
}

#[test]
fn a_proxy_tells_no_secret_of_its_target_or_its_client() {
    let mut proxy = Serving::start(&["--proxy", "ws://127.0.0.1:1/?token=abc"]);
    proxy.talk("connect URI/?token=def\n");
    let line = proxy.line_with("refused");
    assert_eq!(line.matches("token=***").count(), 2, "{line}");
    assert!(!line.contains("abc") && !line.contains("def"), "{line}");
}

#[test]
fn a_proxy_drops_a_connection_that_its_target_drops() {
    let target = Serving::start(&["--cut", "100%"]);
    let proxy = Serving::start(&["--proxy", &target.uri]);
    let outcome = proxy.talk("connect URI\nsend 0 x\nwait 0 close\n");
    assert_eq!(outcome.status, Some(7), "{}", outcome.stdout);
}

#[test]
fn a_proxy_speaks_tcp_in_binary_messages() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    let target = std::thread::spawn(move || {
        use std::io::{Read as _, Write as _};
        let (mut stream, _) = listener.accept().expect("a client");
        let mut bytes = [0; 5];
        stream.read_exact(&mut bytes).expect("five bytes");
        stream.write_all(&bytes).expect("a reader");
    });
    let proxy = Serving::start(&["--proxy", &format!("tcp:{address}")]);
    let outcome = proxy.talk("connect URI\nsend 0 hello\nwait 0 message\nwait 0 close\n");
    outcome.expect_in_order(&["0 << binary 5 68 65 6C 6C 6F"]);
    assert_eq!(outcome.status, Some(0));
    target.join().expect("the target is content");
}

#[test]
fn a_proxy_whose_target_leads_back_to_it_says_so() {
    let free = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let first = free.local_addr().expect("it is bound");
    drop(free);
    let second = Serving::start(&["--proxy", &format!("ws://{first}")]);
    for target in [format!("ws://{first}"), second.uri.clone()] {
        let mut proxy = Serving::spawn(&["serve", &first.to_string(), "--proxy", &target]);
        proxy.line_with("Serving");
        let outcome = run(&["send", &format!("ws://{first}"), "x"], "");
        assert_eq!(outcome.status, Some(5), "{}", outcome.stderr);
        let line = proxy.line_with("refused");
        assert!(
            line.contains("HTTP 508 (--proxy: the target leads back to this server)"),
            "{line}"
        );
    }
}

#[test]
fn a_proxy_tells_its_target_whom_a_request_has_passed() {
    let target = Serving::start(&["--exec-shell", "--exec", "echo \"$HTTP_VIA\""]);
    let proxy = Serving::start(&["--proxy", &target.uri]);
    let outcome = proxy.talk("connect -H 'Via: 1.0 fred' URI\nwait 0 message\n");
    assert!(
        outcome.stdout.contains(" 1.0 fred, 1.1 bowsprit-"),
        "{}",
        outcome.stdout
    );
}
