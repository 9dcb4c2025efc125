"""What claims take and ends give back, as arithmetic on running totals."""

from collections.abc import Iterable, Mapping, Sequence

from tillway.core.payments import Chain, Payment, Phase, Reservation
from tillway.core.tenancy import Tenant

TallyKey = tuple[str, str, str]
"""Tenant, chain and name. What a tenant owns has no chain, what a chain shares no tenant."""


def tally_key(tenant: Tenant | None, chain: Chain | None, name: str) -> TallyKey:
    """Name a running total; ValueError where neither tenant nor chain says whose it is."""
    if tenant is not None:
        return tenant, "", name
    if chain is None:
        raise ValueError("a total that tenants share is a chain's: name the chain")
    return "", chain, name


def keys_of(payment: Payment) -> Sequence[TallyKey]:
    """Give the running totals that a payment's reservations touch, each once, in their order."""
    return list(dict.fromkeys(key_of(payment, one) for one in payment.reservations))


def first_refused(payment: Payment, totals: Mapping[TallyKey, int]) -> Reservation | None:
    """Give the first reservation, in their order, that would pass its limit.

    What earlier ones of the same claim take is counted.
    """
    running = dict(totals)
    for one in payment.reservations:
        key = key_of(payment, one)
        total = running.get(key, 0)
        if one.limit is not None and total + one.amount > one.limit:
            return one
        running[key] = total + one.change(None, Phase.LIVE)
    return None


def changes(
    payment: Payment, before: Phase | None, after: Phase | None
) -> Sequence[tuple[TallyKey, int]]:
    """Give by how much each running total changes when the payment moves on, zeros left out."""
    return moved(payment.chain, payment.reservations, before, after)


def moved(
    chain: Chain, reservations: Iterable[Reservation], before: Phase | None, after: Phase | None
) -> Sequence[tuple[TallyKey, int]]:
    """Give by how much each running total changes when these move on, zeros left out."""
    sums: dict[TallyKey, int] = {}
    for one in reservations:
        key = tally_key(one.tenant, chain, one.name)
        sums[key] = sums.get(key, 0) + one.change(before, after)
    return [(key, change) for key, change in sums.items() if change]


def key_of(payment: Payment, reservation: Reservation) -> TallyKey:
    """Name the running total that a reservation touches."""
    return tally_key(reservation.tenant, payment.chain, reservation.name)
