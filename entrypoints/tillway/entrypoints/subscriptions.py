"""Subscriptions of a gateway, joined from its settings."""

from tillway.core.quotes import Purpose
from tillway.core.services.hosted.checkouts import Checkouts
from tillway.core.services.paying.terms import Terms
from tillway.core.services.subscriptions.activate import Activate
from tillway.core.services.subscriptions.bills import Bills
from tillway.core.services.subscriptions.cards import CardPlans
from tillway.core.services.subscriptions.changes import Changes
from tillway.core.services.subscriptions.known import Subscribing
from tillway.core.services.subscriptions.periods import Periods
from tillway.core.services.subscriptions.subscribe import Subscribe
from tillway.core.services.subscriptions.upkeep import EVERY, Upkeep
from tillway.core.services.turns import Turn
from tillway.plugins.settings.subscriptions import SubscriptionSettings


def subscriptions(
    settings: SubscriptionSettings,
    terms: Terms,
    checkouts: Checkouts,
    bills: Bills,
    process: str,
) -> Subscribe:
    """Join them, and have their periods sold by proof."""
    quoting, store, clock = terms.quoting, terms.quoting.store, terms.quoting.clock
    catalogue = quoting.catalogue
    periods = Periods(
        catalogue=catalogue, clock=clock, random=quoting.random, enabled=settings.enabled
    )
    quoting.subjects.add(periods)
    known = Subscribing(
        store=store,
        catalogue=catalogue,
        clock=clock,
        enabled=settings.enabled,
        grace_hours=settings.grace_period_hours,
    )
    turn = Turn(store=store, clock=clock, owner=process, name="subscriptions", every=EVERY)
    changes = Changes(known=known, catalogue=catalogue, rails=quoting.rails, pages=checkouts.pages)
    activate = Activate(store=store, quoting=quoting, known=known, periods=periods)
    quoting.subjects.undone_by(Purpose.PURCHASE, activate)
    return Subscribe(
        known=known,
        periods=periods,
        activate=activate,
        bills=bills,
        cards=CardPlans(
            quoting=quoting, terms=terms, checkouts=checkouts, enabled=settings.enabled
        ),
        changes=changes,
        upkeep=Upkeep(known=known, catalogue=catalogue, changes=changes, turn=turn),
    )
