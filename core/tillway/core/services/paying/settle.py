"""Settle a proof: identify, check, claim, send, and write the end once (design 4).

A payment runs in a task of its own. Requests only wait for it, so a time-out or a lost client
never cancels what was begun.
"""

import asyncio
from datetime import datetime

from attrs import define, evolve, field, frozen

from tillway.core.errors import Code, Declined, TillwayError, Unavailable, Unsettled
from tillway.core.observations import Observer, PaymentCompleted, RefundCompleted
from tillway.core.payments import (
    Asked,
    Failed,
    Outcome,
    Payment,
    Purchase,
    Unresolved,
)
from tillway.core.ports.rails import Checked, Identity, Proof, Signed
from tillway.core.ports.store import ClaimResult, Refused, Store, Taken
from tillway.core.quotes import Purpose
from tillway.core.refunds import is_paid_back
from tillway.core.services.paying.attempt import Attempt
from tillway.core.services.paying.endings import Endings
from tillway.core.services.paying.leases import Leases
from tillway.core.services.paying.meaning import Meaning, as_known
from tillway.core.services.paying.quote import subject_word
from tillway.core.services.paying.refusals import refusal_of
from tillway.core.services.paying.repeats import Repeats
from tillway.core.services.paying.terms import Agreed, Terms
from tillway.core.services.rails import Rails, TakesProofs

_PENDING_RETRY_AFTER = 2.0


@frozen(kw_only=True)
class Granted:
    """The buyer has paid. ``repeated`` tells that this is a stored answer, given again.

    ``settled_in`` are the seconds from sending to the rail's word, None where another request
    or process waited for it.
    """

    payment: Payment
    repeated: bool = False
    settled_in: float | None = None


@frozen(kw_only=True)
class _Ended:
    payment: Payment
    seconds: float
    refusal: Failed | None = None


@define(kw_only=True)
class Settle:
    """Take proofs.

    ``wait`` is how many seconds a request waits for the rail.
    """

    store: Store
    rails: Rails
    terms: Terms
    repeats: Repeats
    endings: Endings
    leases: Leases
    wait: float
    observe: Observer
    most_running: int = 10_000
    _owner: str = field(init=False)
    _meaning: Meaning = field(init=False)
    _running: dict[str, asyncio.Task[_Ended]] = field(factory=dict, init=False)

    @_owner.default
    def _make_owner(self) -> str:
        return self.leases.new_owner()

    @_meaning.default
    def _make_meaning(self) -> Meaning:
        return Meaning(terms=self.terms)

    @property
    def running(self) -> int:
        """How many payments run in this process."""
        return len(self._running)

    async def settle(self, proof: Proof, purchase: Purchase, asked: Asked) -> Granted:
        """Grant the purchase if the proof pays for it.

        A repeat never pays again: a known payment is answered from its claim (``Repeats``).
        Raises Declined for what is refused, Unavailable if nothing was sent, Unsettled with
        the signature as its reference if the rail has not answered in time.
        """
        started = self.leases.clock.now()
        try:
            granted = await self._settle(proof, purchase, asked)
        except TillwayError as error:
            await self._report(proof, purchase, started, error=error)
            raise
        if not granted.repeated:
            await self._report(proof, purchase, started, granted=granted)
        return granted

    async def _settle(self, proof: Proof, purchase: Purchase, asked: Asked) -> Granted:
        rail = self.rails.taking(proof.rail)
        attempt = Attempt(
            rail=rail,
            proof=proof,
            identity=rail.identify(proof),
            purchase=purchase,
            asked=asked,
        )
        known = await self._known(attempt.identity)
        if known is not None:
            return await self._again(known, attempt)
        self._refuse_when_full()
        attempt = await self._meaning.of(attempt)
        try:
            agreed, checked = await self._checked(attempt)
        except (Declined, Unavailable):
            # Another process may have sent it meanwhile: then it is no stranger's past payment.
            known = await self._known(attempt.identity)
            if known is None:
                raise
            return await self._again(known, attempt)
        return await self._pay(attempt, agreed, checked)

    async def _known(self, identity: Identity) -> Payment | None:
        async with self.store.view(once=True) as view:
            return await view.payments.find(identity.chain, identity.key)

    async def _checked(self, attempt: Attempt) -> tuple[Agreed, Checked]:
        agreed = await self.terms.of(attempt)
        checked = await attempt.rail.check(attempt.proof, agreed.quote)
        if not checked.landed:
            self.terms.refuse_late(agreed)
        return agreed, checked

    async def _pay(self, attempt: Attempt, agreed: Agreed, checked: Checked) -> Granted:
        refusal = checked.refusal or await self._in_the_way(attempt, checked)
        signed = await attempt.rail.sign(checked)
        attempt = evolve(attempt, identity=checked.identity)
        payment, result = await self._claim(attempt, agreed, signed, refusal)
        if isinstance(result, Refused):
            refused = refusal_of(result.reservation)
            if not (signed.landed and isinstance(refused, Declined)):
                raise refused
            # The money is here already, and a refusal would not send it back.
            payment, result = await self._claim(attempt, agreed, signed, _told(refused))
        if isinstance(result, Taken):
            return await self._again(result.payment, attempt)
        if agreed.fickle and not signed.landed:
            await self._refuse_closed_since(payment)
        return await self._awaited(self._start(attempt.rail, payment, signed), payment)

    async def _refuse_closed_since(self, payment: Payment) -> None:
        """Give up a claim on what was closed before it: nothing was sent yet."""
        try:
            await self.terms.quoting.subjects.ware(payment.purchase)
        except Declined as refusal:
            await self.endings.write(payment, _told(refusal))
            raise

    async def _in_the_way(self, attempt: Attempt, checked: Checked) -> Failed | None:
        """End what else could be paid for this; say why money that is here comes too late.

        Unavailable where nobody can tell: of this payment nothing was sent, whatever else was.
        """
        try:
            await self.terms.quoting.subjects.of(attempt.purchase).clear(attempt.purchase)
        except Unsettled as silent:
            raise Unavailable(silent.code, retry_after=silent.retry_after) from silent
        except Declined as refusal:
            if not checked.landed:
                raise
            return _told(refusal)
        return None

    async def _claim(
        self, attempt: Attempt, agreed: Agreed, signed: Signed, refusal: Failed | None
    ) -> tuple[Payment, ClaimResult]:
        """Claim what a proof pays for, or with a ``refusal`` only the money, to give it back."""
        async with self.store.begin(once=True) as unit:
            # The lease begins when it is this unit's turn, however long that took.
            payment = self._payment(attempt, agreed, signed)
            if refusal is not None:
                payment = _as_it_came(payment, attempt.identity).kept(refusal)
            return payment, await unit.payments.claim(payment)

    def _payment(self, attempt: Attempt, agreed: Agreed, signed: Signed) -> Payment:
        quote, leases = agreed.quote, self.leases
        return Payment(
            chain=signed.chain,
            key=signed.key,
            purchase=attempt.purchase,
            asked=attempt.asked,
            rail=attempt.rail.name,
            method=attempt.rail.method,
            amount=quote.amount,
            payer=attempt.identity.payer,
            pay_to=quote.pay_to,
            signature=signed.signature,
            signed=signed.payload,
            quote_id=quote.id if agreed.ours else None,
            coupons=quote.applied,
            last_valid_height=signed.last_valid_height,
            seen_height=signed.seen_height,
            seen_slot=signed.seen_slot,
            owner=self._owner,
            lease_until=leases.until(),
            created_at=leases.clock.now(),
            reservations=(*agreed.reservations, *signed.reservations),
            refund_to=signed.refund_to,
            metadata={**attempt.proof.metadata, **agreed.metadata},
        )

    async def _report(
        self,
        proof: Proof,
        purchase: Purchase,
        started: datetime,
        *,
        granted: Granted | None = None,
        error: TillwayError | None = None,
    ) -> None:
        amount = granted.payment.amount if granted else None
        seconds = (self.leases.clock.now() - started).total_seconds()
        reason = error.code.value if error else None
        if purchase.purpose is Purpose.REFUND:
            self.observe(
                RefundCompleted(method="crypto", amount=amount, seconds=seconds, reason=reason)
            )
            return
        sold = granted is not None or await self.terms.is_sold(purchase)
        self.observe(
            PaymentCompleted(
                method=self.rails.taking(proof.rail).method,
                resource=subject_word(purchase) if sold else "unknown",
                amount=amount,
                network=proof.network,
                seconds=seconds,
                reason=reason,
                settled_in=granted.settled_in if granted else None,
            )
        )

    def _refuse_when_full(self) -> None:
        if len(self._running) >= self.most_running:
            raise Unavailable(retry_after=_PENDING_RETRY_AFTER)

    # What runs on its own

    def _start(self, rail: TakesProofs, payment: Payment, signed: Signed) -> asyncio.Task[_Ended]:
        work = self._run(rail, payment, signed)
        task = asyncio.create_task(work, name=f"payment {payment.signature}")
        self._running[payment.key] = task
        task.add_done_callback(lambda _: self._running.pop(payment.key, None))
        return task

    async def _run(self, rail: TakesProofs, payment: Payment, signed: Signed) -> _Ended:
        with self.leases.held(payment.key, payment.owner):
            begun = self.leases.clock.now()
            outcome = await _outcome(rail, signed)
            seconds = (self.leases.clock.now() - begun).total_seconds()
            ended = await self.endings.write(payment, outcome)
        refusal = outcome.refusal if isinstance(outcome, Unresolved) else None
        return _Ended(payment=ended, seconds=seconds, refusal=refusal)

    async def drain(self, seconds: float) -> int:
        """Wait for what runs here to end, and tell how many are left. Cancels nothing."""
        if self._running:
            await asyncio.wait(list(self._running.values()), timeout=seconds)
        return len(self._running)

    # What requests get

    async def _again(self, known: Payment, attempt: Attempt) -> Granted:
        attempt = as_known(attempt, known)
        self.repeats.refuse_strangers(known, attempt)
        self.repeats.refuse_refused(known)
        if known.is_live:
            return await self._joined(known)
        granted = self.repeats.granted(known)
        await self._refuse_paid_back(granted)
        return Granted(payment=granted, repeated=True)

    async def _refuse_paid_back(self, payment: Payment) -> None:
        """Raise Declined once all of it has gone back: whoever still wants it pays anew."""
        async with self.store.view(once=True) as view:
            returned = await view.refunds.of(payment.tenant, payment.signature)
        if is_paid_back(payment, returned):
            raise Declined(Code.PAYMENT_ALREADY_USED, "This payment was paid back.")

    async def _joined(self, known: Payment) -> Granted:
        task = self._running.get(known.key)
        if task is not None:
            return evolve(await self._awaited(task, known), repeated=True, settled_in=None)
        ended = await self._ended_elsewhere(known)
        return Granted(payment=self.repeats.granted(ended), repeated=True)

    async def _ended_elsewhere(self, known: Payment) -> Payment:
        waited, pause = 0.0, 0.1
        while waited < self.wait:
            await asyncio.sleep(pause)
            waited, pause = waited + pause, min(pause * 1.5, 1.0)
            async with self.store.view(once=True) as view:
                now = await view.payments.find(known.chain, known.key)
            if now is not None and not now.is_live:
                return now
        raise pending(known)

    async def _awaited(self, task: asyncio.Task[_Ended], payment: Payment) -> Granted:
        await asyncio.wait({task}, timeout=self.wait)
        if not task.done():
            raise pending(payment)
        ended = task.result()
        if ended.refusal is not None and ended.payment.is_refused:
            # Only a refusal that is stored may be told: what is not is sent again by others.
            sent = payment.signature if ended.refusal.landed else None
            raise Declined(ended.refusal.code, reason=ended.refusal.reason, reference=sent)
        self.repeats.refuse_refused(ended.payment)
        if ended.payment.is_live:
            raise pending(payment)
        return Granted(payment=self.repeats.granted(ended.payment), settled_in=ended.seconds)


async def _outcome(rail: TakesProofs, signed: Signed) -> Outcome:
    """Send or look; once a claim is written, even a rail that is away proves nothing."""
    try:
        return await (rail.look(signed) if signed.landed else rail.send(signed))
    except Unavailable as away:
        return Unresolved(reason=str(away))


def _as_it_came(payment: Payment, identity: Identity) -> Payment:
    """Give the claim with the amount that has moved, whatever the quote says."""
    if identity.amount is None:
        return payment
    return evolve(payment, amount=evolve(payment.amount, minor=identity.amount))


def _told(refusal: Declined) -> Failed:
    return Failed(code=refusal.code, reason=refusal.reason or refusal.code.value)


def pending(payment: Payment) -> Unsettled:
    """Give the answer for a payment whose end is not known: ask again, pay nothing."""
    return Unsettled(reference=payment.signature, retry_after=_PENDING_RETRY_AFTER)
