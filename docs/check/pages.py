"""The Markdown of the repository: its pages, their titles, code blocks and links."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
# Build products, and what the checks install.
SKIPPED = {".git", ".venv", "__pycache__", "node_modules", "target"}
FENCE = re.compile(r"( *)(`{3,}|~{3,})\s*([^`]*)$")
# Code within a line, which has no links; or where the target of a link begins: `[text](target)`, `[name]: target`,
# `<img src="target"`.
LINK = re.compile(r"""(`+)(?!`).*?(?<!`)\1(?!`)|(\]\(<?|^ {0,3}\[[^\]]+\]:\s+<?|\b(?:href|src)=")([^\s)>"]+)""")


def files(folder):
    for file in sorted(folder.rglob("*")):
        if file.is_file() and not SKIPPED.intersection(file.relative_to(ROOT).parts):
            yield file


def pages(folder=ROOT):
    return (file for file in files(folder) if file.suffix == ".md")


class Block:
    """A fenced code block: the numbers of its fences' lines from 0, its text without the indentation of the fence."""

    def __init__(self, lines, first, last, fence):
        self.first, self.last = first, last
        self.indentation = fence[1]
        self.info = fence[3].strip()
        self.language = re.split(r"[\s,{]", self.info)[0]
        self.text = [line.removeprefix(fence[1]) for line in lines[first + 1 : last]]
        self.before = lines[first - 1] if first else ""


def blocks(lines):
    """The fenced blocks of a page. One that is never closed ends with the page."""
    opened = None
    for number, line in enumerate(lines):
        fence = FENCE.match(line)
        if not fence:
            continue
        if opened is None:
            opened = number, fence
        elif not fence[3] and fence[2].startswith(opened[1][2]):
            yield Block(lines, opened[0], number, opened[1])
            opened = None
    if opened:
        yield Block(lines, opened[0], len(lines), opened[1])


def title(lines):
    """What the page is called: its first line, which has to be a heading."""
    return lines[0].removeprefix("# ") if lines and lines[0].startswith("# ") else None


def with_targets(lines, target):
    """The page with each target of a link or picture replaced by `target` of it."""
    code = {number for block in blocks(lines) for number in range(block.first, block.last + 1)}

    def replaced(link):
        return link[0] if link[1] else link[2] + target(link[3])

    return [line if number in code else LINK.sub(replaced, line) for number, line in enumerate(lines)]


def targets(lines):
    found = []
    with_targets(lines, lambda target: found.append(target) or target)
    return found
