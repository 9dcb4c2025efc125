"""Applications of other people's, whose handlers are sold through a gateway."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import orjson
from aiohttp import web
from attrs import define, evolve, field, frozen

from support.chain import Wallet
from support.shop import Answer, Shop, v0_header, v2_header
from tillway.core.payments import Purchase
from tillway.core.quotes import Purpose
from tillway.core.tenancy import DEFAULT
from tillway.entrypoints.paywall.asgi import App, Message, Scope


@define(eq=False)
class Counter:
    """A handler's conscience: how often it ran, and what it is to do."""

    runs: int = 0
    fault: BaseException | None = None
    status: int = 200
    slow: float = 0
    seen: list[Any] = field(factory=list)

    async def run(self) -> str:
        """Count, and do as told."""
        self.runs += 1
        if self.slow:
            await asyncio.sleep(self.slow)
        if self.fault is not None:
            raise self.fault
        return f"chapter {self.runs}"


@asynccontextmanager
async def hosted(shop: Shop, app: web.Application) -> AsyncIterator[Shop]:
    """Serve somebody's application; give the shop as seen at its address."""
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield evolve(shop, address=f"http://127.0.0.1:{runner.addresses[0][1]}")
    finally:
        await runner.cleanup()


async def header_for(shop: Shop, path: str, buyer: Wallet | None = None) -> dict[str, str]:
    """Ask a path for its offer and sign a payment of version 2 for it."""
    asked = await shop.get(path)
    assert asked.status == 402, asked.body
    return v2_header(shop.sign(buyer or shop.buyer(), asked.offer), asked.offer)


async def old_header_for(shop: Shop, path: str, resource: str) -> dict[str, str]:
    """Sign a payment of version 0, whose fee the gateway pays, for a quote of its own."""
    gateway = await shop.gateway.quote.quote(purchase(resource), f"{shop.address}{path}")
    offer: Any = gateway.offers[0].accepts[0][0]
    extra = offer["extra"]
    raw = shop.sign(
        shop.buyer(), {"amount": offer["maxAmountRequired"], "extra": {"memo": extra["memo"]}}
    )
    sponsor = str(shop.sponsor.address)
    return v0_header(raw, resource, feePayer=sponsor, metadata={"quote": extra["quote"]})


def purchase(resource: str) -> Purchase:
    """Give the purchase of a product."""
    return Purchase(tenant=DEFAULT, purpose=Purpose.PURCHASE, resource=resource)


@frozen
class Said:
    """What an ASGI application has sent."""

    messages: list[Message]

    @property
    def status(self) -> int:
        """Its status."""
        return int(self.messages[0]["status"])

    @property
    def headers(self) -> Mapping[str, str]:
        """Its headers, in lower case."""
        raw = self.messages[0]["headers"]
        return {bytes(name).decode(): bytes(value).decode() for name, value in raw}

    @property
    def body(self) -> bytes:
        """All of its body."""
        return b"".join(each.get("body", b"") for each in self.messages[1:])


async def called(app: App, scope: Scope, *received: Message) -> Said:
    """Call an ASGI application with what it is to receive; then its client is gone."""
    messages, sent = list(received) or [{"type": "http.request", "body": b""}], list[Message]()

    async def receive() -> Message:
        return messages.pop(0) if messages else {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        sent.append(message)

    await app(scope, receive, send)
    return Said(sent)


def scope_of(
    method: str = "GET",
    path: str = "/chapter",
    query: str = "",
    headers: Mapping[str, str] | None = None,
    **more: Any,
) -> Scope:
    """Write a scope as servers write it."""
    raw = {"Host": "books.example", **(headers or {})}
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "https",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": [(name.lower().encode(), value.encode()) for name, value in raw.items()],
        "client": ("127.0.0.1", 4711),
        "server": ("127.0.0.1", 80),
        **more,
    }


def answer_of(said: Said) -> Answer:
    """Read an answer as the shop's tests do."""
    title = {name.title(): value for name, value in said.headers.items()}
    exact = {
        "Payment-Required": "PAYMENT-REQUIRED",
        "Payment-Response": "PAYMENT-RESPONSE",
        "X-Payment-Response": "X-PAYMENT-RESPONSE",
    }
    headers = {exact.get(name, name): value for name, value in title.items()}
    try:
        body: Any = orjson.loads(said.body)
    except orjson.JSONDecodeError:
        body = said.body.decode()
    return Answer(said.status, body, headers)
