//! Standard input and output as shells and other programs leave them: read-only, full, stuck, not blocking.
#![cfg(unix)]

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::thread;

use crate::support::{Peer, Program, serve};

/// What the program says when its standard output is this, and its exit status.
fn with_output(arguments: &[&str], stdout: File) -> (String, Option<i32>) {
    let outcome = Command::new(env!("CARGO_BIN_EXE_bowsprit"))
        .args(arguments)
        .env("BOWSPRIT_CONFIG", "")
        .stdin(Stdio::null())
        .stdout(stdout)
        .output()
        .expect("the program should start");
    let told = String::from_utf8_lossy(&outcome.stderr).into_owned();
    (told, outcome.status.code())
}

#[test]
fn refuses_an_output_that_cannot_be_written_to() {
    let uri = format!("ws://{}", serve(Peer::echo));
    for arguments in [
        &[][..],
        &["send", &uri, "x"],
        &[&uri],
        &["ping", "-c", "1", &uri],
        &["check", &uri],
    ] {
        let null = File::open("/dev/null").expect("a device to read");
        let told =
            "bowsprit: standard output is open for reading only: nothing could be printed there\n";
        assert_eq!(
            with_output(arguments, null),
            (told.to_owned(), Some(2)),
            "{arguments:?}"
        );
    }
}

#[cfg(target_os = "linux")]
#[test]
fn tells_that_a_full_disk_took_nothing() {
    let talking = |mut peer: Peer| {
        peer.accept();
        peer.text("hello");
        while let Some((opcode, payload)) = peer.read() {
            let answer = if opcode == 9 { 10 } else { opcode };
            peer.frame(0x80 | answer, &payload);
        }
    };
    let uri = format!("ws://{}", serve(talking));
    for arguments in [
        &["send", &uri, "x"][..],
        &["listen", "-n", "1", &uri],
        &["-n", "1", &uri],
        &["--json", "-n", "1", &uri],
        &["ping", "-c", "1", &uri],
        &["check", &uri],
    ] {
        let full = File::options().write(true).open("/dev/full");
        let (told, status) = with_output(arguments, full.expect("a device that is always full"));
        assert!(
            told.ends_with("cannot write the output: no space left on device\n"),
            "{arguments:?}: {told}"
        );
        assert_eq!(status, Some(1), "{arguments:?}");
    }
}

#[test]
fn answers_pings_while_nobody_takes_its_output() {
    // More than a pipe holds, and less than what makes reading pause.
    const MESSAGES: usize = 1_000;
    let (told, heard) = mpsc::channel();
    let server = move |mut peer: Peer| {
        peer.accept();
        for number in 0..MESSAGES {
            peer.text(&format!("{number:0>117}"));
        }
        peer.frame(0x89, b"alive?");
        told.send(peer.read()).expect("the test listens");
        peer.close(1000, "");
        peer.drain();
    };
    let uri = format!("ws://{}", serve(server));
    let mut program = Program::start(&["listen", &uri]);
    let pong = heard.recv().expect("the server lives");
    assert_eq!(pong, Some((10, b"alive?".to_vec())));
    let mut came = String::new();
    program.output().read_to_string(&mut came).expect("text");
    let sent: String = (0..MESSAGES)
        .map(|number| format!("{number:0>117}\n"))
        .collect();
    assert!(came == sent, "{} bytes came", came.len());
    assert_eq!(program.wait().status, Some(0));
}

#[test]
fn ends_when_it_is_told_to_though_nobody_takes_its_output() {
    // More than a pipe holds, and less than what makes reading pause.
    let (told, heard) = mpsc::channel();
    let server = move |mut peer: Peer| {
        peer.accept();
        for number in 0..1_000 {
            peer.text(&format!("{number:0>117}"));
        }
        peer.frame(0x89, b"heard?");
        told.send(peer.read()).expect("the test listens");
        peer.echo_close();
    };
    let uri = format!("ws://{}", serve(server));
    let mut program = Program::start(&["listen", &uri]);
    let pong = heard.recv().expect("the server lives");
    assert_eq!(pong, Some((10, b"heard?".to_vec())));
    program.signal("TERM");
    program.outlive();
    assert_eq!(program.wait().status, Some(143));
    let mut program = Program::start(&["listen", "--timeout", "300ms", &uri]);
    program.outlive();
    assert_eq!(program.wait().status, Some(124));
}

/// The program's end of a stream that does not block, and the other end.
fn stream() -> (OwnedFd, UnixStream) {
    let (end, other) = UnixStream::pair().expect("two sockets");
    end.set_nonblocking(true)
        .expect("a socket that does not block");
    (end.into(), other)
}

#[test]
fn reads_and_writes_streams_that_somebody_made_not_block() {
    let uri = format!("ws://{}", serve(Peer::echo));
    let (stdin, mut input) = stream();
    let (stdout, mut output) = stream();
    let mut program = Command::new(env!("CARGO_BIN_EXE_bowsprit"))
        .args(["--no-compress", &uri])
        .env("BOWSPRIT_CONFIG", "")
        .stdin(stdin)
        .stdout(stdout)
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program should start");
    // It meets an input that has nothing yet, and an output that has no room: a socket holds less.
    let lines: String = (0..4_000)
        .map(|number| format!("{number:0>117}\n"))
        .collect();
    input.write_all(b"first\n").expect("a reader");
    let mut first = [0; 6];
    output.read_exact(&mut first).expect("the first answer");
    assert_eq!(&first, b"first\n");
    let all = lines.clone();
    let writer = thread::spawn(move || input.write_all(all.as_bytes()));
    let written = writer.join().expect("no panic");
    written.expect("a reader of all of it");
    let mut came = String::new();
    output.read_to_string(&mut came).expect("text");
    let status = program.wait().expect("its end");
    let mut told = String::new();
    let stderr = program.stderr.as_mut().expect("its other output");
    stderr.read_to_string(&mut told).expect("text");
    assert_eq!((status.code(), told.as_str()), (Some(0), ""));
    assert!(came == lines, "{} bytes came", came.len());
}
