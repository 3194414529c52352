"""`bowsprit load` against servers that nobody here wrote, and what it shows in a terminal while it runs."""

import json
import re
from collections.abc import Iterator
from functools import partial

from lab import Check, Lab
from terminal import Terminal


def checks(lab: Lab) -> Iterator[Check]:
    for place, server in [("Python", lab.python), ("node", lab.node)]:
        for port in ["ws", "wss"]:
            uri = server.uri("/echo", port, "localhost")
            for name, look in [("in flight", in_flight), ("at a rate", at_a_rate), ("pings", pings)]:
                yield Check(f"load, {place}, {port}: {name}, every message is answered", partial(look, lab, uri))
    for name, look in [
        ("a histogram is redrawn in place, whatever the size of the window", redraws),
        ("a pipe gets lines and no escape sequence", tells_a_pipe),
    ]:
        yield Check(f"load: {name}", partial(look, lab))


def in_flight(lab: Lab, uri: str) -> None:
    every_message_is_answered(lab, uri, "-i", 8, "--size", "0..20KiB", "--compress")


def at_a_rate(lab: Lab, uri: str) -> None:
    template = '{"n":{{seq}},"c":{{id}}}'
    every_message_is_answered(lab, uri, "--rate", "2000/s", "--template", template, "--answers", "seq")


def pings(lab: Lab, uri: str) -> None:
    every_message_is_answered(lab, uri, "--mode", "ping")


def every_message_is_answered(lab: Lab, uri: str, *flags: object) -> None:
    trust = ["--ca", lab.authority] if uri.startswith("wss:") else []
    results = lab.folder / "load.json"
    session = lab.run(flags=["load", "-q", "-c", 3, "-n", 300, "--json", results, *flags, *trust, uri])
    session.expect_status(0)
    told = json.loads(results.read_text())
    counts = told["sent"]["messages"], told["latency"]["samples"], told["errors"], told["connections"]["lost"]
    assert counts == (300, 300, 0, 0), f"{counts}\n{session}"


def redraws(lab: Lab) -> None:
    uri = lab.python.uri("/echo", "ws", "localhost")
    with Terminal(lab.program, "load", "-d", "4s", uri, environment=lab.environment()) as terminal:
        for second, (rows, columns) in enumerate([(24, 80), (12, 60), (50, 132)], start=1):
            terminal.resize(rows, columns)
            terminal.expect_line(re.compile(rf"  {second} s of 4s$").match, f"that tells of second {second}")
            terminal.expect_line(re.compile(r"    ≤ +[\d.]+ (µs|ms|s)  .*[█-▏] [\d,]+$").match, "with a bar")
            # What a window that has lost rows has pushed up is out of reach.
            shown = [line for line in terminal.screen.display if "this second" in line]
            assert len(shown) == 1, f"{len(shown)} blocks at {columns} columns\n{terminal}"
        status = terminal.end()
        assert status == 0, f"exit status {status}\n{terminal}"
        assert not any("this second" in line for line in terminal.screen.display), f"a block is left over\n{terminal}"
        assert any(line.startswith("  latency      p50 ") for line in terminal.lines()), f"no report\n{terminal}"


def tells_a_pipe(lab: Lab) -> None:
    session = lab.run(flags=["load", "-d", "2s", "--think", "5ms", lab.node.uri("/echo", "ws", "localhost")])
    session.expect_status(0)
    session.expect(r"1 s: 10 of 10 open; .*", r"2 s: 10 of 10 open; .*", r"  errors +none")
    assert "\x1b" not in session.output, session.output
