"""Identifiers: what each kind looks like, and how a new one is made.

Makers take a source of random bytes (`secrets.token_bytes` in production), so that tests and
replays can choose it. The formats are the wire contract's.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from typing import Final, NewType
from uuid import UUID

from tillway.core.errors import Code, Declined

CartId = NewType("CartId", str)
RefundId = NewType("RefundId", str)
EventId = NewType("EventId", str)
RequestId = NewType("RequestId", str)
Nonce = NewType("Nonce", str)
WebhookId = NewType("WebhookId", str)
SubscriptionId = NewType("SubscriptionId", str)
ProductId = NewType("ProductId", str)
CouponCode = NewType("CouponCode", str)

RandomBytes = Callable[[int], bytes]
"""Gives that many bytes that nobody can guess."""

CART_ID: Final = re.compile(r"cart_[0-9a-f]{32}")
REFUND_ID: Final = re.compile(r"refund_[0-9a-f]{32}")
EVENT_ID: Final = re.compile(r"evt_[0-9a-f]{24}")
REQUEST_ID: Final = re.compile(r"req_[0-9a-f]{32}")
NONCE: Final = re.compile(r"[0-9a-f]{32}")
WEBHOOK_ID: Final = re.compile(r"webhook_(?:[0-9a-f]{24}|[0-9]+)")
SUBSCRIPTION_ID: Final = re.compile(
    r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
)
"""All patterns are for `fullmatch`. Webhook ids of the reference were numbers; both are read."""

LONGEST_ID: Final = 255
_BASE58: Final = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_SIGNATURE: Final = re.compile("[1-9A-HJ-NP-Za-km-z]{64,88}")
_SIGNATURE_BYTES: Final = 64
STRIPE_PREFIX: Final = "stripe:"
RESERVED_PRODUCT_IDS: Final = frozenset({"v1", ".", ".."})
RESERVED_PRODUCT_PREFIXES: Final = ("cart_", "cart:", "refund_", "refund:", STRIPE_PREFIX)


def new_cart_id(random: RandomBytes) -> CartId:
    """Make the id of a cart: 128 random bits."""
    return CartId(f"cart_{random(16).hex()}")


def new_refund_id(random: RandomBytes) -> RefundId:
    """Make the id of a refund: 128 random bits."""
    return RefundId(f"refund_{random(16).hex()}")


def new_event_id(random: RandomBytes) -> EventId:
    """Make the id of an event: 96 random bits, kept over all its deliveries."""
    return EventId(f"evt_{random(12).hex()}")


def event_id_of(*parts: str) -> EventId:
    """Make the id of an event that is told once, from what makes it so: the same for a repeat."""
    text = "".join(f"{len(part)}:{part}" for part in parts)
    return EventId(f"evt_{hashlib.sha256(text.encode()).hexdigest()[:24]}")


def new_request_id(random: RandomBytes) -> RequestId:
    """Make the id of a request that came without one: 128 random bits."""
    return RequestId(f"req_{random(16).hex()}")


def new_nonce(random: RandomBytes) -> Nonce:
    """Make a nonce to be signed by an admin or a buyer: 128 random bits."""
    return Nonce(random(16).hex())


def new_webhook_id(random: RandomBytes) -> WebhookId:
    """Make the id of a callback on its way: 96 random bits."""
    return WebhookId(f"webhook_{random(12).hex()}")


def new_subscription_id(random: RandomBytes) -> SubscriptionId:
    """Make the id of a subscription: a random UUID (version 4)."""
    return SubscriptionId(str(UUID(bytes=random(16), version=4)))


def is_transaction_signature(text: str) -> bool:
    """Tell whether a text is 64 bytes in base58, as Solana writes a transaction's signature."""
    if not _SIGNATURE.fullmatch(text):
        return False
    number = 0
    for letter in text:
        number = number * len(_BASE58) + _BASE58.index(letter)
    zeros = len(text) - len(text.lstrip(_BASE58[0]))
    return zeros + (number.bit_length() + 7) // 8 == _SIGNATURE_BYTES


def product_id_fault(text: str) -> str | None:
    """Say what keeps a text from being a product's id, or None.

    An id stands in paths, memos and storage keys, so it may not read as a route (`v1`), as the id
    of something else (`cart_...`, `stripe:...`) or as several path segments.
    """
    fault = _text_fault(text)
    if fault is not None:
        return fault
    if "/" in text or "\\" in text:
        return "must not contain a slash"
    if text in RESERVED_PRODUCT_IDS or text.startswith(RESERVED_PRODUCT_PREFIXES):
        return "is reserved"
    return None


def validate_product_id(text: str) -> ProductId:
    """Take a text as a product's id; Declined with `invalid_resource` when it cannot be one."""
    fault = product_id_fault(text)
    if fault is not None:
        raise Declined(Code.INVALID_RESOURCE, f"resource id {fault}", field="resource")
    return ProductId(text)


def coupon_code_fault(text: str) -> str | None:
    """Say what keeps a text from being a coupon's code, or None.

    Codes are compared exactly and case counts. A comma is refused because the wire lists codes
    with commas between them.
    """
    fault = _text_fault(text)
    if fault is None and "," in text:
        return "must not contain a comma"
    return fault


def validate_coupon_code(text: str) -> CouponCode:
    """Take a text as a coupon's code; Declined with `invalid_coupon` when it cannot be one."""
    fault = coupon_code_fault(text)
    if fault is not None:
        raise Declined(Code.INVALID_COUPON, f"coupon code {fault}", field="couponCode")
    return CouponCode(text)


def _text_fault(text: str) -> str | None:
    if not text:
        return "must not be empty"
    if len(text) > LONGEST_ID:
        return f"must not be longer than {LONGEST_ID} characters"
    if text != text.strip() or not text.isprintable():
        return "must not contain control characters or surrounding blanks"
    return None
