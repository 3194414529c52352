#!/usr/bin/env python3
"""Runs the Autobahn TestSuite against both roles, in parallel, and judges the verdicts.

    run.py [EXAMPLES] [--group GROUP ...] [--face FACE ...] [--reports FOLDER] [--jobs N]

EXAMPLES has the built conformance_server and conformance_client (default: target/release/examples).
Without --group it runs all cases but the slowest, 9.*, and some of them over TLS. The reports stay in
FOLDER (default: target/conformance), one folder for each job, with index.html and the logs.
"""

import argparse
import asyncio
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import verdicts

HERE = Path(__file__).resolve().parent
TARGET = HERE.parent / "target"
SERVER, CLIENT = "conformance_server", "conformance_client"

# A busy machine must not change a verdict, so a peer gets this many times as long to react.
PATIENCE = 5
# Far longer than any job takes.
SECONDS_PER_JOB = 1500
# Data that compresses slowly: four times as long as the others.
LONGEST = ("12.2", "12.3", "12.5")


@dataclass(frozen=True)
class Job:
    """Cases that one process of the suite, which is single-threaded, runs against one of ours."""

    agent: str
    name: str
    cases: list[str]

    @property
    def is_client(self) -> bool:
        return verdicts.face_of(self.agent) == "client"

    @property
    def is_tls(self) -> bool:
        return self.agent.endswith(verdicts.TLS)


@dataclass(frozen=True)
class Bench:
    """What all jobs share: where our programs and the certificate are, and where reports go."""

    examples: Path
    reports: Path

    def folder(self, job: Job) -> Path:
        return self.reports / job.agent / job.name

    @property
    def certificate(self) -> Path:
        return self.reports / "certificate.pem"

    @property
    def key(self) -> Path:
        return self.reports / "key.pem"


def main() -> int:
    arguments = parse_arguments()
    bench = Bench(arguments.examples.resolve(), arguments.reports.resolve())
    jobs = plan(arguments.group, arguments.face)
    subprocess.run([HERE / "setup.sh"], check=True)
    bench.reports.mkdir(parents=True, exist_ok=True)
    if any(job.is_tls for job in jobs):
        make_certificate(bench)
    try:
        problems = asyncio.run(run_all(jobs, bench, arguments.jobs))
    except asyncio.CancelledError:
        return 128 + signal.SIGTERM
    found = verdicts.read_reports(map(bench.folder, jobs))
    status = verdicts.judge(found, arguments.group, arguments.face)
    return 1 if any(problems) else status


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("examples", type=Path, nargs="?", default=TARGET / "release" / "examples")
    verdicts.add_selection(parser)
    parser.add_argument("--reports", type=Path, default=TARGET / "conformance", metavar="FOLDER")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, metavar="N")
    arguments = parser.parse_args()
    for program in (SERVER, CLIENT):
        if not (arguments.examples / program).is_file():
            parser.error(f"no {program} in {arguments.examples}; README.md tells how to build it")
    return arguments


def plan(groups: list[str], faces: list[str]) -> list[Job]:
    """The jobs, the longest first. Only the deflate group is long enough to be split."""
    jobs = []
    for agent, group, cases in verdicts.select(groups, faces):
        parts = {}
        for case in cases:
            name = case.rpartition(".")[0] if group == "deflate" else group
            parts.setdefault(name, []).append(case)
        jobs += [Job(agent, name, part) for name, part in parts.items()]
    return sorted(jobs, key=lambda job: job.name not in LONGEST)


def make_certificate(bench: Bench) -> None:
    subprocess.run(
        [
            "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
            "-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1",
            "-keyout", bench.key, "-out", bench.certificate,
        ],
        check=True, stderr=subprocess.DEVNULL,
    )


async def run_all(jobs: list[Job], bench: Bench, at_once: int) -> list[str]:
    """Runs the jobs, so many at once. Returns what went wrong in each."""
    # A time limit from outside ends the run like Ctrl-C, so that no process stays behind.
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, asyncio.current_task().cancel)
    slots = asyncio.Semaphore(at_once)

    async def run_in_turn(job: Job) -> str:
        async with slots:
            started = time.monotonic()
            problem = await run(job, bench)
            done = f"{len(job.cases)} cases in {time.monotonic() - started:.0f} s"
            print(f"{job.agent} {job.name}: {problem or done}", flush=True)
            return problem

    return await asyncio.gather(*map(run_in_turn, jobs))


async def run(job: Job, bench: Bench) -> str:
    """Runs one job. Returns what went wrong, if the suite could not run to its end."""
    folder = bench.folder(job)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    port = free_port()
    suite, peer = commands(job, bench, folder, port)
    listener, connector = (suite, peer) if job.is_client else (peer, suite)
    try:
        async with process(listener, folder / "listener.log") as listening:
            await until_reachable(port, listening)
            async with process(connector, folder / "connector.log") as connecting:
                status = await asyncio.wait_for(connecting.wait(), SECONDS_PER_JOB)
    except (RuntimeError, asyncio.TimeoutError) as error:
        return f"{error or 'did not end'}; the logs are in {folder}"
    return f"exit status {status}; the logs are in {folder}" if status else ""


def commands(job: Job, bench: Bench, folder: Path, port: int) -> tuple[list[str], list[str]]:
    """Writes the suite's specification of the job. Returns how to run the suite, and the peer."""
    url = f"{'wss' if job.is_tls else 'ws'}://127.0.0.1:{port}"
    spec = {"outdir": str(folder), "cases": job.cases}
    if job.is_client:
        mode = "fuzzingserver"
        spec["url"] = url
        peer = [bench.examples / CLIENT, url, "--agent", job.agent]
        if job.is_tls:
            spec |= {"cert": str(bench.certificate), "key": str(bench.key)}
            peer += ["--ca", bench.certificate]
    else:
        mode = "fuzzingclient"
        spec["servers"] = [{"agent": job.agent, "url": url}]
        peer = [bench.examples / SERVER, f"127.0.0.1:{port}"]
        if verdicts.face_of(job.agent) == "async":
            peer += ["--async"]
        if job.is_tls:
            peer += ["--tls", bench.certificate, bench.key]
    specification = folder / "spec.json"
    specification.write_text(json.dumps(spec, indent=2), encoding="utf-8")
    suite = [HERE / "wstest", "--patience", PATIENCE, mode, specification]
    return [*map(str, suite)], [*map(str, peer)]


@asynccontextmanager
async def process(command: list[str], log: Path) -> AsyncIterator[asyncio.subprocess.Process]:
    """A process that does not outlive the block."""
    with log.open("wb") as output:
        running = await asyncio.create_subprocess_exec(
            *command, stdin=asyncio.subprocess.DEVNULL, stdout=output, stderr=output
        )
    try:
        yield running
    finally:
        if running.returncode is None:
            running.kill()
        await running.wait()


async def until_reachable(port: int, listening: asyncio.subprocess.Process) -> None:
    while listening.returncode is None:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(0.1)
        else:
            writer.close()
            return
    raise RuntimeError(f"exit status {listening.returncode} before it listened")


def free_port() -> int:
    """A port below those that the system gives to the connections of other jobs meanwhile."""
    while True:
        port = random.randrange(20000, 32000)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


if __name__ == "__main__":
    sys.exit(main())
