"""A relay that passes bytes on late: `python delay.py HOST PORT LEAST MOST`, times in milliseconds.

It prints its port. What it reads at once waits for a time by chance between the two, and nothing overtakes.
"""

import asyncio
import random
import sys


async def pass_on(source: asyncio.StreamReader, sink: asyncio.StreamWriter, least: float, most: float) -> None:
    loop = asyncio.get_running_loop()
    waiting: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(maxsize=256)

    async def read() -> None:
        try:
            while data := await source.read(16384):
                await waiting.put((loop.time() + random.uniform(least, most), data))
        except ConnectionError:
            pass
        await waiting.put((loop.time() + most, b""))

    reading = asyncio.create_task(read())
    try:
        while True:
            due, data = await waiting.get()
            await asyncio.sleep(due - loop.time())
            if not data:
                break
            sink.write(data)
            await sink.drain()
        sink.write_eof()
    except ConnectionError:
        pass
    finally:
        reading.cancel()


async def main() -> None:
    host, port, least, most = sys.argv[1], int(sys.argv[2]), float(sys.argv[3]) / 1000, float(sys.argv[4]) / 1000

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection(host, port)
        await asyncio.gather(
            pass_on(reader, far_writer, least, most),
            pass_on(far_reader, writer, least, most),
        )
        writer.close()
        far_writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
