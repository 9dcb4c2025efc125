"""How a face of the gateway describes itself: its routes, for serving and for OpenAPI."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, TypeAlias

from attrs import frozen

if TYPE_CHECKING:
    from aiohttp import web

    from tillway.core.errors import Code
    from tillway.core.services.gateway import Services

Handler: TypeAlias = "Callable[[web.Request], Awaitable[web.StreamResponse]]"


class Pace(StrEnum):
    """How long a route may take: light 5 s, payment 60 s."""

    LIGHT = "light"
    PAYMENT = "payment"


@frozen(kw_only=True)
class Parameter:
    """One value in the path, the query or a header, as OpenAPI writes it.

    It is text; ``schema`` says more of it, as JSON schema does: ``{"maxLength": 255}``.
    """

    name: str
    where: str
    required: bool = False
    description: str = ""
    schema: Mapping[str, object] = {}


@frozen(kw_only=True)
class Answer:
    """One way a route answers. ``body`` is an attrs class, or None for what is not JSON."""

    status: int
    description: str
    body: type | None = None
    content_type: str = "application/json"


@frozen(kw_only=True)
class Route:
    """One method on one path.

    ``prefix`` puts it under ``server.route_prefix``; ``both`` serves it there and without.
    ``body`` is the attrs class of a JSON body. ``name`` is unique and is OpenAPI's operationId.
    ``headers`` are put on every answer of the handler, not on errors. ``open`` lets pages of all
    origins ask, wherever else the gateway restricts them. ``refusals`` are the codes of its own
    errors; those of every body and of every route need not be named. ``idempotent`` has a repeat
    with the same Idempotency-Key answered as the first was, instead of done again.
    """

    method: str
    path: str
    handler: Handler
    name: str
    summary: str
    answers: Sequence[Answer]
    pace: Pace = Pace.PAYMENT
    prefix: bool = True
    both: bool = False
    parameters: Sequence[Parameter] = ()
    body: type | None = None
    headers: Mapping[str, str] = {}
    open: bool = False
    refusals: Sequence[Code] = ()
    idempotent: bool = False


@frozen(kw_only=True)
class Api:
    """A face: a name, and the routes that it serves over the gateway's services."""

    name: str
    routes: Callable[[Services], Sequence[Route]]
