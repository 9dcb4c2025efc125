"""Payments, their tallies and their facts in PostgreSQL.

What the functions do that are called here stands in the migrations.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

import asyncpg
import orjson
from attrs import astuple, evolve, frozen

from tillway.adapters.stores.codec import Codec, EventRow, PaymentRow, micros
from tillway.adapters.stores.limits import checked
from tillway.adapters.stores.postgres.pool import Lent, Rows
from tillway.adapters.stores.postgres.sessions import Session
from tillway.adapters.stores.postgres.texts import sent
from tillway.adapters.stores.reservations import key_of, tally_key
from tillway.core.errors import Code, Declined
from tillway.core.events import Event
from tillway.core.payments import Chain, Payment, PaymentKey, Phase, Reservation, State
from tillway.core.ports.store import Claimed, ClaimResult, Refused, Taken
from tillway.core.tenancy import Tenant

_COLUMNS: Final = (
    "chain, key, tenant, signature, state, owner, lease_until, created_at, signed, body"
)
_MET: Final = ", ".join(f"(met).{column}" for column in _COLUMNS.split(", "))
_ROW: Final = "$1, $2, $3, $4, $5, $6, $7, $8, $9, $10"

# Every name in these statements is ours (see names.py); what comes from outside is always a
# parameter.
_CLAIM: Final = f"SELECT refused, {_MET} FROM tillway_claim({_ROW}, $11)"  # noqa: S608 - as above
_REWRITE: Final = f"SELECT tillway_rewrite({_ROW}, $11, $12, $13, $14, $15)"
_RENEW: Final = "SELECT tillway_renew($1, $2, $3)"
_TAKE_OVER: Final = f"SELECT {_COLUMNS} FROM tillway_take_over($1, $2, $3, $4)"  # noqa: S608 - as above
_FIND: Final = f"SELECT {_COLUMNS} FROM tillway_find($1, $2, $3)"  # noqa: S608 - as above
_BY_SIGNATURE: Final = f"SELECT {_COLUMNS} FROM tillway_by_signature($1, $2, $3)"  # noqa: S608 - as above
_NEWEST: Final = f"SELECT {_COLUMNS} FROM tillway_newest($1, $2, $3)"  # noqa: S608 - as above
_TOTALS: Final = "SELECT name, total FROM tillway_totals($1, $2, $3, $4)"
_APPEND: Final = "SELECT tillway_append($1, $2, $3, $4, $5)"
_NEWEST_EVENTS: Final = "SELECT tenant, id, type, at, body FROM tillway_newest_events($1, $2)"


@frozen
class PostgresPayments:
    """Claims and what became of them."""

    session: Session
    codec: Codec

    async def claim(self, payment: Payment) -> ClaimResult:
        """Write a claim and take its reservations, all or nothing."""

        async def work(sql: Lent) -> ClaimResult:
            row = self.codec.payment_row(payment)
            met = await sql.run(_CLAIM, *_sent(row), _shares(payment))
            return self._answer(payment, met[0] if met else None)

        return await self.session.write(work)

    async def settle(self, payment: Payment, facts: Sequence[Event] = ()) -> bool:
        """Write the settled payment if it is still live and owned by ``payment.owner``."""
        return await self._end(payment, Phase.SETTLED, facts)

    async def fail(self, payment: Payment, landed: bool, facts: Sequence[Event] = ()) -> bool:
        """Write the failed payment under the condition of ``settle``."""
        return await self._end(payment, Phase.LANDED_FAILURE if landed else None, facts)

    async def release(self, payment: Payment, until: datetime) -> bool:
        """Leave a live payment that we own unresolved, to be looked up from ``until`` on."""
        left = evolve(payment, state=State.UNRESOLVED, lease_until=until)

        async def work(sql: Lent) -> bool:
            return await self._rewritten(sql, left, Phase.LIVE, ())

        return await self.session.write(work)

    async def renew(self, owner: str, keys: Sequence[PaymentKey], until: datetime) -> int:
        """Extend the leases that this owner still holds, and tell how many."""

        async def work(sql: Lent) -> int:
            return int(await sql.value(_RENEW, owner, list(keys), micros(until)))

        return await self.session.write(work)

    async def take_over(
        self, owner: str, now: datetime, until: datetime, limit: int
    ) -> Sequence[Payment]:
        """Make live payments whose lease ended before ``now`` ours, oldest first, each once."""

        async def work(sql: Lent) -> Sequence[Payment]:
            times = micros(now), micros(until)
            return self._payments(await sql.run(_TAKE_OVER, owner, *times, checked(limit)))

        return await self.session.write(work)

    async def find(self, chain: Chain, key: PaymentKey) -> Payment | None:
        """Give the payment with this key, of whichever tenant."""
        return await self._one(_FIND, chain, key)

    async def by_signature(self, tenant: Tenant, signature: str) -> Payment | None:
        """Give the tenant's payment with this landing signature."""
        return await self._one(_BY_SIGNATURE, tenant, signature)

    async def newest(
        self, tenant: Tenant, limit: int, before: datetime | None = None
    ) -> Sequence[Payment]:
        """Give the tenant's payments, newest first, created before that time."""

        async def work(sql: Lent) -> Sequence[Payment]:
            end = None if before is None else micros(before)
            return self._payments(await sql.run(_NEWEST, tenant, end, checked(limit)))

        return await self.session.read(work)

    async def _end(self, payment: Payment, after: Phase | None, facts: Sequence[Event]) -> bool:
        async def work(sql: Lent) -> bool:
            if payment.is_live:
                raise ValueError("a payment that has ended is not live")
            return await self._rewritten(sql, payment, after, facts)

        return await self.session.write(work)

    async def _rewritten(
        self, sql: Lent, payment: Payment, after: Phase | None, facts: Sequence[Event]
    ) -> bool:
        row = self.codec.payment_row(payment)
        phase = None if after is None else after.value
        told = _columns(self.codec.facts(payment, facts))
        try:
            return bool(await sql.value(_REWRITE, *_sent(row), phase, *told))
        except asyncpg.UniqueViolationError as error:
            raise Declined(Code.SIGNATURE_REUSED) from error

    async def _one(self, statement: str, *values: str) -> Payment | None:
        async def work(sql: Lent) -> Payment | None:
            found = self._payments(await sql.run(statement, *values, self.session.holds))
            return found[0] if found else None

        return await self.session.read(work)

    def _payments(self, rows: Rows) -> Sequence[Payment]:
        return [self.codec.payment(PaymentRow(*row)) for row in rows]

    def _answer(self, payment: Payment, met: Sequence[Any] | None) -> ClaimResult:
        if met is None:
            return Claimed()
        refused, *first = met
        if refused is not None:
            return Refused(reservation=payment.reservations[refused])
        return Taken(payment=self.codec.payment(PaymentRow(*first)))


@frozen
class PostgresTallies:
    """Running totals of reservations."""

    session: Session

    async def totals(
        self, tenant: Tenant | None, names: Sequence[str], chain: Chain | None = None
    ) -> dict[str, int]:
        """Give the totals of these names; a name without claims is absent."""

        async def work(sql: Lent) -> dict[str, int]:
            owner, on, _ = tally_key(tenant, chain, "")
            rows = await sql.run(_TOTALS, owner, on, list(names), self.session.holds)
            return {str(name): int(total) for name, total in rows}

        return await self.session.read(work)


@frozen
class PostgresEvents:
    """The log of facts."""

    session: Session
    codec: Codec

    async def append(self, event: Event) -> None:
        """Write a fact; a repeat of its id does nothing."""

        async def work(sql: Lent) -> None:
            row = self.codec.event_row(event)
            await sql.run(_APPEND, event.tenant, *_columns([row]))

        await self.session.write(work)

    async def newest(self, tenant: Tenant, limit: int) -> Sequence[Event]:
        """Give the tenant's facts, newest first."""

        async def work(sql: Lent) -> Sequence[Event]:
            rows = await sql.run(_NEWEST_EVENTS, tenant, checked(limit))
            return [self.codec.event(EventRow(*row)) for row in rows]

        return await self.session.read(work)


def _sent(row: PaymentRow) -> Sequence[object]:
    """Give a row as the functions take it: the tenant, for whom they act, first."""
    chain, key, tenant, *rest = astuple(row)
    return tenant, chain, key, *rest


def _columns(facts: Sequence[EventRow]) -> Sequence[list[object]]:
    """Give facts of one tenant as the functions take them."""
    return (
        [row.id for row in facts],
        [row.type for row in facts],
        [row.at for row in facts],
        [row.body for row in facts],
    )


def _shares(payment: Payment) -> str:
    """Give the reservations as ``tillway_shares`` reads them.

    In the order of their totals, so that claims at once never wait for each other in a circle.
    """
    places = range(len(payment.reservations))
    shares = [_share(payment, place, payment.reservations[place]) for place in places]
    return orjson.dumps(sorted(shares, key=lambda share: (share[1:4], share[0]))).decode()


def _share(payment: Payment, place: int, one: Reservation) -> list[Any]:
    moved = [one.change(None, phase) for phase in Phase]
    return [place, *map(sent, key_of(payment, one)), one.amount, one.limit, *moved]
