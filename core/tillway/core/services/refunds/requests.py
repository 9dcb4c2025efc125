"""Refunds, from the request to the decision. Executing them is left to the rails.

A refund is asked for by whoever paid or by the operator, waits, and is approved or denied by the
operator. Together the live ones of a purchase never come to more than was paid.
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Final

from attrs import define, evolve, frozen

from tillway.core.disputes import left_of
from tillway.core.errors import Code, Declined
from tillway.core.ids import RefundId, new_refund_id
from tillway.core.money import Money
from tillway.core.paid import paid_in_all
from tillway.core.payments import Payment, Purchase, State
from tillway.core.ports.clock import Clock, Random
from tillway.core.ports.store import Store, UnitOfWork
from tillway.core.quotes import Purpose
from tillway.core.refunds import NEVER, Refund, RefundState
from tillway.core.services.paying.quote import Quoted, Quoting
from tillway.core.services.refunds.automatic import AutomaticRefunds
from tillway.core.services.refunds.deeds import RefundDeeds
from tillway.core.services.refunds.proofs import payout_of, refusal_of_purchase
from tillway.core.services.refunds.providers import ProviderRefunds, is_of_provider
from tillway.core.services.refunds.unapplied import is_dust
from tillway.core.tenancy import Tenant

REQUESTS_WAIT: Final = timedelta(days=30)
"""How long a request waits to be decided."""

MOST_WAITING: Final = 20
"""How many refunds of one purchase may wait at a time: its payer could fill the list with parts."""

MOST_LISTED: Final = 1_000
WAITING: Final = (RefundState.PENDING, RefundState.APPROVED)
_DECIDED: Final = "refund already processed"
_UNDENIED: Final = "cannot deny already processed refund"


@frozen(kw_only=True)
class RefundAsked:
    """What is asked for, in the asker's words; ``amount`` in major units.

    Of a purchase by card the last three may be left to us: all of it, to whoever paid.
    """

    purchase: str
    recipient: str | None
    amount: Decimal | None
    token: str | None
    reason: str = ""
    metadata: Mapping[str, str] = {}


@define(kw_only=True)
class RefundRequests:
    """Take requests, and decide them. Who may do which is for the callers to know.

    ``lifetime`` is that of an approved refund's offer. Of a token less than ``least``, in major
    units, is not given back unless it is all that was paid.
    """

    store: Store
    quoting: Quoting
    by_provider: ProviderRefunds
    automatic: AutomaticRefunds
    deeds: RefundDeeds
    clock: Clock
    random: Random
    lifetime: timedelta
    waits: timedelta = REQUESTS_WAIT
    least: Decimal = Decimal(0)

    async def request(self, tenant: Tenant, asked: RefundAsked) -> Refund:
        """Write a request; its share of what was paid is taken from then on.

        Declined in the contract's order: resource_not_found, transaction_not_confirmed while the
        payment is not final, invalid_recipient, amount_mismatch, invalid_token_mint, and
        refund_already_processed where the same amount waits already, or what was paid is given
        back, asked for included.
        """
        paid = await self._paid(tenant, asked.purchase)
        recipient = _recipient(paid, asked)
        amount = self._amount(paid, asked)
        now = self.clock.now()
        refund = Refund(
            id=new_refund_id(self.random),
            tenant=tenant,
            purchase=paid.signature,
            recipient=recipient,
            amount=amount,
            created_at=now,
            expires_at=now + self.waits,
            reason=asked.reason,
            metadata=asked.metadata,
        )
        async with self.store.begin() as unit:
            if not await unit.refunds.add(refund, left_of(paid)):
                raise _spent()
            # Only now are all others visible: whoever adds to one purchase waits for the last.
            await _refuse_same(unit, refund)
        return refund

    async def approve(self, tenant: Tenant, refund: RefundId) -> Refund:
        """Have a refund be paid out: it can be paid for ``lifetime``. May be repeated.

        What was paid by card is paid back by its provider, at once or as soon as it answers.
        Declined (refund_not_found, refund_already_processed), or as long as the purchase is not
        final; with the provider's word for what it will not pay back, which is denied by that.
        """
        found = await self._waiting(tenant, refund, _DECIDED)
        paid = await self._payment(tenant, found.purchase)
        refusal = refusal_of_purchase(paid) or self.by_provider.refusal(found, paid)
        if refusal is not None:
            raise refusal
        approved = evolve(
            found, state=RefundState.APPROVED, expires_at=self.clock.now() + self.lifetime
        )
        if not await self._move(approved):
            await self._waiting(tenant, refund, _DECIDED)
            raise _refused(_DECIDED)
        if paid is not None and is_of_provider(approved):
            return await self.by_provider.pay(approved, paid)
        return approved

    async def offer(self, refund: Refund, url: str) -> Quoted:
        """Offer an approved refund to its issuer, on the rails that can pay it."""
        purchase = Purchase(tenant=refund.tenant, purpose=Purpose.REFUND, resource=refund.id)
        return await self.quoting.quote(purchase, url)

    async def deny(self, tenant: Tenant, refund: RefundId, reason: str = "") -> Refund:
        """Decide that nothing is paid out; the refund is kept, and its share is free again.

        Declined (refund_not_found, refund_already_processed), the latter too while a payment of
        it is on its way.
        """
        found = await self._waiting(tenant, refund, _UNDENIED)
        if found.state is RefundState.APPROVED:
            await self._hold_back(found)
        denied = evolve(
            found,
            state=RefundState.DENIED,
            reason=reason or found.reason,
            processed_at=self.clock.now(),
        )
        if not await self._move(denied, RefundState.PENDING):
            raise _refused(_UNDENIED)
        return denied

    async def _hold_back(self, approved: Refund) -> None:
        """Take an approval back, unless somebody has begun to pay, which cannot be taken back.

        First nobody can begin any more; then whoever has begun is seen.
        """
        if is_of_provider(approved):
            raise _refused(_UNDENIED)
        await self._move(evolve(approved, state=RefundState.PENDING, expires_at=NEVER))
        if await self._is_being_paid(approved):
            await self._move(approved)
            raise _refused(_UNDENIED)

    def is_of_provider(self, refund: Refund) -> bool:
        """Tell whether a refund is paid by the provider that took its money, and by no proof."""
        return is_of_provider(refund)

    async def pending(self, tenant: Tenant, limit: int = MOST_LISTED) -> Sequence[Refund]:
        """Give what waits to be decided or paid out, newest first."""
        async with self.store.view(once=True) as view:
            return await view.refunds.listed(tenant, WAITING, min(limit, MOST_LISTED))

    async def get(self, tenant: Tenant, refund: RefundId) -> Refund:
        """Give a refund, whatever became of it; Declined (refund_not_found) if there is none."""
        async with self.store.view(once=True) as view:
            found = await view.refunds.get(tenant, refund)
        if found is None:
            raise Declined(Code.REFUND_NOT_FOUND, "refund not found", field="refundId")
        return found

    # Finding

    async def _waiting(self, tenant: Tenant, refund: RefundId, text: str) -> Refund:
        found = await self.get(tenant, refund)
        if found.state is RefundState.PROCESSED:
            raise _refused(text)
        if found.state not in WAITING:
            details = {"status": found.state.value}
            raise Declined(
                Code.REFUND_NOT_FOUND, "refund not found", field="refundId", details=details
            )
        return found

    async def _paid(self, tenant: Tenant, purchase: str) -> Payment:
        paid = await self._payment(tenant, purchase)
        if paid is None or not self._is_returnable(paid):
            hint = "originalPurchaseId must be a settled payment of this gateway"
            raise Declined(Code.RESOURCE_NOT_FOUND, "payment not found", details={"hint": hint})
        refusal = refusal_of_purchase(paid)
        if refusal is not None:
            raise refusal
        return paid

    def _is_returnable(self, paid: Payment) -> bool:
        """Tell whether any of it can be asked for. A refund is no purchase.

        What bought nothing has its refund already: that has to have come to nothing first.
        """
        if paid.purchase.purpose is Purpose.REFUND or paid_in_all(paid).minor == 0:
            return False
        unapplied = paid.state is State.UNAPPLIED and not is_dust(paid.amount, self.least)
        return paid.state is State.SETTLED or unapplied

    async def _payment(self, tenant: Tenant, signature: str) -> Payment | None:
        async with self.store.view(once=True) as view:
            return await view.payments.by_signature(tenant, signature)

    async def _is_being_paid(self, refund: Refund) -> bool:
        name = payout_of(refund).name
        async with self.store.view(once=True) as view:
            totals = await view.tallies.totals(refund.tenant, [name])
        return totals.get(name, 0) > 0

    async def _move(self, refund: Refund, *was: RefundState) -> bool:
        async with self.store.begin(once=True) as unit:
            return await unit.refunds.move(refund, was or WAITING)

    # Amounts

    def _amount(self, paid: Payment, asked: RefundAsked) -> Money:
        asset, whole = paid.amount.asset, Decimal(left_of(paid).to_major())
        wanted = whole if asked.amount is None else asked.amount
        if wanted > whole:
            raise _too_much(wanted, paid)
        if asked.token is not None and asked.token != asset.code:
            raise _other_token(asked.token, asset.code)
        amount = Money.from_major(wanted, asset)
        if Decimal(amount.to_major()) != wanted:
            text = f"amount must have at most {asset.decimals} decimals"
            raise Declined(Code.INVALID_AMOUNT, text, field="amount")
        if wanted != whole and is_dust(amount, self.least):
            text = f"amount must be at least {self.least} {asset.code}, or all that was paid"
            raise Declined(Code.INVALID_AMOUNT, text, field="amount")
        return amount


def _recipient(paid: Payment, asked: RefundAsked) -> str:
    payer = paid.refund_to or paid.payer
    if asked.recipient is None or asked.recipient == payer:
        return payer
    raise Declined(
        Code.INVALID_RECIPIENT,
        "recipientWallet must match the wallet that made the original payment",
        field="recipientWallet",
        details={
            "hint": "refunds go to the wallet that paid",
            "providedWallet": asked.recipient,
        },
    )


def _too_much(wanted: Decimal, paid: Payment) -> Declined:
    details = {
        "hint": "a refund cannot be more than what was paid",
        "requestedAmount": float(wanted),
        "originalAmount": float(paid_in_all(paid).to_major()),
        "maxRefundable": float(left_of(paid).to_major()),
    }
    text = "refund amount exceeds original payment amount"
    return Declined(Code.AMOUNT_MISMATCH, text, field="amount", details=details)


def _other_token(wanted: str, paid: str) -> Declined:
    details = {
        "hint": "a refund is paid in the token of the original payment",
        "requestedToken": wanted,
        "originalToken": paid,
    }
    text = "refund token must match original payment token"
    return Declined(Code.INVALID_TOKEN_MINT, text, field="token", details=details)


async def _refuse_same(unit: UnitOfWork, refund: Refund) -> None:
    known = await unit.refunds.of(refund.tenant, refund.purchase)
    waiting = [each for each in known if each.id != refund.id and each.state in WAITING]
    for other in waiting:
        if other.amount == refund.amount:
            text = "paywall: refund already exists for this transaction (refund ID: {})"
            raise _refused(text.format(other.id))
    if len(waiting) >= MOST_WAITING:
        raise _refused(f"{MOST_WAITING} refunds of this transaction wait to be decided already")


def _spent() -> Declined:
    return _refused("refund already exists for this transaction: all that was paid is given back")


def _refused(text: str) -> Declined:
    return Declined(Code.REFUND_ALREADY_PROCESSED, text)
