"""What Stripe's API looks like on the wire, and nothing of what it does: answers are scripted."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from enum import Enum
from typing import Any, Final

from aiohttp import web
from attrs import define, field, frozen
from yarl import URL

_PART: Final = re.compile(r"\[([^\]]*)\]")


class Fault(Enum):
    """Ways not to answer."""

    DROP = "drop"
    HANG = "hang"


@frozen(kw_only=True)
class Asked:
    """A request as it came. ``params`` are the form or the query, with its brackets undone."""

    method: str
    path: str
    params: Mapping[str, Any]
    headers: Mapping[str, str]

    @property
    def key(self) -> str:
        """Its idempotency key."""
        return self.headers.get("Idempotency-Key", "")


@frozen
class Says:
    """An answer."""

    body: object
    status: int = 200
    headers: Mapping[str, str] = {}


Answers = Says | Fault
Script = Callable[[Asked], Answers]


def error(
    status: int, type_: str = "invalid_request_error", code: str = "", param: str = ""
) -> Says:
    """Give an error as Stripe words it; the text must reach nobody."""
    told = {"type": type_, "message": "SECRET-TEXT of Stripe's", "code": code, "param": param}
    return Says(
        status=status,
        body={"error": {name: text for name, text in told.items() if text}},
        headers={"Request-Id": "req_1"},
    )


@define(kw_only=True)
class StripeWire:
    """A server on the loopback interface that answers as its script says."""

    url: str = ""
    script: Script = field(default=lambda asked: error(404, code="resource_missing"))
    asked: list[Asked] = field(factory=list)
    _gone: asyncio.Event = field(factory=asyncio.Event)

    def say(self, *answers: Answers) -> None:
        """Answer with these, one after the other, and with the last for ever."""
        left = list(answers)
        self.script = lambda asked: left.pop(0) if len(left) > 1 else left[0]

    def answer(self, answers: Mapping[str, Answers]) -> None:
        """Answer by method and path: ``POST /v1/refunds``; others there are none of."""
        self.script = lambda asked: answers.get(
            f"{asked.method} {asked.path}", error(404, code="resource_missing")
        )

    def to(self, path: str, method: str = "POST") -> Sequence[Asked]:
        """Give what was asked at a path."""
        return [one for one in self.asked if (one.method, one.path) == (method, path)]

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Note a request, and answer it."""
        pairs = [*request.query.items(), *URL(f"?{await request.text()}").query.items()]
        asked = Asked(
            method=request.method,
            path=request.path,
            params=nested(pairs),
            headers=dict(request.headers),
        )
        self.asked.append(asked)
        answer = self.script(asked)
        if answer is Fault.HANG:
            await self._gone.wait()
        if isinstance(answer, Fault):
            if request.transport is not None:
                request.transport.abort()
            return web.Response()
        return web.json_response(answer.body, status=answer.status, headers=dict(answer.headers))

    def close(self) -> None:
        """Let those go who wait."""
        self._gone.set()


@asynccontextmanager
async def stripe_wire() -> AsyncIterator[StripeWire]:
    """Serve until the block ends."""
    wire = StripeWire()
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", wire.handle)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    wire.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield wire
    finally:
        wire.close()
        await runner.cleanup()


def nested(pairs: Sequence[tuple[str, str]]) -> dict[str, Any]:
    """Undo brackets: ``a[b][0][c]=1`` is a mapping, a list and a mapping."""
    found: dict[str, Any] = {}
    for name, value in pairs:
        first, rest = name.partition("[")[0], _PART.findall(name)
        _put(found, [first, *rest], value)
    return {name: _lists(value) for name, value in found.items()}


def _put(into: dict[str, Any], path: Sequence[str], value: str) -> None:
    for part in path[:-1]:
        into = into.setdefault(part, {})
    into[path[-1] or str(len(into))] = value


def _lists(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    inner = {name: _lists(each) for name, each in value.items()}
    numbered = inner and all(name.isdecimal() for name in inner)
    return list(inner.values()) if numbered else inner
