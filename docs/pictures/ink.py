"""What the drawings are made of: boxes, lines with arrows, and text, in one style for light and dark."""

from html import escape

WIDTH = 760

STYLE = """
.card { fill: #ffffff; stroke: #d8dee6 }
text { font: 13px system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; fill: #1f2a37 }
.head { font-weight: 650 }
.large { font-size: 15px; font-weight: 650 }
.small { font-size: 12px }
.muted { font-size: 12px; fill: #5b6878 }
.code { font: 12px ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace }
.hot { fill: #b8430a }
.box { fill: #f4f6f9; stroke: #aab6c4 }
.ours { fill: #fff1e8; stroke: #e8590c }
.band { fill: #f8fafc; stroke: #e2e8ef }
.dashed { fill: none; stroke: #7c8da0; stroke-dasharray: 5 4 }
.line { fill: none; stroke: #5b6878; stroke-width: 1.4 }
.mark { fill: none; stroke: #e8590c; stroke-width: 1.8 }
.thread { stroke: #aab6c4; stroke-dasharray: 2 4 }
.tip { fill: #5b6878 }
.marktip { fill: #e8590c }
@media (prefers-color-scheme: dark) {
  .card { fill: #12181f; stroke: #2b3642 }
  text { fill: #e6edf3 }
  .muted { fill: #a0afbf }
  .hot { fill: #ff9a57 }
  .box { fill: #1c252e; stroke: #4a5868 }
  .ours { fill: #33200f; stroke: #ff8a3d }
  .band { fill: #161d25; stroke: #232d38 }
  .dashed { stroke: #7c8da0 }
  .line { stroke: #a0afbf }
  .mark { stroke: #ff8a3d }
  .thread { stroke: #4a5868 }
  .tip { fill: #a0afbf }
  .marktip { fill: #ff8a3d }
}
"""


class Picture:
    """A card that things are drawn on; `title` and `description` are for who cannot see it."""

    def __init__(self, height: int, title: str, description: str) -> None:
        self.height, self.title, self.description = height, title, description
        self.parts: list[str] = []

    def box(self, x: float, y: float, width: float, height: float, style: str = "box", round: float = 7) -> None:
        self.parts.append(f'<rect class="{style}" x="{x}" y="{y}" width="{width}" height="{height}" rx="{round}"/>')

    def text(self, x: float, y: float, words: str, style: str = "", anchor: str = "start") -> None:
        """Lines of text, 17 pixels apart."""
        place = "" if anchor == "start" else f' text-anchor="{anchor}"'
        look = f' class="{style}"' if style else ""
        for number, line in enumerate(words.split("\n")):
            self.parts.append(f'<text x="{x}" y="{y + 17 * number}"{look}{place}>{escape(line, quote=False)}</text>')

    def named(
        self, x: float, y: float, width: float, height: float, name: str, below: str = "", style: str = "box"
    ) -> None:
        """A box with its name in the middle, and lines of small text below it."""
        self.box(x, y, width, height, style)
        lines = 1 + len(below.split("\n")) if below else 1
        first = y + height / 2 - 17 * (lines - 1) / 2 + 4.5
        self.text(x + width / 2, first, name, "head", "middle")
        if below:
            self.text(x + width / 2, first + 17, below, "small", "middle")

    def arrow(self, path: str, style: str = "line") -> None:
        """A line along `path` (as in SVG) with an arrow at its end."""
        tip = "hot" if "mark" in style else "cold"
        self.parts.append(f'<path class="{style}" d="{path}" marker-end="url(#{tip})"/>')

    def line(self, path: str, style: str = "line") -> None:
        self.parts.append(f'<path class="{style}" d="{path}"/>')

    def svg(self) -> str:
        tips = "".join(
            f'<marker id="{name}" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="8" markerHeight="8" '
            f'orient="auto-start-reverse" markerUnits="userSpaceOnUse"><path class="{style}" d="M0 1 10 5 0 9z"/></marker>'
            for name, style in (("cold", "tip"), ("hot", "marktip"))
        )
        return "\n".join(
            [
                f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {self.height}" width="{WIDTH}" '
                f'height="{self.height}" role="img" aria-labelledby="title desc">',
                f'<title id="title">{escape(self.title, quote=False)}</title>',
                f'<desc id="desc">{escape(self.description, quote=False)}</desc>',
                f"<style>{STYLE}</style>",
                f"<defs>{tips}</defs>",
                f'<rect class="card" x="0.5" y="0.5" width="{WIDTH - 1}" height="{self.height - 1}" rx="10"/>',
                *self.parts,
                "</svg>\n",
            ]
        )
