"""Running totals of reservations in SQLite."""

import sqlite3
from collections.abc import Mapping, Sequence
from typing import Final

from attrs import frozen

from tillway.adapters.stores.limits import bounded
from tillway.adapters.stores.reservations import TallyKey, tally_key
from tillway.adapters.stores.sqlite.lane import Session, on_one_snapshot
from tillway.core.payments import Chain
from tillway.core.tenancy import Tenant

_TOTAL: Final = "SELECT total FROM tallies WHERE tenant = ? AND chain = ? AND name = ?"
_PUT: Final = """
    INSERT INTO tallies (tenant, chain, name, total) VALUES (?, ?, ?, ?)
    ON CONFLICT DO UPDATE SET total = excluded.total
"""
_DROP: Final = "DELETE FROM tallies WHERE tenant = ? AND chain = ? AND name = ?"


@frozen
class SqliteTallies:
    """Running totals of reservations."""

    session: Session

    async def totals(
        self, tenant: Tenant | None, names: Sequence[str], chain: Chain | None = None
    ) -> dict[str, int]:
        """Give the totals of these names; a name without claims is absent."""

        def work(sql: sqlite3.Connection) -> dict[TallyKey, int]:
            with on_one_snapshot(sql):
                return totals(sql, [tally_key(tenant, chain, name) for name in names])

        found = await self.session.read(work)
        return {name: total for (_, _, name), total in found.items()}


# What runs in the session's thread


def totals(sql: sqlite3.Connection, keys: Sequence[TallyKey]) -> dict[TallyKey, int]:
    """Give the totals that there are.

    One by one: SQLite's JSON, in which all could be asked for at once, ends a text at its NUL.
    """
    found = {}
    for key in keys:
        row = sql.execute(_TOTAL, key).fetchone()
        if row is not None:
            found[key] = row[0]
    return found


def add(
    sql: sqlite3.Connection,
    changes: Sequence[tuple[TallyKey, int]],
    known: Mapping[TallyKey, int] | None = None,
) -> None:
    """Change totals, of which ``known`` were just read; Declined if one would leave 64 bits.

    They are added here because SQLite would make a float of a sum that is too large.
    """
    if known is None:
        known = totals(sql, [key for key, _ in changes])
    sums = {key: bounded(known.get(key, 0) + change) for key, change in changes}
    sql.executemany(_PUT, ((*key, total) for key, total in sums.items() if total))
    sql.executemany(_DROP, (key for key, total in sums.items() if not total))


def take(sql: sqlite3.Connection, key: TallyKey, change: int, most: int | None) -> bool:
    """Add to a total if that leaves it at ``most`` at most; else False, and nothing added."""
    known = totals(sql, [key])
    if most is not None and known.get(key, 0) + change > most:
        return False
    add(sql, [(key, change)], known)
    return True
