"""Whether what the documents say of tests is so. Usage: python3 docs/check/tests.py

Every test that docs/**/*.md or SECURITY.md names must exist. In docs/explanation/security/rfc.md every rule needs an id of its
own, and a test or a reason; docs/explanation/security/catalogue*.md together have each of the numbers 1 to 70 once.
"""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CRATES = {"proto": "bowsprit-proto", "bowsprit": "bowsprit", "cli": "bowsprit-cli"}
# `proto::limits::refuses_…`, and `bowsprit/tests/attacks/frames.rs::name`
BY_MODULE = re.compile(r"`(proto|bowsprit|cli)((?:::[a-z0-9_]+)+)::([a-z0-9_]+)`")
BY_PATH = re.compile(r"`([\w./-]+\.(?:rs|py|mjs|sh))::(\w+)`")
REASON = re.compile(r"\*\*(?:the caller's|not ours)\*\*")
RULE = re.compile(r"^\| ((?:6455|7692)-[\d.]+-\d+) \|")
# The number begins a row, or a heading.
NUMBER = re.compile(r"^(?:\||#+) \**(\d+)\b(?!\.\d)")


def named_tests(text):
    """What the text names: as it stands there, the files that may have it, the function."""
    for name in BY_MODULE.finditer(text):
        crate, modules, function = name.groups()
        place = f"crates/{CRATES[crate]}/tests/it{modules.replace('::', '/')}"
        yield name.group(), [f"{place}.rs", f"{place}/mod.rs"], function
    for name in BY_PATH.finditer(text):
        path, function = name.groups()
        first, _, rest = path.partition("/")
        places = [path, f"crates/{path}"]
        if first in CRATES:
            places.append(f"crates/{CRATES[first]}/{rest}")
        yield name.group(), places, function


def exists(places, function):
    defined = re.compile(rf"\b(?:fn|def|function) {function}\b")
    files = (ROOT / place for place in places)
    return any(defined.search(file.read_text()) for file in files if file.is_file())


def missing_tests(pages):
    for page in pages:
        # Elsewhere what looks so may be a path of the library's, or a target of its log.
        strict = page.parent.name == "security" or page.parent == ROOT
        for line, text in enumerate(page.read_text().splitlines(), 1):
            for name, places, function in named_tests(text):
                may_be_other = not strict and not any((ROOT / place).is_file() for place in places)
                if not may_be_other and not exists(places, function):
                    yield f"{page.relative_to(ROOT)}:{line}: there is no test {name}"


def bad_rules(page):
    seen = set()
    for text in page.read_text().splitlines():
        rule = RULE.match(text)
        if not rule:
            continue
        if rule[1] in seen:
            yield f"{page.name}: {rule[1]} is there twice"
        seen.add(rule[1])
        shown_by = text.rstrip(" |").rpartition(" | ")[2]
        if not REASON.search(shown_by) and not any(named_tests(shown_by)):
            yield f"{page.name}: {rule[1]} has neither a test nor a reason"
    if not seen:
        yield f"{page.name}: there are no rules"


def bad_numbers(pages):
    lines = [line for page in pages for line in page.read_text().splitlines()]
    numbers = [int(number[1]) for line in lines if (number := NUMBER.match(line))]
    for number in range(1, 71):
        if numbers.count(number) != 1:
            yield f"catalogue: number {number} is there {numbers.count(number)} times"


def main():
    security = ROOT / "docs" / "explanation" / "security"
    pages = sorted((ROOT / "docs").rglob("*.md")) + [ROOT / "SECURITY.md"]
    faults = [
        *missing_tests(pages),
        *bad_rules(security / "rfc.md"),
        *bad_numbers(sorted(security.glob("catalogue*.md"))),
    ]
    print("\n".join(faults) or f"{len(pages)} pages: every test that they name exists")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
