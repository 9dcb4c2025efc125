"""Coupons: how often each was used, counted again from what has used it."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from attrs import define, field

from tillway.core.checkouts import UNPAID, Checkout, CheckoutState
from tillway.core.payments import Payment, Phase, Reservation, phase_of
from tillway.core.services.reconciling.desk import Desk
from tillway.core.services.reconciling.findings import Finding, Kind

PREFIX = "coupon:"


@define
class Uses:
    """The uses of each coupon, as the rows have them."""

    _totals: defaultdict[str, int] = field(factory=lambda: defaultdict(int), init=False)
    _moving: set[str] = field(factory=set, init=False)

    def payment(self, payment: Payment) -> None:
        """Count what a payment takes; while it is open, nobody knows for how long."""
        phase = phase_of(payment.state)
        for each in _of_coupons(payment.reservations):
            self._totals[each.name] += each.amount if phase in each.counts else 0
            if phase is Phase.LIVE:
                self._moving.add(each.name)

    def checkout(self, checkout: Checkout) -> None:
        """Count what a checkout takes; while it is unpaid, nobody knows for how long."""
        unpaid = checkout.state in UNPAID
        paid = checkout.state is CheckoutState.PAID
        for each in _of_coupons(checkout.reservations):
            self._totals[each.name] += each.amount if paid and Phase.SETTLED in each.counts else 0
            if unpaid:
                self._moving.add(each.name)

    def leave_alone(self, payments: Iterable[Payment]) -> None:
        """Count nothing that these have used: they came while others were counted."""
        for payment in payments:
            self._moving |= {each.name for each in _of_coupons(payment.reservations)}

    def certain(self) -> Mapping[str, int]:
        """Give the counts of what nothing open uses."""
        return {name: total for name, total in self._totals.items() if name not in self._moving}


def _of_coupons(reservations: Iterable[Reservation]) -> Iterable[Reservation]:
    return (each for each in reservations if each.name.startswith(PREFIX))


async def counted(desk: Desk, totals: Mapping[str, int]) -> Sequence[Finding]:
    """Compare the counts with those that limit the coupons."""
    stored = await desk.view.tallies.totals(desk.tenant, sorted(totals))
    return [
        Finding(
            kind=Kind.COUPON_COUNT,
            about=name,
            text=f"counts as used {stored.get(name, 0)} times, and was used {total} times",
        )
        for name, total in totals.items()
        if stored.get(name, 0) != total
    ]
