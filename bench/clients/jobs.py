"""The ten jobs: what each client is told to do, and when that was done right."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from servers import TOKEN

LINES = 200_000
FILE_BYTES = 1 << 20

#: The clients, in the order of the table.
CLIENTS = ("bowsprit", "websocat1", "websocat4", "wscat", "python")


@dataclass
class Outcome:
    """What a command left behind."""

    stdout: bytes
    stderr: bytes
    status: int | None  # None: still running at the time limit
    cpu: float
    folder: Path


@dataclass
class Job:
    title: str
    #: What is right, in words.
    right: str
    commands: dict[str, str]
    #: What is wrong, or nothing.
    judge: Callable[[Outcome], str]
    limit: float = 20.0


def ended(judge: Callable[[Outcome], str]) -> Callable[[Outcome], str]:
    return lambda outcome: "does not end" if outcome.status is None else judge(outcome)


def answered(outcome: Outcome) -> str:
    if outcome.stdout.split() != [b"hi"]:
        return "more than the answer is printed" if b"hi" in outcome.stdout else "no answer printed"
    return "" if outcome.status == 0 else "another exit status than 0"


def all_lines(outcome: Outcome) -> str:
    expected = (outcome.folder / "lines").read_bytes()
    if outcome.stdout == expected:
        return ""
    count = len(set(expected.split()) & set(outcome.stdout.split()))
    if count == LINES:
        return "more than the lines is printed"
    return f"{count:,} of {LINES:,} lines came back"


def five_ticks(outcome: Outcome) -> str:
    ticks = [f"tick {number}".encode() for number in range(1, 6)]
    if [line for line in outcome.stdout.splitlines() if line] == ticks:
        return ""
    told = all(tick in outcome.stdout for tick in ticks)
    return "more than the five messages is printed" if told else "not the five messages"


def same_file(outcome: Outcome) -> str:
    sent = (outcome.folder / "file").read_bytes()
    back = outcome.folder / "back"
    size = back.stat().st_size if back.exists() else 0
    return "" if back.exists() and back.read_bytes() == sent else f"{size:,} of {len(sent):,} bytes came back, or others"


def tells_code(outcome: Outcome) -> str:
    told = b"4001" in outcome.stdout + outcome.stderr
    return "; ".join(
        (["the code is not told"] if not told else []) + (["exit status 0"] if outcome.status == 0 else [])
    )


def tells_401(outcome: Outcome) -> str:
    told = b"401" in outcome.stdout + outcome.stderr
    return "; ".join(
        (["the status is not told"] if not told else []) + (["exit status 0"] if outcome.status == 0 else [])
    )


def gives_up(outcome: Outcome) -> str:
    return "exit status 0" if outcome.status == 0 else ""


def three_pongs(outcome: Outcome) -> str:
    text = outcome.stdout + outcome.stderr
    count = len(re.findall(rb"time=[0-9.]+ ms|RTT [0-9.]+ s", text))
    return "" if count == 3 else f"{count} round trips printed"


def heard_each_other(outcome: Outcome) -> str:
    text = outcome.stdout.decode(errors="replace")
    return "" if "ahoy" in text and outcome.status == 0 else "the other client's message is missing"


JOBS = [
    Job(
        "Ask, print the answer, leave",
        "prints `hi` alone, exits with 0",
        {
            "bowsprit": "bowsprit send {echo} hi",
            "websocat1": "echo hi | websocat {echo}",
            "websocat4": "echo hi | websocat4 {echo}",
            "wscat": "wscat -c {echo} -x hi -w 1 < <(sleep 9)",
            "python": "(echo hi; sleep 1) | python -m websockets {echo}",
        },
        ended(answered),
    ),
    Job(
        f"Pipe {LINES:,} lines to an echo server and back",
        "every line comes back, in order",
        {
            "bowsprit": "bowsprit {echo} < lines",
            "websocat1": "(cat lines; sleep 2) | websocat {echo}",
            "websocat4": "(cat lines; sleep 12) | websocat4 {echo}",
            "wscat": "(sleep 1; cat lines; sleep 12) | wscat -c {echo}",
            "python": "(cat lines; sleep 12) | python -m websockets {echo}",
        },
        ended(all_lines),
        90.0,
    ),
    Job(
        "Print five messages of a feed, leave",
        "prints five, ends by itself",
        {
            "bowsprit": "bowsprit listen -n 5 {feed}",
            "websocat1": "websocat -E --max-messages-rev 5 {feed} < <(sleep 9)",
            "websocat4": "websocat4 {feed} < <(sleep 9) | head -n 5",
            "wscat": "wscat -c {feed} < <(sleep 9) | head -n 5",
            "python": "python -m websockets {feed} < <(sleep 9) | head -n 11",
        },
        ended(five_ticks),
    ),
    Job(
        "Send a file of 1 MiB as one binary message, keep the echo",
        "the same bytes come back",
        {
            "bowsprit": "bowsprit send --binary {echo} @file > back",
            "websocat1": "websocat -b -B 2000000 -n1 {echo} < file > back",
            "websocat4": "(cat file; sleep 1) | websocat4 -b -B 2000000 {echo} > back",
            "wscat": "",
            "python": "",
        },
        ended(same_file),
    ),
    Job(
        "Notice that the server closed with 4001",
        "tells the code, exits with another status than 0",
        {
            "bowsprit": "bowsprit listen {bye}",
            "websocat1": "websocat -E -v {bye} < <(sleep 9)",
            "websocat4": "websocat4 -E --log-traffic {bye} < <(sleep 9)",
            "wscat": "wscat -c {bye} < <(sleep 9)",
            "python": "python -m websockets {bye} < <(sleep 9)",
        },
        ended(tells_code),
        10.0,
    ),
    Job(
        "Notice that the handshake is refused (401)",
        "tells the status, exits with another status than 0",
        {
            "bowsprit": "bowsprit send {secret} hi",
            "websocat1": "echo hi | websocat {secret}",
            "websocat4": "echo hi | websocat4 {secret}",
            "wscat": "wscat -c {secret} -x hi < <(sleep 9)",
            "python": "echo hi | python -m websockets {secret}",
        },
        ended(tells_401),
    ),
    Job(
        "Give up a server that never answers, without being told a time",
        "ends, with another status than 0",
        {
            "bowsprit": "bowsprit send {silent} hi",
            "websocat1": "echo hi | websocat {silent}",
            "websocat4": "echo hi | websocat4 {silent}",
            "wscat": "wscat -c {silent} -x hi",
            "python": "echo hi | python -m websockets {silent}",
        },
        ended(gives_up),
        25.0,
    ),
    Job(
        "TLS with an authority of one's own, a bearer token, a subprotocol",
        "prints `hi` alone, exits with 0",
        {
            "bowsprit": f"bowsprit send --ca ca.pem --bearer {TOKEN} -s chat {{wss}} hi",
            "websocat1": f"echo hi | SSL_CERT_FILE=ca.pem websocat -H='Authorization: Bearer {TOKEN}' --protocol chat {{wss}}",
            "websocat4": f"echo hi | SSL_CERT_FILE=ca.pem websocat4 -H 'Authorization: Bearer {TOKEN}' --protocol chat {{wss}}",
            "wscat": f"wscat --ca ca.pem -H 'Authorization: Bearer {TOKEN}' -s chat -c {{wss}} -x hi -w 1 < <(sleep 9)",
            "python": "",
        },
        ended(answered),
    ),
    Job(
        "Measure three round trips",
        "prints three times, ends by itself",
        {
            "bowsprit": "bowsprit ping -c 3 -i 100ms {echo}",
            "websocat1": "websocat --ping-interval 1 --max-sent-pings 3 --print-ping-rtts {echo} < <(sleep 3.5)",
            "websocat4": "",
            "wscat": "",
            "python": "",
        },
        ended(three_pongs),
    ),
    Job(
        "Two clients of a chat in one go: what one says, the other hears",
        "prints `ahoy`, exits with 0",
        {
            "bowsprit": "bowsprit run -e 'connect {chat}' -e 'connect {chat}' -e 'send 0 ahoy' -e 'expect 1 text ahoy'",
            "websocat1": "(sleep 1 | websocat {chat}) & (sleep 0.3; echo ahoy; sleep 0.3) | websocat {chat}; wait",
            "websocat4": "(sleep 1 | websocat4 {chat}) & (sleep 0.3; echo ahoy; sleep 0.3) | websocat4 {chat}; wait",
            "wscat": "wscat -c {chat} < <(sleep 2) & sleep 1; wscat -c {chat} -x ahoy < <(sleep 1); wait",
            "python": "(sleep 1 | python -m websockets {chat}) & (sleep 0.3; echo ahoy; sleep 0.3) | python -m websockets {chat}; wait",
        },
        ended(heard_each_other),
    ),
]
