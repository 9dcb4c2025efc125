"""The JSON bodies of the Cedros routes, in their own words."""

from collections.abc import Mapping, Sequence
from typing import Literal

from attrs import frozen

from tillway.entrypoints.http.wire import wire

_ID = 255
_MOST_PRODUCTS = 100


@frozen(kw_only=True)
class QuoteRequest:
    """What is to be priced. An unknown coupon is ignored unless ``coupons.strict`` is set."""

    resource: str = wire(missing="resource field is required", longest=_ID)
    coupon_code: str | None = wire(default=None, longest=_ID)


@frozen(kw_only=True)
class GaslessRequest:
    """What a buyer wants a transaction for."""

    resource_id: str = wire(missing="resourceId required", longest=_ID)
    user_wallet: str = wire(missing="userWallet required", longest=64)
    fee_payer: str | None = wire(default=None, longest=64)
    coupon_code: str | None = wire(default=None, longest=_ID)


@frozen(kw_only=True)
class CouponRequest:
    """Which coupon to look at, and for what."""

    code: str = wire(default="", longest=_ID)
    product_ids: Sequence[str] = wire(default=(), longest=_MOST_PRODUCTS)
    payment_method: str | None = wire(default=None, pattern="|stripe|x402")


@frozen(kw_only=True)
class Challenge:
    """How a resource can be paid, by x402 v0."""

    x402_version: int = wire(name="x402Version")
    accepts: Sequence[Mapping[str, object]]
    error: str


@frozen(kw_only=True)
class Grant:
    """The purchase is granted: a resource, or with a message a cart or a refund."""

    success: bool
    resource: str | None = None
    granted: bool | None = None
    message: str | None = None
    method: str
    cart_id: str | None = None
    refund_id: str | None = None
    wallet: str | None = None
    signature: str | None = None


@frozen(kw_only=True)
class GaslessTransaction:
    """A transaction to sign: standard base64 of a legacy transaction without signatures."""

    transaction: str
    blockhash: str
    fee_payer: str
    last_valid_block_height: int


@frozen(kw_only=True)
class TransactionProof:
    """A settled payment. ``amount`` is in major units with its asset: ``1.500000 USDC``."""

    verified: bool
    resource_id: str = wire(name="resource_id")
    wallet: str
    paid_at: str = wire(name="paid_at", format="date-time")
    amount: str
    metadata: Mapping[str, str] | None


@frozen(kw_only=True)
class CouponAnswer:
    """What a coupon does if it is valid, or why it is not."""

    valid: bool
    error: str | None = None
    code: str | None = None
    discount_type: Literal["percentage", "fixed"] | None = None
    discount_value: float | None = None
    scope: Literal["all", "specific"] | None = None
    applicable_products: Sequence[str] | None = None
    payment_method: str | None = None
    expires_at: str | None = wire(default=None, format="date-time")
    remaining_uses: int | None = None
