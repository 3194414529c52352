"""Takes the library through proxies that nobody here wrote: tinyproxy, squid, microsocks and dante.

    python proxies.py PROXIED_CLIENT [--only TEXT] [--tally FILE]

PROXIED_CLIENT is the library's example of that name. The proxies are Debian's (tinyproxy-bin, squid,
microsocks, dante-server), each started on a free local port with a configuration of its own; behind
them are echo servers of Python's `websockets`. The exit status is 1 if a check failed.
"""

import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from certs import make_certificates
from command import run_checks
from lab import PATIENCE, Check, Server
from relay import Relay

USER, PASSWORD = "ann", "s3:cr@t/%"
# What tinyproxy takes in its configuration.
PLAIN_PASSWORD = "s3cret"

# Names that only squid knows; `elsewhere.example` has a certificate.
HOSTS = "127.0.0.1 localhost harbour.example elsewhere.example\n"

TINYPROXY = """
Port {port}
Listen 127.0.0.1
Timeout 60
MaxClients 20
LogFile "{folder}/tinyproxy-{port}.log"
{allowed}
{login}
"""

SQUID = """
http_port 127.0.0.1:{port}
pid_filename none
access_log none
cache_log {folder}/squid.log
cache deny all
coredump_dir {folder}
pinger_enable off
max_filedescriptors 1024
shutdown_lifetime 0 seconds
hosts_file {folder}/hosts
dns_nameservers 127.0.0.1
dns_timeout 1 second
auth_param basic program /usr/lib/squid/basic_ncsa_auth {folder}/passwords
auth_param basic realm harbour office
acl members proxy_auth REQUIRED
acl forbidden port {forbidden}
http_access deny forbidden
http_access allow members
http_access deny all
"""

DANTE = """
logoutput: {folder}/dante.log
internal: 127.0.0.1 port = {port}
external: lo
clientmethod: none
socksmethod: none
{users}
client pass {{ from: 127.0.0.1/32 to: 0.0.0.0/0 }}
socks block {{ from: 127.0.0.1/32 to: 0.0.0.0/0 port = {forbidden} }}
socks pass {{ from: 127.0.0.1/32 to: 0.0.0.0/0 }}
"""


class Proxy:
    """A proxy's process, which listens when it is made."""

    def __init__(self, port: int, output: Path, *command: object) -> None:
        self.port = port
        with output.open("w") as sink:
            self.process = subprocess.Popen(
                [str(part) for part in command], stdin=subprocess.DEVNULL, stdout=sink, stderr=sink
            )
        deadline = time.monotonic() + PATIENCE
        while not listens(port):
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise RuntimeError(f"the proxy did not start: {command}\n{output.read_text()}")
            time.sleep(0.05)

    def stop(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class Tap(Relay):
    """A relay that keeps what its clients say."""

    def __init__(self, target: int) -> None:
        self.said = b""
        super().__init__(target)

    def note(self, direction: str, data: bytes) -> None:
        if direction == "to the server":
            self.said += data


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


@dataclass
class Harbour:
    """The program, the echo servers, and the proxies by name."""

    program: Path
    folder: Path
    servers: Server
    # Nobody listens there; and a server that the proxies do not let anyone reach.
    dead: int
    forbidden: int
    proxies: dict[str, Proxy]

    def run(self, uri: str, *flags: object, **variables: str) -> str:
        """The last line of the program, with nothing of its environment but these variables."""
        command = [self.program, uri, "--ca", self.folder / "ca.pem", *flags]
        done = subprocess.run(
            [str(part) for part in command],
            env={"PATH": os.environ["PATH"], **variables},
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE,
        )
        lines = done.stdout.splitlines()
        assert lines, f"{command} printed nothing, but {done.stderr!r}"
        assert (done.returncode == 0) == lines[-1].startswith("echoed by "), done
        secrets = PASSWORD, quote(PASSWORD, safe=""), PLAIN_PASSWORD
        assert not any(secret in done.stdout + done.stderr for secret in secrets), done
        return lines[-1]

    def uri(self, name: str, login: str = "") -> str:
        scheme = "socks5" if name in ("microsocks", "open microsocks", "dante") else "http"
        return f"{scheme}://{login}127.0.0.1:{self.proxies[name].port}"

    def login(self, name: str) -> str:
        password = {"tinyproxy": PLAIN_PASSWORD, "squid": PASSWORD, "microsocks": PASSWORD}.get(name)
        return f"{USER}:{quote(password, safe='')}@" if password else ""

    def echoes(self, name: str, port: str, host: str = "localhost") -> None:
        line = self.run(self.servers.uri("/echo", port, host), "--proxy", self.uri(name, self.login(name)))
        assert line == f"echoed by 127.0.0.1:{self.proxies[name].port}", line

    def fails(self, name: str, uri: str, *words: str, login: str | None = None) -> None:
        login = self.login(name) if login is None else login
        line = self.run(uri, "--proxy", self.uri(name, login))
        wanted = [f"failed: proxy {self.uri(name)}: {text}" for text in words]
        assert line in wanted, f"{line!r} instead of one of {wanted}"


def start_proxies(
    folder: Path, allowed: list[int], forbidden: int, stack: ExitStack
) -> dict[str, Proxy]:
    def start(port: int, *command: object) -> Proxy:
        proxy = Proxy(port, folder / f"{port}.output", *command)
        stack.callback(proxy.stop)
        return proxy

    def written(name: str, text: str) -> Path:
        path = folder / name
        path.write_text(text)
        path.chmod(0o644)
        return path

    def tinyproxy(login: str) -> Proxy:
        port = free_port()
        ports = "\n".join(f"ConnectPort {known}" for known in allowed)
        text = TINYPROXY.format(port=port, folder=folder, allowed=ports, login=login)
        return start(port, "tinyproxy", "-d", "-c", written(f"tinyproxy-{port}.conf", text))

    def squid() -> Proxy:
        port = free_port()
        hashed = subprocess.run(
            ["openssl", "passwd", "-apr1", PASSWORD], capture_output=True, text=True, check=True
        ).stdout
        written("passwords", f"{USER}:{hashed}")
        written("hosts", HOSTS)
        text = SQUID.format(port=port, folder=folder, forbidden=forbidden)
        return start(port, "/usr/sbin/squid", "-N", "-f", written("squid.conf", text))

    def dante() -> Proxy:
        port = free_port()
        users = "user.privileged: root\nuser.unprivileged: nobody" if os.geteuid() == 0 else ""
        text = DANTE.format(port=port, folder=folder, users=users, forbidden=forbidden)
        return start(port, "/usr/sbin/danted", "-f", written("dante.conf", text))

    def microsocks(*login: str) -> Proxy:
        port = free_port()
        return start(port, "microsocks", "-i", "127.0.0.1", "-p", port, *login)

    return {
        "tinyproxy": tinyproxy(f"BasicAuth {USER} {PLAIN_PASSWORD}"),
        "open tinyproxy": tinyproxy(""),
        "squid": squid(),
        "microsocks": microsocks("-u", USER, "-P", PASSWORD),
        "open microsocks": microsocks(),
        "dante": dante(),
    }


def checks(harbour: Harbour) -> Iterator[Check]:
    for name in harbour.proxies:
        for port in "ws", "wss":
            yield Check(f"{port} through {name}", bound(harbour.echoes, name, port))
        yield Check(f"{name} is asked by name", bound(asked_by_name, harbour, name))
        yield Check(f"{name} cannot reach the server", bound(dead_server, harbour, name))
    for name in "open tinyproxy", "squid", "dante":
        yield Check(f"{name} forbids the port", bound(forbidden_port, harbour, name))
    for name in "tinyproxy", "squid", "microsocks":
        yield Check(f"{name} wants a password", bound(no_password, harbour, name))
        yield Check(f"{name} gets a wrong password", bound(wrong_password, harbour, name))
    yield Check("only squid knows the server's name", bound(harbour.echoes, "squid", "ws", "harbour.example"))
    yield Check("only squid knows the certificate's name", bound(elsewhere, harbour))
    yield Check("the environment names the proxy", bound(environment, harbour))
    yield Check("NO_PROXY leads past the proxy", bound(no_proxy, harbour))
    yield Check("the environment's proxy is not for this machine", bound(loopback, harbour))
    yield Check("the environment names a SOCKS proxy", bound(socks_environment, harbour))
    yield Check("HTTP is spoken to a SOCKS proxy", bound(wrong_protocol, harbour, "open microsocks"))
    yield Check("SOCKS is spoken to an HTTP proxy", bound(wrong_protocol, harbour, "open tinyproxy"))
    yield Check("nobody listens at the proxy's port", bound(no_proxy_there, harbour))


def bound(look: Callable[..., None], *arguments: object) -> Callable[[], None]:
    return lambda: look(*arguments)


def asked_by_name(harbour: Harbour, name: str) -> None:
    """The name goes to the proxy unresolved: what the client says is taken down on its way."""
    tap = Tap(harbour.proxies[name].port)
    try:
        proxy = harbour.uri(name, harbour.login(name)).replace(str(harbour.proxies[name].port), str(tap.port))
        line = harbour.run(harbour.servers.uri("/echo", "wss", "localhost"), "--proxy", proxy)
    finally:
        tap.stop()
    assert line == f"echoed by 127.0.0.1:{tap.port}", line
    port = harbour.servers.ports["wss"]
    if proxy.startswith("http"):
        assert tap.said.startswith(f"CONNECT localhost:{port} HTTP/1.1\r\n".encode()), tap.said[:200]
    else:
        request = b"\x05\x01\x00\x03\x09localhost" + port.to_bytes(2)
        assert request in tap.said[:300], tap.said[:300]


def dead_server(harbour: Harbour, name: str) -> None:
    words = {
        "tinyproxy": "refused the tunnel with HTTP 500",
        "open tinyproxy": "refused the tunnel with HTTP 500",
        "squid": "refused the tunnel with HTTP 503",
    }
    expected = words.get(name, "refused the tunnel: connection refused")
    harbour.fails(name, f"ws://127.0.0.1:{harbour.dead}", expected)


def forbidden_port(harbour: Harbour, name: str) -> None:
    words = {"dante": "refused the tunnel: not allowed by its rules"}
    expected = words.get(name, "refused the tunnel with HTTP 403")
    harbour.fails(name, f"wss://localhost:{harbour.forbidden}", expected)


REALMS = {"tinyproxy": ' for "Tinyproxy"', "squid": ' for "harbour office"'}


def no_password(harbour: Harbour, name: str) -> None:
    expected = f"wants a user and a password{REALMS.get(name, '')}"
    harbour.fails(name, harbour.servers.uri("/echo"), expected, login="")


def wrong_password(harbour: Harbour, name: str) -> None:
    # To a wrong password tinyproxy answers as a server would.
    words = {"tinyproxy": "refused the tunnel with HTTP 401"}
    expected = words.get(name, f"did not accept the user and the password{REALMS.get(name, '')}")
    harbour.fails(name, harbour.servers.uri("/echo"), expected, login=f"{USER}:wrong@")


def elsewhere(harbour: Harbour) -> None:
    uri = harbour.servers.uri("/echo", "wss-wrong-name", "elsewhere.example")
    line = harbour.run(uri, wss_proxy=harbour.uri("squid", harbour.login("squid")))
    assert line == f"echoed by 127.0.0.1:{harbour.proxies['squid'].port}", line


def environment(harbour: Harbour) -> None:
    uri = harbour.servers.uri("/echo", "ws", "harbour.example")
    squid = harbour.uri("squid", harbour.login("squid"))
    for name in "ws_proxy", "WS_PROXY", "http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY":
        line = harbour.run(uri, **{name: squid})
        assert line == f"echoed by 127.0.0.1:{harbour.proxies['squid'].port}", (name, line)
    line = harbour.run(uri, HTTP_PROXY=squid, REQUEST_METHOD="GET")
    assert line.startswith("failed: name "), line
    line = harbour.run(uri, http_proxy=squid.replace("http://", "https://"))
    assert line.startswith("failed: environment variable http_proxy: TLS to the proxy"), line


def no_proxy(harbour: Harbour) -> None:
    port = harbour.servers.ports["ws"]
    uri = harbour.servers.uri("/echo", "ws", "harbour.example")
    squid = harbour.uri("squid", harbour.login("squid"))
    resolved = "--resolve", "harbour.example", port, "127.0.0.1"
    for entry in "harbour.example", ".example", f"x,*.example:{port}", "*":
        line = harbour.run(uri, *resolved, http_proxy=squid, NO_PROXY=entry)
        assert line == f"echoed by 127.0.0.1:{port}", (entry, line)
    line = harbour.run(uri, *resolved, http_proxy=squid, no_proxy="arbour.example, harbour.example:1")
    assert line == f"echoed by 127.0.0.1:{harbour.proxies['squid'].port}", line


def loopback(harbour: Harbour) -> None:
    port = harbour.servers.ports["wss"]
    line = harbour.run(harbour.servers.uri("/echo", "wss", "localhost"), all_proxy=harbour.uri("squid"))
    assert line == f"echoed by 127.0.0.1:{port}", line


def socks_environment(harbour: Harbour) -> None:
    """The proxy has to look for a name that nobody knows, and says that it did."""
    dante = harbour.uri("dante")
    line = harbour.run("wss://nosuch.invalid", all_proxy=dante.replace("socks5:", "socks5h:"))
    assert line.startswith(f"failed: proxy {dante}: refused the tunnel: "), line


def wrong_protocol(harbour: Harbour, name: str) -> None:
    right = harbour.uri(name)
    wrong = right.replace("http:", "socks5:") if right.startswith("http") else right.replace("socks5:", "http:")
    line = harbour.run(harbour.servers.uri("/echo"), "--proxy", wrong)
    words = {
        # It waits for the end of a line.
        "open tinyproxy": "proxy's answer timed out",
        "open microsocks": f'proxy {wrong}: peer does not speak HTTP; it began with "\\x05\\xff"',
    }
    assert line == f"failed: {words[name]}", line


def no_proxy_there(harbour: Harbour) -> None:
    line = harbour.run(harbour.servers.uri("/echo"), "--proxy", f"socks5://127.0.0.1:{harbour.dead}")
    address = f"127.0.0.1:{harbour.dead}"
    assert line == f"failed: proxy socks5://{address}: connection refused ({address})", line


def main() -> int:
    return run_checks("proxies", prepare)


def prepare(program: Path, stack: ExitStack) -> Iterable[Check]:
    # Proxies that were started by root read their files as somebody else, who must get there.
    holder = tempfile.TemporaryDirectory(prefix="bowsprit-proxies-", dir="/tmp", ignore_cleanup_errors=True)
    folder = Path(stack.enter_context(holder))
    folder.chmod(0o777)
    make_certificates(folder)
    servers = Server(sys.executable, Path(__file__).parent / "servers.py", folder)
    stack.callback(servers.stop)
    forbidden = servers.ports.pop("kaazing")
    # An address where nobody listens: the socket has it and does nothing with it.
    reserved = stack.enter_context(socket.socket())
    reserved.bind(("127.0.0.1", 0))
    dead = reserved.getsockname()[1]
    proxies = start_proxies(folder, [*servers.ports.values(), dead], forbidden, stack)
    return checks(Harbour(program, folder, servers, dead, forbidden, proxies))


if __name__ == "__main__":
    sys.exit(main())
