"""Refunds, disputes and cards charged without a page, in the sandbox's Stripe."""

from typing import Any

import pytest
import stripe

from support.ear import Ear
from tillway.entrypoints.sandbox.stripe import Served


@pytest.fixture
async def paid(client: stripe.StripeClient) -> stripe.PaymentIntent:
    """Give a payment of 20 dollars."""
    return await client.v1.payment_intents.create_async(
        {"amount": 2000, "currency": "usd", "confirm": True, "payment_method": "pm_card_visa"}
    )


class TestRefunds:
    async def test_parts_add_up_to_the_whole_and_no_more(
        self, client: stripe.StripeClient, paid: stripe.PaymentIntent, ear: Ear
    ) -> None:
        """The event has the sum so far; what is too much is refused and told of nobody."""
        for amount in (500, 700):
            made = await client.v1.refunds.create_async(
                {"payment_intent": paid.id, "amount": amount, "metadata": {"ours": str(amount)}}
            )
            assert (made.status, made.amount) == ("succeeded", amount)
        with pytest.raises(stripe.InvalidRequestError) as caught:
            await client.v1.refunds.create_async({"payment_intent": paid.id, "amount": 801})
        assert caught.value.param == "amount"
        rest = await client.v1.refunds.create_async({"charge": str(paid.latest_charge)})
        assert rest.amount == 800
        with pytest.raises(stripe.InvalidRequestError) as caught:
            await client.v1.refunds.create_async({"payment_intent": paid.id})
        assert caught.value.code == "charge_already_refunded"
        await ear.hear("charge.refunded", 3)
        sums = [(each["amount_refunded"], each["refunded"]) for each in ear.of("charge.refunded")]
        assert sums == [(500, False), (1200, False), (2000, True)]
        listed = await client.v1.refunds.list_async({"payment_intent": paid.id})
        assert [each.amount for each in listed.data] == [800, 700, 500]

    async def test_a_bank_can_send_it_back(
        self, served: Served, client: stripe.StripeClient, paid: stripe.PaymentIntent, ear: Ear
    ) -> None:
        """Then it can be refunded again."""
        made = await client.v1.refunds.create_async({"payment_intent": paid.id})
        served.switches.fail_refund(made.id)
        assert (await ear.hear("refund.failed"))["id"] == made.id
        assert (await client.v1.refunds.retrieve_async(made.id)).status == "failed"
        again = await client.v1.refunds.create_async({"payment_intent": paid.id})
        assert again.amount == 2000

    async def test_nothing_is_refunded_that_was_not_paid(self, client: stripe.StripeClient) -> None:
        """An open intent, or one that nobody knows."""
        made = await client.v1.payment_intents.create_async({"amount": 500, "currency": "usd"})
        with pytest.raises(stripe.InvalidRequestError):
            await client.v1.refunds.create_async({"payment_intent": made.id})
        with pytest.raises(stripe.InvalidRequestError) as caught:
            await client.v1.refunds.create_async({"payment_intent": "pi_nothing"})
        assert caught.value.http_status == 404


class TestDisputes:
    @pytest.mark.parametrize(("won", "status"), [(True, "won"), (False, "lost")])
    async def test_it_is_opened_and_closed(
        self,
        served: Served,
        client: stripe.StripeClient,
        paid: stripe.PaymentIntent,
        ear: Ear,
        won: bool,
        status: str,
    ) -> None:
        """What was won comes back."""
        made = served.switches.dispute(paid.id, reason="product_not_received")
        told = await ear.hear("charge.dispute.created")
        assert (told["payment_intent"], told["amount"]) == (paid.id, 2000)
        with pytest.raises(stripe.InvalidRequestError) as caught:
            await client.v1.refunds.create_async({"payment_intent": paid.id})
        assert caught.value.code == "charge_disputed"
        served.switches.close_dispute(made["id"], won=won)
        assert (await ear.hear("charge.dispute.closed"))["status"] == status
        await served.delivered()
        assert ("charge.dispute.funds_reinstated" in ear.types) is won
        assert (await client.v1.disputes.retrieve_async(made["id"])).status == status


class TestCards:
    @pytest.mark.parametrize(
        ("method", "code", "reason"),
        [
            ("pm_card_chargeDeclined", "card_declined", "generic_decline"),
            (
                "pm_card_chargeDeclinedInsufficientFunds",
                "card_declined",
                "insufficient_funds",
            ),
            ("pm_card_chargeDeclinedExpiredCard", "expired_card", "expired_card"),
        ],
    )
    async def test_a_declined_card_is_a_card_error(
        self, client: stripe.StripeClient, method: str, code: str, reason: str
    ) -> None:
        """With 402, the code and the bank's reason, and the intent to try again with."""
        params: Any = {
            "amount": 2000,
            "currency": "usd",
            "confirm": True,
            "payment_method": method,
        }
        with pytest.raises(stripe.CardError) as caught:
            await client.v1.payment_intents.create_async(params)
        error = caught.value
        assert (error.http_status, error.code) == (402, code)
        assert error.error is not None
        assert error.error.decline_code == reason
        made = error.error.payment_intent
        assert made is not None
        assert made.status == "requires_payment_method"
        again = await client.v1.payment_intents.confirm_async(
            made.id, {"payment_method": "pm_card_visa"}
        )
        assert again.status == "succeeded"
