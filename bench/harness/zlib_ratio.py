"""What zlib makes of the payloads of the compressed echo: the measure for compression ratios."""

import zlib

from .bench import Bench
from .timed import VARIETY

SIZE = 1024
# The level of Bowsprit's default, and zlib's own.
LEVELS = 2, 6
# Those of `Deflate::shared()` and `Deflate::dedicated()`.
WINDOW_BITS = {False: 15, True: 12}


def run(bench: Bench, part: str) -> None:
    payloads = bench.loadgen.payloads("--size", SIZE, "--payload", "json", "--variety", VARIETY)
    messages = [payloads[start : start + SIZE] for start in range(0, len(payloads), SIZE)]
    for level in LEVELS:
        for case, takeover in (("no takeover", False), ("takeover", True)):
            bytes_each = compressed(messages, level, takeover) / len(messages)
            bench.result(part, case, f"zlib {level}", f"{bytes_each:.0f} B", bytes=bytes_each)


def compressed(messages: list[bytes], level: int, takeover: bool) -> int:
    """Bytes for one turn of the messages, after another turn has filled the window."""
    state = raw_deflate(level, WINDOW_BITS[takeover])
    total = 0
    for count, message in enumerate(messages * 2):
        if not takeover:
            state = raw_deflate(level, WINDOW_BITS[takeover])
        data = state.compress(message) + state.flush(zlib.Z_SYNC_FLUSH)
        if count >= len(messages):
            # permessage-deflate sends a message without the flush's last four bytes.
            total += len(data) - 4
    return total


def raw_deflate(level: int, window_bits: int) -> "zlib._Compress":
    return zlib.compressobj(level, zlib.DEFLATED, wbits=-window_bits)
