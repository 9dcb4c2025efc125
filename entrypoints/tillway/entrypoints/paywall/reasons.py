"""What ``/paywall/{id}`` says for a refusal: the x402 reason, with or without a fresh offer."""

from tillway.core.errors import Code, Declined

WITH_OFFER = frozenset(
    {
        Code.INVALID_PAYMENT_PROOF,
        Code.INVALID_SIGNATURE,
        Code.INVALID_TRANSACTION,
        Code.TRANSACTION_NOT_FOUND,
        Code.TRANSACTION_FAILED,
        Code.TRANSACTION_EXPIRED,
        Code.INVALID_RECIPIENT,
        Code.INVALID_SENDER,
        Code.AMOUNT_BELOW_MINIMUM,
        Code.AMOUNT_MISMATCH,
        Code.INSUFFICIENT_FUNDS_SOL,
        Code.INSUFFICIENT_FUNDS_TOKEN,
        Code.INVALID_TOKEN_MINT,
        Code.NOT_SPL_TRANSFER,
        Code.MISSING_TOKEN_ACCOUNT,
        Code.INVALID_TOKEN_PROGRAM,
        Code.MISSING_MEMO,
        Code.INVALID_MEMO,
        Code.PAYMENT_ALREADY_USED,
        Code.QUOTE_EXPIRED,
        Code.COUPON_USAGE_LIMIT_REACHED,
    }
)
"""Refusals after which the buyer may pay anew. ``signature_reused`` is not one of them: that
payment is on its way, and clients pay any offer they see."""


def reason_of(refusal: Declined) -> str:
    """Give the rail's own reason if there is one, otherwise the code."""
    return refusal.reason or refusal.code.value
