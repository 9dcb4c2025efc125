from hypothesis import given
from hypothesis import strategies as st

from support.stripe_rails import checkout
from tillway.adapters.stripe.metadata import (
    CHECKOUT,
    LONGEST_KEY,
    LONGEST_VALUE,
    MOST_KEYS,
    ours_of,
    written,
)

OURS = ours_of(checkout())


class TestLimits:
    @given(st.dictionaries(st.text(max_size=60), st.text(max_size=600), max_size=120))
    def test_stripes_limits_are_kept_whatever_is_given(self, theirs: dict[str, str]) -> None:
        """Fifty pairs, forty characters, five hundred, and ours are among them."""
        found = written(theirs, OURS)

        assert len(found) <= MOST_KEYS
        assert all(0 < len(key) <= LONGEST_KEY and not set(key) & set("[]") for key in found)
        assert all(0 < len(value) <= LONGEST_VALUE for value in found.values())
        assert found.items() >= OURS.items()

    def test_nothing_stands_in_the_place_of_ours(self) -> None:
        """A buyer's word for our key is not heard."""
        assert written({CHECKOUT: "checkout_2"}, OURS)[CHECKOUT] == "checkout_1"

    def test_of_too_many_the_first_are_left_out(self) -> None:
        """What the gateway adds stands behind what the buyer says."""
        theirs = {f"k{number}": "v" for number in range(80)} | {"resource_id": "report"}
        found = written(theirs, OURS)

        assert len(found) == MOST_KEYS
        assert found["resource_id"] == "report"
        assert "k0" not in found
