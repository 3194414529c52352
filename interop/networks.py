"""Runs the library and the program over real networks that lose, delay, cut and reset.

    python networks.py PROGRAM EXAMPLE [--only TEXT] [--deep] [--tally FILE]

PROGRAM is `bowsprit`, EXAMPLE is the example `soak` of the library. The two hosts are network namespaces, so root
runs this; where there can be none it says SKIPPED and why, and nothing is counted. With --deep it takes minutes
and not one: the default times of keepalive, more messages, and a lost peer must be found within ping and pong time and
5 s. Without it that time is only printed, since a busy machine must not fail a check. The exit status is 1 if a
check failed.
"""

import argparse
import hashlib
import json
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import namespaces
from lab import Check, Tally
from namespaces import SERVER, Network

# Far longer than anything here takes, since a busy machine must not fail a check.
PATIENCE = 120.0
PORT = 9002
# Beside ping and pong time, until a lost peer must be found.
GRACE = 5.0

Disturb = Callable[[Network], None]


class End:
    """A program on one of the hosts that prints JSON, an object a line."""

    def __init__(self, process: subprocess.Popen) -> None:
        self.process = process
        self.told: list[tuple[float, dict]] = []
        self.changed = threading.Condition()
        threading.Thread(target=self._collect, daemon=True).start()

    def _collect(self) -> None:
        for line in self.process.stdout:
            with self.changed:
                self.told.append((time.monotonic(), json.loads(line)))
                self.changed.notify_all()

    def wait_for(self, what: str, fits: Callable[[dict], bool], begin: int = 0) -> tuple[float, dict]:
        """The first line from number `begin` on that fits, and when it came."""

        def found() -> tuple[float, dict] | None:
            return next(((when, line) for when, line in self.told[begin:] if fits(line)), None)

        with self.changed:
            result = self.changed.wait_for(found, PATIENCE)
        assert result, f"{what} never came; the last lines are {self.told[-6:]}"
        return result

    def wait_for_count(self, name: str, number: int) -> dict:
        return self.wait_for(f"{name} {number}", lambda line: "tasks" in line and line[name] >= number)[1]

    def counts(self) -> dict:
        """What it has counted up to some moment after this call."""
        return self.wait_for("a count", lambda line: "tasks" in line, len(self.told) + 1)[1]

    def events(self, name: str) -> list[dict]:
        return [line for _, line in self.told if name in line and "tasks" not in line]

    def close(self) -> None:
        """A server leaves with its input, a client only once it is done."""
        self.process.stdin.close()
        if self.events("ready") and not self.events("done"):
            self.process.terminate()
        try:
            self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError("it did not end with its input") from None


@dataclass
class Lab:
    network: Network
    program: Path
    example: Path
    deep: bool

    def start(self, *words: object, client: bool = False, **streams: object) -> subprocess.Popen:
        host = self.network.client if client else self.network.server
        return host.start(*words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, **streams)

    def library_server(self, *flags: object) -> End:
        end = End(self.start(self.example, "server", "--listen", f"{SERVER}:{PORT}", *flags))
        end.wait_for("the port", lambda line: "ws" in line)
        return end

    def library_client(self, *flags: object, uri: str = f"ws://{SERVER}:{PORT}/") -> End:
        end = End(self.start(self.example, "client", uri, *flags, client=True))
        end.wait_for("ready", lambda line: "ready" in line)
        end.process.stdin.write("go\n")
        end.process.stdin.flush()
        return end

    def program_server(self, *flags: object) -> subprocess.Popen:
        words = [self.program, "serve", "--json", *flags, f"{SERVER}:{PORT}"]
        process = self.start(*words)
        assert process.stdout.readline(), "the program does not serve"
        return process


def stop(process: subprocess.Popen) -> None:
    process.terminate()
    try:
        process.communicate(timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        raise AssertionError("it did not end with SIGTERM") from None


@dataclass
class Weather:
    """What the network does to a connection, which it must live through."""

    disturb: Disturb
    # In seconds, shorter than what keepalive waits; 0: from before the handshake to the end.
    brief: float = 0

    def begin(self, network: Network) -> None:
        if not self.brief:
            self.disturb(network)

    def strike(self, network: Network) -> threading.Timer:
        """When the connection is in use. The timer ends what is brief."""
        heals = threading.Timer(self.brief, network.heal if self.brief else lambda: None)
        if self.brief:
            self.disturb(network)
        heals.start()
        return heals


def library_delivers(lab: Lab, weather: Weather, flags: tuple, uri: str = f"ws://{SERVER}:{PORT}/") -> None:
    """Every message comes back once, in order, as it was, whatever the network does meanwhile."""
    patient = ("--open", round(PATIENCE * 1000), "--close", round(PATIENCE * 1000))
    with closing(lab.library_server(*patient, "--broadcast", 500)) as server:
        weather.begin(lab.network)
        with closing(lab.library_client(*patient, "--compress", *flags, uri=uri)) as client:
            client.wait_for_count("right", 1)
            heals = weather.strike(lab.network)
            _, done = client.wait_for("the end", lambda line: "done" in line)
            mine = done["done"]
        heals.join()
        lab.network.heal()
        theirs = server.counts()
    told = client.events("wrong") + server.events("wrong") + client.events("lost") + client.events("failed")
    assert not told, told
    assert mine["sent"] and mine["right"] == mine["sent"] == theirs["right"], f"{mine}\n{theirs}"
    assert mine["opened"] == theirs["opened"], f"{mine}\n{theirs}"
    times = ", ".join(f"{name} {done[f'{name}_ms']:.0f} ms" for name in ("p50", "p99"))
    print(f"        {mine['sent']} messages, {mine['bytes']} bytes, {times}")


def numbered(number: int, length: int) -> str:
    """A line that shows whether it is what was sent."""
    body = "".join(random.choices("abcdefghij", k=length))
    text = f"{number} {body}"
    return f"{hashlib.sha256(text.encode()).hexdigest()} {text}"


def number_of(line: str) -> int:
    """The number of a line that is as it was sent."""
    digest, _, text = line.partition(" ")
    assert hashlib.sha256(text.encode()).hexdigest() == digest, f"a line was changed: {line[:100]!r}"
    return int(text.split(" ")[0])


def program_delivers(lab: Lab, weather: Weather, lines: int, length: int) -> None:
    """What goes in through a pipe comes out of it once, in order, as it was."""
    patient = ["--open-timeout", f"{PATIENCE:.0f}s", "--keepalive", "30s", "--pong-timeout", "60s"]
    sent = [numbered(number, random.randrange(length)) for number in range(lines)]
    server = lab.program_server(*patient)
    try:
        weather.begin(lab.network)
        words = [lab.program, *patient, "-n", lines, "--linger", "off", f"ws://{SERVER}:{PORT}/"]
        client = lab.start(*words, client=True, stderr=subprocess.PIPE)
        try:
            client.stdin.write(sent[0] + "\n")
            client.stdin.flush()
            first = client.stdout.readline()
            heals = weather.strike(lab.network)
            rest, complaints = client.communicate("".join(f"{line}\n" for line in sent[1:]), PATIENCE)
        except subprocess.TimeoutExpired:
            client.kill()
            raise AssertionError(f"hangs: {client.communicate()[1]}") from None
        heals.join()
        lab.network.heal()
    finally:
        stop(server)
    assert client.returncode == 0 and not complaints, f"exit status {client.returncode}: {complaints}"
    came = (first + rest).splitlines()
    assert came == sent, f"{len(came)} of {lines} lines, or changed ones"


@dataclass
class Loss:
    """How the network goes away, and by which words the ends may find it."""

    disturb: Disturb
    words: str


LOSSES = {
    "a partition": Loss(Network.partition, "wait for a pong timed out"),
    "a cable that is pulled": Loss(Network.pull, "wait for a pong timed out"),
    "resets": Loss(Network.reset, "connection reset"),
}


def library_resumes(lab: Lab, loss: Loss, rate: float, ping: float, pong: float) -> None:
    """Both ends find out that the other is gone, and go on when it is back."""
    waits = ("--ping", round(ping * 1000), "--pong", round(pong * 1000))
    with closing(lab.library_server(*waits)) as server:
        with closing(lab.library_client(*waits, "--rate", rate, "--open", 1000)) as client:
            client.wait_for_count("open", 1)
            if rate > 1:
                client.wait_for_count("right", 20)
            cut = time.monotonic()
            loss.disturb(lab.network)
            took = {}
            for name, end in ("client", client), ("server", server):
                when, line = end.wait_for("the loss", lambda line: "lost" in line and "tasks" not in line)
                assert loss.words in str(line["lost"]).lower(), f"the {name} says {line}"
                took[name] = when - cut
            # The client tries in vain meanwhile.
            time.sleep(1.5)
            before = client.counts()
            lab.network.heal()
            client.wait_for_count("opened", 2)
            if rate > 1:
                client.wait_for_count("right", before["right"] + 20)
            mine = client.counts()
            assert mine["lost"] == 1, mine
        lab.network.heal()
        theirs = server.counts()
    told = client.events("wrong") + server.events("wrong")
    assert not told, told
    assert theirs["missing"] <= mine["missing"], f"{theirs['missing']} lost, {mine['missing']} without an answer"
    text = ", ".join(f"{name} {seconds:.2f} s" for name, seconds in took.items())
    print(f"        found by {text}; {mine['missing']} without an answer, of them {theirs['missing']} lost")
    if lab.deep:
        assert max(took.values()) <= ping + pong + GRACE, text


def program_resumes(lab: Lab, loss: Loss) -> None:
    """A pipe goes on over the next connection: nothing twice, nothing out of order, and the loss is told."""
    waits = ["--keepalive", "1s", "--pong-timeout", "1s"]
    server = lab.program_server(*waits)
    words = [lab.program, *waits, "--open-timeout", "1s", "--reconnect=first=100ms,max=500ms", "--linger", "3s"]
    client = lab.start(*words, f"ws://{SERVER}:{PORT}/", client=True, stderr=subprocess.PIPE)
    heard: list[int] = []
    said: list[str] = []
    changed = threading.Condition()

    def collect(stream: object, store: Callable[[str], None]) -> None:
        for line in stream:
            with changed:
                store(line.rstrip("\n"))
                changed.notify_all()

    readers = [
        threading.Thread(target=collect, args=(client.stdout, lambda line: heard.append(number_of(line)))),
        threading.Thread(target=collect, args=(client.stderr, said.append)),
    ]
    for reader in readers:
        reader.start()
    numbers = iter(range(1_000_000))
    silent = threading.Event()

    def feed() -> None:
        while not silent.wait(0.02):
            client.stdin.write(numbered(next(numbers), 300) + "\n")
            client.stdin.flush()

    feeder = threading.Thread(target=feed)
    feeder.start()
    try:
        with changed:
            assert changed.wait_for(lambda: len(heard) >= 20, PATIENCE), f"{len(heard)} answers; {said}"
        loss.disturb(lab.network)
        with changed:
            assert changed.wait_for(lambda: any("retry" in line for line in said), PATIENCE), said
            before = len(heard)
        time.sleep(1)
        lab.network.heal()
        with changed:
            assert changed.wait_for(lambda: len(heard) >= before + 20, PATIENCE), f"{len(heard)} answers; {said}"
    finally:
        silent.set()
        feeder.join()
        client.stdin.close()
        try:
            client.wait(PATIENCE)
        finally:
            client.kill()
            for reader in readers:
                reader.join()
            lab.network.heal()
            stop(server)
    last = next(numbers)
    assert client.returncode == 0, f"exit status {client.returncode}: {said}"
    assert heard == sorted(set(heard)), f"twice or out of order: {heard}"
    gaps = [(a, b) for a, b in zip(heard, heard[1:]) if b != a + 1]
    assert len(gaps) <= 1, f"more than one gap: {gaps}"
    assert heard[0] == 0 and heard[-1] == last - 1, f"{heard[0]} to {heard[-1]} of {last}"
    lost = last - len(heard)
    assert not lost or any("not" in line or "lost" in line for line in said), said
    print(f"        {len(heard)} of {last} lines answered; it said: {said}")


def delays(lab: Lab, least: int, most: int, flags: tuple) -> None:
    script = Path(__file__).with_name("delay.py")
    relay = lab.start(sys.executable, script, SERVER, PORT, least, most, client=True)
    try:
        port = int(relay.stdout.readline())
        library_delivers(lab, Weather(lambda _: None), flags, f"ws://127.0.0.1:{port}/")
    finally:
        relay.kill()
        relay.communicate()


def checks(lab: Lab) -> Iterator[Check]:
    times = 10 if lab.deep else 1
    many = ("--connections", 8, "--count", 40 * times, "--rate", 160, "--size", 20_000)
    few = ("--connections", 8, "--count", 15 * times, "--rate", 60, "--size", 4000)
    large = ("--connections", 3, "--count", 10 * times, "--rate", 30, "--size", 300_000)
    steady = ("--connections", 3, "--count", 10 * times, "--rate", 60, "--size", 60_000)
    networks: list[tuple[str, Weather, tuple, tuple[int, int]]] = [
        ("5 % of the packets lost", Weather(lambda network: network.lose(0.05)), many, (200, 4000)),
        ("20 % of the packets lost", Weather(lambda network: network.lose(0.2)), few, (60, 1000)),
        ("1 Mbit a second", Weather(lambda network: network.narrow("1mbit")), steady, (100, 4000)),
        ("packets of 576 bytes", Weather(lambda network: network.chop(576)), large, (100, 40_000)),
        ("packets of 300 bytes", Weather(lambda network: network.chop(300)), large, (100, 40_000)),
        ("a partition of 2 s", Weather(Network.partition, 2), many, (2000, 4000)),
        ("a cable that is out for 2 s", Weather(Network.pull, 2), many, (2000, 4000)),
    ]
    for name, weather, flags, (lines, length) in networks:
        yield Check(f"the library delivers all: {name}", partial(library_delivers, lab, weather, flags))
        yield Check(f"the program delivers all: {name}", partial(program_delivers, lab, weather, lines * times, length))
    for least, most in [(40, 40), (20, 200)]:
        name = f"the library delivers all: {least} to {most} ms of delay each way"
        yield Check(name, partial(delays, lab, least, most, few))
    for name, loss in LOSSES.items():
        for kind, rate in [("busy", 50.0)] if loss is LOSSES["resets"] else [("busy", 50.0), ("idle", 0.01)]:
            look = partial(library_resumes, lab, loss, rate, 1, 1)
            yield Check(f"the library finds {name} and goes on, {kind}", look)
            if lab.deep:
                look = partial(library_resumes, lab, loss, rate, 20, 20)
                yield Check(f"the library finds {name} and goes on, {kind}, default times", look)
        yield Check(f"the program finds {name} and goes on", partial(program_resumes, lab, loss))


def main() -> int:
    # A time limit from outside ends the run like a failure, so that nothing stays behind.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    parser = argparse.ArgumentParser(description="Takes the library and the program over real networks.")
    parser.add_argument("program", type=Path)
    parser.add_argument("example", type=Path)
    parser.add_argument("--only", default="")
    parser.add_argument("--deep", action="store_true")
    parser.add_argument("--tally", type=Path)
    arguments = parser.parse_args()
    tally = Tally()
    why = namespaces.missing()
    with ExitStack() as stack:
        if arguments.tally:
            stack.callback(lambda: arguments.tally.write_text(f"{tally.passed} {tally.failed}\n"))
        if why:
            print(f"SKIPPED  real networks: {why}")
            return 0
        program, example = arguments.program.resolve(), arguments.example.resolve()
        with closing(Network()) as network:
            for check in checks(Lab(network, program, example, arguments.deep)):
                if arguments.only in check.name:
                    network.heal()
                    tally.run(check)
        assert not namespaces.leftovers(), namespaces.leftovers()
    print(f"real networks: {tally.passed} of {tally.passed + tally.failed} checks passed")
    return 0 if tally.passed and not tally.failed else 1


if __name__ == "__main__":
    sys.exit(main())
