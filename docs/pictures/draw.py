"""Draws the pictures of docs/explanation: python3 docs/pictures/draw.py [--check]

With --check nothing is written, and pictures that are not as drawn here are named.
"""

import argparse
import sys
from pathlib import Path

from ink import Picture

HERE = Path(__file__).parent


def layers() -> Picture:
    picture = Picture(
        502,
        "The three layers of Bowsprit",
        "The program bowsprit stands on the library bowsprit, which stands on bowsprit-proto. People, scripts and pipes "
        "use the program; programs on tokio use the library; programs with a loop of their own use bowsprit-proto. The "
        "library brings sockets, the clock and random numbers, of which bowsprit-proto has none.",
    )
    program = (
        "prompt · pipes · scripts · check and ping\nserve · records · load\none owner of all that happens: its session"
    )
    library = (
        "dialling · TLS · proxies · reconnecting\nlisteners · limits · origins · shutdown\nhandlers · handles · broadcast\n"
        "driver: the one place that moves bytes"
    )
    protocol = "handshakes · frames · closing · deadlines\nmessages in and out · compression"
    layer(picture, 24, 112, "bowsprit-cli", "the program bowsprit", program)
    layer(picture, 172, 164, "bowsprit", "clients and servers on tokio", library)
    layer(picture, 372, 106, "bowsprit-proto", "the protocol, no_std", protocol)
    user(picture, 80, "people, scripts,\npipes", "commands, lines,\nexit status, JSON")
    user(picture, 254, "a program\non tokio", "Client, Server, Config,\nHandler and Handle,\nWebSocket, Hub")
    user(picture, 425, "a program with\na loop of its own", "Connection, Event,\nhandshake, frame")
    for top in (136, 336):
        picture.arrow(f"M224 {top} V{top + 34}")
        picture.text(236, top + 22, "uses", "muted")
    picture.box(42, 300, 364, 24, "box", 5)
    picture.text(224, 316, "brings sockets, the clock, random numbers", "small", "middle")
    picture.text(42, 464, "bytes in, events out: no I/O, no clock, no randomness", "small hot")
    return picture


def layer(picture: Picture, top: int, height: int, name: str, role: str, contents: str) -> None:
    picture.box(24, top, 400, height, "ours")
    picture.text(42, top + 27, name, "large")
    picture.text(406, top + 27, role, "muted", "end")
    picture.text(42, top + 54, contents)


def user(picture: Picture, middle: int, name: str, touched: str) -> None:
    """Who uses a layer, and what of it."""
    picture.box(604, middle - 28, 136, 56)
    picture.text(672, middle - 4, name, "head", "middle")
    picture.arrow(f"M604 {middle} H426")
    picture.text(514, middle - 9 - 17 * touched.count("\n"), touched, "small", "middle")


def life() -> Picture:
    picture = Picture(
        744,
        "The life of a connection",
        "A client's connection begins with a request, a server's with a client that comes. Both are open after the opening "
        "handshake. From there a close frame of either side, a broken rule, or the end of the transport leads to the end. A "
        "handle says Connecting, Open, Closing, Closed.",
    )
    for top, height, name in ((14, 252, "Connecting"), (272, 84, "Open"), (362, 234, "Closing"), (602, 128, "Closed")):
        picture.box(14, top, 732, height, "band", 6)
        picture.text(26, top + 22, name, "muted")

    picture.text(212, 36, "client", "large", "middle")
    picture.named(112, 48, 200, 58, "request(uri), configured", "nothing is dialled yet")
    picture.arrow("M212 106 V138")
    picture.text(222, 127, "start() or connect()", "code")
    picture.named(
        112, 140, 200, 92, "on its way", "name, address, proxy,\nTLS, opening handshake:\none deadline, timeouts.open"
    )
    picture.arrow("M112 214 H78 V610")
    picture.text(26, 188, "on_fail", "code hot")
    picture.text(26, 205, "or Err", "code hot")

    picture.text(584, 36, "server", "large", "middle")
    picture.named(484, 48, 200, 58, "a client is taken", "limits: connections, addresses")
    picture.arrow("M584 106 V138")
    picture.named(484, 140, 200, 92, "handshake read", "TLS, head, origin, validate:\none deadline, timeouts.open")
    picture.arrow("M684 205 H724 V610")
    picture.text(716, 252, "refused with an HTTP status: no handler", "small", "end")

    picture.arrow("M312 210 C350 214 366 248 372 280")
    picture.arrow("M484 210 C446 214 412 248 406 280")
    picture.text(389, 206, "101", "large", "middle")
    picture.text(389, 238, "on_open", "code hot", "middle")

    picture.named(284, 284, 210, 60, "Open", "messages go both ways", "ours")
    picture.text(100, 300, "on_message, on_fragment", "code hot")
    picture.text(100, 320, "on_ping, on_pong", "code hot")
    picture.arrow("M284 302 C252 288 252 340 284 328")
    picture.text(508, 300, "keepalive, idle and write deadlines", "small")

    picture.named(98, 462, 160, 46, "CloseSent", "messages still come")
    picture.named(318, 536, 160, 46, "Exchanged", "both close frames")
    picture.named(526, 462, 160, 46, "Failed", "the peer was told why")
    picture.arrow("M300 344 L190 460")
    picture.text(104, 386, "close() by the program,\nshutdown, idle: 1001\na panic: 1011", "small")
    picture.arrow("M396 344 V534")
    picture.text(404, 402, "the peer's\nclose frame,\nanswered at once", "small")
    picture.arrow("M484 344 L594 460")
    picture.text(553, 390, "the peer breaks a rule:\n1002, 1007, 1008, 1009", "small")
    picture.arrow("M230 508 L316 550")
    picture.text(270, 522, "its close frame", "small")
    picture.arrow("M258 474 H524")
    picture.text(276, 468, "breaks a rule", "small")

    picture.named(294, 658, 208, 58, "Ended", "nothing can be sent")
    picture.arrow("M398 582 V656")
    picture.arrow("M606 508 C602 590 560 642 504 670")
    picture.arrow("M170 508 C174 590 236 642 292 670")
    picture.text(408, 626, "the transport ends,\nor timeouts.close", "small")
    picture.arrow("M494 334 H706 V692 H504", "dashed")
    picture.text(606, 626, "from anywhere:\ntransport ends,\nterminate(),\na deadline", "small")
    picture.text(512, 716, "on_pong_timeout, then on_close", "code hot")
    picture.arrow("M294 692 H92 V176 H110", "dashed")
    picture.text(104, 710, "client, with reconnect: on_retry", "small")
    return picture


def strands() -> Picture:
    picture = Picture(
        560,
        "The two strands of a connection",
        "In one task a read strand takes bytes from the socket, decodes them and hands every message to its handler; a write "
        "strand takes what was queued to the socket in one write. Reading stops while answers pile up over "
        "limits.send_high_water. Handles of other threads put orders into a link, which is emptied before each write.",
    )
    picture.box(24, 92, 520, 372, "dashed", 12)
    picture.text(335, 116, "one task: the driver of this connection", "muted", "middle")
    picture.text(60, 148, "read strand", "large")
    picture.text(320, 148, "write strand", "large")
    picture.named(60, 162, 180, 54, "read once", "into the thread's buffer")
    picture.named(60, 252, 180, 54, "decode", "limits, unmask in place")
    picture.named(60, 342, 180, 76, "hand out", "every message of this\nread, in order", "ours")
    picture.arrow("M150 216 V250")
    picture.arrow("M150 306 V340")
    picture.arrow("M72 342 V308")
    picture.text(66, 330, "next", "muted", "end")
    picture.named(320, 162, 192, 54, "one write", "for the whole batch")
    picture.named(320, 252, 192, 54, "write queue", "of the connection")
    picture.named(320, 342, 192, 76, "frame, compress, mask", "may we send? is there room?")
    picture.arrow("M416 342 V308")
    picture.arrow("M416 252 V218")
    picture.arrow("M240 390 H318")
    picture.text(279, 382, "cx.send", "code", "middle")
    picture.text(279, 408, "no lock", "muted", "middle")
    picture.text(42, 448, "order in the task: write, then read, then wait; other connections after 64 frames", "small")

    picture.box(24, 24, 520, 40)
    picture.text(284, 49, "the socket, TLS or plain", "head", "middle")
    picture.arrow("M200 64 V160")
    picture.arrow("M470 162 V66")

    picture.arrow("M320 279 H280 V190 H242", "mark")
    picture.text(262, 240, "1", "large hot")
    picture.named(582, 342, 154, 76, "other threads", "Handle::send,\nclose, ping")
    picture.named(582, 252, 154, 54, "link", "orders, one lock")
    picture.arrow("M659 342 V308")
    picture.arrow("M582 292 L514 350")
    picture.text(560, 336, "3", "large hot")
    picture.text(182, 84, "2", "large hot")
    picture.text(480, 84, "4", "large hot")

    notes = [
        ("1", "answers over send_high_water (256 KiB): no more reading until send_low_water (64 KiB)"),
        ("2", "what is not read fills TCP's buffers: the peer's sends begin to wait"),
        ("3", "queue and link over send_buffer (1 MiB): sends are refused; send_wait waits instead"),
        ("4", "the socket takes nothing for timeouts.write (60 s): the connection has failed"),
    ]
    for number, (name, words) in enumerate(notes):
        picture.text(40, 488 + 18 * number, name, "head hot")
        picture.text(58, 488 + 18 * number, words, "small")
    return picture


def batches() -> Picture:
    picture = Picture(
        250,
        "A batch: three messages in one read, three answers in one write",
        "Time runs to the right. One read brings three messages. The handler runs three times and queues three answers. Then "
        "one write takes all three, and the task waits.",
    )
    for y, name in ((62, "socket"), (122, "handler"), (182, "queue")):
        picture.text(24, y + 5, name, "head")
        picture.line(f"M100 {y} H736", "thread")
    picture.named(110, 44, 82, 36, "read")
    picture.text(151, 34, "bytes of 1, 2, 3", "small", "middle")
    for number in range(3):
        x = 218 + 82 * number
        picture.box(x, 104, 74, 36, "ours")
        picture.text(x + 37, 127, f"message {number + 1}", "small", "middle")
        picture.arrow(f"M{x + 37} 140 V168")
        picture.box(x + 3, 170, 68, 26)
        picture.text(x + 37, 187, f"answer {number + 1}", "small", "middle")
    picture.arrow("M192 62 C206 62 206 90 222 104")
    picture.named(486, 44, 96, 36, "write")
    picture.text(534, 34, "answers 1, 2, 3", "small", "middle")
    picture.arrow("M453 182 H534 V82")
    picture.named(616, 44, 110, 36, "wait", style="band")
    picture.arrow("M582 62 H614")
    picture.text(
        24, 232, "Nothing that a handler sends leaves before the handlers of the whole read have returned.", "small"
    )
    return picture


def opening() -> Picture:
    picture = Picture(
        596,
        "The opening handshake",
        "The client connects and, for wss, encrypts. It sends a GET request with Upgrade, Connection, Sec-WebSocket-Version "
        "and a random Sec-WebSocket-Key. The server checks the request, asks the program and answers 101 with "
        "Sec-WebSocket-Accept, which the client checks. Then both are open.",
    )
    lifelines(picture, 548, ("client", "server"))
    message(picture, 84, "TCP: SYN, SYN and ACK, ACK", both=True)
    message(picture, 118, "wss: TLS handshake", both=True)
    request = [
        "GET /chat HTTP/1.1",
        "Host: example.com",
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        "Sec-WebSocket-Protocol: chat",
    ]
    heads(picture, 140, request)
    message(picture, 286, "")
    picture.named(584, 296, 162, 76, "decides", "the head is well-formed\norigin, limits, validate")
    answer = [
        "HTTP/1.1 101 Switching Protocols",
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=",
        "Sec-WebSocket-Protocol: chat",
    ]
    heads(picture, 314, answer)
    message(picture, 424, "", back=True)
    picture.named(14, 436, 162, 76, "checks", "101, Upgrade, Accept,\nwhat was offered")
    picture.text(95, 532, "on_open", "code hot", "middle")
    picture.text(600, 428, "on_open", "code hot", "start")
    message(picture, 470, "a frame of the server may follow at once", back=True)
    message(picture, 528, "frames of the client, masked")
    picture.text(
        380,
        576,
        "Anything but this 101, and the connection does not open: on_fail at the client, no handler at the server",
        "small",
        "middle",
    )
    return picture


def closing() -> Picture:
    picture = Picture(
        444,
        "The closing handshake",
        "One side sends a close frame and no message after it; messages of the other side still arrive. The other side "
        "answers with a close frame of its own at once. Then the server ends the TCP connection first, and both are told of "
        "the end.",
    )
    lifelines(picture, 326, ("client", "server"))
    picture.text(26, 90, 'close(1000, "bye")', "code hot")
    picture.text(26, 110, "CloseSent", "head")
    picture.arrow(f"M{LEFT + 4} 92 L{RIGHT - 4} 146")
    picture.text(196, 82, "close frame: 1000, bye", "small")
    picture.arrow(f"M{RIGHT - 4} 92 L{LEFT + 4} 146")
    picture.text(564, 82, "a message that crosses it", "small", "end")
    picture.text(26, 150, "on_message", "code hot")
    picture.text(600, 150, "Exchanged", "head")
    picture.text(600, 168, "answers at once", "small")
    message(picture, 200, "close frame with the same code and reason", back=True)
    picture.text(26, 206, "Exchanged", "head")
    picture.text(26, 226, "waits for the end of\nTCP, at most 1 s", "small")
    message(picture, 256, "end of TCP (with TLS: close_notify before it)", back=True)
    picture.text(600, 260, "ends its side first", "small")
    message(picture, 304, "end of TCP")
    picture.text(26, 300, "Ended", "head")
    picture.text(26, 318, "on_close", "code hot")
    picture.text(600, 324, "Ended", "head")
    picture.text(600, 342, "on_close", "code hot")
    picture.box(184, 340, 392, 78, "band", 6)
    picture.text(
        200,
        364,
        "One deadline for all of it, timeouts.close (5 s).\nA server that begins is the same the other way round:\n"
        "it still ends TCP first (RFC 6455 §7.1.1).",
        "small",
    )
    return picture


# Where the two lifelines of a sequence are.
LEFT, RIGHT = 180, 580


def lifelines(picture: Picture, bottom: int, names: tuple[str, str]) -> None:
    for x, name in zip((LEFT, RIGHT), names):
        picture.named(x - 60, 20, 120, 34, name, style="ours")
        picture.line(f"M{x} 54 V{bottom}", "thread")


def message(picture: Picture, y: int, words: str, back: bool = False, both: bool = False) -> None:
    """An arrow from one lifeline to the other, with what is sent above it."""
    start, end = (RIGHT - 4, LEFT + 4) if back else (LEFT + 4, RIGHT - 4)
    picture.arrow(f"M{start} {y} H{end}")
    if both:
        picture.arrow(f"M{end} {y} H{start}")
    picture.text((LEFT + RIGHT) / 2, y - 7, words, "small", "middle")


def heads(picture: Picture, top: int, lines: list[str]) -> None:
    for number, line in enumerate(lines):
        picture.text(LEFT + 24, top + 17 + 17 * number, line, "code")


DRAWINGS = {
    "layers": layers,
    "life-of-a-connection": life,
    "strands": strands,
    "batch": batches,
    "opening-handshake": opening,
    "closing-handshake": closing,
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="whether the pictures are as drawn here")
    options = parser.parse_args()
    stale = 0
    for name, draw in DRAWINGS.items():
        path, svg = HERE / f"{name}.svg", draw().svg()
        if not options.check:
            path.write_text(svg)
        elif not path.exists() or path.read_text() != svg:
            print(f"{path.name} is not what draw.py draws")
            stale += 1
    return int(stale > 0)


if __name__ == "__main__":
    sys.exit(main())
