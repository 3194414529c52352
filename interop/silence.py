"""Runs the library against peers that fall silent, with real sockets and real seconds.

    python silence.py PROGRAM [--only TEXT] [--tally FILE]

PROGRAM is the example `silence` of the library, with timeouts of a fraction of a second. Each check has a
silent peer of another kind, and looks how the library ends it: with which words, and not before its time.
How long it may take at most is generous, since a busy machine must not fail a check. The same peers, to
the second, are in the library's own tests, under a clock that stands still. The exit status is 1 if a
check failed.
"""

import base64
import hashlib
import os
import re
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, closing, contextmanager
from functools import partial
from pathlib import Path

from certs import make_certificates
from command import run_checks
from lab import Check

# Far longer than anything here takes, since a busy machine must not fail a check.
PATIENCE = 60.0
# In seconds: the wait that a check is about. The others are longer than PATIENCE.
SHORT = 0.4
# An end before this shows that the wait was set: the shortest default of the library's is 5 seconds.
SET = 4.5

# More than two sockets take that nobody reads.
LARGE = 32 << 20

PING, PONG, CLOSE = 0x9, 0xA, 0x8

Peer = Callable[[socket.socket], None]


class Subject:
    """The library's program while a check runs, and what it prints."""

    def __init__(self, program: Path, *arguments: object) -> None:
        given = [str(argument) for argument in arguments]
        for wait in "--open", "--close":
            if wait not in given:
                given += [wait, str(round(PATIENCE * 2000))]
        self.process = subprocess.Popen([program, *given], stdout=subprocess.PIPE, text=True)
        self.watch = threading.Timer(PATIENCE, self.process.kill)
        self.watch.start()

    def line(self) -> str:
        """The next line; empty if there is none within PATIENCE."""
        return self.process.stdout.readline().rstrip("\n")

    def close(self) -> None:
        self.watch.cancel()
        self.process.kill()
        self.process.wait()


@contextmanager
def server(program: Path, *arguments: object) -> Iterator[tuple[Subject, socket.socket]]:
    """The library as a server, and a connection to it."""
    with closing(Subject(program, "server", *arguments)) as subject:
        port = int(subject.line())
        with socket.create_connection(("127.0.0.1", port), PATIENCE) as peer:
            yield subject, peer


@contextmanager
def client(program: Path, *arguments: object, scheme: str = "ws") -> Iterator[tuple[Subject, socket.socket]]:
    """The library as a client, and the connection that it has made."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(PATIENCE)
        uri = f"{scheme}://127.0.0.1:{listener.getsockname()[1]}/"
        with closing(Subject(program, "client", uri, *arguments)) as subject:
            peer, _ = listener.accept()
            with peer:
                peer.settimeout(PATIENCE)
                yield subject, peer


def ends(program: Path, role: str, arguments: tuple, peer: Peer, words: str, at_least: float) -> None:
    """Runs `peer` against the library, which has to say `words` about the end, and not too early."""
    started = time.monotonic()
    run, shake_hands = (server, ask) if role == "server" else (client, answer)
    with run(program, *arguments) as (subject, sock):
        shake_hands(sock)
        serving = threading.Thread(target=swallow, args=(peer, sock), daemon=True)
        serving.start()
        said = subject.line()
        took = time.monotonic() - started
    assert said == words, f"{said!r} instead of {words!r} after {took:.2f} s"
    assert at_least <= took < SET, f"after {took:.2f} s, and not from {at_least} s on"


def swallow(peer: Peer, sock: socket.socket) -> None:
    try:
        peer(sock)
    except OSError:
        pass  # The library has ended the connection, which is what is waited for.


def stays_shut(program: Path, sends: bytes, arguments: tuple, hears: bytes) -> None:
    """A client that sends this and no more is sent away by the server, with words that begin so."""
    with server(program, *arguments) as (_, sock):
        started = time.monotonic()
        sock.sendall(sends)
        heard = b""
        try:
            while data := sock.recv(4096):
                heard += data
        except ConnectionResetError:
            pass
        took = time.monotonic() - started
    assert heard.startswith(hears) and bool(heard) == bool(hears), f"{heard!r} instead of {hears!r}"
    # The server may have been faster to begin than this side.
    assert SHORT / 2 <= took < SET, f"after {took:.2f} s"


def does_not_open(program: Path, scheme: str, sends: bytes, words: str) -> None:
    """A server that sends this and no more is given up by the client."""
    started = time.monotonic()
    with client(program, "--open", round(SHORT * 1000), scheme=scheme) as (subject, sock):
        sock.sendall(sends)
        said = subject.line()
        took = time.monotonic() - started
    assert said == words, f"{said!r} instead of {words!r}"
    assert SHORT <= took < SET, f"after {took:.2f} s"


def read_head(sock: socket.socket) -> str:
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        byte = sock.recv(1)
        assert byte, f"the connection ended in its opening handshake: {head!r}"
        head += byte
    return head.decode()


def ask(sock: socket.socket) -> None:
    """Shakes hands as a client."""
    key = base64.b64encode(os.urandom(16)).decode()
    sock.sendall(
        f"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n".encode()
    )
    head = read_head(sock)
    assert head.startswith("HTTP/1.1 101 "), head


def answer(sock: socket.socket) -> None:
    """Shakes hands as a server."""
    key = re.search(r"(?i)sec-websocket-key: (\S+)", read_head(sock))[1]
    digest = hashlib.sha1(f"{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11".encode()).digest()
    sock.sendall(
        f"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Accept: {base64.b64encode(digest).decode()}\r\n\r\n".encode()
    )


def receive(sock: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        piece = sock.recv(size - len(data))
        if not piece:
            raise ConnectionError("ended")
        data += piece
    return data


def read_frame(sock: socket.socket) -> tuple[int, bytes]:
    """The opcode and the payload of a short frame, unmasked."""
    first, second = receive(sock, 2)
    key = receive(sock, 4) if second & 0x80 else bytes(4)
    payload = receive(sock, second & 0x7F)
    return first & 0xF, bytes(byte ^ key[i % 4] for i, byte in enumerate(payload))


def send_frame(sock: socket.socket, masks: bool, opcode: int, payload: bytes = b"") -> None:
    head = bytes([0x80 | opcode, (0x80 if masks else 0) | len(payload)])
    # A key of zeros leaves the payload as it is.
    sock.sendall(head + (bytes(4) if masks else b"") + payload)


def reads_and_says_nothing(sock: socket.socket) -> None:
    while sock.recv(65536):
        pass


def reads_nothing(sock: socket.socket) -> None:
    time.sleep(PATIENCE)


def lives_and_reads_nothing(masks: bool, sock: socket.socket) -> None:
    while True:
        send_frame(sock, masks, PONG)
        time.sleep(SHORT / 4)


def answers_every_ping(masks: bool, sock: socket.socket) -> None:
    while True:
        opcode, payload = read_frame(sock)
        if opcode == CLOSE:
            assert struct.unpack("!H", payload[:2]) == (1001,), payload
            send_frame(sock, masks, CLOSE, payload)
            return
        send_frame(sock, masks, PONG, payload)


def checks(program: Path, folder: Path) -> Iterator[Check]:
    wait = round(SHORT * 1000)
    opens = ("--open", wait)
    hello = b"\x16\x03\x01\x02\x00\x01"
    tls = ("--tls", folder / "good.pem", folder / "good.key")
    late = b"HTTP/1.1 408 "
    yield Check("a client that says nothing", partial(stays_shut, program, b"", opens, late))
    half = b"GET / HTTP/1.1\r\nHost: local"
    yield Check("a client that stops in its request", partial(stays_shut, program, half, opens, late))
    yield Check("a client that says nothing to TLS", partial(stays_shut, program, b"", opens + tls, b""))
    yield Check("a client that stops in its ClientHello", partial(stays_shut, program, hello, opens + tls, b""))
    late = "opening handshake timed out"
    yield Check("a server that says nothing", partial(does_not_open, program, "ws", b"", late))
    half = b"HTTP/1.1 101 Switching Proto"
    yield Check("a server that stops in its answer", partial(does_not_open, program, "ws", half, late))
    late = "TLS handshake timed out"
    yield Check("a server that says nothing to TLS", partial(does_not_open, program, "wss", b"", late))
    for role in "server", "client":
        masks = role == "server"
        peer = "client" if masks else "server"
        look = partial(ends, program, role)
        yield Check(
            f"a {peer} that never answers a ping",
            partial(look, ("--keepalive", wait), reads_and_says_nothing, "wait for a pong timed out", 2 * SHORT),
        )
        yield Check(
            f"a {peer} that lives and has nothing to say",
            partial(
                look,
                ("--keepalive", wait // 4, "--idle", wait),
                partial(answers_every_ping, masks),
                "wait for a message timed out",
                SHORT,
            ),
        )
        stuck = ("--write", wait, "--say", LARGE)
        words = "wait for the peer to read timed out"
        yield Check(f"a {peer} that never reads", partial(look, stuck, reads_nothing, words, SHORT))
        alive = partial(lives_and_reads_nothing, masks)
        yield Check(f"a {peer} that lives and never reads", partial(look, stuck, alive, words, SHORT))
        yield Check(
            f"a {peer} that never answers a close",
            partial(
                look, ("--close", wait, "--bye"), reads_and_says_nothing, "closing handshake timed out", SHORT
            ),
        )


def main() -> int:
    return run_checks("silent peers", prepare)


def prepare(program: Path, stack: ExitStack) -> Iterable[Check]:
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bowsprit-silence-")))
    make_certificates(folder)
    return checks(program, folder)


if __name__ == "__main__":
    sys.exit(main())
