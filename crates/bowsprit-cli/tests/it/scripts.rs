//! `run FILE`, and the commands of scripts in pipes.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use crate::support::{Outcome, Peer, Program, run, run_against, run_in, serve};

/// A folder of its own for the files of a test.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("bowsprit-scripts-{}-{number}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        fs::create_dir(&folder).expect("a folder in the temporary directory");
        Self(folder)
    }

    /// A file in it, as an argument.
    fn file(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        let path = self.0.join(name);
        fs::write(&path, content).expect("a file in the folder");
        path.display().to_string()
    }

    fn path(&self, name: &str) -> String {
        self.0.join(name).display().to_string()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Runs one script with the arguments.
fn run_script(arguments: &[&str], content: impl AsRef<[u8]>) -> Outcome {
    let folder = Folder::new();
    let file = folder.file("a.bws", content);
    let outcome = run(&[&["run", &file], arguments].concat(), "");
    // The folder has another name each time.
    Outcome {
        stdout: outcome.stdout.replace(&file, "a.bws"),
        stderr: outcome.stderr.replace(&file, "a.bws"),
        ..outcome
    }
}

/// Runs a script against a server that does this; `${uri}` is its address.
fn run_script_against(
    behavior: impl Fn(Peer) + Clone + Send + 'static,
    arguments: &[&str],
    content: &str,
) -> Outcome {
    let uri = format!("uri=ws://{}", serve(behavior));
    run_script(&[&["--set", &uri], arguments].concat(), content)
}

/// Sends these texts, then answers pings and the close: behind the pong all texts have come.
fn says(texts: &'static [&'static str]) -> impl Fn(Peer) + Clone + Send + 'static {
    move |mut peer| {
        peer.accept();
        texts.iter().for_each(|text| peer.text(text));
        while let Some((opcode, payload)) = peer.read() {
            match opcode {
                8 => return peer.frame(0x88, &payload),
                9 => peer.frame(0x8a, &payload),
                _ => {}
            }
        }
    }
}

#[test]
fn the_shipped_script_against_its_own_server_passes() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let echo = root.join("examples/scripts/echo.bws");
    let outcome = run(&["run", "-q", &echo.display().to_string()], "");
    assert_eq!(
        outcome.status,
        Some(0),
        "{}{}",
        outcome.stdout,
        outcome.stderr
    );
}

#[test]
fn the_shipped_scripts_have_no_mistakes() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/scripts");
    let files = fs::read_dir(folder).expect("the folder of the examples");
    let files = files.map(|file| file.expect("a file").path().display().to_string());
    let files: Vec<String> = files.filter(|file| file.ends_with(".bws")).collect();
    assert_eq!(files.len(), 5);
    let mut arguments = vec!["run", "--check"];
    arguments.extend(files.iter().map(String::as_str));
    let outcome = run(&arguments, "");
    assert_eq!(outcome.status, Some(0), "{}", outcome.stderr);
    assert_eq!(outcome.stderr.matches(": no mistakes found in ").count(), 5);
}

#[test]
fn tells_the_line_what_was_expected_and_what_came() {
    let outcome = run_script_against(
        says(&[r#"{"id":"7","ok":true}"#, "later \u{1b}[2J"]),
        &[],
        "connect ${uri}\nexpect 0 until contains later\n",
    );
    assert_eq!(outcome.status, Some(0), "{}", outcome.stdout);
    let outcome = run_script_against(
        says(&[r#"{"id":"7","ok":true}"#, "later \u{1b}[2J"]),
        &[],
        "# one\n\nconnect ${uri}\nexpect 0 json $.id = 7\necho never\n",
    );
    outcome.expect_in_order(&[
        "> FAILED a.bws:4: expect 0 json $.id = 7",
        ">   expected  JSON with $.id = 7",
        r#">   came      text 20 {"id":"7","ok":true}"#,
        r#">   differs   $.id is "7" (a text, not a number)"#,
    ]);
    let state = outcome
        .lines()
        .into_iter()
        .find(|line| line.starts_with(">   state"));
    assert!(
        state.is_some_and(|line| line.starts_with(">   state     connection 0 is open: ws://"))
    );
    assert!(!outcome.stdout.contains("never") && !outcome.stdout.contains('\u{1b}'));
    assert_eq!(outcome.status, Some(1));
}

#[test]
fn tells_of_the_messages_that_wait_and_of_those_that_were_passed_over() {
    let outcome = run_script_against(
        says(&["a", "b", "c", "d", "e", "f", "g", "end"]),
        &["--keep-going"],
        "connect ${uri}\nping 0\nexpect 0 until text b\nwait 0 message\n\
         test waiting\nexpect 0 until contains d\nend\n\
         test passed\nexpect 0 0.05 until text h\nend\n\
         test late\nexpect 0 50ms any\nend\n",
    );
    let passed = outcome
        .lines()
        .into_iter()
        .find(|line| line.starts_with(">   passed"));
    assert_eq!(
        passed,
        Some(">   passed    4 messages: text 1 e | text 1 f | text 1 g | text 3 end")
    );
    outcome.expect_in_order(&[
        "> FAILED a.bws:9: expect 0 0.05 until text h",
        ">   came      nothing that fits within 50 ms",
        "> FAILED a.bws:12: expect 0 50ms any",
        ">   came      nothing within 50 ms",
    ]);
    assert_eq!(outcome.status, Some(1));
}

#[test]
fn expects_messages_of_every_kind() {
    let outcome = run_script_against(
        |mut peer| {
            peer.accept();
            peer.text("exactly this ");
            peer.text("order 17 shipped");
            peer.text(r#"{"items":[{"n":1},{"n":2}],"big":123456789012345678901}"#);
            peer.frame(0x82, &[0, 0xff]);
            peer.text("");
            peer.text("whatever");
            peer.echo_close();
        },
        &[],
        "connect ${uri}\n\
         expect 0 text exactly this \n\
         expect 0 matches ^order (\\d+) \n\
         capture number matches ^order (\\d+)\n\
         capture whole message\n\
         assert ${number} > 9\n\
         assert ${whole} contains shipped\n\
         expect 0 json $.items[?@.n > 1].n = 2\n\
         assert message json $.big = 123456789012345678901\n\
         assert message 0 json $.none absent\n\
         expect 0 hex 00 FF\n\
         expect 0 text \n\
         expect 0 5 any\n\
         assert status 0 open\n\
         expect 0 50ms nothing\n",
    );
    assert_eq!(outcome.status, Some(0), "{}", outcome.stdout);
    assert_eq!(
        outcome.lines().last(),
        Some(&"0 closed 1001 (Going away) by this side")
    );
}

#[test]
fn takes_an_expected_end_for_none_that_went_wrong() {
    let closes = |mut peer: Peer| {
        peer.accept();
        peer.close_and_leave(4001, "enough");
    };
    let script = "connect ${uri}\nexpect 0 close 4001 enough\nassert status 0 4001\n";
    let outcome = run_script_against(closes, &[], script);
    assert_eq!(outcome.status, Some(0), "{}", outcome.stdout);
    let outcome = run_script_against(closes, &[], "connect ${uri}\nexpect 0 close 4002\n");
    outcome.expect_in_order(&[
        "> FAILED a.bws:2: expect 0 close 4002",
        ">   expected  close 4002 (Unknown)",
        ">   came      close 4001 (Unknown) enough",
    ]);
    // What went wrong first was the end of the connection.
    assert_eq!(outcome.status, Some(8));
}

#[test]
fn expects_that_a_connection_does_not_open() {
    let refuses = |mut peer: Peer| {
        peer.request();
        peer.write(b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n");
    };
    let outcome = run_script_against(
        refuses,
        &[],
        "connect ${uri}\nexpect 0 fail 401\nassert status 0 failed\n",
    );
    assert_eq!(outcome.status, Some(0), "{}", outcome.stdout);
    let outcome = run_script_against(refuses, &[], "connect ${uri}\nexpect 0 fail 403\n");
    outcome.expect_in_order(&[
        ">   expected  that it does not open, with HTTP 403",
        ">   came      HTTP 401 Unauthorized (--auth USER:PW, --bearer TOKEN)",
    ]);
    assert_eq!(outcome.status, Some(5));
    let outcome = run_script_against(refuses, &[], "connect ${uri}\nexpect 0 fail unauthorized\n");
    outcome.expect_in_order(&[">   differs   it is in there in other case"]);
    let outcome = run_script_against(says(&[]), &[], "connect ${uri}\nexpect 0 fail\n");
    outcome.expect_in_order(&[">   came      it opened"]);
    assert_eq!(outcome.status, Some(1));
}

#[test]
fn a_bad_end_that_no_line_expected_fails_its_test() {
    let outcome = run_script_against(
        |mut peer| {
            peer.accept();
            peer.close_and_leave(1011, "");
        },
        &["--keep-going"],
        "test dropped\nconnect ${uri}\nwait 0 close\nend\ntest fine\necho fine\nend\n",
    );
    outcome.expect_in_order(&[
        "> FAILED dropped: connection 0 closed 1011 (Internal endpoint error) by peer, and no line expected that",
        "fine",
    ]);
    assert!(
        outcome.stderr.contains("1 passed, 1 failed, 0 not run"),
        "{}",
        outcome.stderr
    );
    assert_eq!(outcome.status, Some(8));
}

#[test]
fn one_bad_end_fails_one_test() {
    let outcome = run_script_against(
        |mut peer| {
            peer.accept();
            peer.close_and_leave(1011, "");
        },
        &["--keep-going"],
        "test a\nconnect ${uri}\nexpect 0 text x\nend\ntest b\necho fine\nend\n",
    );
    assert!(
        outcome.stderr.contains("1 passed, 1 failed, 0 not run"),
        "{}",
        outcome.stderr
    );
    assert_eq!(
        outcome.stdout.matches("> FAILED ").count(),
        1,
        "{}",
        outcome.stdout
    );
}

#[test]
fn finds_all_mistakes_before_anything_is_run() {
    let outcome = run_script(
        &[],
        "serve 0\nconect ws://localhost\nexpect 0 matches a(b\nexpect 0 json $.a[ = 1\n\
         send 0 ${missing}\nsend 0 ${env:BOWSPRIT_NOT_THERE}\nrepeat x\nend\nend\nsleep 5y\nassert 1 == 1\ntest one\nexpect 0 close 99x\n",
    );
    assert_eq!(outcome.stdout, "");
    assert_eq!(outcome.status, Some(2));
    let lines: Vec<&str> = outcome.stderr.lines().collect();
    let mistakes = [
        "a.bws:2: Unrecognized Command (did you mean connect?)",
        "a.bws:3: Not a regular expression: a(b (at character 2: unclosed group)",
        "a.bws:4: Not a JSON path: $.a[ = 1 (at character ",
        "a.bws:7: Not a number of rounds: x (expected 0 to 1000000000000)",
        "a.bws:9: No block is open for this end",
        "a.bws:10: Not a time: 5y (expected such as 500ms, 5s or 5, a day at most)",
        "a.bws:11: Not a comparison: ==",
        "a.bws:13: Not a close code: 99x",
        "a.bws:12: No end for this test",
        "a.bws:5: missing has no value (let or --set gives it one)",
        "a.bws:6: The environment has no BOWSPRIT_NOT_THERE",
        "the script has 11 mistakes, nothing was run",
    ];
    assert_eq!(lines.len(), mistakes.len(), "{lines:#?}");
    for (line, mistake) in lines.iter().zip(mistakes) {
        assert!(line.starts_with(&format!("bowsprit: {mistake}")), "{line}");
    }
}

#[test]
fn goes_round_blocks_within_blocks() {
    let outcome = run_script(
        &["--set", "times=2"],
        "let list = a 'b c'\nrepeat ${times} as n\n  for x in ${list} d\n    echo ${n}${x}\n  end\nend for-nothing\n",
    );
    assert!(
        outcome
            .stderr
            .contains("a.bws:6: This is the end of a repeat, not of for-nothing")
    );
    let outcome = run_script(
        &["--set", "times=2", "-q"],
        "let list = a 'b c'\nrepeat ${times} as n\n  for x in ${list} d\n    echo ${n}${x}\n  end\nend repeat\nrepeat 0\necho never\nend\n",
    );
    assert_eq!(outcome.lines(), ["1a", "1b c", "1d", "2a", "2b c", "2d"]);
    assert_eq!(outcome.status, Some(0));
}

#[test]
fn keeps_going_with_the_next_test_and_the_next_file() {
    let folder = Folder::new();
    let first = folder.file(
        "first.bws",
        "test a\nassert 1 = 2\necho never\nend\ntest b\necho b\nend\n",
    );
    let second = folder.file("second.bws", "echo second\n");
    let junit = folder.path("report.xml");
    let outcome = run(&["run", "--junit", &junit, &first, &second], "");
    assert!(!outcome.stdout.contains("second") && !outcome.stdout.contains("never"));
    assert_eq!(outcome.status, Some(1));
    let report = fs::read_to_string(&junit).expect("a report");
    assert!(
        report.contains("tests=\"3\" skipped=\"2\" failures=\"1\" errors=\"0\""),
        "{report}"
    );
    let outcome = run(
        &["run", "--keep-going", "--junit", &junit, &first, &second],
        "",
    );
    assert_eq!(outcome.status, Some(1));
    outcome.expect_in_order(&["b", "second"]);
    assert!(
        outcome.stdout.contains("\n> a: FAILED (") && outcome.stdout.contains("\n> b: passed (")
    );
    let report = fs::read_to_string(&junit).expect("a report");
    assert!(
        report.contains("tests=\"3\" skipped=\"0\" failures=\"1\" errors=\"0\""),
        "{report}"
    );
    for part in [
        "first.bws:2: assert 1 = 2",
        "expected  = 2",
        "came      1",
        "<system-out>",
    ] {
        assert!(report.contains(part), "{part} is not in {report}");
    }
}

#[test]
fn writes_xml_whatever_a_server_sends() {
    let folder = Folder::new();
    let junit = folder.path("report.xml");
    let outcome = run_script_against(
        |mut peer| {
            peer.accept();
            peer.text("]]></failure>\u{1b}[2J\u{0}\u{fffe}<x & \"y\">");
            peer.echo_close();
        },
        &["--junit", &junit],
        "test <&\">\nconnect ${uri}\nexpect 0 text a\nend\n",
    );
    assert_eq!(outcome.status, Some(1));
    let report = fs::read_to_string(&junit).expect("a report");
    assert!(report.contains("name=\"&lt;&amp;&quot;&gt;\""), "{report}");
    assert!(
        report.contains("]]&gt;&lt;/failure&gt;\\u{1b}[2J\\u{0}"),
        "{report}"
    );
    assert!(!report.contains(['\u{1b}', '\0', '\u{fffe}']), "{report:?}");
}

#[test]
fn prints_no_value_of_the_environment() {
    let folder = Folder::new();
    let junit = folder.path("report.xml");
    let address = serve(|mut peer| {
        peer.accept();
        let (_, payload) = peer.read().expect("a message");
        assert_eq!(payload, b"token hunter-two\"x");
        peer.text("no such token: hunter-two\"x");
        peer.echo_close();
    });
    let file = folder.file(
        "a.bws",
        "connect ${uri}\nsend 0 token ${env:BOWSPRIT_TOKEN}\nexpect 0 text ok ${env:BOWSPRIT_TOKEN}\n",
    );
    let uri = format!("uri=ws://{address}");
    for arguments in [&["--junit", &junit][..], &["--json"], &["-v"]] {
        let command = [&["run", "--set", &uri, &file], arguments].concat();
        let outcome = run_in(&[("BOWSPRIT_TOKEN", "hunter-two\"x")], &command, "");
        assert_eq!(outcome.status, Some(1), "{}", outcome.stdout);
        assert!(
            outcome.stdout.contains("no such token: ***"),
            "{}",
            outcome.stdout
        );
        assert!(!outcome.stdout.contains("hunter"), "{}", outcome.stdout);
    }
    let report = fs::read_to_string(&junit).expect("a report");
    assert!(
        report.contains("no such token: ***") && !report.contains("hunter"),
        "{report}"
    );
}

#[test]
fn what_a_peer_sent_never_becomes_an_option() {
    let folder = Folder::new();
    let secret = folder.file("secret", "not for them");
    let text = format!("--file {secret}");
    let outcome = run_script_against(
        move |mut peer| {
            peer.accept();
            peer.text(&text);
            for _ in 0..2 {
                assert_eq!(peer.read(), Some((1, text.clone().into_bytes())));
            }
            assert_eq!(peer.read(), Some((1, format!("<{text}>").into_bytes())));
            peer.text("sent");
            peer.echo_close();
        },
        &[],
        "connect ${uri}\nexpect 0 any\ncapture x message\nsend 0 ${x}\ncapture z matches ^-(.*)\nsend 0 -${z}\nlet y = <${x}>\nsend 0 ${y}\n\
         expect 0 text sent\nassert ${x} matches ^--file\nfor y in ${x}\nconnect ${y}\nend\n",
    );
    assert_eq!(outcome.status, Some(1), "{}", outcome.stdout);
    outcome.expect_in_order(&["> FAILED a.bws:12: connect ${y}"]);
    assert!(
        outcome
            .stdout
            .contains("y came from a peer and is not one plain word: --file")
    );
}

#[test]
fn includes_files_beside_the_including_one_and_no_circles() {
    let folder = Folder::new();
    fs::create_dir(folder.0.join("parts")).expect("a folder");
    folder.file(
        "parts/hello.bws",
        "include ../name.bws\necho hello, ${name}\n",
    );
    folder.file("name.bws", "let name = Anna\n");
    let file = folder.file("a.bws", "include parts/hello.bws\nsource name.bws\n");
    let outcome = run(&["run", "-q", &file], "");
    assert_eq!(
        (outcome.lines(), outcome.status),
        (vec!["hello, Anna"], Some(0))
    );

    folder.file("name.bws", "# round\ninclude a.bws\n");
    let outcome = run(&["run", &file], "");
    assert_eq!(outcome.status, Some(2));
    assert!(
        outcome.stderr.contains("name.bws:2: Cannot include "),
        "{}",
        outcome.stderr
    );
    assert!(
        outcome.stderr.contains(": it includes itself"),
        "{}",
        outcome.stderr
    );
    assert!(outcome.stdout.is_empty());

    folder.file("name.bws", "let name = Bo\nexpect 0 text x\n");
    let outcome = run(&["run", &file], "");
    assert!(
        outcome
            .stdout
            .contains("name.bws:2: expect 0 text x\n>   No connection found with id 0")
    );
    let outcome = run(&["run", &folder.path("none.bws")], "");
    assert!(
        outcome
            .stderr
            .contains("none.bws: no such file or directory"),
        "{}",
        outcome.stderr
    );
    assert_eq!(outcome.status, Some(2));
}

#[test]
fn refuses_files_that_are_no_scripts() {
    let binary: Vec<u8> = (0..=255).cycle().take(1 << 20).collect();
    let outcome = run_script(&[], &binary);
    assert_eq!(outcome.status, Some(2));
    assert!(outcome.stderr.lines().count() <= 22 && outcome.stderr.contains("not valid UTF-8"));
    let long = "x".repeat((16 << 20) + 1);
    let outcome = run_script(&[], format!("echo a\nsend 0 {long}\n"));
    assert!(
        outcome
            .stderr
            .contains("a.bws:2: Line 2 is longer than 16777216 bytes"),
        "{}",
        outcome.stderr.len()
    );
    let deep = "repeat 2\n".repeat(40) + "echo x\n" + &"end\n".repeat(40);
    let outcome = run_script(&[], deep);
    assert!(
        outcome
            .stderr
            .contains("a.bws:33: Blocks stand 32 deep at most"),
        "{}",
        outcome.stderr
    );
    let outcome = run_script(&[], "send 0 \"\"\"\nnever closed\n");
    assert!(
        outcome
            .stderr
            .contains("a.bws:1: No \"\"\" ends the text that begins here")
    );
    let outcome = run_script(
        &[],
        "test a\ntest b\nend\nend\nrepeat 2\ntest c\nend\nend\n",
    );
    assert!(
        outcome
            .stderr
            .contains("a.bws:2: A test stands in no other test")
    );
    assert!(
        outcome
            .stderr
            .contains("a.bws:6: A test stands in no other block")
    );
    let doubling = "let x = 0123456789abcdef\nrepeat 40\nlet x = ${x}${x}\nend\n";
    let outcome = run_script(&[], doubling);
    assert!(
        outcome
            .stdout
            .contains("With its variables this is over 16777216 bytes")
    );
    assert_eq!(outcome.status, Some(1));
}

#[test]
fn a_loop_without_end_ends_at_a_signal() {
    let folder = Folder::new();
    for content in [
        "echo begun\nrepeat 1000000000\nlet x = y\nend\n",
        "echo begun\nrepeat 1000000000\nrepeat 0\necho x\nend\nend\n",
        "echo begun\nsleep 1h\n",
        "echo begun\nserve 0\nconnect ${server}\nexpect 0 1h any\n",
    ] {
        let file = folder.file("a.bws", content);
        let mut program = Program::start(&["run", &file]);
        program.read_until("begun\n");
        program.signal("INT");
        let outcome = program.wait();
        assert_eq!(outcome.status, Some(130), "{content}{}", outcome.stdout);
    }
}

#[test]
fn a_script_that_is_left_early_has_a_report() {
    let folder = Folder::new();
    let junit = folder.path("report.xml");
    let file = folder.file("a.bws", "test one\necho one\nquit\nend\ntest two\nend\n");
    let outcome = run(&["run", "--junit", &junit, &file], "");
    assert_eq!(outcome.status, Some(0), "{}", outcome.stdout);
    let report = fs::read_to_string(&junit).expect("a report");
    assert!(
        report.contains("tests=\"2\" skipped=\"1\" failures=\"0\""),
        "{report}"
    );

    let file = folder.file(
        "a.bws",
        "test one\necho begun\nsleep 1h\nend\ntest two\nend\n",
    );
    let mut program = Program::start(&["run", "--junit", &junit, &file]);
    program.read_until("begun\n");
    program.signal("TERM");
    assert_eq!(program.wait().status, Some(143));
    let report = fs::read_to_string(&junit).expect("a report");
    assert!(
        report.contains("tests=\"2\" skipped=\"1\" failures=\"1\""),
        "{report}"
    );
    assert!(report.contains("a signal stopped the script"), "{report}");
}

#[test]
fn reads_a_script_from_standard_input() {
    let outcome = run(&["run", "-q", "-"], "echo ${x:-one}\nassert 1 = 2\n");
    assert_eq!(
        outcome.lines(),
        [
            "one",
            "> FAILED standard input:2: assert 1 = 2",
            ">   expected  = 2",
            ">   came      1"
        ]
    );
    assert_eq!(outcome.status, Some(1));
    assert_eq!(run(&["run", "-", "-"], "").status, Some(2));
    for set in ["x", "1x=1", "id=1"] {
        assert_eq!(
            run(&["run", "--set", set, "-"], "").status,
            Some(2),
            "{set}"
        );
    }
}

#[test]
fn the_same_lines_work_in_a_pipe() {
    let outcome = run_against(
        |mut peer| {
            peer.accept();
            peer.text(r#"{"token":"t17"}"#);
            for expected in ["t17 1", "t17 2", "two\n lines", "${token}"] {
                assert_eq!(peer.read(), Some((1, expected.as_bytes().to_vec())));
            }
            peer.echo_close();
        },
        "connect URI\nexpect 0 json $.token matches ^t\ncapture token json $.token\n\
         repeat 2 as n\n# in a block\nsend 0 ${token} ${n}\nend\nsend 0 \"\"\"\ntwo\n lines\n\"\"\"\nsend 0 $${token}\n\
         assert ${token} = x\nexpect 0 20ms any\nsend 0 ${none}\nrepeat 2\nnonsense\nend\nrepeat 1\n",
    );
    outcome.expect_in_order(&[
        "> FAILED line 13: assert ${token} = x",
        ">   expected  = x",
        ">   came      t17",
        "> FAILED line 14: expect 0 20ms any",
        "> none has no value (let or --set gives it one)",
        "> line 17: Unrecognized Command",
        "> line 19: No end for this repeat",
    ]);
    assert_eq!(outcome.status, Some(1));
}

#[test]
fn tells_programs_each_step() {
    let outcome = run_script(&["--json"], "test one\necho hello\nassert 1 = 2\nend\n");
    let lines = outcome.lines();
    assert!(
        lines[0].contains(r#""event":"start","format":1"#),
        "{}",
        lines[0]
    );
    let step = lines
        .iter()
        .find(|line| line.contains(r#""text":"assert 1 = 2""#));
    let step = step.expect("an event of the step that failed");
    assert!(
        step.contains(r#""event":"step","file":""#) && step.contains(r#""line":3"#),
        "{step}"
    );
    assert!(
        step.contains(r#""failure":["expected  = 2","came      1"]"#),
        "{step}"
    );
    assert!(
        lines
            .iter()
            .any(|line| line.contains(r#""event":"test","name":"one","passed":false"#))
    );
}

#[test]
fn waits_and_expects_take_messages_from_the_same_row() {
    let outcome = run_script_against(
        says(&["one", "two", "three", "four"]),
        &[],
        "connect ${uri}\nping 0\nwait 0 message\nassert ${message} = one\nexpect 0 text two\n\
         discard 0\nexpect 0 30ms nothing\nclose 0\nexpect 0 nothing\nexpect 0 any\n",
    );
    outcome.expect_in_order(&[
        "> FAILED a.bws:10: expect 0 any",
        ">   expected  a message",
        ">   came      nothing, and nothing will",
        ">   state     connection 0 closed 1000 (Normal close) by this side",
    ]);
    assert_eq!(outcome.status, Some(1));
}

#[test]
fn a_peer_chooses_no_files_and_no_programs() {
    for (value, line) in [
        ("out.txt", "save 0 ${x}"),
        ("out.jsonl", "record ${x}"),
        ("out.jsonl", "log 0 ${x}"),
        ("out.jsonl", "replay ${x}"),
        ("reboot", "serve --exec ${x} 0"),
        ("key.pem", "connect --key ${x} ws://127.0.0.1:9"),
        ("ca.pem", "connect --ca=\"${x}\" ws://127.0.0.1:9"),
        ("ca.pem", "set ca ${x}"),
        ("ws+unix:/run/x", "connect ${x}"),
        ("env:HOME", "connect --bearer ${x} ws://127.0.0.1:9"),
        ("--insecure", "connect ${x} ws://127.0.0.1:9"),
        ("save", "${x} 0 out.txt"),
        ("a'", "connect --name ${x} ws://127.0.0.1:9"),
        ("", "connect --name ${x} ws://127.0.0.1:9"),
    ] {
        let outcome = run_script_against(
            move |mut peer| {
                peer.accept();
                peer.text(value);
                peer.echo_close();
            },
            &[],
            &[
                "connect ${uri}\nexpect 0 any\ncapture x message\n",
                line,
                "\n",
            ]
            .concat(),
        );
        assert_eq!(outcome.status, Some(1), "{line}: {}", outcome.stdout);
        let refused = format!("> FAILED a.bws:4: {line}\n>   x came from a peer");
        assert!(outcome.stdout.contains(&refused), "{}", outcome.stdout);
    }
}

#[test]
fn a_peer_has_no_file_sent() {
    let folder = Folder::new();
    let secret = folder.file("secret", "not for them");
    for line in [
        "send 0 --binary ${x}",
        "send 0 @${y}",
        "send 0 --file ${y}",
        "send 0 --binary @${y}",
        "every 10ms send 0 @${y}",
        "every 10ms send 0 --file ${y}",
    ] {
        let text = format!("@{secret}");
        let outcome = run_script_against(
            move |mut peer| {
                peer.accept();
                peer.text(&text);
                peer.echo_close();
            },
            &[],
            &[
                "connect ${uri}\nexpect 0 any\ncapture x message\ncapture y matches @(.*)\n",
                line,
                "\n",
            ]
            .concat(),
        );
        assert_eq!(outcome.status, Some(1), "{line}: {}", outcome.stdout);
        let refused = format!("> FAILED a.bws:5: {line}");
        assert!(outcome.stdout.contains(&refused), "{}", outcome.stdout);
    }
}

#[test]
fn a_token_of_a_peer_is_the_value_of_an_option() {
    let outcome = run_script_against(
        |mut peer| {
            let request = peer.request();
            peer.answer(&request, "");
            if !request.contains("Bearer t-17") {
                peer.text("t-17");
            }
            peer.echo_close();
        },
        &[],
        "connect ${uri}\nexpect 0 any\ncapture token message\nclose 0\nconnect --bearer ${token} ${uri}\n\
         expect 1 50ms nothing\n",
    );
    assert_eq!(outcome.status, Some(0), "{}", outcome.stdout);
}

#[test]
fn records_what_a_script_does() {
    let folder = Folder::new();
    let record = folder.path("record.jsonl");
    let outcome = run_script_against(
        says(&["hello"]),
        &["--record", &record],
        "connect ${uri}\nexpect 0 any\n",
    );
    assert_eq!(outcome.status, Some(0), "{}", outcome.stdout);
    let record = fs::read_to_string(&record).expect("a record");
    assert!(record.contains(r#""text":"hello""#), "{record}");
    assert!(record.contains(r#""event":"close""#), "{record}");
}

#[test]
fn tells_programs_of_each_script_from_start_to_exit() {
    let folder = Folder::new();
    let good = folder.file("a.bws", "echo hello\n");
    let bad = folder.file("b.bws", "assert 1 = 2\n");
    let outcome = run(&["run", "--json", &good, &bad], "");
    assert_eq!(outcome.status, Some(1));
    let event = |line: &&str| line.contains(r#""event":"start""#) || line.contains("exit");
    let marks: Vec<&str> = outcome.lines().into_iter().filter(event).collect();
    let [first, passed, second, failed] = marks.as_slice() else {
        panic!("{marks:?}");
    };
    assert!(first.contains("start") && second.contains("start"));
    assert!(passed.contains(r#""exit_status":0"#) && failed.contains(r#""exit_status":1"#));
    assert_eq!(outcome.lines().last(), Some(failed));
}

#[test]
fn sends_lines_behind_a_bracket_as_they_are() {
    let outcome = run_script_against(
        |mut peer| {
            peer.accept();
            for expected in ["a ${b}", "two\nlines"] {
                assert_eq!(peer.read(), Some((1, expected.as_bytes().to_vec())));
            }
            peer.text("sent");
            peer.echo_close();
        },
        &[],
        "connect ${uri}\n> a ${b}\n> \"\"\"\n  two\n  lines\n  \"\"\"\nexpect 0 text sent\n",
    );
    assert_eq!(
        outcome.status,
        Some(0),
        "{}{}",
        outcome.stdout,
        outcome.stderr
    );
}

#[test]
fn takes_no_command_for_a_message_and_no_message_for_a_command() {
    // No variable opens a JSON value that the lines behind it would belong to.
    let outcome = run_script_against(
        says(&[]),
        &[],
        "connect ${uri}\nlet open = {\nsend 0 --json ${open}\necho never\n",
    );
    assert_eq!(outcome.status, Some(1));
    outcome.expect_in_order(&[
        "> FAILED a.bws:3: send 0 --json ${open}",
        ">   Not sent: the JSON value is not complete (behind send <id> \"\"\" it may go on)",
    ]);
    assert!(!outcome.stdout.contains("never"), "{}", outcome.stdout);
    // Nor does one say whether they are messages.
    for (value, line) in [("none", "use ${x}"), ("use 0", "${x}")] {
        let outcome = run_script_against(
            says(&[]),
            &[],
            &format!("connect ${{uri}}\nlet x = {value}\n{line}\nquit\n"),
        );
        assert_eq!(outcome.status, Some(1), "{line}");
        outcome.expect_in_order(&[
            &format!("> FAILED a.bws:3: {line}"),
            ">   Only use <id>, use and use none, written out, say what the lines behind are",
        ]);
    }
}

#[test]
fn bounds_the_values_that_a_loop_goes_through() {
    let outcome = run_script(
        &[],
        "let x = a\nrepeat 20\nlet x = ${x} ${x}\nend\nfor y in ${x}\nend\n",
    );
    assert_eq!(outcome.status, Some(1));
    outcome.expect_in_order(&[
        "> FAILED a.bws:5: for y in ${x}",
        ">   The list of values has 1048576 bytes at most",
    ]);
}

#[test]
fn tells_the_state_of_a_connection_that_was_made_again() {
    let outcome = run_script_against(
        says(&["hello"]),
        &[],
        "connect ${uri}\nexpect 0 any\nclose 0\nreconnect 0\nexpect 0 any\nsend 0 x\nassert status 0 closed\n",
    );
    assert!(
        outcome.stdout.contains(", 2 received, 1 sent\n"),
        "{}{}",
        outcome.stdout,
        outcome.stderr
    );
}

#[test]
fn sends_the_lines_behind_use_and_goes_on_with_commands_where_it_ends() {
    let outcome = run_script(
        &["-v"],
        "serve 0\nconnect --name chat ${server}\nuse chat\nquit\n  in ${id} as it is\n# a comment\n\n//slash\n> bracket\n\
         /expect chat text quit\n/expect chat matches ^  in \\$\\{id\\} as it is$\n/expect chat text /slash\n\
         /expect chat text > bracket\n/use none\ntest another\nuse ${id}\nagain\n/show\n/expect . text again\n/use\nend\necho over\n",
    );
    assert_eq!(outcome.status, Some(0), "{outcome:?}");
    outcome.expect_in_order(&[
        "> a.bws:4: quit",
        "> Lines are commands again",
        "> a.bws:17: again",
        "over",
    ]);
}

#[test]
fn finds_what_is_wrong_behind_use_before_anything_runs() {
    let outcome = run_script(
        &[],
        "connect ws://127.0.0.1:1\nrepeat 2\nuse 0\n/repeat 3\n/include x\n/sned 0 x\n/expect 0 txt\nend\n",
    );
    assert_eq!(outcome.status, Some(2));
    assert_eq!(
        outcome.stderr,
        "bowsprit: a.bws:4: repeat goes on in further lines, which are messages now: /use comes first\n\
         bowsprit: a.bws:5: include goes on in further lines, which are messages now: /use comes first\n\
         bowsprit: a.bws:6: Unrecognized Command (did you mean send?)\n\
         bowsprit: a.bws:7: Nothing to expect: txt (expected text, contains, matches, json, hex or any, nothing, close or fail)\n\
         bowsprit: a.bws:2: No end for this repeat (behind use, end is a message: /use comes first)\n\
         bowsprit: the script has 5 mistakes, nothing was run\n"
    );
}

#[test]
fn a_use_ends_with_its_file_and_with_its_test() {
    let folder = Folder::new();
    folder.file("inner.bws", "use 0\nhello");
    let outer = folder.file(
        "outer.bws",
        "serve 0\nconnect ${server}\ninclude inner.bws\nexpect 0 text hello\n\
         test fails\nuse 0\n/assert status 0 closed\n/use\nend\ntest follows\necho a command\nend\n",
    );
    let outcome = run(&["run", "--keep-going", &outer], "");
    outcome.expect_in_order(&["> Lines are commands again", "a command"]);
    assert!(
        outcome.stderr.contains("1 passed, 1 failed, 0 not run"),
        "{outcome:?}"
    );
}

#[test]
fn carries_out_the_lines_of_the_command_line() {
    let outcome = run(
        &[
            "run",
            "-e",
            "serve 0",
            "-e",
            "connect ${server}",
            "-e",
            "expect 0 10ms any",
        ],
        "",
    );
    assert_eq!(outcome.status, Some(1));
    outcome.expect_in_order(&[
        "> FAILED command line:3: expect 0 10ms any",
        ">   expected  a message",
        ">   came      nothing within 10 ms",
    ]);
    let outcome = run(&["run", "-e", "sned 0 x"], "");
    assert_eq!(
        outcome.stderr,
        "bowsprit: command line:1: Unrecognized Command (did you mean send?)\n\
         bowsprit: the script has a mistake, nothing was run\n"
    );
    for arguments in [&["run"][..], &["run", "-e", "list", "a.bws"]] {
        assert_eq!(run(arguments, "").status, Some(2), "{arguments:?}");
    }
    let outcome = run(&["show", "0"], "");
    assert_eq!(
        outcome.stderr,
        "bowsprit: show is a command, and commands are typed, piped in, or given to run: bowsprit run -e 'show ...'\n"
    );
}

#[test]
fn does_not_look_into_json_of_more_values_than_it_could_hold() {
    let behavior = |mut peer: Peer| {
        peer.accept();
        let text = format!("[{}1]", "1,".repeat(1_000_000));
        let length = u32::try_from(text.len()).expect("a short text");
        peer.write(
            &[
                &[0x81, 127, 0, 0, 0, 0][..],
                &length.to_be_bytes(),
                text.as_bytes(),
            ]
            .concat(),
        );
        peer.echo_close();
    };
    let outcome = run_script_against(
        behavior,
        &["--keep-going"],
        "connect ${uri}\ntest look\nexpect 0 json $[0] = 1\nend\ntest take\ncapture x 0 json $[0]\nend\n",
    );
    assert_eq!(outcome.status, Some(1));
    let fault = "JSON of more than 1000000 values, too many to look into";
    assert!(
        outcome.stdout.contains(&format!(">   differs   {fault}\n"))
            && outcome.stdout.contains(&format!(
                ">   The message is {fault}; it is text 2000003 [1,1"
            )),
        "{}",
        outcome.stdout
    );
}
