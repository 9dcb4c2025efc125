"""How often payments call the node and the store."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from attrs import define, field, frozen

from support.shop import Shop, open_shop, v2_header
from tillway.core.observations import Observation, Observers, QueryRan

CALM: Mapping[str, Any] = {"claim_lease": "60s"}
"""Settings under which no lease needs renewing while payments are counted."""


@define
class Queries:
    """Units of work on the store, by kind: ``write`` for a unit, ``read`` for a view."""

    ran: Counter[str] = field(factory=Counter)

    def __call__(self, seen: Observation) -> None:
        """Count one."""
        if isinstance(seen, QueryRan):
            self.ran[seen.operation] += 1


@frozen(kw_only=True)
class Counted:
    """What so many payments have called: node methods, units of work, views."""

    payments: int
    calls: Mapping[str, int]
    writes: int
    reads: int

    def each(self, method: str) -> float:
        """Give how often a method of the node was called for each payment."""
        return self.calls.get(method, 0) / self.payments


@define
class Counting:
    """A shop whose calls are counted."""

    shop: Shop
    queries: Queries

    async def paid(self, count: int, *, together: bool) -> Counted:
        """Let buyers pay, one after the other or all at once, and count from before to after."""
        headers = [await self._header() for _ in range(count)]
        calls, ran = Counter(self.shop.node.node.calls), Counter(self.queries.ran)
        if together:
            answers = await asyncio.gather(*(self._pay(header) for header in headers))
        else:
            answers = [await self._pay(header) for header in headers]
        assert set(answers) == {200}, answers
        ran = self.queries.ran - ran
        return Counted(
            payments=count,
            calls=self.shop.node.node.calls - calls,
            writes=ran["write"],
            reads=ran["read"],
        )

    async def _header(self) -> Mapping[str, str]:
        offer = (await self.shop.offer()).offer
        return v2_header(self.shop.sign(self.shop.buyer(), offer), offer)

    async def _pay(self, header: Mapping[str, str]) -> int:
        return (await self.shop.get("/paywall/article", header)).status


@asynccontextmanager
async def open_counting(backend: str, folder: Path) -> AsyncIterator[Counting]:
    """Open a shop without background work, on a chain that confirms as a cluster does."""
    place = {"backend": backend, "file_path": str(folder / "tillway.db")}
    queries = Queries()
    async with open_shop(confirm_delay_ms=400, background=False, storage=place, x402=CALM) as shop:
        observe = shop.gateway.services.observe
        assert isinstance(observe, Observers)
        observe.all = (*observe.all, queries)
        yield Counting(shop, queries)
