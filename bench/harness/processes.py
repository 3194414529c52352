"""Servers and the load generator: started, pinned, stopped."""

import json
import os
import resource
import select
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

SERVER_CORE, LOAD_CORE = 0, 1
# A server in valgrind takes seconds to start.
SECONDS_TO_START = 30


class Failed(Exception):
    """Why a cell of a table has no number."""


# Whatever else goes wrong with one server is no reason to end the run either.
FAILURES = (Failed, OSError, ValueError, subprocess.SubprocessError)


@dataclass
class Running:
    process: subprocess.Popen[bytes]
    # A file, because nobody would empty a pipe.
    errors: IO[bytes]
    port: int
    raw: bool

    def said(self) -> str:
        """What it has written to standard error."""
        self.errors.seek(0)
        return self.errors.read().decode(errors="replace")

    def stop(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()
        self.errors.close()


def raise_descriptor_limit() -> int:
    """Lets this process and its children open as many files as they may; returns how many."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


def start(
    server: Any,
    target: Path,
    extra: Sequence[str] = (),
    wrap: Sequence[str] = (),
    cores: set[int] | None = None,
) -> Running:
    """Starts a server, and returns when it listens."""
    port = free_port()
    command = [part.replace("{target}", str(target)) for part in server.command]
    command = [*wrap, *command, "--port", str(port), *server.options, *extra]
    errors = tempfile.TemporaryFile()
    try:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors)
    except OSError as error:
        raise Failed(error.strerror or "cannot start") from error
    os.sched_setaffinity(process.pid, cores or {SERVER_CORE})
    running = Running(process, errors, port, server.raw)
    ready, _, _ = select.select([process.stdout], [], [], SECONDS_TO_START)
    if not ready or b"ready" not in process.stdout.readline():
        process.kill()
        process.wait()
        reason = running.said().strip().splitlines()
        running.stop()
        raise Failed(reason[-1][:120] if reason else "does not start")
    return running


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextmanager
def started(server: Any, target: Path, *extra: str, **how: Any) -> Iterator[Running]:
    running = start(server, target, extra, **how)
    try:
        yield running
    finally:
        running.stop()


@dataclass(frozen=True)
class Loadgen:
    program: Path
    core: int | None = LOAD_CORE

    def __call__(self, mode: str, at: Running, *options: object, patience: float = 60) -> dict[str, Any]:
        """One run against a server; returns what loadgen prints."""
        command = [self.program, mode, "--addr", f"127.0.0.1:{at.port}", "--pid", at.process.pid, *options]
        if self.core is not None:
            command += ["--cpu", self.core]
        if at.raw:
            command.append("--raw")
        try:
            run = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=patience)
        except subprocess.TimeoutExpired as error:
            raise Failed(f"not done in {patience:.0f} s") from error
        if run.returncode != 0:
            raise Failed(self.reason(run.stderr, at))
        return json.loads(run.stdout)

    def payloads(self, *options: object) -> bytes:
        """What it would send."""
        command = [self.program, "payload", *options]
        return subprocess.run(list(map(str, command)), capture_output=True, check=True).stdout

    @staticmethod
    def reason(text: str, at: Running) -> str:
        if (status := at.process.poll()) is not None:
            return f"the server ended with status {status}"
        lines = text.strip().splitlines() or ["loadgen failed"]
        return lines[0].removeprefix("loadgen: ")[:120]


def interruptible() -> None:
    """Makes SIGTERM end the run as Ctrl-C does, so that no server outlives it."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
