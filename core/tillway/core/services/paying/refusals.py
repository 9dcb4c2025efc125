"""Why a claim was refused, in a code that the buyer can act on."""

from tillway.core.codes import message_of
from tillway.core.errors import Code, Declined, TillwayError, Unavailable
from tillway.core.payments import Payment, Reservation


def refusal_of(reservation: Reservation) -> TillwayError:
    """Say what a reservation that would pass its limit means. Names begin with their kind."""
    kind = reservation.name.partition(":")[0]
    return _REFUSALS.get(kind, _unknown)()


def kept(payment: Payment) -> Declined:
    """Say that a payment bought nothing, and that its money is kept for a refund."""
    code = payment.code or Code.PAYMENT_ALREADY_USED
    return Declined(
        code,
        f"{message_of(code)} What you have paid is kept to be given back.",
        details={"transaction": payment.signature, "refund": "queued"},
        reason=payment.reason,
        reference=payment.signature,
    )


def _quote_spent() -> TillwayError:
    text = "This quote has already been used. Please request a new one."
    return Declined(Code.QUOTE_EXPIRED, text, reason="invalid_payment_requirements")


def _coupon_gone() -> TillwayError:
    return Declined(Code.COUPON_USAGE_LIMIT_REACHED)


def _balance_in_flight() -> TillwayError:
    text = "Other payments from this account are on their way. Please try again shortly."
    return Declined(Code.INSUFFICIENT_FUNDS_TOKEN, text, reason="insufficient_funds")


def _pays_own_fee() -> TillwayError:
    text = "Too many sponsored payments of yours failed. Please pay the network fee yourself."
    return Declined(Code.INSUFFICIENT_FUNDS_SOL, text, reason="insufficient_funds")


def _budget_spent() -> TillwayError:
    text = "No network fees can be sponsored at the moment. Please try again later."
    return Unavailable(Code.SERVICE_UNAVAILABLE, text, retry_after=60.0)


def _enough_free() -> TillwayError:
    text = "Enough was given for nothing to this address. Please try again later."
    return Unavailable(Code.RATE_LIMIT_EXCEEDED, text, retry_after=3600.0)


def _cart_taken() -> TillwayError:
    return Declined(Code.CART_ALREADY_PAID, "This cart is paid, or its payment is on its way.")


def _refund_taken() -> TillwayError:
    text = "This refund is paid out, or its payment is on its way."
    return Declined(Code.REFUND_ALREADY_PROCESSED, text)


def _enough_unpaid() -> TillwayError:
    text = "Too many checkouts of yours with a limited coupon are unpaid. Please try again later."
    return Unavailable(Code.RATE_LIMIT_EXCEEDED, text, retry_after=600.0)


TRIAL_HAD = "trial_had"
"""The reason of who has had his trial: the same can be had without one."""


def _trial_had() -> TillwayError:
    return Declined(Code.INVALID_FIELD, "This trial was had before.", reason=TRIAL_HAD)


def _paid_out_enough() -> TillwayError:
    text = "Enough was paid out by itself today. The merchant's wallet can pay it."
    return Declined(Code.INVALID_AMOUNT, text)


def _unknown() -> TillwayError:
    return Unavailable(retry_after=1.0)


_REFUSALS = {
    "quote": _quote_spent,
    "coupon": _coupon_gone,
    "source": _balance_in_flight,
    "failures": _pays_own_fee,
    "sponsor": _budget_spent,
    "free": _enough_free,
    "unpaid": _enough_unpaid,
    "cart": _cart_taken,
    "refund": _refund_taken,
    "payout": _paid_out_enough,
    "trial": _trial_had,
}
