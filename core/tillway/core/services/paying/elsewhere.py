"""Let buyers pay by themselves: with a transaction to sign and send, or by a link for a wallet.

Nothing is stored until their money is found. Then it is taken as any transaction that was on the
chain before we were shown it: with its sealed quote, our memo in it, and made while the quote was
good.
"""

from attrs import define, frozen

from tillway.core.errors import Code, Declined
from tillway.core.payments import Asked, Purchase
from tillway.core.ports.elsewhere import BuildsOwn, Link, TakesLinks
from tillway.core.ports.rails import Built, Offer, Shown
from tillway.core.quotes import Quote
from tillway.core.services.paying.quote import Quoted, Quoting, shown_of
from tillway.core.services.paying.settle import Granted, Settle
from tillway.core.tenancy import Tenant


@frozen(kw_only=True)
class Linked:
    """A link, and the sealed quote that tells afterwards what was paid by it."""

    link: Link
    sealed: str
    quote: Quote


@frozen(kw_only=True)
class Look:
    """What looking for a payment has found: the grant, or nothing yet."""

    quote: Quote
    granted: Granted | None


@define(kw_only=True)
class Elsewhere:
    """Write what buyers pay with, and take what they have paid."""

    quoting: Quoting
    settle: Settle

    async def transaction(self, purchase: Purchase, payer: str) -> Built:
        """Quote the purchase and build the transaction that pays it, its fee included.

        Raises Declined (invalid_field) if no rail here builds transactions for the product.
        """
        ware = await self.quoting.subjects.ware(purchase)
        for rail in self.quoting.rails.offering:
            destination = rail.sells(ware.product)
            if destination is None or not isinstance(rail, BuildsOwn):
                continue
            terms = await self.quoting.priced(ware, destination, rail.method, purchase)
            authenticator = str(self.quoting.seals.authenticate(terms.quote))
            shown = shown_of(ware.product, terms.priced, url="")
            return await rail.build_own(terms.quote, payer, authenticator, shown)
        raise Declined(Code.INVALID_FIELD, "transactions are not built for this resource")

    def linked(self, quoted: Quoted, url: str) -> Linked | None:
        """Give the link that pays what was quoted, on the first rail that has one."""
        found = (self._link(offer, quoted, url) for offer in quoted.offers)
        return next((each for each in found if each is not None), None)

    def _link(self, offer: Offer, quoted: Quoted, url: str) -> Linked | None:
        rail = next(each for each in self.quoting.rails.offering if each.name == offer.rail)
        if not isinstance(rail, TakesLinks):
            return None
        authenticator = str(self.quoting.seals.authenticate(offer.quote))
        shown = Shown(url=url, description=quoted.product.description)
        link = rail.link(offer.quote, authenticator, shown)
        if link is None:
            return None
        return Linked(link=link, sealed=self.quoting.seals.seal(offer.quote), quote=offer.quote)

    async def look(self, sealed: str, tenant: Tenant, asked: Asked) -> Look:
        """Look for what has paid a quote by its link, and settle it.

        A repeat gives the same grant for a day. Raises Declined for a quote that is not ours, and
        for money that was found and buys nothing; Unavailable if the chain cannot be asked,
        Unsettled if it has not told enough.
        """
        quote = self.quoting.seals.open(sealed, tenant)
        authenticator = str(self.quoting.seals.authenticate(quote))
        refusal: Declined | None = None
        for rail in self.quoting.rails.offering:
            if not isinstance(rail, TakesLinks):
                continue
            for proof in await rail.found(quote, sealed, authenticator):
                try:
                    granted = await self.settle.settle(proof, _purchase(quote), asked)
                except Declined as declined:
                    refusal = declined
                else:
                    return Look(quote=quote, granted=granted)
        if refusal is not None:
            raise refusal
        return Look(quote=quote, granted=None)


def _purchase(quote: Quote) -> Purchase:
    return Purchase(
        tenant=quote.tenant,
        purpose=quote.purpose,
        resource=quote.resource,
        quantity=quote.quantity,
        inputs=quote.inputs,
        coupon=next(iter(quote.coupons), None),
    )
