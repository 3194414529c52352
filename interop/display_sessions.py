"""What a person sees of messages, and that no server can touch the terminal it is seen on."""

import os
import re
import signal
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from lab import PATIENCE, Check, Lab, Server
from prompt import connect, open_terminal, quit_cleanly
from terminal import CONTROL_C, ENTER, LEFT, PROMPT, TAB, Screen, Terminal

# All that the program may write to draw: colours, the cursor, marks around pasted text and around what is
# to be drawn at once, ends of lines.
OWN = re.compile(r"\x1b\[(?:[0-9;]*m|[0-9]*[ABCDGHJK]|\?20(?:04|26)[hl]|6n)|[\r\n]")
# What must not be left then: controls, what turns or hides text, and piles of marks.
RISKY = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\U000e0000-\U000e0fff]"
    "|[\u0300-\u036f]{7}"
)
# A colour and a movement that the program never makes.
FOREIGN = re.compile(r"\x1b\[(?:45m|9A)")

VIEWS = ["auto", "text", "json", "hex", "base64", "raw"]
MESSAGES = ["/text", "/json", "/json-raw", "/binary", "/ping"]
ANSWERS = ["/reason", "/server", "/subprotocol", "/extension", "/accept", "/status", "/location", "/banner"]

LONG = '{"channel":"prices","values":[1.10,2,12345678901234567890],"text":"so long that no row has room for it","z":null}'


def checks(lab: Lab) -> Iterator[Check]:
    hostile = Server(sys.executable, Path(__file__).parent / "hostile.py", lab.folder)
    try:
        for view in VIEWS:
            yield Check(f"display: hostile messages in view {view}", partial(survives_messages, lab, hostile, view))
        for path in ANSWERS:
            yield Check(f"display: hostile text by {path}", partial(survives, lab, hostile.uri(path)))
        yield Check("display: a hostile certificate", partial(survives_certificate, lab, hostile))
        for path in ["/huge", "/deep"]:
            yield Check(f"display: the line is kept under {path}", partial(survives_size, lab, hostile, path))
        yield Check("display: a flood stops nobody from typing", partial(types_in_a_flood, lab, hostile))
        for name, look in SESSIONS.items():
            yield Check(f"display: {name}", partial(look, lab))
    finally:
        hostile.stop()


def expect_unharmed(terminal: Terminal) -> None:
    printed = terminal.raw.decode()
    found = RISKY.search(OWN.sub("", printed)) or FOREIGN.search(printed)
    assert not found, f"{found[0]!r} reached the terminal\n{terminal}"
    assert "OWNED" not in terminal.screen.title + terminal.screen.icon_name, "the title was set"
    forged = [line for line in terminal.lines() if re.match("0 closed 1000 forged|> Status: forged", line)]
    assert not forged, f"forged: {forged}\n{terminal}"
    assert "> Unknown connection id 77" in terminal.lines(), f"the screen was cleared\n{terminal}"


def survives_messages(lab: Lab, hostile: Server, view: str) -> None:
    with open_terminal(lab, f"--view={view}", "--timestamps") as terminal:
        terminal.enter("show 77")
        for number, path in enumerate(MESSAGES):
            terminal.enter(f"connect {hostile.uri(path)}")
            terminal.enter(f"wait {number} message 20")
            for command in ["show", "message", "list"]:
                terminal.enter(f"{command} {number}" if command != "list" else command)
        for other in VIEWS:
            terminal.enter(f"message 0 1 {other}")
        terminal.settle()
        expect_unharmed(terminal)
        quit_cleanly(terminal)


def survives(lab: Lab, uri: str, *flags: str) -> None:
    with open_terminal(lab, *flags, "--subprotocol", "chat") as terminal:
        terminal.enter("show 77")
        terminal.enter(f"connect {uri}")
        terminal.expect_line(re.compile(r"0 (open|failed|closed)").match, "that tells what came of it")
        terminal.enter("show 0")
        terminal.enter("list")
        terminal.settle()
        expect_unharmed(terminal)
        quit_cleanly(terminal)


def survives_certificate(lab: Lab, hostile: Server) -> None:
    uri = hostile.uri("/text", "wss")
    survives(lab, uri)
    survives(lab, uri, "--insecure")
    with open_terminal(lab, "--insecure") as terminal:
        connect(terminal, uri)
        shown = terminal.enter("show 0")
        assert any(line.startswith("> Certificate: ") and "OWNED" in line for line in shown), shown
        quit_cleanly(terminal)


def survives_size(lab: Lab, hostile: Server, path: str) -> None:
    with open_terminal(lab) as terminal:
        terminal.enter("show 77")
        terminal.type(*f"connect {hostile.uri(path)}", ENTER, *"send 0 世界 here", LEFT, LEFT)
        terminal.expect_line(re.compile(r" +… \d+ more bytes: message 0 1").match, "that tells what is left out")
        terminal.expect_typed("send 0 世界 here", len("send 0 世界 he"))
        terminal.settle()
        expect_unharmed(terminal)
        assert len(terminal.raw) < 100_000, f"{len(terminal.raw)} bytes were written"
        terminal.type(CONTROL_C)
        quit_cleanly(terminal)


def types_in_a_flood(lab: Lab, hostile: Server) -> None:
    with open_terminal(lab) as terminal:
        connect_line = f"connect {hostile.uri('/flood')}"
        terminal.wait_for(lambda: terminal.shows(""), "an empty prompt")
        terminal.type(*connect_line, ENTER)
        terminal.expect_line(re.compile(r"0 << text \d+ tick").match, "with a first message")
        line = ""
        for letter in "list 世界":
            line += letter
            terminal.type(letter)
            terminal.expect_typed(line)
        terminal.type(LEFT, LEFT, "x")
        terminal.expect_typed("list x世界", len("list x"))
        terminal.type(CONTROL_C)
        told = re.compile(r"> (\d+) messages not shown: too many in a second")

        def all_came() -> bool:
            answer = terminal.enter("list")
            return any(re.match(r"> 0 +open +200000 ", line) for line in answer)

        terminal.wait_for(all_came, "the whole flood")
        terminal.expect_line(told.match, "that tells of what was not shown")
        terminal.wait_for(lambda: counted(terminal, told) == 200_000, "shown and not shown, all of the flood")
        quit_cleanly(terminal)


def counted(terminal: Terminal, told: re.Pattern) -> int:
    printed = re.sub(OWN, "\n", terminal.raw.decode())
    shown = len(set(re.findall(r"text \d+ tick (\d+)", printed)))
    return shown + sum(int(hidden) for hidden in told.findall(printed))


# What is seen of messages that mean no harm.


def sees_json_laid_out(lab: Lab) -> None:
    uri = lab.python.uri("/echo")
    with open_terminal(lab) as terminal:
        connect(terminal, uri)
        terminal.type(*f"send 0 {LONG}", ENTER)
        wanted = [
            f"0 << text {len(LONG)}",
            "    {",
            '      "channel": "prices",',
            '      "values": [1.10, 2, 12345678901234567890],',
            '      "text": "so long that no row has room for it",',
            '      "z": null',
            "    }",
        ]
        terminal.wait_for(lambda: contains(terminal.lines(), wanted), "the message, laid out")
        row = next(number for number, line in enumerate(terminal.screen.display) if '"channel": ' in line)
        colors = [terminal.screen.buffer[row][column].fg for column in (6, 17)]
        assert colors == ["cyan", "green"], colors
        terminal.enter('send 0 {"short":1}')
        terminal.expect_line('0 << text 11 {"short":1}'.__eq__, "with the short one")
        terminal.enter("set view hex")
        terminal.enter("send 0 0123456789abcdef01234")
        dump = "    000000  30 31 32 33 34 35 36 37  38 39 61 62 63 64 65 66 |0123456789abcdef|"
        terminal.expect_line(dump.__eq__, "of a dump")
        quit_cleanly(terminal)


def contains(lines: list[str], wanted: list[str]) -> bool:
    return any(lines[start : start + len(wanted)] == wanted for start in range(len(lines)))


def has_no_colors_where_unwanted(lab: Lab) -> None:
    for flags, variables in [([], {"NO_COLOR": "1"}), (["--color=never"], {}), ([], {"CLICOLOR": "0"})]:
        with open_terminal(lab, *flags, **variables) as terminal:
            connect(terminal, lab.python.uri("/echo"))
            terminal.enter('send 0 {"a":1}')
            terminal.expect_line('0 << text 7 {"a":1}'.__eq__, "with the message")
            terminal.enter("nonsense")
            quit_cleanly(terminal)
            assert not re.search(rb"\x1b\[[1-9][0-9;]*m", terminal.raw), terminal


def is_told_what_to_type(lab: Lab) -> None:
    with open_terminal(lab) as terminal:
        terminal.wait_for(lambda: terminal.shows(""), "an empty prompt")
        lines = [line for line in terminal.lines() if line]
        assert len(lines) == 4 and all(line.startswith("> ") for line in lines[:3]), lines
        assert all(any(word in line for line in lines) for word in ["connect", "help", "Ctrl-D"]), lines
        quit_cleanly(terminal)


def shows_how_a_line_goes_on(lab: Lab) -> None:
    with open_terminal(lab) as terminal:
        terminal.wait_for(lambda: terminal.shows(""), "an empty prompt")
        terminal.type(*"mut", TAB)
        terminal.wait_for(lambda: row_at_cursor(terminal) == f"{PROMPT}mute <connection id>", "the hint")
        terminal.expect_typed("mute ")
        terminal.type(*"7", ENTER)
        terminal.expect_line("> No connection found with id 7".__eq__, "that answers")
        assert not any("<connection" in line for line in terminal.lines()), terminal
        quit_cleanly(terminal)


def row_at_cursor(terminal: Terminal) -> str:
    rows = super(Screen, terminal.screen).display
    return rows[terminal.screen.cursor.y].rstrip()


def runs_pasted_lines_after_enter_only(lab: Lab) -> None:
    with open_terminal(lab) as terminal:
        terminal.wait_for(lambda: terminal.shows(""), "an empty prompt")
        terminal.type("\x1b[200~show 7\nshow 8\n\nshow 9\n\x1b[201~")
        terminal.settle()
        assert not any("Unknown" in line for line in terminal.lines()), terminal
        terminal.type(ENTER)
        terminal.expect_line("> Unknown connection id 9".__eq__, "of the last command")
        answers = [line for line in terminal.lines() if line.startswith(("> Unknown", "> Type help"))]
        assert answers == [f"> Unknown connection id {number}" for number in (7, 8, 9)], answers
        quit_cleanly(terminal)


def ends_with_its_terminal(lab: Lab) -> None:
    """The window is closed; who ignores the signal reads an end, and writes into nothing."""
    for ignored in [False, True]:
        before = signal.signal(signal.SIGHUP, signal.SIG_IGN if ignored else signal.SIG_DFL)
        try:
            terminal = open_terminal(lab)
        finally:
            signal.signal(signal.SIGHUP, before)
        uri = lab.faults.uri("/ticks")
        with terminal:
            terminal.enter("show 77")
            terminal.type(*f"connect {uri}", ENTER)
            terminal.expect_line(re.compile("0 << text").match, "with a message")
            os.close(terminal.controller)
            terminal.controller = os.open(os.devnull, os.O_RDWR)
            status = terminal.process.wait(PATIENCE)
            assert status in ([0, 129] if ignored else [129]), f"exit status {status}, SIGHUP ignored: {ignored}"
        assert lab.faults.wait_for(uri, "close")["code"] == 1001, lab.faults.seen(uri, "close")


def wraps_between_words(lab: Lab) -> None:
    """At the prompt, and where the terminal is too simple for the line editor."""
    for kind in ["xterm-256color", "dumb"]:
        with open_terminal(lab, TERM=kind) as terminal:
            terminal.wait_for(lambda: terminal.prompts() > 0, "a prompt")
            terminal.resize(24, 70)
            terminal.settle()
            terminal.type(*"wait 0 nothing-of-the-kind", ENTER)
            wanted = ["> Nothing to wait for: nothing-of-the-kind (expected open, message or", "    close)"]
            terminal.wait_for(lambda: contains(terminal.lines(), wanted), "the answer, in two rows")
            terminal.type(*"help connect", ENTER)
            wanted = ["      --close-timeout TIME       Drop the connection when closing", " " * 33 + "takes longer [default: 5s]"]
            terminal.wait_for(lambda: contains(terminal.lines(), wanted), "an option and what it does")
            terminal.type(*"quit", ENTER)
            assert terminal.end() == 0, terminal


def tells_programs_whole_lines(lab: Lab) -> None:
    with open_terminal(lab, "--json") as terminal:
        terminal.enter(f"connect --no-compress {lab.python.uri('/echo')}")
        terminal.type(*f"send 0 {'x' * 300}", ENTER)
        whole = f'"size":300,"text":"{"x" * 300}"}}\r\n'.encode()
        terminal.wait_for(lambda: terminal.raw.count(whole) == 2, "the message that was sent, and the one that came")
        terminal.type(*"quit", ENTER)
        assert terminal.end() == 0, terminal


def folds_what_is_listened_to(lab: Lab) -> None:
    uri = lab.python.uri("/echo")
    with open_terminal(lab, "send", "--fold=2", uri, "word " * 100) as terminal:
        terminal.wait_for(lambda: not terminal.read(0.1) and not terminal.open, "its end")
        rows = [line for line in terminal.lines() if line]
        assert len(rows) == 3 and rows[1].endswith("…"), rows
        assert rows[2] == "    … 309 more bytes: --fold off", rows
        assert terminal.end() == 0, terminal


SESSIONS = {
    "JSON is laid out and coloured, a dump has its rows": sees_json_laid_out,
    "no colours where they are not wanted": has_no_colors_where_unwanted,
    "three lines say what to type": is_told_what_to_type,
    "a hint says how a line goes on": shows_how_a_line_goes_on,
    "pasted lines wait for Enter": runs_pasted_lines_after_enter_only,
    "the program ends with its terminal": ends_with_its_terminal,
    "long lines are wrapped between words": wraps_between_words,
    "events of JSON are not wrapped": tells_programs_whole_lines,
    "send folds when it is told to": folds_what_is_listened_to,
}
