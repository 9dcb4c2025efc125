"""The parts of a gateway that sell subscriptions and look after them, joined."""

from attrs import frozen

from tillway.core.quotes import Purpose
from tillway.core.services.hosted.checkouts import Checkouts
from tillway.core.services.subscriptions.activate import Activate
from tillway.core.services.subscriptions.bills import Bills
from tillway.core.services.subscriptions.cards import CardPlans
from tillway.core.services.subscriptions.changes import Changes
from tillway.core.services.subscriptions.known import KnownSubscriptions
from tillway.core.services.subscriptions.periods import Periods
from tillway.core.services.subscriptions.returns import Returns
from tillway.core.services.subscriptions.subscribe import Subscribe
from tillway.core.services.subscriptions.upkeep import EVERY, Upkeep
from tillway.entrypoints.assembly.ground import Ground
from tillway.entrypoints.assembly.paying import PayingParts
from tillway.plugins.settings.subscriptions import SubscriptionSettings


@frozen(kw_only=True)
class SubscriptionParts:
    """The services of it."""

    subscribe: Subscribe

    @classmethod
    def of(
        cls, ground: Ground, paying: PayingParts, checkouts: Checkouts, bills: Bills
    ) -> "SubscriptionParts":
        """Join them, and have their periods sold by proof."""
        catalogue, quoting = ground.catalogue, paying.quote
        known, periods = _known(ground), _periods(ground)
        quoting.subjects.add(periods)
        activate = Activate(store=ground.store, quoting=quoting, known=known, periods=periods)
        quoting.subjects.undone_by(Purpose.PURCHASE, activate)
        for purpose in (Purpose.PURCHASE, Purpose.SUBSCRIPTION):
            quoting.subjects.returned_to(purpose, Returns(clock=ground.clock))
        changes = Changes(
            known=known, catalogue=catalogue, rails=ground.rails, pages=checkouts.pages
        )
        turn = ground.turn("subscriptions", EVERY)
        return cls(
            subscribe=Subscribe(
                known=known,
                periods=periods,
                activate=activate,
                bills=bills,
                cards=_cards(ground, paying, checkouts),
                changes=changes,
                upkeep=Upkeep(known=known, catalogue=catalogue, changes=changes, turn=turn),
            )
        )


def _known(ground: Ground) -> KnownSubscriptions:
    settings = ground.settings.section(SubscriptionSettings)
    return KnownSubscriptions(
        store=ground.store,
        catalogue=ground.catalogue,
        clock=ground.clock,
        enabled=settings.enabled,
        grace_hours=settings.grace_period_hours,
    )


def _periods(ground: Ground) -> Periods:
    return Periods(
        catalogue=ground.catalogue,
        clock=ground.clock,
        random=ground.random,
        enabled=ground.settings.section(SubscriptionSettings).enabled,
    )


def _cards(ground: Ground, paying: PayingParts, checkouts: Checkouts) -> CardPlans:
    return CardPlans(
        quoting=paying.quote,
        terms=paying.terms,
        checkouts=checkouts,
        enabled=ground.settings.section(SubscriptionSettings).enabled,
    )
