"""Payments and their tallies, over layers."""

from collections.abc import Sequence
from datetime import datetime

from attrs import evolve, frozen

from tillway.adapters.stores.codec import Codec, PaymentRow, micros
from tillway.adapters.stores.layered.books import enter
from tillway.adapters.stores.layered.kinds import (
    ARCHIVE,
    PAYMENTS,
    TALLIES,
    Key,
    Kind,
    Rank,
    TallyRow,
)
from tillway.adapters.stores.layered.layers import Layers, Session
from tillway.adapters.stores.layered.log import append
from tillway.adapters.stores.reservations import changes, first_refused, keys_of, tally_key
from tillway.core.errors import Code, Declined
from tillway.core.events import Event
from tillway.core.ledger import Entry
from tillway.core.payments import (
    LIVE,
    Chain,
    Payment,
    PaymentKey,
    Phase,
    Reservation,
    State,
    phase_of,
)
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

    async def settle(
        self, payment: Payment, facts: Sequence[Event] = (), entries: Sequence[Entry] = ()
    ) -> bool:
        """Write the settled or unapplied payment if it is live and owned by ``payment.owner``."""
        return await self._end(payment, phase_of(payment.state), facts, entries)

    async def fail(self, payment: Payment, landed: bool, facts: Sequence[Event] = ()) -> bool:
        """Write the failed payment under the condition of ``settle``."""
        return await self._end(payment, Phase.LANDED_FAILURE if landed else None, facts)

    async def release(self, payment: Payment, until: datetime) -> bool:
        """Leave a live payment that we own unresolved, to be looked up from ``until`` on."""
        left = evolve(payment, state=State.UNRESOLVED, lease_until=until)
        row = self.codec.payment_row(left)
        return await self.session.write(lambda layers: _rewrite(layers, row)) is not None

    async def amend(
        self,
        payment: Payment,
        was: State,
        facts: Sequence[Event] = (),
        entries: Sequence[Entry] = (),
    ) -> bool:
        """Write a payment that has ended otherwise, if it is stored as ``was`` and ours."""
        return await self._end(payment, phase_of(payment.state), facts, entries, was=was)

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
        return await self._taken("idle", owner, now, until, limit)

    async def watch(
        self, owner: str, now: datetime, until: datetime, limit: int
    ) -> Sequence[Payment]:
        """Do as ``take_over`` with payments that have ended and are ``watched``."""
        return await self._taken("watched", owner, now, until, limit)

    async def _taken(
        self, order: str, owner: str, now: datetime, until: datetime, limit: int
    ) -> Sequence[Payment]:
        end = micros(until)

        async def taken(layers: Layers) -> list[PaymentRow]:
            idle = await layers[PAYMENTS].scan(order, below=(micros(now),), limit=limit)
            ours = [evolve(row, owner=owner, lease_until=end) for row in idle]
            for row in ours:
                layers[PAYMENTS].put(row)
            return ours

        return [self.codec.payment(row) for row in await self.session.write(taken)]

    async def find(self, chain: Chain, key: PaymentKey) -> Payment | None:
        """Give the payment with this key, of whichever tenant."""
        row = await self.session.read(lambda layers: _found(layers, chain, key))
        return None if row is None else self.codec.payment(row)

    async def by_signature(self, tenant: Tenant, signature: str) -> Payment | None:
        """Give the tenant's payment with this landing signature, the newest of several chains'."""

        async def found(layers: Layers) -> PaymentRow | None:
            names = tenant, signature
            for kind in (PAYMENTS, ARCHIVE):
                row = await layers[kind].first("tenant signature", *names, backwards=True)
                if row is not None:
                    return row
            return None

        row = await self.session.read(found)
        return None if row is None else self.codec.payment(row)

    async def newest(
        self,
        tenant: Tenant,
        limit: int,
        before: datetime | None = None,
        user_id: str | None = None,
    ) -> Sequence[Payment]:
        """Give the tenant's payments, or those of one user, newest first."""
        end = None if before is None else (micros(before),)
        if user_id is None:
            return await self._listed(PAYMENTS, "newest", (tenant,), limit, end)
        return await self._listed(PAYMENTS, "of user", (tenant, user_id), limit, end)

    async def of_payer(
        self, tenant: Tenant, payer: str, limit: int, after: Payment | None = None
    ) -> Sequence[Payment]:
        """Give the tenant's settled payments of this payer, newest first."""
        end = None if after is None else (micros(after.created_at), after.chain, after.key)
        return await self._listed(PAYMENTS, "of payer", (tenant, payer), limit, end)

    async def archive(self, before: datetime, limit: int) -> int:
        """Move payments that ended, are not watched and were created before that time."""

        async def moved(layers: Layers) -> int:
            over = await layers[PAYMENTS].scan("over", below=(micros(before),), limit=limit)
            for row in over:
                layers[PAYMENTS].remove(row.chain, row.key)
                layers[ARCHIVE].put(row)
            return len(over)

        return await self.session.write(moved)

    async def archived(
        self, tenant: Tenant, limit: int, before: datetime | None = None
    ) -> Sequence[Payment]:
        """Do as ``newest`` with what is archived."""
        end = None if before is None else (micros(before),)
        return await self._listed(ARCHIVE, "newest", (tenant,), limit, end)

    async def _listed(
        self,
        kind: Kind[PaymentRow],
        order: str,
        group: tuple[str, ...],
        limit: int,
        below: Rank | None,
    ) -> Sequence[Payment]:
        rows = await self.session.read(
            lambda layers: layers[kind].scan(
                order, *group, below=below, backwards=True, limit=limit
            )
        )
        return [self.codec.payment(row) for row in rows]

    async def _end(
        self,
        payment: Payment,
        after: Phase | None,
        facts: Sequence[Event],
        entries: Sequence[Entry] = (),
        was: State | None = None,
    ) -> bool:
        async def ended(layers: Layers) -> bool:
            if payment.is_live or was in LIVE:
                raise ValueError("a payment that has ended is not live")
            told, booked = self.codec.facts(payment, facts), self.codec.entries(payment, entries)
            before = await _rewrite(layers, self.codec.payment_row(payment), was)
            if before is None:
                return False
            old = self.codec.payment(before)
            await _move(layers, old, phase_of(old.state), after)
            await append(layers, told)
            for fact, lines in booked:
                await enter(layers, fact, lines)
            return True

        return await self.session.write(ended)


@frozen
class LayeredTallies:
    """Running totals of reservations."""

    session: Session

    async def totals(
        self, tenant: Tenant | None, names: Sequence[str], chain: Chain | None = None
    ) -> dict[str, int]:
        """Give the totals of these names; a name without claims is absent."""

        async def found(layers: Layers) -> dict[Key, TallyRow]:
            return await layers[TALLIES].several(tally_key(tenant, chain, name) for name in names)

        rows = await self.session.read(found)
        return {row.name: row.total for row in rows.values()}


async def _claim(
    layers: Layers, payment: Payment, row: PaymentRow
) -> PaymentRow | Reservation | None:
    """Claim; give what keeps us from it: the first claim, or a reservation past its limit."""
    payments = layers[PAYMENTS]
    first = await _found(layers, row.chain, row.key) or await _signed(layers, row)
    if first is not None:
        return first
    keys = keys_of(payment)
    found = await layers[TALLIES].several(keys) if keys else {}
    refused = first_refused(payment, {key: found[key].total for key in keys if key in found})
    if refused is None:
        await _move(layers, payment, None, Phase.LIVE)
        payments.put(row)
    return refused


async def _found(layers: Layers, chain: str, key: str) -> PaymentRow | None:
    return await layers[PAYMENTS].get(chain, key) or await layers[ARCHIVE].get(chain, key)


async def _signed(layers: Layers, row: PaymentRow) -> PaymentRow | None:
    names = row.chain, row.signature
    return await layers[PAYMENTS].first("signature", *names) or await layers[ARCHIVE].first(
        "signature", *names
    )


async def _rewrite(layers: Layers, row: PaymentRow, was: State | None = None) -> PaymentRow | None:
    """Put a payment in the place of what it owns, live or ``was``, and give that."""
    known = await layers[PAYMENTS].get(row.chain, row.key)
    if known is None or not _is_ours(known, row, was):
        return None
    if row.signature != known.signature and await _signed(layers, row) is not None:
        raise Declined(Code.SIGNATURE_REUSED)
    layers[PAYMENTS].put(row)
    return known


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


def _is_ours(known: PaymentRow, row: PaymentRow, was: State | None) -> bool:
    stands = known.state in LIVE if was is None else known.state == was
    return stands and (known.tenant, known.owner) == (row.tenant, row.owner)
