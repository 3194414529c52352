"""The server of faults.py with a path for each field in which text that attacks a terminal can stand.

    python hostile.py FOLDER

FOLDER is for a certificate whose subject attacks, too. Started, told and ended as faults.py is; its ports
are `ws` and `wss`.
"""

import json
import socket
import ssl
import sys
import threading
from functools import partial
from pathlib import Path

from certs import make_key, openssl
from faults import BEHAVIOURS, BINARY, CLOSE, PING, TEXT, Peer, accept_all, close_payload, frame, serve_one

# Set the title, write the clipboard, change the background, go up, reset the terminal; the same with C1
# controls; go back and overwrite, turn the direction of text, hide, and pile marks upon a letter.
CONTROLS = (
    "\x1b]0;OWNED\x07\x1b]52;c;T1dORUQ=\x07\x1b[45m\x1b[9A\x1bc\x00\x05"
    "\u009d0;OWNED\u009c\u009b45m\x08\x7f\u202eevil\u2066\u200b\ufeff\U000e0041 Z" + "\u0316\u0301" * 40
)
# A line that the program itself might print.
FORGED = "\r\n0 closed 1000 forged\n> Status: forged\r"
ATTACK = CONTROLS + FORGED

FLOOD = 200_000


def long_frame(opcode: int, payload: bytes) -> bytes:
    if len(payload) < 65536:
        return frame(opcode, payload)
    return bytes([0x80 | opcode, 127]) + len(payload).to_bytes(8) + payload


def send_after_open(data: bytes, peer: Peer) -> None:
    peer.answer()
    peer.send(data)
    peer.follow()


def answer_raw(head: str, peer: Peer) -> None:
    peer.send(head.encode() + b"\r\n\r\n")


def flood(peer: Peer) -> None:
    """As many messages at once as fit, while the program may say something."""
    peer.answer()
    threading.Thread(target=peer.follow, daemon=True).start()
    for start in range(0, FLOOD, 1000):
        peer.send(b"".join(frame(TEXT, f"tick {start + number}".encode()) for number in range(1000)))
    threading.Event().wait()


def header_attack(name: str, peer: Peer) -> None:
    peer.answer(**{name: CONTROLS.replace("\x00", "")})
    peer.follow()


BEHAVIOURS |= {
    "/text": partial(send_after_open, long_frame(TEXT, ATTACK.encode())),
    "/json": partial(send_after_open, long_frame(TEXT, json.dumps({ATTACK: [ATTACK] * 9}).encode())),
    "/json-raw": partial(
        send_after_open,
        long_frame(TEXT, json.dumps({"a": ATTACK[-200:]}, ensure_ascii=False).encode()),
    ),
    "/binary": partial(send_after_open, long_frame(BINARY, ATTACK.encode())),
    "/ping": partial(send_after_open, frame(PING, CONTROLS.encode()[:120]) + frame(TEXT, b"behind it")),
    "/reason": partial(send_after_open, frame(CLOSE, close_payload(4001, CONTROLS.encode()[:110].decode("utf-8", "ignore")))),
    "/huge": partial(send_after_open, long_frame(TEXT, (ATTACK + "x" * 10_000_000).encode())),
    "/deep": partial(send_after_open, long_frame(TEXT, b"[" * 500_000 + b"]" * 500_000)),
    "/server": partial(header_attack, "Server"),
    "/subprotocol": partial(header_attack, "Sec_WebSocket_Protocol"),
    "/extension": partial(header_attack, "Sec_WebSocket_Extensions"),
    "/accept": partial(header_attack, "Sec_WebSocket_Accept"),
    "/status": partial(answer_raw, f"HTTP/1.1 404 {CONTROLS}"),
    "/location": partial(answer_raw, f"HTTP/1.1 301 Moved\r\nLocation: ws://a/{CONTROLS}"),
    "/banner": partial(answer_raw, ATTACK),
    "/flood": flood,
}


def hostile_tls(folder: Path) -> ssl.SSLContext:
    """A self-signed certificate with an attack for a subject."""
    key, certificate = folder / "hostile.key", folder / "hostile.pem"
    subject = "".join(letter for letter in CONTROLS[:60] if letter not in "\x00/+=")
    make_key(key)
    openssl(
        "req", "-x509", "-new", "-utf8", "-key", key, "-out", certificate, "-days", "2",
        "-subj", f"/CN={subject}", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context


def accept_tls(listener: socket.socket, context: ssl.SSLContext) -> None:
    while True:
        stream, _address = listener.accept()
        threading.Thread(target=serve_tls, args=[stream, context], daemon=True).start()


def serve_tls(stream: socket.socket, context: ssl.SSLContext) -> None:
    try:
        encrypted = context.wrap_socket(stream, server_side=True)
    except OSError:
        return  # The program has refused the certificate.
    serve_one(encrypted)


def main() -> None:
    plain = socket.create_server(("127.0.0.1", 0), backlog=100)
    tls = socket.create_server(("127.0.0.1", 0), backlog=100)
    threading.Thread(target=accept_all, args=[plain], daemon=True).start()
    threading.Thread(target=accept_tls, args=[tls, hostile_tls(Path(sys.argv[1]))], daemon=True).start()
    print(json.dumps({"ws": plain.getsockname()[1], "wss": tls.getsockname()[1]}), flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
