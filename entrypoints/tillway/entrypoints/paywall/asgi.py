"""The paywall around any ASGI application (FastAPI, Starlette), of which it imports nothing.

The interface is that of https://asgi.readthedocs.io/en/latest/specs/www.html, version 2 or 3.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping, Sequence
from typing import Any, Final

from attrs import define, field
from multidict import CIMultiDict

from tillway.core.errors import Code, Declined, TillwayError
from tillway.core.ports.store import Answer
from tillway.entrypoints.gateway import Gateway
from tillway.entrypoints.http.addresses import Addresses
from tillway.entrypoints.http.config import MEBIBYTE
from tillway.entrypoints.paywall.core import Admitted
from tillway.entrypoints.paywall.once import KEPT_BYTES, Turn
from tillway.entrypoints.paywall.replies import Reply, refusal
from tillway.entrypoints.paywall.request import Request

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
ResourceOf = Callable[[Scope], "str | Awaitable[str | None] | None"]

ADMITTED: Final = "tillway.admitted"
"""Where a scope holds what an application behind the paywall learns: an `Admitted`."""

_CLOSE: Final = {"type": "websocket.close", "code": 1008, "reason": "payment required"}
_PREFLIGHT: Final = frozenset({b"origin", b"access-control-request-method"})
_PORTS: Final = {"http": 80, "https": 443}


@define
class PaywallMiddleware:
    """Let only requests through to an application that have paid for a resource.

    ``resource`` is a product's id, or gives it for a scope; None is free. The application runs
    once a payment; with ``again``, for every request that may have the payment's answer again.
    Web sockets cannot pay, and are closed where a resource is to be paid. The gateway has to be
    open: `Gateway.running` belongs in the application's lifespan. ``public_url`` is the
    application's own address, or several, where they are not the gateway's (`server.public_url`);
    ValueError for what is no address.
    """

    app: App
    gateway: Gateway = field(kw_only=True)
    resource: str | ResourceOf = field(kw_only=True)
    again: bool = field(default=False, kw_only=True)
    body_bytes: int = field(default=MEBIBYTE, kw_only=True)
    public_url: str | Sequence[str] = field(default=(), kw_only=True)
    _addresses: Addresses | None = field(init=False, repr=False)

    @_addresses.default
    def _read_addresses(self) -> Addresses | None:
        return Addresses.of(self.public_url) if self.public_url else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        resource = await self._resource(scope)
        if resource is None:
            await self.app(scope, receive, send)
        elif scope["type"] == "websocket":
            await receive()
            await send(dict(_CLOSE))
        elif _is_preflight(scope):
            await self.app(scope, receive, _Bodiless(send))
        else:
            await self._charge(scope, receive, send, resource)

    async def _resource(self, scope: Scope) -> str | None:
        if scope["type"] not in ("http", "websocket"):
            return None
        if isinstance(self.resource, str):
            return self.resource
        found = self.resource(scope)
        return found if found is None or isinstance(found, str) else await found

    async def _charge(self, scope: Scope, receive: Receive, send: Send, resource: str) -> None:
        try:
            body = await _read(receive, self.body_bytes)
        except Declined as refused:
            await _send(send, refusal(refused))
            return
        if body is None:
            return
        decision = await self.gateway.door.decide(self._asked(scope, body), resource)
        if isinstance(decision, Reply):
            await _send(send, decision)
            return
        await self._admitted(
            {**scope, ADMITTED: decision}, _Replayed(receive, body), send, decision
        )

    def _asked(self, scope: Scope, body: bytes) -> Request:
        headers = _headers(scope["headers"])
        raw = scope.get("raw_path") or scope["path"].encode()
        peer = scope.get("client")
        return self.gateway.door.request(
            method=scope["method"],
            scheme=scope.get("scheme", "http"),
            host=headers.get("Host") or _server(scope),
            path=raw.partition(b"?")[0].decode("latin-1"),
            query=scope.get("query_string", b"").decode("latin-1"),
            headers=headers,
            body=body,
            peer=peer[0] if peer else "",
            addresses=self._addresses,
        )

    async def _admitted(
        self, scope: Scope, receive: Receive, send: Send, admitted: Admitted
    ) -> None:
        try:
            turn = None if self.again else await self.gateway.door.once.turn(admitted)
        except TillwayError as error:
            await _send(send, refusal(error))
            return
        if isinstance(turn, Answer):
            headers = {**turn.headers, **admitted.headers}
            await _send(send, Reply(status=turn.status, headers=headers, body=turn.body))
            return
        await self._run(scope, receive, _Copied(send, admitted), turn)

    async def _run(
        self, scope: Scope, receive: Receive, sent: "_Copied", turn: Turn | None
    ) -> None:
        try:
            await self.app(scope, receive, sent)
        except BaseException:
            if turn is not None:
                await turn.give_up()
            raise
        if turn is not None:
            await sent.end(turn)


def _is_preflight(scope: Scope) -> bool:
    """Tell whether a browser asks what it may send: it cannot pay for asking."""
    named = {bytes(name).lower() for name, _ in scope["headers"]}
    return scope["method"] == "OPTIONS" and named >= _PREFLIGHT


@define
class _Bodiless:
    """Sends headers alone: whoever pretends to be a preflight is given nothing that is sold."""

    send: Send

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = message.get("headers", ())
            kept = [pair for pair in headers if bytes(pair[0]).lower() != b"content-length"]
            await self.send({**message, "headers": kept})
        else:
            more = message.get("more_body", False)
            await self.send({"type": "http.response.body", "body": b"", "more_body": more})


@define
class _Replayed:
    """Gives a body that has been read, and then what else comes."""

    receive: Receive
    body: bytes
    given: bool = False

    async def __call__(self) -> Message:
        if self.given:
            return await self.receive()
        self.given = True
        return {"type": "http.request", "body": self.body, "more_body": False}


@define
class _Copied:
    """Sends what an application answers, with our headers, and keeps a copy of it."""

    send: Send
    admitted: Admitted
    status: int = 0
    headers: "CIMultiDict[str]" = field(factory=CIMultiDict)
    complete: bool = False
    _parts: list[bytes] = field(factory=list)
    _length: int = 0

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            message = self._started(message)
        elif message["type"] == "http.response.body":
            self._copy(message)
        else:
            self._length = KEPT_BYTES + 1  # a file by its path, or the like: no copy
        await self.send(message)

    async def end(self, turn: Turn) -> None:
        """Keep the answer if it has come to its end."""
        if not self.complete:
            await turn.give_up()
            return
        whole = self._length <= KEPT_BYTES
        await turn.answered(self.status, self.headers, b"".join(self._parts) if whole else None)

    def _started(self, message: Message) -> Message:
        self.status, self.headers = message["status"], _headers(message.get("headers", ()))
        ours = _raw(self.admitted.headers)
        taken = {name for name, _ in ours}
        theirs = [
            (name, value)
            for name, value in message.get("headers", ())
            if bytes(name).lower() not in taken
        ]
        return {**message, "headers": [*theirs, *ours]}

    def _copy(self, message: Message) -> None:
        part = bytes(message.get("body", b""))
        self.complete = not message.get("more_body", False)
        self._length += len(part)
        if self._length <= KEPT_BYTES:
            self._parts.append(part)
        else:
            self._parts.clear()


async def _read(receive: Receive, most: int) -> bytes | None:
    """Read a body to its end; None if its sender has left.

    Raises Declined (payload_too_large).
    """
    read = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        read += message.get("body", b"")
        if len(read) > most:
            raise Declined(Code.PAYLOAD_TOO_LARGE)
        if not message.get("more_body", False):
            return bytes(read)


def _headers(raw: Iterable[tuple[bytes, bytes]]) -> "CIMultiDict[str]":
    return CIMultiDict(
        [(bytes(name).decode("latin-1"), bytes(value).decode("latin-1")) for name, value in raw]
    )


def _raw(headers: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
    return [
        (name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()
    ]


def _server(scope: Scope) -> str:
    host, port = scope.get("server") or ("localhost", None)
    usual = port is None or port == _PORTS.get(scope.get("scheme", "http"))
    name = f"[{host}]" if ":" in host else host
    return name if usual else f"{name}:{port}"


async def _send(send: Send, reply: Reply) -> None:
    headers = _raw({**reply.headers, "Content-Length": str(len(reply.body))})
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    await send({"type": "http.response.body", "body": reply.body})
