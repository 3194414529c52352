"""Opens thousands of connections that stop in their request, and looks whether anybody else is served.

    python stuck.py EXAMPLE [--connections N] [--handshakes N]

EXAMPLE is the example `soak` of the library, as server with its default time for an opening handshake, 10 s.
With --handshakes it keeps so many unfinished ones at once; its default is 1024, and each further one sends away
the oldest. Meanwhile new clients come, one after the other, and each wants its ping answered. Prints how long these
took, and when the stuck ones were gone. The exit status is 1 if a client was not served or a descriptor is left.
"""

import argparse
import base64
import os
import selectors
import socket
import sys
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

from ends import End

HALF = b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: webso"
PATIENCE = 120.0


def main() -> int:
    parser = argparse.ArgumentParser(description="Half-open handshakes, and who is served meanwhile.")
    parser.add_argument("example", type=Path)
    parser.add_argument("--connections", type=int, default=5000)
    parser.add_argument("--handshakes", type=int)
    arguments = parser.parse_args()
    limit = ["--handshakes", arguments.handshakes] if arguments.handshakes else []
    with closing(End(arguments.example, "server", *limit)) as server:
        port = server.wait_for("ws", PATIENCE)["ws"]
        start = server.look()
        over = threading.Event()
        with ThreadPoolExecutor() as pool:
            guests = pool.submit(be_served, port, over)
            try:
                ends = stick(port, arguments.connections)
            finally:
                over.set()
            served = sorted(guests.result())
        end = server.look_until(start, PATIENCE)
    answers = Counter(answer for answer, _ in ends)
    print(
        f"{arguments.connections} stuck handshakes, at most {arguments.handshakes or 1024} at once: "
        f"{answers['503']} sent away for newer ones, {answers['408']} timed out, "
        f"the last {max(seconds for _, seconds in ends):.2f} s after it came; "
        f"{len(served)} clients served meanwhile, p50 {1000 * served[len(served) // 2]:.1f} ms, "
        f"max {1000 * served[-1]:.1f} ms; "
        f"descriptors {start['descriptors']} → {end['descriptors']}"
    )
    return 0 if end["descriptors"] <= start["descriptors"] else 1


def stick(port: int, number: int) -> list[tuple[str, float]]:
    """The status that each of the stuck ones got, and after how many seconds."""
    waiting = selectors.DefaultSelector()
    for _ in range(number):
        sock = socket.create_connection(("127.0.0.1", port))
        sock.sendall(HALF)
        waiting.register(sock, selectors.EVENT_READ, time.monotonic())
    ends = []
    until = time.monotonic() + PATIENCE
    while waiting.get_map() and time.monotonic() < until:
        for key, _ in waiting.select(1):
            try:
                answer = key.fileobj.recv(4096)
            except ConnectionResetError:
                answer = b""
            ends.append((answer[9:12].decode(), time.monotonic() - key.data))
            waiting.unregister(key.fileobj)
            key.fileobj.close()
    assert not waiting.get_map(), f"{len(waiting.get_map())} are still stuck"
    return ends


def be_served(port: int, over: threading.Event) -> list[float]:
    """Clients that connect, shake hands, have a ping answered and go: how long each took."""
    served = []
    while not over.is_set():
        started = time.monotonic()
        with socket.create_connection(("127.0.0.1", port), PATIENCE) as sock:
            key = base64.b64encode(os.urandom(16)).decode()
            sock.sendall(
                f"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n".encode()
            )
            head = b""
            while not head.endswith(b"\r\n\r\n"):
                byte = sock.recv(1)
                assert byte, f"turned away: {head!r}"
                head += byte
            assert head.startswith(b"HTTP/1.1 101 "), head
            sock.sendall(b"\x89\x81\0\0\0\0!")
            answer = b""
            while len(answer) < 3:
                piece = sock.recv(3 - len(answer))
                assert piece, "dropped"
                answer += piece
            assert answer == b"\x8a\x01!", answer
        served.append(time.monotonic() - started)
        over.wait(0.05)
    return served


if __name__ == "__main__":
    sys.exit(main())
