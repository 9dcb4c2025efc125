"""Stripe's API over HTTP: keys, forms, idempotency, faults, and answers with their headers."""

import asyncio
import base64
import binascii
import hashlib
import re
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

import orjson
from aiohttp import web
from attrs import define, field, frozen

from tillway.entrypoints.sandbox.stripe.account import Account
from tillway.entrypoints.sandbox.stripe.calls import Call, Route
from tillway.entrypoints.sandbox.stripe.cards import DECLINED
from tillway.entrypoints.sandbox.stripe.errors import Refused, declined, invalid, unauthorized
from tillway.entrypoints.sandbox.stripe.faults import Fault, Faults, Kind
from tillway.entrypoints.sandbox.stripe.idempotency import Answer
from tillway.entrypoints.sandbox.stripe.read import EXPAND
from tillway.entrypoints.sandbox.stripe.render import event, shown
from tillway.entrypoints.sandbox.stripe.timing import catch_up
from tillway.entrypoints.sandbox.stripe.wire import Json, tree

_KEY: Final = re.compile(r"sk_test_[A-Za-z0-9_]{8,200}")
_VERSION: Final = re.compile(r"\d{4}-\d\d-\d\d[a-z0-9.]{0,40}")
_MOST_HEARD: Final = 1_000
_ID: Final = re.compile(r"[^/]{1,255}")

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@frozen(kw_only=True)
class Heard:
    """One call and its answer, for tests that look at what a client did; status 0 for none."""

    method: str
    path: str
    route: str
    params: Mapping[str, Json]
    key: str | None
    status: int
    body: bytes
    replayed: bool = False

    @property
    def answer(self) -> Json:
        """The answer as JSON."""
        return orjson.loads(self.body)


@frozen(kw_only=True)
class _Asked:
    """A call with its headers read."""

    route: Route
    call: Call
    id: str
    key: str | None
    version: str
    print: str


@define(eq=False)
class Face:
    """An account as Stripe's API shows it. The last thousand calls are in ``heard``."""

    account: Account
    faults: Faults = field(factory=Faults)
    heard: deque[Heard] = field(factory=lambda: deque(maxlen=_MOST_HEARD))

    def handler(self, route: Route) -> Handler:
        """Give what answers a route."""

        async def handle(request: web.Request) -> web.StreamResponse:
            return await self._handle(request, route)

        return handle

    async def unknown(self, request: web.Request) -> web.Response:
        """Answer for a path that Stripe, or this emulator, does not have."""
        message = f"Unrecognized request URL ({request.method}: {request.path[:200]})."
        refused = Refused(message, status=404)
        return _response(_refusal(refused), {"Request-Id": self._request_id()})

    def _request_id(self) -> str:
        return f"req_{self.account.shelves.token(14)}"

    async def _handle(self, request: web.Request, route: Route) -> web.StreamResponse:
        headers = {"Request-Id": self._request_id()}
        asked: _Asked | None = None
        replayed = False
        try:
            asked = await self._asked(request, route, headers)
            answer, replayed = await self._once(request, asked)
        except Refused as refused:
            answer = _refusal(refused)
        if answer is None:
            if asked is not None:
                self._note(asked, Answer(status=0, body=b"null"), replayed=False)
            if request.transport is not None:
                request.transport.abort()
            return web.Response()
        if replayed:
            headers["Idempotent-Replayed"] = "true"
        if asked is not None:
            self._note(asked, answer, replayed=replayed)
        return _response(answer, headers)

    def _note(self, asked: _Asked, answer: Answer, *, replayed: bool) -> None:
        self.heard.append(
            Heard(
                method=asked.route.method,
                path=asked.call.path,
                route=asked.route.path,
                params=asked.call.params,
                key=asked.key,
                status=answer.status,
                body=answer.body,
                replayed=replayed,
            )
        )

    async def _asked(self, request: web.Request, route: Route, headers: dict[str, str]) -> _Asked:
        try:
            body = await request.text()
        except (web.HTTPRequestEntityTooLarge, UnicodeDecodeError, LookupError):
            raise Refused("The request is too large, or no UTF-8.", status=413) from None
        secret = _secret(request.headers.get("Authorization", ""))
        version = self._version(request, headers)
        key = request.headers.get("Idempotency-Key") if route.method == "POST" else None
        if key:
            headers["Idempotency-Key"] = key
        text = f"{request.query_string}\0{body}"
        call = Call(
            path=request.path,
            ids=dict(request.match_info),
            params={**tree(request.query_string), **tree(body)},
        )
        printed = hashlib.sha256(f"{route.method} {request.path}\0{text}".encode()).hexdigest()
        scoped = f"{hashlib.sha256(secret.encode()).hexdigest()[:16]}:{key}" if key else None
        return _Asked(
            route=route,
            call=call,
            id=headers["Request-Id"],
            key=scoped,
            version=version,
            print=printed,
        )

    def _version(self, request: web.Request, headers: dict[str, str]) -> str:
        version = request.headers.get("Stripe-Version") or self.account.version
        if not _VERSION.fullmatch(version):
            raise invalid("Invalid Stripe API version: it begins with a date, as 2025-03-31.basil.")
        headers["Stripe-Version"] = version
        return version

    async def _once(self, request: web.Request, asked: _Asked) -> tuple[Answer | None, bool]:
        """Answer a call, or again as it was answered; None: the connection is to break."""
        if asked.key is None:
            return (await self._spoiled(request, asked))[0], False
        told = self.account.remembered.begin(asked.key, asked.print, self.account.clock())
        if told is not None:
            return told, True
        kept = None
        try:
            answer, kept = await self._spoiled(request, asked)
        finally:
            if kept is None:
                self.account.remembered.forget(asked.key)
        self.account.remembered.end(asked.key, kept) if kept else None
        return answer, False

    async def _spoiled(
        self, request: web.Request, asked: _Asked
    ) -> tuple[Answer | None, Answer | None]:
        """Give the answer that goes out, and the one that its key remembers."""
        if self.faults.latency_ms:
            await asyncio.sleep(self.faults.latency_ms / 1000)
        fault = self.faults.take(request.method, request.path)
        if fault is None:
            answer = self._done(asked)
            return answer, answer if answer.status in _LASTING else None
        if not fault.effective:
            return _spoilt(fault), None
        truth = self._done(asked)
        spoilt = _spoilt(fault)
        return spoilt, spoilt if fault.remembered and spoilt is not None else truth

    def _done(self, asked: _Asked) -> Answer:
        account = self.account
        catch_up(account)
        account.asked = {"id": asked.id, "idempotency_key": _named(asked.key)}
        try:
            return self._does(asked)
        except Refused as refused:
            return _refusal(refused)
        finally:
            account.asked = None

    def _does(self, asked: _Asked) -> Answer:
        params = dict(asked.call.params)
        expand = EXPAND(params.pop("expand", {}), "expand")
        item = asked.route.does(self.account, _with(asked.call, params))
        return _answer(200, self._shown(item, expand, asked.version))

    def _shown(self, item: Json, expand: list[str], version: str) -> Json:
        if item["object"] == "event":
            return event(self.account, item, version)
        if item["object"] == "list" and any(each["object"] == "event" for each in item["data"]):
            data = [event(self.account, each, version) for each in item["data"]]
            return {**item, "data": data}
        return shown(self.account, item, expand, version)


_LASTING: Final = (200, 402)


def _with(call: Call, params: dict[str, Json]) -> Call:
    return Call(path=call.path, ids=call.ids, params=params)


def _named(key: str | None) -> str | None:
    return key.partition(":")[2] if key else None


def _secret(header: str) -> str:
    """Read the key out of `Bearer` or `Basic`; Refused (401) if it is none of test mode."""
    scheme, _, value = header.partition(" ")
    if scheme.lower() == "basic":
        try:
            value = base64.b64decode(value, validate=True).decode("ascii").partition(":")[0]
        except (binascii.Error, UnicodeDecodeError):
            value = ""
    if not value:
        raise unauthorized("You did not provide an API key.")
    if not _KEY.fullmatch(value.strip()):
        raise unauthorized("Invalid API Key provided: the sandbox takes keys like sk_test_...")
    return value.strip()


def _spoilt(fault: Fault) -> Answer | None:
    match fault.kind:
        case Kind.DROP:
            return None
        case Kind.HTTP_429:
            refused = Refused("Too many requests.", status=429, code="rate_limit")
        case Kind.DECLINE:
            refused = declined(DECLINED.code, DECLINED.reason, DECLINED.message)
        case Kind.HTTP_500:
            refused = Refused("An unknown error occurred.", status=500, type="api_error")
    return _refusal(refused)


def _refusal(refused: Refused) -> Answer:
    return _answer(refused.status, refused.json())


def _answer(status: int, body: Json) -> Answer:
    return Answer(status=status, body=orjson.dumps(body, option=orjson.OPT_INDENT_2))


def _response(answer: Answer, headers: Mapping[str, str]) -> web.Response:
    return web.Response(
        body=answer.body, status=answer.status, headers=headers, content_type="application/json"
    )
