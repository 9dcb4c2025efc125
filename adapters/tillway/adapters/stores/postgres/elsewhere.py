"""Definitions in another gateway's database, in the tables that gateways have.

They are read and never written, and the schema there is left as it is: its gateway sees to that.
"""

from collections.abc import Sequence
from typing import Final, Generic, Protocol, TypeVar

import asyncpg
from attrs import define

from tillway.adapters.stores.codec import Codec
from tillway.adapters.stores.postgres.catalogue import PostgresCoupons, PostgresProducts
from tillway.adapters.stores.postgres.faults import unavailable
from tillway.adapters.stores.postgres.lender import Lender
from tillway.adapters.stores.postgres.pool import Lent
from tillway.adapters.stores.postgres.sessions import Session, single
from tillway.core.assets import Assets
from tillway.core.catalog import Coupon, Product
from tillway.core.errors import Fault
from tillway.core.ids import CouponCode, ProductId
from tillway.core.ports.definitions import Misfit
from tillway.core.tenancy import Tenant

_KNOWS: Final = """
    SELECT has_function_privilege(
        to_regprocedure('tillway_definitions(text, text, text, bigint, boolean)')::oid, 'EXECUTE'
    )
"""

Name = TypeVar("Name", contravariant=True)
Defined = TypeVar("Defined", covariant=True)


class _Shelf(Protocol[Name, Defined]):
    """What is read of the repositories of a store."""

    async def get(self, tenant: Tenant, name: Name, /) -> Defined | None:
        """Give one."""
        ...

    async def all(self, tenant: Tenant) -> Sequence[Defined]:
        """Give all."""
        ...


class _Over(Protocol[Name, Defined]):
    def __call__(self, session: Session, codec: Codec, /) -> _Shelf[Name, Defined]:
        """Give the repository over a session."""
        ...


@define(eq=False)
class DefinitionsElsewhere(Generic[Name, Defined]):
    """Products or coupons as another gateway keeps them."""

    lender: Lender
    codec: Codec
    shelf: _Over[Name, Defined]

    async def get(self, tenant: Tenant, name: Name) -> Defined | None:
        """Give a definition."""
        async with single(self.lender.pool(), writable=False) as session:
            return await self.shelf(session, self.codec).get(tenant, name)

    async def all(self, tenant: Tenant) -> Sequence[Defined]:
        """Give the tenant's by name, ascending."""
        async with single(self.lender.pool(), writable=False) as session:
            return await self.shelf(session, self.codec).all(tenant)

    async def start(self) -> None:
        """Open the database. Raises Unavailable, or Misfit if no gateway has been there."""
        await self.lender.reach()
        self.lender.open(self)

        async def work(sql: Lent) -> bool:
            return bool(await sql.value(_KNOWS))

        async with single(self.lender.pool(), writable=False) as session:
            try:
                known = await session.read(work)
            except asyncpg.PostgresError as error:
                raise unavailable("of definitions cannot be used") from error
        if not known:
            text = "has no definitions of a gateway's: name a table if it has one of its own"
            raise Misfit([Fault(field="", message=text)])

    async def aclose(self) -> None:
        """Close it. A repeat does nothing."""
        await self.lender.close(self)


def products_elsewhere(lender: Lender, assets: Assets) -> DefinitionsElsewhere[ProductId, Product]:
    """Give the products of another gateway's database."""
    return DefinitionsElsewhere(lender, Codec(assets=assets), PostgresProducts)


def coupons_elsewhere(lender: Lender, assets: Assets) -> DefinitionsElsewhere[CouponCode, Coupon]:
    """Give the coupons of another gateway's database."""
    return DefinitionsElsewhere(lender, Codec(assets=assets), PostgresCoupons)
