#!/usr/bin/env python3
"""What a message costs `bowsprit load`, next to what it costs the server that it measures.

    bench/load_cost.py [--rounds N] [--seconds N] [--target DIR] [--bench DIR]

Builds nothing: `cargo build --release -p bowsprit-cli -p bowsprit --bin bowsprit --example echo_server` makes
the two programs in DIR (target/release), `bench/run.py` those of node and Python in DIR (target/bench), and
websocat is taken from the path; a server that is not there is left out. In each round all cases take turns. The
server is pinned to core 0, `load` to core 1. A server's processor time is that of all its threads, by the
kernel's accounting; that of `load` is what it says itself, which is measured in the same way. Beside it, if
`bench/run.py` has built it, `bench/loadgen` does the same: frames masked ahead of time, replies counted by their
headers, no WebSocket library, so that it is the least that a generator with these system calls can cost.
"""

import argparse
import json
import math
import os
import shutil
import socket
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parent.parent
CASES = [(1, 1), (10, 1), (10, 16), (100, 1), (100, 16)]


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def servers(target: Path, bench: Path) -> dict[str, list[str]]:
    """The command of each server that is there; PORT stands for its port."""
    websocat = shutil.which("websocat")
    found = {
        "bowsprit (example)": [str(target / "examples/echo_server"), "127.0.0.1:PORT"],
        "node ws": ["node", str(bench / "node/server.mjs"), "--port", "PORT"],
        "Python websockets": [str(bench / "python/bin/python"), str(bench / "python/server.py"), "--port", "PORT"],
        "websocat": [websocat or "/nowhere/websocat", "-b", "-E", "ws-l:127.0.0.1:PORT", "mirror:"],
    }
    return {name: command for name, command in found.items() if all_there(command)}


def all_there(command: list[str]) -> bool:
    paths = [word for word in command if word.startswith("/")]
    return all(Path(path).exists() for path in paths) and shutil.which(command[0]) is not None


def processor_time(pid: int) -> float:
    """Seconds of all threads of a process, to the nanosecond."""
    tasks = Path(f"/proc/{pid}/task").glob("*/schedstat")
    return sum(int(task.read_text().split()[0]) for task in tasks) / 1e9


def wait_until_open(port: int) -> None:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        with socket.socket() as client:
            if client.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise SystemExit("a server does not listen")


def measure(
    program: Path, generator: Path, command: list[str], connections: int, in_flight: int, seconds: int
) -> dict:
    port = free_port()
    command = [word.replace("PORT", str(port)) for word in command]
    quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    server = subprocess.Popen(["taskset", "-c", "0", *command], **quiet)
    try:
        wait_until_open(port)
        before = processor_time(server.pid)
        load = ["taskset", "-c", "1", str(program), "load", "-q", "--json", "-"]
        load += ["-c", str(connections), "-i", str(in_flight), "-d", f"{seconds}s"]
        # No warm-up, so that both sides are counted over the same messages.
        done = subprocess.run([*load, f"ws://127.0.0.1:{port}"], capture_output=True, timeout=60)
        spent = processor_time(server.pid) - before
        bare = b""
        if generator.exists():
            # It ends without a figure where the answer is not the very same message, as websocat's binary one.
            least = [str(generator), "echo", "--addr", f"127.0.0.1:{port}", "--size", "125", "--refill"]
            least += ["--cpu", "1", "--conns", str(connections), "--inflight", str(in_flight)]
            bare = subprocess.run([*least, "--time", str(seconds)], capture_output=True, timeout=60).stdout
    finally:
        server.kill()
        server.wait()
    figures = json.loads(done.stdout)
    messages = figures["sent"]["messages"]
    if figures["errors"] or not messages:
        raise SystemExit(f"{command[0]}: {figures['error_kinds']}")
    return {
        "server": spent * 1e6 / messages,
        "load": figures["own"]["cpu_us_per_message"],
        "bare": json.loads(bare)["client_us_per_msg"] if bare else math.nan,
        "rate": figures["received"]["messages_per_second"],
        "p99": figures["latency"]["p99_ms"],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--target", type=Path, default=ROOT / "target/release")
    parser.add_argument("--program", type=Path)
    parser.add_argument("--bench", type=Path, default=ROOT / "target/bench")
    arguments = parser.parse_args()
    program = arguments.program or arguments.target / "bowsprit"
    if not program.exists():
        sys.exit(f"{program} is not there: see --help")
    generator = arguments.bench / "release/loadgen"
    found = servers(arguments.target, arguments.bench)
    results: dict[tuple, list[dict]] = {}
    for _ in range(arguments.rounds):
        for connections, in_flight in CASES:
            for name, command in found.items():
                figures = measure(program, generator, command, connections, in_flight, arguments.seconds)
                results.setdefault((connections, in_flight, name), []).append(figures)
    print(f"medians of {arguments.rounds} rounds of {arguments.seconds} s, 125 bytes of text, {os.cpu_count()} cores\n")
    print("| connections | in flight | server | server, µs a message | load | bare generator | messages/s | p99, ms |")
    print("|---|---|---|---|---|---|---|---|")
    for (connections, in_flight, name), rounds in results.items():
        median = {key: statistics.median(figures[key] for figures in rounds) for key in rounds[0]}
        bare = "" if math.isnan(median["bare"]) else f"{median['bare']:.2f}"
        print(
            f"| {connections} | {in_flight} | {name} | {median['server']:.2f} | {median['load']:.2f} "
            f"| {bare} | {median['rate']:,.0f} | {median['p99']:.2f} |"
        )


if __name__ == "__main__":
    main()
