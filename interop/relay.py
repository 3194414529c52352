"""A relay between two ends that counts what passes.

An extension that both ends report and neither uses would look right from both of them. Only the
bytes on their way tell whether anything was compressed.
"""

import socket
import threading
from contextlib import suppress


class Relay:
    """Takes connections on a port of its own and passes them on to the port `target` of this machine."""

    def __init__(self, target: int) -> None:
        self.target = target
        self.passed = {"to the server": 0, "to the client": 0}
        self.lock = threading.Lock()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with suppress(OSError):  # The listener was closed.
            while True:
                client, _ = self.listener.accept()
                self._connect(client)

    def _connect(self, client: socket.socket) -> None:
        try:
            server = socket.create_connection(("127.0.0.1", self.target))
        except OSError:
            client.close()
            return
        for source, sink, direction in (client, server, "to the server"), (server, client, "to the client"):
            sink.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self._pass_on, args=(source, sink, direction), daemon=True).start()

    def _pass_on(self, source: socket.socket, sink: socket.socket, direction: str) -> None:
        with suppress(OSError):  # One end has reset the connection; the other is told below.
            while data := source.recv(65536):
                with self.lock:
                    self.note(direction, data)
                sink.sendall(data)
        with suppress(OSError):
            sink.shutdown(socket.SHUT_WR)

    def note(self, direction: str, data: bytes) -> None:
        self.passed[direction] += len(data)

    def stop(self) -> None:
        with suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)  # Closing alone would not wake `accept`.
        self.listener.close()
