"""Whether the runs that the pages print come out so. Usage: python3 docs/check/runs.py PROGRAMS [PAGE...]

PROGRAMS is the folder of the built programs, `target/debug` for example, with the examples in `examples/`. Without
pages: all of docs/. A run is a `console` block with a comment on the line before it:

    <!-- run: tutorial_step4 ARGUMENTS -->   Lines that begin with `Enter Command: ` are typed at this program in a
                                             terminal, all others must be printed. `^[` is the escape key, and a
                                             prompt alone as the last line is Ctrl-D.
    <!-- goes on -->                         The next block of the same session.
    <!-- run -->                             Lines that begin with `$ ` are commands for a shell (`> ` goes on with
                                             one that is not complete), the others must be printed.
    <!-- not run: REASON -->                 Nothing is done.

All blocks of a page share a folder, empty at first, and a shell. `<!-- beside: COMMAND -->` starts a server and
waits until it listens; it runs until the next such line, of which `<!-- beside: nothing -->` starts none, and
`<!-- beside too: COMMAND -->` starts one more.

In what is printed `…` stands for any text within a line, and a time for any time. The network needs its time: a `show`
that differs is typed again until it fits, and nothing else is. After `> Created connection with id 0` the next line is
not typed before the connection is open or has failed, which `show 0` tells, unless the block has "Connecting" or "not
open yet" in it. What takes longer than 20 s has failed.

All of it happens in a network and among processes of its own, where every port is free.
"""

import fcntl
import os
import re
import socket
import struct
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from pages import DOCS, ROOT, blocks, pages
from sessions import Fault, Server, Session, Shell

ALONE = "BOWSPRIT_RUNS_ALONE"

COMMENT = re.compile(r"\s*<!-- (run|goes on|not run|beside|beside too)\b(?:: (\S.*?))? ?-->\s*$")

# Stands for cargo: `cargo run … --example NAME -- ARGUMENTS` is the program that is built already.
CARGO = """#!/bin/sh
name=bowsprit
while [ $# -gt 0 ]; do
    case $1 in
    --) shift; break ;;
    --example) name=$2; shift 2 ;;
    *) shift ;;
    esac
done
exec "$name" "$@"
"""


@dataclass
class Step:
    """What a page wants done: the number of its line, the comment's two parts, the lines of the block."""

    line: int
    kind: str
    argument: str | None
    text: list[str] = field(default_factory=list)

    def __str__(self):
        return self.kind if self.argument is None or self.kind == "error" else f"{self.kind}: {self.argument}"


def steps(path):
    """The runs and the servers of a page, in order."""
    lines = path.read_text().splitlines()
    found, done = [], set()
    for block in blocks(lines):
        done.update(range(block.first, block.last + 1))
        comment = COMMENT.match(block.before)
        if comment and block.language == "console":
            done.add(block.first - 1)
            found.append(Step(block.first, *comment.groups(), block.text))
        elif block.language == "console" and DOCS / "tutorial" in path.parents:
            found.append(Step(block.first, "error", "a console block without a comment that says how to run it"))
    for number, line in enumerate(lines):
        comment = None if number in done else COMMENT.match(line)
        if comment and comment[1].startswith("beside"):
            found.append(Step(number, *comment.groups()))
        elif comment:
            found.append(Step(number, "error", "this comment belongs right before a console block"))
    return sorted(found, key=lambda step: step.line)


class Page:
    """What lives as long as the runs of a page: a folder, a shell, a session, servers."""

    def __init__(self, programs):
        self.scratch = tempfile.TemporaryDirectory(prefix="runs-")
        scratch = Path(self.scratch.name)
        self.folder = scratch / "page"
        for name in ("page", "home", "bin"):
            (scratch / name).mkdir()
        cargo = scratch / "bin/cargo"
        cargo.write_text(CARGO)
        cargo.chmod(0o755)
        home = scratch / "home"
        python = Path(sys.executable).parent
        self.environment = {
            "PATH": f"{cargo.parent}:{programs}:{programs}/examples:{python}:{os.environ['PATH']}",
            "HOME": str(home),
            "XDG_STATE_HOME": f"{home}/state",
            "XDG_CONFIG_HOME": f"{home}/config",
            "XDG_CACHE_HOME": f"{home}/cache",
            "BOWSPRIT_CONFIG": "",
            "TERM": "dumb",
            "LC_ALL": "C.UTF-8",
            "TZ": "UTC",
        }
        self.shell = self.session = None
        self.servers = []

    def play(self, step):
        match step.kind:
            case "error":
                raise Fault(step.argument)
            case "beside" | "beside too":
                while step.kind == "beside" and self.servers:
                    self.servers.pop().close()
                if step.argument != "nothing":
                    self.servers.append(Server(step.argument, self.folder, self.environment))
            case "run" if step.argument is None:
                self.shell = self.shell or Shell(self.folder, self.environment)
                self.in_session("shell", step)
            case "run":
                self.end("session")
                self.session = Session(step.argument, self.folder, self.environment)
                self.in_session("session", step)
            case "goes on" if self.session:
                self.in_session("session", step)
            case "goes on":
                raise Fault("no session goes on here")

    def in_session(self, name, step):
        try:
            getattr(self, name).play(step.text)
        except Fault:
            self.end(name)
            raise

    def end(self, name):
        if held := getattr(self, name):
            held.close()
        setattr(self, name, None)

    def close(self):
        for name in ("session", "shell"):
            self.end(name)
        for server in self.servers:
            server.close()
        self.scratch.cleanup()


def replay(path, programs):
    """Plays a page; how many runs it has, and what is wrong."""
    runs, faults = 0, []
    page = Page(programs)
    try:
        for step in steps(path):
            runs += step.kind in ("run", "goes on")
            try:
                page.play(step)
            except Fault as fault:
                faults.append(f"{path.relative_to(ROOT)}:{step.line + 1}: {step}\n{fault}\n")
    finally:
        page.close()
    return runs, faults


def alone():
    """Starts this again where nobody else is: no other processes, no network but an empty one."""
    if os.environ.get(ALONE):
        # The loopback interface is there, and down.
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
            up = struct.pack("16sh14x", b"lo", 0x1)
            fcntl.ioctl(control, 0x8914, up)  # SIOCSIFFLAGS, IFF_UP
        return
    apart = ["unshare", "--net", "--pid", "--fork", "--mount-proc", "--kill-child"]
    for command in (apart, [*apart, "--map-root-user"]):
        try:
            if subprocess.run([*command, "true"], capture_output=True).returncode == 0:
                environment = {**os.environ, ALONE: "1"}
                os.execvpe(command[0], [*command, sys.executable, *sys.argv], environment)
        except FileNotFoundError:
            break
    print("No namespaces are to be had here: the ports on the pages have to be free.", file=sys.stderr)


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    alone()
    programs = Path(sys.argv[1]).resolve()
    paths = [Path(name).resolve() for name in sys.argv[2:]] or pages(DOCS)
    total, wrong, played = 0, 0, 0
    for path in paths:
        started = time.monotonic()
        if not os.environ.get(ALONE) and "$(pidof " in path.read_text():
            print(f"{path.relative_to(ROOT)}: left out, it stops processes by their names", file=sys.stderr)
            continue
        runs, faults = replay(path, programs)
        total, wrong, played = total + runs, wrong + len(faults), played + bool(runs)
        if runs or faults:
            print(f"{path.relative_to(ROOT)}: {runs} runs, {time.monotonic() - started:.1f} s", flush=True)
        for fault in faults:
            print(f"\n{fault}", flush=True)
    print(f"{total} runs on {played} pages: {wrong or 'none'} wrong")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
