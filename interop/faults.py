"""A server on bare sockets, framed by hand, that does one wrong or odd thing for each path.

    python faults.py

The first line on standard output is a JSON object with the port; every later line is one event:
what the server saw of the program under test. A line `send TEXT` on standard input sends TEXT on
every connection to `/on-demand`. The server ends when standard input ends.
"""

import base64
import hashlib
import json
import socket
import struct
import sys
import threading
import time
from collections.abc import Callable
from functools import partial

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA
TICK_INTERVAL = 0.05

# What a hostile server would like a terminal to obey: set the title, write the clipboard, clear the
# screen, the same with C1 controls, go back and overwrite, and turn the direction of the text.
TERMINAL_ATTACK = (
    "\x1b]0;OWNED\x07\x1b]52;c;T1dORUQ=\x07\x1b[2J\x1b[H"
    "\u009d0;OWNED\u009c\u009b2J\x08\x7f\u202eevil\u2066"
)


class Gone(Exception):
    """The program has dropped the TCP connection."""


class Peer:
    """One connection from the program, after its request was read."""

    def __init__(self, stream: socket.socket) -> None:
        self.stream = stream
        self.unread = b""
        head = self.read_until(b"\r\n\r\n").decode("latin-1")
        self.path = head.split(" ")[1]
        headers = (line.split(":", 1) for line in head.split("\r\n")[1:])
        self.key = {name.lower(): value.strip() for name, value in headers}["sec-websocket-key"]

    def read_until(self, end: bytes) -> bytes:
        while end not in self.unread:
            self.receive()
        found, _, self.unread = self.unread.partition(end)
        return found

    def read(self, size: int) -> bytes:
        while len(self.unread) < size:
            self.receive()
        found, self.unread = self.unread[:size], self.unread[size:]
        return found

    def receive(self) -> None:
        data = self.stream.recv(65536)
        if not data:
            raise Gone
        self.unread += data

    def send(self, data: bytes) -> None:
        self.stream.sendall(data)

    def report(self, event: str, **facts: object) -> None:
        # One write for each line, so that the threads' lines do not mix.
        print(json.dumps({"event": event, "path": self.path, **facts}) + "\n", end="", flush=True)

    def answer(self, status: str = "101 Switching Protocols", version: str = "HTTP/1.1", **changes: str | None) -> None:
        """Sends the right response, with headers added, replaced or (by None) left out."""
        accept = hashlib.sha1(self.key.encode() + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest()
        headers = {
            "Upgrade": "websocket",
            "Connection": "Upgrade",
            "Sec-WebSocket-Accept": base64.b64encode(accept).decode(),
        } | {name.replace("_", "-"): value for name, value in changes.items()}
        lines = [f"{version} {status}"] + [f"{name}: {value}" for name, value in headers.items() if value is not None]
        self.send("\r\n".join(lines + ["", ""]).encode())

    def read_frame(self) -> tuple[int, bytes]:
        first, second = self.read(2)
        size = second & 0x7F
        if size == 126:
            size = int.from_bytes(self.read(2))
        elif size == 127:
            size = int.from_bytes(self.read(8))
        if not second & 0x80:
            self.report("unmasked")
            raise Gone
        mask = self.read(4)
        payload = bytes(byte ^ mask[index % 4] for index, byte in enumerate(self.read(size)))
        return first & 0x0F, payload

    def follow(self, answer_close: bool = True) -> None:
        """Reports what the program sends, until it closes or drops the connection."""
        while True:
            opcode, payload = self.read_frame()
            if opcode == TEXT:
                self.report("message", text=payload.decode())
            elif opcode == PING:
                self.send(frame(PONG, payload))
            elif opcode == CLOSE:
                code = int.from_bytes(payload[:2]) if payload else None
                self.report("close", code=code, reason=payload[2:].decode(errors="replace"))
                if answer_close:
                    self.send(frame(CLOSE, payload))
                    return

    def reset(self) -> None:
        """Makes the coming close of the socket an RST."""
        self.stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def frame(opcode: int, payload: bytes, fin: bool = True, rsv: int = 0, masked: bool = False) -> bytes:
    head = bytes([fin << 7 | rsv << 4 | opcode])
    mask_bit = masked << 7
    if len(payload) < 126:
        head += bytes([mask_bit | len(payload)])
    else:
        head += bytes([mask_bit | 126]) + len(payload).to_bytes(2)
    # A masking key of zeros leaves the payload as it is.
    return head + (bytes(4) if masked else b"") + payload


def close_payload(code: int, reason: str | bytes = b"") -> bytes:
    return code.to_bytes(2) + (reason.encode() if isinstance(reason, str) else reason)


def answer_raw(data: bytes, peer: Peer) -> None:
    peer.send(data)


def answer_status(status: str, peer: Peer) -> None:
    body = f"<h1>{status}</h1>"
    peer.send(
        f"HTTP/1.1 {status}\r\nServer: Apache\r\nLocation: http://127.0.0.1:1/\r\n"
        f"Content-Type: text/html\r\nContent-Length: {len(body.encode())}\r\n\r\n{body}".encode()
    )


def answer_wrongly(peer: Peer, **changes: str | None) -> None:
    """Sends a response that the program must refuse, and reports any frame that it sends after it."""
    peer.answer(**changes)
    peer.follow()


def reset_handshake(peer: Peer) -> None:
    peer.reset()


def say_nothing_and_close(_peer: Peer) -> None:
    pass


def stay_silent(peer: Peer) -> None:
    while True:
        peer.receive()


def after_open(data: bytes, peer: Peer) -> None:
    """Opens the connection properly and sends `data`."""
    peer.answer()
    peer.send(data)
    peer.follow()


def drop(peer: Peer, with_reset: bool) -> None:
    """Opens the connection, waits for a message, and is gone without a close frame."""
    peer.answer()
    peer.report("message", text=peer.read_frame()[1].decode())
    if with_reset:
        peer.reset()


def never_answer_close(peer: Peer) -> None:
    peer.answer()
    peer.follow(answer_close=False)


def attack_by_server_header(peer: Peer) -> None:
    peer.answer(Server=f"hostile {TERMINAL_ATTACK} server")
    peer.follow()


def tick(peer: Peer) -> None:
    """Sends a message every 50 ms for as long as the program stays."""
    peer.answer()
    threading.Thread(target=send_ticks, args=[peer], daemon=True).start()
    peer.follow()


def send_ticks(peer: Peer) -> None:
    try:
        for number in range(100_000):
            peer.send(frame(TEXT, f"tick {number}".encode()))
            time.sleep(TICK_INTERVAL)
    except OSError:
        pass  # The program has left.


on_demand: list[Peer] = []


def wait_for_demand(peer: Peer) -> None:
    peer.answer()
    on_demand.append(peer)
    try:
        peer.follow()
    finally:
        on_demand.remove(peer)


def hostile_close(peer: Peer) -> None:
    after_open(frame(CLOSE, close_payload(4001, TERMINAL_ATTACK)), peer)


BEHAVIOURS: dict[str, Callable[[Peer], None]] = {
    "/bad-accept": partial(answer_wrongly, Sec_WebSocket_Accept="AAAAAAAAAAAAAAAAAAAAAAAAAAA="),
    "/no-accept": partial(answer_wrongly, Sec_WebSocket_Accept=None),
    "/no-upgrade": partial(answer_wrongly, Upgrade=None),
    "/no-connection": partial(answer_wrongly, Connection=None),
    "/http-1.0": partial(answer_wrongly, version="HTTP/1.0"),
    "/unrequested-1": partial(answer_wrongly, Sec_WebSocket_Protocol="surprise"),
    "/unrequested-2": partial(answer_wrongly, Sec_WebSocket_Extensions="x-surprise"),
    "/endless-head": partial(answer_wrongly, X_Filler="f" * 200_000),
    "/banner": partial(answer_raw, b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n"),
    "/301": partial(answer_status, "301 Moved Permanently"),
    "/401": partial(answer_status, "401 Unauthorized"),
    "/404": partial(answer_status, "404 Not Found"),
    "/503": partial(answer_status, "503 Service Unavailable"),
    "/rst-in-handshake": reset_handshake,
    "/no-answer": say_nothing_and_close,
    "/silent": stay_silent,
    "/odd-1": partial(after_open, frame(TEXT, b"hello", masked=True)),
    "/odd-2": partial(after_open, frame(TEXT, b"\xce\xba\xff")),
    "/odd-3": partial(after_open, frame(TEXT, b"hello", rsv=0b001)),
    "/odd-4": partial(after_open, frame(0x3, b"hello")),
    "/odd-5": partial(after_open, frame(CLOSE, close_payload(1005))),
    "/odd-6": partial(after_open, frame(CLOSE, close_payload(999))),
    "/odd-7": partial(after_open, frame(CLOSE, b"\x03")),
    "/odd-8": partial(after_open, frame(CLOSE, close_payload(1000, b"\xff\xfe"))),
    "/odd-9": partial(after_open, frame(PING, bytes(126))),
    "/odd-10": partial(after_open, frame(CONTINUATION, b"stray")),
    "/odd-11": partial(after_open, frame(PING, b"part", fin=False)),
    "/odd-12": partial(after_open, frame(TEXT, b"one", fin=False) + frame(TEXT, b"two")),
    "/odd-13": partial(after_open, b"\x82\x7f" + (1 << 40).to_bytes(8)),
    "/empty-close": partial(after_open, frame(CLOSE, b"")),
    "/drop-fin": partial(drop, with_reset=False),
    "/drop-rst": partial(drop, with_reset=True),
    "/never-close": never_answer_close,
    "/attack-message": partial(after_open, frame(TEXT, TERMINAL_ATTACK.encode())),
    "/attack-reason": hostile_close,
    "/attack-server": attack_by_server_header,
    "/attack-status": partial(answer_status, f"404 {TERMINAL_ATTACK}"),
    "/attack-banner": partial(answer_raw, TERMINAL_ATTACK.encode() + b"\r\n\r\n"),
    "/ticks": tick,
    "/on-demand": wait_for_demand,
}


def serve_one(stream: socket.socket) -> None:
    with stream:
        try:
            peer = Peer(stream)
            peer.report("request")
            BEHAVIOURS[peer.path.partition("?")[0]](peer)
        except (Gone, OSError):
            return
        linger(stream)


def linger(stream: socket.socket) -> None:
    """Ends our side and waits for the other, unless the socket is set to be reset."""
    if struct.unpack("ii", stream.getsockopt(socket.SOL_SOCKET, socket.SO_LINGER, 8))[0]:
        return
    try:
        stream.shutdown(socket.SHUT_WR)
        stream.settimeout(30)
        while stream.recv(65536):
            pass
    except OSError:
        pass  # The program has left already.


def accept_all(listener: socket.socket) -> None:
    while True:
        stream, _address = listener.accept()
        threading.Thread(target=serve_one, args=[stream], daemon=True).start()


def main() -> None:
    listener = socket.create_server(("127.0.0.1", 0), backlog=100)
    threading.Thread(target=accept_all, args=[listener], daemon=True).start()
    print(json.dumps({"ws": listener.getsockname()[1]}), flush=True)
    for line in sys.stdin:
        text = line.removeprefix("send ").rstrip("\n")
        for peer in list(on_demand):
            peer.send(frame(TEXT, text.encode()))


if __name__ == "__main__":
    main()
