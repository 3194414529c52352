"""The targets, what was measured, and whether it is enough: computed from the data alone."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from .in_memory import FLOOR as MEMORY_FLOOR
from .in_memory import OURS, SIZES, Cells
from .roles import BOWSPRIT, FLOOR, cheapest, peers, ratio
from .store import Part
from .tables import markdown

# The async face may cost this much more than the target of the handlers.
ALLOWANCE = 1.3

IN_16 = ["125 B × 16", "20 B × 16", "1 KiB × 16", "1 KiB mixed × 16"]
IN_64 = ["125 B × 64", "20 B × 64"]

Values = list[tuple[str, float | None]]


@dataclass
class Line:
    """One target. `values` has, for each face, what each case measured."""

    number: int
    target: str
    limit: float
    values: dict[str, Values]
    at_least: bool = False
    form: str = "{:.2f}"
    # Faces that have no allowance: both are held to the same.
    strict: bool = False
    unit: str = field(default="")

    def limit_for(self, face: str) -> float:
        if face != "async" or self.strict:
            return self.limit
        return self.limit / ALLOWANCE if self.at_least else self.limit * ALLOWANCE

    def verdict(self, face: str) -> str:
        values = [value for _, value in self.values.get(face, [])]
        known = [value for value in values if value is not None]
        limit = self.limit_for(face)
        if not known:
            return NOT_MEASURED
        if not all(value >= limit if self.at_least else value <= limit for value in known):
            return NOT_MET
        return MET if len(known) == len(values) else MET_IN_PART

    def measured(self, face: str) -> str:
        cells = self.values.get(face, [])
        if all(value is None for _, value in cells):
            return "–"
        texts = [f"{label}: {self.text(value)}" for label, value in cells]
        if face == "async" and not self.strict:
            texts.append(f"(limit {self.text(self.limit_for(face))})")
        return "<br>".join(texts)

    def text(self, value: float | None) -> str:
        return "–" if value is None else self.form.format(value) + self.unit


MET, NOT_MET, NOT_MEASURED, MET_IN_PART = "met", "**not met**", "not measured", "met where measured"


def table(parts: dict[str, Part]) -> list[str]:
    rows = []
    for line in lines(parts):
        verdict = line.verdict("handlers")
        if verdict == MET and line.verdict("async") == NOT_MET:
            verdict += "; async **not**"
        rows.append([str(line.number), line.target, line.measured("handlers"), line.measured("async"), verdict])
    head = ["", "target", "handlers", "async", "verdict"]
    shown = markdown(head, rows)
    shown[1] = "|---|---|---|---|---|"
    return shown


def lines(parts: dict[str, Part]) -> Iterator[Line]:
    for name, judge in JUDGES.items():
        if name in parts:
            yield from judge(parts)


def against(part: Part, cases: list[str], other: Callable[[str], float | None], key: str = "cost") -> dict[str, Values]:
    """Ratios of both faces to something."""
    return {
        face: [(case, ratio(part.value(case, server, key), other(case))) for case in cases if case in part.cases()]
        for face, server in BOWSPRIT.items()
    }


def absolute(part: Part, cases: list[str], key: str = "cost") -> dict[str, Values]:
    return {face: [(case, part.value(case, server, key)) for case in cases] for face, server in BOWSPRIT.items()}


def echo(parts: dict[str, Part]) -> Iterator[Line]:
    part = parts["echo"]
    floor = lambda case: part.value(case, FLOOR, "cost")
    cpp = lambda case: cheapest(part, case, peers(part, "cpp"))
    rust = peers(part, "rust", defaults=True)
    inverse = against(part, IN_16 + IN_64, lambda case: cheapest(part, case, rust))
    times_less = {face: [(case, ratio(1, value)) for case, value in values] for face, values in inverse.items()}
    yield Line(1, "echo, 16 in flight: CPU at most 1.2 times the floor", 1.2, against(part, IN_16, floor))
    yield Line(1, "echo, 64 in flight: at most 1.25 times the floor", 1.25, against(part, IN_64, floor))
    yield Line(1, "echo: at most the best C++ peer", 1, against(part, IN_16 + IN_64, cpp))
    yield Line(1, "echo: at least 6 times less than any Rust peer at its defaults", 6, times_less, at_least=True)


def instructions(parts: dict[str, Part]) -> Iterator[Line]:
    part = parts["instructions"]
    for case, limit in (("125 B × 1", 1_400), ("125 B × 16", 550)):
        values = absolute(part, [case])
        yield Line(2, f"instructions per message, {case}: at most {limit:,}", limit, values, form="{:,.0f}")


def large(parts: dict[str, Part]) -> Iterator[Line]:
    part = parts["large"]
    others = peers(part, "rust", "cpp", "script")
    values = against(part, part.cases(), lambda case: cheapest(part, case, others))
    yield Line(3, "large binary messages: CPU at most 1.1 times the best peer", 1.1, values)


def idle(parts: dict[str, Part]) -> Iterator[Line]:
    part = parts["idle"]
    for case, limit in (("plain", 1_300), ("deflate, shared", 1_500)):
        values = absolute(part, [case], "rss_bytes_per_conn")
        yield Line(4, f"idle connection, {case}: at most {limit:,} B", limit, values, form="{:,.0f}", unit=" B")


def compressed(parts: dict[str, Part]) -> Iterator[Line]:
    part = parts["compressed"]
    others = peers(part, "rust", "cpp", "script")
    values = against(part, part.cases(), lambda case: cheapest(part, case, others))
    yield Line(5, "compressed echo: CPU at most that of the best peer", 1, values)
    if "zlib" in parts:
        zlib = lambda case: parts["zlib"].value(case.split(" × ")[0], "zlib 2", "bytes")
        values = against(part, part.cases(), zlib, "reply_bytes_per_msg")
        yield Line(5, "compressed bytes: at most zlib's at the same level", 1, values, strict=True)


def broadcast(parts: dict[str, Part]) -> Iterator[Line]:
    part = parts["broadcast"]
    values = against(part, part.cases(), lambda case: part.value(case, FLOOR, "cost"))
    yield Line(6, "broadcast: CPU per delivery at most 1.1 times a bare loop of writes", 1.1, values)


def handshakes(parts: dict[str, Part]) -> Iterator[Line]:
    part = parts["handshakes"]
    values = against(part, part.cases(), lambda case: cheapest(part, case, peers(part, "rust")))
    yield Line(7, "handshake: CPU at most that of the best Rust peer", 1, values)


def memory(parts: dict[str, Part]) -> Iterator[Line]:
    """Faces do not matter here, so all stands in the column of the handlers."""
    cells = Cells(parts["memory"])
    to_peer, to_floor = [], []
    for group in cells.groups():
        for size in cells.sizes(group):
            column = cells.column(group, size)
            label = f"{group.direction} {group.payload} {group.role} {SIZES.get(size, size)}"
            to_peer.append((label, ratio(column.get(OURS), cells.best_peer(group, size))))
            to_floor.append((label, ratio(column.get(OURS), column.get(MEMORY_FLOOR))))
    for target, limit, values in (
        ("in memory: the fastest library in every cell", 1.0, to_peer),
        ("in memory: at most 1.3 times the floor", 1.3, to_floor),
    ):
        known = [(label, value) for label, value in values if value is not None]
        over = sorted((cell for cell in known if cell[1] > limit), key=lambda cell: -cell[1])
        shown = over[:4] or sorted(known, key=lambda cell: -cell[1])[:1]
        count = f"{target}: {len(known) - len(over)} of {len(known)} cells"
        yield Line(8, count, limit, {"handlers": shown})


def growth(parts: dict[str, Part]) -> Iterator[Line]:
    part = parts["growth"]
    most = max(int(case.split(" × ")[0].replace(",", "")) for case in part.cases())
    values: dict[str, Values] = {}
    for face, server in [*BOWSPRIT.items(), ("floor", FLOOR)]:
        costs = [
            (f"× {w}", ratio(part.value(f"{most:,} × {w}", server, "cost"), part.value(f"10 × {w}", server, "cost")))
            for w in (1, 16)
        ]
        values[face] = costs
    floor = ", ".join(f"{value:.2f}" for _, value in values.pop("floor") if value)
    target = f"{most:,} connections: CPU at most 1.5 times that of 10 (the floor: {floor})"
    yield Line(9, target, 1.5, values, strict=True)


def workers(parts: dict[str, Part]) -> Iterator[Line]:
    part = parts["workers"]
    values = {}
    for face, server in BOWSPRIT.items():
        rates = [part.value(case, server, "msgs_per_s") for case in ("2 workers", "1 worker")]
        values[face] = [("messages", ratio(*rates))]
    yield Line(9, "2 worker threads: at least 1.7 times the messages of one", 1.7, values, at_least=True, strict=True)


JUDGES = {
    "echo": echo,
    "instructions": instructions,
    "large": large,
    "idle": idle,
    "compressed": compressed,
    "broadcast": broadcast,
    "handshakes": handshakes,
    "memory": memory,
    "growth": growth,
    "workers": workers,
}
