"""Checkouts by card: what they cost, what they hold, and what nobody's word may change."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from attrs import define, evolve

from support.card_shop import OPEN, CardShop, card_shop
from support.cards import THEIRS, USD, Cards
from support.shell import ask
from tillway.core.checkouts import CheckoutState
from tillway.core.errors import Code, Declined, TillwayError, Unavailable, Unsettled
from tillway.core.money import Money
from tillway.core.ports.hosting import HostedSession, SessionStatus

PRICE = Money(1_250, USD)


@pytest.fixture
async def shop() -> AsyncIterator[CardShop]:
    """Give a shop in memory."""
    async with card_shop() as made:
        yield made


@pytest.fixture
async def everywhere(storage: dict[str, Any]) -> AsyncIterator[CardShop]:
    """Give a shop on each store."""
    async with card_shop(storage=storage) as made:
        yield made


@pytest.mark.asyncio
class TestPrices:
    """What a session charges is what list and quote show."""

    async def test_a_session_is_opened_at_our_price(self, shop: CardShop) -> None:
        """Its id and address come back; the checkout is stored with both."""
        said = await shop.open()
        assert said.status == 200
        assert said.body == {"sessionId": "cs_1", "url": "https://checkout.example/cs_1"}
        checkout = await shop.checkout("cs_1")
        assert (checkout.state, checkout.amount) == (CheckoutState.OPEN, PRICE)
        assert checkout.url == said.body["url"]

    async def test_a_coupon_comes_off(self, shop: CardShop) -> None:
        """The provider is told the list price and the discount; we keep what is left."""
        session = await shop.opened(couponCode="HALF")
        (order,) = shop.cards.orders
        assert order.lines[0].unit == PRICE
        assert order.discount == Money(625, USD)
        assert order.metadata["coupon_code"] == "HALF"
        assert order.metadata["original_amount_cents"] == "1250"
        assert order.metadata["discount_amount_cents"] == "625"
        assert (await shop.checkout(session)).amount == Money(625, USD)

    async def test_a_price_of_the_providers_is_learned_before_anybody_can_pay(
        self, shop: CardShop
    ) -> None:
        """It is stored with the session, and compared with afterwards."""
        session = await shop.opened("poster")
        (order,) = shop.cards.orders
        assert (order.lines[0].unit, order.lines[0].price_id) == (None, "price_1")
        assert (await shop.checkout(session)).amount == THEIRS

    async def test_an_unknown_code_may_be_a_promotion_of_the_providers(
        self, shop: CardShop
    ) -> None:
        """What is left of the price then is what must be paid."""
        shop.cards.promotion = 250
        session = await shop.opened(couponCode="SUMMER")
        assert shop.cards.orders[0].promotion_code == "SUMMER"
        assert (await shop.checkout(session)).amount == Money(1_000, USD)

    async def test_what_costs_nothing_is_granted(self, shop: CardShop) -> None:
        """No session is opened, and its answer can be verified."""
        said = await shop.open(couponCode="FREE")
        assert said.body["granted"] is True
        assert said.body["sessionId"].startswith("free_")
        assert said.body["url"] == f"https://shop.example/done?id={said.body['sessionId']}"
        assert not shop.cards.orders
        proof = await shop.verify(said.body["sessionId"])
        assert (proof.status, proof.body["amount"]) == (200, "0.00 USD")

    @pytest.mark.parametrize(
        "wish", [{"successUrl": "https://evil.example/"}, {"metadata": {"": "nameless"}}]
    )
    async def test_nor_is_it_where_something_is_wrong(
        self, shop: CardShop, wish: dict[str, Any]
    ) -> None:
        """What would be refused of a buyer is refused before anything is used up for him."""
        said = await shop.open(couponCode="FREE", **wish)
        assert (said.status, said.body["error"]["code"]) == (400, "invalid_field")
        assert await shop.redeemed("FREE") == 0
        assert not await shop.facts("payment.succeeded")

    @pytest.mark.parametrize("markup", [-1, 1, 10_000])
    async def test_a_session_that_charges_something_else_is_ended(
        self, shop: CardShop, markup: int
    ) -> None:
        """Nobody is told its address."""
        shop.cards.markup = markup
        said = await shop.open()
        assert (said.status, said.code) == (502, "stripe_error")
        assert shop.cards.sessions["cs_1"].status is SessionStatus.EXPIRED
        assert (await shop.checkout("cs_1")).state is CheckoutState.FAILED
        assert await shop.unpaid() == 0

    async def test_a_promotion_never_makes_it_dearer(self, shop: CardShop) -> None:
        """Nor brings another price than ours, less something."""
        shop.cards.markup, shop.cards.promotion = 2, 1
        assert (await shop.open(couponCode="SUMMER")).code == "stripe_error"


@pytest.mark.asyncio
class TestRefusals:
    """What is refused before anything is asked for."""

    @pytest.mark.parametrize(
        ("body", "status", "code", "message"),
        [
            ({"resource": ""}, 400, "missing_field", "resource is required"),
            ({"resource": "gone"}, 404, "resource_not_found", "paywall: resource not configured"),
            ({"resource": "token"}, 400, "invalid_resource", None),
            (
                {"couponCode": "TOKENS"},
                409,
                "coupon_wrong_payment_method",
                "coupon not valid for card payments",
            ),
            ({"successUrl": "https://evil.example/"}, 400, "invalid_field", None),
            ({"cancelUrl": "javascript:alert(1)"}, 400, "invalid_field", None),
            ({"customerEmail": "nobody"}, 400, "invalid_field", None),
            ({"metadata": {str(n): "x" for n in range(51)}}, 400, "invalid_field", None),
            ({"metadata": {"k" * 41: "x"}}, 400, "invalid_field", None),
            ({"metadata": {"k": "x" * 501}}, 400, "invalid_field", None),
            ({"metadata": {"k": 1}}, 400, "invalid_field", None),
            ({"other": 1}, 400, "invalid_field", "unknown field other"),
        ],
    )
    async def test_each_has_its_code(
        self, shop: CardShop, body: dict[str, Any], status: int, code: str, message: str | None
    ) -> None:
        """In the contract's words, and the provider hears nothing of it."""
        said = await shop.open(**{"resource": "mug", **body})
        assert (said.status, said.code) == (status, code)
        assert message is None or said.body["error"]["message"] == message
        assert not shop.cards.orders
        assert await shop.unpaid() == 0

    @pytest.mark.parametrize("code", ["OVER", "NONE", "ONCE"])
    async def test_coupons_that_do_not_count_are_ignored(self, shop: CardShop, code: str) -> None:
        """As in quotes: the price is the list's."""
        await shop.opened(couponCode="ONCE")
        session = await shop.opened(couponCode=code)
        assert (await shop.checkout(session)).amount == PRICE

    @pytest.mark.parametrize(
        ("code", "resource", "refused"),
        [
            ("OVER", "mug", "coupon_expired"),
            ("HALF", "poster", "coupon_not_applicable"),
            (" bad", "mug", "invalid_coupon"),
            ("NOBODYS", "mug", "coupon_not_found"),
        ],
    )
    async def test_a_strict_gateway_refuses_them(
        self, code: str, resource: str, refused: str
    ) -> None:
        """By the coupon's own code."""
        async with card_shop(coupons={"strict": True}) as shop:
            assert (await shop.open(resource, couponCode=code)).code == refused
            assert not shop.cards.orders
            assert await shop.unpaid() == 0

    async def test_no_address_holds_back_any_number_of_limited_coupons(self) -> None:
        """Each is another's until its session is paid or over; sessions without are not counted."""
        async with card_shop(stripe={"max_unpaid_coupons": 3}) as shop:
            for _ in range(3):
                await shop.opened(couponCode="SOME")
            said = await shop.open(couponCode="SOME")
            assert (said.status, said.code) == (429, "rate_limit_exceeded")
            await shop.opened()
            await shop.told(shop.cards.pay("cs_1"))
            assert (await shop.open(couponCode="SOME")).status == 200
            assert await shop.redeemed("SOME") == 4

    async def test_nor_does_a_crowd_of_one_addresss_requests(self, everywhere: CardShop) -> None:
        """Of 64 at once as many have a session as may be unpaid, and not one more."""
        everywhere.gateway.services.checkouts.most_unpaid = 5
        said = await asyncio.gather(*(everywhere.open(couponCode="SOME") for _ in range(64)))
        assert [each.status for each in said if each.status != 429] == [200] * 5
        assert await everywhere.redeemed("SOME") == 5

    async def test_nor_does_a_subscriber_by_many_addresses(self) -> None:
        """Of IPv6 he has a whole /64: it is counted as one, and his neighbour is another."""
        some: dict[str, Any] = {
            "server": {"trusted_proxies": ["127.0.0.1/32"]},
            "stripe": {"max_unpaid_coupons": 3},
        }
        async with card_shop(**some) as shop:

            async def opened_from(address: str) -> int:
                body = {"resource": "mug", "couponCode": "SOME"}
                seen = {"X-Forwarded-For": address}
                return (await ask(shop.client, OPEN, "POST", json=body, headers=seen)).status

            his = [await opened_from(f"2001:db8:0:1::{number:x}") for number in range(5)]
            assert his == [200, 200, 200, 429, 429]
            assert await opened_from("2001:db8:0:2::1") == 200


@pytest.mark.asyncio
class TestWords:
    """The client's word decides nothing."""

    async def test_metadata_of_ours_is_written_last(self, shop: CardShop) -> None:
        """The client's own keys are kept, ours and the product's are not replaced."""
        wishes = {
            "order": "17",
            "shelf": "9",
            "resource_id": "car",
            "coupon_code": "X",
            "tillway_tenant": "other",
            "tillway_checkout": "x",
            "stripe_payment": "pi_x",
            "session_id": "cs_x",
        }
        session = await shop.opened(metadata=wishes)
        (order,) = shop.cards.orders
        ours = {"order": "17", "shelf": "3", "plan": "ours"}
        assert order.metadata == {**ours, "resource_id": "mug"}
        assert (await shop.checkout(session)).metadata == ours

    async def test_pages_on_known_hosts_may_be_wished_for(self, shop: CardShop) -> None:
        """Without a wish they are the configured ones."""
        page = "https://shop.example/thanks"
        await shop.opened(successUrl=page, cancelUrl="https://other.example/back")
        await shop.opened(successUrl=None, cancelUrl="")
        first, second = shop.cards.orders
        assert (first.success_url, first.cancel_url) == (page, "https://other.example/back")
        assert second.success_url == "https://shop.example/done?id={CHECKOUT_SESSION_ID}"
        assert second.cancel_url == "http://localhost:8080/stripe/cancel"

    async def test_an_idempotency_key_opens_one_session(self, shop: CardShop) -> None:
        """A repeat gets the first one's; another body under it is refused."""
        ask_for = {"json": {"resource": "mug"}, "headers": {"Idempotency-Key": "k"}}
        path = "/paywall/v1/stripe-session"
        first = await ask(shop.client, path, "POST", **ask_for)
        second = await ask(shop.client, path, "POST", **ask_for)
        other = await ask(shop.client, path, "POST", **{**ask_for, "json": {"resource": "poster"}})
        assert first.body == second.body
        assert second.headers["X-Idempotency-Replay"] == "true"
        assert (other.status, other.code) == (409, "idempotency_key_reused")
        assert len(shop.cards.orders) == 1


@pytest.mark.asyncio
class TestTrouble:
    """A provider that is away, refuses, or does not say."""

    @pytest.mark.parametrize(
        ("trouble", "status", "retryable"),
        [
            (Unavailable(Code.STRIPE_ERROR), 502, True),
            (Declined(Code.INVALID_FIELD, "no such price"), 400, False),
        ],
    )
    async def test_what_was_reserved_is_given_back(
        self, shop: CardShop, trouble: TillwayError, status: int, retryable: bool
    ) -> None:
        """Nothing is open; whoever asks again may have it."""
        shop.cards.trouble = trouble
        said = await shop.open(couponCode="ONCE")
        assert said.status == status
        assert said.body["error"]["retryable"] is retryable
        assert (await shop.redeemed("ONCE"), await shop.unpaid()) == (0, 0)
        shop.cards.trouble = None
        session = await shop.opened(couponCode="ONCE")
        assert (await shop.checkout(session)).amount == Money(625, USD)

    async def test_an_answer_that_was_lost_is_looked_up_and_ended(
        self, everywhere: CardShop
    ) -> None:
        """And ended, for nobody was told where to pay; until then what it reserves is held."""
        everywhere.cards.trouble, everywhere.cards.lost = Unsettled(Code.STRIPE_ERROR), True
        said = await everywhere.open(couponCode="ONCE")
        assert (said.status, said.body["error"]["retryable"]) == (502, True)
        everywhere.cards.trouble, everywhere.cards.lost = None, False
        assert await everywhere.redeemed("ONCE") == 1
        await _overdue(everywhere)
        assert await everywhere.redeemed("ONCE") == 0
        assert everywhere.cards.sessions["cs_1"].status is SessionStatus.EXPIRED
        assert (await everywhere.checkout("cs_1")).state is CheckoutState.EXPIRED

    async def test_an_opening_that_reached_nobody_is_ended(self, everywhere: CardShop) -> None:
        """The provider has no session of it."""
        everywhere.cards.trouble = Unsettled(Code.STRIPE_ERROR)
        await everywhere.open(couponCode="ONCE")
        everywhere.cards.trouble = None
        assert await everywhere.unpaid() == 1
        await _overdue(everywhere)
        assert await everywhere.unpaid() == 0

    @pytest.mark.parametrize("paid", [True, False])
    async def test_news_that_never_came_are_asked_for(
        self, everywhere: CardShop, paid: bool
    ) -> None:
        """A session that was paid is granted, one that is over is over."""
        session = await everywhere.opened()
        if paid:
            everywhere.cards.pay(session)
        else:
            await everywhere.cards.expire(session)
        await _overdue(everywhere, hours=25)
        assert (await everywhere.verify(session)).status == (200 if paid else 404)
        state = CheckoutState.PAID if paid else CheckoutState.EXPIRED
        assert (await everywhere.checkout(session)).state is state

    async def test_one_process_looks_after_them(self, everywhere: CardShop) -> None:
        """Whoever comes while another has the turn leaves it alone."""
        session = await everywhere.opened()
        everywhere.cards.pay(session)
        ours = everywhere.gateway.services.overdue
        theirs = evolve(ours, turn=evolve(ours.turn, owner="another"))
        await _overdue(everywhere, hours=25)
        assert await theirs.run() == 0
        await ours.aclose()
        assert await theirs.turn.begin()
        assert (await everywhere.verify(session)).status == 200

    async def test_what_is_neither_paid_nor_over_is_left(self, shop: CardShop) -> None:
        """It is looked at again later; so is all else while the provider is away."""
        session = await shop.opened()
        shop.cards.trouble = Unavailable(Code.STRIPE_ERROR)
        await _overdue(shop, hours=25)
        before = await shop.checkout(session)
        shop.cards.trouble = None
        await _overdue(shop, hours=25)
        after = await shop.checkout(session)
        assert after.state is CheckoutState.OPEN
        assert after.expires_at > before.expires_at

    async def test_one_without_an_answer_is_in_no_others_way(self) -> None:
        """The provider may never answer for it: the others are looked at all the same."""
        async with card_shop(Mute()) as shop:
            first, second = await shop.opened(), await shop.opened()
            shop.cards.pay(second)
            await _overdue(shop, hours=25)
            overdue = shop.gateway.services.overdue
            overdue.turn = evolve(overdue.turn)
            await overdue.run()
            assert (await shop.checkout(first)).state is CheckoutState.OPEN
            assert (await shop.verify(second)).status == 200

    async def test_one_that_brought_nothing_is_looked_at_once(self, shop: CardShop) -> None:
        """It is over, though there is no money of it to be given back."""
        session = await shop.opened()
        shop.cards.pay(session, amount=Money.zero(USD))
        await _overdue(shop, hours=25)
        assert (await shop.checkout(session)).state is CheckoutState.FAILED
        assert await shop.payment(session) is None


@define(kw_only=True)
class Mute(Cards):
    """Never answers for its first session."""

    async def retrieve(self, session: str) -> HostedSession | None:
        """Answer for all others."""
        if session == "cs_1":
            raise Unavailable(Code.STRIPE_ERROR)
        return await super().retrieve(session)


async def _overdue(shop: CardShop, hours: float = 0.1) -> None:
    """Have checkouts looked after as if so much time had passed since."""
    store = shop.gateway.store
    later = timedelta(hours=hours)
    overdue = shop.gateway.services.overdue
    async with store.view() as view:
        due = await view.checkouts.due(overdue.clock.now() + later, 100)
    async with store.begin() as unit:
        for each in due:
            now = overdue.clock.now() - timedelta(seconds=1)
            await unit.checkouts.move(evolve(each, expires_at=now), [each.state])
    overdue.turn = evolve(overdue.turn)
    await overdue.run()
