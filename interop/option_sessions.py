"""Sessions of the program's connection options, through pipes, against servers that nobody here wrote."""

import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial

from lab import NOT_OPENED, PATIENCE, Check, Lab, Session

OPENED = r"0 open 101\b.*"


def checks(lab: Lab) -> Iterator[Check]:
    for place in ["command line", "prompt"]:
        for name, look in [
            ("headers, token, cookies, agent and origin arrive as given", sends_headers),
            ("a password opens what asks for it", knows_the_password),
            ("a file and the environment keep a token out of the line", reads_secrets),
            ("a redirection is followed when asked for", follows),
            ("a subprotocol is agreed on and shown", agrees_on_a_subprotocol),
        ]:
            yield Check(f"options, {place}: {name}", partial(look, lab, place == "prompt"))
    for name, look in [
        ("a wrong password fails with what the server says", is_refused),
        ("a page of another site is refused, the own one is not", has_an_origin),
        ("one message goes to a hundred connections", sends_to_all),
        ("a server that goes away and comes back is found again", reconnects),
    ]:
        yield Check(f"options: {name}", partial(look, lab))


def connect(lab: Lab, at_prompt: bool, options: str, uri: str, *lines: str, **variables: str) -> Session:
    """Connects with these options, given to `connect` or to the program."""
    if at_prompt:
        session = lab.run(f"connect {options} {uri}", *lines, variables=variables)
    else:
        session = lab.run(f"connect {uri}", *lines, flags=split(options), variables=variables)
    session.expect_status(0)
    return session


def split(options: str) -> list[str]:
    return [word.strip("'") for word in re.findall(r"'[^']*'|\S+", options)]


def sends_headers(lab: Lab, at_prompt: bool) -> None:
    uri = lab.python.uri("/headers")
    options = (
        "-H 'X-Trace: seven teen' --header 'X-Other: 2' --bearer t0ken --cookie a=1 -b b=2 "
        "--user-agent probe/9 --origin https://app.example.com"
    )
    session = connect(lab, at_prompt, options, uri, "wait 0 message 20", "show 0")
    told = headers(session)
    for line in [
        "X-Trace: seven teen",
        "X-Other: 2",
        "Authorization: Bearer t0ken",
        "Cookie: a=1; b=2",
        "User-Agent: probe/9",
        "Origin: https://app.example.com",
    ]:
        assert told.count(line) == 1, f"{line!r} should be once in {told}"
    assert sum(line.startswith("User-Agent:") for line in told) == 1, told


def headers(session: Session) -> list[str]:
    """What the server was sent, which it has sent back: line ends are escaped in the output."""
    [message] = [line for line in session.lines if line.startswith("<< ")]
    return message.removeprefix("<< ").split(r"\n")


def knows_the_password(lab: Lab, at_prompt: bool) -> None:
    uri = lab.python.uri("/basic")
    session = connect(lab, at_prompt, "--auth anna:s3cret:x", uri, "send 0 in", "wait 0 message 20")
    session.expect(OPENED, "0 << text 2 in")
    assert "s3cret" not in session.output, session


def is_refused(lab: Lab) -> None:
    uri = lab.python.uri("/basic")
    session = lab.run(f"connect -u anna:wrong {uri}", "show 0")
    session.expect(r"0 failed HTTP 401 Unauthorized.*", "> Status: Failed", r"> HTTP response: 401 Unauthorized")
    assert "wrong" not in session.output, session
    session.expect_status(NOT_OPENED)


def reads_secrets(lab: Lab, at_prompt: bool) -> None:
    uri = lab.python.uri("/headers")
    file = lab.folder / "token"
    file.write_text("fr0m-file\n")
    for option, token in [(f"--bearer @{file}", "fr0m-file"), ("--bearer env:TOKEN", "fr0m-variable")]:
        session = connect(lab, at_prompt, option, uri, "wait 0 message 20", "show 0", TOKEN="fr0m-variable")
        assert f"Authorization: Bearer {token}" in headers(session), session


def follows(lab: Lab, at_prompt: bool) -> None:
    uri = lab.python.uri("/moved")
    session = connect(lab, at_prompt, "--follow", uri, "wait 0 message 20")
    session.expect(OPENED, "0 << text .+")
    if at_prompt:
        refused = lab.run(f"connect {lab.python.uri('/moved')}")
        refused.expect(r"0 failed HTTP 301 Moved Permanently.*")
        refused.expect_status(NOT_OPENED)


def agrees_on_a_subprotocol(lab: Lab, at_prompt: bool) -> None:
    # The one knows what it wants, the other takes the client's first.
    for server, chosen in [(lab.python, "chat"), (lab.node, "superchat")]:
        uri = server.uri("/subprotocol")
        session = connect(lab, at_prompt, "--subprotocol superchat,chat", uri, "show 0")
        session.expect(OPENED, f"> Subprotocol: {chosen}")
        assert server.wait_for(uri, "open")["subprotocol"] == chosen


def has_an_origin(lab: Lab) -> None:
    uri = lab.python.uri("/own-pages-only")
    session = lab.run(f"connect --origin https://evil.example {uri}", f"connect --origin https://app.example.com {uri}")
    session.expect(r"0 failed HTTP 403 Forbidden.*", r"1 open 101\b.*")
    session.expect_status(NOT_OPENED)


def sends_to_all(lab: Lab) -> None:
    count = 100
    uris = [lab.node.uri("/echo") for _ in range(count)]
    waits = [f"wait {number} message 20" for number in range(count)]
    session = lab.run(*(f"connect {uri}" for uri in uris), "send all ahoy", *waits)
    session.expect_status(0)
    assert sum(bool(re.fullmatch(r"\d+ << text 4 ahoy", line)) for line in session.lines) == count, session
    for uri in uris:
        assert lab.node.wait_for(uri, "message")["text"] == "ahoy"


# A server that ends after its first message, on the port that it is given.
COMES_BACK = """
import asyncio, sys
from websockets.asyncio.server import serve
async def main():
    over = asyncio.Event()
    async def handle(connection):
        async for message in connection:
            await connection.send(message)
            over.set()
    async with serve(handle, "127.0.0.1", int(sys.argv[1])):
        print("ready", flush=True)
        await over.wait()
asyncio.run(main())
"""


def reconnects(lab: Lab) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    first = start_server(port)
    program = lab.start("--reconnect")
    program.stdin.write(f"connect ws://127.0.0.1:{port}\nsend 0 one\nwait 0 message 20\n".encode())
    program.stdin.flush()
    try:
        first.wait(PATIENCE)
        second = start_server(port)
        seen = b""
        deadline = time.monotonic() + PATIENCE
        while seen.count(b"0 open 101") < 2 and time.monotonic() < deadline:
            seen += program.stdout.read1()
        program.stdin.write(b"send 0 two\nwait 0 message 20\n")
        output, _ = program.communicate(timeout=PATIENCE)
        second.wait(PATIENCE)
    finally:
        program.kill()
        first.kill()
    session = Session((seen + output).decode(), program.returncode, 0.0)
    session.expect(OPENED, "0 << text 3 one", r"0 closed 1001\b.*", r"0 retry 1 in .+", OPENED, "0 << text 3 two")
    session.expect_status(0)


def start_server(port: int) -> subprocess.Popen:
    server = subprocess.Popen([sys.executable, "-c", COMES_BACK, str(port)], stdout=subprocess.PIPE, text=True)
    assert server.stdout.readline() == "ready\n", "the server did not start"
    return server
