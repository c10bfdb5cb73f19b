"""Passes TCP connections on: ``python -m runtime.topology.forwarding LISTEN TARGET``, both as host:port.

The driver's page is in the driver's container, and belongs to the master's ports. It runs beside the master
and ends with it. A target that is not there closes the connection, as it would itself.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys

PART_BYTES = 64 * 1024
CONNECT_SECONDS = 5.0


async def forward(listen: tuple[str, int], target: tuple[str, int]) -> asyncio.Server:
    """A server that has started to listen. Raises OSError where it cannot."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, TimeoutError):
            async with asyncio.timeout(CONNECT_SECONDS):
                target_reader, target_writer = await asyncio.open_connection(*target)
            try:
                await asyncio.gather(_pass_on(reader, target_writer), _pass_on(target_reader, writer))
            finally:
                target_writer.close()
        writer.close()

    return await asyncio.start_server(serve, *listen)


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Until one side has ended; the other is told so."""
    while part := await reader.read(PART_BYTES):
        writer.write(part)
        await writer.drain()
    if writer.can_write_eof():
        writer.write_eof()


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    return host, int(port)


async def _run(listen: str, target: str) -> None:
    async with await forward(_address(listen), _address(target)) as server:
        await server.serve_forever()


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_run(sys.argv[1], sys.argv[2]))
