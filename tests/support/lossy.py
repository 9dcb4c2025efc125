"""A line to a server that breaks when told to: before a request arrives, or before its answer."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

from attrs import define, field

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@define(eq=False)
class Line:
    """Passes everything on. Requests for which ``breaks`` says so lose their connection.

    With ``loses_request`` they do not arrive; otherwise only their answers do not.
    """

    host: str
    port: int
    breaks: Callable[[bytes], bool] = lambda request: False
    loses_request: bool = False
    broken: int = 0
    _open: set[asyncio.StreamWriter] = field(init=False, factory=set)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carry one connection until it ends or breaks."""
        there, back = await asyncio.open_connection(self.host, self.port)
        ends = (writer, back)
        self._open.update(ends)
        try:
            with suppress(OSError, EOFError, asyncio.IncompleteReadError):
                while await self._carried((reader, writer), (there, back)):
                    pass
        finally:
            for end in ends:
                end.close()
                self._open.discard(end)

    async def _carried(self, client: Streams, server: Streams) -> bool:
        request = await _message(client[0])
        breaks = self.breaks(request)
        self.broken += breaks
        if breaks and self.loses_request:
            return False
        server[1].write(request)
        answer = await _message(server[0])
        if not breaks:
            client[1].write(answer)
        return not breaks

    def hang_up(self) -> None:
        """End every connection."""
        for end in list(self._open):
            end.close()


async def _message(reader: asyncio.StreamReader) -> bytes:
    """Read a message of MongoDB's protocol: its length, itself included, comes first."""
    head = await reader.readexactly(4)
    return head + await reader.readexactly(int.from_bytes(head, "little") - 4)


@asynccontextmanager
async def line(host: str, port: int) -> AsyncIterator[tuple[Line, int]]:
    """Give a line, and the port that it is at."""
    made = Line(host, port)
    running = set[asyncio.Task[None]]()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        running.add(task)
        await made.serve(reader, writer)

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    try:
        yield made, server.sockets[0].getsockname()[1]
    finally:
        server.close()
        made.hang_up()
        await asyncio.gather(*running, return_exceptions=True)
