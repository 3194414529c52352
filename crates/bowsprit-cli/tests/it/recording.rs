//! Records as they are written: `--record`, `record` and `log`.

use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::support::{Outcome, Peer, Program, run, serve};

/// A folder of one test, gone when it is over.
#[derive(Debug)]
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("bowsprit-record-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir(&path).expect("a temporary folder");
        Self(path)
    }

    /// The path of a file in it.
    pub(crate) fn file(&self, name: &str) -> String {
        self.0.join(name).to_str().expect("a plain path").to_owned()
    }

    /// Writes a file in it.
    pub(crate) fn write(&self, name: &str, text: &str) -> String {
        let path = self.file(name);
        fs::write(&path, text).expect("a file in a temporary folder");
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Sends each message back, and the close frame too.
pub(crate) fn echo(mut peer: Peer) {
    peer.accept();
    while let Some((opcode, payload)) = peer.read() {
        peer.frame(0x80 | opcode, &payload);
        if opcode == 8 {
            return;
        }
    }
}

pub(crate) fn echo_uri() -> String {
    format!("ws://{}", serve(echo))
}

/// The text of a file.
pub(crate) fn text(path: &str) -> String {
    fs::read_to_string(path).expect("the program should write the file")
}

/// The `event` of each line, with the id where it has one.
fn events(path: &str) -> Vec<String> {
    let field = |line: &str, name: &str| {
        let rest = line.split_once(&format!("\"{name}\":"))?.1;
        let end = rest.find([',', '}']).expect("an object");
        Some(rest[..end].trim_matches('"').to_owned())
    };
    let text = text(path);
    let line = |line: &str| {
        let id = field(line, "id").map_or(String::new(), |id| format!("{id} "));
        format!("{id}{}", field(line, "event").expect("an event"))
    };
    text.lines().map(line).collect()
}

fn record(folder: &Folder, arguments: &[&str], script: &str) -> (String, Outcome) {
    let path = folder.file("session.jsonl");
    let outcome = run(&[&["--record", path.as_str()], arguments].concat(), script);
    (path, outcome)
}

#[test]
fn writes_everything_that_happens_on_all_connections() {
    let folder = Folder::new();
    let uri = echo_uri();
    let script = format!(
        "connect {uri}\nconnect ws://127.0.0.1:1/\nsend 0 hi\nwait 0 message\nsend 0 --hex 00ff\nwait 0 message\n\
         close 0 4001 bye\n"
    );
    let (path, outcome) = record(&folder, &[], &script);
    assert_eq!(outcome.status, Some(3));
    assert_eq!(
        events(&path),
        [
            "start",
            "0 connect",
            "0 open",
            "1 connect",
            "1 fail",
            "0 message",
            "0 message",
            "0 message",
            "0 message",
            "0 close"
        ]
    );
    let text = text(&path);
    for part in [
        r#""event":"start","format":1,"#,
        r#""headers":[["User-Agent","bowsprit/"#,
        r#""headers":[["Server","fixture/1"]]"#,
        r#""direction":"sent","opcode":"text","size":2,"text":"hi""#,
        r#""direction":"received","opcode":"binary","size":2,"base64":"AP8=""#,
        r#""code":4001,"reason":"bye","sent":{"code":4001,"reason":"bye"},"initiator":"local","clean":true"#,
        r#""error":"connection refused (127.0.0.1:1)","remedy":"#,
    ] {
        assert!(text.contains(part), "{part} is not in\n{text}");
    }
}

#[test]
fn masks_the_secrets_of_a_handshake_and_nothing_else() {
    let folder = Folder::new();
    let address = serve(|mut peer| {
        peer.accept_with("Set-Cookie: sid=s3cret-a; Path=/\r\nSec-WebSocket-Protocol: bearer\r\n");
        peer.echo_close();
    });
    let script = format!(
        "connect --auth me:s3cret-b --cookie id=s3cret-c --header 'X-Api-Key: s3cret-d' --subprotocol bearer \
         --subprotocol s3cret-e ws://{address}/p?token=s3cret-f&room=7\n"
    );
    let (path, outcome) = record(&folder, &[], &script);
    assert_eq!(outcome.status, Some(0), "{}", outcome.stdout);
    let text = text(&path);
    assert!(!text.contains("s3cret"), "{text}");
    for part in [
        r#"["Authorization","Basic ***"]"#,
        r#"["Cookie","id=***"]"#,
        r#"["X-Api-Key","***"]"#,
        r#"["Sec-WebSocket-Protocol","bearer, ***"]"#,
        r#"["Set-Cookie","sid=***; Path=/"]"#,
        "/p?token=***&room=7",
    ] {
        assert!(text.contains(part), "{part} is not in\n{text}");
    }
}

#[test]
#[cfg(unix)]
fn writes_files_that_nobody_else_may_read() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = Folder::new();
    let (path, _) = record(&folder, &[], "list\n");
    let mode = fs::metadata(path).expect("a record").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn goes_on_with_a_record_and_never_writes_over_another_file() {
    let folder = Folder::new();
    let (path, _) = record(&folder, &[], "list\n");
    record(&folder, &[], "list\n");
    assert_eq!(events(&path), ["start", "start"]);
    let other = folder.write("notes.txt", "mine\n");
    let outcome = run(&["--record", &other], "list\n");
    assert_eq!(outcome.status, Some(2));
    assert!(
        outcome
            .stderr
            .contains("notes.txt: it is there and no record, and would be lost; give another name"),
        "{}",
        outcome.stderr
    );
    assert_eq!(text(&other), "mine\n");
    let mut first = Program::start(&["--record", &path]);
    first.write(b"list\n");
    assert_eq!(first.read_line(), "> No connections");
    let second = run(&["--record", &path], "list\n");
    assert!(
        second.stderr.contains("another program records to it"),
        "{}",
        second.stderr
    );
    first.finish();
    let outcome = run(&["--record", "/dev/null"], "list\n");
    assert!(
        outcome.stderr.contains("/dev/null: not a regular file"),
        "{}",
        outcome.stderr
    );
}

#[test]
fn ends_at_its_limit_and_lets_the_session_go_on() {
    let folder = Folder::new();
    let uri = echo_uri();
    let message = "x".repeat(100);
    let sends = format!("send 0 {message}\nwait 0 message\n").repeat(20);
    let (path, outcome) = record(
        &folder,
        &["--record-limit", "2KiB"],
        &format!("connect {uri}\n{sends}"),
    );
    assert_eq!(outcome.status, Some(0));
    let told = outcome
        .stdout
        .matches("has ended: it would be larger than 2048 bytes");
    assert_eq!(told.count(), 1, "{}", outcome.stdout);
    assert_eq!(outcome.stdout.matches("0 << text 100").count(), 20);
    let text = text(&path);
    assert!(text.len() <= 2048 && text.ends_with("}\n"), "{text}");
}

#[test]
#[cfg(target_os = "linux")]
fn tells_once_that_the_disk_is_full_and_lets_the_session_go_on() {
    // A limit on the size of files is what a test has of a full disk; SIGXFSZ is ignored by the shell.
    let folder = Folder::new();
    let uri = echo_uri();
    let path = folder.file("session.jsonl");
    let sends = format!("send 0 {}\nwait 0 message\n", "x".repeat(100)).repeat(100);
    let script = folder.write("script", &format!("connect {uri}\n{sends}record\n"));
    let command = format!(
        "trap '' XFSZ; ulimit -f 4; exec {} --record {path} < {script}",
        env!("CARGO_BIN_EXE_bowsprit")
    );
    let output = std::process::Command::new("bash")
        .args(["-c", &command])
        .output();
    let output = output.expect("bash should run");
    let stdout = String::from_utf8_lossy(&output.stdout);
    assert_eq!(stdout.matches("has ended: ").count(), 1, "{stdout}");
    assert!(stdout.contains("> Not recording"), "{stdout}");
    assert_eq!(stdout.matches("0 << text 100").count(), 100);
}

#[test]
fn has_everything_in_the_file_after_a_signal() {
    let folder = Folder::new();
    let path = folder.file("session.jsonl");
    let mut program = Program::start(&["--record", &path]);
    program.write(format!("connect {}\nsend 0 hi\nwait 0 message\n", echo_uri()).as_bytes());
    while !program.read_line().starts_with("0 << text") {}
    program.signal("TERM");
    assert_eq!(program.wait().status, Some(143));
    assert_eq!(
        events(&path),
        [
            "start",
            "0 connect",
            "0 open",
            "0 message",
            "0 message",
            "0 close"
        ]
    );
}

#[test]
fn has_an_event_in_the_file_soon_after_it_happened() {
    let folder = Folder::new();
    let path = folder.file("session.jsonl");
    let mut program = Program::start(&["--record", &path]);
    program.write(format!("connect {}\nsend 0 hi\nwait 0 message\n", echo_uri()).as_bytes());
    while !program.read_line().starts_with("0 << text") {}
    // The program goes on; a hung one fails by the time limit of the test.
    while events_so_far(&path) < 5 {
        std::thread::yield_now();
    }
    program.finish();
}

fn events_so_far(path: &str) -> usize {
    fs::read_to_string(path).map_or(0, |text| text.matches('\n').count())
}

#[test]
fn begins_and_ends_a_record_at_the_prompt() {
    let folder = Folder::new();
    let (path, log) = (folder.file("all.jsonl"), folder.file("one.jsonl"));
    let uri = echo_uri();
    let script = format!(
        "record\nconnect {uri}\nconnect {uri}\nrecord {path}\nrecord {path}\nlog 1 {log}\nrecord\nsend all hi\n\
         wait all message\nrecord off\nsend 1 later\nwait 1 message\nlog 1 off\nlog 1 off\nrecord off\n"
    );
    let outcome = run(&[], script);
    outcome.expect_in_order(&[
        "> Not recording",
        &format!("> Recording to {path}"),
        "> Recording already; record off ends that",
        &format!("> Recording to {log}"),
        &format!("> Recording to {path}"),
        &format!("> Recording 1 to {log}"),
        &format!("> Recorded to {path}"),
        &format!("> Recorded to {log}"),
        "> Not recording",
        "> Not recording",
    ]);
    // What was open already begins with what a reader has to know of it.
    let mut all = events(&path);
    all[5..].sort();
    let before = ["start", "0 connect", "0 open", "1 connect", "1 open"];
    assert_eq!(all[..5], before);
    assert_eq!(
        all[5..],
        ["0 message", "0 message", "1 message", "1 message"]
    );
    let one = [
        "start",
        "1 connect",
        "1 open",
        "1 message",
        "1 message",
        "1 message",
        "1 message",
    ];
    assert_eq!(events(&log), one);
}

#[test]
fn refuses_commands_that_cannot_be_carried_out() {
    for (line, answer) in [
        (
            "record --limit 5",
            "> Usage: record [--limit <size>] <file>",
        ),
        (
            "log 0",
            "> Usage: log <connection id> [--limit <size>] <file>",
        ),
        ("log 7 x.jsonl", "> No connection found with id 7"),
        (
            "record /no/such/folder/x",
            "> Cannot record to /no/such/folder/x: No such file or directory",
        ),
    ] {
        let outcome = run(&[], format!("{line}\n"));
        assert!(
            outcome
                .stdout
                .to_lowercase()
                .contains(&answer.to_lowercase()),
            "{}",
            outcome.stdout
        );
        assert_eq!(outcome.status, Some(1), "{line}");
    }
}

#[test]
fn writes_on_behind_a_line_that_was_cut_off() {
    let folder = Folder::new();
    let (path, _) = record(&folder, &[], "list\n");
    let whole = text(&path);
    let address = serve(echo);
    fs::write(&path, format!("{whole}{{\"time\":\"2026")).expect("a record");
    run(&["--record", &path], format!("connect ws://{address}\n"));
    let outcome = run(&["replay", &path, "--speed", "max"], "");
    assert_eq!(outcome.status, Some(0), "{}", outcome.stderr);
    assert!(
        outcome.stderr.contains("line 2 is cut off and left out"),
        "{}",
        outcome.stderr
    );
}

#[test]
fn writes_what_each_form_does_and_plays_it_again() {
    let folder = Folder::new();
    let uri = echo_uri();
    let script = folder.write(
        "talk.bws",
        "connect ${uri}\nsend 0 hi\nexpect 0 text hi\nclose 0\n",
    );
    let set = format!("uri={uri}");
    let talk = ["connect", "open", "message", "message", "close"];
    let forms: [(&str, &[&str], &str); 4] = [
        ("send", &["send", &uri, "hi"], ""),
        (
            "listen",
            &["listen", "--on-open", "hi", "-n", "1", &uri],
            "",
        ),
        ("pipe", &[&uri], "hi\n"),
        ("run", &["run", &script, "--set", &set], ""),
    ];
    for (name, form, input) in forms {
        let path = folder.file(&format!("{name}.jsonl"));
        let arguments = [form, &["--record", &path]].concat();
        let outcome = run(&arguments, input);
        assert_eq!(outcome.status, Some(0), "{name}: {outcome:?}");
        let talk = talk.iter().map(|event| format!("0 {event}"));
        let expected: Vec<String> = std::iter::once("start".to_owned()).chain(talk).collect();
        // A peer that echoes pings as well shows how it is asked whether it has said all.
        let is_ping = |event: &String| event.ends_with("ping") || event.ends_with("pong");
        let mut written = events(&path);
        written.retain(|event| !is_ping(event));
        assert_eq!(written, expected, "{name}");
        let outcome = run(&["replay", &path, "--speed", "max"], "");
        assert_eq!(outcome.status, Some(0), "{name}: {outcome:?}");
    }
    for form in ["ping", "check"] {
        let path = folder.file("none.jsonl");
        let outcome = run(&[form, "--record", &path, &uri], "");
        assert_eq!(outcome.status, Some(2), "{form}");
        let sentence = format!("bowsprit: --record has no effect in bowsprit {form}");
        assert!(outcome.stderr.starts_with(&sentence), "{outcome:?}");
    }
}
