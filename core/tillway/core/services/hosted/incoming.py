"""What providers tell us: kept as it came, then applied once, whatever happens in between.

An event is answered as soon as it is stored. It is applied at once by whoever received it, and
where a crash, a conflict or its order was in the way, later by any process. What cannot be applied
however often it is tried stays in the inbox, unapplied, and is reported.
"""

import asyncio
import logging
from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, Protocol

from attrs import define, field

from tillway.core.errors import Code, Declined, Unavailable
from tillway.core.money import Money
from tillway.core.observations import EventHeard, Observer, Observers
from tillway.core.ports.clock import Clock
from tillway.core.ports.hosting import (
    CompletesNews,
    HearsWebhooks,
    InvoiceTold,
    News,
    SessionTold,
    Told,
)
from tillway.core.ports.store import Inbound, Store, UnitOfWork
from tillway.core.ports.subscribing import Undecided
from tillway.core.services.hosted.asking import answer
from tillway.core.services.rails import Rails
from tillway.core.tenancy import Tenant

LEASE: Final = timedelta(seconds=60)
"""How long events are one process's to apply."""

QUIET: Final = timedelta(seconds=5)
"""How long an event is left to whoever received it."""

FIRST_PAUSE: Final = timedelta(seconds=2)
LONGEST_PAUSE: Final = timedelta(hours=3)
MOST_ATTEMPTS: Final = 20
"""With the pauses: a day and more, in which a provider sends what is missing."""

MOST_ASKED: Final = 5
"""How often an event waits for a provider that does not answer."""

_BATCH: Final = 50
_TRIES: Final = 5
_LONGEST_ERROR: Final = 200

_log = logging.getLogger(__name__)


class NotYet(Exception):
    """News are about something that is not known, and may be known soon: they come in any order."""


class Contradicts(Declined):
    """News contradict what is written: however often they are tried, it stays so."""


class Outcome(StrEnum):
    """What came of an event, or of an attempt at it."""

    APPLIED = "applied"
    REPEATED = "repeated"
    REFUSED = "refused"
    WAITING = "waiting"
    IGNORED = "ignored"
    GIVEN_UP = "given_up"


class Applies(Protocol):
    """Make of news what they mean."""

    async def apply(self, unit: UnitOfWork, tenant: Tenant, source: str, news: News) -> None:
        """Write what news mean, in the unit that marks them as applied.

        Raises NotYet, Undecided where its provider has to be asked first, and Contradicts for
        what can never be written.
        """
        ...


@define(kw_only=True)
class Incoming:
    """Receive events, and apply them."""

    store: Store
    rails: Rails
    clock: Clock
    owner: str
    news: Applies
    observe: Observer = field(factory=Observers, repr=False)
    most_applying: int = 4
    _applying: int = field(default=0, init=False)

    async def receive(
        self, tenant: Tenant, source: str, headers: Mapping[str, str], body: bytes
    ) -> Told:
        """Verify an event, keep it, and apply it if that goes at once.

        Declined (invalid_signature) for what is not authentic; Unavailable if it cannot be kept.
        A repeat is kept once. Where many come at once, those beyond ``most_applying`` wait for a
        sweep, so that taking them in never waits for what they mean.
        """
        try:
            told = self._hearing(source).verify(headers, body)
        except Declined:
            self._observed(source, Outcome.REFUSED)
            raise
        event = Inbound(
            tenant=tenant,
            source=source,
            id=told.id,
            type=told.type,
            received_at=self.clock.now(),
            body=body,
        )
        async with self.store.begin(once=True) as unit:
            await unit.inbox.receive(event)
        if self._applying < self.most_applying:
            await self.apply(event)
        return told

    async def sweep(self) -> int:
        """Apply what nobody works on, and tell how many events were tried."""
        tried = 0
        while True:
            now = self.clock.now()
            async with self.store.begin(once=True) as unit:
                found = await unit.inbox.take(self.owner, now - QUIET, now + LEASE, _BATCH)
            for start in range(0, len(found), self.most_applying):
                some = found[start : start + self.most_applying]
                await asyncio.gather(*(self.apply(event) for event in some))
            tried += len(found)
            if len(found) < _BATCH:
                return tried

    async def apply(self, event: Inbound) -> bool:
        """Apply an event, or see to it that it is tried again; False if it is not applied now."""
        self._applying += 1
        try:
            came_of_it = await self._tried(event)
        finally:
            self._applying -= 1
        self._observed(event.source, came_of_it)
        return came_of_it in (Outcome.APPLIED, Outcome.REPEATED)

    def _observed(self, source: str, outcome: Outcome) -> None:
        # A source is the word of whoever called, until one is known that hears it.
        known = source if source in self.rails.hearing else "unknown"
        self.observe(EventHeard(source=known, outcome=outcome.value))

    async def _tried(self, event: Inbound) -> Outcome:
        try:
            written = await self._understood(event)
        except NotYet:
            return await self._wait(event)
        except Contradicts as odd:
            return await self._give_up(event, f"{odd}")
        except Unavailable as away:
            return await self._put_off(event, f"{away}")
        except Declined as unreadable:
            return await self._put_off(event, f"{unreadable}")
        except Exception as fault:  # one event is in nobody's way
            _log.exception("event %s (%s) cannot be applied", event.id, event.type)
            return await self._put_off(event, type(fault).__name__)
        return Outcome.APPLIED if written else Outcome.REPEATED

    async def _understood(self, event: Inbound) -> bool:
        """Apply what an event means, having asked for what it leaves out only where it lacks.

        False if it was applied before.
        """
        news = self._hearing(event.source).translate(event.body)
        if _lacks_money(news):
            news = await self._completed(event, news)
        try:
            return await self._applied(event, news)
        except NotYet:
            more = await self._completed(event, news)
            if more == news:
                raise
            return await self._applied(event, more)

    async def _completed(self, event: Inbound, news: News) -> News:
        hears = self._hearing(event.source)
        if not isinstance(hears, CompletesNews):
            return news
        try:
            return await hears.complete(news)
        except Unavailable:
            if event.attempts < MOST_ASKED:
                raise
            return news  # nobody waits for ever for what is only good to know

    async def _applied(self, event: Inbound, news: News) -> bool:
        for attempt in range(_TRIES):
            try:
                return await self._write(event, news)
            except Undecided as question:
                patient = event.attempts < MOST_ASKED
                news = await answer(self.rails, event.source, question, patient=patient)
            except Unavailable:
                if attempt == _TRIES - 1:
                    raise
                await self.clock.sleep(0.02 * 2**attempt)
        raise Unavailable  # there was something new with every answer

    async def _write(self, event: Inbound, news: News) -> bool:
        async with self.store.begin() as unit:
            marked = await self._mark(unit, event)
            if marked:
                await self.news.apply(unit, event.tenant, event.source, news)
        return marked

    async def _mark(self, unit: UnitOfWork, event: Inbound) -> bool:
        return await unit.inbox.apply(event.tenant, event.source, event.id, self.clock.now())

    async def _wait(self, event: Inbound) -> Outcome:
        """Try again later; what is unknown for a day is of somebody else's account."""
        if event.attempts < MOST_ATTEMPTS:
            return await self._put_off(event, "it is about something that is not known yet")
        _log.warning("event %s (%s) is about nothing that we know", event.id, event.type)
        async with self.store.begin(once=True) as unit:
            await self._mark(unit, event)
        return Outcome.IGNORED

    async def _put_off(self, event: Inbound, error: str) -> Outcome:
        """Try again later, but not for ever."""
        if event.attempts >= MOST_ATTEMPTS:
            return await self._give_up(event, error)
        await self._keep(event, error, self._until(event))
        return Outcome.WAITING

    async def _give_up(self, event: Inbound, error: str) -> Outcome:
        _log.error("event %s (%s) is given up: %s", event.id, event.type, error)
        await self._keep(event, error, None)
        return Outcome.GIVEN_UP

    async def _keep(self, event: Inbound, error: str, until: datetime | None) -> None:
        error = error[:_LONGEST_ERROR]
        try:
            async with self.store.begin(once=True) as unit:
                await unit.inbox.put_off(event.tenant, event.source, event.id, error, until)
        except Unavailable as away:
            _log.warning("event %s (%s) waits: %s", event.id, event.type, away)

    def _until(self, event: Inbound) -> datetime:
        pause = min(FIRST_PAUSE * (1 << event.attempts), LONGEST_PAUSE)
        return self.clock.now() + pause - QUIET  # a sweep leaves what is due for that long

    def _hearing(self, source: str) -> HearsWebhooks:
        hears = self.rails.hearing.get(source)
        if hears is None:
            text = "No webhook secret is configured."
            raise Declined(Code.INVALID_SIGNATURE, text)
        return hears


def _lacks_money(news: News) -> bool:
    """Tell whether money came of which the name is missing: a subscription's, as a rule."""
    match news:
        case SessionTold(session=session):
            billed = session.paid and session.subscription is not None
            return billed and session.payment is None and _is_some(session.amount)
        case InvoiceTold():
            return news.paid and news.payment is None and _is_some(news.amount)
    return False


def _is_some(amount: Money | None) -> bool:
    return amount is not None and amount.minor > 0
