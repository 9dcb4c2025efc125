"""Which errors the routes of the paywall have, for their description."""

from typing import Final

from tillway.core.errors import Code

PRICING: Final = (
    Code.RATE_LIMIT_EXCEEDED,
    Code.RESOURCE_NOT_FOUND,
    Code.INVALID_RESOURCE,
    Code.INVALID_COUPON,
    Code.COUPON_NOT_FOUND,
    Code.COUPON_EXPIRED,
    Code.COUPON_USAGE_LIMIT_REACHED,
    Code.COUPON_NOT_APPLICABLE,
    Code.COUPON_WRONG_PAYMENT_METHOD,
)
"""Of whatever is priced. Those of coupons are answered only if ``coupons.strict`` is set."""

PROVING: Final = (
    Code.INVALID_FIELD,
    Code.INVALID_PAYMENT_PROOF,
    Code.INVALID_SIGNATURE,
    Code.INVALID_TRANSACTION,
    Code.INVALID_RECIPIENT,
    Code.INVALID_SENDER,
    Code.INVALID_TOKEN_MINT,
    Code.INVALID_TOKEN_PROGRAM,
    Code.NOT_SPL_TRANSFER,
    Code.MISSING_MEMO,
    Code.INVALID_MEMO,
    Code.AMOUNT_BELOW_MINIMUM,
    Code.AMOUNT_MISMATCH,
    Code.INSUFFICIENT_FUNDS_SOL,
    Code.INSUFFICIENT_FUNDS_TOKEN,
    Code.MISSING_TOKEN_ACCOUNT,
    Code.PAYMENT_ALREADY_USED,
    Code.SIGNATURE_REUSED,
    Code.QUOTE_EXPIRED,
    Code.TRANSACTION_EXPIRED,
    Code.TRANSACTION_FAILED,
    Code.TRANSACTION_NOT_CONFIRMED,
    Code.TRANSACTION_NOT_FOUND,
    Code.IDEMPOTENCY_KEY_REUSED,
    Code.RPC_ERROR,
    Code.NETWORK_ERROR,
)
"""Of whatever takes payments."""
