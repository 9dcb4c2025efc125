"""Entries, accounts and holds, reached for by another tenant."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Final

from tillway.core.assets import USDC
from tillway.core.contracts.samples import CREDITS, NOW, OTHER, TERM, entry, hold
from tillway.core.contracts.stores.crossings.case import Case
from tillway.core.ledger import Balance, HoldState
from tillway.core.ports.store import Posted, Short, UnitOfWork, View
from tillway.core.tenancy import DEFAULT

_EARLY: Final = NOW - timedelta(hours=1)
_SECOND: Final = timedelta(seconds=1)


async def _post(unit: UnitOfWork) -> bool:
    # What one tenant has in an account of this name is nothing to another.
    spent = entry("spent", -1, OTHER, least=0)
    short = await unit.ledger.post(spent) == Short(posting=spent.postings[0])
    return short and await unit.ledger.post(entry("mine", 7, OTHER)) == Posted()


async def _entry(unit: UnitOfWork) -> bool:
    return await unit.ledger.entry(OTHER, entry("mine").key) is None


async def _balance(unit: UnitOfWork) -> bool:
    return await unit.ledger.balance(OTHER, CREDITS, USDC) == Balance(total=0, held=0)


async def _history(unit: UnitOfWork) -> bool:
    return not await unit.ledger.history(OTHER, CREDITS, USDC, 100, None)


async def _balances(unit: UnitOfWork) -> bool:
    return not await unit.ledger.balances(OTHER, 100)


async def _hold(unit: UnitOfWork) -> bool:
    if await unit.ledger.hold(hold("more", 1, OTHER)):
        return False
    await unit.ledger.post(entry("theirs", 10, OTHER))
    return await unit.ledger.hold(hold("mine", 10, OTHER))


async def _held(unit: UnitOfWork) -> bool:
    return await unit.ledger.held(OTHER, hold("mine").id) is None


async def _capture(unit: UnitOfWork) -> bool:
    return await unit.ledger.capture(OTHER, hold("mine").id, entry("spent", -5, OTHER)) is None


async def _let_go(unit: UnitOfWork) -> bool:
    return not await unit.ledger.let_go(OTHER, hold("mine").id, NOW)


async def _expire(unit: UnitOfWork) -> bool:
    await unit.ledger.post(entry("theirs", 10, OTHER))
    theirs = hold("mine", 10, OTHER, expires_at=_EARLY)
    await unit.ledger.hold(theirs)
    over = list(await unit.ledger.expire(_EARLY + _SECOND, 10))
    return over == [theirs.ended(HoldState.EXPIRED, _EARLY + _SECOND)]


CASES: Final[Mapping[str, Case]] = {
    "ledger.post": _post,
    "ledger.entry": _entry,
    "ledger.balance": _balance,
    "ledger.history": _history,
    "ledger.balances": _balances,
    "ledger.hold": _hold,
    "ledger.held": _held,
    "ledger.capture": _capture,
    "ledger.let_go": _let_go,
    "ledger.expire": _expire,
}


async def fill(unit: UnitOfWork) -> None:
    """Leave an entry, and a hold on what it put in."""
    await unit.ledger.post(entry("mine"))
    await unit.ledger.hold(hold("mine", expires_at=NOW + TERM))


async def seen(view: View) -> list[object]:
    """Give the first tenant's entry, accounts and hold."""
    return [
        await view.ledger.entry(DEFAULT, entry("mine").key),
        await view.ledger.balance(DEFAULT, CREDITS, USDC),
        list(await view.ledger.history(DEFAULT, CREDITS, USDC, 100, None)),
        list(await view.ledger.balances(DEFAULT, 100)),
        await view.ledger.held(DEFAULT, hold("mine").id),
    ]
