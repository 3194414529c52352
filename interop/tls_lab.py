"""What the sessions over TLS share: the library's end, Python's end, and how a report is looked at."""

import json
import os
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from lab import PATIENCE
from openssl_peers import SServer
from websockets.sync.server import ServerConnection, serve

VERSIONS = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}


@dataclass
class TlsLab:
    """The library's program, and the folder with the certificates."""

    program: Path
    folder: Path

    def pem(self, name: str) -> Path:
        return self.folder / f"{name}.pem"

    def identity(self, name: str) -> list[object]:
        """A certificate and its key, as arguments."""
        key = self.folder / f"{name.removesuffix('-chain')}.key"
        return [self.pem(name), key]

    def client(self, port: int, *flags: object, system_roots: str | None = None) -> dict:
        """Runs the library's client, which has one message echoed, and returns its report."""
        command = [self.program, "client", f"wss://localhost:{port}/", *flags]
        environment = dict(os.environ)
        if system_roots:
            environment["SSL_CERT_FILE"] = str(self.pem(system_roots))
        done = subprocess.run(
            [str(part) for part in command],
            capture_output=True, text=True, timeout=PATIENCE, stdin=subprocess.DEVNULL, env=environment,
        )
        assert done.returncode == 0, f"the client ended with exit status {done.returncode}:\n{done.stderr}"
        return json.loads(done.stdout)

    def trusting(self, port: int, *flags: object) -> dict:
        """The same, with trust in the authority that signs most certificates."""
        return self.client(port, "--ca", self.pem("ca"), *flags)

    @contextmanager
    def s_server(self, name: str, *flags: object) -> Iterator[SServer]:
        certificate, key = self.identity(name)
        chain = ["-cert_chain", certificate] if name.endswith("-chain") else []
        with SServer("-cert", certificate, "-key", key, *chain, *flags) as server:
            server.serve()
            yield server

    @contextmanager
    def server(self, *flags: object, name: str = "leaf-chain") -> Iterator["OurServer"]:
        server = OurServer([self.program, "server", *self.identity(name), *flags])
        try:
            yield server
        finally:
            server.stop()

    @contextmanager
    def python_server(self, name: str, version: str, demand: bool = False) -> Iterator["PythonServer"]:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*self.identity(name))
        if demand:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(self.pem("crews"))
        server = PythonServer(only(context, version))
        try:
            yield server
        finally:
            server.stop()

    def python_context(self, version: str, shown: str | None = None) -> ssl.SSLContext:
        """How a client of Python's does TLS: it trusts the authority, and speaks this version alone."""
        context = ssl.create_default_context(cafile=self.pem("ca"))
        if shown:
            context.load_cert_chain(*self.identity(shown))
        return only(context, version)


def only(context: ssl.SSLContext, version: str) -> ssl.SSLContext:
    context.minimum_version = context.maximum_version = VERSIONS[version]
    return context


class OurServer:
    """The library's server, which reports of each handshake."""

    def __init__(self, command: list[object]) -> None:
        self.process = subprocess.Popen(
            [str(part) for part in command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.port: int = self.report()["wss"]

    def report(self) -> dict:
        """The next one. A timer ends a server that has none to give."""
        timer = threading.Timer(PATIENCE, self.process.kill)
        timer.start()
        line = self.process.stdout.readline()
        timer.cancel()
        assert line, "the server reported nothing"
        return json.loads(line)

    def stop(self) -> None:
        self.process.stdin.close()
        try:
            self.process.wait(PATIENCE)
        finally:
            self.process.kill()
            self.process.stdout.close()


class PythonServer:
    """An echo server of `websockets`, which remembers who its clients were."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self.subjects: list[str] = []
        self.server = serve(self._echo, "127.0.0.1", 0, ssl=context)
        self.port: int = self.server.socket.getsockname()[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def _echo(self, connection: ServerConnection) -> None:
        certificate = connection.socket.getpeercert() or {}
        self.subjects += [value for ((name, value),) in certificate.get("subject", ()) if name == "commonName"]
        for message in connection:
            connection.send(message)

    def stop(self) -> None:
        self.server.shutdown()


def expect(report: dict, **wanted: object) -> dict:
    found = {name: report.get(name) for name in wanted}
    assert found == wanted, f"{found!r} instead of {wanted!r} in {report!r}"
    return report


def expect_text(report: dict, *parts: str) -> None:
    for part in parts:
        assert part in report["text"], f"{part!r} is not in {report['text']!r}"
