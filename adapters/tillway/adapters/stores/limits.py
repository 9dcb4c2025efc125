"""How many rows are asked for, and how large totals can be."""

from tillway.core.errors import Code, Declined
from tillway.core.money import LEAST, MOST


def checked(limit: int) -> int:
    """Take a limit; ValueError for a negative one, which databases understand in their own ways."""
    if limit < 0:
        raise ValueError("a limit is not negative")
    return limit


def bounded(total: int) -> int:
    """Take a total of minor units; Declined (invalid_amount) for one that leaves 64 bits."""
    if not LEAST <= total <= MOST:
        raise Declined(Code.INVALID_AMOUNT, "amount is too large")
    return total
