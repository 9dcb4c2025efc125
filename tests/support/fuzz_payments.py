"""Strategies for payment headers and for the transactions inside."""

import base64
from collections.abc import Callable
from typing import Final

from attrs import field, frozen
from hypothesis import strategies as st

from support.damage import Damage, damages
from support.odd_json import ODD, Change, altered, changes, pick, written
from support.raw_http import Header, request
from support.wire_payments import VERSIONS, Payments, carrying, signed_again, transaction_of

LIMIT: Final = 16 * 1024
"""The longest payment header that is read."""

ROUTES: Final = (
    (b"GET", b"/paywall/article"),
    (b"POST", b"/paywall/article"),
    (b"GET", b"/paywall/course?couponCode=HALF"),
    (b"GET", b"/paywall/mug"),
    (b"GET", b"/paywall/nothing"),
    (b"POST", b"/paywall/v1/verify"),
    (b"POST", b"/paywall/v1/verify"),
)
NAMES: Final = (b"X-PAYMENT", b"PAYMENT-SIGNATURE")
ENCODINGS: Final[tuple[Callable[[bytes], bytes], ...]] = (
    bytes,
    bytes,
    base64.b64encode,
    base64.b64encode,
    base64.b64encode,
    base64.urlsafe_b64encode,
    lambda raw: base64.b64encode(raw).rstrip(b"="),
    lambda raw: base64.b64encode(raw) + b"==",
    lambda raw: base64.b64encode(raw)[:-3],
    lambda raw: base64.b64encode(raw)[::-1],
    lambda raw: base64.b64encode(base64.b64encode(raw)),
    lambda raw: base64.b64encode(b"\xef\xbb\xbf" + raw),
    lambda raw: base64.b64encode(raw + b" trailing"),
    lambda raw: base64.b64encode(raw.decode("utf-8", "replace").encode("utf-16")),
    lambda raw: b"{" + base64.b64encode(raw),
)
BESIDE: Final[tuple[tuple[Header, ...], ...]] = (
    (),
    (),
    (),
    ((b"Idempotency-Key", b"k" * 40),),
    ((b"Idempotency-Key", b"\xff" * 256),),
    ((b"X-Signer", b"a"), (b"X-Message", b"repeat-payment:x:1"), (b"X-Signature", b"AA==")),
    ((b"X-PAYMENT", b"e30="),),
    ((b"PAYMENT-SIGNATURE", b""),),
    ((b"X-PAYMENT", b"\xff\xfe"),),
)
_ALLOWED: Final = frozenset({*range(0x20, 0x7F), *range(0x80, 0x100), 0x09})


def clean(value: bytes) -> bytes:
    """Leave out what the server's HTTP parser would refuse before the gateway sees it."""
    return bytes(byte for byte in value if byte in _ALLOWED)


@frozen
class Sending:
    """To which route a payment goes, in which header, how encoded, with what beside it."""

    route: tuple[bytes, bytes]
    name: bytes
    encode: Callable[[bytes], bytes] = field(repr=False)
    beside: tuple[Header, ...]

    def request(self, text: bytes) -> bytes:
        """Write the request."""
        return request(*self.route, [(self.name, clean(self.encode(text))), *self.beside])


def _sendings(encodings: tuple[Callable[[bytes], bytes], ...]) -> st.SearchStrategy[Sending]:
    return st.builds(
        Sending,
        pick(ROUTES),
        pick(NAMES),
        pick(encodings),
        pick(BESIDE),
    )


any_sending: Final = _sendings(ENCODINGS)
usual_sending: Final = _sendings((base64.b64encode,))

garbage: Final = st.binary(max_size=200) | st.text(max_size=100).map(str.encode)
lone_json: Final = pick(ODD)


@frozen
class Altered:
    """A payment with members changed."""

    version: str
    made: tuple[Change, ...]

    def text(self, payments: Payments) -> bytes:
        """Write it."""
        return altered(payments.envelope(self.version), self.made)


altered_payments: Final = st.builds(Altered, st.sampled_from(VERSIONS), changes)


@frozen
class Sized:
    """A payment as raw JSON, padded to a length."""

    version: str
    length: int

    def text(self, payments: Payments) -> bytes:
        """Write it."""
        envelope = payments.envelope(self.version)
        bare = len(written({**envelope, "padding": ""}))
        return written({**envelope, "padding": "x" * (self.length - bare)})


LENGTHS: Final = (LIMIT - 1, LIMIT, LIMIT + 1, 3 * LIMIT, LIMIT * 3 // 4, LIMIT * 3 // 4 + 1)
sized_payments: Final = st.builds(Sized, st.sampled_from(VERSIONS), st.sampled_from(LENGTHS))


@frozen
class Damaged:
    """A payment whose transaction is damaged, and perhaps signed anew by its buyer."""

    version: str
    damage: Damage
    again: bool

    def text(self, payments: Payments) -> bytes:
        """Write it."""
        envelope = payments.envelope(self.version)
        broken = self.damage.done_to(transaction_of(envelope))
        if self.again:
            broken = signed_again(broken, payments.buyer)
        return written(carrying(envelope, broken))


damaged_payments: Final = st.builds(Damaged, st.sampled_from(VERSIONS), damages, st.booleans())
