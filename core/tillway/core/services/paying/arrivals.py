"""What a payment is once its money has arrived: what was bought, or money to be given back."""

from datetime import datetime, timedelta
from typing import Final

from attrs import evolve

from tillway.core.errors import Code
from tillway.core.paid import paid_in_all
from tillway.core.payments import Payment, Settled, State
from tillway.core.quotes import Purpose
from tillway.core.services.paying.grants import grant_of

FIRST_LOOK: Final = timedelta(seconds=14)
"""When what was not final is looked at first: Solana roots a block after 32 slots, 12.8 s."""


def arrived(payment: Payment, at: datetime, word: Settled) -> Payment:
    """Give the payment as it stands, and is stored, once its money has arrived.

    It buys what it was for, unless its buyer was refused: he has paid anew, or gone away.
    """
    if _buys_nothing(payment):
        code, reason = payment.code or Code.PAYMENT_ALREADY_USED, payment.reason or ""
        ended = payment.unapplied(at, word.slot, code, reason, final=word.final)
    else:
        ended = payment.settled(at, word.slot, grant_of(payment), final=word.final)
    return evolve(ended, lease_until=at + FIRST_LOOK) if ended.watched else ended


def too_late(payment: Payment) -> Payment:
    """Give a payment that has arrived after all as one that buys nothing.

    What it was for is another's by now: its grant is no more, and all of it is to go back.
    """
    whole = paid_in_all(payment)
    return evolve(
        payment,
        state=State.UNAPPLIED,
        amount=whole,
        grant=None,
        code=Code.PAYMENT_ALREADY_USED,
        reason="another payment has bought it meanwhile",
    )


def _buys_nothing(payment: Payment) -> bool:
    # A grant stays with its payment through a reversal; what bought nothing never had one.
    if payment.state is State.REVERSED:
        return payment.grant is None
    if payment.purchase.purpose is Purpose.REFUND:
        # It went to a customer, and he is not to be paid a second time.
        return payment.for_refund
    return payment.is_refused
