"""Runs all sessions of the program against servers that nobody here wrote.

    python run.py [--only TEXT] [--tally FILE] PROGRAM SERVER_MJS

SERVER_MJS is the copy of server.mjs beside which node finds its packages. With --only, just the
checks that have TEXT in their names are run. The exit status is 1 if a check failed.
"""

import argparse
import signal
import sys
from itertools import chain
from pathlib import Path

import accident_sessions
import alike_sessions
import display_sessions
import fault_sessions
import load_sessions
import oneshot_sessions
import option_sessions
import pipe_sessions
import probe_sessions
import pty_sessions
import use_sessions
from lab import Tally, open_lab


def main() -> int:
    # A time limit from outside ends the run like a failure, so that nothing stays behind.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    arguments = parse_arguments()
    tally = Tally()
    lab, close = open_lab(arguments.program.resolve(), arguments.server_mjs)
    try:
        rooms = [
            pipe_sessions, oneshot_sessions, option_sessions, probe_sessions, pty_sessions, use_sessions,
            alike_sessions, display_sessions, accident_sessions, fault_sessions, load_sessions,
        ]
        for check in chain.from_iterable(room.checks(lab) for room in rooms):
            if arguments.only in check.name:
                tally.run(check)
    finally:
        close()
        if arguments.tally:
            arguments.tally.write_text(f"{tally.passed} {tally.failed}\n")
    print(f"interop: {tally.passed} of {tally.passed + tally.failed} checks passed")
    return 0 if tally.passed and not tally.failed else 1


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Runs the interop sessions.")
    parser.add_argument("program", type=Path)
    parser.add_argument("server_mjs", type=Path)
    parser.add_argument("--only", default="")
    parser.add_argument("--tally", type=Path)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
