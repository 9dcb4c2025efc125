"""Events from outside as records."""

from base64 import b64decode, b64encode
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Final

from attrs import evolve, frozen

from tillway.adapters.stores.codec import Codec, micros, moment
from tillway.adapters.stores.limits import checked
from tillway.adapters.stores.records.purging import purged
from tillway.adapters.stores.records.rows import Calls, Kind, Row, Rows, Sight
from tillway.adapters.stores.records.shelf import joined
from tillway.core.ports.store import Inbound, InboundState
from tillway.core.tenancy import Tenant

_RECEIVED: Final = InboundState.RECEIVED.value
_APPLIED: Final = InboundState.APPLIED.value
_GIVEN_UP: Final = InboundState.GIVEN_UP.value


@frozen(kw_only=True)
class _Kept:
    """What a record says of an event besides its columns."""

    source: str
    id: str
    type: str
    body: str
    headers: Mapping[str, str] = {}
    attempts: int = 0
    last_error: str | None = None


@frozen
class InboxRecords:
    """Events from outside: received first, applied once."""

    calls: Calls
    codec: Codec

    async def receive(self, inbound: Inbound) -> bool:
        """Write an event as received; a repeat of its id does nothing and is False."""

        async def work(rows: Sight) -> bool:
            return await rows.insert(Kind.INBOX, self._row(inbound))

        return await self.calls.write(work)

    async def get(self, tenant: Tenant, source: str, event: str) -> Inbound | None:
        """Give an event."""

        async def work(rows: Sight) -> Inbound | None:
            row = await rows.get(Kind.INBOX, tenant, joined(source, event))
            return None if row is None else self._inbound(row)

        return await self.calls.read(work)

    async def apply(self, tenant: Tenant, source: str, event: str, at: datetime) -> bool:
        """Mark an event as applied, in the unit that applies it."""

        async def work(rows: Sight) -> bool:
            row = await rows.get(Kind.INBOX, tenant, joined(source, event))
            if row is None or row.state == _APPLIED:
                return False
            applied = evolve(row, state=_APPLIED, due=micros(at))
            return await rows.swap(Kind.INBOX, applied)

        return await self.calls.write(work)

    async def listed(
        self,
        tenant: Tenant,
        states: Collection[InboundState],
        limit: int,
        before: datetime | None = None,
    ) -> Sequence[Inbound]:
        """Give events in these states, newest first, received before that time."""
        end = None if before is None else micros(before)
        names = [state.value for state in states]

        async def work(rows: Sight) -> Sequence[Inbound]:
            found = await rows.newest(Kind.INBOX, tenant, checked(limit), before=end, states=names)
            return [self._inbound(row) for row in found]

        return await self.calls.read(work)

    async def take(
        self, owner: str, now: datetime, until: datetime, limit: int
    ) -> Sequence[Inbound]:
        """Give events that wait and that nobody works on, each to one process."""

        async def work(rows: Sight) -> Sequence[Inbound]:
            due = await rows.due(Kind.INBOX, [_RECEIVED], micros(now), checked(limit))
            later = [evolve(row, due=micros(until), group=owner) for row in due]
            taken = [row for row in later if await rows.swap(Kind.INBOX, row)]
            return [self._inbound(row) for row in taken]

        return await self.calls.write(work)

    async def put_off(
        self, tenant: Tenant, source: str, event: str, error: str, until: datetime | None
    ) -> bool:
        """Count a failed attempt at what is not applied, to be taken again from then on."""

        async def work(rows: Sight) -> bool:
            row = await rows.get(Kind.INBOX, tenant, joined(source, event))
            if row is None or row.state == _APPLIED:
                return False
            kept = self._kept(row)
            kept = evolve(kept, attempts=kept.attempts + 1, last_error=error)
            return await self._put_back(rows, row, kept, until)

        return await self.calls.write(work)

    async def revive(self, tenant: Tenant, source: str, event: str, at: datetime) -> bool:
        """Let an event that is not applied wait from ``at`` on, with no attempts counted."""

        async def work(rows: Sight) -> bool:
            row = await rows.get(Kind.INBOX, tenant, joined(source, event))
            if row is None or row.state == _APPLIED:
                return False
            return await self._put_back(rows, row, evolve(self._kept(row), attempts=0), at)

        return await self.calls.write(work)

    async def purge(self, before: datetime, limit: int) -> int:
        """Remove events of all tenants that were applied before that time, and tell how many."""

        async def work(rows: Sight) -> int:
            return await purged(rows, Kind.INBOX, [_APPLIED], before, limit)

        return await self.calls.write(work)

    async def _put_back(self, rows: Rows, row: Row, kept: _Kept, until: datetime | None) -> bool:
        state, due = (_GIVEN_UP, None) if until is None else (_RECEIVED, micros(until))
        later = evolve(row, state=state, due=due, body=self.codec.text(kept))
        return await rows.swap(Kind.INBOX, later)

    def _row(self, inbound: Inbound) -> Row:
        kept = _Kept(
            source=inbound.source,
            id=inbound.id,
            type=inbound.type,
            body=b64encode(inbound.body).decode(),
            headers=dict(inbound.headers),
        )
        return Row(
            tenant=inbound.tenant,
            id=joined(inbound.source, inbound.id),
            at=micros(inbound.received_at),
            state=_RECEIVED,
            due=micros(inbound.received_at),
            body=self.codec.text(kept),
        )

    def _inbound(self, row: Row) -> Inbound:
        kept = self._kept(row)
        applied = row.state == _APPLIED and row.due is not None
        return Inbound(
            tenant=Tenant(row.tenant),
            source=kept.source,
            id=kept.id,
            type=kept.type,
            received_at=moment(row.at),
            body=b64decode(kept.body),
            headers=kept.headers,
            applied_at=moment(row.due or 0) if applied else None,
            attempts=kept.attempts,
            last_error=kept.last_error,
            given_up=row.state == _GIVEN_UP,
        )

    def _kept(self, row: Row) -> _Kept:
        return self.codec.value(row.body, _Kept)
