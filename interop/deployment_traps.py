"""What goes wrong with nginx and haproxy: the lines that the guide's tables warn of, taken out or put in."""

import asyncio
from collections.abc import Awaitable, Callable

from deployment_lab import CLIENT, Change, Harbour, status, whoami
from lab import PATIENCE

Look = Callable[[Harbour, str], Awaitable[None]]

NGINX_HOST = "    proxy_set_header Host $http_host;\n"
NGINX_UPGRADE = "    proxy_set_header Upgrade $http_upgrade;\n"
NGINX_CONNECTION = "    proxy_set_header Connection $connection_upgrade;\n"
NGINX_ADDRESS = "X-Forwarded-For $remote_addr"
NGINX_PASS = "            proxy_pass http://chat;\n"
HAPROXY_ADDRESS = "    http-request set-header X-Forwarded-For %[src]\n"


def traps(name: str) -> list[tuple[str, Look]]:
    return NGINX if name == "nginx" else HAPROXY


def refuses(expected: int, *changes: Change, is_page: bool = False) -> Look:
    """With these changes clients get that status: pages of the site's own, or all."""

    async def look(harbour: Harbour, name: str) -> None:
        with harbour.backend() as server, harbour.front(name, server, None, *changes) as front:
            origin = front.page() if is_page else None
            answer = await status(harbour, front.uri(), origin=origin)
            assert answer == expected, answer
            if is_page:
                assert await status(harbour, front.uri()) == 101, "programs have no origin"

    return look


def adds_the_address(*changes: Change) -> Look:
    """The proxy leaves what the client says, and the server believes only what is behind that."""

    async def look(harbour: Harbour, name: str) -> None:
        with harbour.backend() as server, harbour.front(name, server, None, *changes) as front:
            forged = {"X-Forwarded-For": "192.0.2.66, 127.0.0.1"}
            assert await whoami(harbour, front.uri("/whoami"), additional_headers=forged) == (
                CLIENT, front.uri("/whoami"),
            )

    return look


def takes_any_name(*changes: Change) -> Look:
    """With these changes a server behind the proxy may have a certificate for another name."""

    async def look(harbour: Harbour, name: str) -> None:
        files = "--tls", harbour.folder / "wrong-name.pem", "--key", harbour.folder / "wrong-name.key"
        with harbour.serving(*files) as server:
            place = "10.0.0.7:9443", f"127.0.0.1:{server.port}"
            with harbour.front(name, server, None, place, *changes) as front:
                assert await status(harbour, front.uri("/inner/")) == 101

    return look


async def unhealthy(harbour: Harbour, name: str) -> None:
    """A server that answers no plain HTTP fails its health check, and nobody gets to it."""
    with harbour.serving() as server, harbour.front(name, server) as front:
        async with asyncio.timeout(PATIENCE):
            while await status(harbour, front.uri()) != 503:
                pass


# Where nothing asks for a WebSocket, the example answers as to any page that it does not have.
NGINX: list[tuple[str, Look]] = [
    ("trap: no Host", refuses(403, (NGINX_HOST, ""), is_page=True)),
    ("trap: a Host without its port", refuses(403, ("$http_host", "$host"), is_page=True)),
    ("trap: no Upgrade", refuses(404, (NGINX_UPGRADE, ""), (NGINX_CONNECTION, ""))),
    ("trap: HTTP/1.0", refuses(505, ("    proxy_http_version 1.1;\n", ""))),
    (
        "trap: a header of the location's own",
        refuses(404, (NGINX_PASS, f"{NGINX_PASS}            proxy_set_header X-Real-IP $remote_addr;\n")),
    ),
    ("trap: a server's certificate is not looked at", takes_any_name(("            proxy_ssl_verify on;\n", ""))),
    ("an address that is added", adds_the_address((NGINX_ADDRESS, "X-Forwarded-For $proxy_add_x_forwarded_for"))),
]

HAPROXY: list[tuple[str, Look]] = [
    ("trap: no plain HTTP for the health check", unhealthy),
    ("trap: a server's name is not looked at", takes_any_name((" sni str(inner.example) verifyhost inner.example", ""))),
    ("trap: the PROXY protocol", refuses(400, ("default-server check inter 2s fall 2 rise 1", "default-server send-proxy"))),
    ("an address that is added", adds_the_address((HAPROXY_ADDRESS, "    option forwardfor\n"))),
]
