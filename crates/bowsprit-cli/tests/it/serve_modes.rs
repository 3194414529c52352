//! `bowsprit serve`: what it does with messages.

use std::fs;

use crate::serve_lab::{Serving, file};
use crate::support::{Program, run};

#[test]
fn echoes_and_tells_who_comes_and_goes() {
    let mut serving = Serving::start(&["-v"]);
    let outcome =
        serving.talk("connect URI/room?x=1\nsend 0 hello\nwait 0 message\nclose 0 4001 bye\n");
    outcome.expect_in_order(&["0 << text 5 hello"]);
    assert_eq!(outcome.status, Some(0));
    let line = serving.line_with("0 open 127.0.0.1:");
    assert!(line.contains(" /room?x=1 bowsprit/"), "{line}");
    assert_eq!(serving.line_with("<<"), "0 << text 5 hello");
    assert_eq!(serving.line_with(">>"), "0 >> text 5 hello");
    assert_eq!(
        serving.line_with("closed"),
        "0 closed 4001 (Unknown) \"bye\" by peer"
    );
}

#[test]
fn an_echo_waits_for_a_client_that_does_not_read() {
    let serving = Serving::start(&[]);
    // 200 messages of 64 KiB are far more than any queue takes.
    let path = file("large", &"x".repeat(65_536));
    let script = format!(
        "connect URI\n{}{}",
        format!("send 0 --file {path}\n").repeat(200),
        "wait 0 message\n".repeat(200)
    );
    let outcome = serving.talk(&script);
    fs::remove_file(path).expect("what was made here");
    assert_eq!(outcome.status, Some(0));
    assert_eq!(outcome.stdout.matches("0 << binary 65536").count(), 200);
}

#[test]
fn broadcasts_to_all_and_without_self_to_all_but_the_sender() {
    for (arguments, expected) in [
        (&["--broadcast"][..], 2),
        (&["--broadcast", "--no-self"], 1),
    ] {
        let serving = Serving::start(arguments);
        let outcome = serving.talk(
            "connect URI\nconnect URI\nsend 0 news\nwait 1 message\nsend 1 done\nwait 0 message\n",
        );
        assert_eq!(outcome.status, Some(0), "{}", outcome.stdout);
        assert_eq!(outcome.stdout.matches("<< text 4 news").count(), expected);
    }
}

#[test]
fn people_with_names_talk_and_see_one_another_come_and_go() {
    let serving = Serving::start(&["--chat"]);
    let outcome = serving.talk("connect URI\nwait 0 message\nsend 0 ada\nwait 0 message\n\
         connect URI\nwait 1 message\nsend 1 ada\nwait 1 message\nsend 1 bob\nwait 1 message\nwait 0 message\n\
         send 1 hello\nwait 0 message\nsend 0 /nick eve\nwait 0 message\nwait 1 message\n\
         send 0 /who\nwait 0 message\nsend 0 --hex 00\nwait 0 message\nclose 1\nwait 0 message\n",
    );
    outcome.expect_in_order(&[
        "0 << text 20 * What is your name?",
        "0 << text 46 * You are ada; /nick, /who and /quit are known",
        "1 << text 32 * ada is taken, try another name",
        "0 << text 16 * bob has joined",
        "0 << text 10 bob: hello",
        "1 << text 16 * ada is now eve",
        "0 << text 17 * 2 here: bob eve",
        "0 << text 24 * Only text is said here",
        "0 << text 14 * bob has left",
    ]);
    assert_eq!(outcome.status, Some(0));
}

#[test]
fn no_name_can_drive_a_terminal() {
    let serving = Serving::start(&["--chat"]);
    let outcome = serving.talk("connect URI\nwait 0 message\nsend 0 \u{1b}[2J\nwait 0 message\nsend 0 a b\nwait 0 message\n",
    );
    assert_eq!(
        outcome
            .stdout
            .matches("* A name has 1 to 32 visible")
            .count(),
        2,
        "{}",
        outcome.stdout
    );
}

#[test]
fn discards_what_comes() {
    let mut serving = Serving::start(&["--discard", "-v"]);
    let outcome = serving.talk("connect URI\nsend 0 hello\nclose 0\n");
    assert!(!outcome.stdout.contains("<<"), "{}", outcome.stdout);
    assert_eq!(serving.line_with("<<"), "0 << text 5 hello");
}

#[test]
fn prints_what_comes_and_says_nothing() {
    let mut serving = Serving::start(&["--print"]);
    let outcome = serving.talk("connect URI\nsend 0 hello\nsend 0 --hex 00ff\nclose 0\n");
    assert!(!outcome.stdout.contains("<<"), "{}", outcome.stdout);
    assert_eq!(serving.line_with("<<"), "0 << text 5 hello");
    assert_eq!(serving.line_with("<<"), "0 << binary 2 00 FF");
}

#[test]
fn answers_as_a_file_says() {
    let path = file(
        "script",
        "on open\n  send welcome\non message /^add (\\d+)$/\n  sleep 10ms\n  send $1 added\n\
         on binary\n  hex 00 ff\non message bye\n  close 4000 as you wish\non message\n  echo\n",
    );
    let serving = Serving::start(&["--script", &path]);
    let outcome = serving.talk("connect URI\nwait 0 message\nsend 0 add 7\nwait 0 message\nsend 0 --hex 01\nwait 0 message\n\
         send 0 else\nwait 0 message\nsend 0 bye\nwait 0 close\n",
    );
    fs::remove_file(path).expect("what was made here");
    outcome.expect_in_order(&[
        "0 << text 7 welcome",
        "0 << text 7 7 added",
        "0 << binary 2 00 FF",
        "0 << text 4 else",
        "0 closed 4000 (Unknown) \"as you wish\" by peer",
    ]);
    assert_eq!(outcome.status, Some(8));
}

#[test]
fn a_script_that_is_wrong_is_refused_with_its_line() {
    let path = file("wrong", "on open\n  say hello\n");
    let outcome = run(&["serve", "0", "--script", &path], "");
    fs::remove_file(&path).expect("what was made here");
    assert_eq!((outcome.stdout.as_str(), outcome.status), ("", Some(2)));
    assert!(
        outcome
            .stderr
            .contains(", line 2: not something to do: say"),
        "{}",
        outcome.stderr
    );
}

#[test]
fn prints_messages_as_asked_for() {
    let mut serving = Serving::start(&["-v", "-t=relative", "--view", "hex", "--color", "always"]);
    serving.talk("connect URI\nsend 0 hello\nwait 0 message\n");
    let line = serving.line_with("<<");
    assert!(line.starts_with("\u{1b}[2m    "), "no time: {line:?}");
    assert!(line.contains("\u{1b}[32m<<\u{1b}[0m text 5"), "{line:?}");
    assert!(line.ends_with(" 68 65 6C 6C 6F"), "{line:?}");
    assert!(serving.line_with(">>").ends_with(" 68 65 6C 6C 6F"));
}

#[test]
fn leaves_on_a_signal_and_says_goodbye() {
    for (name, status) in [("INT", 130), ("TERM", 143)] {
        let mut serving = Serving::start(&[]);
        let mut client = Program::start(&[]);
        client.write(format!("connect {}\nwait 0 close\n", serving.uri).as_bytes());
        serving.line_with("open");
        serving.signal(name);
        let outcome = client.finish();
        outcome.expect_in_order(&["0 closed 1001 (Going away) by peer"]);
        assert_eq!(serving.wait().1, Some(status));
    }
}

#[test]
fn the_prompt_serves_in_every_way_as_well() {
    let outcome = run(
        &[],
        "serve --discard --tls-self-signed 0\nserve 0\nstop\nserve --once 0\nserve --nonsense\nserve --broadcast nowhere\nserve --json 0\nserve --proxy tcp:localhost:1 0\n",
    );
    let lines = outcome.lines();
    assert!(
        lines[0].starts_with("> Serving discard on wss://127.0.0.1:"),
        "{lines:#?}"
    );
    assert!(
        lines[1].starts_with("> Certificate made on the spot"),
        "{lines:#?}"
    );
    assert!(
        lines[2].starts_with("> Already serving discard on wss://"),
        "{lines:#?}"
    );
    assert!(
        lines[3].starts_with("> Stopped serving on wss://"),
        "{lines:#?}"
    );
    assert!(
        lines[4].starts_with("> --once and --timeout are for bowsprit serve"),
        "{lines:#?}"
    );
    assert!(lines[5].contains("--nonsense"), "{lines:#?}");
    assert!(lines[6].contains("an address is"), "{lines:#?}");
    assert!(
        lines[7].contains("is for bowsprit serve to choose"),
        "{lines:#?}"
    );
    assert!(
        lines[9].contains("shown by bowsprit serve alone"),
        "{lines:#?}"
    );
}
