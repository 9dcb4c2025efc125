"""Telling endpoints of events: signed, again and again until they take it."""

import asyncio
import hashlib
import hmac
import random
from collections import deque
from collections.abc import Sequence
from typing import Final

import orjson
from aiohttp import ClientError, ClientSession, ClientTimeout, DummyCookieJar
from attrs import define, evolve, field, frozen

from tillway.entrypoints.sandbox.stripe.account import Account
from tillway.entrypoints.sandbox.stripe.render import event
from tillway.entrypoints.sandbox.stripe.wire import Json

DELAYS: Final = (0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, *[30.0] * 20)
"""Seconds of real time between two tries; Stripe's own go over three days."""

_TIMEOUT: Final = ClientTimeout(total=10)
_MOST_READ: Final = 64 * 1024
_MOST_WAITING: Final = 10_000
_MOST_LOGGED: Final = 1_000
_GATHERS: Final = 0.05  # seconds that disorder waits for more events


@frozen(kw_only=True)
class Endpoint:
    """Who is told, of what (all events unless named), in which version of the API."""

    url: str
    secret: str = field(repr=False)
    events: Sequence[str] = ("*",)
    version: str = ""


@define
class Trouble:
    """How deliveries go wrong: nothing by default.

    Each event is sent ``copies`` more times. Those that come within a moment are shuffled if
    ``shuffle``. ``paused`` holds all back. ``skew`` seconds are taken off the signatures' time.
    """

    copies: int = 0
    shuffle: bool = False
    paused: bool = False
    skew: int = 0


@frozen(kw_only=True)
class Sent:
    """One try. ``status`` is 0 where nobody answered."""

    event: str
    type: str
    url: str
    attempt: int
    status: int


@frozen(kw_only=True)
class _Delivery:
    event: str
    endpoint: Endpoint
    attempt: int = 1


def signature(payload: bytes, secret: str, at: int) -> str:
    """Sign as Stripe does: `t`, and `v1` over `t.payload`."""
    mac = hmac.new(secret.encode(), b"%d.%s" % (at, payload), hashlib.sha256)
    return f"t={at},v1={mac.hexdigest()}"


@define(eq=False)
class Outbox:
    """What endpoints are yet to be told. Endpoints come first in the order of the events.

    A delivery that fails is tried again after each of the ``delays``, and then given up. More
    than 10,000 waiting ones drive out the oldest.
    """

    account: Account
    endpoints: list[Endpoint] = field(factory=list)
    delays: Sequence[float] = DELAYS
    trouble: Trouble = field(factory=Trouble)
    chance: random.Random = field(factory=random.Random)
    log: deque[Sent] = field(factory=lambda: deque(maxlen=_MOST_LOGGED))
    given_up: int = 0
    _waiting: deque[_Delivery] = field(factory=lambda: deque(maxlen=_MOST_WAITING))
    _later: set[asyncio.TimerHandle] = field(factory=set)
    _left: list[Json] = field(factory=list, init=False)
    _sending: int = 0
    _moved: asyncio.Event = field(factory=asyncio.Event)

    def __attrs_post_init__(self) -> None:
        """Hear of everything that happens; what was kept undelivered is still to be told."""
        events = self.account.shelves.newest("event")
        self._left = [each for each in events if each["pending_webhooks"] > 0][::-1]
        self.account.listeners.append(self.take)
        first, self.endpoints = self.endpoints, []
        for endpoint in first:
            self.listen(endpoint)

    def listen(self, endpoint: Endpoint) -> None:
        """Tell an endpoint from now on, and of what nobody could be told before a restart."""
        self.endpoints.append(endpoint)
        for happened in self._left:
            if _wants(endpoint, happened["type"]):
                self._waiting.append(_Delivery(event=happened["id"], endpoint=endpoint))
        self.wake()

    def take(self, happened: Json) -> None:
        """Have an event delivered to whoever wants it."""
        told = [each for each in self.endpoints if _wants(each, happened["type"])]
        happened["pending_webhooks"] = len(told)
        for endpoint in told:
            for _ in range(1 + self.trouble.copies):
                self._waiting.append(_Delivery(event=happened["id"], endpoint=endpoint))
        self.wake()

    async def run(self) -> None:
        """Deliver until cancelled."""
        jar = DummyCookieJar()
        try:
            async with ClientSession(timeout=_TIMEOUT, cookie_jar=jar, trust_env=False) as http:
                while True:
                    await self._turn(http)
        finally:
            for handle in self._later:
                handle.cancel()

    async def _turn(self, http: ClientSession) -> None:
        idle = False
        while not self._waiting or self.trouble.paused:
            idle = True
            await self._moved.wait()
        if self.trouble.shuffle:
            await asyncio.sleep(_GATHERS if idle else 0)
            self._waiting.rotate(-self.chance.randrange(len(self._waiting)))
        delivery = self._waiting.popleft()
        self._sending += 1
        try:
            await self._send(http, delivery)
        finally:
            self._sending -= 1
            self.wake()

    async def _send(self, http: ClientSession, delivery: _Delivery) -> None:
        happened = self.account.shelves.get("event", delivery.event)
        if happened is None:
            return
        status = await self._post(http, delivery.endpoint, happened)
        endpoint, attempt = delivery.endpoint, delivery.attempt
        self.log.append(
            Sent(
                event=delivery.event,
                type=happened["type"],
                url=endpoint.url,
                attempt=attempt,
                status=status,
            )
        )
        if 200 <= status < 300:
            happened["pending_webhooks"] = max(0, happened["pending_webhooks"] - 1)
        elif attempt <= len(self.delays):
            self._again(delivery)
        else:
            self.given_up += 1

    async def _post(self, http: ClientSession, endpoint: Endpoint, happened: Json) -> int:
        body = event(self.account, happened, endpoint.version)
        payload = orjson.dumps(body, option=orjson.OPT_INDENT_2)
        at = int(self.account.clock()) - self.trouble.skew
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "Stripe-Signature": signature(payload, endpoint.secret, at),
            "User-Agent": "Stripe/1.0 (+https://stripe.com/docs/webhooks)",
        }
        try:
            async with http.post(
                endpoint.url, data=payload, headers=headers, allow_redirects=False
            ) as answer:
                await answer.content.read(_MOST_READ)
                return answer.status
        except (ClientError, TimeoutError, OSError):
            return 0

    def _again(self, delivery: _Delivery) -> None:
        following = evolve(delivery, attempt=delivery.attempt + 1)

        def wake() -> None:
            self._later.discard(handle)
            self._waiting.append(following)
            self.wake()

        delay = self.delays[delivery.attempt - 1]
        handle = asyncio.get_running_loop().call_later(delay, wake)
        self._later.add(handle)

    def wake(self) -> None:
        """Look again whether there is something to be done."""
        self._moved.set()
        self._moved = asyncio.Event()

    def resume(self) -> None:
        """Go on after a pause."""
        self.trouble.paused = False
        self.wake()

    async def delivered(self) -> None:
        """Wait until nothing is left to be sent, now or later."""
        while self._waiting or self._later or self._sending:
            await self._moved.wait()


def _wants(endpoint: Endpoint, type: str) -> bool:  # noqa: A002  # Stripe's word
    return any(wanted in ("*", type) for wanted in endpoint.events)
