"""Leases of the payments that this process works on."""

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

    ``owner`` names this process and its start, so that a process that comes back is another
    owner. ``length`` is how long a payment stays ours without renewal.
    """

    store: Store
    clock: Clock
    owner: str
    length: timedelta
    _held: set[PaymentKey] = field(factory=set, init=False)

    def until(self) -> datetime:
        """Tell when a lease that begins now would end."""
        return self.clock.now() + self.length

    @contextmanager
    def held(self, key: PaymentKey) -> Iterator[None]:
        """Renew the lease of this payment for as long as the context lasts."""
        self._held.add(key)
        try:
            yield
        finally:
            self._held.discard(key)

    async def renew(self) -> int:
        """Extend all leases held here in one write; tell how many were still ours."""
        if not self._held:
            return 0
        async with self.store.begin(once=True) as unit:
            return await unit.payments.renew(self.owner, tuple(self._held), self.until())

    @property
    def pause(self) -> float:
        """Seconds between two renewals: three to a lease."""
        return self.length.total_seconds() / 3
