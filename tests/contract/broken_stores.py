"""Stores that each break one law, made of the store in memory.

``test_kit.py`` has the kit try each of them. Each is a factory, named as ``broken_stores:Class``.
"""

import asyncio
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Final

from attrs import asdict, evolve, frozen

from tillway.adapters.stores.layered.kinds import ARCHIVE, LINKS, WAITING, LinkRow
from tillway.adapters.stores.layered.layers import Layer, Layers, Session, Work
from tillway.adapters.stores.layered.log import LayeredEvents
from tillway.adapters.stores.layered.payments import LayeredPayments
from tillway.adapters.stores.layered.sight import LayeredCalls, LayeredSight
from tillway.adapters.stores.layered.unit import LayeredUnit
from tillway.adapters.stores.memory import MemoryStore
from tillway.adapters.stores.memory.tables import MemoryTable
from tillway.adapters.stores.records.ledger import LedgerRecords
from tillway.adapters.stores.records.requests import NonceRecords
from tillway.adapters.stores.records.rows import Kind, Row, T
from tillway.adapters.stores.records.rows import Work as Call
from tillway.adapters.stores.records.work import LeaseRecords
from tillway.core.events import Event
from tillway.core.ids import Nonce
from tillway.core.ledger import Entry, EntryKey, HoldId
from tillway.core.payments import Payment
from tillway.core.ports.store import (
    ClaimResult,
    Link,
    NonceUse,
    PostResult,
    Repeated,
)
from tillway.core.tenancy import Tenant

_FOREVER: Final = 2**62


class Altered(MemoryStore):
    """A sound store that gives out units and views as its subclasses change them."""

    def altered(self, unit: LayeredUnit) -> LayeredUnit:
        """Change a unit or a view."""
        return unit

    @asynccontextmanager
    async def begin(self, *, once: bool = False) -> AsyncIterator[LayeredUnit]:
        """Open a changed unit."""
        async with super().begin(once=once) as unit:
            yield self.altered(unit)

    @asynccontextmanager
    async def view(self, *, once: bool = False) -> AsyncIterator[LayeredUnit]:
        """Open a changed view."""
        async with super().view(once=once) as view:
            yield self.altered(view)


class AlteredPayments(Altered):
    """A store with other payments."""

    payments: type[LayeredPayments] = LayeredPayments

    def altered(self, unit: LayeredUnit) -> LayeredUnit:
        """Put the others in."""
        return evolve(unit, payments=self.payments(unit.payments.session, unit.payments.codec))


@frozen
class AlteredCalls(LayeredCalls):
    """Calls of records that have another sight."""

    sight: type[LayeredSight]

    async def write(self, work: Call[T], *, steps: bool = True) -> T:
        """Run a call that writes."""
        return await self.session.write(lambda layers: work(self.sight(layers)))

    async def read(self, work: Call[T]) -> T:
        """Run a call that reads."""
        return await self.session.read(lambda layers: work(self.sight(layers)))


class AlteredSight(Altered):
    """A store whose records have another sight."""

    sight: type[LayeredSight] = LayeredSight

    def altered(self, unit: LayeredUnit) -> LayeredUnit:
        """Put the other in."""
        return evolve(unit, calls=AlteredCalls(unit.payments.session, self.sight))


class AlteredUnit(Altered):
    """A store with another class of units."""

    unit: type[LayeredUnit] = LayeredUnit

    def altered(self, unit: LayeredUnit) -> LayeredUnit:
        """Make the other one."""
        return self.unit.over(unit.payments.session, unit.codec)


# Conditional writes


class _Careless(LayeredPayments):
    async def settle(
        self, payment: Payment, facts: Sequence[Event] = (), entries: Sequence[Entry] = ()
    ) -> bool:
        known = await self.find(payment.chain, payment.key)
        owner = payment.owner if known is None else known.owner
        return await super().settle(evolve(payment, owner=owner), facts, entries)


class ForgetsOwners(AlteredPayments):
    """Settles whatever payment, whoever owns it."""

    payments = _Careless


# One tenant and another


class _Leaky(LayeredSight):
    async def newest(
        self,
        kind: Kind,
        tenant: str,
        limit: int,
        *,
        before: int | None = None,
        group: str | None = None,
        states: Collection[str] | None = None,
    ) -> Sequence[Row]:
        if kind is Kind.DELIVERIES and states is not None:
            return await self.due(kind, states, _FOREVER, limit)
        return await super().newest(kind, tenant, limit, before=before, group=group, states=states)


class LeaksATenant(AlteredSight):
    """Lists deliveries of all tenants."""

    sight = _Leaky


# Money in accounts


class _CapturingTwice(LedgerRecords):
    async def capture(self, tenant: Tenant, hold: HoldId, entry: Entry) -> PostResult | None:
        return await self.post(entry)


class _UnitCapturingTwice(LayeredUnit):
    @property
    def ledger(self) -> LedgerRecords:
        return _CapturingTwice(self.calls, self.codec)


class CapturesTwice(AlteredUnit):
    """Takes what was held, and goes on holding it."""

    unit = _UnitCapturingTwice


class _BookingTwice(LedgerRecords):
    async def post(self, entry: Entry) -> PostResult:
        posted = await super().post(entry)
        if isinstance(posted, Repeated):
            await super().post(evolve(entry, key=EntryKey(f"{entry.key}+")))
        return posted


class _UnitBookingTwice(LayeredUnit):
    @property
    def ledger(self) -> LedgerRecords:
        return _BookingTwice(self.calls, self.codec)


class BooksTwice(AlteredUnit):
    """Says that an entry is there, and writes it again."""

    unit = _UnitBookingTwice


class _Generous(LayeredSight):
    async def take(self, tenant: str, chain: str, name: str, change: int, most: int | None) -> bool:
        return await super().take(tenant, chain, name, change, None)


class PaysBackTooMuch(AlteredSight):
    """Takes refunds beyond the sum that was paid."""

    sight = _Generous


# Races and limits


@frozen
class _Hasty(NonceRecords):
    before: NonceRecords

    async def use(self, tenant: Tenant, nonce: Nonce, purpose: str, now: datetime) -> NonceUse:
        seen = await self.before.calls.read(lambda rows: rows.get(Kind.NONCES, tenant, nonce))
        used = await super().use(tenant, nonce, purpose, now)
        fresh = seen is not None and seen.state == "fresh"
        return NonceUse.USED if used is NonceUse.CONSUMED and fresh else used


@frozen(kw_only=True)
class _HastyUnit(LayeredUnit):
    before: NonceRecords

    @property
    def nonces(self) -> NonceRecords:
        return _Hasty(self.calls, self.codec, self.before)


class UsesTwice(MemoryStore):
    """Looks at a nonce, waits for its turn, and goes by what it saw."""

    @asynccontextmanager
    async def begin(self, *, once: bool = False) -> AsyncIterator[LayeredUnit]:
        """Look, let others go first, and begin."""
        async with super().view() as before:
            await asyncio.sleep(0)
            async with super().begin(once=once) as unit:
                yield _HastyUnit(before=before.nonces, **asdict(unit, recurse=False))


class _Unlimited(LayeredPayments):
    async def claim(self, payment: Payment) -> ClaimResult:
        free = tuple(evolve(each, limit=None) for each in payment.reservations)
        return await super().claim(evolve(payment, reservations=free))


class PassesLimits(AlteredPayments):
    """Counts redemptions of coupons, and refuses none."""

    payments = _Unlimited


class _Shared(LeaseRecords):
    async def acquire(self, name: str, owner: str, now: datetime, until: datetime) -> bool:
        await super().acquire(name, owner, now, until)
        return True


class _UnitWithSharedLeases(LayeredUnit):
    @property
    def leases(self) -> LeaseRecords:
        return _Shared(self.calls)


class LeasesToTwo(AlteredUnit):
    """Tells everybody that it is his turn."""

    unit = _UnitWithSharedLeases


class _Polygamous(LayeredSight):
    async def insert(self, kind: Kind, row: Row) -> bool:
        written = await super().insert(kind, row)
        return written or await super().insert(kind, evolve(row, slot=None))


class RunsTwo(AlteredSight):
    """Lets a subscriber have two running subscriptions of a product."""

    sight = _Polygamous


# What belongs together


class _Talkative(LayeredPayments):
    async def settle(
        self, payment: Payment, facts: Sequence[Event] = (), entries: Sequence[Entry] = ()
    ) -> bool:
        for fact in facts:
            await LayeredEvents(self.session, self.codec).append(fact)
        return await super().settle(payment, (), entries)


class TellsAnyway(AlteredPayments):
    """Writes the facts of a payment, and then finds that it is not settled."""

    payments = _Talkative


class KeepsHalves(MemoryStore):
    """Keeps what was written before a unit failed."""

    @asynccontextmanager
    async def begin(self, *, once: bool = False) -> AsyncIterator[LayeredUnit]:
        """Open a unit; what it raises is raised again once the rest is committed."""
        failure: Exception | None = None
        async with super().begin(once=once) as unit:
            try:
                yield unit
            except Exception as error:  # raised below
                failure = error
        if failure is not None:
            raise failure


@frozen
class _Restless:
    """Reads in a view of its own each time."""

    store: MemoryStore

    async def read(self, work: Work[T]) -> T:
        async with MemoryStore.view(self.store) as view:
            return await view.payments.session.read(work)

    async def write(self, work: Work[T]) -> T:
        async with MemoryStore.view(self.store) as view:
            return await view.payments.session.write(work)


class SeesTwoMoments(Altered):
    """Shows in a view what others commit while it is open."""

    @asynccontextmanager
    async def view(self, *, once: bool = False) -> AsyncIterator[LayeredUnit]:
        """Give what reads anew at every call."""
        async with super().view() as view:
            yield LayeredUnit.over(_Restless(self), view.codec)


# What is numbered, and what is put away


class _Gaps(LayeredEvents):
    async def seal(self, links: Sequence[Link]) -> bool:
        async def sealed(layers: Layers) -> bool:
            for one in links:
                row = LinkRow(one.tenant, one.fact, one.position, one.number, one.seal)
                layers[LINKS].put(row)
                layers[WAITING].remove(one.tenant, one.fact)
            return True

        return await self.session.write(sealed)


class LeavesGaps(Altered):
    """Gives facts whatever places somebody asks for."""

    def altered(self, unit: LayeredUnit) -> LayeredUnit:
        """Put another log in."""
        return evolve(unit, events=_Gaps(unit.events.session, unit.events.codec))


@frozen
class _WithoutArchive:
    session: Session

    async def read(self, work: Work[T]) -> T:
        return await self.session.read(lambda layers: work(_without_archive(layers)))

    async def write(self, work: Work[T]) -> T:
        return await self.session.write(lambda layers: work(_without_archive(layers)))


def _without_archive(layers: Layers) -> Layers:
    return Layers({**layers.each, ARCHIVE.name: Layer(MemoryTable(ARCHIVE))})


class _Unmindful(LayeredPayments):
    async def claim(self, payment: Payment) -> ClaimResult:
        recent = LayeredPayments(_WithoutArchive(self.session), self.codec)
        return await recent.claim(payment)


class ForgetsTheArchive(AlteredPayments):
    """Claims again what was paid long ago."""

    payments = _Unmindful


class _Coarse(LayeredPayments):
    async def of_payer(
        self, tenant: Tenant, payer: str, limit: int, after: Payment | None = None
    ) -> Sequence[Payment]:
        every = await super().of_payer(tenant, payer, _FOREVER)
        older = [one for one in every if after is None or one.created_at < after.created_at]
        return older[:limit]


class LosesBetweenPages(AlteredPayments):
    """Takes what has the time of a page's last payment for given."""

    payments = _Coarse
