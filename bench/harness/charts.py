"""Which figures the report has."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from . import in_memory, svg
from .roles import FLOOR
from .store import Part
from .svg import Bar, Panel
from .tables import significant, whole


@dataclass(frozen=True)
class Chart:
    """A figure of some cases of a part; `name` is that of its file."""

    name: str
    part: str
    title: str
    subtitle: str
    cases: tuple[str, ...]
    unit: str = "µs"
    key: str = "cost"


SHORTER = "shorter is better"
CHARTS = [
    Chart(
        "echo",
        "echo",
        "Echo of 125 bytes of text",
        f"CPU time of the server per message, 100 connections; {SHORTER}",
        ("125 B × 16", "125 B × 64"),
    ),
    Chart(
        "instructions",
        "instructions",
        "Instructions for an echo of 125 bytes",
        f"User-space instructions of the server per message, 50 connections; {SHORTER}",
        ("125 B × 1", "125 B × 16"),
        "instructions",
    ),
    Chart(
        "large",
        "large",
        "Echo of large binary messages",
        f"CPU time of the server per message; {SHORTER}",
        ("16 KiB × 16", "1 MiB × 1"),
    ),
    Chart(
        "idle",
        "idle",
        "Memory of an idle connection",
        f"Bytes of the server, resident, per connection that has echoed one message; {SHORTER}",
        ("plain", "deflate, shared"),
        "bytes",
        "rss_bytes_per_conn",
    ),
    Chart(
        "compressed",
        "compressed",
        "Compressed echo of 1 KiB of JSON",
        f"CPU time of the server per message, permessage-deflate, 100 connections; {SHORTER}",
        ("no takeover × 16", "takeover × 16"),
    ),
    Chart(
        "broadcast",
        "broadcast",
        "Broadcast of 125 bytes",
        f"CPU time of the server per delivery; {SHORTER}",
        ("1,000 × 1", "1,000 × 16", "10,000 × 1", "10,000 × 16"),
    ),
    Chart(
        "handshakes",
        "handshakes",
        "Opening handshakes",
        f"CPU time of the server per connection: accept, upgrade, close; {SHORTER}",
        ("TCP", "TLS"),
    ),
]
WORDS = {"deflate, shared": "compression agreed on, shared state", "plain": "no compression"}
HEADINGS = {
    " × 1": ", one in flight",
    " × 4": ", 4 in flight",
    " × 16": ", 16 in flight",
    " × 64": ", 64 in flight",
}


def write(parts: dict[str, Part], folder: Path) -> dict[str, str]:
    """Draws what there is data for; returns names of files by part."""
    folder.mkdir(exist_ok=True)
    drawn: dict[str, str] = {}
    for part, name, image in figures(parts):
        (folder / f"{name}.svg").write_text(image)
        drawn[part] = f"{name}.svg"
    return drawn


def figures(parts: dict[str, Part]) -> Iterator[tuple[str, str, str]]:
    for chart in CHARTS:
        if chart.part not in parts:
            continue
        panels = [panel(chart, parts[chart.part], case) for case in chart.cases]
        if any(one.bars for one in panels):
            yield chart.part, chart.name, svg.figure(chart.title, chart.subtitle, panels, columns=2)
    if "memory" in parts and (panels := memory_panels(parts["memory"])):
        subtitle = f"Nanoseconds per message, no socket: the library alone; {SHORTER}"
        yield "memory", "memory", svg.figure("In memory", subtitle, panels, columns=2)


def panel(chart: Chart, part: Part, case: str) -> Panel:
    bars = []
    for server in part.servers():
        value = part.value(case, server, chart.key)
        about = part.about(server)
        if value is not None:
            text = significant(value) if chart.unit == "µs" else whole(value)
            bars.append(Bar(about["name"], value, text, about["kind"]))
    floor = part.value(case, FLOOR, chart.key)
    return Panel(heading(chart, case), chart.unit, bars, None if floor is None else ("floor", floor))


def heading(chart: Chart, case: str) -> str:
    if chart.part == "broadcast":
        conns, at_once = case.split(" × ")
        return f"To {conns} connections, {'one' if at_once == '1' else at_once} at once"
    case = WORDS.get(case, case)
    for ending, words in HEADINGS.items():
        if case.endswith(ending):
            case = case.removesuffix(ending) + words
    return case[0].upper() + case[1:]


# Direction, role, payload and size of the panels: what most messages are, and what sets libraries apart.
MEMORY_PANELS = [
    ("receive", "server", "ascii", 125),
    ("receive", "server", "mixed", 1024),
    ("receive", "server", "binary", 16384),
    ("receive", "client", "ascii", 125),
    ("send", "server", "ascii", 125),
    ("send", "client", "ascii", 125),
]


def memory_panels(part: Part) -> list[Panel]:
    cells = in_memory.Cells(part)
    panels = []
    for direction, role, payload, size in MEMORY_PANELS:
        group = in_memory.Group(direction, role, payload)
        column = cells.column(group, size)
        bars = [Bar(peer, time, significant(time), kind(peer)) for peer, time in column.items()]
        floor = column.get(in_memory.FLOOR)
        reference = None if floor is None else ("floor", floor)
        name = f"{direction}, {role}, {in_memory.SIZES[size]} {payload}"
        panels.append(Panel(name[0].upper() + name[1:], "ns", bars, reference))
    return [one for one in panels if one.bars]


def kind(peer: str) -> str:
    return {in_memory.OURS: "bowsprit", in_memory.FLOOR: "floor"}.get(peer, "rust")
