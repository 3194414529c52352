"""The parts of a run, in order."""

from collections.abc import Callable
from dataclasses import dataclass

from . import counts, growth, idle, memory, timed, zlib_ratio
from .bench import Bench


@dataclass(frozen=True)
class Part:
    run: Callable[[Bench, str], None]
    # About how long it takes.
    seconds: Callable[[Bench], float]


def of(cases: list[timed.Case]) -> Part:
    """A part that measures CPU time under load."""

    def chosen(bench: Bench) -> list[timed.Case]:
        return [case for case in cases if case.quick or not bench.quick]

    return Part(
        lambda bench, name: timed.run(bench, name, chosen(bench)),
        lambda bench: timed.seconds(bench, chosen(bench)),
    )


PARTS = {
    "echo": of(timed.ECHO),
    "instructions": Part(counts.instructions, counts.instruction_seconds),
    "syscalls": Part(counts.system_calls, counts.system_call_seconds),
    "large": of(timed.LARGE),
    "idle": Part(idle.run, idle.seconds),
    "compressed": of(timed.COMPRESSED),
    "zlib": Part(zlib_ratio.run, lambda bench: 0.1),
    "broadcast": of(timed.BROADCAST),
    "handshakes": Part(
        lambda bench, name: timed.run(bench, name, [timed.TCP, timed.tls(bench)]),
        lambda bench: timed.seconds(bench, [timed.TCP, timed.tls(bench)]),
    ),
    "memory": Part(memory.run, memory.seconds),
    "growth": Part(growth.connections, growth.connection_seconds),
    "workers": Part(growth.workers, growth.worker_seconds),
}
