"""Servers made with Python's `websockets`, over ws:// and wss://, one behaviour for each path.

    python servers.py CERTIFICATE_FOLDER

The first line on standard output is a JSON object with the ports; every later line is one event:
what the server saw of the program under test. The servers end when standard input ends.
"""

import asyncio
import hashlib
import http
import json
import ssl
import sys
from pathlib import Path

from websockets.asyncio.server import ServerConnection, basic_auth, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

# The names that the servers of the seed's two runs gave themselves.
SERVER_HEADERS = {"ws": "WebSocket++/0.3.0-alpha4", "kaazing": "Kaazing Gateway"}
CERTIFICATES = {"wss": "good", "wss-expired": "expired", "wss-wrong-name": "wrong-name"}


def report(event: str, connection: ServerConnection, **facts: object) -> None:
    print(json.dumps({"event": event, "path": connection.request.path, **facts}), flush=True)


def describe(message: str | bytes) -> dict[str, object]:
    """What identifies a message, and the message itself when it is short text."""
    kind, payload = ("text", message.encode()) if isinstance(message, str) else ("binary", message)
    facts = {"kind": kind, "size": len(payload), "sha256": hashlib.sha256(payload).hexdigest()}
    if kind == "text" and len(payload) < 1000:
        facts["text"] = message
    return facts


async def echo(connection: ServerConnection) -> None:
    async for message in connection:
        report("message", connection, **describe(message))
        await connection.send(message)


async def close_with_4001(connection: ServerConnection) -> None:
    await connection.recv()
    await connection.close(4001, "bye")


async def send_binary(connection: ServerConnection) -> None:
    await connection.send(b"\x00\x01\xff")
    await connection.wait_closed()


async def send_fragments(connection: ServerConnection) -> None:
    await connection.send(["frag", "men", "ted"])
    await connection.wait_closed()


async def send_ping(connection: ServerConnection) -> None:
    await (await connection.ping(b"are you there"))
    report("pong", connection)
    await connection.send("thanks for the pong")
    await connection.wait_closed()


async def tell_headers(connection: ServerConnection) -> None:
    """The headers of the request as they came, in one message."""
    lines = [f"{name}: {value}" for name, value in connection.request.headers.raw_items()]
    await connection.send("\n".join(lines))
    await connection.wait_closed()


BEHAVIOURS = {
    "/echo": echo,
    "/headers": tell_headers,
    "/basic": echo,
    "/own-pages-only": echo,
    "/close4001": close_with_4001,
    "/binary": send_binary,
    "/fragments": send_fragments,
    "/ping": send_ping,
    "/subprotocol": echo,
}


async def handle(connection: ServerConnection) -> None:
    report("open", connection, subprotocol=connection.subprotocol, host=connection.request.headers["Host"])
    behave = BEHAVIOURS[connection.request.path.partition("?")[0]]
    try:
        await behave(connection)
    except ConnectionClosed:
        pass
    await connection.wait_closed()
    report("closed", connection, code=connection.close_code, reason=connection.close_reason)


demand_password = basic_auth(realm="the hold", credentials=("anna", "s3cret:x"))


async def decide(connection: ServerConnection, request: Request) -> Response | None:
    """What a path demands before it lets anybody in."""
    path = request.path.partition("?")[0]
    if path == "/basic":
        return await demand_password(connection, request)
    if path == "/own-pages-only" and request.headers.get("Origin") != "https://app.example.com":
        return connection.respond(http.HTTPStatus.FORBIDDEN, "another site's page")
    if path == "/moved":
        answer = connection.respond(http.HTTPStatus.MOVED_PERMANENTLY, "elsewhere")
        answer.headers["Location"] = "/headers"
        return answer
    return None


def choose_subprotocol(_connection: ServerConnection, offered: list[str]) -> str | None:
    return "chat" if "chat" in offered else None


def tls(folder: Path, name: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / f"{name}.pem", folder / f"{name}.key")
    return context


async def listen(host: str = "127.0.0.1", **options: object) -> int:
    """Starts one server on a free port and returns the port."""
    server = await serve(
        handle, host, 0, select_subprotocol=choose_subprotocol, process_request=decide, max_size=None, **options
    )
    return server.sockets[0].getsockname()[1]


async def main(folder: Path) -> None:
    ports = {name: await listen(server_header=header) for name, header in SERVER_HEADERS.items()}
    for name, certificate in CERTIFICATES.items():
        ports[name] = await listen(ssl=tls(folder, certificate))
    try:
        ports["ws-ipv6"] = await listen("::1")
    except OSError:
        pass  # This machine has no IPv6 loopback; the session that needs it is left out.
    print(json.dumps(ports), flush=True)
    await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
