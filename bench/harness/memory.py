"""The in-memory comparison: the program of bench/memory measures, here its lines are kept."""

import json
import subprocess

from .bench import Bench


def run(bench: Bench, part: str) -> None:
    program = bench.target / "release" / "memory"
    command = [str(program)] + ["--quick"] * bench.quick
    try:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    except OSError as error:
        bench.failure(part, "all", "all", error.strerror or "cannot start")
        return
    with process:
        for line in process.stdout:
            try:
                cell = json.loads(line)
            except ValueError:
                continue
            case = "{direction} {role} {payload} {size}".format_map(cell)
            bench.result(part, case, cell["peer"], f"{cell['ns_median']:.0f} ns", cost=cell["ns_median"], **cell)
    if process.returncode != 0:
        bench.failure(part, "all", "all", f"the program ended with status {process.returncode}")


def seconds(bench: Bench) -> float:
    return 15 if bench.quick else 150
