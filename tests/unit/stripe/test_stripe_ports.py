from typing import Any

import pytest

from support.stripe_objects import event, session
from support.stripe_rails import SECRET, dollars, stripe_rail
from tillway.adapters.stripe import least
from tillway.adapters.stripe.signature import signature
from tillway.core.assets import EUR, USD, USDC, Asset, AssetKind
from tillway.core.catalog import BillingPeriod, Product, SubscriptionTerms
from tillway.core.contracts.samples import NOW
from tillway.core.errors import Code, Declined
from tillway.core.ids import ProductId
from tillway.core.money import Money
from tillway.core.ports.hosting import (
    CompletesNews,
    HearsWebhooks,
    HostsCheckout,
    HostsSubscriptions,
    PaysBack,
    SessionTold,
)
from tillway.core.ports.least import KnowsLeast
from tillway.core.ports.rails import Examines, HasHealth, Offers, Starts
from tillway.core.secrets import Secret
from tillway.entrypoints.sandbox.stripe.totals import LEAST

NOWHERE = "http://127.0.0.1:9"


def currency(code: str, decimals: int) -> Asset:
    return Asset(code=code, decimals=decimals, kind=AssetKind.FIAT, stripe=code.lower(), peg=code)


YEN, FORINT = currency("JPY", 0), currency("HUF", 2)


class TestPorts:
    @pytest.mark.parametrize(
        "port",
        [
            HostsCheckout,
            HearsWebhooks,
            CompletesNews,
            PaysBack,
            HostsSubscriptions,
            KnowsLeast,
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


class TestLeast:
    @pytest.mark.parametrize(
        ("asset", "minor"), [(USD, 50), (EUR, 50), (YEN, 50), (FORINT, 17_500)]
    )
    async def test_it_is_what_stripe_publishes(self, asset: Asset, minor: int) -> None:
        """For the currency of the charge, in the units in which Stripe counts it."""
        async with stripe_rail(NOWHERE) as rail:
            assert rail.least(asset) == Money(minor, asset)

    def test_the_sandboxs_stripe_charges_as_little(self) -> None:
        """Two tables, written apart, of the same page."""
        assert LEAST == least.LEAST

    @pytest.mark.parametrize(
        ("asset", "config"),
        [
            (USD, {"tax_rate": "txr_1"}),
            (USD, {"payment_methods": ("card", "ideal")}),
            (USD, {"payment_methods": ()}),
            (currency("XAF", 0), {}),
            (USDC, {}),
        ],
    )
    async def test_what_depends_on_more_is_stripes_to_say(
        self, asset: Asset, config: dict[str, Any]
    ) -> None:
        """Tax comes on top of our price, some ways to pay take anything, some currencies lack."""
        async with stripe_rail(NOWHERE, **config) as rail:
            assert rail.least(asset) is None


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
