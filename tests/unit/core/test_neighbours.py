"""Whom a count by network address takes for one."""

import pytest

from tillway.core.neighbours import neighbours_of


class TestNeighbours:
    @pytest.mark.parametrize(
        ("address", "named"),
        [
            ("198.51.100.7", "198.51.100.7"),
            ("::ffff:198.51.100.7", "198.51.100.7"),
            ("2001:db8:0:1::7", "2001:db8:0:1::/64"),
            ("2001:db8:0:1:ffff::1", "2001:db8:0:1::/64"),
            ("2001:db8:0:2::7", "2001:db8:0:2::/64"),
            ("fe80::1%eth0", "fe80::/64"),
            ("", ""),
            ("nobody", "nobody"),
        ],
    )
    def test_of_ipv6_a_subscribers_addresses_are_one(self, address: str, named: str) -> None:
        """A /64 is what one has; all else stands for itself."""
        assert neighbours_of(address) == named
