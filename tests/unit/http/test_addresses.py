"""Which of our addresses a request was asked at: what is configured, and nobody else's word."""

from collections.abc import Mapping

import pytest

from tillway.entrypoints.http.addresses import MOST, Addresses, Place, origins_in

FORWARDED: Mapping[str, str] = {
    "X-Forwarded-Proto": "http, https",
    "X-Forwarded-Host": "evil.example, pay.example",
}
SHOP = "https://shop.example"
OTHER = "http://other.example:8080"


def asked(addresses: Addresses, host: str, *, trusted: bool = False, **headers: str) -> Place:
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    return addresses.at("http", host, named, trusted=trusted)


class TestConfigured:
    @pytest.mark.parametrize(
        ("host", "origin"),
        [
            ("shop.example", SHOP),
            ("SHOP.example", SHOP),
            ("shop.example:443", SHOP),
            ("other.example:8080", OTHER),
            ("other.example", SHOP),
            ("shop.example:80", SHOP),
            ("evil.example", SHOP),
            ("shop.example@evil.example", SHOP),
            ("127.0.0.1:8080", SHOP),
            ("localhost", SHOP),
            ("", SHOP),
            ("x" * 100_000, SHOP),
        ],
    )
    def test_every_request_was_asked_at_an_address_of_ours(self, host: str, origin: str) -> None:
        """At the one that it names, or else at the main one."""
        place = asked(Addresses.of(f"{SHOP}, {OTHER}"), host)
        assert place == Place(origin=origin, certain=True)

    @pytest.mark.parametrize("trusted", [False, True])
    def test_no_proxy_adds_one(self, trusted: bool) -> None:
        """Not even one that we trust: it repeats what clients say."""
        addresses = Addresses.of([SHOP], development=True)
        place = addresses.at("http", "shop.example", FORWARDED, trusted=trusted)
        assert place == Place(origin=SHOP, certain=True)

    def test_a_trusted_proxy_tells_which_of_ours_it_was(self) -> None:
        """A stranger's X-Forwarded-Host counts for nothing."""
        addresses = Addresses.of([SHOP, OTHER])
        forwarded = {"X-Forwarded-Host": "other.example:8080"}
        found = [
            addresses.at("http", "inside", forwarded, trusted=trusted).origin
            for trusted in (True, False)
        ]
        assert found == [OTHER, SHOP]


class TestNotConfigured:
    @pytest.mark.parametrize(
        ("host", "certain"),
        [
            ("localhost", True),
            ("localhost:8080", True),
            ("127.0.0.1:8080", True),
            ("127.8.8.8", True),
            ("[::1]:8080", True),
            ("10.0.0.1", False),
            ("0.0.0.0", False),
            ("localhost.evil.example", False),
            ("127.0.0.1.evil.example", False),
            ("evil.example", False),
            ("[::2]", False),
            ("[:.:]", False),
        ],
    )
    def test_only_this_machine_is_certain_and_only_in_development(
        self, host: str, certain: bool
    ) -> None:
        """Whatever a client calls us is repeated, and nothing is compared with it."""
        place = Place(origin=f"http://{host}", certain=certain)
        assert asked(Addresses(development=True), host) == place
        assert not asked(Addresses(), host).certain

    @pytest.mark.parametrize("host", ["a b", 'a"b', "user@a", "a/b", "", "a:1:2", "x" * 300])
    def test_what_cannot_be_a_host_is_not_repeated(self, host: str) -> None:
        """No answer carries a stranger's text."""
        assert asked(Addresses(), host).origin == "http://localhost"

    def test_the_hop_at_the_front_of_a_list_counts(self) -> None:
        """A trusted proxy's words are believed, and are certain of nothing."""
        place = Addresses(development=True).at("http", "inside", FORWARDED, trusted=True)
        assert place == Place(origin="http://evil.example", certain=False)


class TestWriting:
    def test_addresses_are_written_as_browsers_write_them(self) -> None:
        """Without the usual port, in lower case, each once."""
        written = "HTTPS://Shop.Example:443/, https://shop.example, http://[::1]:80 , http://a:8080"
        assert origins_in(written) == ("https://shop.example", "http://[::1]", "http://a:8080")

    @pytest.mark.parametrize(
        "text",
        [
            "shop.example",
            "//shop.example",
            "ftp://shop.example",
            "https://",
            "https://shop.example/pay",
            "https://shop.example?x=1",
            "https://shop.example#x",
            "https://user@shop.example",
            "https://shop.example:0",
            "https://shop.example:65536",
            "https://shop example",
            "https://*.example",
            "https://shop.example\r\nX: y",
            ",".join(f"https://shop{number}.example" for number in range(MOST + 1)),
        ],
    )
    def test_what_is_no_address_is_refused(self, text: str) -> None:
        """With a word on what one looks like."""
        with pytest.raises(ValueError, match="must be"):
            origins_in(text)
