"""Seeds of the fuzz targets: seeds/NAME.bin has each input behind its length in two bytes, the way that the tests
read it. run.py unpacks them, and packs what fuzzing has found.
"""

from pathlib import Path

HERE = Path(__file__).resolve().parent

# No file of the repository is larger; the short inputs are kept first.
MOST = 150_000


def unpack(packed, folder):
    rest = packed.read_bytes()
    number = 0
    while rest:
        length = int.from_bytes(rest[:2], "big")
        (folder / f"seed-{number:05}").write_bytes(rest[2 : 2 + length])
        rest = rest[2 + length :]
        number += 1


def pack(folder):
    inputs = sorted({path.read_bytes() for path in folder.iterdir()}, key=lambda data: (len(data), data))
    packed = bytearray()
    count = 0
    for data in inputs:
        if len(packed) + 2 + len(data) > MOST:
            break
        packed += len(data).to_bytes(2, "big") + data
        count += 1
    (HERE / "seeds" / f"{folder.name}.bin").write_bytes(packed)
    print(f"{folder.name}: {count} of {len(inputs)} inputs, {len(packed)} bytes")
