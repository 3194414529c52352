"""A peer made with Python's `websockets`: an echo server, and the client that talks to one.

    python peer.py server [--tls CERTIFICATE KEY] [--compress MODE]
    python peer.py client URI [--ca FILE] [--compress MODE] [--subprotocol NAME]...

interop/README.md says what every peer does, and what it prints.
"""

import argparse
import asyncio
import json
import os
import ssl
import sys
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.connection import Connection
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.extensions.permessage_deflate import (
    ClientPerMessageDeflateFactory,
    ServerPerMessageDeflateFactory,
)

# In the server's order of preference.
SUBPROTOCOLS = ["interop.v2", "interop.v1"]

COMPRESSION = {
    "none": None,
    "shared": {"server_no_context_takeover": True, "client_no_context_takeover": True},
    "dedicated": {"server_max_window_bits": 12, "client_max_window_bits": 12},
    "narrow": {"server_max_window_bits": 9, "client_max_window_bits": 9},
}

# Far longer than anything here takes, since a busy machine must not fail a session.
PATIENCE = {"open_timeout": 60, "close_timeout": 60, "ping_timeout": 60}

FRAGMENTS = ["in ", "three ", "pieces"]

MESSAGES = [
    "",
    "hello",
    "Grüße, Привет, γειά, 你好, नमस्ते, مرحبا 👋🏽🚢",
    b"",
    bytes(range(256)),
    bytes(number % 251 for number in range(70_000)),
    "abcdefghijklmnopqrstuvwxyz 01234" * 32_768,
    os.urandom(1 << 20),
]

BURST = [f'{{"id":{number},"kind":"reading","pier":"north","value":{number * number}}}' for number in range(200)]


def report(**facts: object) -> None:
    print(json.dumps(facts), flush=True)


def agreed(connection: Connection) -> dict[str, object]:
    return {
        "subprotocol": connection.subprotocol,
        "deflate": connection.response.headers.get("Sec-WebSocket-Extensions"),
    }


def closing(connection: Connection) -> dict[str, object]:
    """The close frames of both sides."""
    frames = {"received": connection.protocol.close_rcvd, "sent": connection.protocol.close_sent}
    return {name: frame and [frame.code, frame.reason] for name, frame in frames.items()}


class Counts:
    """The messages that came, and their bytes."""

    def __init__(self) -> None:
        self.messages = 0
        self.bytes = 0

    def add(self, message: str | bytes) -> None:
        self.messages += 1
        self.bytes += len(message.encode() if isinstance(message, str) else message)


def choose_subprotocol(connection: ServerConnection, offered: list[str]) -> str | None:
    if urlsplit(connection.request.path).path == "/wrong":
        return "never.offered"
    return next((name for name in SUBPROTOCOLS if name in offered), None)


async def answer(connection: ServerConnection) -> None:
    path, counts = connection.request.path, Counts()
    report(event="open", path=path, **agreed(connection))
    try:
        async for message in connection:
            counts.add(message)
            if urlsplit(path).path == "/close":
                code, _, reason = message.partition(" ")
                await connection.close(int(code), reason)
            else:
                await connection.send(message)
    except ConnectionClosed:
        pass
    await connection.wait_closed()
    report(event="close", path=path, **vars(counts), **closing(connection))


async def serve_echo(arguments: argparse.Namespace) -> None:
    deflate = COMPRESSION[arguments.compress]
    tls = None
    if arguments.tls:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(*arguments.tls)
    server = await serve(
        answer,
        "127.0.0.1",
        0,
        ssl=tls,
        select_subprotocol=choose_subprotocol,
        compression=None,
        extensions=None if deflate is None else [ServerPerMessageDeflateFactory(**deflate)],
        max_size=None,
        **PATIENCE,
    )
    report(**{"wss" if tls else "ws": server.sockets[0].getsockname()[1]})
    await asyncio.to_thread(sys.stdin.read)


async def in_fragments(connection: ClientConnection) -> AsyncIterator[str]:
    for fragment in FRAGMENTS:
        yield fragment
        await connection.ping(fragment)


async def converse(connection: ClientConnection, counts: Counts) -> None:
    async def expect(message: str | bytes) -> None:
        got = await connection.recv()
        assert got == message, f"{got[:80]!r} came back for {message[:80]!r}"
        counts.add(got)

    for message in MESSAGES:
        await connection.send(message)
        await expect(message)
    await connection.send(in_fragments(connection))
    await expect("".join(FRAGMENTS))
    for message in BURST:
        await connection.send(message)
    for message in BURST:
        await expect(message)
    await (await connection.ping(b"are you there"))
    await connection.close(4002, "done")


async def talk(arguments: argparse.Namespace) -> None:
    deflate = COMPRESSION[arguments.compress]
    counts = Counts()
    connection = await connect(
        arguments.uri,
        ssl=ssl.create_default_context(cafile=arguments.ca) if arguments.ca else None,
        subprotocols=arguments.subprotocol or None,
        compression=None,
        extensions=None if deflate is None else [ClientPerMessageDeflateFactory(**deflate)],
        max_size=None,
        proxy=None,
        **PATIENCE,
    )
    if urlsplit(arguments.uri).path == "/close":
        await connection.send("4001 fair winds ⚓")
    else:
        await converse(connection, counts)
    await connection.wait_closed()
    report(**agreed(connection), **vars(counts), **closing(connection))


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="An echo server, or the client that talks to one.")
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--compress", choices=COMPRESSION, default="none")
    roles = parser.add_subparsers(required=True)
    server = roles.add_parser("server", parents=[common])
    server.add_argument("--tls", nargs=2, metavar=("CERTIFICATE", "KEY"))
    server.set_defaults(run=serve_echo)
    client = roles.add_parser("client", parents=[common])
    client.add_argument("uri")
    client.add_argument("--ca")
    client.add_argument("--subprotocol", action="append")
    client.set_defaults(run=talk)
    return parser.parse_args()


if __name__ == "__main__":
    chosen = parse_arguments()
    asyncio.run(chosen.run(chosen))
