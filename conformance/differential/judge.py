"""The judge made with Python's websockets: cases on standard input, a verdict a line on standard output.

src/judges/websockets.rs is the other end. The protocol of `websockets` does no I/O and hands out frames;
what its connections do above it, to join them and to decode text, is done here as they do it.
"""

import logging
import struct
import sys

import websockets
from websockets.extensions.permessage_deflate import PerMessageDeflate
from websockets.frames import Opcode
from websockets.protocol import CLIENT, SERVER, Protocol

HEAD = struct.Struct("!BBBIIIII")
NEVER = 0xFFFFFFFF
SILENT = logging.getLogger("silent")
SILENT.addHandler(logging.NullHandler())
SILENT.propagate = False
SILENT.setLevel(logging.CRITICAL)


class Reader:
    """What a connection makes of the protocol's frames."""

    def __init__(self):
        self.said = []
        self.end = "waiting"
        self.kind = None
        self.parts = []

    def take(self, frame):
        data = bytes(frame.data)
        if frame.opcode is Opcode.PING:
            self.said.append(f"ping:{data.hex()}")
        elif frame.opcode is Opcode.PONG:
            self.said.append(f"pong:{data.hex()}")
        elif frame.opcode is Opcode.CLOSE:
            code = int.from_bytes(data[:2], "big") if data else 1005
            self.said.append(f"close:{data[2:].hex()}:{code}")
            self.end = "closed"
        else:
            if frame.opcode is not Opcode.CONT:
                self.kind = frame.opcode
            self.parts.append(data)
            if frame.fin:
                self.message()

    def message(self):
        data, self.parts = b"".join(self.parts), []
        if self.kind is Opcode.TEXT:
            data.decode()
            self.said.append(f"text:{data.hex()}")
        else:
            self.said.append(f"binary:{data.hex()}")


def sent(writes, masked):
    """The frames on the wire, all of them short."""
    frames = []
    wire = b"".join(writes)
    while wire:
        opcode, length = wire[0] & 0x0F, wire[1] & 0x7F
        head = 6 if masked else 2
        key = wire[2:6] if masked else bytes(4)
        payload = wire[head : head + length]
        frames.append((opcode, bytes(byte ^ key[i % 4] for i, byte in enumerate(payload))))
        wire = wire[head + length :]
    return frames


def judge(role, takeover, bits, max_message, max_frame, closes_before, reads):
    side = SERVER if role else CLIENT
    protocol = Protocol(side, max_size=(max_message, max_frame), logger=SILENT)
    if bits:
        protocol.extensions = [PerMessageDeflate(not takeover, not takeover, bits, bits)]
    reader = Reader()
    writes = []
    for at, read in enumerate(reads):
        if at == closes_before and protocol.state.name == "OPEN":
            protocol.send_close(1000)
        if read:
            protocol.receive_data(read)
        try:
            for frame in protocol.events_received():
                reader.take(frame)
        except UnicodeDecodeError:
            # As its connections do: nothing after it is handed out.
            reader.end = "1007"
            break
        if protocol.parser_exc is not None:
            reader.end = str(protocol.close_sent.code if protocol.close_sent else 1006)
            if closes_before != NEVER:
                reader.end = str(code_of(protocol.parser_exc))
            break
    writes = [write for write in protocol.data_to_send() if write]
    frames = sent(writes, masked=not role)
    if reader.end not in ("waiting", "closed") or closes_before != NEVER:
        frames = [frame for frame in frames if frame[0] != 8]
    answers = " ".join(f"{opcode}:{payload.hex()}" for opcode, payload in frames)
    return f"{' '.join(reader.said)};{reader.end};{answers}"


def code_of(fault):
    """What the protocol tells of this fault where it has not sent a close frame before."""
    if isinstance(fault, UnicodeDecodeError):
        return 1007
    if isinstance(fault, websockets.exceptions.PayloadTooBig):
        return 1009
    return 1002 if isinstance(fault, websockets.exceptions.ProtocolError) else 1011


def main():
    stdin, stdout = sys.stdin.buffer, sys.stdout
    print(websockets.__version__, flush=True)
    while length := stdin.read(4):
        batch = stdin.read(int.from_bytes(length, "big"))
        at = 0
        while at < len(batch):
            *settings, cut_count, byte_count = HEAD.unpack_from(batch, at)
            at += HEAD.size
            cuts = struct.unpack_from(f"!{cut_count}I", batch, at)
            at += 4 * cut_count
            wire = batch[at : at + byte_count]
            at += byte_count
            reads = [wire[begin:end] for begin, end in zip((0, *cuts), cuts)]
            print(judge(*settings, reads), file=stdout)
        stdout.flush()


if __name__ == "__main__":
    main()
