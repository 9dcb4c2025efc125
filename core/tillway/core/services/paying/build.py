"""Write a transaction that a buyer only has to sign, with its fee paid by the gateway."""

from attrs import define

from tillway.core.errors import Code, Declined
from tillway.core.payments import Purchase
from tillway.core.ports.rails import BuildsTransactions, Built
from tillway.core.quotes import Purpose
from tillway.core.services.paying.quote import Quoting, shown_of


@define(kw_only=True)
class Build:
    """Build transactions on the first rail that sells the product and can."""

    quoting: Quoting

    async def transaction(self, purchase: Purchase, payer: str, sponsor: str | None) -> Built:
        """Quote the purchase and build the transaction that pays it. Nothing is written.

        Raises Declined (invalid_field) if no rail here builds transactions for the product.
        """
        if purchase.purpose is Purpose.REFUND:
            raise Declined(Code.INVALID_FIELD, "refunds pay their own network fee")
        ware = await self.quoting.subjects.ware(purchase)
        product = ware.product
        for rail in self.quoting.rails.offering:
            destination = rail.sells(product)
            if destination is None or not isinstance(rail, BuildsTransactions):
                continue
            terms = await self.quoting.priced(ware, destination, rail.method, purchase)
            authenticator = str(self.quoting.seals.authenticate(terms.quote))
            shown = shown_of(product, terms.priced, url="")
            return await rail.build(terms.quote, payer, sponsor, authenticator, shown)
        raise Declined(Code.INVALID_FIELD, "gasless transactions not enabled")
