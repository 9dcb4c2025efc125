"""One process that answers HTTP: opening, deadlines, and leaving in good order."""

import asyncio
import logging
import socket
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from aiohttp import web
from attrs import define, field, frozen

from tillway.core.ports.rails import HasHealth
from tillway.entrypoints.gateway import Gateway
from tillway.entrypoints.http.app import server_options
from tillway.entrypoints.http.config import DRAIN
from tillway.entrypoints.http.malformed import protocols
from tillway.entrypoints.processes.connections import Connections
from tillway.entrypoints.processes.failures import CannotStart
from tillway.entrypoints.processes.listening import BACKLOG
from tillway.entrypoints.processes.signals import Told
from tillway.entrypoints.processes.tasks import cancelled, first_of

_log = logging.getLogger(__name__)

DRAIN_SECONDS = 15.0
"""How long requests and payments in flight are waited for at the end."""


@frozen(kw_only=True)
class Times:
    """Time-outs of the server, in seconds."""

    read: float = 15.0
    write: float = 130.0
    idle: float = 60.0
    drain: float = DRAIN_SECONDS


@define(kw_only=True)
class Answering:
    """Serve a gateway on sockets that are bound.

    ``start`` opens the gateway and listens; ``stop`` finishes what is in flight and closes
    everything in reverse order. With ``careful`` a gateway whose rails cannot be used does
    not start.
    """

    gateway: Gateway
    sockets: Sequence[socket.socket]
    times: Times = field(factory=Times)
    careful: bool = True
    _options: Mapping[str, Any] = field(init=False)
    _runner: web.AppRunner = field(init=False)
    _connections: Connections = field(init=False)
    _servers: list[asyncio.Server] = field(factory=list, init=False)
    _keeper: asyncio.Task[None] | None = field(default=None, init=False)

    def __attrs_post_init__(self) -> None:
        """Prepare; nothing is opened yet."""
        self._options = {**server_options(), "keepalive_timeout": self.times.idle}
        # What is left after our own drain is cut off.
        self._runner = web.AppRunner(self.gateway.web, shutdown_timeout=0.1, **self._options)
        self._connections = Connections(read=self.times.read, write=self.times.write)

    async def start(self) -> None:
        """Open and listen. Raises CannotStart or what the gateway's opening raises."""
        try:
            await self._runner.setup()
            if self.careful:
                await refuse_unreachable(self.gateway)
            await self._listen()
        except BaseException:
            await self.stop(0)
            raise

    async def _listen(self) -> None:
        server = self._runner.server
        assert server is not None  # noqa: S101 - setup has made it
        loop = asyncio.get_running_loop()
        factory = self._connections.over(server, protocols(server, loop, self._options))
        for each in self.sockets:
            try:
                made = await loop.create_server(factory, sock=each, backlog=BACKLOG)
            except OSError as error:
                place = each.getsockname()[1]
                raise CannotStart(f"cannot listen on port {place}: {error.strerror}") from error
            self._servers.append(made)
        self._keeper = asyncio.create_task(self._connections.keep(), name="connections")

    async def stop(self, seconds: float | None = None) -> None:
        """Stop accepting, finish what is in flight, close. A repeat does nothing."""
        loop = asyncio.get_running_loop()
        until = loop.time() + (self.times.drain if seconds is None else seconds)
        self.gateway.web[DRAIN].begin()
        while self._servers:
            self._servers.pop().close()
        for each in self.sockets:
            each.close()
        with suppress(TimeoutError):
            async with asyncio.timeout_at(until):
                await self._connections.drain()
        self.gateway.drain_seconds = max(0.0, until - loop.time())
        await self._runner.cleanup()
        if self._keeper is not None:
            await cancelled(self._keeper)


async def answer_until_told(
    answering: Answering, told: Told, listening: Callable[[], None]
) -> None:
    """Serve until told to stop; ``listening`` is called once the port answers.

    Raises what `Answering.start` raises. Who hurries is not kept waiting by a drain.
    """
    starting = asyncio.create_task(answering.start(), name="start")
    await first_of(starting, told.stop)
    if not starting.done():
        await cancelled(starting)
        return
    await starting
    listening()
    await told.stop.wait()
    stopping = asyncio.create_task(answering.stop(), name="drain")
    await first_of(stopping, told.hurry)
    if stopping.done():
        await stopping
    else:
        _log.warning("leaving at once: what is in flight is left to be resolved")
        await cancelled(stopping)


async def refuse_unreachable(gateway: Gateway) -> None:
    """Raise CannotStart if a rail says that it cannot be used now."""
    rails = [rail for rail in gateway.rails.all if isinstance(rail, HasHealth)]
    found = await asyncio.gather(*(rail.health() for rail in rails))
    away = [rail.name for rail, health in zip(rails, found, strict=True) if not health.reachable]
    if away:
        names = ", ".join(away)
        raise CannotStart(
            f"no node of {names} answers: check {away[0]}.rpc_url (`tillway doctor` tells more)"
        )
