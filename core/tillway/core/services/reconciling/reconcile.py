"""Go through everything once, compare it, and say what differs.

Memory is bounded: rows come a page at a time, and what must be remembered of the log is looked
for in shares. A gateway may run meanwhile: what is younger than a minute is left to the next run,
and a difference is told only if it is still there at a second look.
"""

from collections.abc import AsyncIterator, Callable, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from attrs import define, field, frozen

from tillway.core.errors import Unavailable
from tillway.core.events import LEDGER_ENTRY, Event
from tillway.core.ids import EventId
from tillway.core.ledger import EntryKey
from tillway.core.payments import Payment
from tillway.core.ports.chains import ShowsMovements
from tillway.core.ports.hosting import HostedSession
from tillway.core.ports.statements import ShowsStatement
from tillway.core.ports.store import Store, View
from tillway.core.quotes import Purpose
from tillway.core.refunds import Refund, RefundState
from tillway.core.services.books.audit import Audit
from tillway.core.services.paging import pages_of
from tillway.core.services.rails import Rails
from tillway.core.services.reconciling import (
    books,
    carts,
    chain,
    checkouts,
    coupons,
    inbox,
    payments,
    payouts,
    provider,
    refunds,
    subscriptions,
    telling,
)
from tillway.core.services.reconciling.desk import PATIENCE, Desk, PaymentCheck
from tillway.core.services.reconciling.findings import Finding, Kind
from tillway.core.services.reconciling.log import facts_from
from tillway.core.services.reconciling.report import Report
from tillway.core.subscriptions import Subscription
from tillway.core.tenancy import DEFAULT, Tenant

SHARE: Final = 200_000
"""Facts whose ids are held at a time: some 25 MB."""

_LATER: Final = timedelta(days=365)
"""No checkout lasts so long."""

MOST_PLACES: Final = 10_000
MOST_OVERDUE: Final = 10_000
MOST_NEW: Final = 10_000
"""Payments that may come while others are compared."""

CHECKS: Final[Sequence[PaymentCheck]] = (
    payments.row,
    books.entries,
    carts.cart,
    checkouts.checkout,
    refunds.queued,
    refunds.fits,
)
"""What every payment is compared with, but for the log and the chain."""

_TOLD: Final = telling.TOLD | payouts.TOLD

Tell = Callable[[str, int], None]
"""Hear what is being gone through, and how much of it has been."""


@frozen(kw_only=True)
class Window:
    """From when until when things are compared; None is all there is."""

    since: datetime | None = None
    until: datetime

    def has(self, at: datetime) -> bool:
        """Tell whether a moment is inside."""
        return (self.since is None or at >= self.since) and at < self.until


def _silent(stage: str, done: int) -> None:
    """Tell nobody."""


@define(kw_only=True)
class Reconcile:
    """One run over a store and what it is compared with. Reads only."""

    store: Store
    rails: Rails
    now: Callable[[], datetime]
    tenant: Tenant = DEFAULT
    since: datetime | None = None
    until: datetime | None = None
    audit: Audit | None = None
    least: Decimal = Decimal(0)
    share: int = SHARE
    tell: Tell = _silent
    _began: datetime = field(init=False)
    _window: Window = field(init=False)
    _report: Report = field(factory=Report, init=False)
    _places: dict[str, set[str]] = field(factory=dict, init=False)
    _unheard: list[tuple[str, HostedSession]] = field(factory=list, init=False)
    _uses: coupons.Uses = field(factory=coupons.Uses, init=False)

    def __attrs_post_init__(self) -> None:
        """Choose what is compared: nothing that is still being written."""
        self._began = self.now()
        newest = self._began - PATIENCE
        until = newest if self.until is None else min(self.until, newest)
        self._window = Window(since=self.since, until=until)

    async def run(self) -> Report:
        """Compare everything, and give what was found. Raises Unavailable if the store is away."""
        shares = await self._shares()
        for share in range(shares):
            known = await self._log(share, shares)
            await self._payments(known, share, shares)
            await self._refunds(known, share, shares)
        await self._subscriptions()
        await self._checkouts()
        await self._inbox()
        await self._arrivals()
        await self._providers()
        await self._coupons()
        await self._books()
        await self._heard()
        return self._report

    # The log

    async def _shares(self) -> int:
        async with self.store.view(once=True) as view:
            last = await view.events.last()
        facts = 0 if last is None else last.position
        return max(1, -(-facts // self.share))

    async def _log(self, share: int, shares: int) -> set[EventId]:
        """Learn a share of the ids of facts; the first time, compare facts with payments too."""
        known: set[EventId] = set()
        done = 0
        async for page in facts_from(self.store, self.tenant, self.since):
            ids = (event.id for event in page if event.type in _TOLD)
            known.update(each for each in ids if telling.share_of(each, shares) == share)
            if share == 0:
                await self._facts(page)
            done += len(page)
            self.tell("facts", done)
        return known

    async def _facts(self, page: Sequence[Event]) -> None:
        wanted = [event for event in page if self._window.has(event.at)]
        async with self.store.view() as view:
            desk = self._desk(view)
            for event in wanted:
                if event.type in telling.TOLD:
                    self._add(await telling.fact_founded(desk, event))
                elif event.type in payouts.TOLD:
                    self._add(await payouts.fact_founded(desk, event))
                elif event.type == LEDGER_ENTRY:
                    key = EntryKey(str(event.body["key"]))
                    self._add(await books.entry_founded(desk, key))
                    self._add(await payouts.entry_founded(desk, key))
        self._report.compared["facts"] += len(wanted)

    # Payments

    async def _payments(self, known: set[EventId], share: int, shares: int) -> None:
        done = 0
        async for page in self._pages():
            wanted = [each for each in page if self._window.has(each.created_at)]
            self._untold(wanted, known, share, shares)
            if share == 0:
                await self._remember(page)
                await self._rows(wanted)
                await self._stood(wanted)
            done += len(page)
            self.tell("payments", done)
            if self.since is not None and page[-1].created_at < self.since:
                return

    async def _pages(self) -> AsyncIterator[Sequence[Payment]]:
        """Give all payments, then those in the archive."""

        async def newest(size: int, before: datetime | None) -> Sequence[Payment]:
            async with self.store.view(once=True) as view:
                return await view.payments.newest(self.tenant, size, before)

        async def archived(size: int, before: datetime | None) -> Sequence[Payment]:
            async with self.store.view(once=True) as view:
                return await view.payments.archived(self.tenant, size, before)

        for listing in (newest, archived):
            async for page in pages_of(listing, lambda each: (each.chain, each.key)):
                yield page

    def _untold(
        self, page: Sequence[Payment], known: set[EventId], share: int, shares: int
    ) -> None:
        for payment in page:
            if payment.ended_at is None or payment.ended_at >= self._began:
                continue  # told after the log was read
            for finding in telling.untold(payment, known, share, shares):
                self._report.findings.add(finding)

    async def _rows(self, page: Sequence[Payment]) -> None:
        async with self.store.view() as view:
            desk = self._desk(view)
            for payment in page:
                if await _found(desk, payment):
                    self._add(await self._again(desk, payment))
        self._report.compared["payments"] += len(page)

    async def _again(self, desk: Desk, payment: Payment) -> Sequence[Finding]:
        """Look a second time, at the payment as this very moment of the store has it."""
        fresh = await desk.view.payments.find(payment.chain, payment.key)
        return [] if fresh is None else await _found(desk, fresh)

    async def _stood(self, page: Sequence[Payment]) -> None:
        async with self.store.view() as view:
            stood = await chain.standing(self._desk(view), page, self.rails)
        self._add(stood.findings)
        self._report.compared["payments on their rails"] += stood.asked
        if stood.unsure:
            self._report.unsure["payments that no node could tell of"] += stood.unsure

    async def _remember(self, page: Sequence[Payment]) -> None:
        """Count what payments use, and where they are paid to."""
        async with self.store.view() as view:
            for payment in page:
                self._uses.payment(payment)
                found = await checkouts.of_payment_in(view, payment)
                if found is not None:
                    self._uses.checkout(found)
        for payment in page:
            places = self._places.setdefault(payment.rail, set())
            ours = payment.purchase.purpose is not Purpose.REFUND
            if ours and payment.signed and len(places) < MOST_PLACES:
                places.add(payment.pay_to)

    # All else

    async def _refunds(self, known: set[EventId], share: int, shares: int) -> None:
        async def listing(size: int, before: datetime | None) -> Sequence[Refund]:
            async with self.store.view(once=True) as view:
                return await view.refunds.listed(self.tenant, list(RefundState), size, before)

        async for page in pages_of(listing, lambda each: each.id):
            wanted = [each for each in page if self._window.has(each.created_at)]
            async with self.store.view() as view:
                desk = self._desk(view)
                for each in wanted:
                    if each.processed_at is None or each.processed_at < self._began:
                        self._add(await payouts.untold(desk, each, known, share, shares))
                    if share == 0:
                        self._add(await refunds.refund(desk, each))
                        self._add(await payouts.payout(desk, each))
            if share == 0:
                self._report.compared["refunds"] += len(wanted)
                self.tell("refunds", self._report.compared["refunds"])

    async def _subscriptions(self) -> None:
        async def listing(size: int, before: datetime | None) -> Sequence[Subscription]:
            async with self.store.view(once=True) as view:
                return await view.subscriptions.listed(self.tenant, size, before)

        async for page in pages_of(listing, lambda each: each.id):
            wanted = [each for each in page if self._window.has(each.created_at)]
            async with self.store.view() as view:
                for each in wanted:
                    self._add(list(subscriptions.subscription(self._desk(view), each)))
            self._report.compared["subscriptions"] += len(wanted)

    async def _checkouts(self) -> None:
        """Look at the checkouts that nobody has paid, those first that end first."""
        async with self.store.view() as view:
            desk = self._desk(view)
            for found in await view.checkouts.due(self._began + _LATER, MOST_OVERDUE):
                self._uses.checkout(found)
                if found.tenant == self.tenant and self._window.has(found.created_at):
                    self._add(list(checkouts.overdue(desk, found)))
                    self._report.compared["unpaid checkouts"] += 1

    async def _inbox(self) -> None:
        async for page in inbox.not_applied(self.store, self.tenant):
            wanted = [each for each in page if self._window.has(each.received_at)]
            self._add([found for each in wanted for found in inbox.event(self._began, each)])
            self._report.compared["events not applied"] += len(wanted)

    async def _arrivals(self) -> None:
        for rail in self.rails.all:
            if not isinstance(rail, ShowsMovements):
                continue
            places = self._places.get(rail.name, set())
            try:
                await self._moved(rail, places)
            except Unavailable as away:
                self._report.unsure[f"arrivals on {rail.name} ({away.message})"] += 1

    async def _moved(self, rail: ShowsMovements, places: set[str]) -> None:
        async for movement in rail.movements(places, self.since):
            if movement.at is not None and not self._window.has(movement.at):
                continue
            async with self.store.view() as view:
                self._add(await chain.arrival(self._desk(view), movement))
            self._report.compared["movements"] += 1
            self.tell("movements", self._report.compared["movements"])

    async def _providers(self) -> None:
        for rail in self.rails.all:
            if not isinstance(rail, ShowsStatement):
                continue
            try:
                known = await self._stated(rail)
                await self._missing(rail.name, known)
            except Unavailable as away:
                self._report.unsure[f"sessions at {rail.name} ({away.message})"] += 1

    async def _stated(self, rail: ShowsStatement) -> set[str]:
        """Compare what the provider has; give the ids of its sessions, as many as are held."""
        known: set[str] = set()
        since = None if self.since is None else self.since - provider.EARLIER
        async for found in rail.sessions(since, self._window.until):
            if len(known) < self.share:
                known.add(found.id)
            await self._session(rail.name, found)
            self._report.compared["sessions"] += 1
            self.tell("sessions", self._report.compared["sessions"])
        async for stated in rail.refunds(self.since, self._window.until):
            async with self.store.view() as view:
                self._add(await provider.refund(self._desk(view), rail.name, stated))
            self._report.compared["refunds at providers"] += 1
        return known

    async def _session(self, name: str, session: HostedSession) -> None:
        async with self.store.view() as view:
            found = await provider.session(self._desk(view), name, session)
        if any(each.kind is Kind.PROVIDER_PAID_NOT_BOOKED for each in found):
            self._unheard.append((name, session))
        else:
            self._add(found)

    async def _heard(self) -> None:
        """Look again at what was paid and not booked: its news may have been on their way."""
        for name, session in self._unheard[:MOST_NEW]:
            async with self.store.view() as view:
                self._add(await provider.session(self._desk(view), name, session))

    async def _missing(self, name: str, known: set[str]) -> None:
        if len(known) >= self.share:
            self._report.unsure[f"sessions that {name} may have lost: there are too many"] += 1
            return
        async for page in self._pages():
            for payment in page:
                if self._window.has(payment.created_at):
                    self._add(list(provider.missing(payment, name, known)))

    async def _coupons(self) -> None:
        """Count again, where all was gone through; what is in use just now is left alone."""
        if self.since is not None:
            return
        async with self.store.view() as view:
            newest = await view.payments.newest(self.tenant, MOST_NEW)
            self._uses.leave_alone(each for each in newest if each.created_at >= self._began)
            certain = self._uses.certain()
            self._add(await coupons.counted(self._desk(view), certain))
        self._report.compared["coupons"] += len(certain)

    async def _books(self) -> None:
        """Verify the log and the ledger in themselves, if that is wanted."""
        if self.audit is None:
            return
        self.audit.tell = lambda done, _: self.tell("seals", done)
        found = await self.audit.run()
        for fault in found.faults:
            self._report.findings.add(Finding(kind=Kind.BOOKS_UNSOUND, about="books", text=fault))
        self._report.compared["seals"] += found.facts
        self._report.compared["accounts"] += found.accounts

    def _desk(self, view: View) -> Desk:
        return Desk(view=view, tenant=self.tenant, now=self._began, least=self.least)

    def _add(self, found: Sequence[Finding]) -> None:
        for finding in found:
            self._report.findings.add(finding)


async def _found(desk: Desk, payment: Payment) -> Sequence[Finding]:
    return [each for check in CHECKS for each in await check(desk, payment)]
