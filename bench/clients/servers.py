"""The servers that the ten jobs are done against: Python's `websockets`, one behaviour for each path."""

import asyncio
import http
import logging
import socket
import ssl
import subprocess
import threading
from pathlib import Path

from websockets.asyncio.server import Server, ServerConnection, broadcast, serve
from websockets.http11 import Request, Response

TOKEN = "mate-7"

# Clients leave as they like; how is what the table tells.
logging.getLogger("websockets").setLevel(logging.CRITICAL)


async def echo(connection: ServerConnection) -> None:
    async for message in connection:
        await connection.send(message)


async def feed(connection: ServerConnection) -> None:
    number = 0
    while True:
        number += 1
        await connection.send(f"tick {number}")
        await asyncio.sleep(0.01)


async def close_with_4001(connection: ServerConnection) -> None:
    await connection.close(4001, "bye")


async def chat(connection: ServerConnection) -> None:
    async for message in connection:
        broadcast(connection.server.connections - {connection}, message)


PATHS = {"/echo": echo, "/feed": feed, "/bye": close_with_4001, "/chat": chat, "/secret": echo}


async def handle(connection: ServerConnection) -> None:
    await PATHS[connection.request.path](connection)


def check_request(connection: ServerConnection, request: Request) -> Response | None:
    if request.path == "/secret" and request.headers.get("Authorization") != f"Bearer {TOKEN}":
        return connection.respond(http.HTTPStatus.UNAUTHORIZED, "the mate only\n")
    return None if request.path in PATHS else connection.respond(http.HTTPStatus.NOT_FOUND, "no such path\n")


def make_certificates(folder: Path) -> None:
    """An authority of our own, `ca.pem`, and a server's certificate that it signed."""
    (folder / "names").write_text("subjectAltName=DNS:localhost,IP:127.0.0.1")
    for command in (
        "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=Harbour -keyout ca.key -out ca.pem",
        "req -newkey rsa:2048 -nodes -subj /CN=localhost -keyout server.key -out server.csr",
        "x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile names -out server.pem",
    ):
        subprocess.run(["openssl", *command.split()], cwd=folder, check=True, capture_output=True)


class Servers:
    """Runs on a thread of its own until the program ends."""

    def __init__(self, folder: Path) -> None:
        make_certificates(folder)
        self.folder = folder
        self.places: dict[str, str] = {}
        is_ready = threading.Event()
        threading.Thread(target=lambda: asyncio.run(self._run(is_ready)), daemon=True).start()
        is_ready.wait()

    async def _run(self, is_ready: threading.Event) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.folder / "server.pem", self.folder / "server.key")
        # Lines of 118 bytes are not worth compressing, and no client is to pay for that here.
        common = {
            "process_request": check_request,
            "select_subprotocol": lambda _, offered: "chat" if "chat" in offered else None,
            "compression": None,
            "max_size": None,
        }
        plain = await serve(handle, "127.0.0.1", 0, **common)
        secure = await serve(handle, "127.0.0.1", 0, ssl=context, **common)
        silent = socket.create_server(("127.0.0.1", 0))
        self.places = {
            **{path[1:]: f"ws://127.0.0.1:{port_of(plain)}{path}" for path in PATHS},
            "wss": f"wss://localhost:{port_of(secure)}/secret",
            "silent": f"ws://127.0.0.1:{silent.getsockname()[1]}/",
        }
        is_ready.set()
        await asyncio.Event().wait()


def port_of(server: Server) -> int:
    return next(iter(server.sockets)).getsockname()[1]
