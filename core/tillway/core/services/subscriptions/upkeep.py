"""Look after subscriptions whose time has come: past due, expired, ended, on another plan."""

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from attrs import define, evolve, field

from tillway.core.catalog import Product
from tillway.core.errors import Unavailable
from tillway.core.ids import ProductId
from tillway.core.ports.catalogue import Catalogue
from tillway.core.services.subscriptions.changes import Changes
from tillway.core.services.subscriptions.known import KnownSubscriptions
from tillway.core.services.subscriptions.postponed import Postponed
from tillway.core.services.turns import Turn
from tillway.core.subscription_moves import AGAIN, X402, lapsed, timed
from tillway.core.subscription_news import PRICE, heard_of
from tillway.core.subscriptions import Subscription

EVERY: Final = timedelta(seconds=10)
"""How late a subscription is written to be over. Access ends by its dates, and is never late."""

BATCH: Final = 100

_log = logging.getLogger(__name__)


@define(kw_only=True)
class Upkeep:
    """Write what time has done to subscriptions, one process at a time.

    One that fails is left alone for a while, so that any number of such is in no other's way.
    """

    known: KnownSubscriptions
    catalogue: Catalogue
    changes: Changes
    turn: Turn
    _postponed: Postponed = field(factory=Postponed, init=False)

    async def run(self) -> int:
        """Look after all that is due, if it is our turn; tell how many subscriptions that were."""
        done, before = 0, None
        if not await self.turn.begin():
            return done
        while await self.turn.goes_on():
            found = await self._due()
            if found == before:
                break  # nothing becomes of them by looking again
            done += sum([await self._looked_after(each) for each in found])
            if len(found) < BATCH:
                break
            before = found
        await self.turn.done()
        return done

    async def aclose(self) -> None:
        """Leave the work to others. A repeat does nothing."""
        await self.turn.give_up()

    async def _due(self) -> Sequence[Subscription]:
        now = self.known.now()
        waiting = self._postponed.waiting(now)
        async with self.known.store.view(once=True) as view:
            due = await view.subscriptions.due(now, BATCH + len(waiting))
        return [each for each in due if (each.id, each.version) not in waiting][:BATCH]

    async def _looked_after(self, subscription: Subscription) -> bool:
        try:
            await self._moved(subscription)
        except Exception:  # what is wrong with one is in no other's way
            _log.exception("subscription %s is not looked after", subscription.id)
            self._postponed.add(subscription, self.known.now())
            return False
        return True

    async def _moved(self, subscription: Subscription) -> None:
        if AGAIN in subscription.metadata and subscription.is_running:
            await self.changes.cancel(subscription, at_period_end=False)
            return
        price, product = await self._plan(subscription)
        try:
            await self._move(subscription, price, product)
        except Unavailable:
            if product == subscription.product:
                raise
            # Whoever has that product already keeps the one that he had.
            await self._move(subscription, price, subscription.product)

    async def _move(self, subscription: Subscription, price: str, product: ProductId) -> None:
        grace = await self.known.grace(subscription.tenant, product)

        def move(standing: Subscription) -> Subscription:
            now = self.known.now()
            if not _is_due(standing, now):
                return standing
            named = _named(standing, price, product)
            return timed(lapsed(named, now, grace), now, grace)

        await self.known.move(subscription, move)

    async def _plan(self, subscription: Subscription) -> tuple[str, ProductId]:
        """Tell which price a provider bills, and whose it is."""
        standing = None if subscription.method == X402 else heard_of(subscription).standing
        if standing is None or standing.price in ("", subscription.metadata.get(PRICE)):
            return "", subscription.product
        sold = await self.catalogue.products(subscription.tenant)
        at_price = [each.id for each in sold if _is_at(each, standing.price)]
        named = [each.id for each in sold if each.id == standing.resource]
        known = subscription.product
        return standing.price, known if known in at_price else next(iter(at_price + named), known)


def _is_due(subscription: Subscription, now: datetime) -> bool:
    return subscription.due_at is not None and subscription.due_at <= now


def _is_at(product: Product, price: str) -> bool:
    terms = product.subscription
    return terms is not None and price in (terms.stripe_price_id, product.stripe_price_id)


def _named(subscription: Subscription, price: str, product: ProductId) -> Subscription:
    if not price or heard_of(subscription).standing.price != price:
        return subscription
    metadata = {**subscription.metadata, PRICE: price}
    return evolve(subscription, product=product, metadata=metadata)
