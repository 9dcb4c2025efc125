"""The plugin as the gateway has it: from settings to a rail."""

import pytest

from support.settings_files import file_of
from tillway.adapters.stripe.rail import StripeRail
from tillway.entrypoints.bootstrap import create_app
from tillway.entrypoints.configuration import configure
from tillway.entrypoints.gateway import Gateway

SHOP = {
    "logging.environment": "development",
    "storage.backend": "memory",
    "paywall.resources.item.fiat_amount_cents": "100",
}
CARDS = {"stripe.secret_key": "sk_test_1", "stripe.webhook_secret": "whsec_1"}


def gateway(**more: str) -> Gateway:
    """Join a gateway of these keys of the section."""
    keys = {f"stripe.{name}": text for name, text in more.items()}
    return create_app(configure(file_of(SHOP | CARDS | keys), {}))


def rail_of(made: Gateway) -> StripeRail:
    """Give its one rail."""
    (rail,) = made.rails.all
    assert isinstance(rail, StripeRail)
    return rail


class TestRail:
    def test_a_shop_of_cards_needs_no_other_rail(self) -> None:
        """Its section alone loads it; there is no wallet."""
        made = gateway()

        assert rail_of(made).name == "stripe"
        assert made.rails.methods() == ["stripe"]

    async def test_it_opens_and_closes_without_asking_stripe(self) -> None:
        """Which may be away."""
        made = gateway(api_base="http://127.0.0.1:9")
        await made.open()
        await made.aclose()

    def test_the_settings_reach_it(self) -> None:
        """Our own pages' hosts beside those that are named."""
        config = rail_of(
            gateway(
                redirect_hosts="[app.example]",
                success_url="https://shop.example/done",
                tax_rate_id="txr_1",
                payment_method_types="[card, sepa_debit]",
                webhook_secret="'whsec_1,whsec_2'",
            )
        ).config

        assert config.hosts == ("app.example", "shop.example", "localhost:8080")
        assert config.tax_rate == "txr_1"
        assert config.payment_methods == ("card", "sepa_debit")
        assert [secret.reveal() for secret in config.webhook_secrets] == ["whsec_1", "whsec_2"]
        assert not config.live

    def test_without_a_key_there_is_no_rail(self, caplog: pytest.LogCaptureFixture) -> None:
        """And the log says so."""
        made = create_app(configure(file_of(SHOP | {"stripe.tax_rate_id": "txr_1"}), {}))

        assert made.rails.all == ()
        assert "stripe.secret_key is not set" in caplog.text

    def test_no_secret_is_shown(self) -> None:
        """By the rail, or by what it is made of."""
        shown = repr(rail_of(gateway()))

        assert "sk_test_1" not in shown
        assert "whsec_1" not in shown
