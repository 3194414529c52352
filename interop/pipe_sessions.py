"""Sessions of the program through pipes: a script as its input, its lines and exit status as the answer."""

import hashlib
import random
import re
import subprocess
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from websockets.sync.client import connect

from lab import (
    CLOSED_BY_PEER,
    DROPPED,
    NOT_CONNECTED,
    NOT_OPENED,
    PATIENCE,
    TLS_FAILED,
    Check,
    Lab,
    Server,
    Session,
)

OPENED = r"0 open 101\b.* \(.*\d.* m?s\)( NOT VERIFIED)?"
# Where the frame lengths of RFC 6455 §5.2 change, and what does not fit into one read.
SIZES = [0, 125, 126, 65_535, 65_536, 1_000_000]


def checks(lab: Lab) -> Iterator[Check]:
    for place, server, port in servers(lab):
        for name, look in CONVERSATIONS.items():
            yield Check(f"pipe, {place}: {name}", partial(look, lab, server, port))
    for name, look in SINGLE.items():
        yield Check(f"pipe: {name}", partial(look, lab))
    for path, what, *expected in REFUSED_HANDSHAKES:
        yield Check(f"pipe, {what}: the connection fails and says why", partial(fails_to_open, lab, path, *expected))
    for path, what, *expected in VIOLATIONS:
        yield Check(f"pipe, {what}: the peer is told why, and the user", partial(fails_when_open, lab, path, *expected))
    for answer, *script in REFUSED_COMMANDS:
        yield Check(f"pipe, {script[-1]!r}: refused", partial(refuses_command, lab, answer, *script))
    if "ws-ipv6" in lab.python.ports:
        yield Check("pipe, ws://[::1]: opens, with brackets in Host", partial(opens_over_ipv6, lab))
    else:
        print("-- this machine has no IPv6 loopback: ws://[::1] is not looked at")


def servers(lab: Lab) -> Iterator[tuple[str, Server, str]]:
    for name, server in [("websockets", lab.python), ("ws", lab.node)]:
        for port in ["ws", "wss"]:
            yield f"{name} over {port}://", server, port


# Against each server.


def run_with_authority(lab: Lab, *lines: str, status: int = 0) -> Session:
    """A run that trusts the authority, with the exit status that says how it went."""
    session = lab.run(*lines, flags=["--ca", lab.authority])
    session.expect_status(status)
    return session


def echoes_text(lab: Lab, server: Server, port: str) -> None:
    uri = server.uri("/echo", port)
    session = run_with_authority(
        lab, f"connect {uri}", "send 0 hello", "wait 0 message 20", "show 0", "close 0", "show 0"
    )
    session.expect(
        "> Created connection with id 0",
        OPENED,
        "0 << text 5 hello",
        re.escape(f"> URI: {uri}"),
        "> Status: Open",
        "> Remote Server: .+",
        "> Error/close reason: N/A",
        r"> Messages Processed: \(2\) ",
        ">> hello",
        "<< hello",
        "",
        r"0 closed 1000\b.*",
        "> Status: Closed",
        r"> Error/close reason: close code: 1000 \(Normal close\), close reason: ?",
    )
    assert server.wait_for(uri, "message")["text"] == "hello"
    assert server.wait_for(uri, "closed")["code"] == 1000, server.seen(uri, "closed")


def echoes_wide_text(lab: Lab, server: Server, port: str) -> None:
    uri, text = server.uri("/echo", port), "  grüße 世界 \U0001f600 and  blanks  "
    session = run_with_authority(lab, f"connect {uri}", f"send 0 {text}", "wait 0 message 20", "show 0")
    session.expect(re.escape(f">> {text}"), re.escape(f"<< {text}"))
    assert server.wait_for(uri, "message")["text"] == text


def echoes_binary(lab: Lab, server: Server, port: str) -> None:
    uri = server.uri("/echo", port)
    session = run_with_authority(lab, f"connect {uri}", "send 0 --hex 00ff7f", "wait 0 message 20", "show 0")
    session.expect("0 << binary 3 00 FF 7F ?", ">> 00 FF 7F ", "<< 00 FF 7F ")
    assert server.wait_for(uri, "message")["kind"] == "binary"


def echoes_files(lab: Lab, server: Server, port: str) -> None:
    uri = server.uri("/echo", port)
    files = [random_file(lab.folder, size) for size in SIZES]
    script = [line for file in files for line in (f"send 0 --file {file}", "wait 0 message 20")]
    session = run_with_authority(lab, f"connect {uri}", *script)
    session.expect(*[rf"0 << (text|binary) {size}\b.*" for size in SIZES])
    for number, file in enumerate(files, 1):
        sent = hashlib.sha256(file.read_bytes()).hexdigest()
        seen = server.wait_for(uri, "message", number)
        assert seen["sha256"] == sent, f"{file.stat().st_size} bytes arrived as {seen}"


def random_file(folder: Path, size: int) -> Path:
    """A file of letters, the same in each run, that hardly compresses."""
    file = folder / f"letters-{size}"
    letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+/"
    file.write_text("".join(random.Random(size).choices(letters, k=size)))
    return file


def shows_close_of_the_server(lab: Lab, server: Server, port: str) -> None:
    uri = server.uri("/close4001", port)
    session = run_with_authority(lab, f"connect {uri}", "send 0 go", "wait 0 close 20", "show 0", status=CLOSED_BY_PEER)
    session.expect(
        r'0 closed 4001 \(Unknown\) "bye" by peer',
        "> Status: Closed",
        r"> Error/close reason: close code: 4001 \(Unknown\), close reason: bye",
    )
    assert server.wait_for(uri, "closed")["code"] == 4001, server.seen(uri, "closed")


def shows_binary_of_the_server(lab: Lab, server: Server, port: str) -> None:
    uri = server.uri("/binary", port)
    session = run_with_authority(lab, f"connect {uri}", "wait 0 message 20", "show 0")
    session.expect("0 << binary 3 00 01 FF ?", r"> Messages Processed: \(1\) ", "<< 00 01 FF ")


def joins_fragments(lab: Lab, server: Server, port: str) -> None:
    uri = server.uri("/fragments", port)
    session = run_with_authority(lab, f"connect {uri}", "wait 0 message 20", "show 0")
    session.expect("0 << text 10 fragmented", r"> Messages Processed: \(1\) ", "<< fragmented")


def answers_ping(lab: Lab, server: Server, port: str) -> None:
    uri = server.uri("/ping", port)
    session = run_with_authority(lab, f"connect {uri}", "wait 0 message 20", "show 0")
    session.expect(r"> Messages Processed: \(1\) ", "<< thanks for the pong")
    server.wait_for(uri, "pong")


def pings(lab: Lab, server: Server, port: str) -> None:
    uri = server.uri("/echo", port)
    run_with_authority(lab, f"connect {uri}", "ping 0").expect(r"0 pong \d+(\.\d+)? m?s")


def agrees_on_no_subprotocol(lab: Lab, server: Server, port: str) -> None:
    uri = server.uri("/subprotocol", port)
    session = run_with_authority(lab, f"connect {uri}", "send 0 x", "wait 0 message 20")
    session.expect(OPENED, "0 << text 1 x")
    assert server.wait_for(uri, "open")["subprotocol"] is None, server.seen(uri, "open")


def sends_code_and_reason(lab: Lab, server: Server, port: str) -> None:
    uri = server.uri("/echo", port)
    session = run_with_authority(lab, f"connect {uri}", "close 0 3001 see you, 世界", "show 0")
    session.expect("> Status: Closed", r"> Error/close reason: close code: 3001 \(.+\), close reason: see you, 世界")
    closed = server.wait_for(uri, "closed")
    assert (closed["code"], closed["reason"]) == (3001, "see you, 世界"), closed


def closes_at_end_of_input(lab: Lab, server: Server, port: str) -> None:
    uri = server.uri("/echo", port)
    run_with_authority(lab, f"connect {uri}").expect("> Closing connection 0")
    assert server.wait_for(uri, "closed")["code"] == 1001, server.seen(uri, "closed")


CONVERSATIONS = {
    "text there and back, show, close": echoes_text,
    "wide characters and blanks arrive as typed": echoes_wide_text,
    "binary there and back": echoes_binary,
    "files of every frame length there and back": echoes_files,
    "the server's close code and reason are told": shows_close_of_the_server,
    "a binary message is shown in hex": shows_binary_of_the_server,
    "fragments are shown as one message": joins_fragments,
    "a ping is answered and leaves no trace": answers_ping,
    "ping tells the time to the pong": pings,
    "no subprotocol is agreed on when none was asked for": agrees_on_no_subprotocol,
    "close sends code and reason": sends_code_and_reason,
    "the end of input closes with 1001": closes_at_end_of_input,
}


# Against one server or none.


def mixes_secure_and_plain(lab: Lab) -> None:
    targets = [(server, server.uri("/echo", port)) for _place, server, port in servers(lab)]
    opening = [f"connect {uri}" for _server, uri in targets]
    sending = [line for number in range(4) for line in (f"send {number} to {number}", f"wait {number} message 20")]
    session = run_with_authority(lab, *opening, *sending, "list", "quit")
    for number, (server, uri) in enumerate(targets):
        session.expect(f"{number} << text 4 to {number}")
        assert server.wait_for(uri, "message")["text"] == f"to {number}"
    session.expect(*[f"> Closing connection {number}" for number in range(4)])


def closes_many_in_order(lab: Lab) -> None:
    uris = [lab.python.uri("/echo") for _ in range(20)]
    session = run_with_authority(lab, *[f"connect {uri}" for uri in uris], "quit")
    closing = [line for line in session.lines if line.startswith("> Closing connection")]
    assert closing == [f"> Closing connection {number}" for number in range(20)], str(session)
    codes = {lab.python.wait_for(uri, "closed")["code"] for uri in uris}
    assert codes == {1001}, codes


def quiet_hides_events(lab: Lab) -> None:
    uri = lab.python.uri("/echo")
    session = lab.run(f"connect {uri}", "send 0 hello", "wait 0 message 20", "show 0", "close 0", flags=["-q"])
    session.expect_status(0)
    session.expect("> Created connection with id 0", "> Status: Open", "<< hello")
    session.refuse(r"0 (open|<<|closed).*")


def prints_no_prompt(lab: Lab) -> None:
    session = lab.run("help", "quit")
    session.expect_status(0)
    assert "Enter Command" not in session.output, str(session)


def takes_crlf_and_comments(lab: Lab) -> None:
    uri = lab.python.uri("/echo")
    session = lab.run("# a comment", f"connect {uri}", "send 0 hello", "wait 0 message 20", "quit", line_end="\r\n")
    session.expect_status(0)
    assert lab.python.wait_for(uri, "message")["text"] == "hello", lab.python.seen(uri, "message")


def refuses_unknown_authority(lab: Lab) -> None:
    session = lab.run(f"connect {lab.python.uri('/echo', 'wss')}", "show 0")
    session.expect("0 failed .*(certificate|issuer|authority|trust).*", "> Status: Failed")
    session.expect_status(TLS_FAILED)


def refuses_expired_certificate(lab: Lab) -> None:
    session = lab.run(f"connect {lab.python.uri('/echo', 'wss-expired')}", flags=["--ca", lab.authority])
    session.expect("0 failed .*expired.*")
    session.expect_status(TLS_FAILED)


def refuses_wrong_name(lab: Lab) -> None:
    uri = lab.python.uri("/echo", "wss-wrong-name", "localhost")
    session = lab.run(f"connect {uri}", flags=["--ca", lab.authority])
    session.expect("0 failed .*name.*")
    session.expect_status(TLS_FAILED)


def checks_name_of_localhost(lab: Lab) -> None:
    uri = lab.python.uri("/echo", "wss", "localhost")
    run_with_authority(lab, f"connect {uri}").expect(OPENED)


def insecure_takes_any_certificate(lab: Lab) -> None:
    for port in ["wss", "wss-expired", "wss-wrong-name"]:
        session = lab.run(f"connect {lab.python.uri('/echo', port)}", flags=["--insecure"])
        session.expect(OPENED)
        session.expect_status(0)


def fails_on_plain_server_for_wss(lab: Lab) -> None:
    uri = lab.python.uri("/echo").replace("ws://", "wss://")
    session = lab.run(f"connect {uri}", "show 0", flags=["--ca", lab.authority])
    session.expect("0 failed .+", "> Status: Failed")
    session.expect_status(TLS_FAILED)


def fails_on_tls_server_for_ws(lab: Lab) -> None:
    uri = lab.python.uri("/echo", "wss").replace("wss://", "ws://")
    session = lab.run(f"connect {uri}", "show 0")
    session.expect("0 failed .+", "> Status: Failed")
    session.expect_status(NOT_OPENED)


def fails_on_closed_port(lab: Lab) -> None:
    session = lab.run("connect ws://127.0.0.1:1/", "show 0", "send 0 x")
    session.expect(
        "0 failed .*refused.*",
        "> Status: Failed",
        "> Remote Server: None Specified",
        "> Error/close reason: .*refused.*",
        "> Error sending message: Bad Connection.*",
    )
    session.expect_status(NOT_CONNECTED)


def fails_on_unknown_name(lab: Lab) -> None:
    session = lab.run("connect ws://no-such-host.invalid/", "show 0")
    session.expect("0 failed .+", "> Status: Failed", "> Remote Server: None Specified")
    session.expect_status(NOT_CONNECTED)


def tells_of_dropped_connection(lab: Lab) -> None:
    for path in ["/drop-fin", "/drop-rst"]:
        uri = lab.faults.uri(path)
        session = lab.run(f"connect {uri}", "send 0 go", "wait 0 close 20", "show 0")
        session.expect(
            r"0 closed 1006\b.*",
            "> Status: Closed",
            r"> Error/close reason: close code: 1006 \(Abnormal close\).*",
        )
        session.expect_status(DROPPED)


def shows_empty_close(lab: Lab) -> None:
    session = lab.run(f"connect {lab.faults.uri('/empty-close')}", "wait 0 close 20", "show 0")
    session.expect(r"0 closed 1005\b.*", r"> Error/close reason: close code: 1005 \(No status set\), close reason: ?")
    session.expect_status(0)


def gives_up_on_unanswered_close(lab: Lab) -> None:
    uri = lab.faults.uri("/never-close")
    session = lab.run(f"connect {uri}", "close 0 1000 bye", "show 0")
    session.expect(r"0 closed 1006\b.*: closing handshake timed out", "> Status: Closed")
    assert lab.faults.wait_for(uri, "close")["reason"] == "bye", lab.faults.seen(uri, "close")


def survives_a_reader_that_leaves(lab: Lab) -> None:
    process = subprocess.Popen(
        [lab.program],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=lab.environment(),
    )
    process.stdin.write(b"show 5\n")
    process.stdin.flush()
    process.stdout.readline()
    process.stdout.close()
    try:
        _, errors = process.communicate(b"help\n" * 10_000, PATIENCE)
    finally:
        process.kill()
    assert b"panicked" not in errors and process.returncode != 101, errors.decode()


def serves_clients_of_others(lab: Lab) -> None:
    for flags, lines in [(["--serve=0"], []), ([], ["serve 0"])]:
        process = lab.start(*flags)
        try:
            for line in lines:
                process.stdin.write(f"{line}\n".encode())
            process.stdin.flush()
            talk_to(port_in(process))
            output, _ = process.communicate(b"stop\nquit\n", PATIENCE)
        finally:
            process.kill()
        assert process.returncode == 0, output.decode()


def port_in(process: subprocess.Popen) -> int:
    """The port that the program says it listens on."""
    printed = ""
    for line in process.stdout:
        printed += line.decode()
        if found := re.search(r"127\.0\.0\.1:(\d+)", printed):
            return int(found[1])
    raise AssertionError(f"no port in\n{printed}")


def talk_to(port: int) -> None:
    """A session of Python's `websockets` client with the program's server."""
    with connect(f"ws://127.0.0.1:{port}/", open_timeout=PATIENCE) as client:
        for message in ["hello", "世界", b"\x00\x01\xff", "", "long " * 20_000]:
            client.send(message)
            answer = client.recv(PATIENCE)
            assert answer == message, f"{message[:100]!r} came back as {answer[:100]!r}"
        assert client.ping().wait(PATIENCE), "no pong"
        client.close(3001, "see you")
        assert client.close_code == 3001, client.close_code


SINGLE = {
    "ws:// and wss:// to both servers in one session": mixes_secure_and_plain,
    "quit closes twenty connections in the order of their ids": closes_many_in_order,
    "-q hides the events": quiet_hides_events,
    "no prompt is printed": prints_no_prompt,
    "CRLF and comments are taken": takes_crlf_and_comments,
    "wss:// with an unknown authority fails": refuses_unknown_authority,
    "wss:// with an expired certificate fails": refuses_expired_certificate,
    "wss:// with a certificate for another name fails": refuses_wrong_name,
    "wss://localhost opens": checks_name_of_localhost,
    "--insecure takes any certificate": insecure_takes_any_certificate,
    "wss:// to a plain server fails": fails_on_plain_server_for_wss,
    "ws:// to a TLS server fails": fails_on_tls_server_for_ws,
    "a closed port fails": fails_on_closed_port,
    "an unknown host name fails": fails_on_unknown_name,
    "FIN and RST without a close frame are told as 1006": tells_of_dropped_connection,
    "a close frame without a code is told as 1005": shows_empty_close,
    "a close that is never answered ends after its time": gives_up_on_unanswered_close,
    "no panic when the reader of the output leaves": survives_a_reader_that_leaves,
    "serve answers a client that nobody here wrote": serves_clients_of_others,
}


def opens_over_ipv6(lab: Lab) -> None:
    uri = lab.python.uri("/echo", "ws-ipv6", "[::1]")
    run_with_authority(lab, f"connect {uri}").expect(OPENED)
    assert lab.python.wait_for(uri, "open")["host"].startswith("[::1]:"), lab.python.seen(uri, "open")


# Against the faults.

# Path, what it is, what the reason must name, and the Remote Server of `show`.
REFUSED_HANDSHAKES = [
    ("/bad-accept", "wrong Sec-WebSocket-Accept", "accept", "None Specified"),
    ("/no-accept", "no Sec-WebSocket-Accept", "accept", "None Specified"),
    ("/no-upgrade", "101 without Upgrade", "upgrade", "None Specified"),
    (
        "/no-connection",
        "101 without Connection",
        "connection.*(header|upgrade|missing)|(header|missing|no) .*connection",
        "None Specified",
    ),
    ("/http-1.0", "101 over HTTP/1.0", "http", "None Specified"),
    ("/unrequested-1", "a subprotocol that nobody asked for", "subprotocol", "None Specified"),
    ("/unrequested-2", "an extension that nobody asked for", "extension", "None Specified"),
    ("/endless-head", "a head of 200 kB", "large|long|limit|big|exceed|more than", "None Specified"),
    ("/banner", "an SSH banner", "http|ssh", "None Specified"),
    ("/301", "HTTP 301", "301", "Apache"),
    ("/401", "HTTP 401", "401", "Apache"),
    ("/404", "HTTP 404", "404", "Apache"),
    ("/503", "HTTP 503", "503", "Apache"),
    ("/rst-in-handshake", "a reset during the handshake", "reset", "None Specified"),
    ("/no-answer", "a close without an answer", "clos|end|eof|without", "None Specified"),
    ("/silent", "no answer at all", "time", "None Specified"),
]


def fails_to_open(lab: Lab, path: str, cause: str, remote_server: str) -> None:
    uri = lab.faults.uri(path)
    session = lab.run(f"connect {uri}", "show 0")
    session.expect(
        "> Created connection with id 0",
        "0 failed .+",
        re.escape(f"> URI: {uri}"),
        "> Status: Failed",
        f"> Remote Server: ({remote_server})",
        "> Error/close reason: .+",
    )
    if "Apache" in remote_server:
        session.expect(r"> Error/close reason: Invalid HTTP status\..*")
    expect_cause(session, uri, cause)
    session.expect_status(NOT_OPENED)


def expect_cause(session: Session, uri: str, cause: str) -> None:
    """The event or a fact below it names the cause; the address, which names the fault, does not count."""
    telling = re.compile(r"0 (?:failed|closed)|> (?!Created|Status|URI|Remote)")
    told = [line.replace(uri, "") for line in session.lines if telling.match(line)]
    told = [line.removeprefix("> Error/close reason: ") for line in told]
    named = any(re.search(cause, line, re.IGNORECASE) for line in told)
    assert named, f"nothing names {cause!r} in\n{session}"


# Path, what it is, the close codes that may go back, and what the user's line must name.
VIOLATIONS = [
    ("/odd-1", "a masked frame", {1002}, "mask"),
    ("/odd-2", "invalid UTF-8 in a text", {1007}, "utf"),
    ("/odd-3", "a reserved bit", {1002}, "rsv|reserved"),
    ("/odd-4", "a reserved opcode", {1002}, "opcode"),
    ("/odd-5", "close code 1005 on the wire", {1002}, "invalid|reserved|not"),
    ("/odd-6", "close code 999", {1002}, "invalid|range|not"),
    ("/odd-7", "a close payload of one byte", {1002}, "one byte|1 byte|payload|length|short|invalid"),
    ("/odd-8", "invalid UTF-8 in a close reason", {1002, 1007}, "utf"),
    ("/odd-9", "a ping of 126 bytes", {1002}, "control|125|126"),
    ("/odd-10", "a continuation of nothing", {1002}, "continu"),
    ("/odd-11", "a fragmented ping", {1002}, "fragment"),
    ("/odd-12", "a text inside a fragmented text", {1002}, "fragment|continu"),
    ("/odd-13", "a frame said to be of 2^40 bytes", {1009}, "large|big|limit"),
]


def fails_when_open(lab: Lab, path: str, codes: set[int], cause: str) -> None:
    uri = lab.faults.uri(path)
    session = lab.run(f"connect {uri}", "wait 0 close 20", "show 0")
    session.expect(OPENED, "0 (closed|failed) .+", "> Status: (Closed|Failed)")
    expect_cause(session, uri, cause)
    sent = lab.faults.wait_for(uri, "close")["code"]
    assert sent in codes, f"the peer was told {sent} instead of {codes}"


# Commands that must be answered and leave everything as it was; {echo} is a server's address.
REFUSED_COMMANDS = [
    ("> Unrecognized Command.*", "frobnicate"),
    ("> .*(usage|connect <).*", "connect"),
    ("> Connect initialization error: invalid uri.*", "connect not a websocket uri"),
    ("> Connect initialization error: .*", "connect ws://127.0.0.1:99999/"),
    ("> Connect initialization error: .*", "connect ws://user name@/"),
    ("> Unknown connection id 7", "show 7"),
    (r"> .*\babc\b.*", "show abc"),
    ("> No connection found with id 7", "send 7 x"),
    ("> No connection found with id 7", "close 7"),
    (r"> .*\b99999999999\b.*", "show 99999999999"),
    ("> Error initiating close: Invalid close code used.*", "connect {echo}", "close 0 1006"),
    ("> Error initiating close: Invalid close code used.*", "connect {echo}", "close 0 999"),
    ("> Error initiating close: Reserved close code used.*", "connect {echo}", "close 0 1004"),
    (r"> .*\b66536\b.*|> Error initiating close: Invalid close code used.*", "connect {echo}", "close 0 66536"),
    ("> .*(going|code).*", "connect {echo}", "close 0 going away"),
    ("> .+", "connect {echo}", "send 0 --hex 0g"),
    ("> .*no-such-file.*", "connect {echo}", "send 0 --file no-such-file"),
    ("> Error sending message: Bad Connection.*", "connect {echo}", "close 0", "send 0 x"),
    ("> Error initiating close: Bad Connection.*", "connect {echo}", "close 0", "close 0"),
]


def refuses_command(lab: Lab, answer: str, *script: str) -> None:
    uri = lab.python.uri("/echo")
    session = lab.run(*[line.replace("{echo}", uri) for line in script])
    session.expect(answer)
    session.expect_status(1)
    assert not lab.python.seen(uri, "message"), f"something was sent: {lab.python.seen(uri, 'message')}"
    if script[1:] and "close 0" not in script:
        assert lab.python.wait_for(uri, "closed")["code"] == 1001, "the connection did not stay as it was"
