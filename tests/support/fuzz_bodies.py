"""Strategies for the bodies of POST routes: JSON gone wrong, and bytes gone wrong around it."""

import gzip
import zlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from attrs import field, frozen
from hypothesis import strategies as st

from support.odd_json import ODD, Change, altered, changes, pick, plain, written
from support.raw_http import Header, chunked, request

MEBIBYTE: Final = 1024 * 1024

BODIES: Final[Mapping[bytes, Mapping[str, Any]]] = {
    b"/paywall/v1/quote": {"resource": "article", "couponCode": "HALF"},
    b"/paywall/v1/coupons/validate": {
        "code": "HALF",
        "productIds": ["article", "book"],
        "paymentMethod": "x402",
    },
    b"/paywall/v1/gasless-transaction": {
        "resourceId": "article",
        "userWallet": "7xKXtg2CW87d97TXJSDpbD5jBkheTqA83TZRuJosgAsU",
        "feePayer": None,
        "couponCode": "HALF",
    },
    b"/resources/list": {"jsonrpc": "2.0", "id": 1, "method": "resources/list", "params": {}},
    b"/paywall/v1/verify": {"resource": "article"},
    b"/paywall/article": {"resource": "article"},
}
"""A good body for each route that takes POST."""

TYPES: Final = (
    b"application/json",
    b"application/json",
    b"application/json; charset=utf-16",
    b"text/html",
    b"multipart/form-data; boundary=x",
    b"multipart/form-data",
    b"application/x-www-form-urlencoded",
    b"application/json; charset=\xff",
    b";;;",
    b"",
)
Wrap = Callable[[bytes], tuple[bytes, tuple[Header, ...]]]


def _plainly(body: bytes) -> tuple[bytes, tuple[Header, ...]]:
    return body, ()


def _in_chunks(body: bytes) -> tuple[bytes, tuple[Header, ...]]:
    parts = [body[at : at + 7] for at in range(0, min(len(body), 700), 7)]
    return chunked(*parts, body[700:]), ((b"Transfer-Encoding", b"chunked"),)


def _encoded(name: bytes, encode: Callable[[bytes], bytes]) -> Wrap:
    return lambda body: (encode(body), ((b"Content-Encoding", name),))


WRAPS: Final[tuple[Wrap, ...]] = (
    _plainly,
    _plainly,
    _plainly,
    _in_chunks,
    _encoded(b"gzip", gzip.compress),
    _encoded(b"deflate", zlib.compress),
    _encoded(b"gzip", bytes),
    _encoded(b"gzip", lambda body: gzip.compress(body)[:-9]),
    _encoded(b"deflate", lambda body: b"\xff" + body),
    _encoded(b"identity", bytes),
    _encoded(b"gzip, gzip", lambda body: gzip.compress(gzip.compress(body))),
    _encoded(b"br", bytes),
    _encoded(b"zstd", bytes),
    _encoded(b"rot13", bytes),
)


@frozen
class Posting:
    """Where a body goes, as what it is declared, and how it is wrapped."""

    target: bytes
    kind: bytes
    wrap: Wrap = field(repr=False)

    def request(self, body: bytes) -> bytes:
        """Write the request."""
        wrapped, headers = self.wrap(body)
        return request(b"POST", self.target, [(b"Content-Type", self.kind), *headers], wrapped)


postings: Final = st.builds(Posting, pick(list(BODIES)), pick(TYPES), pick(WRAPS))


def _altered(posting: Posting, made: Sequence[Change]) -> bytes:
    return posting.request(altered(BODIES[posting.target], made))


def _cut(posting: Posting, place: int, tail: bytes) -> bytes:
    text = written(BODIES[posting.target])
    return posting.request(text[: place % (len(text) + 1)] + tail)


altered_bodies: Final = st.builds(_altered, postings, changes)
any_bodies: Final = st.builds(Posting.request, postings, plain.map(written) | pick(ODD))
cut_bodies: Final = st.builds(_cut, postings, st.integers(0, 400), st.binary(max_size=60))

all_bodies: Final = altered_bodies | any_bodies | cut_bodies
"""Whole requests, as bytes."""


def large_bodies() -> Mapping[str, bytes]:
    """Write requests around the largest size that is taken, and far above it."""
    target = b"/paywall/v1/quote"
    text = b'{"resource":"article"}'
    bomb = gzip.compress(b" " * (64 * MEBIBYTE))
    post = Posting(target, b"application/json", _plainly)
    squeezed = Posting(target, b"application/json", _encoded(b"gzip", bytes))
    spoken = Posting(target, b"application/json", _in_chunks)
    return {
        "just fits": post.request(text.ljust(MEBIBYTE)),
        "one byte too long": post.request(text.ljust(MEBIBYTE + 1)),
        "just fits in chunks": spoken.request(text.ljust(MEBIBYTE)),
        "too long in chunks": spoken.request(text.ljust(MEBIBYTE + 1)),
        "four times too long": post.request(text.ljust(4 * MEBIBYTE)),
        "bomb": squeezed.request(bomb),
        "many members": post.request(written({f"f{at}": at for at in range(60_000)})),
        "deep": post.request(b'{"resource":' * 80_000),
        "long list": post.request(b'{"resource":[' + b"0," * 400_000 + b"0]}"),
        "long text": post.request(written({"resource": "a" * 900_000})),
        "long number": post.request(b'{"resource":' + b"1" * 900_000 + b"}"),
    }
