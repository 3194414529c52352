"""Two hosts of one machine, joined by a cable that can be disturbed: network namespaces and a veth pair.

All that happens here stays in the two namespaces, which go when the network is closed.
"""

import os
import shutil
import subprocess
from contextlib import ExitStack
from itertools import count
from pathlib import Path

SERVER, CLIENT = "10.77.0.1", "10.77.0.2"
TOOLS = ["ip", "iptables", "tc"]


def missing() -> str:
    """Why there can be no network here; empty if there can."""
    lacking = [tool for tool in TOOLS if not shutil.which(tool, path=search_path())]
    if lacking:
        return f"{', '.join(lacking)} not installed"
    if os.geteuid() != 0:
        return "only root may make network namespaces"
    try:
        Network().close()
    except subprocess.CalledProcessError as error:
        return f"no network namespaces here ({error.stderr.strip()})"
    return ""


def search_path() -> str:
    return f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin"


def command(*words: object) -> None:
    subprocess.run(
        [str(word) for word in words],
        check=True,
        capture_output=True,
        text=True,
        env=os.environ | {"PATH": search_path()},
        timeout=30,
    )


class Host:
    """One namespace with its end of the cable."""

    def __init__(self, name: str, address: str) -> None:
        self.name = name
        self.address = address

    def do(self, *words: object) -> None:
        command("ip", "netns", "exec", self.name, *words)

    def start(self, *words: object, **streams: object) -> subprocess.Popen:
        """Starts a program on this host. Its process id is that of the program itself."""
        path = shutil.which("ip", path=search_path())
        line = [path, "netns", "exec", self.name, *map(str, words)]
        return subprocess.Popen(line, **streams)

    def rule(self, *words: object) -> None:
        """What happens to packets that come in."""
        self.do("iptables", "-A", "INPUT", "-i", "cable", *words)


class Network:
    """The two hosts. Each method that disturbs does so until `heal`."""

    _numbers = count(1)

    def __init__(self) -> None:
        number = f"{os.getpid()}-{next(self._numbers)}"
        self.server = Host(f"bowsprit-server-{number}", SERVER)
        self.client = Host(f"bowsprit-client-{number}", CLIENT)
        self.hosts = [self.server, self.client]
        self.stack = ExitStack()
        try:
            self._lay()
        except BaseException:
            self.close()
            raise

    def _lay(self) -> None:
        for host in self.hosts:
            command("ip", "netns", "add", host.name)
            # The cable goes with the first of its ends.
            self.stack.callback(command, "ip", "netns", "del", host.name)
        # Without offloading, so that a packet is what fits the cable, and is lost alone.
        ends = ["cable", "netns", self.server.name, "gso_max_segs", "1"]
        command("ip", "link", "add", *ends, "type", "veth", "peer", "name", "cable", "netns", self.client.name)
        for host in self.hosts:
            host.do("ip", "link", "set", "lo", "up")
            host.do("ip", "address", "add", f"{host.address}/24", "dev", "cable")
            host.do("ip", "link", "set", "cable", "up", "gso_max_segs", "1")

    def close(self) -> None:
        self.stack.close()

    def lose(self, share: float) -> None:
        """Of the packets each way this share by chance."""
        for host in self.hosts:
            host.rule("-m", "statistic", "--mode", "random", "--probability", share, "-j", "DROP")

    def partition(self) -> None:
        for host in self.hosts:
            host.rule("-j", "DROP")

    def reset(self) -> None:
        """Each TCP packet is answered by a reset, as by a firewall that has forgotten the connection."""
        for host in self.hosts:
            host.rule("-p", "tcp", "!", "--tcp-flags", "RST", "RST", "-j", "REJECT", "--reject-with", "tcp-reset")

    def narrow(self, rate: str) -> None:
        for host in self.hosts:
            shape = ["tbf", "rate", rate, "burst", "4kb", "latency", "200ms"]
            host.do("tc", "qdisc", "add", "dev", "cable", "root", *shape)

    def chop(self, size: int) -> None:
        """Packets of so many bytes at most."""
        for host in self.hosts:
            host.do("ip", "link", "set", "cable", "mtu", size)

    def pull(self) -> None:
        """Pulls the cable out of the client."""
        self.client.do("ip", "link", "set", "cable", "down")

    def heal(self) -> None:
        for host in self.hosts:
            host.do("iptables", "-F", "INPUT")
            host.do("tc", "qdisc", "replace", "dev", "cable", "root", "pfifo")
            host.do("ip", "link", "set", "cable", "up", "mtu", "1500")


def leftovers() -> list[str]:
    """Namespaces of this process that are still there."""
    folder = Path("/run/netns")
    return [path.name for path in folder.glob(f"bowsprit-*-{os.getpid()}-*")] if folder.is_dir() else []
