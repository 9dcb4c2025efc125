"""The ledger over a store's books, and holds as records."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from attrs import evolve, frozen

from tillway.adapters.stores.codec import Codec, LineRow, micros, moment
from tillway.adapters.stores.limits import checked
from tillway.adapters.stores.records.rows import Calls, Kind, Row, Sight
from tillway.adapters.stores.records.shelf import Shelf, Stored, blank
from tillway.core.assets import Asset
from tillway.core.ledger import (
    Account,
    Balance,
    Entry,
    EntryKey,
    Hold,
    HoldId,
    HoldState,
    Line,
)
from tillway.core.money import Money
from tillway.core.ports.store import Posted, PostResult, Repeated, Short
from tillway.core.tenancy import Tenant

_OPEN: Final = HoldState.OPEN.value


def _columns(hold: Hold) -> Row:
    return blank(
        tenant=hold.tenant,
        id=hold.id,
        at=micros(hold.created_at),
        state=hold.state.value,
        group=name_of(hold.account, hold.amount.asset),
        due=micros(hold.expires_at),
    )


_HOLDS: Final = Shelf(Kind.HOLDS, Hold, _columns)


def name_of(account: Account, asset: Asset) -> str:
    """Name what an account has of an asset."""
    return f"{account}:{asset.code}"


@frozen
class LedgerRecords:
    """Accounts, entries and holds."""

    calls: Calls
    codec: Codec

    async def post(self, entry: Entry) -> PostResult:
        """Write an entry once, whole, with its fact in the log."""

        async def work(rows: Sight) -> PostResult:
            return await self._posted(rows, entry)

        # Most entries are new. One that was there is read afterwards, and never changes.
        return await self.calls.write(work, steps=False)

    async def entry(self, tenant: Tenant, key: EntryKey) -> Entry | None:
        """Give an entry."""

        async def work(rows: Sight) -> Entry | None:
            return await self._entry(rows, tenant, key)

        return await self.calls.read(work)

    async def balance(self, tenant: Tenant, account: Account, asset: Asset) -> Balance:
        """Give an account's balance; nothing at all for one that was never posted to."""

        async def work(rows: Sight) -> Balance:
            row = await rows.account(tenant, name_of(account, asset))
            if row is None:
                return Balance(total=0, held=0)
            return Balance(total=row.total, held=row.total - row.free)

        return await self.calls.read(work)

    async def history(
        self, tenant: Tenant, account: Account, asset: Asset, limit: int, before: EntryKey | None
    ) -> Sequence[Line]:
        """Give an account's postings, newest first, those written before that entry's."""

        async def work(rows: Sight) -> Sequence[Line]:
            end = None
            if before is not None:
                known = await self._entry(rows, tenant, before)
                if known is None:
                    return []
                end = micros(known.at), str(before)
            found = await rows.lines(tenant, name_of(account, asset), checked(limit), end)
            return [self._line(row) for row in found]

        return await self.calls.read(work)

    async def balances(
        self, tenant: Tenant, limit: int, after: str = ""
    ) -> Sequence[tuple[str, Money]]:
        """Give the names of the accounts of each asset with their totals, ascending by name."""

        async def work(rows: Sight) -> Sequence[tuple[str, Money]]:
            found = await rows.accounts(tenant, checked(limit), after)
            return [(row.name, Money(row.total, self._asset(row.asset))) for row in found]

        return await self.calls.read(work)

    async def hold(self, hold: Hold) -> bool:
        """Keep an amount in an account if that much is available; tell whether it is kept."""

        async def work(rows: Sight) -> bool:
            if hold.amount.minor <= 0 or hold.state is not HoldState.OPEN:
                raise ValueError("a hold is above zero and open")
            if not await _HOLDS.insert(rows, self.codec, hold):
                known = await _HOLDS.get(rows, self.codec, hold.tenant, hold.id)
                return known is not None and known.state is HoldState.OPEN
            if await _reserved(rows, hold, -hold.amount.minor, 0):
                return True
            await rows.remove(Kind.HOLDS, hold.tenant, hold.id)
            return False

        return await self.calls.write(work)

    async def held(self, tenant: Tenant, hold: HoldId) -> Hold | None:
        """Give a hold, open or not."""

        async def work(rows: Sight) -> Hold | None:
            return await _HOLDS.get(rows, self.codec, tenant, hold)

        return await self.calls.read(work)

    async def capture(self, tenant: Tenant, hold: HoldId, entry: Entry) -> PostResult | None:
        """End an open hold by an entry that takes at most its amount from its account."""

        async def work(rows: Sight) -> PostResult | None:
            if entry.tenant != tenant:
                raise ValueError("an entry of another tenant")
            known = await self._entry(rows, tenant, entry.key)
            if known is not None:
                return Repeated(entry=known)
            found = await _HOLDS.find(rows, self.codec, tenant, hold)
            if found is None or found.value.state is not HoldState.OPEN:
                return None
            taken = _taken(found.value, entry)
            ended = found.value.ended(HoldState.CAPTURED, entry.at, taken)
            if not await self._ended(rows, ended, found):
                return None
            result = await self._posted(rows, entry)
            if not isinstance(result, Posted):
                await self._reopened(rows, found)
            return result

        return await self.calls.write(work)

    async def let_go(self, tenant: Tenant, hold: HoldId, at: datetime) -> bool:
        """Release an open hold; False if it is not open, as for a repeat."""

        async def work(rows: Sight) -> bool:
            found = await _HOLDS.find(rows, self.codec, tenant, hold)
            if found is None or found.value.state is not HoldState.OPEN:
                return False
            return await self._ended(rows, found.value.ended(HoldState.RELEASED, at), found)

        return await self.calls.write(work)

    async def expire(self, now: datetime, limit: int) -> Sequence[Hold]:
        """End open holds of all tenants that were due before ``now``."""

        async def work(rows: Sight) -> Sequence[Hold]:
            due = await self._due(rows, micros(now), checked(limit))
            over = [(one.value.ended(HoldState.EXPIRED, now), one) for one in due]
            return [ended for ended, found in over if await self._ended(rows, ended, found)]

        return await self.calls.write(work)

    async def _due(self, rows: Sight, before: int, limit: int) -> Sequence[Stored[Hold]]:
        """Give holds that may expire, however many before them may not."""
        asked = limit
        while True:
            found = await rows.due(Kind.HOLDS, [_OPEN], before, asked)
            holds = [Stored(_HOLDS.read(row, self.codec), row) for row in found]
            free = [one for one in holds if not await _is_claimed(rows, one.value)]
            if len(free) >= limit or len(found) < asked:
                return free[:limit]
            asked *= 2

    async def _posted(self, rows: Sight, entry: Entry) -> PostResult:
        fact, lines = self.codec.entry_rows(entry)
        place = await rows.enter(fact, lines)
        if place is None:
            return Posted()
        if place >= 0:
            return Short(posting=entry.postings[place])
        known = await self._entry(rows, entry.tenant, entry.key)
        return Repeated(entry=known or entry)

    async def _entry(self, rows: Sight, tenant: Tenant, key: EntryKey) -> Entry | None:
        fact = await rows.fact(tenant, self.codec.fact_of(key))
        return None if fact is None else self.codec.entry(fact)

    async def _ended(self, rows: Sight, ended: Hold, found: Stored[Hold]) -> bool:
        if not await _HOLDS.swap(rows, self.codec, ended, found):
            return False
        return await _reserved(rows, ended, ended.amount.minor, None)

    async def _reopened(self, rows: Sight, found: Stored[Hold]) -> None:
        later = Stored(found.value, evolve(found.row, version=found.row.version + 1))
        await _HOLDS.swap(rows, self.codec, found.value, later)
        await _reserved(rows, found.value, -found.value.amount.minor, None)

    def _line(self, row: LineRow) -> Line:
        amount = Money(row.minor, self._asset(row.asset))
        return Line(entry=EntryKey(row.entry), at=moment(row.at), amount=amount)

    def _asset(self, text: str) -> Asset:
        return self.codec.asset(text)


async def _reserved(rows: Sight, hold: Hold, change: int, least: int | None) -> bool:
    name = name_of(hold.account, hold.amount.asset)
    return await rows.reserve(hold.tenant, name, change, least)


def _taken(hold: Hold, entry: Entry) -> int:
    """Tell how much an entry takes from a hold's account."""
    taken = -sum(
        posting.amount.minor
        for posting in entry.postings
        if posting.account == hold.account and posting.amount.asset == hold.amount.asset
    )
    if not 0 < taken <= hold.amount.minor:
        raise ValueError("a capture takes from its hold's account, and no more than was held")
    return taken


async def _is_claimed(rows: Sight, hold: Hold) -> bool:
    return hold.claim is not None and await rows.is_live(*hold.claim)
