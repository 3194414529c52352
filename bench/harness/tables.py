"""Markdown tables: one row per server, sorted by cost, with the ratio to the floor."""

from collections.abc import Callable

from .roles import FLOOR, ratio
from .store import Part

Format = Callable[[float], str]




def significant(value: float) -> str:
    """Three digits that mean something."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def whole(value: float) -> str:
    return f"{value:,.0f}"


def by_cost(part: Part, form: Format = significant, key: str = "cost", floor: bool = True) -> list[str]:
    """A row per server, cheapest first in the first column that it has; a column per case."""
    cases = part.cases()
    rows = []
    for server in part.servers():
        values = [part.value(case, server, key) for case in cases]
        cells = [cell(part, case, server, key, form, floor) for case in cases]
        order = [value if value is not None else float("inf") for value in values]
        rows.append((order, [name(part, server), *cells]))
    rows.sort(key=lambda row: row[0])
    return markdown(["", *cases], [row for _, row in rows])


def cell(part: Part, case: str, server: str, key: str, form: Format, floor: bool) -> str:
    value = part.value(case, server, key)
    if value is None:
        error = part.error(case, server)
        return f"failed: {escaped(error)}" if error else "–"
    to_floor = ratio(value, part.value(case, FLOOR, key)) if floor else None
    text = form(value) if to_floor is None else f"{form(value)} ({to_floor:.2f})"
    # A later round may have failed.
    return text if part.error(case, server) is None else f"{text}, then failed: {escaped(part.error(case, server))}"


def name(part: Part, server: str) -> str:
    about = part.about(server)
    return f"**{about['name']}**" if about["kind"] == "bowsprit" else about["name"]


def markdown(head: list[str], rows: list[list[str]]) -> list[str]:
    """Text to the left, numbers to the right."""
    lines = ["| " + " | ".join(head) + " |", "|---|" + "---:|" * (len(head) - 1)]
    return lines + ["| " + " | ".join(row) + " |" for row in rows]


def escaped(text: str | None) -> str:
    return (text or "").replace("|", "\\|")
