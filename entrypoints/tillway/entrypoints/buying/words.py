"""What a buyer hears: offers and receipts, read from the seller's headers."""

import base64
import binascii
from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlsplit

import orjson
from attrs import frozen

PENDING: Final = "settlement_pending"
"""The reason by which a seller says that the same payment should be presented again."""

ANY_SOLANA: Final = "solana:"
_FIELDS: Final = ("amount", "asset", "payTo")


class CannotPay(Exception):
    """The purchase could not be made; the message says why."""


class Refused(Exception):
    """The seller, or the buyer's own limit, refused the purchase; the message says why."""


@frozen(kw_only=True)
class Challenge:
    """A 402 of version 2, and the offer that this buyer takes."""

    url: str
    resource: Mapping[str, Any]
    offer: Mapping[str, Any]

    @property
    def amount(self) -> int:
        """The price in the asset's smallest units."""
        return int(self.offer["amount"])

    @property
    def asset(self) -> str:
        """The mint's address."""
        return str(self.offer["asset"])

    @property
    def sponsor(self) -> str:
        """Who pays the network's fee."""
        extra: Mapping[str, Any] = self.offer.get("extra") or {}
        if "feePayer" not in extra:
            raise CannotPay("the seller's offer names no feePayer, which the scheme requires")
        return str(extra["feePayer"])

    @property
    def memo(self) -> str:
        """What the transaction must say, empty for nothing."""
        extra: Mapping[str, Any] = self.offer.get("extra") or {}
        return str(extra.get("memo", ""))


@frozen(kw_only=True)
class Receipt:
    """How the seller answered. ``settlement`` is the decoded receipt, empty without one."""

    status: int
    body: str
    settlement: Mapping[str, Any] = {}
    retry_after: float = 2.0

    @property
    def pending(self) -> bool:
        """Tell whether the money may be moving, so that only the same payment may follow."""
        return self.settlement.get("errorReason") == PENDING

    @property
    def transaction(self) -> str:
        """The transaction's signature, empty if the seller names none."""
        return str(self.settlement.get("transaction") or "")


def challenge_in(url: str, header: str | None) -> Challenge:
    """Read a PAYMENT-REQUIRED header; CannotPay unless it has an offer on Solana."""
    if header is None:
        raise CannotPay("the seller makes no offer of x402 version 2")
    required = decoded(header, "PAYMENT-REQUIRED")
    offers: Sequence[object] = required.get("accepts") or ()
    for offer in offers:
        if isinstance(offer, Mapping) and str(offer.get("network")).startswith(ANY_SOLANA):
            _refuse_malformed(offer)
            return Challenge(url=url, resource=required.get("resource") or {}, offer=offer)
    raise CannotPay("the seller makes no offer on Solana")


def decoded(header: str, name: str) -> Mapping[str, Any]:
    """Read a header of base64 and JSON; CannotPay if it is anything else."""
    try:
        found = orjson.loads(base64.b64decode(header, validate=True))
    except (binascii.Error, orjson.JSONDecodeError):
        found = None
    if not isinstance(found, Mapping):
        raise CannotPay(f"the seller's {name} cannot be read")
    return found


def _refuse_malformed(offer: Mapping[str, Any]) -> None:
    missing = [name for name in _FIELDS if not isinstance(offer.get(name), str)]
    if missing or not offer["amount"].isdecimal():
        raise CannotPay("the seller's offer is malformed: " + (", ".join(missing) or "amount"))


def origin_of(url: str) -> str:
    """Give scheme and host of a URL; CannotPay if it has none."""
    try:
        parts = urlsplit(url)
        if parts.scheme in ("http", "https") and parts.hostname:
            return f"{parts.scheme}://{parts.netloc}"
    except ValueError:
        pass
    raise CannotPay(f"{url!r} is no URL such as http://127.0.0.1:8080/paywall/demo-article")
