"""How long a request may take to arrive and an answer to leave, for each connection.

aiohttp only closes connections that are idle. Whoever sends a request byte by byte, or reads an
answer as slowly, is cut off here.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, cast

from aiohttp import web
from attrs import define, field

_Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]

_LONGEST_SWEEP: Final = 1.0


@define(kw_only=True, eq=False)
class Connections:
    """Those of one server. Times are in seconds.

    ``read``: from a request's first byte, or from connecting, to its last. ``write``: from
    the whole request to the last byte of the answer.
    """

    read: float
    write: float
    _connections: dict[object, "_Connection"] = field(factory=dict, init=False)
    _closing: bool = field(default=False, init=False)
    _none: asyncio.Event = field(factory=asyncio.Event, init=False)

    def over(
        self, server: web.Server, protocol: Callable[[], asyncio.Protocol] | None = None
    ) -> Callable[[], asyncio.Protocol]:
        """Watch what this server answers; give the factory for its connections.

        ``protocol`` makes the protocols that the server answers by, its own unless given.
        """
        server.request_handler = self._watched(server.request_handler)
        inner = protocol or server
        return lambda: _Connection(inner(), self._connections, self._gone)

    async def keep(self) -> None:
        """Cut off who is too slow, until cancelled."""
        loop = asyncio.get_running_loop()
        pause = min(_LONGEST_SWEEP, self.read / 4, self.write / 4)
        while True:
            await asyncio.sleep(pause)
            now = loop.time()
            for connection in list(self._connections.values()):
                connection.cut(now, self.read, self.write)

    async def drain(self) -> None:
        """Close idle connections, and wait until the others have their answers."""
        self._closing = True
        for connection in list(self._connections.values()):
            connection.close_if_idle()
        self._gone()
        await self._none.wait()

    def _gone(self) -> None:
        if self._closing and not self._connections:
            self._none.set()

    def _watched(self, handler: _Handler) -> _Handler:
        async def watched(request: web.BaseRequest) -> web.StreamResponse:
            connection = self._connections.get(request.protocol)
            if connection is None:  # it was closed before its request was looked at
                return await handler(request)
            connection.begin(request)
            try:
                response = await handler(request)
            finally:
                connection.end()
            if self._closing:
                response.force_close()
            return response

        return watched


class _Connection(asyncio.Protocol):
    """Stands between a transport and aiohttp's protocol, and notes the time."""

    __slots__ = (
        "_all",
        "_begun",
        "_gone",
        "_inner",
        "_now",
        "_running",
        "_silent",
        "_since",
        "_transport",
    )

    def __init__(
        self,
        inner: asyncio.Protocol,
        connections: dict[object, "_Connection"],
        gone: Callable[[], None],
    ) -> None:
        self._inner, self._all, self._gone = inner, connections, gone
        self._now = asyncio.get_running_loop().time
        self._since: float | None = None  # when the request that is arriving began to
        self._begun: float | None = None  # when the last answer was begun
        self._running = False  # an answer is being made
        self._silent = True  # nothing has arrived since the last answer

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # TCP has no other kind, but uvloop's has another parent.
        self._transport = cast(asyncio.Transport, transport)
        self._since = self._now()
        self._all[self._inner] = self
        self._inner.connection_made(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self._all.pop(self._inner, None)
        self._inner.connection_lost(exc)
        self._gone()

    def data_received(self, data: bytes) -> None:
        self._silent = False
        if self._since is None and not self._running:
            self._since = self._now()
        self._inner.data_received(data)

    def eof_received(self) -> bool | None:
        return self._inner.eof_received()

    def pause_writing(self) -> None:
        self._inner.pause_writing()

    def resume_writing(self) -> None:
        self._inner.resume_writing()

    def begin(self, request: web.BaseRequest) -> None:
        """Note that an answer is being made; the request's body may still be arriving."""
        self._running, self._begun = True, self._now()
        request.content.on_eof(self._arrived)

    def _arrived(self) -> None:
        self._since = None

    def end(self) -> None:
        """Note that the answer is made and goes out."""
        self._running, self._silent = False, True

    def close_if_idle(self) -> None:
        """Close the connection unless a request is arriving or being answered."""
        if self._silent and not self._running:
            self._transport.close()

    def cut(self, now: float, read: float, write: float) -> None:
        """Close the connection if a deadline has passed."""
        if self._since is not None and now - self._since > read:
            self._transport.abort()
        elif self._begun is not None and now - self._begun > write:
            self._late()

    def _late(self) -> None:
        if self._running or self._transport.get_write_buffer_size():
            self._transport.abort()
        else:
            self._begun = None
