"""The parts of a gateway that sell by a provider's page and hear from it, joined."""

from datetime import timedelta
from typing import Final

from attrs import frozen

from tillway.core.ports.subscribing import HearsSubscriptions
from tillway.core.services.hosted.cards import CardSales
from tillway.core.services.hosted.checkouts import Checkouts
from tillway.core.services.hosted.disputes import Disputes
from tillway.core.services.hosted.incoming import Incoming
from tillway.core.services.hosted.news import Newsroom
from tillway.core.services.hosted.overdue import Overdue
from tillway.core.services.hosted.pages import Pages
from tillway.core.services.hosted.sessions import Sessions
from tillway.core.services.refunds.told import RefundNews
from tillway.entrypoints.assembly.ground import Ground
from tillway.entrypoints.assembly.paying import PayingParts
from tillway.entrypoints.settings.sections import ServerSettings
from tillway.plugins.settings.stripe import StripeSettings, own_hosts

OVERDUE_EVERY: Final = timedelta(seconds=30)
"""How often checkouts of which nothing was heard are looked after."""


@frozen(kw_only=True)
class HostedParts:
    """The services of it."""

    checkouts: Checkouts
    cards: CardSales
    incoming: Incoming
    overdue: Overdue

    @classmethod
    def of(
        cls, ground: Ground, paying: PayingParts, subscriptions: HearsSubscriptions
    ) -> "HostedParts":
        """Join them. ``subscriptions`` hears what a provider bills of itself."""
        checkouts = _checkouts(ground)
        news = _newsroom(ground, paying, subscriptions)
        return cls(
            checkouts=checkouts,
            cards=CardSales(quoting=paying.quote, checkouts=checkouts, free=paying.free),
            incoming=Incoming(
                store=ground.store,
                rails=ground.rails,
                clock=ground.clock,
                owner=ground.leases.process,
                news=news,
                observe=ground.observe,
            ),
            overdue=Overdue(
                store=ground.store,
                checkouts=checkouts,
                clock=ground.clock,
                news=news,
                turn=ground.turn("overdue", OVERDUE_EVERY),
            ),
        )


def _checkouts(ground: Ground) -> Checkouts:
    stripe = ground.settings.find(StripeSettings) or StripeSettings()
    server = ground.settings.section(ServerSettings)
    return Checkouts(
        store=ground.store,
        rails=ground.rails,
        clock=ground.clock,
        random=ground.random,
        pages=Pages(
            success_url=stripe.success_url,
            cancel_url=stripe.cancel_url,
            hosts=frozenset((*stripe.redirect_hosts, *own_hosts(server.public_url))),
        ),
        most_unpaid=stripe.max_unpaid_coupons,
    )


def _newsroom(ground: Ground, paying: PayingParts, subscriptions: HearsSubscriptions) -> Newsroom:
    return Newsroom(
        sessions=Sessions(
            clock=ground.clock,
            unapplied=paying.unapplied,
            subjects=paying.quote.subjects,
            owner=ground.leases.process,
            subscriptions=subscriptions,
        ),
        refunds=RefundNews(subjects=paying.quote.subjects),
        disputes=Disputes(clock=ground.clock, random=ground.random, subjects=paying.quote.subjects),
        observe=ground.observe,
        subscriptions=subscriptions,
    )
