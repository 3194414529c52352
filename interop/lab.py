"""What the sessions share: the servers, the program under test, and how a check is counted."""

import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from urllib.parse import urlsplit

from certs import make_certificates

# Far longer than anything here takes, since a busy machine must not fail a check.
PATIENCE = 30.0

# Exit statuses of the program, as docs/reference/exit-status.md has them.
NOT_CONNECTED, TLS_FAILED, NOT_OPENED, DROPPED, CLOSED_BY_PEER = 3, 4, 5, 7, 8


class Server:
    """A server process that prints its ports, then events, and ends with its standard input."""

    _numbers = count(1)

    def __init__(self, *command: object) -> None:
        self.process = subprocess.Popen(
            [str(part) for part in command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        ready = self.process.stdout.readline()
        if not ready:
            raise RuntimeError(f"the server did not start: {command}")
        self.ports: dict[str, int] = json.loads(ready)
        self.events: list[dict] = []
        self.changed = threading.Condition()
        threading.Thread(target=self._collect, daemon=True).start()

    def _collect(self) -> None:
        for line in self.process.stdout:
            with self.changed:
                self.events.append(json.loads(line))
                self.changed.notify_all()

    def uri(self, path: str, port: str = "ws", host: str = "127.0.0.1") -> str:
        """An address that no other check uses, so that its events can be told apart."""
        scheme = "wss" if port.startswith("wss") else "ws"
        return f"{scheme}://{host}:{self.ports[port]}{path}?{next(self._numbers)}"

    def seen(self, uri: str, event: str) -> list[dict]:
        parts = urlsplit(uri)
        path = f"{parts.path}?{parts.query}"
        return [known for known in self.events if (known["path"], known["event"]) == (path, event)]

    def wait_for(self, uri: str, event: str, number: int = 1) -> dict:
        """The event of that name (the first, or the given one) on the connection to `uri`."""
        with self.changed:
            found = self.changed.wait_for(lambda: len(self.seen(uri, event)) >= number, PATIENCE)
        assert found, f"the server never saw {event!r} number {number} for {uri}; it saw {self.events[-10:]}"
        return self.seen(uri, event)[number - 1]

    def tell(self, line: str) -> None:
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def stop(self) -> None:
        self.process.stdin.close()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


@dataclass
class Session:
    """What one run of the program through pipes printed, and how it ended."""

    output: str
    status: int
    seconds: float

    @property
    def lines(self) -> list[str]:
        return self.output.splitlines()

    def expect(self, *patterns: str) -> None:
        """Each pattern matches a whole line, in this order (lines in between are allowed)."""
        rest = iter(self.lines)
        for pattern in patterns:
            found = any(re.fullmatch(pattern, line, re.IGNORECASE) for line in rest)
            assert found, f"no line (in this order) matches {pattern!r} in\n{self}"

    def expect_status(self, status: int) -> None:
        assert self.status == status, f"exit status {self.status} instead of {status} after\n{self}"

    def refuse(self, pattern: str) -> None:
        """No line matches the pattern."""
        for line in self.lines:
            assert not re.fullmatch(pattern, line, re.IGNORECASE), f"{line!r} should not be in\n{self}"

    def __str__(self) -> str:
        return f"{self.output}[exit status {self.status} after {self.seconds:.1f} s]"


@dataclass
class Lab:
    """The program, the servers, and a folder for files."""

    program: Path
    folder: Path
    python: Server
    node: Server
    faults: Server
    homes: Iterator[int] = field(default_factory=lambda: count(1))

    @property
    def authority(self) -> Path:
        return self.folder / "ca.pem"

    def environment(self) -> dict[str, str]:
        """An environment with an empty home, so that no check sees another's history."""
        home = self.folder / f"home-{next(self.homes)}"
        home.mkdir()
        kept = {name: os.environ[name] for name in ("PATH", "TMPDIR") if name in os.environ}
        return kept | {"HOME": str(home), "LANG": "C.UTF-8", "TERM": "xterm-256color"}

    def start(self, *flags: object, variables: dict[str, str] | None = None) -> subprocess.Popen:
        """Starts the program with pipes, its two outputs as one."""
        return subprocess.Popen(
            [self.program, *map(str, flags)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=self.environment() | (variables or {}),
        )

    def run(
        self,
        *lines: str,
        flags: Iterable[object] = (),
        line_end: str = "\n",
        variables: dict[str, str] | None = None,
    ) -> Session:
        """Runs the program with these lines as its whole input, and these variables in its environment."""
        started = time.monotonic()
        process = self.start(*flags, variables=variables)
        script = "".join(line + line_end for line in lines)
        try:
            output, _ = process.communicate(script.encode(), PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            output, _ = process.communicate()
            raise AssertionError(f"still running after {PATIENCE} s; it printed\n{output.decode()}") from None
        return Session(output.decode(), process.returncode, time.monotonic() - started)


@dataclass
class Check:
    """One thing that is looked at, with the sentence that says what."""

    name: str
    look: Callable[[], None]


@dataclass
class Tally:
    passed: int = 0
    failed: int = 0

    def run(self, check: Check) -> None:
        try:
            check.look()
        except Exception as error:  # A check that breaks has failed, however it broke.
            self.failed += 1
            print(f"FAILED  {check.name}")
            text = str(error) if isinstance(error, AssertionError) else traceback.format_exc()
            print("\n".join(f"        {line}" for line in visible(text).split("\n")))
        else:
            self.passed += 1
            print(f"ok      {check.name}")
        sys.stdout.flush()


def visible(text: str) -> str:
    """The text with everything escaped that could drive the terminal of who reads the report."""
    return "".join(letter if letter.isprintable() or letter == "\n" else ascii(letter)[1:-1] for letter in text)


def open_lab(program: Path, server_script: Path) -> tuple[Lab, Callable[[], None]]:
    """Makes certificates and starts the servers; returns also what ends it all."""
    holder = tempfile.TemporaryDirectory(prefix="bowsprit-interop-")
    folder = Path(holder.name)
    make_certificates(folder)
    here = Path(__file__).parent
    servers = [
        Server(sys.executable, here / "servers.py", folder),
        Server("node", server_script, folder),
        Server(sys.executable, here / "faults.py"),
    ]

    def close() -> None:
        for server in servers:
            server.stop()
        holder.cleanup()

    return Lab(program, folder, *servers), close
