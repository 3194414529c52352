"""What is looked at in a session of the library's matrix: two ends, one connection, both reports.

Every end is a program with the two roles that README.md describes. A session runs the client against
a server, and then compares what both report with what has to be: what the opening handshake settled,
what came, and how it ended.
"""

import json
import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from browser import Browser
from lab import Check, Server
from relay import Relay

# Far longer than the conversation takes, since a busy machine must not fail a session.
PATIENCE = 120.0

DEFAULTS = {
    "server_no_context_takeover": False,
    "client_no_context_takeover": False,
    "server_max_window_bits": 15,
    "client_max_window_bits": 15,
}

# What two ends that were started with `--compress MODE` agree on.
COMPRESSION = {
    "none": None,
    "shared": DEFAULTS | {"server_no_context_takeover": True, "client_no_context_takeover": True},
    "dedicated": DEFAULTS | {"server_max_window_bits": 12, "client_max_window_bits": 12},
    "narrow": DEFAULTS | {"server_max_window_bits": 9, "client_max_window_bits": 9},
}

# What the conversation amounts to, and the page's conversation, in messages and bytes.
CONVERSATION = (209, 2_178_456)
PAGE_CONVERSATION = (212, 3_297_273)
NOTHING = (0, 0)

# Both have 1 MiB of text that compresses to a tenth and less; random bytes may grow a little.
SAVED = 700_000

CLOSE_ME = "4001 fair winds ⚓"
LONGEST_REASON = "⚓" * 41


@dataclass(frozen=True)
class End:
    """A program that can be both ends of a connection, and whether it knows permessage-deflate."""

    name: str
    command: tuple[object, ...]
    deflates: bool = True


class Service:
    """A server behind a relay, started when the first session needs it."""

    def __init__(self, end: End, transport: str, compress: str, folder: Path) -> None:
        self.end, self.transport, self.compress, self.folder = end, transport, compress, folder
        self.server: Server | None = None
        self.relay: Relay | None = None

    def uri(self, path: str) -> str:
        if not self.server:
            tls = ["--tls", self.folder / "good.pem", self.folder / "good.key"] if self.transport == "wss" else []
            self.server = Server(*self.end.command, "server", "--compress", self.compress, *tls)
            self.relay = Relay(self.server.ports[self.transport])
            self.server.ports[self.transport] = self.relay.port
        return self.server.uri(path, self.transport)

    def reports(self, uri: str) -> tuple[dict, dict]:
        """What the server saw of the connection's beginning and of its end."""
        return self.server.wait_for(uri, "open"), self.server.wait_for(uri, "close")

    def deflate(self, client_deflates: bool) -> dict | None:
        return COMPRESSION[self.compress] if self.end.deflates and client_deflates else None

    def stop(self) -> None:
        if self.relay:
            self.relay.stop()
        if self.server:
            self.server.stop()


@dataclass(frozen=True)
class Outcome:
    """What both ends have to report of a connection."""

    subprotocol: str | None
    deflate: dict[str, object] | None
    close: tuple[int, str]
    to_server: tuple[int, int]
    to_client: tuple[int, int]

    def expect(self, client: dict, opened: dict, closed: dict) -> None:
        """Compares with the client's report, and with the server's two."""
        for end, opening, ending, came in (
            ("client", client, client, self.to_client),
            ("server", opened, closed, self.to_server),
        ):
            expect(f"the {end}'s subprotocol", opening["subprotocol"], self.subprotocol)
            expect(f"the {end}'s compression", parameters(opening["deflate"]), self.deflate)
            expect(f"messages and bytes in the {end}", (ending["messages"], ending["bytes"]), came)
            expect(f"the close frame that reached the {end}", ending["received"], list(self.close))
            # Not every peer can tell these two.
            expect(f"the close frame of the {end}", ending.get("sent", list(self.close)), list(self.close))
            expect(f"the {end}'s fault", ending.get("fault"), None)


def expect(what: str, value: object, wanted: object) -> None:
    assert value == wanted, f"{what}: {value!r} instead of {wanted!r}"


def parameters(header: str | None) -> dict[str, object] | None:
    """What the value of `Sec-WebSocket-Extensions` in the response says (RFC 7692 §7.1)."""
    if header is None:
        return None
    extension, *rest = [part.strip() for part in header.split(";")]
    expect("the extension", extension, "permessage-deflate")
    pairs = [part.partition("=")[::2] for part in rest]
    return DEFAULTS | {name: int(value) if value else True for name, value in pairs}


def talk(client: End, service: Service, uri: str, *subprotocols: str) -> dict:
    """Runs the client to its end and returns its report."""
    done = run(client, service, uri, *subprotocols)
    assert done.returncode == 0, f"the client ended with exit status {done.returncode}:\n{done.stderr}"
    return json.loads(done.stdout)


def run(client: End, service: Service, uri: str, *subprotocols: str) -> subprocess.CompletedProcess:
    command = [*client.command, "client", uri, "--compress", service.compress]
    if service.transport == "wss":
        command += ["--ca", service.folder / "ca.pem"]
    for name in subprotocols:
        command += ["--subprotocol", name]
    return subprocess.run(
        [str(part) for part in command], capture_output=True, text=True, timeout=PATIENCE, stdin=subprocess.DEVNULL
    )


def client_closes(client: End, service: Service) -> None:
    uri = service.uri("/echo")
    before = dict(service.relay.passed)
    report = talk(client, service, uri, "interop.v1", "interop.v2")
    deflate = service.deflate(client.deflates)
    # The server's preference decides, not the client's.
    Outcome("interop.v2", deflate, (4002, "done"), CONVERSATION, CONVERSATION).expect(report, *service.reports(uri))
    expect_compression(service.relay, before, CONVERSATION, deflate is not None)


def nothing_in_common(client: End, service: Service) -> None:
    """RFC 6455 §4.2.2, item 5.4: the server may go on without a subprotocol. §4.1 leaves it to the client
    whether it does, too: `ws` does not."""
    uri = service.uri("/echo/nothing-in-common")
    if client.name == "node":
        done = run(client, service, uri, "interop.v9")
        assert done.returncode != 0 and "no subprotocol" in done.stderr, f"{done}"
        expect("the server's subprotocol", service.server.wait_for(uri, "open")["subprotocol"], None)
    else:
        report = talk(client, service, uri, "interop.v9")
        Outcome(None, None, (4002, "done"), CONVERSATION, CONVERSATION).expect(report, *service.reports(uri))


def wrong_choice(client: End, service: Service) -> None:
    """RFC 6455 §4.1, what a client does with the response, item 6: it fails the connection."""
    done = run(client, service, service.uri("/wrong"), "interop.v1")
    assert done.returncode != 0 and "never.offered" in done.stderr, f"{done}"


def server_closes(client: End, service: Service) -> None:
    uri = service.uri("/close")
    report = talk(client, service, uri)
    closed_as_told(CLOSE_ME, service.deflate(client.deflates)).expect(report, *service.reports(uri))


def closed_as_told(message: str, deflate: dict | None) -> Outcome:
    """The outcome where the client's only message says how it wants to be closed."""
    code, _, reason = message.partition(" ")
    return Outcome(None, deflate, (int(code), reason), (1, len(message.encode())), NOTHING)


def browser_talks(browser: Browser, service: Service) -> None:
    """The page makes several connections and reports each as a client does."""
    page = service.uri("/")
    before = dict(service.relay.passed)
    reports = {report["path"]: report for report in browser.open("http" + page.removeprefix("ws"))}
    deflate = service.deflate(True)
    outcomes = {
        "/echo": Outcome("interop.v2", deflate, (4002, "done"), PAGE_CONVERSATION, PAGE_CONVERSATION),
        "/echo/longest-reason": Outcome("interop.v1", deflate, (3000, LONGEST_REASON), NOTHING, NOTHING),
        "/echo/no-code": Outcome(None, deflate, (1005, ""), NOTHING, NOTHING),
        "/close": closed_as_told(CLOSE_ME, deflate),
        "/close/longest-reason": closed_as_told(f"3000 {LONGEST_REASON}", deflate),
        "/close/no-reason": closed_as_told("1000 ", deflate),
    }
    expect("the page's connections", list(reports), list(outcomes))
    for path, outcome in outcomes.items():
        outcome.expect(reports[path], *service.reports(page.replace("/?", f"{path}?")))
    expect_compression(service.relay, before, PAGE_CONVERSATION, deflate is not None)


def expect_compression(relay: Relay, before: dict[str, int], said: tuple[int, int], compressed: bool) -> None:
    """Whether as many bytes passed since `before` as `said` takes with compression, or without."""
    for direction, total in relay.passed.items():
        passed = total - before[direction]
        assert (passed < said[1] - SAVED) == compressed, f"{passed} bytes went {direction} for {said[1]}"


def checks(server: End, clients: Iterable[End], browser: Browser | None, folder: Path) -> Iterator[Check]:
    """All sessions of these clients with this server."""
    for transport in "ws", "wss":
        for compress in COMPRESSION:
            service = Service(server, transport, compress, folder)
            try:
                for client in clients:
                    name = f"{client.name} to {server.name}, {transport}, {compress}"
                    yield Check(f"{name}: the client closes", partial(client_closes, client, service))
                    yield Check(f"{name}: the server closes", partial(server_closes, client, service))
                    # Negotiation has nothing to do with what is around it: once will do.
                    if (transport, compress) == ("ws", "none"):
                        yield from negotiations(client, service)
                if browser:
                    name = f"chromium to {server.name}, {transport}, {compress}: both close"
                    yield Check(name, partial(browser_talks, browser, service))
            finally:
                service.stop()


def negotiations(client: End, service: Service) -> Iterator[Check]:
    """What these two ends do where they do not agree on a subprotocol."""
    name = f"{client.name} to {service.end.name}"
    if {client.name, service.end.name} <= {"bowsprit", "python", "node"}:
        yield Check(f"{name}: no subprotocol in common", partial(nothing_in_common, client, service))
    if client.name == "bowsprit" and service.end.name in {"python", "node"}:
        yield Check(f"{name}: a subprotocol that was not offered", partial(wrong_choice, client, service))
