"""Sessions with `use` in a pseudo-terminal: plain lines are messages, and none of them becomes a command."""

import re
from collections.abc import Iterator
from functools import partial

from lab import Check, Lab
from prompt import open_terminal
from terminal import CONTROL_C, ENTER, Terminal


def checks(lab: Lab) -> Iterator[Check]:
    for name, look in SESSIONS.items():
        yield Check(f"use: {name}", partial(look, lab))


def expect_prompt(terminal: Terminal, prompt: str, typed: str = "") -> None:
    shown = (prompt + typed).rstrip()
    terminal.wait_for(lambda: terminal.line_at_cursor() == shown, f"the line {shown!r}")


def enter(terminal: Terminal, prompt: str, line: str) -> None:
    """Types a line at this prompt."""
    expect_prompt(terminal, prompt)
    terminal.type(*line)
    expect_prompt(terminal, prompt, line)
    terminal.type(ENTER)


def leave(terminal: Terminal, line: str = "quit") -> None:
    terminal.type(*line, ENTER)
    status = terminal.end()
    assert status == 0, f"exit status {status}\n{terminal}"


def uses_what_the_command_line_names(lab: Lab) -> None:
    """`bowsprit URI` is connection 0 and in use; commands need a slash, and two make a message of one."""
    uri = lab.python.uri("/echo")
    with open_terminal(lab, uri) as terminal:
        terminal.expect_line(re.compile(r"0 open 101 ").match, "that tells of the opening")
        enter(terminal, "0> ", "quit")
        assert lab.python.wait_for(uri, "message")["text"] == "quit"
        terminal.expect_line("0 << text 4 quit".__eq__, "with the echo")
        enter(terminal, "0> ", "//etc")
        terminal.expect_line("0 << text 4 /etc".__eq__, "with the second echo")
        enter(terminal, "0> ", "/show 0")
        terminal.expect_line("> Messages Processed: (4)".__eq__, "of the block of show")
        enter(terminal, "0> ", "/use")
        terminal.expect_line("> Lines are commands again".__eq__, "that says so")
        enter(terminal, "Enter Command: ", "use 0")
        expect_prompt(terminal, "0> ")
        leave(terminal, "/quit")
    assert lab.python.wait_for(uri, "closed")["code"] == 1001, lab.python.seen(uri, "closed")


def shows_the_name(lab: Lab) -> None:
    uri = lab.python.uri("/echo")
    with open_terminal(lab, "--name", "chat", uri) as terminal:
        terminal.expect_line(re.compile(r"0 \(chat\) open 101 ").match, "that tells of the opening")
        enter(terminal, "chat> ", "hello")
        terminal.expect_line("0 (chat) << text 5 hello".__eq__, "with the echo")
        expect_prompt(terminal, "chat> ")
        leave(terminal, "/quit")


def takes_no_typed_message_for_a_command(lab: Lab) -> None:
    """The connection ends while a line to it is typed: that line is refused, the next one is a command."""
    uri = lab.python.uri("/close4001")
    with open_terminal(lab) as terminal:
        enter(terminal, "Enter Command: ", f"connect {uri}")
        terminal.expect_line(re.compile(r"0 open 101 ").match, "that tells of the opening")
        # The server closes when it hears something, and that is while the line below stands there.
        enter(terminal, "Enter Command: ", "every 3s send 0 go")
        enter(terminal, "Enter Command: ", "use 0")
        expect_prompt(terminal, "0> ")
        terminal.type(*"quit!")
        terminal.expect_line("> Connection 0 has ended: lines are commands again".__eq__, "that says so")
        terminal.expect_line(re.compile(r"> Job 1 is over: connection 0 has ended").match, "that tells of the job")
        expect_prompt(terminal, "0> ", "quit!")
        terminal.type(ENTER)
        terminal.expect_line("> Not sent: connection 0 has ended".__eq__, "that refuses the message")
        expect_prompt(terminal, "Enter Command: ")
        leave(terminal)


def asks_for_more_lines(lab: Lab) -> None:
    uri = lab.python.uri("/echo")
    with open_terminal(lab, uri) as terminal:
        terminal.expect_line(re.compile(r"0 open 101 ").match, "that tells of the opening")
        enter(terminal, "0> ", '"""')
        enter(terminal, "... ", "/quit")
        enter(terminal, "... ", '"""')
        terminal.expect_line("0 << text 5 /quit".__eq__, "with the echo")
        enter(terminal, "0> ", "/send 0 --json {")
        expect_prompt(terminal, "... ")
        terminal.type(CONTROL_C)
        terminal.expect_line("> Message given up".__eq__, "that says so")
        expect_prompt(terminal, "0> ")
        leave(terminal, "/quit")
    texts = [event["text"] for event in lab.python.seen(uri, "message")]
    assert texts == ["/quit"], texts


SESSIONS = {
    "a URI on the command line is in use at once": uses_what_the_command_line_names,
    "the prompt is the name": shows_the_name,
    "a line typed to a connection that has ended is no command": takes_no_typed_message_for_a_command,
    "a message of several lines, and one given up": asks_for_more_lines,
}
