"""The one table from codes to HTTP statuses.

The Cedros statuses are those of the reference's code, not of its documents: a conflict of state
is 400, a bad proof 400, an unpaid or unusable payment 402.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

from tillway.core.codes import Code

STATUSES: Final = MappingProxyType(
    {
        Code.INVALID_PAYMENT_PROOF: 400,
        Code.INVALID_SIGNATURE: 400,
        Code.INVALID_TRANSACTION: 400,
        Code.TRANSACTION_NOT_FOUND: 402,
        Code.TRANSACTION_NOT_CONFIRMED: 402,
        Code.TRANSACTION_FAILED: 402,
        Code.INVALID_RECIPIENT: 400,
        Code.INVALID_SENDER: 400,
        Code.UNAUTHORIZED_REFUND_ISSUER: 403,
        Code.AMOUNT_BELOW_MINIMUM: 402,
        Code.AMOUNT_MISMATCH: 402,
        Code.INSUFFICIENT_FUNDS_SOL: 402,
        Code.INSUFFICIENT_FUNDS_TOKEN: 402,
        Code.INVALID_TOKEN_MINT: 400,
        Code.NOT_SPL_TRANSFER: 400,
        Code.MISSING_TOKEN_ACCOUNT: 402,
        Code.INVALID_TOKEN_PROGRAM: 400,
        Code.MISSING_MEMO: 400,
        Code.INVALID_MEMO: 400,
        Code.PAYMENT_ALREADY_USED: 402,
        Code.SIGNATURE_REUSED: 402,
        Code.QUOTE_EXPIRED: 402,
        Code.TRANSACTION_EXPIRED: 402,
        Code.MISSING_FIELD: 400,
        Code.INVALID_FIELD: 400,
        Code.INVALID_AMOUNT: 400,
        Code.INVALID_WALLET: 400,
        Code.INVALID_RESOURCE: 400,
        Code.INVALID_COUPON: 400,
        Code.INVALID_CART_ITEM: 400,
        Code.EMPTY_CART: 400,
        Code.RESOURCE_NOT_FOUND: 404,
        Code.CART_NOT_FOUND: 404,
        Code.REFUND_NOT_FOUND: 404,
        Code.PRODUCT_NOT_FOUND: 404,
        Code.COUPON_NOT_FOUND: 404,
        Code.SESSION_NOT_FOUND: 404,
        Code.CART_ALREADY_PAID: 400,
        Code.REFUND_ALREADY_PROCESSED: 400,
        Code.COUPON_EXPIRED: 409,
        Code.COUPON_USAGE_LIMIT_REACHED: 409,
        Code.COUPON_NOT_APPLICABLE: 409,
        Code.COUPON_WRONG_PAYMENT_METHOD: 409,
        Code.STRIPE_ERROR: 502,
        Code.RPC_ERROR: 502,
        Code.NETWORK_ERROR: 502,
        Code.INTERNAL_ERROR: 500,
        Code.DATABASE_ERROR: 500,
        Code.CONFIG_ERROR: 500,
        Code.ROUTE_NOT_FOUND: 404,
        Code.METHOD_NOT_ALLOWED: 405,
        Code.PAYLOAD_TOO_LARGE: 413,
        Code.RATE_LIMIT_EXCEEDED: 429,
        Code.UNAUTHORIZED: 401,
        Code.FORBIDDEN: 403,
        Code.IDEMPOTENCY_KEY_REUSED: 409,
        Code.INSUFFICIENT_CREDITS: 402,
        Code.SERVICE_UNAVAILABLE: 503,
        Code.TIMEOUT: 504,
    }
)
"""Complete over `Code`: a test fails when a code lacks its status."""
