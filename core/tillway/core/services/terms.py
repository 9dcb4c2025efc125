"""Which terms a proof must meet: the quote that came back with it, or the price of now."""

from collections.abc import Mapping, Sequence

from attrs import define, evolve, frozen

from tillway.core.catalog import Product
from tillway.core.errors import Code, Declined, Unavailable
from tillway.core.ids import CouponCode, ProductId, coupon_code_fault, product_id_fault
from tillway.core.money import MOST, Money
from tillway.core.payments import Phase, Purchase, Reservation
from tillway.core.ports.rails import Destination, Identity
from tillway.core.ports.seals import Seals
from tillway.core.quotes import Authenticator, Quote, read_authenticator
from tillway.core.services.attempt import Attempt
from tillway.core.services.quote import Quoting


@frozen(kw_only=True)
class Agreed:
    """The terms of a proof. ``ours`` tells that we have made the quote and it is spent once.

    ``metadata`` is the product's own, if it is still sold; it goes with the payment.
    """

    quote: Quote
    ours: bool
    reservations: tuple[Reservation, ...]
    metadata: Mapping[str, str] = {}


@define(kw_only=True)
class Terms:
    """Find the terms. Everything the client says is compared, nothing of it is taken."""

    quoting: Quoting
    seals: Seals

    async def of(self, attempt: Attempt) -> Agreed:
        """Give the terms of this purchase on this rail.

        A sealed quote fixes all that the buyer saw, whatever has become of the product since. A
        memo of ours vouches for the terms that request and transaction show. Without either,
        the price of now holds, or the previous one for a quote's life after its change, and no
        limited coupon counts.
        Raises Declined for a quote or memo that is not for this purchase, and for a price of
        zero, which nobody has to pay.
        """
        memo, sealed = attempt.identity.memo, attempt.proof.sealed
        authenticator = read_authenticator(memo) if memo else None
        if sealed is not None:
            quote = self._opened(sealed, attempt.purchase)
            self._refuse_other_memo(authenticator, quote)
        else:
            quote = await self._without_seal(authenticator, attempt)
        if quote.amount.minor == 0:
            raise _nothing_due()
        ours = sealed is not None or authenticator is not None
        sold = await self._sold(attempt.purchase)
        return evolve(self.agreed(quote, ours=ours), metadata=sold.metadata if sold else {})

    async def is_sold(self, purchase: Purchase) -> bool:
        """Tell whether the catalogue has what is asked for; False if it cannot be read."""
        try:
            return await self._sold(purchase) is not None
        except Unavailable:
            return False

    async def _sold(self, purchase: Purchase) -> Product | None:
        if product_id_fault(purchase.resource) is not None:
            return None
        return await self.quoting.catalogue.product(purchase.tenant, ProductId(purchase.resource))

    async def _without_seal(self, authenticator: Authenticator | None, attempt: Attempt) -> Quote:
        product = await self.quoting.product(attempt.purchase)
        destination = self.quoting.destination(attempt.rail, product)
        if authenticator is None:
            return await self._of_now(product, destination, attempt)
        return await self._vouched(authenticator, product, destination, attempt)

    def refuse_expired(self, quote: Quote) -> None:
        """Raise Declined (quote_expired) once the quote's time is over."""
        if self.quoting.clock.now().timestamp() > quote.expires_at:
            raise Declined(
                Code.QUOTE_EXPIRED,
                "The quote has expired. Please request a new one.",
                reason="invalid_payment_requirements",
            )

    def _opened(self, sealed: str, purchase: Purchase) -> Quote:
        quote = self.seals.open(sealed, purchase.tenant)
        shown = (quote.purpose, quote.resource, quote.quantity, quote.inputs)
        asked = (purchase.purpose, purchase.resource, purchase.quantity, purchase.inputs)
        if shown != asked:
            raise Declined(
                Code.INVALID_PAYMENT_PROOF,
                "The quote is for another purchase.",
                reason="invalid_payment_requirements",
            )
        return quote

    def _refuse_other_memo(self, authenticator: Authenticator | None, quote: Quote) -> None:
        if authenticator is not None and not self.seals.vouches(authenticator, quote):
            raise _other_memo()

    async def _vouched(
        self,
        authenticator: Authenticator,
        product: Product,
        destination: Destination,
        attempt: Attempt,
    ) -> Quote:
        now = await self._priced(product, destination, attempt)
        for amount in _amounts(attempt.identity, now):
            shown = evolve(
                now,
                amount=amount,
                expires_at=authenticator.expires_at,
                nonce=authenticator.nonce,
            )
            for candidate in [shown, *await self._with_other_coupons(shown, attempt.purchase)]:
                if self.seals.vouches(authenticator, candidate):
                    return candidate
        raise _other_memo()

    async def _with_other_coupons(self, quote: Quote, purchase: Purchase) -> Sequence[Quote]:
        """Give what else the buyer may have been shown: a coupon may have ended since, or begun.

        A coupon that is switched off is not among them: nobody could tell its limit any more.
        """
        others = [evolve(quote, coupons=(), applied=(), limits={})]
        typed = purchase.coupon
        if typed is None or coupon_code_fault(typed) is not None:
            return others
        coupon = await self.quoting.catalogue.coupon(purchase.tenant, CouponCode(typed))
        if coupon is None:
            return others
        limits = {} if coupon.usage_limit is None else {typed: coupon.usage_limit}
        return [evolve(quote, coupons=(typed,), applied=(typed,), limits=limits), *others]

    async def _of_now(self, product: Product, destination: Destination, attempt: Attempt) -> Quote:
        quote = await self._priced(product, destination, attempt, limited=False)
        before = product.before(self.quoting.clock.now(), self.quoting.lifetime)
        if quote.amount.minor == attempt.identity.amount or before is None:
            return quote
        earlier = attempt.rail.sells(before)
        if earlier is None:
            return quote
        past = await self._priced(before, earlier, attempt, limited=False)
        return past if past.amount.minor == attempt.identity.amount else quote

    async def _priced(
        self, product: Product, destination: Destination, attempt: Attempt, *, limited: bool = True
    ) -> Quote:
        priced = await self.quoting.priced(
            product, destination, attempt.rail.method, attempt.purchase, limited=limited
        )
        return priced.quote

    def agreed(self, quote: Quote, *, ours: bool) -> Agreed:
        """Add what a claim on this quote uses up: the quote if it is ours, and its coupons."""
        redeemed = [_redemption(quote, code) for code in quote.applied]
        spent = [_spent(quote)] if ours else []
        return Agreed(quote=quote, ours=ours, reservations=(*spent, *redeemed))


def _redemption(quote: Quote, code: str) -> Reservation:
    return Reservation(
        name=f"coupon:{code}",
        amount=1,
        limit=quote.limits.get(code),
        counts=frozenset({Phase.LIVE, Phase.SETTLED}),
        tenant=quote.tenant,
    )


def _amounts(identity: Identity, now: Quote) -> Sequence[Money]:
    """Give what the buyer may have been shown; the authenticator decides whether he was.

    That is what the transaction would move, then the price of now: a payment of another amount
    than it vouches for is refused for its amount.
    """
    if identity.amount is None or identity.amount > MOST:
        return (now.amount,)
    return (Money(minor=identity.amount, asset=now.amount.asset), now.amount)


def _spent(quote: Quote) -> Reservation:
    return Reservation(
        name=f"quote:{quote.id}",
        amount=1,
        limit=1,
        counts=frozenset({Phase.LIVE, Phase.SETTLED}),
        tenant=quote.tenant,
    )


def _other_memo() -> Declined:
    return Declined(
        Code.INVALID_MEMO, reason="invalid_exact_svm_payload_memo_mismatch", field="memo"
    )


def _nothing_due() -> Declined:
    return Declined(
        Code.INVALID_PAYMENT_PROOF,
        "This costs nothing: ask for it without a payment.",
        reason="invalid_payment_requirements",
    )
