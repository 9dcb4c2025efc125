"""A checkout that a provider hosts: what we asked for, kept to compare with what it tells us."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import NewType

from attrs import frozen

from tillway.core.ids import RandomBytes
from tillway.core.money import Money
from tillway.core.payments import Purchase, Reservation
from tillway.core.tenancy import Tenant

CheckoutId = NewType("CheckoutId", str)


def new_checkout_id(random: RandomBytes) -> CheckoutId:
    """Make the id of a checkout: 128 random bits."""
    return CheckoutId(f"checkout_{random(16).hex()}")


class CheckoutState(StrEnum):
    """What is known of a checkout. ``opening``: asked for, and no answer stored yet."""

    OPENING = "opening"
    OPEN = "open"
    PAID = "paid"
    FAILED = "failed"
    EXPIRED = "expired"


UNPAID: frozenset[CheckoutState] = frozenset({CheckoutState.OPENING, CheckoutState.OPEN})
"""The states in which it may yet be paid, and so keeps its reservations."""

ENDED_WITHOUT_PAY: frozenset[CheckoutState] = frozenset(
    {CheckoutState.FAILED, CheckoutState.EXPIRED}
)
"""The states in which its reservations are given back."""


@frozen(kw_only=True)
class Checkout:
    """A session at a provider, written before it is asked for.

    ``session`` is the provider's id, unique for it. ``amount`` is what must be paid there; None
    where the provider decides it (by a price or a promotion of its own), until its session is
    stored, and nobody knows where to pay before that. What ``reservations`` take lives until the
    session is paid, or is known to be over, however late. ``expires_at`` is when somebody has to
    look at it, if nothing was heard. ``paid_with`` is the provider's name for the money.
    """

    id: CheckoutId
    tenant: Tenant
    provider: str
    purchase: Purchase
    amount: Money | None
    created_at: datetime
    expires_at: datetime
    reservations: tuple[Reservation, ...] = ()
    metadata: Mapping[str, str] = {}
    state: CheckoutState = CheckoutState.OPENING
    session: str | None = None
    url: str | None = None
    paid_at: datetime | None = None
    paid_with: str | None = None
