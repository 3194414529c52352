//! Scripts: what a pipe is told, what is waited for, and the exit status.

use crate::support::{Program, run, run_against};

#[test]
fn ends_at_end_of_input_instead_of_looping() {
    let outcome = run(&[], "");
    assert_eq!((outcome.stdout.as_str(), outcome.status), ("", Some(0)));
}

#[test]
fn prints_no_prompt_into_a_pipe() {
    let outcome = run(&[], "list\nquit\n");
    assert_eq!(outcome.stdout, "> No connections\n");
}

#[test]
fn takes_cr_lf_comments_empty_lines_and_a_last_line_without_an_end() {
    let outcome = run(&[], "# a comment\r\n\r\n   \r\nlist\r\n  # another\nlist");
    assert_eq!(outcome.stdout, "> No connections\n> No connections\n");
    assert_eq!(outcome.status, Some(0));
}

#[test]
fn tells_by_its_exit_status_whether_every_line_was_carried_out() {
    assert_eq!(run(&[], "list\nhelp\n").status, Some(0));
    assert_eq!(run(&[], "nonsense\nlist\n").status, Some(1));
    assert_eq!(run(&["--no-such-flag"], "").status, Some(2));
}

#[test]
fn waits_for_what_each_command_started() {
    let outcome = run_against(
        |mut peer| {
            std::thread::sleep(std::time::Duration::from_millis(200));
            peer.accept();
            assert_eq!(peer.read(), Some((1, b"hello".to_vec())));
            std::thread::sleep(std::time::Duration::from_millis(200));
            peer.echo_close();
        },
        "connect URI\nsend 0 hello\nclose 0\nshow 0\n",
    );
    outcome.expect_in_order(&["> Status: Closed", "> Messages Processed: (1) ", ">> hello"]);
    assert_eq!(outcome.status, Some(0));
}

#[test]
fn takes_one_message_for_each_wait_whenever_it_came() {
    let outcome = run_against(
        |mut peer| {
            peer.accept();
            peer.text("greeting");
            while let Some((1, payload)) = peer.read() {
                peer.frame(0x81, &payload);
                if payload == b"last" {
                    peer.echo_close();
                }
            }
        },
        "connect URI\nwait 0 open\nwait 0 message\nsend 0 one\nsend 0 last\nwait 0 message\nwait 0 message\nwait 0 message 0.2\n",
    );
    outcome.expect_in_order(&[
        "0 << text 8 greeting",
        "0 << text 3 one",
        "0 << text 4 last",
        "> Connection 0 sent no message within 200 ms",
    ]);
    assert_eq!(outcome.status, Some(1), "a wait expired");
}

#[test]
fn tells_at_once_that_a_message_will_never_come() {
    let outcome = run_against(
        |mut peer| {
            peer.accept();
            peer.close(1000, "");
            peer.drain();
        },
        "connect URI\nwait 0 message 3600\n",
    );
    outcome.expect_in_order(&["> Connection 0 sent no message (it is closed)"]);
}

#[test]
fn ends_quietly_when_nobody_reads_its_output() {
    let mut program = Program::start(&[]);
    program.hang_up();
    program.write(b"list\nlist\n");
    let outcome = program.wait();
    assert_eq!(outcome.stderr, "");
    assert_eq!(outcome.status, Some(0));
}

#[cfg(target_os = "linux")]
#[test]
fn tells_that_its_output_was_lost() {
    let full = std::fs::File::options().write(true).open("/dev/full");
    let outcome = std::process::Command::new(env!("CARGO_BIN_EXE_bowsprit"))
        .arg("--serve=0")
        .stdin(std::process::Stdio::null())
        .stdout(full.expect("a device that is always full"))
        .output()
        .expect("the program should start");
    assert_eq!(
        String::from_utf8_lossy(&outcome.stderr),
        "bowsprit: cannot write the output: no space left on device\n"
    );
    assert_eq!(outcome.status.code(), Some(1));
}
