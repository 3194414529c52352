#!/usr/bin/env python3
"""Compares what the suite said of each case with expected.csv; fails on any difference.

    verdicts.py FOLDER [--group GROUP ...] [--face FACE ...] [--accept] [--write FILE]

FOLDER has the reports (every index.json below it is read), whose agents are the faces, over TLS with
`-tls` behind the name. --group and --face are those of run.py. With --accept the reports become the
expectation. With --write FILE gets tables of all that is in FOLDER.
"""

import argparse
import csv
import json
import re
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable
from pathlib import Path

HERE = Path(__file__).resolve().parent
EXPECTED = HERE / "expected.csv"

FACES = ("handlers", "async", "client")
TLS = "-tls"

CHAPTERS = {
    "1": "framing",
    "2": "ping and pong",
    "3": "reserved bits",
    "4": "opcodes",
    "5": "fragmentation",
    "6": "UTF-8",
    "7": "closing",
    "9": "limits and performance",
    "10": "auto-fragmentation",
    "12": "permessage-deflate: data",
    "13": "permessage-deflate: parameters",
}
FAST = ("1", "2", "3", "4", "5", "6", "7", "10")
# In the order in which their jobs are run: the longest first.
GROUPS = {"deflate": ("12", "13"), "limits": ("9",), "fast": FAST, "tls": FAST}
USUAL_GROUPS = ("deflate", "fast", "tls")

# Of each agent, the verdict on each case.
Verdicts = dict[str, dict[str, str]]


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    add_selection(parser)
    parser.add_argument("--accept", action="store_true")
    parser.add_argument("--write", type=Path, metavar="FILE")
    arguments = parser.parse_args()
    found = read_reports([arguments.folder])
    if arguments.write:
        arguments.write.write_text(document(found), encoding="utf-8")
    if arguments.accept:
        accept(found)
    return judge(found, arguments.group, arguments.face)


def add_selection(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--group", nargs="+", choices=(*GROUPS, "all"), default=USUAL_GROUPS,
        help=f"which cases (default: {' '.join(USUAL_GROUPS)}); tls is the fast ones over TLS",
    )
    parser.add_argument(
        "--face", nargs="+", choices=FACES, default=FACES, help="which side of the library (default: all)"
    )


def select(groups: Iterable[str], faces: Iterable[str]) -> list[tuple[str, str, list[str]]]:
    """Agent, group and cases of what these options ask for."""
    selected = []
    for group, chapters in GROUPS.items():
        if group in groups or "all" in groups:
            cases = [case for case in read_expected() if chapter(case) in chapters]
            tls = TLS if group == "tls" else ""
            selected += [(face + tls, group, cases) for face in FACES if face in faces]
    return selected


def judge(found: Verdicts, groups: Iterable[str], faces: Iterable[str]) -> int:
    """Prints how many cases ended how, and each difference. Returns the exit status."""
    expected = read_expected()
    wanted = defaultdict(list)
    for agent, _, cases in select(groups, faces):
        wanted[agent] += cases
    failed = 0
    for agent, cases in wanted.items():
        got = {case: found.get(agent, {}).get(case, "nothing") for case in cases}
        print(f"{agent}: {len(cases)} cases, {count(got)}")
        differences = defaultdict(list)
        for case, verdict in got.items():
            should = expected[case][face_of(agent)]
            if verdict != should:
                differences[f"{verdict} instead of {should}"].append(case)
                failed += 1
        for difference, differing in differences.items():
            print(f"  {difference}: {' '.join(shorten(differing, cases))}")
    print(f"{failed} verdicts differ from {EXPECTED.name}" if failed else "all verdicts are as expected")
    return 1 if failed else 0


def accept(found: Verdicts) -> None:
    expected = read_expected()
    for face in FACES:
        for case, verdict in found.get(face, {}).items():
            expected[case][face] = verdict
    with EXPECTED.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, ("case", *FACES), lineterminator="\n")
        writer.writeheader()
        writer.writerows({"case": case} | faces for case, faces in expected.items())


def read_expected() -> dict[str, dict[str, str]]:
    """The verdicts on each case, by face."""
    with EXPECTED.open(newline="", encoding="utf-8") as file:
        return {row.pop("case"): row for row in csv.DictReader(file)}


def read_reports(folders: Iterable[Path]) -> Verdicts:
    found = defaultdict(dict)
    for path in (path for folder in folders for path in folder.rglob("index.json")):
        for agent, cases in json.loads(path.read_text(encoding="utf-8")).items():
            found[agent] |= {case: combine(result) for case, result in cases.items()}
    return found


def combine(result: dict[str, str]) -> str:
    """One word for both: how the peer behaved, and how it closed."""
    behavior, close = result["behavior"], result["behaviorClose"]
    return behavior if behavior == close else f"{behavior}/{close}"


def document(found: Verdicts) -> str:
    version = re.search(r"^autobahntestsuite==(.+)$", (HERE / "requirements.txt").read_text(), re.M)[1]
    head = f"""# Verdicts of the Autobahn TestSuite {version}

`handlers` and `async` are the two faces of the server, `client` is the client, `{TLS}` is over TLS.
[README.md](README.md) says why three cases are INFORMATIONAL. Made by

    cargo build --release -p bowsprit --example conformance_server --example conformance_client
    conformance/run.py --group all
    conformance/verdicts.py target/conformance --group all --write conformance/VERDICTS.md
"""
    agents = [face + tls for tls in ("", TLS) for face in FACES]
    return head + "".join(section(agent, found[agent]) for agent in agents if agent in found)


def section(agent: str, verdicts: dict[str, str]) -> str:
    columns = sorted(set(verdicts.values()), key=lambda verdict: (verdict != "OK", verdict))
    lines = [f"\n## {agent}\n", row("group", "cases", *columns), row("---", *["---:"] * (1 + len(columns)))]
    rows = {f"{number} {title}": (number,) for number, title in CHAPTERS.items()} | {"all": tuple(CHAPTERS)}
    for name, chapters in rows.items():
        counts = Counter(verdict for case, verdict in verdicts.items() if chapter(case) in chapters)
        if counts:
            lines.append(row(name, sum(counts.values()), *(counts[verdict] or "" for verdict in columns)))
    others = [f"{case} {verdict}" for case, verdict in sorted_by_case(verdicts) if verdict != "OK"]
    lines.append(f"\nNot OK: {', '.join(others) or 'none'}.")
    return "\n".join(lines) + "\n"


def row(*cells: object) -> str:
    return f"| {' | '.join(map(str, cells))} |"


def count(verdicts: dict[str, str]) -> str:
    return ", ".join(f"{number} {verdict}" for verdict, number in Counter(verdicts.values()).most_common())


def shorten(some: list[str], cases: list[str]) -> Iterable[str]:
    """The names of some of these cases, whole chapters as `6.*`."""
    rest = {chapter(case) for case in cases if case not in some}
    return dict.fromkeys(case if chapter(case) in rest else f"{chapter(case)}.*" for case in some)


def chapter(case: str) -> str:
    return case.split(".")[0]


def face_of(agent: str) -> str:
    return agent.removesuffix(TLS)


def sorted_by_case(verdicts: dict[str, str]) -> list[tuple[str, str]]:
    return sorted(verdicts.items(), key=lambda item: [int(number) for number in item[0].split(".")])


if __name__ == "__main__":
    sys.exit(main())
