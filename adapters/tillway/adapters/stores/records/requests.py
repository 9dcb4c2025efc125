"""Nonces and idempotency records."""

from base64 import b64decode, b64encode
from collections.abc import Mapping
from datetime import datetime
from typing import Final

from attrs import evolve, frozen

from tillway.adapters.stores.codec import Codec, micros
from tillway.adapters.stores.records.purging import purged
from tillway.adapters.stores.records.rows import Calls, Kind, Row, Rows, Sight
from tillway.adapters.stores.records.shelf import Shelf, blank
from tillway.core.ids import Nonce
from tillway.core.ports.store import (
    Answer,
    Mismatch,
    NonceUse,
    Replay,
    Running,
    SingleUse,
    Started,
)
from tillway.core.tenancy import Tenant

MOST_COUNTED: Final = 1_000
_FRESH: Final = "fresh"
_USED: Final = "used"
_RUNNING: Final = "running"
_DONE: Final = "done"


def _nonce(nonce: SingleUse) -> Row:
    return blank(
        tenant=nonce.tenant,
        id=nonce.nonce,
        at=micros(nonce.created_at),
        state=_FRESH,
        group=nonce.purpose,
        due=micros(nonce.expires_at),
    )


_NONCES: Final = Shelf(Kind.NONCES, SingleUse, _nonce)


@frozen
class NonceRecords:
    """Nonces that wait to be signed, and that were."""

    calls: Calls
    codec: Codec

    async def add(self, nonce: SingleUse) -> bool:
        """Write a nonce; a repeat does nothing and is False."""

        async def work(rows: Sight) -> bool:
            return await _NONCES.insert(rows, self.codec, nonce)

        return await self.calls.write(work)

    async def use(self, tenant: Tenant, nonce: Nonce, purpose: str, now: datetime) -> NonceUse:
        """Consume a nonce. Of all that ask, under any race, one gets USED."""

        async def work(rows: Sight) -> NonceUse:
            row = await rows.get(Kind.NONCES, tenant, nonce)
            if row is None or row.group != purpose:
                return NonceUse.UNKNOWN
            if row.state == _USED:
                return NonceUse.CONSUMED
            if row.due is None or row.due <= micros(now):
                return NonceUse.EXPIRED
            used = await rows.swap(Kind.NONCES, evolve(row, state=_USED))
            return NonceUse.USED if used else NonceUse.CONSUMED

        return await self.calls.write(work)

    async def waiting(self, tenant: Tenant, purpose: str, now: datetime) -> int:
        """Count nonces for a purpose that could be used, to a thousand at most."""

        async def work(rows: Sight) -> int:
            return await rows.count(
                Kind.NONCES, tenant, purpose, _FRESH, micros(now) + 1, MOST_COUNTED
            )

        return await self.calls.read(work)

    async def purge(self, before: datetime, limit: int) -> int:
        """Remove nonces of all tenants that expired before that time, and tell how many."""

        async def work(rows: Sight) -> int:
            return await purged(rows, Kind.NONCES, [_FRESH, _USED], before, limit)

        return await self.calls.write(work)


@frozen(kw_only=True)
class _Kept:
    """What an idempotency record says: for which request, and what it was answered."""

    request: str
    owner: str = ""
    status: int = 0
    headers: Mapping[str, str] = {}
    body: str = ""

    @property
    def answer(self) -> Answer:
        return Answer(status=self.status, headers=self.headers, body=b64decode(self.body))


@frozen
class AnswerRecords:
    """Idempotency records."""

    calls: Calls
    codec: Codec

    async def start(
        self,
        tenant: Tenant,
        key: str,
        request: str,
        owner: str,
        now: datetime,
        until: datetime,
    ) -> Started | Running | Mismatch | Replay:
        """Reserve a key for a request, which ``request`` is a hash of, until ``until``."""
        row = blank(
            tenant=tenant,
            id=key,
            at=micros(now),
            state=_RUNNING,
            due=micros(until),
        )
        row = evolve(row, body=self.codec.text(_Kept(request=request, owner=owner)))

        async def work(rows: Sight) -> Started | Running | Mismatch | Replay:
            if await rows.insert(Kind.ANSWERS, row):
                return Started()
            known = await rows.get(Kind.ANSWERS, tenant, key)
            if known is None or (known.due or 0) <= micros(now):
                return await self._anew(rows, row, known)
            return self._met(known, request)

        return await self.calls.write(work)

    async def complete(
        self, tenant: Tenant, key: str, owner: str, answer: Answer, until: datetime
    ) -> bool:
        """Keep the answer until then, if the owner still has the key reserved; else False."""

        async def work(rows: Sight) -> bool:
            row = await self._reserved(rows, tenant, key, owner)
            if row is None:
                return False
            kept = _Kept(
                request=self._kept(row).request,
                status=answer.status,
                headers=dict(answer.headers),
                body=b64encode(answer.body).decode(),
            )
            text = self.codec.text(kept)
            done = evolve(row, state=_DONE, due=micros(until), body=text)
            return await rows.swap(Kind.ANSWERS, done)

        return await self.calls.write(work)

    async def abandon(self, tenant: Tenant, key: str, owner: str) -> bool:
        """Give the key up, if the owner still has it reserved; else False."""

        async def work(rows: Sight) -> bool:
            row = await self._reserved(rows, tenant, key, owner)
            return row is not None and await rows.remove(Kind.ANSWERS, tenant, key)

        return await self.calls.write(work)

    async def purge(self, before: datetime, limit: int) -> int:
        """Remove what counted until before that time, of all tenants, and tell how many."""

        async def work(rows: Sight) -> int:
            return await purged(rows, Kind.ANSWERS, [_RUNNING, _DONE], before, limit)

        return await self.calls.write(work)

    async def _anew(self, rows: Rows, row: Row, known: Row | None) -> Started | Running:
        version = 0 if known is None else known.version
        fresh = (
            await rows.insert(Kind.ANSWERS, row)
            if known is None
            else await rows.swap(Kind.ANSWERS, evolve(row, version=version))
        )
        return Started() if fresh else Running()

    def _met(self, known: Row, request: str) -> Running | Mismatch | Replay:
        kept = self._kept(known)
        if kept.request != request:
            return Mismatch()
        return Replay(answer=kept.answer) if known.state == _DONE else Running()

    async def _reserved(self, rows: Rows, tenant: Tenant, key: str, owner: str) -> Row | None:
        row = await rows.get(Kind.ANSWERS, tenant, key)
        ours = row is not None and row.state == _RUNNING and self._kept(row).owner == owner
        return row if ours else None

    def _kept(self, row: Row) -> _Kept:
        return self.codec.value(row.body, _Kept)
