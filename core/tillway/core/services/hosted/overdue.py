"""Checkouts of which nothing was heard in time: looked up at their provider, and finished.

An opening whose answer was lost is ended: nobody was told where to pay, and what it reserves is
wanted elsewhere. An open one that was paid or is over is written as if its news had come.
"""

import logging
from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from attrs import define, evolve

from tillway.core.checkouts import Checkout, CheckoutState
from tillway.core.errors import Declined, TillwayError, Unavailable
from tillway.core.ports.clock import Clock
from tillway.core.ports.hosting import HostedSession, HostsCheckout, SessionStatus, SessionTold
from tillway.core.ports.store import Store
from tillway.core.services.hosted.checkouts import Checkouts
from tillway.core.services.hosted.incoming import Applies, NotYet
from tillway.core.services.hosted.payments import is_gone_through
from tillway.core.services.turns import Turn

AGAIN: Final = timedelta(minutes=5)
"""When what is neither paid nor over is looked at again."""

SELDOM: Final = timedelta(hours=1)
"""When what a provider does not answer for is looked at again."""

_BATCH: Final = 50
_log = logging.getLogger(__name__)


@define(kw_only=True)
class Overdue:
    """Look after unpaid checkouts, one process at a time."""

    store: Store
    checkouts: Checkouts
    clock: Clock
    news: Applies
    turn: Turn

    async def run(self) -> int:
        """Look at what is due if it is our turn; tell how many were looked at."""
        looked = 0
        if not await self.turn.begin():
            return looked
        while await self.turn.goes_on():
            found = await self._due()
            for checkout in found:
                if not await self._looked(checkout):
                    await self.turn.done()
                    return looked
                looked += 1
            if len(found) < _BATCH:
                break
        await self.turn.done()
        return looked

    async def aclose(self) -> None:
        """Leave the work to others. A repeat does nothing."""
        await self.turn.give_up()

    async def _due(self) -> Sequence[Checkout]:
        async with self.store.view(once=True) as view:
            return await view.checkouts.due(self.clock.now(), _BATCH)

    async def _looked(self, checkout: Checkout) -> bool:
        """Look at one; False if its provider is away, so that the others can wait too."""
        try:
            rail = self.checkouts.rail(checkout.provider)
            await self._finished(rail, checkout)
        except Unavailable as away:
            _log.warning("checkout %s is looked at later: %s", checkout.id, away)
            # One that its provider never answers for must not be the first for ever.
            await self._later(checkout, AGAIN)
            return False
        except Declined as refused:
            _log.error("checkout %s cannot be looked up: %s", checkout.id, refused)
            await self._later(checkout, SELDOM)
        except NotYet:
            await self._later(checkout, AGAIN)
        except TillwayError as unsure:
            _log.warning("checkout %s is looked at again: %s", checkout.id, unsure)
            await self._later(checkout, AGAIN)
        return True

    async def _finished(self, rail: HostsCheckout, checkout: Checkout) -> None:
        if checkout.session is None:
            session = await self.checkouts.end(checkout)
        else:
            session = await rail.retrieve(checkout.session)
        if session is None:
            await self._move(evolve(checkout, state=CheckoutState.EXPIRED))
        elif _is_over(session):
            await self._heard(checkout, session)
        else:
            await self._later(checkout, AGAIN)

    async def _heard(self, checkout: Checkout, session: HostedSession) -> None:
        async with self.store.begin() as unit:
            told = SessionTold(session=session)
            await self.news.apply(unit, checkout.tenant, checkout.provider, told)

    async def _later(self, checkout: Checkout, pause: timedelta) -> None:
        await self._move(evolve(checkout, expires_at=self.clock.now() + pause))

    async def _move(self, checkout: Checkout) -> None:
        was = (CheckoutState.OPENING, CheckoutState.OPEN)
        async with self.store.begin(once=True) as unit:
            await unit.checkouts.move(checkout, was)


def _is_over(session: HostedSession) -> bool:
    """Tell whether it was gone through and paid, or cannot be any more."""
    return is_gone_through(session) or session.status is SessionStatus.EXPIRED
