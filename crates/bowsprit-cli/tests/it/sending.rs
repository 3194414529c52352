//! Every form of `send`, and the ways to close.

use std::fs;
use std::sync::mpsc;

use crate::support::{directory, echo, run, run_against, serve};

#[test]
fn sends_text_and_binary_in_every_form() {
    let directory = directory("forms");
    let (text, binary) = (directory.join("a text"), directory.join("binary"));
    fs::write(&text, "from ä file\n").expect("a file");
    fs::write(&binary, [0xff, 0x00]).expect("a file");
    let (text, binary) = (text.display(), binary.display());
    let forms = [
        (format!("@{text}"), "text 13 from ä file\\n"),
        (format!("--binary @{binary}"), "binary 2 FF 00"),
        (format!("--file {binary}"), "binary 2 FF 00"),
        (
            "--binary two words".to_owned(),
            "binary 9 74 77 6F 20 77 6F 72 64 73",
        ),
        ("--hex 00 ff".to_owned(), "binary 2 00 FF"),
        ("--base64 AP8=".to_owned(), "binary 2 00 FF"),
        ("--base64 AP8".to_owned(), "binary 2 00 FF"),
        ("\"\"".to_owned(), "text 0 "),
        (String::new(), "text 0 "),
        ("-- \"\"".to_owned(), "text 2 \"\""),
        ("-- @home".to_owned(), "text 5 @home"),
        ("-- --json".to_owned(), "text 6 --json"),
    ];
    let lines = forms
        .iter()
        .map(|(form, _)| format!("send 0 {form}\nwait 0 message\n"));
    let outcome = run_against(echo, &format!("connect URI\n{}", lines.collect::<String>()));
    let echoes: Vec<String> = forms
        .iter()
        .map(|(_, echo)| format!("0 << {echo}"))
        .collect();
    let echoes: Vec<&str> = echoes.iter().map(String::as_str).collect();
    outcome.expect_in_order(&echoes);
    assert_eq!(outcome.status, Some(0), "{outcome:?}");
    fs::remove_dir_all(directory).expect("what was made here");
}

#[test]
fn refuses_a_message_that_is_not_what_it_is_said_to_be() {
    let directory = directory("refused");
    let binary = directory.join("binary");
    fs::write(&binary, b"text\xff").expect("a file");
    let binary = binary.display();
    let script = format!(
        "connect URI\nsend 0 @{binary}\nsend 0 @/nowhere/at all\nsend 0 @/dev/zero\nsend 0 @\nsend 0 --base64 A\n\
         send 0 --hexed x\nsend 0 --json\nshow 0\n"
    );
    let outcome = run_against(echo, &script);
    outcome.expect_in_order(&[
        &format!(
            "> Error reading {binary}: not UTF-8 at byte 5 (--binary @<path> sends it as it is)"
        ),
        "> Error reading /nowhere/at all: no such file or directory",
        "> Error reading /dev/zero: not a regular file",
        "> Usage: send <connection id> @<path>",
        "> Not base64: Invalid input length: 1",
        "> Not an option of send: --hexed (send <id> -- --hexed sends it as text)",
        "> Usage: send <connection id> --json <value>",
        "> Messages Processed: (0) ",
    ]);
    assert_eq!(outcome.status, Some(1));
    fs::remove_dir_all(directory).expect("what was made here");
}

#[test]
fn closes_without_a_code() {
    let (frames, seen) = mpsc::channel();
    let outcome = run_against(
        move |mut peer| {
            peer.accept();
            let frame = peer.read().expect("a close frame");
            peer.frame(0x88, &[]);
            frames.send(frame).expect("the test listens");
        },
        "connect URI\nclose 0 --empty\nclose 0 --empty now\n",
    );
    assert_eq!(seen.recv().expect("a frame"), (8, Vec::new()));
    outcome.expect_in_order(&[
        "0 closed 1005 (No status set) by this side",
        "> Usage: close <connection id> [<close code:default=1000>] [<close reason>]",
    ]);
}

#[test]
fn drops_a_connection_without_a_close_frame() {
    let (frames, seen) = mpsc::channel();
    let address = serve(move |mut peer| {
        peer.accept();
        frames.send(peer.read()).expect("the test listens");
    });
    let outcome = run(
        &[],
        format!("connect ws://{address}\nclose 0 --abort\nclose 0 --abort\n"),
    );
    assert_eq!(seen.recv().expect("an end"), None, "no frame was sent");
    let ended = outcome
        .lines()
        .into_iter()
        .find(|line| line.starts_with("0 closed 1006 "));
    assert!(ended.is_some(), "{outcome:?}");
    outcome.expect_in_order(&["> Error initiating close: Bad Connection (connection 0 is closed)"]);
    assert_eq!(outcome.status, Some(1), "only the second is an error");
}
