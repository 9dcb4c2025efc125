"""Payments, their tallies and their facts, over layers."""

from collections.abc import Sequence
from datetime import datetime

from attrs import evolve, frozen

from tillway.adapters.stores.codec import Codec, EventRow, PaymentRow, micros
from tillway.adapters.stores.layered.kinds import EVENTS, PAYMENTS, TALLIES, TallyRow
from tillway.adapters.stores.layered.layers import Layers, Session
from tillway.adapters.stores.reservations import changes, first_refused, keys_of, tally_key
from tillway.core.errors import Code, Declined
from tillway.core.events import Event
from tillway.core.payments import LIVE, Chain, Payment, PaymentKey, Phase, Reservation, State
from tillway.core.ports.store import Claimed, ClaimResult, Refused, Taken
from tillway.core.tenancy import Tenant


@frozen
class LayeredPayments:
    """Claims and what became of them."""

    session: Session
    codec: Codec

    async def claim(self, payment: Payment) -> ClaimResult:
        """Write a claim and take its reservations, all or nothing."""
        row = self.codec.payment_row(payment)
        met = await self.session.write(lambda layers: _claim(layers, payment, row))
        if isinstance(met, PaymentRow):
            return Taken(payment=self.codec.payment(met))
        return Claimed() if met is None else Refused(reservation=met)

    async def settle(self, payment: Payment, facts: Sequence[Event] = ()) -> bool:
        """Write the settled payment if it is still live and owned by ``payment.owner``."""
        return await self._end(payment, Phase.SETTLED, facts)

    async def fail(self, payment: Payment, landed: bool, facts: Sequence[Event] = ()) -> bool:
        """Write the failed payment under the condition of ``settle``."""
        return await self._end(payment, Phase.LANDED_FAILURE if landed else None, facts)

    async def release(self, payment: Payment, until: datetime) -> bool:
        """Leave a live payment that we own unresolved, to be looked up from ``until`` on."""
        left = evolve(payment, state=State.UNRESOLVED, lease_until=until)
        row = self.codec.payment_row(left)
        return await self.session.write(lambda layers: _rewrite(layers, row)) is not None

    async def renew(self, owner: str, keys: Sequence[PaymentKey], until: datetime) -> int:
        """Extend the leases that this owner still holds, and tell how many."""
        wanted, end = frozenset(keys), micros(until)

        async def renewed(layers: Layers) -> int:
            owned = await layers[PAYMENTS].scan("owned", owner)
            held = [row for row in owned if row.key in wanted]
            for row in held:
                layers[PAYMENTS].put(evolve(row, lease_until=max(row.lease_until, end)))
            return len(held)

        return await self.session.write(renewed)

    async def take_over(
        self, owner: str, now: datetime, until: datetime, limit: int
    ) -> Sequence[Payment]:
        """Make live payments whose lease ended before ``now`` ours, oldest first, each once."""
        end = micros(until)

        async def taken(layers: Layers) -> list[PaymentRow]:
            idle = await layers[PAYMENTS].scan("idle", below=(micros(now),), limit=limit)
            ours = [evolve(row, owner=owner, lease_until=end) for row in idle]
            for row in ours:
                layers[PAYMENTS].put(row)
            return ours

        return [self.codec.payment(row) for row in await self.session.write(taken)]

    async def find(self, chain: Chain, key: PaymentKey) -> Payment | None:
        """Give the payment with this key, of whichever tenant."""
        row = await self.session.read(lambda layers: layers[PAYMENTS].get(chain, key))
        return None if row is None else self.codec.payment(row)

    async def by_signature(self, tenant: Tenant, signature: str) -> Payment | None:
        """Give the tenant's payment with this landing signature, the newest of several chains'."""
        row = await self.session.read(
            lambda layers: layers[PAYMENTS].first(
                "tenant signature", tenant, signature, backwards=True
            )
        )
        return None if row is None else self.codec.payment(row)

    async def newest(
        self, tenant: Tenant, limit: int, before: datetime | None = None
    ) -> Sequence[Payment]:
        """Give the tenant's payments, newest first, created before that time."""
        below = None if before is None else (micros(before),)
        rows = await self.session.read(
            lambda layers: layers[PAYMENTS].scan(
                "newest", tenant, below=below, backwards=True, limit=limit
            )
        )
        return [self.codec.payment(row) for row in rows]

    async def _end(self, payment: Payment, after: Phase | None, facts: Sequence[Event]) -> bool:
        async def ended(layers: Layers) -> bool:
            if payment.is_live:
                raise ValueError("a payment that has ended is not live")
            told = self.codec.facts(payment, facts)
            claim = await _rewrite(layers, self.codec.payment_row(payment))
            if claim is not None:
                await _move(layers, self.codec.payment(claim), Phase.LIVE, after)
                await append(layers, told)
            return claim is not None

        return await self.session.write(ended)


@frozen
class LayeredTallies:
    """Running totals of reservations."""

    session: Session

    async def totals(
        self, tenant: Tenant | None, names: Sequence[str], chain: Chain | None = None
    ) -> dict[str, int]:
        """Give the totals of these names; a name without claims is absent."""
        keys = [tally_key(tenant, chain, name) for name in names]
        found = await self.session.read(lambda layers: layers[TALLIES].several(keys))
        return {row.name: row.total for row in found.values()}


@frozen
class LayeredEvents:
    """The log of facts."""

    session: Session
    codec: Codec

    async def append(self, event: Event) -> None:
        """Write a fact; a repeat of its id does nothing."""
        row = self.codec.event_row(event)
        await self.session.write(lambda layers: append(layers, [row]))

    async def newest(self, tenant: Tenant, limit: int) -> Sequence[Event]:
        """Give the tenant's facts, newest first; of two of one time, the greater id first."""
        rows = await self.session.read(
            lambda layers: layers[EVENTS].scan("newest", tenant, backwards=True, limit=limit)
        )
        return [self.codec.event(row) for row in rows]


async def append(layers: Layers, facts: Sequence[EventRow]) -> None:
    """Write facts, but for those that are known."""
    events = layers[EVENTS]
    known = await events.several((row.tenant, row.id) for row in facts)
    for row in facts:
        if (row.tenant, row.id) not in known:
            events.put(row)


async def _claim(
    layers: Layers, payment: Payment, row: PaymentRow
) -> PaymentRow | Reservation | None:
    """Claim; give what keeps us from it: the first claim, or a reservation past its limit."""
    payments = layers[PAYMENTS]
    first = await payments.get(row.chain, row.key) or await _signed(layers, row)
    if first is not None:
        return first
    keys = keys_of(payment)
    found = await layers[TALLIES].several(keys) if keys else {}
    refused = first_refused(payment, {key: found[key].total for key in keys if key in found})
    if refused is None:
        await _move(layers, payment, None, Phase.LIVE)
        payments.put(row)
    return refused


async def _signed(layers: Layers, row: PaymentRow) -> PaymentRow | None:
    return await layers[PAYMENTS].first("signature", row.chain, row.signature)


async def _rewrite(layers: Layers, row: PaymentRow) -> PaymentRow | None:
    """Put a payment in the place of the claim that it owns, and give that one."""
    claim = await layers[PAYMENTS].get(row.chain, row.key)
    if claim is None or not _is_ours(claim, row):
        return None
    if row.signature != claim.signature and await _signed(layers, row) is not None:
        raise Declined(Code.SIGNATURE_REUSED)
    layers[PAYMENTS].put(row)
    return claim


async def _move(
    layers: Layers, payment: Payment, before: Phase | None, after: Phase | None
) -> None:
    moved, tallies = dict(changes(payment, before, after)), layers[TALLIES]
    found = await tallies.several(moved) if moved else {}
    for key, change in moved.items():
        total = change + (found[key].total if key in found else 0)
        if total:
            tallies.put(TallyRow(*key, total))
        else:
            tallies.remove(*key)


def _is_ours(claim: PaymentRow, row: PaymentRow) -> bool:
    return claim.state in LIVE and (claim.tenant, claim.owner) == (row.tenant, row.owner)
