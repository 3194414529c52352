"""What is played in a run, and whether it prints what it should: sessions of a program, a shell, servers beside them."""

import difflib
import os
import re
import shlex
import signal
import subprocess
import tempfile
import time
from pathlib import Path

from terminal import Terminal, Timeout

PATIENCE = 20  # seconds for anything that is expected
PROMPT = "Enter Command: "
CREATED = re.compile(r"^> Created connection with id (\d+)$")
TIME = re.compile(r"\b\d+(?:\.\d+)? ?(?:ns|µs|us|ms|s|min|h)\b")


class Fault(Exception):
    """A run that does not come out as printed; the text says how."""


def pattern(line):
    """A printed line as an expression: `…` is any text, a time is any time."""
    parts = [re.escape(TIME.sub("⌚", part)) for part in line.rstrip().split("…")]
    return re.compile(".*".join(parts) + "$")


def fits(expected, printed):
    return len(expected) == len(printed) and all(
        pattern(wanted).match(TIME.sub("⌚", line.rstrip())) for wanted, line in zip(expected, printed)
    )


def difference(expected, printed):
    expected = [line.rstrip() for line in expected]
    # What fits looks the same on both sides, so that only the rest is shown.
    shown = [
        next((wanted for wanted in expected if fits([wanted], [line])), line.rstrip()) for line in printed
    ]
    return "\n".join(difflib.unified_diff(expected, shown, "on the page", "printed", lineterm=""))


def lines_of(text):
    return text.removesuffix("\n").split("\n") if text else []


class Session:
    """An example at a terminal of its own."""

    def __init__(self, command, folder, environment):
        self.terminal = Terminal(shlex.split(command), folder, environment)
        self.at_prompt = False

    def close(self):
        self.terminal.close()

    def play(self, block):
        """Types what is typed in the block, and compares what comes."""
        parts = [(None, [])]
        for line in block:
            if line.startswith(PROMPT.rstrip()):
                parts.append((line[len(PROMPT) :], []))
            else:
                parts[-1][1].append(line)
        before, parts = parts[0][1], parts[1:]
        unhurried = not any(word in line for line in block for word in ("Connecting", "not open yet"))
        done = []
        if before or not self.at_prompt:
            printed = self.wait(lambda printed: fits(before, printed) and (self.at_prompt or not parts))
            self.compare(done, before, printed)
        for index, (typed, expected) in enumerate(parts):
            last = typed == "" and index == len(parts) - 1
            expected = [PROMPT + typed, *expected]
            printed = self.type(typed, expected, "\x04" if last else "\n")
            self.compare(done, expected, printed)
            created = CREATED.search(printed[-1])
            if created and unhurried:
                self.settle(created[1])

    def compare(self, done, expected, printed):
        if not fits(expected, printed):
            raise Fault(difference([*done, *expected], [*done, *printed]))
        done += expected

    def type(self, typed, expected, end):
        """What is in the terminal from the typed line on. A `show` is typed again where the network needs time."""
        again = typed.startswith("show")
        leaves = typed == "quit" or end == "\x04"
        deadline = time.monotonic() + PATIENCE
        while True:
            self.terminal.write(typed.replace("^[", "\x1b") + end)
            printed = self.wait(
                lambda printed: self.at_prompt and not leaves and (again or fits(expected, printed)), PROMPT
            )
            if leaves and not self.terminal.ended:
                return [*printed, f"(has not ended after {PATIENCE} s)"]
            if fits(expected, printed) or not again or self.terminal.ended or time.monotonic() > deadline:
                return printed
            time.sleep(0.02)

    def settle(self, connection):
        """Gives a new connection the time that it has when a person types: until it is open, or has failed."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            self.terminal.write(f"show {connection}\n")
            if not any("Connecting" in line for line in self.wait(lambda _: self.at_prompt)):
                return
            time.sleep(0.02)

    def wait(self, enough, before=""):
        """Reads until it is enough, and no longer than that is worth; the lines so far, without a prompt at the end."""

        def check(text):
            body = text.removesuffix(PROMPT)
            self.at_prompt = body != text
            return enough(lines_of(before + body))

        try:
            text = self.terminal.read_until(check, PATIENCE)
        except Timeout as timeout:
            text = timeout.text
        return lines_of(before + text.removesuffix(PROMPT))


class Shell:
    """The shell of a page. It says in the terminal when a command is done, behind all that this has printed."""

    LOOP = r"""
        # Who is told to stop goes on for a moment: until each thread has stopped.
        kill() {
            builtin kill "$@" || return
            while [[ $1 == -STOP && $(grep -L '^State:.T' "/proc/$2/task/"*/status) ]]; do sleep 0.01; done
        }
        while IFS= read -r -d '' -u 9 command; do
            (exit "${status:-0}")  # what $? is for the command
            eval "$command" 9<&-
            status=$?
            printf '\036'
        done
    """

    def __init__(self, folder, environment):
        ours, self.commands = os.pipe()
        # It may be 9 already.
        take = "" if ours == 9 else f"exec 9<&{ours} {ours}<&-; "
        loop = take + self.LOOP
        self.terminal = Terminal(["bash", "--norc", "--noprofile", "-c", loop], folder, environment, ours)
        os.close(ours)

    def close(self):
        os.close(self.commands)
        self.terminal.close()

    def play(self, block):
        done = []
        for command, expected in shell_commands(block):
            os.write(self.commands, command.encode() + b"\0")
            try:
                text = self.terminal.read_until(lambda text: text.endswith("\x1e"), PATIENCE)
            except Timeout as timeout:
                text = timeout.text
            printed = lines_of(text.removesuffix("\x1e"))
            done.append(f"$ {command}")
            if not text.endswith("\x1e"):
                printed.append(f"(not done after {PATIENCE} s)")
            if not fits(expected, printed):
                raise Fault(difference([*done, *expected], [*done, *printed]))
            done += expected


def shell_commands(block):
    """Each command of a block with the lines that it is to print."""
    commands = []
    for line in block:
        if line.startswith("$ "):
            commands.append((line[2:], []))
        elif not commands:
            raise Fault("a shell's block begins with a line `$ COMMAND`")
        elif line.startswith("> ") and not commands[-1][1] and not complete(commands[-1][0]):
            commands[-1] = (f"{commands[-1][0]}\n{line[2:]}", [])
        else:
            commands[-1][1].append(line)
    return commands


def complete(command):
    check = subprocess.run(["bash", "-n", "-c", command], capture_output=True)
    return not command.endswith("\\") and check.returncode == 0 and not check.stderr


class Server:
    """A program beside the runs, which listens when this has been made."""

    def __init__(self, command, folder, environment):
        before = listening()
        self.log = tempfile.TemporaryFile()
        self.process = subprocess.Popen(
            ["bash", "-c", f"exec {command}"],
            cwd=folder,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=self.log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        deadline = time.monotonic() + PATIENCE
        while not listening() - before:
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.close()
                self.log.seek(0)
                raise Fault(f"it does not listen. It printed:\n{self.log.read().decode(errors='replace')}")
            time.sleep(0.02)

    def close(self):
        # Gone before its port is needed again. The group: what it has started goes with it.
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait()


def listening():
    """All sockets that listen, of any process that is to be seen here."""
    found = set()
    for name, column, value in [("tcp", 3, "0A"), ("tcp6", 3, "0A"), ("unix", 3, "00010000")]:
        table = Path("/proc/net", name)
        rows = table.read_text().splitlines()[1:] if table.exists() else []
        for row in map(str.split, rows):
            if row[column] == value:
                found.add((name, row[9] if name != "unix" else row[6]))
    return found
