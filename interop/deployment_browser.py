"""A page of Chromium's behind nginx and haproxy: over TLS, where a proxy may speak HTTP/2 with it."""

from shutil import which

from browser import Browser
from deployment_lab import Harbour, until

CHROMIUM = which("chromium")

PAGE = """<!doctype html><title>Harbour</title><script>
const reports = new Promise(done => {
    const socket = new WebSocket(`wss://${location.host}/`);
    const heard = [];
    socket.onopen = () => socket.send('ahoy');
    socket.onmessage = event => {
        heard.push(event.data);
        socket.close(4001, 'bye');
    };
    socket.onclose = event => done([...heard, event.code, event.reason, event.wasClean]);
});
</script>"""


async def page(harbour: Harbour, name: str) -> None:
    """The page comes over HTTP/2 from both; haproxy brings its WebSocket the same way (RFC 8441), nginx does not."""
    site = harbour.folder / f"site-{name}"
    site.mkdir()
    (site / "index.html").write_text(PAGE)
    (site / "healthz").write_text("well\n")
    # The health check asks for another host than the one that this server listens on.
    changes = [("hdr Host chat.example", "hdr Host localhost")] if name == "haproxy" else []
    browser = Browser(CHROMIUM, harbour.folder / f"browser-{name}")
    browser.folder.mkdir()
    with harbour.serving("--static", site) as server, harbour.front(name, server, None, *changes) as front:
        try:
            uri = f"https://127.0.0.1:{front.tls_port}/"
            assert browser.open(uri) == ["ahoy", 4001, "bye", True]
        finally:
            browser.close()
        version = {"nginx": "HTTP/1.1", "haproxy": "HTTP/2.0"}[name]
        await until(lambda: count(front.requests(), 101, version) == 1, f"a WebSocket over {version} in the log")
        assert count(front.requests(), 200, "HTTP/2.0") == 1, front.requests()


def count(log: str, status: int, version: str) -> int:
    return sum(f" {status} " in line and f'{version}"' in line for line in log.splitlines())
