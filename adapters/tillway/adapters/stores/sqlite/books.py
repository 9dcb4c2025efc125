"""The ledger's accounts and lines in SQLite.

Sums are made here and not in statements, because SQLite would make a float of one that is too
large. Nobody else writes meanwhile.
"""

import sqlite3
from collections.abc import Mapping, Sequence
from typing import Final

from attrs import astuple

from tillway.adapters.stores.codec import EventRow, LineRow
from tillway.adapters.stores.limits import bounded
from tillway.adapters.stores.records.rows import AccountRow
from tillway.adapters.stores.sqlite.log import append, fact

_ACCOUNT: Final = (
    "SELECT tenant, name, asset, total, free FROM accounts WHERE tenant = ? AND name = ?"
)
_ACCOUNTS: Final = (
    "SELECT tenant, name, asset, total, free FROM accounts"
    " WHERE tenant = ? AND name > ? ORDER BY name LIMIT ?"
)
_PUT: Final = """
    INSERT INTO accounts (tenant, name, asset, total, free) VALUES (?, ?, ?, ?, ?)
    ON CONFLICT DO UPDATE SET total = excluded.total, free = excluded.free
"""
_LINE: Final = (
    "INSERT INTO lines (tenant, entry, place, account, at, minor, asset)"
    " VALUES (?, ?, ?, ?, ?, ?, ?)"
)
_LINES: Final = """
    SELECT tenant, entry, place, account, at, minor, asset FROM lines
    WHERE tenant = ? AND account = ? AND (at, entry) < (?, ?)
    ORDER BY at DESC, entry DESC, place DESC LIMIT ?
"""
_END: Final = (2**63 - 1, "")


def enter(sql: sqlite3.Connection, entry: EventRow, lines: Sequence[LineRow]) -> int | None:
    """Write an entry: see ``Books.enter``."""
    accounts = _changed(sql, lines)
    if isinstance(accounts, int):
        return accounts if fact(sql, entry.tenant, entry.id) is None else -1
    if not append(sql, [entry]):
        return -1
    sql.executemany(_LINE, (_columns(line) for line in lines))
    sql.executemany(_PUT, (astuple(_bounded(account)) for account in accounts.values()))
    return None


def reserve(
    sql: sqlite3.Connection, tenant: str, name: str, change: int, least: int | None
) -> bool:
    """Change what is free in an account: see ``Books.reserve``."""
    known = account(sql, tenant, name)
    if known is None or (least is not None and known.free + change < least):
        return False
    free = bounded(known.free + change)
    sql.execute(_PUT, (tenant, name, known.asset, known.total, free))
    return True


def account(sql: sqlite3.Connection, tenant: str, name: str) -> AccountRow | None:
    """Give an account as it stands."""
    row = sql.execute(_ACCOUNT, (tenant, name)).fetchone()
    return None if row is None else _account(*row)


def accounts(sql: sqlite3.Connection, tenant: str, limit: int, after: str) -> Sequence[AccountRow]:
    """Give accounts with names beyond ``after``, ascending."""
    return [_account(*row) for row in sql.execute(_ACCOUNTS, (tenant, after, limit))]


def history(
    sql: sqlite3.Connection, tenant: str, name: str, limit: int, before: tuple[int, str] | None
) -> Sequence[LineRow]:
    """Give an account's lines, newest first: see ``Books.lines``."""
    rows = sql.execute(_LINES, (tenant, name, *(before or _END), limit))
    return [_line(*row) for row in rows]


def _changed(sql: sqlite3.Connection, lines: Sequence[LineRow]) -> Mapping[str, AccountRow] | int:
    """Give the accounts as lines leave them, or the place of one that would leave too little."""
    changed: dict[str, AccountRow] = {}
    for line in lines:
        name = line.account
        known = changed.get(name) or account(sql, line.tenant, name)
        total, free = (known.total, known.free) if known else (0, 0)
        if line.least is not None and free + line.minor < line.least:
            return line.place
        asset = known.asset if known else line.asset
        changed[name] = _account(line.tenant, name, asset, total + line.minor, free + line.minor)
    return changed


def _bounded(account: AccountRow) -> AccountRow:
    bounded(account.total)
    bounded(account.free)
    return account


def _account(tenant: str, name: str, asset: str, total: int, free: int) -> AccountRow:
    return AccountRow(tenant=tenant, name=name, asset=asset, total=total, free=free)


def _columns(line: LineRow) -> tuple[str, str, int, str, int, int, str]:
    return line.tenant, line.entry, line.place, line.account, line.at, line.minor, line.asset


def _line(
    tenant: str, entry: str, place: int, account: str, at: int, minor: int, asset: str
) -> LineRow:
    return LineRow(
        tenant=tenant,
        entry=entry,
        place=place,
        account=account,
        at=at,
        minor=minor,
        asset=asset,
    )
