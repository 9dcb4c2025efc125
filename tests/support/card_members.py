"""A shop that sells subscriptions by card, to an account of the sandbox's Stripe."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any, Final

import stripe
from aiohttp import ClientSession
from attrs import define

from support.members import MEMBERS, PATH
from support.shop import Answer, Shop
from support.whole_shop import open_whole_shop
from tillway.core.subscriptions import Subscription
from tillway.core.tenancy import DEFAULT
from tillway.entrypoints.sandbox.stripe import SECRET_KEY, Served
from tillway.entrypoints.sandbox.stripe.timing import catch_up

KEY: Final = "an operator's key of forty characters, or so"
ADMIN: Final = {"Authorization": f"Bearer {KEY}"}


@define
class Club:
    """The shop, and the account at the provider's."""

    shop: Shop
    stripe: Served

    async def ask(self, what: str, body: Mapping[str, Any], admin: bool = True) -> Answer:
        """POST to one of the routes."""
        return await self.shop.post(f"{PATH}/{what}", dict(body), ADMIN if admin else None)

    async def session(self, resource: str = "gold", **body: Any) -> Answer:
        """Ask for a session."""
        asked = {"resource": resource, "interval": "monthly", **body}
        return await self.ask("stripe-session", asked, admin=False)

    async def joined(self, resource: str = "gold", **body: Any) -> Subscription:
        """Subscribe by card, and give what we know of it."""
        said = await self.session(resource, **body)
        assert said.status == 200, said.body
        self.stripe.switches.pay(said.body["sessionId"])
        paid = self.stripe.account.get("checkout.session", said.body["sessionId"])
        await self.heard()
        return await self.found(paid["subscription"])

    async def heard(self) -> None:
        """Let all that happened be told, and applied, and looked after."""
        await self.stripe.delivered()
        for _ in range(2):
            self.shop.clock.forward(timedelta(seconds=11))
            services = self.shop.gateway.services
            await services.incoming.sweep()
            await services.overdue.run()
            await services.subscribe.upkeep.run()

    async def wait(self, **span: float) -> None:
        """Let time pass, here and at the provider's."""
        self.passed(**span)
        await self.heard()

    def passed(self, **span: float) -> None:
        """Let time pass, of which nothing is heard yet."""
        self.shop.clock.forward(timedelta(**span))
        catch_up(self.stripe.account)

    async def found(self, stripe_subscription: str) -> Subscription:
        """Give a subscription by its id at the provider's."""
        async with self.shop.gateway.store.view() as view:
            found = await view.subscriptions.by_stripe(DEFAULT, stripe_subscription)
        assert found is not None
        return found

    async def sdk_refund(self, money: str, amount: int) -> None:
        """Refund some of a payment in the provider's dashboard."""
        async with ClientSession() as session:
            sdk = stripe.StripeClient(
                SECRET_KEY,
                base_addresses={"api": self.stripe.url},
                http_client=stripe.AIOHTTPClient(session=session),
            )
            await sdk.v1.refunds.create_async({"payment_intent": money, "amount": amount})

    async def told(self) -> list[str]:
        """Give the kinds of facts about subscriptions, oldest first."""
        events = await self.shop.events()
        return [each.type for each in reversed(events) if each.type.startswith("subscription.")]


@asynccontextmanager
async def open_club(**sections: Any) -> AsyncIterator[Club]:
    """Serve one, in which nothing happens by itself."""
    merged: dict[str, Any] = {**MEMBERS, "server": {"admin_api_key": KEY}, **sections}
    async with open_whole_shop(background=False, **merged) as whole:
        yield Club(whole.shop, whole.stripe)
