"""Calls to Solana nodes: one pooled HTTP client, several nodes, the healthy ones first."""

import time
from collections.abc import Callable, Mapping, Sequence
from itertools import count
from typing import Final, Protocol, TypeVar

import aiohttp
import orjson
from attrs import Factory, define, field

from tillway.adapters.x402.answers import Misshapen, text
from tillway.adapters.x402.errors import NodeFailed, RpcRefused, label_of
from tillway.core.errors import Code

Answer = TypeVar("Answer")
Read = Callable[[object], Answer]
Observe = Callable[[str, float, str | None], None]
"""Hears of every request on the wire: method, seconds, and None or what kind of failure it was:
timeout, connection, rate_limit, not_found, other."""

LARGEST_ANSWER: Final = 4 * 1024 * 1024
_CHUNK: Final = 64 * 1024
_SHORTEST_REST: Final = 1.0
_LONGEST_REST: Final = 30.0
_HEADERS: Final = {"Content-Type": "application/json", "Accept-Encoding": "identity"}

# The node speaks of its own state, so another node may answer (agave, rpc_custom_error.rs).
_OF_THE_NODE: Final = frozenset(
    {-32001, -32004, -32005, -32007, -32009, -32010, -32011, -32014, -32016, -32019}
    | {-32600, -32601, -32603, -32700}
)


def ignore(method: str, seconds: float, error: str | None) -> None:
    """Observe nothing."""


class Calls(Protocol):
    """Something that JSON-RPC calls can be made to."""

    async def call(self, method: str, params: Sequence[object], read: Read[Answer]) -> Answer:
        """Call and give what ``read`` makes of the result.

        Raises RpcRefused if a node answered with an error about the request, Unavailable if
        no node gave an answer that ``read`` takes.
        """
        ...


@define(kw_only=True)
class Http:
    """The connections that all nodes share. Opened by the first request."""

    timeout: float = 10.0
    connect_timeout: float = 3.0
    largest: int = LARGEST_ANSWER
    connections: int = 256
    _session: aiohttp.ClientSession | None = field(default=None, init=False, repr=False)
    _closed: bool = field(default=False, init=False, repr=False)

    def session(self) -> aiohttp.ClientSession:
        """Give the session, opening it if need be; raises NodeFailed once it was closed."""
        if self._closed:
            raise NodeFailed("closed", written=False)
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=self.connections, ttl_dns_cache=60),
                timeout=aiohttp.ClientTimeout(
                    total=self.timeout, sock_connect=self.connect_timeout
                ),
                headers=_HEADERS,
                cookie_jar=aiohttp.DummyCookieJar(),
            )
        return self._session

    async def aclose(self) -> None:
        """Close all connections for good. A repeat does nothing."""
        self._closed = True
        if self._session is not None:
            await self._session.close()


@define(kw_only=True)
class Node:
    """One node. ``label`` may be shown; its URL may not, since it can hold an API key."""

    label: str
    http: Http = field(repr=False)
    observe: Observe = field(default=ignore, repr=False)
    _url: str = field(alias="url", repr=False)
    _ids: "count[int]" = field(factory=lambda: count(1), init=False, repr=False)

    async def call(self, method: str, params: Sequence[object], read: Read[Answer]) -> Answer:
        """Make one request; the law is that of Calls."""
        started = time.perf_counter()
        error: str | None = label_of("")
        try:
            answer = await self._call(method, params, read)
            error = None
        except NodeFailed as failed:
            error = label_of(failed.kind)
            raise
        finally:
            self.observe(method, time.perf_counter() - started, error)
        return answer

    async def _call(self, method: str, params: Sequence[object], read: Read[Answer]) -> Answer:
        number = next(self._ids)
        asked = {"jsonrpc": "2.0", "id": number, "method": method, "params": params}
        body = await self._post(orjson.dumps(asked))
        try:
            return read(_result(orjson.loads(body), number))
        except (orjson.JSONDecodeError, Misshapen) as error:
            raise NodeFailed("misshapen") from error

    async def _post(self, body: bytes) -> bytes:
        # Causes are cut off (from None): their texts hold the URL.
        try:
            async with self.http.session().post(
                self._url, data=body, allow_redirects=False
            ) as response:
                _refuse_status(response)
                return await self._body(response)
        except aiohttp.ClientConnectorError:
            raise NodeFailed("connect", code=Code.NETWORK_ERROR, written=False) from None
        except TimeoutError:
            raise NodeFailed("timeout", code=Code.NETWORK_ERROR) from None
        except (aiohttp.ClientError, OSError, ValueError):
            raise NodeFailed("connection", code=Code.NETWORK_ERROR) from None

    async def _body(self, response: aiohttp.ClientResponse) -> bytes:
        parts, size = [], 0
        async for part in response.content.iter_chunked(_CHUNK):
            size += len(part)
            if size > self.http.largest:
                response.close()
                raise NodeFailed("too large")
            parts.append(part)
        return b"".join(parts)


def _refuse_status(response: aiohttp.ClientResponse) -> None:
    # Some nodes send a JSON-RPC error with a 4xx; only what cannot be one is refused here.
    status = response.status
    if status == 429:
        raise NodeFailed("http 429", retry_after=_retry_after(response.headers))
    if status >= 500 or 300 <= status < 400 or status in (401, 403, 404):
        raise NodeFailed(f"http {status}", retry_after=_retry_after(response.headers))


def _retry_after(headers: Mapping[str, str]) -> float | None:
    told = headers.get("Retry-After", "")
    return min(float(told), _LONGEST_REST) if told.isascii() and told.isdigit() else None


def _result(answer: object, number: int) -> object:
    if not isinstance(answer, Mapping):
        raise Misshapen("not an object")
    error = answer.get("error")
    if error is not None:
        raise _refusal(error)
    if answer.get("id") != number or "result" not in answer:
        raise Misshapen("no answer to this request")
    return answer["result"]


def _refusal(error: object) -> Exception:
    if not isinstance(error, Mapping) or not isinstance(error.get("code"), int):
        return Misshapen("not an error object")
    number = error["code"]
    if number == 429 or number in _OF_THE_NODE:
        return NodeFailed(str(number))
    return RpcRefused(number, text(error.get("message", "")), error.get("data"))


@define(kw_only=True)
class _Health:
    """When a node that failed is to be asked again before others."""

    failures: int = 0
    rests_until: float = 0.0

    def worked(self) -> None:
        self.failures, self.rests_until = 0, 0.0

    def failed(self, now: float, retry_after: float | None) -> None:
        self.failures += 1
        rest = min(_LONGEST_REST, _SHORTEST_REST * 2 ** min(self.failures - 1, 5))
        self.rests_until = now + max(rest, retry_after or 0.0)


@define(kw_only=True)
class Endpoints:
    """Several nodes as one. A call goes to the first healthy one, then to the others.

    A node that failed rests for a second, then for twice as long each time, at most 30 s or as
    long as it asks for; while it rests it is asked last, never not at all.
    """

    nodes: tuple[Calls, ...]
    monotonic: Callable[[], float] = time.monotonic
    _health: list[_Health] = field(
        default=Factory(lambda self: [_Health() for _ in self.nodes], takes_self=True), init=False
    )

    def order(self) -> list[int]:
        """Give the nodes' places: healthy ones as configured, then by the end of their rest."""
        now = self.monotonic()

        def rest(place: int) -> float:
            until = self._health[place].rests_until
            return until if until > now else 0.0

        return sorted(range(len(self.nodes)), key=rest)

    async def call(self, method: str, params: Sequence[object], read: Read[Answer]) -> Answer:
        """Ask one node after the other until one answers; the law is that of Calls.

        The failure told is the last one's, but ``written`` if any node may have been reached. So
        is a refusal: what refused it is not who may have done it.
        """
        written, failure = False, None
        for place in self.order():
            try:
                answer = await self.nodes[place].call(method, params, read)
            except NodeFailed as failed:
                self._health[place].failed(self.monotonic(), failed.retry_after)
                written, failure = written or failed.written, failed
            except RpcRefused as refused:
                self._health[place].worked()
                refused.written = refused.written or written
                raise
            else:
                self._health[place].worked()
                return answer
        failure = failure or NodeFailed("no node")
        failure.written = written
        raise failure
