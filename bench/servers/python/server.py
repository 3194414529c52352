"""Python's `websockets`."""

import argparse
import asyncio

from websockets.asyncio.server import ServerConnection, broadcast, serve
from websockets.exceptions import ConnectionClosed
from websockets.extensions.permessage_deflate import ServerPerMessageDeflateFactory

NO_CONTEXT = ServerPerMessageDeflateFactory(server_no_context_takeover=True, client_no_context_takeover=True)
DEFLATE = {
    "off": {"compression": None},
    "shared": {"compression": None, "extensions": [NO_CONTEXT]},
    "takeover": {"compression": "deflate"},
}


async def echo(connection: ServerConnection) -> None:
    try:
        async for message in connection:
            await connection.send(message)
    except ConnectionClosed:
        pass


async def publish(connection: ServerConnection) -> None:
    try:
        async for message in connection:
            broadcast(connection.server.connections, message)
    except ConnectionClosed:
        pass


async def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--deflate", choices=DEFLATE, default="off")
    parser.add_argument("--broadcast", action="store_true")
    options = parser.parse_args()
    handler = publish if options.broadcast else echo
    async with serve(handler, "127.0.0.1", options.port, backlog=4096, **DEFLATE[options.deflate]) as server:
        print("ready", flush=True)
        await server.serve_forever()


asyncio.run(main())
