"""Carts whose money is gone again: open as long as their time lasts, and sold once all the same."""

from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from support.all_stores import STORES, place_of
from support.either_rail import PRICE, RESOURCES, EitherRail
from support.shop import Answer
from support.whole_shop import open_whole_shop
from tillway.adapters.heads import HeadSignatures
from tillway.core.carts import CartState
from tillway.core.contracts.counts import FULL
from tillway.core.ids import CartId
from tillway.core.payments import Payment, State
from tillway.core.services.books.audit import Audit
from tillway.core.services.reconciling.findings import Finding
from tillway.core.services.reconciling.reconcile import Reconcile
from tillway.core.tenancy import DEFAULT
from tillway.entrypoints.sandbox.chain import Kind

DEAD = timedelta(seconds=90)
"""Longer than a blockhash lives."""

ROOTED = timedelta(seconds=16)
OVER = timedelta(hours=1)
"""Longer than a cart lives."""


@pytest.fixture(params=STORES if FULL else ("memory", "file"))
async def shop(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[EitherRail]:
    """Give a shop in which nothing happens by itself."""
    sections: dict[str, Any] = {
        "paywall": {"resources": RESOURCES, "product_source": "yaml"},
        "storage": await place_of(request, request.param, tmp_path),
    }
    async with open_whole_shop(background=False, **sections) as whole:
        yield EitherRail(shop=whole.shop, stripe=whole.stripe)


async def gone(shop: EitherRail) -> None:
    """Have the node deny every signature, as one that has lost a part of its ledger, and look."""
    shop.shop.clock.forward(DEAD)
    shop.shop.chain.tick()
    answer = {"context": {"slot": shop.shop.chain.slots.now}, "value": [None]}
    shop.shop.faults.spoil(Kind.ANSWER, "getSignatureStatuses", result=answer)
    await shop.shop.gateway.services.finality.sweep()
    shop.shop.faults.clear()


async def back(shop: EitherRail) -> None:
    """Have the node know them again, and look."""
    shop.shop.clock.forward(ROOTED)
    await shop.shop.gateway.services.finality.sweep()


async def bought_by_token(shop: EitherRail, cart: Answer) -> Payment:
    answer = await shop.pay_by_token(cart)
    assert answer.status == 200, answer.body
    return await shop_payment(shop, cart)


async def bought_by_card(shop: EitherRail, cart: Answer) -> Payment:
    session = await shop.session(cart)
    assert await shop.press(session) == 303
    await shop.stripe.delivered()
    return await shop_payment(shop, cart)


async def shop_payment(shop: EitherRail, cart: Answer) -> Payment:
    """Give what a cart is paid with."""
    (payment,) = await shop.payments(State.SETTLED, cart)
    assert (await shop.stored(cart)).paid_with == payment.signature
    return payment


async def disputed(shop: EitherRail, payment: Payment) -> str:
    """Have a card payment disputed, and give the dispute."""
    session = payment.signature.removeprefix("stripe:")
    money = shop.stripe.account.get("checkout.session", session)["payment_intent"]
    dispute = shop.stripe.switches.dispute(money)
    await shop.stripe.delivered()
    return str(dispute["id"])


async def won(shop: EitherRail, dispute: str) -> None:
    shop.stripe.switches.close_dispute(dispute, won=True)
    await shop.stripe.delivered()


async def state(shop: EitherRail, cart: Answer) -> tuple[CartState, str]:
    """Give how a cart is stored, and what its buyer is told."""
    told = await shop.shop.get(f"/paywall/v1/cart/{cart.body['cartId']}")
    return (await shop.stored(cart)).state, str(told.body["status"])


async def findings(shop: EitherRail) -> Sequence[Finding]:
    """Compare everything with everything."""
    gateway, now = shop.shop.gateway, shop.shop.clock.now
    audit = Audit(store=gateway.store, signatures=HeadSignatures())
    report = await Reconcile(store=gateway.store, rails=gateway.rails, now=now, audit=audit).run()
    return report.findings.kept


async def sound(shop: EitherRail) -> None:
    found = await findings(shop)
    assert not found, found


class TestPaidInTokens:
    async def test_it_can_be_paid_again_in_time(self, shop: EitherRail) -> None:
        """The first money is gone; should it come after all it buys nothing, and goes back."""
        cart = await shop.cart()
        first = await bought_by_token(shop, cart)
        await gone(shop)
        assert await state(shop, cart) == (CartState.REVERSED, "pending")
        second = await bought_by_token(shop, cart)
        await back(shop)

        assert (await shop.stored(cart)).paid_with == second.signature
        (late,) = await shop.payments(State.UNAPPLIED, cart)
        assert (late.signature, late.code) == (first.signature, "payment_already_used")
        (refund,) = await shop.refunds()
        assert (refund.purchase, refund.amount.minor) == (first.signature, PRICE)
        assert await shop.taken(f"cart:{cart.body['cartId']}") == {f"cart:{cart.body['cartId']}": 1}
        await sound(shop)

    async def test_it_is_paid_when_the_money_comes_after_all(self, shop: EitherRail) -> None:
        """By the same payment, in its next turn; also if its time was over meanwhile."""
        for late in (timedelta(0), OVER):
            cart = await shop.cart()
            first = await bought_by_token(shop, cart)
            await gone(shop)
            shop.shop.clock.forward(late)
            assert (await shop.stored(cart)).state is CartState.REVERSED
            await back(shop)

            paid = await shop_payment(shop, cart)
            assert (paid.signature, paid.turn) == (first.signature, 2)
            assert await state(shop, cart) == (CartState.PAID, "paid")
        await sound(shop)

    async def test_past_its_time_it_is_expired(self, shop: EitherRail) -> None:
        """Neither tokens nor cards can pay it then."""
        cart = await shop.cart()
        await bought_by_token(shop, cart)
        await gone(shop)
        shop.shop.clock.forward(OVER)

        answer = await shop.pay_by_token(cart)
        session = await shop.session(cart)

        assert (answer.status, answer.code) == (402, "quote_expired"), answer.body
        assert session.code == "quote_expired"
        assert not await shop.payments(State.SETTLED, cart)

    async def test_one_that_still_counts_as_paid_is_reported(self, shop: EitherRail) -> None:
        """Somebody has changed the store, or restored half of it: reconcile names it."""
        cart = await shop.cart()
        first = await bought_by_token(shop, cart)
        await gone(shop)
        async with shop.shop.gateway.store.begin() as unit:
            name, at = CartId(cart.body["cartId"]), shop.shop.clock.now()
            assert await unit.carts.pay(DEFAULT, name, first.signature, first.payer, at)
        shop.shop.clock.forward(OVER)
        assert "cart-paid-otherwise" in [each.kind for each in await findings(shop)]


class TestPaidByCard:
    async def test_a_dispute_opens_it_until_it_is_won(self, shop: EitherRail) -> None:
        """Then it is paid with the same money as before."""
        cart = await shop.cart()
        first = await bought_by_card(shop, cart)
        dispute = await disputed(shop, first)
        assert await state(shop, cart) == (CartState.REVERSED, "pending")
        await won(shop, dispute)

        assert (await shop_payment(shop, cart)).signature == first.signature
        assert await state(shop, cart) == (CartState.PAID, "paid")
        await sound(shop)

    async def test_while_it_is_disputed_nobody_else_pays_it(self, shop: EitherRail) -> None:
        """Its checkout keeps it for the money that may come back: tokens are not even sent."""
        cart = await shop.cart()
        first = await bought_by_card(shop, cart)
        dispute = await disputed(shop, first)
        answer = await shop.pay_by_token(cart)
        session = await shop.session(cart)
        await won(shop, dispute)

        assert (answer.code, session.code) == ("cart_already_paid", "cart_already_paid")
        assert shop.shop.balance() == 0
        assert (await shop_payment(shop, cart)).signature == first.signature
        await sound(shop)
