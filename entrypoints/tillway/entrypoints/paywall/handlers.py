"""The paywall around handlers of aiohttp."""

import functools
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from aiohttp import hdrs, web
from aiohttp.typedefs import Handler, Middleware
from attrs import define

from tillway.core.errors import Code, Declined, TillwayError
from tillway.core.ports.store import Answer
from tillway.entrypoints.gateway import Gateway
from tillway.entrypoints.http.addresses import Addresses
from tillway.entrypoints.http.replies import response_of
from tillway.entrypoints.paywall.core import Admitted
from tillway.entrypoints.paywall.doors import Door
from tillway.entrypoints.paywall.once import Turn
from tillway.entrypoints.paywall.replies import Reply, refusal
from tillway.entrypoints.paywall.request import Request

GATEWAY: Final = web.AppKey("tillway gateway", Gateway)
"""Where an application holds the gateway that its handlers are paid through."""

ADMITTED: Final = web.RequestKey("tillway admitted", Admitted)
"""What a handler behind the paywall learns: how it was paid, and by whom."""

ResourceOf = Callable[[web.Request], "str | Awaitable[str | None] | None"]


def paywalled(
    resource: str | ResourceOf,
    *,
    gateway: Gateway | None = None,
    again: bool = False,
    public_url: str | Sequence[str] = (),
) -> Callable[[Handler], Handler]:
    """Let only requests through to a handler that have paid for a resource.

    ``resource`` is a product's id, or gives it for a request; None is free. The gateway is the
    application's (`register_routes`, or ``app[GATEWAY]``) unless one is given. The handler runs
    once a payment; with ``again``, for every request that may have the payment's answer again.
    ``public_url`` is the application's own address, or several, where they are not the gateway's
    (`server.public_url`). Raises ValueError for what is no address.
    """
    guard = _Guard(resource, gateway, again, _addresses(public_url))

    def around(handler: Handler) -> Handler:

        @functools.wraps(handler)
        async def guarded(request: web.Request) -> web.StreamResponse:
            return await guard.handle(request, handler)

        return guarded

    return around


def paywall_middleware(
    resource: ResourceOf,
    *,
    gateway: Gateway | None = None,
    again: bool = False,
    public_url: str | Sequence[str] = (),
) -> Middleware:
    """Do the same for all routes of an application that ``resource`` gives a product for."""
    guard = _Guard(resource, gateway, again, _addresses(public_url))

    @web.middleware
    async def paywall(request: web.Request, handler: Handler) -> web.StreamResponse:
        return await guard.handle(request, handler)

    return paywall


@define
class _Guard:
    resource: str | ResourceOf
    gateway: Gateway | None
    again: bool
    addresses: Addresses | None

    async def handle(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if _is_preflights(request) or request.match_info.http_exception is not None:
            return await handler(request)  # a preflight cannot pay, and nothing is there to be sold
        resource = await _given(self.resource, request)
        if resource is None:
            return await handler(request)
        door = (self.gateway or request.config_dict[GATEWAY]).door
        try:
            asked = await _asked(request, door, self.addresses)
        except Declined as refused:
            return response_of(refusal(refused))
        decision = await door.decide(asked, resource)
        if isinstance(decision, Reply):
            return response_of(decision)
        request[ADMITTED] = decision
        return await self._admitted(request, handler, door, decision)

    async def _admitted(
        self, request: web.Request, handler: Handler, door: Door, admitted: Admitted
    ) -> web.StreamResponse:
        if self.again:
            return _with(await handler(request), admitted)
        try:
            turn = await door.once.turn(admitted)
        except TillwayError as error:
            return response_of(refusal(error))
        if isinstance(turn, Answer):
            return _with(_stored(turn), admitted)
        return _with(await _run(request, handler, turn), admitted)


def _addresses(public_url: str | Sequence[str]) -> Addresses | None:
    return Addresses.of(public_url) if public_url else None


def _is_preflights(request: web.Request) -> bool:
    """Tell whether a route is for preflights alone: one of every method would sell for nothing."""
    return request.match_info.route.method == hdrs.METH_OPTIONS


async def _given(resource: str | ResourceOf, request: web.Request) -> str | None:
    if isinstance(resource, str):
        return resource
    found = resource(request)
    return found if found is None or isinstance(found, str) else await found


async def _asked(request: web.Request, door: Door, addresses: Addresses | None) -> Request:
    try:
        body = await request.read()
    except web.HTTPRequestEntityTooLarge as error:
        raise Declined(Code.PAYLOAD_TOO_LARGE) from error
    return door.request(
        method=request.method,
        scheme=request.scheme,
        host=request.host,
        path=request.rel_url.raw_path,
        query=request.rel_url.raw_query_string,
        headers=request.headers,
        body=body,
        peer=request.remote or "",
        addresses=addresses,
    )


async def _run(request: web.Request, handler: Handler, turn: Turn | None) -> web.StreamResponse:
    if turn is None:
        return await handler(request)
    try:
        response = await handler(request)
    except web.HTTPException as raised:
        await turn.answered(raised.status, raised.headers, _body(raised))
        raised.headers.update(turn.admitted.headers)
        raise
    except BaseException:
        await turn.give_up()
        raise
    await turn.answered(response.status, response.headers, _body(response))
    return response


def _body(response: web.StreamResponse) -> bytes | None:
    """Give the body where it is known: not of files and streams."""
    if not isinstance(response, web.Response) or response.prepared:
        return None
    body = response.body
    if body is None:
        return b""
    return bytes(body) if isinstance(body, bytes | bytearray) else None


def _stored(answer: Answer) -> web.Response:
    return web.Response(body=answer.body, status=answer.status, headers=answer.headers)


def _with(response: web.StreamResponse, admitted: Admitted) -> web.StreamResponse:
    if not response.prepared:  # a stream that has begun has sent its headers
        response.headers.update(admitted.headers)
    return response
