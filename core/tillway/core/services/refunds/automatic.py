"""Pay approved refunds from a wallet of ours, where one is configured.

It is a payer like any other: what it signs is checked, claimed with its exact bytes, sent and
settled as everybody's. So a refund has one payment that lives at most, and gets another only once
the rail has proven that the last one cannot arrive.
"""

import asyncio
import hashlib
import logging
from collections.abc import Sequence
from typing import Final

from attrs import define, field

from tillway.core.errors import Declined, TillwayError
from tillway.core.payments import Asked, Purchase
from tillway.core.ports.clock import Clock
from tillway.core.ports.payouts import PaysOut
from tillway.core.ports.rails import Offers
from tillway.core.ports.store import Store, View
from tillway.core.quotes import Purpose
from tillway.core.refunds import Refund
from tillway.core.services.paying.quote import Quoting, shown_of
from tillway.core.services.paying.settle import Settle
from tillway.core.services.refunds.approved import approved
from tillway.core.services.refunds.proofs import payout_of
from tillway.core.services.refunds.providers import is_of_provider
from tillway.core.services.turns import Turn
from tillway.core.tenancy import DEFAULT

_log = logging.getLogger(__name__)

_AT_ONCE: Final = 8


@define(kw_only=True)
class AutomaticRefunds:
    """Pay what is approved and is not being paid, a few at a time. ``turn`` is the worker's."""

    store: Store
    quoting: Quoting
    settle: Settle
    clock: Clock
    turn: Turn
    _told: set[str] = field(factory=set, init=False)

    @property
    def is_on(self) -> bool:
        """Tell whether there is a wallet for it."""
        return any(rail.pays_from() is not None for rail in self._rails())

    async def run(self) -> int:
        """Pay if it is due and our turn; tell how many were paid."""
        if not await self.turn.begin():
            return 0
        paid = await self.sweep()
        await self.turn.done()
        return paid

    async def sweep(self) -> int:
        """Pay all that can be paid now. Of several that do so at once, one pays a refund."""
        waiting = await self._waiting()
        self._told &= {refund.id for refund in waiting}
        places = asyncio.Semaphore(_AT_ONCE)

        async def one(refund: Refund) -> bool:
            async with places:
                return await self._paid(refund)

        return sum(await asyncio.gather(*(one(refund) for refund in waiting)))

    async def aclose(self) -> None:
        """Leave the work to others. A repeat does nothing."""
        await self.turn.give_up()

    async def _waiting(self) -> Sequence[Refund]:
        """Give what can be paid, of all that is approved: what cannot be is in no other's way."""
        waiting: list[Refund] = []
        async for found in approved(self.store):
            async with self.store.view(once=True) as view:
                waiting += await self._payable(view, found)
        return waiting

    async def _payable(self, view: View, found: Sequence[Refund]) -> Sequence[Refund]:
        now = self.clock.now()
        some = [one for one in found if not is_of_provider(one) and one.expires_at > now]
        names = [payout_of(refund).name for refund in some]
        taken = await view.tallies.totals(DEFAULT, names) if names else {}
        return [refund for refund in some if not taken.get(payout_of(refund).name)]

    def _rails(self) -> Sequence[PaysOut]:
        return [rail for rail in self.quoting.rails.all if isinstance(rail, PaysOut)]

    async def _paid(self, refund: Refund) -> bool:
        try:
            return await self._tried(refund)
        except Declined as refusal:
            if refund.id not in self._told:  # once, and not with every look
                self._told.add(refund.id)
                _log.error("refund %s is not paid by itself: %s", refund.id, refusal)
        except TillwayError as error:
            _log.warning("refund %s is not paid yet: %s", refund.id, error)
        return False

    async def _tried(self, refund: Refund) -> bool:
        purchase = Purchase(tenant=refund.tenant, purpose=Purpose.REFUND, resource=refund.id)
        ware = await self.quoting.subjects.ware(purchase)
        for rail in self._rails():
            sells = rail.sells(ware.product) if isinstance(rail, Offers) else None
            if sells is None or rail.pays_from() is None:
                continue
            terms = await self.quoting.priced(ware, sells, rail.method, purchase)
            seals, quote = self.quoting.seals, terms.quote
            shown = shown_of(ware.product, terms.priced, url="")
            proof = await rail.write_payout(
                quote, seals.seal(quote), str(seals.authenticate(quote)), shown
            )
            await self.settle.settle(proof, purchase, _asked(refund))
            return True
        return False


def _asked(refund: Refund) -> Asked:
    text = f"payout:{refund.id}"
    return Asked(request=hashlib.sha256(text.encode()).hexdigest(), address="")
