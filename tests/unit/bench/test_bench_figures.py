"""The figures that benchmarks are summed up in."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.report import times
from bench.spread import Spread, median, percentile, rate_of

floats = st.floats(min_value=-1e9, max_value=1e9)


class TestPercentile:
    @pytest.mark.parametrize(
        ("percent", "value"), [(0, 1), (1, 1), (10, 1), (10.1, 2), (50, 5), (99, 10), (100, 10)]
    )
    def test_it_is_the_value_of_the_nearest_rank(self, percent: float, value: float) -> None:
        """No value is made up between two that were measured."""
        assert percentile([1, 2, 3, 4, 5, 6, 7, 8, 9, 10], percent) == value

    @given(st.lists(floats, min_size=1, max_size=50), st.floats(0, 100))
    def test_so_many_are_not_above_it(self, values: list[float], percent: float) -> None:
        """And it is the smallest value of which that is true."""
        ordered = sorted(values)
        found = percentile(ordered, percent)
        enough = len(ordered) * percent / 100
        assert sum(value <= found for value in ordered) >= enough - 1e-9
        assert found == ordered[0] or sum(value < found for value in ordered) < enough + 1e-9

    @pytest.mark.parametrize(("values", "percent"), [([], 50), ([1.0], -1), ([1.0], 101)])
    def test_nonsense_is_refused(self, values: list[float], percent: float) -> None:
        """A benchmark that measured nothing must not look like a fast one."""
        with pytest.raises(ValueError, match="percentile"):
            percentile(values, percent)


class TestSpread:
    def test_it_sums_up_values_in_any_order(self) -> None:
        """The caller does not have to sort."""
        spread = Spread.of([3.0, 1.0, 2.0, 10.0])
        assert spread == Spread(count=4, mean=4.0, median=2.0, p99=10.0, most=10.0)

    def test_nothing_has_no_spread(self) -> None:
        """It raises, and says so."""
        with pytest.raises(ValueError, match="at least one value"):
            Spread.of([])

    def test_the_median_of_two_is_one_of_them(self) -> None:
        """The lower, so that speeds are not flattered."""
        assert median([8.0, 2.0]) == 2.0


class TestRate:
    def test_it_counts_from_the_first_end_to_the_last(self) -> None:
        """Five ends in two seconds are four steps of half a second."""
        assert rate_of([10.0, 10.5, 11.0, 11.5, 12.0]) == 2.0

    def test_a_steady_rate_does_not_depend_on_where_the_window_begins(self) -> None:
        """Counting a window's ends would be off by one either way."""
        ends = [number * 0.56 for number in range(100)]
        for start in (0.1, 0.3, 0.55):
            inside = [end for end in ends if start <= end < start + 5]
            assert rate_of(inside) == pytest.approx(1 / 0.56)

    @pytest.mark.parametrize("ends", [[], [1.0], [1.0, 1.0]])
    def test_too_few_have_none(self, ends: list[float]) -> None:
        """One end says nothing of how long it takes."""
        assert rate_of(ends) == 0.0


class TestRatios:
    def test_they_are_written_as_multiples(self) -> None:
        """With two digits after the point."""
        assert times(3, 2) == "1.50x"

    def test_nothing_is_a_multiple_of_zero(self) -> None:
        """What was not measured shows as a dash."""
        assert times(3, 0) == "-"
