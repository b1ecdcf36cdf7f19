"""A TCP relay on loopback that hands on each byte a fixed time after it came, in both directions: a far-away server.

    delay_proxy.py TARGET-PORT MILLISECONDS     prints its own port, then relays until it is ended
"""

from __future__ import annotations

import asyncio
import contextlib
import sys

CHUNK = 1 << 18


async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, seconds: float) -> None:
    """Hands on what comes, late, until the end, which is handed on too."""
    loop = asyncio.get_running_loop()
    queue: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()

    async def receive() -> None:
        data = b"-"
        while data:
            with contextlib.suppress(ConnectionError):
                data = await reader.read(CHUNK)
            await queue.put((loop.time() + seconds, data))

    receiving = asyncio.create_task(receive())
    with contextlib.suppress(ConnectionError):
        while True:
            due, data = await queue.get()
            await asyncio.sleep(max(0.0, due - loop.time()))
            if not data:
                writer.write_eof()
                break
            writer.write(data)
            await writer.drain()
    receiving.cancel()


async def main(port: int, milliseconds: float) -> None:
    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # The handshake of a far connection takes a round trip as well.
        await asyncio.sleep(2 * milliseconds / 1000)
        there_reader, there_writer = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.gather(relay(reader, there_writer, milliseconds / 1000),
                             relay(there_reader, writer, milliseconds / 1000))
        for one in (writer, there_writer):
            one.close()

    server = await asyncio.start_server(accept, "127.0.0.1", 0, limit=CHUNK)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(main(int(sys.argv[1]), float(sys.argv[2])))
