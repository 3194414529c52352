"""Whether the programs that the documents show are those of the repository.

Usage: python3 docs/check/programs.py [--write]

In every Markdown file, a comment on the line before a code block says what the block is:

  <!-- from: PATH -->   lines of that file, as they follow each other there, with any indentation. A line that is only `…`
                        (also as a comment: `// …`) stands for lines left out.
  <!-- whole: PATH -->  all of the file. --write puts it there.

PATH begins at the repository's root. Every block of Rust needs one of the two, or is compiled with the documentation:
crates/*/src include its page, and the block is not marked `ignore`. In the tutorial it always needs one of the two.
"""

import re
import sys
from textwrap import dedent

from pages import DOCS, ROOT, blocks, pages

TUTORIAL = DOCS / "tutorial"
CLAIM = re.compile(r"\s*<!-- (from|whole): (\S+) -->\s*$")
LEFT_OUT = re.compile(r"\s*(?://|#|--)? ?…$")
INCLUDED = re.compile(r'include_str!\("((?:\.\./)+[^"]*\.md)"\)')


def pieces(text):
    """What stands between the marks of left-out lines, each piece without blank lines around it."""
    piece = []
    for line in [*text, "…"]:
        if not LEFT_OUT.match(line):
            piece.append(line)
            continue
        stripped = dedent("\n".join(piece)).strip("\n")
        if stripped:
            yield stripped.split("\n")
        piece = []


def place(piece, source, start):
    """The line after the first place from `start` on that has the piece, or None."""
    for first in range(start, len(source) - len(piece) + 1):
        part = dedent("\n".join(source[first : first + len(piece)])).split("\n")
        if part == piece:
            return first + len(piece)
    return None


def fault_of_snippet(block, source):
    start = 0
    for piece in pieces(block.text):
        after = place(piece, source, start)
        if after is None:
            where = "" if place(piece, source, 0) is None else " at that place"
            # The longest beginning that is there: what follows it is where the two part.
            good = max(n for n in range(len(piece)) if n == 0 or place(piece[:n], source, start) is not None)
            return f"not in the file{where}: {piece[good].strip()}"
        start = after
    return None


def read(path):
    return [line.rstrip() for line in path.read_text().splitlines()]


def faults_of_claim(block, kind, path, write):
    """What is wrong with a block that claims to be (of) a file; with `write`, one that is to be all of it is not asked."""
    file = ROOT / path
    if not file.is_file():
        yield f"there is no file {path}"
    elif kind == "from":
        fault = fault_of_snippet(block, read(file))
        if fault:
            yield f"{path}: {fault}"
    elif not write and block.text != read(file):
        yield f"{path} is different, and python3 docs/check/programs.py --write puts it here"


def faults_of_page(page, lines, compiled, write):
    claimed = set()
    for block in blocks(lines):
        # What looks like a claim inside a block is none.
        claimed.update(range(block.first, block.last + 1))
        claim = CLAIM.match(block.before)
        if claim:
            claimed.add(block.first - 1)
            for fault in faults_of_claim(block, *claim.groups(), write):
                yield block.first, fault
        elif block.language == "rust":
            if TUTORIAL in page.parents:
                yield block.first, "Rust in the tutorial needs a comment `from:` or `whole:` before it"
            elif "ignore" in block.info:
                yield block.first, "Rust that is not compiled needs a comment `from:` or `whole:` before it"
            elif page not in compiled:
                yield block.first, "Rust is compiled only on pages that crates/bowsprit/src/guides.rs includes"
    for number, line in enumerate(lines):
        if CLAIM.match(line) and number not in claimed:
            yield number, "a code block has to follow on the next line"


def written(lines):
    """The page with the whole programs as they are now."""
    result, done = [], 0
    for block in blocks(lines):
        claim = CLAIM.match(block.before)
        if claim and claim[1] == "whole" and (ROOT / claim[2]).is_file():
            result += lines[done : block.first + 1]
            result += [(block.indentation + line).rstrip() for line in read(ROOT / claim[2])]
            done = block.last
    return result + lines[done:]


def compiled_pages():
    """The pages whose Rust is compiled and run with the tests of the documentation."""
    for source in (ROOT / "crates").glob("*/src/**/*.rs"):
        for path in INCLUDED.findall(source.read_text()):
            yield (source.parent / path).resolve()


def main():
    write = sys.argv[1:] == ["--write"]
    if sys.argv[1:] and not write:
        sys.exit("usage: python3 docs/check/programs.py [--write]")
    compiled = set(compiled_pages())
    faults, shown = [], 0
    for page in pages():
        text = page.read_text()
        lines = text.splitlines()
        if write:
            new = "\n".join(written(lines)) + "\n"
            if new != text:
                page.write_text(new)
                lines = new.splitlines()
                print(f"{page.relative_to(ROOT)}: written")
        shown += sum(bool(CLAIM.match(block.before)) for block in blocks(lines))
        found = faults_of_page(page, lines, compiled, write)
        faults += [f"{page.relative_to(ROOT)}:{number + 1}: {fault}" for number, fault in found]
    print("\n".join(faults) or f"{shown} blocks are as in the files that they name")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
