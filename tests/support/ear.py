"""An endpoint for webhooks that keeps what it hears, and may refuse to."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import orjson
import stripe
from aiohttp import web
from aiohttp.test_utils import TestServer
from attrs import define, field


@define
class Ear:
    """Answers 200, or what is next in ``answers``. Signatures must be right, whatever their age."""

    secret: str = "whsec_ear"
    url: str = ""
    heard: list[Any] = field(factory=list)
    headers: list[str] = field(factory=list)
    answers: list[int] = field(factory=list)
    _told: asyncio.Event = field(factory=asyncio.Event)

    @classmethod
    @asynccontextmanager
    async def listening(cls) -> AsyncIterator["Ear"]:
        """Listen on a free port."""
        made = cls()
        app = web.Application()
        app.router.add_post("/hook", made._hear)
        async with TestServer(app, host="127.0.0.1") as server:
            made.url = str(server.make_url("/hook"))
            yield made

    async def _hear(self, request: web.Request) -> web.Response:
        body = await request.read()
        header = request.headers["Stripe-Signature"]
        stripe.WebhookSignature.verify_header(body, header, self.secret)
        self.headers.append(header)
        self.heard.append(orjson.loads(body))
        self._told.set()
        status = self.answers.pop(0) if self.answers else 200
        return web.Response(status=status)

    @property
    def types(self) -> list[str]:
        """The types of what was heard, in order."""
        return [each["type"] for each in self.heard]

    def of(self, type: str) -> list[Any]:  # noqa: A002  # Stripe's word
        """Give the objects of all events of a type."""
        return [each["data"]["object"] for each in self.heard if each["type"] == type]

    async def hear(self, type: str, count: int = 1) -> Any:  # noqa: A002  # Stripe's word
        """Wait for so many events of a type, and give the last one's object."""
        async with asyncio.timeout(10):
            while len(found := self.of(type)) < count:
                self._told.clear()
                await self._told.wait()
        return found[-1]
