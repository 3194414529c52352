"""A process of the example `soak`: what it prints, and what the system says that it holds."""

import json
import os
import subprocess
import threading
import time
from collections.abc import Sequence
from pathlib import Path

PAGE = os.sysconf("SC_PAGE_SIZE")


class End:
    """One of the two ends, perhaps under another program that watches it. It leaves with its input."""

    def __init__(self, example: Path, *arguments: object, under: Sequence[str] = ()) -> None:
        command = [*under, str(example.resolve()), *map(str, arguments)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.told: dict[str, dict] = {}
        self.counts: dict = {}
        self.said: list[str] = []
        self.changed = threading.Condition()
        self.sampling = threading.Event()
        threading.Thread(target=self._collect, daemon=True).start()

    def _collect(self) -> None:
        for line in self.process.stdout:
            told = json.loads(line)
            with self.changed:
                if "tasks" in told:
                    self.counts = told
                elif told.keys() & {"wrong", "failed"} or ("lost" in told and "done" not in told):
                    self.said.append(line.strip())
                else:
                    self.told[next(iter(told))] = told
                self.changed.notify_all()

    def wait_for(self, name: str, patience: float) -> dict:
        with self.changed:
            found = self.changed.wait_for(lambda: name in self.told or self.process.poll() is not None, patience)
        if not found or name not in self.told:
            raise SystemExit(f"{name!r} never came; the last counts are {self.counts}, it said {self.said[-5:]}")
        return self.told[name]

    def tell(self) -> None:
        self.process.stdin.write("go\n")
        self.process.stdin.flush()

    def complaints(self) -> list[str]:
        """A server's clients may drop their connections, and it says so; that is compared by number."""
        return [line for line in self.said if "wrong" in line or "failed" in line or "ready" in self.told]

    def last_counts(self) -> dict:
        """What it counts once the second has passed in which this is asked."""
        before = self.counts
        with self.changed:
            self.changed.wait_for(lambda: self.counts is not before, 10)
            before = self.counts
            self.changed.wait_for(lambda: self.counts is not before, 10)
        return self.counts

    def look(self) -> dict:
        """Memory in bytes, descriptors and threads, as the system counts them."""
        place = Path(f"/proc/{self.process.pid}")
        return {
            "rss": int((place / "statm").read_text().split()[1]) * PAGE,
            "descriptors": len(os.listdir(place / "fd")),
            "threads": len(os.listdir(place / "task")),
            "tasks": self.counts.get("tasks", 0),
        }

    def look_until(self, start: dict, patience: float) -> dict:
        """Looks until as many descriptors are open as at the start; what is left after `patience` is a leak."""
        until = time.monotonic() + patience
        look = self.look()
        while look["descriptors"] > start["descriptors"] and time.monotonic() < until:
            time.sleep(0.2)
            look = self.look()
        return look

    def sample(self, looks: list[dict]) -> None:
        """Looks once a second from now on."""

        def watch() -> None:
            while not self.sampling.wait(1):
                looks.append(self.look())

        threading.Thread(target=watch, daemon=True).start()

    def stop_sampling(self) -> None:
        self.sampling.set()

    def close(self) -> int:
        """The exit status."""
        self.sampling.set()
        self.process.stdin.close()
        try:
            self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        return self.process.returncode
