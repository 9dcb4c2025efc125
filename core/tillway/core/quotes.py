"""What a buyer was shown: a quote that is sealed, never stored, and comes back with the payment.

Two forms leave the gateway. The sealed quote is encrypted and carries everything. The
authenticator is 24 base64url characters short enough for a transaction memo; it carries no
terms, but vouches for those that the request and the transaction already show.
"""

import base64
import json
import re
import struct
from collections.abc import Iterable, Mapping
from enum import StrEnum
from functools import lru_cache

from attrs import field, frozen

from tillway.core.assets import Assets
from tillway.core.errors import Code, Declined
from tillway.core.money import Money
from tillway.core.tenancy import Tenant

AUTHENTICATOR_LENGTH = 24
"""Base64url characters; official x402 clients can afford a memo of 32 bytes."""

NONCE_BYTES = 5
MAC_BYTES = 8
_WORD = re.compile(rf"[A-Za-z0-9_-]{{{AUTHENTICATOR_LENGTH}}}")
_DOMAIN = b"tillway quote authenticator"
_VERSION = 1


class Purpose(StrEnum):
    """What a payment is for; it decides which purchases a proof can never be moved to."""

    PURCHASE = "purchase"
    CART = "cart"
    SUBSCRIPTION = "subscription"
    TOP_UP = "top-up"
    REFUND = "refund"


@frozen(kw_only=True)
class Quote:
    """A price that was promised to a buyer, with all that it was computed from.

    ``coupons`` are the codes that the buyer typed and that applied, and every applied code
    with a usage limit, sorted; ``applied`` are all applied codes in pricing order; ``limits``
    are the usage limits of those that have one, as they were when the price was promised. Times are
    whole seconds since 1970, UTC. ``nonce`` is random and makes equal quotes distinct.
    """

    network: str
    tenant: Tenant
    purpose: Purpose
    resource: str
    quantity: int
    inputs: Mapping[str, str]
    amount: Money
    pay_to: str
    coupons: tuple[str, ...]
    applied: tuple[str, ...]
    principal: str | None
    issued_at: int
    expires_at: int
    nonce: bytes
    limits: Mapping[str, int] = field(factory=dict)

    @property
    def id(self) -> str:
        """Name the quote: expiry and randomness, as the authenticator carries them."""
        return struct.pack(">I", self.expires_at).hex() + self.nonce.hex()


@frozen(kw_only=True)
class Authenticator:
    """The four parts of a memo of ours, not yet believed."""

    key_id: int
    expires_at: int
    nonce: bytes
    mac: bytes

    def __str__(self) -> str:
        """Write it as it stands in a memo."""
        raw = struct.pack(">BI", self.key_id, self.expires_at) + self.nonce + self.mac
        return base64.urlsafe_b64encode(raw).decode()


def read_authenticator(memo: str) -> Authenticator | None:
    """Read the authenticator that a memo is, or ends with after a colon; None if it has none.

    A v0 memo is a template filled with the authenticator as its nonce, so other words may
    stand beside it; the last word of the right length and alphabet is taken.
    """
    for word in reversed(memo.replace(":", " ").split()):
        if _WORD.fullmatch(word):
            return _parts(base64.urlsafe_b64decode(word))
    return None


def _parts(raw: bytes) -> Authenticator:
    key_id, expires_at = struct.unpack(">BI", raw[:5])
    nonce, mac = raw[5 : 5 + NONCE_BYTES], raw[5 + NONCE_BYTES :]
    return Authenticator(key_id=key_id, expires_at=expires_at, nonce=nonce, mac=mac)


def encode_terms(quote: Quote) -> bytes:
    """Give the bytes that an authenticator vouches for: versioned, each part length-prefixed.

    No two different terms have the same encoding, so a MAC over it moves nowhere.
    """
    expires_at = str(quote.expires_at).encode()
    return _encoded(_lasting(quote)) + _framed((expires_at, quote.nonce))


def dump(quote: Quote) -> bytes:
    """Give the bytes that a sealed quote encrypts."""
    lasting, nonce = _dumped(_lasting(quote)), quote.nonce.hex()
    own = f'"iat":{quote.issued_at},"exp":{quote.expires_at},"non":"{nonce}"'
    return f"{lasting},{own}}}".encode()


_Lasting = tuple[
    str,
    str,
    str,
    str,
    int,
    tuple[tuple[str, str], ...],
    int,
    str,
    str,
    tuple[str, ...],
    tuple[str, ...],
    str | None,
    tuple[tuple[str, int], ...],
]
"""What a quote has in common with all others of its purchase, for as long as the price holds.

Quotes are made by the thousand, so the encoding of this part is kept.
"""


def _lasting(quote: Quote) -> _Lasting:
    return (
        quote.network,
        quote.tenant,
        str(quote.purpose),
        quote.resource,
        quote.quantity,
        tuple(sorted(quote.inputs.items())) if quote.inputs else (),
        quote.amount.minor,
        quote.amount.asset.code,
        quote.pay_to,
        quote.coupons,
        quote.applied,
        quote.principal,
        tuple(sorted(quote.limits.items())) if quote.limits else (),
    )


@lru_cache(maxsize=1024)
def _encoded(lasting: _Lasting) -> bytes:
    network, tenant, purpose, resource, quantity, pairs, minor, asset, pay_to, coupons = lasting[
        :10
    ]
    inputs = [text for pair in pairs for text in pair]
    texts = [
        network,
        tenant,
        purpose,
        resource,
        str(quantity),
        str(len(inputs)),
        *inputs,
        str(minor),
        asset,
        pay_to,
        str(len(coupons)),
        *coupons,
    ]
    return _framed((_DOMAIN, bytes([_VERSION]), *(text.encode() for text in texts)))


def _framed(parts: Iterable[bytes]) -> bytes:
    return b"".join([len(part).to_bytes(4) + part for part in parts])


@lru_cache(maxsize=1024)
def _dumped(lasting: _Lasting) -> str:
    """Give the JSON of the lasting part, without the brace that ends it."""
    names = (
        "net",
        "ten",
        "for",
        "res",
        "qty",
        "in",
        "amt",
        "ast",
        "to",
        "cpn",
        "app",
        "who",
        "lim",
    )
    fields: dict[str, object] = dict(zip(names, lasting, strict=True))
    fields |= {"in": dict(lasting[5]), "lim": dict(lasting[12]), "v": _VERSION}
    return json.dumps(fields, separators=(",", ":")).removesuffix("}")


def load(raw: bytes, assets: Assets) -> Quote:
    """Read what ``dump`` wrote.

    Raises Declined (invalid_payment_proof) for another version, or an asset that is unknown.
    """
    fields = json.loads(raw)
    if fields["v"] != _VERSION or fields["ast"] not in assets:
        raise Declined(Code.INVALID_PAYMENT_PROOF, "The quote is of another version.")
    return Quote(
        network=fields["net"],
        tenant=Tenant(fields["ten"]),
        purpose=Purpose(fields["for"]),
        resource=fields["res"],
        quantity=fields["qty"],
        inputs=fields["in"],
        amount=Money(minor=fields["amt"], asset=assets.by_code(fields["ast"])),
        pay_to=fields["to"],
        coupons=tuple(fields["cpn"]),
        applied=tuple(fields["app"]),
        principal=fields["who"],
        issued_at=fields["iat"],
        expires_at=fields["exp"],
        nonce=bytes.fromhex(fields["non"]),
        limits=fields["lim"],
    )
