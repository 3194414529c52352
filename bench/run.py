#!/usr/bin/env python3
"""Builds and runs the whole comparison, and writes REPORT.md and charts/*.svg.

    run.py [--quick] [--only PART,..] [--servers NAME,..] [--rounds N] [--no-build] [--report-only]

A full run takes at most 30 minutes, --quick 3 after the first build. Raw results are appended to
TARGET/bench/results.jsonl as they come, where TARGET is CARGO_TARGET_DIR or `target` of the repository;
--report-only writes the report from them. README.md says what the parts are.
"""

import argparse
import os
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

sys.dont_write_bytecode = True

import peers
from harness import machine, processes, report, store
from harness.bench import Bench
from harness.parts import PARTS

HERE = Path(__file__).resolve().parent
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", HERE.parent / "target")).resolve() / "bench"
RESULTS = TARGET / "results.jsonl"
# The longest that a run takes: with its builds, but for those of the quick form.
LIMIT, QUICK_LIMIT, ROUNDS = 30 * 60, 3 * 60, 3
# Connections of the largest cases; a server needs some descriptors for itself.
CONNECTIONS, QUICK_CONNECTIONS, SPARE = 10_000, 500, 200


def main() -> int:
    arguments = parse_arguments()
    if not arguments.report_only:
        processes.interruptible()
        try:
            measure(arguments)
        except (peers.BuildError, subprocess.CalledProcessError) as error:
            print(error, file=sys.stderr)
            return 1
    if not RESULTS.exists():
        print("there are no results yet", file=sys.stderr)
        return 1
    report.write(store.load(RESULTS), HERE)
    print(f"written: {HERE / 'REPORT.md'}")
    return 0


def measure(arguments: argparse.Namespace) -> None:
    began = time.monotonic()
    servers = {key: peers.SERVERS[key] for key in arguments.servers or peers.SERVERS}
    if not arguments.no_build:
        build(set(servers), "memory" in arguments.only)
    now = datetime.now(UTC)
    results = store.Store(RESULTS, now.strftime("%Y%m%dT%H%M%S"))
    limit = processes.raise_descriptor_limit()
    most = QUICK_CONNECTIONS if arguments.quick else CONNECTIONS
    bench = Bench(
        target=TARGET,
        servers=servers,
        store=results,
        loadgen=processes.Loadgen(TARGET / "release" / "loadgen"),
        quick=arguments.quick,
        rounds=arguments.rounds or (1 if arguments.quick else ROUNDS),
        limit=float("inf") if arguments.rounds else QUICK_LIMIT if arguments.quick else LIMIT,
        connections=min(most, limit - SPARE),
        certificate=certificate(),
        started=time.monotonic() if arguments.quick else began,
    )
    estimates = estimated(bench, arguments.only)
    while bench.rounds > 1 and not bench.has_time_for(sum(estimates.values())):
        bench.rounds -= 1
        estimates = estimated(bench, arguments.only)
    results.append(meta=about(bench, arguments, now))
    for name in arguments.only:
        left = sum(estimates.values()) / 60
        bench.say(f"== {name}; about {left:.1f} minutes left")
        del estimates[name]
        bench.ahead = sum(estimates.values())
        try:
            PARTS[name].run(bench, name)
        except processes.FAILURES as reason:
            bench.say(f"{name} ended early: {reason!r}")


def estimated(bench: Bench, parts: list[str]) -> dict[str, float]:
    return {name: PARTS[name].seconds(bench) for name in parts}


def build(servers: set[str], memory: bool) -> None:
    """Builds what is not there yet."""
    for package in ["loadgen"] + ["memory"] * memory:
        print(f"building bench/{package}", flush=True)
        command = ["cargo", "build", "--quiet", "--release", "--locked"]
        environment = os.environ | {"CARGO_TARGET_DIR": str(TARGET)}
        subprocess.run(command, cwd=HERE / package, env=environment, check=True)
    print("building the servers", flush=True)
    peers.build(TARGET, servers)


def certificate() -> tuple[Path, Path]:
    """A certificate for localhost, made on the spot, and its key (ECDSA, P-256)."""
    TARGET.mkdir(parents=True, exist_ok=True)
    certificate, key = TARGET / "certificate.pem", TARGET / "key.pem"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    command += ["-days", "30", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    command += ["-addext", "basicConstraints=critical,CA:FALSE", "-out", certificate, "-keyout", key]
    subprocess.run(command, check=True, capture_output=True)
    return certificate, key


def about(bench: Bench, arguments: argparse.Namespace, now: datetime) -> store.Record:
    """What a report says about the run beside its numbers."""
    return {
        "date": now.strftime("%Y-%m-%d %H:%M UTC"),
        "command": " ".join(["bench/run.py", *sys.argv[1:]]),
        "quick": bench.quick,
        "seconds": bench.seconds,
        "machine": machine.describe(),
        "servers": {
            key: {
                "name": server.name,
                "kind": server.kind,
                "package": server.package,
                "options": list(server.options),
                "version": server.version(),
            }
            for key, server in bench.servers.items()
        },
    }


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer cases, connections and rounds")
    parser.add_argument("--only", type=names("part", PARTS), default=list(PARTS), metavar="PART,..")
    parser.add_argument("--servers", type=names("server", peers.SERVERS), metavar="NAME,..")
    parser.add_argument("--rounds", type=int, metavar="N", help="rounds of each timed case, however long it takes")
    parser.add_argument("--no-build", action="store_true", help="everything is built already")
    parser.add_argument("--report-only", action="store_true", help="write the report from the last results")
    return parser.parse_args()


def names(what: str, known: dict[str, object]):
    """A list with commas, in the order in which things are known."""

    def parse(text: str) -> list[str]:
        asked = text.split(",")
        if unknown := sorted(set(asked) - set(known)):
            raise argparse.ArgumentTypeError(f"no {what} {', '.join(unknown)}; there are {', '.join(known)}")
        return [name for name in known if name in asked]

    return parse


if __name__ == "__main__":
    sys.exit(main())
