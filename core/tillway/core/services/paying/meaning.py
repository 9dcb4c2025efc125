"""What a proof is meant for, where its name alone does not tell.

A product and a period of it are paid for under one name. The quote that was paid says which it
was: sealed, or by its authenticator in the memo.
"""

from attrs import define, evolve

from tillway.core.errors import Declined
from tillway.core.ids import ProductId, product_id_fault
from tillway.core.payments import Payment, Purchase
from tillway.core.quotes import Purpose, Quote, read_authenticator
from tillway.core.services.paying.attempt import Attempt
from tillway.core.services.paying.terms import Terms
from tillway.core.services.subscriptions.periods import purchase_of


@define(kw_only=True)
class Meaning:
    """Tell purchases of products from those of their periods."""

    terms: Terms

    async def of(self, attempt: Attempt) -> Attempt:
        """Give an attempt with what it is meant for: only its quote makes it that of a period."""
        if attempt.purchase.purpose is not Purpose.PURCHASE:
            return attempt
        if attempt.proof.sealed is not None:
            return _meant(attempt, self._sealed(attempt.proof.sealed, attempt.purchase))
        return _meant(attempt, await self._vouched(attempt))

    def _sealed(self, sealed: str, asked: Purchase) -> Purchase | None:
        try:
            return _of_quote(self.terms.seals.open(sealed, asked.tenant))
        except Declined:
            return None  # refused where terms are looked for, in their words

    async def _vouched(self, attempt: Attempt) -> Purchase | None:
        memo, asked = attempt.identity.memo, attempt.purchase
        if not memo or read_authenticator(memo) is None or product_id_fault(asked.resource):
            return None
        product = await self.terms.quoting.catalogue.product(
            asked.tenant, ProductId(asked.resource)
        )
        if product is None or product.subscription is None:
            return None
        meant = purchase_of(asked.tenant, product.id, product.subscription, asked.coupon)
        try:
            await self.terms.of(evolve(attempt, purchase=meant))
        except Declined:
            return None
        return meant


def as_known(attempt: Attempt, known: Payment) -> Attempt:
    """Give an attempt with what it is meant for: a payment that is known is for what it was."""
    return _meant(attempt, known.purchase)


def _of_quote(quote: Quote) -> Purchase:
    return Purchase(
        tenant=quote.tenant,
        purpose=quote.purpose,
        resource=quote.resource,
        inputs=quote.inputs,
    )


def _meant(attempt: Attempt, meant: Purchase | None) -> Attempt:
    asked = attempt.purchase
    if meant is None or meant.purpose is not Purpose.SUBSCRIPTION:
        return attempt
    if asked.purpose is not Purpose.PURCHASE:
        return attempt
    if (meant.tenant, meant.resource) != (asked.tenant, asked.resource):
        return attempt
    return evolve(attempt, purchase=evolve(asked, purpose=meant.purpose, inputs=meant.inputs))
