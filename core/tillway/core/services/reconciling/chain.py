"""Payments and the chain: what counts as arrived has arrived, and what arrived is known."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import timedelta

from attrs import frozen

from tillway.core.payments import Failed, Missing, Outcome, Payment, Settled, State
from tillway.core.ports.chains import Movement
from tillway.core.ports.rails import KnowsFinality
from tillway.core.services.paying.resolve import signed_of
from tillway.core.services.rails import Rails
from tillway.core.services.reconciling.desk import Desk, of_payment
from tillway.core.services.reconciling.findings import Finding, Kind

_WRITTEN_WITHIN = timedelta(minutes=5)
"""How long a resolver may take to see that money has arrived."""

_STANDS = frozenset({State.SETTLED, State.UNAPPLIED})

_LANDED = {
    State.FAILED: Kind.CHAIN_LANDED_THOUGH_FAILED,
    State.REVERSED: Kind.CHAIN_LANDED_THOUGH_REVERSED,
    State.CLAIMED: Kind.CHAIN_LANDED_THOUGH_OPEN,
    State.UNRESOLVED: Kind.CHAIN_LANDED_THOUGH_OPEN,
}


@frozen(kw_only=True)
class Stood:
    """What rails say of some payments. ``unsure`` counts those that nobody could tell of."""

    findings: Sequence[Finding]
    asked: int
    unsure: int


async def standing(desk: Desk, payments: Sequence[Payment], rails: Rails) -> Stood:
    """Ask the rails how these payments stand, and compare."""
    by_rail: defaultdict[str, list[Payment]] = defaultdict(list)
    for payment in payments:
        if payment.amount.minor and payment.signed and _is_ripe(desk, payment):
            by_rail[payment.rail].append(payment)
    findings: list[Finding] = []
    asked = unsure = 0
    for name, some in by_rail.items():
        rail = rails.find(name)
        if not isinstance(rail, KnowsFinality):
            continue
        stands = await rail.standing([signed_of(each) for each in some])
        for payment, stand in zip(some, stands, strict=True):
            findings += _compared(payment, stand)
            unsure += payment.state in _STANDS and not isinstance(stand, (Settled, Failed))
        asked += len(some)
    return Stood(findings=findings, asked=asked, unsure=unsure)


def _is_ripe(desk: Desk, payment: Payment) -> bool:
    """Tell whether a payment's end is not being written just now."""
    return not payment.is_live or desk.now - payment.lease_until > _WRITTEN_WITHIN


def _compared(payment: Payment, stand: Outcome | Missing) -> Iterator[Finding]:
    if payment.state in _STANDS and isinstance(stand, Failed):
        kind = Kind.CHAIN_FAILED if stand.landed else Kind.CHAIN_MISSING
        yield of_payment(kind, payment, f"is {payment.state}, and its rail shows: {stand.reason}")
    landed = _LANDED.get(payment.state)
    if landed is not None and isinstance(stand, Settled):
        text = f"is {payment.state}, and {payment.amount} arrived in slot {stand.slot}"
        yield of_payment(landed, payment, text)


async def arrival(desk: Desk, movement: Movement) -> Sequence[Finding]:
    """Compare what moved on the rail with the payment that it belongs to."""
    if movement.amount.minor <= 0:
        return []
    payment = await desk.view.payments.by_signature(desk.tenant, movement.signature)
    if payment is None:
        source = movement.other or "somebody"
        text = f"{source} paid {movement.amount} to {_place(movement)}, and there is no payment"
        about = f"transaction {movement.signature}"
        return [Finding(kind=Kind.ARRIVAL_UNKNOWN, about=about, text=text)]
    return list(_differences(payment, movement))


def _differences(payment: Payment, movement: Movement) -> Iterator[Finding]:
    came = f"{movement.amount} came to {_place(movement)} from {movement.other or 'somebody'}"
    if movement.amount.asset != payment.amount.asset:
        yield of_payment(Kind.ARRIVAL_ASSET, payment, f"is of {payment.amount}, and {came}")
    elif movement.amount != payment.amount:
        yield of_payment(Kind.ARRIVAL_AMOUNT, payment, f"is of {payment.amount}, and {came}")
    if payment.pay_to not in movement.places:
        yield of_payment(Kind.ARRIVAL_PLACE, payment, f"was to {payment.pay_to}, and {came}")
    others = (payment.payer, payment.refund_to)
    if movement.other is not None and movement.other not in others:
        yield of_payment(Kind.ARRIVAL_PAYER, payment, f"was from {payment.payer}, and {came}")


def _place(movement: Movement) -> str:
    return " or ".join(sorted(movement.places))
