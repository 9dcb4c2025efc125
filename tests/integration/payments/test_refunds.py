"""Refunds of what was paid with tokens: asked for, decided, and paid out by proof."""

from support.refunds import (
    PAID,
    REFUNDS,
    approve,
    books,
    bought,
    deny,
    execute,
    stored,
)
from support.shop import ARTICLE, Shop
from tillway.core.refunds import RefundState


class TestAWholeRefund:
    async def test_from_the_request_to_the_proof(self, shop: Shop) -> None:
        """The buyer has his money, the books say so, and the seller hears of it."""
        bought_ = await bought(shop)
        before = bought_.buyer.balance(shop.chain)

        quote = await bought_.approved()
        answer = await execute(shop, quote)

        refund = quote["resource"].removeprefix("refund:")
        assert answer.status == 200, answer.body
        assert answer.body == {
            "success": True,
            "message": f"Refund verified for {refund}",
            "method": "x402-refund",
            "refundId": refund,
            "wallet": str(shop.merchant.address),
            "signature": answer.body["signature"],
        }
        assert answer.receipt["success"] is True
        assert bought_.buyer.balance(shop.chain) == before + ARTICLE
        kept = await stored(shop, refund)
        assert (kept.state, kept.signature) == (
            RefundState.PROCESSED,
            answer.body["signature"],
        )
        assert kept.processed_by == str(shop.merchant.address)
        payment = await bought_.payment()
        assert await books(shop, payment, payment.pay_to) == (0, 0)
        shown = await shop.get(f"{REFUNDS}/{refund}")
        assert shown.body["status"] == "processed"
        assert shown.body["signature"] == answer.body["signature"]
        again = await approve(shop, refund)
        assert (again.status, again.code) == (400, "refund_already_processed")
        late = await deny(shop, refund)
        assert late.body["error"]["message"] == "cannot deny already processed refund"
        more = await bought_.ask(PAID)
        assert (more.status, more.code) == (400, "refund_already_processed")
