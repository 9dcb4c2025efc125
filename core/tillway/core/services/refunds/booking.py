"""Money that went back: what it books, and what the seller hears of it.

A refund is written where it is proven: in the unit that settles its payment, or that applies what
a provider told. Its entry takes the money out of the wallet that it came from, and out of what
the purchase had earned, or what was owed to its payer.
"""

from collections.abc import Mapping
from typing import Final

from attrs import evolve

from tillway.core.assets import AssetKind
from tillway.core.disputes import taken_back
from tillway.core.events import Event
from tillway.core.ids import event_id_of
from tillway.core.ledger import Account, AccountKind, Entry, EntryKey, Posting
from tillway.core.money import Money
from tillway.core.paid import added_to
from tillway.core.payments import Payment
from tillway.core.ports.store import UnitOfWork
from tillway.core.refunds import Refund, RefundState, paid_back
from tillway.core.services.books.bookkeeping import opposite, taken_off

REFUND_SUCCEEDED: Final = "refund.succeeded"
REFUND_FAILED: Final = "refund.failed"
REFUND_REVERSED: Final = "refund.reversed"

_WAITING: Final = (RefundState.PENDING, RefundState.APPROVED)


async def book_refund(
    unit: UnitOfWork, refund: Refund, paid: Payment, *, source: str | None = None, turn: int = 1
) -> None:
    """Write that a processed refund of ``paid`` has gone out, in the unit that makes it so.

    ``source`` is the wallet that it came from, if that is not where the purchase was paid to.
    The refund's signature names the movement: booking one twice is a repeat. ``turn`` tells
    apart that it went, was reversed, and went after all.
    """
    gone = await _gone(unit, refund, paid)
    await unit.ledger.post(_entry(refund, paid, gone, source or paid.pay_to, turn))
    await unit.events.append(_fact(REFUND_SUCCEEDED, refund, turn))


async def unbook_refund(
    unit: UnitOfWork, refund: Refund, paid: Payment, *, source: str | None = None, turn: int = 1
) -> None:
    """Write that a refund, as it was processed, has not gone out: it is proven to be void."""
    gone = await _gone(unit, refund, paid)
    entry = _entry(refund, paid, gone, source or paid.pay_to, turn)
    await unit.ledger.post(opposite(entry))
    await unit.events.append(_fact(REFUND_REVERSED, refund, turn))


async def _gone(unit: UnitOfWork, refund: Refund, paid: Payment) -> int:
    """Give what is gone beside a refund, disputed or paid back: of one part no share needs it.

    What is read here stays so until the unit ends: of several that are booked at once, each
    finds the one before. ``paid`` may be older than that.
    """
    if not added_to(paid):
        return 0
    now = await unit.payments.by_signature(paid.tenant, paid.signature) or paid
    known = await unit.refunds.of(paid.tenant, paid.signature)
    return taken_back(now) + paid_back(each for each in known if each.id != refund.id)


async def fail_refund(unit: UnitOfWork, refund: Refund, reason: str) -> bool:
    """End an approved refund that its provider could not pay out, and tell it; it stays listed.

    Its share is free again, so that it may be asked for anew. False if it is not waiting.
    """
    ended = evolve(refund, state=RefundState.DENIED, reason=_joined(refund.reason, reason))
    if not await unit.refunds.move(ended, _WAITING):
        return False
    await unit.events.append(_fact(REFUND_FAILED, ended, 1))
    return True


def _entry(refund: Refund, paid: Payment, gone: int, source: str, turn: int) -> Entry:
    return Entry(
        key=EntryKey(f"refund:{refund.id}:{refund.signature}:{turn}"),
        tenant=refund.tenant,
        at=refund.processed_at or refund.created_at,
        postings=(
            Posting(account=Account(AccountKind.WALLET, source), amount=refund.amount),
            *taken_off(paid, gone, refund.amount.minor),
        ),
        about={
            "refund": refund.id,
            "purchase": refund.purchase,
            "signature": refund.signature or "",
        },
    )


def _fact(kind: str, refund: Refund, turn: int) -> Event:
    mark = refund.signature or ""
    return Event(
        id=event_id_of(kind, refund.tenant, refund.id, mark, f"{turn}"),
        tenant=refund.tenant,
        type=kind,
        at=refund.processed_at or refund.created_at,
        body=_body(refund),
    )


def _body(refund: Refund) -> Mapping[str, object]:
    """Write a refund as the contract's callback has it."""
    told = {
        **refund.metadata,
        "original_purchase_id": refund.purchase,
        "recipient_wallet": refund.recipient,
        **({"reason": refund.reason} if refund.reason else {}),
    }
    return {
        "refundId": refund.id,
        "originalPurchaseId": refund.purchase,
        "recipientWallet": refund.recipient,
        "atomicAmount": refund.amount.minor,
        "token": refund.amount.asset.code,
        **_cents(refund.amount),
        "processedBy": refund.processed_by or "",
        "signature": refund.signature or "",
        "reason": refund.reason,
        "metadata": told,
        "refundedAt": _moment(refund),
    }


def _cents(amount: Money) -> Mapping[str, object]:
    return {"fiatAmountCents": amount.minor} if amount.asset.kind is AssetKind.FIAT else {}


def _moment(refund: Refund) -> str:
    at = refund.processed_at or refund.created_at
    return at.isoformat().replace("+00:00", "Z")


def _joined(reason: str, more: str) -> str:
    return f"{reason} ({more})" if reason else more
