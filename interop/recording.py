"""Records of the program against peers that nobody here wrote: played, served, and as HAR in Chromium's DevTools.

    python recording.py [--only TEXT] [--tally FILE] [--chromium PROGRAM] PROGRAM SERVER_MJS

SERVER_MJS is the copy of server.mjs beside which node finds its packages. Without --chromium the checks
with a browser are left out. The exit status is 1 if a check failed.
"""

import argparse
import json
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from browser import Browser, DevTools
from lab import PATIENCE, Check, Lab, Server, Tally, open_lab
from websockets.exceptions import ConnectionClosedError
from websockets.sync.client import connect
from websockets.sync.server import serve

# Opens a connection as pages do, and tells how it went.
PAGE = b"""<!doctype html><title>recording</title><script>
window.talk = uri => new Promise(done => {
  const socket = new WebSocket(uri, ["chat"]);
  const said = [];
  socket.binaryType = "arraybuffer";
  socket.onopen = () => socket.send("hello");
  socket.onmessage = event => {
    said.push(typeof event.data === "string" ? event.data : Array.from(new Uint8Array(event.data)).join());
    if (said.length == 1) socket.send(new Uint8Array([0, 255, 1]));
    if (said.length == 2) socket.send('{"a":[1,2]}');
    if (said.length == 3) socket.close(4001, "bye");
  };
  socket.onclose = event => done([said, event.code, event.reason]);
});
</script>"""
TALK = [["hello", "0,255,1", '{"a":[1,2]}'], 4001, "bye"]

HAR = 'await import("./models/har/har.js")'
REQUESTS = '(await import("./models/logs/logs.js")).NetworkLog.NetworkLog.instance().requests()'


class Tools:
    """A page and the DevTools that are open on it, in a headless Chromium."""

    def __init__(self, browser: Browser, connection: object, page_uri: str) -> None:
        self.devtools = DevTools(connection)
        host = re.match(r"ws://([^/]+)/", browser.address)[1]
        target = self.devtools.call("Target.createTarget", url="about:blank")["targetId"]
        front = f"http://{host}/devtools/devtools_app.html?ws={host}/devtools/page/{target}"
        self.page = self._attach(target)
        self.front = self._attach(self.devtools.call("Target.createTarget", url=front)["targetId"])
        self.devtools.call("Page.enable", self.page)
        self._until(self.front, f"(async () => !!({HAR}) && !!({REQUESTS}))()")
        # The network panel hears of what happens from the moment on at which it is attached.
        count, limit = f"(async () => ({REQUESTS}).length)()", time.monotonic() + PATIENCE
        while not self._evaluate(self.front, count):
            assert time.monotonic() < limit, "DevTools never heard of the page"
            self.devtools.call("Page.navigate", self.page, url=page_uri)
            self._until(self.page, "typeof talk == 'function'")

    def _attach(self, target: str) -> str:
        return self.devtools.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]

    def _until(self, session: str, expression: str) -> None:
        limit = time.monotonic() + PATIENCE
        while time.monotonic() < limit:
            try:
                if self._evaluate(session, expression):
                    return
            except AssertionError:
                # The page is not there yet.
                pass
            time.sleep(0.02)
        raise AssertionError(f"never true in the browser: {expression}")

    def _evaluate(self, session: str, expression: str) -> object:
        done = self.devtools.call(
            "Runtime.evaluate", session, expression=expression, awaitPromise=True, returnByValue=True
        )
        assert "exceptionDetails" not in done, done["exceptionDetails"]
        return done["result"].get("value")

    def talk(self, uri: str) -> object:
        return self._evaluate(self.page, f"talk({json.dumps(uri)})")

    def export(self, uri: str) -> str:
        """What the network panel's own export writes, once it has heard the whole conversation."""
        build = f"JSON.stringify({{log: await ({HAR}).Log.Log.build({REQUESTS}, {{sanitize: false}})}})"
        limit = time.monotonic() + PATIENCE
        while time.monotonic() < limit:
            har = self._evaluate(self.front, f"(async () => {build})()")
            entries = json.loads(har)["log"]["entries"]
            if any(len(e.get("_webSocketMessages", [])) == 6 for e in entries if e["request"]["url"] == uri):
                return har
            time.sleep(0.02)
        raise AssertionError(f"DevTools never had the messages: {har[:2000]}")

    def imported(self, har: str) -> list:
        """What the network panel shows of a file: URL, status, kind, and its messages."""
        read = f"new ({HAR}).HARFormat.HARRoot(JSON.parse({json.dumps(har)})).log"
        facts = "[r.url(), r.statusCode, r.resourceType().name(), r.frames().map(f => [f.type, f.opCode, f.text])]"
        found = f"({HAR}).Importer.Importer.requestsFromHARLog({read}).map(r => {facts})"
        return self._evaluate(self.front, f"(async () => {found})()")


class Pages(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(PAGE)))
        self.end_headers()
        self.wfile.write(PAGE)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def running(server: object, port: int) -> Iterator[int]:
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield port
    finally:
        server.shutdown()


def echo(connection: object) -> None:
    try:
        for message in connection:
            connection.send(message)
    except ConnectionClosedError:
        # 4001 is how the page closes.
        pass


class Recording:
    """The program's records in a folder of their own."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab

    def program(self, *arguments: object) -> subprocess.CompletedProcess:
        command = [str(part) for part in (self.lab.program, *arguments)]
        return subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, env=self.lab.environment())

    def record(self, name: str, *connection: str) -> Path:
        path = self.lab.folder / f"{name}.jsonl"
        connect = " ".join(["connect", *connection])
        self.lab.run(
            connect, connect, 'send 0 {"id":1,"v":[1,2]}', "wait 0 message", "send 1 --hex 00ff",
            "wait 1 message", "send 0 äöü 日本", "wait 0 message", "close 0 4001 bye", flags=["--record", path],
        )  # fmt: skip
        return path

    def play(self, path: Path, *arguments: object) -> None:
        for speed in ("max", "1x"):
            done = self.program("replay", path, "--speed", speed, *arguments)
            assert done.returncode == 0, (speed, done)

    @contextmanager
    def served(self, path: Path) -> Iterator[str]:
        command = [self.lab.program, "replay", path, "--serve", "--once", "--speed", "max"]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=self.lab.environment())
        try:
            yield process.stdout.readline().split()[-1]
            output, _ = process.communicate(timeout=PATIENCE)
            assert process.returncode == 0, output
        finally:
            process.kill()
            process.wait()


def peer_checks(recording: Recording, name: str, server: Server) -> Iterator[Check]:
    def plays() -> None:
        recording.play(recording.record(f"{name}-echo", server.uri("/echo")))

    def differs() -> None:
        path = recording.record(f"{name}-other", server.uri("/echo"))
        text, came = path.read_text(), r'"received","opcode":"text","size":18,"text":"{\"id\":'
        assert text.count(f"{came}1") == 1, text
        path.write_text(text.replace(f"{came}1", f"{came}7"))
        done = recording.program("replay", path, "--speed", "max")
        assert done.returncode == 1, done
        assert "differs at $.id: recorded 7, now 1" in done.stdout, done
        recording.play(path, "--ignore", "$.id")

    def serves() -> None:
        path = recording.record(f"{name}-served", server.uri("/echo"))
        with recording.served(path) as uri:
            with connect(f"{uri}/echo", proxy=None) as first, connect(f"{uri}/echo", proxy=None) as second:
                first.send('{"id":1,"v":[1,2]}')
                assert first.recv(PATIENCE) == '{"id":1,"v":[1,2]}'
                second.send(b"\x00\xff")
                assert second.recv(PATIENCE) == b"\x00\xff"
                first.send("äöü 日本")
                assert first.recv(PATIENCE) == "äöü 日本"
                first.close(4001, "bye")
                second.close(1001)

    yield Check(f"a session with {name} is played without a difference, at both paces", plays)
    yield Check(f"a record that says something else than {name} is found out", differs)
    yield Check(f"a session with {name} is served to python", serves)


def browser_checks(recording: Recording, chromium: str, stack: ExitStack) -> Iterator[Check]:
    folder = recording.lab.folder
    browser = Browser(chromium, folder)
    stack.callback(browser.close)
    browser.start()
    tools: list[Tools] = []
    pages = ThreadingHTTPServer(("127.0.0.1", 0), Pages)
    page = stack.enter_context(running(pages, pages.server_port))
    sockets = serve(echo, "127.0.0.1", 0, subprotocols=["chat"])
    port = stack.enter_context(running(sockets, sockets.socket.getsockname()[1]))
    uri = f"ws://127.0.0.1:{port}/socket?room=1"
    captured = folder / "chromium.har"

    def opened() -> Tools:
        if not tools:
            connection = stack.enter_context(connect(browser.address, max_size=None, proxy=None))
            tools.append(Tools(browser, connection, f"http://127.0.0.1:{page}/"))
        return tools[0]

    def plays() -> None:
        assert opened().talk(uri) == TALK
        captured.write_text(opened().export(uri))
        recording.play(captured)

    def serves() -> None:
        with recording.served(captured) as served:
            assert opened().talk(f"{served}/socket?room=1") == TALK

    def exports() -> None:
        records = recording.record("devtools", "--subprotocol", "chat", f"ws://127.0.0.1:{port}/x")
        har = folder / "devtools.har"
        done = recording.program("replay", records, "--export", har)
        assert done.returncode == 0, done
        text = '{"id":1,"v":[1,2]}'
        expected = [
            [["send", 1, text], ["receive", 1, text], ["send", 1, "äöü 日本"], ["receive", 1, "äöü 日本"]],
            [["send", 2, "AP8="], ["receive", 2, "AP8="]],
        ]
        found = opened().imported(har.read_text())
        assert found == [[f"ws://127.0.0.1:{port}/x", 101, "websocket", frames] for frames in expected], found

    yield Check("what Chromium's DevTools export is played without a difference", plays)
    yield Check("what Chromium's DevTools export is served to Chromium", serves)
    yield Check("Chromium's DevTools import what the program exports", exports)


def main() -> int:
    # A time limit from outside ends the run like a failure, so that nothing stays behind.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    parser = argparse.ArgumentParser(description="Plays and serves records against peers that nobody here wrote.")
    parser.add_argument("program", type=Path)
    parser.add_argument("server_mjs", type=Path)
    parser.add_argument("--chromium", default="")
    parser.add_argument("--only", default="")
    parser.add_argument("--tally", type=Path)
    arguments = parser.parse_args()
    tally = Tally()
    with ExitStack() as stack:
        if arguments.tally:
            stack.callback(lambda: arguments.tally.write_text(f"{tally.passed} {tally.failed}\n"))
        lab, close = open_lab(arguments.program.resolve(), arguments.server_mjs)
        stack.callback(close)
        recording = Recording(lab)
        checks = [*peer_checks(recording, "python", lab.python), *peer_checks(recording, "node", lab.node)]
        if arguments.chromium:
            checks.extend(browser_checks(recording, arguments.chromium, stack))
        for check in checks:
            if arguments.only in check.name:
                tally.run(check)
    print(f"recording: {tally.passed} of {tally.passed + tally.failed} checks passed")
    return 0 if tally.passed and not tally.failed else 1


if __name__ == "__main__":
    sys.exit(main())
