"""What a refund that was paid out books, and what the seller hears of it."""

from collections.abc import Mapping
from typing import Final

from tillway.core.assets import AssetKind
from tillway.core.events import Event
from tillway.core.ids import event_id_of
from tillway.core.ledger import Account, AccountKind, Entry, EntryKey, Posting
from tillway.core.money import Money
from tillway.core.payments import Payment
from tillway.core.ports.store import UnitOfWork
from tillway.core.refunds import Refund

REFUND_SUCCEEDED: Final = "refund.succeeded"


async def write_paid_back(unit: UnitOfWork, payment: Payment, refund: Refund) -> None:
    """Book a processed refund and tell of it, in the unit that marks it so. Once, if repeated."""
    await unit.ledger.post(_entry(payment, refund, -refund.amount, f"refund:{refund.id}"))
    await unit.events.append(fact_of(refund))


async def write_taken_back(unit: UnitOfWork, payment: Payment, refund: Refund) -> None:
    """Book that a refund came to nothing after all: the money is here again."""
    await unit.ledger.post(_entry(payment, refund, refund.amount, f"refund:{refund.id}:failed"))


def fact_of(refund: Refund) -> Event:
    """Give the fact of a refund that was paid out, in the words of the Cedros callback."""
    return Event(
        id=event_id_of(REFUND_SUCCEEDED, refund.tenant, refund.id),
        tenant=refund.tenant,
        type=REFUND_SUCCEEDED,
        at=refund.processed_at or refund.created_at,
        body={
            "refundId": refund.id,
            "originalPurchaseId": refund.purchase,
            "recipientWallet": refund.recipient,
            **_amount(refund.amount),
            "processedBy": refund.processed_by,
            "signature": refund.signature,
            "reason": refund.reason,
            "metadata": dict(refund.metadata),
        },
    )


def _amount(amount: Money) -> Mapping[str, object]:
    told = {"atomicAmount": amount.minor, "token": amount.asset.code}
    if amount.asset.kind is AssetKind.FIAT:
        return {**told, "fiatAmountCents": amount.minor}
    return told


def _entry(payment: Payment, refund: Refund, amount: Money, name: str) -> Entry:
    """Give what moves: out of the wallet, and of what was earned or is owed. Signs as booked."""
    return Entry(
        key=EntryKey(name),
        tenant=refund.tenant,
        at=refund.processed_at or refund.created_at,
        postings=(
            Posting(account=Account(AccountKind.WALLET, payment.pay_to), amount=-amount),
            Posting(account=_whose(payment), amount=amount),
        ),
        about={"state": "refunded", "rail": payment.rail, "signature": payment.signature},
    )


def _whose(payment: Payment) -> Account:
    if payment.grant is not None:
        return Account(AccountKind.SALES, payment.rail)
    return Account(AccountKind.CUSTOMER, payment.payer)
