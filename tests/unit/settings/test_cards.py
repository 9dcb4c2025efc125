from collections.abc import Mapping

import pytest

from support.settings_files import faults_of, loaded
from tillway.core.secrets import Secret
from tillway.plugins.settings.stripe import StripeSettings

KEYS = {"stripe.secret_key": "sk_test_1", "stripe.webhook_secret": "whsec_1"}


def _cards(**more: str) -> StripeSettings:
    keys = {f"stripe.{name}": text for name, text in more.items()}
    return loaded(KEYS | keys).section(StripeSettings)


class TestWebhookSecrets:
    @pytest.mark.parametrize("text", ["", '""', '","', '" , "'])
    def test_a_key_without_a_webhook_secret_is_refused(self, text: str) -> None:
        """Unset, empty or nothing but commas: anybody could sign, so nothing starts."""
        (fault,) = faults_of(KEYS | {"stripe.webhook_secret": text})

        assert fault.startswith("stripe.webhook_secret is required when stripe.secret_key is set")

    def test_several_are_kept_in_their_order(self) -> None:
        """The new one and the old one, with blanks around them or not."""
        cards = _cards(webhook_secret='"whsec_new, whsec_old,"')

        assert cards.webhook_secret == (Secret("whsec_new"), Secret("whsec_old"))
        assert "whsec" not in repr(cards)


class TestMode:
    @pytest.mark.parametrize(
        ("key", "mode", "must"),
        [
            ("sk_live_1", "test", "live"),
            ("rk_live_1", "test", "live"),
            ("sk_test_1", "live", "test"),
            ("rk_test_1", "live", "test"),
        ],
    )
    def test_keys_of_the_other_kind_are_refused(self, key: str, mode: str, must: str) -> None:
        """Real money is never taken by mistake, nor only seemingly."""
        (fault,) = faults_of(KEYS | {"stripe.secret_key": key, "stripe.mode": mode})

        assert fault.startswith(f"stripe.mode: must be {must}, as stripe.secret_key is")

    def test_a_browsers_key_counts_too(self) -> None:
        """Both keys are of one kind."""
        (fault,) = faults_of(KEYS | {"stripe.publishable_key": "pk_live_1"})

        assert fault.startswith("stripe.mode: must be live, as stripe.publishable_key is")

    @pytest.mark.parametrize(("key", "mode"), [("sk_live_1", "live"), ("sk_test_1", "test")])
    def test_keys_of_the_same_kind_are_taken(self, key: str, mode: str) -> None:
        """As the prefix says."""
        assert _cards(secret_key=key, mode=mode).mode == mode


class TestPlaces:
    def test_hosts_are_those_of_the_pages(self) -> None:
        """Unless they are named, a buyer comes back to where the pages are."""
        pages = {
            "success_url": "https://Shop.example/done?s={CHECKOUT_SESSION_ID}",
            "cancel_url": "http://localhost:8080/back",
        }

        assert _cards(**pages).redirect_hosts == ("shop.example", "localhost:8080")

    def test_hosts_can_be_named(self) -> None:
        """In any case, with a port or not."""
        cards = _cards(redirect_hosts="[Shop.example, 'app.example:8443']")

        assert cards.redirect_hosts == ("shop.example", "app.example:8443")

    @pytest.mark.parametrize(
        "host", ["https://a.example", "a.example/x", "u@a.example", "a b", "a:0", '""', "*"]
    )
    def test_what_is_no_host_is_refused(self, host: str) -> None:
        """No address, path or pattern."""
        (fault,) = faults_of(KEYS | {"stripe.redirect_hosts": f"['{host.strip(chr(34))}']"})

        assert fault.startswith("stripe.redirect_hosts: item 1 must be a host")

    @pytest.mark.parametrize(
        ("keys", "words"),
        [
            ({"stripe.api_base": "http://stripe.example"}, "must be https:// unless"),
            ({"stripe.api_base": "ftp://127.0.0.1"}, "must be a URL"),
            ({"stripe.payment_method_types": "['Card!']"}, "item 1 must be a payment method"),
        ],
    )
    def test_the_key_goes_nowhere_in_the_clear(self, keys: Mapping[str, str], words: str) -> None:
        """An emulator without TLS is on this machine."""
        (fault,) = faults_of(KEYS | dict(keys))

        assert words in fault

    @pytest.mark.parametrize("text", ["30m", "24h", "0"])
    def test_stripe_keeps_no_session_shorter_or_longer(self, text: str) -> None:
        """Half an hour to a day, and some minutes for the way."""
        (fault,) = faults_of(KEYS | {"stripe.session_lifetime": text})

        assert fault.startswith("stripe.session_lifetime: must be between")

    def test_an_emulator_stands_in(self) -> None:
        """On the loopback interface."""
        base = "http://127.0.0.1:12111"

        assert _cards(api_base=base).api_base == base
