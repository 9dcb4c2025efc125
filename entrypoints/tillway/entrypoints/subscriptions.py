"""Subscriptions of a gateway, joined from its settings."""

from tillway.core.ports.clock import Random
from tillway.core.services.quote import Quoting
from tillway.core.services.subscribe import Subscribe
from tillway.core.services.subscribing import Subscribing
from tillway.core.services.subscribing_activate import Activate
from tillway.core.services.subscribing_sales import Periods
from tillway.plugins.settings.subscriptions import SubscriptionSettings


def subscriptions(settings: SubscriptionSettings, quoting: Quoting, random: Random) -> Subscribe:
    """Join them, and have their periods sold by proof."""
    periods = Periods(
        catalogue=quoting.catalogue,
        clock=quoting.clock,
        random=random,
        enabled=settings.enabled,
    )
    quoting.subjects.add(periods)
    known = Subscribing(
        store=quoting.store,
        catalogue=quoting.catalogue,
        clock=quoting.clock,
        enabled=settings.enabled,
        grace_hours=settings.grace_period_hours,
    )
    return Subscribe(
        known=known,
        periods=periods,
        activate=Activate(store=quoting.store, quoting=quoting, known=known, periods=periods),
    )
