#!/usr/bin/env python3
"""Guards what the core costs: user-space instructions per message, against the table instructions.csv.

    instructions.py [--update]

Callgrind counts them, so load and clock do not matter, but the toolchain does: with another one than the
table names nothing is compared. A count that is far below its line fails, too, so that the table stays
true; --update writes what was counted. A path is added as a line with the number 1. What a path is, the
example message_cost of bowsprit-proto says.
"""

import argparse
import os
import platform
import re
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
TABLE = HERE / "instructions.csv"
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")).resolve()
BUILD = ("cargo", "build", "--release", "--locked", "-p", "bowsprit-proto", "--example", "message_cost")
CALLGRIND = ("valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null")
# Start-up cancels out between a run with few messages and one with many.
FEW, MANY = 10_000, 20_000
TOLERANCE = 0.03
COLUMNS = "path,instructions"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--update", action="store_true", help="write the table anew")
    update = parser.parse_args().update
    if not shutil.which("valgrind"):
        sys.exit("valgrind is missing: apt-get install valgrind")
    head, limits = read_table()
    tools = toolchain()
    if "avx2" not in processor_flags():
        return skipped("this processor has no AVX2")
    if head != tools and not update:
        return skipped(f"the table is of {head}, here is {tools}")
    subprocess.run((*BUILD, "--target-dir", str(TARGET)), cwd=ROOT, check=True)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        counts = dict(zip(limits, pool.map(cost, limits)))
    if update:
        lines = (f"{path},{count}\n" for path, count in counts.items())
        TABLE.write_text(f"# {tools}\n{COLUMNS}\n{''.join(lines)}")
        print(f"written: {TABLE}")
        return 0
    verdicts = [verdict(path, counts[path], limit) for path, limit in limits.items()]
    return 0 if all(verdicts) else 1


def read_table() -> tuple[str, dict[str, int]]:
    """The toolchain that it is of, and its lines."""
    head, columns, *lines = TABLE.read_text().splitlines()
    if columns != COLUMNS:
        sys.exit(f"{TABLE}: its second line should be {COLUMNS}")
    rows = (line.split(",") for line in lines)
    return head.removeprefix("# "), {path: int(count) for path, count in rows}


def toolchain() -> str:
    """What the counts depend on. The C library, whose copies count, comes with valgrind's distribution."""
    version = re.match(r"rustc \S+", said("rustc", "--version"))
    return f"{version.group() if version else 'no rustc'}, {said('valgrind', '--version')}, {platform.machine()}"


def processor_flags() -> list[str]:
    """Valgrind's processor has only what the real one has."""
    found = re.search(r"^flags\s*:(.*)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return found.group(1).split() if found else []


def skipped(reason: str) -> int:
    print(f"!!! NOT COMPARED: {reason}. Only `bench/instructions.py --update` makes a table for another toolchain.")
    return 0


def cost(path: str) -> int:
    return round((instructions(path, MANY) - instructions(path, FEW)) / (MANY - FEW))


def instructions(path: str, messages: int) -> int:
    """Of the driver's whole life."""
    driver = TARGET / "release/examples/message_cost"
    told = subprocess.run((*CALLGRIND, str(driver), path, str(messages)), capture_output=True, text=True)
    collected = re.search(r"Collected : (\d+)", told.stderr)
    if told.returncode or not collected:
        sys.exit(f"{path}: {told.stderr}")
    return int(collected.group(1))


def verdict(path: str, count: int, limit: int) -> bool:
    change = count / limit - 1
    if change > TOLERANCE:
        word = "TOO MANY"
    elif change < -TOLERANCE:
        word = "FEWER: lower the table with `bench/instructions.py --update`"
    else:
        word = "ok"
    print(f"{path:<28} {count:>6} instructions, {limit:>6} in the table ({change:+.1%}) {word}")
    return word == "ok"


def said(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


if __name__ == "__main__":
    sys.exit(main())
