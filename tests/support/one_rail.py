"""Gateways with a single way to pay, from settings alone: by card, or by token."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

import yaml
from attrs import frozen

from support.shell import Client, Said, ask, listening, serving
from support.whole_shop import CARD_HOST, SECRET
from tillway.entrypoints.bootstrap import Ports, create_app
from tillway.entrypoints.configuration import configure
from tillway.entrypoints.gateway import Gateway
from tillway.entrypoints.sandbox.clock import VirtualClock
from tillway.entrypoints.sandbox.stripe import SECRET_KEY, Account, Served, serve_stripe

RESOURCES: Final[dict[str, dict[str, Any]]] = {
    "mug": {"description": "A mug", "fiat_amount_cents": 1250},
    "spoon": {"description": "A spoon", "fiat_amount_cents": 60},
    "pin": {"description": "A pin", "fiat_amount_cents": 49},
    "poster": {"description": "A poster", "stripe_price_id": "price_1"},
    "club": {
        "description": "A club",
        "fiat_amount_cents": 900,
        "subscription": {"billing_period": "month", "trial_days": 14},
    },
    "both": {
        "description": "A pen",
        "fiat_amount_cents": 20,
        "crypto_atomic_amount": 200_000,
        "crypto_token": "USDC",
    },
}
_OFF: Final = {"discount_type": "percentage", "scope": "all", "active": True}
COUPONS: Final = {
    "HALF": {"code": "HALF", "discount_value": 50, **_OFF},
    "FREE": {"code": "FREE", "discount_value": 100, **_OFF},
}


@frozen
class StripeShop:
    """A gateway that takes nothing but cards, and its account at the sandbox's Stripe."""

    gateway: Gateway
    client: Client
    stripe: Served

    async def get(self, path: str, accept: str = "*/*") -> Said:
        """GET a path."""
        return await ask(self.client, path, headers={"Accept": accept})

    async def post(self, path: str, body: object) -> Said:
        """POST JSON."""
        return await ask(self.client, path, "POST", json=body)

    async def pay(self, session: str) -> None:
        """Have a buyer pay, and wait until the gateway has heard of it."""
        self.stripe.switches.pay(session)
        await self.stripe.delivered()

    def written(self) -> int:
        """Count what was changed at Stripe: sessions, coupons made for them, and all else."""
        return self.stripe.account.shelves.changes


@asynccontextmanager
async def stripe_shop(*, at_home: bool = False, **changes: Any) -> AsyncIterator[StripeShop]:
    """Serve one; ``changes`` are settings by section.

    ``at_home`` it knows its own address, so that buyers come back to its page.
    """
    clock, listener = VirtualClock(), listening()
    home = f"http://127.0.0.1:{listener.getsockname()[1]}"
    account = Account(clock=clock.seconds)
    async with serve_stripe(account) as served:
        sections: dict[str, dict[str, Any]] = {
            "logging": {"environment": "development", "level": "warn"},
            "storage": {"backend": "memory"},
            "stripe": {
                "secret_key": SECRET_KEY,
                "webhook_secret": SECRET,
                "api_base": served.url,
                "success_url": f"{CARD_HOST}/done?id={{CHECKOUT_SESSION_ID}}",
                "cancel_url": f"{CARD_HOST}/cart",
            },
            "paywall": {"resources": RESOURCES},
            "coupons": {"coupons": COUPONS},
            "subscriptions": {"enabled": True},
            "server": {"public_url": home} if at_home else {},
        }
        for name, change in changes.items():
            sections[name] = {**sections.get(name, {}), **change}
        gateway = create_app(configure(yaml.safe_dump(sections), {}), ports=Ports(clock=clock))
        async with serving(gateway.web, listener) as client:
            served.listen(f"{client.address}/webhook/stripe", SECRET)
            yield StripeShop(gateway, client, served)
