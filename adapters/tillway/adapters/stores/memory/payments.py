"""Payments, their tallies and their facts in memory."""

from collections.abc import Sequence
from datetime import datetime
from itertools import islice

from attrs import evolve, frozen

from tillway.adapters.stores.codec import Codec, EventRow, PaymentRow, micros
from tillway.adapters.stores.memory.layers import Layers
from tillway.adapters.stores.reservations import changes, first_refused, keys_of, tally_key
from tillway.core.errors import Code, Declined
from tillway.core.events import Event
from tillway.core.payments import LIVE, Chain, Payment, PaymentKey, Phase, State
from tillway.core.ports.store import Claimed, ClaimResult, Refused, Taken
from tillway.core.tenancy import Tenant


@frozen
class MemoryPayments:
    """Claims and what became of them."""

    layers: Layers
    codec: Codec

    async def claim(self, payment: Payment) -> ClaimResult:
        """Write a claim and take its reservations, all or nothing."""
        with self.layers.writing() as layers:
            row = self.codec.payment_row(payment)
            first = layers.payments.get((row.chain, row.key)) or self._signed(row)
            if first is not None:
                return Taken(payment=self.codec.payment(first))
            totals = {key: layers.tallies.get(key) or 0 for key in keys_of(payment)}
            refused = first_refused(payment, totals)
            if refused is not None:
                return Refused(reservation=refused)
            self._move(payment, None, Phase.LIVE)
            layers.payments.put((row.chain, row.key), row)
            return Claimed()

    async def settle(self, payment: Payment, facts: Sequence[Event] = ()) -> bool:
        """Write the settled payment if it is still live and owned by ``payment.owner``."""
        return self._end(payment, Phase.SETTLED, facts)

    async def fail(self, payment: Payment, landed: bool, facts: Sequence[Event] = ()) -> bool:
        """Write the failed payment under the condition of ``settle``."""
        return self._end(payment, Phase.LANDED_FAILURE if landed else None, facts)

    async def release(self, payment: Payment, until: datetime) -> bool:
        """Leave a live payment that we own unresolved, to be looked up from ``until`` on."""
        left = evolve(payment, state=State.UNRESOLVED, lease_until=until)
        with self.layers.writing() as layers:
            return self._rewrite(layers, left) is not None

    async def renew(self, owner: str, keys: Sequence[PaymentKey], until: datetime) -> int:
        """Extend the leases that this owner still holds, and tell how many."""
        wanted, end = frozenset(keys), micros(until)
        with self.layers.writing() as layers:
            live = layers.payments.scan("live", "live")
            held = [row for row in live if row.owner == owner and row.key in wanted]
            for row in held:
                later = evolve(row, lease_until=max(row.lease_until, end))
                layers.payments.put((row.chain, row.key), later)
        return len(held)

    async def take_over(
        self, owner: str, now: datetime, until: datetime, limit: int
    ) -> Sequence[Payment]:
        """Make live payments whose lease ended before ``now`` ours, oldest first, each once."""
        end = micros(until)
        with self.layers.writing() as layers:
            idle = layers.payments.scan("live", "live", below=(micros(now),))
            taken = [evolve(row, owner=owner, lease_until=end) for row in islice(idle, limit)]
            for row in taken:
                layers.payments.put((row.chain, row.key), row)
        return [self.codec.payment(row) for row in taken]

    async def find(self, chain: Chain, key: PaymentKey) -> Payment | None:
        """Give the payment with this key, of whichever tenant."""
        row = self.layers.reading().payments.get((chain, key))
        return None if row is None else self.codec.payment(row)

    async def by_signature(self, tenant: Tenant, signature: str) -> Payment | None:
        """Give the tenant's payment with this landing signature."""
        scan = self.layers.reading().payments.scan
        row = next(scan("tenant signature", (tenant, signature), backwards=True), None)
        return None if row is None else self.codec.payment(row)

    async def newest(
        self, tenant: Tenant, limit: int, before: datetime | None = None
    ) -> Sequence[Payment]:
        """Give the tenant's payments, newest first, created before that time."""
        below = None if before is None else (micros(before),)
        rows = self.layers.reading().payments.scan("newest", tenant, below=below, backwards=True)
        return [self.codec.payment(row) for row in islice(rows, limit)]

    def _signed(self, row: PaymentRow) -> PaymentRow | None:
        return next(self.layers.payments.scan("signature", (row.chain, row.signature)), None)

    def _end(self, payment: Payment, after: Phase | None, facts: Sequence[Event]) -> bool:
        with self.layers.writing() as layers:
            if payment.is_live:
                raise ValueError("a payment that has ended is not live")
            told = self.codec.facts(payment, facts)
            claim = self._rewrite(layers, payment)
            if claim is not None:
                self._move(self.codec.payment(claim), Phase.LIVE, after)
                _append(layers, told)
            return claim is not None

    def _rewrite(self, layers: Layers, payment: Payment) -> PaymentRow | None:
        """Put a payment in the place of the claim that it owns, and give that one."""
        row = self.codec.payment_row(payment)
        claim = layers.payments.get((row.chain, row.key))
        if claim is None or not _is_ours(claim, row):
            return None
        if self._signed(row) not in (None, claim):
            raise Declined(Code.SIGNATURE_REUSED)
        layers.payments.put((row.chain, row.key), row)
        return claim

    def _move(self, payment: Payment, before: Phase | None, after: Phase | None) -> None:
        tallies = self.layers.tallies
        for key, change in changes(payment, before, after):
            total = (tallies.get(key) or 0) + change
            tallies.put(key, total or None)


@frozen
class MemoryTallies:
    """Running totals of reservations."""

    layers: Layers

    async def totals(
        self, tenant: Tenant | None, names: Sequence[str], chain: Chain | None = None
    ) -> dict[str, int]:
        """Give the totals of these names; a name without claims is absent."""
        tallies = self.layers.reading().tallies
        found = {name: tallies.get(tally_key(tenant, chain, name)) for name in names}
        return {name: total for name, total in found.items() if total}


@frozen
class MemoryEvents:
    """The log of facts."""

    layers: Layers
    codec: Codec

    async def append(self, event: Event) -> None:
        """Write a fact; a repeat of its id does nothing."""
        with self.layers.writing() as layers:
            _append(layers, [self.codec.event_row(event)])

    async def newest(self, tenant: Tenant, limit: int) -> Sequence[Event]:
        """Give the tenant's facts, newest first."""
        rows = self.layers.reading().events.scan("newest", tenant, backwards=True)
        return [self.codec.event(row) for row in islice(rows, limit)]


def _append(layers: Layers, facts: Sequence[EventRow]) -> None:
    for row in facts:
        if layers.events.get((row.tenant, row.id)) is None:
            layers.events.put((row.tenant, row.id), row)


def _is_ours(claim: PaymentRow, row: PaymentRow) -> bool:
    return claim.state in LIVE and (claim.tenant, claim.owner) == (row.tenant, row.owner)
