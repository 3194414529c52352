"""The program in a pseudo-terminal, with an emulator that keeps the screen a person would see."""

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Mapping

import pyte
from wcwidth import wcswidth

from lab import PATIENCE

ROWS, COLUMNS = 24, 100
PROMPT = "Enter Command: "
UP, DOWN, RIGHT, LEFT = "\x1b[A", "\x1b[B", "\x1b[C", "\x1b[D"
HOME, END, DELETE, BACKSPACE = "\x1b[H", "\x1b[F", "\x1b[3~", "\x7f"
CONTROL_C, CONTROL_D, TAB, ENTER = "\x03", "\x04", "\t", "\r"

# The colour of hints.
HINT_COLOR = "brightblack"

# Makes the terminal on its standard input its own, as a login does, then becomes the program.
TAKE_TERMINAL = (
    "import fcntl, os, sys, termios;"
    "os.setsid(); fcntl.ioctl(0, termios.TIOCSCTTY, 0); os.execv(sys.argv[1], sys.argv[1:])"
)


class Screen(pyte.HistoryScreen):
    """A screen that answers the program's questions and keeps what scrolled away."""

    def __init__(self, columns: int, rows: int, answer: Callable[[bytes], None]) -> None:
        self.answer = answer
        super().__init__(columns, rows, history=10_000, ratio=0.5)

    def write_process_input(self, data: str) -> None:
        self.answer(data.encode())

    def resize(self, lines: int, columns: int) -> None:
        """Gives up rows below the cursor first, then at the top: pyte's own gives up the top ones only."""
        above = max(0, self.cursor.y - lines + 1)
        self.history.top.extend(self.buffer[row] for row in range(above))
        kept = {row: self.buffer[row + above] for row in range(min(lines, self.lines - above))}
        self.buffer.clear()
        self.buffer.update(kept)
        self.lines, self.columns = lines, columns
        self.cursor.y -= above
        self.cursor.x = min(self.cursor.x, columns - 1)
        self.set_margins()

    @property
    def display(self) -> list[str]:
        """What is on the screen, without the grey text behind the typed line: nobody has typed that."""
        rows = []
        for number, row in enumerate(super().display):
            grey = [column for column, cell in self.buffer[number].items() if cell.fg == HINT_COLOR]
            rows.append(cut_at_column(row, min(grey)) if grey else row)
        return rows

    def scrolled_away(self) -> list[str]:
        return ["".join(line[column].data for column in range(max(line, default=-1) + 1)) for line in self.history.top]


def cut_at_column(row: str, column: int) -> str:
    while wcswidth(row) > column:
        row = row[:-1]
    return row


class Terminal:
    """A run of the program in a terminal; `with` ends it whatever happened."""

    def __init__(self, program: object, *flags: object, environment: Mapping[str, str]) -> None:
        self.controller, theirs = pty.openpty()
        self.raw = b""
        self.open = True
        self.screen = Screen(COLUMNS, ROWS, self.write)
        self.stream = pyte.ByteStream(self.screen)
        self.set_size(ROWS, COLUMNS)
        self.process = subprocess.Popen(
            [sys.executable, "-c", TAKE_TERMINAL, str(program), *map(str, flags)],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            env=dict(environment),
        )
        os.close(theirs)

    def __enter__(self) -> "Terminal":
        return self

    def __exit__(self, *_failure: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        os.close(self.controller)

    def set_size(self, rows: int, columns: int) -> None:
        fcntl.ioctl(self.controller, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def resize(self, rows: int, columns: int) -> None:
        self.screen.resize(rows, columns)
        self.set_size(rows, columns)

    def write(self, data: bytes) -> None:
        os.write(self.controller, data)

    def type(self, *keys: str) -> None:
        for key in keys:
            self.write(key.encode())

    def read(self, seconds: float) -> bool:
        """Takes in what the program prints next, if it comes within that time."""
        if not self.open or not select.select([self.controller], [], [], seconds)[0]:
            return False
        try:
            data = os.read(self.controller, 65536)
        except OSError:  # The program has ended and all its output is read.
            data = b""
        if not data:
            self.open = False
            return False
        self.raw += data
        self.stream.feed(data)
        return True

    def wait_for(self, condition: Callable[[], object], what: str) -> None:
        """Reads until the condition holds."""
        deadline = time.monotonic() + PATIENCE
        while not condition():
            got = self.read(0.2)
            if not got and not self.open:
                assert condition(), f"the program ended before: {what}\n{self}"
                return
            assert time.monotonic() < deadline, f"never came: {what}\n{self}"

    def settle(self, quiet: float = 0.1) -> None:
        """Reads until nothing has come for a moment."""
        deadline = time.monotonic() + PATIENCE
        while self.read(quiet):
            assert time.monotonic() < deadline, f"the output never paused\n{self}"

    def lines(self) -> list[str]:
        """All lines, also those that scrolled away, without the blanks at their ends."""
        return [line.rstrip() for line in self.screen.scrolled_away() + self.screen.display]

    def prompts(self) -> int:
        return sum(line.startswith(PROMPT.rstrip()) for line in self.lines())

    def line_at_cursor(self) -> str:
        return self.screen.display[self.screen.cursor.y].rstrip()

    def shows(self, typed: str, cursor: int | None = None) -> bool:
        """Whether the line at the cursor is the prompt and `typed`, the cursor before character `cursor`."""
        before = typed if cursor is None else typed[:cursor]
        place = len(PROMPT) + wcswidth(before)
        return (
            self.line_at_cursor() == (PROMPT + typed).rstrip()
            and self.screen.cursor.x == place
        )

    def expect_typed(self, typed: str, cursor: int | None = None) -> None:
        self.wait_for(lambda: self.shows(typed, cursor), f"the typed line {typed!r}, cursor at {cursor}")

    def expect_line(self, matches: Callable[[str], object], what: str) -> None:
        self.wait_for(lambda: any(map(matches, self.lines())), f"a line {what}")

    def enter(self, command: str) -> list[str]:
        """Types a command as a person would, waits for the next prompt, returns the lines between."""
        self.wait_for(lambda: self.shows(""), "an empty prompt")
        before = self.prompts()
        self.type(*command, ENTER)
        self.wait_for(lambda: self.prompts() > before and self.shows(""), f"the prompt after {command!r}")
        lines = self.lines()
        typed = max(number for number, line in enumerate(lines) if line == (PROMPT + command).rstrip())
        return lines[typed + 1 : self.last_prompt(lines)]

    @staticmethod
    def last_prompt(lines: list[str]) -> int:
        return max(number for number, line in enumerate(lines) if line.startswith(PROMPT.rstrip()))

    def end(self) -> int:
        """Waits for the program's end and returns its exit status."""
        self.wait_for(lambda: not self.open, "the end of the program")
        return self.process.wait(PATIENCE)

    def terminate(self) -> None:
        self.process.send_signal(signal.SIGTERM)

    def __str__(self) -> str:
        lines = self.lines()
        while lines and not lines[-1]:
            lines.pop()
        cursor = self.screen.cursor
        shown = "\n".join("| " + line for line in lines[-40:])
        return f"{shown}\n(cursor at row {cursor.y}, column {cursor.x}; last bytes {self.raw[-200:]!r})"
