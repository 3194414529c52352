//! What goes wrong on the machine × the forms that meet it: streams that are full or closed, readers that
//! leave, signals, files that take no more. docs/explanation/security/program.md has it as a table.
#![cfg(target_os = "linux")]

use std::fs;
use std::process::{Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Duration;

use crate::recording::Folder;
use crate::support::{Peer, Piped, Program, echo_frames, run, serve};
use crate::tls::{self, Identity};

/// How long a server may hear nothing before the program counts as hung.
const LIMIT: Duration = Duration::from_secs(30);

/// A way to run the program against a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Send,
    Listen,
    Pipe,
    Ping,
    Check,
    Load,
    Prompt,
    Events,
    Script,
    ScriptEvents,
}

const FORMS: [Form; 10] = [
    Form::Send,
    Form::Listen,
    Form::Pipe,
    Form::Ping,
    Form::Check,
    Form::Load,
    Form::Prompt,
    Form::Events,
    Form::Script,
    Form::ScriptEvents,
];

impl Form {
    /// What is typed to hear one message, or what stands for one here.
    fn briefly(self, uri: &str) -> Vec<String> {
        let words: &[&str] = match self {
            Self::Send => &["send", uri, "hi"],
            Self::Listen => &["listen", "-n", "1", uri],
            Self::Pipe => &["-n", "1", uri],
            Self::Ping => &["ping", "-c", "1", uri],
            Self::Check => &["check", uri],
            Self::Load => &["load", "-q", "-c", "1", "-n", "1", uri],
            Self::Prompt => &[],
            Self::Events => &["--json"],
            Self::Script => return script(&[], uri, "expect 0 any"),
            Self::ScriptEvents => return script(&["--json"], uri, "expect 0 any"),
        };
        owned(words)
    }

    /// What is typed to stay for as long as the server does.
    fn for_long(self, uri: &str) -> Vec<String> {
        let words: &[&str] = match self {
            Self::Send => &["send", "-n", "1000000000", "--wait", uri, "hi"],
            Self::Listen => &["listen", uri],
            Self::Pipe => &[uri],
            Self::Ping => &["ping", "-i", "10ms", "--pong-timeout", "1h", uri],
            Self::Load => &["load", "-c", "1", "-d", "1h", uri],
            Self::Script => return script(&[], uri, "wait 0 close 3600"),
            Self::ScriptEvents => return script(&["--json"], uri, "wait 0 close 3600"),
            Self::Check | Self::Prompt | Self::Events => return self.briefly(uri),
        };
        owned(words)
    }

    const fn reads_commands(self) -> bool {
        matches!(self, Self::Prompt | Self::Events)
    }

    fn start(self, words: &[String]) -> Program {
        Program::start(&words.iter().map(String::as_str).collect::<Vec<_>>())
    }
}

fn owned(words: &[&str]) -> Vec<String> {
    words.iter().copied().map(str::to_owned).collect()
}

fn script(options: &[&str], uri: &str, line: &str) -> Vec<String> {
    let connect = format!("connect {uri}");
    owned(&[&["run"], options, &["-e", &connect, "-e", line]].concat())
}

/// What comes of a short run whose streams a shell has redirected so.
fn redirected(form: Form, uri: &str, how: &str) -> Piped {
    let mut shell = Command::new("bash");
    shell
        .args(["-c", &format!("exec \"$@\" {how}"), "bash"])
        .arg(env!("CARGO_BIN_EXE_bowsprit"))
        .args(form.briefly(uri))
        .env("BOWSPRIT_CONFIG", "");
    let mut program = Program::spawn(shell);
    if form.reads_commands() && !how.contains("<&-") {
        program.write(format!("connect {uri}\nwait 0 message\n").as_bytes());
    }
    program.pipe("")
}

/// Runs this for each form, all at once.
fn for_each(forms: &[Form], each: impl Fn(Form) + Sync) {
    thread::scope(|scope| {
        for form in forms {
            let each = &each;
            scope.spawn(move || each(*form));
        }
    });
}

/// The URI of a server that greets, and echoes.
fn greeting() -> String {
    let greet = |mut peer: Peer| {
        peer.accept();
        peer.text("hello");
        echo_frames(&mut peer);
    };
    format!("ws://{}/", serve(greet))
}

/// The URI of a server that sends without end, whether it is heard or not.
fn flooding() -> String {
    let flood = |mut peer: Peer| {
        peer.accept();
        while peer.write_text("flood").is_ok() {}
    };
    format!("ws://{}/", serve(flood))
}

/// The URI of a server that echoes, and tells of each connection that it has opened and of each close code.
fn telling() -> (String, Receiver<()>, Receiver<u16>) {
    let ((opened, open), (codes, code)) = (mpsc::channel(), mpsc::channel());
    let tell = move |mut peer: Peer| {
        peer.accept();
        peer.text("hello");
        // A test that has failed hears nothing any more.
        let _ = opened.send(());
        while let Some((opcode, payload)) = peer.read() {
            match (opcode, payload.first_chunk()) {
                (8, code) => {
                    let _ = codes.send(code.map_or(1005, |code| u16::from_be_bytes(*code)));
                    return peer.frame(0x88, &payload);
                }
                (9, _) => peer.frame(0x8a, &payload),
                _ => peer.frame(0x80 | opcode, &payload),
            }
        }
    };
    (format!("ws://{}/", serve(tell)), open, code)
}

#[test]
fn a_full_disk_behind_standard_output_is_told_with_status_1_by_every_form() {
    let uri = greeting();
    for_each(&FORMS, |form| {
        let piped = redirected(form, &uri, ">/dev/full");
        let said = "cannot write the output: no space left on device\n";
        assert!(piped.stderr.ends_with(said), "{form:?}: {piped:?}");
        assert_eq!(piped.status, Some(1), "{form:?}: {piped:?}");
        // Nobody can be told of it.
        let piped = redirected(form, &uri, ">/dev/full 2>/dev/full");
        assert_eq!(piped.status, Some(1), "{form:?}: {piped:?}");
    });
    for words in [
        &["man"][..],
        &["completions", "bash"],
        &["--help-all"],
        &["--version"],
    ] {
        let full = fs::File::options().write(true).open("/dev/full");
        let done = Command::new(env!("CARGO_BIN_EXE_bowsprit"))
            .args(words)
            .env("BOWSPRIT_CONFIG", "")
            .stdout(full.expect("a device that is always full"))
            .stderr(Stdio::null())
            .status();
        let done = done.expect("the program should start");
        assert_eq!(done.code(), Some(1), "{words:?}");
    }
}

#[test]
fn a_standard_error_that_takes_nothing_changes_nothing() {
    let uri = greeting();
    for_each(&FORMS, |form| {
        let whole = redirected(form, &uri, "");
        assert_eq!(whole.status, Some(0), "{form:?}: {whole:?}");
        for how in ["2>/dev/full", "2>&-"] {
            let piped = redirected(form, &uri, how);
            assert_eq!(piped.status, Some(0), "{form:?}: {piped:?}");
            let lines = |piped: &Piped| piped.text().lines().count();
            assert_eq!(lines(&piped), lines(&whole), "{form:?} {how}: {piped:?}");
        }
    });
}

#[test]
fn a_closed_standard_input_has_ended() {
    let uri = greeting();
    for_each(&FORMS, |form| {
        let piped = redirected(form, &uri, "<&-");
        assert_eq!(piped.status, Some(0), "{form:?}: {piped:?}");
        assert_eq!(
            piped.text().is_empty(),
            form == Form::Prompt,
            "{form:?}: {piped:?}"
        );
    });
}

#[test]
fn a_closed_standard_output_is_one_that_takes_all() {
    // What runs before `main` has opened /dev/null there. It must be no socket: frames would go to it.
    let (uri, open, code) = telling();
    for_each(&FORMS, |form| {
        for how in [">&-", ">&- 2>&-"] {
            let piped = redirected(form, &uri, how);
            let told = (piped.text(), piped.stderr.as_str(), piped.status);
            assert_eq!(told, ("", "", Some(0)), "{form:?} {how}");
        }
    });
    let codes: Vec<u16> = code.try_iter().collect();
    assert!(
        codes.iter().all(|code| [1000, 1001].contains(code)),
        "{codes:?}"
    );
    assert!(codes.len() >= 2 * FORMS.len(), "{codes:?}");
    assert_eq!(open.try_iter().count(), codes.len());
}

#[test]
fn a_reader_that_leaves_ends_every_form_without_a_word() {
    let uri = flooding();
    let forms = [
        Form::Send,
        Form::Listen,
        Form::Pipe,
        Form::Prompt,
        Form::Events,
        Form::Script,
        Form::ScriptEvents,
    ];
    for_each(&forms, |form| {
        let mut program = form.start(&form.for_long(&uri));
        if form.reads_commands() {
            program.write(format!("connect {uri}\nwait 0 close 3600\n").as_bytes());
        }
        program.read_line();
        program.hang_up();
        program.outlive();
        let outcome = program.finish();
        // A script was not carried out, and says so.
        let is_script = matches!(form, Form::Script | Form::ScriptEvents);
        let expected = ("", Some(i32::from(is_script)));
        let told = (outcome.stderr.as_str(), outcome.status);
        assert_eq!(told, expected, "{form:?}");
    });
}

#[test]
fn a_reader_that_never_came_is_no_fault() {
    let uri = greeting();
    for_each(&FORMS, |form| {
        let mut program = form.start(&form.briefly(&uri));
        program.hang_up();
        let is_script = matches!(form, Form::Script | Form::ScriptEvents);
        let piped = match form.reads_commands() {
            true => program.pipe(format!("connect {uri}\nwait 0 message\n")),
            false => program.pipe(""),
        };
        let statuses = if is_script { 0..=1 } else { 0..=0 };
        let status = piped.status.expect("an exit status");
        assert!(statuses.contains(&status), "{form:?}: {piped:?}");
        assert_eq!(piped.stderr, "", "{form:?}");
    });
}

#[test]
fn signals_end_every_form_with_1001_and_their_number() {
    const SIGNALS: [(&[&str], i32); 5] = [
        (&["TERM"], 143),
        (&["INT"], 130),
        (&["HUP"], 129),
        // One that a write to nobody would have sent is not heeded.
        (&["PIPE", "TERM"], 143),
        // One that came while the program was stopped is heeded when it goes on.
        (&["STOP", "TERM", "CONT"], 143),
    ];
    let forms = FORMS.into_iter().filter(|form| *form != Form::Check);
    for_each(&forms.collect::<Vec<_>>(), |form| {
        for (signals, status) in SIGNALS {
            let (uri, open, code) = telling();
            let mut program = form.start(&form.for_long(&uri));
            if form.reads_commands() {
                program.write(format!("connect {uri}\nwait 0 close 3600\n").as_bytes());
            }
            open.recv_timeout(LIMIT).expect("a connection");
            // It knows that it is open, and not the server alone.
            match form {
                Form::Load => program.read_error_until("1 s: "),
                Form::Ping => program.read_until("PING "),
                _ => program.read_until("hello"),
            }
            signals.iter().for_each(|signal| program.signal(signal));
            let outcome = program.wait();
            // Ctrl-C is how a ping is asked for its figures.
            let is_end = form == Form::Ping && signals == ["INT"];
            let expected = if is_end { 0 } else { status };
            assert_eq!(outcome.status, Some(expected), "{form:?}: {outcome:?}");
            let code = code.recv_timeout(LIMIT).expect("a close frame");
            let good = [1000, 1001];
            assert!(good.contains(&code), "{form:?} {signals:?}: {code}");
            assert!(
                code == 1001 || matches!(form, Form::Load | Form::Ping),
                "{form:?} {signals:?}: {code}"
            );
        }
    });
}

#[test]
fn a_second_signal_ends_a_script_at_once() {
    let never = serve(|mut peer| {
        peer.accept();
        peer.text("hello");
        peer.stay();
    });
    let uri = format!("ws://{never}/");
    let mut words = Form::Script.for_long(&uri);
    words.extend(owned(&["--close-timeout", "1h"]));
    let mut program = Form::Script.start(&words);
    program.read_until("<< text 5 hello\n");
    program.signal("TERM");
    program.read_until("> Closing connection 0\n");
    program.signal("TERM");
    let outcome = program.wait();
    assert!(!outcome.stdout.contains("in time"), "{outcome:?}");
    assert_eq!(outcome.status, Some(143));
}

#[test]
fn a_script_that_was_cut_off_has_failed_in_its_report() {
    let folder = Folder::new();
    let junit = folder.file("report.xml");
    let uri = flooding();
    let started = || {
        let mut words = Form::Script.for_long(&uri);
        words.extend(owned(&["--junit", &junit]));
        let mut program = Form::Script.start(&words);
        program.read_until("<< text 5 flood\n");
        program
    };
    let expect = |program: Program, status: i32, why: &str| {
        assert_eq!(program.wait().status, Some(status), "{why}");
        let report = fs::read_to_string(&junit).expect("a report");
        assert!(report.contains("failures=\"1\""), "{why}: {report}");
        assert!(report.contains(why), "{why}: {report}");
    };
    for (signal, status) in [("TERM", 143), ("INT", 130), ("HUP", 129)] {
        let program = started();
        program.signal(signal);
        expect(program, status, "a signal stopped the script");
    }
    let mut program = started();
    program.hang_up();
    expect(program, 1, "nobody takes its output");
}

#[test]
fn results_that_cannot_be_written_are_told_and_no_other_is_lost() {
    let uri = greeting();
    let connect = format!("connect {uri}");
    for (words, stdout, said) in [
        (
            &[
                "run",
                "--junit",
                "/dev/full",
                "-e",
                &connect,
                "-e",
                "expect 0 any",
            ][..],
            "passed",
            "cannot write /dev/full: no space left on device\n",
        ),
        (
            &[
                "load",
                "-q",
                "-c",
                "1",
                "-n",
                "1",
                "--json",
                "/dev/full",
                "--csv",
                "/dev/full",
                &uri,
            ],
            "1 opened",
            "bowsprit: cannot write /dev/full: no space left on device\n\
             bowsprit: cannot write /dev/full: no space left on device\n",
        ),
    ] {
        let piped = Program::start(words).pipe("");
        assert!(piped.text().contains(stdout), "{piped:?}");
        assert!(piped.stderr.ends_with(said), "{piped:?}");
        assert_eq!(piped.status, Some(1), "{piped:?}");
    }
}

/// Runs the program where no file grows over so many KiB, which is what a test has of a full disk.
fn where_files_end_at(kib: u32, words: &[&str]) -> Piped {
    let mut shell = Command::new("bash");
    shell
        .args(["-c", &format!("trap '' XFSZ; ulimit -f {kib}; exec \"$@\"")])
        .args(["bash", env!("CARGO_BIN_EXE_bowsprit")])
        .args(words)
        .env("BOWSPRIT_CONFIG", "");
    Program::spawn(shell).pipe("")
}

#[test]
fn a_record_that_was_cut_is_played_up_to_its_last_whole_line() {
    let folder = Folder::new();
    let path = folder.file("cut.jsonl");
    let uri = format!("ws://{}/", serve(Peer::echo));
    let connect = format!("connect {uri}");
    let words = ["run", "--record", &path, "-e", &connect, "-e", "repeat 100"];
    let lines = ["-e", "send 0 x", "-e", "expect 0 text x", "-e", "end"];
    let piped = where_files_end_at(8, &[&words[..], &lines].concat());
    assert_eq!(piped.status, Some(0), "{piped:?}");
    assert!(
        piped.text().contains("has ended: file too large"),
        "{piped:?}"
    );
    let record = fs::read(&path).expect("a record");
    assert_eq!((record.len(), record.last() == Some(&b'\n')), (8192, false));
    let outcome = run(&["replay", "--speed", "max", &path], "");
    assert_eq!(outcome.status, Some(0), "{outcome:?}");
    assert!(
        outcome.stderr.contains("is cut off and left out"),
        "{outcome:?}"
    );
    // What is made of it is whole or is not.
    let har = folder.file("cut.har");
    let piped = where_files_end_at(1, &["replay", &path, "--export", &har]);
    let said = format!("bowsprit: cannot write {har}: file too large\n");
    assert!(piped.stderr.ends_with(&said), "{piped:?}");
    assert_eq!(
        (piped.status, fs::exists(&har).ok()),
        (Some(2), Some(false))
    );
}

#[test]
fn a_record_is_whole_after_a_kill_up_to_its_last_line() {
    let folder = Folder::new();
    let path = folder.file("killed.jsonl");
    let (uri, ..) = telling();
    let connect = format!("connect {uri}");
    let words = [
        "run",
        "--record",
        &path,
        "-e",
        &connect,
        "-e",
        "repeat 1000000000",
    ];
    let lines = ["-e", "send 0 x", "-e", "expect 0 any", "-e", "end"];
    let mut program = Program::start(&[&words[..], &lines].concat());
    // More of it lies in the file than a buffer holds.
    let mut output = program.output();
    let reader = thread::spawn(move || std::io::copy(&mut output, &mut std::io::sink()));
    let has_much = || fs::metadata(&path).is_ok_and(|file| file.len() > 1 << 17);
    while !has_much() {
        assert!(program.is_running());
        thread::yield_now();
    }
    program.signal("KILL");
    assert_eq!(program.wait().status, None);
    reader.join().expect("no panic").expect("its output");
    let outcome = run(&["replay", "--speed", "max", &path], "");
    // The last message may have lost its answer; no line is broken but the one that was cut.
    assert!(matches!(outcome.status, Some(0 | 1)), "{outcome:?}");
    assert!(outcome.stdout.contains(" sent, "), "{outcome:?}");
    let faults = outcome.stderr.lines();
    let others: Vec<_> = faults
        .filter(|line| !line.ends_with("is cut off and left out"))
        .collect();
    assert!(others.is_empty(), "{others:?}");
}

#[test]
fn a_key_log_that_takes_nothing_ends_no_connection() {
    let identity = Identity::new("faults", "localhost");
    let address = tls::serve(&identity, |tls| tls);
    let uri = format!("wss://localhost:{}/", address.port());
    let environment = [("SSLKEYLOGFILE", "/dev/full")];
    let words = ["send", "-n", "0", "--insecure", &uri, "hi"];
    let outcome = Program::start_in(&environment, &words).finish();
    assert_eq!(outcome.status, Some(0), "{outcome:?}");
}
