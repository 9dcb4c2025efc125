import pytest

from support.stripe_objects import event, session
from support.stripe_rails import SECRET, dollars, stripe_rail
from tillway.adapters.stripe.signature import signature
from tillway.core.catalog import BillingPeriod, Product, SubscriptionTerms
from tillway.core.contracts.samples import NOW
from tillway.core.errors import Code, Declined
from tillway.core.ids import ProductId
from tillway.core.ports.hosting import (
    CompletesNews,
    HearsWebhooks,
    HostsCheckout,
    HostsSubscriptions,
    PaysBack,
    SessionTold,
)
from tillway.core.ports.rails import Examines, HasHealth, Offers, Starts
from tillway.core.secrets import Secret

NOWHERE = "http://127.0.0.1:9"


class TestPorts:
    @pytest.mark.parametrize(
        "port",
        [
            HostsCheckout,
            HearsWebhooks,
            CompletesNews,
            PaysBack,
            HostsSubscriptions,
            Starts,
            Examines,
        ],
    )
    async def test_the_rail_has_them(self, port: type) -> None:
        """All that the core asks of such a rail."""
        async with stripe_rail(NOWHERE) as rail:
            assert isinstance(rail, port)

    @pytest.mark.parametrize("port", [Offers, HasHealth])
    async def test_it_lacks_what_it_cannot_honour(self, port: type) -> None:
        """It takes no proofs; and a Stripe that is away must not stop other rails."""
        async with stripe_rail(NOWHERE) as rail:
            assert not isinstance(rail, port)


class TestTaking:
    @pytest.mark.parametrize(
        ("product", "takes"),
        [
            (Product(id=ProductId("a"), fiat_price=dollars(1)), True),
            (Product(id=ProductId("a"), stripe_price_id="price_1"), True),
            (
                Product(
                    id=ProductId("a"),
                    subscription=SubscriptionTerms(
                        billing_period=BillingPeriod.DAY, stripe_price_id="price_1"
                    ),
                ),
                True,
            ),
            (Product(id=ProductId("a")), False),
        ],
    )
    async def test_a_price_for_cards_is_needed(self, product: Product, takes: bool) -> None:
        """Ours, or Stripe's."""
        async with stripe_rail(NOWHERE) as rail:
            assert rail.takes(product) is takes


class TestWebhooks:
    async def test_an_authentic_event_is_verified_and_understood(self) -> None:
        """By the rail as a whole, offline."""
        body = event("checkout.session.completed", session())
        headers = {"Stripe-Signature": signature(body, SECRET, NOW)}
        async with stripe_rail(NOWHERE) as rail:
            told, news = rail.verify(headers, body), rail.translate(body)

        assert (told.id, told.test) == ("evt_1", True)
        assert isinstance(news, SessionTold)

    async def test_without_a_secret_nothing_verifies(self) -> None:
        """Not even what nothing has signed."""
        body = event("checkout.session.completed", session())
        async with stripe_rail(NOWHERE, secrets=()) as rail:
            for key in (Secret(""), SECRET):
                with pytest.raises(Declined) as refused:
                    rail.verify({"Stripe-Signature": signature(body, key, NOW)}, body)
                assert refused.value.code is Code.INVALID_SIGNATURE
