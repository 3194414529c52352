"""`bowsprit ping` and `bowsprit check` against servers that nobody here wrote, and `--json` of a session."""

import json
import re
from collections.abc import Iterator
from functools import partial

from lab import NOT_CONNECTED, NOT_OPENED, TLS_FAILED, Check, Lab, Session
from terminal import Terminal

PONG = r"16 bytes from (127\.0\.0\.1|\[::1\]):\d+: seq={} time=\d+(\.\d+)? ms"
CONTROL_C = "\x03"


def checks(lab: Lab) -> Iterator[Check]:
    for place, server in [("Python", lab.python), ("node", lab.node)]:
        for port in ["ws", "wss"]:
            uri = server.uri("/echo", port, "localhost")
            for name, look in [
                ("ping prints each pong and the statistics", pings),
                ("check explains each stage", explains),
                ("a session's events are JSON, one a line", tells_programs),
            ]:
                yield Check(f"probe, {place}, {port}: {name}", partial(look, lab, uri))
    for name, look in [
        ("Ctrl-C in a terminal ends ping with its statistics", ends_at_control_c),
        ("check names the fault of each certificate and the way out", explains_certificates),
        ("check names a closed port, an unknown name, a page of HTTP", explains_failures),
        ("no escape sequence of a server reaches a terminal", survives_attacks),
    ]:
        yield Check(f"probe: {name}", partial(look, lab))


def trusting(lab: Lab, uri: str) -> list[object]:
    return ["--ca", lab.authority] if uri.startswith("wss:") else []


def run(lab: Lab, form: str, uri: str, *flags: object) -> Session:
    return lab.run(flags=[form, *flags, uri])


def pings(lab: Lab, uri: str) -> None:
    session = run(lab, "ping", uri, "-c", 5, "-i", "10ms", *trusting(lab, uri))
    session.expect_status(0)
    session.expect(
        r"PING wss?://localhost:\d+/echo.*: 16 bytes of payload, open after .* ms",
        *[PONG.format(number) for number in range(1, 6)],
        r"--- .* ping statistics ---",
        r"5 pings sent, 5 pongs received, 0% lost, time \d+ ms",
        r"rtt min/avg/max/mdev = [\d.]+/[\d.]+/[\d.]+/[\d.]+ ms",
        r"rtt median = [\d.]+ ms",
    )


def explains(lab: Lab, uri: str) -> None:
    session = run(lab, "check", uri, *trusting(lab, uri))
    session.expect_status(0)
    session.expect(r"DNS +localhost: .* ms", r"TCP +connected to .* ms")
    if uri.startswith("wss:"):
        session.expect(r"TLS +TLS 1\.3, .* ms", " +verified: +yes", " +valid: .* days left", " +fingerprint: .*")
    session.expect(
        r"HTTP +101 Switching Protocols .* ms",
        r" +> GET /echo\?\*\*\* HTTP/1\.1",
        r" +< sec-websocket-accept: .*",
        r"WebSocket +accept value is right: .* ms",
        r" +compression: permessage-deflate.*",
        r"Ping +answered .* ms",
        r"Close +answered with 1000 .* ms",
        r"Total .* ms",
        "OK",
    )
    told = json.loads(run(lab, "check", uri, "--json", *trusting(lab, uri)).output)
    assert told["ok"] and told["exit_status"] == 0, told
    total = sum(stage["seconds"] for stage in told["stages"])
    assert 0 < total <= told["seconds"] * 1.01, told


def tells_programs(lab: Lab, uri: str) -> None:
    lines = [f"connect {uri}", "send 0 hello", "wait 0 message 20", "ping 0", "list", "close 0"]
    session = lab.run(*lines, flags=["--json", *trusting(lab, uri)])
    session.expect_status(0)
    events = [json.loads(line) for line in session.lines]
    kinds = [event["event"] for event in events]
    assert kinds[0] == "start" and kinds[-1] == "exit", kinds
    for kind in ["connect", "answer", "open", "message", "ping", "pong", "connection", "close"]:
        assert kind in kinds, kinds
    sent, received = [event for event in events if event["event"] == "message"]
    assert (sent["direction"], received["direction"]) == ("sent", "received"), events
    assert sent["text"] == received["text"] == "hello", events
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", event["time"]) for event in events), events


def ends_at_control_c(lab: Lab) -> None:
    uri = lab.python.uri("/echo")
    with Terminal(lab.program, "ping", uri, "-i", "20ms", environment=lab.environment()) as terminal:
        terminal.expect_line(re.compile(PONG.format(3)).match, "of the third pong")
        terminal.type(CONTROL_C)
        status = terminal.end()
        assert status == 0, f"exit status {status}\n{terminal}"
        terminal.expect_line(lambda line: line.endswith("ping statistics ---"), "that begins the statistics")


def explains_certificates(lab: Lab) -> None:
    for port, fault, way, flags in [
        ("wss", "signed by an unknown authority", "--ca FILE", []),
        ("wss-expired", "certificate expired", "--insecure", ["--ca", lab.authority]),
        ("wss-wrong-name", "not valid for localhost", "--sni NAME", ["--ca", lab.authority]),
    ]:
        session = run(lab, "check", lab.python.uri("/echo", port, "localhost"), *flags)
        session.expect_status(TLS_FAILED)
        session.expect(rf"FAILED +.*{fault}.*", r"Stage +TLS.*", rf"Try +.*{way}.*")


def explains_failures(lab: Lab) -> None:
    for uri, status, stage, fault in [
        ("ws://127.0.0.1:1/", NOT_CONNECTED, "TCP", r"connection refused \(127\.0\.0\.1:1\)"),
        ("ws://no-such-host.invalid/", NOT_CONNECTED, "DNS", ".*no-such-host.invalid.*"),
        (lab.faults.uri("/404"), NOT_OPENED, "HTTP", "HTTP 404 Not Found"),
    ]:
        session = run(lab, "check", uri)
        session.expect_status(status)
        session.expect(rf"FAILED +{fault}", rf"Stage +{stage}.*", r"Try +.+")


def survives_attacks(lab: Lab) -> None:
    for path in ["/attack-message", "/attack-reason", "/attack-server", "/attack-status", "/attack-banner"]:
        for form, flags in [("check", []), ("check", ["-v"]), ("ping", ["-c", 1, "-W", "1s"])]:
            output = run(lab, form, lab.faults.uri(path), *flags).output
            hostile = [letter for letter in output if not letter.isprintable() and letter != "\n"]
            assert not hostile, f"{form} {path}: {hostile}\n{output!r}"
