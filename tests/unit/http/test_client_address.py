"""Whose address counts behind proxies."""

from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tillway.entrypoints.http.middleware.client import MOST_HOPS, nearest

NETWORKS = (ip_network("10.0.0.0/8"), ip_network("2001:db8::/32"))
PEER = ip_address("10.0.0.1")


def found(*headers: str) -> str:
    return nearest(PEER, headers, NETWORKS)


class TestNearest:
    @pytest.mark.parametrize(
        ("header", "client"),
        [
            ("203.0.113.9", "203.0.113.9"),
            ("203.0.113.9, 10.0.0.2", "203.0.113.9"),
            ("1.1.1.1, 203.0.113.9, 10.0.0.2", "203.0.113.9"),
            ("10.0.0.3, 10.0.0.2", "10.0.0.3"),
            ("203.0.113.9:4711", "203.0.113.9"),
            ("2001:db8::7", "2001:db8::7"),
            ("[2606:4700::1]:443", "2606:4700::1"),
            ("2606:4700::1", "2606:4700::1"),
            ("::ffff:203.0.113.9", "203.0.113.9"),
            ("198.51.100.1,2001:db8::7", "198.51.100.1"),
        ],
    )
    def test_it_is_the_last_that_a_trusted_proxy_saw(self, header: str, client: str) -> None:
        """Read from the right; what a stranger wrote to the left of himself does not count."""
        assert found(header) == client

    def test_several_headers_are_one_list(self) -> None:
        """As HTTP has it."""
        assert found("1.1.1.1, 203.0.113.9", "10.0.0.2") == "203.0.113.9"

    @pytest.mark.parametrize(
        "header", ["", "unknown", "_hidden", "1.2.3", "a, b", "[", "fe80::1%<script>"]
    )
    def test_what_is_no_address_ends_the_way(self, header: str) -> None:
        """The proxy itself is then the nearest that is known."""
        assert found(header) == str(PEER)

    def test_a_broken_hop_hides_what_stands_before_it(self) -> None:
        """Nobody vouches for it."""
        assert found("1.1.1.1, nonsense, 10.0.0.2") == "10.0.0.2"

    def test_a_very_long_list_is_read_from_its_end_only(self) -> None:
        """And its beginning costs nothing."""
        assert found("1.1.1.1, " + "10.0.0.2, " * 5000 + "10.0.0.3") == "10.0.0.2"
        assert MOST_HOPS < 5000

    @given(st.lists(st.text(alphabet="0123456789abcdef.:[], ", max_size=40), max_size=5))
    def test_the_answer_is_always_an_address(self, headers: list[str]) -> None:
        """Whatever the header holds."""
        ip_address(found(*headers))

    @given(st.text(alphabet="0123456789., ", max_size=60))
    def test_a_stranger_cannot_choose_his_address(self, claimed: str) -> None:
        """What he writes himself stands to the left of what the proxy appends."""
        assert found(f"{claimed}, 203.0.113.9") == "203.0.113.9"
