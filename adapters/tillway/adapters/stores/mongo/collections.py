"""Definitions in collections beside the store's: another gateway's, or somebody else's.

They are read and never written, and no index is made there.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, Generic, TypeVar

from attrs import define, evolve, field
from bson import Decimal128, ObjectId

from tillway.adapters.stores.codec import Codec
from tillway.adapters.stores.layered.kinds import COUPONS, PRODUCTS, Definition
from tillway.adapters.stores.layered.kinds import Kind as RowKind
from tillway.adapters.stores.layered.layers import Span
from tillway.adapters.stores.mapped.layout import Kind, Layout, TableMapping, resolved
from tillway.adapters.stores.mapped.row import Row
from tillway.adapters.stores.mongo.beside import Deployment
from tillway.adapters.stores.mongo.documents import collection, id_of, matching, read, sorting
from tillway.adapters.stores.mongo.driver import Document
from tillway.adapters.stores.mongo.marks import MARKS
from tillway.core.assets import Assets
from tillway.core.catalog import Coupon, Product
from tillway.core.errors import Fault
from tillway.core.ids import CouponCode, ProductId
from tillway.core.ports.definitions import Misfit
from tillway.core.tenancy import Tenant

_MOST: Final = 10_000

USUAL: Final[Mapping[str, Mapping[str, str]]] = {
    "product": {
        "id": "_id",
        "tenant_id": "",
        "fiat_amount": "fiatAtomic",
        "fiat_currency": "fiatAsset",
        "stripe_price_id": "stripePriceId",
        "crypto_amount": "cryptoAtomic",
        "crypto_token": "cryptoAsset",
        "crypto_account": "cryptoAccount",
        "memo_template": "memoTemplate",
        "created_at": "createdAt",
        "updated_at": "updatedAt",
    },
    "coupon": {
        "code": "_id",
        "tenant_id": "",
        "discount_type": "discountType",
        "discount_value": "discountValue",
        "product_ids": "productIds",
        "payment_method": "paymentMethod",
        "auto_apply": "autoApply",
        "applies_at": "appliesAt",
        "usage_limit": "usageLimit",
        "usage_count": "usageCount",
        "starts_at": "startsAt",
        "expires_at": "expiresAt",
        "created_at": "createdAt",
        "updated_at": "updatedAt",
    },
}
"""What Cedros Pay calls the fields of its documents, where that is not what we call them."""

Name = TypeVar("Name", bound=str)
Defined = TypeVar("Defined", Product, Coupon)


@define(eq=False, kw_only=True)
class CollectionRows:
    """The documents of a collection as rows; a field that one lacks is empty in it."""

    deployment: Deployment
    name: str
    mapping: TableMapping
    _layout: Layout = field(init=False)

    def __attrs_post_init__(self) -> None:
        """Find the fields: documents may have any, so none is missing."""
        fields = {**USUAL[self.kind.what], **self.mapping.field_map}
        there = {*self.kind.fields, *fields.values()}
        self._layout = resolved(evolve(self.mapping, field_map=fields), there)

    @property
    def kind(self) -> Kind:
        """What they are rows of."""
        return self.mapping.kind

    async def named(self, tenant: Tenant, name: str, most: int) -> Sequence[Row]:
        """Give the tenant's rows of this name."""
        return await self._rows(tenant, most, {self._key: name})

    async def all(self, tenant: Tenant, most: int) -> Sequence[Row]:
        """Give the tenant's rows by name."""
        return await self._rows(tenant, most, {})

    async def start(self) -> None:
        """Open the database and look for the collection. Raises Unavailable, or Misfit."""
        await self.deployment.open(self, self.name)
        if not await self.deployment.database(self.name).has(self.mapping.table):
            message = f"there is no collection {self.mapping.table} in {self.name}"
            raise Misfit([Fault(field="table_name", message=message)])

    async def aclose(self) -> None:
        """Close it. A repeat does nothing."""
        await self.deployment.close(self)

    @property
    def _key(self) -> str:
        return self._layout.columns[self.kind.name]

    async def _rows(self, tenant: Tenant, most: int, condition: Document) -> Sequence[Row]:
        layout = self._layout
        if not layout.owns(tenant):
            return []
        column = layout.columns.get("tenant_id")
        owned = condition if column is None else {**condition, column: tenant}
        found = await self.deployment.database(self.name).find(
            layout.table, owned, only=layout.asked, sort=[(self._key, 1)], limit=most
        )
        empty = dict.fromkeys(layout.asked)
        return [Row(layout, empty | _plain(document)) for document in found]


@define(eq=False)
class GatewaysDefinitions(Generic[Name, Defined]):
    """Products or coupons as another gateway keeps them, as far as it has spread them."""

    deployment: Deployment
    name: str
    kind: RowKind[Definition]
    codec: Codec
    of: type[Defined]

    async def get(self, tenant: Tenant, name: Name) -> Defined | None:
        """Give a definition."""
        found = await self._found({"_id": id_of((tenant, name))}, limit=1)
        return found[0] if found else None

    async def all(self, tenant: Tenant) -> Sequence[Defined]:
        """Give the tenant's by name, ascending."""
        condition = matching(self.kind, "all", (tenant,), Span())
        sort = sorting(self.kind, "all", backwards=False)
        return await self._found(condition, limit=_MOST, sort=sort)

    async def start(self) -> None:
        """Open the database. Raises Unavailable, or Misfit if no gateway has been there."""
        await self.deployment.open(self, self.name)
        if not await self.deployment.database(self.name).find(MARKS, {"_id": "format"}):
            text = f"has no definitions of a gateway's in {self.name}: name a collection"
            raise Misfit([Fault(field="", message=text)])

    async def aclose(self) -> None:
        """Close it. A repeat does nothing."""
        await self.deployment.close(self)

    async def _found(self, condition: Any, **more: Any) -> Sequence[Defined]:
        database = self.deployment.database(self.name)
        documents = await database.find(collection(self.kind.name), condition, **more)
        rows = [read(self.kind, each) for each in documents if "gone" not in each]
        return [self._defined(row.text) for row in rows]

    def _defined(self, text: str) -> Defined:
        made = self.codec.product(text) if self.of is Product else self.codec.coupon(text)
        assert isinstance(made, self.of)  # noqa: S101 - the kind and the type come together
        return made


def gateways_products(
    deployment: Deployment, name: str, assets: Assets
) -> GatewaysDefinitions[ProductId, Product]:
    """Give the products of another gateway's database."""
    return GatewaysDefinitions(deployment, name, PRODUCTS, Codec(assets=assets), Product)


def gateways_coupons(
    deployment: Deployment, name: str, assets: Assets
) -> GatewaysDefinitions[CouponCode, Coupon]:
    """Give the coupons of another gateway's database."""
    return GatewaysDefinitions(deployment, name, COUPONS, Codec(assets=assets), Coupon)


def _plain(value: Any) -> Any:
    """Give a value as JSON has it, numbers without loss."""
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_plain(each) for each in value]
    if isinstance(value, Decimal128):
        return _number(value.to_decimal())
    if isinstance(value, float):
        return _number(Decimal(repr(value)))
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, int) and not isinstance(value, bool):
        return int(value)
    return str(value) if isinstance(value, ObjectId) else value


def _number(number: Decimal) -> Decimal | str:
    return number if number.is_finite() else str(number)
