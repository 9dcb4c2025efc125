"""Records in SQLite: one table for each kind, and the same statements for all."""

import sqlite3
from collections.abc import Collection, Sequence
from heapq import merge
from itertools import islice
from operator import attrgetter
from typing import Final

from attrs import astuple, evolve

from tillway.adapters.stores.records.rows import Kind, Row

_COLUMNS: Final = "tenant, id, at, body, state, grp, mark, slot, due, version"
"""In the order of ``Row``. ``group`` is a word of SQL's."""

_FAR_FUTURE: Final = 2**63 - 1
_TAKEN: Final = (sqlite3.SQLITE_CONSTRAINT_UNIQUE, sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY)

# A kind names its table: every name in these statements is ours. What comes from outside is
# always a parameter.


def insert(sql: sqlite3.Connection, kind: Kind, row: Row) -> bool:
    """Write a new row; False, and nothing written, if its id, mark or slot is taken."""
    statement = (
        f"INSERT INTO {kind} ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"  # noqa: S608 - as above
        " ON CONFLICT DO NOTHING"
    )
    return sql.execute(statement, astuple(evolve(row, version=0))).rowcount > 0


def swap(sql: sqlite3.Connection, kind: Kind, row: Row) -> bool:
    """Write a row over the version that it names, one version up, with its ``at`` as it is."""
    statement = f"""
        UPDATE {kind} SET body = ?, state = ?, grp = ?, mark = ?, slot = ?, due = ?,
        version = version + 1 WHERE tenant = ? AND id = ? AND version = ?
    """  # noqa: S608 - as above
    written = (row.body, row.state, row.group, row.mark, row.slot, row.due)
    try:
        done = sql.execute(statement, (*written, row.tenant, row.id, row.version))
    except sqlite3.IntegrityError as error:
        if error.sqlite_errorcode in _TAKEN:
            return False
        raise
    return done.rowcount > 0


def remove(sql: sqlite3.Connection, kind: Kind, tenant: str, name: str) -> bool:
    """Remove a row and tell whether it was there."""
    statement = f"DELETE FROM {kind} WHERE tenant = ? AND id = ?"  # noqa: S608 - as above
    return sql.execute(statement, (tenant, name)).rowcount > 0


def get(sql: sqlite3.Connection, kind: Kind, tenant: str, name: str) -> Row | None:
    """Give a row."""
    return _first(_rows(sql, kind, "tenant = ? AND id = ?", tenant, name))


def marked(sql: sqlite3.Connection, kind: Kind, tenant: str, mark: str) -> Row | None:
    """Give the row with this mark."""
    return _first(_rows(sql, kind, "tenant = ? AND mark = ?", tenant, mark))


def slotted(sql: sqlite3.Connection, kind: Kind, tenant: str, slot: str) -> Row | None:
    """Give the row in this slot."""
    return _first(_rows(sql, kind, "tenant = ? AND slot = ?", tenant, slot))


def newest(
    sql: sqlite3.Connection,
    kind: Kind,
    tenant: str,
    limit: int,
    before: int | None,
    group: str | None,
    states: Collection[str] | None,
) -> Sequence[Row]:
    """Give rows with ``at`` below ``before``, newest first: see ``Rows.newest``."""
    if group is not None and states is not None:
        raise ValueError("a list is of one group, or of some states")
    if group is None and states is None:
        return _newest(sql, kind, limit, before, "tenant = ?", tenant)
    column, among = ("grp", [group]) if states is None else ("state", sorted(set(states)))
    # Each of them is a run of an index, which has its order; all together would be sorted.
    found = [
        _newest(sql, kind, limit, before, f"tenant = ? AND {column} = ?", tenant, one)
        for one in among
    ]
    return list(islice(merge(*found, key=attrgetter("at", "id"), reverse=True), limit))


def due(
    sql: sqlite3.Connection, kind: Kind, states: Collection[str], before: int, limit: int
) -> Sequence[Row]:
    """Give rows of all tenants in these states, due before that time."""
    where = "state = ? AND due < ? ORDER BY due, tenant, id LIMIT ?"
    found = [_rows(sql, kind, where, state, before, limit) for state in sorted(set(states))]
    return list(islice(merge(*found, key=attrgetter("due", "tenant", "id")), limit))


def count(
    sql: sqlite3.Connection,
    kind: Kind,
    tenant: str,
    group: str,
    state: str,
    due_from: int,
    most: int,
) -> int:
    """Count a group's rows in a state that are due at or after that time, to ``most``."""
    statement = (
        f"SELECT count(*) FROM (SELECT 1 FROM {kind} WHERE tenant = ? AND grp = ?"  # noqa: S608 - as above
        " AND state = ? AND due >= ? LIMIT ?)"
    )
    found = sql.execute(statement, (tenant, group, state, due_from, most)).fetchone()
    return int(found[0])


def in_order(sql: sqlite3.Connection, kind: Kind, tenant: str, limit: int) -> Sequence[Row]:
    """Give a tenant's rows by id, ascending."""
    return _rows(sql, kind, "tenant = ? ORDER BY id LIMIT ?", tenant, limit)


def _newest(
    sql: sqlite3.Connection,
    kind: Kind,
    limit: int,
    before: int | None,
    where: str,
    *values: str | None,
) -> Sequence[Row]:
    end = _FAR_FUTURE if before is None else before
    where = f"{where} AND at < ? ORDER BY at DESC, id DESC LIMIT ?"
    return _rows(sql, kind, where, *values, end, limit)


def _rows(sql: sqlite3.Connection, kind: Kind, where: str, *values: object) -> list[Row]:
    statement = f"SELECT {_COLUMNS} FROM {kind} WHERE {where}"  # noqa: S608 - as above
    return [_row(*row) for row in sql.execute(statement, values)]


def _row(
    tenant: str,
    name: str,
    at: int,
    body: str,
    state: str,
    group: str,
    mark: str | None,
    slot: str | None,
    due: int | None,
    version: int,
) -> Row:
    return Row(
        tenant=tenant,
        id=name,
        at=at,
        body=body,
        state=state,
        group=group,
        mark=mark,
        slot=slot,
        due=due,
        version=version,
    )


def _first(rows: Sequence[Row]) -> Row | None:
    return rows[0] if rows else None
