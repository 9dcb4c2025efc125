"""Odd requests, as servers of ASGI hand them on: each gets an answer, and none is let in."""

from collections.abc import AsyncIterator, Mapping
from typing import Any, Final

import pytest
from attrs import field, frozen

from support.hosts import answer_of, called, scope_of
from support.shop import Shop, open_shop
from support.untouched import untouched
from tillway.entrypoints import PaywallMiddleware
from tillway.entrypoints.paywall.asgi import Receive, Scope, Send

Raw = tuple[bytes, bytes]


@frozen(kw_only=True)
class Odd:
    """What is odd in a scope, and what it must get: a status, and an error or its code."""

    status: int = 402
    error: str = "payment required"
    headers: tuple[Raw, ...] = ()
    scope: Mapping[str, Any] = field(factory=dict)


def twice(name: bytes, value: bytes) -> tuple[Raw, ...]:
    return ((name, value), (name.title(), value))


WORD: Final[tuple[Raw, ...]] = (
    (b"x-signer", b"\xff"),
    (b"x-message", b"access:https://books.example/chapter:1"),
    (b"x-signature", b"\xff"),
)
INVALID: Final = "invalid_payload"

TABLE: Final[Mapping[str, Odd]] = {
    "half a percent": Odd(scope={"query_string": b"couponCode=%"}),
    "a surrogate": Odd(scope={"query_string": b"couponCode=%ed%a0%80"}),
    "bytes in the query": Odd(scope={"query_string": b"couponCode=\xff\xfe"}),
    "a crowded query": Odd(scope={"query_string": b"a=1&" * 20_000}),
    "bytes in the path": Odd(scope={"raw_path": b"/\xff\xfe"}),
    "a line break in the path": Odd(scope={"raw_path": b"/a\r\nX-Evil: 1"}),
    "no path": Odd(scope={"raw_path": b""}),
    "no headers": Odd(scope={"headers": []}),
    "nobody's address": Odd(scope={"headers": [], "server": None, "client": None}),
    "a socket's address": Odd(scope={"headers": [], "server": ("/run/books.sock", None)}),
    "an address of IPv6": Odd(scope={"headers": [], "server": ("::1", 8000)}),
    "two hosts": Odd(headers=((b"host", b"evil.example"),)),
    "a payment that is no text": Odd(error=INVALID, headers=((b"x-payment", b"\xff"),)),
    "a payment too deep": Odd(error=INVALID, headers=((b"x-payment", b"[" * 8_000),)),
    "a payment too long": Odd(error=INVALID, headers=((b"x-payment", b"A" * 17_000),)),
    "two payments": Odd(error=INVALID, headers=twice(b"x-payment", b"e30=")),
    "two payments of version 2": Odd(error=INVALID, headers=twice(b"payment-signature", b"e30=")),
    "a session that is none": Odd(
        status=404, error="session_not_found", headers=((b"x-stripe-session", b"cs_\xff"),)
    ),
    "a word where nobody knows us": Odd(status=403, error="forbidden", headers=WORD),
    "a method of its own": Odd(scope={"method": "PROPFIND"}),
    "OPTIONS that is no preflight": Odd(scope={"method": "OPTIONS"}),
    "HEAD": Odd(scope={"method": "HEAD"}),
}


async def never(scope: Scope, receive: Receive, send: Send) -> None:
    """Be the application: nobody gets here without paying."""
    raise AssertionError("somebody was let in")


@pytest.fixture
async def shop() -> AsyncIterator[Shop]:
    async with open_shop() as made:
        yield made


class TestOddScopes:
    async def test_each_gets_the_answer_that_it_must_get(self, shop: Shop) -> None:
        """Nothing is raised into the server, and nothing moves."""
        outer = PaywallMiddleware(never, gateway=shop.gateway, resource="article")
        async with untouched(shop):
            for name, odd in TABLE.items():
                asked = scope_of(**odd.scope)
                asked["headers"] = [*asked["headers"], *odd.headers]
                said = answer_of(await called(outer, asked))
                error = said.body["error"] if said.code is None else said.code
                assert (said.status, error) == (odd.status, odd.error), name
                assert "evil.example" not in str((said.body, said.required)), name
