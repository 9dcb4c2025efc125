import pytest

from tillway.adapters.stripe.hosts import refuse_elsewhere
from tillway.core.errors import Code, Declined

HOSTS = ("shop.example", "app.example:8443", "[::1]:8080")


class TestHosts:
    @pytest.mark.parametrize(
        "url",
        [
            "https://shop.example/done?session_id={CHECKOUT_SESSION_ID}",
            "https://SHOP.example:443/",
            "https://app.example:8443/x",
            "http://[::1]:8080/x",
        ],
    )
    def test_named_hosts_are_taken(self, url: str) -> None:
        """With the port that is named, or the usual one."""
        refuse_elsewhere(url, HOSTS, "successUrl")

    @pytest.mark.parametrize(
        "url",
        [
            "",
            "https://",
            "/done",
            "//shop.example/",
            "https://evil.example/",
            "https://shop.example.evil.example/",
            "https://evil.example\\@shop.example/",
            "https://evil.example/#@shop.example/",
            "https://shop.example@evil.example/",
            "https://user:word@shop.example/",
            "https://shop.example:8443/",
            "https://app.example/",
            "javascript:alert(1)//shop.example",
            "https://shop.example/ x",
            "https://shop.example/\n",
            "https://shop.example:x/",
            "https://ѕhop.example/",
            "ftp://shop.example/",
        ],
    )
    def test_all_else_is_declined(self, url: str) -> None:
        """Wherever a browser might be led by it."""
        with pytest.raises(Declined) as refused:
            refuse_elsewhere(url, HOSTS, "successUrl")

        assert (refused.value.code, refused.value.field) == (Code.INVALID_FIELD, "successUrl")
