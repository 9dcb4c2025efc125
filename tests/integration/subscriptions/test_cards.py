"""Subscriptions by card, over the sandbox's Stripe: from the session to the end."""

import asyncio
import random
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from attrs import evolve

from support.card_members import Club, open_club
from support.members import status
from tillway.core.payments import Payment, State
from tillway.core.services.hosted.payments import MONEY
from tillway.core.subscriptions import SubscriptionState
from tillway.core.tenancy import DEFAULT
from tillway.entrypoints.sandbox.stripe.timing import catch_up

pytestmark = pytest.mark.asyncio


@pytest.fixture
async def club() -> AsyncIterator[Club]:
    """Give a club that takes cards."""
    async with open_club() as made:
        yield made


class TestJoining:
    """A session, paid at the provider's."""

    async def test_a_paid_session_begins_it(self, club: Club) -> None:
        """For the provider's customer, who is found by his id."""
        one = await club.joined()
        assert one.state is SubscriptionState.ACTIVE
        assert one.subscriber == one.stripe_customer
        assert one.subscriber.startswith("cus_")
        assert 28 <= (one.period_end - one.period_start).days <= 31
        shown = await status(club.shop, one.subscriber)
        assert (shown["active"], shown["interval"]) == (True, "monthly")
        details = await club.shop.get(
            f"/paywall/v1/subscription/details?resource=gold&userId={one.subscriber}"
        )
        assert details.body["pricePerPeriod"] == 998
        assert details.body["currency"] == "usd"
        assert details.body["customerId"] == one.subscriber
        assert await club.told() == ["subscription.created"]
        (payment,) = await club.shop.payments()
        assert (payment.method, payment.amount.minor) == ("stripe", 998)

    async def test_what_is_not_paid_begins_nothing(self, club: Club) -> None:
        """A declined card, a session that nobody pays."""
        said = await club.session()
        club.stripe.switches.decline(said.body["sessionId"])
        await club.wait(days=2)
        assert await club.told() == []
        assert await club.shop.payments() == []

    async def test_a_coupon_comes_off_the_first_period(self, club: Club) -> None:
        """The provider charges what we have priced, and the next period costs the whole."""
        one = await club.joined(couponCode="HALF")
        (payment,) = await club.shop.payments()
        assert payment.amount.minor == 499
        await club.wait(days=32)
        renewed = await club.found(str(one.stripe_subscription))
        assert renewed.period_end > one.period_end
        second, first = await club.shop.payments()
        assert (first.amount.minor, second.amount.minor) == (499, 998)
        assert second.signature.startswith("stripe:in_")
        assert second.payer == one.subscriber


class TestMoneyOfPeriods:
    """What goes back of it at the provider's, whose events do not name the subscription."""

    async def _periods(self, club: Club) -> tuple[Payment, Payment]:
        await club.joined()
        await club.wait(days=32)
        second, first = await club.shop.payments()
        return first, second

    async def test_refunds_in_the_dashboard_are_written(self, club: Club) -> None:
        """Of the first period and of the next, once each."""
        for number, payment in enumerate(await self._periods(club), start=1):
            money = payment.metadata[MONEY]
            assert money.startswith("pi_")
            await club.sdk_refund(money, 100 * number)
            await club.heard()
            async with club.shop.gateway.store.view() as view:
                found = await view.refunds.of(DEFAULT, payment.signature)
            assert [each.amount.minor for each in found] == [100 * number]

    async def test_a_dispute_reverses_the_period_that_it_is_about(self, club: Club) -> None:
        """And no other."""
        first, second = await self._periods(club)
        club.stripe.switches.dispute(second.metadata[MONEY])
        await club.heard()
        states = {each.signature: each.state for each in await club.shop.payments()}
        assert states == {first.signature: State.SETTLED, second.signature: State.REVERSED}

    async def test_a_provider_that_does_not_answer_holds_nobody_up(self, club: Club) -> None:
        """Who has paid has access: the name of the money is only good to know."""
        for path in ("/v1/checkout/sessions/*", "/v1/invoices/*", "/v1/invoice_payments"):
            club.stripe.faults.add("http_500", f"GET {path}", None)
        said = await club.session()
        club.stripe.switches.pay(said.body["sessionId"])
        paid = club.stripe.account.get("checkout.session", said.body["sessionId"])
        for _ in range(8):
            await club.heard()
            club.shop.clock.forward(timedelta(minutes=2))
        assert (await club.found(paid["subscription"])).state is SubscriptionState.ACTIVE


class TestTrial:
    """The product's, and once a customer."""

    async def test_it_is_the_products_whatever_the_client_asks(self, club: Club) -> None:
        """Fourteen days, not a thousand; then it is paid and goes on."""
        asked = {"customerEmail": "a@shop.example", "trialDays": 1000}
        one = await club.joined("cards-only", **asked)
        assert one.state is SubscriptionState.TRIALING
        assert one.trial_end is not None
        assert (one.trial_end - one.period_start).days == 14
        assert (await status(club.shop, one.subscriber, "cards-only"))["active"]
        await club.wait(days=15)
        paid = await club.found(str(one.stripe_subscription))
        assert paid.state is SubscriptionState.ACTIVE
        assert sorted(await club.told()) == [
            "subscription.created",
            "subscription.renewed",
            "subscription.trial_ended",
            "subscription.trial_started",
        ]

    async def test_a_customer_has_it_once(self, club: Club) -> None:
        """However he writes his address, and after the first one has ended too."""
        first = await club.joined("cards-only", customerEmail="a@shop.example")
        await club.ask("cancel", {"subscriptionId": first.id})
        await club.heard()
        again = await club.joined("cards-only", customerEmail=" A@Shop.example".strip())
        assert again.state is SubscriptionState.ACTIVE
        other = await club.joined("cards-only", customerEmail="b@shop.example")
        assert other.state is SubscriptionState.TRIALING

    async def test_typed_in_at_the_providers_it_counts_too(self, club: Club) -> None:
        """A second trial of one address gives no access, and is ended before it costs anything."""
        first = await club.joined("cards-only")
        assert first.state is SubscriptionState.TRIALING
        second = await club.joined("cards-only")
        assert second.state is SubscriptionState.CANCELLED
        theirs = club.stripe.account.get("subscription", str(second.stripe_subscription))
        assert theirs["status"] == "canceled"
        assert not (await status(club.shop, second.subscriber, "cards-only"))["active"]
        assert (await status(club.shop, first.subscriber, "cards-only"))["active"]
        said = await club.session("cards-only", customerEmail="other@shop.example")
        club.stripe.switches.pay(said.body["sessionId"])
        await club.heard()
        assert [each.amount.minor for each in await club.shop.payments()] == [0, 0, 0]

    async def test_of_sessions_that_race_one_has_it(self, club: Club) -> None:
        """Eight at once, all paid: one trial, and nobody else gets in by the others."""
        tries = [club.session("cards-only", customerEmail="a@shop.example") for _ in range(8)]
        said = [each.body["sessionId"] for each in await asyncio.gather(*tries)]
        account = club.stripe.account
        for each in said:
            club.stripe.switches.pay(each)
        await club.heard()
        named = [account.get("checkout.session", each)["subscription"] for each in said]
        states = [(await club.found(each)).state for each in named]
        over = [SubscriptionState.CANCELLED] * 7
        assert sorted(states, key=str) == [*over, SubscriptionState.TRIALING]
        theirs = sorted(account.get("subscription", each)["status"] for each in named)
        assert theirs == [*["canceled"] * 7, "trialing"]

    async def test_nobody_loses_it_by_a_session_of_somebody_else(self, club: Club) -> None:
        """Whoever knows an address can open sessions with it, and takes nothing by that."""
        for _ in range(3):
            said = await club.session("cards-only", customerEmail="a@shop.example")
            assert said.status == 200
        one = await club.joined("cards-only", customerEmail="a@shop.example")
        assert one.state is SubscriptionState.TRIALING
        assert (await status(club.shop, one.subscriber, "cards-only"))["active"]


class TestGoingOn:
    """What the provider tells."""

    async def test_invoices_fail_and_recover(self, club: Club) -> None:
        """Past due with its grace, then active again; access is what was paid and the grace."""
        one = await club.joined()
        named = str(one.stripe_subscription)
        club.stripe.switches.fail_invoices(named, 50)
        ahead = one.period_end - club.shop.clock.now() + timedelta(hours=2)
        await club.wait(seconds=ahead.total_seconds())
        late = await club.found(named)
        assert late.state is SubscriptionState.PAST_DUE
        assert abs(late.period_end - one.period_end) < timedelta(minutes=1)
        assert (await status(club.shop, one.subscriber))["active"]
        club.stripe.switches.recover(named)
        await club.heard()
        back = await club.found(named)
        assert back.state is SubscriptionState.ACTIVE
        assert back.period_end > late.period_end + timedelta(days=27)
        heard = await club.told()
        assert heard.count("subscription.past_due") == 1
        assert heard[-1] == "subscription.renewed"

    async def test_unpaid_it_expires_after_the_grace(self, club: Club) -> None:
        """Although the provider still tries the card."""
        one = await club.joined()
        club.stripe.switches.fail_invoices(str(one.stripe_subscription), 50)
        ahead = one.period_end - club.shop.clock.now() + timedelta(hours=25)
        await club.wait(seconds=ahead.total_seconds())
        over = await club.found(str(one.stripe_subscription))
        assert over.state in (SubscriptionState.EXPIRED, SubscriptionState.CANCELLED)
        assert not (await status(club.shop, one.subscriber))["active"]

    async def test_it_ends_with_its_period_or_goes_on(self, club: Club) -> None:
        """As the operator says, at the provider's too."""
        one = await club.joined()
        named, body = str(one.stripe_subscription), {"subscriptionId": one.id}
        said = await club.ask("cancel", {**body, "atPeriodEnd": True})
        assert said.body == {"success": True, "atPeriodEnd": True}
        assert club.stripe.account.get("subscription", named)["cancel_at_period_end"]
        said = await club.ask("reactivate", body)
        assert (said.status, said.body["cancelAtPeriodEnd"]) == (200, False)
        assert not club.stripe.account.get("subscription", named)["cancel_at_period_end"]
        await club.heard()
        assert not (await club.found(named)).cancel_at_period_end
        assert (await club.ask("cancel", {**body, "atPeriodEnd": True})).status == 200
        await club.wait(days=32)
        over = await club.found(named)
        assert over.state is SubscriptionState.CANCELLED
        assert not (await status(club.shop, one.subscriber))["active"]
        assert (await club.told())[-1] == "subscription.cancelled"

    async def test_cancelled_now_it_is_over_at_once(self, club: Club) -> None:
        """A repeat is answered the same."""
        one = await club.joined()
        for _ in range(2):
            said = await club.ask("cancel", {"subscriptionId": one.id})
            assert said.body == {"success": True, "atPeriodEnd": False}
        assert not (await status(club.shop, one.subscriber))["active"]
        named = club.stripe.account.get("subscription", str(one.stripe_subscription))
        assert named["status"] == "canceled"
        await club.heard()
        assert (await club.told()).count("subscription.cancelled") == 1

    async def test_another_plan_is_had_at_once(self, club: Club) -> None:
        """With proration at the provider's, as the preview said."""
        one = await club.joined()
        body = {"subscriptionId": one.id, "newResource": "cards-only"}
        asked = {
            "currentResource": "gold",
            "newResource": "cards-only",
            "userId": one.subscriber,
        }
        seen = await club.ask("change/preview", asked, admin=False)
        assert seen.status == 200, seen.body
        assert (seen.body["currentPlanPrice"], seen.body["newPlanPrice"]) == (998, 700)
        assert seen.body["currency"] == "usd"
        said = await club.ask("change", body)
        assert said.status == 200, said.body
        assert (said.body["previousResource"], said.body["newResource"]) == ("gold", "cards-only")
        assert said.body["prorationBehavior"] == "create_prorations"
        await club.heard()
        moved = await club.found(str(one.stripe_subscription))
        assert (moved.product, moved.state) == ("cards-only", SubscriptionState.ACTIVE)
        assert not (await status(club.shop, one.subscriber))["active"]
        assert (await status(club.shop, one.subscriber, "cards-only"))["active"]
        assert (await club.told()).count("subscription.changed") == 1

    async def test_no_customer_has_two_of_one_product_by_a_change(self, club: Club) -> None:
        """What he has already he cannot change to, and the provider is not asked to bill it."""
        one = await club.joined(customerEmail="one@buyer.example")
        other = await club.joined("silver", interval="weekly", customerEmail="one@buyer.example")
        async with club.shop.gateway.store.begin() as unit:
            await unit.subscriptions.replace(evolve(other, subscriber=one.subscriber))
        body = {"subscriptionId": one.id, "newResource": "silver"}
        said = await club.ask("change", body)
        assert (said.status, said.code) == (400, "invalid_field")
        text = "there is a subscription to the new resource already"
        assert said.body["error"]["message"] == text
        await club.heard()
        assert (await club.found(str(one.stripe_subscription))).product == "gold"

    async def test_only_the_operator_changes_it_and_opens_the_portal(self, club: Club) -> None:
        """Whoever knows the customer's id has nothing by it."""
        one = await club.joined()
        for what in ("cancel", "reactivate"):
            said = await club.ask(what, {"subscriptionId": one.id}, admin=False)
            assert (said.status, said.code) == (401, "unauthorized")
        body = {"customerId": one.subscriber}
        assert (await club.ask("portal", body, admin=False)).status == 401
        said = await club.ask("portal", body)
        assert said.status == 200, said.body
        assert said.body["url"].startswith(club.stripe.url)
        said = await club.ask("portal", {**body, "returnUrl": "https://evil.example/"})
        assert (said.status, said.code) == (400, "invalid_field")

    async def test_what_we_hold_for_expired_can_still_be_ended(self, club: Club) -> None:
        """Nothing was heard for months: the provider bills on until it is told."""
        one = await club.joined()
        named = str(one.stripe_subscription)
        club.stripe.outbox.trouble.paused = True
        club.shop.clock.forward(timedelta(days=70))
        assert not (await status(club.shop, one.subscriber))["active"]
        said = await club.ask("cancel", {"subscriptionId": one.id})
        assert said.body == {"success": True, "atPeriodEnd": False}
        assert club.stripe.account.get("subscription", named)["status"] == "canceled"

    async def test_another_price_at_the_providers_is_another_product(self, club: Club) -> None:
        """Changed in its portal, where nobody asks us."""
        one = await club.joined()
        theirs: Any = club.stripe.account.get("subscription", str(one.stripe_subscription))
        price = {**theirs["items"]["data"][0]["price"], "id": "price_of_bronze"}
        theirs["items"]["data"][0]["price"] = price
        club.shop.clock.forward(timedelta(minutes=1))
        club.stripe.account.change("customer.subscription.updated", theirs, description="bronze")
        await club.heard()
        moved = await club.found(theirs["id"])
        assert moved.product == "bronze"
        assert (await status(club.shop, one.subscriber, "bronze"))["active"]
        assert not (await status(club.shop, one.subscriber))["active"]
        assert (await club.told()).count("subscription.changed") == 1


class TestOthers:
    """Subscriptions that the account has beside ours."""

    async def test_their_news_change_nothing_and_are_not_waited_for(self, club: Club) -> None:
        """Everything that is told is applied at once, whether another gateway sells it or not."""
        one = await club.joined()
        theirs: Any = club.stripe.account.get("subscription", str(one.stripe_subscription))
        for number in (1, 2):
            foreign = {**theirs, "id": f"sub_other{number}", "metadata": {"shop": "another"}}
            club.stripe.account.tell("customer.subscription.updated", foreign)
        for issued in club.stripe.account.shelves.of("invoice", status="paid"):
            for noted in ({}, {"tillway_checkout": "checkout_of_another"}):
                details = {"metadata": noted, "subscription": "sub_other1"}
                parent = {**issued["parent"], "subscription_details": details}
                club.stripe.account.tell("invoice.paid", {**issued, "parent": parent})
        await club.stripe.delivered()
        club.shop.clock.forward(timedelta(days=1))
        assert await club.shop.gateway.services.incoming.sweep() == 0
        assert await club.found(str(one.stripe_subscription)) == one
        assert len(await club.shop.payments()) == 1

    async def test_older_invoices_are_looked_up(self, club: Club) -> None:
        """Those that do not tell whose they are: by their subscription, and not waited for."""
        one = await club.joined()
        account = club.stripe.account
        theirs: Any = account.get("subscription", str(one.stripe_subscription))
        account.shelves.put({**theirs, "id": "sub_other", "metadata": {"shop": "another"}})
        for issued in list(account.shelves.of("invoice", status="paid")):
            told = {**issued, "id": "in_other", "parent": None, "subscription": "sub_other"}
            account.tell("invoice.paid", told)
        await club.stripe.delivered()
        club.shop.clock.forward(timedelta(days=1))
        assert await club.shop.gateway.services.incoming.sweep() == 0
        assert await club.found(str(one.stripe_subscription)) == one


class TestTrouble:
    """The provider is silent, or away."""

    async def test_after_silence_it_is_looked_up(self, club: Club) -> None:
        """What was done is done, although no answer ever came."""
        one = await club.joined()
        club.stripe.faults.add("drop", "DELETE /v1/subscriptions/*", None, effective=True)
        said = await club.ask("cancel", {"subscriptionId": one.id})
        assert (said.status, said.body) == (200, {"success": True, "atPeriodEnd": False})
        over = await club.found(str(one.stripe_subscription))
        assert over.state is SubscriptionState.CANCELLED

    async def test_what_was_not_done_is_not_said_to_be(self, club: Club) -> None:
        """502 and nothing changed; asked again later it goes."""
        one = await club.joined()
        body = {"subscriptionId": one.id, "atPeriodEnd": True}
        club.stripe.faults.add("drop", "POST /v1/subscriptions/*", None)
        said = await club.ask("cancel", body)
        assert (said.status, said.code) == (502, "stripe_error")
        assert not (await club.found(str(one.stripe_subscription))).cancel_at_period_end
        club.stripe.faults.clear()
        assert (await club.ask("cancel", body)).status == 200
        assert (await club.found(str(one.stripe_subscription))).cancel_at_period_end

    async def test_no_session_without_the_provider(self, club: Club) -> None:
        """502, and the trial that it would have begun with is not used up."""
        asked = {"customerEmail": "a@shop.example"}
        club.stripe.faults.add("http_500", "POST /v1/checkout/sessions", None)
        said = await club.session("cards-only", **asked)
        assert (said.status, said.code) == (502, "stripe_error")
        club.stripe.faults.clear()
        await club.wait(days=2)
        one = await club.joined("cards-only", **asked)
        assert one.state is SubscriptionState.TRIALING


REFUSED: list[tuple[dict[str, Any], int, str, str]] = [
    ({"interval": "monthly"}, 400, "missing_field", "resource is required"),
    ({"resource": "gold"}, 400, "missing_field", "interval is required"),
    ({"resource": "gold", "interval": "hourly"}, 400, "invalid_field", "invalid interval"),
    ({"resource": "no", "interval": "monthly"}, 404, "resource_not_found", "Resource not found"),
    (
        {"resource": "mug", "interval": "monthly"},
        400,
        "invalid_field",
        "resource is not configured for subscriptions",
    ),
    (
        {"resource": "quarterly", "interval": "custom", "intervalDays": 90},
        400,
        "invalid_field",
        "resource has no Stripe price ID configured",
    ),
    (
        {"resource": "gold", "interval": "yearly"},
        400,
        "invalid_field",
        "invalid interval: this resource is billed monthly",
    ),
    (
        {"resource": "gold", "interval": "monthly", "successUrl": "https://evil.example/"},
        400,
        "invalid_field",
        "successUrl must be an http(s) address on a host of stripe.redirect_hosts",
    ),
]


class TestRefusals:
    """What opens no session."""

    async def test_each_by_its_code_status_and_words(self, club: Club) -> None:
        """And nothing is asked of the provider."""
        for body, code, word, message in REFUSED:
            said = await club.ask("stripe-session", body, admin=False)
            assert (said.status, said.code) == (code, word), body
            assert said.body["error"]["message"] == message
        assert club.stripe.account.shelves.of("checkout.session") == []


class TestDisorder:
    """News in any order, and twice."""

    @pytest.mark.parametrize("seed", range(4))
    async def test_shuffled_news_give_the_same_state(self, club: Club, seed: int) -> None:
        """As it stands at the provider's, after everything was told, late and doubled."""
        outbox = club.stripe.outbox
        outbox.chance = random.Random(seed)
        said = await club.session()
        outbox.trouble.paused = outbox.trouble.shuffle = True
        outbox.trouble.copies = 1
        club.stripe.switches.pay(said.body["sessionId"])
        named = club.stripe.account.get("checkout.session", said.body["sessionId"])["subscription"]
        await _happen(club, named)
        outbox.resume()
        for _ in range(12):
            await club.heard()
        theirs: Any = club.stripe.account.get("subscription", named)
        ours = await club.found(named)
        item = theirs["items"]["data"][0]
        assert ours.state is SubscriptionState.ACTIVE
        assert ours.period_end.timestamp() == item["current_period_end"]
        assert ours.cancel_at_period_end is theirs["cancel_at_period_end"] is True
        paid = club.stripe.account.shelves.of("invoice", _subscription=named, status="paid")
        booked = sorted(each.amount.minor for each in await club.shop.payments())
        assert booked == sorted(each["amount_paid"] for each in paid)


async def _happen(club: Club, named: str) -> None:
    """Renew it, have it fail and recover, and end with its period."""
    for _ in range(2):
        club.shop.clock.forward(timedelta(days=31))
        catch_up(club.stripe.account)
    club.stripe.switches.fail_invoices(named, 1)
    club.shop.clock.forward(timedelta(days=30))
    catch_up(club.stripe.account)
    club.stripe.switches.recover(named)
    club.shop.clock.forward(timedelta(minutes=1))
    club.stripe.account.change(
        "customer.subscription.updated",
        club.stripe.account.get("subscription", named),
        cancel_at_period_end=True,
    )
