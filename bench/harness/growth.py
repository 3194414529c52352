"""Whether cost grows straight: with the number of active connections, and with worker threads."""

from .bench import Bench
from .processes import FAILURES, Loadgen, started
from .timed import OFFER, VARIETY

CONNECTIONS = (10, 100, 1_000, 10_000)
IN_FLIGHT = (1, 16)
# Heavy enough that the load generator, which shares the cores, takes a few per cent of them.
HEAVY = ("--size", 16 << 10, "--payload", "json", "--variety", VARIETY, "--deflate", OFFER)
HEAVY += ("--conns", 100, "--inflight", 4)


def connections(bench: Bench, part: str) -> None:
    """Ours and the floor, because a processor's caches grow with nobody."""
    servers = bench.those("bowsprit", "floor")
    for number in bench.each_round(part):
        for conns in (n for n in CONNECTIONS if n <= bench.connections):
            for key, server in servers.items():
                if not server.raw:
                    at(bench, part, conns, key, number)


def at(bench: Bench, part: str, conns: int, key: str, number: int) -> None:
    for inflight in IN_FLIGHT:
        case = f"{conns:,} × {inflight}"
        load = ("--size", 125, "--conns", conns, "--inflight", inflight)
        try:
            with started(bench.servers[key], bench.target) as running:
                result = bench.loadgen("echo", running, *load, *bench.timing)
        except FAILURES as reason:
            bench.failure(part, case, key, reason, round=number)
            continue
        cost = result["server_us_per_msg"]
        bench.result(part, case, key, f"{cost:.3f} µs", round=number, cost=cost, **result)


def workers(bench: Bench, part: str) -> None:
    """Server and load share both cores; nothing is pinned."""
    loadgen = Loadgen(bench.loadgen.program, core=None)
    timing = ("--warmup", bench.warmup, "--time", 2 * bench.seconds)
    servers = bench.those("bowsprit", supports="workers")
    for number in range(bench.rounds):
        for count in (1, 2):
            for key, server in servers.items():
                options = ("--workers", str(count), "--deflate", "shared")
                case = f"{count} worker{'s' * (count > 1)}"
                try:
                    with started(server, bench.target, *options, cores={0, 1}) as running:
                        result = loadgen("echo", running, *HEAVY, *timing)
                except FAILURES as reason:
                    bench.failure(part, case, key, reason, round=number)
                    continue
                rate, cost = result["msgs_per_s"], result["server_us_per_msg"]
                bench.result(part, case, key, f"{rate:,} messages/s", round=number, cost=cost, **result)


def connection_seconds(bench: Bench) -> float:
    servers = [server for server in bench.those("bowsprit", "floor").values() if not server.raw]
    each = bench.warmup + bench.seconds + 0.2
    opening = 3e-4 * sum(n for n in CONNECTIONS if n <= bench.connections) / len(CONNECTIONS)
    return bench.rounds * len(servers) * len(CONNECTIONS) * len(IN_FLIGHT) * (each + opening)


def worker_seconds(bench: Bench) -> float:
    each = bench.warmup + 2 * bench.seconds + 0.3
    return bench.rounds * 2 * len(bench.those("bowsprit", supports="workers")) * each
