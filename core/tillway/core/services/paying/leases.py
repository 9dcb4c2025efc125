"""Leases of the payments that this process works on."""

import itertools
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from attrs import define, field

from tillway.core.payments import PaymentKey
from tillway.core.ports.clock import Clock
from tillway.core.ports.store import Store


@define(kw_only=True)
class Leases:
    """Hold leases and renew them together.

    ``process`` names this process and its start, so that a process that comes back is another.
    ``length`` is how long a payment stays with its owner without renewal.
    """

    store: Store
    clock: Clock
    process: str
    length: timedelta
    _held: dict[PaymentKey, str] = field(factory=dict, init=False)
    _numbers: Iterator[int] = field(factory=itertools.count, init=False)

    def new_owner(self) -> str:
        """Name an owner that nobody was before, in this process either.

        Whoever takes a payment over does it under a name of its own: what the one before still
        writes, even if it is this very process after a pause, is then no longer the owner's.
        """
        return f"{self.process}/{next(self._numbers)}"

    def until(self) -> datetime:
        """Tell when a lease that begins now would end."""
        return self.clock.now() + self.length

    @contextmanager
    def held(self, key: PaymentKey, owner: str) -> Iterator[None]:
        """Renew the lease of this payment for as long as the context lasts."""
        self._held[key] = owner
        try:
            yield
        finally:
            if self._held.get(key) == owner:
                del self._held[key]

    async def renew(self) -> int:
        """Extend all leases held here; tell how many were still their owners'."""
        owners: defaultdict[str, list[PaymentKey]] = defaultdict(list)
        for key, owner in self._held.items():
            owners[owner].append(key)
        return sum([await self._renew(owner, keys) for owner, keys in owners.items()])

    async def _renew(self, owner: str, keys: list[PaymentKey]) -> int:
        async with self.store.begin(once=True) as unit:
            return await unit.payments.renew(owner, keys, self.until())

    @property
    def pause(self) -> float:
        """Seconds between two renewals: three to a lease."""
        return self.length.total_seconds() / 3
