"""Which terms a proof must meet: the quote that came back with it, or the price of now."""

from collections.abc import Mapping, Sequence

from attrs import define, evolve, frozen

from tillway.core.errors import Code, Declined, Unavailable
from tillway.core.ids import CouponCode, coupon_code_fault
from tillway.core.money import MOST, Money
from tillway.core.payments import Phase, Purchase, Reservation
from tillway.core.ports.rails import Destination, Identity
from tillway.core.ports.seals import Seals
from tillway.core.quotes import Authenticator, Purpose, Quote, read_authenticator
from tillway.core.services.paying.attempt import Attempt
from tillway.core.services.paying.quote import Quoting
from tillway.core.services.subjects import Subject, Ware
from tillway.core.tenancy import Tenant


@frozen(kw_only=True)
class Agreed:
    """The terms of a proof. ``ours`` tells that we have made the quote and it is spent once.

    ``metadata`` is that of what is bought, if it is still there; it goes with the payment.
    ``closed`` is why it cannot be sold any more, for money that has not moved yet. ``fickle`` is
    the ware's.
    """

    quote: Quote
    ours: bool
    reservations: tuple[Reservation, ...]
    metadata: Mapping[str, str] = {}
    closed: Declined | None = None
    fickle: bool = False


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
        Raises Declined for a quote or memo that is not for this purchase, for a payer who may
        not pay it, and for a price of zero, which nobody has to pay.
        """
        subject = self.quoting.subjects.of(attempt.purchase)
        ware = await self._found(subject, attempt)
        memo, sealed = attempt.identity.memo, attempt.proof.sealed
        authenticator = read_authenticator(memo) if memo else None
        if sealed is not None:
            quote = self._opened(sealed, attempt.purchase)
            self._refuse_other_memo(authenticator, quote)
        else:
            if ware is None:
                raise subject.absent(attempt.purchase)
            quote = await self._without_seal(authenticator, ware, attempt)
        if quote.amount.minor == 0:
            raise _nothing_due()
        ours = sealed is not None or authenticator is not None
        return self.agreed(quote, ours=ours, ware=ware)

    async def is_sold(self, purchase: Purchase) -> bool:
        """Tell whether the catalogue has what is asked for; False if it cannot be read."""
        try:
            return await self.quoting.subjects.of(purchase).find(purchase) is not None
        except (Declined, Unavailable):
            return False

    async def _found(self, subject: Subject, attempt: Attempt) -> Ware | None:
        """Find what is paid for; what is gone may still be paid with a quote that is sealed."""
        ware = await subject.find(attempt.purchase)
        if ware is None and attempt.purchase.purpose is not Purpose.PURCHASE:
            raise subject.absent(attempt.purchase)
        only = ware.only if ware is not None else None
        if only is not None and attempt.identity.payer not in only.payers:
            raise only.refusal
        return ware

    async def _without_seal(
        self, authenticator: Authenticator | None, ware: Ware, attempt: Attempt
    ) -> Quote:
        destination = self.quoting.destination(attempt.rail, ware.product)
        if authenticator is None:
            return await self._of_now(ware, destination, attempt)
        return await self._vouched(authenticator, ware, destination, attempt)

    def refuse_late(self, agreed: Agreed) -> None:
        """Raise Declined once the quote's time is over, or what it is for is not for sale."""
        if agreed.closed is not None:
            raise agreed.closed
        if self.quoting.clock.now().timestamp() > agreed.quote.expires_at:
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
        ware: Ware,
        destination: Destination,
        attempt: Attempt,
    ) -> Quote:
        now = await self._priced(ware, destination, attempt)
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

    async def _of_now(self, ware: Ware, destination: Destination, attempt: Attempt) -> Quote:
        quote = await self._priced(ware, destination, attempt, limited=False)
        before = ware.product.before(self.quoting.clock.now(), self.quoting.lifetime)
        if quote.amount.minor == attempt.identity.amount or before is None:
            return quote
        earlier = attempt.rail.sells(before)
        if earlier is None:
            return quote
        past = await self._priced(evolve(ware, product=before), earlier, attempt, limited=False)
        return past if past.amount.minor == attempt.identity.amount else quote

    async def _priced(
        self, ware: Ware, destination: Destination, attempt: Attempt, *, limited: bool = True
    ) -> Quote:
        priced = await self.quoting.priced(
            ware, destination, attempt.rail.method, attempt.purchase, limited=limited
        )
        return priced.quote

    def agreed(self, quote: Quote, *, ours: bool, ware: Ware | None) -> Agreed:
        """Add what a claim on this quote uses up.

        That is what the ware itself names, the quote if it is ours, and the coupons.
        """
        redeemed = [redemption(quote.tenant, code, quote.limits) for code in quote.applied]
        spent = [_spent(quote)] if ours else []
        named = ware.reservations if ware is not None else ()
        return Agreed(
            quote=quote,
            ours=ours,
            reservations=(*named, *spent, *redeemed),
            metadata=ware.metadata if ware is not None else {},
            closed=ware.closed if ware is not None else None,
            fickle=ware is not None and ware.fickle,
        )


def redemption(tenant: Tenant, code: str, limits: Mapping[str, int]) -> Reservation:
    """Give what using a coupon once takes of its limit, if it has one."""
    return Reservation(
        name=f"coupon:{code}",
        amount=1,
        limit=limits.get(code),
        counts=frozenset({Phase.LIVE, Phase.SETTLED}),
        tenant=tenant,
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
