"""What every session at the prompt does."""

import re

from lab import Lab
from terminal import ENTER, Terminal


def open_terminal(lab: Lab, *flags: object, **variables: str) -> Terminal:
    return Terminal(lab.program, *flags, environment=lab.environment() | variables)


def connect(terminal: Terminal, uri: str, number: int = 0) -> None:
    """Types `connect` and waits until the connection is open."""
    answer = terminal.enter(f"connect {uri}")
    assert f"> Created connection with id {number}" in answer, f"{answer}\n{terminal}"
    terminal.expect_line(re.compile(rf"{number} open 101\b").match, f"that tells of the opening of {number}")
    terminal.wait_for(lambda: terminal.shows(""), "the prompt below it")


def quit_cleanly(terminal: Terminal) -> None:
    terminal.wait_for(lambda: terminal.shows(""), "an empty prompt")
    terminal.type(*"quit", ENTER)
    status = terminal.end()
    assert status == 0, f"exit status {status}\n{terminal}"
