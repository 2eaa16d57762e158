"""Carries connections of programs inside, made to an HTTP proxy on the sandbox's own loopback, to the socket outside.

It runs inside like any other program, under the system's own Python, and decides nothing: who speaks to the socket
without it gets the same answers.
"""

from __future__ import annotations

import asyncio
import sys

PIECE = 65536


async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while True:
            data = await reader.read(PIECE)
            if not data:
                break
            writer.write(data)
            await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()
    except OSError:
        writer.close()


async def serve(port: int, place: str) -> None:
    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            out_reader, out_writer = await asyncio.open_unix_connection(place)
        except OSError:
            writer.close()
            return
        try:
            await asyncio.gather(carry(reader, out_writer), carry(out_reader, writer))
        finally:
            out_writer.close()
            writer.close()

    server = await asyncio.start_server(connected, "127.0.0.1", port)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    await server.serve_forever()


def main() -> None:
    """Serves the port and the socket that the command names, for as long as the sandbox lives."""
    asyncio.run(serve(int(sys.argv[1]), sys.argv[2]))
