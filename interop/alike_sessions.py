"""Every command, typed in a pseudo-terminal: it prints what it prints piped in, from a file and on the command line.

The table is that of the crate's own tests, which look at these other ways.
"""

import re
import shutil
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from lab import Check, Lab
from terminal import ENTER, Terminal

TABLE = Path(__file__).parent.parent / "crates/bowsprit-cli/tests/it/alike.txt"
BEFORE = ["serve 0", "connect --name chat ${server}", "wait chat open"]


def rows() -> Iterator[tuple[str, list[str], list[str]]]:
    for text in TABLE.read_text().split("\n== ")[1:]:
        lines, printed = text.split("\n--\n")
        command, *lines = lines.splitlines()
        yield command, lines, [line for line in printed.splitlines() if line]


def checks(lab: Lab) -> Iterator[Check]:
    for command, lines, printed in rows():
        yield Check(f"alike: {command}", partial(look, lab, lines, printed))


def plain(line: str, folder: str) -> str:
    """The line without what is another each time, as in alike.rs."""
    return " ".join(re.sub(r"\d[\d.]*", "#", line.replace(folder, "DIR")).split())


def look(lab: Lab, lines: list[str], printed: list[str]) -> None:
    folder = tempfile.mkdtemp(prefix="ba")
    try:
        Path(folder, "included.bws").write_text("echo included\n")
        with Terminal(lab.program, environment=lab.environment()) as terminal:
            for line in [*BEFORE, *lines]:
                typed = line.replace("DIR", folder)
                terminal.wait_for(lambda: is_asked(terminal), "the prompt")
                terminal.type(*typed, ENTER)
                terminal.wait_for(lambda: shows(terminal, typed), f"the line {typed!r}")
            # Work that goes on beside the prompt ends with it.
            terminal.wait_for(lambda: has_printed(terminal, printed, folder), f"in order: {printed}")
            if lines[-1] != "quit":
                terminal.wait_for(lambda: is_asked(terminal), "the last prompt")
                terminal.type(*"quit", ENTER)
            status = terminal.end()
            assert not any("FAILED" in line or "Unrecognized" in line for line in terminal.lines()), str(terminal)
            assert status == 0, f"exit status {status}\n{terminal}"
    finally:
        shutil.rmtree(folder)


def is_asked(terminal: Terminal) -> bool:
    return terminal.line_at_cursor() in ("Enter Command:", "chat>", "...")


def shows(terminal: Terminal, typed: str) -> bool:
    return any(line.endswith(f" {typed}") for line in terminal.lines())


def has_printed(terminal: Terminal, printed: list[str], folder: str) -> bool:
    seen = iter([plain(line, folder) for line in terminal.lines()])
    return all(line in seen for line in printed)
