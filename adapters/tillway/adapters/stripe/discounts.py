"""What is taken off at Stripe: our own discount, by a coupon made for one checkout, or a code."""

from typing import Final

from attrs import define, field

from tillway.adapters.stripe.answers import Fields
from tillway.adapters.stripe.client import Api, key_of
from tillway.adapters.stripe.errors import Refused
from tillway.adapters.stripe.metadata import ours_of
from tillway.core.checkouts import Checkout
from tillway.core.errors import Code, Declined
from tillway.core.money import Money

_EXISTS: Final = "resource_already_exists"
_NAME: Final = "Discount"


@define(kw_only=True)
class Discounts:
    """Makes coupons, and finds promotion codes."""

    api: Api = field(repr=False)

    async def coupon(self, checkout: Checkout, off: Money) -> str:
        """Make the coupon that takes this off this checkout, once; a repeat gives the same."""
        id_ = f"tillway-{checkout.id}"
        try:
            return await self.api.write(
                "coupons.create",
                "/v1/coupons",
                {
                    "id": id_,
                    "amount_off": off.minor,
                    "currency": off.asset.stripe,
                    "duration": "once",
                    "max_redemptions": 1,
                    "name": _NAME,
                    "metadata": dict(ours_of(checkout)),
                },
                lambda fields: fields.need_ref("id"),
                key=key_of("coupon", checkout.id),
            )
        except Refused as refused:
            if refused.word == _EXISTS:
                return id_
            raise

    async def promotion(self, code: str, customer: str | None) -> str:
        """Find the promotion code that is active and reads exactly so.

        Raises Declined (coupon_not_found) if there is none for this customer.
        """
        found = await self.api.read(
            "promotion_codes.list",
            "/v1/promotion_codes",
            {"code": code, "active": True, "limit": 100},
            lambda answer: [
                one.need_ref("id") for one in answer.each("data") if _is(one, code, customer)
            ],
        )
        if not found:
            raise Declined(Code.COUPON_NOT_FOUND, field="couponCode")
        return found[0]


def _is(found: Fields, code: str, customer: str | None) -> bool:
    # Stripe finds codes whatever their case; ours are compared exactly.
    named = found.text("code") == code and found.flag("active")
    return named and found.ref("customer") in (None, customer)
