"""Refunds that were paid, and what shows it: an entry, a fact, and the payment of a proof."""

from collections.abc import Iterator, Sequence, Set

from tillway.core.events import Event
from tillway.core.ids import EventId, RefundId, event_id_of
from tillway.core.ledger import Entry, EntryKey, sums
from tillway.core.payments import Payment, State
from tillway.core.quotes import Purpose
from tillway.core.refunds import Refund, RefundState
from tillway.core.services.reconciling.desk import Desk
from tillway.core.services.reconciling.findings import Finding, Kind
from tillway.core.services.reconciling.telling import share_of
from tillway.core.services.refunds.booking import REFUND_SUCCEEDED
from tillway.core.services.refunds.late import LATE
from tillway.core.services.refunds.providers import is_of_provider

TOLD = frozenset({REFUND_SUCCEEDED})
"""The facts that are about a refund that was paid."""

_PREFIX = "refund:"
_REVERSED = ":reversed"


async def payout(desk: Desk, refund: Refund) -> Sequence[Finding]:
    """Compare a refund that was paid with its entry and, where a proof paid it, its payment."""
    if refund.state is not RefundState.PROCESSED or not refund.signature:
        return []
    payment = await _payment(desk, refund)
    return [*_paid(refund, payment), *await _booked(desk, refund, payment)]


async def untold(
    desk: Desk, refund: Refund, known: Set[EventId], share: int = 0, shares: int = 1
) -> Sequence[Finding]:
    """Compare a refund that was paid with the facts of a share."""
    if refund.state is not RefundState.PROCESSED or not refund.signature:
        return []
    fact = _fact(refund, _turn(await _payment(desk, refund)))
    if share_of(fact, shares) != share or fact in known:
        return []
    return [
        _of(Kind.REFUND_NOT_TOLD, refund, f"is paid, and no {REFUND_SUCCEEDED} {fact} tells it")
    ]


async def entry_founded(desk: Desk, key: EntryKey) -> Sequence[Finding]:
    """Compare an entry of a refund with the refund that its key names."""
    if not key.startswith(_PREFIX) or key.endswith(_REVERSED):
        return []
    _, name, *_ = key.split(":")
    refund = await desk.view.refunds.get(desk.tenant, RefundId(name))
    if refund is not None and refund.state is RefundState.PROCESSED:
        return []
    undone = await desk.entry(desk.tenant, EntryKey(f"{key}{_REVERSED}"))
    if refund is not None and undone is not None:
        return []
    what = "not there" if refund is None else f"{refund.state}"
    text = f"books refund {name}, which is {what}"
    return [Finding(kind=Kind.REFUND_ENTRY_UNFOUNDED, about=f"entry {key}", text=text)]


async def fact_founded(desk: Desk, event: Event) -> Sequence[Finding]:
    """Compare a fact about a refund with the refund."""
    name = str(event.body.get("refundId"))
    refund = await desk.view.refunds.get(desk.tenant, RefundId(name))
    if refund is None:
        text = f"tells of refund {name}, which is not there"
        return [Finding(kind=Kind.REFUND_FACT_UNFOUNDED, about=f"fact {event.id}", text=text)]
    told = (event.body.get("atomicAmount"), event.body.get("token"))
    if told != (refund.amount.minor, refund.amount.asset.code):
        text = f"is of {refund.amount}, and {event.type} {event.id} tells {told}"
        return [_of(Kind.REFUND_FACT_AMOUNT, refund, text)]
    return []


async def _payment(desk: Desk, refund: Refund) -> Payment | None:
    """Give the payment of a proof that paid a refund; None for one that a provider paid."""
    if is_of_provider(refund) or refund.signature is None:
        return None
    return await desk.view.payments.by_signature(refund.tenant, refund.signature)


def _turn(payment: Payment | None) -> int:
    return 1 if payment is None else payment.turn


def _paid(refund: Refund, payment: Payment | None) -> Iterator[Finding]:
    if is_of_provider(refund):
        return
    if payment is None:
        text = f"is paid with {refund.signature}, which is no payment"
        yield _of(Kind.REFUND_WITHOUT_PAYMENT, refund, text)
        return
    purchase = payment.purchase
    late = refund.origin == LATE  # of a payment that was for another one
    ours = purchase.purpose is Purpose.REFUND and (late or purchase.resource == refund.id)
    if not ours or payment.state not in (State.SETTLED, State.UNAPPLIED):
        what = f"a {payment.state} payment for {purchase.resource}"
        text = f"is paid with {refund.signature}, which is {what}"
        yield _of(Kind.REFUND_WITHOUT_PAYMENT, refund, text)
    elif payment.amount != refund.amount and not (late and _is_part(refund, payment)):
        text = f"is of {refund.amount}, and {refund.signature} paid {payment.amount}"
        yield _of(Kind.REFUND_PAID_OTHERWISE, refund, text)


def _is_part(refund: Refund, payment: Payment) -> bool:
    same = payment.amount.asset == refund.amount.asset
    return same and refund.amount.minor < payment.amount.minor


async def _booked(desk: Desk, refund: Refund, payment: Payment | None) -> Sequence[Finding]:
    key = EntryKey(f"{_PREFIX}{refund.id}:{refund.signature}:{_turn(payment)}")
    entry = await desk.entry(refund.tenant, key)
    if entry is None:
        return [_of(Kind.REFUND_NOT_BOOKED, refund, f"{refund.amount} has no entry {key}")]
    if not _comes_to(entry, refund):
        booked = ", ".join(f"{each.account} {each.amount}" for each in entry.postings)
        text = f"is of {refund.amount}, and {key} books {booked}"
        return [_of(Kind.REFUND_BOOKED_OTHERWISE, refund, text)]
    return []


def _comes_to(entry: Entry, refund: Refund) -> bool:
    """Tell whether it came out of one wallet, whatever it is taken off."""
    out = [each.amount for each in entry.postings if each.amount.minor > 0]
    return out == [refund.amount] and set(sums(entry.postings)) == {refund.amount.asset.code}


def _fact(refund: Refund, turn: int) -> EventId:
    mark = refund.signature or ""
    return event_id_of(REFUND_SUCCEEDED, refund.tenant, refund.id, mark, f"{turn}")


def _of(kind: Kind, refund: Refund, text: str) -> Finding:
    return Finding(kind=kind, about=f"refund {refund.id}", text=text)
