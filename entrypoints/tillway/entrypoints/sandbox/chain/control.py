"""/_control: the faults of a served node, by HTTP, for tests in other processes."""

from typing import Final

import orjson
from aiohttp import web
from attrs import define
from solders.pubkey import Pubkey

from tillway.entrypoints.sandbox.chain.faults import changed
from tillway.entrypoints.sandbox.chain.fund import fund
from tillway.entrypoints.sandbox.chain.node import Node
from tillway.entrypoints.sandbox.chain.rpc import reply
from tillway.entrypoints.sandbox.chain.sockets import Sockets
from tillway.entrypoints.sandbox.chain.wire import Json

_MAX_DELAY_MS: Final = 3_600_000


@define(eq=False)
class Control:
    """Reads and changes one node's faults; bad settings change nothing (400)."""

    node: Node
    sockets: Sockets

    async def show(self, request: web.Request) -> web.Response:
        """GET /_control: the settings in force."""
        del request
        return reply(self._settings())

    def _settings(self) -> Json:
        delay = {"confirm_delay_ms": self.node.chain.confirm_delay_ms}
        return {**delay, **self.node.faults.json()}

    async def change(self, request: web.Request) -> web.Response:
        """POST /_control: the settings named in the body, the others stay.

        `confirm_delay_ms` is the chain's, and so every node's. `disconnect: true` closes
        all WebSockets once. `fork` is a signature: the chain goes on without it, once.
        """
        try:
            settings = await _object(request)
            delay = settings.pop("confirm_delay_ms", self.node.chain.confirm_delay_ms)
            disconnect, forked = settings.pop("disconnect", False), settings.pop("fork", None)
            faults = changed(self.node.faults, settings)
            self.node.chain.confirm_delay_ms = _delay(delay)
        except ValueError as error:
            return _refused(error)
        self.node.faults.update(faults)
        if forked is not None:
            self.node.chain.tick()
            self.node.chain.fork(str(forked))
        if disconnect is True:
            await self.sockets.disconnect()
        return reply(self._settings())

    async def calls(self, request: web.Request) -> web.Response:
        """GET /_control/calls: methods called since the last reset."""
        del request
        return reply(dict(self.node.calls))

    async def reset(self, request: web.Request) -> web.Response:
        """POST /_control/reset: no faults, no counted calls."""
        del request
        self.node.faults.clear()
        self.node.calls.clear()
        return reply(self._settings())

    async def fund(self, request: web.Request) -> web.Response:
        """POST /_control/fund: {"owner", "mint"?, "amount"?, "lamports"?} in minor units."""
        try:
            body = await _object(request)
            mint = None if body.get("mint") is None else Pubkey.from_string(str(body["mint"]))
            owner = Pubkey.from_string(str(body.get("owner")))
            amount, lamports = _natural(body, "amount"), _natural(body, "lamports")
            account = fund(self.node.chain, owner, mint, amount, lamports)
        except ValueError as error:
            return _refused(error)
        return reply({"token_account": None if account is None else str(account)})


async def _object(request: web.Request) -> dict[str, Json]:
    body = orjson.loads(await request.read())
    if not isinstance(body, dict):
        raise ValueError("an object is expected")
    return body


def _natural(body: dict[str, Json], key: str) -> int:
    value = body.get(key, 0)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 2**64:
        raise ValueError(f"{key}: a whole number from 0 to 2^64 - 1 is expected")
    return value


def _delay(value: Json) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= _MAX_DELAY_MS:
        raise ValueError("confirm_delay_ms: milliseconds from 0 to 3600000 are expected")
    return value


def _refused(error: ValueError) -> web.Response:
    return web.json_response({"error": str(error)}, status=400)
