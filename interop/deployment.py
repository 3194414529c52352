"""Takes a server and clients of ours through nginx and haproxy, configured as docs/guides/deployment says.

    python deployment.py PROGRAM [--only TEXT] [--tally FILE]

PROGRAM is the built `bowsprit`; the library's example `behind_proxy` is taken from `examples/` beside it. The proxies
are Debian's (nginx, haproxy), run as root, with the files of the guide; ports, addresses and the names of files are
replaced, and where a check says so, a time or a number. Clients are the program, Python's `websockets` and, where there
is one, Chromium. The exit status is 1 if a check failed.
"""

import asyncio
import signal
import sys
import tempfile
import urllib.error
import urllib.request
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path

from certs import make_certificates
from command import run_checks
from deployment_browser import CHROMIUM, page as browser_page
from deployment_lab import CLIENT, CONFIGURATIONS, Harbour, echo, end_of, status, until, whoami
from deployment_traps import traps
from lab import PATIENCE, Check

# Silence that the proxies of some checks end a connection for; and the pings of servers that are not silent.
SHORT = "75s", "3s"
PINGS = "200ms"

MESSAGES = ["", "hällo ⚓", b"", bytes(range(256)), "x" * 1_000_000, bytes(1_000_000)]

Look = Callable[[Harbour, str], Awaitable[None]]


def page(uri: str) -> int:
    try:
        with urllib.request.urlopen(uri.replace("ws", "http", 1), timeout=PATIENCE) as answer:
            return answer.status
    except urllib.error.HTTPError as refusal:
        return refusal.code


async def messages(harbour: Harbour, name: str) -> None:
    """Everything comes back, one by one and in one go, with and without compression."""
    with harbour.backend() as server, harbour.front(name, server) as front:
        for scheme in "ws", "wss":
            for compression in "deflate", None:
                async with harbour.connect(front.uri("/", scheme), compression=compression) as client:
                    for message in MESSAGES:
                        await client.send(message)
                        assert await asyncio.wait_for(client.recv(), PATIENCE) == message
                    for number in range(500):
                        await client.send(str(number))
                    for number in range(500):
                        assert await asyncio.wait_for(client.recv(), PATIENCE) == str(number)


async def program(harbour: Harbour, name: str) -> None:
    with harbour.backend() as server, harbour.front(name, server) as front:
        for scheme in "ws", "wss":
            trust = ("--ca", harbour.folder / "ca.pem") if scheme == "wss" else ()
            done = harbour.run("send", *trust, front.uri("/", scheme), "hello")
            assert (done.stdout, done.returncode) == ("hello\n", 0), done
            done = harbour.run(*trust, front.uri("/", scheme), given="y" * 300_000 + "\n")
            assert (done.stdout, done.returncode) == ("y" * 300_000 + "\n", 0), done
            done = harbour.run("ping", "-c", "3", "-i", "50ms", *trust, front.uri("/", scheme))
            assert done.returncode == 0 and "3 pings sent, 3 pongs received" in done.stdout, done
            done = harbour.run("check", "-s", "chat.v1", *trust, front.uri("/", scheme))
            assert done.returncode == 0, done
            assert "subprotocol: chat.v1" in done.stdout, done.stdout
            assert "compression: permessage-deflate" in done.stdout, done.stdout
            assert "Close      answered with 1000" in done.stdout, done.stdout


async def negotiation(harbour: Harbour, name: str) -> None:
    with harbour.backend() as server, harbour.front(name, server) as front:
        async with harbour.connect(front.uri("/", "wss"), subprotocols=["chat.v2", "chat.v1"]) as client:
            assert client.subprotocol == "chat.v1"
            headers = client.response.headers
            assert headers["Sec-WebSocket-Extensions"].startswith("permessage-deflate"), headers
            assert "X-Forwarded-For" not in headers, headers
            pong = await client.ping(b"at your service")
            await asyncio.wait_for(pong, PATIENCE)


async def closing(harbour: Harbour, name: str) -> None:
    """Codes and reasons of both sides."""
    with harbour.backend() as server, harbour.front(name, server) as front:
        async with harbour.connect(front.uri()) as client:
            await client.close(4001, "fair winds ⚓")
            assert (client.close_code, client.close_reason) == (4001, "fair winds ⚓")
        async with harbour.connect(front.uri(), compression=None) as client:
            await client.send("z" * (1 << 20) + "z")
            assert (await end_of(client))[0] == 1009
        await whoami(harbour, front.uri("/whoami"))


async def address(harbour: Harbour, name: str) -> None:
    """The server knows the client's own address, and does not believe what clients say about it."""
    forged = {"X-Forwarded-For": "192.0.2.66"}
    with harbour.backend() as server, harbour.front(name, server) as front:
        for headers in {}, forged:
            uri = front.uri("/whoami")
            assert await whoami(harbour, uri, additional_headers=headers) == (CLIENT, uri), headers
        past = f"ws://127.0.0.1:{server.port}/whoami"
        assert await whoami(harbour, past, additional_headers=forged) == (CLIENT, past)


async def origins(harbour: Harbour, name: str) -> None:
    with harbour.backend() as server, harbour.front(name, server) as front:
        for scheme in "ws", "wss":
            uri = front.uri("/", scheme)
            assert await status(harbour, uri, origin=front.page(scheme)) == 101
            for wrong in "https://evil.example", "https://localhost", "null":
                assert await status(harbour, uri, origin=wrong) == 403, wrong
        done = harbour.run("send", "--origin", "https://evil.example", front.uri(), "hello")
        assert done.returncode == 5 and "HTTP 403 Forbidden" in done.stderr, done


async def plain_http(harbour: Harbour, name: str) -> None:
    with harbour.backend() as server, harbour.front(name, server) as front:
        assert page(front.uri("/healthz")) == 200
        assert page(front.uri("/elsewhere")) == 404


async def heads(harbour: Harbour, name: str) -> None:
    """A header of 7 KB passes; beyond its own limit the proxy refuses, and our server never hears of it."""
    with harbour.backend() as server, harbour.front(name, server) as front:
        assert await status(harbour, front.uri(), additional_headers={"X-Token": "t" * 7000}) == 101
        assert await status(harbour, front.uri(), additional_headers={"X-Token": "t" * 40_000}) == 400


async def silence(harbour: Harbour, name: str) -> None:
    """Our pings keep a silent connection open behind a proxy that would end it (after 3 s here)."""
    # `bowsprit serve` has nothing at /healthz.
    changes = [SHORT, ("default-server check ", "default-server ")] if name == "haproxy" else [SHORT]
    with (
        harbour.serving("--keepalive", PINGS) as lively, harbour.serving("--keepalive", "off") as mute,
        harbour.front(name, lively, lively, *changes) as kept, harbour.front(name, mute, mute, *changes) as lost,
    ):
        async with (
            harbour.connect(kept.uri(), ping_interval=None) as client,
            harbour.connect(lost.uri(), ping_interval=None) as silent,
        ):
            # The proxy's own clock says when its time is over; the other one has been as silent for longer.
            assert await end_of(silent) == (1006, "")
            await asyncio.sleep(3)
            await echo(client)


async def one_is_down(harbour: Harbour, name: str) -> None:
    with harbour.backend() as server, harbour.front(name, server) as front:
        for _ in range(10):
            assert await status(harbour, front.uri()) == 101


async def all_are_down(harbour: Harbour, name: str) -> None:
    """The client is told by the proxy's status, and what was open is lost without a close frame."""
    code, text = {"nginx": (502, "502 Bad Gateway"), "haproxy": (503, "503 Service Unavailable")}[name]
    with harbour.backend() as server, harbour.front(name, server) as front:
        async with harbour.connect(front.uri()) as client:
            await echo(client)
            server.stop()
            assert await end_of(client) == (1006, "")
        assert await status(harbour, front.uri()) == code
        done = harbour.run("send", front.uri(), "hello")
        assert done.returncode == 5 and f"HTTP {text}" in done.stderr, done


async def balance(harbour: Harbour, name: str) -> None:
    """Connections go to the server that has fewer."""
    with harbour.backend() as one, harbour.backend() as two, harbour.front(name, one, two) as front:
        async with harbour.connect(front.uri()) as first, harbour.connect(front.uri()) as second:
            await echo(first)
            await echo(second)
            assert [server.log().count(" open") for server in (one, two)] == [1, 1]


async def leaving(harbour: Harbour, name: str) -> None:
    """A server that gets SIGTERM fails its health check, serves on, and closes with 1001; its clients find the other."""
    with harbour.backend(5) as one, harbour.backend() as two, harbour.front(name, one, two) as front:
        def health() -> int:
            return page(f"ws://127.0.0.1:{one.port}/healthz")

        async with harbour.connect(front.uri()) as first, harbour.connect(front.uri()) as second:
            await echo(first)
            await echo(second)
            assert [server.log().count(" open") for server in (one, two)] == [1, 1]
            one.process.send_signal(signal.SIGTERM)
            await until(lambda: health() == 503, "the failing health check")
            await echo(first)
            await echo(second)
            ends = [asyncio.create_task(end_of(client)) for client in (first, second)]
            ended, _ = await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
            assert [task.result() for task in ended] == [(1001, "")]
            for task in ends:
                task.cancel()
            assert await asyncio.to_thread(one.process.wait, PATIENCE) == 0
            assert "0 connections had to be cut" in one.log(), one.log()
            for _ in range(5):
                async with harbour.connect(front.uri()) as client:
                    await echo(client)


async def reload(harbour: Harbour, name: str) -> None:
    """What is open stays with the old process and the old server; what comes gets the new configuration soon."""
    with harbour.backend() as old, harbour.backend() as new, harbour.front(name, old, old) as front:
        async with harbour.connect(front.uri()) as client:
            await echo(client)
            await front.change((f"127.0.0.1:{old.port}", f"127.0.0.1:{new.port}"))

            async def arrives() -> bool:
                async with harbour.connect(front.uri()) as later:
                    await echo(later)
                return " open" in new.log()

            async with asyncio.timeout(PATIENCE):
                while not await arrives():
                    pass
            await echo(client)
            await client.close(4001, "bye")
            assert client.close_code == 4001


async def crowd(harbour: Harbour, name: str) -> None:
    """More connections from one address than are allowed (3 here) get a 429; another address is let in."""
    limit = {"nginx": ("of_one_address 100;", "of_one_address 3;"), "haproxy": ("gt 100 ", "gt 3 ")}[name]
    with harbour.backend() as server, harbour.front(name, server, None, limit) as front:
        clients = [await harbour.connect(front.uri()) for _ in range(3)]
        assert await status(harbour, front.uri()) == 429
        done = harbour.run("send", front.uri(), "hello")
        assert done.returncode == 0, done
        for client in clients:
            await client.close()


async def inner(harbour: Harbour, name: str) -> None:
    """wss to a server that speaks TLS: with a certificate that is right, and with one for another name."""
    code = {"nginx": 502, "haproxy": 503}[name]
    for certificate, expected in ("good", 101), ("wrong-name", code):
        files = "--tls", harbour.folder / f"{certificate}.pem", "--key", harbour.folder / f"{certificate}.key"
        with harbour.serving(*files) as server:
            names = ("10.0.0.7:9443", f"127.0.0.1:{server.port}"), ("inner.example", "localhost")
            with harbour.front(name, server, None, *names) as front:
                uri = front.uri("/inner/", "wss")
                assert await status(harbour, uri) == expected
                if expected == 101:
                    async with harbour.connect(uri) as client:
                        await echo(client)


CHECKS: list[tuple[str, Look]] = [
    ("messages of all sizes", messages),
    ("the program as the client", program),
    ("subprotocol, compression and pings", negotiation),
    ("close codes", closing),
    ("the client's address", address),
    ("pages of other sites are refused", origins),
    ("plain HTTP on the same port", plain_http),
    ("large headers", heads),
    ("pings keep a silent connection open", silence),
    ("one server is down", one_is_down),
    ("all servers are down", all_are_down),
    ("two servers", balance),
    ("a server that leaves", leaving),
    ("a reload", reload),
    ("too many of one address", crowd),
    ("a server with TLS", inner),
]


def checks(harbour: Harbour) -> Iterator[Check]:
    for name in CONFIGURATIONS:
        browsers = [("a page in a browser", browser_page)] if CHROMIUM else []
        for what, look in [*CHECKS, *browsers, *traps(name)]:
            yield Check(f"{name}: {what}", bound(look, harbour, name))


def bound(look: Look, harbour: Harbour, name: str) -> Callable[[], None]:
    return lambda: asyncio.run(look(harbour, name))


def prepare(program: Path, stack: ExitStack) -> Iterable[Check]:
    # Workers that were started by root read their files as somebody else, who must get there.
    holder = tempfile.TemporaryDirectory(prefix="bowsprit-deployment-", dir="/tmp", ignore_cleanup_errors=True)
    folder = Path(stack.enter_context(holder))
    folder.chmod(0o755)
    make_certificates(folder)
    both = (folder / "good.pem").read_text() + (folder / "good.key").read_text()
    (folder / "good-both.pem").write_text(both)
    return checks(Harbour.of(program.resolve(), folder))


if __name__ == "__main__":
    sys.exit(run_checks("deployment", prepare))
