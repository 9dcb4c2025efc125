import pytest

from support.stripe_objects import charge, dispute, event, invoice, listed, session
from support.stripe_wire import Fault, Says, StripeWire, error
from tillway.adapters.stripe.rail import StripeRail
from tillway.core.errors import Unavailable
from tillway.core.ports.hosting import (
    DisputeTold,
    InvoiceTold,
    News,
    NothingTold,
    PayBackTold,
    SessionTold,
)

BEGUN = session(payment_intent=None, subscription="sub_1", invoice="in_1")


def news(rail: StripeRail, type_: str, told: object) -> News:
    """Translate an event about this."""
    return rail.translate(event(type_, told))


class TestMoney:
    async def test_a_subscriptions_session_is_given_its_money(
        self, wire: StripeWire, rail: StripeRail
    ) -> None:
        """And nothing else of it is changed: what was told is what was told."""
        told = news(rail, "checkout.session.completed", BEGUN)
        assert isinstance(told, SessionTold)
        asked = {**BEGUN, "invoice": invoice(), "amount_subtotal": 1}
        wire.answer({"GET /v1/checkout/sessions/cs_test_1": Says(asked)})
        found = await rail.complete(told)

        assert isinstance(found, SessionTold)
        assert (found.session.payment, found.session.amount) == ("pi_2", told.session.amount)

    async def test_an_invoice_is_given_its_money(self, wire: StripeWire, rail: StripeRail) -> None:
        """By what it was paid with."""
        told = news(rail, "invoice.paid", invoice(payments=None))
        wire.answer({"GET /v1/invoices/in_1": Says(invoice())})
        found = await rail.complete(told)

        assert isinstance(found, InvoiceTold)
        assert found.payment == "pi_2"

    @pytest.mark.parametrize(
        ("metadata", "reference"), [({"tillway_checkout": "checkout_1"}, "checkout_1"), ({}, None)]
    )
    async def test_an_older_invoice_is_told_whose_it_is(
        self,
        wire: StripeWire,
        rail: StripeRail,
        metadata: dict[str, str],
        reference: str | None,
    ) -> None:
        """By its subscription, so that nobody waits for what another shop sells."""
        told = news(rail, "invoice.paid", invoice(old=True))
        assert isinstance(told, InvoiceTold)
        assert (told.payment, told.reference, told.foreign) == ("pi_2", None, False)
        wire.answer({"GET /v1/subscriptions/sub_1": Says({"metadata": metadata})})
        found = await rail.complete(told)

        assert isinstance(found, InvoiceTold)
        assert (found.reference, found.foreign) == (reference, reference is None)

    @pytest.mark.parametrize("answer", [error(403), error(404, code="resource_missing")])
    async def test_money_is_named_though_nobody_tells_whose_it_is(
        self, wire: StripeWire, rail: StripeRail, answer: Says
    ) -> None:
        """A restricted key may see invoices and no subscriptions."""
        told = news(rail, "invoice.paid", invoice(old=True, payment_intent=None))
        asked = {"GET /v1/invoices/in_1": Says(invoice()), "GET /v1/subscriptions/sub_1": answer}
        wire.answer(asked)
        found = await rail.complete(told)

        assert isinstance(found, InvoiceTold)
        assert (found.payment, found.foreign) == ("pi_2", False)

    @pytest.mark.parametrize(
        ("type_", "told"), [("charge.refunded", charge()), ("charge.dispute.created", dispute())]
    )
    async def test_money_that_went_back_is_given_its_invoice(
        self, wire: StripeWire, rail: StripeRail, type_: str, told: object
    ) -> None:
        """Asked for by the intent."""
        wire.answer({"GET /v1/invoice_payments": Says(listed({"invoice": "in_1"}))})
        found = await rail.complete(news(rail, type_, told))

        assert isinstance(found, PayBackTold | DisputeTold)
        assert found.invoice == "in_1"
        assert wire.asked[0].params == {
            "payment": {"type": "payment_intent", "payment_intent": "pi_1"}
        }


class TestNothingToAsk:
    async def test_what_is_whole_stays_as_it_is(self, wire: StripeWire, rail: StripeRail) -> None:
        """Stripe is not asked."""
        for told in (
            news(rail, "checkout.session.completed", session()),
            news(rail, "invoice.paid", invoice()),
            NothingTold(),
        ):
            assert await rail.complete(told) == told
        assert wire.asked == []

    @pytest.mark.parametrize("answer", [error(403), error(404, code="resource_missing")])
    async def test_what_stripe_does_not_tell_is_not_needed(
        self, wire: StripeWire, rail: StripeRail, answer: Says
    ) -> None:
        """A restricted key may not see invoices; an invoice may be gone."""
        wire.say(answer)
        told = news(rail, "invoice.paid", invoice(payments=None))

        assert await rail.complete(told) == told

    async def test_silence_is_told(self, wire: StripeWire, rail: StripeRail) -> None:
        """So that it is asked again."""
        wire.say(Fault.DROP)
        with pytest.raises(Unavailable):
            await rail.complete(news(rail, "charge.refunded", charge()))
