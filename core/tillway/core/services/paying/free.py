"""Grant what costs nothing after coupons: once, counted, and told like any payment."""

import hashlib
from datetime import datetime

from attrs import define

from tillway.core.neighbours import neighbours_of
from tillway.core.payments import (
    Asked,
    Chain,
    Payment,
    PaymentKey,
    Phase,
    Purchase,
    Reservation,
)
from tillway.core.ports.clock import Random
from tillway.core.ports.store import Refused, Store, Taken
from tillway.core.quotes import Quote
from tillway.core.services.books.facts import facts_of
from tillway.core.services.paying.grants import grant_of
from tillway.core.services.paying.leases import Leases
from tillway.core.services.paying.refusals import refusal_of
from tillway.core.services.paying.repeats import Repeats
from tillway.core.services.paying.terms import Agreed, Terms

FREE = Chain("free")
METHOD = "free"
FREE_AN_HOUR = 100
"""How often one address is granted something for nothing within an hour."""


@define(kw_only=True)
class Free:
    """Grant purchases whose total is zero."""

    store: Store
    terms: Terms
    repeats: Repeats
    leases: Leases
    random: Random

    async def grant(self, purchase: Purchase, asked: Asked, quote: Quote) -> Payment:
        """Grant the purchase, redeem its coupons and write what it buys, in one commit.

        A repeat with the first request's Idempotency-Key gives the first answer; any other
        request is a purchase of its own. Raises Declined if a coupon is used up.
        """
        subject = self.terms.quoting.subjects.of(purchase)
        await subject.clear(purchase)
        ware = await subject.find(purchase)
        payment = self._payment(purchase, asked, self.terms.agreed(quote, ours=False, ware=ware))
        ended = payment.settled(payment.created_at, None, grant_of(payment))
        async with self.store.begin() as unit:
            result = await unit.payments.claim(payment)
            if isinstance(result, Taken):
                return self._again(result.payment, purchase, asked)
            if isinstance(result, Refused):
                raise refusal_of(result.reservation)
            await unit.payments.settle(ended, facts_of(ended))
            await subject.fulfil(unit, ended)
        return ended

    def _again(self, known: Payment, purchase: Purchase, asked: Asked) -> Payment:
        self.repeats.refuse_others(known, purchase, asked)
        self.repeats.refuse_late(known)
        return self.repeats.granted(known)

    def _payment(self, purchase: Purchase, asked: Asked, agreed: Agreed) -> Payment:
        key, quote = _key(purchase, asked, self.random), agreed.quote
        now = self.leases.clock.now()
        return Payment(
            chain=FREE,
            key=key,
            purchase=purchase,
            asked=asked,
            rail=METHOD,
            method=METHOD,
            amount=quote.amount,
            payer="",
            pay_to="",
            signature=f"free_{key[:32]}",
            signed=b"",
            quote_id=None,
            coupons=quote.applied,
            last_valid_height=0,
            seen_height=0,
            seen_slot=0,
            owner=self.leases.process,
            lease_until=self.leases.until(),
            created_at=now,
            reservations=(*agreed.reservations, _share(quote, asked, now)),
            metadata=agreed.metadata,
        )


def _share(quote: Quote, asked: Asked, now: datetime) -> Reservation:
    """Bound what one address is given in an hour: each grant is a row and an event."""
    hour = int(now.timestamp()) // 3600
    return Reservation(
        name=f"free:{neighbours_of(asked.address)}:{hour}",
        amount=1,
        limit=FREE_AN_HOUR,
        counts=frozenset({Phase.SETTLED, Phase.LIVE}),
        tenant=quote.tenant,
    )


def _key(purchase: Purchase, asked: Asked, random: Random) -> PaymentKey:
    """Identify by the Idempotency-Key if there is one; otherwise every request is its own."""
    who = asked.idempotency.encode() if asked.idempotency else random(32)
    parts = [purchase.tenant.encode(), b"idempotent" if asked.idempotency else b"single", who]
    return PaymentKey(hashlib.sha256(b"\0".join(parts)).hexdigest())
