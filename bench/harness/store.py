"""Raw results: JSON lines, appended as they come, so that a run that is killed leaves what it has."""

import json
import statistics
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Record = dict[str, Any]


class Store:
    """Where a run writes."""

    def __init__(self, path: Path, run: str) -> None:
        self.path, self.run = path, run
        path.parent.mkdir(parents=True, exist_ok=True)

    def append(self, **record: Any) -> None:
        with self.path.open("a") as file:
            print(json.dumps({"run": self.run} | record), file=file)


@dataclass
class Part:
    """All that the last run with this part found out."""

    meta: Record
    records: list[Record] = field(default_factory=list)

    def cases(self) -> list[str]:
        return list(dict.fromkeys(record["case"] for record in self.records))

    def servers(self) -> list[str]:
        return list(dict.fromkeys(record["server"] for record in self.records))

    def of(self, case: str, server: str) -> Iterator[Record]:
        return (r for r in self.records if r["case"] == case and r["server"] == server)

    def value(self, case: str, server: str, key: str) -> float | None:
        """The median over the rounds."""
        values = [record[key] for record in self.of(case, server) if record.get(key) is not None]
        return statistics.median(values) if values else None

    def error(self, case: str, server: str) -> str | None:
        return next((r["error"] for r in self.of(case, server) if "error" in r), None)

    def rounds(self) -> int:
        """Zero where it does not measure in rounds."""
        return max((1 + record["round"] for record in self.records if "round" in record), default=0)

    def about(self, server: str) -> Record:
        """Name, kind and version, as the run knew them."""
        return self.meta["servers"].get(server, {"name": server, "kind": "unknown"})


def load(path: Path) -> dict[str, Part]:
    """The parts of the report. Each comes from one run, so that its ratios are those of one run."""
    metas: dict[str, Record] = {}
    runs: dict[str, dict[str, Part]] = {}
    for line in path.read_text().splitlines():
        try:
            record = json.loads(line)
        except ValueError:
            continue  # The line that a killed run did not finish.
        run = record["run"]
        if "meta" in record:
            metas[run] = record["meta"]
            continue
        parts = runs.setdefault(run, {})
        part = parts.setdefault(record["part"], Part(metas.get(run, {"servers": {}})))
        part.records.append(record)
    latest: dict[str, Part] = {}
    for parts in runs.values():
        latest |= parts
    return latest
