"""A cart that can be paid by either rail is paid once: in both orders, and at the same time."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from support.all_stores import STORES, place_of
from support.either_rail import CENTS, ITEMS, ONCE, PRICE, EitherRail, either_rail
from support.shop import Answer
from support.waiting import until
from tillway.core.contracts.counts import FULL, count
from tillway.core.payments import State

RACES = count(6, 200)
IN_TURN = STORES if FULL else ("memory", "postgres")
"""For what follows one another: stores differ in races."""
LONGEST_PAUSE = 0.06
"""Seconds that the card is late in the last race: time enough for tokens to be first."""


@pytest.fixture(params=STORES)
async def storage(request: pytest.FixtureRequest, tmp_path: Path) -> dict[str, Any]:
    """Give the settings of each store's place."""
    return await place_of(request, request.param, tmp_path)


@pytest.fixture
async def shop(storage: dict[str, Any]) -> AsyncIterator[EitherRail]:
    async with either_rail(storage=storage) as made:
        yield made


@pytest.fixture
async def quick() -> AsyncIterator[EitherRail]:
    """Give a shop in memory."""
    async with either_rail() as made:
        yield made


async def assert_paid_once(shop: EitherRail, cart: Answer) -> None:
    """Compare the cart, its payments and its running total."""
    (payment,) = await shop.payments(State.SETTLED, cart)
    stored = await shop.stored(cart)
    assert stored.paid_with == payment.signature
    name = f"cart:{stored.id}"
    assert await shop.taken(name) == {name: 1}


class TestTokensFirst:
    @pytest.mark.parametrize("storage", IN_TURN, indirect=True)
    async def test_an_open_session_is_ended_before_the_payment_is_taken(
        self, shop: EitherRail
    ) -> None:
        """Nobody can pay it afterwards, and what it held is free."""
        cart = await shop.cart(couponCode="ONCE")
        session = await shop.session(cart)
        assert session.status == 200, session.body

        answer = await shop.pay_by_token(cart)

        assert answer.status == 200, answer.body
        assert shop.at_stripe(session)["status"] == "expired"
        assert await shop.press(session) == 410
        await assert_paid_once(shop, cart)
        assert shop.shop.balance() == PRICE * 9 // 10
        assert await shop.taken("coupon:ONCE", "unpaid:127.0.0.1") == {"coupon:ONCE": 1}

    async def test_what_costs_nothing_in_tokens_ends_it_too(self) -> None:
        """Nobody pays by card what he may have for nothing, and has it twice."""
        free = {**ONCE, "code": "FREE", "discount_value": 100, "payment_method": "x402"}
        async with either_rail(coupons={"coupons": {"FREE": free}}) as shop:
            body = {"items": ITEMS, "couponCode": "FREE"}
            cart = await shop.shop.post("/paywall/v1/cart/quote", body)
            session = await shop.session(cart)
            assert (cart.status, session.status) == (200, 200), session.body

            granted = await shop.shop.get(f"/paywall/{cart.body['cartId']}")

            assert granted.status == 200, granted.body
            assert shop.at_stripe(session)["status"] == "expired"
            await assert_paid_once(shop, cart)

    async def test_no_checkout_is_opened_for_a_paid_cart(self, quick: EitherRail) -> None:
        """Nothing is asked of the provider."""
        cart = await quick.cart()
        assert (await quick.pay_by_token(cart)).status == 200
        session = await quick.session(cart)
        assert (session.status, session.code) == (400, "cart_already_paid")
        assert not list(quick.stripe.account.shelves.of("checkout.session"))

    @pytest.mark.parametrize("storage", IN_TURN, indirect=True)
    async def test_card_money_that_comes_all_the_same_is_kept(self, shop: EitherRail) -> None:
        """The provider says that a session was paid which it had ended: it goes back."""
        cart = await shop.cart()
        session = await shop.session(cart)
        assert (await shop.pay_by_token(cart)).status == 200
        item = shop.at_stripe(session)
        changes = {"status": "complete", "payment_status": "paid", "payment_intent": "pi_late"}
        shop.stripe.account.change("checkout.session.completed", item, **changes)
        await shop.stripe.delivered()

        await until(lambda: _is_queued(shop))

        (late,) = await shop.payments(State.UNAPPLIED)
        assert late.amount.minor == CENTS
        assert late.code == "cart_already_paid"
        (refund,) = await shop.refunds()
        assert (refund.purchase, refund.amount) == (late.signature, late.amount)
        await assert_paid_once(shop, cart)


class TestCardFirst:
    @pytest.mark.parametrize("storage", IN_TURN, indirect=True)
    async def test_a_payment_in_tokens_is_refused_before_it_is_sent(self, shop: EitherRail) -> None:
        """Nothing moves."""
        cart = await shop.cart()
        session = await shop.session(cart)
        assert await shop.press(session) == 303
        await shop.stripe.delivered()
        await until(lambda: shop.is_paid(cart))

        answer = await shop.pay_by_token(cart)

        assert (answer.status, answer.code) == (400, "cart_already_paid")
        assert shop.shop.balance() == 0
        await assert_paid_once(shop, cart)

    async def test_also_when_nobody_has_told_yet(self, quick: EitherRail) -> None:
        """The provider is asked, and says that the session is complete."""
        shop = quick
        shop.stripe.outbox.endpoints.clear()
        cart = await shop.cart()
        session = await shop.session(cart)
        assert await shop.press(session) == 303

        answer = await shop.pay_by_token(cart)

        assert (answer.status, answer.code) == (400, "cart_already_paid")
        assert shop.shop.balance() == 0
        assert not await shop.is_paid(cart)

    async def test_also_while_a_bank_takes_its_time(self, quick: EitherRail) -> None:
        """Days may pass; then the bank refuses, and tokens are taken."""
        cart = await quick.cart()
        session = await quick.session(cart)
        assert await quick.press(session, "pay_slowly") == 303
        await quick.stripe.delivered()
        assert (await quick.pay_by_token(cart)).code == "cart_already_paid"

        await quick.press(session, "bank/refused")
        await quick.stripe.delivered()
        await until(lambda: _is_free(quick, cart))

        assert (await quick.pay_by_token(cart)).status == 200
        await assert_paid_once(quick, cart)

    @pytest.mark.parametrize("storage", IN_TURN, indirect=True)
    async def test_tokens_that_moved_all_the_same_are_kept(self, shop: EitherRail) -> None:
        """A buyer who sent them himself, and pays by card too: he has them back."""
        cart = await shop.cart()
        raw = shop.signed(cart)
        session = await shop.session(cart)
        assert await shop.press(session) == 303
        await shop.stripe.delivered()
        await until(lambda: shop.is_paid(cart))
        shop.land(raw)

        answer = await shop.show(cart, raw)

        assert (answer.status, answer.code) == (400, "cart_already_paid"), answer.body
        (late,) = await shop.payments(State.UNAPPLIED)
        assert late.amount.minor == PRICE
        (refund,) = await shop.refunds()
        assert (refund.purchase, refund.amount) == (late.signature, late.amount)
        await assert_paid_once(shop, cart)


class TestAtOnce:
    async def test_whoever_is_first_has_paid(self, shop: EitherRail) -> None:
        """Card and tokens race for each cart: one of them moves, whatever the order."""
        carts: list[Answer] = []
        tried: list[tuple[Answer, int]] = []
        for number in range(RACES):
            cart = await shop.cart()
            session, raw = await shop.session(cart), shop.signed(cart)
            tried.append(await _race(shop, cart, raw, session, LONGEST_PAUSE * number / RACES))
            carts.append(cart)
        await shop.stripe.delivered()
        for cart in carts:
            await until(lambda cart=cart: shop.is_paid(cart))  # type: ignore[misc]  # bound at once

        print(f"{sum(answer.status == 200 for answer, _ in tried)} of {RACES} by tokens")
        by_token = [answer.status == 200 for answer, _ in tried]
        by_card = [page == 303 for _, page in tried]
        assert [one != other for one, other in zip(by_token, by_card, strict=True)] == [
            True
        ] * RACES
        assert {answer.code for answer, _ in tried} <= {None, "cart_already_paid"}
        assert shop.shop.balance() == PRICE * sum(by_token)
        assert not await shop.refunds()
        for cart in carts:
            await assert_paid_once(shop, cart)

    async def test_many_of_each_for_one_cart(self, quick: EitherRail) -> None:
        """Checkouts that are opened and tokens that are sent at once: one gets it."""
        shop = quick
        cart = await shop.cart(couponCode="ONCE")
        raws = [shop.signed(cart) for _ in range(6)]

        answers = await asyncio.gather(
            *(shop.session(cart) for _ in range(3)),
            *(shop.show(cart, raw) for raw in raws),
            *(shop.session(cart) for _ in range(3)),
        )

        paid = [each for each in answers if each.status == 200 and "success" in each.body]
        assert len(paid) <= 1
        assert {each.status for each in answers} <= {200, 400, 502}, [each.body for each in answers]
        assert shop.shop.balance() == len(paid) * PRICE * 9 // 10
        if paid:
            await assert_paid_once(shop, cart)
            assert {
                each["status"] for each in shop.stripe.account.shelves.of("checkout.session")
            } <= {"expired"}
        assert not await shop.refunds()


class TestOddPrices:
    @pytest.mark.parametrize("name", ["../refunds", "price_no", "a b", "?x=1", "%00", "é"])
    async def test_what_is_no_price_of_the_providers_is_refused(
        self, quick: EitherRail, name: str
    ) -> None:
        """Whatever it looks like in an address."""
        body = {"items": [{"priceId": name}]}
        answer = await quick.shop.post("/paywall/v1/cart/checkout", body)
        assert 400 <= answer.status < 500, answer.body
        assert not list(quick.stripe.account.shelves.of("checkout.session"))
        assert not await quick.taken("unpaid:127.0.0.1")


class TestStripeAway:
    async def test_tokens_wait_where_a_session_may_be_paid(self, quick: EitherRail) -> None:
        """Nobody can tell, so nothing is sent; afterwards the same payment is taken."""
        cart = await quick.cart()
        assert (await quick.session(cart)).status == 200
        raw = quick.signed(cart)
        quick.stripe.faults.add("http_500", times=None)

        away = await quick.show(cart, raw)
        quick.stripe.faults.clear()
        back = await quick.show(cart, raw)

        assert away.status in (502, 503), away.body
        assert away.body["error"]["retryable"] is True
        assert back.status == 200, back.body
        assert quick.shop.balance() == PRICE

    async def test_nothing_is_said_to_be_on_its_way(self, quick: EitherRail) -> None:
        """Of the payment nothing was sent, and the session that somebody may pay is his secret."""
        cart = await quick.cart()
        session = await quick.session(cart)
        quick.stripe.faults.add("http_500", times=None)

        away = await quick.show(cart, quick.signed(cart))

        assert away.receipt is None
        assert session.body["sessionId"] not in f"{away.headers} {away.body}"
        assert await quick.shop.payments() == []

    async def test_and_nowhere_else(self, quick: EitherRail) -> None:
        """A cart without a session is paid as ever."""
        quick.stripe.faults.add("http_500", times=None)
        cart = await quick.cart()
        assert (await quick.pay_by_token(cart)).status == 200


async def _race(
    shop: EitherRail, cart: Answer, raw: bytes, session: Answer, pause: float
) -> tuple[Answer, int]:
    return await asyncio.gather(shop.show(cart, raw), _pressed(shop, session, pause))


async def _pressed(shop: EitherRail, session: Answer, pause: float) -> int:
    await asyncio.sleep(pause)
    return await shop.press(session)


async def _is_queued(shop: EitherRail) -> bool:
    return len(await shop.refunds()) == 1


async def _is_free(shop: EitherRail, cart: Answer) -> bool:
    return not await shop.taken(f"cart:{cart.body['cartId']}")
