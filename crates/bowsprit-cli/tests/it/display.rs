//! How events and messages are printed: views, colours, times, and which of them at all.

use regex::Regex;

use crate::support::{Outcome, Peer, Program, run, run_in, serve};

const LONG_JSON: &str = r#"{"channel":"prices","values":[1.10,2,12345678901234567890],"text":"so long that no row has room for it","z":1,"a":null}"#;

/// Opens, sends these messages, and waits for the client's close.
fn sends(messages: &[(u8, &[u8])]) -> impl Fn(Peer) + Clone + Send + 'static {
    let frame = |(opcode, payload): &(u8, &[u8])| {
        let length = match u8::try_from(payload.len()) {
            Ok(length @ ..126) => vec![length],
            _ => {
                let length = u16::try_from(payload.len()).expect("a message for a test");
                [&[126], &length.to_be_bytes()[..]].concat()
            }
        };
        [&[0x80 | opcode], &length[..], payload].concat()
    };
    let frames: Vec<Vec<u8>> = messages.iter().map(frame).collect();
    move |mut peer| {
        peer.accept();
        peer.write(&frames.concat());
        peer.echo_close();
    }
}

/// The session that receives all of these messages, with these flags and then these commands.
fn receive(flags: &[&str], messages: &[(u8, &[u8])], commands: &str) -> Outcome {
    let uri = format!("ws://{}", serve(sends(messages)));
    let waits = "wait 0 message\n".repeat(messages.len());
    run(flags, format!("connect {uri}\n{waits}{commands}"))
}

/// The lines from the first message on.
fn messages_of(outcome: &Outcome) -> Vec<&str> {
    let lines = outcome.lines().into_iter();
    let is_told = |line: &&str| !line.starts_with("> Created") && !line.contains(" open ");
    lines
        .filter(is_told)
        .take_while(|line| !line.starts_with("> Closing"))
        .collect()
}

#[test]
fn leaves_json_as_it_came_in_a_pipe() {
    let outcome = receive(&[], &[(1, LONG_JSON.as_bytes())], "");
    let line = format!("0 << text {} {}…", LONG_JSON.len(), &LONG_JSON[..60]);
    assert_eq!(messages_of(&outcome), [line]);
    assert!(!outcome.stdout.contains('\u{1b}'));
}

#[test]
fn lays_json_out_where_it_is_asked_to_and_changes_no_token() {
    let outcome = receive(
        &["--view", "json"],
        &[(1, LONG_JSON.as_bytes()), (2, b"[1, 2]")],
        "",
    );
    assert_eq!(
        messages_of(&outcome),
        [
            &format!("0 << text {}", LONG_JSON.len()),
            "    {",
            "      \"channel\": \"prices\",",
            "      \"values\": [1.10, 2, 12345678901234567890],",
            "      \"text\": \"so long that no row has room for it\",",
            "      \"z\": 1,",
            "      \"a\": null",
            "    }",
            "0 << binary 6 [1, 2]",
        ]
    );
}

#[test]
fn prints_a_dump_base64_or_the_bytes_alone() {
    let bytes: Vec<u8> = (0x41..0x41 + 21).collect();
    let messages = [(2, &bytes[..]), (1, b"\x1b[2J\\")];
    let hex = receive(&["--view=hex"], &messages, "");
    assert_eq!(
        messages_of(&hex),
        [
            "0 << binary 21",
            "    000000  41 42 43 44 45 46 47 48  49 4A 4B 4C 4D 4E 4F 50 |ABCDEFGHIJKLMNOP|",
            "    000010  51 52 53 54 55                                   |QRSTU|",
            "0 << text 5 1B 5B 32 4A 5C",
        ]
    );
    let base64 = receive(&["--view=base64"], &messages, "");
    assert_eq!(
        messages_of(&base64),
        [
            "0 << binary 21 QUJDREVGR0hJSktMTU5PUFFSU1RV",
            "0 << text 5 G1sySlw="
        ]
    );
    let raw = receive(&["--view=raw"], &messages, "");
    assert_eq!(messages_of(&raw), ["ABCDEFGHIJKLMNOPQRSTU", "\u{1b}[2J\\"]);
}

#[test]
fn paints_only_when_it_is_to_and_the_same_lines() {
    let messages = [(1, &b"{\"a\":[1,true]}"[..]), (1, b"plain"), (2, b"\0")];
    let commands = "nonsense\nclose 0 4000 x\n";
    let plain = receive(&["--color=never"], &messages, commands);
    let painted = receive(&["--color=always"], &messages, commands);
    assert!(!plain.stdout.contains('\u{1b}'));
    for piece in [
        "\u{1b}[1m0\u{1b}[0m \u{1b}[32mopen\u{1b}[0m 101 fixture/1 (",
        "\u{1b}[32m<<\u{1b}[0m text 14 {\u{1b}[36m\"a\"\u{1b}[0m:[\u{1b}[33m1\u{1b}[0m,\u{1b}[35mtrue\u{1b}[0m]}\n",
        "\u{1b}[31m> Unrecognized Command\u{1b}[0m\n",
    ] {
        assert!(
            painted.stdout.contains(piece),
            "{piece:?} in {}",
            painted.stdout
        );
    }
    let colors = Regex::new("\u{1b}\\[[0-9]*m").expect("a pattern");
    let washed = colors.replace_all(&painted.stdout, "");
    let same = |text: &str| {
        let lines = text
            .lines()
            .filter(|line| !line.contains(" open ") && !line.contains("Created"));
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(same(&washed), same(&plain.stdout));
}

#[test]
fn begins_event_lines_with_the_time_that_is_asked_for() {
    for (flag, shape) in [
        ("-t", r"^\d\d:\d\d:\d\d\.\d{3} 0 (open|<<|closed) "),
        (
            "--timestamps=relative",
            r"^ {4,}\d+\.\d{3} 0 (open|<<|closed) ",
        ),
        (
            "--timestamps=delta",
            r"^\+ {3,}\d+\.\d{3} 0 (open|<<|closed) ",
        ),
    ] {
        let outcome = receive(&[flag], &[(1, b"hello")], "close 0\nwait 0 close\n");
        let shape = Regex::new(shape).expect("a pattern");
        let (events, answers): (Vec<&str>, Vec<&str>) = outcome
            .lines()
            .into_iter()
            .partition(|line| !line.starts_with("> "));
        assert_eq!(events.len(), 3, "{events:?}");
        assert!(events.iter().all(|line| shape.is_match(line)), "{events:?}");
        assert_eq!(answers, ["> Created connection with id 0"]);
    }
}

#[test]
fn counts_a_delta_from_the_line_before_whoever_wrote_that() {
    let server = serve(|mut peer: Peer| {
        peer.accept();
        peer.text("a");
        // Long, compared with the start of the program: counts of their own would have it twice.
        std::thread::sleep(std::time::Duration::from_millis(500));
        peer.text("b");
        peer.echo_close();
    });
    let server = format!("ws://{server}");
    let listening = ["listen", "-vv", "--timestamps=delta", "-n", "2", &server];
    let started = std::time::Instant::now();
    let piped = Program::start(&listening).pipe("");
    let lived = started.elapsed().as_secs_f64();
    let stamps = Regex::new(r"(?m)^\+ *(\d+\.\d{3}) ").expect("a pattern");
    let lines = piped.stderr + &String::from_utf8_lossy(&piped.stdout);
    let deltas = stamps.captures_iter(&lines);
    let deltas: Vec<f64> = deltas
        .map(|found| found[1].parse().expect("a number"))
        .collect();
    assert!(deltas.len() > 10, "{lines}");
    // Together they are no longer than the program lived, but for what was rounded up.
    let rounding = 0.0005 * deltas.len() as f64;
    let sum: f64 = deltas.iter().sum();
    assert!(sum <= lived + rounding, "{sum} of {lived}: {lines}");
}

#[test]
fn refuses_to_say_less_and_more_at_once() {
    for words in [
        &["-q", "-v"][..],
        &["-vv", "--quiet"],
        &["send", "-q", "-v", "ws://h", "x"],
    ] {
        let outcome = run(words, "");
        assert_eq!(outcome.status, Some(2), "{words:?}");
        assert!(
            outcome.stderr.contains("cannot be used with"),
            "{}",
            outcome.stderr
        );
    }
    // What is typed replaces what is configured.
    let outcome = run_in(&[("BOWSPRIT_QUIET", "true")], &["-v"], "help\n");
    assert_eq!(outcome.status, Some(0), "{}", outcome.stderr);
}

#[test]
fn folds_what_is_long_and_says_how_to_see_it() {
    let text = "one\ntwo\nthree\nfour\nfive and more than sixty characters in all of it";
    let outcome = receive(
        &["--view=text", "--fold=2"],
        &[(1, text.as_bytes())],
        "message 0 1\n",
    );
    let size = format!("0 << text {}", text.len());
    assert_eq!(
        messages_of(&outcome),
        [
            &size,
            "    one",
            "    two",
            "    … 59 more bytes: message 0 1",
            &format!("> Message 1 of connection 0: received, text {}", text.len()),
            "    one",
            "    two",
            "    three",
            "    four",
            "    five and more than sixty characters in all of it",
        ]
    );
}

#[test]
fn folds_a_long_message_in_the_block_of_show() {
    let message = [b'x'; 120];
    let folded = receive(&["--fold=1"], &[(1, &message)], "show 0\nshow 0 --json\n");
    folded.expect_in_order(&[
        &format!("<< {}…", "x".repeat(76)),
        "    … 44 more bytes: message 0 1",
    ]);
    let whole = receive(&[], &[(1, &message)], "show 0\n");
    whole.expect_in_order(&[&format!("<< {}", "x".repeat(120))]);
}

#[test]
fn shows_any_message_that_is_kept_in_any_view() {
    let script = "message 0 1 hex\nmessage 0\nsend 0 mine\nmessage 0 3 raw\nmessage 0 4\nmessage 0 0\nmessage 9\n";
    let outcome = receive(&[], &[(1, b"first"), (2, b"\xff\x00")], script);
    let lines = messages_of(&outcome);
    assert_eq!(
        lines.get(2..),
        Some(
            &[
                "> Message 1 of connection 0: received, text 5",
                "    000000  66 69 72 73 74                                   |first|",
                "> Message 2 of connection 0: received, binary 2",
                "    000000  FF 00                                            |..|",
                "mine",
                "> Connection 0 has no message 4: the last is 3",
                "> Connection 0 has no message 0: the last is 3",
                "> No connection found with id 9",
            ][..]
        )
    );
    assert_eq!(outcome.status, Some(1));
    let uri = format!("ws://{}", serve(sends(&[])));
    let none = run(&[], format!("connect {uri}\nmessage 0\n"));
    none.expect_in_order(&["> Connection 0 has no messages"]);
}

/// Answers each message with two, one of them the same.
fn doubles(mut peer: Peer) {
    peer.accept();
    while let Some((opcode, payload)) = peer.read() {
        match opcode {
            8 => return peer.frame(0x88, &payload),
            9 => peer.frame(0x8a, &payload),
            _ => {
                peer.text("beat 7");
                peer.frame(0x81, &payload);
            }
        }
    }
}

#[test]
fn hides_what_is_muted_and_counts_it_all_the_same() {
    let uri = format!("ws://{}", serve(doubles));
    let twice = "wait 0 message\nwait 0 message\n";
    let script = format!(
        "connect {uri}\nmute 0\nsend 0 a\n{twice}ping 0\nlist\nwatch 0\nsend 0 b\n{twice}follow 0\nclose 0\nwait 0 close\n"
    );
    let outcome = run(&[], script);
    let mut lines = outcome.lines();
    let is_row = |line: &&str| line.starts_with("> 0  open   2   1 ");
    assert!(lines.iter().any(is_row), "{lines:?}");
    lines.retain(|line| !line.starts_with("> id") && !is_row(line));
    assert_eq!(
        lines.get(2..),
        Some(
            &[
                "> Muted connection 0",
                "> Watching connection 0 (2 messages were not shown)",
                "0 << text 6 beat 7",
                "0 << text 1 b",
                "> Watching connection 0 (0 messages were not shown)",
                "0 closed 1000 (Normal close) by this side",
            ][..]
        )
    );
}

#[test]
fn shows_only_what_passes_the_filter() {
    for (filter, shown) in [
        ("beat", "0 << text 6 beat 7"),
        (r"/beat \d$/", "0 << text 6 beat 7"),
        ("not beat", "0 << text 3 a.b"),
        ("a.b", "0 << text 3 a.b"),
    ] {
        let uri = format!("ws://{}", serve(doubles));
        let twice = "wait 0 message\nwait 0 message\n";
        let outcome = run(
            &[],
            format!("connect {uri}\nfilter 0 {filter}\nsend 0 a.b\n{twice}filter 0 off\n"),
        );
        let lines = outcome.lines();
        let expected = [
            &format!("> Filtering connection 0: {filter}"),
            shown,
            "> Showing all of connection 0",
        ];
        assert_eq!(lines.get(2..5), Some(&expected.map(|line| line)[..]));
    }
    let outcome = run(&[], "filter 0 /(/\nfilter 0\nfilter 0 x\n");
    assert_eq!(
        outcome.lines(),
        [
            "> Not a regular expression: /(/ (unclosed group)",
            "> Usage: filter <connection id> [not] <text>|/<regular expression>/|off",
            "> No connection found with id 0",
        ]
    );
}

#[test]
fn changes_and_tells_what_is_set() {
    let outcome = run(
        &["--view=hex", "--fold=7"],
        "set\nset view text\nset view\nset fold off\nset fold\nset timestamps delta\nset timestamps\nset color blue\nset nothing\n",
    );
    assert_eq!(
        outcome.lines(),
        [
            "> timestamps off",
            "> view hex",
            "> color auto",
            "> fold 7",
            "> flood off",
            "> quiet off",
            "> view text",
            "> fold off",
            "> timestamps delta",
            "> Not a value of color: blue (expected one of auto, always, never)",
            "> Nothing to set: nothing (expected timestamps, view, color, fold, flood, quiet, or an option of connect)",
        ]
    );
}

#[test]
fn prints_no_events_while_it_is_set_to_quiet() {
    let script =
        "set quiet on\nsend 0 x\nwait 0 message\nset quiet off\nsend 0 y\nwait 0 message\n";
    let uri = format!("ws://{}", serve(echo_once_each));
    let outcome = run(&[], format!("connect {uri}\n{script}"));
    let events: Vec<&str> = outcome
        .lines()
        .into_iter()
        .filter(|line| line.contains("<<"))
        .collect();
    assert_eq!(events, ["0 << text 1 y"]);
}

fn echo_once_each(mut peer: Peer) {
    peer.accept();
    while let Some((opcode, payload)) = peer.read() {
        if opcode == 8 {
            return peer.frame(0x88, &payload);
        }
        peer.frame(0x80 | opcode, &payload);
    }
}

#[test]
fn shows_a_part_of_a_flood_and_counts_the_rest() {
    let messages = vec![(1, &b"tick"[..]); 100];
    let outcome = receive(&["--flood=10"], &messages, "close 0\nwait 0 close\nlist\n");
    let lines = outcome.lines();
    let shown = lines.iter().filter(|line| line.contains("<<")).count();
    let hidden = lines
        .iter()
        .filter_map(|line| line.strip_prefix("> ")?.split_once(" messages not shown"));
    let hidden: usize = hidden
        .map(|(count, _)| count.parse::<usize>().expect("a number"))
        .sum();
    assert!(hidden > 0 && shown >= 10, "{lines:?}");
    assert_eq!(shown + hidden, 100);
    let row = lines.last().expect("a row");
    assert!(row.starts_with("> 0  closed 100   0 "), "{row}");
}

#[test]
fn refuses_display_options_that_mean_nothing() {
    for flag in [
        "--fold=0",
        "--flood=many",
        "--view=loud",
        "--color=blue",
        "--timestamps=never",
    ] {
        let outcome = run(&[flag], "");
        assert_eq!((outcome.status, &*outcome.stdout), (Some(2), ""), "{flag}");
    }
}

#[test]
fn greets_nobody_in_a_pipe() {
    assert_eq!(run(&[], "").stdout, "");
}

#[test]
fn sets_an_option_for_the_connections_that_follow() {
    let (requests, request) = std::sync::mpsc::channel();
    let uri = format!(
        "ws://{}",
        serve(move |mut peer| {
            let head = peer.request();
            peer.answer(&head, "");
            requests.send(head).expect("the test listens");
            peer.echo_close();
        })
    );
    let outcome = run(
        &[],
        format!(
            "connect {uri}\nset header X-Trace: seven teen\nset bearer t0ken\nconnect {uri}\nset max-message lots\nset insecure\n"
        ),
    );
    let first = request.recv().expect("a request");
    assert!(!first.contains("X-Trace"), "{first}");
    let second = request.recv().expect("a request");
    assert!(second.contains("X-Trace: seven teen\r\n"), "{second}");
    assert!(
        second.contains("Authorization: Bearer t0ken\r\n"),
        "{second}"
    );
    outcome.expect_in_order(&[
        "> Not a value of --max-message: lots (a size is a number of bytes, as in 1000, 64KiB or 1MiB)",
        "> WARNING: certificates are NOT VERIFIED from now on, anyone may listen in",
    ]);
    assert!(!outcome.stdout.contains("t0ken"));
}

#[test]
fn mutes_and_filters_several_at_once() {
    let uri = format!("ws://{}", serve(echo_once_each));
    let script = format!(
        "connect {uri}\nconnect {uri}\nmute all\nfilter 0,1,7 x\nwatch 0-1\nsend all y\nsend 1 x\nwait all message\n"
    );
    let outcome = run(&[], script);
    outcome.expect_in_order(&[
        "> Muted 2 connections",
        "> Filtering 2 connections",
        "> No connection found with id 7",
        "> Watching 2 connections",
        "> Sent to 2 connections",
    ]);
    assert!(
        !outcome.stdout.contains("<< text 1 y"),
        "{}",
        outcome.stdout
    );
}
