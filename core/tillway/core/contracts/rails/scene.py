"""A rail and its world as one value, for whoever writes no test module."""

from collections.abc import Callable, Sequence

from attrs import frozen

from tillway.core.catalog import Product
from tillway.core.contracts.rails.stage import (
    PRICELESS,
    Envelope,
    Moved,
    Pay,
    Trouble,
    in_another_order,
    seconds,
)
from tillway.core.payments import Word
from tillway.core.services.rails import TakesProofs


@frozen(kw_only=True)
class Scene:
    """What the laws of rails are tried on: see ``contracts.rails`` for what each part is.

    The first four are needed. Laws that need a part that is None are not tried.
    """

    rail: TakesProofs
    product: Product
    pay: Pay
    moved: Moved
    unsold: Product = PRICELESS
    now: Callable[[], int] = seconds
    twin: TakesProofs | None = None
    retold: Callable[[Envelope], Sequence[Envelope]] = in_another_order
    lose_reply: Trouble | None = None
    go_away: Trouble | None = None
    payer: str | None = None
    speak: Callable[[str], Word] | None = None
