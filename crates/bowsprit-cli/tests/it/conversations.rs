//! The forms with one connection: when they end, what they leave behind, and what they never lose.

use std::io::BufRead as _;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use crate::support::{Peer, Piped, Program, serve};

fn echo(peer: Peer) {
    peer.echo();
}

fn uri_of(behavior: impl Fn(Peer) + Clone + Send + 'static) -> String {
    format!("ws://{}", serve(behavior))
}

fn pipe(
    arguments: &[&str],
    behavior: impl Fn(Peer) + Clone + Send + 'static,
    input: &str,
) -> Piped {
    let uri = uri_of(behavior);
    let arguments: Vec<&str> = arguments
        .iter()
        .map(|word| if *word == "URI" { uri.as_str() } else { word })
        .collect();
    Program::start(&arguments).pipe(input)
}

fn expect(piped: &Piped, stdout: &str, status: i32) {
    assert_eq!(
        (piped.text(), piped.status),
        (stdout, Some(status)),
        "{piped:?}"
    );
}

#[test]
fn prints_the_answer_to_what_was_piped_in() {
    let piped = pipe(&["URI"], echo, "hi\n");
    expect(&piped, "hi\n", 0);
    assert_eq!(piped.stderr, "");
    expect(&pipe(&["connect", "URI"], echo, "a\nb"), "a\nb\n", 0);
    expect(&pipe(&["send", "URI", "a", "b"], echo, ""), "a\nb\n", 0);
}

#[test]
fn waits_behind_the_end_of_input_until_the_peer_has_read_it_all() {
    // Shorter than the stall: a clock that ran from the end of input would be over.
    let stalls = |peer: Peer| {
        peer.echo_and_stall(
            |count| count == 1,
            || thread::sleep(Duration::from_millis(300)),
        );
    };
    let piped = pipe(&["--linger", "50ms", "URI"], stalls, "a\nb\nc\n");
    expect(&piped, "a\nb\nc\n", 0);
}

#[test]
fn leaves_when_nothing_came_for_the_time_of_linger() {
    let silent = |mut peer: Peer| {
        peer.accept();
        while let Some((opcode, payload)) = peer.read() {
            match opcode {
                9 => peer.frame(0x8a, &payload),
                8 => return peer.frame(0x88, &payload),
                _ => {}
            }
        }
    };
    let piped = pipe(&["--linger", "50ms", "URI"], silent, "log this\n");
    expect(&piped, "", 0);
    let piped = pipe(&["send", "--linger", "50ms", "URI", "a", "b"], silent, "");
    expect(&piped, "", 1);
    assert!(
        piped.stderr.ends_with(": 0 of 2 expected messages came\n"),
        "{piped:?}"
    );
    let piped = pipe(&["--until", "x+", "--linger", "50ms", "URI"], silent, "a");
    expect(&piped, "", 1);
    assert!(
        piped
            .stderr
            .contains("no message came in which x+ is found"),
        "{piped:?}"
    );
}

#[test]
fn needs_no_answer_from_the_peer_where_nothing_was_sent() {
    let mute = |mut peer: Peer| {
        peer.accept();
        // A ping here would be one that nobody answers.
        assert_eq!(peer.read(), Some((8, 1000_u16.to_be_bytes().to_vec())));
        peer.close(1000, "");
        peer.drain();
    };
    let piped = pipe(&["--linger", "50ms", "URI"], mute, "");
    expect(&piped, "", 0);
    assert_eq!(piped.stderr, "");
}

#[test]
fn leaves_behind_as_many_messages_as_were_asked_for() {
    let chatty = |mut peer: Peer| {
        peer.accept();
        for text in ["one", "two", "three", "four"] {
            peer.text(text);
        }
        peer.echo_close();
    };
    expect(
        &pipe(&["listen", "-n", "2", "URI"], chatty, ""),
        "one\ntwo\n",
        0,
    );
    let piped = pipe(&["listen", "--until", "^t.r", "URI"], chatty, "");
    expect(&piped, "one\ntwo\nthree\n", 0);
    expect(
        &pipe(&["send", "--expect", "3", "URI", "x"], chatty, ""),
        "one\ntwo\nthree\n",
        0,
    );
    expect(&pipe(&["-n", "1", "URI"], chatty, "x\n"), "one\n", 0);
}

#[test]
fn sends_all_of_the_input_though_the_answers_asked_for_came_before() {
    let (told, heard) = mpsc::channel();
    let counting = move |mut peer: Peer| {
        peer.accept();
        peer.text("early");
        let mut texts = Vec::new();
        while let Some((opcode, payload)) = peer.read() {
            match opcode {
                1 => texts.push(payload),
                8 => break,
                _ => {}
            }
        }
        told.send(texts).expect("the test listens");
        peer.frame(0x88, &[]);
    };
    expect(
        &pipe(&["-n", "1", "URI"], counting.clone(), "a\nb\nc\n"),
        "early\n",
        0,
    );
    assert_eq!(
        heard.recv(),
        Ok(vec![b"a".to_vec(), b"b".to_vec(), b"c".to_vec()])
    );
    expect(&pipe(&["send", "-n", "0", "URI", "a"], counting, ""), "", 0);
    assert_eq!(heard.recv(), Ok(vec![b"a".to_vec()]));
}

#[test]
fn closes_at_once_at_the_end_of_input_where_asked() {
    let (told, heard) = mpsc::channel();
    let patient = move |mut peer: Peer| {
        peer.accept();
        assert_eq!(peer.read(), Some((1, b"a".to_vec())), "no ping comes first");
        told.send(peer.read_close()).expect("the test listens");
        peer.close(1000, "");
    };
    let arguments = ["--close-after", "--close", "4000:done here", "URI"];
    expect(&pipe(&arguments, patient, "a\n"), "", 0);
    assert_eq!(heard.recv(), Ok(Some((4000, "done here".to_owned()))));
}

#[test]
fn waits_for_ever_where_asked() {
    let (tell, told) = mpsc::channel::<()>();
    let told = Arc::new(std::sync::Mutex::new(told));
    let late = move |mut peer: Peer| {
        peer.accept();
        assert_eq!(peer.read(), Some((1, b"a".to_vec())));
        told.lock()
            .expect("no panic")
            .recv()
            .expect("the test says when");
        peer.text("late");
        peer.close(1000, "");
        peer.drain();
    };
    let uri = uri_of(late);
    let program = Program::start(&["--wait", &uri]);
    let waiting = thread::spawn(move || program.pipe("a\n"));
    thread::sleep(Duration::from_millis(1_300));
    assert!(
        !waiting.is_finished(),
        "longer than silence is borne otherwise"
    );
    tell.send(()).expect("the server waits");
    expect(&waiting.join().expect("no panic"), "late\n", 0);
}

#[test]
fn ends_with_124_when_the_time_for_all_of_it_is_over() {
    let (told, heard) = mpsc::channel();
    let silent = move |mut peer: Peer| {
        peer.accept();
        let close = peer.read_close();
        peer.close(1000, "");
        told.send(close).expect("the test listens");
    };
    let piped = pipe(&["listen", "--timeout", "200ms", "URI"], silent, "");
    expect(&piped, "", 124);
    assert!(piped.stderr.contains("--timeout"), "{piped:?}");
    assert_eq!(heard.recv(), Ok(Some((1000, String::new()))));
}

#[test]
fn closes_cleanly_at_a_signal() {
    for (name, status) in [("INT", 130), ("TERM", 143), ("HUP", 129)] {
        let (told, heard) = mpsc::channel();
        let uri = uri_of(move |mut peer: Peer| {
            peer.accept();
            peer.text("ready");
            let close = peer.read_close();
            peer.close(1001, "");
            told.send(close).expect("the test listens");
        });
        let mut program = Program::start(&["listen", &uri]);
        let mut line = String::new();
        program.output().read_line(&mut line).expect("a line");
        assert_eq!(line, "ready\n");
        program.signal(name);
        let outcome = program.wait();
        assert_eq!(
            (outcome.status, outcome.stderr.as_str()),
            (Some(status), ""),
            "{name}"
        );
        assert_eq!(heard.recv(), Ok(Some((1001, String::new()))), "{name}");
    }
}

#[test]
fn ends_at_the_second_signal_whatever_the_peer_does() {
    let uri = uri_of(|mut peer: Peer| {
        peer.accept();
        peer.text("ready");
        peer.read_close();
        peer.stay();
    });
    let mut program = Program::start(&["listen", &uri]);
    let mut output = program.output();
    output.read_line(&mut String::new()).expect("a line");
    program.signal("TERM");
    program.signal("TERM");
    assert_eq!(program.wait().status, Some(143));
}

#[test]
fn ends_quietly_when_nobody_reads_its_output() {
    let uri = uri_of(|mut peer: Peer| {
        peer.accept();
        // Until the close frame says that the reader is gone.
        while peer.write_text("more").is_ok() {
            thread::sleep(Duration::from_millis(1));
        }
    });
    let mut program = Program::start(&["listen", &uri]);
    let mut output = program.output();
    output.read_line(&mut String::new()).expect("a line");
    drop(output);
    let outcome = program.wait();
    assert_eq!((outcome.stderr.as_str(), outcome.status), ("", Some(0)));
}

#[cfg(target_os = "linux")]
#[test]
fn tells_that_its_output_was_lost() {
    let full = std::fs::File::options().write(true).open("/dev/full");
    let outcome = std::process::Command::new(env!("CARGO_BIN_EXE_bowsprit"))
        .args(["send", &uri_of(echo), "x"])
        .stdout(full.expect("a device that is always full"))
        .output()
        .expect("the program should start");
    let told = String::from_utf8_lossy(&outcome.stderr).into_owned();
    assert!(
        told.ends_with(": cannot write the output: no space left on device\n"),
        "{told}"
    );
    assert_eq!(outcome.status.code(), Some(1));
}

#[test]
fn tells_that_the_peer_left_before_all_was_sent() {
    let leaving = |mut peer: Peer| {
        peer.accept();
        peer.read();
        peer.close(1000, "");
        // Never reads on: most of the input cannot be sent.
        thread::sleep(Duration::from_secs(2));
    };
    let piped = pipe(&["URI"], leaving, &"line\n".repeat(2_000_000));
    assert_eq!(piped.status, Some(1), "{}", piped.stderr);
    assert!(
        piped
            .stderr
            .contains("ended before all of the input was sent"),
        "{}",
        piped.stderr
    );
}

#[test]
fn tells_which_messages_did_not_come_before_a_normal_end() {
    let curt = |mut peer: Peer| {
        peer.accept();
        peer.text("one");
        peer.close(1000, "");
        peer.drain();
    };
    let piped = pipe(&["listen", "-n", "2", "URI"], curt, "");
    expect(&piped, "one\n", 1);
    assert!(
        piped.stderr.ends_with(": 1 of 2 expected messages came\n"),
        "{piped:?}"
    );
}

#[test]
fn greets_on_every_connection_and_sends_what_was_not_handed_over() {
    let count = Arc::new(AtomicUsize::new(0));
    let (told, heard) = mpsc::channel();
    let dropping = move |mut peer: Peer| {
        let number = count.fetch_add(1, Ordering::SeqCst);
        peer.accept();
        told.send(peer.read()).expect("the test listens");
        if number > 0 {
            told.send(peer.read()).expect("the test listens");
            peer.text("thanks");
            peer.close(1000, "");
            peer.drain();
        }
    };
    let uri = uri_of(dropping);
    let mut program = Program::start(&["--reconnect=first=10ms", "--on-open", "hello", &uri]);
    let hello = Some((1, b"hello".to_vec()));
    assert_eq!(
        heard.recv(),
        Ok(hello.clone()),
        "then the first connection is dropped"
    );
    assert_eq!(heard.recv(), Ok(hello));
    program.write(b"payload\n");
    assert_eq!(heard.recv(), Ok(Some((1, b"payload".to_vec()))));
    let outcome = program.wait();
    assert_eq!(
        (outcome.stdout.as_str(), outcome.status),
        ("thanks\n", Some(0))
    );
    assert!(outcome.stderr.contains(": retry 1 in"), "{outcome:?}");
    assert!(
        !outcome.stderr.contains("may not have arrived"),
        "{outcome:?}"
    );
}

#[test]
fn tells_what_may_be_lost_with_a_connection_that_is_made_again() {
    let (told, heard) = mpsc::channel();
    let dropping = move |mut peer: Peer| {
        peer.accept();
        let message = peer.read();
        told.send(message.clone()).expect("the test listens");
        if message == Some((1, b"b".to_vec())) {
            peer.close(1000, "");
            peer.drain();
        }
    };
    let uri = uri_of(dropping);
    let mut program = Program::start(&["--reconnect=first=10ms", &uri]);
    program.write(b"a\n");
    assert_eq!(heard.recv(), Ok(Some((1, b"a".to_vec()))));
    // The end of the first connection has to be seen before.
    let mut lines = program.errors().lines();
    let mut said = || lines.next().expect("a line").expect("text");
    let first = said();
    assert!(first.contains("may not have arrived"), "{first}");
    assert!(said().contains("retry 1 in"));
    program.write(b"b\n");
    assert_eq!(heard.recv(), Ok(Some((1, b"b".to_vec()))));
    assert_eq!(program.wait().status, Some(0));
}

#[test]
fn refuses_options_that_contradict_each_other() {
    for arguments in [
        &["-n", "1", "--until", "x"][..],
        &["--wait", "--linger", "1s"],
        &["--close-after", "--wait"],
        &["--close-after", "-n", "1"],
        &["--close", "1006"],
        &["--until", "("],
        &["-t", "--output", "raw"],
        &["-0", "--delimiter", "x"],
        &["--serve=0"],
    ] {
        let arguments = [arguments, &["ws://127.0.0.1:1"]].concat();
        let piped = Program::start(&arguments).pipe("");
        assert_eq!(piped.status, Some(2), "{arguments:?}: {piped:?}");
        assert_eq!(piped.text(), "");
    }
    let piped = Program::start(&["-n", "1"]).pipe("");
    assert_eq!(piped.status, Some(2), "{piped:?}");
    let piped = Program::start(&["send", "ws://127.0.0.1:1"]).pipe("");
    assert_eq!(piped.status, Some(2), "no message: {piped:?}");
}
