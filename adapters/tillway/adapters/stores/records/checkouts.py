"""Checkouts as records; what they reserve are running totals."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Final

from attrs import evolve, frozen

from tillway.adapters.stores.codec import Codec, micros
from tillway.adapters.stores.limits import checked
from tillway.adapters.stores.records.purging import purged
from tillway.adapters.stores.records.rows import Calls, Kind, Row, Sight
from tillway.adapters.stores.records.shelf import Shelf, blank, joined
from tillway.adapters.stores.reservations import tally_key
from tillway.core.checkouts import ENDED_WITHOUT_PAY, UNPAID, Checkout, CheckoutId, CheckoutState
from tillway.core.payments import Chain, Phase, Reservation
from tillway.core.ports.store import Refused
from tillway.core.tenancy import Tenant


def _columns(checkout: Checkout) -> Row:
    session, money = checkout.session, checkout.paid_with
    return blank(
        tenant=checkout.tenant,
        id=checkout.id,
        at=micros(checkout.created_at),
        state=checkout.state.value,
        mark=None if session is None else joined(checkout.provider, session),
        slot=None if money is None else joined(checkout.provider, money),
        due=micros(checkout.expires_at),
    )


_CHECKOUTS: Final = Shelf(Kind.CHECKOUTS, Checkout, _columns)


def _phase(state: CheckoutState) -> Phase | None:
    if state in UNPAID:
        return Phase.LIVE
    return Phase.SETTLED if state is CheckoutState.PAID else None


@frozen
class CheckoutRecords:
    """Sessions at providers."""

    calls: Calls
    codec: Codec

    async def add(self, checkout: Checkout) -> bool | Refused:
        """Write a checkout and take its reservations, all or nothing."""

        async def work(rows: Sight) -> bool | Refused:
            if checkout.state not in UNPAID:
                raise ValueError("a checkout begins unpaid")
            if not await _CHECKOUTS.insert(rows, self.codec, checkout):
                return False
            refused = await _taken(rows, checkout)
            if refused is None:
                return True
            await rows.remove(Kind.CHECKOUTS, checkout.tenant, checkout.id)
            return Refused(reservation=refused)

        return await self.calls.write(work)

    async def move(self, checkout: Checkout, was: Collection[CheckoutState]) -> bool:
        """Write a checkout as it now stands, if what is stored is in one of these states."""

        async def work(rows: Sight) -> bool:
            found = await _CHECKOUTS.find(rows, self.codec, checkout.tenant, checkout.id)
            if found is None or found.value.state not in was:
                return False
            before, after = _phase(found.value.state), _phase(checkout.state)
            if after is Phase.LIVE and before is not Phase.LIVE:
                raise ValueError("a checkout that has ended is not unpaid again")
            kept = found.value.reservations
            later = evolve(checkout, reservations=kept)
            if not await _CHECKOUTS.swap(rows, self.codec, later, found):
                return False
            for one in kept:
                await _shift(rows, checkout, one, one.change(before, after))
            return True

        return await self.calls.write(work)

    async def get(self, tenant: Tenant, checkout: CheckoutId) -> Checkout | None:
        """Give a checkout."""

        async def work(rows: Sight) -> Checkout | None:
            return await _CHECKOUTS.get(rows, self.codec, tenant, checkout)

        return await self.calls.read(work)

    async def by_session(self, tenant: Tenant, provider: str, session: str) -> Checkout | None:
        """Give the checkout of a provider's session."""

        async def work(rows: Sight) -> Checkout | None:
            row = await rows.marked(Kind.CHECKOUTS, tenant, joined(provider, session))
            return None if row is None else _CHECKOUTS.read(row, self.codec)

        return await self.calls.read(work)

    async def by_payment(self, tenant: Tenant, provider: str, payment: str) -> Checkout | None:
        """Give the checkout that was paid with what a provider names so."""

        async def work(rows: Sight) -> Checkout | None:
            row = await rows.slotted(Kind.CHECKOUTS, tenant, joined(provider, payment))
            return None if row is None else _CHECKOUTS.read(row, self.codec)

        return await self.calls.read(work)

    async def due(self, now: datetime, limit: int) -> Sequence[Checkout]:
        """Give unpaid checkouts of all tenants that expired before ``now``, oldest first."""
        states = sorted(state.value for state in UNPAID)

        async def work(rows: Sight) -> Sequence[Checkout]:
            found = await rows.due(Kind.CHECKOUTS, states, micros(now), checked(limit))
            return _CHECKOUTS.all(found, self.codec)

        return await self.calls.read(work)

    async def purge(self, before: datetime, limit: int) -> int:
        """Remove checkouts that are over without pay and expired before that time."""
        states = sorted(state.value for state in ENDED_WITHOUT_PAY)

        async def work(rows: Sight) -> int:
            return await purged(rows, Kind.CHECKOUTS, states, before, limit)

        return await self.calls.write(work)


async def _taken(rows: Sight, checkout: Checkout) -> Reservation | None:
    """Take all reservations, or none: then give the first that does not fit."""
    for place, one in enumerate(checkout.reservations):
        if not await _fits(rows, checkout, one):
            for earlier in checkout.reservations[:place]:
                await _shift(rows, checkout, earlier, -earlier.change(None, Phase.LIVE))
            return one
    return None


async def _fits(rows: Sight, checkout: Checkout, one: Reservation) -> bool:
    """Take a reservation if its whole amount fits, even where it does not count while live."""
    key = tally_key(one.tenant, Chain(checkout.provider), one.name)
    live = one.change(None, Phase.LIVE)
    if live == one.amount:
        return await rows.take(*key, live, one.limit)
    if not await rows.take(*key, one.amount, one.limit):
        return False
    return await rows.take(*key, live - one.amount, None)


async def _shift(rows: Sight, checkout: Checkout, one: Reservation, change: int) -> None:
    if change:
        key = tally_key(one.tenant, Chain(checkout.provider), one.name)
        await rows.take(*key, change, None)
