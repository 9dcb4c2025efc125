"""Open a checkout at a provider: written here first, asked for then, and kept to compare with.

Whatever is sold opens its checkouts here: `Wanted` says what is charged, and `Checkouts.open` sees
to the order of things. What a crash or silence leaves half done is finished by `Overdue`.
"""

import logging
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Final, NoReturn

from attrs import define, evolve, frozen

from tillway.core.catalog import SubscriptionTerms
from tillway.core.checkouts import (
    Checkout,
    CheckoutId,
    CheckoutState,
    new_checkout_id,
)
from tillway.core.errors import Code, Declined, TillwayError, Unavailable
from tillway.core.money import Money
from tillway.core.neighbours import neighbours_of
from tillway.core.payments import Asked, Phase, Purchase, Reservation
from tillway.core.ports.clock import Clock, Random
from tillway.core.ports.hosting import HostedSession, HostsCheckout, Order, OrderLine, SessionStatus
from tillway.core.ports.store import Refused, Store
from tillway.core.services.hosted.least import too_little
from tillway.core.services.hosted.pages import Pages
from tillway.core.services.paying.refusals import refusal_of
from tillway.core.services.rails import Rails
from tillway.core.services.wishes import checked_metadata

OPENING: Final = timedelta(minutes=3)
"""How long an opening may take, with every retry, before somebody else looks after it."""

MOST_UNPAID: Final = 100
"""How many limited coupons one principal or address may hold back by checkouts that it does not
pay: a reservation, which holds under any race."""

_log = logging.getLogger(__name__)


@frozen(kw_only=True)
class Wanted:
    """A checkout to be opened.

    The lines, less ``discount``, come to ``amount``; None where the provider's own price decides
    it, and where a ``promotion_code`` of the provider's may take something off, it may come to
    less; a code that it does not have is left out, unless it is needed. ``metadata`` is ours and
    goes with the payment; ``wishes`` is the client's, which goes with it too and never replaces
    ours; ``shown`` goes to the provider only. ``success_url`` and ``cancel_url`` are the client's
    wishes: None for the configured pages. ``id`` names it where it has to be found again by what
    it is for; a known one is given as it stands.
    """

    purchase: Purchase
    lines: tuple[OrderLine, ...]
    amount: Money | None
    discount: Money | None = None
    reservations: tuple[Reservation, ...] = ()
    metadata: Mapping[str, str] = {}
    wishes: Mapping[str, str] = {}
    shown: Mapping[str, str] = {}
    success_url: str | None = None
    cancel_url: str | None = None
    customer: str | None = None
    customer_email: str | None = None
    terms: SubscriptionTerms | None = None
    trial_days: int = 0
    promotion_code: str | None = None
    needs_promotion: bool = False
    id: CheckoutId | None = None


@define(kw_only=True)
class Checkouts:
    """Open checkouts, and end them."""

    store: Store
    rails: Rails
    clock: Clock
    random: Random
    pages: Pages
    most_unpaid: int = MOST_UNPAID

    def rail(self, name: str | None = None) -> HostsCheckout:
        """Give the rail of that name whose provider hosts checkouts, without one the first.

        Declined (invalid_resource) if there is none.
        """
        for rail in self.rails.hosting:
            if name is None or rail.name == name:
                return rail
        text = "Cards are not taken here."
        raise Declined(Code.INVALID_RESOURCE, text, details={"methods": self.rails.methods()})

    def refuse_too_little(self, amount: Money | None, promotion: str | None = None) -> None:
        """Raise Declined (invalid_amount) for less than can be charged.

        A promotion of the provider's may leave nothing to be charged: then it is asked.
        """
        refusal = None if promotion else too_little(self.rail(), amount)
        if refusal is not None:
            raise refusal

    async def open(self, wanted: Wanted, asked: Asked) -> Checkout:
        """Open a checkout and give it with its session and the address to pay at.

        Everything is refused before anything is asked for: addresses on other hosts and metadata
        that is too much (invalid_field), less than can be charged (invalid_amount), what is used
        up (the code of its reservation). Declined or Unavailable of the provider's: nothing is
        open, and what was reserved is given back. Unsettled: nobody knows; it is looked up later,
        and is no longer open then.
        """
        rail = self.rail()
        self.refuse_too_little(wanted.amount, wanted.promotion_code)
        checkout = self._checkout(rail, wanted, asked)
        order = self._order(checkout, wanted)
        known = await self._written(checkout)
        if known is not None:
            return known
        try:
            session = await _session(rail, order, wanted)
        except (Declined, Unavailable):
            await self._move(evolve(checkout, state=CheckoutState.FAILED), [CheckoutState.OPENING])
            raise
        return await self._opened(rail, checkout, session, wanted)

    async def end(self, checkout: Checkout) -> HostedSession | None:
        """Have the provider end a session, and give it as it stands: it may have been paid.

        A checkout whose session is over is over, if nobody has paid it; a paid one is left to
        whoever hears of it. None if it has no session. Errors are the rail's.
        """
        rail = self.rail(checkout.provider)
        found = checkout.session
        if found is None:
            lost = await rail.find(checkout)
            found = None if lost is None else lost.id
        session = None if found is None else await rail.expire(found)
        if session is None or session.status is SessionStatus.EXPIRED:
            ended = evolve(checkout, state=CheckoutState.EXPIRED, session=found)
            await self._move(ended, [CheckoutState.OPENING, CheckoutState.OPEN])
        return session

    # Writing

    async def _written(self, checkout: Checkout) -> Checkout | None:
        """Write a checkout before it is asked for; give the one that has its id already."""
        async with self.store.begin(once=True) as unit:
            result = await unit.checkouts.add(checkout)
        if isinstance(result, Refused):
            raise refusal_of(result.reservation)
        if result:
            return None
        async with self.store.view(once=True) as view:
            return await view.checkouts.get(checkout.tenant, checkout.id)

    async def _move(self, checkout: Checkout, was: Sequence[CheckoutState]) -> bool:
        async with self.store.begin(once=True) as unit:
            return await unit.checkouts.move(checkout, was)

    async def _opened(
        self, rail: HostsCheckout, checkout: Checkout, session: HostedSession, wanted: Wanted
    ) -> Checkout:
        """Store the session before anybody is told where to pay."""
        amount = _charged(session, wanted)
        opened = evolve(
            checkout,
            state=CheckoutState.OPEN,
            session=session.id,
            url=session.url,
            amount=amount,
            expires_at=session.expires_at,
        )
        if amount is None or session.url is None:
            await self._refuse(rail, checkout, session)
        if not await self._move(opened, [CheckoutState.OPENING]):
            raise _unusable()
        return opened

    async def _refuse(
        self, rail: HostsCheckout, checkout: Checkout, session: HostedSession
    ) -> NoReturn:
        """End a session that would charge something else than was asked for."""
        _log.error(
            "session %s charges %s where checkout %s has %s: it is ended",
            session.id,
            session.amount,
            checkout.id,
            checkout.amount,
        )
        try:
            await rail.expire(session.id)
        except TillwayError as error:
            _log.warning("session %s is not ended yet: %s", session.id, error)
            raise _unusable() from error
        ended = evolve(checkout, state=CheckoutState.FAILED, session=session.id)
        await self._move(ended, [CheckoutState.OPENING])
        raise _unusable()

    # Making

    def _checkout(self, rail: HostsCheckout, wanted: Wanted, asked: Asked) -> Checkout:
        now, tenant = self.clock.now(), wanted.purchase.tenant
        wishes = checked_metadata(wanted.wishes)
        provider_decides = wanted.promotion_code is not None
        return Checkout(
            id=wanted.id or new_checkout_id(self.random),
            tenant=tenant,
            provider=rail.name,
            purchase=wanted.purchase,
            amount=None if provider_decides else wanted.amount,
            created_at=now,
            expires_at=now + OPENING,
            reservations=self._reserved(asked, wanted),
            metadata={**wishes, **wanted.metadata},
        )

    def _reserved(self, asked: Asked, wanted: Wanted) -> tuple[Reservation, ...]:
        """Give what the checkout takes; of what holds back others, everybody has a share."""
        holds_back = any(
            each.limit is not None and each.name.startswith("coupon:")
            for each in wanted.reservations
        )
        if not holds_back:
            return wanted.reservations
        share = Reservation(
            name=f"unpaid:{asked.principal or neighbours_of(asked.address)}",
            amount=1,
            limit=self.most_unpaid,
            counts=frozenset({Phase.LIVE}),
            tenant=wanted.purchase.tenant,
        )
        return (share, *wanted.reservations)

    def _order(self, checkout: Checkout, wanted: Wanted) -> Order:
        return Order(
            checkout=checkout,
            lines=wanted.lines,
            success_url=self.pages.success(wanted.success_url),
            cancel_url=self.pages.cancel(wanted.cancel_url),
            discount=wanted.discount,
            terms=wanted.terms,
            trial_days=wanted.trial_days,
            customer=wanted.customer,
            customer_email=wanted.customer_email,
            metadata={**checkout.metadata, **wanted.shown},
            promotion_code=wanted.promotion_code,
        )


async def _session(rail: HostsCheckout, order: Order, wanted: Wanted) -> HostedSession:
    """Ask for a session; without a promotion code that the provider does not have."""
    try:
        return await rail.open(order)
    except Declined as refusal:
        unknown = order.promotion_code is not None and refusal.code is Code.COUPON_NOT_FOUND
        if not unknown or wanted.needs_promotion:
            raise
    return await rail.open(evolve(order, promotion_code=None))


def _charged(session: HostedSession, wanted: Wanted) -> Money | None:
    """Give what a session charges, if that is what was wanted; None if it is not."""
    charged, asked = session.amount, wanted.amount
    if charged is None or asked is None or charged == asked:
        return charged
    cheaper = charged.asset == asked.asset and charged.minor <= asked.minor
    return charged if wanted.promotion_code is not None and cheaper else None


def _unusable() -> Unavailable:
    return Unavailable(Code.STRIPE_ERROR, "The checkout could not be opened. Please try again.")
