"""Disks that are really full: a file system of 64 KiB, where this may be mounted; tests/it/faults.rs has the rest."""

import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from lab import Check, Lab
from prompt import open_terminal, quit_cleanly


def checks(lab: Lab) -> Iterator[Check]:
    for name, look in SESSIONS.items():
        yield Check(f"a full disk: {name}", partial(where_it_can_be_mounted, lab, look))


def where_it_can_be_mounted(lab: Lab, look: Callable[[Lab, Path], None]) -> None:
    with small_disk(lab) as disk:
        if disk:
            look(lab, disk)
        else:
            print("        skipped: nothing may be mounted here (that takes root)")


@contextmanager
def small_disk(lab: Lab) -> Iterator[Path | None]:
    disk = lab.folder / "disk"
    disk.mkdir(exist_ok=True)
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(disk)]
    try:
        subprocess.run(mount, check=True, stderr=subprocess.DEVNULL)
    except (OSError, subprocess.CalledProcessError):
        yield None
        return
    try:
        yield disk
    finally:
        subprocess.run(["umount", "--lazy", str(disk)], check=True)


def fill(disk: Path) -> None:
    """Takes what room there is."""
    with open(disk / "filler", "wb", buffering=0) as filler:
        try:
            while filler.write(bytes(4096)):
                pass
        except OSError:
            pass


def keeps_a_history_whole(lab: Lab, disk: Path) -> None:
    """What was kept before stays, and the session goes on without keeping more."""
    with open_terminal(lab, XDG_STATE_HOME=str(disk)) as terminal:
        terminal.enter("show 1")
        quit_cleanly(terminal)
    history = disk / "bowsprit" / "history"
    before = history.read_text()
    assert "show 1\n" in before, before
    fill(disk)
    with open_terminal(lab, XDG_STATE_HOME=str(disk)) as terminal:
        # More than the last block of the file has room for.
        for number in range(70):
            answer = terminal.enter(f"show {number}{'0' * 60}")
            assert answer, terminal
        quit_cleanly(terminal)
    after = history.read_text()
    assert after.startswith(before), after[:200]


def ends_a_record_and_not_the_session(lab: Lab, disk: Path) -> None:
    uri = lab.python.uri("/echo")
    record = disk / "record.jsonl"
    lines = [f"connect {uri}", *[f"send 0 {'x' * 1000}", "wait 0 message"] * 100, "record"]
    session = lab.run(*lines, flags=["--record", record])
    assert session.output.count("has ended: no space left on device") == 1, session
    assert session.output.count("0 << text 1000") == 100, session
    session.expect_status(0)
    replayed = lab.run(flags=["replay", "--speed", "max", record])
    assert "is cut off and left out" in replayed.output, replayed
    replayed.expect_status(0)


def leaves_no_half_of_a_har_file(lab: Lab, disk: Path) -> None:
    record = lab.folder / "whole.jsonl"
    lab.run(f"connect {lab.python.uri('/echo')}", "send 0 hi", "wait 0 message", flags=["--record", record])
    fill(disk)
    har = disk / "x.har"
    session = lab.run(flags=["replay", record, "--export", har])
    assert f"cannot write {har}: no space left on device" in session.output, session
    assert not har.exists(), session
    session.expect_status(2)


SESSIONS: dict[str, Callable[[Lab, Path], None]] = {
    "keeps a history whole": keeps_a_history_whole,
    "ends a record and not the session": ends_a_record_and_not_the_session,
    "leaves no half of a HAR file": leaves_no_half_of_a_har_file,
}
