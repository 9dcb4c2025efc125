"""Pay refunds out by proof: who may, how much, to whom, and what is written when it is done."""

import logging
from typing import Final

from attrs import define, evolve, field

from tillway.core.assets import AssetKind
from tillway.core.catalog import Product
from tillway.core.errors import Code, Declined
from tillway.core.ids import REFUND_ID, ProductId, RefundId
from tillway.core.money import Money
from tillway.core.payments import Payment, Phase, Purchase, Reservation, State
from tillway.core.ports.clock import Clock
from tillway.core.ports.store import Store, UnitOfWork
from tillway.core.pricing import Priced
from tillway.core.quotes import Purpose
from tillway.core.refunds import Refund, RefundState
from tillway.core.services.books.bookkeeping import excess_of
from tillway.core.services.books.facts import REFUND_EXCESS, fact_of
from tillway.core.services.refunds.booking import book_refund, unbook_refund
from tillway.core.services.refunds.late import give_share_back, paid_by, take_share
from tillway.core.services.subjects import OnlyPayer, Subjects, Ware, absent

_log = logging.getLogger(__name__)

NOT_FINAL: Final = "the original payment is not final yet: please try again shortly"
WRONG_PAYER: Final = "unauthorized: only payment address can issue refunds"


@define(kw_only=True)
class PayableRefunds:
    """Refunds as something to be paid: approved ones, by an issuer alone, exactly, once.

    ``issuers`` are the wallet that is paid, and ours that pay by themselves. Without one no refund
    can be paid by a proof.
    """

    store: Store
    clock: Clock
    subjects: Subjects
    issuers: frozenset[str]
    purpose: Purpose = field(default=Purpose.REFUND, init=False)
    writes: bool = field(default=True, init=False)

    async def find(self, purchase: Purchase) -> Ware | None:
        """Give a refund, closed unless it is approved and its purchase is final."""
        if REFUND_ID.fullmatch(purchase.resource) is None:
            return None
        async with self.store.view() as view:
            refund = await view.refunds.get(purchase.tenant, RefundId(purchase.resource))
            if refund is None:
                return None
            paid = await view.payments.by_signature(refund.tenant, refund.purchase)
        return self._ware(refund, paid)

    def absent(self, purchase: Purchase) -> Declined:
        """Say that there is no such refund."""
        return absent(purchase)

    async def clear(self, purchase: Purchase) -> None:
        """Find nothing else in the way: a refund is paid on one rail."""

    async def fulfil(self, unit: UnitOfWork, payment: Payment) -> None:
        """Write the refund as processed, and have whoever sold it hear of that."""
        await self._fulfilled(unit, payment)
        await self._returned(unit, payment)

    async def undo(self, unit: UnitOfWork, payment: Payment) -> None:
        """Have a refund be approved again, and whoever sold it hear of that."""
        await self._undone(unit, payment)
        await self._returned(unit, payment)

    async def _fulfilled(self, unit: UnitOfWork, payment: Payment) -> None:
        """Write the refund as processed, with its entry and its fact.

        Where nothing was due any more, it takes what is left of its purchase, and the receiver
        owes the rest.
        """
        refund = await unit.refunds.get(payment.tenant, RefundId(payment.purchase.resource))
        paid = None if refund is None else await _purchase(unit, refund)
        if refund is None or paid is None or not await _processed(unit, refund, payment):
            _log.error("refund %s was not due, and is paid out", payment.purchase.resource)
            await _book_excess(unit, payment)
            await take_share(unit, payment)
            return
        done = paid_by(refund, payment)
        await book_refund(unit, done, paid, source=payment.payer, turn=payment.turn)

    async def _undone(self, unit: UnitOfWork, payment: Payment) -> None:
        """Have a refund be approved again whose payment is proven to be void.

        Its offer has ended by then, most likely: it is approved anew to get another.
        """
        refund = await unit.refunds.get(payment.tenant, RefundId(payment.purchase.resource))
        paid = None if refund is None else await _purchase(unit, refund)
        if refund is None or paid is None or refund.signature != payment.signature:
            await _book_excess(unit, payment)
            await give_share_back(unit, payment)
            return
        open_again = evolve(
            refund,
            state=RefundState.APPROVED,
            processed_at=None,
            processed_by=None,
            signature=None,
        )
        await unit.refunds.move(open_again, (RefundState.PROCESSED,))
        gone = evolve(refund, processed_at=payment.ended_at)
        await unbook_refund(unit, gone, paid, source=payment.payer, turn=payment.turn)

    async def kept(self, unit: UnitOfWork, payment: Payment) -> None:
        """Have what was paid out although it could not be paid any more take its share."""
        if payment.state is State.UNAPPLIED:
            await take_share(unit, payment)
        else:
            await give_share_back(unit, payment)
        await self._returned(unit, payment)

    async def _returned(self, unit: UnitOfWork, payment: Payment) -> None:
        refund = await unit.refunds.get(payment.tenant, RefundId(payment.purchase.resource))
        paid = None if refund is None else await _purchase(unit, refund)
        if paid is not None:
            await self.subjects.returned(unit, paid)

    def _ware(self, refund: Refund, paid: Payment | None) -> Ware:
        return Ware(
            product=_product(refund),
            firm=_firm(refund),
            expires_at=refund.expires_at,
            closed=self._closed(refund) or refusal_of_purchase(paid),
            only=OnlyPayer(
                payers=self.issuers,
                refusal=Declined(Code.UNAUTHORIZED_REFUND_ISSUER, WRONG_PAYER),
            ),
            reservations=(payout_of(refund),),
            metadata={"type": "refund", "original_purchase_id": refund.purchase},
            fickle=True,
        )

    def _closed(self, refund: Refund) -> Declined | None:
        if refund.state is RefundState.PROCESSED:
            text = f"refund already processed: {refund.id}"
            return Declined(Code.REFUND_ALREADY_PROCESSED, text)
        if refund.state in (RefundState.DENIED, RefundState.EXPIRED):
            text = f"refund not found: {refund.id}"
            return Declined(Code.REFUND_NOT_FOUND, text, details={"status": refund.state.value})
        if refund.state is RefundState.PENDING:
            return Declined(Code.QUOTE_EXPIRED, "this refund is not approved: approve it first")
        if refund.expires_at < self.clock.now():
            return Declined(Code.QUOTE_EXPIRED, "refund quote expired, please request a new quote")
        return None


def payout_of(refund: Refund) -> Reservation:
    """Give what paying a refund out takes: one payment of it lives or has settled at a time."""
    return Reservation(
        name=f"refund:{refund.id}",
        amount=1,
        limit=1,
        counts=frozenset({Phase.LIVE, Phase.SETTLED}),
        tenant=refund.tenant,
    )


def refusal_of_purchase(paid: Payment | None) -> Declined | None:
    """Say why nothing of a purchase can be given back now, if so: its money has to be final."""
    if paid is None or paid.state not in (State.SETTLED, State.UNAPPLIED):
        return Declined(Code.RESOURCE_NOT_FOUND, "payment not found")
    if paid.watched:
        return Declined(Code.TRANSACTION_NOT_CONFIRMED, NOT_FINAL)
    return None


async def _purchase(unit: UnitOfWork, refund: Refund) -> Payment | None:
    return await unit.payments.by_signature(refund.tenant, refund.purchase)


async def _processed(unit: UnitOfWork, refund: Refund, payment: Payment) -> bool:
    waits = (RefundState.APPROVED, RefundState.PENDING)
    return await unit.refunds.move(paid_by(refund, payment), waits)


async def _book_excess(unit: UnitOfWork, payment: Payment) -> None:
    for entry in excess_of(payment):
        await unit.ledger.post(entry)
    if payment.state is State.SETTLED:
        await unit.events.append(fact_of(REFUND_EXCESS, payment))


def _product(refund: Refund) -> Product:
    """Give a refund as rails see what is sold: a price, and the wallet that takes it."""
    fiat = refund.amount.asset.kind is AssetKind.FIAT
    return Product(
        id=ProductId(refund.id),
        description=f"Refund ({refund.amount})",
        fiat_price=refund.amount if fiat else None,
        crypto_price=None if fiat else refund.amount,
        crypto_account=refund.recipient,
    )


def _firm(refund: Refund) -> Priced:
    amount: Money = refund.amount
    return Priced(
        lines=(),
        original=amount,
        subtotal=amount,
        total=amount,
        catalog=(),
        checkout=(),
        limits={},
        typed=None,
    )
