"""What repositories of records see in PostgreSQL, and where their calls run."""

from collections.abc import Sequence
from typing import Any, Final

from attrs import frozen

from tillway.adapters.stores.codec import EventRow, LineRow
from tillway.adapters.stores.limits import bounded
from tillway.adapters.stores.postgres.log import EVENT
from tillway.adapters.stores.postgres.pool import Lent
from tillway.adapters.stores.postgres.rows import PostgresRows
from tillway.adapters.stores.postgres.sessions import Session
from tillway.adapters.stores.records.rows import AccountRow, T, Work
from tillway.core.money import LEAST, MOST

# Every name in these statements is ours (see names.py).
_ACCOUNT: Final = "name, asset, total, free"
_LINE: Final = "tenant, entry, place, account, at, minor, asset"
_TAKE: Final = "SELECT tillway_take_one($1, $2, $3, $4, $5)"
_ENTER: Final = "SELECT tillway_enter($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)"
_RESERVE: Final = "SELECT tillway_reserve($1, $2, $3, $4)"
_IS_LIVE: Final = "SELECT tillway_is_live($1, $2)"
_FACT: Final = f"SELECT {EVENT} FROM tillway_fact($1, $2)"  # noqa: S608 - as above
_ONE_ACCOUNT: Final = f"SELECT {_ACCOUNT} FROM tillway_account($1, $2, $3)"  # noqa: S608 - as above
_ACCOUNTS: Final = f"SELECT {_ACCOUNT} FROM tillway_all_accounts($1, $2, $3)"  # noqa: S608 - as above
_HISTORY: Final = f"SELECT {_LINE} FROM tillway_history($1, $2, $3, $4, $5)"  # noqa: S608 - as above


@frozen
class PostgresCalls:
    """Run the calls of repositories of records in a session."""

    session: Session

    async def write(self, work: Work[T], *, steps: bool = True) -> T:
        """Run a call that writes."""

        async def run(sql: Lent) -> T:
            return await work(PostgresSight(sql, held=True))

        return await self.session.write(run, steps=steps)

    async def read(self, work: Work[T]) -> T:
        """Run a call that reads."""

        async def run(sql: Lent) -> T:
            return await work(PostgresSight(sql, held=self.session.holds))

        return await self.session.read(run, steps=True)


@frozen
class PostgresSight(PostgresRows):
    """Rows, totals and books in one unit of work or view.

    An account that is held keeps what tests it waiting; lines that test nothing come all the
    same. Decide by what is left at least, not by a balance that was read.
    """

    async def take(self, tenant: str, chain: str, name: str, change: int, most: int | None) -> bool:
        """Add to a total if that leaves it at ``most`` at most; else False, and nothing added."""
        # No total is ever beyond, so that a limit beyond is none.
        limit = None if most is None else max(LEAST, min(most, MOST))
        return bool(await self.sql.value(_TAKE, tenant, chain, name, bounded(change), limit))

    async def enter(self, fact: EventRow, lines: Sequence[LineRow]) -> int | None:
        """Write an entry's fact and lines, and change the accounts."""
        place = await self.sql.value(
            _ENTER,
            fact.tenant,
            fact.id,
            fact.type,
            fact.at,
            fact.body,
            lines[0].entry,
            [line.account for line in lines],
            [line.minor for line in lines],
            [line.asset for line in lines],
            [line.least for line in lines],
        )
        return None if place is None else int(place)

    async def fact(self, tenant: str, name: str) -> EventRow | None:
        """Give a fact by its id."""
        rows = await self.sql.run(_FACT, tenant, name)
        return EventRow(*rows[0]) if rows else None

    async def account(self, tenant: str, name: str) -> AccountRow | None:
        """Give an account as it stands."""
        rows = await self.sql.run(_ONE_ACCOUNT, tenant, name, self.held)
        return _account(tenant, rows[0]) if rows else None

    async def accounts(self, tenant: str, limit: int, after: str) -> Sequence[AccountRow]:
        """Give accounts with names beyond ``after``, ascending."""
        rows = await self.sql.run(_ACCOUNTS, tenant, after, limit)
        return [_account(tenant, row) for row in rows]

    async def lines(
        self, tenant: str, account: str, limit: int, before: tuple[int, str] | None
    ) -> Sequence[LineRow]:
        """Give an account's lines, newest first."""
        time, entry = (None, None) if before is None else before
        rows = await self.sql.run(_HISTORY, tenant, account, time, entry, limit)
        return [_line(row) for row in rows]

    async def reserve(self, tenant: str, account: str, change: int, least: int | None) -> bool:
        """Change what is free in an account, and not its total, if ``least`` is left at least."""
        return bool(await self.sql.value(_RESERVE, tenant, account, change, least))

    async def is_live(self, chain: str, key: str) -> bool:
        """Tell whether there is a live payment with this key."""
        return bool(await self.sql.value(_IS_LIVE, chain, key))


def _account(tenant: str, row: Sequence[Any]) -> AccountRow:
    name, asset, total, free = row
    return AccountRow(tenant=tenant, name=name, asset=asset, total=int(total), free=int(free))


def _line(row: Sequence[Any]) -> LineRow:
    tenant, entry, place, account, at, minor, asset = row
    return LineRow(
        tenant=tenant,
        entry=entry,
        place=place,
        account=account,
        at=at,
        minor=minor,
        asset=asset,
    )
