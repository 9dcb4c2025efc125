"""Answer a repeated request as the first one was: `Route.idempotent` and an Idempotency-Key.

The key is the client's word for one request, and no secret: its scope is the tenant, whoever
asks, method and path; another query or body under it is refused. Whoever asks is a principal, or
what he shows; without a signature, which is nobody else's, it is his address too. So whoever
guesses a key is given nobody's session. One process runs the request, whoever else asks meanwhile
waits. What was granted or quoted is kept for a day; a refusal is not, nor is trouble of ours, so
that the same key may be used again.
"""

import hashlib
import logging
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Final
from uuid import uuid4

from aiohttp import web
from attrs import evolve, frozen

from tillway.core.errors import Code, Declined, Unavailable
from tillway.core.neighbours import neighbours_of
from tillway.core.ports.clock import Clock
from tillway.core.ports.store import Answer as Kept
from tillway.core.ports.store import Mismatch, Replay, Running, Started, Store
from tillway.entrypoints.http.convert import raw_body
from tillway.entrypoints.http.request import CLIENT, PRINCIPAL, TENANT
from tillway.entrypoints.paywall.request import (
    IDEMPOTENCY_KEY,
    KEYS,
    LONGEST_KEY,
    SIGNATURE_HEADERS,
    idempotency_key,
)
from tillway.plugins.api import Handler, Parameter, Route

_log = logging.getLogger(__name__)

REPLAY: Final = "X-Idempotency-Replay"

KEPT: Final = timedelta(hours=24)
"""How long an answer is given again."""

RUNS: Final = timedelta(seconds=90)
"""How long a request may run before another may run in its place: longer than any time-out."""

WAIT: Final = 10.0
"""Seconds for which a repeat waits for the first one's answer."""

_SHOWN: Final = ("Authorization", *SIGNATURE_HEADERS)
"""Headers by which handlers tell who asks: nobody is given another's answer."""

_SIGNED: Final = SIGNATURE_HEADERS[-1]

_PAUSE: Final = 0.1
_PAYMENT_REQUIRED: Final = 402
_UNKEPT_HEADERS: Final = frozenset({"content-length", "date", "server", "transfer-encoding"})


def once(routes: Sequence[Route], store: Store, clock: Clock) -> Sequence[Route]:
    """Give the routes; those that are idempotent take the header, and say so."""
    return [_once(route, store, clock) if route.idempotent else route for route in routes]


def _once(route: Route, store: Store, clock: Clock) -> Route:
    parameter = Parameter(
        name=IDEMPOTENCY_KEY,
        where="header",
        description="Names this request: a repeat gets the first one's answer for a day.",
        schema={"maxLength": LONGEST_KEY, "pattern": f"^{KEYS}$"},
    )
    named = [each.name for each in route.parameters]
    return evolve(
        route,
        handler=Once(handler=route.handler, store=store, clock=clock).handle,
        parameters=route.parameters if IDEMPOTENCY_KEY in named else (*route.parameters, parameter),
        refusals=(*route.refusals, Code.INVALID_FIELD, Code.IDEMPOTENCY_KEY_REUSED),
    )


@frozen(kw_only=True)
class _Asked:
    """A request by the names under which its answer is kept. ``owner`` runs it, nobody else."""

    key: str
    request: str
    owner: str


@frozen(kw_only=True)
class Once:
    """Run a handler once for a key."""

    handler: Handler
    store: Store
    clock: Clock

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer; a repeat as the first, with ``X-Idempotency-Replay: true``.

        Declined (idempotency_key_reused) if the key names another request, Unavailable if the
        first one runs still.
        """
        text = idempotency_key(request.headers)
        if text is None:
            return await self.handler(request)
        asked = _asked(request, text, await raw_body(request))
        kept = await self._begun(request, asked)
        if kept is not None:
            return web.Response(
                status=kept.status, headers={**kept.headers, REPLAY: "true"}, body=kept.body
            )
        return await self._run(request, asked)

    async def _begun(self, request: web.Request, asked: _Asked) -> Kept | None:
        waited = 0.0
        while True:
            found = await self._start(request, asked)
            match found:
                case Started():
                    return None
                case Replay():
                    return found.answer
                case Mismatch():
                    text = "This Idempotency-Key was used for another request."
                    raise Declined(Code.IDEMPOTENCY_KEY_REUSED, text)
            if waited >= WAIT:
                raise Unavailable(retry_after=2.0)
            await self.clock.sleep(_PAUSE)
            waited += _PAUSE

    async def _start(
        self, request: web.Request, asked: _Asked
    ) -> Started | Running | Mismatch | Replay:
        now = self.clock.now()
        async with self.store.begin(once=True) as unit:
            return await unit.answers.start(
                request[TENANT], asked.key, asked.request, asked.owner, now, now + RUNS
            )

    async def _run(self, request: web.Request, asked: _Asked) -> web.StreamResponse:
        try:
            response = await self.handler(request)
        except BaseException:  # a time-out too: nobody else would give the key up
            await self._abandon(request, asked)
            raise
        if response.status >= 400 and response.status != _PAYMENT_REQUIRED:
            await self._abandon(request, asked)
        elif isinstance(response, web.Response):
            await self._complete(request, asked, response)
        return response

    async def _complete(self, request: web.Request, asked: _Asked, response: web.Response) -> None:
        body = response.body
        kept = Kept(
            status=response.status,
            headers={
                name: value
                for name, value in _plain(response.headers).items()
                if name not in _UNKEPT_HEADERS
            },
            body=bytes(body) if isinstance(body, (bytes, bytearray)) else b"",
        )
        until = self.clock.now() + KEPT
        try:
            async with self.store.begin(once=True) as unit:
                await unit.answers.complete(request[TENANT], asked.key, asked.owner, kept, until)
        except Unavailable as away:  # what was done is done, and is answered at least once
            _log.warning("an answer could not be kept: %s", away)

    async def _abandon(self, request: web.Request, asked: _Asked) -> None:
        try:
            async with self.store.begin(once=True) as unit:
                await unit.answers.abandon(request[TENANT], asked.key, asked.owner)
        except Unavailable as away:
            _log.warning("an idempotency key is given up later: %s", away)


def _plain(headers: Mapping[str, str]) -> Mapping[str, str]:
    """Give headers by names that any store takes: aiohttp's are a kind of text of its own."""
    return {"".join(name.lower()): value for name, value in headers.items()}


def _asked(request: web.Request, text: str, body: bytes) -> _Asked:
    where = (*_who(request), request.method, request.path, text)
    what = (request.rel_url.raw_query_string, hashlib.sha256(body).hexdigest())
    return _Asked(key=_hashed(where), request=_hashed(what), owner=uuid4().hex)


def _who(request: web.Request) -> Sequence[str]:
    """Tell who asks: what a stranger would have to know, or be, to ask the same."""
    shown = [request.headers.get(name, "") for name in _SHOWN]
    principal = request[PRINCIPAL]
    if principal is not None:
        return (principal, *shown, "")
    signed = bool(request.headers.get(_SIGNED))
    return ("", *shown, "" if signed else neighbours_of(request[CLIENT]))


def _hashed(parts: Sequence[str]) -> str:
    framed = "".join(f"{len(part)}:{part}" for part in parts)
    return hashlib.sha256(framed.encode("utf-8", "surrogateescape")).hexdigest()
