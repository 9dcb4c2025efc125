"""What the bank of whoever paid has taken back: noted with the payment, a line for each dispute."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Final

from attrs import evolve, field, frozen

from tillway.core.money import Money
from tillway.core.paid import paid_in_all
from tillway.core.payments import Payment

PREFIX: Final = "stripe_dispute:"
"""What the names begin with under which a payment's metadata has its disputes."""

OPEN: Final = "open"
WON: Final = "won"


@frozen(kw_only=True)
class Standing:
    """How a dispute stands. ``minor`` is what it is about; None for all that was paid."""

    state: str
    at: str
    minor: int | None = field(default=None)

    @property
    def order(self) -> tuple[int, str]:
        """Order news of one dispute: its end comes after its beginning, then what is newer."""
        return (0 if self.state == OPEN else 1, self.at)

    def __str__(self) -> str:
        """Write it as it is noted."""
        whole = f"{self.state} {self.at}"
        return whole if self.minor is None else f"{whole} {self.minor}"


def standing(state: str, at: datetime, minor: int | None) -> Standing:
    """Say how a dispute stands at a time."""
    return Standing(state=state, at=at.isoformat(), minor=minor)


def standing_of(payment: Payment, dispute: str) -> Standing | None:
    """Give how a dispute stood when it was last heard of; None for an unknown one."""
    text = payment.metadata.get(f"{PREFIX}{dispute}")
    return None if text is None else _read(text)


def with_standing(payment: Payment, dispute: str, now: Standing) -> Mapping[str, str]:
    """Give a payment's metadata with how a dispute stands now."""
    return {**payment.metadata, f"{PREFIX}{dispute}": f"{now}"}


def taken_back(payment: Payment) -> int:
    """Give what disputes have taken of a payment, in minor units: those that are not won."""
    whole = paid_in_all(payment).minor
    lost = (each for each in _all(payment) if each.state != WON)
    return min(whole, sum(whole if each.minor is None else each.minor for each in lost))


def left_of(payment: Payment) -> Money:
    """Give what of a payment is not disputed: the most that refunds can give back."""
    whole = paid_in_all(payment)
    return evolve(whole, minor=whole.minor - taken_back(payment))


def is_disputed(payment: Payment) -> bool:
    """Tell whether a payment ever was, however that ended."""
    return any(True for _ in _all(payment))


def _all(payment: Payment) -> Iterator[Standing]:
    for name, text in payment.metadata.items():
        if name.startswith(PREFIX):
            yield _read(text)


def _read(text: str) -> Standing:
    state, at, *minor = text.split(" ")
    return Standing(state=state, at=at, minor=int(minor[0]) if minor else None)
