"""Definitions, reached for by another tenant."""

from collections.abc import Mapping
from typing import Final

from tillway.core.contracts.samples import NOW, OTHER, coupon, product, quote_key
from tillway.core.contracts.stores.crossings.case import Case
from tillway.core.ids import CouponCode
from tillway.core.ports.store import UnitOfWork, View
from tillway.core.tenancy import DEFAULT


async def _put_product(unit: UnitOfWork) -> bool:
    await unit.products.put(OTHER, product(cents=1), NOW)
    return await unit.products.get(OTHER, product().id) == product(cents=1)


async def _remove_product(unit: UnitOfWork) -> bool:
    return not await unit.products.remove(OTHER, product().id)


async def _get_product(unit: UnitOfWork) -> bool:
    return await unit.products.get(OTHER, product().id) is None


async def _all_products(unit: UnitOfWork) -> bool:
    return not await unit.products.all(OTHER)


async def _put_coupon(unit: UnitOfWork) -> bool:
    await unit.coupons.put(OTHER, coupon(limit=1))
    return await unit.coupons.get(OTHER, coupon().code) == coupon(limit=1)


async def _remove_coupon(unit: UnitOfWork) -> bool:
    return not await unit.coupons.remove(OTHER, CouponCode("SPRING"))


async def _get_coupon(unit: UnitOfWork) -> bool:
    return await unit.coupons.get(OTHER, CouponCode("SPRING")) is None


async def _all_coupons(unit: UnitOfWork) -> bool:
    return not await unit.coupons.all(OTHER)


async def _gateways_own(unit: UnitOfWork) -> bool:
    # Quote keys are the gateway's: tenants' keys are derived from them and never meet a store.
    return [key.id for key in await unit.quote_keys.all()] == ["mine", "old"]


CASES: Final[Mapping[str, Case]] = {
    "products.put": _put_product,
    "products.remove": _remove_product,
    "products.get": _get_product,
    "products.all": _all_products,
    "coupons.put": _put_coupon,
    "coupons.remove": _remove_coupon,
    "coupons.get": _get_coupon,
    "coupons.all": _all_coupons,
    "quote_keys.add": _gateways_own,
    "quote_keys.retire": _gateways_own,
    "quote_keys.revive": _gateways_own,
    "quote_keys.all": _gateways_own,
}


async def fill(unit: UnitOfWork) -> None:
    """Leave a product, a coupon, a key and a retired one."""
    await unit.products.put(DEFAULT, product(), NOW)
    await unit.coupons.put(DEFAULT, coupon())
    for name in ("mine", "old"):
        await unit.quote_keys.add(quote_key(name))
    await unit.quote_keys.retire("old", NOW)


async def seen(view: View) -> list[object]:
    """Give the first tenant's definitions, and the keys."""
    return [
        list(await view.products.all(DEFAULT)),
        list(await view.coupons.all(DEFAULT)),
        list(await view.quote_keys.all()),
    ]
