"""Payments and their tallies in PostgreSQL.

What the functions do that are called here stands in the migrations.
"""

from collections.abc import Sequence
from datetime import datetime
from operator import attrgetter
from typing import Any, Final

import asyncpg
import orjson
from attrs import evolve, fields, frozen

from tillway.adapters.stores.codec import Codec, PaymentRow, micros
from tillway.adapters.stores.limits import bounded, checked
from tillway.adapters.stores.postgres.log import told_columns
from tillway.adapters.stores.postgres.pool import Lent, Rows
from tillway.adapters.stores.postgres.sessions import Session
from tillway.adapters.stores.postgres.texts import sent
from tillway.adapters.stores.reservations import key_of, tally_key
from tillway.core.errors import Code, Declined
from tillway.core.events import Event
from tillway.core.ledger import Entry
from tillway.core.money import LEAST, MOST
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

_COLUMNS: Final = (
    "chain, key, tenant, signature, state, owner, lease_until, created_at, signed, body,"
    " watched, user_id"
)
_MET: Final = ", ".join(f"(met).{column}" for column in _COLUMNS.replace(" ", "").split(","))
_ROW: Final = ", ".join(f"${n}" for n in range(1, 13))
_END: Final = ", ".join(f"${n}" for n in range(13, 26))

# Every name in these statements is ours (see names.py); what comes from outside is always a
# parameter.
_CLAIM: Final = f"SELECT refused, {_MET} FROM tillway_claim({_ROW}, $13)"  # noqa: S608 - as above
_REWRITE: Final = f"SELECT tillway_rewrite({_ROW}, {_END})"
_RENEW: Final = "SELECT tillway_renew($1, $2, $3)"
_TAKE_OVER: Final = f"SELECT {_COLUMNS} FROM tillway_take_over($1, $2, $3, $4)"  # noqa: S608 - as above
_WATCH: Final = f"SELECT {_COLUMNS} FROM tillway_watch($1, $2, $3, $4)"  # noqa: S608 - as above
_PUT_AWAY: Final = "SELECT tillway_put_away($1, $2)"
_FIND: Final = f"SELECT {_COLUMNS} FROM tillway_find($1, $2, $3)"  # noqa: S608 - as above
_BY_SIGNATURE: Final = f"SELECT {_COLUMNS} FROM tillway_by_signature($1, $2, $3)"  # noqa: S608 - as above
_NEWEST: Final = f"SELECT {_COLUMNS} FROM tillway_newest($1, $2, $3, $4)"  # noqa: S608 - as above
_OF_PAYER: Final = f"SELECT {_COLUMNS} FROM tillway_of_payer($1, $2, $3, $4, $5, $6)"  # noqa: S608 - as above
_ARCHIVED: Final = f"SELECT {_COLUMNS} FROM tillway_archived($1, $2, $3)"  # noqa: S608 - as above
_TOTALS: Final = "SELECT name, total FROM tillway_totals($1, $2, $3, $4)"

# The functions take the tenant, for whom they act, first.
_SENT: Final = attrgetter(
    "tenant", *(each.name for each in fields(PaymentRow) if each.name != "tenant")
)
_PHASES: Final = tuple(Phase)
_LIVE: Final = sorted(state.value for state in LIVE)


@frozen
class PostgresPayments:
    """Claims and what became of them."""

    session: Session
    codec: Codec

    async def claim(self, payment: Payment) -> ClaimResult:
        """Write a claim and take its reservations, all or nothing."""

        async def work(sql: Lent) -> ClaimResult:
            row = self.codec.payment_row(payment)
            met = await sql.run(_CLAIM, *_SENT(row), _shares(payment))
            return self._answer(payment, met[0] if met else None)

        return await self.session.write(work)

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

        async def work(sql: Lent) -> bool:
            return await self._rewritten(sql, left, None, Phase.LIVE)

        return await self.session.write(work)

    async def amend(
        self,
        payment: Payment,
        was: State,
        facts: Sequence[Event] = (),
        entries: Sequence[Entry] = (),
    ) -> bool:
        """Write a payment that has ended otherwise, if it is stored as ``was`` and ours."""
        return await self._end(payment, phase_of(payment.state), facts, entries, was)

    async def renew(self, owner: str, keys: Sequence[PaymentKey], until: datetime) -> int:
        """Extend the leases that this owner still holds, and tell how many."""

        async def work(sql: Lent) -> int:
            return int(await sql.value(_RENEW, owner, list(keys), micros(until)))

        return await self.session.write(work)

    async def take_over(
        self, owner: str, now: datetime, until: datetime, limit: int
    ) -> Sequence[Payment]:
        """Make live payments whose lease ended before ``now`` ours, oldest first, each once."""
        return await self._taken(_TAKE_OVER, owner, now, until, limit)

    async def watch(
        self, owner: str, now: datetime, until: datetime, limit: int
    ) -> Sequence[Payment]:
        """Do as ``take_over`` with payments that have ended and are ``watched``."""
        return await self._taken(_WATCH, owner, now, until, limit)

    async def find(self, chain: Chain, key: PaymentKey) -> Payment | None:
        """Give the payment with this key, of whichever tenant."""
        return await self._one(_FIND, chain, key)

    async def by_signature(self, tenant: Tenant, signature: str) -> Payment | None:
        """Give the tenant's payment with this landing signature."""
        return await self._one(_BY_SIGNATURE, tenant, signature)

    async def newest(
        self,
        tenant: Tenant,
        limit: int,
        before: datetime | None = None,
        user_id: str | None = None,
    ) -> Sequence[Payment]:
        """Give the tenant's payments, or those of one user, newest first."""
        end = None if before is None else micros(before)
        return await self._listed(_NEWEST, tenant, user_id, end, checked(limit))

    async def of_payer(
        self, tenant: Tenant, payer: str, limit: int, after: Payment | None = None
    ) -> Sequence[Payment]:
        """Give the tenant's settled payments of this payer, newest first."""
        end: tuple[int | str | None, ...] = (None, None, None)
        if after is not None:
            end = (micros(after.created_at), after.chain, after.key)
        return await self._listed(_OF_PAYER, tenant, payer, *end, checked(limit))

    async def archive(self, before: datetime, limit: int) -> int:
        """Move payments that ended, are not watched and were created before that time."""

        async def work(sql: Lent) -> int:
            return int(await sql.value(_PUT_AWAY, micros(before), checked(limit)))

        return await self.session.write(work)

    async def archived(
        self, tenant: Tenant, limit: int, before: datetime | None = None
    ) -> Sequence[Payment]:
        """Do as ``newest`` with what is archived."""
        end = None if before is None else micros(before)
        return await self._listed(_ARCHIVED, tenant, end, checked(limit))

    async def _taken(
        self, statement: str, owner: str, now: datetime, until: datetime, limit: int
    ) -> Sequence[Payment]:
        async def work(sql: Lent) -> Sequence[Payment]:
            times = micros(now), micros(until)
            return self._payments(await sql.run(statement, owner, *times, checked(limit)))

        return await self.session.write(work)

    async def _listed(self, statement: str, *values: object) -> Sequence[Payment]:
        async def work(sql: Lent) -> Sequence[Payment]:
            return self._payments(await sql.run(statement, *values))

        return await self.session.read(work)

    async def _end(
        self,
        payment: Payment,
        after: Phase | None,
        facts: Sequence[Event],
        entries: Sequence[Entry] = (),
        was: State | None = None,
    ) -> bool:
        async def work(sql: Lent) -> bool:
            if payment.is_live:
                raise ValueError("a payment that has ended is not live")
            if was in LIVE:
                raise ValueError("what is live is settled or failed")
            return await self._rewritten(sql, payment, was, after, facts, entries)

        return await self.session.write(work)

    async def _rewritten(
        self,
        sql: Lent,
        payment: Payment,
        was: State | None,
        after: Phase | None,
        facts: Sequence[Event] = (),
        entries: Sequence[Entry] = (),
    ) -> bool:
        """Put a payment in the place of the one that we own, live or ``was``."""
        before = Phase.LIVE if was is None else phase_of(was)
        told = told_columns(self.codec.facts(payment, facts), self.codec.entries(payment, entries))
        states = _LIVE if was is None else [was.value]
        row = self.codec.payment_row(payment)
        try:
            return bool(
                await sql.value(_REWRITE, *_SENT(row), states, _name(before), _name(after), *told)
            )
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


def _name(phase: Phase | None) -> str | None:
    return None if phase is None else phase.value


def _shares(payment: Payment) -> str:
    """Give the reservations as ``tillway_shares`` reads them.

    In the order of their totals, so that claims at once never wait for each other in a circle.
    """
    places = range(len(payment.reservations))
    shares = [_share(payment, place, payment.reservations[place]) for place in places]
    return orjson.dumps(sorted(shares, key=lambda share: (share[1:4], share[0]))).decode()


def _share(payment: Payment, place: int, one: Reservation) -> list[Any]:
    moved = [one.change(None, phase) for phase in _PHASES]
    amount = bounded(one.amount)
    # No total is ever beyond, so that a limit beyond is none.
    most = None if one.limit is None else max(LEAST, min(one.limit, MOST))
    return [place, *map(sent, key_of(payment, one)), amount, most, *moved]
