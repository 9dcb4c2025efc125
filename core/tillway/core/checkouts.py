"""A checkout that a provider hosts: what we asked for, kept to compare with what it tells us."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import NewType

from attrs import frozen

from tillway.core.money import Money
from tillway.core.payments import Purchase, Reservation
from tillway.core.tenancy import Tenant

CheckoutId = NewType("CheckoutId", str)


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

    ``session`` is the provider's id, unique for it. ``amount`` is what must be paid there. What
    ``reservations`` take lives until the session is paid, or is known to be over, however late.
    """

    id: CheckoutId
    tenant: Tenant
    provider: str
    purchase: Purchase
    amount: Money
    created_at: datetime
    expires_at: datetime
    reservations: tuple[Reservation, ...] = ()
    metadata: Mapping[str, str] = {}
    state: CheckoutState = CheckoutState.OPENING
    session: str | None = None
    url: str | None = None
    paid_at: datetime | None = None
    paid_with: str | None = None
