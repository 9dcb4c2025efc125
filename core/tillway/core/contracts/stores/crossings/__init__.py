"""For every method of the port: one tenant's call that tries to reach another's.

Each module has the cases of some repositories, fills them for the first tenant, and gives all
that this tenant sees there.
"""

from collections.abc import Mapping
from typing import Final

from tillway.core.contracts.stores.crossings import (
    catalogue,
    commerce,
    ledger,
    payments,
    requests,
    work,
)
from tillway.core.contracts.stores.crossings.case import Case
from tillway.core.ports.store import UnitOfWork, View

__all__ = ["CASES", "Case", "everything", "fill"]

_EACH: Final = (payments, catalogue, ledger, commerce, requests, work)

CASES: Final[Mapping[str, Case]] = {
    name: case for module in _EACH for name, case in module.CASES.items()
}


async def fill(unit: UnitOfWork) -> None:
    """Give the first tenant something of everything."""
    for module in _EACH:
        await module.fill(unit)


async def everything(view: View) -> list[object]:
    """Give all that the first tenant has."""
    return [seen for module in _EACH for seen in await module.seen(view)]
