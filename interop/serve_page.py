"""What a person does on the page of `bowsprit serve --ui`, done in a headless Chromium."""

import base64
from pathlib import Path

from browser import Browser, DevTools
from websockets.sync.client import connect

# The screens of a desk and of a phone, in pixels of CSS.
DESK = 1100, 800
PHONE = 390, 844

# Waits until a condition on the page holds, and returns a value.
UNTIL = """
const until = async (holds) => {
  const last = performance.now() + 20000;
  for (;;) {
    const found = holds();
    if (found) return found;
    if (performance.now() > last) throw new Error(`never: ${holds}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
};
const at = (id) => document.getElementById(id);
const entries = () => [...at("log").children].map((entry) => entry.className + " " + entry.querySelector(".body").textContent);
"""

TALK = UNTIL + """
(async () => {
  at("path").value = "/talk";
  at("subprotocols").value = "a, b";
  at("toggle").click();
  await until(() => !at("submit").disabled);
  const say = async (text, kind) => {
    const before = at("log").childElementCount;
    at("message").value = text;
    at("kind").value = kind;
    at("submit").click();
    await until(() => at("log").childElementCount >= before + 2);
  };
  await say("hello <img src=x onerror='window.hit=1'>", "text");
  await say("00 ff 7F", "hex");
  await say("escape \\u001b[31m and \\u202e", "text");
  at("message").value = "0g";
  at("kind").value = "hex";
  at("submit").click();
  await until(() => at("log").firstElementChild.className === "fault");
  const row = await until(() => [...at("rows").children].find((row) => row.children[5].textContent.startsWith("3 ")));
  const shown = [...row.children].map((cell) => cell.textContent);
  return { entries: entries(), row: shown, summary: at("summary").textContent, hit: window.hit ?? 0,
           images: document.images.length, state: at("state").textContent };
})()
"""

# How much wider the page is than a phone's screen: nothing may have to be pushed sideways.
OVERHANG = "document.documentElement.scrollWidth - innerWidth"

CLOSE = UNTIL + """
(async () => {
  at("toggle").click();
  await until(() => at("state").textContent === "not connected");
  await until(() => at("rows").childElementCount === 0);
  return { entries: entries(), summary: at("summary").textContent };
})()
"""

# What a client that would like to be markup says of itself, and what the page shows of it.
HOSTILE = "<img src=x onerror='window.hit=1'>"
SEEN = UNTIL + """
(async () => {
  const row = await until(() => at("rows").firstElementChild);
  return { agent: row.querySelector(".agent").textContent, path: row.querySelector(".path").textContent,
           images: document.images.length };
})()
"""


def try_page(browser: Browser, uri: str, picture: Path | None) -> None:
    browser.start()
    with connect(browser.address, max_size=None, proxy=None) as connection:
        tools = DevTools(connection)
        target = tools.call("Target.createTarget", url="about:blank")["targetId"]
        tab = tools.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        tools.call("Page.enable", tab)
        tools.call("Log.enable", tab)
        tools.call("Page.setLifecycleEventsEnabled", tab, enabled=True)
        loading = tools.call("Page.navigate", tab, url=f"{uri.replace('ws:', 'http:')}/")
        assert "errorText" not in loading, loading
        tools.wait_for("Page.lifecycleEvent", name="load", loaderId=loading["loaderId"])
        talked = evaluate(tools, tab, TALK)
        resize(tools, tab, *PHONE)
        overhang = evaluate(tools, tab, OVERHANG)
        if picture:
            take_pictures(tools, tab, picture)
        closed = evaluate(tools, tab, CLOSE)
        with connect(f"{uri}/?token=secret", user_agent_header=HOSTILE, proxy=None):
            seen = evaluate(tools, tab, SEEN)
        tools.call("Target.closeTarget", targetId=target)
    assert overhang <= 0, f"on a phone the page is too wide by {overhang}"
    assert talked["hit"] == 0 and talked["images"] == 0, "a message became markup"
    entries = talked["entries"]
    assert entries[0] == "fault pairs of hexadecimal digits are expected", entries
    assert sorted(entries[1:7]) == sorted(
        f"{way} {text}"
        for way in ("sent", "received")
        for text in (
            "hello <img src=x onerror='window.hit=1'>",
            "[3] 00 ff 7f",
            "escape \\u{1b}[31m and \\u{202e}",
        )
    ), entries
    assert entries[7] == f"note open {uri}/talk, subprotocol b", entries
    assert talked["summary"] == "echo: 1 open, 1 in all", talked
    assert talked["row"][0] == "0" and talked["row"][1] == "/talk", talked
    assert talked["row"][5].startswith("3 (") and talked["row"][7].startswith("3 ("), talked
    assert closed["entries"][0] == "note closed 1000", closed
    assert closed["summary"] == "echo: 0 open, 1 in all", closed
    assert seen == {"agent": HOSTILE, "path": "/?token=***", "images": 0}, seen
    told = [event["params"]["entry"]["text"] for event in tools.events if event["method"] == "Log.entryAdded"]
    assert not told, f"the browser complains: {told}"


def evaluate(tools: DevTools, tab: str, expression: str) -> dict | int:
    # In a block, so that the names of one run are not there for the next.
    done = tools.call("Runtime.evaluate", tab, expression=f"{{{expression}}}", awaitPromise=True, returnByValue=True)
    assert "exceptionDetails" not in done, f"the page failed: {done['exceptionDetails']}"
    return done["result"]["value"]


def take_pictures(tools: DevTools, tab: str, path: Path) -> None:
    for scheme in "light", "dark":
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        tools.call("Emulation.setEmulatedMedia", tab, features=features)
        for name, size in ("desk", DESK), ("phone", PHONE):
            resize(tools, tab, *size)
            taken = tools.call("Page.captureScreenshot", tab, format="png")
            file = path.with_name(f"{path.stem}-{name}-{scheme}{path.suffix}")
            file.write_bytes(base64.b64decode(taken["data"]))


def resize(tools: DevTools, tab: str, width: int, height: int) -> None:
    size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < height}
    tools.call("Emulation.setDeviceMetricsOverride", tab, **size)
