"""The store in a PostgreSQL database, its units of work and views."""

import random
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

from attrs import define, field, frozen

from tillway.adapters.stores.codec import Codec
from tillway.adapters.stores.postgres.catalogue import (
    PostgresCoupons,
    PostgresProducts,
    PostgresQuoteKeys,
)
from tillway.adapters.stores.postgres.lender import Lender
from tillway.adapters.stores.postgres.log import PostgresEvents
from tillway.adapters.stores.postgres.names import Names
from tillway.adapters.stores.postgres.payments import PostgresPayments, PostgresTallies
from tillway.adapters.stores.postgres.place import Connection
from tillway.adapters.stores.postgres.pool import Limits
from tillway.adapters.stores.postgres.room import check_read_only, check_room, met_full_disk
from tillway.adapters.stores.postgres.schema import migrate, pending, prepare
from tillway.adapters.stores.postgres.sessions import Session, single, unit, view
from tillway.adapters.stores.postgres.sight import PostgresCalls
from tillway.adapters.stores.records import Records
from tillway.core.assets import BUILT_IN, Assets
from tillway.core.errors import Unavailable
from tillway.core.ports.upkeep import Step
from tillway.core.secrets import Secret


@frozen(kw_only=True)
class PostgresUnit(Records):
    """The repositories over one session."""

    payments: PostgresPayments
    tallies: PostgresTallies
    events: PostgresEvents
    products: PostgresProducts
    coupons: PostgresCoupons
    quote_keys: PostgresQuoteKeys


@define(eq=False)
class PostgresStore:
    """A store in one database, for any number of processes and machines.

    Units of work run at once. What they write is conditional, and what they find they hold, so
    that of two that meet the second waits; two that wait for each other are told Unavailable,
    or one is tried again. What a unit does not find among payments, totals and facts may be
    there a moment later: decide by what writes answer. So may a balance change that it has
    read, by postings that test nothing. Who waits for a connection, and a unit
    that lasts, is given up as Unavailable after ``patience`` seconds. After a fork the child
    opens connections of its own. ``names`` says what its tables and functions are called, so
    that one database can hold several stores. Unless ``migrates``, a schema that is behind is
    refused when starting, instead of being brought up to date.
    """

    url: Secret
    assets: Assets = BUILT_IN
    limits: Limits = field(factory=Limits, kw_only=True)
    patience: float = field(default=10.0, kw_only=True)
    jitter: Callable[[], float] = field(default=random.random, kw_only=True)
    names: Names = field(factory=Names, kw_only=True)
    migrates: bool = field(default=True, kw_only=True)
    lender: Lender = field(kw_only=True, repr=False)
    """Where its connections come from; others may use the same one, and its names."""
    _codec: Codec = field(init=False)
    _was_full: bool = field(init=False, default=False)

    @lender.default
    def _own_lender(self) -> Lender:
        return Lender(
            self.url,
            limits=self.limits,
            patience=self.patience,
            jitter=self.jitter,
            names=self.names,
        )

    def __attrs_post_init__(self) -> None:
        """Prepare the conversions; nothing is opened yet."""
        self._codec = Codec(assets=self.assets)

    async def start(self) -> None:
        """Open the place, its schema up to date. Raises Unavailable with the cause."""
        async with self._connected() as (connection, place):
            await prepare(connection, place, self.lender.names, migrates=self.migrates)
        self.lender.open(self)

    async def pending(self) -> Sequence[Step]:
        """Give the steps that are still to be taken, and change nothing."""
        async with self._connected() as (connection, place):
            return await pending(connection, place, self.lender.names)

    async def migrate(self, taken: Callable[[Step], object]) -> None:
        """Take the pending steps in their order, and tell of each once it is durable."""
        async with self._connected() as (connection, place):
            await migrate(connection, place, self.lender.names, taken)

    async def aclose(self) -> None:
        """Finish what has begun, then close. A repeat does nothing."""
        await self.lender.close(self)

    @asynccontextmanager
    async def begin(self, *, once: bool = False) -> AsyncIterator[PostgresUnit]:
        """Open a unit of work: committed on leaving, rolled back on an exception."""
        pool = self.lender.pool()
        try:
            async with single(pool, writable=True) if once else unit(pool) as session:
                yield self._unit(session)
        except Unavailable as error:
            self._was_full = self._was_full or met_full_disk(error)
            raise

    @asynccontextmanager
    async def view(self, *, once: bool = False) -> AsyncIterator[PostgresUnit]:
        """Open a consistent view for reading; it never waits for writers."""
        pool = self.lender.pool()
        async with single(pool, writable=False) if once else view(pool) as session:
            yield self._unit(session)

    async def check_writing(self) -> None:
        """Raise Unavailable where the database takes no writes, or had no room and has none yet."""
        await check_read_only(self.lender.pool())
        if self._was_full:
            await check_room(self.lender.pool())
            self._was_full = False

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[tuple[Connection, str]]:
        """Give a connection outside the pool, and the name of the place."""
        place = self.lender.place
        connection = await place.connect()
        try:
            yield connection, str(place)
        finally:
            await connection.close(timeout=self.patience)

    def _unit(self, session: Session) -> PostgresUnit:
        return PostgresUnit(
            calls=PostgresCalls(session),
            codec=self._codec,
            payments=PostgresPayments(session, self._codec),
            tallies=PostgresTallies(session),
            events=PostgresEvents(session, self._codec),
            products=PostgresProducts(session, self._codec),
            coupons=PostgresCoupons(session, self._codec),
            quote_keys=PostgresQuoteKeys(session),
        )
