"""Requests to Stripe: its own client over one pooled session, guarded, with our own keys.

The package repeats nothing: the guard does, by our clock, and always under the same key.
"""

import hashlib
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, Protocol, TypeVar
from urllib.parse import quote

import aiohttp
import stripe
from attrs import define, field, frozen

from tillway.adapters.stripe.answers import Fields, Misshapen
from tillway.adapters.stripe.config import API_BASE, API_VERSION
from tillway.adapters.stripe.errors import (
    CIRCUIT_OPEN,
    OK,
    OTHER,
    Refused,
    Repeated,
    StripeAway,
    Unauthentic,
    away_of,
    failure_of,
    outcome_of,
)
from tillway.core.errors import Code, Declined, TillwayError, Unavailable, Unsettled
from tillway.core.secrets import Secret

Answer = TypeVar("Answer")
Params = Mapping[str, Any]
Read = Callable[[Fields], Answer]

LOOK_AGAIN: Final = 5.0
"""Seconds after which a look may tell what became of a write."""

LONGEST_KEY: Final = 255
"""Stripe's limit of an idempotency key."""

_MISSING: Final = "resource_missing"

Observe = Callable[[str, str, float | None], None]
"""Hears of every request: operation, outcome, and seconds, None where none was made."""


def ignore(operation: str, outcome: str, seconds: float | None) -> None:
    """Observe nothing."""


_log = logging.getLogger(__name__)


class Guards(Protocol):
    """What stands between a call and its failures: retries, a circuit breaker, metrics."""

    async def run(
        self, operation: str, call: Callable[[], Awaitable[Answer]], *, repeat: bool
    ) -> Answer:
        """Make the call; make it again after Unavailable only if ``repeat``."""
        ...


@frozen
class Unguarded:
    """Make each call once."""

    async def run(
        self, operation: str, call: Callable[[], Awaitable[Answer]], *, repeat: bool
    ) -> Answer:
        """Make the call."""
        return await call()


def segment(id_: str) -> str:
    """Write an id as one segment of a path, whoever may have made it up."""
    return quote(id_, safe="")


def key_of(verb: str, id_: str) -> str:
    """Make the idempotency key of a write: the same for a repeat, however long our id is."""
    key = f"tillway-{verb}-{id_}"
    return key if len(key) <= LONGEST_KEY else f"tillway-{verb}-{_digest(id_)}"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


@define(kw_only=True)
class Api:
    """Stripe's API. Connections are opened by the first request, and closed for good."""

    guard: Guards = field(factory=Unguarded, repr=False)
    base: str = API_BASE
    timeout: float = 10.0
    connect_timeout: float = 3.0
    connections: int = 100
    observe: Observe = field(default=ignore, repr=False)
    _key: Secret = field(alias="key", repr=False)
    _session: aiohttp.ClientSession | None = field(default=None, init=False, repr=False)
    _client: stripe.StripeClient | None = field(default=None, init=False, repr=False)
    _closed: bool = field(default=False, init=False, repr=False)

    async def read(
        self,
        operation: str,
        path: str,
        params: Params,
        read: Read[Answer],
        *,
        method: str = "get",
    ) -> Answer:
        """Ask for something and give what ``read`` makes of it; changes nothing.

        Raises Declined for what Stripe refuses, Unavailable where it gives no usable answer.
        """
        try:
            answer = await self._guarded(operation, lambda: self._send(method, path, params, {}))
        except Repeated as odd:
            raise StripeAway("idempotency") from odd
        try:
            return read(answer)
        except Misshapen as odd:
            _log.error("Stripe's answer to %s cannot be read: %s", operation, odd.message)
            raise StripeAway("misshapen") from odd

    async def find(
        self, operation: str, path: str, params: Params, read: Read[Answer]
    ) -> Answer | None:
        """Ask for something by its id; None if there is no such thing."""
        try:
            return await self.read(operation, path, params, read)
        except Refused as refused:
            if refused.word == _MISSING:
                return None
            raise

    async def write(
        self,
        operation: str,
        path: str,
        params: Params,
        read: Read[Answer],
        *,
        key: str,
        method: str = "post",
    ) -> Answer:
        """Change something, once for a key, and give what ``read`` makes of the answer.

        Raises Declined for what Stripe refuses, Unavailable where nothing can have changed, and
        Unsettled (with the key as its reference) where nobody knows.
        """
        write = _Write(key)
        options = {"idempotency_key": key}
        try:
            answer = await self._guarded(
                operation, lambda: write.run(lambda: self._send(method, path, params, options))
            )
        except Repeated as used:
            raise write.unsettled() from used
        except Unavailable as away:
            if not write.written:
                raise
            raise write.unsettled() from away
        try:
            return read(answer)
        except Misshapen as odd:
            _log.error("Stripe's answer to %s cannot be read: %s", operation, odd.message)
            raise write.unsettled() from odd

    async def _guarded(self, operation: str, call: Callable[[], Awaitable[Fields]]) -> Fields:
        try:
            return await self.guard.run(
                operation, lambda: self._observed(operation, call), repeat=True
            )
        except Unavailable as away:
            if not isinstance(away, StripeAway):
                self.observe(operation, CIRCUIT_OPEN, None)
            # The guard's own, when its circuit is open, has not the contract's code.
            raise Unavailable(Code.STRIPE_ERROR, retry_after=away.retry_after) from away
        except Declined as refused:
            _log.warning("Stripe refused %s: %s", operation, getattr(refused, "word", ""))
            raise

    async def _observed(self, operation: str, call: Callable[[], Awaitable[Fields]]) -> Fields:
        began, outcome = time.perf_counter(), OTHER
        try:
            answer = await call()
            outcome = OK
        except TillwayError as failure:
            outcome = outcome_of(failure)
            raise
        finally:
            self.observe(operation, outcome, time.perf_counter() - began)
        return answer

    async def _send(
        self, method: str, path: str, params: Params, options: Mapping[str, str]
    ) -> Fields:
        client = self._opened()
        # Causes are cut off (from None): their texts name accounts and customers.
        try:
            answer = await client.raw_request_async(method, path, **params, **options)
        except stripe.StripeError as error:
            _tell(error)
            raise failure_of(error) from None
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            # The package reads bodies outside of what it wraps.
            raise away_of(error) from None
        if not isinstance(answer.data, Mapping):
            raise StripeAway("misshapen")
        return Fields(answer.data)

    def _opened(self) -> stripe.StripeClient:
        if self._closed:
            raise StripeAway("closed", written=False)
        if self._client is None:
            self._session = self._connected()
            self._client = self._made(self._session)
        return self._client

    def _connected(self) -> aiohttp.ClientSession:
        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=self.connections, ttl_dns_cache=60),
            cookie_jar=aiohttp.DummyCookieJar(),
        )

    def _made(self, session: aiohttp.ClientSession) -> stripe.StripeClient:
        # A switch of the whole package: there is no other.
        stripe.enable_telemetry = False
        timeout = aiohttp.ClientTimeout(total=self.timeout, sock_connect=self.connect_timeout)
        return stripe.StripeClient(
            self._key.reveal(),
            stripe_version=API_VERSION,
            base_addresses={"api": self.base.rstrip("/")},
            max_network_retries=0,
            http_client=stripe.AIOHTTPClient(timeout=timeout, session=session),
        )

    async def start(self) -> None:
        """Open the session."""
        self._opened()

    async def aclose(self) -> None:
        """Close all connections for good. A repeat does nothing."""
        self._closed = True
        if self._session is not None:
            await self._session.close()


@define
class _Write:
    """One write, however often it is sent: whether any of it may have reached Stripe."""

    key: str
    written: bool = field(default=False, init=False)

    async def run(self, send: Callable[[], Awaitable[Fields]]) -> Fields:
        try:
            return await send()
        except StripeAway as away:
            self.written = self.written or away.written
            raise
        except Unauthentic as refused:
            # Said before Stripe looks at the key of an earlier try.
            if not self.written:
                raise
            raise self.unsettled() from refused

    def unsettled(self) -> Unsettled:
        return Unsettled(Code.STRIPE_ERROR, reference=self.key, retry_after=LOOK_AGAIN)


def _tell(error: stripe.StripeError) -> None:
    _log.info(
        "Stripe answered %s: code %s, parameter %s, request %s",
        type(error).__name__,
        error.code,
        getattr(error, "param", None),
        error.request_id,
    )
