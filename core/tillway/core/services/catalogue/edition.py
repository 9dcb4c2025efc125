"""Which edition of the catalogue the store has, so that every process knows when it has changed.

Whoever changes products or coupons in the store marks it in the same commit. All who remember
some look at the mark every second, in one read, and forget when it has moved: nobody has to
know how many processes there are, or where.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from attrs import define, field

from tillway.core.errors import Unavailable
from tillway.core.ports.store import Store, UnitOfWork
from tillway.core.tenancy import DEFAULT

_KEY: Final = "catalogue.edition"
_BY: Final = "catalogue"

LOOK: Final = timedelta(seconds=1)
"""How often a process looks: what one has changed, the others sell soon after."""


async def mark(unit: UnitOfWork, at: datetime) -> bool:
    """Say that the catalogue changes in this unit.

    False, and the unit is to be given up and done again, if another one changes it at once.
    """
    known = await unit.settings.get(DEFAULT, _KEY)
    version = 0 if known is None else known.version
    return await unit.settings.put(DEFAULT, _KEY, {}, version, at, _BY)


@define(kw_only=True)
class Edition:
    """Have this process forget what it remembers of another edition than the store's."""

    store: Store
    forget: Callable[[], None]
    _known: int | None = field(default=None, init=False)

    async def look(self) -> None:
        """Look once. While the store cannot be read, what is remembered serves its time."""
        try:
            async with self.store.view(once=True) as view:
                mark = await view.settings.get(DEFAULT, _KEY)
        except Unavailable:
            return
        version = 0 if mark is None else mark.version
        if version != self._known:
            self._known = version
            self.forget()
