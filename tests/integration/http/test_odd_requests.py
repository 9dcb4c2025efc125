"""Requests that are HTTP and meant badly: each gets the one status that it must get."""

import gzip
from collections.abc import Mapping
from typing import Final

import pytest
from attrs import field, frozen

from support.raw_http import Header, chunked, request
from support.served import Gateway
from support.verdicts import answered

ARTICLE: Final = b"/paywall/article"
QUOTE: Final = b"/paywall/v1/quote"
CART: Final = b"/paywall/v1/cart/quote"
ITEMS: Final = b'{"items":[{"resource":"article","quantity":1}]}'
MEBIBYTE: Final = 1024 * 1024


@frozen
class Odd:
    """A request, and what it must get: a status, a code where it is refused, and headers."""

    raw: bytes = field(repr=False)
    status: int
    code: str | None = None
    headers: Mapping[str, str] = {}


def get(target: bytes, *headers: Header, method: bytes = b"GET") -> bytes:
    return request(method, target, headers)


def post(target: bytes, *headers: Header, body: bytes = b"{}") -> bytes:
    return request(b"POST", target, headers, body)


def nowhere(target: bytes) -> Odd:
    return Odd(get(target), 404, "route_not_found")


def no_product(target: bytes) -> Odd:
    return Odd(get(target), 400, "invalid_resource")


def no_method(method: bytes, *headers: Header) -> Odd:
    allowed = {"Allow": "GET, POST"}
    return Odd(get(ARTICLE, *headers, method=method), 405, "method_not_allowed", allowed)


def priced(*headers: Header, target: bytes = ARTICLE) -> Odd:
    return Odd(get(target, *headers), 402)


def refused_key(*keys: bytes) -> Odd:
    headers = [(b"Idempotency-Key", key) for key in keys]
    return Odd(post(CART, *headers, body=ITEMS), 400, "invalid_field")


WORD: Final[tuple[Header, ...]] = (
    (b"X-Signer", b"a"),
    (b"X-Message", b"access:http://evil.example/paywall/article:1"),
    (b"X-Signature", b"b"),
)

TABLE: Final[Mapping[str, Odd]] = {
    # Methods.
    "HEAD": Odd(get(ARTICLE, method=b"HEAD"), 405, None, {"Allow": "GET, POST"}),
    "OPTIONS": no_method(b"OPTIONS"),
    "TRACE": no_method(b"TRACE"),
    "PUT": no_method(b"PUT"),
    "another method in disguise": priced((b"X-HTTP-Method-Override", b"DELETE")),
    # Paths.
    "a slash in disguise": no_product(b"/paywall/v1%2Fquote"),
    "up and out in disguise": no_product(b"/paywall/..%2F..%2Fmetrics"),
    "a backslash": no_product(b"/paywall/article%5c.."),
    "dots": no_product(b"/paywall/%2e%2e"),
    "up and out": nowhere(b"/paywall/../metrics"),
    "up and out, half in disguise": nowhere(b"/paywall/%2e%2e/metrics"),
    "two slashes": nowhere(b"//metrics"),
    "another host for a path": nowhere(b"//evil.example/paywall/article"),
    "a slash behind": nowhere(b"/metrics/"),
    "capitals": nowhere(b"/METRICS"),
    "a zero": nowhere(b"/metrics%00"),
    "a parameter in the path": nowhere(b"/metrics;x"),
    # Hosts.
    "a host with a user": priced((b"Host", b"shop@evil.example")),
    "a host with a tag": priced((b"Host", b'"><script src=//evil.example>')),
    "a host with a path": priced((b"Host", b"a/evil.example")),
    "two hosts": Odd(get(ARTICLE, (b"Host", b"a"), (b"Host", b"b")), 400, "invalid_field"),
    "a word for another site": Odd(
        get(ARTICLE, (b"Host", b"evil.example"), *WORD), 403, "forbidden"
    ),
    # Headers.
    "two payments": Odd(get(ARTICLE, *[(b"X-PAYMENT", b"e30=")] * 2), 402),
    "two payments of version 2": Odd(get(ARTICLE, *[(b"PAYMENT-SIGNATURE", b"e30=")] * 2), 402),
    "a long payment": priced((b"X-PAYMENT", b"A" * 17 * 1024)),
    "a header beyond all measure": Odd(
        get(ARTICLE, (b"X-Long", b"A" * 70_000)), 413, "payload_too_large"
    ),
    "two keys": refused_key(b"a", b"b"),
    "one key twice": refused_key(b"a", b"a"),
    "a key that is no text": refused_key(b"\xff"),
    "a long key": refused_key(b"k" * 256),
    "a long session": Odd(
        get(ARTICLE, (b"X-Stripe-Session", b"cs_" + b"a" * 5_000)), 404, "session_not_found"
    ),
    "two operators": Odd(
        get(
            b"/paywall/v1/purchases",
            (b"Authorization", b"Bearer a"),
            (b"Authorization", b"Bearer b"),
        ),
        401,
        "unauthorized",
    ),
    "a part of an offer": priced((b"Range", b"bytes=0-10")),
    "a part of a document": Odd(get(b"/openapi.json", (b"Range", b"bytes=0-10")), 200),
    "a web socket": priced((b"Upgrade", b"websocket"), (b"Connection", b"Upgrade")),
    "a hundred hops": priced(*[(b"X-Forwarded-For", b"192.0.2.1")] * 100),
    "a line break in a coupon": priced(target=ARTICLE + b"?couponCode=%0d%0aX-Evil:%201"),
    # Bodies.
    "a body that says it is too long": Odd(
        post(QUOTE, (b"Content-Length", b"2000000")), 413, "payload_too_large"
    ),
    "a body in chunks that is too long": Odd(
        post(QUOTE, (b"Transfer-Encoding", b"chunked"), body=chunked(*[b" " * 65_536] * 17)),
        413,
        "payload_too_large",
    ),
    "a body that grows": Odd(
        post(QUOTE, (b"Content-Encoding", b"gzip"), body=gzip.compress(bytes(5 * MEBIBYTE))),
        413,
        "payload_too_large",
    ),
    "two lengths": Odd(
        post(
            QUOTE, (b"Content-Length", b"5"), (b"Transfer-Encoding", b"chunked"), body=b"0\r\n\r\n"
        ),
        400,
        "invalid_field",
    ),
    "a body where none is read": Odd(request(b"GET", ARTICLE, (), b"{}"), 402),
}


class TestOddRequests:
    @pytest.mark.parametrize("name", list(TABLE))
    def test_each_gets_the_status_that_it_must_get(self, gateway: Gateway, name: str) -> None:
        """Nothing moves, nothing is logged, and no answer carries the stranger's host."""
        odd = TABLE[name]
        reply = answered(gateway.wire, odd.raw)

        assert reply.status == odd.status, reply
        if odd.code is not None:
            assert reply.json()["error"]["code"] == odd.code
        for header, value in odd.headers.items():
            assert reply.header(header) == value
        told = repr((reply.body, reply.headers))
        assert "evil" not in told.lower()

    def test_of_two_payments_none_is_taken(self, gateway: Gateway) -> None:
        """Whoever stands before us may have looked at the other one."""
        for name, header in (("X-PAYMENT", b"X-PAYMENT"), ("v2", b"PAYMENT-SIGNATURE")):
            twice = get(ARTICLE, (header, b"e30="), (header, b"e30="))
            reply = answered(gateway.wire, twice)
            assert reply.json()["error"] == "invalid_payload", name
