#!/usr/bin/env python3
"""Pipes lines through command-line clients to an echo server and back: lines, CPU time, memory, start-up.

    bench/pipes.py --client bowsprit=target/release/bowsprit --client websocat=websocat --client 'wscat=wscat -c'

Each client takes its turn in every round, against the same server, with the URI as its last word. A line is
118 bytes with its end; what comes back is compared byte by byte. CPU time is the kernel's account of the
client alone, user and system; `cat` stands at both ends of it. The medians over the rounds are printed.
"""

import argparse
import os
import shlex
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

LINE = 118
PATIENCE = 300


@dataclass
class Turn:
    """One run of a client: its exit status, what came back, and what it cost."""

    status: int
    lines: int
    is_same: bool
    cpu: float
    wall: float
    peak: float


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--client", action="append", required=True, metavar="NAME=COMMAND")
    parser.add_argument("--server", default="target/release/examples/echo_server")
    parser.add_argument("--lines", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    clients = {name: shlex.split(command) for name, command in (text.split("=", 1) for text in arguments.client)}
    server = subprocess.Popen([arguments.server, "127.0.0.1:0"], stderr=subprocess.PIPE, text=True)
    try:
        uri = server.stderr.readline().strip()
        with tempfile.TemporaryDirectory(prefix="bowsprit-pipes-") as folder:
            compare(clients, uri, arguments, Path(folder))
    finally:
        server.terminate()
        server.wait()
    return 0


def compare(clients: dict[str, list[str]], uri: str, arguments: argparse.Namespace, folder: Path) -> None:
    given = folder / "input"
    with given.open("w") as file:
        file.writelines(f"{number:0>{LINE - 1}}\n" for number in range(arguments.lines))
    turns: dict[str, list[Turn]] = {name: [] for name in clients}
    for _ in range(arguments.rounds):
        for name, command in clients.items():
            turns[name].append(pipe([*command, uri], given, folder / "output", arguments.lines))
    print(f"{arguments.lines:,} lines of {LINE} bytes, medians of {arguments.rounds} rounds")
    print("| client | lines back | in order | status | CPU s | wall s | peak MB | idle MB | start ms |")
    print("|---|---|---|---|---|---|---|---|---|")
    for name, command in clients.items():
        mine = turns[name]
        print(
            f"| {name} | {min(turn.lines for turn in mine):,} | {'yes' if all(turn.is_same for turn in mine) else 'NO'} "
            f"| {', '.join(sorted({str(turn.status) for turn in mine}))} | {median(mine, 'cpu'):.2f} "
            f"| {median(mine, 'wall'):.2f} | {median(mine, 'peak'):.1f} | {idle([*command, uri]):.1f} "
            f"| {start(command):.1f} |"
        )


def median(turns: list[Turn], field: str) -> float:
    return statistics.median(getattr(turn, field) for turn in turns)


def pipe(command: list[str], given: Path, printed: Path, count: int) -> Turn:
    with printed.open("wb") as output:
        started = time.monotonic()
        front = subprocess.Popen(["cat", given], stdout=subprocess.PIPE)
        client = subprocess.Popen(command, stdin=front.stdout, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        back = subprocess.Popen(["cat"], stdin=client.stdout, stdout=output)
        front.stdout.close()
        client.stdout.close()
        deadline = started + PATIENCE
        peak = 0.0
        while True:
            # What the system calls the peak at the end counts this program as well, before it became the client.
            peak = field(client.pid, "VmHWM") or peak
            pid, status, usage = os.wait4(client.pid, os.WNOHANG)
            if pid:
                break
            if time.monotonic() > deadline:
                client.kill()
            time.sleep(0.005)
        wall = time.monotonic() - started
        client.returncode = os.waitstatus_to_exitcode(status)
        front.kill()
        front.wait()
        back.wait()
    same = subprocess.run(["cmp", "-s", given, printed], check=False).returncode == 0
    with printed.open("rb") as file:
        lines = sum(1 for _ in file)
    printed.unlink()
    cpu = usage.ru_utime + usage.ru_stime
    return Turn(client.returncode, lines, same and lines == count, cpu, wall, peak)


def idle(command: list[str]) -> float:
    """Resident memory, in MB, of a client that is connected and has nothing to do."""
    client = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        time.sleep(2)
        return field(client.pid, "VmRSS") or 0.0
    finally:
        client.kill()
        client.wait()


def field(pid: int, name: str) -> float | None:
    """A size of `/proc/PID/status` in MB; nothing where the process has ended."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    sizes = (line.split()[1] for line in lines if line.startswith(f"{name}:"))
    return next((int(kilobytes) / 1024 for kilobytes in sizes), None)


def start(command: list[str]) -> float:
    """How long `--version` takes, in ms."""
    words = [word for word in command if not word.startswith("-")]

    def once() -> float:
        started = time.perf_counter()
        subprocess.run([*words, "--version"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
        return (time.perf_counter() - started) * 1000

    return statistics.median(once() for _ in range(15))


if __name__ == "__main__":
    sys.exit(main())
