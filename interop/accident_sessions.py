"""What goes wrong at a server, as a person at the prompt sees it; tests/it/accidents.rs has the other forms."""

import re
import socket
from collections.abc import Callable, Iterator
from functools import partial

from lab import Check, Lab
from terminal import ENTER, Terminal

# What happens, where, what is typed once it is open, and the line that tells of it.
ACCIDENTS: list[tuple[str, Callable[[Lab], str], str, str]] = [
    ("nobody listens", lambda lab: "ws://127.0.0.1:1", "", r"0 failed connection refused \(127\.0\.0\.1:1\)"),
    (
        "nobody knows the name",
        lambda lab: "ws://no-such-host.invalid",
        "",
        r"0 failed name not found: no-such-host\.invalid",
    ),
    (
        "no scheme",
        lambda lab: "localhost:9002",
        "",
        r"> Connect initialization error: invalid uri \(localhost:9002 has no scheme: .*ws://localhost:9002.*\)",
    ),
    ("404", lambda lab: lab.faults.uri("/404"), "", "0 failed HTTP 404 Not Found"),
    (
        "301",
        lambda lab: lab.faults.uri("/301"),
        "",
        r"0 failed HTTP 301 Moved Permanently: moved to http://127\.0\.0\.1:1/ \(-L follows\)",
    ),
    (
        "a server of another protocol",
        lambda lab: lab.faults.uri("/banner"),
        "",
        r'0 failed not a WebSocket server: it said "SSH-2\.0-OpenSSH_9\.2p1 Debian-2"',
    ),
    (
        "a wrong accept value",
        lambda lab: lab.faults.uri("/bad-accept"),
        "",
        r'0 failed .*Sec-WebSocket-Accept is "A{27}=", expected "[^"]{28}"',
    ),
    (
        "a certificate that nobody vouches for",
        lambda lab: lab.python.uri("/echo", "wss"),
        "",
        r"0 failed certificate .*\(--ca FILE, --insecure\)",
    ),
    (
        "no answer",
        lambda lab: "--open-timeout 300ms " + lab.faults.uri("/silent"),
        "",
        r"0 failed opening handshake timed out after 300 ms \(--open-timeout TIME\)",
    ),
    ("a close with 4001", lambda lab: lab.python.uri("/close4001"), "go", r'0 closed 4001 \(Unknown\) "bye" by peer'),
    (
        "a drop",
        lambda lab: lab.faults.uri("/drop-fin"),
        "go",
        r"0 closed 1006 \(Abnormal close\): dropped without a close frame",
    ),
    ("a reset", lambda lab: lab.faults.uri("/drop-rst"), "go", r"0 closed 1006 \(Abnormal close\): connection reset"),
    (
        "text that is not UTF-8",
        lambda lab: lab.faults.uri("/odd-2"),
        "",
        r"0 closed 1006 \(Abnormal close\): protocol violation by the peer: text is not valid UTF-8 \(answered with 1007\)",
    ),
]


def checks(lab: Lab) -> Iterator[Check]:
    for name, place, message, line in ACCIDENTS:
        yield Check(f"accident at the prompt: {name}", partial(is_told, lab, place, message, line))
    yield Check("accident at the prompt: a busy port", partial(tells_of_a_busy_port, lab))


def is_told(lab: Lab, place: Callable[[Lab], str], message: str, line: str) -> None:
    """The sentence stands above an empty prompt, which goes on to take commands."""
    with Terminal(lab.program, environment=lab.environment()) as terminal:
        terminal.wait_for(lambda: terminal.shows(""), "an empty prompt")
        terminal.type(*f"connect {place(lab)}", ENTER)
        if message:
            terminal.expect_line(re.compile(r"0 open 101\b").match, "that tells of the opening")
            terminal.type(*f"send 0 {message}", ENTER)
        expect_told(terminal, line)


def tells_of_a_busy_port(lab: Lab) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with Terminal(lab.program, environment=lab.environment()) as terminal:
            terminal.wait_for(lambda: terminal.shows(""), "an empty prompt")
            terminal.type(*f"serve {port}", ENTER)
            expect_told(terminal, rf"> Error serving on 127\.0\.0\.1:{port}: address already in use; port 0 takes .*")
            assert "Serving" not in str(terminal), terminal


def expect_told(terminal: Terminal, line: str) -> None:
    # A long sentence goes on in the row below, so blanks and ends of rows count for nothing.
    told = re.compile(line.replace(" ", ""))
    terminal.wait_for(lambda: told.search("".join("".join(terminal.lines()).split())), line)
    terminal.wait_for(lambda: terminal.shows(""), "an empty prompt")
    terminal.type(*"quit", ENTER)
    status = terminal.end()
    assert status == 0, f"exit status {status}\n{terminal}"
