//! `bowsprit serve --exec`: a process for each connection, and its end.

use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use crate::serve_lab::Serving;
use crate::support::{Program, run};

/// A process that heeds no request to end, says the number of one that it has started, and waits for that.
const STUBBORN: &str = "trap '' TERM HUP INT; sleep 1000 & echo $!; wait";

/// Waits until a process has ended. Whoever takes over orphans may take a moment to bury them.
fn expect_gone(process: &str) {
    let started = Instant::now();
    loop {
        let mut ps = Command::new("ps");
        let told = ps.args(["-o", "stat=", "-p", process]).output();
        let told = told.expect("ps should run").stdout;
        if matches!(told.first(), None | Some(b'Z')) {
            return;
        }
        assert!(
            started.elapsed() < Duration::from_secs(60),
            "{process} is left"
        );
        thread::sleep(Duration::from_millis(10));
    }
}

/// What a line ends with.
fn last_word(line: &str) -> &str {
    line.rsplit_once(' ').expect("several words").1
}

#[test]
fn a_process_gets_lines_and_its_exit_status_becomes_a_close_code() {
    let mut serving = Serving::start(&[
        "--exec-shell",
        "--exec",
        "read a; echo \"$REQUEST_METHOD $PATH_INFO?$QUERY_STRING $HTTP_X_TRACE [$HTTP_PROXY] $a\"; echo bad >&2; exit 3",
    ]);
    let outcome = serving.talk("connect -H 'X-Trace: 7' -H 'Proxy: evil' URI/p?q=1\nsend 0 hello\nwait 0 message\nwait 0 close\n",
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
    let outcome = serving
        .talk("connect URI\nsend 0 a\\nb\nwait 0 message\nsend 0 --hex 0a00ff\nwait 0 message\n");
    outcome.expect_in_order(&["0 << binary 4 61 5C 6E 62", "0 << binary 3 0A 00 FF"]);
    assert_eq!(outcome.status, Some(0));
}

#[test]
fn a_process_that_closes_its_streams_first_may_end_later() {
    let serving = Serving::start(&["--exec-shell", "--exec", "exec >&- 2>&-; sleep 0.1; exit 4"]);
    let outcome = serving.talk("connect URI\nwait 0 close\n");
    outcome.expect_in_order(&["0 closed 1011 (Internal endpoint error) \"exit status 4\" by peer"]);
}

#[test]
fn a_process_has_the_environment_that_cgi_gives() {
    let say = "echo \"[$HTTPS] $GATEWAY_INTERFACE [$PATH_INFO] [$REQUEST_URI] $SERVER_NAME ${REMOTE_USER-none}\"";
    let serving = Serving::start(&["--tls-self-signed", "--exec-shell", "--exec", say]);
    let script = format!(
        "connect {0}/a%20b?c=%20\nwait 0 message\nconnect {0}/a%00\nwait 1 message\n",
        serving.uri
    );
    let outcome = run(&["--insecure"], script);
    outcome.expect_in_order(&[
        "0 << text 45 [on] CGI/1.1 [/a b] [/a%20b?c=%20] 127.0.0.1 ",
        "1 << text 39 [on] CGI/1.1 [/a%00] [/a%00] 127.0.0.1 ",
    ]);
}

#[test]
fn a_process_ends_with_its_connection() {
    let mut serving = Serving::start(&["--exec", "cat"]);
    let outcome = serving.talk("connect URI\nsend 0 x\nwait 0 message\nclose 0\n");
    assert_eq!(outcome.status, Some(0));
    assert_eq!(serving.line_with("exec"), "0 exec: exit status 0");
}

#[test]
fn a_process_that_ignores_the_end_of_its_input_is_told_to_end() {
    let mut serving = Serving::start(&["--exec", "sleep 1000"]);
    // The second one gets more than a pipe holds.
    let text = "x".repeat(150_000);
    serving.talk(&format!(
        "connect URI\nconnect URI\nsend 1 {text}\nclose 0\nclose 1\n"
    ));
    assert_eq!(serving.line_with("exec"), "0 exec: killed by signal 15");
    assert_eq!(serving.line_with("exec"), "1 exec: killed by signal 15");
}

#[test]
fn what_a_process_has_started_ends_with_it() {
    // The one that was started heeds no request, and its parent does.
    let command = "sh -c 'trap \"\" TERM; echo $$; exec sleep 1000' & wait";
    let mut serving = Serving::start(&["--exec-shell", "--exec", command]);
    let outcome = serving.talk("connect URI\nwait 0 message\nclose 0\n");
    let line = outcome.lines().into_iter().find(|line| line.contains("<<"));
    let process = last_word(line.expect("its number")).to_owned();
    assert_eq!(serving.line_with("exec"), "0 exec: killed by signal 15");
    expect_gone(&process);
}

#[test]
fn the_last_words_of_a_process_wait_for_a_client_that_is_slow() {
    let script = "head -c 200000 /dev/zero | tr '\\0' x | fold -w 1000";
    let exec = ["--exec-shell", "--exec", script, "--send-buffer", "16KiB"];
    let serving = Serving::start(&[&exec[..], &["--slow", "150kB/s"]].concat());
    let outcome = serving.talk("connect --no-compress URI\nwait 0 close 25\n");
    let last = outcome.stdout.matches("<< text 1000 ").count();
    assert_eq!(last, 200, "{:?}", outcome.status);
}

#[test]
fn a_server_that_leaves_takes_its_processes_with_it() {
    let mut serving = Serving::start(&["-v", "--exec-shell", "--exec", STUBBORN]);
    let mut client = Program::start(&[]);
    client.write(format!("connect {}\nwait 0 close\n", serving.uri).as_bytes());
    let line = serving.line_with(">> text");
    serving.signal("INT");
    assert_eq!(serving.wait().1, Some(130));
    assert_eq!(client.finish().status, Some(0));
    expect_gone(last_word(&line));
}

#[test]
fn a_server_that_is_told_to_leave_at_once_leaves_no_process_either() {
    for (signal, status) in [("INT", 130), ("TERM", 143), ("HUP", 129)] {
        let mut serving = Serving::start(&["-v", "--exec-shell", "--exec", STUBBORN]);
        let mut client = Program::start(&[]);
        client.write(format!("connect {}\nwait 0 close\n", serving.uri).as_bytes());
        let line = serving.line_with(">> text");
        serving.signal(signal);
        serving.line_with("closed 1001");
        serving.signal(signal);
        assert_eq!(serving.wait().1, Some(status));
        expect_gone(last_word(&line));
    }
}

#[test]
fn a_prompt_that_is_left_leaves_no_process() {
    let mut prompt = Program::start(&[]);
    prompt.write(
        format!("serve --exec-shell --exec \"{STUBBORN}\" 0\n")
            .replace('$', "\\$")
            .as_bytes(),
    );
    let line = prompt.read_line();
    let uri = last_word(&line);
    prompt.write(format!("connect {uri}\nwait 0 message\n").as_bytes());
    let line = loop {
        let line = prompt.read_line();
        if line.contains("<<") {
            break line;
        }
    };
    prompt.finish();
    expect_gone(last_word(&line));
}

#[test]
fn a_process_that_cannot_start_or_says_too_much_is_told_of() {
    let mut serving = Serving::start(&["--exec", "/no/such/program"]);
    let outcome = serving.talk("connect URI\nwait 0 close\n");
    assert_eq!(outcome.status, Some(8));
    assert!(
        serving
            .line_with("exec")
            .contains("cannot run /no/such/program")
    );
    let mut serving = Serving::start(&["--exec", "cat /dev/zero", "--max-message", "1KiB"]);
    let outcome = serving.talk("connect URI\nwait 0 close\n");
    outcome.expect_in_order(&["0 closed 1009 (Message too big) by peer"]);
    assert!(serving.line_with("exec").contains("over 1024 bytes"));
}

#[test]
fn no_shell_reads_a_command_unless_asked_for() {
    let serving = Serving::start(&["--exec", "echo $HOME;id"]);
    let outcome = serving.talk("connect URI\nwait 0 message\n");
    outcome.expect_in_order(&["0 << text 8 $HOME;id"]);
}
