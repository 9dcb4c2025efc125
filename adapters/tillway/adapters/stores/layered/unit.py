"""The repositories together."""

from typing import Self

from attrs import frozen

from tillway.adapters.stores.codec import Codec
from tillway.adapters.stores.layered.catalogue import (
    LayeredCoupons,
    LayeredProducts,
    LayeredQuoteKeys,
)
from tillway.adapters.stores.layered.layers import Session
from tillway.adapters.stores.layered.log import LayeredEvents
from tillway.adapters.stores.layered.payments import LayeredPayments, LayeredTallies
from tillway.adapters.stores.layered.sight import LayeredCalls
from tillway.adapters.stores.records import Records


@frozen(kw_only=True)
class LayeredUnit(Records):
    """The repositories over one session."""

    payments: LayeredPayments
    tallies: LayeredTallies
    events: LayeredEvents
    products: LayeredProducts
    coupons: LayeredCoupons
    quote_keys: LayeredQuoteKeys

    @classmethod
    def over(cls, session: Session, codec: Codec) -> Self:
        """Give the repositories over a session."""
        return cls(
            calls=LayeredCalls(session),
            codec=codec,
            payments=LayeredPayments(session, codec),
            tallies=LayeredTallies(session),
            events=LayeredEvents(session, codec),
            products=LayeredProducts(session, codec),
            coupons=LayeredCoupons(session, codec),
            quote_keys=LayeredQuoteKeys(session),
        )
