"""A server that says to be of another version: a relay that changes this one word."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

_READY = b"Z"
_STATUS = b"S"
_VERSION = b"server_version\0"


@asynccontextmanager
async def disguised(port: int, version: str) -> AsyncIterator[int]:
    """Relay to a port of this machine, and give the port to use instead, without TLS."""

    async def serve(client: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        tasks = [
            asyncio.ensure_future(_relayed(client, writer)),
            asyncio.ensure_future(_told(reader, back, version.encode())),
        ]
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for each in (writer, back):
            each.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield int(server.sockets[0].getsockname()[1])
    finally:
        server.close()


async def _relayed(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while some := await reader.read(65536):
            writer.write(some)
            await writer.drain()


async def _told(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, version: bytes) -> None:
    """Relay what the server says when it begins, message by message, and then everything."""
    kind = b""
    with suppress(asyncio.IncompleteReadError):
        while kind != _READY:
            kind = await reader.readexactly(1)
            length = int.from_bytes(await reader.readexactly(4), "big")
            body = await reader.readexactly(length - 4)
            if kind == _STATUS and body.startswith(_VERSION):
                body = _VERSION + version + b"\0"
            writer.write(kind + (len(body) + 4).to_bytes(4, "big") + body)
    await _relayed(reader, writer)
