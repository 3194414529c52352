"""Sessions of the program in a pseudo-terminal, typed as a person types, judged by the screen."""

import re
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from lab import Check, Lab
from prompt import connect, open_terminal, quit_cleanly
from terminal import (
    BACKSPACE,
    CONTROL_C,
    CONTROL_D,
    DELETE,
    DOWN,
    END,
    ENTER,
    HOME,
    LEFT,
    PROMPT,
    RIGHT,
    TAB,
    UP,
    Terminal,
)

COMMANDS = ["help", "quit", "connect", "show", "send", "close", "list", "ping", "serve", "stop", "wait"]
OTHER_COMMANDS = ["watch", "follow", "mute", "filter", "message", "set"]
EVENT = re.compile(r"\d+ (open|<<|pong|closed|failed)\b")
# The first lines of the block that `show` prints: those of the seed, then step 6's.
SEED_FACTS = ("> uri:", "> status:", "> remote server:", "> error/close reason:")
MESSAGES = re.compile(r"> messages processed: \(\d+\)")
# What no byte from a server may become on a terminal: controls (but those that the program itself
# needs to draw), C1, and what turns the direction of text.
HOSTILE = re.compile(
    r"\x1b\][^\x1b]|\x1b\[2J|\x1b\[3J|OWNED\x07|[\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]"
)


def checks(lab: Lab) -> Iterator[Check]:
    for name, look in SESSIONS.items():
        yield Check(f"terminal: {name}", partial(look, lab))
    for path in ["/attack-message", "/attack-reason", "/attack-server", "/attack-status", "/attack-banner"]:
        yield Check(f"terminal: escape sequences by {path} do nothing", partial(survives_attack, lab, path))


# The runs that the seed prints. The servers bear the names that they have there; the addresses are
# local, and the doubled blank before "example message" is one (the blank that separates the reason
# from the code is not a part of it).


def seed_step_4(lab: Lab, *flags: str) -> None:
    uri, plain = lab.python.uri("/echo", "kaazing"), lab.faults.uri("/301")
    expected = f"""\
enter command: connect not a websocket uri
> connect initialization error: invalid uri
enter command: show 0
> unknown connection id 0
enter command: connect {uri}
> created connection with id 0
enter command: show 0
> uri: {uri}
> status: open
> remote server: kaazing gateway
> error/close reason: n/a
enter command: connect {plain}
> created connection with id 1
enter command: show 1
> uri: {plain}
> status: failed
> remote server: apache
> error/close reason: invalid http status.
"""
    with open_terminal(lab, *flags) as terminal:
        terminal.enter("connect not a websocket uri")
        terminal.enter("show 0")
        terminal.enter(f"connect {uri}")
        wait_for_status(terminal, 0, "Open")
        terminal.enter(f"connect {plain}")
        wait_for_status(terminal, 1, "Failed")
        compare_with_seed(terminal, expected, quiet="-q" in flags)
        quit_cleanly(terminal)


def seed_step_5(lab: Lab, *flags: str) -> None:
    first, second = lab.python.uri("/echo"), lab.python.uri("/echo")
    expected = f"""\
enter command: connect {first}
> created connection with id 0
enter command: close 0 1001 example message
enter command: show 0
> uri: {first}
> status: closed
> remote server: websocket++/0.3.0-alpha4
> error/close reason: close code: 1001 (going away), close reason: example message
enter command: connect {second}
> created connection with id 1
enter command: close 1 1006
> error initiating close: invalid close code used
enter command: quit
> closing connection 1
"""
    with open_terminal(lab, *flags) as terminal:
        terminal.enter(f"connect {first}")
        wait_until_open(terminal, 0)
        terminal.enter("close 0 1001 example message")
        lab.python.wait_for(first, "closed")
        wait_for_status(terminal, 0, "Closed")
        terminal.enter(f"connect {second}")
        wait_until_open(terminal, 1)
        terminal.enter("close 1 1006")
        quit_cleanly(terminal)
        compare_with_seed(terminal, expected, quiet="-q" in flags)
    closed = lab.python.wait_for(first, "closed"), lab.python.wait_for(second, "closed")
    assert [event["code"] for event in closed] == [1001, 1001], closed
    assert [event["reason"] for event in closed] == ["example message", ""], closed


def wait_until_open(terminal: Terminal, number: int) -> None:
    """Waits as a person does, but by a command, so that -q has something to wait for too."""
    terminal.enter(f"wait {number} open 20")


def wait_for_status(terminal: Terminal, number: int, status: str) -> None:
    """Types `show` until the status is there: a person looks again when nothing has happened yet."""
    deadline = time.monotonic() + 30
    while f"> Status: {status}" not in terminal.enter(f"show {number}"):
        assert time.monotonic() < deadline, f"never {status}\n{terminal}"


def compare_with_seed(terminal: Terminal, expected: str, quiet: bool) -> None:
    """The screen, without case, is the seed's: plus step 6's lines, and unless quiet events and facts."""
    seen = [line.lower() for line in terminal.lines()]
    # Above the first prompt a greeting tells what to type, unless -q is there.
    assert quiet == seen[0].startswith(PROMPT.lower().rstrip()), f"greeted or not:\n{terminal}"
    first = next(number for number, line in enumerate(seen) if line.startswith(PROMPT.lower().rstrip()))
    blocks = without_waiting(split_at_prompts(seen[first:]))
    lines = [line for block in blocks for line in without_later_steps(block, keep_additions=quiet)]
    wanted = expected.splitlines()
    assert lines == wanted, "the screen, without what later steps add:\n{}\ninstead of\n{}\nwhole:\n{}".format(
        "\n".join(lines), expected, terminal
    )


def split_at_prompts(lines: list[str]) -> list[list[str]]:
    """The lines in blocks, each a typed command and its answer; an empty prompt is left out."""
    blocks: list[list[str]] = [[]]
    for line in lines:
        if line.startswith(PROMPT.lower().rstrip()):
            blocks.append([])
        blocks[-1].append(line)
    return [block for block in blocks if block and block[0] not in ("", PROMPT.lower().rstrip())]


def without_waiting(blocks: list[list[str]]) -> list[list[str]]:
    """Without `wait`, and without all but the last of the same `show` in a row."""
    blocks = [block for block in blocks if not block[0].startswith(f"{PROMPT.lower()}wait ")]
    followers = [*blocks[1:], [""]]
    return [block for block, next_block in zip(blocks, followers) if block[0] != next_block[0]]


def without_later_steps(block: list[str], keep_additions: bool) -> list[str]:
    """The block without empty lines and step 6's line, and perhaps without events and facts."""
    kept = [line for line in block if line and not MESSAGES.fullmatch(line)]
    if keep_additions:
        return kept
    kept = [line for line in kept if not EVENT.match(line)]
    if block[0].startswith(f"{PROMPT.lower()}show ") and any(map(MESSAGES.fullmatch, block)):
        return [kept[0], *(line for line in kept[1:] if line.startswith(SEED_FACTS))]
    return kept


# Help and the editor.


def help_lists_all(lab: Lab) -> None:
    with open_terminal(lab) as terminal:
        answer = terminal.enter("help")
        assert "Command List:" in answer, f"{answer}"
        for command in COMMANDS:
            assert any(line.startswith(command) for line in answer), f"no {command!r} in {answer}"
        for command in OTHER_COMMANDS:
            assert any(re.search(rf": .*\b{command}\b", line) for line in answer), f"no {command!r} in {answer}"
        quit_cleanly(terminal)


def recalls_history(lab: Lab) -> None:
    with open_terminal(lab) as terminal:
        terminal.enter("show 1")
        terminal.enter("show 2")
        for key, shown in [(UP, "show 2"), (UP, "show 1"), (DOWN, "show 2")]:
            terminal.type(key)
            terminal.expect_typed(shown)
        terminal.type(BACKSPACE, "9", ENTER)
        terminal.expect_line("> Unknown connection id 9".__eq__, "that answers the changed line")
        quit_cleanly(terminal)


def completes_commands(lab: Lab) -> None:
    with open_terminal(lab) as terminal:
        terminal.wait_for(lambda: terminal.shows(""), "an empty prompt")
        terminal.type(*"conn", TAB)
        terminal.wait_for(lambda: terminal.line_at_cursor() == f"{PROMPT}connect", "connect, completed")
        terminal.type(CONTROL_C)
        quit_cleanly(terminal)


def cancels_with_control_c(lab: Lab) -> None:
    uri = lab.python.uri("/echo")
    with open_terminal(lab) as terminal:
        connect(terminal, uri)
        terminal.type(*"send 0 not this")
        terminal.expect_typed("send 0 not this")
        terminal.type(CONTROL_C)
        terminal.expect_typed("")
        terminal.enter("send 0 but this")
        assert lab.python.wait_for(uri, "message")["text"] == "but this"
        quit_cleanly(terminal)


def tells_how_to_leave(lab: Lab) -> None:
    """Ctrl-C on an empty line ends nothing but a wait."""
    uri = lab.python.uri("/echo")
    with open_terminal(lab) as terminal:
        connect(terminal, uri)
        terminal.type(CONTROL_C)
        terminal.expect_line("> Type quit or press Ctrl-D to leave".__eq__, "that tells how to leave")
        terminal.wait_for(lambda: terminal.shows(""), "an empty prompt")
        # Between two lines Ctrl-C takes with it what is typed ahead.
        terminal.type(*"wait 0 close 600")
        terminal.expect_typed("wait 0 close 600")
        terminal.type(ENTER)
        # One that comes in the moment of Enter is for the next prompt.
        terminal.wait_for(
            lambda: "> Stopped waiting" in terminal.lines() or terminal.type(CONTROL_C), "the end of the wait"
        )
        quit_cleanly(terminal)
    assert lab.python.wait_for(uri, "closed")["code"] == 1001, lab.python.seen(uri, "closed")


def quits_with_control_d(lab: Lab) -> None:
    uri = lab.python.uri("/echo")
    with open_terminal(lab) as terminal:
        connect(terminal, uri)
        terminal.type(CONTROL_D)
        status = terminal.end()
        assert status == 0, f"exit status {status}\n{terminal}"
        assert "> Closing connection 0" in terminal.lines(), str(terminal)
    assert lab.python.wait_for(uri, "closed")["code"] == 1001, lab.python.seen(uri, "closed")


def ends_cleanly_on_sigterm(lab: Lab) -> None:
    uri = lab.python.uri("/echo")
    with open_terminal(lab) as terminal:
        connect(terminal, uri)
        terminal.terminate()
        terminal.end()
    assert lab.python.wait_for(uri, "closed")["code"] == 1001, lab.python.seen(uri, "closed")


def keeps_history_private(lab: Lab) -> None:
    environment = lab.environment()
    with Terminal(lab.program, environment=environment) as terminal:
        terminal.enter("show 1")
        quit_cleanly(terminal)
    for file in Path(environment["HOME"]).rglob("*"):
        assert file.is_dir() or not file.stat().st_mode & 0o077, f"others can read {file.name}"


# Messages that arrive while a line is typed.


def keeps_line_while_messages_arrive(lab: Lab) -> None:
    """The line is edited in its middle, wide characters on both sides, with a message every 50 ms."""
    uri = lab.faults.uri("/ticks")
    with open_terminal(lab) as terminal:
        terminal.wait_for(lambda: terminal.shows(""), "an empty prompt")
        terminal.type(*f"connect {uri}", ENTER)
        terminal.expect_line(re.compile(r"0 << text \d+ tick 5").fullmatch, "with tick 5")
        line = ""
        for letter in "send 0 wörld 世界 ende":
            line += letter
            terminal.type(letter)
            terminal.expect_typed(line)
        terminal.type(LEFT, LEFT, LEFT, LEFT)
        terminal.expect_typed(line, len(line) - 4)
        terminal.type(*"中间 ")
        terminal.expect_typed("send 0 wörld 世界 中间 ende", len(line) - 1)
        terminal.type(LEFT, BACKSPACE, BACKSPACE, "真", DELETE, RIGHT, DELETE)
        terminal.expect_typed("send 0 wörld 世界 真ede", len("send 0 wörld 世界 真e"))
        terminal.type(HOME)
        terminal.expect_typed("send 0 wörld 世界 真ede", 0)
        terminal.type(END, "!", ENTER)
        sent = lab.faults.wait_for(uri, "message")["text"]
        assert sent == "wörld 世界 真ede!", f"{sent!r} was sent"
        quit_cleanly(terminal)
        expect_untorn(terminal, r"0 << text \d+ tick \d+")


def expect_untorn(terminal: Terminal, event: str) -> None:
    """Each line with a message's event is just that event, and each is there once."""
    seen = [line for line in terminal.lines() if "<<" in line]
    torn = [line for line in seen if not re.fullmatch(event, line)]
    assert not torn, f"torn lines: {torn}\n{terminal}"
    assert len(seen) == len(set(seen)) > 5, f"lines are missing or doubled: {seen}"


def keeps_line_and_cursor_after_each_message(lab: Lab) -> None:
    """A message at a time: after each the line is whole, the cursor where it was."""
    uri, line, cursor = lab.faults.uri("/on-demand"), "send 0 世界 is wide", 9
    with open_terminal(lab) as terminal:
        connect(terminal, uri)
        terminal.type(*line, *[LEFT] * (len(line) - cursor))
        terminal.expect_typed(line, cursor)
        prompts = terminal.prompts()
        for number in range(30):
            receive_note(lab, terminal, f"note {number}")
            # Nothing comes after the note, so what is torn stays torn.
            terminal.expect_typed(line, cursor)
            assert terminal.prompts() == prompts, f"the prompt was left behind after note {number}\n{terminal}"
        terminal.type("!", ENTER)
        sent = lab.faults.wait_for(uri, "message")["text"]
        assert sent == "世界! is wide", f"{sent!r} was sent"
        quit_cleanly(terminal)


def receive_note(lab: Lab, terminal: Terminal, note: str) -> None:
    """Lets the server send a text, and waits until it is on the screen."""
    lab.faults.tell(f"send {note}")
    event = f"0 << text {len(note.encode())} {note}"
    terminal.expect_line(event.__eq__, f"{event!r}")


def sends_long_line_whole(lab: Lab) -> None:
    """A line of three rows, with messages in between, is on the screen and is sent as it was typed."""
    uri, text = lab.faults.uri("/on-demand"), " ".join(f"word{number:02}" for number in range(36))
    with open_terminal(lab) as terminal:
        connect(terminal, uri)
        terminal.type(*f"send 0 {text}")
        whole = f"{PROMPT}send 0 {text}"
        terminal.wait_for(lambda: rows_at_end(terminal) == whole, "the long line on the screen")
        for number in range(10):
            receive_note(lab, terminal, f"note {number}")
            terminal.wait_for(lambda: rows_at_end(terminal) == whole, "the long line, whole again")
        terminal.type(ENTER)
        sent = lab.faults.wait_for(uri, "message")["text"]
        assert sent == text, f"{sent!r} was sent"
        quit_cleanly(terminal)


def rows_at_end(terminal: Terminal) -> str:
    """The last prompt with all that is typed after it, over as many rows as it takes."""
    rows = [*terminal.screen.scrolled_away(), *terminal.screen.display]
    return "".join(rows[terminal.last_prompt(rows) :]).rstrip()


def tells_of_close_above_the_line(lab: Lab) -> None:
    uri = lab.python.uri("/close4001")
    with open_terminal(lab) as terminal:
        connect(terminal, uri)
        terminal.type(*"send 0 go", ENTER, *"show")
        terminal.expect_line('0 closed 4001 (Unknown) "bye" by peer'.__eq__, "that tells of the close")
        terminal.expect_typed("show")
        terminal.type(*" 0", ENTER)
        terminal.expect_line("> Status: Closed".__eq__, "with the status")
        quit_cleanly(terminal)


# Ends, sizes, attacks.


def quits_while_connecting(lab: Lab) -> None:
    uri = lab.faults.uri("/silent")
    with open_terminal(lab, "--open-timeout=1h") as terminal:
        terminal.enter(f"connect {uri}")
        lab.faults.wait_for(uri, "request")
        quit_cleanly(terminal)
        assert "> Canceling connection 0 (still connecting)" in terminal.lines(), str(terminal)


def quits_by_the_deadline(lab: Lab) -> None:
    uri = lab.faults.uri("/never-close")
    with open_terminal(lab, "--close-timeout=1h") as terminal:
        connect(terminal, uri)
        quit_cleanly(terminal)
        # Whether its end is heard before the program ends is not promised.
        told = [line for line in terminal.lines() if line.startswith("> ")][-2:]
        assert told == [
            "> Closing connection 0",
            "> Connection 0 did not close in time, dropped",
        ], f"nothing says what quit waited for\n{terminal}"
    assert lab.faults.wait_for(uri, "close")["code"] == 1001, lab.faults.seen(uri, "close")


def tells_that_it_is_closing(lab: Lab) -> None:
    """The peer does not answer the close: until that is given up the status says so, and `quit` too."""
    uri = lab.faults.uri("/never-close")
    with open_terminal(lab) as terminal:
        connect(terminal, uri)
        terminal.enter("close 0")
        terminal.wait_for(lambda: terminal.shows(""), "an empty prompt")
        # All at once: it is given up after 5 s.
        terminal.type(*"show 0", ENTER, *"send 0 x", ENTER, *"quit", ENTER, *"quit!", ENTER)
        status = terminal.end()
        lines = terminal.lines()
        for line in [
            "> Status: Closing",
            "> Error sending message: invalid state (connection 0 is closing)",
            "> Waiting for connection 0 to close",
        ]:
            assert line in lines, f"no {line!r}\n{terminal}"
        assert status == 0, f"exit status {status}\n{terminal}"


def survives_resizing(lab: Lab) -> None:
    uri = lab.faults.uri("/on-demand")
    with open_terminal(lab) as terminal:
        connect(terminal, uri)
        terminal.type(*"send 0 still ")
        terminal.expect_typed("send 0 still ")
        for number, (rows, columns) in enumerate([(10, 60), (50, 132), (5, 40), (24, 100)]):
            terminal.resize(rows, columns)
            terminal.settle()
            lab.faults.tell(f"send note {number}")
            terminal.expect_line(f"0 << text 6 note {number}".__eq__, f"with note {number}")
            terminal.settle()
        terminal.type(*"here", ENTER)
        sent = lab.faults.wait_for(uri, "message")["text"]
        assert sent == "still here", f"{sent!r} was sent"
        quit_cleanly(terminal)


def survives_attack(lab: Lab, path: str) -> None:
    uri = lab.faults.uri(path)
    with open_terminal(lab) as terminal:
        terminal.enter("show 77")
        terminal.type(*f"connect {uri}", ENTER)
        # An open connection with a hostile Server header is not refused, the others come to an end.
        told = r"(?<!\d)0 (open|failed)" if path == "/attack-server" else r"(?<!\d)0 (<<|closed|failed)"
        terminal.wait_for(lambda: re.search(told, str(terminal)), "a line that tells what happened")
        terminal.settle()
        expect_unharmed(terminal)
        terminal.enter("show 0")
        terminal.enter("list")
        expect_unharmed(terminal)
        quit_cleanly(terminal)


def printed(terminal: Terminal) -> str:
    """All bytes that the program has sent to the terminal, as text."""
    return terminal.raw.decode(errors="replace")


def expect_unharmed(terminal: Terminal) -> None:
    found = HOSTILE.search(printed(terminal))
    assert not found, f"{found[0]!r} reached the terminal\n{terminal}"
    assert "OWNED" not in terminal.screen.title + terminal.screen.icon_name, "the title was set"
    assert "> Unknown connection id 77" in terminal.lines(), f"the screen was cleared\n{terminal}"


SESSIONS = {
    "the seed's run of step 4": seed_step_4,
    "the seed's run of step 4, -q": lambda lab: seed_step_4(lab, "-q"),
    "the seed's run of step 5": seed_step_5,
    "the seed's run of step 5, -q": lambda lab: seed_step_5(lab, "-q"),
    "help lists every command": help_lists_all,
    "arrow up and down recall lines": recalls_history,
    "Tab completes a command": completes_commands,
    "Ctrl-C cancels the line": cancels_with_control_c,
    "Ctrl-C on an empty line ends nothing but a wait": tells_how_to_leave,
    "Ctrl-D quits and closes with 1001": quits_with_control_d,
    "SIGTERM closes with 1001": ends_cleanly_on_sigterm,
    "what is kept of the session is private": keeps_history_private,
    "a line edited with a message every 50 ms is sent as typed": keeps_line_while_messages_arrive,
    "line and cursor are as they were after each message": keeps_line_and_cursor_after_each_message,
    "a line of three rows is whole after each message": sends_long_line_whole,
    "a close by the server is told above the typed line": tells_of_close_above_the_line,
    "quit ends a connect that hangs": quits_while_connecting,
    "quit gives up on a close that is not answered": quits_by_the_deadline,
    "the status is Closing until the peer has answered": tells_that_it_is_closing,
    "the window can change its size": survives_resizing,
}
