#!/usr/bin/env python3
"""Ten jobs, done with each command-line client, side by side in one run.

    compare.py BOWSPRIT [--websocat1 PATH] [--websocat4 PATH] [--wscat PATH]

Its exit status is 1 if Bowsprit did not do them all. Needs the Python package `websockets` and openssl. Prints a table in Markdown: what was typed, whether that
did the job, the exit status, and the CPU time of the client. The clients take turns, job by job.
"""

import argparse
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

from jobs import CLIENTS, FILE_BYTES, JOBS, LINES, Job, Outcome
from servers import Servers


def run(command: str, folder: Path, environment: dict[str, str], limit: float) -> Outcome:
    with open(folder / "stdout", "wb") as stdout, open(folder / "stderr", "wb") as stderr:
        process = subprocess.Popen(
            ["bash", "-c", command], cwd=folder, env=environment, stdin=subprocess.DEVNULL,
            stdout=stdout, stderr=stderr, start_new_session=True,
        )
        has_expired = threading.Event()

        def stop() -> None:
            has_expired.set()
            os.killpg(process.pid, signal.SIGKILL)

        timer = threading.Timer(limit, stop)
        timer.start()
        _, wait_status, usage = os.wait4(process.pid, 0)
        timer.cancel()
        # What the command left running in the background is of no use any more.
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        process.returncode = os.waitstatus_to_exitcode(wait_status)
    return Outcome(
        (folder / "stdout").read_bytes(),
        (folder / "stderr").read_bytes(),
        None if has_expired.is_set() else process.returncode,
        usage.ru_utime + usage.ru_stime,
        folder,
    )


def row(client: str, job: Job, places: dict[str, str], folder: Path, environment: dict[str, str]) -> tuple[str, bool]:
    """The row of the table, and whether the job was done."""
    command = job.commands[client]
    if not command:
        return f"| {client} | – | cannot | | |", False
    (folder / "back").unlink(missing_ok=True)
    outcome = run(command.format(**places), folder, environment, job.limit)
    fault = job.judge(outcome)
    # Who is stopped was not waited for: its time is not known.
    cpu = "" if outcome.status is None else f"{outcome.cpu:.2f} s"
    status = "none" if outcome.status is None else str(outcome.status)
    shown = re.sub(r"\{(\w+)\}", lambda place: place[1].upper(), command).replace("|", "\\|")
    done = "**yes**" if not fault else f"no: {fault}"
    return f"| {client} | `{shown}` | {done} | {status} | {cpu} |", not fault


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("bowsprit", type=Path)
    for client in ("websocat1", "websocat4", "wscat"):
        parser.add_argument(f"--{client}", type=Path)
    parser.add_argument("--alone", action="store_true", help="no other client than Bowsprit")
    parser.add_argument("--only", default="", help="the jobs whose title has this in it")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        tools = folder / "bin"
        tools.mkdir()
        programs = {
            "bowsprit": arguments.bowsprit, "websocat": arguments.websocat1,
            "websocat4": arguments.websocat4, "wscat": arguments.wscat, "python": Path(sys.executable),
        }
        for program, path in programs.items():
            if path:
                # A link would hide from Python that it belongs to a virtual environment.
                (tools / program).write_text(f'#!/bin/sh\nexec "{path.absolute()}" "$@"\n')
                (tools / program).chmod(0o755)
        there = {"bowsprit": True, "websocat1": arguments.websocat1, "websocat4": arguments.websocat4,
                 "wscat": arguments.wscat, "python": not arguments.alone}
        servers = Servers(folder)
        is_right = True
        (folder / "lines").write_bytes(b"".join(b"%0117d\n" % number for number in range(LINES)))
        (folder / "file").write_bytes(random.Random(6455).randbytes(FILE_BYTES))
        environment = {**os.environ, "PATH": f"{tools}{os.pathsep}{os.environ['PATH']}", "BOWSPRIT_CONFIG": ""}
        for job in JOBS:
            if arguments.only not in job.title:
                continue
            print(f"\n### {job.title}\n\nRight: {job.right}.\n")
            print("| client | command | done | exit | CPU |\n|---|---|---|--:|--:|")
            for client in CLIENTS:
                if there[client]:
                    text, is_done = row(client, job, servers.places, folder, environment)
                    print(text, flush=True)
                    is_right &= is_done or client != "bowsprit"
    return 0 if is_right else 1


if __name__ == "__main__":
    if not shutil.which("openssl"):
        sys.exit("compare.py needs openssl")
    sys.exit(main())
