"""Many measurements in a few numbers."""

from collections.abc import Sequence
from math import ceil
from typing import Self

from attrs import frozen


def percentile(ordered: Sequence[float], percent: float) -> float:
    """Give the smallest value that so many percent of all do not exceed (nearest rank).

    ``ordered`` is ascending. ValueError without values, or outside 0 to 100.
    """
    if not ordered or not 0 <= percent <= 100:
        raise ValueError("a percentile is of 0 to 100 percent of at least one value")
    return ordered[max(0, ceil(len(ordered) * percent / 100) - 1)]


@frozen(kw_only=True)
class Spread:
    """How values lie."""

    count: int
    mean: float
    median: float
    p99: float
    most: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Self:
        """Sum up values; ValueError if there are none."""
        ordered = sorted(values)
        return cls(
            count=len(ordered),
            mean=sum(ordered) / max(1, len(ordered)),
            median=percentile(ordered, 50),
            p99=percentile(ordered, 99),
            most=percentile(ordered, 100),
        )


def rate_of(ends: Sequence[float]) -> float:
    """Give how many a second come to an end, from the moments at which they did, ascending.

    Counted from the first to the last, so that the window's edges, which cut through what is
    under way, do not count. 0 for fewer than two.
    """
    if len(ends) < 2 or ends[-1] <= ends[0]:
        return 0.0
    return (len(ends) - 1) / (ends[-1] - ends[0])


def median(values: Sequence[float]) -> float:
    """Give the value in the middle, the lower one of two."""
    return percentile(sorted(values), 50)
