"""Sessions of the forms with one connection: messages through pipes, and what a terminal gets of them."""

import random
import subprocess
from collections.abc import Iterator
from functools import partial

from lab import CLOSED_BY_PEER, PATIENCE, Check, Lab, Server
from pty_sessions import HOSTILE
from terminal import Terminal

# Where the frame lengths of RFC 6455 §5.2 change, and what does not fit into one read.
SIZES = [0, 1, 125, 126, 65_535, 65_536, 1_000_000]
MANY = 20_000


def checks(lab: Lab) -> Iterator[Check]:
    for name, server in [("websockets", lab.python), ("ws", lab.node)]:
        for port in ["ws", "wss"]:
            for what, look in AGAINST_EACH.items():
                yield Check(f"one shot, {name} over {port}://: {what}", partial(look, lab, server, port))
    for flags in [], ["--json"], ["--output", "raw"], ["-0", "--binary"]:
        name = f"one shot, {flags}: a terminal gets nothing of a message that it would act on"
        yield Check(name, partial(shows_attack, lab, flags))


def run(lab: Lab, *arguments: object, given: bytes = b"") -> tuple[bytes, str, int]:
    """What the program printed, what it said beside it, and its exit status."""
    words = [str(argument) for argument in arguments]
    if any(word.startswith("wss:") for word in words):
        words = ["--ca", str(lab.authority), *words]
    done = subprocess.run(
        [lab.program, *words],
        input=given,
        capture_output=True,
        env=lab.environment(),
        timeout=PATIENCE,
        check=False,
    )
    return done.stdout, done.stderr.decode(), done.returncode


def expect(found: object, wanted: object) -> None:
    assert found == wanted, f"{str(found)[:500]} is not {str(wanted)[:500]}"


def prints_answer(lab: Lab, server: Server, port: str) -> None:
    expect(run(lab, server.uri("/echo", port), given=b"hi\n"), (b"hi\n", "", 0))


def loses_no_line(lab: Lab, server: Server, port: str) -> None:
    lines = b"".join(b"%0117d\n" % number for number in range(MANY))
    expect(run(lab, server.uri("/echo", port), given=lines), (lines, "", 0))


def keeps_bytes_of_every_size(lab: Lab, server: Server, port: str) -> None:
    messages = [random.Random(size).randbytes(size) for size in SIZES]
    given = b"".join(len(message).to_bytes(4) + message for message in messages)
    found = run(lab, "--binary", "--format", "length", server.uri("/echo", port), given=given)
    assert found == (given, "", 0), f"{len(found[0])} of {len(given)} bytes, {found[1:]}"


def takes_every_kind(lab: Lab, server: Server, port: str) -> None:
    output, said, status = run(lab, "--output", "hex", "-n", "1", server.uri("/binary", port))
    expect((output, said, status), (b"0001ff\n", "", 0))
    output, said, status = run(lab, server.uri("/binary", port))
    expect((output, status), (b"", 1))
    assert "a binary message of 3 bytes came (--binary" in said, said


def tells_close(lab: Lab, server: Server, port: str) -> None:
    output, said, status = run(lab, "--wait", server.uri("/close4001", port), given=b"x\n")
    expect((output, status), (b"", CLOSED_BY_PEER))
    assert 'closed 4001 (Unknown) "bye" by peer' in said, said


AGAINST_EACH = {
    "what is piped in comes back": prints_answer,
    f"{MANY} lines come back": loses_no_line,
    "messages of every size come back": keeps_bytes_of_every_size,
    "binary messages are marked, or refused": takes_every_kind,
    "the peer's code is told, and in the exit status": tells_close,
}


def shows_attack(lab: Lab, flags: list[str]) -> None:
    uri = lab.faults.uri("/attack-message")
    with Terminal(lab.program, "listen", "-n", "1", *flags, uri, environment=lab.environment()) as terminal:
        terminal.wait_for(lambda: not terminal.open, "its end")
        terminal.settle()
        printed = terminal.raw.decode(errors="replace")
        found = HOSTILE.search(printed)
        assert not found and ("\\u{1b}" in printed or "\\u001b" in printed), f"{printed!r}"
