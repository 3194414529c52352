"""Keeps thousands of connections busy for minutes, and looks at every message, descriptor and byte of memory.

    python run.py EXAMPLE [--connections N] [--minutes N] [--rate N] [--churn N] [--broadcast SECONDS] [--judge]
        [--json FILE] [--valgrind]

EXAMPLE is the example `soak` of the library: this runs it twice, as server and as client. A connection sends
messages of many sizes and wants each back in order; it lives a while, closes (one in eight just drops), and the
next one takes its place. Half of them compress, one in a hundred does not read for 3 s, and each gets the
messages to all.

The exit status is 1 if a message was lost, changed or came twice, if a connection was lost, or if descriptors,
tasks or threads are left when all have closed. With --judge also if the memory of the last quarter is more than
2 % from that of the first; that needs minutes. With --valgrind the server runs under memcheck, a tenth as fast
or less, and what that reports is a fault as well. The last line that is printed is one of a Markdown table.
"""

import argparse
import json
import sys
from contextlib import ExitStack, closing
from pathlib import Path
from statistics import mean

from ends import End

# A connection waits that long for the answer to its last message, and longer for a machine that is busy.
PATIENCE = 300.0
# Connections that are begun in a second until all are there.
RAMP = 500
# Keepalive as it is by default; handshakes that a machine that is busy does not fail, in milliseconds.
WAITS = ["--open", 60_000, "--close", 60_000]
FLAT = 0.02
MEMCHECK = ["valgrind", "--quiet", "--error-exitcode=9", "--leak-check=full", "--errors-for-leak-kinds=definite"]


def main() -> int:
    arguments = parse_arguments()
    with ExitStack() as stack:
        result, ends = run(arguments, stack)
    for name, end in ends.items():
        if end.process.returncode:
            result["faults"].append(f"the {name} left with status {end.process.returncode}")
    if arguments.json:
        arguments.json.write_text(json.dumps(result, indent=2) + "\n")
    for fault in result["faults"]:
        print(f"FAULT  {fault}")
    print(row(result))
    return 1 if result["faults"] else 0


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Soaks the library.")
    parser.add_argument("example", type=Path)
    parser.add_argument("--connections", type=int, default=10_000)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--rate", type=int, default=2000, help="messages a second, each of which comes back")
    parser.add_argument("--churn", type=float, default=100, help="connections a second that end and are made anew")
    parser.add_argument("--size", type=int, default=32_768, help="of the longest messages")
    parser.add_argument("--broadcast", type=float, default=1, help="seconds from one message to all to the next")
    parser.add_argument("--judge", action="store_true")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--valgrind", action="store_true")
    return parser.parse_args()


def start_ends(arguments: argparse.Namespace, stack: ExitStack, life: float) -> tuple[End, End]:
    notices = ["--broadcast", round(arguments.broadcast * 1000)]
    under = MEMCHECK if arguments.valgrind else []
    server = stack.enter_context(closing(End(arguments.example, "server", *notices, *WAITS, under=under)))
    port = server.wait_for("ws", PATIENCE)["ws"]
    flags = {
        "--connections": arguments.connections,
        "--rate": arguments.rate,
        "--size": arguments.size,
        "--slow": 100,
        "--life": life,
        "--ramp": RAMP / 10 if arguments.valgrind else RAMP,
        # Once all have come, every one of the first is replaced before anything is compared.
        "--seconds": 2 * life + arguments.minutes * 60,
    }
    words = [word for flag in flags.items() for word in flag]
    uri = f"ws://127.0.0.1:{port}/"
    client = stack.enter_context(closing(End(arguments.example, "client", uri, "--compress", *words, *WAITS)))
    client.wait_for("ready", PATIENCE)
    return server, client


def run(arguments: argparse.Namespace, stack: ExitStack) -> tuple[dict, dict[str, End]]:
    life = arguments.connections / arguments.churn
    server, client = start_ends(arguments, stack, life)
    ends = {"server": server, "client": client}
    server.last_counts()
    start = {name: end.look() for name, end in ends.items()}
    client.tell()
    client.wait_for("steady", PATIENCE + 10 * arguments.connections / RAMP)
    samples: dict[str, list[dict]] = {name: [] for name in ends}
    for name, end in ends.items():
        end.sample(samples[name])
    client.wait_for("leaves", PATIENCE + 2 * life + arguments.minutes * 60)
    for end in ends.values():
        end.stop_sampling()
    done = client.wait_for("done", PATIENCE)
    quiet = {name: end.look_until(start[name], PATIENCE) for name, end in ends.items()}
    theirs = server.last_counts()
    quiet["server"]["tasks"] = theirs["tasks"]
    warm = round(2 * life)
    result = {
        "connections": arguments.connections,
        "minutes": arguments.minutes,
        "rate": arguments.rate,
        "client": done["done"],
        "server": theirs,
        "p50_ms": done["p50_ms"],
        "p99_ms": done["p99_ms"],
        "max_ms": done["max_ms"],
        "start": start,
        "end": quiet,
        "quarters": {name: quarters(looks[warm:]) for name, looks in samples.items()},
    }
    result["faults"] = list(faults(result, ends)) + (list(growth(result)) if arguments.judge else [])
    return result, ends


def quarters(looks: list[dict]) -> list[dict]:
    """The mean of each quarter of the samples."""
    size = max(1, len(looks) // 4)
    parts = [looks[i * size : (i + 1) * size] or looks[-1:] for i in range(4)]
    return [{key: round(mean(look[key] for look in part)) for key in part[0]} for part in parts if part]


def faults(result: dict, ends: dict[str, End]) -> list[str]:
    mine, theirs = result["client"], result["server"]
    for name, end in ends.items():
        yield from (f"the {name} says: {line}" for line in end.complaints()[:10])
    if mine["wrong"] or theirs["wrong"]:
        yield f"{mine['wrong'] + theirs['wrong']} wrong messages"
    if not mine["sent"] == mine["right"] == theirs["right"] or mine["missing"] or theirs["missing"]:
        yield f"{mine['sent']} sent, {theirs['right']} arrived, {mine['right']} came back"
    if mine["lost"] or mine["failed"]:
        yield f"{mine['lost']} connections lost, {mine['failed']} did not open"
    if theirs["lost"] != mine["dropped"] or theirs["opened"] != mine["opened"]:
        yield (
            f"the client opened {mine['opened']} and dropped {mine['dropped']}, "
            f"the server saw {theirs['opened']} and {theirs['lost']}"
        )
    for name, look in result["end"].items():
        for what in "descriptors", "threads":
            if look[what] > result["start"][name][what]:
                yield f"the {name} has {look[what]} {what} at the end, {result['start'][name][what]} at the start"
    if theirs["open"] or mine["open"] or theirs["tasks"] > result["start"]["server"]["tasks"]:
        yield f"left: {theirs['open']} and {mine['open']} connections, {theirs['tasks']} tasks of the server"


def growth(result: dict) -> list[str]:
    for name, parts in result["quarters"].items():
        first, last = parts[0]["rss"], parts[-1]["rss"]
        if abs(last - first) > FLAT * first:
            yield f"the memory of the {name} went from {first >> 20} MiB to {last >> 20} MiB"


def row(result: dict) -> str:
    mine = result["client"]

    def memory(name: str) -> str:
        first, last = (result["quarters"][name][i]["rss"] for i in (0, -1))
        return f"{first / 1e6:.1f} → {last / 1e6:.1f} MB ({(last - first) / first:+.1%})"

    def descriptors(name: str) -> str:
        return f"{result['start'][name]['descriptors']} → {result['end'][name]['descriptors']}"

    cells = [
        f"{result['connections']:,} × {result['minutes']:g} min",
        f"{mine['opened']:,}",
        f"{mine['sent']:,} + {mine['broadcasts']:,}",
        f"{mine['missing'] + mine['wrong'] + result['server']['wrong'] + result['server']['missing']}",
        memory("server"),
        memory("client"),
        f"{descriptors('server')}, {descriptors('client')}",
        f"{result['p50_ms']:.1f} / {result['p99_ms']:.1f} ms",
    ]
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    sys.exit(main())
