"""Draws figures of horizontal bars, sorted, as SVG: no scripts, no fonts, light and dark."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from itertools import pairwise

# From here on a linear axis would squeeze the small ones together.
RATIO_FOR_LOGARITHMIC = 12

WIDTH, MARGIN, GAP = 900, 28, 36
ROW, BAR = 25, 15
TITLE, HEADING, AXIS, LEGEND = 86, 40, 26, 38
# About the width of a character at 13 pixels.
CHARACTER, BOLD, DIGIT = 7.4, 1.1, 6.5

STYLE = """
.card { fill: #ffffff; stroke: #d8dee6 }
text { font: 13px system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; fill: #1f2a37 }
.title { font-size: 18px; font-weight: 650 }
.heading { font-weight: 600 }
.muted { fill: #64748b }
.tick { font-size: 11px; fill: #64748b }
.value { font-variant-numeric: tabular-nums; paint-order: stroke; stroke: #ffffff; stroke-width: 4 }
.strong { font-weight: 650 }
.grid { stroke: #e8edf2 }
.reference { stroke: #475569; stroke-dasharray: 3 3 }
.bowsprit { fill: #e8590c }
.rust { fill: #8ba4bd }
.cpp { fill: #b39bcb }
.script { fill: #c8ced6 }
.floor { fill: #ffffff; stroke: #7c8da0; stroke-width: 1.2 }
@media (prefers-color-scheme: dark) {
  .card { fill: #12181f; stroke: #2b3642 }
  .value { stroke: #12181f }
  text { fill: #e6edf3 }
  .muted, .tick { fill: #94a3b4 }
  .grid { stroke: #222c37 }
  .reference { stroke: #a5b4c4 }
  .bowsprit { fill: #ff8a3d }
  .rust { fill: #56718c }
  .cpp { fill: #84699f }
  .script { fill: #48535f }
  .floor { fill: #12181f; stroke: #94a3b4 }
}
"""

KINDS = {
    "bowsprit": "Bowsprit",
    "floor": "the floor, and plain TCP",
    "rust": "Rust",
    "cpp": "C and C++",
    "script": "node and Python",
}


@dataclass(frozen=True)
class Bar:
    label: str
    value: float
    # How the value reads.
    text: str
    kind: str


@dataclass(frozen=True)
class Panel:
    """A heading, and bars on one axis with ticks in `unit`."""

    heading: str
    unit: str
    bars: list[Bar]
    # A line through all bars, with what it is called.
    reference: tuple[str, float] | None = None


def figure(title: str, subtitle: str, panels: list[Panel], columns: int = 1) -> str:
    """A card with panels in columns, and a legend of the colours that it uses."""
    panels = [panel for panel in panels if panel.bars]
    columns = min(columns, max(len(panels), 1))
    width = (WIDTH - 2 * MARGIN - (columns - 1) * GAP) / columns
    body, top = [], float(TITLE)
    for first in range(0, len(panels), columns):
        line = panels[first : first + columns]
        for column, panel in enumerate(line):
            body.append(drawn(panel, MARGIN + column * (width + GAP), top, width))
        top += max(map(height, line))
    kinds = {bar.kind for panel in panels for bar in panel.bars}
    body.append(legend(kinds, top + 14))
    total = top + LEGEND
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {total:.0f}" width="{WIDTH}"'
            f' height="{total:.0f}" role="img" aria-label="{escape(title)}">',
            f"<style>{STYLE}</style>",
            f'<rect class="card" x="0.5" y="0.5" width="{WIDTH - 1}" height="{total - 1:.0f}" rx="10"/>',
            text(MARGIN, 36, title, "title"),
            text(MARGIN, 58, subtitle, "muted"),
            *body,
            "</svg>\n",
        ]
    )


def height(panel: Panel) -> float:
    return HEADING + ROW * len(panel.bars) + AXIS + 14


def drawn(panel: Panel, left: float, top: float, width: float) -> str:
    """One panel: labels, then bars, then what they are worth."""
    bars = sorted(panel.bars, key=lambda bar: bar.value)
    labels = max(CHARACTER * len(bar.label) * (BOLD if bar.kind == "bowsprit" else 1) for bar in bars) + 10
    values = CHARACTER * max(len(bar.text) for bar in bars) + 12
    axis = Axis.over([bar.value for bar in bars], left + labels, width - labels - values)
    rows = top + HEADING
    bottom = rows + ROW * len(bars)
    parts = [text(left, top + 14, panel.heading, "heading")]
    for tick in axis.ticks():
        x = axis.at(tick)
        parts.append(f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="{rows}" y2="{bottom}"/>')
        parts.append(text(x, bottom + 15, number(tick), "tick", "middle"))
    scale = f"{panel.unit}, logarithmic" if axis.logarithmic else panel.unit
    parts.append(text(left + width, top + 14, scale, "tick", "end"))
    if panel.reference:
        name, value = panel.reference
        x = axis.at(value)
        parts.append(f'<line class="reference" x1="{x:.1f}" x2="{x:.1f}" y1="{rows - 3}" y2="{bottom}"/>')
        parts.append(text(x, rows - 7, name, "tick", "middle"))
    for index, bar in enumerate(bars):
        parts += row(bar, axis, left + labels, rows + ROW * index)
    return "\n".join(parts)


def row(bar: Bar, axis: "Axis", left: float, top: float) -> list[str]:
    middle = top + ROW / 2
    end = max(axis.at(bar.value), left + 2)
    strong = "strong" if bar.kind == "bowsprit" else ""
    return [
        text(left - 10, middle + 4.5, bar.label, strong, "end"),
        f'<rect class="{bar.kind}" x="{left:.1f}" y="{middle - BAR / 2:.1f}" width="{end - left:.1f}"'
        f' height="{BAR}" rx="2.5"/>',
        text(end + 7, middle + 4.5, bar.text, f"value {strong}"),
    ]


@dataclass(frozen=True)
class Axis:
    """Where a value lies."""

    low: float
    high: float
    left: float
    width: float
    logarithmic: bool

    @classmethod
    def over(cls, values: list[float], left: float, width: float) -> "Axis":
        positive = [value for value in values if value > 0] or [1.0]
        low, high = min(positive), max(positive)
        logarithmic = high / low > RATIO_FOR_LOGARITHMIC
        # A bar must be seen, so a logarithmic axis starts a little below the smallest.
        return cls(low * 0.5 if logarithmic else 0, high, left, width, logarithmic)

    def at(self, value: float) -> float:
        if not self.logarithmic:
            return self.left + self.width * max(value, 0) / self.high
        share = math.log(max(value, self.low) / self.low) / math.log(self.high / self.low)
        return self.left + self.width * share

    def ticks(self) -> list[float]:
        """As many round numbers as have room."""
        choices = self.logarithmic_ticks() if self.logarithmic else self.linear_ticks()
        return next((ticks for ticks in choices if self.have_room(ticks)), [])

    def logarithmic_ticks(self) -> Iterator[list[float]]:
        decades = range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1)
        for factors, every in (((1, 2, 5), 1), ((1, 3), 1), ((1,), 1), ((1,), 2)):
            ticks = [factor * 10.0**decade for decade in decades[::every] for factor in factors]
            yield [tick for tick in ticks if self.low <= tick <= self.high]

    def linear_ticks(self) -> Iterator[list[float]]:
        power = 10.0 ** math.floor(math.log10(self.high / 10))
        for factor in (1, 2, 5, 10, 20, 50, 100):
            step = factor * power
            yield [step * count for count in range(int(self.high / step) + 1)]

    def have_room(self, ticks: list[float]) -> bool:
        places = [(self.at(tick), DIGIT * len(number(tick)) / 2 + 7) for tick in ticks]
        return all(x + half <= next_x - next_half for (x, half), (next_x, next_half) in pairwise(places))


def legend(kinds: set[str], top: float) -> str:
    parts, x = [], float(MARGIN)
    for kind, name in KINDS.items():
        if kind in kinds:
            parts.append(f'<rect class="{kind}" x="{x}" y="{top - 10}" width="12" height="12" rx="2.5"/>')
            parts.append(text(x + 18, top + 0.5, name, "muted"))
            x += 18 + CHARACTER * len(name) + 16
    return "\n".join(parts)


def text(x: float, y: float, content: str, style: str = "", anchor: str = "start") -> str:
    anchored = "" if anchor == "start" else f' text-anchor="{anchor}"'
    classes = f' class="{style.strip()}"' if style.strip() else ""
    return f'<text x="{x:.1f}" y="{y:.1f}"{classes}{anchored}>{escape(content)}</text>'


def number(value: float) -> str:
    """A tick: no more digits than it needs."""
    return f"{value:,.0f}" if value >= 10 or value == int(value) else f"{value:.3g}"
