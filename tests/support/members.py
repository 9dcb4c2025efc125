"""A shop that sells subscriptions, and buyers who subscribe."""

import base64
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from support.chain import Wallet
from support.shop import RESOURCES, Answer, Shop, v0_header
from tillway.core.catalog import BillingPeriod
from tillway.core.ids import ProductId, SubscriptionId
from tillway.core.subscriptions import Subscription, SubscriptionState
from tillway.core.tenancy import DEFAULT

GOLD: Final = 9_980_000
PLANS: Final = {
    "gold": {
        "crypto_atomic_amount": GOLD,
        "crypto_token": "USDC",
        "fiat_amount_cents": 998,
        "description": "Everything, by the month",
        "subscription": {"billing_period": "month", "allow_x402": True},
    },
    "silver": {
        "crypto_atomic_amount": 4_990_000,
        "crypto_token": "USDC",
        "fiat_amount_cents": 499,
        "description": "Some of it, by the week",
        "subscription": {
            "billing_period": "week",
            "allow_x402": True,
            "grace_period_hours": 2,
        },
    },
    "quarterly": {
        "crypto_atomic_amount": 100_000,
        "crypto_token": "USDC",
        "subscription": {"billing_period": "month", "billing_interval": 3, "allow_x402": True},
    },
    "bronze": {
        "fiat_amount_cents": 300,
        "description": "Little of it, at a price of Stripe's",
        "subscription": {"billing_period": "month", "stripe_price_id": "price_of_bronze"},
    },
    "cards-only": {
        "fiat_amount_cents": 700,
        "crypto_atomic_amount": 700_000,
        "crypto_token": "USDC",
        "subscription": {"billing_period": "month", "trial_days": 14},
    },
}
MEMBERS: Final[Mapping[str, Any]] = {
    "paywall": {"resources": {**RESOURCES, **PLANS}, "product_source": "yaml"},
    "subscriptions": {"enabled": True, "grace_period_hours": 24},
}
PATH: Final = "/paywall/v1/subscription"
MONTHLY: Final = {"resource": "gold", "interval": "monthly"}


async def quoted(shop: Shop, **asked: Any) -> Any:
    """Ask what a period costs and give the requirement."""
    said = await shop.post(f"{PATH}/quote", {**MONTHLY, **asked})
    assert said.status == 402, said.body
    return said.body["requirement"]


def signed(shop: Shop, buyer: Wallet, requirement: Mapping[str, Any], **changes: Any) -> bytes:
    """Sign what a requirement of version 0 asks for, as the React SDK does."""
    offer = {"amount": requirement["maxAmountRequired"], "extra": requirement["extra"]}
    return shop.sign(buyer, offer, **changes)


def proof(shop: Shop, transaction: bytes, resource: str = "gold") -> dict[str, str]:
    """Write the payment as the React SDK does: nothing in it says that it is for a period."""
    return v0_header(
        transaction, resource, resourceType="regular", feePayer=str(shop.sponsor.address)
    )


async def subscribed(shop: Shop, buyer: Wallet, **asked: Any) -> str:
    """Pay for a period by quote and verify, and give the transaction's signature."""
    requirement = await quoted(shop, **asked)
    transaction = signed(shop, buyer, requirement)
    resource = asked.get("resource", "gold")
    granted = await shop.post("/paywall/v1/verify", None, proof(shop, transaction, resource))
    assert granted.status == 200, granted.body
    signature: str = granted.body["signature"]
    return signature


async def activated(
    shop: Shop, wallet: str, signature: str | None, resource: str = "gold"
) -> Answer:
    """Ask for the subscription of a payment as the React SDK does."""
    body = {
        "resource": resource,
        "walletAddress": wallet,
        "transactionSignature": signature,
        "interval": "monthly",
        "intervalDays": None,
    }
    return await shop.post(f"{PATH}/x402/activate", body)


async def status(shop: Shop, wallet: str, resource: str = "gold") -> Any:
    """Ask for the status."""
    said = await shop.get(f"{PATH}/status?resource={resource}&userId={wallet}")
    assert said.status == 200, said.body
    return said.body


def headers(buyer: Wallet, message: str) -> dict[str, str]:
    """Sign a message as a wallet does off the chain."""
    signature = bytes(buyer.keypair.sign_message(message.encode()))
    return {
        "X-Signer": str(buyer.address),
        "X-Message": message,
        "X-Signature": base64.b64encode(signature).decode(),
    }


def month_of(product: str, subscriber: str, now: datetime) -> Subscription:
    """Give a month of a product, that begins now."""
    end = now + timedelta(days=30)
    return Subscription(
        id=SubscriptionId("sub_" + "a" * 32),
        tenant=DEFAULT,
        product=ProductId(product),
        subscriber=subscriber,
        method="x402",
        billing_period=BillingPeriod.MONTH,
        billing_interval=1,
        state=SubscriptionState.ACTIVE,
        period_start=now,
        period_end=end,
        created_at=now,
        updated_at=now,
        due_at=end,
    )
