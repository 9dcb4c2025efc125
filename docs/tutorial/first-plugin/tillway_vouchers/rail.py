"""The rail: whoever shows a voucher's code has paid what it is worth, once.

The law: a voucher is one payment. Its key is the digest of its code, and the gateway claims a key
once, in however many processes, so that one purchase has it. Spending writes a time once. A
voucher that is spent and not claimed, as after the gateway has lost its store, buys nothing.
"""

import asyncio
import sqlite3
from collections.abc import Mapping

from attrs import define
from tillway.core.catalog import Product
from tillway.core.errors import Code, Declined, Unavailable
from tillway.core.payments import Chain, Failed, Outcome, PaymentKey, Settled, Unresolved
from tillway.core.ports.rails import Checked, Destination, Identity, Offer, Proof, Shown, Signed
from tillway.core.quotes import Quote

from tillway_vouchers.book import Book, digest, normal

SCHEME = "voucher"
NETWORK = "voucher:local"


@define(kw_only=True)
class VoucherRail:
    """Take vouchers of one issuer for whatever has a price in a currency."""

    book: Book
    issuer: str
    name: str = "voucher"
    method: str = "voucher"

    def sells(self, product: Product) -> Destination | None:
        """Sell what has a price in a currency."""
        if product.fiat_price is None:
            return None
        return Destination(network=NETWORK, pay_to=self.issuer, price=product.fiat_price)

    def offer(self, quote: Quote, sealed: str, authenticator: str, shown: Shown) -> Offer:
        """Write the offer for x402 version 2, whose clients echo the sealed quote."""
        requirement = {
            "scheme": SCHEME,
            "network": NETWORK,
            "amount": str(quote.amount.minor),
            "asset": quote.amount.asset.code,
            "payTo": quote.pay_to,
            "maxTimeoutSeconds": quote.expires_at - quote.issued_at,
            "extra": {"quote": sealed},
        }
        return Offer(rail=self.name, quote=quote, accepts={2: [requirement]})

    def read(self, envelope: Mapping[str, object]) -> Proof | None:
        """Read ``{"x402Version": 2, "accepted": the offer, "payload": {"code": ...}}``."""
        accepted = envelope.get("accepted")
        if envelope.get("x402Version") != 2 or not isinstance(accepted, Mapping):
            return None
        if accepted.get("scheme") != SCHEME or accepted.get("network") != NETWORK:
            return None
        payload, extra = envelope.get("payload"), accepted.get("extra")
        typed = payload.get("code") if isinstance(payload, Mapping) else None
        code = normal(typed) if isinstance(typed, str) else None
        if code is None:
            raise _malformed("payload.code")
        sealed = extra.get("quote") if isinstance(extra, Mapping) else None
        if not isinstance(sealed, str | None):
            raise _malformed("accepted.extra.quote")
        return Proof(
            rail=self.name, version=2, payload=code.encode(), network=NETWORK, sealed=sealed
        )

    def identify(self, proof: Proof) -> Identity:
        """Name the payment by the voucher's digest, whatever else comes with it."""
        text = proof.payload.decode("ascii", "replace")
        if normal(text) != text:
            raise _malformed("payload.code")
        key = PaymentKey(digest(text))
        payer = f"voucher {key[:8]}"
        return Identity(chain=Chain(NETWORK), key=key, payer=payer, amount=None, memo=None)

    async def check(self, proof: Proof, quote: Quote) -> Checked:
        """Refuse a voucher that is unknown, spent, or worth anything but the price."""
        identity = self.identify(proof)
        try:
            found = await asyncio.to_thread(self.book.find, identity.key)
        except sqlite3.Error as error:
            raise Unavailable from error
        if found is None:
            raise Declined(Code.INVALID_PAYMENT_PROOF, "There is no such voucher.")
        if found.spent:
            raise Declined(Code.PAYMENT_ALREADY_USED)
        if (found.worth, found.asset) != (quote.amount.minor, quote.amount.asset.code):
            raise Declined(Code.AMOUNT_MISMATCH, "The voucher is not worth just this price.")
        return Checked(proof=proof, identity=identity, quote=quote, landed=False)

    async def sign(self, checked: Checked) -> Signed:
        """Give what a claim remembers: the digest, never the code."""
        key = checked.identity.key
        return Signed(
            chain=checked.identity.chain,
            key=key,
            payload=key.encode(),
            signature=key,
            last_valid_height=0,
            seen_height=0,
            seen_slot=0,
        )

    async def send(self, signed: Signed) -> Outcome:
        """Spend the voucher; a repeat finds it spent by this very payment."""
        try:
            spent = await asyncio.to_thread(self.book.spend, signed.key)
        except sqlite3.Error as error:
            return Unresolved(reason=f"the book cannot be written: {error}")
        return _settled(signed) if spent else _withdrawn()

    async def look(self, signed: Signed) -> Outcome:
        """Look whether it is spent. A voucher that is gone from the book never will be."""
        try:
            found = await asyncio.to_thread(self.book.find, signed.key)
        except sqlite3.Error as error:
            return Unresolved(reason=f"the book cannot be read: {error}")
        if found is None:
            return _withdrawn()
        return _settled(signed) if found.spent else Unresolved(reason="not spent yet")

    async def start(self) -> None:
        """Make the book if it is not there."""
        try:
            await asyncio.to_thread(self.book.create)
        except sqlite3.Error as error:
            raise Unavailable(message=f"vouchers: {self.book.path}: {error}") from error

    async def aclose(self) -> None:
        """Leave nothing open: nothing is, between two calls."""


def _settled(signed: Signed) -> Settled:
    return Settled(signature=signed.signature)


def _withdrawn() -> Failed:
    return Failed(code=Code.INVALID_PAYMENT_PROOF, reason="the voucher was withdrawn")


def _malformed(field: str) -> Declined:
    return Declined(Code.INVALID_PAYMENT_PROOF, f"{field} is missing or malformed", field=field)
