#!/usr/bin/env python3
"""Runs the fuzz targets, and adds up in executions.json what they have done.

    python3 fuzz/run.py --seconds 60             each target for a minute (of all, or of those named)
    python3 fuzz/run.py --until 100M --hours 8   those with fewer executions, in turns, at most so long
    python3 fuzz/run.py --pack                   corpora made small, and packed into seeds/
    python3 fuzz/run.py --table                  the sums into the table of docs/explanation/security/fuzzing.md

Needs cargo-fuzz to build. Corpora are kept in corpus/, or where --corpora says; what made a target
fail lies in artifacts/ afterwards.
"""

import argparse
import datetime
import fcntl
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import seeds

HERE = Path(__file__).resolve().parent
SUMS = HERE / "executions.json"
DOCUMENT = HERE.parent / "docs/explanation/security/fuzzing.md"

# Those that take the most executions to find anything, and are cheap, come first.
TARGETS = {
    "frames": 512,
    "requests": 1024,
    "responses": 1024,
    "close": 160,
    "uri": 512,
    "extensions": 256,
    "text": 512,
    "mask": 512,
    "proxies": 1024,
    "inflate": 512,
    "deflate": 256,
    "pair": 256,
    "stream": 256,
    "typed": 256,
    "argv": 256,
    "screen": 768,
    "scripts": 768,
    "json": 512,
    "records": 2048,
}

# A target runs so long before its sum is written down and the next one has its turn.
SLICE = 300

# Seconds for one input, MiB for all, MiB for one allocation.
BOUNDS = ["-timeout=10", "-rss_limit_mb=768", "-malloc_limit_mb=256"]


def amount(text):
    """100M, 5k or 12."""
    factor = {"k": 10**3, "M": 10**6, "G": 10**9}.get(text[-1:], 1)
    return int(float(text.rstrip("kMG")) * factor)


def options():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("targets", nargs="*", metavar="TARGET")
    how = parser.add_mutually_exclusive_group(required=True)
    how.add_argument("--seconds", type=int, help="run each target so long")
    how.add_argument("--until", type=amount, metavar="COUNT", help="run what has fewer executions than this")
    how.add_argument("--pack", action="store_true", help="make the corpora small, and seeds of them")
    how.add_argument("--table", action="store_true", help="write the sums into the document")
    parser.add_argument("--hours", type=float, default=1.0, help="with --until: at most so long (default: 1)")
    parser.add_argument("--jobs", type=int, default=1, help="so many targets at once (default: 1)")
    parser.add_argument("--asan", action="store_true", help="with AddressSanitizer, for what is unsafe beneath")
    parser.add_argument("--no-build", action="store_true", help="run what was built before")
    parser.add_argument("--corpora", type=Path, default=HERE / "corpus", metavar="DIR")
    chosen = parser.parse_args()
    unknown = set(chosen.targets) - set(TARGETS)
    if unknown:
        parser.error(f"no such target: {', '.join(sorted(unknown))} (there are {', '.join(TARGETS)})")
    chosen.targets = chosen.targets or list(TARGETS)
    return chosen


def build(asan):
    # A compiler that is no nightly one has to be told that it may do this.
    environment = {"RUSTC_BOOTSTRAP": "1", **os.environ}
    sanitizer = "address" if asan else "none"
    command = ["cargo", "fuzz", "build", "--fuzz-dir", str(HERE), "--sanitizer", sanitizer]
    subprocess.run(command, cwd=HERE, env=environment, check=True)


def programs():
    """The folder of the programs."""
    target = Path(os.environ.get("CARGO_TARGET_DIR", HERE / "target"))
    about = subprocess.run(["rustc", "-vV"], capture_output=True, text=True, check=True).stdout
    host = re.search(r"^host: (.+)$", about, re.MULTILINE)[1]
    return target / host / "release"


def corpus(folder, name):
    """The corpus of a target, which begins with its seeds."""
    corpus = folder / name
    packed = HERE / "seeds" / f"{name}.bin"
    if not corpus.is_dir():
        corpus.mkdir(parents=True)
        if packed.exists():
            seeds.unpack(packed, corpus)
    return corpus


def sums():
    return json.loads(SUMS.read_text()) if SUMS.exists() else {}


def add(name, executions, seconds, edges, failed):
    """Adds a run to the sums, also while others do."""
    with (HERE / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        all_sums = sums()
        one = all_sums.setdefault(name, {"executions": 0, "crashes": 0})
        one["executions"] += executions
        one["crashes"] += int(failed)
        one["edges"] = edges or one.get("edges", 0)
        one["per_second"] = round(executions / max(seconds, 0.1))
        one["date"] = datetime.date.today().isoformat()
        ordered = {name: all_sums[name] for name in TARGETS if name in all_sums}
        new = SUMS.with_suffix(".new")
        new.write_text(json.dumps(ordered, indent=1) + "\n")
        new.replace(SUMS)


def run(chosen, name, seconds):
    """One target for so long; whether it found nothing."""
    artifacts = HERE / "artifacts" / name
    artifacts.mkdir(parents=True, exist_ok=True)
    command = [
        str(programs() / name),
        f"-max_total_time={seconds}",
        f"-max_len={TARGETS[name]}",
        f"-artifact_prefix={artifacts}/",
        "-print_final_stats=1",
        "-reload=0",
        *BOUNDS,
        str(corpus(chosen.corpora, name)),
    ]
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(command, stdout=output, stderr=output)
        # Its own time, or a busy machine would make it seem slow.
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        told = output.read().decode(errors="replace")
    took = used.ru_utime + used.ru_stime
    counts = re.findall(r"^#(\d+)\s", told, re.MULTILINE)
    counts += re.findall(r"^stat::number_of_executed_units:\s+(\d+)", told, re.MULTILINE)
    executions = max(map(int, counts), default=0)
    edges = max(map(int, re.findall(r" cov: (\d+) ", told)), default=0)
    failed = process.returncode != 0
    add(name, executions, took, edges, failed)
    rate = executions / max(took, 0.1)
    print(f"{name:<11} {executions:>12,} executions  {rate:>9,.0f}/s  {edges:>5} edges", flush=True)
    if failed:
        print(told[-3000:], file=sys.stderr, flush=True)
    return not failed


def run_each(chosen):
    with ThreadPoolExecutor(chosen.jobs) as pool:
        return all(list(pool.map(lambda name: run(chosen, name, chosen.seconds), chosen.targets)))


def run_until(chosen):
    end = time.monotonic() + chosen.hours * 3600
    failed = set()

    def turn(name):
        left = int(end - time.monotonic())
        if left > 0 and not run(chosen, name, min(SLICE, left)):
            failed.add(name)

    with ThreadPoolExecutor(chosen.jobs) as pool:
        while time.monotonic() < end:
            done = sums()
            is_over = lambda name: done.get(name, {}).get("executions", 0) >= chosen.until
            todo = [name for name in chosen.targets if not is_over(name) and name not in failed]
            if not todo:
                break
            list(pool.map(turn, todo))
    return not failed


def pack(chosen):
    """Keeps of each corpus what reaches something of its own, and packs that."""
    for name in chosen.targets:
        old = corpus(chosen.corpora, name)
        new = old.with_suffix(".new")
        shutil.rmtree(new, ignore_errors=True)
        new.mkdir()
        command = [str(programs() / name), "-merge=1", f"-max_len={TARGETS[name]}", *BOUNDS, str(new), str(old)]
        done = subprocess.run(command, capture_output=True, text=True, errors="replace")
        if done.returncode != 0:
            print(done.stderr[-3000:], file=sys.stderr)
            return False
        shutil.rmtree(old)
        new.rename(old)
        seeds.pack(old)
    return True


def table():
    """Puts the sums into the last three columns of the document's table."""
    lines = DOCUMENT.read_text().splitlines()
    for name, one in sums().items():
        at = next(at for at, line in enumerate(lines) if line.startswith(f"| `{name}` |"))
        cells = lines[at].split(" | ")
        cells[-3:] = [f"{one['executions']:,}", f"{one['per_second']:,}", f"{one['edges']:,} |"]
        lines[at] = " | ".join(cells)
    DOCUMENT.write_text("\n".join(lines) + "\n")


def main():
    chosen = options()
    if chosen.table:
        return table()
    if not chosen.no_build:
        build(chosen.asan)
    if chosen.pack:
        ok = pack(chosen)
    elif chosen.until:
        ok = run_until(chosen)
    else:
        ok = run_each(chosen)
    sys.exit(0 if ok else 1)


if __name__ == "__main__":
    main()
