"""News of signatures by WebSocket: faster than polling, and never needed."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from itertools import count
from typing import Final

import aiohttp
import orjson
from attrs import define, field
from solders.signature import Signature

from tillway.adapters.x402.answers import Level
from tillway.adapters.x402.endpoints import Http
from tillway.adapters.x402.errors import NodeFailed
from tillway.core.ports.clock import Clock

_log = logging.getLogger(__name__)

Tell = Callable[[Signature], None]

_CONNECT_TIMEOUT: Final = 5.0
_HEARTBEAT: Final = 15.0
_LARGEST_MESSAGE: Final = 64 * 1024


@define(kw_only=True, eq=False)
class _Line:
    """One connection: what was asked on it, and what it has subscribed to."""

    socket: aiohttp.ClientWebSocketResponse
    asked: dict[int, Signature] = field(factory=dict)
    signatures: dict[int, Signature] = field(factory=dict)
    numbers: dict[Signature, int] = field(factory=dict)
    _ids: "count[int]" = field(factory=lambda: count(1), init=False)

    async def subscribe(self, signature: Signature, level: Level) -> None:
        request = next(self._ids)
        self.asked[request] = signature
        await self._say(request, "signatureSubscribe", [str(signature), {"commitment": level}])

    async def unsubscribe(self, signature: Signature) -> None:
        number = self.numbers.pop(signature, None)
        if number is not None:
            self.signatures.pop(number, None)
            await self._say(next(self._ids), "signatureUnsubscribe", [number])

    async def _say(self, request: int, method: str, params: list[object]) -> None:
        said = {"jsonrpc": "2.0", "id": request, "method": method, "params": params}
        await self.socket.send_str(orjson.dumps(said).decode())

    def heard(self, text: str) -> Signature | None:
        """Take a message in; give the signature that a notification is about."""
        message = orjson.loads(text)
        if not isinstance(message, Mapping):
            return None
        if message.get("method") == "signatureNotification":
            return self._notified(message.get("params"))
        self._answered(message.get("id"), message.get("result"))
        return None

    def _answered(self, request: object, number: object) -> None:
        signature = self.asked.pop(request, None) if isinstance(request, int) else None
        if signature is not None and isinstance(number, int):
            self.signatures[number] = signature
            self.numbers[signature] = number

    def _notified(self, params: object) -> Signature | None:
        # A node ends a subscription by itself with its one notification.
        number = params.get("subscription") if isinstance(params, Mapping) else None
        signature = self.signatures.pop(number, None) if isinstance(number, int) else None
        if signature is not None:
            self.numbers.pop(signature, None)
        return signature


@define(kw_only=True, eq=False)
class Subscriptions:
    """Hints for Confirmations, over one connection that is opened when first needed.

    A lost connection is opened again after ``first_pause`` seconds, twice as long each time up
    to ``longest_pause``, and everything still watched is subscribed to anew. After ``idle``
    seconds with nothing to watch it is closed. Nothing here ever raises to a caller.
    """

    http: Http = field(repr=False)
    clock: Clock = field(repr=False)
    commitment: Level = Level.CONFIRMED
    first_pause: float = 0.5
    longest_pause: float = 15.0
    idle: float = 30.0
    _url: str = field(alias="url", repr=False)
    _watched: dict[Signature, Tell] = field(factory=dict, init=False, repr=False)
    _changes: "asyncio.Queue[Signature]" = field(factory=asyncio.Queue, init=False, repr=False)
    _running: asyncio.Task[None] | None = field(default=None, init=False, repr=False)
    _line: _Line | None = field(default=None, init=False, repr=False)
    _failures: int = field(default=0, init=False, repr=False)

    @property
    def connected(self) -> bool:
        """Tell whether the connection stands."""
        return self._line is not None

    def watch(self, signature: Signature, tell: Tell) -> None:
        """Subscribe to the signature, now or as soon as there is a connection."""
        self._watched[signature] = tell
        self._changes.put_nowait(signature)
        if self._running is None or self._running.done():
            self._running = asyncio.create_task(self._run(), name="x402 subscriptions")

    def forget(self, signature: Signature) -> None:
        """Tell no more of it, and unsubscribe if the node has not done so itself."""
        if self._watched.pop(signature, None) is not None:
            self._changes.put_nowait(signature)

    async def aclose(self) -> None:
        """Close the connection. A repeat does nothing."""
        if self._running is not None:
            self._running.cancel()
            await asyncio.gather(self._running, return_exceptions=True)

    async def _run(self) -> None:
        self._failures = 0
        while self._watched:
            try:
                await self._live()
            except (aiohttp.ClientError, OSError, ValueError, NodeFailed) as error:
                # Only the kind: the text would hold the URL.
                _log.info("the WebSocket to the node failed: %s", type(error).__name__)
                self._failures += 1
            finally:
                self._line = None
            if self._watched:
                pause = self.first_pause * 2 ** min(self._failures, 10)
                await self.clock.sleep(min(self.longest_pause, pause))

    async def _live(self) -> None:
        async with asyncio.timeout(_CONNECT_TIMEOUT):
            socket = await self.http.session().ws_connect(
                self._url, heartbeat=_HEARTBEAT, max_msg_size=_LARGEST_MESSAGE
            )
        async with socket:
            self._line, self._failures = _Line(socket=socket), 0
            line = self._line
            self._changes = asyncio.Queue()
            for signature in list(self._watched):
                self._changes.put_nowait(signature)
            writing = asyncio.create_task(self._write(line))
            try:
                await self._listen(line)
            finally:
                writing.cancel()
                await asyncio.gather(writing, return_exceptions=True)

    async def _write(self, line: _Line) -> None:
        while True:
            signature = await self._changes.get()
            if signature in self._watched:
                await line.subscribe(signature, self.commitment)
            else:
                await line.unsubscribe(signature)

    async def _listen(self, line: _Line) -> None:
        while True:
            try:
                message = await line.socket.receive(timeout=self.idle)
            except TimeoutError:
                if self._watched:
                    continue
                return
            if message.type is not aiohttp.WSMsgType.TEXT:
                raise aiohttp.ClientConnectionError
            signature = line.heard(message.data)
            tell = self._watched.get(signature) if signature is not None else None
            if signature is not None and tell is not None:
                tell(signature)
