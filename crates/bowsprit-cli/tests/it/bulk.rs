//! Much of it: every size of message, and lines without end, all of them there and back.

use std::io::{BufRead as _, Read as _};
use std::sync::{Mutex, mpsc};
use std::thread;
use std::time::Duration;

use crate::support::{Peer, Piped, Program, serve};

const LINES: u64 = 200_000;

/// So many lines of 118 bytes, each with its number.
fn lines() -> String {
    (0..LINES)
        .map(|number| format!("{number:0>117}\n"))
        .collect()
}

fn expect_all(piped: &Piped, input: &str) {
    assert_eq!((piped.status, piped.stderr.as_str()), (Some(0), ""));
    // A failure must not print them all.
    assert_eq!(piped.stdout.len(), input.len());
    assert!(
        piped.stdout == input.as_bytes(),
        "the lines came back changed"
    );
}

#[test]
fn carries_messages_of_every_size_both_ways() {
    let uri = format!("ws://{}", serve(Peer::echo));
    // With a count the program leaves when the message is back, and does not listen for others.
    for size in [0, 1, 125, 126, 65_535, 65_536, 65_537, 16 << 20] {
        // A period that is none of a power of two: what is out of place shows.
        let period: Vec<u8> = (0..=250).collect();
        let mut bytes = period.repeat(size / period.len() + 1);
        bytes.truncate(size);
        let framed = [
            &u32::try_from(size).expect("a size").to_be_bytes(),
            bytes.as_slice(),
        ]
        .concat();
        let piped = Program::start(&["--count", "1", "--binary", "--format", "length", &uri])
            .pipe(framed.clone());
        assert_eq!(piped.status, Some(0), "{size}: {}", piped.stderr);
        assert!(
            piped.stdout == framed,
            "{size} binary bytes came back changed"
        );
        let text = format!("{}\n", "x".repeat(size));
        let piped = Program::start(&["--count", "1", &uri]).pipe(text.as_str());
        assert_eq!(piped.status, Some(0), "{size}: {}", piped.stderr);
        assert!(
            piped.stdout == text.as_bytes(),
            "{size} bytes of text came back changed"
        );
    }
}

#[test]
fn asks_whether_the_last_message_has_arrived_however_large_it_is() {
    const SIZE: usize = (16 << 20) + 1;
    let silent = |mut peer: Peer| {
        peer.accept();
        // A frame's head and mask have 14 bytes at this size.
        peer.read_bytes(14 + SIZE);
        assert_eq!(peer.read(), Some((9, b"end of input".to_vec())));
        peer.frame(0x8A, b"end of input");
        peer.echo_close();
    };
    let uri = format!("ws://{}", serve(silent));
    let program = Program::start(&["--no-compress", "--linger", "10ms", &uri]);
    let piped = program.pipe("x".repeat(SIZE));
    assert_eq!((piped.status, piped.stderr.as_str()), (Some(0), ""));
}

#[test]
fn loses_no_line_with_a_server_that_is_fast() {
    let mut server = Program::start(&["--serve=0"]);
    let mut line = String::new();
    let mut printed = server.output();
    printed.read_line(&mut line).expect("a line");
    let uri = line.trim().rsplit(' ').next().expect("its address");
    let input = lines();
    // To deflate is slow in a build for tests.
    let program = Program::start(&["--no-compress", uri]);
    expect_all(&program.pipe(input.as_str()), &input);
    server.signal("TERM");
    server.outlive();
}

#[test]
fn loses_no_line_with_a_server_that_is_slow() {
    let slow = |peer: Peer| {
        peer.echo_and_stall(
            |count| count % 1_000 == 0,
            || thread::sleep(Duration::from_millis(2)),
        );
    };
    let input = lines();
    let uri = format!("ws://{}", serve(slow));
    expect_all(
        &Program::start(&[uri.as_str()]).pipe(input.as_str()),
        &input,
    );
}

#[test]
fn loses_no_line_with_a_server_that_stalls_before_the_last_ones() {
    const LAST: u64 = 10;
    let (go_on, waiting) = mpsc::channel();
    let waiting = std::sync::Arc::new(Mutex::new(waiting));
    let stalling = move |peer: Peer| {
        let wait = || {
            waiting
                .lock()
                .expect("no panic")
                .recv()
                .expect("the test says when")
        };
        peer.echo_and_stall(|count| count == LINES - LAST, wait);
    };
    let uri = format!("ws://{}", serve(stalling));
    // Shorter than the stall.
    let mut program = Program::start(&["--linger", "100ms", &uri]);
    let input = lines();
    let mut output = program.output();
    let copy = input.clone();
    let writer = thread::spawn(move || {
        program.write(copy.as_bytes());
        program.finish()
    });
    let mut came = vec![0; input.len() - 118 * usize::try_from(LAST).expect("a size")];
    output
        .read_exact(&mut came)
        .expect("all lines but the last");
    // The input has ended, and its end is older than the silence that is borne.
    thread::sleep(Duration::from_millis(500));
    go_on.send(()).expect("the server waits");
    output.read_to_end(&mut came).expect("the last lines");
    let outcome = writer.join().expect("no panic");
    assert_eq!((outcome.status, outcome.stderr.as_str()), (Some(0), ""));
    assert!(came == input.as_bytes(), "{} bytes came back", came.len());
}

#[test]
fn holds_back_what_nobody_reads_and_loses_none_of_it() {
    let flood = |mut peer: Peer| {
        peer.accept();
        for number in 0..LINES {
            peer.text(&format!("{number:0>117}"));
        }
        peer.close(1000, "");
        peer.drain();
    };
    let uri = format!("ws://{}", serve(flood));
    let mut program = Program::start(&["listen", &uri]);
    let mut output = program.output();
    let mut line = String::new();
    output.read_line(&mut line).expect("a line");
    // Nobody reads for a while; the server cannot have sent it all.
    thread::sleep(Duration::from_millis(300));
    let mut came = line.into_bytes();
    output.read_to_end(&mut came).expect("the rest");
    assert!(came == lines().as_bytes(), "{} bytes came", came.len());
    assert_eq!(program.wait().status, Some(0));
}
