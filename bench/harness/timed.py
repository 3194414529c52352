"""Parts that measure CPU time under load: every case in rounds, in which the servers take turns."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from .bench import Bench
from .processes import FAILURES, Running, start

OFFER = "permessage-deflate; client_max_window_bits"
# Compression needs messages that differ: more of them than fit into a window of 32 KiB.
VARIETY = 64


@dataclass(frozen=True)
class Case:
    """One column of a table."""

    name: str
    mode: str
    load: tuple[object, ...]
    # Options that the server gets, and what it must support for that.
    server: tuple[str, ...] = ()
    supports: str | None = None
    raw: bool = True
    quick: bool = True
    # Of a case that takes long.
    most_rounds: int = 99
    # On top of the measured time: opening the connections.
    overhead: float = 0.15


def echo(name: str, size: int, conns: int, inflight: int, payload: str = "ascii", **more: Any) -> Case:
    load = ("--size", size, "--payload", payload, "--conns", conns, "--inflight", inflight)
    return Case(name, "echo", load, **more)


def compressed(name: str, inflight: int, takeover: bool, **more: Any) -> Case:
    mode = "takeover" if takeover else "shared"
    load = ("--size", 1024, "--payload", "json", "--conns", 100, "--inflight", inflight)
    load += ("--variety", VARIETY, "--deflate", OFFER)
    return Case(name, "echo", load, ("--deflate", mode), f"deflate-{mode}", raw=False, **more)


def broadcast(name: str, conns: int, inflight: int, **more: Any) -> Case:
    load = ("--size", 125, "--conns", conns, "--inflight", inflight)
    return Case(name, "broadcast", load, ("--broadcast",), "broadcast", raw=False, **more)


ECHO = [
    echo("125 B × 16", 125, 100, 16),
    echo("20 B × 16", 20, 100, 16, quick=False),
    echo("1 KiB × 16", 1024, 100, 16, quick=False),
    echo("1 KiB mixed × 16", 1024, 100, 16, "mixed", quick=False),
    echo("20 B × 64", 20, 100, 64, quick=False),
    echo("125 B × 64", 125, 100, 64),
    echo("125 B × 1", 125, 50, 1),
]
LARGE = [
    echo("16 KiB × 1", 16 << 10, 100, 1, "binary", quick=False),
    echo("16 KiB × 16", 16 << 10, 100, 16, "binary"),
    echo("1 MiB × 1", 1 << 20, 16, 1, "binary"),
    echo("1 MiB × 4", 1 << 20, 16, 4, "binary", quick=False),
]
COMPRESSED = [
    compressed("no takeover × 1", 1, False, quick=False),
    compressed("no takeover × 16", 16, False),
    compressed("takeover × 1", 1, True, quick=False),
    compressed("takeover × 16", 16, True),
]
BROADCAST = [
    broadcast("1,000 × 1", 1_000, 1, overhead=0.8),
    broadcast("1,000 × 16", 1_000, 16, overhead=0.8),
    broadcast("10,000 × 1", 10_000, 1, quick=False, overhead=5, most_rounds=2),
    broadcast("10,000 × 16", 10_000, 16, quick=False, overhead=5, most_rounds=2),
]
HANDSHAKES = "--conns", 32
TCP = Case("TCP", "handshake", HANDSHAKES, supports="handshake", raw=False)


def tls(bench: Bench) -> Case:
    certificate, key = map(str, bench.certificate)
    load = (*HANDSHAKES, "--ca", certificate)
    return Case("TLS", "handshake", load, ("--tls", certificate, key), "tls", raw=False)


def run(bench: Bench, part: str, cases: list[Case]) -> None:
    """Measures all cases, as many rounds as there is time for."""
    failed: set[tuple[str, str]] = set()
    for number in bench.each_round(part):
        for options in dict.fromkeys(case.server for case in cases):
            same = [case for case in cases if case.server == options]
            one_round(bench, part, same, number, failed)


def one_round(bench: Bench, part: str, cases: list[Case], number: int, failed: set[tuple[str, str]]) -> None:
    """All servers wait at once, so that they can take turns case by case."""
    running: dict[str, Running] = {}
    try:
        for case, key, server in turns(bench, cases, number):
            if (case.name, key) in failed:
                continue
            try:
                if key not in running:
                    running[key] = start(server, bench.target, case.server)
                result = bench.loadgen(case.mode, running[key], *case.load, *bench.timing)
            except FAILURES as reason:
                failed.add((case.name, key))
                bench.failure(part, case.name, key, reason, round=number)
                if key in running:
                    running.pop(key).stop()
                continue
            cost = next(value for name, value in result.items() if name.startswith("server_us_per_"))
            bench.result(part, case.name, key, f"{cost:.3f} µs", round=number, cost=cost, **result)
    finally:
        for server in running.values():
            server.stop()


def turns(bench: Bench, cases: list[Case], number: int) -> Iterator[tuple[Case, str, Any]]:
    for case in cases:
        for key, server in takers(bench, case, number).items():
            yield case, key, server


def takers(bench: Bench, case: Case, number: int = 0) -> dict[str, Any]:
    """Interpreters get one round: what they cost is far from everything else."""
    if number >= case.most_rounds:
        return {}
    servers = bench.those(supports=case.supports)
    return {
        key: server
        for key, server in servers.items()
        if (case.raw or not server.raw) and (number == 0 or server.kind != "script")
    }


def seconds(bench: Bench, cases: list[Case]) -> float:
    """About what `run` takes."""
    each: Callable[[Case], float] = lambda case: bench.seconds + bench.warmup + case.overhead
    return sum(each(case) * len(takers(bench, case, n)) for case in cases for n in range(bench.rounds))
