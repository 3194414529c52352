"""A headless Chromium, driven through its DevTools protocol."""

import json
import os
import re
import subprocess
import threading
from itertools import count
from pathlib import Path

from websockets.sync.client import ClientConnection, connect

# Far longer than a page takes, since a busy machine must not fail a session.
PATIENCE = 120.0

FLAGS = [
    "--headless=new",
    # The sandbox does not work for root, nor in most containers; the pages are our own.
    "--no-sandbox",
    # Containers have a small /dev/shm.
    "--disable-dev-shm-usage",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    # No names: what the browser would ask of the network at large stays on this machine.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
    # The certificates are made for one run, by an authority that no browser knows.
    "--ignore-certificate-errors",
    "--remote-debugging-port=0",
]


class Browser:
    """One browser process for all pages, started when the first is opened."""

    def __init__(self, program: str, folder: Path) -> None:
        self.program, self.folder = program, folder
        self.process: subprocess.Popen | None = None
        self.address = ""

    def open(self, uri: str) -> list[dict]:
        """Loads the page in a tab of its own and returns what its promise `reports` resolves to."""
        self.start()
        with connect(self.address, max_size=None, proxy=None) as connection:
            tools = DevTools(connection)
            target = tools.call("Target.createTarget", url="about:blank")["targetId"]
            tab = tools.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
            tools.call("Page.enable", tab)
            tools.call("Page.setLifecycleEventsEnabled", tab, enabled=True)
            loading = tools.call("Page.navigate", tab, url=uri)
            assert "errorText" not in loading, f"the page did not load: {loading['errorText']}"
            # By its id: the empty page that the tab begins with has such an event, too.
            tools.wait_for("Page.lifecycleEvent", name="load", loaderId=loading["loaderId"])
            done = tools.call("Runtime.evaluate", tab, expression="reports", awaitPromise=True, returnByValue=True)
            tools.call("Target.closeTarget", targetId=target)
        assert "exceptionDetails" not in done, f"the page failed: {done['exceptionDetails']}"
        return done["result"]["value"]

    def start(self) -> None:
        """Starts the browser, unless it runs already; `address` is then where its tools listen."""
        if self.process:
            return
        self.process = subprocess.Popen(
            [self.program, *FLAGS, f"--user-data-dir={self.folder / 'profile'}", "about:blank"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ | {"HOME": str(self.folder), "TMPDIR": str(self.folder)},
        )
        said = []
        for line in self.process.stderr:
            said.append(line)
            if found := re.search(r"DevTools listening on (ws://\S+)", line):
                self.address = found[1]
                # Nobody reads the rest, and the browser must not wait for that.
                threading.Thread(target=self.process.stderr.read, daemon=True).start()
                return
        raise RuntimeError(f"the browser did not start:\n{''.join(said)}")

    def close(self) -> None:
        if self.process:
            self.process.terminate()
            self.process.wait(PATIENCE)


class DevTools:
    """Calls and events on one connection to the browser."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection
        self.numbers = count(1)
        self.events: list[dict] = []

    def call(self, method: str, tab: str | None = None, **parameters: object) -> dict:
        number = next(self.numbers)
        call = {"id": number, "method": method, "params": parameters}
        self.connection.send(json.dumps(call | ({"sessionId": tab} if tab else {})))
        while True:
            answer = self._receive()
            if answer.get("id") == number:
                assert "error" not in answer, f"{method}: {answer['error']}"
                return answer["result"]

    def wait_for(self, event: str, **facts: object) -> None:
        while not any(seen["method"] == event and facts.items() <= seen["params"].items() for seen in self.events):
            self._receive()

    def _receive(self) -> dict:
        message = json.loads(self.connection.recv(PATIENCE))
        if "method" in message:
            self.events.append(message)
        return message
