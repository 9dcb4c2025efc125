"""Grant what costs nothing after coupons: once, counted, and told like any payment."""

import hashlib

from attrs import define

from tillway.core.ids import new_event_id
from tillway.core.payments import Asked, Chain, Payment, PaymentKey, Purchase
from tillway.core.ports.clock import Random
from tillway.core.ports.store import Refused, Store, Taken
from tillway.core.quotes import Quote
from tillway.core.services.grants import grant_of, succeeded
from tillway.core.services.leases import Leases
from tillway.core.services.refusals import refusal_of
from tillway.core.services.repeats import Repeats
from tillway.core.services.terms import Terms

FREE = Chain("free")
METHOD = "free"


@define(kw_only=True)
class Free:
    """Grant purchases whose total is zero."""

    store: Store
    terms: Terms
    repeats: Repeats
    leases: Leases
    random: Random

    async def grant(self, purchase: Purchase, asked: Asked, quote: Quote) -> Payment:
        """Grant the purchase and redeem its coupons, in one commit.

        A repeat with the first request's Idempotency-Key gives the first answer; any other
        request is a purchase of its own. Raises Declined if a coupon is used up.
        """
        payment = await self._payment(purchase, asked, quote)
        ended = payment.settled(payment.created_at, None, grant_of(payment))
        async with self.store.begin() as unit:
            result = await unit.payments.claim(payment)
            if isinstance(result, Taken):
                return self._again(result.payment, purchase, asked)
            if isinstance(result, Refused):
                raise refusal_of(result.reservation)
            await unit.payments.settle(ended, [succeeded(new_event_id(self.random), ended)])
        return ended

    def _again(self, known: Payment, purchase: Purchase, asked: Asked) -> Payment:
        self.repeats.refuse_others(known, purchase, asked)
        return self.repeats.granted(known)

    async def _payment(self, purchase: Purchase, asked: Asked, quote: Quote) -> Payment:
        key = _key(purchase, asked, self.random)
        agreed = await self.terms.agreed(quote, ours=False)
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
            owner=self.leases.owner,
            lease_until=self.leases.until(),
            created_at=self.leases.clock.now(),
            reservations=agreed.reservations,
        )


def _key(purchase: Purchase, asked: Asked, random: Random) -> PaymentKey:
    """Identify by the Idempotency-Key if there is one; otherwise every request is its own."""
    who = asked.idempotency.encode() if asked.idempotency else random(32)
    parts = [purchase.tenant.encode(), b"idempotent" if asked.idempotency else b"single", who]
    return PaymentKey(hashlib.sha256(b"\0".join(parts)).hexdigest())
