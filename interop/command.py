"""The command line of the scripts that take one program of the library's through checks."""

import argparse
import signal
import sys
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from pathlib import Path

from lab import Check, Tally


def run_checks(what: str, prepare: Callable[[Path, ExitStack], Iterable[Check]]) -> int:
    """Runs the checks that `prepare` makes for a program, and returns the exit status.

    With `--only TEXT` just those that have TEXT in their names, with `--tally FILE` the counts go to a
    file. What `prepare` pushes on the stack is ended with the run, however that ends.
    """
    # A time limit from outside ends the run like a failure, so that nothing stays behind.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    parser = argparse.ArgumentParser(description=f"Takes the library through the checks of {what}.")
    parser.add_argument("program", type=Path)
    parser.add_argument("--only", default="")
    parser.add_argument("--tally", type=Path)
    arguments = parser.parse_args()
    tally = Tally()
    with ExitStack() as stack:
        if arguments.tally:
            stack.callback(lambda: arguments.tally.write_text(f"{tally.passed} {tally.failed}\n"))
        for check in prepare(arguments.program, stack):
            if arguments.only in check.name:
                tally.run(check)
    print(f"{what}: {tally.passed} of {tally.passed + tally.failed} checks passed")
    return 0 if tally.passed and not tally.failed else 1
