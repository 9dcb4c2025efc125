"""The parts of a gateway that sell by a provider's page and hear from it, joined."""

from datetime import timedelta
from typing import Final

from attrs import frozen

from tillway.core.observations import Observer
from tillway.core.ports.subscribing import HearsSubscriptions
from tillway.core.services.hosted.cards import CardSales
from tillway.core.services.hosted.checkouts import MOST_UNPAID, Checkouts
from tillway.core.services.hosted.disputes import Disputes
from tillway.core.services.hosted.incoming import Incoming
from tillway.core.services.hosted.news import Newsroom
from tillway.core.services.hosted.overdue import Overdue
from tillway.core.services.hosted.pages import Pages
from tillway.core.services.hosted.sessions import Sessions
from tillway.core.services.paying.free import Free
from tillway.core.services.paying.leases import Leases
from tillway.core.services.paying.quote import Quoting
from tillway.core.services.refunds.told import PayBacks
from tillway.core.services.refunds.unapplied import Givebacks
from tillway.core.services.turns import Turn

OVERDUE_EVERY: Final = timedelta(seconds=30)
"""How often checkouts of which nothing was heard are looked after."""


@frozen(kw_only=True)
class Hosting:
    """The services of it."""

    checkouts: Checkouts
    cards: CardSales
    incoming: Incoming
    overdue: Overdue

    @classmethod
    def of(
        cls,
        *,
        quoting: Quoting,
        free: Free,
        leases: Leases,
        givebacks: Givebacks,
        pages: Pages,
        observe: Observer,
        most_unpaid: int = MOST_UNPAID,
        subscriptions: HearsSubscriptions | None = None,
    ) -> "Hosting":
        """Join them."""
        store, rails, clock, random = quoting.store, quoting.rails, quoting.clock, quoting.random
        sessions = Sessions(
            clock=clock,
            givebacks=givebacks,
            subjects=quoting.subjects,
            owner=leases.process,
            subscriptions=subscriptions,
        )
        news = Newsroom(
            sessions=sessions,
            paybacks=PayBacks(),
            disputes=Disputes(clock=clock, random=random),
            observe=observe,
            subscriptions=subscriptions,
        )
        checkouts = Checkouts(
            store=store,
            rails=rails,
            clock=clock,
            random=random,
            pages=pages,
            most_unpaid=most_unpaid,
        )
        turn = Turn(
            store=store, clock=clock, owner=leases.process, name="overdue", every=OVERDUE_EVERY
        )
        return cls(
            checkouts=checkouts,
            cards=CardSales(quoting=quoting, checkouts=checkouts, free=free),
            incoming=Incoming(
                store=store, rails=rails, clock=clock, owner=leases.process, news=news
            ),
            overdue=Overdue(store=store, checkouts=checkouts, clock=clock, news=news, turn=turn),
        )
