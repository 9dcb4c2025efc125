"""Ledger entries and their accounts, over layers."""

from collections.abc import Sequence

from attrs import evolve

from tillway.adapters.stores.codec import EventRow, LineRow
from tillway.adapters.stores.layered.kinds import ACCOUNTS, EVENTS, LINES, PostedRow
from tillway.adapters.stores.layered.layers import Layers
from tillway.adapters.stores.layered.log import append
from tillway.adapters.stores.limits import bounded
from tillway.adapters.stores.records.rows import AccountRow


async def enter(layers: Layers, fact: EventRow, lines: Sequence[LineRow]) -> int | None:
    """Write an entry: see ``Books.enter``."""
    if await layers[EVENTS].get(fact.tenant, fact.id) is not None:
        return -1
    accounts: dict[str, AccountRow] = {}
    for line in lines:
        known = accounts.get(line.account) or await _account(layers, line)
        if line.least is not None and known.free + line.minor < line.least:
            return line.place
        accounts[line.account] = evolve(
            known,
            total=bounded(known.total + line.minor),
            free=bounded(known.free + line.minor),
        )
    for account in accounts.values():
        layers[ACCOUNTS].put(account)
    for line in lines:
        layers[LINES].put(_posted(line))
    await append(layers, [fact])
    return None


async def reserve(layers: Layers, tenant: str, name: str, change: int, least: int | None) -> bool:
    """Change what is free in an account: see ``Books.reserve``."""
    known = await layers[ACCOUNTS].get(tenant, name)
    free = (0 if known is None else known.free) + change
    if known is None or (least is not None and free < least):
        return False
    layers[ACCOUNTS].put(evolve(known, free=bounded(free)))
    return True


async def _account(layers: Layers, line: LineRow) -> AccountRow:
    known = await layers[ACCOUNTS].get(line.tenant, line.account)
    return known or AccountRow(
        tenant=line.tenant, name=line.account, asset=line.asset, total=0, free=0
    )


def _posted(line: LineRow) -> PostedRow:
    return PostedRow(
        tenant=line.tenant,
        id=f"{line.entry}#{line.place:06}",
        entry=line.entry,
        place=line.place,
        account=line.account,
        at=line.at,
        minor=line.minor,
        asset=line.asset,
    )
