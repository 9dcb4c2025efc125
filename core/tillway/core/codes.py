"""The codes that name what went wrong, with what each one always says.

49 of them are the wire contract of the Cedros API; the rest name what that API answers as plain
text, or not at all. A code never changes its meaning, its retryable flag or its message. Which
HTTP status a code has is the faces' business.
"""

from __future__ import annotations

import re
from enum import StrEnum
from types import MappingProxyType
from typing import Final


class Code(StrEnum):
    """Every code that can reach the wire."""

    # A payment proof, or what the chain said of it.
    INVALID_PAYMENT_PROOF = "invalid_payment_proof"
    INVALID_SIGNATURE = "invalid_signature"
    INVALID_TRANSACTION = "invalid_transaction"
    TRANSACTION_NOT_FOUND = "transaction_not_found"
    TRANSACTION_NOT_CONFIRMED = "transaction_not_confirmed"
    TRANSACTION_FAILED = "transaction_failed"
    INVALID_RECIPIENT = "invalid_recipient"
    INVALID_SENDER = "invalid_sender"
    UNAUTHORIZED_REFUND_ISSUER = "unauthorized_refund_issuer"
    AMOUNT_BELOW_MINIMUM = "amount_below_minimum"
    AMOUNT_MISMATCH = "amount_mismatch"
    INSUFFICIENT_FUNDS_SOL = "insufficient_funds_sol"
    INSUFFICIENT_FUNDS_TOKEN = "insufficient_funds_token"  # noqa: S105 - a code, not a secret
    INVALID_TOKEN_MINT = "invalid_token_mint"  # noqa: S105 - a code, not a secret
    NOT_SPL_TRANSFER = "not_spl_transfer"
    MISSING_TOKEN_ACCOUNT = "missing_token_account"  # noqa: S105 - a code, not a secret
    INVALID_TOKEN_PROGRAM = "invalid_token_program"  # noqa: S105 - a code, not a secret
    MISSING_MEMO = "missing_memo"
    INVALID_MEMO = "invalid_memo"
    PAYMENT_ALREADY_USED = "payment_already_used"
    SIGNATURE_REUSED = "signature_reused"
    QUOTE_EXPIRED = "quote_expired"
    TRANSACTION_EXPIRED = "transaction_expired"
    # What was asked.
    MISSING_FIELD = "missing_field"
    INVALID_FIELD = "invalid_field"
    INVALID_AMOUNT = "invalid_amount"
    INVALID_WALLET = "invalid_wallet"
    INVALID_RESOURCE = "invalid_resource"
    INVALID_COUPON = "invalid_coupon"
    INVALID_CART_ITEM = "invalid_cart_item"
    EMPTY_CART = "empty_cart"
    # How things stand.
    RESOURCE_NOT_FOUND = "resource_not_found"
    CART_NOT_FOUND = "cart_not_found"
    REFUND_NOT_FOUND = "refund_not_found"
    PRODUCT_NOT_FOUND = "product_not_found"
    COUPON_NOT_FOUND = "coupon_not_found"
    SESSION_NOT_FOUND = "session_not_found"
    CART_ALREADY_PAID = "cart_already_paid"
    REFUND_ALREADY_PROCESSED = "refund_already_processed"
    # Coupons.
    COUPON_EXPIRED = "coupon_expired"
    COUPON_USAGE_LIMIT_REACHED = "coupon_usage_limit_reached"
    COUPON_NOT_APPLICABLE = "coupon_not_applicable"
    COUPON_WRONG_PAYMENT_METHOD = "coupon_wrong_payment_method"
    # Upstream and ourselves.
    STRIPE_ERROR = "stripe_error"
    RPC_ERROR = "rpc_error"
    NETWORK_ERROR = "network_error"
    INTERNAL_ERROR = "internal_error"
    DATABASE_ERROR = "database_error"
    CONFIG_ERROR = "config_error"
    # Ours: the reference has no code for these.
    ROUTE_NOT_FOUND = "route_not_found"
    METHOD_NOT_ALLOWED = "method_not_allowed"
    PAYLOAD_TOO_LARGE = "payload_too_large"
    RATE_LIMIT_EXCEEDED = "rate_limit_exceeded"
    UNAUTHORIZED = "unauthorized"
    FORBIDDEN = "forbidden"
    IDEMPOTENCY_KEY_REUSED = "idempotency_key_reused"
    INSUFFICIENT_CREDITS = "insufficient_credits"
    SERVICE_UNAVAILABLE = "service_unavailable"
    TIMEOUT = "timeout"


RETRYABLE: Final = frozenset(
    {
        Code.TRANSACTION_NOT_CONFIRMED,
        Code.STRIPE_ERROR,
        Code.RPC_ERROR,
        Code.NETWORK_ERROR,
        Code.RATE_LIMIT_EXCEEDED,
        Code.SERVICE_UNAVAILABLE,
        Code.TIMEOUT,
    }
)
"""Codes after which the same request may succeed later. The first four are the contract's."""

SERVER_INSUFFICIENT_FUNDS: Final = (
    "Service temporarily unavailable due to insufficient server funds. "
    "Please try again later or contact support."
)
"""Said, under `internal_error`, when a sponsoring wallet of ours cannot pay a fee."""

SEND_FAILED: Final = "Transaction failed to send. Please check your wallet balance and try again."
SEND_FAILED_AFTER_ACCOUNT_CREATION: Final = (
    "Transaction failed after creating token account. Please try again."
)

MESSAGES: Final = MappingProxyType(
    {
        Code.INVALID_SIGNATURE: "Invalid transaction signature. Please try again.",
        Code.TRANSACTION_NOT_FOUND: (
            "Transaction not found on the blockchain. It may have been dropped. Please try again."
        ),
        Code.TRANSACTION_FAILED: (
            "Transaction failed on the blockchain. Check your wallet for details. "
            "You may need to adjust your transaction settings or add more SOL for fees."
        ),
        Code.INVALID_RECIPIENT: (
            "Payment sent to wrong address. Please check the recipient address and try again."
        ),
        Code.AMOUNT_BELOW_MINIMUM: (
            "Payment amount is less than required. Please check the payment amount and try again."
        ),
        Code.AMOUNT_MISMATCH: (
            "Payment amount does not match the required amount. Please pay the exact amount shown."
        ),
        Code.INSUFFICIENT_FUNDS_SOL: (
            "Insufficient SOL for transaction fees. "
            "Please add some SOL to your wallet and try again."
        ),
        Code.INSUFFICIENT_FUNDS_TOKEN: (
            "Insufficient token balance. Please add more tokens to your wallet and try again."
        ),
        Code.INVALID_TOKEN_MINT: (
            "Wrong token used for payment. Please use the correct token specified in the quote."
        ),
        Code.MISSING_TOKEN_ACCOUNT: (
            "Token account not found. Please create a token account for this token first."
        ),
        Code.INVALID_MEMO: (
            "Invalid payment memo. Please use the payment details provided by the quote."
        ),
        Code.PAYMENT_ALREADY_USED: (
            "This payment has already been processed. Each payment can only be used once."
        ),
        Code.TRANSACTION_EXPIRED: (
            "Transaction timed out. Please check the blockchain explorer and try again if needed."
        ),
        # The contract fixes no words for the codes below; these are ours.
        Code.MISSING_FIELD: "A required field is missing.",
        Code.INVALID_FIELD: "A field has an invalid value.",
        Code.INVALID_AMOUNT: "The amount is not valid.",
        Code.INVALID_WALLET: "The wallet address is not valid.",
        Code.INVALID_RESOURCE: "The resource is not valid.",
        Code.INVALID_COUPON: "The coupon code is not valid.",
        Code.INVALID_CART_ITEM: "An item of the cart is not valid.",
        Code.EMPTY_CART: "At least one item is required.",
        Code.RESOURCE_NOT_FOUND: "Resource not found",
        Code.CART_NOT_FOUND: "Cart not found",
        Code.REFUND_NOT_FOUND: "Refund not found",
        Code.PRODUCT_NOT_FOUND: "Product not found",
        Code.COUPON_NOT_FOUND: "Coupon not found",
        Code.SESSION_NOT_FOUND: "Payment not completed or session invalid",
        Code.CART_ALREADY_PAID: "This cart has already been paid.",
        Code.REFUND_ALREADY_PROCESSED: "This refund has already been processed.",
        Code.COUPON_EXPIRED: "coupon expired",
        Code.COUPON_USAGE_LIMIT_REACHED: "coupon usage limit reached",
        Code.COUPON_NOT_APPLICABLE: "Coupon does not apply to the selected products",
        Code.COUPON_WRONG_PAYMENT_METHOD: ("Coupon does not apply to the selected payment method"),
        Code.STRIPE_ERROR: "The card provider could not be reached. Please try again.",
        Code.RPC_ERROR: "The blockchain could not be reached. Please try again.",
        Code.NETWORK_ERROR: "A service could not be reached. Please try again.",
        Code.INTERNAL_ERROR: "Something went wrong on our side.",
        Code.DATABASE_ERROR: "The data could not be read or written.",
        Code.CONFIG_ERROR: "This feature is not configured.",
        Code.ROUTE_NOT_FOUND: "There is nothing at this path.",
        Code.METHOD_NOT_ALLOWED: "This path does not take this method.",
        Code.PAYLOAD_TOO_LARGE: "The request is too large.",
        Code.RATE_LIMIT_EXCEEDED: "Too many requests. Please try again later.",
        Code.UNAUTHORIZED: "Authentication is required.",
        Code.FORBIDDEN: "This is not allowed.",
        Code.IDEMPOTENCY_KEY_REUSED: ("This idempotency key was used before with another request."),
        Code.INSUFFICIENT_CREDITS: "There are not enough credits.",
        Code.SERVICE_UNAVAILABLE: "The service is not available right now. Please try again.",
        Code.TIMEOUT: "The request took too long. Please try again.",
    }
)
"""What a code says to a person. Codes that are missing here say `message_of`'s default."""

_CUSTOM_ERROR_ONE = re.compile(r"custom program error: 0x1(?![0-9a-f])")
_NO_ACCOUNT = ("account not found", "could not find account")
_LOW_FUNDS = ("insufficient funds", "insufficient lamports")


def message_of(code: Code) -> str:
    """Give the fixed words of a code: never technical text, never a secret."""
    return MESSAGES.get(code, f"Payment verification failed: {code}")


def transaction_failed_message(technical: str) -> str:
    """Say why a transaction failed on chain, as far as the node's text tells.

    The first rule that fits wins. `0x1` is compared as a whole number: 0x10 and 0x1770 are other
    errors than a lack of tokens.
    """
    text = technical.lower()
    low = "insufficient" in text and "lamports" not in text
    if low or _CUSTOM_ERROR_ONE.search(text):
        return message_of(Code.INSUFFICIENT_FUNDS_TOKEN)
    if "insufficient lamports" in text:
        return message_of(Code.INSUFFICIENT_FUNDS_SOL)
    if _contains_any(text, _NO_ACCOUNT):
        return message_of(Code.MISSING_TOKEN_ACCOUNT)
    return message_of(Code.TRANSACTION_FAILED)


def send_failed_message(technical: str) -> str:
    """Say why a transaction could not be sent, as far as the node's text tells."""
    text = technical.lower()
    if _contains_any(text, _LOW_FUNDS):
        token = _CUSTOM_ERROR_ONE.search(text) is not None
        return message_of(Code.INSUFFICIENT_FUNDS_TOKEN if token else Code.INSUFFICIENT_FUNDS_SOL)
    if _contains_any(text, _NO_ACCOUNT):
        return message_of(Code.MISSING_TOKEN_ACCOUNT)
    return SEND_FAILED


def _contains_any(text: str, parts: tuple[str, ...]) -> bool:
    return any(part in text for part in parts)
