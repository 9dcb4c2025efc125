"""A rail and its world as one value, for whoever writes no test module."""

from collections.abc import Callable, Sequence

from attrs import frozen

from tillway.core.catalog import Product
from tillway.core.contracts.rails.stage import Envelope, Moved, Pay, Trouble
from tillway.core.payments import Word
from tillway.core.services.rails import TakesProofs


@frozen(kw_only=True)
class Scene:
    """What the laws of rails are tried on: see ``contracts.rails`` for what each part is.

    The first four are needed. ``retold`` and ``now`` have defaults as there; laws that need
    another part are not tried without it.
    """

    rail: TakesProofs
    product: Product
    pay: Pay
    moved: Moved
    unsold: Product | None = None
    now: Callable[[], int] | None = None
    twin: TakesProofs | None = None
    retold: Callable[[Envelope], Sequence[Envelope]] | None = None
    lose_reply: Trouble | None = None
    go_away: Trouble | None = None
    payer: str | None = None
    speak: Callable[[str], Word] | None = None
