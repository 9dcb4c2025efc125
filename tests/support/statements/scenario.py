"""What a gateway does to a store, one thing after the other; each part opens the store anew.

Operations are only ever added, at the end: their names join them to what older versions sent.
"""

from datetime import timedelta
from typing import Final

from support.statements.operations import Operation
from support.statements.wider import WIDER
from tillway.core.contracts.samples import (
    CHAIN,
    LEASE,
    NOW,
    OTHER,
    THEIRS,
    UNLESS_FAILED,
    WHEN_FAILED,
    coupon,
    event,
    failed,
    key_of,
    payment,
    product,
    quote_key,
    reservation,
    settled,
)
from tillway.core.payments import Payment
from tillway.core.ports.store import Store
from tillway.core.tenancy import DEFAULT

_LATER = NOW + timedelta(hours=1)
_STOCK = reservation("stock", 1, 3)
_SHARED = reservation("shared", 5, None, UNLESS_FAILED | WHEN_FAILED, tenant=None)


def _claim(name: str) -> Payment:
    return payment(name, reservations=(_STOCK, _SHARED))


def _claims(one: Payment) -> Operation:
    async def work(store: Store) -> object:
        async with store.begin(once=True) as unit:
            return await unit.payments.claim(one)

    return work


async def _settles(store: Store) -> object:
    async with store.begin(once=True) as unit:
        return await unit.payments.settle(settled(_claim("a")), [event("a"), event("b")])


async def _fails(store: Store) -> object:
    async with store.begin(once=True) as unit:
        return await unit.payments.fail(failed(_claim("b")), False)


async def _fails_landed(store: Store) -> object:
    async with store.begin(once=True) as unit:
        return await unit.payments.fail(failed(_claim("c")), True, [event("c")])


async def _releases(store: Store) -> object:
    async with store.begin(once=True) as unit:
        return await unit.payments.release(_claim("d"), NOW)


async def _takes_over(store: Store) -> object:
    async with store.begin(once=True) as unit:
        return await unit.payments.take_over(THEIRS, _LATER, _LATER + LEASE, 10)


async def _renews(store: Store) -> object:
    async with store.begin(once=True) as unit:
        return await unit.payments.renew(THEIRS, [key_of("d"), key_of("a")], _LATER + 2 * LEASE)


async def _finds(store: Store) -> object:
    async with store.view(once=True) as view:
        return await view.payments.find(CHAIN, key_of("a"))


async def _finds_what_is_held(store: Store) -> object:
    async with store.begin() as unit:
        found = await unit.payments.find(CHAIN, key_of("d"))
        totals = await unit.tallies.totals(DEFAULT, ["stock"])
        return found, totals, await unit.payments.by_signature(DEFAULT, "signature-d")


async def _counts(store: Store) -> object:
    async with store.view() as view:
        own = await view.tallies.totals(DEFAULT, ["stock", "nothing"])
        return own, await view.tallies.totals(None, ["shared"], CHAIN)


async def _lists(store: Store) -> object:
    async with store.view() as view:
        first = await view.payments.newest(DEFAULT, 10)
        older = await view.payments.newest(DEFAULT, 2, _LATER)
        return first, older, await view.payments.newest(OTHER, 10)


async def _tells(store: Store) -> object:
    async with store.begin(once=True) as unit:
        await unit.events.append(event("told", at=_LATER))
    async with store.view(once=True) as view:
        return await view.events.newest(DEFAULT, 10)


async def _claims_and_tells(store: Store) -> object:
    async with store.begin() as unit:
        result = await unit.payments.claim(payment("together"))
        await unit.events.append(event("together"))
    async with store.view() as view:
        by_signature = await view.payments.by_signature(DEFAULT, "signature-together")
        return result, by_signature, await view.events.newest(DEFAULT, 10)


async def _keeps_keys(store: Store) -> object:
    async with store.begin() as unit:
        await unit.quote_keys.add(quote_key("first"))
        await unit.quote_keys.add(quote_key("second", None))
        await unit.quote_keys.retire("first", NOW)
        await unit.quote_keys.retire("second", NOW)
        await unit.quote_keys.revive("second")
        return await unit.quote_keys.all()


async def _knows_keys(store: Store) -> object:
    async with store.view(once=True) as view:
        return await view.quote_keys.all()


async def _keeps_products(store: Store) -> object:
    async with store.begin() as unit:
        await unit.products.put(DEFAULT, product("mug", 500), NOW)
        await unit.products.put(DEFAULT, product("book", 900), NOW)
        await unit.products.put(OTHER, product("mug", 700), NOW)
    async with store.begin(once=True) as unit:
        await unit.products.put(DEFAULT, product("mug", 600), _LATER)
    async with store.begin(once=True) as unit:
        return await unit.products.remove(DEFAULT, product("book").id)


async def _knows_products(store: Store) -> object:
    async with store.view() as view:
        one = await view.products.get(DEFAULT, product("mug").id)
        return one, await view.products.all(DEFAULT), await view.products.all(OTHER)


async def _keeps_coupons(store: Store) -> object:
    async with store.begin() as unit:
        await unit.coupons.put(DEFAULT, coupon("SPRING"))
        await unit.coupons.put(DEFAULT, coupon("SUMMER"))
        await unit.coupons.put(DEFAULT, coupon("SPRING", active=False))
        return await unit.coupons.remove(DEFAULT, coupon("SUMMER").code)


async def _knows_coupons(store: Store) -> object:
    async with store.view() as view:
        one = await view.coupons.get(DEFAULT, coupon("SPRING").code)
        return one, await view.coupons.all(DEFAULT), await view.coupons.all(OTHER)


OPERATIONS: Final[dict[str, Operation]] = {
    "claim": _claims(_claim("a")),
    "claim again": _claims(_claim("a")),
    "claim another's key": _claims(payment("a", OTHER)),
    "claim beside": _claims(_claim("b")),
    "claim a third": _claims(_claim("c")),
    "claim too much": _claims(_claim("too much")),
    "claim for another tenant": _claims(payment("other", OTHER)),
    "settle": _settles,
    "settle again": _settles,
    "fail": _fails,
    "fail after landing": _fails_landed,
    "claim what was given back": _claims(_claim("d")),
    "release": _releases,
    "take over": _takes_over,
    "renew": _renews,
    "find": _finds,
    "find and hold": _finds_what_is_held,
    "count": _counts,
    "list": _lists,
    "tell": _tells,
    "claim and tell": _claims_and_tells,
    "keep keys": _keeps_keys,
    "know keys": _knows_keys,
    "keep products": _keeps_products,
    "know products": _knows_products,
    "keep coupons": _keeps_coupons,
    "know coupons": _knows_coupons,
    **WIDER,
}
