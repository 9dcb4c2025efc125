"""A gateway that takes tokens and cards, over the sandbox's chain and the sandbox's Stripe."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

from attrs import frozen

from support.shop import Shop, open_shop
from tillway.core.payments import Payment, State
from tillway.core.tenancy import DEFAULT
from tillway.entrypoints.sandbox.clock import VirtualClock
from tillway.entrypoints.sandbox.stripe import SECRET_KEY, Account, Served, serve_stripe

SECRET: Final = "whsec_0123456789abcdef0123456789abcdef"
CARD_HOST: Final = "https://shop.example"


@frozen
class WholeShop:
    """The gateway with its chain, and its account at Stripe."""

    shop: Shop
    stripe: Served

    async def pay(self, session: str) -> None:
        """Have a buyer pay a session by card, and wait until the gateway has heard of it."""
        self.stripe.switches.pay(session)
        await self.stripe.delivered()

    async def paid(self, session: str) -> Payment:
        """Give the payment that a session brought, which has bought something."""
        async with self.shop.gateway.store.view() as view:
            payment = await view.payments.by_signature(DEFAULT, f"stripe:{session}")
        assert payment is not None
        assert payment.state is State.SETTLED
        return payment

    def taken(self, session: str) -> int:
        """Give what Stripe has charged for a session."""
        shelves = self.stripe.account.shelves
        paid = shelves.get("checkout.session", session) or {}
        intent = shelves.get("payment_intent", paid["payment_intent"]) or {}
        return int(intent["amount_received"])


@asynccontextmanager
async def open_whole_shop(**changes: Any) -> AsyncIterator[WholeShop]:
    """Serve one; ``changes`` are settings by section."""
    clock = VirtualClock()
    account = Account(clock=clock.seconds)
    async with serve_stripe(account) as served:
        section = {
            "secret_key": SECRET_KEY,
            "webhook_secret": SECRET,
            "publishable_key": "pk_test_0123456789",
            "api_base": served.url,
            "success_url": f"{CARD_HOST}/done?id={{CHECKOUT_SESSION_ID}}",
            "cancel_url": f"{CARD_HOST}/cart",
        }
        stripe = {**section, **changes.pop("stripe", {})}
        async with open_shop(clock=clock, stripe=stripe, **changes) as shop:
            served.listen(f"{shop.address}/webhook/stripe", SECRET)
            yield WholeShop(shop=shop, stripe=served)
