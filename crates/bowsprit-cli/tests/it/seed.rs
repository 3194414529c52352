//! The runs that the tutorial prints, and its texts.

use crate::support::{Peer, run, run_against};

fn echo_server(mut peer: Peer) {
    peer.accept_with("Server: WebSocket++/0.8.2\r\n");
    peer.echo_close();
}

#[test]
fn comes_out_as_the_run_of_step_four() {
    let outcome = run_against(
        |mut peer| {
            let request = peer.request();
            assert!(request.starts_with("GET / HTTP/1.1\r\n"));
            peer.write(b"HTTP/1.1 200 OK\r\nServer: nginx/1.22.1\r\nContent-Length: 0\r\n\r\n");
        },
        "connect not a websocket uri\nshow 0\nconnect URI\nshow 0\nquit\n",
    );
    let lines = outcome.lines();
    assert_eq!(
        lines.get(..4),
        Some(
            &[
                "> Connect initialization error: invalid uri",
                "> Unknown connection id 0",
                "> Created connection with id 0",
                "0 failed HTTP 200 OK",
            ][..]
        )
    );
    assert_eq!(
        lines.get(5..),
        Some(
            &[
                "> Status: Failed",
                "> Remote Server: nginx/1.22.1",
                "> Error/close reason: Invalid HTTP status.",
                "> Messages Processed: (0) ",
                "> HTTP response: 200 OK",
                "",
            ][..]
        )
    );
}

#[test]
fn comes_out_as_the_run_of_step_five() {
    let uri = format!("ws://{}", crate::support::serve(echo_server));
    let script =
        "connect URI\nclose 0 1001 example message\nshow 0\nconnect URI\nclose 1 1006\nquit\n";
    let expected = "\
> Created connection with id 0
> URI: {uri}
> Status: Closed
> Remote Server: WebSocket++/0.8.2
> Error/close reason: close code: 1001 (Going away), close reason: example message
> Messages Processed: (0) \n
> Created connection with id 1
> Error initiating close: Invalid close code used
> Closing connection 1
";
    let outcome = run(&["--quiet"], script.replace("URI", &uri));
    assert_eq!(outcome.stdout, expected.replace("{uri}", &uri));
    assert_eq!(outcome.status, Some(1), "a line was refused");
}

#[test]
fn comes_out_as_the_run_of_step_six() {
    let outcome = run_against(
        |mut peer| {
            peer.accept();
            let (opcode, message) = peer.read().expect("a message");
            peer.frame(0x80 | opcode, &message);
            peer.echo_close();
        },
        "connect URI\nsend 0 example message\nwait 0 message\nshow 0\nquit\n",
    );
    outcome.expect_in_order(&[
        "> Messages Processed: (2) ",
        ">> example message",
        "<< example message",
        "",
        "> Closing connection 0",
    ]);
    assert_eq!(outcome.status, Some(0));
}

#[test]
fn lists_the_commands_in_the_words_of_the_original() {
    let outcome = run(&[], "help\n");
    outcome.expect_in_order(&[
        "",
        "Command List:",
        "connect <ws uri>",
        "send <connection id> <message>",
        "close <connection id> [<close code:default=1000>] [<close reason>]",
        "show <connection id>",
        "help: Display this help text",
        "quit: Exit the program",
        "",
    ]);
}

#[test]
fn shows_none_specified_where_a_server_does_not_name_itself() {
    let outcome = run_against(
        |mut peer| {
            peer.accept_with("");
            peer.echo_close();
        },
        "connect URI\nshow 0\n",
    );
    outcome.expect_in_order(&[
        "> Remote Server: None Specified",
        "> Error/close reason: N/A",
    ]);
}

#[test]
fn uses_no_id_for_a_refused_uri_and_one_for_a_failed_connection() {
    let outcome = run(
        &["-q"],
        "connect x\nconnect ws://127.0.0.1:1\nconnect ws://\nconnect ws://127.0.0.1:1\n",
    );
    outcome.expect_in_order(&[
        "> Created connection with id 0",
        "> Created connection with id 1",
    ]);
}
