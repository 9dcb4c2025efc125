"""A buyer of the oldest dialect who sends his transaction himself, and shows it afterwards."""

from datetime import timedelta
from typing import Any

from attrs import frozen
from solders.transaction import VersionedTransaction

from support.chain import Wallet
from support.hostile import Stage
from support.shop import Answer, Shop, v0_header

VERIFY = "/paywall/v1/verify"


@frozen
class Asked:
    """A quote in the oldest dialect, and who would pay it himself."""

    shop: Shop
    stage: Stage
    sealed: str
    coupon: str | None = None

    def land(self, raw: bytes, *, confirmed: bool = True) -> None:
        """Have the buyer send it himself, and wait until it is confirmed."""
        assert self.shop.chain.land(VersionedTransaction.from_bytes(raw)) is not None
        if confirmed:
            self.shop.clock.forward(timedelta(seconds=1))

    def header(self, raw: bytes, *, quote: str | None = "", **payload: Any) -> dict[str, str]:
        """Write the payment, by default with the sealed quote."""
        sealed = self.sealed if quote == "" else quote
        metadata = {} if sealed is None else {"quote": sealed}
        if self.coupon is not None:
            metadata["couponCode"] = self.coupon
        return v0_header(raw, payload.pop("resource", "article"), metadata=metadata, **payload)

    async def show(self, raw: bytes, **changes: Any) -> Answer:
        """Present it at verify."""
        return await self.shop.post(VERIFY, headers=self.header(raw, **changes))


async def asked_for(
    shop: Shop, buyer: Wallet | None = None, resource: str = "article", coupon: str | None = None
) -> Asked:
    """Ask for a price, with a coupon or without."""
    typed = {} if coupon is None else {"couponCode": coupon}
    quoted = await shop.post("/paywall/v1/quote", {"resource": resource, **typed})
    offered = quoted.body["accepts"][0]
    extra = offered["extra"]
    price = int(offered["maxAmountRequired"])
    stage = Stage(shop, buyer or shop.buyer(sol=1), note=extra["memo"], price=price)
    return Asked(shop, stage, sealed=extra["quote"], coupon=coupon)
