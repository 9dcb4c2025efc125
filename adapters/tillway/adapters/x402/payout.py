"""Pay refunds from a wallet of ours that may do so by itself, within limits."""

from datetime import datetime
from decimal import Decimal
from typing import Final

from attrs import define, field, frozen
from solders.keypair import Keypair
from solders.signature import Signature

from tillway.adapters.x402.build import Builder
from tillway.adapters.x402.programs import written
from tillway.core.errors import Code, Declined
from tillway.core.money import MOST, Money, minor_units
from tillway.core.payments import Phase, Reservation
from tillway.core.ports.rails import Proof, Shown
from tillway.core.quotes import Purpose, Quote
from tillway.core.tenancy import Tenant

VARIABLE: Final = "X402_REFUND_WALLET"
_COUNTS: Final = frozenset({Phase.LIVE, Phase.SETTLED})


@frozen(kw_only=True)
class PayoutLimits:
    """In major units of a token: the most that one refund may be, and all of a day together."""

    one: Decimal
    day: Decimal


@define(kw_only=True)
class Payout:
    """The wallet, and what it may spend. It signs transfers of refunds that we wrote, no others."""

    key: Keypair = field(repr=False)
    limits: PayoutLimits
    builder: Builder = field(repr=False)
    rail: str

    @property
    def address(self) -> str:
        """The wallet's public key."""
        return written(bytes(self.key.pubkey()))

    async def proof(self, quote: Quote, sealed: str, authenticator: str, shown: Shown) -> Proof:
        """Write and sign what pays a quote; Declined for what is no refund, or too much."""
        if quote.purpose is not Purpose.REFUND:
            raise Declined(Code.INVALID_FIELD, "only refunds are paid by themselves")
        if Decimal(quote.amount.to_major()) > self.limits.one:
            text = f"more than {self.limits.one} {quote.amount.asset.code} is not paid by itself"
            raise Declined(Code.INVALID_AMOUNT, text)
        payer = bytes(self.key.pubkey())
        built = await self.builder.written(quote, payer, payer, authenticator, shown)
        return Proof(
            rail=self.rail,
            version=0,
            payload=self._signed(built.transaction),
            network=self.builder.config.network.value,
            resource=quote.resource,
            resource_type=Purpose.REFUND.value,
            sealed=sealed,
        )

    def _signed(self, unsigned: bytes) -> bytes:
        message = unsigned[1 + len(bytes(Signature.default())) :]
        return b"\x01" + bytes(self.key.sign_message(message)) + message

    def reservation(self, amount: Money, tenant: Tenant, at: datetime) -> Reservation:
        """Give what a payment from the wallet takes of the day's limit."""
        return Reservation(
            name=f"payout:{self.address}:{amount.asset.code}:{at:%Y-%m-%d}",
            amount=amount.minor,
            limit=min(minor_units(self.limits.day, amount.asset), MOST),
            counts=_COUNTS,
            tenant=tenant,
        )
