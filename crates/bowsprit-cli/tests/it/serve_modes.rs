//! `bowsprit serve`: what it does with messages.

use std::fs;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::serve_lab::Serving;
use crate::support::{Outcome, Program, run};

/// Runs a script; `URI` stands for the server's address.
fn talk(serving: &Serving, script: &str) -> Outcome {
    run(&[], script.replace("URI", &serving.uri))
}

fn is_there(process: &str) -> bool {
    let status = Command::new("kill")
        .args(["-0", process])
        .stderr(Stdio::null())
        .status();
    status.expect("kill should run").success()
}

fn file(name: &str, content: &str) -> String {
    let path = std::env::temp_dir().join(format!("bowsprit-serve-{}-{name}", std::process::id()));
    fs::write(&path, content).expect("a temporary file");
    path.display().to_string()
}

#[test]
fn echoes_and_tells_who_comes_and_goes() {
    let mut serving = Serving::start(&["-v"]);
    let outcome = talk(
        &serving,
        "connect URI/room?x=1\nsend 0 hello\nwait 0 message\nclose 0 4001 bye\n",
    );
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
    let outcome = talk(&serving, &script);
    fs::remove_file(path).expect("what was made here");
    assert_eq!(outcome.status, Some(0));
    assert_eq!(outcome.stdout.matches("0 << binary 65536").count(), 200);
}

#[test]
fn broadcasts_to_all_others_and_with_self_to_the_sender() {
    for (arguments, expected) in [(&["--broadcast"][..], 1), (&["--broadcast", "--self"], 2)] {
        let serving = Serving::start(arguments);
        let outcome = talk(
            &serving,
            "connect URI\nconnect URI\nsend 0 news\nwait 1 message\nsend 1 done\nwait 0 message\n",
        );
        assert_eq!(outcome.status, Some(0), "{}", outcome.stdout);
        assert_eq!(outcome.stdout.matches("<< text 4 news").count(), expected);
    }
}

#[test]
fn people_with_names_talk_and_see_one_another_come_and_go() {
    let serving = Serving::start(&["--chat"]);
    let outcome = talk(
        &serving,
        "connect URI\nwait 0 message\nsend 0 ada\nwait 0 message\n\
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
    let outcome = talk(
        &serving,
        "connect URI\nwait 0 message\nsend 0 \u{1b}[2J\nwait 0 message\nsend 0 a b\nwait 0 message\n",
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
    let outcome = talk(&serving, "connect URI\nsend 0 hello\nclose 0\n");
    assert!(!outcome.stdout.contains("<<"), "{}", outcome.stdout);
    assert_eq!(serving.line_with("<<"), "0 << text 5 hello");
}

#[test]
fn answers_as_a_file_says() {
    let path = file(
        "script",
        "on open\n  send welcome\non message /^add (\\d+)$/\n  sleep 10ms\n  send $1 added\n\
         on binary\n  hex 00 ff\non message bye\n  close 4000 as you wish\non message\n  echo\n",
    );
    let serving = Serving::start(&["--script", &path]);
    let outcome = talk(
        &serving,
        "connect URI\nwait 0 message\nsend 0 add 7\nwait 0 message\nsend 0 --hex 01\nwait 0 message\n\
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
fn a_process_gets_lines_and_its_exit_status_becomes_a_close_code() {
    let mut serving = Serving::start(&[
        "--exec-shell",
        "--exec",
        "read a; echo \"$REQUEST_METHOD $PATH_INFO?$QUERY_STRING $HTTP_X_TRACE [$HTTP_PROXY] $a\"; echo bad >&2; exit 3",
    ]);
    let outcome = talk(
        &serving,
        "connect -H 'X-Trace: 7' -H 'Proxy: evil' URI/p?q=1\nsend 0 hello\nwait 0 message\nwait 0 close\n",
    );
    outcome.expect_in_order(&[
        "0 << text 21 GET /p?q=1 7 [] hello",
        "0 closed 1011 (Internal endpoint error) \"exit status 3\" by peer",
    ]);
    assert_eq!(outcome.status, Some(8));
    assert_eq!(serving.line_with("stderr"), "0 stderr: bad");
    assert_eq!(serving.line_with("exec"), "0 exec: exit status 3");
}

#[test]
fn a_process_may_speak_in_messages_with_their_length() {
    let serving = Serving::start(&["--exec", "cat", "--exec-format", "length"]);
    let outcome = talk(
        &serving,
        "connect URI\nsend 0 a\\nb\nwait 0 message\nsend 0 --hex 0a00ff\nwait 0 message\n",
    );
    outcome.expect_in_order(&["0 << binary 4 61 5C 6E 62", "0 << binary 3 0A 00 FF"]);
    assert_eq!(outcome.status, Some(0));
}

#[test]
fn a_process_that_closes_its_streams_first_may_end_later() {
    let serving = Serving::start(&["--exec-shell", "--exec", "exec >&- 2>&-; sleep 0.1; exit 4"]);
    let outcome = talk(&serving, "connect URI\nwait 0 close\n");
    outcome.expect_in_order(&["0 closed 1011 (Internal endpoint error) \"exit status 4\" by peer"]);
}

#[test]
fn a_process_ends_with_its_connection() {
    let mut serving = Serving::start(&["--exec", "cat"]);
    let outcome = talk(&serving, "connect URI\nsend 0 x\nwait 0 message\nclose 0\n");
    assert_eq!(outcome.status, Some(0));
    assert_eq!(serving.line_with("exec"), "0 exec: exit status 0");
    // One that ignores the end of its input is told to end.
    let mut serving = Serving::start(&["--exec", "sleep 1000"]);
    talk(&serving, "connect URI\nclose 0\n");
    assert_eq!(serving.line_with("exec"), "0 exec: killed by signal 15");
}

#[test]
fn a_process_that_reads_nothing_ends_with_its_connection() {
    let mut serving = Serving::start(&["--exec", "sleep 1000"]);
    // More than a pipe holds.
    let text = "x".repeat(150_000);
    talk(&serving, &format!("connect URI\nsend 0 {text}\nclose 0\n"));
    assert_eq!(serving.line_with("exec"), "0 exec: killed by signal 15");
}

#[test]
fn the_last_words_of_a_process_wait_for_a_client_that_is_slow() {
    let script = "head -c 600000 /dev/zero | tr '\\0' x | fold -w 1000";
    let exec = ["--exec-shell", "--exec", script, "--send-buffer", "16KiB"];
    let serving = Serving::start(&[&exec[..], &["--slow", "150kB/s"]].concat());
    let outcome = talk(&serving, "connect --no-compress URI\nwait 0 close 25\n");
    let last = outcome.stdout.matches("<< text 1000 ").count();
    assert_eq!(last, 600, "{:?}", outcome.status);
}

#[test]
fn prints_messages_as_asked_for() {
    let mut serving = Serving::start(&["-v", "-t=relative", "--view", "hex", "--color", "always"]);
    talk(&serving, "connect URI\nsend 0 hello\nwait 0 message\n");
    let line = serving.line_with("<<");
    assert!(line.starts_with("\u{1b}[2m    "), "no time: {line:?}");
    assert!(line.contains("\u{1b}[32m<<\u{1b}[0m text 5"), "{line:?}");
    assert!(line.ends_with(" 68 65 6C 6C 6F"), "{line:?}");
    assert!(serving.line_with(">>").ends_with(" 68 65 6C 6C 6F"));
}

#[test]
fn a_server_that_leaves_takes_its_processes_with_it() {
    let command = "sleep 1000 & echo $!; wait";
    let mut serving = Serving::start(&["-v", "--exec-shell", "--exec", command]);
    let mut client = Program::start(&[]);
    client.write(format!("connect {}\nwait 0 close\n", serving.uri).as_bytes());
    let line = serving.line_with(">> text");
    let (_, number) = line.rsplit_once(' ').expect("the number of the process");
    serving.signal("INT");
    assert_eq!(serving.wait().1, Some(130));
    assert_eq!(client.finish().status, Some(0));
    // Whoever takes over orphans may take a moment to bury them.
    let started = Instant::now();
    while is_there(number) {
        assert!(
            started.elapsed() < Duration::from_secs(20),
            "{number} is left"
        );
    }
}

#[test]
fn a_process_that_cannot_start_or_says_too_much_is_told_of() {
    let mut serving = Serving::start(&["--exec", "/no/such/program"]);
    let outcome = talk(&serving, "connect URI\nwait 0 close\n");
    assert_eq!(outcome.status, Some(8));
    assert!(
        serving
            .line_with("exec")
            .contains("cannot run /no/such/program")
    );
    let mut serving = Serving::start(&["--exec", "cat /dev/zero", "--max-message", "1KiB"]);
    let outcome = talk(&serving, "connect URI\nwait 0 close\n");
    outcome.expect_in_order(&["0 closed 1009 (Message too big) by peer"]);
    assert!(serving.line_with("exec").contains("over 1024 bytes"));
}

#[test]
fn no_shell_reads_a_command_unless_asked_for() {
    let serving = Serving::start(&["--exec", "echo $HOME;id"]);
    let outcome = talk(&serving, "connect URI\nwait 0 message\n");
    outcome.expect_in_order(&["0 << text 8 $HOME;id"]);
}

#[test]
fn a_proxy_carries_messages_subprotocols_and_close_codes_both_ways() {
    let path = file(
        "target",
        "on message quit\n  close 4005 enough\non message\n  echo\n",
    );
    let target = Serving::start(&["--script", &path, "-s", "b,c"]);
    let mut proxy = Serving::start(&["--proxy", &target.uri]);
    let outcome = talk(
        &proxy,
        "connect -s a,b URI/path\nsend 0 hello\nwait 0 message\nshow 0\nsend 0 quit\nwait 0 close\n",
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
    talk(&proxy, "connect URI/path\nclose 0 4006 going\n");
    assert!(target.line_with("open").contains(" /path "));
    assert_eq!(
        target.line_with("closed"),
        "0 closed 4006 (Unknown) \"going\" by peer"
    );
}

#[test]
fn a_proxy_whose_target_is_not_there_says_so() {
    let mut proxy = Serving::start(&["--proxy", "ws://127.0.0.1:1"]);
    let outcome = talk(&proxy, "connect URI\n");
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
    talk(&proxy, "connect URI/?token=def\n");
    let line = proxy.line_with("refused");
    assert_eq!(line.matches("token=***").count(), 2, "{line}");
    assert!(!line.contains("abc") && !line.contains("def"), "{line}");
}

#[test]
fn a_proxy_drops_a_connection_that_its_target_drops() {
    let target = Serving::start(&["--cut", "100%"]);
    let proxy = Serving::start(&["--proxy", &target.uri]);
    let outcome = talk(&proxy, "connect URI\nsend 0 x\nwait 0 close\n");
    assert_eq!(outcome.status, Some(7), "{}", outcome.stdout);
}

#[test]
fn a_proxy_speaks_tcp_in_binary_messages() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    let target = std::thread::spawn(move || {
        use std::io::{Read as _, Write as _};
        let (mut stream, _) = listener.accept().expect("a client");
        let mut bytes = [0; 5];
        stream.read_exact(&mut bytes).expect("five bytes");
        stream.write_all(&bytes).expect("a reader");
    });
    let proxy = Serving::start(&["--proxy", &format!("tcp:{address}")]);
    let outcome = talk(
        &proxy,
        "connect URI\nsend 0 hello\nwait 0 message\nwait 0 close\n",
    );
    outcome.expect_in_order(&["0 << binary 5 68 65 6C 6C 6F"]);
    assert_eq!(outcome.status, Some(0));
    target.join().expect("the target is content");
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
