"""The servers of the bench: what they are called, how they are built, how they are started.

    python3 -B bench/peers.py TARGET [NAME...]     builds them, or those named, and prints their versions

Every program takes `--port N` and prints `ready`; servers/README.md has the other options.
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tomllib
import venv
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).parent / "servers"

# The Debian packages of each C++ program, the library's own first, and how it is compiled.
DEBIAN = {
    "websocketpp": ("libwebsocketpp-dev", "libboost-dev", "zlib1g-dev"),
    "beast": ("libboost-dev",),
    "libwebsockets": ("libwebsockets-dev",),
}
FLAGS = {
    "websocketpp": ("-std=c++14", "-pthread", "-lz"),
    "beast": ("-std=c++17", "-pthread"),
    "libwebsockets": ("-std=c++17", "-lwebsockets"),
}
PROGRAMS = {"cargo": ("cargo",), "node": ("node", "npm"), "python": ()} | dict.fromkeys(DEBIAN, ("g++",))


class BuildError(Exception):
    """Why the servers cannot be built, and what to do about it."""


@dataclass(frozen=True)
class Server:
    """One line of the tables: a program, and the options that make it this one."""

    name: str
    kind: str
    build: str
    """What `build` makes it with: `cargo`, the name of a C++ program, `node` or `python`."""
    command: list[str]
    """`{target}` stands for the folder given to `build`."""
    package: str
    """What its version is the version of."""
    options: list[str] = field(default_factory=list)
    """Arguments that are always given."""
    supports: frozenset[str] = frozenset()
    """Of deflate-shared, deflate-takeover, tls, broadcast, workers and handshake."""
    raw: bool = False
    """It only sends bytes back."""

    def arguments(self, target: Path) -> list[str]:
        """The command line, but for what the run adds."""
        return [part.format(target=target) for part in self.command] + self.options

    def version(self) -> str:
        return VERSIONS[self.build if self.build in VERSIONS else "debian"](self.package)


def build(target: Path, only: set[str] | None = None) -> None:
    """Builds what these servers need, or all do, below `target`. Quick when nothing has changed.

    Raises BuildError; what is missing of the system is named with the command that installs it.
    """
    servers = [server for key, server in SERVERS.items() if only is None or key in only]
    needed = list(dict.fromkeys(server.build for server in servers))
    require(needed)
    for kind in needed:
        if kind in DEBIAN:
            build_cpp(kind, target)
        else:
            BUILDERS[kind](target)


def require(needed: list[str]) -> None:
    packages = [package for kind in needed for package in DEBIAN.get(kind, ())]
    if missing := [package for package in dict.fromkeys(packages) if not debian_version(package)]:
        raise BuildError(f"apt-get install {' '.join(missing)}")
    for program in (program for kind in needed for program in PROGRAMS[kind]):
        if not shutil.which(program):
            raise BuildError(f"{program} is not installed")


def run(*command: str | Path, cwd: Path = HERE, **environment: str) -> None:
    result = subprocess.run(
        command, cwd=cwd, env=os.environ | environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    if result.returncode:
        raise BuildError(f"{' '.join(map(str, command))}\n{result.stdout}")


def build_cargo(target: Path) -> None:
    run("cargo", "build", "--release", "--locked", CARGO_TARGET_DIR=str(target.resolve()))


def build_cpp(name: str, target: Path) -> None:
    to = target / "cpp"
    flags = FLAGS[name]
    sources = [HERE / "cpp" / f"{name}.cpp", HERE / "cpp" / "options.hpp"]
    packages = " ".join(map(debian_version, DEBIAN[name]))
    with Stamp(to, name, sources, " ".join(flags) + packages) as stamp:
        if stamp.is_old:
            run("g++", "-O2", "-DNDEBUG", "-o", to.resolve() / name, sources[0], *flags)


def build_node(target: Path) -> None:
    to = target / "node"
    sources = [HERE / "node" / name for name in ("package.json", "package-lock.json", "server.mjs")]
    with Stamp(to, "node", sources) as stamp:
        if stamp.is_old:
            # The packages are found next to the program, which therefore has to leave the source tree.
            for source in sources:
                shutil.copy(source, to)
            run("npm", "ci", "--no-audit", "--no-fund", cwd=to)


def build_python(target: Path) -> None:
    to = target / "python"
    requirements, server = HERE / "python" / "requirements.txt", HERE / "python" / "server.py"
    with Stamp(to, "python", [requirements, server], sys.version) as stamp:
        if stamp.is_old:
            venv.create(to, with_pip=True, clear=True)
            run(to.resolve() / "bin" / "pip", "install", "--quiet", "-r", requirements)
            shutil.copy(server, to)


class Stamp:
    """Knows whether something was built already from these very sources."""

    def __init__(self, folder: Path, name: str, sources: list[Path], settings: str = "") -> None:
        digest = hashlib.sha256(settings.encode())
        for source in sources:
            digest.update(source.read_bytes())
        self.digest = digest.hexdigest()
        self.file = folder / f"{name}.stamp"
        folder.mkdir(parents=True, exist_ok=True)
        self.is_old = not (self.file.exists() and self.file.read_text() == self.digest)

    def __enter__(self) -> "Stamp":
        return self

    def __exit__(self, kind: type | None, *_: object) -> None:
        if kind is None:
            self.file.write_text(self.digest)


BUILDERS: dict[str, Callable[[Path], None]] = {"cargo": build_cargo, "node": build_node, "python": build_python}


def cargo_version(package: str) -> str:
    lock = tomllib.loads((HERE / "Cargo.lock").read_text())
    return next((entry["version"] for entry in lock["package"] if entry["name"] == package), "")


def debian_version(package: str) -> str:
    query = ["dpkg-query", "--show", "--showformat", "${Version} ${db:Status-Status}", package]
    if not shutil.which(query[0]):
        raise BuildError("the C++ servers need Debian's packages: this is no Debian")
    version, _, status = subprocess.run(query, capture_output=True, text=True).stdout.partition(" ")
    return version if status == "installed" else ""


def node_version(package: str) -> str:
    lock = json.loads((HERE / "node" / "package-lock.json").read_text())
    return lock["packages"][f"node_modules/{package}"]["version"]


def python_version(package: str) -> str:
    lines = (HERE / "python" / "requirements.txt").read_text().splitlines()
    return dict(line.split("==") for line in lines)[package]


VERSIONS: dict[str, Callable[[str], str]] = {
    "cargo": cargo_version,
    "debian": debian_version,
    "node": node_version,
    "python": python_version,
}

BOTH = frozenset({"deflate-shared", "deflate-takeover"})
TLS = frozenset({"tls", "workers", "handshake"})


def rust(
    name: str, program: str, kind: str = "rust", package: str = "", options: str = "", supports: frozenset = TLS
) -> Server:
    command = [f"{{target}}/release/{program}"]
    return Server(name, kind, "cargo", command, package or program, options.split(), supports)


def cpp(name: str, program: str, supports: frozenset) -> Server:
    return Server(name, "cpp", program, [f"{{target}}/cpp/{program}"], DEBIAN[program][0], [], supports)


BROADCAST = frozenset({"broadcast"})
HANDSHAKE = frozenset({"handshake"})
ALL = TLS | BOTH | BROADCAST
DEFLATE_SHARED = frozenset({"deflate-shared"})
DEFLATE_TAKEOVER = frozenset({"deflate-takeover"})

SERVERS: dict[str, Server] = {
    "bowsprit-handlers": rust("Bowsprit, handlers", "bowsprit-handlers", "bowsprit", "bowsprit", "", ALL),
    "bowsprit-async": rust("Bowsprit, async", "bowsprit-async", "bowsprit", "bowsprit", "", ALL),
    "tungstenite": rust("tungstenite", "tungstenite", supports=TLS | BROADCAST),
    "tungstenite-batch": rust("tungstenite +batch", "tungstenite", options="--batch", supports=TLS | BROADCAST),
    "fastwebsockets": rust("fastwebsockets", "fastwebsockets"),
    "tokio-websockets": rust("tokio-websockets", "tokio-websockets", supports=TLS | BROADCAST),
    "tokio-websockets-batch": rust(
        "tokio-websockets +batch", "tokio-websockets", options="--batch", supports=TLS | BROADCAST
    ),
    "yawc": rust("yawc", "yawc", supports=TLS | BOTH),
    "yawc-batch": rust("yawc +batch", "yawc", options="--batch", supports=TLS | BOTH),
    "sockudo-ws": rust("sockudo-ws", "sockudo-ws", supports=TLS | BOTH),
    "sockudo-ws-batch": rust("sockudo-ws +batch", "sockudo-ws", options="--batch", supports=TLS | BOTH),
    "web-socket": rust("web-socket", "web-socket"),
    "soketto": rust("soketto", "soketto"),
    "soketto-batch": rust("soketto +batch", "soketto", options="--batch"),
    "wtx": rust("wtx", "wtx", supports=TLS | DEFLATE_SHARED),
    "websocketpp": cpp("WebSocket++", "websocketpp", HANDSHAKE | BOTH),
    "beast": cpp("Boost.Beast", "beast", HANDSHAKE | BOTH),
    "libwebsockets": cpp("libwebsockets", "libwebsockets", HANDSHAKE | DEFLATE_TAKEOVER),
    "node-ws": Server(
        "node ws", "script", "node", ["node", "{target}/node/server.mjs"], "ws", [], HANDSHAKE | BOTH | BROADCAST
    ),
    "python-websockets": Server(
        "Python websockets",
        "script",
        "python",
        ["{target}/python/bin/python", "-B", "{target}/python/server.py"],
        "websockets",
        [],
        HANDSHAKE | BOTH | BROADCAST,
    ),
    "floor": rust("floor", "floor", "floor", "rustix", supports=HANDSHAKE | BROADCAST),
    "raw-epoll": Server(
        "raw TCP, epoll", "floor", "cargo", ["{target}/release/floor"], "rustix", ["--raw"], raw=True
    ),
    "raw-tokio": Server(
        "raw TCP, tokio", "floor", "cargo", ["{target}/release/raw-tokio"], "tokio", [], frozenset({"workers"}), True
    ),
}


def main() -> int:
    target, *names = sys.argv[1:]
    try:
        build(Path(target), set(names) or None)
    except BuildError as error:
        print(error, file=sys.stderr)
        return 1
    for key in names or SERVERS:
        server = SERVERS[key]
        print(f"{key:<24}{server.name:<26}{server.package} {server.version()}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
