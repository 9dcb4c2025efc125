"""Payments in SQLite."""

from collections.abc import Sequence
from datetime import datetime
from functools import partial
from sqlite3 import Connection

from attrs import evolve, frozen

from tillway.adapters.stores.codec import Codec, PaymentRow, micros
from tillway.adapters.stores.limits import checked
from tillway.adapters.stores.sqlite import claims
from tillway.adapters.stores.sqlite.lane import Session
from tillway.core.events import Event
from tillway.core.ledger import Entry
from tillway.core.payments import LIVE, Chain, Payment, PaymentKey, Phase, State, phase_of
from tillway.core.ports.store import Claimed, ClaimResult, Refused, Taken
from tillway.core.tenancy import Tenant


@frozen
class SqlitePayments:
    """Claims and what became of them."""

    session: Session
    codec: Codec

    async def claim(self, payment: Payment) -> ClaimResult:
        """Write a claim and take its reservations, all or nothing."""
        row = self.codec.payment_row(payment)
        met = await self.session.write(partial(claims.claim, row=row, payment=payment))
        if isinstance(met, PaymentRow):
            return Taken(payment=self.codec.payment(met))
        return Claimed() if met is None else Refused(reservation=met)

    async def settle(
        self, payment: Payment, facts: Sequence[Event] = (), entries: Sequence[Entry] = ()
    ) -> bool:
        """Write the settled or unapplied payment if it is live and owned by ``payment.owner``."""
        return await self._end(payment, None, phase_of(payment.state), facts, entries)

    async def fail(self, payment: Payment, landed: bool, facts: Sequence[Event] = ()) -> bool:
        """Write the failed payment under the condition of ``settle``."""
        return await self._end(payment, None, Phase.LANDED_FAILURE if landed else None, facts)

    async def release(self, payment: Payment, until: datetime) -> bool:
        """Leave a live payment that we own unresolved, to be looked up from ``until`` on."""
        left = evolve(payment, state=State.UNRESOLVED, lease_until=until)
        row = self.codec.payment_row(left)
        return await self.session.write(partial(claims.rewrite, row=row, was=None)) is not None

    async def amend(
        self,
        payment: Payment,
        was: State,
        facts: Sequence[Event] = (),
        entries: Sequence[Entry] = (),
    ) -> bool:
        """Write a payment that has ended otherwise, if it is stored as ``was`` and ours."""
        return await self._end(payment, was, phase_of(payment.state), facts, entries)

    async def renew(self, owner: str, keys: Sequence[PaymentKey], until: datetime) -> int:
        """Extend the leases that this owner still holds, and tell how many."""
        work = partial(claims.renew, owner=owner, keys=keys, until=micros(until))
        return await self.session.write(work)

    async def take_over(
        self, owner: str, now: datetime, until: datetime, limit: int
    ) -> Sequence[Payment]:
        """Make live payments whose lease ended before ``now`` ours, oldest first, each once."""
        return await self._taken(claims.IDLE, owner, now, until, limit)

    async def watch(
        self, owner: str, now: datetime, until: datetime, limit: int
    ) -> Sequence[Payment]:
        """Do as ``take_over`` with payments that have ended and are ``watched``."""
        return await self._taken(claims.WATCHED, owner, now, until, limit)

    async def find(self, chain: Chain, key: PaymentKey) -> Payment | None:
        """Give the payment with this key, of whichever tenant, archived or not."""
        return await self._first(claims.FOUND, chain, key)

    async def by_signature(self, tenant: Tenant, signature: str) -> Payment | None:
        """Give the tenant's payment with this landing signature, the newest of several chains'."""
        return await self._first(claims.SIGNED, tenant, signature)

    async def newest(
        self,
        tenant: Tenant,
        limit: int,
        before: datetime | None = None,
        user_id: str | None = None,
    ) -> Sequence[Payment]:
        """Give the tenant's payments, or those of one user, newest first."""
        if user_id is None:
            return await self._newest(claims.NEWEST, [tenant], before, limit)
        return await self._newest(claims.OF_USER, [tenant, user_id], before, limit)

    async def of_payer(
        self, tenant: Tenant, payer: str, limit: int, after: Payment | None = None
    ) -> Sequence[Payment]:
        """Give the tenant's settled payments of this payer, newest first."""
        work = partial(
            claims.of_payer, tenant=tenant, payer=payer, after=after, limit=checked(limit)
        )
        return self._payments(await self.session.read(work))

    async def archive(self, before: datetime, limit: int) -> int:
        """Move payments that ended, are not watched and were created before that time."""
        work = partial(claims.archive, before=micros(before), limit=checked(limit))
        return await self.session.write(work)

    async def archived(
        self, tenant: Tenant, limit: int, before: datetime | None = None
    ) -> Sequence[Payment]:
        """Do as ``newest`` with what is archived."""
        return await self._newest(claims.ARCHIVED, [tenant], before, limit)

    async def _end(
        self,
        payment: Payment,
        was: State | None,
        after: Phase | None,
        facts: Sequence[Event],
        entries: Sequence[Entry] = (),
    ) -> bool:
        def work(sql: Connection) -> bool:
            if payment.is_live or was in LIVE:
                raise ValueError("a payment that has ended is not live")
            ending = claims.Ending(
                row=self.codec.payment_row(payment),
                was=was,
                after=after,
                facts=self.codec.facts(payment, facts),
                entries=self.codec.entries(payment, entries),
            )
            return claims.end(sql, ending, self.codec)

        return await self.session.write(work)

    async def _taken(
        self, statement: str, owner: str, now: datetime, until: datetime, limit: int
    ) -> Sequence[Payment]:
        work = partial(
            claims.take,
            statement=statement,
            owner=owner,
            now=micros(now),
            until=micros(until),
            limit=checked(limit),
        )
        return self._payments(await self.session.write(work))

    async def _first(self, statements: Sequence[str], *values: str) -> Payment | None:
        row = await self.session.read(lambda sql: claims.first(sql, statements, *values))
        return None if row is None else self.codec.payment(row)

    async def _newest(
        self, statement: str, names: Sequence[str], before: datetime | None, limit: int
    ) -> Sequence[Payment]:
        work = partial(
            claims.newest,
            statement=statement,
            names=names,
            before=None if before is None else micros(before),
            limit=checked(limit),
        )
        return self._payments(await self.session.read(work))

    def _payments(self, rows: Sequence[PaymentRow]) -> Sequence[Payment]:
        return [self.codec.payment(row) for row in rows]
