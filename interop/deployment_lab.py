"""The programs of the deployment's checks: nginx and haproxy as the guides configure them, and what stands behind."""

import asyncio
import os
import signal
import ssl
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from lab import PATIENCE
from proxies import Proxy, free_port
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

GUIDES = Path(__file__).resolve().parents[1] / "docs" / "guides" / "deployment"
CONFIGURATIONS = {"nginx": GUIDES / "nginx.conf", "haproxy": GUIDES / "haproxy.cfg"}

# An address of this machine that none of the proxies has.
CLIENT = "127.0.0.2"

Change = tuple[str, str]


def changed(text: str, *changes: Change) -> str:
    """The text with these replaced, each of which has to be there."""
    for old, new in changes:
        assert old in text, f"the configuration has no {old!r}"
        text = text.replace(old, new)
    return text


async def until(holds: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < deadline, f"never came: {what}"
        await asyncio.sleep(0.05)


class Backend:
    """A server of ours, whose first line of output ends with its address."""

    def __init__(self, output: Path, *command: object) -> None:
        self.errors = output
        with output.open("w") as sink:
            self.process = subprocess.Popen(
                [str(part) for part in command],
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=sink, text=True,
            )
        line = self.process.stdout.readline()
        assert line, f"the server did not start: {command}\n{output.read_text()}"
        self.port = int(line.rsplit(":", 1)[1])

    def log(self) -> str:
        return self.errors.read_text()

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


@dataclass
class Front:
    """A running proxy."""

    name: str
    process: Proxy
    configuration: Path
    # What it says and logs.
    folder: Path
    port: int
    tls_port: int

    def uri(self, path: str = "/", scheme: str = "ws") -> str:
        return f"{scheme}://localhost:{self.tls_port if scheme == 'wss' else self.port}{path}"

    def page(self, scheme: str = "ws") -> str:
        """The origin of a page of this site's own."""
        return self.uri("", scheme).replace("ws", "http", 1)

    def requests(self) -> str:
        """Its log of requests."""
        return (self.folder / ("access.log" if self.name == "nginx" else "output")).read_text()

    async def change(self, *changes: Change) -> None:
        """Reloads with these replaced."""
        self.configuration.write_text(changed(self.configuration.read_text(), *changes))
        if self.name == "nginx":
            self.process.process.send_signal(signal.SIGHUP)
            return
        # haproxy serves before its master listens to signals, and one that comes as the master goes to sleep is
        # lost now and then: it is asked until it says that it heard.
        await until(lambda: "Loading success" in self.requests(), "the end of the start")
        async with asyncio.timeout(PATIENCE):
            while "Reloading HAProxy" not in self.requests():
                self.process.process.send_signal(signal.SIGUSR2)
                await asyncio.sleep(0.5)


@dataclass
class Harbour:
    """The program, the example `behind_proxy`, and a folder with certificates."""

    program: Path
    example: Path
    folder: Path
    numbers: Iterator[int]

    @staticmethod
    def of(program: Path, folder: Path) -> "Harbour":
        return Harbour(program, program.parent / "examples" / "behind_proxy", folder, count(1))

    @contextmanager
    def backend(self, drain: int = 0) -> Iterator[Backend]:
        """The example, which serves on for so many seconds after SIGTERM."""
        with self.running(self.example, "127.0.0.1:0", drain) as backend:
            yield backend

    @contextmanager
    def serving(self, *options: object) -> Iterator[Backend]:
        """`bowsprit serve`."""
        with self.running(self.program, "serve", "127.0.0.1:0", *options) as backend:
            yield backend

    @contextmanager
    def running(self, *command: object) -> Iterator[Backend]:
        backend = Backend(self.folder / f"{next(self.numbers)}.output", *command)
        try:
            yield backend
        finally:
            backend.stop()

    @contextmanager
    def front(self, name: str, one: Backend, two: Backend | None = None, *changes: Change) -> Iterator[Front]:
        """The proxy before these, with the file of the guide but for names of files, ports and addresses, and `changes`.

        Without `two` nobody listens where the second server should be.
        """
        number = next(self.numbers)
        port, tls_port = free_port(), free_port()
        second = two.port if two else free_port()
        text = changed(CONFIGURATIONS[name].read_text(), *changes)
        text = changed(text, ("127.0.0.1:9002", f"127.0.0.1:{one.port}"), ("127.0.0.1:9003", f"127.0.0.1:{second}"))
        here, configuration = self.folder / f"{name}-{number}", self.folder / f"{number}.conf"
        here.mkdir()
        if name == "nginx":
            text = changed(
                text, ("/run/nginx.pid", f"{here}/pid"), ("/var/log/nginx", str(here)),
                ("listen 80;", f"listen {port};"), ("listen 443 ssl ", f"listen {tls_port} ssl "),
                ("/etc/ssl/chat.example/chain.pem", f"{self.folder}/good.pem"),
                ("/etc/ssl/chat.example/key.pem", f"{self.folder}/good.key"),
                ("/etc/ssl/chat.example/inner-ca.pem", f"{self.folder}/ca.pem"),
            )
            command = "/usr/sbin/nginx", "-c", configuration, "-e", here / "error.log", "-g", "daemon off;"
        else:
            text = changed(
                # More than a container may have is refused at the start.
                text, ("maxconn 20000", "maxconn 1000"), ("log /dev/log local0", "log stdout format raw local0"),
                ("bind :80\n", f"bind :{port}\n"), ("bind :443 ", f"bind :{tls_port} "),
                ("/etc/haproxy/chat.example.pem", f"{self.folder}/good-both.pem"),
                ("/etc/haproxy/inner-ca.pem", f"{self.folder}/ca.pem"),
            )
            command = "/usr/sbin/haproxy", "-W", "-db", "-f", configuration
        configuration.write_text(text)
        proxy = Proxy(port, here / "output", *command)
        try:
            yield Front(name, proxy, configuration, here, port, tls_port)
        finally:
            proxy.stop()

    def connect(self, uri: str, **options: object) -> connect:
        """A client of Python's, from an address that the proxies do not have."""
        if uri.startswith("wss"):
            options["ssl"] = ssl.create_default_context(cafile=self.folder / "ca.pem")
        return connect(uri, local_addr=(CLIENT, 0), open_timeout=PATIENCE, proxy=None, **options)

    def run(self, *arguments: object, given: str = "") -> subprocess.CompletedProcess[str]:
        """A client of ours: the program."""
        return subprocess.run(
            [str(self.program), *map(str, arguments)], input=given, capture_output=True, text=True, timeout=PATIENCE,
            env={"PATH": os.environ["PATH"], "HOME": str(self.folder), "BOWSPRIT_CONFIG": ""},
        )


async def echo(client) -> None:
    await client.send("still here")
    assert await asyncio.wait_for(client.recv(), PATIENCE) == "still here"


async def end_of(client) -> tuple[int, str]:
    """How the connection ends, whatever comes before that."""
    try:
        while True:
            await asyncio.wait_for(client.recv(), PATIENCE)
    except ConnectionClosed as closed:
        return (closed.rcvd.code, closed.rcvd.reason) if closed.rcvd else (1006, "")


async def whoami(harbour: Harbour, uri: str, **options: object) -> tuple[str, str]:
    """The client's address and the URI, as the server has them."""
    async with harbour.connect(uri, **options) as client:
        address, seen = (await asyncio.wait_for(client.recv(), PATIENCE)).split(" ")
        assert await end_of(client) == (1000, "that is all")
    return address, seen


async def status(harbour: Harbour, uri: str, **options: object) -> int:
    try:
        async with harbour.connect(uri, **options):
            return 101
    except InvalidStatus as refusal:
        return refusal.response.status_code
