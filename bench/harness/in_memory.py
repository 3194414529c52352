"""Tables of the in-memory comparison: one for each direction, role and payload."""

from dataclasses import dataclass

from .store import Part, Record
from .tables import escaped, markdown, significant

OURS, FLOOR = "bowsprit", "floor"
SIZES = {16: "16 B", 125: "125 B", 1024: "1 KiB", 16384: "16 KiB", 65536: "64 KiB", 1 << 20: "1 MiB"}


@dataclass(frozen=True)
class Group:
    direction: str
    role: str
    payload: str

    def title(self) -> str:
        masked = (self.direction == "receive") == (self.role == "server")
        return f"{self.direction.capitalize()}, {self.payload}, {'masked' if masked else 'not masked'} ({self.role})"


class Cells:
    """Median nanoseconds by group, size and peer."""

    def __init__(self, part: Part) -> None:
        self.times: dict[tuple[Group, int, str], float] = {}
        self.errors = [record["error"] for record in part.records if "error" in record]
        for record in part.records:
            if "ns_median" in record:
                self.times[group_of(record), record["size"], record["peer"]] = record["ns_median"]

    def groups(self) -> list[Group]:
        return list(dict.fromkeys(group for group, _, _ in self.times))

    def sizes(self, group: Group) -> list[int]:
        return sorted({size for other, size, _ in self.times if other == group})

    def column(self, group: Group, size: int) -> dict[str, float]:
        """Peers, fastest first."""
        found = {peer: time for (g, s, peer), time in self.times.items() if (g, s) == (group, size)}
        return dict(sorted(found.items(), key=lambda item: item[1]))

    def best_peer(self, group: Group, size: int) -> float | None:
        column = self.column(group, size)
        return min((time for peer, time in column.items() if peer not in (OURS, FLOOR)), default=None)


def group_of(record: Record) -> Group:
    return Group(record["direction"], record["role"], record["payload"])


def tables(part: Part) -> list[str]:
    cells = Cells(part)
    lines = [f"failed: {escaped(error)}\n" for error in cells.errors]
    for group in cells.groups():
        lines += [f"\n### {group.title()}\n", *table(cells, group)]
    return lines


def table(cells: Cells, group: Group) -> list[str]:
    """Best of the libraries in bold; ours with its ratio to the floor."""
    sizes = cells.sizes(group)
    columns = {size: cells.column(group, size) for size in sizes}
    best = {size: min((t for peer, t in columns[size].items() if peer != FLOOR), default=None) for size in sizes}
    rows = []
    for peer in dict.fromkeys(peer for size in sizes for peer in columns[size]):
        row = [f"**{peer}**" if peer == OURS else peer]
        for size in sizes:
            row.append(text(columns[size], peer, best[size]))
        rows.append(row)
    return markdown(["", *(SIZES.get(size, f"{size:,} B") for size in sizes)], rows)


def text(column: dict[str, float], peer: str, best: float | None) -> str:
    time = column.get(peer)
    if time is None:
        return "–"
    shown = f"**{significant(time)}**" if time == best else significant(time)
    if peer == OURS and column.get(FLOOR):
        shown += f" ({time / column[FLOOR]:.2f})"
    return shown
