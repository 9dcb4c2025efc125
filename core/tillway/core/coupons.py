"""Why a coupon that a buyer names does not count.

Cedros ignores such coupons in quotes and says the text when asked to validate one; a gateway that
is strict refuses with the code.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Final

from attrs import frozen

from tillway.core.assets import Asset
from tillway.core.catalog import Coupon, CouponState, Scope
from tillway.core.discounts import has_effect
from tillway.core.errors import Code, Declined
from tillway.core.ids import ProductId, coupon_code_fault


@frozen(kw_only=True)
class CouponRefusal:
    """Why not: a code for machines, and the contract's words."""

    code: Code
    message: str

    def declined(self) -> Declined:
        """Give the error that a strict gateway raises."""
        return Declined(self.code, self.message, field="couponCode")


_NOT_FOUND: Final = "Coupon not found"
_MALFORMED: Final = CouponRefusal(code=Code.INVALID_COUPON, message=_NOT_FOUND)
_UNKNOWN: Final = CouponRefusal(code=Code.COUPON_NOT_FOUND, message=_NOT_FOUND)
_WRONG_METHOD: Final = CouponRefusal(
    code=Code.COUPON_WRONG_PAYMENT_METHOD,
    message="Coupon does not apply to the selected payment method",
)
_WRONG_PRODUCTS: Final = CouponRefusal(
    code=Code.COUPON_NOT_APPLICABLE, message="Coupon does not apply to the selected products"
)
_STATES: Final = MappingProxyType(
    {
        # To a buyer, a coupon that was switched off is one that is not there.
        CouponState.INACTIVE: Code.COUPON_NOT_FOUND,
        CouponState.NOT_STARTED: Code.COUPON_NOT_APPLICABLE,
        CouponState.EXPIRED: Code.COUPON_EXPIRED,
        CouponState.USED_UP: Code.COUPON_USAGE_LIMIT_REACHED,
    }
)


def coupon_refusal(
    code: str,
    coupon: Coupon | None,
    *,
    now: datetime,
    used: int = 0,
    method: str | None = None,
    products: Sequence[ProductId] = (),
    asset: Asset | None = None,
    cart: bool = False,
) -> CouponRefusal | None:
    """Say why a typed coupon does not count; None when pricing takes it off.

    Whenever `Priced.typed` is None for a typed coupon, there is a refusal for the same terms.

    `coupon` is what was found under the code. Without method, products or asset, these are not
    tested; a `cart` takes coupons for all products only. The first that holds of malformed,
    unknown, its state, method, products.
    """
    if coupon is None:
        return _UNKNOWN if coupon_code_fault(code) is None else _MALFORMED
    state = coupon.state(now, used)
    if state is not None:
        return CouponRefusal(code=_STATES[state], message=str(state))
    if method is not None and not coupon.takes(method):
        return _WRONG_METHOD
    if not _fits(coupon, products, asset, cart):
        return _WRONG_PRODUCTS
    return None


def _fits(coupon: Coupon, products: Sequence[ProductId], asset: Asset | None, cart: bool) -> bool:
    if cart and coupon.scope is not Scope.ALL:
        return False
    if asset is not None and not has_effect(coupon, asset):
        return False
    return all(coupon.covers(product) for product in products)
