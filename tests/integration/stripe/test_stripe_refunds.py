import pytest

from support.manual_clock import ManualClock
from support.stripe_objects import invoice, listed, refund, session
from support.stripe_rails import dollars
from support.stripe_wire import Fault, Says, StripeWire, error
from tillway.adapters.stripe.rail import StripeRail
from tillway.core.errors import Code, Declined, Unavailable, Unsettled
from tillway.core.ports.hosting import PaidBack, PayBack, PayBackState

REFUNDS = "/v1/refunds"
DONE = PaidBack(id="re_1", amount=dollars(400), state=PayBackState.DONE, reference="refund_1")


def asked(payment: str = "pi_1") -> PayBack:
    return PayBack(
        payment=payment,
        amount=dollars(400),
        reference="refund_1",
        metadata={"reason": "broken", "tillway_refund": "refund_2"},
    )


class TestPayingBack:
    async def test_a_refund_carries_our_reference(self, wire: StripeWire, rail: StripeRail) -> None:
        """As its key, and in its metadata, where nobody else's word stands."""
        wire.answer({f"GET {REFUNDS}": Says(listed()), f"POST {REFUNDS}": Says(refund())})

        assert await rail.pay_back(asked()) == DONE
        (sent,) = wire.to(REFUNDS)
        assert sent.key == "tillway-refund-refund_1"
        assert sent.params == {
            "payment_intent": "pi_1",
            "amount": "400",
            "metadata": {"reason": "broken", "tillway_refund": "refund_1"},
        }

    async def test_one_that_was_made_is_not_made_again(
        self, wire: StripeWire, rail: StripeRail, clock: ManualClock
    ) -> None:
        """However long ago: Stripe forgets a key after a day, but not a refund."""
        clock.move(40 * 86_400)
        wire.answer({f"GET {REFUNDS}": Says(listed(refund(id="re_0", metadata={}), refund()))})

        assert await rail.pay_back(asked()) == DONE
        assert wire.to(REFUNDS) == []

    async def test_nothing_is_sent_where_stripe_cannot_be_asked(
        self, wire: StripeWire, rail: StripeRail
    ) -> None:
        """It might have been made before."""
        wire.answer({f"GET {REFUNDS}": Fault.DROP, f"POST {REFUNDS}": Says(refund())})
        with pytest.raises(Unavailable):
            await rail.pay_back(asked())

        assert wire.to(REFUNDS) == []

    async def test_a_lost_answer_is_unsettled(self, wire: StripeWire, rail: StripeRail) -> None:
        """Three tries under one key."""
        wire.answer({f"GET {REFUNDS}": Says(listed()), f"POST {REFUNDS}": Fault.DROP})
        with pytest.raises(Unsettled):
            await rail.pay_back(asked())

        assert [one.key for one in wire.to(REFUNDS)] == ["tillway-refund-refund_1"] * 3

    @pytest.mark.parametrize(
        ("code", "told"),
        [
            ("charge_already_refunded", Code.REFUND_ALREADY_PROCESSED),
            ("charge_disputed", Code.REFUND_ALREADY_PROCESSED),
            ("something_else", Code.STRIPE_ERROR),
        ],
    )
    async def test_refusals_are_told_in_our_words(
        self, wire: StripeWire, rail: StripeRail, code: str, told: Code
    ) -> None:
        """What Stripe will not pay back."""
        wire.answer({f"GET {REFUNDS}": Says(listed()), f"POST {REFUNDS}": error(400, code=code)})
        with pytest.raises(Declined) as refused:
            await rail.pay_back(asked())

        assert refused.value.code is told

    @pytest.mark.parametrize("status", [401, 403])
    async def test_a_key_that_is_not_taken_is_no_word_on_a_refund(
        self, wire: StripeWire, rail: StripeRail, status: int
    ) -> None:
        """It is owed as before: whoever has approved it gets it paid with the next key."""
        wire.answer({f"GET {REFUNDS}": Says(listed()), f"POST {REFUNDS}": error(status)})
        with pytest.raises(Unavailable):
            await rail.pay_back(asked())
        wire.say(error(status))
        with pytest.raises(Unavailable):
            await rail.pay_back(asked())

    async def test_an_old_payment_is_named_by_its_charge(
        self, wire: StripeWire, rail: StripeRail
    ) -> None:
        """Where there is no intent."""
        wire.answer({f"GET {REFUNDS}": Says(listed()), f"POST {REFUNDS}": Says(refund())})
        await rail.pay_back(asked("ch_1"))

        assert [one.params["charge"] for one in wire.asked] == ["ch_1", "ch_1"]

    @pytest.mark.parametrize(
        ("word", "state"),
        [
            ("succeeded", PayBackState.DONE),
            ("pending", PayBackState.PENDING),
            ("requires_action", PayBackState.PENDING),
            ("failed", PayBackState.FAILED),
            ("canceled", PayBackState.FAILED),
        ],
    )
    async def test_its_state_is_told(
        self, wire: StripeWire, rail: StripeRail, word: str, state: PayBackState
    ) -> None:
        """Money that did not arrive is not done."""
        wire.answer({f"GET {REFUNDS}": Says(listed(refund(status=word)))})
        found = await rail.find_pay_back("pi_1", "refund_1")

        assert found is not None
        assert found.state is state


class TestMoneyOfASession:
    async def test_it_is_that_of_its_invoice(self, wire: StripeWire, rail: StripeRail) -> None:
        """What begins a subscription is told of without it."""
        begun = session(id="cs_1", payment_intent=None, invoice=invoice())
        wire.answer(
            {
                "GET /v1/checkout/sessions/cs_1": Says(begun),
                f"GET {REFUNDS}": Says(listed()),
                f"POST {REFUNDS}": Says(refund()),
            }
        )
        await rail.pay_back(asked("cs_1"))

        assert wire.to(REFUNDS)[0].params["payment_intent"] == "pi_2"

    async def test_that_of_an_invoice_is_found_too(
        self, wire: StripeWire, rail: StripeRail
    ) -> None:
        """A renewal's event may not name its money."""
        wire.answer(
            {
                "GET /v1/invoices/in_1": Says(invoice()),
                f"GET {REFUNDS}": Says(listed(refund())),
            }
        )

        assert await rail.find_pay_back("in_1", "refund_1") == DONE
        assert wire.asked[1].params["payment_intent"] == "pi_2"

    @pytest.mark.parametrize(
        "answer", [Says(session(payment_intent=None)), error(404, code="resource_missing")]
    )
    async def test_where_nothing_was_paid_nothing_goes_back(
        self, wire: StripeWire, rail: StripeRail, answer: Says
    ) -> None:
        """A trial's beginning, or a session that Stripe does not have."""
        wire.answer({"GET /v1/checkout/sessions/cs_1": answer})
        with pytest.raises(Declined) as refused:
            await rail.pay_back(asked("cs_1"))

        assert refused.value.code is Code.INVALID_AMOUNT


class TestFinding:
    async def test_all_pages_are_looked_through(self, wire: StripeWire, rail: StripeRail) -> None:
        """Any number of partial refunds."""
        others = [refund(id=f"re_{n}", metadata={}) for n in range(100)]
        wire.say(Says(listed(*others)), Says(listed(refund(id="re_last"))))
        found = await rail.find_pay_back("pi_1", "refund_1")

        assert found is not None
        assert found.id == "re_last"
        assert wire.asked[1].params["starting_after"] == "re_99"

    async def test_none_is_none(self, wire: StripeWire, rail: StripeRail) -> None:
        """Another's reference is not ours."""
        wire.say(Says(listed(refund(metadata={"tillway_refund": "refund_2"}))))

        assert await rail.find_pay_back("pi_1", "refund_1") is None
