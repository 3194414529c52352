"""A run of the bench: its options, its clock, its servers and where results go."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .processes import Loadgen
from .store import Store

# What is kept back for writing the report.
RESERVE = 20


@dataclass
class Bench:
    target: Path
    servers: dict[str, Any]
    store: Store
    loadgen: Loadgen
    quick: bool
    rounds: int
    # When the run has to be over, in seconds from its start.
    limit: float
    connections: int
    certificate: tuple[Path, Path]
    started: float = field(default_factory=time.monotonic)
    # What the parts after this one will take, all their rounds.
    ahead: float = 0

    @property
    def seconds(self) -> float:
        """Measured time of one run of loadgen."""
        return 0.2 if self.quick else 0.5

    @property
    def warmup(self) -> float:
        return 0.1 if self.quick else 0.15

    @property
    def timing(self) -> tuple[object, ...]:
        return "--warmup", self.warmup, "--time", self.seconds

    def elapsed(self) -> float:
        return time.monotonic() - self.started

    def has_time_for(self, seconds: float) -> bool:
        """Whether this part may go on without taking time from those that come after it."""
        return self.elapsed() + seconds + self.ahead + RESERVE < self.limit

    def each_round(self, part: str) -> Iterator[int]:
        """The numbers of the rounds, as many as there is time for."""
        for number in range(self.rounds):
            began = time.monotonic()
            yield number
            if not self.has_time_for(time.monotonic() - began) and number + 1 < self.rounds:
                self.say(f"{part}: no time for more than {number + 1} rounds")
                return

    def those(self, *kinds: str, supports: str | None = None) -> dict[str, Any]:
        """Servers of these kinds (all if there are none) that support something."""
        return {
            key: server
            for key, server in self.servers.items()
            if (not kinds or server.kind in kinds) and (supports is None or supports in server.supports)
        }

    def result(self, part: str, case: str, server: str, value: str, **record: Any) -> None:
        """Keeps a result, and shows that something happens."""
        self.store.append(part=part, case=case, server=server, **record)
        self.say(f"{part:<10} {case:<24} {server:<24} {value}")

    def failure(self, part: str, case: str, server: str, reason: object, **record: Any) -> None:
        # Where the bench was built is nobody's business.
        text = str(reason).replace(f"{self.target}/", "")
        self.result(part, case, server, f"failed: {text}", error=text, **record)

    def say(self, line: str) -> None:
        minutes, seconds = divmod(int(self.elapsed()), 60)
        print(f"{minutes:02}:{seconds:02}  {line}", flush=True)
