"""Holds the events of `--json` against docs/reference/events.schema.json.

    python event_schema.py [--only TEXT] [--tally FILE] PROGRAM

The schema is strict: an unknown field or kind fails. Each kind that it has must have occurred, but for
those of NOT_COVERED. The program speaks with itself, on loopback.
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from command import run_checks
from jsonschema import Draft202012Validator
from lab import PATIENCE, Check

SCHEMA = Path(__file__).parent.parent / "docs/reference/events.schema.json"

# Kinds that no session below brings about, each with the reason.
NOT_COVERED: dict[str, str] = {}


class Events:
    """Runs the program with `--json`, and holds what it prints against the schema."""

    def __init__(self, program: Path, stack: ExitStack) -> None:
        self.program = program.resolve()
        self.stack = stack
        self.folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bowsprit-schema-")))
        schema = json.loads(SCHEMA.read_text())
        Draft202012Validator.check_schema(schema)
        self.validator = Draft202012Validator(schema)
        self.kinds = [entry["$ref"].rsplit("/", 1)[1] for entry in schema["oneOf"]]
        self.occurred: set[str] = set()

    def start(self, *flags: object) -> subprocess.Popen:
        environment = {"PATH": os.environ["PATH"], "HOME": str(self.folder), "BOWSPRIT_CONFIG": ""}
        command = [self.program, *map(str, flags)]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
        return subprocess.Popen(command, env=environment, text=True, **pipes)

    def server(self, *flags: object) -> tuple[subprocess.Popen, str]:
        """A server, and its URI. Its events are looked at by `end`."""
        server = self.start("serve", "--json", "127.0.0.1:0", *flags)
        self.stack.callback(server.kill)
        while True:
            event = self.look(server.stdout.readline())
            if event["event"] == "serve":
                return server, event["uri"]

    def end(self, server: subprocess.Popen) -> None:
        server.send_signal(signal.SIGTERM)
        output, _ = server.communicate(timeout=PATIENCE)
        for line in output.splitlines():
            self.look(line)

    def run(self, *flags: object, script: str = "") -> None:
        output, _ = self.start(*flags).communicate(script, PATIENCE)
        assert output, f"nothing was printed by {flags}"
        for line in output.splitlines():
            self.look(line)

    def look(self, line: str) -> dict:
        event = json.loads(line)
        kind = event.get("event")
        assert kind in self.kinds, f"no kind of the schema: {line}"
        self.occurred.add(kind)
        # Against its own kind alone: what oneOf says of twenty of them helps nobody.
        own = self.validator.evolve(schema={**self.validator.schema, "oneOf": [{"$ref": f"#/$defs/{kind}"}]})
        faults = [fault for error in own.iter_errors(event) for fault in (error.context or [error])]
        assert not faults, f"{faults[0].json_path}: {faults[0].message} in {line}"
        return event


def checks(program: Path, stack: ExitStack) -> Iterator[Check]:
    events = Events(program, stack)
    for name, look in [
        ("a session", session),
        ("compressed messages and others", messages),
        ("failures, and tries again", failures),
        ("TLS", encrypted),
        ("pings", pings),
        ("scripts", scripts),
        ("a server", server),
        ("every kind has occurred", complete),
        ("an unknown field, kind or value is refused", strict),
    ]:
        yield Check(f"schema of events: {name}", partial(look, events))


def session(events: Events) -> None:
    echo, uri = events.server()
    lines = ["nonsense", f"connect --name a {uri}", "send a hello", "wait a message", "send 0 --hex 00ff", "ping 0 x"]
    events.run("--json", "-vv", script="\n".join([*lines, "list", "show 0", "close 0 4001 bye", "show 0", "stats", ""]))
    events.end(echo)


def messages(events: Events) -> None:
    echo, uri = events.server("--compress")
    for flag in ["--compress", "--no-compress"]:
        events.run("send", "--json", flag, uri, "abc " * 200, "x")
        events.run("listen", "--json", flag, "--on-open", "hi", "-n", 1, uri)
    events.end(echo)


def failures(events: Events) -> None:
    refusing, uri = events.server("--refuse", 404)
    events.run("--json", script=f"connect {uri}\nshow 0\nconnect ws://127.0.0.1:1\nconnect ws://no-such.invalid\n")
    events.run("--json", "--reconnect=tries=1,first=10ms", script="connect ws://127.0.0.1:1\nlist\n")
    events.run("listen", "--json", "--open-timeout", "10s", uri)
    events.end(refusing)
    closing, uri = events.server("--code", "4001:bye")
    events.run("listen", "--json", uri)
    events.end(closing)


def encrypted(events: Events) -> None:
    secure, uri = events.server("--tls-self-signed")
    events.run("--json", "--insecure", script=f"connect {uri}\nshow 0\n")
    events.run("--json", script=f"connect {uri}\n")
    events.end(secure)


def pings(events: Events) -> None:
    echo, uri = events.server()
    events.run("ping", "--json", "-c", 3, "-i", "10ms", uri)
    events.end(echo)
    silent, uri = events.server("--stall", "100ms")
    events.run("ping", "--json", "-c", 8, "-i", "100ms", "-W", "200ms", uri)
    events.end(silent)


def scripts(events: Events) -> None:
    echo, uri = events.server()
    script = events.folder / "test.bws"
    script.write_text(f"test one\nconnect {uri}\nsend 0 a\nexpect 0 text a\nend\ntest two\nassert 1 = 2\nend\n")
    events.run("run", "--json", "-v", "--keep-going", script)
    events.end(echo)


def server(events: Events) -> None:
    chat, uri = events.server("--ui")
    events.run("send", "--json", uri, "hello")
    page = uri.replace("ws:", "http:", 1)
    with urllib.request.urlopen(page, timeout=PATIENCE) as answer:
        assert answer.status == 200
    events.run("send", "--json", "--origin", "https://elsewhere.example", uri, "hello")
    events.end(chat)


def complete(events: Events) -> None:
    missing = set(events.kinds) - events.occurred - set(NOT_COVERED)
    assert not missing, f"these never occurred: {sorted(missing)}"
    assert not events.occurred & set(NOT_COVERED), "what occurs is covered"


def strict(events: Events) -> None:
    good = {"time": "2026-11-24T00:00:00.000000Z", "event": "exit", "exit_status": 0}
    assert events.validator.is_valid(good)
    for wrong in [{"more": 1}, {"event": "unheard"}, {"exit_status": "0"}, {"time": "now"}]:
        assert not events.validator.is_valid(good | wrong), f"{wrong} is taken"


if __name__ == "__main__":
    sys.exit(run_checks("the schema of events", checks))
