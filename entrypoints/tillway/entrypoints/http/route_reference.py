"""The reference page of the routes, written from the table that serves them.

Renew it with ``python -m tillway.entrypoints.http.route_reference > docs/reference/http.md``.
"""

from collections.abc import Iterator, Sequence

from attrs import fields

from tillway.entrypoints.bootstrap import create_app
from tillway.entrypoints.configuration import configure
from tillway.entrypoints.http.config import SERVED
from tillway.entrypoints.http.openapi import EVERYWHERE, refusals
from tillway.entrypoints.http.wire import name_of, required, wire_of
from tillway.plugins.api import Route

_SETTINGS = """
logging: {environment: development}
storage: {backend: memory}
paywall: {resources: {a: {fiat_amount_cents: 1}}}
"""
"""Enough for a gateway whose routes are looked at and which is never opened."""

_HEAD = """# HTTP

Every route of a gateway, as its table of routes has them. `GET /openapi.json` describes the same
for machines. Routes stand under `server.route_prefix` unless they say otherwise. Every error is
the envelope of [errors](errors.md); every answer carries `X-Request-ID`. Any route may also answer
413 `payload_too_large`, 500 `internal_error`, 503 `service_unavailable` and 504 `timeout`. What is
not HTTP at all is refused in the same envelope with 400 `invalid_field`, or 413 if it is too long.
"""


def render_routes(routes: Sequence[tuple[str, Route]]) -> str:
    """Write the page; routes are ordered by path, then method."""
    ordered = sorted(routes, key=lambda each: (each[0], each[1].method))
    parts = [_HEAD, *("\n".join(_route(path, route)) for path, route in ordered)]
    return "\n".join(parts) + "\n"


def _route(path: str, route: Route) -> Iterator[str]:
    yield f"## {route.method} {path}\n"
    where = "" if route.prefix else " Never under the prefix."
    yield f"{route.summary}.{where}\n"
    for parameter in route.parameters:
        need = "required" if parameter.required else "optional"
        yield f"- `{parameter.name}` ({parameter.where}, {need}): {parameter.description}"
    if route.parameters:
        yield ""
    if route.body is not None:
        yield "Body:\n"
        yield from _fields(route.body)
    for answer in route.answers:
        yield f"- **{answer.status}** {answer.description}"
    for status, codes in refusals(route).items():
        own = [f"`{code}`" for code in codes if code not in EVERYWHERE]
        if own:
            yield f"- **{status}** {', '.join(own)}"
    yield ""


def _fields(kind: type) -> Iterator[str]:
    for attribute in fields(kind):
        need = "required" if required(attribute) else "optional"
        about = wire_of(attribute)
        bound = f", at most {about.longest}" if about.longest else ""
        yield f"- `{name_of(attribute)}` ({need}{bound})"
    yield ""


def served_routes() -> Sequence[tuple[str, Route]]:
    """Give the routes that a gateway without any rail serves: they are the same for all."""
    return create_app(configure(_SETTINGS, {})).web[SERVED].routes


if __name__ == "__main__":
    print(render_routes(served_routes()), end="")
