"""Records a session of the program at a terminal as docs/pictures/session.svg.

Usage: python3 docs/pictures/session.py PROGRAM [--check]

PROGRAM is `target/debug/bowsprit`, for example. It is run for real and typed at; what it prints is drawn in its
colours, and shown at the pace of a person. With --check nothing is written: the session is had again, and must print
what the picture shows, but for times. Needs interop/requirements.txt, and the port 9002.
"""

import argparse
import difflib
import os
import re
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree
from xml.sax.saxutils import escape

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parents[1] / "interop"))

from terminal import COLUMNS, ENTER, PROMPT, Terminal

PICTURE = HERE / "session.svg"
COMMAND = "bowsprit --serve"

# What is typed, and what the last line that it causes looks like: the network answers in its own time.
STEPS = [
    ("connect ws://localhost:9002", "0 open"),
    ("send 0 hello, harbour", "0 << .*hello"),
    ("send 0 --hex 00ff10", "0 << binary"),
    ("ping 0", "0 pong"),
    ("connect --name pilot ws://localhost:9002/pilot", r"1 \(pilot\) open"),
    ("send all high water at noon", "<< .*noon"),
    ("show pilot", "> Sent:"),
    ("connect wss://localhost:9002", "2 failed"),
    ("close pilot 4001 going ashore", r"1 \(pilot\) closed"),
    ("list", "> 2 "),
]
# How many lines of the last kind there are, where it is not one.
TWICE = {"send all high water at noon": 2}

# Times, and what is counted by the second.
TIME = re.compile(r"\b\d+(\.\d+)?( ?(µs|ms|s)|/s)\b")

# Seconds, as a person takes them: in the picture, and for its recording, whose times it shows.
PER_KEY, BEFORE_ANSWER, PER_LINE, TO_READ = 0.045, 0.3, 0.08, 1.3

# Pixels; the width of a character is that of common fonts at this size, and every line is set to it.
CHARACTER, FONT, LINE, MARGIN, BAR, ROWS = 7.2, 12, 17, 20, 34, 27

STYLE = """
.frame { fill: #ffffff; stroke: #d8dee6 }
.bar { fill: #f1f4f7 }
.dot { fill: #c8d0d9 }
text { font: 12px ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace; fill: #1f2a37;
  white-space: pre }
.name { fill: #64748b }
.green { fill: #1a7f37 } .red { fill: #c62f2f } .brown { fill: #8f5b00 } .cyan { fill: #0b7285 }
.prompt { fill: #64748b }
.b { font-weight: bold }
@media (prefers-color-scheme: dark) {
  .frame { fill: #12181f; stroke: #2b3642 } .bar { fill: #1b232c } .dot { fill: #3b4754 }
  text { fill: #e6edf3 } .name, .prompt { fill: #94a3b4 }
  .green { fill: #56d364 } .red { fill: #ff7b72 } .brown { fill: #e3b341 } .cyan { fill: #56d4dd }
}
@media (prefers-reduced-motion: no-preference) {
  .line { animation: come 1ms backwards }
  .typed { animation: type 1s backwards }
  .paper { animation: scroll %(total).2fs step-end backwards }
}
@keyframes come { from { visibility: hidden } }
@keyframes type { from { clip-path: inset(-4px 100%% -4px 0) } to { clip-path: inset(-4px 0 -4px 0) } }
@keyframes scroll { %(scroll)s }
"""


@dataclass
class Step:
    """What is typed, and the lines that follow: pieces of text with their colour and weight."""

    typed: str
    lines: list[list[tuple[str, str]]] = field(default_factory=list)

    def text(self) -> list[str]:
        """Without what differs from run to run: times, the columns that they widen, and who answers first."""
        lines = ["".join(text for text, _ in line) for line in self.lines]
        lines = [re.sub(" +", " ", TIME.sub("⌚", line)).rstrip() for line in lines]
        answers = sorted(line for line in lines if " << " in line)
        return [answers.pop(0) if " << " in line else line for line in lines]


def record(program: Path, hurried: bool) -> list[Step]:
    """Has the session, at the pace of a person unless it is hurried."""
    with tempfile.TemporaryDirectory() as home:
        environment = {"HOME": home, "XDG_STATE_HOME": home, "BOWSPRIT_CONFIG": "", "TERM": "xterm-256color"}
        environment |= {"LC_ALL": "C.UTF-8", "PATH": os.environ["PATH"]}
        with Terminal(program, "--serve", environment=environment) as terminal:
            terminal.wait_for(lambda: terminal.shows(""), "the first prompt")
            steps = [Step("", painted(terminal)[:-1])]
            seen = len(steps[0].lines)
            for typed, last in STEPS:
                if not hurried:
                    time.sleep(TO_READ + PER_KEY * len(typed))
                terminal.enter(typed)
                wanted = TWICE.get(typed, 1)
                terminal.wait_for(lambda: count(terminal, seen, last) == wanted, f"{wanted} lines like {last}")
                lines = painted(terminal)[seen + 1 : -1]
                steps.append(Step(typed, lines))
                seen += 1 + len(lines)
            terminal.type("quit", ENTER)
            terminal.end()
    return steps


def count(terminal: Terminal, seen: int, last: str) -> int:
    """How many lines of this kind there are behind those that were seen, once the prompt is back."""
    return terminal.shows("") and sum(
        re.match(f"(> )?.*{last}", line) is not None for line in terminal.lines()[seen + 1 :]
    )


def painted(terminal: Terminal) -> list[list[tuple[str, str]]]:
    """All lines so far, the prompt's included: pieces of text, each with its classes."""
    screen = terminal.screen
    rows = [*screen.history.top, *(screen.buffer[row] for row in range(screen.cursor.y + 1))]
    lines = []
    for row in rows:
        pieces: list[tuple[str, str]] = []
        for cell in (row[column] for column in range(COLUMNS)):
            classes = " ".join(
                name for name in (cell.fg if cell.fg != "default" else "", "b" if cell.bold else "") if name
            )
            if pieces and pieces[-1][1] == classes:
                pieces[-1] = (pieces[-1][0] + cell.data, classes)
            else:
                pieces.append((cell.data, classes))
        pieces[-1] = (pieces[-1][0].rstrip(), pieces[-1][1])
        lines.append([piece for piece in pieces if piece[0]])
    return lines


class Paper:
    """Lines as they are drawn: each comes at its time, and the paper moves up when the window is full."""

    def __init__(self) -> None:
        self.parts: list[str] = []
        self.clock = 0.6
        self.row = 0
        # When the paper moves, and how far up it is from then on.
        self.moves: dict[float, int] = {}

    def line(self, pieces: list[tuple[str, str]], column: int, style: str, keys: str = "") -> None:
        if up := max(0, self.row + 1 - ROWS) * LINE:
            self.moves[self.clock] = up
        text = "".join(span(*piece) for piece in pieces)
        length = sum(len(text) for text, _ in pieces) * CHARACTER
        x, y = MARGIN + column * CHARACTER, self.row * LINE + LINE - 4
        place = f'x="{x:.1f}" y="{y}" textLength="{length:.1f}"'
        self.parts.append(
            f'<text class="{style}" {place} style="animation-delay:{self.clock:.2f}s{keys}">{text}</text>'
        )

    def step(self, step: Step) -> None:
        prompt, typed = (PROMPT, step.typed) if step.typed else ("$ ", COMMAND)
        seconds = PER_KEY * len(typed)
        self.parts.append(f'<g data-typed="{escape(step.typed)}">')
        self.line([(prompt.rstrip(), "prompt")], 0, "line")
        self.clock += 0.4
        keys = f";animation-duration:{seconds:.2f}s;animation-timing-function:steps({len(typed)})"
        self.line([(typed, "")], len(prompt), "typed", keys)
        self.clock += seconds + BEFORE_ANSWER
        self.row += 1
        for pieces in step.lines:
            if pieces:
                self.line(pieces, 0, "line out")
            self.row += 1
            self.clock += PER_LINE
        self.parts.append("</g>")
        self.clock += TO_READ

    def style(self) -> str:
        moves = (f"{100 * at / self.clock:.1f}% {{ transform: translateY({-up}px) }}" for at, up in self.moves.items())
        return STYLE % {"total": self.clock, "scroll": " ".join(["0% { transform: none }", *moves])}


def span(text: str, classes: str) -> str:
    return f'<tspan class="{classes}">{escape(text)}</tspan>' if classes else escape(text)


def drawn(steps: list[Step]) -> str:
    paper = Paper()
    for step in steps:
        paper.step(step)
    up = max(paper.moves.values(), default=0)
    width, height = 2 * MARGIN + COLUMNS * CHARACTER, BAR + ROWS * LINE + 18
    dots = "".join(f'<circle class="dot" cx="{MARGIN + 4 + 16 * number}" cy="17" r="5"/>' for number in range(3))
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height}" width="{width:.0f}" '
            f'height="{height}" xml:space="preserve" role="img" aria-labelledby="title desc">',
            '<title id="title">A session of bowsprit</title>',
            '<desc id="desc">At one prompt two connections are opened, messages sent to one and to both, a ping '
            "measured, a connection shown, a failure explained, a connection closed, and all of them listed.</desc>",
            f"<style>{paper.style()}</style>",
            f'<rect class="frame" x="0.5" y="0.5" width="{width - 1:.0f}" height="{height - 1}" rx="9"/>',
            f'<path class="bar" d="M1 {BAR}V10a9 9 0 0 1 9 -9H{width - 10:.0f}a9 9 0 0 1 9 9V{BAR}z"/>',
            dots,
            f'<text class="name" x="{width / 2:.0f}" y="21" text-anchor="middle">bowsprit</text>',
            f'<svg x="0" y="{BAR + 4}" width="{width:.0f}" height="{ROWS * LINE + 8}" overflow="hidden">',
            f'<g class="paper" style="transform:translateY({-up}px)">',
            *paper.parts,
            "</g>\n</svg>\n</svg>\n",
        ]
    )


def shown(picture: str) -> list[Step]:
    """The session that the picture shows."""
    steps = []
    for group in ElementTree.fromstring(picture).iter("{http://www.w3.org/2000/svg}g"):
        typed = group.get("data-typed")
        if typed is not None:
            lines = [text for text in group if text.get("class") == "line out"]
            steps.append(Step(typed, [[("".join(text.itertext()), "")] for text in lines]))
    return steps


def transcript(steps: list[Step]) -> list[str]:
    return [line for step in steps for line in (f"{PROMPT}{step.typed}", *filter(None, step.text()))]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("program", type=Path)
    parser.add_argument("--check", action="store_true", help="whether the picture still shows what is printed")
    options = parser.parse_args()
    recorded = record(options.program.resolve(), hurried=options.check)
    if not options.check:
        PICTURE.write_text(drawn(recorded))
        return 0
    before, now = transcript(shown(PICTURE.read_text())), transcript(recorded)
    sys.stdout.writelines(
        f"{line}\n" for line in difflib.unified_diff(before, now, "in the picture", "printed", lineterm="")
    )
    return int(before != now)


if __name__ == "__main__":
    sys.exit(main())
