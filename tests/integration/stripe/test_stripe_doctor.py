import pytest

from support.stripe_objects import listed, price
from support.stripe_rails import dollars, stripe_rail
from support.stripe_wire import Fault, Says, StripeWire, error
from tillway.core.catalog import Product
from tillway.core.ids import ProductId

SESSIONS = "GET /v1/checkout/sessions"


def product(cents: int | None = 500) -> Product:
    """Give a report with a price at Stripe."""
    own = None if cents is None else dollars(cents)
    return Product(id=ProductId("report"), fiat_price=own, stripe_price_id="price_1")


class TestFindings:
    async def test_all_is_well(self, wire: StripeWire) -> None:
        """The key, the secrets, the tax rate and the price."""
        wire.answer(
            {
                SESSIONS: Says(listed()),
                "GET /v1/tax_rates/txr_1": Says({"id": "txr_1", "active": True}),
                "GET /v1/prices/price_1": Says(price()),
            }
        )
        async with stripe_rail(wire.url, tax_rate="txr_1") as rail:
            found = await rail.examine([product(), Product(id=ProductId("free"))])

        assert [each.subject for each in found] == [
            "Stripe's API",
            "webhook secrets",
            "tax rate txr_1",
            "price price_1 of report",
        ]
        assert all(each.good for each in found)
        assert all(asked.method == "GET" for asked in wire.asked)

    @pytest.mark.parametrize(
        ("answer", "advice"), [(error(401), "stripe.secret_key"), (Fault.DROP, "stripe.api_base")]
    )
    async def test_a_rail_that_cannot_be_used(
        self, wire: StripeWire, answer: Says | Fault, advice: str
    ) -> None:
        """Is said to be so, and nothing else is looked at."""
        wire.say(answer)
        async with stripe_rail(wire.url) as rail:
            (found,) = await rail.examine([product()])

        assert found.fatal
        assert advice in (found.advice or "")

    @pytest.mark.parametrize(
        ("answer", "cents", "fact"),
        [
            (error(404, code="resource_missing"), 500, "none of this id"),
            (Says(price(active=False)), 500, "archived"),
            (Says(price(unit_amount=600)), 500, "it is 6.00 USD, and the product 5.00 USD"),
            (Says(price(recurring={"interval": "month", "interval_count": 1})), 500, "period"),
            (Fault.DROP, None, "stripe_error"),
        ],
    )
    async def test_what_is_wrong_with_a_price(
        self, wire: StripeWire, answer: Says | Fault, cents: int | None, fact: str
    ) -> None:
        """With what follows from it."""
        wire.answer({SESSIONS: Says(listed()), "GET /v1/prices/price_1": answer})
        async with stripe_rail(wire.url) as rail:
            *_, found = await rail.examine([product(cents)])

        assert not found.good
        assert found.advice
        assert fact in found.fact

    @pytest.mark.parametrize(
        "answer", [Says({"active": False}), error(404, code="resource_missing")]
    )
    async def test_a_tax_rate_that_cannot_be_used(self, wire: StripeWire, answer: Says) -> None:
        """Archived, or none of that id."""
        wire.answer({SESSIONS: Says(listed()), "GET /v1/tax_rates/txr_1": answer})
        async with stripe_rail(wire.url, tax_rate="txr_1", secrets=()) as rail:
            _, secrets, rate = await rail.examine([])

        assert not secrets.good
        assert not rate.good
