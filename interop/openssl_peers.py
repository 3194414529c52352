"""`openssl s_server` and `openssl s_client` as ends of a WebSocket, whose frames are made here by hand.

Both hand what comes decrypted to their standard output, between what they have to say themselves, and
encrypt what comes on their standard input.
"""

import base64
import hashlib
import re
import subprocess
import threading

from lab import PATIENCE

# RFC 6455 §1.3
MAGIC = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
KEY = b"dGhlIHNhbXBsZSBub25jZQ=="
TEXT, CLOSE = 0x81, 0x88


class OpenSsl:
    """The process, and all that it has printed."""

    def __init__(self, *arguments: object) -> None:
        self.process = subprocess.Popen(
            ["openssl", *map(str, arguments)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        self.output = b""
        self.changed = threading.Condition()
        self.reader = threading.Thread(target=self._collect, daemon=True)
        self.reader.start()

    def _collect(self) -> None:
        while piece := self.process.stdout.read1():
            with self.changed:
                self.output += piece
                self.changed.notify_all()

    def wait_for(self, pattern: bytes) -> re.Match:
        """The first match, in what has been printed so far or will be."""
        def look() -> re.Match | None:
            return re.search(pattern, self.output, re.DOTALL)

        with self.changed:
            found = self.changed.wait_for(look, PATIENCE)
        assert found, f"{pattern!r} is not in what openssl printed:\n{self.text}"
        return found

    def send(self, data: bytes) -> None:
        self.process.stdin.write(data)
        self.process.stdin.flush()

    def ended(self) -> int:
        """The exit status, when it has ended by itself."""
        status = self.process.wait(PATIENCE)
        self.reader.join(PATIENCE)
        return status

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()

    def __enter__(self) -> "OpenSsl":
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def text(self) -> str:
        return self.output.decode(errors="replace")


class SServer(OpenSsl):
    """Takes one connection: a WebSocket that echoes one message and closes as the client does."""

    def __init__(self, *arguments: object) -> None:
        super().__init__("s_server", "-accept", "127.0.0.1:0", "-naccept", 1, *arguments)
        self.port = int(self.wait_for(rb"ACCEPT \S*:(\d+)\n")[1])

    def serve(self) -> None:
        """Answers in the background; whether it came that far is seen by the client."""
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        try:
            key = self.wait_for(rb"GET / HTTP/1\.1\r\n.*?\r\nSec-WebSocket-Key: (\S+)\r\n.*?\r\n\r\n")
            accept = base64.b64encode(hashlib.sha1(key[1] + MAGIC).digest())
            self.send(
                b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n"
            )
            self.send(bytes([TEXT, 4]) + self.unmasked(TEXT, 4, key.end()))
            self.send(bytes([CLOSE, 2]) + self.unmasked(CLOSE, 2, key.end()))
        except (AssertionError, BrokenPipeError, ValueError):
            pass  # The client did not come, or went away: both are what some sessions want.

    def unmasked(self, first: int, length: int, start: int) -> bytes:
        """The payload of the client's frame that begins so."""
        head = re.escape(bytes([first, 0x80 | length]))
        frame = self.wait_for(rb".{%d}.*?%s(.{4})(.{%d})" % (start, head, length))
        return bytes(byte ^ mask for byte, mask in zip(frame[2], frame[1] * length))


class SClient(OpenSsl):
    """Makes one connection, on which it says what a WebSocket client says."""

    def __init__(self, port: int, *arguments: object) -> None:
        super().__init__("s_client", "-quiet", "-connect", f"127.0.0.1:{port}", *arguments)

    def converse(self) -> None:
        """Opens the WebSocket, sends a message, has it echoed, and closes."""
        self.send(
            b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " + KEY + b"\r\n\r\n"
        )
        accept = re.escape(base64.b64encode(hashlib.sha1(KEY + MAGIC).digest()))
        self.wait_for(rb"HTTP/1\.1 101 .*?Sec-WebSocket-Accept: %s\r\n.*?\r\n\r\n" % accept)
        self.send(bytes([TEXT, 0x84, 0, 0, 0, 0]) + b"ahoy")
        self.wait_for(rb"\r\n\r\n.*\x81\x04ahoy")
        self.send(bytes([CLOSE, 0x82, 0, 0, 0, 0]) + b"\x03\xe8")
        self.wait_for(rb"ahoy\x88\x02\x03\xe8")
        self.ended()
