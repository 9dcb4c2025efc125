"""What a proof gets whose payment is already known (design 4).

Anyone can rebuild a transaction from the chain, so a transaction alone proves nothing twice. A
stored answer is given again only to whoever shows what never went on chain.
"""

from datetime import timedelta

from attrs import define

from tillway.core.errors import Code, Declined
from tillway.core.payments import Asked, Payment, Purchase, State, Word
from tillway.core.ports.clock import Clock
from tillway.core.ports.rails import KnowsPayers
from tillway.core.ports.seals import Seals
from tillway.core.services.paying.attempt import Attempt
from tillway.core.services.paying.refusals import kept
from tillway.core.services.rails import TakesProofs

FREE_REPEATS = timedelta(hours=24)
"""How long a stored answer is given again."""

WORD_LIFETIME = timedelta(minutes=5)
"""How far a payer's signed word may lie from now."""

REPEAT = "repeat-payment"
"""A payer asks again by signing ``repeat-payment:<transaction signature>:<unix seconds>``."""

_LONGEST_MOMENT = 12

JOIN_WINDOW = timedelta(seconds=30)
"""How long after settling the same address may still ask with the proof alone."""


@define(kw_only=True)
class Repeats:
    """Decide who may have a payment's answer again."""

    seals: Seals
    clock: Clock

    def refuse_strangers(self, known: Payment, attempt: Attempt) -> None:
        """Raise Declined unless this request may wait for the payment or have its answer.

        signature_reused while the payment runs, payment_already_used after.
        """
        if not self._may_have(known, attempt):
            running = Code.SIGNATURE_REUSED if known.is_live else Code.PAYMENT_ALREADY_USED
            raise Declined(running, reason="duplicate_settlement")

    def refuse_refused(self, known: Payment) -> None:
        """Raise Declined again for a payment whose buyer was refused and that is still open."""
        if known.is_refused and known.for_refund:
            raise kept(known)
        if known.is_refused and known.code is not None:
            raise Declined(known.code, reason=known.reason)

    def refuse_late(self, known: Payment) -> None:
        """Raise Declined once the time for free repeats is over."""
        if self._since_end(known) > FREE_REPEATS:
            raise Declined(Code.PAYMENT_ALREADY_USED)

    def refuse_others(self, known: Payment, purchase: Purchase, asked: Asked) -> None:
        """Raise Declined unless this is the very request that the payment was made by."""
        if not _is_same(known, purchase, asked):
            raise Declined(
                Code.IDEMPOTENCY_KEY_REUSED, "This Idempotency-Key was used for another request."
            )

    def granted(self, ended: Payment) -> Payment:
        """Give the payment back if it bought something; raise Declined if it did not.

        Nor does it if its money is gone again: whoever still wants it pays anew.
        """
        if ended.state is State.SETTLED:
            return ended
        if ended.state is State.UNAPPLIED:
            raise kept(ended)
        if ended.state in (State.FAILED, State.REVERSED) and ended.code is not None:
            raise Declined(ended.code, reason=ended.reason, reference=ended.signature)
        raise Declined(Code.PAYMENT_ALREADY_USED)

    def _may_have(self, known: Payment, attempt: Attempt) -> bool:
        if not _is_same(known, attempt.purchase, attempt.asked):
            return False
        if self._is_witness(known, attempt):
            if known.is_live or known.state is State.UNAPPLIED:
                return True
            return self._since_end(known) <= FREE_REPEATS
        # Behind a socket without addresses everybody would be the same.
        if not known.asked.address or known.asked.address != attempt.asked.address:
            return False
        return known.is_live or self._since_end(known) <= JOIN_WINDOW

    def _is_witness(self, known: Payment, attempt: Attempt) -> bool:
        asked, sealed = attempt.asked, attempt.proof.sealed
        if asked.word is not None and self._is_payers(asked.word, known, attempt.rail):
            return True
        if asked.idempotency is not None and asked.idempotency == known.asked.idempotency:
            return True
        return sealed is not None and self._sealed_for(known, sealed)

    def _is_payers(self, word: Word, known: Payment, rail: TakesProofs) -> bool:
        """Take a word only from the payer, about this payment, and fresh."""
        claimed, _, moment = word.message.rpartition(":")
        if word.signer != known.payer or claimed != f"{REPEAT}:{known.signature}":
            return False
        if not moment.isascii() or not moment.isdigit() or len(moment) > _LONGEST_MOMENT:
            return False
        age = abs(self.clock.now().timestamp() - int(moment))
        fresh = age <= WORD_LIFETIME.total_seconds()
        return fresh and isinstance(rail, KnowsPayers) and rail.has_signed(word)

    def _sealed_for(self, known: Payment, sealed: str) -> bool:
        # A quote that does not open shows nothing; an error here would offer to pay twice.
        try:
            return self.seals.open(sealed, known.tenant).id == known.quote_id
        except Declined:
            return False

    def _since_end(self, known: Payment) -> timedelta:
        return self.clock.now() - (known.ended_at or known.created_at)


def _is_same(known: Payment, purchase: Purchase, asked: Asked) -> bool:
    return known.purchase == purchase and known.asked.request == asked.request
