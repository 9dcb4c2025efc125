"""Where buyers may be sent after a checkout."""

import pytest

from tillway.core.errors import Code, Declined
from tillway.core.services.hosted.pages import Pages

PAGES = Pages(
    success_url="https://shop.example/done?session_id={CHECKOUT_SESSION_ID}",
    cancel_url="http://localhost:8080/stripe/cancel",
    hosts=frozenset({"Other.example", "dev.example:3000"}),
)


class TestPages:
    """The configured pages, and others on the same hosts or on those that are named."""

    def test_without_a_wish_they_are_the_configured_ones(self) -> None:
        """None and an empty text are no wish."""
        for none in (None, ""):
            assert PAGES.success(none) == PAGES.success_url
            assert PAGES.cancel(none) == PAGES.cancel_url

    @pytest.mark.parametrize(
        "url",
        [
            "https://shop.example/thanks",
            "http://shop.example/thanks",
            "https://SHOP.example:443/?id={CHECKOUT_SESSION_ID}#top",
            "https://other.example",
            "http://dev.example:3000/x",
            "http://localhost:8080/elsewhere",
        ],
    )
    def test_pages_on_known_hosts_are_taken_as_they_are(self, url: str) -> None:
        """The usual port may be left out or written."""
        assert PAGES.success(url) == url
        assert PAGES.cancel(url) == url

    @pytest.mark.parametrize(
        "url",
        [
            "https://evil.example/",
            "https://shop.example.evil.example/",
            "https://evil.example/https://shop.example",
            "https://shop.example@evil.example/",
            "https://user@shop.example/",
            "https://shop.example\\@evil.example/",
            "https://evil.example\\.shop.example/",
            "//shop.example/",
            "/relative",
            "javascript:alert(1)",
            "data:text/html,x",
            "ftp://shop.example/",
            "https:///nothing",
            "https://shop.example:8443/",
            "http://localhost/",
            "http://dev.example/",
            "https://shop.example/\r\nSet-Cookie: x",
            " https://shop.example/",
            "https://shop.example/\u2028",
            "https://[::1/",
            "https://shop.example:port/",
            "https://shop.example/" + "a" * 2_048,
        ],
    )
    def test_all_others_are_refused_by_the_field(self, url: str) -> None:
        """Whatever a browser might make of them."""
        with pytest.raises(Declined) as refused:
            PAGES.success(url)
        assert (refused.value.code, refused.value.field) == (Code.INVALID_FIELD, "successUrl")
        with pytest.raises(Declined) as refused:
            PAGES.cancel(url)
        assert refused.value.field == "cancelUrl"
