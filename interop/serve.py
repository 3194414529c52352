"""Takes `bowsprit serve` through clients that nobody here wrote: Python `websockets`, node, Chromium.

    python serve.py [--only TEXT] [--tally FILE] [--node CLIENT_MJS] [--chromium PROGRAM]
                    [--picture FILE] PROGRAM

PROGRAM is the built `bowsprit`. CLIENT_MJS is the copy of serve_client.mjs beside which node finds its
packages. What is not given is left out. With --picture the page is kept as PNGs, of a desk and a phone in both colours. The
exit status is 1 if a check failed.
"""

import argparse
import asyncio
import re
import signal
import ssl
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from browser import Browser
from lab import Check, Tally
from serve_page import try_page
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

PATIENCE = 30.0


class Serving:
    """A running `bowsprit serve`, and the lines that it has printed."""

    def __init__(self, program: Path, *options: str) -> None:
        command = [program, "serve", "127.0.0.1:0", *options]
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
        self.uri = self.line(r"Serving .* on (\S+)")[1]

    def line(self, pattern: str) -> re.Match[str]:
        seen = []
        for line in self.process.stdout:
            seen.append(line)
            if found := re.search(pattern, line):
                return found
        raise AssertionError(f"no line matches {pattern!r}: {seen}")

    def stop(self, number: int = signal.SIGINT) -> int:
        self.process.send_signal(number)
        return self.process.wait(PATIENCE)


@contextmanager
def serving(program: Path, *options: str) -> Iterator[Serving]:
    server = Serving(program, *options)
    try:
        yield server
    finally:
        server.process.kill()
        server.process.wait()


async def ended(client) -> tuple[int, str]:
    """How the server has closed."""
    try:
        while True:
            await asyncio.wait_for(client.recv(), PATIENCE)
    except ConnectionClosed as closed:
        return (closed.rcvd.code, closed.rcvd.reason) if closed.rcvd else (1006, "")


def echoes(program: Path) -> None:
    async def talk(uri: str) -> None:
        async with connect(uri) as client:
            for message in ["", "hällo", b"\x00\xff", "x" * 100_000, bytes(300_000)]:
                await client.send(message)
                assert await client.recv() == message
            await client.close(4001, "bye")

    with serving(program) as server:
        asyncio.run(talk(server.uri))
        server.line(r"0 open 127\.0\.0\.1:\d+ / Python/")
        server.line(r'0 closed 4001 \(Unknown\) "bye" by peer')
        assert server.stop() == 130


def many_at_once(program: Path) -> None:
    """A thousand connections, of which one speaks to all."""

    async def talk(uri: str) -> None:
        clients = [await connect(uri, compression=None) for _ in range(1000)]
        await clients[0].send("news")
        heard = await asyncio.gather(*(asyncio.wait_for(client.recv(), PATIENCE) for client in clients))
        assert heard == ["news"] * len(clients)
        server.process.send_signal(signal.SIGINT)
        codes = await asyncio.gather(*(ended(client) for client in clients))
        assert {code for code, _ in codes} == {1001}, codes

    with serving(program, "--broadcast") as server:
        asyncio.run(talk(server.uri))
        assert server.process.wait(PATIENCE) == 130


def slow_readers(program: Path) -> None:
    """One that never reads is closed with 1013, and holds nobody up."""

    async def talk(uri: str) -> None:
        async with connect(uri, compression=None) as speaker, connect(uri, compression=None) as hearer:
            reader, writer = await asyncio.open_connection("127.0.0.1", int(uri.rsplit(":", 1)[1]))
            writer.write(
                b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
            )
            await reader.readuntil(b"\r\n\r\n")
            for _ in range(200):
                await speaker.send("x" * 65_536)
                assert len(await hearer.recv()) == 65_536
            writer.close()

    with serving(program, "--broadcast", "--no-self", "--close-slow") as server:
        asyncio.run(talk(server.uri))
        server.line(r"was not heard by 1 who do not keep up")


def processes(program: Path) -> None:
    async def talk(uri: str) -> None:
        async with connect(f"{uri}/x?y=1", subprotocols=["chat"]) as client:
            await client.send("sort of")
            assert await client.recv() == "/x?y=1 chat sort of"
            assert await ended(client) == (1011, "exit status 9")

    script = 'read a; echo "$REQUEST_URI $WEBSOCKET_PROTOCOL $a"; exit 9'
    with serving(program, "--exec-shell", "--exec", script, "-s", "chat") as server:
        asyncio.run(talk(server.uri))


def proxied(program: Path) -> None:
    async def talk(uri: str) -> None:
        async with connect(f"{uri}/path", subprotocols=["a", "b"]) as client:
            assert client.subprotocol == "b"
            for message in ["text", b"\x01\x02", "y" * 200_000]:
                await client.send(message)
                assert await client.recv() == message
            await client.close(4007, "enough")

    with serving(program, "-s", "b", "--tls-self-signed") as target:
        pin = target.line(r"--pin (\S+)")[1]
        with serving(program, "--proxy", f"--insecure --pin {pin} {target.uri}") as proxy:
            asyncio.run(talk(proxy.uri))
            target.line(r"0 open \S+ /path Python/")
            target.line(r'closed 4007 \(Unknown\) "enough" by peer')
            proxy.line(r"<< binary 2 01 02")
            proxy.line(r">> binary 2 01 02")


def encrypted(program: Path) -> None:
    async def talk(uri: str) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        async with connect(uri, ssl=context) as client:
            await client.send("secret")
            assert await client.recv() == "secret"

    with serving(program, "--tls-self-signed") as server:
        asyncio.run(talk(server.uri))


def refused(program: Path) -> None:
    async def status(uri: str, **options: object) -> int:
        try:
            async with connect(uri, **options):
                return 101
        except InvalidStatus as refusal:
            return refusal.response.status_code

    with serving(program, "--auth", "me:secret") as server:
        assert asyncio.run(status(server.uri)) == 401
        assert asyncio.run(status(server.uri.replace("://", "://me:secret@"))) == 101
    with serving(program) as server:
        assert asyncio.run(status(server.uri, origin="https://evil.example")) == 403
    with serving(program, "--refuse", "503") as server:
        assert asyncio.run(status(server.uri)) == 503


def faulty(program: Path) -> None:
    """Each fault as another library names it."""

    async def told(uri: str) -> str:
        async with connect(uri, open_timeout=PATIENCE) as client:
            await client.send("hello")
            try:
                return str(await asyncio.wait_for(client.recv(), 1))
            except ConnectionClosed as closed:
                return f"{closed.sent.code if closed.sent else 'cut'}"
            except TimeoutError:
                return "silence"

    for options, expected in [
        (("--corrupt", "100%:utf8"), "1007"),
        (("--corrupt", "100%:reserved"), "1002"),
        (("--corrupt", "100%:mask"), "1002"),
        (("--corrupt", "100%:opcode"), "1002"),
        (("--corrupt", "100%:fragment"), "1002"),
        (("--cut", "100%"), "cut"),
        (("--drop", "100%"), "silence"),
        (("--stall", "0"), "silence"),
        (("--delay", "50ms"), "hello"),
    ]:
        with serving(program, *options) as server:
            found = asyncio.run(told(server.uri))
            assert found == expected, f"{options}: {found}"


def from_node(program: Path, client: Path) -> None:
    with serving(program, "--subprotocol", "b") as server:
        done = subprocess.run(["node", client, server.uri], capture_output=True, text=True, timeout=PATIENCE)
        assert done.returncode == 0, done.stderr
        assert done.stdout.splitlines() == ["open b", "text hello", "binary 0001ff", "closed 4001 bye"], done.stdout


def checks(arguments: argparse.Namespace, browser: Browser | None) -> Iterator[Check]:
    for run in (echoes, many_at_once, slow_readers, processes, proxied, encrypted, refused, faulty):
        yield Check(f"serve: {run.__name__.replace('_', ' ')}", lambda run=run: run(arguments.program))
    if arguments.node:
        yield Check("serve: a client of node", lambda: from_node(arguments.program, arguments.node))
    if browser:
        yield Check("serve: the page in a browser", lambda: page(arguments, browser))


def page(arguments: argparse.Namespace, browser: Browser) -> None:
    with serving(arguments.program, "--ui", "-s", "b") as server:
        try_page(browser, server.uri, arguments.picture)


def main() -> int:
    # A time limit from outside ends the run like a failure, so that nothing stays behind.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    arguments = parse_arguments()
    tally = Tally()
    with ExitStack() as stack:
        # The browser's helpers may still write when it has ended, and leave something behind.
        holder = tempfile.TemporaryDirectory(prefix="bowsprit-serve-", ignore_cleanup_errors=True)
        folder = Path(stack.enter_context(holder))
        browser = Browser(arguments.chromium, folder) if arguments.chromium else None
        if browser:
            stack.callback(browser.close)
        if arguments.tally:
            stack.callback(lambda: arguments.tally.write_text(f"{tally.passed} {tally.failed}\n"))
        for check in checks(arguments, browser):
            if arguments.only in check.name:
                tally.run(check)
    print(f"serve: {tally.passed} of {tally.passed + tally.failed} checks passed")
    return 0 if tally.passed and not tally.failed else 1


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Takes `bowsprit serve` through clients.")
    parser.add_argument("program", type=Path)
    parser.add_argument("--node", type=Path)
    parser.add_argument("--chromium")
    parser.add_argument("--picture", type=Path)
    parser.add_argument("--only", default="")
    parser.add_argument("--tally", type=Path)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
