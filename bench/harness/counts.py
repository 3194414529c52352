"""What repeats exactly: user-space instructions (callgrind) and system calls (strace) per message."""

import re
import shutil
import signal
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from .bench import Bench
from .processes import FAILURES, Failed, Loadgen, Running, start, started

# Start-up cancels out between a run with few rounds and one with many. In a round each connection's window is
# echoed.
FEW, MANY = 40, 160
CONNECTIONS = 50
IN_FLIGHT = {"125 B × 1": 1, "125 B × 16": 16}
CALLGRIND = ("valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null")


def native(bench: Bench) -> dict[str, Any]:
    """An interpreter's instructions say little about its libraries."""
    kinds = ("bowsprit", "floor") if bench.quick else ("bowsprit", "floor", "rust", "cpp")
    return bench.those(*kinds)


def instructions(bench: Bench, part: str) -> None:
    if not shutil.which("valgrind"):
        bench.say("instructions: left out, valgrind is not installed")
        return
    cells = [(case, key, server) for case in IN_FLIGHT for key, server in native(bench).items()]
    # Counts do not depend on what else runs, so each core takes one.
    with ThreadPoolExecutor(2) as pool:
        for cell in cells:
            pool.submit(count_instructions, bench, part, *cell)


def count_instructions(bench: Bench, part: str, case: str, key: str, server: Any) -> None:
    try:
        few, many = (callgrind(bench, server, IN_FLIGHT[case], rounds) for rounds in (FEW, MANY))
    except FAILURES as reason:
        bench.failure(part, case, key, reason)
        return
    cost = (many[0] - few[0]) / (many[1] - few[1])
    bench.result(part, case, key, f"{cost:,.0f} instructions", cost=cost)


def callgrind(bench: Bench, server: Any, inflight: int, rounds: int) -> tuple[int, int]:
    """Instructions of a server's whole life, and the messages that it echoed."""
    running = start(server, bench.target, wrap=CALLGRIND, cores={0, 1})
    try:
        result = echo(Loadgen(bench.loadgen.program, core=None), running, inflight, rounds)
        running.process.terminate()
        running.process.wait(60)
        collected = re.search(r"Collected : (\d+)", running.said())
    finally:
        running.stop()
    if not collected:
        raise Failed("callgrind said nothing")
    return int(collected.group(1)), result["msgs"]


def echo(loadgen: Loadgen, running: Running, inflight: int, rounds: int) -> dict[str, Any]:
    count = rounds * CONNECTIONS * inflight
    load = ("--size", 125, "--conns", CONNECTIONS, "--inflight", inflight, "--count", count)
    return loadgen("echo", running, *load, patience=150)


def system_calls(bench: Bench, part: str) -> None:
    if not shutil.which("strace"):
        bench.say("system calls: left out, strace is not installed")
        return
    for case in IN_FLIGHT:
        for key, server in traced(bench).items():
            try:
                few, many = (strace(bench, server, IN_FLIGHT[case], rounds) for rounds in (FEW, MANY))
            except FAILURES as reason:
                bench.failure(part, case, key, reason)
                continue
            messages = many[1] - few[1]
            calls = {name: (n - few[0].get(name, 0)) / messages for name, n in many[0].items()}
            calls = {name: round(n, 4) for name, n in calls.items() if n >= 0.005}
            cost = sum(calls.values())
            bench.result(part, case, key, f"{cost:.2f} system calls", cost=cost, calls=calls)


def traced(bench: Bench) -> dict[str, Any]:
    return native(bench) if bench.quick else bench.servers


def strace(bench: Bench, server: Any, inflight: int, rounds: int) -> tuple[dict[str, int], int]:
    """System calls by name, and the messages that were echoed meanwhile."""
    with tempfile.TemporaryDirectory() as folder, started(server, bench.target) as running:
        summary = Path(folder) / "summary"
        command = ["strace", "-c", "-f", "-o", str(summary), "-p", str(running.process.pid)]
        tracer = subprocess.Popen(command, stderr=subprocess.PIPE)
        try:
            if b"attached" not in tracer.stderr.readline():
                raise Failed("strace may not look into processes here")
            result = echo(bench.loadgen, running, inflight, rounds)
        finally:
            tracer.send_signal(signal.SIGINT)
            tracer.communicate(timeout=20)
        return parsed(summary.read_text()), result["msgs"]


def parsed(summary: str) -> dict[str, int]:
    """Columns: % time, seconds, microseconds per call, calls, perhaps errors, name."""
    rows = (line.split() for line in summary.splitlines())
    return {row[-1]: int(row[3]) for row in rows if len(row) >= 5 and row[3].isdigit() and row[-1] != "total"}


def instruction_seconds(bench: Bench) -> float:
    return (3 if bench.quick else 5) * len(native(bench))


def system_call_seconds(bench: Bench) -> float:
    return 1.6 * len(traced(bench))
