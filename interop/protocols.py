"""Servers of Python's `websockets` that speak protocols above WebSocket, for the scripts in examples/scripts.

    python protocols.py

The first line on standard output is a JSON object with the ports: `ws`. The path names the protocol: `/chat`
sends each message to all others, `/rpc` is JSON-RPC 2.0, `/stomp` is a STOMP 1.2 broker that keeps nothing.
The servers end when standard input ends.
"""

import asyncio
import json
import sys

from websockets.asyncio.server import ServerConnection, broadcast, serve
from websockets.exceptions import ConnectionClosed

room: set[ServerConnection] = set()


async def chat(socket: ServerConnection) -> None:
    room.add(socket)
    try:
        async for message in socket:
            broadcast(room - {socket}, message)
    finally:
        room.discard(socket)


async def rpc(socket: ServerConnection) -> None:
    async for message in socket:
        try:
            request = json.loads(message)
        except ValueError:
            answer, ticks = error(None, -32700, "Parse error"), 0
        else:
            batch = request if isinstance(request, list) else [request]
            answers = [call(each) for each in batch]
            given = [found for found in answers if found is not None]
            answer = given if isinstance(request, list) else answers[0]
            ticks = request["params"][0] if not isinstance(request, list) and request.get("method") == "notify" else 0
        if answer is not None:
            await socket.send(json.dumps(answer))
        for number in range(1, ticks + 1):
            await socket.send(json.dumps({"jsonrpc": "2.0", "method": "tick", "params": {"number": number}}))


def call(request: dict) -> dict | None:
    parameters = request.get("params", [])
    match request["method"]:
        case "subtract" if isinstance(parameters, dict):
            result = parameters["minuend"] - parameters["subtrahend"]
        case "subtract":
            result = parameters[0] - parameters[1]
        case "notify":
            result = "soon"
        case _:
            return error(request.get("id"), -32601, "Method not found")
    return {"jsonrpc": "2.0", "id": request["id"], "result": result} if "id" in request else None


def error(number: object, code: int, message: str) -> dict:
    return {"jsonrpc": "2.0", "id": number, "error": {"code": code, "message": message}}


# By destination, each subscription's connection and id.
subscriptions: dict[str, dict[tuple[ServerConnection, str], None]] = {}


async def stomp(socket: ServerConnection) -> None:
    try:
        async for message in socket:
            for answer in stomp_answers(socket, message):
                await answer
    except ValueError as fault:
        await socket.send(frame("ERROR", {"message": str(fault)}))
        await socket.close(1002)
    finally:
        for subscribed in subscriptions.values():
            for key in [key for key in subscribed if key[0] is socket]:
                del subscribed[key]


def stomp_answers(socket: ServerConnection, message: str) -> list:
    if not message.endswith("\0"):
        raise ValueError("a frame ends with NUL")
    head, _, body = message[:-1].partition("\n\n")
    command, *lines = head.split("\n")
    headers = dict(line.split(":", 1) for line in lines)
    answers = []
    match command:
        case "CONNECT" | "STOMP":
            answers.append(socket.send(frame("CONNECTED", {"version": "1.2", "heart-beat": "0,0"})))
        case "SUBSCRIBE":
            subscriptions.setdefault(headers["destination"], {})[socket, headers["id"]] = None
        case "UNSUBSCRIBE":
            for subscribed in subscriptions.values():
                subscribed.pop((socket, headers["id"]), None)
        case "SEND":
            for number, (member, name) in enumerate(subscriptions.get(headers["destination"], {})):
                facts = {
                    "subscription": name,
                    "message-id": str(number),
                    "destination": headers["destination"],
                    "content-type": headers.get("content-type", "text/plain"),
                }
                answers.append(member.send(frame("MESSAGE", facts, body)))
        case "DISCONNECT":
            answers.append(socket.close())
        case other:
            raise ValueError(f"unknown command {other}")
    if "receipt" in headers:
        answers.append(socket.send(frame("RECEIPT", {"receipt-id": headers["receipt"]})))
    return answers


def frame(command: str, headers: dict[str, str], body: str = "") -> str:
    lines = [command, *(f"{name}:{value}" for name, value in headers.items())]
    return "\n".join(lines) + f"\n\n{body}\0"


async def handle(socket: ServerConnection) -> None:
    path = socket.request.path.split("?")[0]
    try:
        await {"/chat": chat, "/rpc": rpc, "/stomp": stomp}[path](socket)
    except ConnectionClosed:
        pass


async def main() -> None:
    async with serve(handle, "127.0.0.1", 0, subprotocols=None, select_subprotocol=choose) as server:
        port = server.sockets[0].getsockname()[1]
        print(json.dumps({"ws": port}), flush=True)
        await asyncio.to_thread(sys.stdin.read)


def choose(_socket: ServerConnection, offered: list[str]) -> str | None:
    return "v12.stomp" if "v12.stomp" in offered else None


asyncio.run(main())
