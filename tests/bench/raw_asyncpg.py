"""The statements of a claim and of its end by asyncpg alone, one statement for each.

In two ways: the functions that the store calls, and one WITH that does the same writing by hand.
The latter is run by a superuser, so that row-level security costs it nothing. Values are made
before the clock runs.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final, TypeAlias

import asyncpg
import orjson
from attrs import frozen

from bench.sales import Rows
from tillway.adapters.stores.codec import PaymentRow, moment
from tillway.adapters.stores.reservations import key_of
from tillway.core.payments import Phase

Connections: TypeAlias = "asyncpg.Pool[asyncpg.Record]"
Values = Sequence[Any]

_CALL_CLAIM: Final = (
    f"SELECT refused FROM tillway_claim({', '.join(f'${n}' for n in range(1, 14))})"
)
_CALL_SETTLE: Final = f"SELECT tillway_rewrite({', '.join(f'${n}' for n in range(1, 26))})"
_LIVE: Final = ["claimed", "unresolved"]

_CLAIM: Final = """
    WITH claimed AS (
        INSERT INTO tillway_payments (
            tenant, chain, key, signature, state, owner,
            lease_until, created_at, signed, body, watched, user_id, shares
        ) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
        ON CONFLICT DO NOTHING RETURNING key
    ), taken AS (
        INSERT INTO tillway_tallies AS known (tenant, chain, name, total)
        SELECT share.* FROM claimed, unnest(
            $14::text[], $15::text[], $16::text[], $17::bigint[]
        ) AS share
        ON CONFLICT (name, tenant, chain) DO UPDATE SET total = known.total + excluded.total
        RETURNING total
    )
    SELECT count(*) FROM taken
"""
_SETTLE: Final = """
    WITH ended AS (
        UPDATE tillway_payments SET state = $5,
            lease_until = $7, created_at = $8, signed = $9, body = $10, watched = $11, user_id = $12
        WHERE key = $3 AND chain = $2 AND tenant = $1 AND owner = $6 AND signature = $4
            AND state IN ('claimed', 'unresolved')
        RETURNING key
    ), freed AS (
        DELETE FROM tillway_tallies USING ended, unnest(
            $13::text[], $14::text[], $15::text[]
        ) AS share (tenant, chain, name)
        WHERE tillway_tallies.name = share.name AND tillway_tallies.tenant = share.tenant
            AND tillway_tallies.chain = share.chain
    ), told AS (
        INSERT INTO tillway_events (tenant, id, type, at, body)
        SELECT $1, fact.* FROM ended, unnest(
            $16::text[], $17::text[], $18::timestamptz[], $19::json[]
        ) AS fact
        ON CONFLICT DO NOTHING RETURNING id, at
    ), new AS (
        SELECT line.account, told.at, line.entry, line.place, line.minor, line.asset
        FROM unnest(
            $20::text[], $21::text[], $22::integer[], $23::text[], $24::bigint[], $25::text[]
        ) AS line (fact, entry, place, account, minor, asset)
        JOIN told ON told.id = line.fact
    ), written AS (
        INSERT INTO tillway_lines (tenant, account, at, entry, place, minor, asset)
        SELECT $1, account, at, entry, place, minor, asset FROM new
    ), unfolded AS (
        INSERT INTO tillway_unfolded (tenant, account, entry, place, minor, asset)
        SELECT $1, account, entry, place, minor, asset FROM new RETURNING minor
    )
    SELECT count(*) FROM unfolded
"""


@frozen
class Prepared:
    """The values of a sale's statements: of the functions, and of the two written by hand."""

    call_claim: Values
    call_settle: Values
    claim: Values
    settle: Values

    @classmethod
    def of(cls, rows: Rows) -> "Prepared":
        """Work them out."""
        shares = _shares(rows)
        told = _told(rows)
        taken = [[*key, change] for key, change in rows.taken]
        freed = [[*key] for key, _ in rows.freed]
        claim, ended = _row(rows.claim), _row(rows.ended)
        return cls(
            call_claim=(*claim, shares),
            call_settle=(*ended, _LIVE, "live", "settled", *told),
            claim=(*claim, shares, *map(list, zip(*taken, strict=True))),
            settle=(*ended, *map(list, zip(*freed, strict=True)), *told),
        )


@frozen
class Raw:
    """Writes payments."""

    pool: Connections

    async def call_claim(self, values: Prepared) -> None:
        """Claim by the store's function."""
        assert not await self.pool.fetch(_CALL_CLAIM, *values.call_claim)

    async def call_settle(self, values: Prepared) -> None:
        """Settle by the store's function."""
        assert await self.pool.fetchval(_CALL_SETTLE, *values.call_settle)

    async def claim(self, values: Prepared) -> None:
        """Claim by one statement."""
        assert await self.pool.fetchval(_CLAIM, *values.claim) == 3

    async def settle(self, values: Prepared) -> None:
        """Settle by one statement."""
        assert await self.pool.fetchval(_SETTLE, *values.settle) == 2


@asynccontextmanager
async def pooled(url: str, size: int) -> AsyncIterator[Connections]:
    """Open asyncpg's own pool, which gives connections back as they are."""
    pool = await asyncpg.create_pool(url, min_size=size, max_size=size, reset=_nothing)
    try:
        yield pool
    finally:
        await pool.close()


async def _nothing(connection: object) -> None:
    """Spare the round trip that puts a connection's settings back."""


def _row(row: PaymentRow) -> Values:
    return (
        row.tenant,
        row.chain,
        row.key,
        row.signature,
        row.state,
        row.owner,
        moment(row.lease_until),
        moment(row.created_at),
        row.signed,
        row.body,
        row.watched,
        row.user_id,
    )


def _shares(rows: Rows) -> str:
    claim = rows.sale.claim
    shares = [
        [
            place,
            *key_of(claim, one),
            one.amount,
            one.limit,
            *(one.change(None, phase) for phase in Phase),
        ]
        for place, one in enumerate(claim.reservations)
    ]
    return orjson.dumps(sorted(shares, key=lambda share: share[1:4])).decode()


def _told(rows: Rows) -> Values:
    fact = rows.facts[-1].id
    return (
        [row.id for row in rows.facts],
        [row.type for row in rows.facts],
        [moment(row.at) for row in rows.facts],
        [row.body for row in rows.facts],
        [fact for _ in rows.lines],
        [line.entry for line in rows.lines],
        [line.place for line in rows.lines],
        [line.account for line in rows.lines],
        [line.minor for line in rows.lines],
        [line.asset for line in rows.lines],
    )
