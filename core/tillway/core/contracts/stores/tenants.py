"""The law that no tenant sees or touches another's, for every method that there is.

The methods are read from the port: one that is new, and has no case here, fails.
"""

import inspect
from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Final, get_type_hints

import pytest

from tillway.core.contracts.samples import (
    CHAIN,
    LEASE,
    NOW,
    OTHER,
    OURS,
    THEIRS,
    coupon,
    event,
    failed,
    payment,
    product,
    quote_key,
    reservation,
    settled,
)
from tillway.core.ids import CouponCode
from tillway.core.payments import Payment
from tillway.core.ports.store import Claimed, Store, Taken, UnitOfWork, View
from tillway.core.tenancy import DEFAULT, Tenant

Case = Callable[[UnitOfWork], Awaitable[bool]]
"""Uses a method as one tenant with another's ids; tells whether it kept them apart."""


def methods() -> Iterator[str]:
    """Give every method of every repository of the port, as ``payments.claim``."""
    for name, member in inspect.getmembers(View, lambda each: isinstance(each, property)):
        repository = get_type_hints(member.fget)["return"]
        for verb, _ in inspect.getmembers(repository, inspect.isfunction):
            if not verb.startswith("_"):
                yield f"{name}.{verb}"


def _mine(tenant: Tenant = DEFAULT, owner: str = OURS) -> Payment:
    own = reservation(tenant=tenant, limit=5)
    return payment("mine", tenant, reservations=(own,), owner=owner)


async def _claim(unit: UnitOfWork) -> bool:
    fresh = payment("theirs", OTHER, reservations=(reservation(tenant=OTHER),))
    taken = await unit.payments.claim(_mine(OTHER))
    return taken == Taken(payment=_mine()) and await unit.payments.claim(fresh) == Claimed()


async def _settle(unit: UnitOfWork) -> bool:
    return not await unit.payments.settle(settled(_mine(OTHER)))


async def _fail(unit: UnitOfWork) -> bool:
    return not await unit.payments.fail(failed(_mine(OTHER)), landed=True)


async def _release(unit: UnitOfWork) -> bool:
    return not await unit.payments.release(_mine(OTHER), NOW)


async def _renew(unit: UnitOfWork) -> bool:
    # An owner is a process, which works for all tenants: a key is enough, another owner is not.
    return await unit.payments.renew(THEIRS, [_mine().key], NOW + LEASE) == 0


async def _take_over(unit: UnitOfWork) -> bool:
    # The resolver works for all tenants, and gives each payment back with its own.
    taken = await unit.payments.take_over(OURS, NOW + 2 * LEASE, _mine().lease_until, 10)
    return [one.tenant for one in taken] == [DEFAULT]


async def _find(unit: UnitOfWork) -> bool:
    # A key is the chain's: whoever has it is told whose payment it is, to refuse it.
    found = await unit.payments.find(CHAIN, _mine().key)
    return found is not None and found.tenant == DEFAULT


async def _by_signature(unit: UnitOfWork) -> bool:
    return await unit.payments.by_signature(OTHER, _mine().signature) is None


async def _newest_payments(unit: UnitOfWork) -> bool:
    return not await unit.payments.newest(OTHER, 100)


async def _totals(unit: UnitOfWork) -> bool:
    theirs = await unit.tallies.totals(OTHER, ["stock"], CHAIN)
    return not theirs and not await unit.tallies.totals(None, ["stock"], CHAIN)


async def _append(unit: UnitOfWork) -> bool:
    await unit.events.append(event("mine", OTHER))
    return list(await unit.events.newest(OTHER, 100)) == [event("mine", OTHER)]


async def _newest_events(unit: UnitOfWork) -> bool:
    return not await unit.events.newest(OTHER, 100)


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
    return [key.id for key in await unit.quote_keys.all()] == ["mine"]


CASES: Final[Mapping[str, Case]] = {
    "payments.claim": _claim,
    "payments.settle": _settle,
    "payments.fail": _fail,
    "payments.release": _release,
    "payments.renew": _renew,
    "payments.take_over": _take_over,
    "payments.find": _find,
    "payments.by_signature": _by_signature,
    "payments.newest": _newest_payments,
    "tallies.totals": _totals,
    "events.append": _append,
    "events.newest": _newest_events,
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


@pytest.mark.asyncio
class TenantLaws:
    """Every repository, used by one tenant with another's ids."""

    @pytest.mark.parametrize("method", sorted(methods()))
    async def test_tenants_are_kept_apart(self, store: Store, method: str) -> None:
        """One tenant's call neither shows nor changes what is another's."""
        assert method in CASES, f"{method} has no case that tries to reach another tenant"
        async with store.begin() as unit:
            await _fill(unit)
        async with store.view() as view:
            before = await _everything(view)
        async with store.begin() as unit:
            assert await CASES[method](unit)
        async with store.view() as view:
            after = await _everything(view)
        taken_over = method == "payments.take_over"
        assert after == before or (taken_over and after[1:] == before[1:])

    async def test_no_case_is_left_over(self) -> None:
        """Each case is for a method that exists."""
        assert sorted(CASES) == sorted(methods())


async def _fill(unit: UnitOfWork) -> None:
    await unit.payments.claim(_mine())
    await unit.events.append(event("mine"))
    await unit.products.put(DEFAULT, product(), NOW)
    await unit.coupons.put(DEFAULT, coupon())
    await unit.quote_keys.add(quote_key("mine"))


async def _everything(view: View) -> list[object]:
    """Give all that the first tenant has."""
    return [
        list(await view.payments.newest(DEFAULT, 100)),
        await view.tallies.totals(DEFAULT, ["stock"]),
        list(await view.events.newest(DEFAULT, 100)),
        list(await view.products.all(DEFAULT)),
        list(await view.coupons.all(DEFAULT)),
        list(await view.quote_keys.all()),
    ]
