"""Somebody who paid and wants his money back, and the merchant who gives it."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from attrs import frozen
from solders.keypair import Keypair
from solders.pubkey import Pubkey

from support.chain import Wallet, blockhash_of, pay
from support.shop import ARTICLE, Answer, Shop, v0_header
from support.words import signed_headers
from tillway.core.ids import RefundId
from tillway.core.ledger import Account, AccountKind
from tillway.core.payments import Payment
from tillway.core.refunds import Refund

REFUNDS = "/paywall/v1/refunds"
VERIFY = "/paywall/v1/verify"
ROOTED = timedelta(seconds=16)
PAID = ARTICLE / 1_000_000


@frozen
class Bought:
    """A purchase that is final."""

    shop: Shop
    buyer: Wallet
    purchase: str

    async def ask(
        self,
        amount: float | None = PAID,
        wallet: Keypair | None = None,
        headers: Mapping[str, str] | None = None,
        **changes: Any,
    ) -> Answer:
        """Ask for a refund, signed by the buyer or whoever is named."""
        body: dict[str, Any] = {
            "originalPurchaseId": self.purchase,
            "recipientWallet": str(self.buyer.address),
            "amount": amount,
            "token": "USDC",
            **changes,
        }
        message = f"request-refund:{body['originalPurchaseId']}"
        signed = signed_headers(wallet or self.buyer.keypair, message)
        path = f"{REFUNDS}/request"
        return await self.shop.post(path, body, signed if headers is None else headers)

    async def asked(self, amount: float = PAID) -> str:
        """Ask, and give the refund's id."""
        answer = await self.ask(amount)
        assert answer.status == 200, answer.body
        return str(answer.body["refundId"])

    async def approved(self, amount: float = PAID) -> Mapping[str, Any]:
        """Ask and have it approved; give how it is paid."""
        refund = await self.asked(amount)
        answer = await approve(self.shop, refund)
        assert answer.status == 200, answer.body
        quote: Mapping[str, Any] = answer.body["quote"]
        return quote

    async def payment(self) -> Payment:
        """Give what is stored of the purchase."""
        async with self.shop.gateway.store.view() as view:
            found = await view.payments.by_signature(self.shop.tenant, self.purchase)
        assert found is not None
        return found


async def bought(shop: Shop, buyer: Wallet | None = None, *, final: bool = True) -> Bought:
    """Buy an article, and wait until that is final."""
    buyer = buyer or shop.buyer()
    answer = await shop.paid(buyer)
    assert answer.status == 200, answer.body
    if final:
        await root(shop)
    return Bought(shop, buyer, answer.body["signature"])


async def root(shop: Shop) -> None:
    """Let what has been paid become final."""
    shop.clock.forward(ROOTED)
    await shop.gateway.services.finality.sweep()


async def approve(shop: Shop, refund: str, wallet: Keypair | None = None) -> Answer:
    """Approve a refund as the merchant, or as somebody else."""
    return await decide(shop, "approve", refund, wallet)


async def deny(shop: Shop, refund: str, wallet: Keypair | None = None, **more: Any) -> Answer:
    """Deny a refund as the merchant, or as somebody else."""
    return await decide(shop, "deny", refund, wallet, **more)


async def decide(
    shop: Shop, what: str, refund: str, wallet: Keypair | None = None, **more: Any
) -> Answer:
    """Decide on a refund."""
    signed = signed_headers(wallet or shop.merchant.keypair, f"{what}-refund:{refund}")
    return await shop.post(f"{REFUNDS}/{what}", {"refundId": refund, **more}, signed)


def repay(
    shop: Shop, quote: Mapping[str, Any], payer: Wallet | None = None, **changes: Any
) -> bytes:
    """Sign the payment of a refund, as the merchant does it."""
    arguments: dict[str, Any] = {
        "owner": Pubkey.from_string(quote["payTo"]),
        "amount": int(quote["maxAmountRequired"]),
        "blockhash": blockhash_of(shop.chain),
        "note": quote["extra"]["memo"],
    }
    return bytes(pay(payer or shop.merchant, **{**arguments, **changes}))


def refund_header(raw: bytes, quote: Mapping[str, Any], *, sealed: bool = True) -> dict[str, str]:
    """Write the payment of a refund."""
    metadata = {"quote": quote["extra"]["quote"]} if sealed else {}
    refund = quote["resource"].removeprefix("refund:")
    return v0_header(raw, refund, resourceType="refund", metadata=metadata)


async def execute(
    shop: Shop, quote: Mapping[str, Any], payer: Wallet | None = None, **changes: Any
) -> Answer:
    """Pay a refund out."""
    raw = repay(shop, quote, payer, **changes)
    return await shop.post(VERIFY, headers=refund_header(raw, quote))


async def stored(shop: Shop, refund: str) -> Refund:
    """Give a refund as the store has it."""
    async with shop.gateway.store.view() as view:
        found = await view.refunds.get(shop.tenant, RefundId(refund))
    assert found is not None
    return found


async def refunds_of(shop: Shop, purchase: str) -> Sequence[Refund]:
    """Give all refunds of a purchase."""
    async with shop.gateway.store.view() as view:
        return await view.refunds.of(shop.tenant, purchase)


async def books(shop: Shop, payment: Payment, wallet: str) -> tuple[int, int]:
    """Give what was earned, and what the ledger says a wallet holds."""
    asset = payment.amount.asset
    async with shop.gateway.store.view() as view:
        earned = await view.ledger.balance(
            shop.tenant, Account(AccountKind.SALES, payment.rail), asset
        )
        held = await view.ledger.balance(shop.tenant, Account(AccountKind.WALLET, wallet), asset)
    return earned.total, -held.total
