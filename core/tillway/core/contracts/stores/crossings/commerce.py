"""Carts, refunds, subscriptions and checkouts, reached for by another tenant."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Final

from attrs import evolve

from tillway.core.assets import USDC
from tillway.core.checkouts import CheckoutState
from tillway.core.contracts.samples import (
    NOW,
    OTHER,
    cart,
    checkout,
    refund,
    reservation,
    subscription,
)
from tillway.core.contracts.stores.crossings.case import Case
from tillway.core.ids import ProductId
from tillway.core.money import Money
from tillway.core.ports.store import UnitOfWork, View
from tillway.core.refunds import RefundState
from tillway.core.subscriptions import SubscriptionState
from tillway.core.tenancy import DEFAULT

_EARLY: Final = NOW - timedelta(hours=1)
_BETWEEN: Final = NOW - timedelta(minutes=30)
_LIMIT: Final = Money(10, USDC)
_HELD: Final = reservation("sold", limit=None)


async def _add_cart(unit: UnitOfWork) -> bool:
    return await unit.carts.add(cart("mine", OTHER))


async def _get_cart(unit: UnitOfWork) -> bool:
    return await unit.carts.get(OTHER, cart("mine").id) is None


async def _pay(unit: UnitOfWork) -> bool:
    return not await unit.carts.pay(OTHER, cart("mine").id, "signature-b", "payer", NOW)


async def _reverse(unit: UnitOfWork) -> bool:
    await unit.carts.add(cart("gone", OTHER))
    await unit.carts.pay(OTHER, cart("gone").id, "signature-b", "payer", NOW)
    gone = await unit.carts.reverse(OTHER, cart("gone").id, "signature-b")
    return gone and not await unit.carts.reverse(OTHER, cart("mine").id, "signature-b")


async def _unpaid(unit: UnitOfWork) -> bool:
    return await unit.carts.unpaid(OTHER, "user-1", NOW) == 0


async def _purge_carts(unit: UnitOfWork) -> bool:
    await unit.carts.add(evolve(cart("mine", OTHER), expires_at=_EARLY))
    gone = await unit.carts.purge(_BETWEEN, 10) == 1
    return gone and await unit.carts.get(OTHER, cart("mine").id) is None


async def _add_refund(unit: UnitOfWork) -> bool:
    # The first tenant's refund takes all of its own limit, and nothing of this one.
    return await unit.refunds.add(refund("mine", 10, OTHER), _LIMIT)


async def _move_refund(unit: UnitOfWork) -> bool:
    denied = evolve(refund("mine", 10, OTHER), state=RefundState.DENIED)
    return not await unit.refunds.move(denied, set(RefundState))


async def _get_refund(unit: UnitOfWork) -> bool:
    return await unit.refunds.get(OTHER, refund("mine").id) is None


async def _refunds_of(unit: UnitOfWork) -> bool:
    return not await unit.refunds.of(OTHER, refund("mine").purchase)


async def _listed_refunds(unit: UnitOfWork) -> bool:
    return not await unit.refunds.listed(OTHER, set(RefundState), 100)


async def _expire_refunds(unit: UnitOfWork) -> bool:
    theirs = evolve(refund("mine", 10, OTHER), expires_at=_EARLY)
    await unit.refunds.add(theirs, _LIMIT)
    over = list(await unit.refunds.expire(_BETWEEN, 10))
    still = not await unit.refunds.add(refund("more", 1), _LIMIT)
    return still and over == [evolve(theirs, state=RefundState.EXPIRED)]


async def _add_subscription(unit: UnitOfWork) -> bool:
    return await unit.subscriptions.add(subscription("mine", OTHER))


async def _replace(unit: UnitOfWork) -> bool:
    over = subscription("mine", OTHER, state=SubscriptionState.CANCELLED)
    return not await unit.subscriptions.replace(over)


async def _get_subscription(unit: UnitOfWork) -> bool:
    return await unit.subscriptions.get(OTHER, subscription("mine").id) is None


async def _by_stripe(unit: UnitOfWork) -> bool:
    return await unit.subscriptions.by_stripe(OTHER, "sub_mine") is None


async def _running(unit: UnitOfWork) -> bool:
    return await unit.subscriptions.running(OTHER, "payer-wallet", ProductId("article")) is None


async def _subscriptions_of(unit: UnitOfWork) -> bool:
    return not await unit.subscriptions.of(OTHER, "payer-wallet")


async def _listed_subscriptions(unit: UnitOfWork) -> bool:
    return not await unit.subscriptions.listed(OTHER, 100)


async def _due_subscriptions(unit: UnitOfWork) -> bool:
    theirs = evolve(subscription("mine", OTHER), due_at=_EARLY)
    await unit.subscriptions.add(theirs)
    return list(await unit.subscriptions.due(_BETWEEN, 10)) == [theirs]


async def _add_checkout(unit: UnitOfWork) -> bool:
    own = evolve(_HELD, tenant=OTHER, limit=1)
    return await unit.checkouts.add(checkout("mine", OTHER, (own,), "cs_mine")) is True


async def _move_checkout(unit: UnitOfWork) -> bool:
    failed = evolve(checkout("mine", OTHER), state=CheckoutState.FAILED)
    return not await unit.checkouts.move(failed, set(CheckoutState))


async def _get_checkout(unit: UnitOfWork) -> bool:
    return await unit.checkouts.get(OTHER, checkout("mine").id) is None


async def _by_session(unit: UnitOfWork) -> bool:
    return await unit.checkouts.by_session(OTHER, "stripe", "cs_mine") is None


async def _by_payment(unit: UnitOfWork) -> bool:
    theirs = evolve(checkout("theirs", OTHER), state=CheckoutState.PAID, paid_with="pi_paid")
    await unit.checkouts.add(checkout("theirs", OTHER))
    await unit.checkouts.move(theirs, (CheckoutState.OPENING,))
    return await unit.checkouts.by_payment(OTHER, "stripe", "pi_paid") == theirs


async def _purge_checkouts(unit: UnitOfWork) -> bool:
    theirs = evolve(checkout("over", OTHER), expires_at=_EARLY)
    await unit.checkouts.add(theirs)
    await unit.checkouts.move(evolve(theirs, state=CheckoutState.EXPIRED), (CheckoutState.OPENING,))
    gone = await unit.checkouts.purge(_BETWEEN, 10) == 1
    return gone and await unit.checkouts.get(OTHER, theirs.id) is None


async def _due_checkouts(unit: UnitOfWork) -> bool:
    theirs = evolve(checkout("mine", OTHER), expires_at=_EARLY)
    await unit.checkouts.add(theirs)
    return list(await unit.checkouts.due(_BETWEEN, 10)) == [theirs]


CASES: Final[Mapping[str, Case]] = {
    "carts.add": _add_cart,
    "carts.get": _get_cart,
    "carts.pay": _pay,
    "carts.reverse": _reverse,
    "carts.unpaid": _unpaid,
    "carts.purge": _purge_carts,
    "refunds.add": _add_refund,
    "refunds.move": _move_refund,
    "refunds.get": _get_refund,
    "refunds.of": _refunds_of,
    "refunds.listed": _listed_refunds,
    "refunds.expire": _expire_refunds,
    "subscriptions.add": _add_subscription,
    "subscriptions.replace": _replace,
    "subscriptions.get": _get_subscription,
    "subscriptions.by_stripe": _by_stripe,
    "subscriptions.running": _running,
    "subscriptions.of": _subscriptions_of,
    "subscriptions.listed": _listed_subscriptions,
    "subscriptions.due": _due_subscriptions,
    "checkouts.add": _add_checkout,
    "checkouts.move": _move_checkout,
    "checkouts.get": _get_checkout,
    "checkouts.by_session": _by_session,
    "checkouts.by_payment": _by_payment,
    "checkouts.purge": _purge_checkouts,
    "checkouts.due": _due_checkouts,
}


async def fill(unit: UnitOfWork) -> None:
    """Leave carts, a refund of all of its purchase, a subscription and checkouts."""
    await unit.carts.add(cart("mine"))
    await unit.carts.add(cart("paid"))
    await unit.carts.pay(DEFAULT, cart("paid").id, "signature-p", "payer", NOW)
    await unit.refunds.add(refund("mine", 10), _LIMIT)
    await unit.subscriptions.add(subscription("mine"))
    await unit.checkouts.add(checkout("mine", DEFAULT, (_HELD,), "cs_mine"))
    ends = {"paid": CheckoutState.PAID, "over": CheckoutState.EXPIRED}
    for name, state in ends.items():
        await unit.checkouts.add(checkout(name))
        ended = evolve(checkout(name), state=state, paid_with=f"pi_{name}")
        await unit.checkouts.move(ended, (CheckoutState.OPENING,))


async def seen(view: View) -> list[object]:
    """Give the first tenant's carts, refunds, subscriptions and checkouts."""
    product = ProductId("article")
    return [
        await view.carts.get(DEFAULT, cart("mine").id),
        await view.carts.get(DEFAULT, cart("paid").id),
        await view.carts.unpaid(DEFAULT, "user-1", NOW),
        await view.refunds.get(DEFAULT, refund("mine").id),
        list(await view.refunds.of(DEFAULT, refund("mine").purchase)),
        list(await view.refunds.listed(DEFAULT, set(RefundState), 100)),
        await view.subscriptions.get(DEFAULT, subscription("mine").id),
        await view.subscriptions.by_stripe(DEFAULT, "sub_mine"),
        await view.subscriptions.running(DEFAULT, "payer-wallet", product),
        list(await view.subscriptions.of(DEFAULT, "payer-wallet")),
        list(await view.subscriptions.listed(DEFAULT, 100)),
        await view.checkouts.get(DEFAULT, checkout("mine").id),
        await view.checkouts.by_session(DEFAULT, "stripe", "cs_mine"),
        await view.checkouts.by_payment(DEFAULT, "stripe", "pi_paid"),
        await view.checkouts.get(DEFAULT, checkout("over").id),
        await view.tallies.totals(DEFAULT, ["sold"]),
    ]
