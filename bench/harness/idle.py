"""Memory of idle connections: each has echoed one message of 20 bytes."""

from typing import Any

from .bench import Bench
from .processes import FAILURES, started
from .timed import OFFER

PLAIN, DEFLATE = "plain", "deflate, shared"
# If all connections do not come about in a minute.
FEWER = 1_000
# Before memory is read: what a library frees late is not what an idle connection holds.
SETTLE = {False: 0.5, True: 0.2}


def run(bench: Bench, part: str) -> None:
    for key, server in bench.servers.items():
        measure(bench, part, PLAIN, key, server, (), ())
    for key, server in with_deflate(bench).items():
        measure(bench, part, DEFLATE, key, server, ("--deflate", "shared"), ("--deflate", OFFER))


def measure(
    bench: Bench, part: str, case: str, key: str, server: Any, options: tuple[str, ...], load: tuple[object, ...]
) -> None:
    for connections in (bench.connections, FEWER):
        try:
            with started(server, bench.target, *options) as running:
                result = bench.loadgen(
                    "idle", running, "--conns", connections, "--size", 20, "--settle", SETTLE[bench.quick], *load
                )
        except FAILURES as reason:
            failure = reason
            continue
        bench.result(part, case, key, f"{result['rss_bytes_per_conn']} B", **result)
        return
    bench.failure(part, case, key, failure)


def with_deflate(bench: Bench) -> dict[str, Any]:
    return bench.those(supports="deflate-shared")


def seconds(bench: Bench) -> float:
    return (0.6 + SETTLE[bench.quick] + bench.connections * 6e-4) * (len(bench.servers) + len(with_deflate(bench)))
